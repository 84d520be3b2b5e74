// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors in messages: what can travel, what can't, and what arrives.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <linux/io_uring.h>

#include "../kselftest_harness.h"
#include "peer.h"

static int make_file(void)
{
	char name[] = "/tmp/hsk-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	if (fd >= 0)
		unlink(name);
	return fd;
}

static int make_memfd(void)
{
	return memfd_create("hsk", 0);
}

/* --- what can travel -------------------------------------------------------- */

FIXTURE(travel) {
	int chan;
};

FIXTURE_SETUP(travel)
{
	self->chan = t_new(4);
	ASSERT_LE(0, self->chan);
}

FIXTURE_TEARDOWN(travel)
{
}

TEST_F(travel, an_endpoint_works_as_soon_as_it_is_received)
{
	int sent = t_new(1), got;
	char c = 0;

	ASSERT_EQ(0, t_send_fd(self->chan, sent));
	got = t_recv_fd(self->chan);
	ASSERT_LE(0, got);
	EXPECT_NE(sent, got);
	EXPECT_EQ(p_info(sent).id, p_info(got).id);
	ASSERT_EQ(0, t_send(got, "x", 1));
	ASSERT_EQ(1, p_recv(sent, &c, 1));
	EXPECT_EQ('x', c);
	/* A second descriptor of one endpoint, not another endpoint. */
	EXPECT_EQ(1, p_info(got).read_endpoints);
}

static int is_shared_file(int sent, int got)
{
	struct stat a, b;
	char text[4] = "";

	T_NEED_EQ(4, write(sent, "abcd", 4));
	T_NEED_EQ(1, lseek(got, 1, SEEK_SET));
	T_NEED_EQ(3, read(sent, text, 4));
	T_NEED(!memcmp(text, "bcd", 3));
	T_NEED_EQ(0, fstat(sent, &a));
	T_NEED_EQ(0, fstat(got, &b));
	T_NEED_EQ(a.st_ino, b.st_ino);
	return 0;
}

TEST_F(travel, a_regular_file_keeps_content_and_shares_its_offset)
{
	int sent = make_file(), got;

	ASSERT_LE(0, sent);
	ASSERT_EQ(0, t_send_fd(self->chan, sent));
	got = t_recv_fd(self->chan);
	ASSERT_LE(0, got);
	EXPECT_EQ(0, is_shared_file(sent, got));
}

TEST_F(travel, a_memfd_keeps_content_and_shares_its_offset)
{
	int sent = make_memfd(), got;

	ASSERT_LE(0, sent);
	ASSERT_EQ(0, t_send_fd(self->chan, sent));
	got = t_recv_fd(self->chan);
	ASSERT_LE(0, got);
	EXPECT_EQ(0, is_shared_file(sent, got));
}

TEST_F(travel, a_memfd_of_huge_pages)
{
	int sent = memfd_create("hsk", MFD_HUGETLB);

	if (sent < 0)
		SKIP(return, "no huge pages: %s", strerror(errno));
	ASSERT_EQ(0, t_send_fd(self->chan, sent));
	EXPECT_LE(0, t_recv_fd(self->chan));
}

TEST_F(travel, both_ends_of_a_pipe)
{
	int sent[2], got[2];
	struct hsk_msghdr msg;
	char c;

	ASSERT_EQ(0, pipe(sent));
	ASSERT_EQ(0, t_send_full(self->chan, NULL, 0, sent, 2, 0, 0));
	close(sent[0]);
	close(sent[1]);
	ASSERT_EQ(0, t_recv_full(self->chan, NULL, 0, got, 2, 0, 0, &msg));
	ASSERT_EQ(2, msg.nr_fds);
	ASSERT_EQ(1, write(got[1], "p", 1));
	ASSERT_EQ(1, read(got[0], &c, 1));
	close(got[1]);
	EXPECT_EQ(0, read(got[0], &c, 1));
}

TEST_F(travel, a_named_pipe)
{
	char name[64];
	int sent, got;

	snprintf(name, sizeof(name), "/tmp/hsk-fifo-%d", getpid());
	ASSERT_EQ(0, mkfifo(name, 0600));
	sent = open(name, O_RDWR);
	unlink(name);
	ASSERT_LE(0, sent);
	ASSERT_EQ(0, t_send_fd(self->chan, sent));
	got = t_recv_fd(self->chan);
	EXPECT_LE(0, got);
}

TEST_F(travel, all_arrive_close_on_exec)
{
	int sent[4] = { t_open(), make_file(), make_memfd() }, got[4];
	struct hsk_msghdr msg;
	int p[2], i;

	ASSERT_EQ(0, pipe(p));
	sent[3] = p[0];
	/* Whatever the sender's own have. */
	ASSERT_EQ(0, fcntl(sent[0], F_SETFD, 0));
	ASSERT_EQ(0, t_send_full(self->chan, NULL, 0, sent, 4, 0, 0));
	ASSERT_EQ(0, t_recv_full(self->chan, NULL, 0, got, 4, 0, 0, &msg));
	ASSERT_EQ(4, msg.nr_fds);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(FD_CLOEXEC, fcntl(got[i], F_GETFD));
}

TEST_F(travel, as_many_as_max_fds_arrive_in_order_and_one_more_does_not)
{
	long max = t_param("max_fds");
	int sent[256], got[256], i;
	struct hsk_msghdr msg;
	char c;

	ASSERT_LT(0, max);
	ASSERT_GT(254, max);
	ASSERT_EQ(0, t_raise_nofile(1024));
	for (i = 0; i <= max; i++) {
		sent[i] = make_memfd();
		ASSERT_LE(0, sent[i]);
		c = i;
		ASSERT_EQ(1, pwrite(sent[i], &c, 1, 0));
	}
	EXPECT_EQ(-EMSGSIZE,
		  t_send_full(self->chan, NULL, 0, sent, max + 1, 0, 0));
	ASSERT_EQ(0, t_send_full(self->chan, NULL, 0, sent, max, 0, 0));
	ASSERT_EQ(0, t_recv_full(self->chan, NULL, 0, got, 256, 0, 0, &msg));
	ASSERT_EQ(max, msg.nr_fds);
	for (i = 0; i < max; i++) {
		ASSERT_EQ(1, pread(got[i], &c, 1, 0));
		EXPECT_EQ((char)i, c);
	}
}

TEST_F(travel, the_same_descriptor_twice_arrives_twice)
{
	int file = make_memfd(), got[2];
	int sent[2] = { file, file };
	struct hsk_msghdr msg;
	char text[2];

	ASSERT_EQ(0, t_send_full(self->chan, "ab", 2, sent, 2, 0, 0));
	/* The room that is needed is told for both at once. */
	EXPECT_EQ(-EMSGSIZE, t_recv_full(self->chan, text, 1, got, 1, 0, 0,
					 &msg));
	EXPECT_EQ(2, msg.len);
	EXPECT_EQ(2, msg.nr_fds);
	ASSERT_EQ(0, t_recv_full(self->chan, text, 2, got, 2, 0, 0, &msg));
	EXPECT_NE(got[0], got[1]);
	EXPECT_EQ(0, is_shared_file(got[0], got[1]));
}

TEST_F(travel, a_receive_that_fails_gives_back_the_numbers_it_took)
{
	int sent[2] = { make_memfd(), make_memfd() }, got[2];
	int free_fd = dup(self->chan);
	char text[2];

	close(free_fd);
	ASSERT_EQ(0, t_send_full(self->chan, "ab", 2, sent, 2, 0, 0));
	EXPECT_EQ(-EFAULT, t_recv_full(self->chan, t_bad_address(), 2, got, 2,
				       0, 0, NULL));
	EXPECT_EQ(-EFAULT, t_recv_full(self->chan, text, 2, t_bad_address(), 2,
				       0, 0, NULL));
	ASSERT_EQ(0, t_recv_full(self->chan, text, 2, got, 2, 0, 0, NULL));
	EXPECT_EQ(free_fd, got[0]);
	EXPECT_EQ(free_fd + 1, got[1]);
}

TEST_F(travel, to_another_process_that_waits)
{
	int rendezvous = t_open(), p[2];
	pid_t pid = p_fork();
	char c;

	if (!pid) {
		int got = t_recv_fd(rendezvous);

		P_NEED(got >= 0);
		P_NEED(write(got, "w", 1) == 1);
		_exit(0);
	}
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, t_wait_receivers(rendezvous, 1));
	ASSERT_EQ(0, p_try_send_fd(rendezvous, p[1]));
	close(p[1]);
	EXPECT_EQ(1, read(p[0], &c, 1));
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_EQ(0, read(p[0], &c, 1));
}

/* --- what can't --------------------------------------------------------------- */

static int make_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int make_inet_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0);
}

static int make_eventfd(void)
{
	return eventfd(0, 0);
}

static int make_epoll(void)
{
	return epoll_create1(0);
}

static int make_timerfd(void)
{
	return timerfd_create(CLOCK_MONOTONIC, 0);
}

static int make_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	return signalfd(-1, &set, 0);
}

static int make_io_uring(void)
{
	struct io_uring_params params = { 0 };

	return syscall(SYS_io_uring_setup, 1, &params);
}

static int make_pidfd(void)
{
	return syscall(SYS_pidfd_open, getpid(), 0);
}

static int make_null(void)
{
	return open("/dev/null", O_RDWR);
}

static int make_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static int make_namespace(void)
{
	return open("/proc/self/ns/net", O_RDONLY);
}

static int make_inotify(void)
{
	return inotify_init1(0);
}

static int make_path(void)
{
	return open("/", O_PATH);
}

FIXTURE(refused) {
	int chan;
	int fd;
};

FIXTURE_VARIANT(refused) {
	int (*make)(void);
	int error;
};

FIXTURE_VARIANT_ADD(refused, unix_socket) {
	.make = make_unix_socket, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, inet_socket) {
	.make = make_inet_socket, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, eventfd) {
	.make = make_eventfd, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, epoll) {
	.make = make_epoll, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, timerfd) {
	.make = make_timerfd, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, signalfd) {
	.make = make_signalfd, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, io_uring) {
	.make = make_io_uring, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, pidfd) {
	.make = make_pidfd, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, null) {
	.make = make_null, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, directory) {
	.make = make_directory, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, namespace) {
	.make = make_namespace, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, inotify) {
	.make = make_inotify, .error = -EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, path) {
	.make = make_path, .error = -EBADF,
};

FIXTURE_SETUP(refused)
{
	self->chan = t_new(4);
	ASSERT_LE(0, self->chan);
	self->fd = variant->make();
	if (self->fd < 0 && errno != EMFILE)
		P_SKIP_SETUP("no such descriptor: %s", strerror(errno));
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(refused)
{
}

TEST_F(refused, alone)
{
	EXPECT_EQ(variant->error, p_try_send_fd(self->chan, self->fd));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
}

TEST_F(refused, behind_a_good_one_which_is_released)
{
	int p[2], sent[2];

	ASSERT_EQ(0, pipe(p));
	sent[0] = p[1];
	sent[1] = self->fd;
	EXPECT_EQ(variant->error, t_send_full(self->chan, NULL, 0, sent, 2,
					      HSK_OP_F_DONTWAIT, 0));
	close(p[1]);
	EXPECT_TRUE(p_pipe_alone(p[0]));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
}

TEST_F(refused, although_a_receiver_waits)
{
	int chan = t_open();
	struct p_op op;

	ASSERT_EQ(0, p_recv_start(&op, chan));
	ASSERT_EQ(0, t_wait_receivers(chan, 1));
	EXPECT_EQ(variant->error, t_send_fd(chan, self->fd));
	EXPECT_TRUE(p_op_still_blocked(&op));
	EXPECT_EQ(0, t_close(chan, 0));
	EXPECT_EQ(0, p_op_join(&op));
}

TEST(a_descriptor_that_is_not_open_is_ebadf)
{
	int chan = t_new(1), p[2], sent[3];

	EXPECT_EQ(-EBADF, t_send_fd(chan, -1));
	EXPECT_EQ(-EBADF, t_send_fd(chan, 900));
	EXPECT_EQ(-EBADF, t_send_fd(chan, INT32_MAX));
	ASSERT_EQ(0, pipe(p));
	sent[0] = p[1];
	sent[1] = -1;
	sent[2] = p[1];
	EXPECT_EQ(-EBADF, t_send_full(chan, NULL, 0, sent, 3, 0, 0));
	close(p[1]);
	EXPECT_TRUE(p_pipe_alone(p[0]));
	EXPECT_TRUE(t_counters(chan, 0, 0, 0, 0));
}

TEST(of_several_bad_descriptors_one_error_wins)
{
	int chan = t_new(1), event = make_eventfd(), file = make_memfd();
	int *edge = (int *)t_edge();
	int fds[3] = { event, -1, file };

	EXPECT_EQ(-EBADF, t_send_full(chan, NULL, 0, fds, 3, 0, 0));
	fds[0] = -1;
	fds[1] = event;
	EXPECT_EQ(-EBADF, t_send_full(chan, NULL, 0, fds, 3, 0, 0));
	/* An array that can't be read comes first. */
	edge[-2] = -1;
	edge[-1] = event;
	EXPECT_EQ(-EFAULT, t_send_full(chan, NULL, 0, edge - 2, 3, 0, 0));
	EXPECT_EQ(-EBADF, t_send_full(chan, NULL, 0, edge - 2, 2, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, t_send_full(chan, NULL, 0, edge - 1, 1, 0, 0));
	EXPECT_TRUE(t_counters(chan, 0, 0, 0, 0));
}

HSK_TEST_MAIN
