// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rule for wake-ups, with armed selectors as those that commit: none is lost, and
 * none is swallowed by a waiter who can't use it.
 */
#include "../kselftest_harness.h"
#include "peer.h"
#include "selector.h"

FIXTURE(wake) {
	int chan, rd, wr;
	int sel;
	struct s_set set;
};

FIXTURE_SETUP(wake)
{
	self->chan = t_open();
	self->rd = t_dup(self->chan, HSK_RIGHT_READ);
	self->wr = t_dup(self->chan, HSK_RIGHT_WRITE);
	self->sel = s_new(self->chan);
	ASSERT_LE(0, self->rd);
	ASSERT_LE(0, self->wr);
	ASSERT_LE(0, self->sel);
}

FIXTURE_TEARDOWN(wake)
{
}

#define EXCLUSIVE_BOTH (EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE)

/* A child in epoll_wait without a timeout, waiting; it exits with the events. */
static pid_t waiter(int fd, unsigned int events)
{
	pid_t pid = p_fork();

	if (!pid) {
		int ep = p_epoll_of(fd, events);

		P_NEED(ep >= 0);
		_exit(p_epoll_take(ep, -1) & 0xff);
	}
	return p_wait_in_syscall(pid, SYS_epoll_wait) ? -1 : pid;
}

/* The one who can use the wake-up of an armed @op, between two who can't. */
static void expect_woken(struct __test_metadata *_metadata, struct _test_data_wake *self,
			 unsigned int op, unsigned int events)
{
	bool send = op == HSK_CASE_SEND;
	int can = send ? self->rd : self->wr, cannot = send ? self->wr : self->rd;
	pid_t before, able, behind;

	before = waiter(cannot, events);
	able = waiter(can, events);
	behind = waiter(cannot, events);
	ASSERT_LT(0, before);
	ASSERT_LT(0, able);
	ASSERT_LT(0, behind);
	s_init(&self->set);
	s_add(&self->set, self->chan, op);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_EQ(send ? POLLIN : POLLOUT, t_wait(able));
	EXPECT_TRUE(t_still_running(before));
	EXPECT_EQ(256 + SIGKILL, t_kill(before));
	EXPECT_EQ(256 + SIGKILL, t_kill(behind));
	EXPECT_EQ(0, s_disarm(self->sel));
}

TEST_F(wake, arming_a_send_wakes_the_reader_among_writers)
{
	expect_woken(_metadata, self, HSK_CASE_SEND, EPOLLIN | EPOLLOUT);
	expect_woken(_metadata, self, HSK_CASE_SEND, EPOLLIN | EPOLLOUT | EPOLLET);
	expect_woken(_metadata, self, HSK_CASE_SEND, EXCLUSIVE_BOTH);
}

TEST_F(wake, arming_a_receive_wakes_the_writer_among_readers)
{
	expect_woken(_metadata, self, HSK_CASE_RECV, EPOLLIN | EPOLLOUT);
	expect_woken(_metadata, self, HSK_CASE_RECV, EPOLLIN | EPOLLOUT | EPOLLET);
	expect_woken(_metadata, self, HSK_CASE_RECV, EXCLUSIVE_BOTH);
}

TEST_F(wake, arming_one_that_both_sends_and_receives_wakes_both)
{
	pid_t r = waiter(self->rd, EXCLUSIVE_BOTH), w = waiter(self->wr, EXCLUSIVE_BOTH);

	ASSERT_LT(0, r);
	ASSERT_LT(0, w);
	s_init(&self->set);
	s_add_send(&self->set, self->chan, 1);
	s_add_recv(&self->set, self->chan);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_EQ(POLLIN, t_wait(r));
	EXPECT_EQ(POLLOUT, t_wait(w));
}

TEST_F(wake, one_with_little_interest_does_not_swallow_it_on_an_endpoint_of_both_rights)
{
	pid_t w = waiter(self->chan, EPOLLOUT | EPOLLEXCLUSIVE);
	pid_t r = waiter(self->chan, EPOLLIN | EPOLLEXCLUSIVE);

	ASSERT_LT(0, w);
	ASSERT_LT(0, r);
	ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->chan, 1));
	EXPECT_EQ(POLLIN, t_wait(r));
	ASSERT_EQ(0, s_disarm(self->sel));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->chan));
	EXPECT_EQ(POLLOUT, t_wait(w));
}

TEST_F(wake, as_many_exclusive_readers_wake_as_selectors_send)
{
	pid_t r[3];
	int sel, i;
	char c[8];

	for (i = 0; i < 3; i++) {
		r[i] = p_fork();
		if (!r[i]) {
			int ep = p_epoll_of(self->rd, EPOLLIN | EPOLLEXCLUSIVE);

			P_NEED(ep >= 0);
			do {
				P_NEED(p_epoll_take(ep, -1) & EPOLLIN);
			} while (p_try_recv(self->rd, c, 8) != 8);
			_exit(0);
		}
		ASSERT_EQ(0, p_wait_in_syscall(r[i], SYS_epoll_wait));
	}
	for (i = 0; i < 3; i++) {
		sel = s_new(self->chan);
		ASSERT_EQ(0, s_arm_send(sel, &self->set, self->wr, i));
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, t_wait(r[i]));
	EXPECT_TRUE(t_counters(self->chan, 3, 3, 0, 0));
}

TEST_F(wake, a_message_that_goes_back_wakes_a_reader)
{
	pid_t r;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->rd));
	ASSERT_EQ(0, t_try_put(self->wr, 1));
	r = waiter(self->rd, EXCLUSIVE_BOTH);
	ASSERT_LT(0, r);
	/* The child has the selector too: this gives the message back without a close. */
	s_fill(&self->set);
	self->set.msgs[0].len = 0;
	EXPECT_EQ(0, s_finish_as_is(self->sel, &self->set));
	EXPECT_EQ(-EMSGSIZE, self->set.result);
	EXPECT_EQ(POLLIN, t_wait(r));
}

TEST_F(wake, finish_frees_a_slot_and_wakes_a_writer)
{
	int buf = t_new(1);
	pid_t w;

	ASSERT_EQ(0, t_try_put(buf, 1));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, buf));
	EXPECT_EQ(0, p_poll_now(buf));
	w = waiter(buf, EPOLLOUT | EPOLLEXCLUSIVE);
	ASSERT_LT(0, w);
	EXPECT_TRUE(t_still_running(w));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_EQ(POLLOUT, t_wait(w));
}

TEST_F(wake, finish_of_the_last_message_of_a_closed_channel_wakes_every_reader)
{
	pid_t r[3];
	int i;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->rd));
	ASSERT_EQ(0, t_try_put(self->wr, 1));
	ASSERT_EQ(0, t_close(self->wr, 0));
	for (i = 0; i < 3; i++) {
		r[i] = waiter(self->rd, EPOLLIN | EPOLLEXCLUSIVE);
		ASSERT_LT(0, r[i]);
	}
	EXPECT_TRUE(t_still_running(r[0]));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(POLLIN | POLLHUP, t_wait(r[i]));
}

HSK_TEST_MAIN
