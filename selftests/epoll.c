// SPDX-License-Identifier: GPL-2.0-only
/*
 * epoll(7) on endpoints: an edge for every change, ONESHOT and EXCLUSIVE, and
 * event loops whose peer blocks.
 */
#include "../kselftest_harness.h"
#include "peer.h"

/* --- changes -------------------------------------------------------------- */

FIXTURE(edge) {
	int chan;
	int rd, wr;		/* narrow endpoints */
	int on_read, on_write;	/* an edge-triggered epoll on each */
};

FIXTURE_VARIANT(edge) {
	unsigned int capacity;
};

FIXTURE_VARIANT_ADD(edge, unbuffered) { .capacity = 0 };
FIXTURE_VARIANT_ADD(edge, one_slot) { .capacity = 1 };
FIXTURE_VARIANT_ADD(edge, two_slots) { .capacity = 2 };

FIXTURE_SETUP(edge)
{
	self->chan = t_new(variant->capacity);
	ASSERT_LE(0, self->chan);
	self->rd = t_dup(self->chan, HSK_RIGHT_READ);
	self->wr = t_dup(self->chan, HSK_RIGHT_WRITE);
	ASSERT_LE(0, self->rd);
	ASSERT_LE(0, self->wr);
	self->on_read = p_epoll_of(self->rd, P_ALL_EVENTS | EPOLLET);
	self->on_write = p_epoll_of(self->wr, P_ALL_EVENTS | EPOLLET);
	ASSERT_LE(0, self->on_read);
	ASSERT_LE(0, self->on_write);
	/* The state at the start is reported once. */
	ASSERT_EQ(0, p_epoll_take(self->on_read, 0));
	ASSERT_EQ(variant->capacity ? POLLOUT : 0,
		  p_epoll_take(self->on_write, 0));
	ASSERT_EQ(0, p_epoll_take(self->on_write, 0));
}

FIXTURE_TEARDOWN(edge)
{
}

TEST_F(edge, every_buffered_message_is_an_edge_for_the_reader)
{
	unsigned int i;

	for (i = 0; i < variant->capacity; i++) {
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
		EXPECT_EQ(POLLIN, p_epoll_take(self->on_read, 0));
		EXPECT_EQ(0, p_epoll_take(self->on_read, 0));
	}
}

TEST_F(edge, room_in_a_full_buffer_is_an_edge_for_the_writer)
{
	unsigned int i, round;
	char c;

	if (!variant->capacity)
		return;
	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	for (round = 0; round < 3; round++) {
		p_epoll_take(self->on_write, 0);
		ASSERT_EQ(1, p_recv(self->rd, &c, 1));
		EXPECT_EQ(POLLOUT, p_epoll_take(self->on_write, 0));
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	}
}

TEST_F(edge, a_committed_receiver_is_an_edge_for_the_writer)
{
	struct p_op op;

	ASSERT_EQ(0, p_recv_start(&op, self->rd));
	ASSERT_EQ(0, t_wait_receivers(self->chan, 1));
	/* It stands in the queue a moment before it tells who polls. */
	EXPECT_EQ(POLLOUT, p_epoll_take(self->on_write, P_PATIENCE_S * 1000));
	EXPECT_EQ(0, p_epoll_take(self->on_write, 0));
	ASSERT_EQ(0, p_try_send(self->wr, "m", 1));
	ASSERT_EQ(0, p_op_join(&op));
}

TEST_F(edge, a_committed_sender_is_an_edge_for_the_reader)
{
	struct p_op op;
	unsigned int i;
	char c;

	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	p_epoll_take(self->on_read, 0);
	ASSERT_EQ(0, p_send_start(&op, self->wr, 's'));
	ASSERT_EQ(0, t_wait_senders(self->chan, 1));
	EXPECT_EQ(POLLIN, p_epoll_take(self->on_read, P_PATIENCE_S * 1000));
	for (i = 0; i <= variant->capacity; i++)
		ASSERT_EQ(1, p_try_recv(self->rd, &c, 1));
	ASSERT_EQ(0, p_op_join(&op));
}

TEST_F(edge, close_is_an_edge_for_both_with_the_right_bits)
{
	ASSERT_EQ(0, t_close(self->chan, 7));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, p_epoll_take(self->on_read, 0));
	EXPECT_EQ(POLLERR, p_epoll_take(self->on_write, 0));
	EXPECT_EQ(0, p_epoll_take(self->on_read, 0));
	EXPECT_EQ(0, p_epoll_take(self->on_write, 0));
}

TEST_F(edge, draining_a_closed_channel_is_an_edge_with_pollhup)
{
	char c;

	if (!variant->capacity)
		return;
	ASSERT_EQ(0, t_send(self->wr, "m", 1));
	ASSERT_EQ(0, t_close(self->chan, 0));
	EXPECT_EQ(POLLIN | POLLRDHUP, p_epoll_take(self->on_read, 0));
	ASSERT_EQ(1, p_recv(self->rd, &c, 1));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, p_epoll_take(self->on_read, 0));
}

TEST_F(edge, the_last_writer_going_is_an_edge_for_the_reader)
{
	close(self->chan);
	EXPECT_EQ(0, p_epoll_take(self->on_read, 0));
	close(self->wr);
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, p_epoll_take(self->on_read, 0));
}

TEST_F(edge, the_last_reader_going_is_an_edge_for_the_writer)
{
	close(self->chan);
	EXPECT_EQ(0, p_epoll_take(self->on_write, 0));
	close(self->rd);
	EXPECT_EQ(POLLERR, p_epoll_take(self->on_write, 0));
}

TEST_F(edge, a_failed_operation_is_no_edge)
{
	char c;

	EXPECT_EQ(-EAGAIN, p_try_recv(self->rd, &c, 1));
	EXPECT_EQ(-EBADF, p_try_send(self->rd, "m", 1));
	EXPECT_EQ(-EBADF, t_close(self->rd, 0));
	EXPECT_EQ(0, p_epoll_take(self->on_read, 0));
	EXPECT_EQ(0, p_epoll_take(self->on_write, 0));
}

/* --- epoll's modes -------------------------------------------------------------- */

TEST(oneshot_reports_once_until_armed_again)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT };
	int chan = t_new(4);
	int ep = p_epoll_of(chan, EPOLLIN | EPOLLONESHOT);
	char c;

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, t_send(chan, "a", 1));
	EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
	EXPECT_EQ(0, p_epoll_take(ep, 0));
	ASSERT_EQ(0, t_send(chan, "b", 1));
	EXPECT_EQ(0, p_epoll_take(ep, 0));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, chan, &ev));
	EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
	ASSERT_EQ(1, p_recv(chan, &c, 1));
	ASSERT_EQ(1, p_recv(chan, &c, 1));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, chan, &ev));
	EXPECT_EQ(0, p_epoll_take(ep, 0));
	ASSERT_EQ(0, t_send(chan, "c", 1));
	EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
}

/* A child in epoll_wait without a timeout; exits with the events. */
static pid_t epoll_waiter(int fd, unsigned int events)
{
	pid_t pid = p_fork();

	if (!pid) {
		int ep = p_epoll_of(fd, events);

		P_NEED(ep >= 0);
		_exit(p_epoll_take(ep, -1) & 0xff);
	}
	return pid;
}

#define EXCLUSIVE_BOTH (EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE)

TEST(a_writer_does_not_swallow_a_readers_exclusive_wakeup)
{
	int chan = t_open();
	int rd = t_dup(chan, HSK_RIGHT_READ);
	int wr = t_dup(chan, HSK_RIGHT_WRITE);
	pid_t w[3], r;
	struct p_op op;
	unsigned int i;
	char c;

	/* Writers stand before and behind; a sender concerns none of them. */
	w[0] = epoll_waiter(wr, EXCLUSIVE_BOTH);
	w[1] = epoll_waiter(wr, EXCLUSIVE_BOTH);
	ASSERT_EQ(0, p_wait_in_syscall(w[0], SYS_epoll_wait));
	ASSERT_EQ(0, p_wait_in_syscall(w[1], SYS_epoll_wait));
	r = epoll_waiter(rd, EXCLUSIVE_BOTH);
	ASSERT_EQ(0, p_wait_in_syscall(r, SYS_epoll_wait));
	w[2] = epoll_waiter(wr, EXCLUSIVE_BOTH);
	ASSERT_EQ(0, p_wait_in_syscall(w[2], SYS_epoll_wait));

	ASSERT_EQ(0, p_send_start(&op, wr, 's'));
	EXPECT_EQ(POLLIN, t_wait(r));
	ASSERT_EQ(1, p_recv(rd, &c, 1));
	ASSERT_EQ(0, p_op_join(&op));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(256 + SIGKILL, t_kill(w[i]));
}

TEST(a_reader_does_not_swallow_a_writers_exclusive_wakeup)
{
	int chan = t_open();
	int rd = t_dup(chan, HSK_RIGHT_READ);
	int wr = t_dup(chan, HSK_RIGHT_WRITE);
	pid_t r[3], w;
	struct p_op op;
	unsigned int i;

	/* A committed receiver concerns writers only. */
	for (i = 0; i < 2; i++) {
		r[i] = epoll_waiter(rd, EXCLUSIVE_BOTH);
		ASSERT_EQ(0, p_wait_in_syscall(r[i], SYS_epoll_wait));
	}
	w = epoll_waiter(wr, EXCLUSIVE_BOTH);
	ASSERT_EQ(0, p_wait_in_syscall(w, SYS_epoll_wait));
	r[2] = epoll_waiter(rd, EXCLUSIVE_BOTH);
	ASSERT_EQ(0, p_wait_in_syscall(r[2], SYS_epoll_wait));

	ASSERT_EQ(0, p_recv_start(&op, rd));
	EXPECT_EQ(POLLOUT, t_wait(w));
	ASSERT_EQ(0, t_send(wr, "m", 1));
	ASSERT_EQ(0, p_op_join(&op));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(256 + SIGKILL, t_kill(r[i]));
}

TEST(as_many_exclusive_readers_wake_as_messages_come)
{
	int chan = t_new(4);
	pid_t pid[4];
	unsigned int i;
	char c;

	for (i = 0; i < 4; i++) {
		pid[i] = p_fork();
		if (!pid[i]) {
			int ep = p_epoll_of(chan, EPOLLIN | EPOLLEXCLUSIVE);

			P_NEED(ep >= 0);
			do {
				P_NEED(p_epoll_take(ep, -1) & EPOLLIN);
			} while (p_try_recv(chan, &c, 1) != 1);
			_exit(0);
		}
		ASSERT_EQ(0, p_wait_in_syscall(pid[i], SYS_epoll_wait));
	}
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, t_send(chan, "m", 1));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, t_wait(pid[i]));
	EXPECT_TRUE(t_counters(chan, 4, 4, 0, 0));
}

TEST(exclusive_readers_all_wake_at_close)
{
	int chan = t_open();
	int rd = t_dup(chan, HSK_RIGHT_READ);
	pid_t pid[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		pid[i] = epoll_waiter(rd, EPOLLIN | EPOLLEXCLUSIVE);
		ASSERT_EQ(0, p_wait_in_syscall(pid[i], SYS_epoll_wait));
	}
	ASSERT_EQ(0, t_close(chan, 0));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(EPOLLIN | EPOLLHUP, t_wait(pid[i]));
}

/* --- event loops ------------------------------------------------------------------ */

FIXTURE(loop) {
	int chan;
};

FIXTURE_VARIANT(loop) {
	unsigned int capacity;
	unsigned int rounds;
	unsigned int mode;
};

FIXTURE_VARIANT_ADD(loop, unbuffered_level) {
	.capacity = 0, .rounds = 1000, .mode = 0,
};

FIXTURE_VARIANT_ADD(loop, unbuffered_edge) {
	.capacity = 0, .rounds = 1000, .mode = EPOLLET,
};

FIXTURE_VARIANT_ADD(loop, one_slot_edge) {
	.capacity = 1, .rounds = 1000, .mode = EPOLLET,
};

FIXTURE_VARIANT_ADD(loop, five_slots_edge) {
	.capacity = 5, .rounds = 2000, .mode = EPOLLET,
};

FIXTURE_SETUP(loop)
{
	self->chan = t_new(variant->capacity);
	ASSERT_LE(0, self->chan);
}

FIXTURE_TEARDOWN(loop)
{
}

TEST_F(loop, a_polling_receiver_never_misses_a_blocking_sender)
{
	unsigned int i, next = 0, got;
	int ep = p_epoll_of(self->chan, EPOLLIN | variant->mode);
	pid_t pid;

	ASSERT_LE(0, ep);
	pid = p_fork();
	if (!pid) {
		for (i = 0; i < variant->rounds; i++)
			P_NEED(!t_send(self->chan, &i, sizeof(i)));
		_exit(0);
	}
	while (next < variant->rounds) {
		ASSERT_EQ(EPOLLIN, p_epoll_take(ep, P_PATIENCE_S * 1000));
		while (p_try_recv(self->chan, &got, sizeof(got)) > 0)
			ASSERT_EQ(next++, got);
	}
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(loop, a_polling_sender_never_misses_a_blocking_receiver)
{
	unsigned int i, next = 0, got;
	int ep = p_epoll_of(self->chan, EPOLLOUT | variant->mode);
	pid_t pid;

	ASSERT_LE(0, ep);
	pid = p_fork();
	if (!pid) {
		for (i = 0; i < variant->rounds; i++) {
			P_NEED(p_recv(self->chan, &got, 4) == 4);
			P_NEED(got == i);
		}
		_exit(0);
	}
	while (next < variant->rounds) {
		ASSERT_EQ(EPOLLOUT, p_epoll_take(ep, P_PATIENCE_S * 1000));
		while (next < variant->rounds &&
		       !p_try_send(self->chan, &next, sizeof(next)))
			next++;
	}
	EXPECT_EQ(0, t_wait(pid));
}

TEST(a_loop_of_two_channels_plays_ping_pong_with_a_blocking_peer)
{
	int there = t_open(), back = t_open();
	int ep = p_epoll_of(back, EPOLLIN | EPOLLET);
	unsigned int i, got;
	pid_t pid = p_fork();

	if (!pid) {
		for (i = 0; i < 500; i++) {
			P_NEED(p_recv(there, &got, 4) == 4);
			P_NEED(!t_send(back, &got, 4));
		}
		_exit(0);
	}
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(0, t_send(there, &i, 4));
		/* A wake-up that an earlier message left over is allowed. */
		do {
			ASSERT_EQ(EPOLLIN, p_epoll_take(ep, P_PATIENCE_S * 1000));
		} while (p_try_recv(back, &got, 4) != 4);
		ASSERT_EQ(i, got);
	}
	EXPECT_EQ(0, t_wait(pid));
}

HSK_TEST_MAIN
