// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll(2), select(2) and level-triggered epoll(7) on endpoints: what they say in
 * every state, for every set of rights, and that whoever waits is woken.
 */
#include <sys/select.h>

#include "../kselftest_harness.h"
#include "peer.h"

/* --- the table ------------------------------------------------------------ */

FIXTURE(state) {
	int chan;
	int fd[4];		/* by rights; -1 where none can exist */
	struct p_op op;
	bool blocked;
};

FIXTURE_VARIANT(state) {
	unsigned int capacity;
	unsigned int messages;
	unsigned int senders;
	unsigned int receivers;
	bool closed;
	unsigned int lost;	/* the right whose last endpoint goes */
	int on_read;
	int on_write;
};

FIXTURE_VARIANT_ADD(state, unbuffered_idle) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(state, unbuffered_sender_committed) {
	.senders = 1, .on_read = POLLIN,
};

FIXTURE_VARIANT_ADD(state, unbuffered_receiver_committed) {
	.receivers = 1, .on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, buffer_empty) {
	.capacity = 2, .on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, buffer_empty_receiver_committed) {
	.capacity = 2, .receivers = 1,
	.on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, buffer_half) {
	.capacity = 2, .messages = 1, .on_read = POLLIN,
	.on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, buffer_full) {
	.capacity = 2, .messages = 2, .on_read = POLLIN,
};

FIXTURE_VARIANT_ADD(state, buffer_full_sender_committed) {
	.capacity = 2, .messages = 2,
	.senders = 1, .on_read = POLLIN,
};

FIXTURE_VARIANT_ADD(state, closed_with_something_buffered) {
	.capacity = 2, .messages = 1,
	.closed = true, .on_read = POLLIN | POLLRDHUP, .on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, closed_with_full_buffer) {
	.capacity = 2, .messages = 2,
	.closed = true, .on_read = POLLIN | POLLRDHUP, .on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, closed_and_drained) {
	.capacity = 2, .closed = true,
	.on_read = POLLIN | POLLRDHUP | POLLHUP, .on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, unbuffered_closed) {
	.closed = true,
	.on_read = POLLIN | POLLRDHUP | POLLHUP, .on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, last_writer_gone_with_something_buffered) {
	.capacity = 2, .messages = 1,
	.lost = HSK_RIGHT_WRITE, .on_read = POLLIN | POLLRDHUP,
};

FIXTURE_VARIANT_ADD(state, last_writer_gone) {
	.capacity = 2, .lost = HSK_RIGHT_WRITE,
	.on_read = POLLIN | POLLRDHUP | POLLHUP,
};

FIXTURE_VARIANT_ADD(state, last_reader_gone) {
	.capacity = 2, .messages = 1, .lost = HSK_RIGHT_READ,
	.on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, last_reader_of_unbuffered_gone) {
	.lost = HSK_RIGHT_READ,
	.on_write = POLLERR,
};

FIXTURE_SETUP(state)
{
	unsigned int i;

	self->chan = t_new(variant->capacity);
	ASSERT_LE(0, self->chan);
	self->fd[0] = -1;
	for (i = HSK_RIGHT_READ; i <= T_BOTH; i++) {
		self->fd[i] = t_dup(self->chan, i);
		ASSERT_LE(0, self->fd[i]);
	}
	for (i = 0; i < variant->messages; i++)
		ASSERT_EQ(0, p_try_send(self->chan, "m", 1));
	if (variant->closed)
		ASSERT_EQ(0, t_close(self->chan, 0));
	if (variant->senders || variant->receivers) {
		self->blocked = true;
		ASSERT_EQ(0, p_op_start(&self->op, self->chan,
					variant->senders, 's', -1, 0));
		ASSERT_EQ(0, t_wait_senders(self->chan, variant->senders));
		ASSERT_EQ(0, t_wait_receivers(self->chan, variant->receivers));
	}
	if (variant->lost) {
		close(self->fd[variant->lost]);
		close(self->fd[T_BOTH]);
		close(self->chan);
		self->fd[variant->lost] = -1;
		self->fd[T_BOTH] = -1;
		self->chan = -1;
	}
}

FIXTURE_TEARDOWN(state)
{
	if (!self->blocked)
		return;
	EXPECT_EQ(0, t_close(self->chan, 0));
	EXPECT_NE(-ETIMEDOUT - 1000, p_op_join(&self->op));
}

static int events_wanted(const struct _test_data_state *self,
			 const struct _fixture_variant_state *variant,
			 unsigned int rights)
{
	(void)self;
	return (rights & HSK_RIGHT_READ ? variant->on_read : 0) |
	       (rights & HSK_RIGHT_WRITE ? variant->on_write : 0);
}

TEST_F(state, poll_says_what_the_table_says)
{
	unsigned int rights;

	for (rights = HSK_RIGHT_READ; rights <= T_BOTH; rights++) {
		if (self->fd[rights] < 0)
			continue;
		EXPECT_EQ(events_wanted(self, variant, rights),
			  p_poll_now(self->fd[rights]))
			TH_LOG("rights %u", rights);
	}
}

TEST_F(state, select_says_what_the_table_says)
{
	struct timeval now = { 0, 0 };
	fd_set in, out, pri;
	unsigned int rights;
	int fd, want;

	for (rights = HSK_RIGHT_READ; rights <= T_BOTH; rights++) {
		fd = self->fd[rights];
		if (fd < 0)
			continue;
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_ZERO(&pri);
		FD_SET(fd, &in);
		FD_SET(fd, &out);
		FD_SET(fd, &pri);
		ASSERT_LE(0, select(fd + 1, &in, &out, &pri, &now));
		want = events_wanted(self, variant, rights);
		EXPECT_EQ(!!(want & (POLLIN | POLLHUP | POLLERR)),
			  !!FD_ISSET(fd, &in));
		EXPECT_EQ(!!(want & (POLLOUT | POLLERR)),
			  !!FD_ISSET(fd, &out));
		EXPECT_EQ(0, FD_ISSET(fd, &pri));
	}
}

TEST_F(state, level_triggered_epoll_says_what_the_table_says)
{
	unsigned int rights;

	for (rights = HSK_RIGHT_READ; rights <= T_BOTH; rights++) {
		int want = events_wanted(self, variant, rights);
		int ep;

		if (self->fd[rights] < 0)
			continue;
		ep = p_epoll_of(self->fd[rights], P_ALL_EVENTS);
		ASSERT_LE(0, ep);
		EXPECT_EQ(want, p_epoll_take(ep, 0));
		/* Level: it says so as long as it is so. */
		EXPECT_EQ(want, p_epoll_take(ep, 0));
		close(ep);
	}
}

TEST_F(state, poll_agrees_with_a_dontwait_operation)
{
	int ready;
	char c;

	if (self->fd[HSK_RIGHT_WRITE] >= 0) {
		ready = p_poll_now(self->fd[HSK_RIGHT_WRITE]);
		EXPECT_EQ(ready & POLLERR ? -EPIPE :
			  ready & POLLOUT ? 0 : -EAGAIN,
			  p_try_send(self->fd[HSK_RIGHT_WRITE], "x", 1));
	}
	if (self->fd[HSK_RIGHT_READ] >= 0) {
		ready = p_poll_now(self->fd[HSK_RIGHT_READ]);
		EXPECT_EQ(ready & POLLHUP ? -EPIPE :
			  ready & POLLIN ? 1 : -EAGAIN,
			  p_try_recv(self->fd[HSK_RIGHT_READ], &c, 1));
	}
}

/* --- withdrawn commits ------------------------------------------------------ */

TEST(a_withdrawn_send_is_no_longer_pollin)
{
	int chan = t_open();
	pid_t pid;

	ASSERT_LE(0, chan);
	EXPECT_EQ(-ETIMEDOUT, t_send_deadline(chan, "m", 1, t_in_ms(1)));
	EXPECT_EQ(0, p_poll_now(chan));
	pid = p_fork();
	if (!pid)
		_exit(t_send(chan, "m", 1) != 0);
	ASSERT_EQ(0, t_wait_senders(chan, 1));
	EXPECT_EQ(POLLIN, p_poll_now(chan));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, p_poll_now(chan));
}

TEST(a_withdrawn_receive_is_no_longer_pollout)
{
	int chan = t_open();
	pid_t pid;
	char c;

	ASSERT_LE(0, chan);
	EXPECT_EQ(-ETIMEDOUT,
		  t_recv_deadline(chan, &c, 1, t_in_ms(1), NULL));
	EXPECT_EQ(0, p_poll_now(chan));
	pid = p_fork();
	if (!pid)
		_exit(p_recv(chan, &c, 1) != 0);
	ASSERT_EQ(0, t_wait_receivers(chan, 1));
	EXPECT_EQ(POLLOUT, p_poll_now(chan));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, p_poll_now(chan));
}

/* --- blocked pollers ---------------------------------------------------------- */

/* A child blocked in poll(2) without a timeout; exits with the events. */
static pid_t poller(int fd, int events)
{
	pid_t pid = p_fork();

	if (!pid) {
		struct pollfd pfd = { .fd = fd, .events = events };

		P_NEED(poll(&pfd, 1, -1) == 1);
		_exit(pfd.revents & 0xff);
	}
	return pid;
}

static int wait_polling(pid_t pid)
{
	return p_wait_in_syscall(pid, SYS_poll);
}

TEST(a_poller_in_another_process_is_woken_by_a_buffered_message)
{
	int chan = t_new(1);
	pid_t pid = poller(chan, POLLIN);

	ASSERT_EQ(0, wait_polling(pid));
	ASSERT_EQ(0, t_send(chan, "m", 1));
	EXPECT_EQ(POLLIN, t_wait(pid));
}

TEST(a_poller_in_another_process_is_woken_by_a_committed_sender)
{
	int chan = t_open();
	pid_t pid = poller(chan, POLLIN);
	struct p_op op;
	char c;

	ASSERT_EQ(0, wait_polling(pid));
	ASSERT_EQ(0, p_send_start(&op, chan, 's'));
	EXPECT_EQ(POLLIN, t_wait(pid));
	ASSERT_EQ(1, p_recv(chan, &c, 1));
	ASSERT_EQ(0, p_op_join(&op));
}

TEST(a_poller_in_another_process_is_woken_by_a_committed_receiver)
{
	int chan = t_open();
	pid_t pid = poller(chan, POLLOUT);
	struct p_op op;

	ASSERT_EQ(0, wait_polling(pid));
	ASSERT_EQ(0, p_recv_start(&op, chan));
	EXPECT_EQ(POLLOUT, t_wait(pid));
	ASSERT_EQ(0, t_send(chan, "m", 1));
	ASSERT_EQ(0, p_op_join(&op));
}

TEST(a_poller_in_another_process_is_woken_by_room)
{
	int chan = t_new(1);
	pid_t pid;
	char c;

	ASSERT_EQ(0, t_send(chan, "m", 1));
	pid = poller(chan, POLLOUT);
	ASSERT_EQ(0, wait_polling(pid));
	ASSERT_EQ(1, p_recv(chan, &c, 1));
	EXPECT_EQ(POLLOUT, t_wait(pid));
}

TEST(close_wakes_pollers_who_asked_for_nothing_with_pollhup_and_pollerr)
{
	int chan = t_open();
	int rd = t_dup(chan, HSK_RIGHT_READ);
	int wr = t_dup(chan, HSK_RIGHT_WRITE);
	pid_t r = poller(rd, 0), w = poller(wr, 0);

	ASSERT_EQ(0, wait_polling(r));
	ASSERT_EQ(0, wait_polling(w));
	ASSERT_EQ(0, t_close(chan, 0));
	EXPECT_EQ(POLLHUP, t_wait(r));
	EXPECT_EQ(POLLERR, t_wait(w));
}

TEST(kill_of_the_only_writer_wakes_the_poller)
{
	int chan = t_open();
	int rd = t_dup(chan, HSK_RIGHT_READ);
	pid_t holder = p_fork();
	struct pollfd pfd = { .fd = rd, .events = POLLIN | POLLRDHUP };

	if (!holder) {
		pause();
		_exit(0);
	}
	ASSERT_EQ(0, close(chan));
	ASSERT_EQ(0, poll(&pfd, 1, T_STILL_MS));
	kill(holder, SIGKILL);
	EXPECT_EQ(1, poll(&pfd, 1, P_PATIENCE_S * 1000));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, pfd.revents);
	t_wait(holder);
}

TEST(all_pollers_are_woken_by_a_close)
{
	int chan = t_open();
	pid_t pid[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		pid[i] = poller(chan, POLLIN);
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, wait_polling(pid[i]));
	ASSERT_EQ(0, t_close(chan, 0));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(POLLIN | POLLHUP | POLLERR, t_wait(pid[i]));
}

TEST(readiness_is_a_hint_and_the_loser_gets_eagain)
{
	int chan = t_new(1);
	char c;

	ASSERT_EQ(0, t_send(chan, "m", 1));
	EXPECT_EQ(POLLIN, p_poll_now(chan));
	ASSERT_EQ(1, p_try_recv(chan, &c, 1));
	EXPECT_EQ(-EAGAIN, p_try_recv(chan, &c, 1));
	EXPECT_EQ(POLLOUT, p_poll_now(chan));
}

HSK_TEST_MAIN
