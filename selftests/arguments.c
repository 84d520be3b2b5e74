// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalid input to open, CLOSE, DUP, CHAN_NEW, INFO and ABI: every fault has
 * its one errno and no effect. arguments_send.c and arguments_recv.c do the
 * same for the operations that take a message.
 */
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_test.h"

TEST(open_wants_both_access_modes)
{
	EXPECT_EQ(-1, open(HSK_DEVICE, O_RDONLY));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, open(HSK_DEVICE, O_WRONLY));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, open(HSK_DEVICE, O_RDONLY | O_NONBLOCK));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_LE(0, open(HSK_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC));
}

TEST(close_with_reason_below_the_errnos_is_einval)
{
	int fd = t_new(1);

	EXPECT_EQ(-EINVAL, t_close(fd, -4096));
	EXPECT_EQ(-EINVAL, t_close(fd, INT_MIN));
	EXPECT_EQ(0, t_send_flags(fd, "", 0, HSK_OP_F_DONTWAIT));
	EXPECT_EQ(0, t_close(fd, -4095));
}

TEST(close_without_write_right_is_ebadf)
{
	int fd = t_new(1);
	int reader = t_dup(fd, HSK_RIGHT_READ);

	EXPECT_EQ(-EBADF, t_close(reader, 0));
	EXPECT_EQ(0, t_send_flags(fd, "", 0, HSK_OP_F_DONTWAIT));
	/* EINVAL before EBADF before EPIPE. */
	EXPECT_EQ(-EINVAL, t_close(reader, -4096));
	EXPECT_EQ(0, t_close(fd, 0));
	EXPECT_EQ(-EBADF, t_close(reader, 0));
	EXPECT_EQ(-EINVAL, t_close(fd, -4096));
	EXPECT_EQ(-EPIPE, t_close(fd, 0));
}

TEST(dup_with_no_or_unknown_right_is_einval)
{
	int fd = t_new(0);
	int nr_fds = t_count_fds();
	int bit;

	EXPECT_EQ(-EINVAL, t_dup(fd, 0));
	for (bit = 2; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, t_dup(fd, 1U << bit));
		EXPECT_EQ(-EINVAL, t_dup(fd, 1U << bit | T_BOTH));
	}
	EXPECT_EQ(nr_fds, t_count_fds());
}

TEST(dup_of_a_right_that_is_lacking_is_eperm)
{
	int fd = t_new(0);
	int reader = t_dup(fd, HSK_RIGHT_READ);
	int writer = t_dup(fd, HSK_RIGHT_WRITE);
	int nr_fds = t_count_fds();

	EXPECT_EQ(-EPERM, t_dup(reader, HSK_RIGHT_WRITE));
	EXPECT_EQ(-EPERM, t_dup(reader, T_BOTH));
	EXPECT_EQ(-EPERM, t_dup(writer, HSK_RIGHT_READ));
	EXPECT_EQ(-EPERM, t_dup(writer, T_BOTH));
	EXPECT_EQ(-EINVAL, t_dup(reader, HSK_RIGHT_WRITE | 4));
	EXPECT_EQ(nr_fds, t_count_fds());
}

TEST(dup_without_free_descriptor_is_emfile)
{
	struct hsk_info_args before, after;
	int fd = t_new(0);
	int reader = t_dup(fd, HSK_RIGHT_READ);

	ASSERT_EQ(0, t_info(fd, &before));
	ASSERT_EQ(0, t_exhaust_fds());
	EXPECT_EQ(-EMFILE, t_dup(fd, T_BOTH));
	EXPECT_EQ(-EPERM, t_dup(reader, T_BOTH));
	EXPECT_EQ(-EINVAL, t_dup(reader, 0));
	ASSERT_EQ(0, t_info(fd, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	ASSERT_EQ(0, t_allow_fds());
	EXPECT_LE(0, t_dup(fd, T_BOTH));
}

TEST(new_channel_with_unknown_flag_or_a_parent_without_its_flag_is_einval)
{
	struct hsk_chan_new_args args = { .size = sizeof(args) };
	int fd = t_new(0);
	int nr_fds = t_count_fds();
	int bit;

	for (bit = 0; bit < 32; bit++) {
		args.flags = 1U << bit & ~HSK_CHAN_F_PARENT;
		args.parent = 0;
		if (args.flags)
			EXPECT_EQ(-EINVAL, t_ioctl(fd, HSK_IOC_CHAN_NEW, &args));
		args.parent = 1U << bit;
		args.flags = 0;
		EXPECT_EQ(-EINVAL, t_ioctl(fd, HSK_IOC_CHAN_NEW, &args));
	}
	EXPECT_EQ(nr_fds, t_count_fds());
}

TEST(new_channel_above_max_capacity_is_einval)
{
	long max = t_param("max_capacity");
	int fd = t_new(0);
	int nr_fds = t_count_fds();

	ASSERT_GE(max, 0);
	EXPECT_EQ(-EINVAL, t_chan_new(fd, max + 1));
	EXPECT_EQ(-EINVAL, t_chan_new(fd, UINT32_MAX));
	EXPECT_EQ(nr_fds, t_count_fds());
	EXPECT_LE(0, t_chan_new(fd, max));
}

TEST(new_channel_without_free_descriptor_is_emfile)
{
	long max = t_param("max_capacity");
	int fd = t_new(0);

	ASSERT_EQ(0, t_exhaust_fds());
	EXPECT_EQ(-EMFILE, t_chan_new(fd, 1));
	EXPECT_EQ(-EMFILE, t_open());
	EXPECT_EQ(-EINVAL, t_chan_new(fd, max + 1));
	ASSERT_EQ(0, t_allow_fds());
	EXPECT_LE(0, t_chan_new(fd, 1));
}

TEST(info_with_reserved_member_set_is_einval)
{
	struct hsk_info_args info, before;
	int fd = t_new(0);

	t_fill(&info, sizeof(info));
	info.size = sizeof(info);
	info.__reserved0 = 1;
	before = info;
	EXPECT_EQ(-EINVAL, t_ioctl(fd, HSK_IOC_INFO, &info));
	EXPECT_EQ(0, memcmp(&before, &info, sizeof(info)));
}

TEST(info_and_abi_into_read_only_memory_are_efault)
{
	struct hsk_info_args info = { .size = sizeof(info) };
	struct hsk_abi_args abi = { .size = sizeof(abi) };
	unsigned char *page = t_edge() - 4096;
	int fd = t_new(0);

	memcpy(page, &info, sizeof(info));
	memcpy(page + 2048, &abi, sizeof(abi));
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, t_ioctl(fd, HSK_IOC_INFO, page));
	EXPECT_EQ(-EFAULT, t_ioctl(fd, HSK_IOC_ABI, page + 2048));
}

TEST(arguments_that_are_only_read_may_be_read_only)
{
	static const struct hsk_chan_new_args chan_new = {
		.size = sizeof(chan_new),
	};
	static const struct hsk_dup_args dup_args = {
		.size = sizeof(dup_args), .rights = HSK_RIGHT_READ,
	};
	static const struct hsk_close_args close_args = {
		.size = sizeof(close_args),
	};
	unsigned char *page = t_edge() - 4096;
	struct hsk_send_args send = {
		.size = sizeof(send),
		.flags = HSK_OP_F_DONTWAIT,
	};
	int fd = t_new(1);

	memcpy(page, &send, sizeof(send));
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(0, t_ioctl(fd, HSK_IOC_SEND, page));
	EXPECT_LE(0, t_ioctl(fd, HSK_IOC_CHAN_NEW, (void *)&chan_new));
	EXPECT_LE(0, t_ioctl(fd, HSK_IOC_DUP, (void *)&dup_args));
	EXPECT_EQ(0, t_ioctl(fd, HSK_IOC_CLOSE, (void *)&close_args));
}

HSK_TEST_MAIN
