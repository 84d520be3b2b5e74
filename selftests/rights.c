// SPDX-License-Identifier: GPL-2.0-only
/*
 * Law 8: rights never grow, by no route; and each right allows exactly the
 * operations that the contract names.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"
#include "peer.h"

FIXTURE(right) {
	int full;		/* an endpoint with both rights */
	int fd;			/* the one under test */
};

FIXTURE_VARIANT(right) {
	unsigned int rights;
};

FIXTURE_VARIANT_ADD(right, read) { .rights = HSK_RIGHT_READ };
FIXTURE_VARIANT_ADD(right, write) { .rights = HSK_RIGHT_WRITE };
FIXTURE_VARIANT_ADD(right, both) { .rights = T_BOTH };

FIXTURE_SETUP(right)
{
	self->full = t_new(4);
	ASSERT_LE(0, self->full);
	self->fd = t_dup(self->full, variant->rights);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(right)
{
}

/* What the endpoint can do, tried and not asked. */
static int tried_rights(int fd, int full)
{
	int rights = 0;
	char c;

	T_NEED_EQ(0, t_send(full, "m", 1));
	if (p_try_recv(fd, &c, 1) == 1)
		rights |= HSK_RIGHT_READ;
	else
		T_NEED_EQ(1, p_try_recv(full, &c, 1));
	if (!p_try_send(fd, "m", 1)) {
		rights |= HSK_RIGHT_WRITE;
		T_NEED_EQ(1, p_try_recv(full, &c, 1));
	}
	return rights;
}

TEST_F(right, info_tells_it)
{
	EXPECT_EQ(variant->rights, p_info(self->fd).rights);
	EXPECT_EQ(variant->rights, tried_rights(self->fd, self->full));
	EXPECT_EQ(T_BOTH, p_info(self->full).rights);
}

TEST_F(right, send_needs_write)
{
	int want = variant->rights & HSK_RIGHT_WRITE ? 0 : -EBADF;

	EXPECT_EQ(want, t_send(self->fd, "m", 1));
	EXPECT_EQ(want, p_try_send(self->fd, "m", 1));
	EXPECT_EQ(want, t_send_deadline(self->fd, "m", 1, t_in_ms(1000)));
	EXPECT_EQ(want ? 0 : 3, p_info(self->full).sent);
}

TEST_F(right, receive_needs_read)
{
	int want = variant->rights & HSK_RIGHT_READ ? 1 : -EBADF;
	char c;

	ASSERT_EQ(0, t_send(self->full, "a", 1));
	ASSERT_EQ(0, t_send(self->full, "b", 1));
	EXPECT_EQ(want, p_recv(self->fd, &c, 1));
	EXPECT_EQ(want, p_try_recv(self->fd, &c, 1));
	EXPECT_EQ(want > 0 ? 2 : 0, p_info(self->full).received);
}

TEST_F(right, receive_needs_read_on_a_closed_channel_too)
{
	int want = variant->rights & HSK_RIGHT_READ ? -EPIPE : -EBADF;
	char c;

	ASSERT_EQ(0, t_close(self->full, 0));
	EXPECT_EQ(want, p_recv(self->fd, &c, 1));
}

TEST_F(right, send_without_write_is_ebadf_on_a_closed_channel_too)
{
	int want = variant->rights & HSK_RIGHT_WRITE ? -EPIPE : -EBADF;

	ASSERT_EQ(0, t_close(self->full, 0));
	EXPECT_EQ(want, t_send(self->fd, "m", 1));
	EXPECT_EQ(want, t_close(self->fd, 0));
}

TEST_F(right, close_needs_write)
{
	int want = variant->rights & HSK_RIGHT_WRITE ? 0 : -EBADF;

	EXPECT_EQ(want, t_close(self->fd, 3));
	EXPECT_EQ(want ? 0 : HSK_STATE_CLOSED, p_info(self->full).state);
}

TEST_F(right, read_and_write_need_theirs)
{
	bool can_read = variant->rights & HSK_RIGHT_READ;
	bool can_write = variant->rights & HSK_RIGHT_WRITE;
	struct iovec iov;
	char c;

	iov.iov_base = &c;
	iov.iov_len = 1;
	ASSERT_EQ(0, t_send(self->full, "a", 1));
	ASSERT_EQ(0, t_send(self->full, "b", 1));
	EXPECT_EQ(can_read ? 1 : -EBADF, p_errno(read(self->fd, &c, 1)));
	EXPECT_EQ(can_read ? 1 : -EBADF, p_errno(readv(self->fd, &iov, 1)));
	EXPECT_EQ(can_write ? 1 : -EBADF, p_errno(write(self->fd, "m", 1)));
	EXPECT_EQ(can_write ? 1 : -EBADF, p_errno(writev(self->fd, &iov, 1)));
}

TEST_F(right, dup_gives_the_same_or_fewer)
{
	unsigned int asked;
	int fd, want;

	for (asked = HSK_RIGHT_READ; asked <= T_BOTH; asked++) {
		fd = t_dup(self->fd, asked);
		want = asked & ~variant->rights ? -EPERM : 0;
		EXPECT_EQ(want, fd < 0 ? fd : 0);
		if (fd < 0)
			continue;
		EXPECT_EQ(asked, p_info(fd).rights);
		EXPECT_EQ(asked, tried_rights(fd, self->full));
		close(fd);
	}
}

TEST_F(right, anyone_may_ask_for_info_and_a_new_channel)
{
	struct hsk_abi_args abi;
	int fd;

	EXPECT_EQ(p_info(self->full).id, p_info(self->fd).id);
	EXPECT_EQ(0, t_abi(self->fd, &abi));
	fd = t_chan_new(self->fd, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(T_BOTH, p_info(fd).rights);
	EXPECT_NE(p_info(self->fd).id, p_info(fd).id);
}

/* --- routes by which they might grow ------------------------------------------- */

/* Opens /proc/self/fd/@fd with @flags; the rights by trial, or -1: no way. */
static int reopened_rights(int fd, int full, int flags)
{
	char path[64];
	int again, rights;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NONBLOCK);
	if (again < 0)
		return -1;
	/* Where it is a channel at all, it must not be more of this one. */
	rights = p_info(again).id == p_info(full).id ?
		 tried_rights(again, full) : 0;
	close(again);
	return rights;
}

TEST_F(right, opening_it_again_through_proc_gives_no_more)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	unsigned int i;
	int rights;

	for (i = 0; i < 3; i++) {
		rights = reopened_rights(self->fd, self->full, modes[i]);
		if (rights >= 0)
			EXPECT_EQ(0, rights & ~variant->rights);
	}
}

TEST_F(right, dup2_and_fcntl_give_the_same)
{
	int a = dup(self->fd), b = dup2(self->fd, 100);
	int c = fcntl(self->fd, F_DUPFD_CLOEXEC, 0);

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_LE(0, c);
	EXPECT_EQ(variant->rights, tried_rights(a, self->full));
	EXPECT_EQ(variant->rights, tried_rights(b, self->full));
	EXPECT_EQ(variant->rights, tried_rights(c, self->full));
	/* One endpoint with four descriptors. */
	EXPECT_EQ(!!(variant->rights & HSK_RIGHT_READ) + 1,
		  p_info(self->full).read_endpoints);
}

TEST_F(right, the_access_mode_cannot_be_set_by_fcntl)
{
	int flags = fcntl(self->fd, F_GETFL);

	ASSERT_LE(0, flags);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR | O_NONBLOCK));
	EXPECT_EQ(flags & O_ACCMODE, fcntl(self->fd, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(variant->rights, tried_rights(self->fd, self->full));
}

TEST_F(right, passing_it_in_a_message_gives_the_same)
{
	int carrier = t_new(1), got;

	ASSERT_EQ(0, t_send_fd(carrier, self->fd));
	got = t_recv_fd(carrier);
	ASSERT_LE(0, got);
	EXPECT_EQ(variant->rights, p_info(got).rights);
	EXPECT_EQ(variant->rights, tried_rights(got, self->full));
	EXPECT_EQ(fcntl(self->fd, F_GETFL) & O_ACCMODE,
		  fcntl(got, F_GETFL) & O_ACCMODE);
}

TEST_F(right, passing_it_to_another_process_gives_the_same)
{
	int carrier = t_open();
	pid_t pid = p_fork();

	if (!pid) {
		int got = t_recv_fd(carrier);

		P_NEED(got >= 0);
		P_NEED(reopened_rights(got, self->full, O_RDWR) <= 0 ||
		       variant->rights == T_BOTH);
		_exit(tried_rights(got, self->full));
	}
	ASSERT_EQ(0, t_send_fd(carrier, self->fd));
	EXPECT_EQ(variant->rights, t_wait(pid));
}

static int over_unix_socket(int fd)
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
	int pair[2], got;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return -errno;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	if (sendmsg(pair[0], &msg, 0) != 1 || recvmsg(pair[1], &msg, 0) != 1)
		return -errno;
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	close(pair[0]);
	close(pair[1]);
	return got;
}

TEST_F(right, passing_it_over_a_unix_socket_gives_the_same)
{
	int got = over_unix_socket(self->fd);

	ASSERT_LE(0, got);
	EXPECT_EQ(variant->rights, tried_rights(got, self->full));
}

TEST_F(right, pidfd_getfd_gives_the_same)
{
	int self_pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	int got = syscall(SYS_pidfd_getfd, self_pidfd, self->fd, 0);

	if (got < 0)
		SKIP(return, "no pidfd_getfd: %s", strerror(errno));
	EXPECT_EQ(variant->rights, tried_rights(got, self->full));
}

TEST(opening_the_first_endpoint_again_gives_another_channel_or_none)
{
	int first = t_open(), again;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", first);
	again = open(path, O_RDWR);
	if (again >= 0)
		EXPECT_NE(p_info(first).id, p_info(again).id);
}

TEST(the_device_opens_for_both_and_nothing_less)
{
	EXPECT_EQ(-EINVAL, p_errno(open(HSK_DEVICE, O_RDONLY)));
	EXPECT_EQ(-EINVAL, p_errno(open(HSK_DEVICE, O_WRONLY)));
	EXPECT_LE(0, t_open());
}

TEST(every_open_is_a_new_channel)
{
	int a = t_open(), b = t_open();

	EXPECT_NE(p_info(a).id, p_info(b).id);
	EXPECT_EQ(1, p_info(a).read_endpoints);
}

HSK_TEST_MAIN
