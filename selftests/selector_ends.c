// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an armed selector ends otherwise than by its owner: channels close, selectors and
 * their holders go; and what that means for the message (law 1) and for the peers.
 */
#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "peer.h"
#include "selector.h"

FIXTURE(ends) {
	int a, b;		/* unbuffered */
	int buf;		/* two slots */
	int sel, other;		/* selectors */
	struct s_set set;
};

FIXTURE_SETUP(ends)
{
	self->a = t_open();
	self->b = t_open();
	self->buf = t_new(2);
	self->sel = s_new(self->a);
	self->other = s_new(self->a);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
	ASSERT_LE(0, self->buf);
	ASSERT_LE(0, self->sel);
	ASSERT_LE(0, self->other);
	s_init(&self->set);
}

FIXTURE_TEARDOWN(ends)
{
	close(self->sel);
	close(self->other);
	if (self->a >= 0) {
		EXPECT_TRUE(s_waiting(self->a, 0, 0));
		EXPECT_TRUE(t_conserved(self->a));
	}
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_TRUE(s_waiting(self->buf, 0, 0));
	EXPECT_TRUE(t_conserved(self->b));
	EXPECT_TRUE(t_conserved(self->buf));
}

/* --- the channel is closed ---------------------------------------------------- */

TEST_F(ends, close_happens_to_an_armed_receive)
{
	s_add_recv(&self->set, self->b);
	s_add_recv(&self->set, self->a);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	ASSERT_EQ(0, t_close(self->a, 42));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_EQ(-EALREADY, s_disarm(self->sel));
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got_closed(&self->set, 1, 42));
	EXPECT_TRUE(s_untouched(&self->set, 0));
	/* And for ever. */
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got_closed(&self->set, 1, 42));
}

TEST_F(ends, close_happens_to_an_armed_send_with_epipe)
{
	int end[2];

	ASSERT_EQ(0, pipe(end));
	s_add_recv(&self->set, self->b);
	s_add_send_fd(&self->set, self->a, 1, end[1]);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	ASSERT_EQ(0, t_close(self->a, 0));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_EQ(-EPIPE, self->set.result);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_EQ(-EPIPE, self->set.result);
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
	close(end[1]);
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
}

TEST_F(ends, a_message_received_before_the_close_is_finished_after_it)
{
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	ASSERT_EQ(0, t_try_put(self->a, 1));
	ASSERT_EQ(0, t_close(self->a, 0));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 1));
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP | POLLERR, p_poll_now(self->a));
}

TEST_F(ends, closed_is_not_told_while_a_selector_may_give_the_last_message_back)
{
	struct s_set second;
	__u64 value = 0;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	ASSERT_EQ(0, t_try_put(self->a, 1));
	ASSERT_EQ(0, t_close(self->a, 0));
	EXPECT_EQ(POLLRDHUP | POLLERR, p_poll_now(self->a));
	EXPECT_EQ(-EAGAIN, t_try_get(self->a, &value));
	ASSERT_EQ(0, s_arm_recv(self->other, &second, self->a));
	EXPECT_FALSE(s_happened(self->other));
	close(self->sel);
	self->sel = -1;
	EXPECT_TRUE(s_happened(self->other));
	EXPECT_EQ(0, s_finish(self->other, &second));
	EXPECT_TRUE(s_got(&second, 0, 1));
	EXPECT_EQ(0, t_try_get(self->a, &value));
}

/* --- the selector is closed ---------------------------------------------------- */

TEST_F(ends, closing_an_armed_selector_withdraws_it)
{
	int end[2];
	__u64 value;

	ASSERT_EQ(0, pipe(end));
	s_add_recv(&self->set, self->a);
	s_add_send_fd(&self->set, self->b, 1, end[1]);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	close(end[1]);
	EXPECT_FALSE(p_pipe_alone(end[0]));
	close(self->sel);
	self->sel = -1;
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
	EXPECT_EQ(-EAGAIN, t_try_put(self->a, 1));
	EXPECT_EQ(-EAGAIN, t_try_get(self->b, &value));
	EXPECT_EQ(0, p_poll_now(self->a));
	EXPECT_EQ(0, p_poll_now(self->b));
}

TEST_F(ends, only_the_last_descriptor_withdraws)
{
	int again = dup(self->sel);

	ASSERT_LE(0, again);
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	close(self->sel);
	EXPECT_EQ(POLLOUT, p_poll_now(self->a));
	EXPECT_EQ(0, t_try_put(self->a, 1));
	EXPECT_EQ(0, s_finish(again, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 1));
	self->sel = again;
}

TEST_F(ends, a_received_message_goes_back_when_its_selector_is_closed)
{
	__u64 value = 0;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	ASSERT_EQ(0, t_try_put(self->a, 1));
	close(self->sel);
	self->sel = -1;
	EXPECT_TRUE(t_counters(self->a, 1, 0, 1, 0));
	EXPECT_EQ(POLLIN, p_poll_now(self->a));
	EXPECT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(1, value);
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
	EXPECT_EQ(-EAGAIN, t_try_put(self->a, 2));
}

TEST_F(ends, messages_go_back_in_order_whichever_selector_is_closed_first)
{
	struct s_set second;
	unsigned int round;
	__u64 value, i;

	for (round = 0; round < 2; round++) {
		int sel[2] = { s_new(self->buf), s_new(self->buf) };

		ASSERT_EQ(0, t_try_put(self->buf, 1));
		ASSERT_EQ(0, t_try_put(self->buf, 2));
		ASSERT_EQ(0, s_arm_recv(sel[0], &self->set, self->buf));
		ASSERT_EQ(0, s_arm_recv(sel[1], &second, self->buf));
		/* The slots stay theirs. */
		EXPECT_EQ(-EAGAIN, t_try_put(self->buf, 3));
		close(sel[round]);
		close(sel[!round]);
		for (i = 1; i <= 2; i++) {
			ASSERT_EQ(1, t_try_get(self->buf, &value));
			EXPECT_EQ(i, value);
		}
	}
	EXPECT_TRUE(t_counters(self->buf, 4, 4, 0, 0));
}

TEST_F(ends, a_message_that_goes_back_is_received_by_the_next_who_waits)
{
	struct t_job *job;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	/* A thread: another process would have the selector too. */
	job = t_job_get_blocked(T_THREAD, self->a, 2);
	ASSERT_NE(NULL, job);
	ASSERT_EQ(0, t_try_put(self->a, 1));
	EXPECT_TRUE(t_job_blocked(job));
	close(self->sel);
	self->sel = -1;
	EXPECT_TRUE(t_job_got(job, 1));
}

TEST_F(ends, a_waiting_sender_goes_on_waiting_first_in_the_queue)
{
	struct t_job *first = t_job_put_blocked(T_THREAD, self->a, 1, 1), *second;
	__u64 value;

	ASSERT_NE(NULL, first);
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	second = t_job_put_blocked(T_THREAD, self->a, 2, 1);
	ASSERT_NE(NULL, second);
	close(self->sel);
	self->sel = -1;
	EXPECT_TRUE(s_waiting(self->a, 2, 0));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
	EXPECT_TRUE(t_job_blocked(first));
	ASSERT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(1, value);
	EXPECT_EQ(0, t_job_end(first));
	ASSERT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(2, value);
	EXPECT_EQ(0, t_job_end(second));
}

TEST_F(ends, an_armed_sender_goes_on_waiting_when_its_message_goes_back)
{
	struct s_set send;
	__u64 value = 0;

	ASSERT_EQ(0, s_arm_send(self->other, &send, self->a, 7));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_FALSE(s_happened(self->other));
	close(self->sel);
	self->sel = -1;
	EXPECT_FALSE(s_happened(self->other));
	EXPECT_EQ(-EAGAIN, s_finish(self->other, &send));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
	EXPECT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(7, value);
	EXPECT_TRUE(s_happened(self->other));
	EXPECT_EQ(0, s_finish(self->other, &send));
	EXPECT_EQ(0, send.result);
}

TEST_F(ends, closing_a_selector_that_has_sent_takes_nothing_back)
{
	__u64 value = 0;

	ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->buf, 7));
	close(self->sel);
	EXPECT_EQ(1, t_try_get(self->buf, &value));
	EXPECT_EQ(7, value);
	self->sel = s_new(self->a);
	ASSERT_EQ(0, t_close(self->a, 0));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	EXPECT_TRUE(s_happened(self->sel));
	close(self->sel);
	self->sel = -1;
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
}

/* --- peers that lend a message --------------------------------------------------- */

TEST_F(ends, a_sender_killed_after_its_message_was_taken_has_sent_it)
{
	struct t_job *job = t_job_put_blocked(T_PROCESS, self->a, 5, 1);

	ASSERT_NE(NULL, job);
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	EXPECT_EQ(256 + SIGKILL, t_kill(job->party.pid));
	EXPECT_TRUE(t_counters(self->a, 1, 0, 1, 0));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	/* Nobody by that number any more, but the number was its own. */
	EXPECT_EQ(5, self->set.values[0]);
	EXPECT_EQ(0, self->set.result);
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
}

TEST_F(ends, a_sender_lets_go_at_its_deadline_with_success)
{
	__u64 value = 5;
	struct t_job *job = t_job_send(T_PROCESS, self->a, &value, 8, t_in_a_while());

	ASSERT_EQ(0, t_wait_senders(self->a, 1));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	EXPECT_EQ(0, t_job_end(job));
	close(self->sel);
	self->sel = -1;
	EXPECT_TRUE(t_counters(self->a, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(self->a, &value));
}

/* --- what an armed selector keeps ---------------------------------------------------- */

enum release { BY_FINISH, BY_DISARM, BY_CLOSE };

TEST_F(ends, it_keeps_its_cases_endpoints_open_while_it_is_armed)
{
	unsigned int how;

	for (how = BY_FINISH; how <= BY_CLOSE; how++) {
		int rd = t_new(0);
		int wr = t_dup(rd, HSK_RIGHT_WRITE);
		int only = t_dup(rd, HSK_RIGHT_READ);

		close(rd);
		ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, only));
		close(only);
		EXPECT_EQ(1, p_info(wr).read_endpoints);
		EXPECT_EQ(POLLOUT, p_poll_now(wr));
		if (how == BY_FINISH) {
			ASSERT_EQ(0, t_try_put(wr, 3));
			ASSERT_EQ(0, s_finish(self->sel, &self->set));
			EXPECT_TRUE(s_got(&self->set, 0, 3));
		} else if (how == BY_DISARM) {
			ASSERT_EQ(0, s_disarm(self->sel));
		} else {
			close(self->sel);
			self->sel = -1;
		}
		EXPECT_EQ(0, p_info(wr).read_endpoints);
		EXPECT_EQ(POLLERR, p_poll_now(wr));
		EXPECT_EQ(-EPIPE, t_try_put(wr, 1));
		EXPECT_EQ(-EPIPE, p_info(wr).reason);
		close(wr);
	}
}

TEST_F(ends, a_message_that_nobody_else_could_receive_is_drained_with_its_selector)
{
	int wr = t_dup(self->a, HSK_RIGHT_WRITE), end[2];

	ASSERT_EQ(0, pipe(end));
	s_add_recv_fd(&self->set, self->a);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	close(self->a);
	self->a = -1;
	ASSERT_EQ(0, p_try_send_fd(wr, end[1]));
	close(end[1]);
	close(self->sel);
	self->sel = -1;
	EXPECT_TRUE(t_counters(wr, 1, 0, 0, 1));
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
	EXPECT_EQ(-EPIPE, t_try_put(wr, 1));
}

TEST_F(ends, a_send_to_a_channel_that_only_the_selector_holds_is_withdrawn_with_it)
{
	int rd = t_dup(self->a, HSK_RIGHT_READ);

	ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->a, 1));
	close(self->a);
	self->a = -1;
	EXPECT_EQ(POLLIN, p_poll_now(rd));
	close(self->sel);
	self->sel = -1;
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, p_poll_now(rd));
	EXPECT_EQ(-EOWNERDEAD, p_reason(rd));
}

/* --- holders die ------------------------------------------------------------------------ */

TEST_F(ends, kill_of_who_holds_an_armed_selector_is_a_close)
{
	int rd = t_dup(self->a, HSK_RIGHT_READ), wr = t_dup(self->b, HSK_RIGHT_WRITE);
	struct pollfd pfd[2] = {
		{ .fd = rd, .events = POLLRDHUP }, { .fd = wr },
	};
	pid_t pid = p_fork();

	if (!pid) {
		close(rd);
		close(wr);
		s_add_send(&self->set, self->a, 1);
		s_add_recv(&self->set, self->b);
		P_NEED(!s_arm(self->sel, &self->set));
		pause();
	}
	ASSERT_EQ(0, t_wait_senders(self->a, 1));
	ASSERT_EQ(0, t_wait_receivers(self->b, 1));
	/* The selector too: the child's is the same. */
	close(self->sel);
	close(self->a);
	close(self->b);
	self->sel = -1;
	self->a = -1;
	EXPECT_EQ(POLLIN, p_poll_now(rd));
	EXPECT_EQ(POLLOUT, p_poll_now(wr));
	kill(pid, SIGKILL);
	EXPECT_EQ(1, poll(&pfd[0], 1, P_PATIENCE_S * 1000));
	EXPECT_EQ(1, poll(&pfd[1], 1, P_PATIENCE_S * 1000));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, p_poll_now(rd));
	EXPECT_EQ(POLLERR, p_poll_now(wr));
	EXPECT_EQ(-EOWNERDEAD, p_reason(rd));
	EXPECT_EQ(-EPIPE, t_try_put(wr, 1));
	EXPECT_EQ(256 + SIGKILL, t_wait(pid));
	self->b = wr;
}

TEST_F(ends, kill_of_who_holds_a_received_message_gives_it_to_another)
{
	struct s_set second;
	pid_t pid = p_fork();
	__u64 value = 0;

	if (!pid) {
		P_NEED(!s_arm_recv(self->sel, &self->set, self->a));
		pause();
	}
	ASSERT_EQ(0, t_wait_receivers(self->a, 1));
	close(self->sel);
	self->sel = -1;
	ASSERT_EQ(0, t_try_put(self->a, 1));
	ASSERT_EQ(0, s_arm_recv(self->other, &second, self->a));
	EXPECT_FALSE(s_happened(self->other));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, s_wait_happened(self->other));
	EXPECT_EQ(0, s_finish(self->other, &second));
	EXPECT_TRUE(s_got(&second, 0, 1));
	EXPECT_EQ(-EAGAIN, t_try_get(self->a, &value));
}

HSK_TEST_MAIN
