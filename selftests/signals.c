// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals and blocked operations: EINTR or a restart, by the handler's choice;
 * never a message lost, doubled or left behind.
 */
#include <sys/time.h>

#include "../kselftest_harness.h"
#include "peer.h"

static int handled;	/* atomic: how often the handler ran */

static void on_signal(int sig)
{
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
}

static void handle(int flags)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = flags };

	sigemptyset(&act.sa_mask);
	sigaction(SIGUSR1, &act, NULL);
}

static int wait_handled(int times)
{
	uint64_t end = t_in_ms(P_PATIENCE_S * 1000);

	while (__atomic_load_n(&handled, __ATOMIC_RELAXED) < times) {
		if (t_now() > end)
			return -ETIMEDOUT;
		t_sleep_ms(1);
	}
	return 0;
}

/* Every test for both directions, and for ioctl and read or write. */
FIXTURE(blocked) {
	int chan;
	struct p_op op;
	pthread_t thread;
	int ret;
};

FIXTURE_VARIANT(blocked) {
	bool is_send;
};

FIXTURE_VARIANT_ADD(blocked, send) { .is_send = true };
FIXTURE_VARIANT_ADD(blocked, receive) { .is_send = false };

FIXTURE_SETUP(blocked)
{
	self->chan = t_open();
	ASSERT_LE(0, self->chan);
}

FIXTURE_TEARDOWN(blocked)
{
}

static int start_blocked(int chan, struct p_op *op, bool is_send,
			 uint64_t deadline)
{
	int ret = p_op_start(op, chan, is_send, 'b', -1, deadline);

	if (ret)
		return ret;
	return is_send ? t_wait_senders(chan, 1) : t_wait_receivers(chan, 1);
}

/* Completes the blocked operation from the other side, without blocking. */
static int meet(int chan, bool is_send)
{
	char c = 0;

	if (!is_send)
		return p_try_send(chan, "m", 1);
	return p_try_recv(chan, &c, 1) == 1 && c == 'b' ? 0 : -EAGAIN;
}

TEST_F(blocked, is_eintr_without_sa_restart_and_has_done_nothing)
{
	handle(0);
	ASSERT_EQ(0, start_blocked(self->chan, &self->op, variant->is_send, 0));
	pthread_kill(self->op.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, p_op_join(&self->op));
	EXPECT_EQ(1, handled);
	EXPECT_EQ(0, p_poll_now(self->chan));
	EXPECT_EQ(-EAGAIN, meet(self->chan, variant->is_send));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
	EXPECT_EQ(0, p_info(self->chan).waiting_senders);
	EXPECT_EQ(0, p_info(self->chan).waiting_receivers);
}

TEST_F(blocked, is_eintr_with_a_deadline_too)
{
	handle(0);
	ASSERT_EQ(0, start_blocked(self->chan, &self->op, variant->is_send,
				   t_in_ms(60000)));
	pthread_kill(self->op.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, p_op_join(&self->op));
}

TEST_F(blocked, restarts_with_sa_restart_and_happens_once)
{
	int i;

	handle(SA_RESTART);
	ASSERT_EQ(0, start_blocked(self->chan, &self->op, variant->is_send, 0));
	for (i = 1; i <= 20; i++) {
		pthread_kill(self->op.thread, SIGUSR1);
		ASSERT_EQ(0, wait_handled(i));
	}
	EXPECT_TRUE(p_op_still_blocked(&self->op));
	ASSERT_EQ(0, variant->is_send ? t_wait_senders(self->chan, 1) :
					t_wait_receivers(self->chan, 1));
	ASSERT_EQ(0, meet(self->chan, variant->is_send));
	EXPECT_EQ(0, p_op_join(&self->op));
	EXPECT_EQ(-EAGAIN, meet(self->chan, variant->is_send));
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

TEST_F(blocked, keeps_its_deadline_across_restarts)
{
	uint64_t start = t_now(), end = start + 300 * T_MSEC;

	handle(SA_RESTART);
	ASSERT_EQ(0, start_blocked(self->chan, &self->op, variant->is_send,
				   end));
	while (!__atomic_load_n(&self->op.done, __ATOMIC_ACQUIRE)) {
		pthread_kill(self->op.thread, SIGUSR1);
		t_sleep_ms(10);
		/* Restarted with the whole time again, it would never end. */
		ASSERT_GT(start + 10 * T_SEC, t_now());
	}
	EXPECT_EQ(-ETIMEDOUT, p_op_join(&self->op));
	EXPECT_LE(end, t_now());
	EXPECT_LT(2, handled);
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
}

TEST_F(blocked, is_either_interrupted_or_done_and_never_both)
{
	int i, met, want, done = 0;

	handle(0);
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, start_blocked(self->chan, &self->op,
					   variant->is_send, 0));
		/* Now before the partner comes, now after it. */
		if (i % 3)
			pthread_kill(self->op.thread, SIGUSR1);
		met = meet(self->chan, variant->is_send);
		if (i % 3 == 0)
			pthread_kill(self->op.thread, SIGUSR1);
		want = met ? -EINTR : 0;
		ASSERT_EQ(want, p_op_join(&self->op));
		done += !met;
	}
	EXPECT_TRUE(t_counters(self->chan, done, done, 0, 0));
	/* Those that met their partner first did not fail for a signal. */
	EXPECT_LE(100, done);
}

TEST_F(blocked, goes_on_after_stop_and_continue)
{
	pid_t pid = p_fork();
	int status;
	char c;

	if (!pid)
		_exit(variant->is_send ? t_send(self->chan, "b", 1) != 0 :
					 p_recv(self->chan, &c, 1) != 1);
	ASSERT_EQ(0, variant->is_send ? t_wait_senders(self->chan, 1) :
					t_wait_receivers(self->chan, 1));
	kill(pid, SIGSTOP);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	ASSERT_EQ(0, variant->is_send ? t_wait_senders(self->chan, 1) :
					t_wait_receivers(self->chan, 1));
	/* Bounded: the continued task may just be on its way in again. */
	for (status = 0; status < 1000; status++) {
		if (!meet(self->chan, variant->is_send))
			break;
		t_sleep_ms(1);
	}
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

TEST_F(blocked, a_signal_that_is_blocked_or_ignored_changes_nothing)
{
	sigset_t set;

	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	handle(0);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ASSERT_EQ(0, start_blocked(self->chan, &self->op, variant->is_send, 0));
	pthread_kill(self->op.thread, SIGUSR1);
	pthread_kill(self->op.thread, SIGUSR2);
	EXPECT_TRUE(p_op_still_blocked(&self->op));
	EXPECT_EQ(0, meet(self->chan, variant->is_send));
	EXPECT_EQ(0, p_op_join(&self->op));
}

static void *plain_io(void *arg)
{
	struct p_op *op = arg;

	op->ret = p_errno(op->is_send ? write(op->fd, "b", 1) :
					read(op->fd, &op->byte, 1));
	__atomic_store_n(&op->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

TEST_F(blocked, read_and_write_are_interrupted_and_restarted_alike)
{
	struct p_op *op = &self->op;
	int flags;

	for (flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		memset(op, 0, sizeof(*op));
		op->fd = self->chan;
		op->is_send = variant->is_send;
		handle(flags);
		handled = 0;
		ASSERT_EQ(0, pthread_create(&op->thread, NULL, plain_io, op));
		ASSERT_EQ(0, op->is_send ? t_wait_senders(op->fd, 1) :
					   t_wait_receivers(op->fd, 1));
		pthread_kill(op->thread, SIGUSR1);
		ASSERT_EQ(0, wait_handled(1));
		if (!flags) {
			EXPECT_EQ(-EINTR, p_op_join(op));
			continue;
		}
		EXPECT_TRUE(p_op_still_blocked(op));
		ASSERT_EQ(0, op->is_send ? t_wait_senders(op->fd, 1) :
					   t_wait_receivers(op->fd, 1));
		EXPECT_EQ(0, meet(op->fd, op->is_send));
		EXPECT_EQ(1, p_op_join(op));
	}
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

TEST(a_dontwait_operation_does_not_look_at_pending_signals)
{
	sigset_t set;
	int chan = t_new(1);
	char c;

	handle(0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	EXPECT_EQ(-EAGAIN, p_try_recv(chan, &c, 1));
	EXPECT_EQ(0, p_try_send(chan, "m", 1));
	EXPECT_EQ(1, p_try_recv(chan, &c, 1));
}

TEST(a_timer_that_interrupts_all_the_time_doubles_and_loses_nothing)
{
	struct itimerval often = { { 0, 1500 }, { 0, 1500 } };
	struct sigaction act = { .sa_handler = on_signal,
				 .sa_flags = SA_RESTART };
	int chan = t_open(), i, got, ret;
	pid_t pid = p_fork();

	sigaction(SIGALRM, &act, NULL);
	if (!pid) {
		setitimer(ITIMER_REAL, &often, NULL);
		for (i = 0; i < 500; i++)
			P_NEED(!t_send(chan, &i, sizeof(i)));
		_exit(0);
	}
	/* And here without SA_RESTART: EINTR must leave the message. */
	act.sa_flags = 0;
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; i < 500; i++) {
		do {
			ret = p_recv(chan, &got, sizeof(got));
		} while (ret == -EINTR);
		ASSERT_EQ(4, ret);
		ASSERT_EQ(i, got);
	}
	memset(&often, 0, sizeof(often));
	setitimer(ITIMER_REAL, &often, NULL);
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(chan, 500, 500, 0, 0));
}

TEST(kill_at_any_instant_leaves_every_message_whole)
{
	int chan = t_new(1), wr = t_dup(chan, HSK_RIGHT_WRITE);
	unsigned int seed = t_seed(), round, spins;
	uint64_t pattern[8], expect;
	pid_t pid;
	int ret, i;

	for (round = 0; round < 60; round++) {
		pid = p_fork();
		if (!pid) {
			for (expect = 0;; expect++) {
				for (i = 0; i < 8; i++)
					pattern[i] = expect;
				P_NEED(!t_send(wr, pattern, sizeof(pattern)));
			}
		}
		spins = rand_r(&seed) % 20;
		for (expect = 0; expect < spins; expect++)
			ASSERT_EQ(sizeof(pattern),
				  p_recv(chan, pattern, sizeof(pattern)));
		kill(pid, SIGKILL);
		/* What is there is whole and goes on where it was. */
		for (;;) {
			ret = p_try_recv(chan, pattern, sizeof(pattern));
			if (ret == -EAGAIN && t_wait(pid) == 256 + SIGKILL)
				break;
			ASSERT_EQ(sizeof(pattern), ret);
			for (i = 0; i < 8; i++)
				ASSERT_EQ(expect, pattern[i]);
			expect++;
		}
		/* The child may have sent until it was reaped. */
		while (p_try_recv(chan, pattern, sizeof(pattern)) > 0)
			;
		ASSERT_TRUE(t_conserved(chan));
		ASSERT_EQ(0, p_info(chan).buffered);
	}
}

HSK_TEST_MAIN
