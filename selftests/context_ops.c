// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a context does to SEND, RECV and SELECT that are given one: they end when it
 * closes, with its reason, in processes and in threads; and what else ends them. What
 * they refuse, and the corners, is in context_edges.c; how contexts end in context.c.
 */
#include "../kselftest_harness.h"
#include "context.h"
#include "hsk_job.h"

#define APPLICATION	77	/* a reason of the application's own */
#define PAST		1	/* an absolute time that has gone by */
#define CTX_AND_DONTWAIT (HSK_OP_F_CTX | HSK_OP_F_DONTWAIT)

FIXTURE(context_ops) {
	int chan;	/* what is operated on */
	int ctx;
	struct c_op *op;
	enum t_mode mode;
};

FIXTURE_VARIANT(context_ops) {
	enum t_mode mode;
	enum c_kind kind;
};

FIXTURE_VARIANT_ADD(context_ops, send_process) { T_PROCESS, C_SEND };
FIXTURE_VARIANT_ADD(context_ops, send_thread) { T_THREAD, C_SEND };
FIXTURE_VARIANT_ADD(context_ops, receive_process) { T_PROCESS, C_RECV };
FIXTURE_VARIANT_ADD(context_ops, receive_thread) { T_THREAD, C_RECV };
FIXTURE_VARIANT_ADD(context_ops, select_send_process) { T_PROCESS, C_SELECT_SEND };
FIXTURE_VARIANT_ADD(context_ops, select_send_thread) { T_THREAD, C_SELECT_SEND };
FIXTURE_VARIANT_ADD(context_ops, select_receive_process) { T_PROCESS, C_SELECT_RECV };
FIXTURE_VARIANT_ADD(context_ops, select_receive_thread) { T_THREAD, C_SELECT_RECV };

FIXTURE_SETUP(context_ops)
{
	self->mode = variant->mode;
	self->chan = t_new(0);
	self->ctx = t_new(0);
	ASSERT_LE(0, self->ctx);
	self->op = c_op_new(variant->kind, self->chan, self->ctx);
}

FIXTURE_TEARDOWN(context_ops)
{
	EXPECT_TRUE(t_conserved(self->chan));
	EXPECT_EQ(0, t_wait_senders(self->chan, 0));
	EXPECT_EQ(0, t_wait_receivers(self->chan, 0));
	if (self->op->idle)
		EXPECT_EQ(0, t_wait_receivers(self->op->idle, 0));
}

/* Do the other half of an operation that waits: 0, or -errno. */
static int meet(const struct c_op *op)
{
	__u64 v = 0;
	int ret;

	if (!c_is_send(op))
		return t_try_put(op->fd, 7);
	ret = t_try_get(op->fd, &v);
	if (ret == 1)
		return v == 7 ? 0 : -EBADMSG;
	return ret ? ret : -EPIPE;
}

/* Somebody who waits for the operation, for whatever it does; NULL: nobody came. */
static struct t_job *partner(const struct c_op *op)
{
	return c_is_send(op) ? t_job_get_blocked(T_PROCESS, op->fd, 1) :
			       t_job_put_blocked(T_PROCESS, op->fd, 7, 1);
}

static bool nothing_happened(int chan)
{
	struct hsk_info_args info = p_info(chan);

	return !info.waiting_senders && !info.waiting_receivers &&
	       t_counters(chan, 0, 0, 0, 0);
}

/* --- the end of the context --- */

TEST_F(context_ops, end_with_the_contexts_reason_when_it_closes)
{
	static const int reasons[] = { -ECANCELED, 0, APPLICATION, -EOWNERDEAD, -ETIMEDOUT };
	struct c_op *op;
	unsigned int i;
	int ctx;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		ctx = t_new(0);
		op = c_op_new(variant->kind, self->chan, ctx);
		ASSERT_TRUE(c_op_blocks(op, self->mode, 1));
		EXPECT_TRUE(c_op_still_blocked(op));
		EXPECT_EQ(0, t_close(ctx, reasons[i]));
		EXPECT_EQ(reasons[i] == -ETIMEDOUT ? -ETIMEDOUT : -ECANCELED, c_op_end(op))
			TH_LOG("reason %d", reasons[i]);
		EXPECT_EQ(reasons[i], op->reason);
		EXPECT_TRUE(nothing_happened(self->chan));
	}
}

TEST_F(context_ops, end_when_the_contexts_parent_closes)
{
	int child = c_derive(c_derive(self->ctx, 0), 0);

	ASSERT_LE(0, child);
	self->op->ctx = child;
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	EXPECT_EQ(0, t_close(self->ctx, APPLICATION));
	EXPECT_EQ(-ECANCELED, c_op_end(self->op));
	EXPECT_EQ(APPLICATION, self->op->reason);
	EXPECT_TRUE(nothing_happened(self->chan));
}

TEST_F(context_ops, end_at_the_contexts_deadline_and_not_before)
{
	__u64 end = t_in_ms(100);

	self->op->ctx = c_derive(self->ctx, end);
	ASSERT_EQ(0, t_start(&self->op->party, self->mode, c_run_party, self->op));
	EXPECT_EQ(-ETIMEDOUT, c_op_end(self->op));
	EXPECT_LE(end, t_now());
	EXPECT_EQ(-ETIMEDOUT, self->op->reason);
	EXPECT_TRUE(nothing_happened(self->chan));
}

TEST_F(context_ops, end_when_the_contexts_last_writer_goes)
{
	int rd = t_dup(self->ctx, HSK_RIGHT_READ);

	self->op->ctx = rd;
	self->op->left = self->ctx;
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	EXPECT_TRUE(c_op_still_blocked(self->op));
	close(self->ctx);
	EXPECT_EQ(-ECANCELED, c_op_end(self->op));
	EXPECT_EQ(-EOWNERDEAD, self->op->reason);
	EXPECT_TRUE(nothing_happened(self->chan));
}

/* The operation does not keep open what it was given. */
TEST_F(context_ops, end_when_the_very_endpoint_that_was_given_is_closed)
{
	if (self->mode == T_PROCESS)
		SKIP(return, "needs to share descriptors");
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	close(self->ctx);
	EXPECT_EQ(-ECANCELED, c_op_end(self->op));
	EXPECT_EQ(-EOWNERDEAD, self->op->reason);
	EXPECT_TRUE(nothing_happened(self->chan));
}

TEST_F(context_ops, do_not_begin_to_wait_with_a_closed_context)
{
	ASSERT_EQ(0, t_close(self->ctx, APPLICATION));
	EXPECT_EQ(-ECANCELED, c_run(self->op));
	EXPECT_EQ(APPLICATION, self->op->reason);
	/* The documented order: the context, then the deadline. */
	self->op->reason = 0;
	self->op->deadline = PAST;
	EXPECT_EQ(-ECANCELED, c_run(self->op));
	EXPECT_EQ(APPLICATION, self->op->reason);
	EXPECT_TRUE(nothing_happened(self->chan));
}

TEST_F(context_ops, with_dontwait_tell_a_closed_context_from_an_open_one)
{
	self->op->flags = CTX_AND_DONTWAIT;
	EXPECT_EQ(-EAGAIN, c_run(self->op));
	EXPECT_EQ(0, self->op->reason);
	ASSERT_EQ(0, t_close(self->ctx, -ETIMEDOUT));
	EXPECT_EQ(-ETIMEDOUT, c_run(self->op));
	EXPECT_EQ(-ETIMEDOUT, self->op->reason);
	EXPECT_TRUE(nothing_happened(self->chan));
}

TEST_F(context_ops, on_an_endpoint_that_does_not_block_look_at_the_context_too)
{
	if (variant->kind != C_SEND && variant->kind != C_RECV)
		SKIP(return, "O_NONBLOCK plays no part in a select");
	ASSERT_EQ(0, fcntl(self->chan, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, c_run(self->op));
	ASSERT_EQ(0, t_close(self->ctx, APPLICATION));
	EXPECT_EQ(-ECANCELED, c_run(self->op));
	EXPECT_EQ(APPLICATION, self->op->reason);
}

/* --- what comes before it --- */

TEST_F(context_ops, succeed_where_they_can_whatever_the_context)
{
	struct t_job *job;

	ASSERT_EQ(0, t_close(self->ctx, APPLICATION));
	job = partner(self->op);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, c_run(self->op));
	EXPECT_EQ(7, self->op->value);
	EXPECT_EQ(0, self->op->reason);
	EXPECT_EQ(0, t_job_end(job));
	self->op->flags = CTX_AND_DONTWAIT;
	job = partner(self->op);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, c_run(self->op));
	EXPECT_EQ(0, self->op->reason);
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_TRUE(t_counters(self->chan, 2, 2, 0, 0));
}

TEST_F(context_ops, that_were_served_leave_the_context_alone)
{
	struct hsk_info_args before, after;

	ASSERT_EQ(0, t_info(self->ctx, &before));
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	ASSERT_EQ(0, t_info(self->ctx, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(0, meet(self->op));
	EXPECT_EQ(0, c_op_end(self->op));
	EXPECT_EQ(7, self->op->value);
	EXPECT_EQ(0, self->op->reason);
	ASSERT_EQ(0, t_info(self->ctx, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

TEST_F(context_ops, end_at_their_own_deadline_and_name_no_reason)
{
	__u64 end = t_in_ms(60);

	self->op->deadline = end;
	ASSERT_EQ(0, t_start(&self->op->party, self->mode, c_run_party, self->op));
	EXPECT_EQ(-ETIMEDOUT, c_op_end(self->op));
	EXPECT_LE(end, t_now());
	EXPECT_EQ(0, self->op->reason);
	EXPECT_TRUE(c_open(self->ctx));
	EXPECT_TRUE(nothing_happened(self->chan));
}

static void ignore(int sig)
{
	(void)sig;
}

/* Installs it here, and so in processes yet to come. */
static int handle_signals(int flags)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = flags };

	return sigaction(SIGUSR1, &action, NULL);
}

static int interrupt(const struct c_op *op)
{
	pid_t tid = __atomic_load_n(&op->tid, __ATOMIC_ACQUIRE);
	pid_t pid = op->party.mode == T_PROCESS ? op->party.pid : getpid();

	return syscall(SYS_tgkill, pid, tid, SIGUSR1);
}

TEST_F(context_ops, end_with_eintr_at_a_signal_and_name_no_reason)
{
	ASSERT_EQ(0, handle_signals(0));
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	ASSERT_EQ(0, interrupt(self->op));
	EXPECT_EQ(-EINTR, c_op_end(self->op));
	EXPECT_EQ(0, self->op->reason);
	EXPECT_TRUE(nothing_happened(self->chan));
}

TEST_F(context_ops, that_a_signal_restarts_end_with_the_context_all_the_same)
{
	ASSERT_EQ(0, handle_signals(SA_RESTART));
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	ASSERT_EQ(0, interrupt(self->op));
	EXPECT_TRUE(c_op_still_blocked(self->op));
	EXPECT_EQ(0, t_close(self->ctx, APPLICATION));
	EXPECT_EQ(-ECANCELED, c_op_end(self->op));
	EXPECT_EQ(APPLICATION, self->op->reason);
	EXPECT_TRUE(nothing_happened(self->chan));
}

/* --- who else is there --- */

TEST_F(context_ops, behind_one_that_was_canceled_are_served)
{
	struct c_op *second = c_op_new(variant->kind, self->chan, self->ctx);
	int other = t_new(0);

	self->op->ctx = other;
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	ASSERT_TRUE(c_op_blocks(second, self->mode, 2));
	EXPECT_EQ(0, t_close(other, APPLICATION));
	EXPECT_EQ(-ECANCELED, c_op_end(self->op));
	EXPECT_EQ(0, c_wait_blocked(second, 1));
	EXPECT_TRUE(c_op_still_blocked(second));
	EXPECT_EQ(0, meet(second));
	EXPECT_EQ(0, c_op_end(second));
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

#define MANY	20

TEST_F(context_ops, of_many_end_with_one_close)
{
	struct c_op *ops[MANY];
	int i;

	for (i = 0; i < MANY; i++) {
		ops[i] = c_op_new(variant->kind, self->chan, self->ctx);
		ASSERT_TRUE(c_op_blocks(ops[i], self->mode, i + 1));
	}
	EXPECT_EQ(0, t_close(self->ctx, APPLICATION));
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(-ECANCELED, c_op_end(ops[i]));
		EXPECT_EQ(APPLICATION, ops[i]->reason);
	}
	EXPECT_TRUE(nothing_happened(self->chan));
}

/* How often it has gone to sleep. */
static long sleeps(const struct c_op *op)
{
	char path[64], line[128];
	long nr = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status",
		 __atomic_load_n(&op->tid, __ATOMIC_ACQUIRE));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &nr) == 1)
			break;
	if (file)
		fclose(file);
	return nr;
}

TEST_F(context_ops, are_not_woken_by_messages_on_the_context)
{
	int ctx = t_new(2), i;
	long before;
	__u64 v;

	self->op->ctx = ctx;
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	ASSERT_EQ(0, p_wait_in_syscall(self->op->tid, SYS_ioctl));
	before = sleeps(self->op);
	EXPECT_LT(0, before);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, t_try_put(ctx, i));
		ASSERT_EQ(1, t_try_get(ctx, &v));
		EXPECT_EQ(i, v);
	}
	ASSERT_EQ(0, t_try_put(ctx, 3));
	EXPECT_TRUE(c_op_still_blocked(self->op));
	EXPECT_EQ(before, sleeps(self->op));
	/* With a message in it, it is closed all the same. */
	EXPECT_EQ(0, t_close(ctx, APPLICATION));
	EXPECT_EQ(-ECANCELED, c_op_end(self->op));
	EXPECT_EQ(APPLICATION, self->op->reason);
	EXPECT_EQ(1, t_try_get(ctx, &v));
	EXPECT_TRUE(t_counters(ctx, 21, 21, 0, 0));
}

/* A close of what is operated on is what the operation is about: it comes first. */
TEST_F(context_ops, on_the_context_itself_find_it_closed)
{
	int want = c_is_send(self->op) ? -EPIPE : 0;

	self->op->ctx = self->chan;
	ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
	EXPECT_EQ(0, t_close(self->chan, APPLICATION));
	EXPECT_EQ(want, c_op_end(self->op));
	EXPECT_EQ(0, self->op->reason);
	if (!want) {
		EXPECT_EQ(HSK_MSG_F_CLOSED, self->op->msg.flags);
		EXPECT_EQ(APPLICATION, self->op->msg.reason);
	}
	EXPECT_EQ(want, c_run(self->op));
	EXPECT_EQ(0, self->op->reason);
}

static int close_ctx(void *p)
{
	int *ctx = p;

	T_NEED_EQ(0, t_close(*ctx, APPLICATION));
	return 0;
}

/* Partner and close at once: both parties agree on what has happened. */
TEST_F_TIMEOUT(context_ops, that_end_in_a_race_have_happened_for_both_or_for_neither, 60)
{
	unsigned int rounds = t_fewer(self->mode == T_THREAD ? 200 : 40), met = 0, i;
	unsigned int seed = t_seed();
	struct t_party closer;
	int ctx, ret, want;

	for (i = 0; i < rounds; i++) {
		ctx = t_new(0);
		self->op->ctx = ctx;
		self->op->reason = 0;
		ASSERT_TRUE(c_op_blocks(self->op, self->mode, 1));
		ASSERT_EQ(0, t_start(&closer, T_THREAD, close_ctx, &ctx));
		usleep(rand_r(&seed) % 200);
		ret = meet(self->op);
		want = ret ? -ECANCELED : 0;
		ASSERT_EQ(want, c_op_end(self->op)) TH_LOG("round %u, partner: %d", i, ret);
		ASSERT_EQ(ret ? APPLICATION : 0, self->op->reason);
		ASSERT_EQ(0, t_join(&closer));
		close(ctx);
		if (ret)
			ASSERT_EQ(-EAGAIN, ret);
		met += !ret;
	}
	TH_LOG("%u met, %u canceled", met, rounds - met);
	EXPECT_TRUE(t_counters(self->chan, met, met, 0, 0));
}

HSK_TEST_MAIN
