// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a blocked select ends without a partner (deadline, signal, death), and what
 * others see of it between the moment somebody has claimed it and its return: they
 * pass over its other places. The latter is made to last by a test that does not let the
 * select's task run.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "hsk_select.h"
#include "peer.h"

FIXTURE(ending) {
	int zero, other;	/* channels of capacity 0 */
	struct t_case cases[2];	/* receive from the one, send to the other */
	enum t_mode mode;
};

FIXTURE_VARIANT(ending) {
	enum t_mode mode;
};

FIXTURE_VARIANT_ADD(ending, process) { .mode = T_PROCESS };
FIXTURE_VARIANT_ADD(ending, thread) { .mode = T_THREAD };

static bool nothing_left(int fd)
{
	struct hsk_info_args info = p_info(fd);

	return info.id && !info.waiting_senders && !info.waiting_receivers && !info.sent &&
	       !p_poll_now(fd);
}

FIXTURE_SETUP(ending)
{
	self->mode = variant->mode;
	self->zero = t_new(0);
	self->other = t_new(0);
	ASSERT_GE(self->other, 0);
	self->cases[0] = t_case_get(self->zero);
	self->cases[1] = t_case_put(self->other, 11);
}

FIXTURE_TEARDOWN(ending)
{
	EXPECT_TRUE(t_conserved(self->zero));
	EXPECT_TRUE(t_conserved(self->other));
}

/* --- deadline --- */

TEST_F(ending, deadline_ends_it_and_not_before)
{
	__u64 end = t_in_ms(40);

	EXPECT_EQ(-ETIMEDOUT, t_select_deadline(self->cases, 2, 0, end));
	EXPECT_LE(end, t_now());
	EXPECT_TRUE(nothing_left(self->zero));
	EXPECT_TRUE(nothing_left(self->other));
}

TEST_F(ending, without_an_enabled_case_only_the_deadline_ends_it)
{
	__u64 end = t_in_ms(40);

	EXPECT_EQ(-ETIMEDOUT, t_select_deadline(T_CASES(t_case_none(), t_case_none()), 0, end));
	EXPECT_LE(end, t_now());
	end = t_in_ms(40);
	EXPECT_EQ(-ETIMEDOUT, t_select_deadline(NULL, 0, HSK_SELECT_F_ORDERED, end));
	EXPECT_LE(end, t_now());
}

TEST_F(ending, one_that_timed_out_is_in_nobodys_way)
{
	struct t_select_job *job;
	struct t_job *next;

	job = t_select_job_deadline(self->mode, self->cases, 2, t_in_a_while());
	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	next = t_job_get_blocked(self->mode, self->zero, 2);
	ASSERT_TRUE(!!next);
	EXPECT_EQ(-ETIMEDOUT, t_select_job_end(job));
	EXPECT_EQ(0, t_wait_receivers(self->zero, 1));
	EXPECT_TRUE(nothing_left(self->other));
	EXPECT_EQ(0, t_try_put(self->zero, 9));
	EXPECT_TRUE(t_job_got(next, 9));
}

/* --- signals --- */

static int *handled;	/* shared, atomic: how often the handler ran */

static void on_signal(int sig)
{
	__atomic_add_fetch(handled, 1, __ATOMIC_RELAXED);
}

static void handle(int flags)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = flags };

	if (!handled)
		handled = t_shared(sizeof(*handled));
	sigaction(SIGUSR1, &act, NULL);
}

static int wait_handled(int times)
{
	__u64 end = t_in_ms(P_PATIENCE_S * 1000);

	while (__atomic_load_n(handled, __ATOMIC_RELAXED) < times) {
		if (t_now() > end)
			return -ETIMEDOUT;
		t_sleep_ms(1);
	}
	return 0;
}

static void hit(struct t_select_job *job)
{
	if (job->party.mode == T_PROCESS)
		kill(job->party.pid, SIGUSR1);
	else
		pthread_kill(job->party.thread, SIGUSR1);
}

TEST_F(ending, a_signal_is_eintr_and_leaves_nothing)
{
	struct t_select_job *job;

	handle(0);
	job = t_select_job_blocked(self->mode, self->cases, 2);
	ASSERT_TRUE(!!job);
	hit(job);
	EXPECT_EQ(-EINTR, t_select_job_end(job));
	EXPECT_EQ(1, *handled);
	EXPECT_TRUE(nothing_left(self->zero));
	EXPECT_TRUE(nothing_left(self->other));
}

TEST_F(ending, with_sa_restart_it_goes_on_and_happens_once)
{
	struct t_select_job *job;
	__u64 v = 0;
	int i;

	handle(SA_RESTART);
	job = t_select_job_blocked(self->mode, self->cases, 2);
	ASSERT_TRUE(!!job);
	for (i = 1; i <= 20; i++) {
		hit(job);
		ASSERT_EQ(0, wait_handled(i));
	}
	EXPECT_TRUE(t_select_job_is_blocked(job));
	ASSERT_EQ(0, t_wait_senders(self->other, 1));
	EXPECT_EQ(1, t_get(self->other, &v));
	EXPECT_EQ(11, v);
	EXPECT_EQ(1, t_select_job_end(job));
	EXPECT_TRUE(nothing_left(self->zero));
	EXPECT_TRUE(t_counters(self->other, 1, 1, 0, 0));
}

TEST_F(ending, a_signal_and_a_partner_at_once_are_one_or_the_other)
{
	int i, met, done = 0;

	handle(0);
	for (i = 0; i < 100; i++) {
		struct t_select_job *job = t_select_job_blocked(self->mode, self->cases, 2);

		ASSERT_TRUE(!!job);
		if (i % 3)
			hit(job);
		met = t_try_put(self->zero, i);
		if (i % 3 == 0)
			hit(job);
		ASSERT_EQ(met ? -EINTR : 0, t_select_job_end(job));
		ASSERT_TRUE(met || t_case_got(&job->cases[0], i));
		done += !met;
	}
	EXPECT_TRUE(t_counters(self->zero, done, done, 0, 0));
	EXPECT_TRUE(nothing_left(self->other));
	EXPECT_LE(33, done);
}

/* Nothing shows that it blocks but that it is asleep in the system call. */
TEST(without_an_enabled_case_a_signal_ends_it)
{
	struct t_select_job *job;

	handle(0);
	job = t_select_job(T_PROCESS, T_CASES(t_case_none()));
	ASSERT_EQ(0, p_wait_in_syscall(job->party.pid, SYS_ioctl));
	EXPECT_TRUE(t_select_job_is_blocked(job));
	hit(job);
	EXPECT_EQ(-EINTR, t_select_job_end(job));
}

TEST(one_that_is_killed_while_blocked_leaves_nothing)
{
	int zero = t_new(0), other = t_new(0);
	struct t_select_job *dead, *next;
	__u64 v;

	dead = t_select_job_blocked(T_PROCESS, T_CASES(t_case_get(zero), t_case_put(other, 1)));
	ASSERT_TRUE(!!dead);
	next = t_select_job(T_PROCESS, T_CASES(t_case_put(other, 2), t_case_get(zero)));
	ASSERT_EQ(0, t_wait_receivers(zero, 2));
	EXPECT_EQ(256 + SIGKILL, t_kill(dead->party.pid));
	EXPECT_EQ(0, t_wait_receivers(zero, 1));
	EXPECT_EQ(0, t_wait_senders(other, 1));
	EXPECT_EQ(1, t_try_get(other, &v));
	EXPECT_EQ(2, v);
	EXPECT_EQ(0, t_select_job_end(next));
	EXPECT_TRUE(nothing_left(zero));
	EXPECT_EQ(-EAGAIN, t_try_get(other, &v));
}

/* --- poll --- */

TEST_F(ending, poll_sees_its_cases_as_committed_while_it_is_blocked)
{
	int ep_zero = p_epoll_of(self->zero, EPOLLOUT | EPOLLET);
	int ep_other = p_epoll_of(self->other, EPOLLIN | EPOLLET);
	struct t_select_job *job;

	EXPECT_EQ(0, p_poll_now(self->zero));
	EXPECT_EQ(0, p_epoll_take(ep_zero, 0));
	EXPECT_EQ(0, p_epoll_take(ep_other, 0));
	job = t_select_job_blocked(self->mode, self->cases, 2);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(POLLOUT, p_poll_now(self->zero));
	EXPECT_EQ(POLLIN, p_poll_now(self->other));
	/* Those who were asleep have been told, at every channel. */
	EXPECT_EQ(EPOLLOUT, p_epoll_take(ep_zero, P_PATIENCE_S * 1000));
	EXPECT_EQ(EPOLLIN, p_epoll_take(ep_other, P_PATIENCE_S * 1000));
	EXPECT_EQ(0, t_try_put(self->zero, 1));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_EQ(0, p_poll_now(self->zero));
	EXPECT_EQ(0, p_poll_now(self->other));
}

/* --- claimed, and not back yet --- */

/*
 * One processor for all, and the test goes before the others on it: while it does not
 * sleep no other party runs. Undone by the end of the test's process.
 */
static int keep_others_from_running(void)
{
	struct sched_param param = { .sched_priority = 1 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return -errno;
	return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) ? -errno : 0;
}

FIXTURE(claimed) {
	int first, second;	/* channels of capacity 0 */
};

FIXTURE_SETUP(claimed)
{
	if (keep_others_from_running())
		P_SKIP_SETUP("needs root for a real-time priority");
	self->first = t_new(0);
	self->second = t_new(0);
	ASSERT_GE(self->second, 0);
}

FIXTURE_TEARDOWN(claimed)
{
	EXPECT_TRUE(t_conserved(self->first));
	EXPECT_TRUE(t_conserved(self->second));
}

TEST_F(claimed, poll_does_not_see_its_other_cases_any_more)
{
	struct t_select_job *job;

	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_get(self->first),
						      t_case_get(self->second),
						      t_case_put(self->second, 1)));
	ASSERT_TRUE(!!job);
	ASSERT_EQ(POLLIN | POLLOUT, p_poll_now(self->second));
	ASSERT_EQ(0, t_try_put(self->first, 5));
	EXPECT_EQ(0, p_poll_now(self->second));
	EXPECT_EQ(0, p_poll_now(self->first));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_TRUE(t_case_got(&job->cases[0], 5));
}

TEST_F(claimed, info_does_not_count_its_other_cases_any_more)
{
	struct t_select_job *job;

	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_get(self->first),
						      t_case_get(self->second),
						      t_case_put(self->second, 1)));
	ASSERT_TRUE(!!job);
	ASSERT_EQ(0, t_try_put(self->first, 5));
	EXPECT_EQ(0, p_info(self->second).waiting_receivers);
	EXPECT_EQ(0, p_info(self->second).waiting_senders);
	EXPECT_EQ(0, t_select_job_end(job));
}

TEST_F(claimed, partners_at_its_other_cases_pass_over_it)
{
	struct t_job *receiver, *sender;
	struct t_select_job *job;
	__u64 v = 0;

	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_get(self->first),
						      t_case_get(self->second)));
	ASSERT_TRUE(!!job);
	receiver = t_job_get_blocked(T_PROCESS, self->second, 2);
	ASSERT_TRUE(!!receiver);
	ASSERT_EQ(0, t_try_put(self->first, 5));
	/* The one behind it gets this, and there is nobody for the next. */
	EXPECT_EQ(0, t_try_put(self->second, 6));
	EXPECT_EQ(-EAGAIN, t_try_put(self->second, 7));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_TRUE(t_case_got(&job->cases[0], 5));
	EXPECT_TRUE(t_job_got(receiver, 6));

	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_put(self->first, 1),
						      t_case_put(self->second, 2)));
	ASSERT_TRUE(!!job);
	sender = t_job_put_blocked(T_PROCESS, self->second, 3, 2);
	ASSERT_TRUE(!!sender);
	ASSERT_EQ(1, t_try_get(self->first, &v));
	EXPECT_EQ(1, t_try_get(self->second, &v));
	EXPECT_EQ(3, v);
	EXPECT_EQ(-EAGAIN, t_try_get(self->second, &v));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_EQ(0, t_job_end(sender));
}

TEST_F(claimed, a_close_of_its_other_channel_does_not_change_what_happened)
{
	struct t_select_job *job;

	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_get(self->first),
						      t_case_get(self->second),
						      t_case_put(self->second, 2)));
	ASSERT_TRUE(!!job);
	ASSERT_EQ(0, t_try_put(self->first, 5));
	EXPECT_EQ(0, t_close(self->second, -EIO));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_TRUE(t_case_got(&job->cases[0], 5));
}

TEST_F(claimed, a_signal_does_not_change_what_happened)
{
	struct t_select_job *job;

	handle(0);
	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_get(self->first),
						      t_case_get(self->second)));
	ASSERT_TRUE(!!job);
	ASSERT_EQ(0, t_try_put(self->first, 5));
	hit(job);
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_TRUE(t_case_got(&job->cases[0], 5));
	EXPECT_EQ(1, *handled);
}

TEST_F(claimed, a_kill_gives_the_message_back_and_leaves_nothing)
{
	struct t_select_job *job;
	__u64 v = 0;

	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_get(self->first),
						      t_case_get(self->second)));
	ASSERT_TRUE(!!job);
	ASSERT_EQ(0, t_try_put(self->first, 5));
	EXPECT_EQ(256 + SIGKILL, t_kill(job->party.pid));
	EXPECT_TRUE(t_counters(self->first, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(self->first, &v));
	EXPECT_EQ(5, v);
	EXPECT_TRUE(nothing_left(self->second));
}

HSK_TEST_MAIN
