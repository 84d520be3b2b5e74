// SPDX-License-Identifier: GPL-2.0-only
/*
 * read(2) and write(2), with vectors, without blocking and from a shell: one
 * message each, and nothing that a program without a binding would trip over.
 */
#include <sys/uio.h>

#include "../kselftest_harness.h"
#include "peer.h"

FIXTURE(rw) {
	int zero;		/* capacity 0 */
	int chan;		/* capacity 4 */
	char buf[64];
};

FIXTURE_SETUP(rw)
{
	self->zero = t_open();
	self->chan = t_new(4);
	ASSERT_LE(0, self->zero);
	ASSERT_LE(0, self->chan);
	t_fill(self->buf, sizeof(self->buf));
}

FIXTURE_TEARDOWN(rw)
{
}

static int rd(int fd, void *buf, size_t len)
{
	return p_errno(read(fd, buf, len));
}

static int wr(int fd, const void *buf, size_t len)
{
	return p_errno(write(fd, buf, len));
}

static void set_nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* --- messages ------------------------------------------------------------------ */

TEST_F(rw, one_write_is_one_message_and_one_read_takes_one)
{
	EXPECT_EQ(3, wr(self->chan, "one", 3));
	EXPECT_EQ(5, wr(self->chan, "three", 5));
	EXPECT_EQ(3, rd(self->chan, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, memcmp(self->buf, "one", 3));
	EXPECT_TRUE(t_untouched(self->buf + 3, sizeof(self->buf) - 3));
	EXPECT_EQ(5, rd(self->chan, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, memcmp(self->buf, "three", 5));
}

TEST_F(rw, they_meet_send_and_receive)
{
	ASSERT_EQ(0, t_send(self->chan, "ab", 2));
	EXPECT_EQ(2, rd(self->chan, self->buf, 2));
	ASSERT_EQ(2, wr(self->chan, "cd", 2));
	EXPECT_EQ(2, p_recv(self->chan, self->buf, 2));
	EXPECT_EQ(0, memcmp(self->buf, "cd", 2));
}

TEST_F(rw, a_vector_is_one_message)
{
	struct iovec out[3] = {
		{ "ab", 2 }, { "", 0 }, { "cde", 3 },
	};
	char a[1], b[10];
	struct iovec in[2] = { { a, 1 }, { b, 10 } };

	EXPECT_EQ(5, p_errno(writev(self->chan, out, 3)));
	EXPECT_EQ(1, p_info(self->chan).buffered);
	EXPECT_EQ(5, p_errno(readv(self->chan, in, 2)));
	EXPECT_EQ('a', a[0]);
	EXPECT_EQ(0, memcmp(b, "bcde", 4));
}

TEST_F(rw, zero_bytes_are_a_message)
{
	EXPECT_EQ(0, wr(self->chan, "", 0));
	EXPECT_EQ(1, p_info(self->chan).buffered);
	EXPECT_EQ(0, p_recv(self->chan, self->buf, 1));
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
	ASSERT_EQ(0, t_send(self->chan, NULL, 0));
	EXPECT_EQ(0, rd(self->chan, self->buf, 1));
	EXPECT_TRUE(t_counters(self->chan, 2, 2, 0, 0));
}

/* A channel each way: what a receiver could not take goes to whoever receives next. */
TEST_F(rw, write_waits_for_a_reader_and_read_for_a_writer)
{
	int back = t_open();
	pid_t pid = p_fork();

	if (!pid) {
		P_NEED(rd(self->zero, self->buf, 8) == 5);
		P_NEED(wr(back, "reply", 5) == 5);
		_exit(0);
	}
	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	EXPECT_EQ(5, wr(self->zero, "hello", 5));
	EXPECT_EQ(5, rd(back, self->buf, 8));
	EXPECT_EQ(0, memcmp(self->buf, "reply", 5));
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(rw, read_is_0_for_ever_once_closed_and_drained)
{
	ASSERT_EQ(1, wr(self->chan, "m", 1));
	ASSERT_EQ(0, t_close(self->chan, 5));
	EXPECT_EQ(1, rd(self->chan, self->buf, 8));
	EXPECT_EQ(0, rd(self->chan, self->buf, 8));
	EXPECT_EQ(0, rd(self->chan, self->buf, 8));
}

TEST_F(rw, close_ends_a_blocked_read_with_0_and_a_blocked_write_with_epipe)
{
	int other = t_open();
	pid_t reader = p_fork(), writer;

	if (!reader)
		_exit(rd(self->zero, self->buf, 8) != 0);
	writer = p_fork();
	if (!writer)
		_exit(wr(other, "m", 1) != -EPIPE);
	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	ASSERT_EQ(0, t_wait_senders(other, 1));
	ASSERT_EQ(0, t_close(self->zero, 0));
	ASSERT_EQ(0, t_close(other, 0));
	EXPECT_EQ(0, t_wait(reader));
	EXPECT_EQ(0, t_wait(writer));
}

TEST_F(rw, write_on_closed_is_epipe_without_sigpipe)
{
	signal(SIGPIPE, SIG_DFL);
	ASSERT_EQ(0, t_close(self->chan, 0));
	EXPECT_EQ(-EPIPE, wr(self->chan, "m", 1));
	EXPECT_EQ(-EPIPE, wr(self->chan, "", 0));
}

TEST_F(rw, o_nonblock_is_eagain_and_counts_for_the_ioctls_too)
{
	set_nonblock(self->zero);
	EXPECT_EQ(-EAGAIN, rd(self->zero, self->buf, 8));
	EXPECT_EQ(-EAGAIN, wr(self->zero, "m", 1));
	EXPECT_EQ(-EAGAIN, p_recv(self->zero, self->buf, 8));
	EXPECT_EQ(-EAGAIN, t_send(self->zero, "m", 1));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
	EXPECT_TRUE(t_untouched(self->buf, sizeof(self->buf)));
	set_nonblock(self->chan);
	EXPECT_EQ(1, wr(self->chan, "m", 1));
	EXPECT_EQ(1, rd(self->chan, self->buf, 8));
	EXPECT_EQ(-EAGAIN, rd(self->chan, self->buf, 8));
}

/* --- what is refused ------------------------------------------------------------- */

TEST_F(rw, a_short_buffer_is_emsgsize_and_the_message_stays)
{
	struct iovec in[2] = { { self->buf, 1 }, { self->buf + 1, 1 } };

	ASSERT_EQ(3, wr(self->chan, "abc", 3));
	EXPECT_EQ(-EMSGSIZE, rd(self->chan, self->buf, 2));
	EXPECT_EQ(-EMSGSIZE, rd(self->chan, self->buf, 0));
	EXPECT_EQ(-EMSGSIZE, p_errno(readv(self->chan, in, 2)));
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	EXPECT_TRUE(t_untouched(self->buf, sizeof(self->buf)));
	EXPECT_EQ(3, rd(self->chan, self->buf, 3));
}

TEST_F(rw, a_message_with_descriptors_is_ebadmsg_and_stays)
{
	int got;

	ASSERT_EQ(0, t_send_fd(self->chan, self->zero));
	EXPECT_EQ(-EBADMSG, rd(self->chan, self->buf, 8));
	EXPECT_EQ(-EBADMSG, rd(self->chan, self->buf, 8));
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	got = t_recv_fd(self->chan);
	EXPECT_LE(0, got);
}

TEST_F(rw, a_waiting_read_refuses_descriptors_and_the_next_receiver_gets_them)
{
	int chan = t_new(1), got;
	pid_t pid = p_fork();

	if (!pid)
		_exit(rd(chan, self->buf, 8) != -EBADMSG);
	ASSERT_EQ(0, t_wait_receivers(chan, 1));
	EXPECT_EQ(0, t_send_fd(chan, self->zero));
	EXPECT_EQ(0, t_wait(pid));
	got = p_try_recv_fd(chan);
	EXPECT_LE(0, got);
}

TEST_F(rw, a_bad_buffer_is_efault_and_the_message_stays)
{
	ASSERT_EQ(3, wr(self->chan, "abc", 3));
	EXPECT_EQ(-EFAULT, rd(self->chan, t_bad_address(), 8));
	EXPECT_EQ(-EFAULT, wr(self->chan, t_bad_address(), 8));
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	EXPECT_EQ(3, rd(self->chan, self->buf, 8));
}

TEST_F(rw, more_than_max_msg_size_is_emsgsize)
{
	size_t max = t_param("max_msg_size");
	char *big = calloc(1, max + 1);

	EXPECT_EQ(-EMSGSIZE, wr(self->chan, big, max + 1));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
	EXPECT_EQ(max, wr(self->chan, big, max));
	EXPECT_EQ(max, rd(self->chan, big, max + 1));
}

TEST_F(rw, positions_are_espipe)
{
	EXPECT_EQ(-ESPIPE, p_errno(pread(self->chan, self->buf, 1, 0)));
	EXPECT_EQ(-ESPIPE, p_errno(pwrite(self->chan, "m", 1, 0)));
	EXPECT_EQ(-ESPIPE, p_errno(lseek(self->chan, 0, SEEK_CUR)));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
}

TEST_F(rw, rwf_nowait_is_eagain_instead_of_waiting)
{
	struct iovec in = { self->buf, 8 }, out = { "m", 1 };

	EXPECT_EQ(-EAGAIN, p_errno(preadv2(self->zero, &in, 1, -1,
					   RWF_NOWAIT)));
	EXPECT_EQ(-EAGAIN, p_errno(pwritev2(self->zero, &out, 1, -1,
					    RWF_NOWAIT)));
	EXPECT_EQ(1, p_errno(pwritev2(self->chan, &out, 1, -1, RWF_NOWAIT)));
	EXPECT_EQ(1, p_errno(preadv2(self->chan, &in, 1, -1, RWF_NOWAIT)));
	EXPECT_EQ(-EAGAIN, p_errno(preadv2(self->chan, &in, 1, -1,
					   RWF_NOWAIT)));
}

/* --- who wrote it ---------------------------------------------------------------- */

TEST_F(rw, write_bears_the_openers_ids_and_the_writers_pid)
{
	struct hsk_msghdr msg;
	pid_t pid;

	if (geteuid())
		SKIP(return, "needs root to become another user");
	pid = p_fork();
	if (!pid) {
		P_NEED(!setresgid(65534, 65534, 65534));
		P_NEED(!setresuid(65534, 65534, 65534));
		P_NEED(wr(self->chan, "w", 1) == 1);
		P_NEED(!t_send(self->chan, "s", 1));
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
	ASSERT_EQ(0, t_recv(self->chan, self->buf, 1, &msg));
	EXPECT_EQ(pid, msg.pid);
	EXPECT_EQ(0, msg.uid);
	EXPECT_EQ(0, msg.gid);
	/* The ioctl names the task that sends. */
	ASSERT_EQ(0, t_recv(self->chan, self->buf, 1, &msg));
	EXPECT_EQ(pid, msg.pid);
	EXPECT_EQ(65534, msg.uid);
	EXPECT_EQ(65534, msg.gid);
}

TEST_F(rw, a_privileged_writer_lends_nothing_to_an_endpoint_of_nobody)
{
	int carrier = t_open();
	struct hsk_msghdr msg;
	int fd;
	pid_t pid;

	if (geteuid())
		SKIP(return, "needs root to become another user");
	pid = p_fork();
	if (!pid) {
		P_NEED(!setresgid(65534, 65534, 65534));
		P_NEED(!setresuid(65534, 65534, 65534));
		fd = t_chan_new(carrier, 1);
		P_NEED(fd >= 0);
		P_NEED(!t_send_fd(carrier, fd));
		_exit(0);
	}
	fd = t_recv_fd(carrier);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, t_wait(pid));
	ASSERT_EQ(1, wr(fd, "w", 1));
	ASSERT_EQ(0, t_recv(fd, self->buf, 1, &msg));
	EXPECT_EQ(getpid(), msg.pid);
	EXPECT_EQ(65534, msg.uid);
	EXPECT_EQ(65534, msg.gid);
}

/* --- from a shell ------------------------------------------------------------------ */

TEST_F(rw, a_shell_can_read_and_write_lines)
{
	char command[128];
	pid_t pid = p_fork();

	if (!pid) {
		P_NEED(dup2(self->chan, 8) == 8);
		P_NEED(dup2(self->zero, 9) == 9);
		/* dd and not read: a shell reads single bytes. */
		snprintf(command, sizeof(command),
			 "echo from-a-shell >&8 && dd bs=64 count=1 <&9 2>/dev/null >&8");
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(126);
	}
	ASSERT_EQ(13, rd(self->chan, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, memcmp(self->buf, "from-a-shell\n", 13));
	ASSERT_EQ(5, wr(self->zero, "back\n", 5));
	ASSERT_EQ(5, rd(self->chan, self->buf, sizeof(self->buf)));
	EXPECT_EQ(0, memcmp(self->buf, "back\n", 5));
	EXPECT_EQ(0, t_wait(pid));
}

HSK_TEST_MAIN
