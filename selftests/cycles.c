// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels inside messages: nothing may come to hold itself, chains of any
 * length are released, and what travels is limited per user.
 */
#include "../kselftest_harness.h"
#include "peer.h"

#define LONG_CHAIN	10000
#define USER_A		4001
#define USER_B		4002

TEST(a_channel_in_a_channel_in_a_channel_arrives)
{
	int outer = t_new(1), middle = t_new(1), inner = t_new(1);
	uint64_t id = p_info(inner).id;
	int got;
	char c;

	ASSERT_EQ(0, t_send(inner, "i", 1));
	ASSERT_EQ(0, t_send_fd(middle, inner));
	ASSERT_EQ(0, t_send_fd(outer, middle));
	close(inner);
	close(middle);
	middle = t_recv_fd(outer);
	ASSERT_LE(0, middle);
	got = t_recv_fd(middle);
	ASSERT_LE(0, got);
	EXPECT_EQ(id, p_info(got).id);
	EXPECT_EQ(1, p_recv(got, &c, 1));
}

/* --- refused ------------------------------------------------------------------ */

TEST(a_channel_cannot_hold_itself_by_any_endpoint)
{
	int chan = t_new(4), file = memfd_create("hsk", 0);
	unsigned int rights;
	int sent[2];

	for (rights = HSK_RIGHT_READ; rights <= T_BOTH; rights++) {
		sent[0] = file;
		sent[1] = t_dup(chan, rights);
		ASSERT_LE(0, sent[1]);
		EXPECT_EQ(-ELOOP, t_send_fd(chan, sent[1]));
		EXPECT_EQ(-ELOOP, t_send_full(chan, NULL, 0, sent, 2, 0, 0));
	}
	EXPECT_TRUE(t_counters(chan, 0, 0, 0, 0));
}

TEST(a_channel_cannot_hold_itself_although_a_receiver_waits)
{
	int chan = t_open();
	struct p_op op;

	ASSERT_EQ(0, p_recv_start(&op, chan));
	ASSERT_EQ(0, t_wait_receivers(chan, 1));
	EXPECT_EQ(-ELOOP, p_try_send_fd(chan, chan));
	EXPECT_TRUE(p_op_still_blocked(&op));
	ASSERT_EQ(0, t_close(chan, 0));
	EXPECT_EQ(0, p_op_join(&op));
}

TEST(eloop_comes_before_epipe_and_eagain)
{
	int full = t_new(0), closed = t_new(1);

	EXPECT_EQ(-ELOOP, p_try_send_fd(full, full));
	ASSERT_EQ(0, t_close(closed, 0));
	EXPECT_EQ(-ELOOP, p_try_send_fd(closed, closed));
}

TEST(two_channels_cannot_hold_each_other)
{
	int a = t_new(2), b = t_new(2), got;

	ASSERT_EQ(0, t_send_fd(a, b));
	EXPECT_EQ(-ELOOP, t_send_fd(b, a));
	EXPECT_TRUE(t_counters(b, 0, 0, 0, 0));

	/* Once it is received nothing is held, and the other way is free. */
	got = t_recv_fd(a);
	ASSERT_LE(0, got);
	EXPECT_EQ(0, t_send_fd(b, a));
	EXPECT_EQ(-ELOOP, t_send_fd(a, got));
}

TEST(what_is_held_twice_is_held_until_both_are_received)
{
	int a = t_new(2), b = t_new(2);

	ASSERT_EQ(0, t_send_fd(a, b));
	ASSERT_EQ(0, t_send_fd(a, b));
	ASSERT_LE(0, t_recv_fd(a));
	EXPECT_EQ(-ELOOP, t_send_fd(b, a));
	ASSERT_LE(0, t_recv_fd(a));
	EXPECT_EQ(0, t_send_fd(b, a));
}

TEST(a_long_chain_cannot_be_closed_to_a_ring)
{
	int chain[50], i;

	for (i = 0; i < 50; i++) {
		chain[i] = t_new(2);
		ASSERT_LE(0, chain[i]);
	}
	/* Links out of order, so that no direction of growth is special. */
	for (i = 0; i < 49; i += 2)
		ASSERT_EQ(0, t_send_fd(chain[i], chain[i + 1]));
	for (i = 1; i < 49; i += 2)
		ASSERT_EQ(0, t_send_fd(chain[i], chain[i + 1]));
	EXPECT_EQ(-ELOOP, t_send_fd(chain[49], chain[0]));
	EXPECT_EQ(-ELOOP, t_send_fd(chain[49], chain[25]));
	EXPECT_EQ(-ELOOP, t_send_fd(chain[30], chain[10]));
	EXPECT_EQ(0, t_send_fd(chain[10], chain[30]));
	/* One link less, and the ring is a chain again. */
	ASSERT_LE(0, t_recv_fd(chain[20]));
	EXPECT_EQ(-ELOOP, t_send_fd(chain[49], chain[10]));
	EXPECT_EQ(0, t_send_fd(chain[49], chain[20]));
}

TEST(a_diamond_is_no_ring)
{
	int top = t_new(2), left = t_new(2), right = t_new(2), low = t_new(2);

	EXPECT_EQ(0, t_send_fd(left, low));
	EXPECT_EQ(0, t_send_fd(right, low));
	EXPECT_EQ(0, t_send_fd(top, left));
	EXPECT_EQ(0, t_send_fd(top, right));
	EXPECT_EQ(-ELOOP, t_send_fd(low, top));
}

TEST(a_waiting_senders_message_counts_as_held)
{
	int a = t_open(), b = t_new(1);
	struct p_op op;

	ASSERT_EQ(0, p_send_fd_start(&op, a, b));
	ASSERT_EQ(0, t_wait_senders(a, 1));
	EXPECT_EQ(-ELOOP, t_send_fd(b, a));
	ASSERT_EQ(0, t_close(a, 0));
	ASSERT_EQ(-EPIPE, p_op_join(&op));
	/* Its message went back to it, and the edge with it. */
	EXPECT_EQ(0, t_send_fd(b, a));
}

TEST(a_send_that_timed_out_or_died_holds_nothing)
{
	int a = t_open(), b = t_new(2);
	pid_t pid;

	EXPECT_EQ(-ETIMEDOUT,
		  t_send_full(a, NULL, 0, &b, 1, 0, t_in_ms(5)));
	ASSERT_EQ(0, t_send_fd(b, a));
	ASSERT_LE(0, t_recv_fd(b));
	pid = p_fork();
	if (!pid)
		_exit(t_send_fd(a, b) != 0);
	ASSERT_EQ(0, t_wait_senders(a, 1));
	EXPECT_EQ(-ELOOP, t_send_fd(b, a));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, t_send_fd(b, a));
}

TEST(a_message_that_its_receiver_could_not_take_is_still_held)
{
	int a = t_new(1), b = t_new(1), got;

	ASSERT_EQ(0, t_send_fd(a, b));
	EXPECT_EQ(-EFAULT, t_recv_full(a, NULL, 0, t_bad_address(), 1, 0, 0,
				       NULL));
	EXPECT_EQ(-ELOOP, t_send_fd(b, a));
	got = t_recv_fd(a);
	ASSERT_LE(0, got);
	EXPECT_EQ(0, t_send_fd(b, a));
}

TEST(a_message_that_came_back_from_a_waiting_receiver_is_still_held)
{
	int a = t_open(), b = t_new(1), got;
	pid_t pid = p_fork();

	if (!pid) {
		P_NEED(t_recv_full(a, NULL, 0, t_bad_address(), 1, 0, 0,
				   NULL) == -EFAULT);
		_exit(0);
	}
	ASSERT_EQ(0, t_wait_receivers(a, 1));
	ASSERT_EQ(0, p_try_send_fd(a, b));
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(a, 1, 0, 1, 0));
	EXPECT_EQ(-ELOOP, t_send_fd(b, a));
	got = p_try_recv_fd(a);
	ASSERT_LE(0, got);
	EXPECT_EQ(0, t_send_fd(b, a));
}

TEST(drained_messages_hold_nothing)
{
	int a = t_new(1), b = t_new(1);
	int rd = t_dup(a, HSK_RIGHT_READ), wr = t_dup(a, HSK_RIGHT_WRITE);

	close(a);
	ASSERT_EQ(0, t_send_fd(wr, b));
	EXPECT_EQ(-ELOOP, t_send_fd(b, wr));
	close(rd);
	EXPECT_EQ(0, t_send_fd(b, wr));
}

TEST(opposite_sends_at_one_time_never_both_succeed)
{
	int a = t_new(1), b = t_new(1), i, other, mine;
	int go = t_new(0), answers = t_new(0);
	pid_t pid = p_fork();
	char c;

	if (!pid) {
		for (i = 0; i < 200; i++) {
			P_NEED(p_recv(go, &c, 1) == 1);
			other = t_send_fd(a, b);
			P_NEED(!t_send(answers, &other, sizeof(other)));
		}
		_exit(0);
	}
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, t_send(go, "g", 1));
		mine = t_send_fd(b, a);
		ASSERT_EQ(4, p_recv(answers, &other, sizeof(other)));
		/* Exactly one: neither can stand in the way of itself. */
		ASSERT_EQ(-ELOOP, mine + other);
		other = mine ? t_recv_fd(a) : t_recv_fd(b);
		ASSERT_LE(0, other);
		close(other);
	}
	EXPECT_EQ(0, t_wait(pid));
}

TEST(what_was_just_received_can_carry_its_carrier_at_once)
{
	int carrier = t_open(), inner, i, got;
	pid_t pid = p_fork();

	if (!pid) {
		for (i = 0; i < 500; i++) {
			got = t_recv_fd(carrier);
			P_NEED(got >= 0);
			P_NEED(!t_send_fd(got, carrier));
			close(got);
		}
		_exit(0);
	}
	for (i = 0; i < 500; i++) {
		inner = t_new(1);
		ASSERT_EQ(0, t_send_fd(carrier, inner));
		got = t_recv_fd(inner);
		ASSERT_LE(0, got);
		close(got);
		close(inner);
	}
	EXPECT_EQ(0, t_wait(pid));
}

/* --- released ------------------------------------------------------------------- */

/* Channels that hold each other in a row below @root; the last holds a pipe. */
static int hang_chain(int root, int length, int *watch)
{
	int cur = root, next, p[2];

	while (--length) {
		next = t_new(1);
		if (next < 0)
			return next;
		if (t_send_fd(cur, next))
			return -ENOMSG;
		if (cur != root)
			close(cur);
		cur = next;
	}
	if (pipe2(p, O_CLOEXEC) || t_send_fd(cur, p[1]))
		return -ENOMSG;
	close(p[1]);
	if (cur != root)
		close(cur);
	*watch = p[0];
	return 0;
}

TEST(a_chain_of_10000_is_freed_by_one_close)
{
	int root = t_new(1), watch;

	ASSERT_EQ(0, hang_chain(root, t_fewer(LONG_CHAIN), &watch));
	EXPECT_FALSE(p_pipe_alone(watch));
	close(root);
	EXPECT_EQ(0, p_wait_pipe_alone(watch));
}

TEST(a_chain_of_10000_is_freed_by_kill)
{
	int tell = t_new(0), watch, root;
	pid_t pid = p_fork();

	if (!pid) {
		root = t_new(1);
		P_NEED(!hang_chain(root, t_fewer(LONG_CHAIN), &watch));
		P_NEED(!t_send_fd(tell, watch));
		pause();
	}
	watch = t_recv_fd(tell);
	ASSERT_LE(0, watch);
	EXPECT_FALSE(p_pipe_alone(watch));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, p_wait_pipe_alone(watch));
}

TEST(a_chain_is_freed_when_the_last_reader_drains_it)
{
	int root = t_new(1), rd, wr, watch;

	rd = t_dup(root, HSK_RIGHT_READ);
	wr = t_dup(root, HSK_RIGHT_WRITE);
	close(root);
	ASSERT_EQ(0, hang_chain(wr, 1000, &watch));
	EXPECT_FALSE(p_pipe_alone(watch));
	close(rd);
	EXPECT_EQ(0, p_wait_pipe_alone(watch));
	EXPECT_TRUE(t_counters(wr, 1, 0, 0, 1));
}

TEST(a_chain_built_from_its_end_is_freed)
{
	int cur = t_new(1), next, p[2], i;

	ASSERT_EQ(0, pipe2(p, O_CLOEXEC));
	ASSERT_EQ(0, t_send_fd(cur, p[1]));
	close(p[1]);
	for (i = 0; i < 300; i++) {
		next = t_new(1);
		ASSERT_EQ(0, t_send_fd(next, cur));
		close(cur);
		cur = next;
	}
	EXPECT_FALSE(p_pipe_alone(p[0]));
	close(cur);
	EXPECT_EQ(0, p_wait_pipe_alone(p[0]));
}

/* --- limited ----------------------------------------------------------------------- */

FIXTURE(flight) {
	long before;
	int chan;
	int file;
};

FIXTURE_SETUP(flight)
{
	if (geteuid())
		P_SKIP_SETUP("needs root to set max_in_flight");
	self->before = t_param("max_in_flight");
	ASSERT_LT(0, self->before);
	self->chan = t_new(64);
	self->file = memfd_create("hsk", MFD_CLOEXEC);
	ASSERT_EQ(0, t_set_param("max_in_flight", 4));
}

FIXTURE_TEARDOWN(flight)
{
	EXPECT_EQ(0, t_set_param("max_in_flight", self->before));
}

/* A child of that user; the endpoint was opened by root. */
static pid_t fork_as(uid_t uid)
{
	pid_t pid = p_fork();

	if (!pid) {
		P_NEED(!setresgid(uid, uid, uid));
		P_NEED(!setresuid(uid, uid, uid));
	}
	return pid;
}

/* How many descriptors the user can still get under way, and gets back. */
static int headroom(int chan, int file, uid_t uid)
{
	pid_t pid = fork_as(uid);

	if (!pid) {
		int n = 0, ret, i;

		while (!(ret = p_try_send_fd(chan, file)))
			n++;
		P_NEED(ret == -ETOOMANYREFS);
		for (i = 0; i < n; i++)
			P_NEED(t_recv_fd(chan) >= 0);
		_exit(n);
	}
	return t_wait(pid);
}

TEST_F(flight, the_limit_is_reached_and_given_back)
{
	EXPECT_EQ(4, headroom(self->chan, self->file, USER_A));
	EXPECT_EQ(4, headroom(self->chan, self->file, USER_A));
	EXPECT_TRUE(t_conserved(self->chan));
}

TEST_F(flight, two_users_are_separate)
{
	int other = t_new(64);
	pid_t pid = fork_as(USER_A);

	if (!pid) {
		while (!p_try_send_fd(other, self->file))
			;
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_EQ(4, p_info(other).buffered);
	EXPECT_EQ(0, headroom(self->chan, self->file, USER_A));
	EXPECT_EQ(4, headroom(self->chan, self->file, USER_B));
	/* Whoever receives them, they are the sender's. */
	ASSERT_LE(0, t_recv_fd(other));
	EXPECT_EQ(1, headroom(self->chan, self->file, USER_A));
	/* Freed with the channel. */
	close(other);
	EXPECT_EQ(4, headroom(self->chan, self->file, USER_A));
}

TEST_F(flight, a_message_counts_each_of_its_descriptors)
{
	int sent[5] = { self->file, self->file, self->file, self->file,
			self->file };
	pid_t pid = fork_as(USER_A);

	if (!pid) {
		P_NEED(t_send_full(self->chan, NULL, 0, sent, 5, 0, 0) ==
		       -ETOOMANYREFS);
		P_NEED(!t_send_full(self->chan, NULL, 0, sent, 3, 0, 0));
		P_NEED(t_send_full(self->chan, NULL, 0, sent, 2, 0, 0) ==
		       -ETOOMANYREFS);
		P_NEED(!t_send_full(self->chan, NULL, 0, sent, 1, 0, 0));
		P_NEED(!t_send(self->chan, "m", 1));
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(self->chan, 3, 0, 3, 0));
}

TEST_F(flight, a_blocked_sender_counts_until_it_dies)
{
	int chan = t_open();
	pid_t pid = fork_as(USER_A);

	if (!pid)
		_exit(t_send_fd(chan, self->file) != 0);
	ASSERT_EQ(0, t_wait_senders(chan, 1));
	EXPECT_EQ(3, headroom(self->chan, self->file, USER_A));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(4, headroom(self->chan, self->file, USER_A));
}

TEST_F(flight, failed_sends_and_receives_leave_the_count_alone)
{
	pid_t pid = fork_as(USER_A);

	if (!pid) {
		int zero = t_open(), i;

		/* The device may be closed to this user. */
		if (zero < 0)
			zero = t_chan_new(self->chan, 0);
		for (i = 0; i < 20; i++) {
			P_NEED(p_try_send_fd(zero, self->file) == -EAGAIN);
			P_NEED(t_send_fd(zero, zero) == -ELOOP);
			P_NEED(t_send_fd(zero, 900) == -EBADF);
		}
		P_NEED(!t_send_fd(self->chan, self->file));
		for (i = 0; i < 20; i++) {
			P_NEED(t_recv_full(self->chan, NULL, 0, NULL, 0, 0, 0,
					   NULL) == -EMSGSIZE);
			P_NEED(t_recv_full(self->chan, NULL, 0,
					   t_bad_address(), 1, 0, 0,
					   NULL) == -EFAULT);
		}
		P_NEED(t_recv_fd(self->chan) >= 0);
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_EQ(4, headroom(self->chan, self->file, USER_A));
}

TEST_F(flight, drained_messages_are_given_back)
{
	int chan = t_new(4);
	int rd = t_dup(chan, HSK_RIGHT_READ);
	pid_t pid = fork_as(USER_A);

	if (!pid) {
		while (!p_try_send_fd(chan, self->file))
			;
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
	close(chan);
	EXPECT_EQ(0, headroom(self->chan, self->file, USER_A));
	close(rd);
	EXPECT_EQ(4, headroom(self->chan, self->file, USER_A));
}

HSK_TEST_MAIN
