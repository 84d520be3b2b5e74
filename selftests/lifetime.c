// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long an endpoint lives, by which descriptors, and what its peers learn
 * when it goes: at once, by an event. No wait here has a deadline that could
 * rescue it; a peer that is never told hangs until the test's timeout.
 */
#include <sys/socket.h>

#include "../kselftest_harness.h"
#include "peer.h"

/* One narrow endpoint of each right and no other. */
FIXTURE(pair) {
	int rd;
	int wr;
};

FIXTURE_VARIANT(pair) {
	unsigned int capacity;
};

FIXTURE_VARIANT_ADD(pair, unbuffered) { .capacity = 0 };
FIXTURE_VARIANT_ADD(pair, buffered) { .capacity = 2 };

FIXTURE_SETUP(pair)
{
	int chan = t_new(variant->capacity);

	ASSERT_LE(0, chan);
	self->rd = t_dup(chan, HSK_RIGHT_READ);
	self->wr = t_dup(chan, HSK_RIGHT_WRITE);
	ASSERT_LE(0, self->rd);
	ASSERT_LE(0, self->wr);
	close(chan);
}

FIXTURE_TEARDOWN(pair)
{
}

/* A child that keeps all but @other, until it is killed. */
static pid_t fork_holder(int other)
{
	pid_t pid = p_fork();

	if (!pid) {
		close(other);
		for (;;)
			pause();
	}
	return pid;
}

/* --- which descriptors keep it ------------------------------------------------- */

TEST_F(pair, one_of_two_descriptors_by_dup_is_enough)
{
	int again = dup(self->wr);

	close(self->wr);
	EXPECT_EQ(1, p_info(self->rd).write_endpoints);
	EXPECT_EQ(0, p_info(self->rd).state);
	close(again);
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
	EXPECT_EQ(0, p_info(self->rd).write_endpoints);
}

TEST_F(pair, one_of_two_endpoints_is_enough)
{
	int again = t_dup(self->wr, HSK_RIGHT_WRITE);

	EXPECT_EQ(2, p_info(self->rd).write_endpoints);
	close(self->wr);
	EXPECT_EQ(0, p_info(self->rd).state);
	close(again);
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
}

TEST_F(pair, a_forked_child_keeps_it_until_it_exits)
{
	int done[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(done));
	pid = p_fork();
	if (!pid) {
		close(done[1]);
		P_NEED(read(done[0], &c, 1) == 0);
		_exit(0);
	}
	close(self->wr);
	EXPECT_EQ(1, p_info(self->rd).write_endpoints);
	EXPECT_EQ(0, p_info(self->rd).state);
	close(done[1]);
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(pair, a_child_that_dies_takes_nothing_that_its_parent_holds)
{
	pid_t pid = fork_holder(self->rd);

	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, p_info(self->rd).state);
	EXPECT_EQ(1, p_info(self->rd).write_endpoints);
}

/* A child that becomes a shell which waits for the end of its input. */
static pid_t fork_exec_waiter(int stdin_fd, int drop)
{
	pid_t pid = p_fork();

	if (!pid) {
		close(drop);
		dup2(stdin_fd, 0);
		execl("/bin/sh", "sh", "-c", "read line", NULL);
		_exit(126);
	}
	return pid;
}

TEST_F(pair, exec_closes_it_and_the_peer_is_told_while_the_process_lives)
{
	int in[2];
	pid_t pid;

	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	pid = fork_exec_waiter(in[0], self->rd);
	close(self->wr);
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
	EXPECT_TRUE(t_still_running(pid));
	close(in[1]);
	EXPECT_EQ(1, t_wait(pid));
}

TEST_F(pair, exec_keeps_it_where_close_on_exec_was_cleared)
{
	int in[2];
	pid_t pid;

	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	ASSERT_EQ(0, fcntl(self->wr, F_SETFD, 0));
	pid = fork_exec_waiter(in[0], self->rd);
	close(self->wr);
	EXPECT_TRUE(t_still_running(pid));
	EXPECT_EQ(0, p_info(self->rd).state);
	close(in[1]);
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
	EXPECT_EQ(1, t_wait(pid));
}

static int queue_in_socket(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

TEST_F(pair, a_unix_socket_keeps_it_while_it_is_queued_there)
{
	int sock[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sock));
	ASSERT_EQ(0, queue_in_socket(sock[0], self->wr));
	close(self->wr);
	EXPECT_EQ(0, p_info(self->rd).state);
	EXPECT_EQ(1, p_info(self->rd).write_endpoints);
	close(sock[0]);
	close(sock[1]);
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
}

TEST_F(pair, a_message_keeps_it_although_its_owner_has_died)
{
	int carrier = t_new(1), got;
	pid_t pid = p_fork();
	struct p_op op;

	if (!pid) {
		P_NEED(!t_send_fd(carrier, self->wr));
		raise(SIGKILL);
	}
	close(self->wr);
	ASSERT_EQ(256 + SIGKILL, t_wait(pid));
	EXPECT_EQ(0, p_info(self->rd).state);
	got = t_recv_fd(carrier);
	ASSERT_LE(0, got);
	ASSERT_EQ(0, p_recv_start(&op, self->rd));
	ASSERT_EQ(0, t_send(got, "m", 1));
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_EQ('m', op.byte);
}

TEST_F(pair, the_writers_going_inside_a_message_is_told)
{
	int carrier = t_new(1);
	struct p_op op;

	ASSERT_EQ(0, t_send_fd(carrier, self->wr));
	close(self->wr);
	ASSERT_EQ(0, p_recv_start(&op, self->rd));
	ASSERT_EQ(0, t_wait_receivers(self->rd, 1));
	EXPECT_TRUE(p_op_still_blocked(&op));
	close(carrier);
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_EQ(HSK_MSG_F_CLOSED, op.msg.flags);
	EXPECT_EQ(-EOWNERDEAD, op.msg.reason);
}

TEST_F(pair, the_readers_going_inside_a_message_is_told)
{
	int carrier = t_new(1);
	struct p_op op;
	unsigned int i;

	ASSERT_EQ(0, t_send_fd(carrier, self->rd));
	close(self->rd);
	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	ASSERT_EQ(0, p_send_start(&op, self->wr, 's'));
	ASSERT_EQ(0, t_wait_senders(self->wr, 1));
	EXPECT_TRUE(p_op_still_blocked(&op));
	close(carrier);
	EXPECT_EQ(-EPIPE, p_op_join(&op));
	EXPECT_TRUE(t_counters(self->wr, variant->capacity, 0, 0,
			       variant->capacity));
}

/* --- which reason --------------------------------------------------------------- */

TEST_F(pair, the_last_writer_going_without_a_close_is_ownerdead)
{
	struct hsk_info_args info;

	close(self->wr);
	info = p_info(self->rd);
	EXPECT_EQ(HSK_STATE_CLOSED, info.state);
	EXPECT_EQ(-EOWNERDEAD, info.reason);
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
}

TEST_F(pair, the_last_writer_going_after_a_close_leaves_the_closes_reason)
{
	ASSERT_EQ(0, t_close(self->wr, 42));
	close(self->wr);
	EXPECT_EQ(42, p_info(self->rd).reason);
	EXPECT_EQ(42, p_reason(self->rd));
}

TEST_F(pair, the_last_reader_going_is_epipe)
{
	struct hsk_info_args info;

	close(self->rd);
	info = p_info(self->wr);
	EXPECT_EQ(HSK_STATE_CLOSED, info.state);
	EXPECT_EQ(-EPIPE, info.reason);
	EXPECT_EQ(-EPIPE, t_send(self->wr, "m", 1));
	EXPECT_EQ(-EPIPE, t_close(self->wr, 0));
}

TEST_F(pair, the_last_reader_going_after_a_close_leaves_the_closes_reason)
{
	unsigned int i;

	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	ASSERT_EQ(0, t_close(self->wr, -ECANCELED));
	close(self->rd);
	EXPECT_EQ(-ECANCELED, p_info(self->wr).reason);
	EXPECT_TRUE(t_counters(self->wr, variant->capacity, 0, 0,
			       variant->capacity));
}

TEST_F(pair, what_was_buffered_outlives_its_writer)
{
	unsigned int i;
	char c;

	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	close(self->wr);
	for (i = 0; i < variant->capacity; i++)
		EXPECT_EQ(1, p_recv(self->rd, &c, 1));
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
}

/* --- who is told ------------------------------------------------------------------- */

TEST_F(pair, kill_of_the_only_writer_wakes_receivers_in_threads_and_processes)
{
	pid_t holder = fork_holder(self->rd), peer;
	struct p_op op;

	close(self->wr);
	peer = p_fork();
	if (!peer)
		_exit(p_reason(self->rd) != -EOWNERDEAD);
	ASSERT_EQ(0, p_recv_start(&op, self->rd));
	ASSERT_EQ(0, t_wait_receivers(self->rd, 2));
	EXPECT_TRUE(p_op_still_blocked(&op));
	EXPECT_EQ(256 + SIGKILL, t_kill(holder));
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_EQ(-EOWNERDEAD, op.msg.reason);
	EXPECT_EQ(0, t_wait(peer));
}

TEST_F(pair, kill_of_the_only_reader_wakes_senders_in_threads_and_processes)
{
	pid_t holder = fork_holder(self->wr), peer;
	struct p_op op;
	unsigned int i;

	close(self->rd);
	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	peer = p_fork();
	if (!peer)
		_exit(t_send(self->wr, "p", 1) != -EPIPE);
	ASSERT_EQ(0, p_send_start(&op, self->wr, 's'));
	ASSERT_EQ(0, t_wait_senders(self->wr, 2));
	EXPECT_TRUE(p_op_still_blocked(&op));
	EXPECT_EQ(256 + SIGKILL, t_kill(holder));
	EXPECT_EQ(-EPIPE, p_op_join(&op));
	EXPECT_EQ(0, t_wait(peer));
	EXPECT_TRUE(t_counters(self->wr, variant->capacity, 0, 0,
			       variant->capacity));
}

TEST_F(pair, kill_of_the_only_writer_while_it_is_blocked_leaves_no_message)
{
	unsigned int i;
	pid_t pid;
	char c;

	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	pid = p_fork();
	if (!pid)
		_exit(t_send(self->wr, "lost", 4) != 0);
	close(self->wr);
	ASSERT_EQ(0, t_wait_senders(self->rd, 1));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	for (i = 0; i < variant->capacity; i++)
		EXPECT_EQ(1, p_recv(self->rd, &c, 1));
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
	EXPECT_TRUE(t_counters(self->rd, variant->capacity, variant->capacity,
			       0, 0));
	EXPECT_EQ(0, p_info(self->rd).waiting_senders);
}

TEST_F(pair, kill_of_the_only_reader_while_it_is_blocked_fails_the_next_send)
{
	pid_t pid = p_fork();
	char c;

	if (!pid)
		_exit(p_recv(self->rd, &c, 1) != 1);
	close(self->rd);
	ASSERT_EQ(0, t_wait_receivers(self->wr, 1));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(-EPIPE, t_send(self->wr, "m", 1));
	EXPECT_EQ(0, p_info(self->wr).waiting_receivers);
	EXPECT_EQ(-EPIPE, p_info(self->wr).reason);
}

TEST_F(pair, kill_of_a_blocked_party_leaves_the_others_in_their_order)
{
	struct p_op first, last;
	pid_t pid;

	ASSERT_EQ(0, p_recv_start(&first, self->rd));
	ASSERT_EQ(0, t_wait_receivers(self->rd, 1));
	pid = p_fork();
	if (!pid)
		_exit(p_reason(self->rd));
	ASSERT_EQ(0, t_wait_receivers(self->rd, 2));
	ASSERT_EQ(0, p_recv_start(&last, self->rd));
	ASSERT_EQ(0, t_wait_receivers(self->rd, 3));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(2, p_info(self->rd).waiting_receivers);
	ASSERT_EQ(0, t_send(self->wr, "1", 1));
	ASSERT_EQ(0, t_send(self->wr, "2", 1));
	ASSERT_EQ(0, p_op_join(&first));
	ASSERT_EQ(0, p_op_join(&last));
	EXPECT_EQ('1', first.byte);
	EXPECT_EQ('2', last.byte);
}

TEST_F(pair, kill_of_a_process_with_many_blocked_threads_withdraws_them_all)
{
	struct p_op op[8];
	pid_t pid = p_fork();
	unsigned int i;

	if (!pid) {
		for (i = 0; i < 8; i++)
			P_NEED(!p_recv_start(&op[i], self->rd));
		for (;;)
			pause();
	}
	ASSERT_EQ(0, t_wait_receivers(self->rd, 8));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, p_info(self->rd).waiting_receivers);
	EXPECT_EQ(variant->capacity ? 0 : -EAGAIN,
		  p_try_send(self->wr, "m", 1));
}

/* --- close(2) under a blocked thread ------------------------------------------------ */

TEST_F(pair, a_blocked_receive_keeps_its_endpoint_when_its_fd_is_closed)
{
	struct p_op op;

	ASSERT_EQ(0, p_recv_start(&op, self->rd));
	ASSERT_EQ(0, t_wait_receivers(self->wr, 1));
	close(self->rd);
	EXPECT_TRUE(p_op_still_blocked(&op));
	EXPECT_EQ(1, p_info(self->wr).read_endpoints);
	EXPECT_EQ(0, t_send(self->wr, "m", 1));
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_EQ('m', op.byte);
	/* Its last user has gone, and the endpoint with it. */
	EXPECT_EQ(0, p_wait_endpoints(self->wr, 0, 1));
	EXPECT_EQ(-EPIPE, t_send(self->wr, "m", 1));
}

TEST_F(pair, a_blocked_send_keeps_its_endpoint_when_its_fd_is_closed)
{
	struct p_op op;
	unsigned int i;
	char c = 0;

	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, t_send(self->wr, "m", 1));
	ASSERT_EQ(0, p_send_start(&op, self->wr, 's'));
	ASSERT_EQ(0, t_wait_senders(self->rd, 1));
	close(self->wr);
	EXPECT_TRUE(p_op_still_blocked(&op));
	for (i = 0; i <= variant->capacity; i++)
		EXPECT_EQ(1, p_recv(self->rd, &c, 1));
	EXPECT_EQ('s', c);
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_EQ(-EOWNERDEAD, p_reason(self->rd));
}

TEST_F(pair, exec_in_one_thread_ends_a_blocked_one)
{
	struct p_op op;
	pid_t pid = p_fork();

	if (!pid) {
		P_NEED(!p_recv_start(&op, self->rd));
		P_NEED(!t_wait_receivers(self->rd, 1));
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
		_exit(126);
	}
	close(self->rd);
	EXPECT_EQ(7, t_wait(pid));
	EXPECT_EQ(-EPIPE, t_send(self->wr, "m", 1));
}

HSK_TEST_MAIN
