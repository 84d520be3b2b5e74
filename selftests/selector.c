// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selectors: armed, polled and finished, and what others see of them. How they end
 * otherwise is in selector_finish.c and selector_ends.c.
 */
#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "peer.h"
#include "selector.h"

FIXTURE(selector) {
	int a, b;		/* unbuffered */
	int buf;		/* two slots */
	int sel;
	struct s_set set;
};

FIXTURE_SETUP(selector)
{
	self->a = t_open();
	self->b = t_open();
	self->buf = t_new(2);
	self->sel = s_new(self->a);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
	ASSERT_LE(0, self->buf);
	ASSERT_LE(0, self->sel);
	s_init(&self->set);
}

/* A selector that has gone leaves no trace, and no message is lost or made. */
FIXTURE_TEARDOWN(selector)
{
	close(self->sel);
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_TRUE(s_waiting(self->buf, 0, 0));
	EXPECT_TRUE(t_conserved(self->a));
	EXPECT_TRUE(t_conserved(self->b));
	EXPECT_TRUE(t_conserved(self->buf));
}

/* --- one case -------------------------------------------------------------- */

TEST_F(selector, a_new_selector_has_nothing_to_say)
{
	s_add_recv(&self->set, self->a);
	EXPECT_FALSE(s_happened(self->sel));
	EXPECT_EQ(-ENOENT, s_finish(self->sel, &self->set));
	EXPECT_EQ(-ENOENT, s_disarm(self->sel));
	EXPECT_TRUE(s_untouched(&self->set, 0));
}

TEST_F(selector, an_armed_receive_happens_when_a_sender_comes)
{
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	EXPECT_FALSE(s_happened(self->sel));
	EXPECT_EQ(-EAGAIN, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_untouched(&self->set, 0));
	ASSERT_EQ(0, t_try_put(self->a, 7));
	EXPECT_TRUE(s_happened(self->sel));
	/* Matched, not yet copied out. */
	EXPECT_TRUE(t_counters(self->a, 1, 0, 1, 0));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 7));
	EXPECT_EQ(getpid(), self->set.msgs[0].pid);
	EXPECT_EQ(geteuid(), self->set.msgs[0].uid);
	EXPECT_EQ(getegid(), self->set.msgs[0].gid);
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
	EXPECT_FALSE(s_happened(self->sel));
	EXPECT_EQ(-ENOENT, s_finish(self->sel, &self->set));
}

TEST_F(selector, an_armed_send_happens_when_a_receiver_comes)
{
	__u64 value = 0;

	ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->a, 7));
	/* The message was copied. */
	self->set.values[0] = 8;
	EXPECT_FALSE(s_happened(self->sel));
	EXPECT_EQ(-EAGAIN, s_finish(self->sel, &self->set));
	ASSERT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(7, value);
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_EQ(0, self->set.result);
	EXPECT_FALSE(s_happened(self->sel));
}

TEST_F(selector, a_case_that_is_ready_happens_at_once)
{
	__u64 value = 0;

	ASSERT_EQ(0, t_put(self->buf, 1));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->buf));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 1));

	ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->buf, 2));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_EQ(1, t_try_get(self->buf, &value));
	EXPECT_EQ(2, value);
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(t_counters(self->buf, 2, 2, 0, 0));
}

TEST_F(selector, a_blocked_sender_returns_when_its_message_is_finished)
{
	struct t_job *job = t_job_put_blocked(T_PROCESS, self->a, 5, 1);

	ASSERT_NE(NULL, job);
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_TRUE(t_job_blocked(job));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 5));
	EXPECT_EQ(job->party.pid, self->set.msgs[0].pid);
	EXPECT_EQ(0, t_job_end(job));
}

TEST_F(selector, a_blocked_receiver_is_served_by_arming_a_send)
{
	struct t_job *job = t_job_get_blocked(T_PROCESS, self->a, 1);

	ASSERT_NE(NULL, job);
	ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->a, 5));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_TRUE(t_job_got(job, 5));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
}

TEST_F(selector, a_full_buffer_lets_an_armed_send_in_when_there_is_room)
{
	__u64 value, i;

	ASSERT_EQ(0, t_put(self->buf, 1));
	ASSERT_EQ(0, t_put(self->buf, 2));
	ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->buf, 3));
	EXPECT_FALSE(s_happened(self->sel));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(1, t_try_get(self->buf, &value));
		EXPECT_EQ(i, value);
		EXPECT_TRUE(s_happened(self->sel));
	}
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
}

TEST_F(selector, descriptors_arrive_by_finish_and_are_close_on_exec)
{
	int end[2], got;

	ASSERT_EQ(0, pipe(end));
	s_add_recv_fd(&self->set, self->a);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	ASSERT_EQ(0, p_try_send_fd(self->a, end[1]));
	close(end[1]);
	EXPECT_FALSE(p_pipe_alone(end[0]));
	ASSERT_EQ(0, s_finish(self->sel, &self->set));
	ASSERT_EQ(0, self->set.result);
	EXPECT_EQ(0, self->set.msgs[0].len);
	ASSERT_EQ(1, self->set.msgs[0].nr_fds);
	got = self->set.fds[0];
	EXPECT_EQ(FD_CLOEXEC, fcntl(got, F_GETFD));
	EXPECT_EQ(1, write(got, "x", 1));
	close(got);
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
}

TEST_F(selector, descriptors_are_sent_by_arming)
{
	int end[2], got;

	ASSERT_EQ(0, pipe(end));
	s_add_send_fd(&self->set, self->a, 1, end[1]);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	close(end[1]);
	EXPECT_EQ(-EMSGSIZE, p_try_recv_fd(self->a));
	ASSERT_EQ(0, t_recv_full(self->a, &self->set.values[0], 8, &got, 1,
				 HSK_OP_F_DONTWAIT, 0, NULL));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	close(got);
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
}

/* --- several cases --------------------------------------------------------- */

TEST_F(selector, exactly_one_of_several_cases_happens)
{
	__u64 value;

	s_add_recv(&self->set, self->a);
	s_add_recv(&self->set, self->b);
	s_add_send(&self->set, self->a, 3);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	ASSERT_EQ(0, t_try_put(self->b, 4));
	EXPECT_EQ(0, p_poll_now(self->a));
	EXPECT_EQ(0, p_poll_now(self->b));
	EXPECT_EQ(-EAGAIN, t_try_put(self->a, 5));
	EXPECT_EQ(-EAGAIN, t_try_put(self->b, 5));
	EXPECT_EQ(-EAGAIN, t_try_get(self->a, &value));
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 1, 4));
	EXPECT_TRUE(s_untouched(&self->set, 0));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
}

TEST_F(selector, cases_that_lost_are_not_counted_as_waiting)
{
	s_add_recv(&self->set, self->a);
	s_add_send(&self->set, self->a, 1);
	s_add_recv(&self->set, self->b);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_TRUE(s_waiting(self->a, 1, 1));
	EXPECT_TRUE(s_waiting(self->b, 0, 1));
	ASSERT_EQ(0, t_try_put(self->b, 4));
	/* It has happened and is not armed any more, though not finished. */
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_EQ(2, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
}

TEST_F(selector, it_never_meets_itself)
{
	__u64 value;

	s_add_send(&self->set, self->a, 1);
	s_add_recv(&self->set, self->a);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_FALSE(s_happened(self->sel));
	ASSERT_EQ(0, t_try_put(self->a, 2));
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 1, 2));

	self->set.values[0] = 1;
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	ASSERT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(1, value);
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(t_counters(self->a, 2, 2, 0, 0));
}

TEST_F(selector, a_disabled_case_never_happens)
{
	s_add_disabled(&self->set);
	s_add_recv(&self->set, self->a);
	s_add_disabled(&self->set);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_FALSE(s_happened(self->sel));
	ASSERT_EQ(0, t_try_put(self->a, 1));
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 1, 1));
}

TEST_F(selector, without_an_enabled_case_nothing_happens_until_it_is_disarmed)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, s_arm(self->sel, &self->set));
		EXPECT_FALSE(s_happened(self->sel));
		EXPECT_EQ(-EBUSY, s_arm(self->sel, &self->set));
		EXPECT_EQ(-EAGAIN, s_finish(self->sel, &self->set));
		EXPECT_EQ(0, s_disarm(self->sel));
		s_add_disabled(&self->set);
	}
}

TEST_F(selector, each_of_the_most_cases_can_happen)
{
	int chan[HSK_SELECT_CASES_MAX];
	unsigned int i;

	for (i = 0; i < HSK_SELECT_CASES_MAX; i++) {
		chan[i] = t_open();
		ASSERT_LE(0, chan[i]);
		s_add_recv(&self->set, chan[i]);
	}
	for (i = 0; i < HSK_SELECT_CASES_MAX; i++) {
		ASSERT_EQ(0, s_arm(self->sel, &self->set));
		ASSERT_EQ(0, t_try_put(chan[i], 100 + i));
		ASSERT_EQ(i, s_finish(self->sel, &self->set));
		ASSERT_TRUE(s_got(&self->set, i, 100 + i));
	}
	for (i = 0; i < HSK_SELECT_CASES_MAX; i++)
		EXPECT_TRUE(s_waiting(chan[i], 0, 0));
}

TEST_F(selector, of_several_ready_cases_ordered_prefers_the_first)
{
	unsigned int i;
	__u64 value;

	s_add_recv(&self->set, self->a);
	s_add_send(&self->set, self->buf, 1);
	s_add_recv(&self->set, self->buf);
	self->set.flags = HSK_SELECT_F_ORDERED;
	ASSERT_EQ(0, t_put(self->buf, 1));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, s_arm(self->sel, &self->set));
		ASSERT_EQ(1, s_finish(self->sel, &self->set));
		ASSERT_EQ(1, t_try_get(self->buf, &value));
	}
}

TEST_F(selector, of_several_ready_cases_each_has_its_turn)
{
	unsigned int i, first = 0;
	__u64 value;

	s_add_send(&self->set, self->buf, 1);
	s_add_recv(&self->set, self->buf);
	for (i = 0; i < 400; i++) {
		int index;

		ASSERT_EQ(0, t_put(self->buf, 1));
		ASSERT_EQ(0, s_arm(self->sel, &self->set));
		index = s_finish(self->sel, &self->set);
		ASSERT_TRUE(index == 0 || index == 1);
		first += !index;
		while (t_try_get(self->buf, &value) == 1)
			;
	}
	/* Ten standard deviations. */
	EXPECT_LT(100, first);
	EXPECT_GT(300, first);
}

/* --- what others see --------------------------------------------------------- */

TEST_F(selector, others_see_an_armed_receive_as_committed)
{
	EXPECT_EQ(0, p_poll_now(self->a));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	EXPECT_EQ(POLLOUT, p_poll_now(self->a));
	EXPECT_TRUE(s_waiting(self->a, 0, 1));
	EXPECT_EQ(0, t_try_put(self->a, 1));
	EXPECT_EQ(0, p_poll_now(self->a));
	EXPECT_EQ(-EAGAIN, t_try_put(self->a, 2));
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
}

TEST_F(selector, others_see_an_armed_send_as_committed)
{
	__u64 value;

	ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->a, 1));
	EXPECT_EQ(POLLIN, p_poll_now(self->a));
	EXPECT_TRUE(s_waiting(self->a, 1, 0));
	EXPECT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(0, p_poll_now(self->a));
	EXPECT_EQ(-EAGAIN, t_try_get(self->a, &value));
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
}

TEST_F(selector, armed_selectors_and_blocked_tasks_are_served_in_arrival_order)
{
	struct t_job *first = t_job_get_blocked(T_PROCESS, self->a, 1), *third;

	ASSERT_NE(NULL, first);
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	third = t_job_get_blocked(T_PROCESS, self->a, 3);
	ASSERT_NE(NULL, third);
	ASSERT_EQ(0, t_try_put(self->a, 1));
	EXPECT_FALSE(s_happened(self->sel));
	ASSERT_EQ(0, t_try_put(self->a, 2));
	EXPECT_TRUE(s_happened(self->sel));
	ASSERT_EQ(0, t_try_put(self->a, 3));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 2));
	EXPECT_TRUE(t_job_got(first, 1));
	EXPECT_TRUE(t_job_got(third, 3));
}

TEST_F(selector, fdinfo_tells_its_state_and_the_number_of_cases)
{
	char text[64];

	EXPECT_EQ(0, t_fdinfo(self->sel, "hsk-selector", text, sizeof(text)));
	EXPECT_STREQ("idle", text);
	s_add_recv(&self->set, self->a);
	s_add_disabled(&self->set);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_EQ(0, t_fdinfo(self->sel, "hsk-selector", text, sizeof(text)));
	EXPECT_STREQ("armed", text);
	EXPECT_EQ(0, t_fdinfo(self->sel, "hsk-cases", text, sizeof(text)));
	EXPECT_STREQ("2", text);
	ASSERT_EQ(0, t_try_put(self->a, 1));
	EXPECT_EQ(0, t_fdinfo(self->sel, "hsk-selector", text, sizeof(text)));
	EXPECT_STREQ("happened", text);
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_EQ(0, t_fdinfo(self->sel, "hsk-selector", text, sizeof(text)));
	EXPECT_STREQ("idle", text);
	EXPECT_EQ(0, t_fdinfo(self->sel, "hsk-cases", text, sizeof(text)));
	EXPECT_STREQ("0", text);
}

/* --- pollers ------------------------------------------------------------------ */

TEST_F(selector, a_poller_in_another_process_is_woken)
{
	struct pollfd pfd = { .fd = self->sel, .events = POLLIN };
	pid_t pid;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	pid = p_fork();
	if (!pid)
		_exit(poll(&pfd, 1, -1) != 1 || pfd.revents != POLLIN);
	ASSERT_EQ(0, p_wait_in_syscall(pid, SYS_poll));
	EXPECT_TRUE(t_still_running(pid));
	ASSERT_EQ(0, t_try_put(self->a, 1));
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(selector, a_poller_that_came_before_it_was_armed_is_woken)
{
	struct pollfd pfd = { .fd = self->sel, .events = POLLIN };
	pid_t pid = p_fork();

	if (!pid)
		_exit(poll(&pfd, 1, -1) != 1 || pfd.revents != POLLIN);
	ASSERT_EQ(0, p_wait_in_syscall(pid, SYS_poll));
	ASSERT_EQ(0, t_put(self->buf, 1));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->buf));
	EXPECT_EQ(0, t_wait(pid));
}

HSK_TEST_MAIN
