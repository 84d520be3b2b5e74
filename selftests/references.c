// SPDX-License-Identifier: GPL-2.0-only
/*
 * A message holds a reference to each of its descriptors for exactly as long
 * as it lives, however it ends.
 */
#include <sys/resource.h>

#include "../kselftest_harness.h"
#include "peer.h"

/* A pipe whose write end only messages hold from now on. */
FIXTURE(held) {
	int chan;
	int watch;		/* hangs up when the last holder has gone */
	int passed;
};

FIXTURE_SETUP(held)
{
	int p[2];

	self->chan = t_new(2);
	ASSERT_LE(0, self->chan);
	ASSERT_EQ(0, pipe2(p, O_CLOEXEC));
	self->watch = p[0];
	self->passed = p[1];
}

FIXTURE_TEARDOWN(held)
{
}

TEST_F(held, until_it_is_received_and_closed)
{
	int got;

	ASSERT_EQ(0, t_send_fd(self->chan, self->passed));
	close(self->passed);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	got = t_recv_fd(self->chan);
	ASSERT_LE(0, got);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	close(got);
	EXPECT_TRUE(p_pipe_alone(self->watch));
}

TEST_F(held, until_it_is_drained)
{
	int rd = t_dup(self->chan, HSK_RIGHT_READ);
	int wr = t_dup(self->chan, HSK_RIGHT_WRITE);

	ASSERT_EQ(0, t_send_fd(self->chan, self->passed));
	close(self->passed);
	close(self->chan);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	close(rd);
	EXPECT_EQ(0, p_wait_pipe_alone(self->watch));
	EXPECT_TRUE(t_counters(wr, 1, 0, 0, 1));
}

TEST_F(held, until_nobody_holds_the_channel)
{
	ASSERT_EQ(0, t_send_fd(self->chan, self->passed));
	close(self->passed);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	close(self->chan);
	EXPECT_EQ(0, p_wait_pipe_alone(self->watch));
}

TEST_F(held, not_after_a_send_that_failed)
{
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, t_send(self->chan, "m", 1));
	EXPECT_EQ(-EAGAIN, p_try_send_fd(self->chan, self->passed));
	EXPECT_EQ(-ETIMEDOUT, t_send_full(self->chan, NULL, 0, &self->passed,
					  1, 0, t_in_ms(5)));
	ASSERT_EQ(0, t_close(self->chan, 0));
	EXPECT_EQ(-EPIPE, t_send_fd(self->chan, self->passed));
	close(self->passed);
	EXPECT_TRUE(p_pipe_alone(self->watch));
}

TEST_F(held, not_after_the_blocked_sender_was_killed)
{
	int chan = t_open();
	pid_t pid = p_fork();

	if (!pid)
		_exit(t_send_fd(chan, self->passed) != 0);
	close(self->passed);
	ASSERT_EQ(0, t_wait_senders(chan, 1));
	EXPECT_FALSE(p_pipe_alone(self->watch));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, p_wait_pipe_alone(self->watch));
	EXPECT_TRUE(t_counters(chan, 0, 0, 0, 0));
}

TEST_F(held, not_after_close_woke_the_blocked_sender)
{
	int chan = t_open();
	struct p_op op;

	ASSERT_EQ(0, p_send_fd_start(&op, chan, self->passed));
	ASSERT_EQ(0, t_wait_senders(chan, 1));
	ASSERT_EQ(0, t_close(chan, 0));
	EXPECT_EQ(-EPIPE, p_op_join(&op));
	close(self->passed);
	EXPECT_TRUE(p_pipe_alone(self->watch));
}

TEST_F(held, by_the_message_of_a_blocked_sender_that_closed_its_own)
{
	int chan = t_open(), got;
	struct p_op op;
	char c;

	ASSERT_EQ(0, p_send_fd_start(&op, chan, self->passed));
	ASSERT_EQ(0, t_wait_senders(chan, 1));
	close(self->passed);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	ASSERT_EQ(0, t_recv_full(chan, &c, 1, &got, 1, 0, 0, NULL));
	ASSERT_EQ(0, p_op_join(&op));
	EXPECT_EQ(1, write(got, "x", 1));
	close(got);
	EXPECT_TRUE(p_pipe_alone(self->watch));
}

TEST_F(held, while_a_receiver_has_too_little_room)
{
	struct hsk_msghdr msg;
	int got;

	ASSERT_EQ(0, t_send_fd(self->chan, self->passed));
	close(self->passed);
	EXPECT_EQ(-EMSGSIZE, t_recv_full(self->chan, NULL, 0, NULL, 0, 0, 0,
					 &msg));
	EXPECT_EQ(1, msg.nr_fds);
	EXPECT_EQ(0, msg.len);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	got = t_recv_fd(self->chan);
	ASSERT_LE(0, got);
	close(got);
	EXPECT_TRUE(p_pipe_alone(self->watch));
}

TEST_F(held, while_the_receivers_array_cannot_be_written)
{
	int before = t_count_fds(), got;

	ASSERT_EQ(0, t_send_fd(self->chan, self->passed));
	EXPECT_EQ(-EFAULT, t_recv_full(self->chan, NULL, 0, t_bad_address(), 1,
				       0, 0, NULL));
	EXPECT_EQ(before, t_count_fds());
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	close(self->passed);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	got = t_recv_fd(self->chan);
	ASSERT_LE(0, got);
	close(got);
	EXPECT_TRUE(p_pipe_alone(self->watch));
}

/* Takes all descriptors but @spare. */
static void use_up_descriptors(int spare)
{
	struct rlimit limit = { .rlim_cur = 64, .rlim_max = 64 };
	int last[4], fd, n = 0;

	P_NEED(!setrlimit(RLIMIT_NOFILE, &limit));
	while ((fd = dup(0)) >= 0)
		last[n++ % 4] = fd;
	while (spare-- && n--)
		close(last[n % 4]);
}

TEST_F(held, while_the_receiver_has_no_free_descriptor)
{
	int sent[2] = { self->passed, self->passed };
	struct hsk_msghdr msg;
	pid_t pid;
	int got[2];
	char c = 0;

	ASSERT_EQ(0, t_send_full(self->chan, "m", 1, sent, 2, 0, 0));
	pid = p_fork();
	if (!pid) {
		use_up_descriptors(1);
		P_NEED(t_recv_full(self->chan, &c, 1, got, 2, 0, 0, NULL) ==
		       -EMFILE);
		/* The one that was free is free again. */
		P_NEED(dup(0) >= 0);
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	close(self->passed);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	ASSERT_EQ(0, t_recv_full(self->chan, &c, 1, got, 2, 0, 0, &msg));
	EXPECT_EQ('m', c);
	ASSERT_EQ(2, msg.nr_fds);
	close(got[0]);
	EXPECT_FALSE(p_pipe_alone(self->watch));
	close(got[1]);
	EXPECT_TRUE(p_pipe_alone(self->watch));
}

TEST_F(held, by_a_waiting_sender_whose_receiver_has_no_free_descriptor)
{
	int chan = t_open(), got = -1;
	struct hsk_msghdr msg;
	struct p_op op;
	pid_t pid;
	char c = 0;

	ASSERT_EQ(0, p_send_fd_start(&op, chan, self->passed));
	ASSERT_EQ(0, t_wait_senders(chan, 1));
	pid = p_fork();
	if (!pid) {
		use_up_descriptors(0);
		P_NEED(t_recv_full(chan, &c, 1, &got, 1, 0, 0, NULL) ==
		       -EMFILE);
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(p_op_still_blocked(&op));
	EXPECT_TRUE(t_counters(chan, 0, 0, 0, 0));
	EXPECT_EQ(1, p_info(chan).waiting_senders);
	ASSERT_EQ(0, t_recv_full(chan, &c, 1, &got, 1, 0, 0, &msg));
	EXPECT_EQ('f', c);
	EXPECT_EQ(0, p_op_join(&op));
	close(self->passed);
	close(got);
	EXPECT_TRUE(p_pipe_alone(self->watch));
}

TEST_F(held, and_a_travelling_endpoint_counts_as_live)
{
	int inner = t_open();
	int rd = t_dup(inner, HSK_RIGHT_READ);
	int wr = t_dup(inner, HSK_RIGHT_WRITE);
	int got;

	close(inner);
	ASSERT_EQ(0, t_send_fd(self->chan, rd));
	close(rd);
	EXPECT_EQ(1, p_info(wr).read_endpoints);
	EXPECT_EQ(0, p_info(wr).state);
	got = t_recv_fd(self->chan);
	ASSERT_LE(0, got);
	EXPECT_EQ(1, p_info(wr).read_endpoints);
	close(got);
	EXPECT_EQ(0, p_info(wr).read_endpoints);
	EXPECT_EQ(-EPIPE, t_send(wr, "m", 1));
}

HSK_TEST_MAIN
