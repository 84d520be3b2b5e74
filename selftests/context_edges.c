// SPDX-License-Identifier: GPL-2.0-only
/*
 * The corners of operations with a context: what is none, a context that closes while
 * a message is being copied, a context that is also a case of the select, an answer
 * that can't be written.
 */
#include <sched.h>

#include "../kselftest_harness.h"
#include "context.h"
#include "hsk_job.h"

#define APPLICATION	77	/* a reason of the application's own */
#define CTX_AND_DONTWAIT (HSK_OP_F_CTX | HSK_OP_F_DONTWAIT)

FIXTURE(context_edges) {
	int chan;	/* what is operated on */
	int ctx;
	struct c_op *op;
};

FIXTURE_VARIANT(context_edges) {
	enum c_kind kind;
};

FIXTURE_VARIANT_ADD(context_edges, send) { C_SEND };
FIXTURE_VARIANT_ADD(context_edges, receive) { C_RECV };
FIXTURE_VARIANT_ADD(context_edges, select_send) { C_SELECT_SEND };
FIXTURE_VARIANT_ADD(context_edges, select_receive) { C_SELECT_RECV };

FIXTURE_SETUP(context_edges)
{
	self->chan = t_new(0);
	self->ctx = t_new(0);
	ASSERT_LE(0, self->ctx);
	self->op = c_op_new(variant->kind, self->chan, self->ctx);
}

FIXTURE_TEARDOWN(context_edges)
{
	EXPECT_TRUE(t_conserved(self->chan));
}

TEST_F(context_edges, what_is_no_context_is_ebadf)
{
	int none[] = {
		-1, 1000000, t_dup(self->ctx, HSK_RIGHT_WRITE),
		open("/dev/null", O_RDWR | O_CLOEXEC), t_open(),
	};
	unsigned int i;

	close(none[4]);
	self->op->flags = CTX_AND_DONTWAIT;
	for (i = 0; i < ARRAY_SIZE(none); i++) {
		self->op->ctx = none[i];
		EXPECT_EQ(-EBADF, c_run(self->op)) TH_LOG("%u", i);
	}
	self->op->ctx = t_dup(self->ctx, HSK_RIGHT_READ);
	EXPECT_EQ(-EAGAIN, c_run(self->op));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
}

TEST_F(context_edges, a_context_without_the_flag_or_a_reason_to_begin_with_is_einval)
{
	self->op->flags = HSK_OP_F_DONTWAIT;
	EXPECT_EQ(-EINVAL, c_run(self->op));
	self->op->ctx = -1;
	EXPECT_EQ(-EINVAL, c_run(self->op));
	/* Before EBADF. */
	self->op->flags = CTX_AND_DONTWAIT;
	self->op->reason = 1;
	EXPECT_EQ(-EINVAL, c_run(self->op));
	EXPECT_EQ(1, self->op->reason);
	self->op->reason = -1;
	self->op->ctx = self->ctx;
	EXPECT_EQ(-EINVAL, c_run(self->op));
	self->op->reason = 0;
	EXPECT_EQ(-EAGAIN, c_run(self->op));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
}

/* --- while a message is being copied --- */

/* In a child, into memory that does not come: the pid. */
static pid_t fork_stuck_receiver(int chan)
{
	pid_t pid = p_fork();

	if (!pid) {
		int uffd;
		char *page = p_stuck_page(&uffd);

		P_NEED(page);
		_exit(p_recv(chan, page, 4096) != 1);
	}
	return pid;
}

TEST_F(context_edges, a_sender_whose_message_is_being_copied_has_succeeded)
{
	pid_t receiver;
	int uffd;
	__u64 v;

	if (!c_is_send(self->op))
		SKIP(return, "is about senders");
	if (!p_stuck_page(&uffd))
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	ASSERT_TRUE(c_op_blocks(self->op, T_PROCESS, 1));
	receiver = fork_stuck_receiver(self->chan);
	ASSERT_EQ(0, t_wait_senders(self->chan, 0));
	ASSERT_EQ(0, p_wait_in_syscall(receiver, SYS_ioctl));
	EXPECT_EQ(0, t_close(self->ctx, APPLICATION));
	EXPECT_EQ(0, c_op_end(self->op));
	EXPECT_EQ(0, self->op->reason);
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	/* Its message is the channel's now, also when the receiver fails. */
	EXPECT_EQ(256 + SIGKILL, t_kill(receiver));
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(self->chan, &v));
	EXPECT_EQ(7, v);
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

/* Brings the page when told. */
struct late_page {
	char *page;
	int uffd;
};

static int bring(struct late_page *late)
{
	struct uffdio_zeropage zero = { .mode = 0 };

	zero.range.start = (uintptr_t)late->page;
	zero.range.len = 4096;
	return ioctl(late->uffd, UFFDIO_ZEROPAGE, &zero);
}

TEST_F(context_edges, a_receiver_that_is_copying_its_message_succeeds)
{
	struct late_page late;

	if (c_is_send(self->op))
		SKIP(return, "is about receivers");
	late.page = p_stuck_page(&late.uffd);
	if (!late.page)
		SKIP(return, "no userfaultfd: %s", strerror(errno));
	self->op->buf = late.page;
	ASSERT_TRUE(c_op_blocks(self->op, T_THREAD, 1));
	ASSERT_EQ(0, t_put(self->chan, 7));
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	EXPECT_EQ(0, t_close(self->ctx, APPLICATION));
	EXPECT_TRUE(c_op_still_blocked(self->op));
	ASSERT_EQ(0, bring(&late));
	EXPECT_EQ(0, c_op_end(self->op));
	EXPECT_EQ(0, self->op->reason);
	EXPECT_EQ(7, *(__u64 *)late.page);
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

/* --- answers that can't be written --- */

TEST(a_reason_that_cannot_be_written_is_efault_and_nothing_has_happened)
{
	struct hsk_send_args *send = (void *)(t_edge() - 4096);
	struct hsk_recv_args *recv = (void *)(send + 1);
	int fd = t_new(0), ctx = t_new(0);

	*send = (struct hsk_send_args) {
		.size = sizeof(*send), .flags = CTX_AND_DONTWAIT, .ctx = ctx,
	};
	*recv = (struct hsk_recv_args) {
		.size = sizeof(*recv), .flags = CTX_AND_DONTWAIT, .ctx = ctx,
	};
	ASSERT_EQ(0, mprotect(send, 4096, PROT_READ));
	EXPECT_EQ(-EAGAIN, t_ioctl(fd, HSK_IOC_SEND, send));
	EXPECT_EQ(-EAGAIN, t_ioctl(fd, HSK_IOC_RECV, recv));
	ASSERT_EQ(0, t_close(ctx, 1));
	EXPECT_EQ(-EFAULT, t_ioctl(fd, HSK_IOC_SEND, send));
	EXPECT_EQ(-EFAULT, t_ioctl(fd, HSK_IOC_RECV, recv));
	EXPECT_TRUE(t_counters(fd, 0, 0, 0, 0));
}

/* --- select --- */

static struct hsk_select_args select_of(struct hsk_select_case *cases, unsigned int nr,
					int ctx, unsigned int flags)
{
	return (struct hsk_select_args) {
		.size = sizeof(struct hsk_select_args),
		.flags = HSK_OP_F_CTX | flags,
		.cases = (uintptr_t)cases,
		.nr_cases = nr,
		.ctx = ctx,
	};
}

struct select_party {
	struct hsk_select_args args;
	int fd, ret;
	struct hsk_select_case one;
	struct hsk_msghdr msg;
	struct t_party party;
};

static int select_party(void *p)
{
	struct select_party *select = p;

	select->ret = t_ioctl(select->fd, HSK_IOC_SELECT, &select->args);
	return 0;
}

TEST(select_of_nothing_ends_with_its_context)
{
	struct select_party *select = t_shared(sizeof(*select));
	struct hsk_select_case *disabled = &select->one;

	*disabled = (struct hsk_select_case){ .fd = -1 };
	select->fd = t_open();
	select->args = select_of(disabled, 1, select->fd, 0);
	ASSERT_EQ(0, t_start(&select->party, T_PROCESS, select_party, select));
	EXPECT_TRUE(t_party_running(&select->party));
	EXPECT_EQ(0, t_close(select->fd, APPLICATION));
	EXPECT_EQ(0, t_join(&select->party));
	EXPECT_EQ(-ECANCELED, select->ret);
	EXPECT_EQ(APPLICATION, select->args.ctx_reason);
	EXPECT_EQ(0, select->args.result);
}

/* Go's idiom, a case that receives from Done(): success comes first. */
TEST(select_with_the_context_as_a_case_chooses_the_case)
{
	struct select_party *select = t_shared(sizeof(*select));
	int idle = t_open(), ctx = t_open();

	select->fd = idle;
	select->one = (struct hsk_select_case) {
		.fd = ctx, .op = HSK_CASE_RECV, .msg = (uintptr_t)&select->msg,
	};
	select->args = select_of(&select->one, 1, ctx, 0);
	ASSERT_EQ(0, t_start(&select->party, T_PROCESS, select_party, select));
	ASSERT_EQ(0, t_wait_receivers(ctx, 1));
	EXPECT_EQ(0, t_close(ctx, APPLICATION));
	EXPECT_EQ(0, t_join(&select->party));
	EXPECT_EQ(0, select->ret);
	EXPECT_EQ(0, select->args.ctx_reason);
	EXPECT_EQ(HSK_MSG_F_CLOSED, select->msg.flags);
	EXPECT_EQ(APPLICATION, select->msg.reason);
	EXPECT_EQ(0, t_wait_receivers(ctx, 0));
}

#define CLOSE_ROUNDS	3000

/* Who closes the context's only descriptor, sooner or later after the round has begun. */
struct hasty {
	struct c_op *op;
	unsigned int round;	/* atomic */
	unsigned int closed;	/* the last round in which it has, atomic */
};

static void *close_hastily(void *p)
{
	struct hasty *hasty = p;
	unsigned int round, delay;

	for (round = 1; round <= CLOSE_ROUNDS; round++) {
		while (__atomic_load_n(&hasty->round, __ATOMIC_ACQUIRE) < round)
			;
		for (delay = round % 512 * 4; delay; delay--)
			__asm__ __volatile__("");
		close(hasty->op->ctx);
		__atomic_store_n(&hasty->closed, round, __ATOMIC_RELEASE);
	}
	return NULL;
}

/*
 * The endpoint may go while the operation looks its descriptor up, and then goes by
 * the hand of the very task that is about to wait for it.
 */
TEST(context_closed_at_any_moment_ends_the_operation)
{
	struct hasty hasty = { .op = c_op_new(C_RECV, t_open(), -1) };
	struct c_op *op = hasty.op;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, close_hastily, &hasty));
	for (i = 1; i <= CLOSE_ROUNDS; i++) {
		op->ctx = t_open();
		op->reason = 0;
		op->deadline = t_in_ms(5000 * t_slow());
		__atomic_store_n(&hasty.round, i, __ATOMIC_RELEASE);
		if (c_run(op) != -EBADF)
			ASSERT_EQ(-ECANCELED, op->ret) TH_LOG("round %u", i);
		while (__atomic_load_n(&hasty.closed, __ATOMIC_ACQUIRE) < i)
			sched_yield();
	}
	EXPECT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(t_counters(op->fd, 0, 0, 0, 0));
}

TEST(select_looks_at_its_context_before_its_cases)
{
	struct hsk_msghdr msg = { .flags = 1 };
	int fd = t_open(), rd = t_dup(fd, HSK_RIGHT_READ);
	struct hsk_select_case one = { .fd = fd, .op = 99, .msg = (uintptr_t)&msg };
	struct hsk_select_args args = select_of(&one, 1, -1, HSK_OP_F_DONTWAIT);

	/* Before an unknown operation, a bad message, and what can't be read. */
	EXPECT_EQ(-EBADF, t_ioctl(fd, HSK_IOC_SELECT, &args));
	one.op = HSK_CASE_SEND;
	EXPECT_EQ(-EBADF, t_ioctl(fd, HSK_IOC_SELECT, &args));
	args.cases = (uintptr_t)t_bad_address();
	EXPECT_EQ(-EBADF, t_ioctl(fd, HSK_IOC_SELECT, &args));
	/* With a good one it is the cases' turn. */
	args.ctx = fd;
	EXPECT_EQ(-EFAULT, t_ioctl(fd, HSK_IOC_SELECT, &args));
	args.cases = (uintptr_t)&one;
	EXPECT_EQ(-EINVAL, t_ioctl(fd, HSK_IOC_SELECT, &args));
	msg = (struct hsk_msghdr){ .len = t_param("max_msg_size") + 1 };
	EXPECT_EQ(-EMSGSIZE, t_ioctl(fd, HSK_IOC_SELECT, &args));
	one.fd = rd;
	EXPECT_EQ(-EBADF, t_ioctl(fd, HSK_IOC_SELECT, &args));
	EXPECT_TRUE(t_counters(fd, 0, 0, 0, 0));
}

HSK_TEST_MAIN
