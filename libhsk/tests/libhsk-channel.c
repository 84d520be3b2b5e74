// SPDX-License-Identifier: LGPL-2.1-or-later
/* Channels and endpoints through the library: make, duplicate, close, look at. */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <hsk.h>

#include "tap.h"

static int is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

static struct hsk_info info_of(int ep)
{
	struct hsk_info info;

	memset(&info, 0xa5, sizeof(info));
	EXPECT_EQ(0, hsk_info(ep, &info));
	return info;
}

/* How many descriptors are open below 64: nothing may be left behind. */
static int open_descriptors(void)
{
	int count = 0;
	int fd;

	for (fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void new_channel_has_its_capacity_and_both_rights(void)
{
	static const unsigned int capacities[] = { 0, 1, 1000 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		int ep = hsk_chan_new(capacities[i]);
		struct hsk_info info = info_of(ep);

		EXPECT(ep >= 0);
		EXPECT(is_cloexec(ep));
		EXPECT_EQ(capacities[i], info.capacity);
		EXPECT_EQ(HSK_RIGHT_READ | HSK_RIGHT_WRITE, info.rights);
		EXPECT_EQ(1, info.read_endpoints);
		EXPECT_EQ(1, info.write_endpoints);
	}
}

static void new_leaves_no_other_descriptor_behind(void)
{
	int before = open_descriptors();
	int ends[2];

	EXPECT(hsk_chan_new(0) >= 0);
	EXPECT(hsk_chan_new(5) >= 0);
	EXPECT_EQ(0, hsk_chan_pair(ends, 5));
	EXPECT_EQ(before + 4, open_descriptors());
	EXPECT_EQ(-EINVAL, hsk_chan_new(0xffffffffU));
	EXPECT_EQ(-EINVAL, hsk_chan_pair(ends, 0xffffffffU));
	EXPECT_EQ(before + 4, open_descriptors());
}

static void new_from_makes_an_unrelated_channel(void)
{
	int ep = hsk_chan_new(0);
	int other = hsk_chan_new_from(ep, 7);

	EXPECT(other >= 0);
	EXPECT(is_cloexec(other));
	EXPECT(info_of(ep).id != info_of(other).id);
	EXPECT_EQ(7, info_of(other).capacity);
	EXPECT_EQ(-EINVAL, hsk_chan_new_from(ep, 0xffffffffU));
	EXPECT_EQ(0, hsk_close(ep, 0));
	EXPECT_EQ(0, info_of(other).closed);
}

static void new_needs_only_an_endpoint_of_any_rights(void)
{
	int ends[2];

	EXPECT_EQ(0, hsk_chan_pair(ends, 0));
	EXPECT(hsk_chan_new_from(ends[0], 0) >= 0);
	EXPECT(hsk_chan_new_from(ends[1], 0) >= 0);
}

static void pair_gives_one_reader_and_one_writer(void)
{
	int ends[2] = { -5, -5 };
	char byte = 'x';

	EXPECT_EQ(0, hsk_chan_pair(ends, 1));
	EXPECT(is_cloexec(ends[0]));
	EXPECT(is_cloexec(ends[1]));
	EXPECT_EQ(HSK_RIGHT_READ, info_of(ends[0]).rights);
	EXPECT_EQ(HSK_RIGHT_WRITE, info_of(ends[1]).rights);
	EXPECT_EQ(info_of(ends[0]).id, info_of(ends[1]).id);
	EXPECT_EQ(1, info_of(ends[0]).read_endpoints);
	EXPECT_EQ(1, info_of(ends[0]).write_endpoints);
	EXPECT_EQ(-EBADF, hsk_try_send(ends[0], &byte, 1));
	EXPECT_EQ(-EBADF, hsk_try_recv(ends[1], &byte, 1, NULL));
	EXPECT_EQ(-EBADF, hsk_close(ends[0], 0));
}

static void pair_that_fails_keeps_the_array_and_no_descriptor(void)
{
	int limit;
	int used = open_descriptors();

	/* Room for none, one and two of the three descriptors that it takes. */
	for (limit = used; limit < used + 3; limit++) {
		struct rlimit few = { (rlim_t)limit, 64 };
		int ends[2] = { -5, -5 };

		EXPECT_EQ(0, prlimit(0, RLIMIT_NOFILE, &few, NULL));
		EXPECT_EQ(-EMFILE, hsk_chan_pair(ends, 0));
		EXPECT_EQ(-5, ends[0]);
		EXPECT_EQ(-5, ends[1]);
		EXPECT_EQ(used, open_descriptors());
		few.rlim_cur = 64;
		EXPECT_EQ(0, prlimit(0, RLIMIT_NOFILE, &few, NULL));
	}
}

static void dup_gives_fewer_rights_and_never_more(void)
{
	int ep = hsk_chan_new(0);
	int reader = hsk_dup(ep, HSK_RIGHT_READ);

	EXPECT(reader >= 0);
	EXPECT(is_cloexec(reader));
	EXPECT_EQ(HSK_RIGHT_READ, info_of(reader).rights);
	EXPECT_EQ(2, info_of(ep).read_endpoints);
	EXPECT_EQ(-EPERM, hsk_dup(reader, HSK_RIGHT_WRITE));
	EXPECT_EQ(-EPERM, hsk_dup(reader, HSK_RIGHT_READ | HSK_RIGHT_WRITE));
	EXPECT_EQ(-EINVAL, hsk_dup(ep, 0));
	EXPECT_EQ(-EINVAL, hsk_dup(ep, 4));
}

static void close_gives_its_reason_once(void)
{
	struct hsk_message msg;
	int ep = hsk_chan_new(1);
	char byte;

	EXPECT_EQ(-EINVAL, hsk_close(ep, -4096));
	EXPECT_EQ(0, hsk_close(ep, 42));
	EXPECT_EQ(-EPIPE, hsk_close(ep, 43));
	EXPECT_EQ(1, info_of(ep).closed);
	EXPECT_EQ(42, info_of(ep).reason);
	EXPECT_EQ(0, hsk_recv(ep, &byte, 1, &msg, NULL));
	EXPECT_EQ(42, msg.reason);
	EXPECT_EQ(-EPIPE, hsk_send(ep, "x", 1, NULL));
	EXPECT(fcntl(ep, F_GETFD) >= 0);
}

static void close_takes_every_reason_of_its_range(void)
{
	static const int reasons[6] = { 0, -1, -ECANCELED, -4095, 1, 0x7fffffff };
	unsigned int i;

	for (i = 0; i < 6; i++) {
		int ep = hsk_chan_new(0);

		EXPECT_EQ(0, hsk_close(ep, reasons[i]));
		EXPECT_EQ(reasons[i], info_of(ep).reason);
	}
}

static void info_counts_every_message(void)
{
	int ep = hsk_chan_new(3);
	struct hsk_info info;
	char byte;
	int i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, hsk_try_send(ep, "x", 1));
	EXPECT_EQ(1, hsk_try_recv(ep, &byte, 1, NULL));
	info = info_of(ep);
	EXPECT_EQ(3, info.sent);
	EXPECT_EQ(1, info.received);
	EXPECT_EQ(2, info.buffered);
	EXPECT_EQ(0, info.drained);
	EXPECT_EQ(0, info.reserved[0] | info.reserved[3]);
}

static void abi_tells_version_and_features(void)
{
	int ep = hsk_chan_new(0);
	uint64_t features = 0;

	EXPECT_EQ(HSK_ABI_VERSION, hsk_abi(ep, &features));
	EXPECT(features & HSK_FEATURE_CHANNELS);
	EXPECT_EQ(HSK_ABI_VERSION, hsk_abi(ep, NULL));
}

static void all_refuse_what_is_no_endpoint(void)
{
	struct hsk_info info;
	struct hsk_info before;
	int other = eventfd(0, EFD_CLOEXEC);
	char byte;

	memset(&info, 0xa5, sizeof(info));
	before = info;
	EXPECT_EQ(-ENOTTY, hsk_chan_new_from(other, 0));
	EXPECT_EQ(-ENOTTY, hsk_dup(other, HSK_RIGHT_READ));
	EXPECT_EQ(-ENOTTY, hsk_close(other, 0));
	EXPECT_EQ(-ENOTTY, hsk_info(other, &info));
	EXPECT_EQ(-ENOTTY, hsk_abi(other, NULL));
	EXPECT_EQ(-ENOTTY, hsk_try_send(other, "x", 1));
	EXPECT_EQ(-ENOTTY, hsk_try_recv(other, &byte, 1, NULL));
	EXPECT_EQ(-EBADF, hsk_info(-1, &info));
	EXPECT_EQ(-EBADF, hsk_send(-1, "x", 1, NULL));
	EXPECT(memcmp(&before, &info, sizeof(info)) == 0);
}

static const struct tap_test tests[] = {
	TAP_TEST(new_channel_has_its_capacity_and_both_rights),
	TAP_TEST(new_leaves_no_other_descriptor_behind),
	TAP_TEST(new_from_makes_an_unrelated_channel),
	TAP_TEST(new_needs_only_an_endpoint_of_any_rights),
	TAP_TEST(pair_gives_one_reader_and_one_writer),
	TAP_TEST(pair_that_fails_keeps_the_array_and_no_descriptor),
	TAP_TEST(dup_gives_fewer_rights_and_never_more),
	TAP_TEST(close_gives_its_reason_once),
	TAP_TEST(close_takes_every_reason_of_its_range),
	TAP_TEST(info_counts_every_message),
	TAP_TEST(abi_tells_version_and_features),
	TAP_TEST(all_refuse_what_is_no_endpoint),
};

int main(void)
{
	return TAP_RUN(tests);
}
