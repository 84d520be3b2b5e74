// SPDX-License-Identifier: GPL-2.0-only
/*
 * One channel and what it does for one who asks: making it, sending and
 * receiving without waiting, what INFO and fdinfo say. waiting.c is about those
 * who block, closing.c about the end.
 */
#include <fcntl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"

#define DONTWAIT	HSK_OP_F_DONTWAIT

TEST(open_makes_a_new_rendezvous_channel_every_time)
{
	struct hsk_info_args one, two;
	int a = t_open(), b = t_open();

	ASSERT_EQ(0, t_info(a, &one));
	ASSERT_EQ(0, t_info(b, &two));
	EXPECT_NE(one.id, two.id);
	EXPECT_EQ(0, one.capacity);
	EXPECT_EQ(0, two.capacity);
	EXPECT_EQ(0, t_close(a, 0));
	EXPECT_EQ(0, t_info(b, &two));
	EXPECT_EQ(0, two.state);
}

TEST(info_of_a_fresh_channel)
{
	struct hsk_info_args info;
	int fd = t_new(7);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, t_info(fd, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(T_BOTH, info.rights);
	EXPECT_NE(0, info.id);
	EXPECT_EQ(7, info.capacity);
	EXPECT_EQ(0, info.state);
	EXPECT_EQ(0, info.reason);
	EXPECT_EQ(0, info.waiting_senders);
	EXPECT_EQ(0, info.waiting_receivers);
	EXPECT_EQ(1, info.read_endpoints);
	EXPECT_EQ(1, info.write_endpoints);
	EXPECT_EQ(0, info.__reserved0);
	EXPECT_EQ(0, info.sent);
	EXPECT_EQ(0, info.received);
	EXPECT_EQ(0, info.buffered);
	EXPECT_EQ(0, info.drained);
}

TEST(channel_numbers_are_never_reused)
{
	struct hsk_info_args info;
	__u64 last = 0;
	int i, fd;

	for (i = 0; i < 200; i++) {
		fd = t_new(i % 2);
		ASSERT_EQ(0, t_info(fd, &info));
		ASSERT_GT(info.id, last);
		last = info.id;
		close(fd);
	}
}

TEST(new_channel_has_nothing_in_common_with_the_endpoint_used)
{
	struct hsk_info_args info;
	int first = t_open();
	int reader = t_dup(first, HSK_RIGHT_READ);
	int second = t_chan_new(reader, 3);

	/* Both rights, though the endpoint used had one. */
	ASSERT_EQ(0, t_info(second, &info));
	EXPECT_EQ(T_BOTH, info.rights);
	EXPECT_EQ(3, info.capacity);
	EXPECT_EQ(0, t_close(first, -ECANCELED));
	close(first);
	close(reader);
	ASSERT_EQ(0, t_info(second, &info));
	EXPECT_EQ(0, info.state);
	EXPECT_EQ(0, t_try_put(second, 1));
	EXPECT_EQ(1, info.read_endpoints);
}

TEST(new_channel_can_be_made_from_a_closed_one)
{
	int first = t_open(), second;

	EXPECT_EQ(0, t_close(first, 0));
	second = t_chan_new(first, 1);
	ASSERT_GE(second, 0);
	EXPECT_EQ(0, t_try_put(second, 1));
}

TEST(info_counts_live_endpoints_by_right)
{
	struct hsk_info_args info;
	int fd = t_open();
	int reader = t_dup(fd, HSK_RIGHT_READ);
	int writer = t_dup(fd, HSK_RIGHT_WRITE);
	int both = t_dup(fd, T_BOTH);
	int same = dup(fd);	/* another descriptor, not another endpoint */

	ASSERT_EQ(0, t_info(reader, &info));
	EXPECT_EQ(HSK_RIGHT_READ, info.rights);
	EXPECT_EQ(3, info.read_endpoints);
	EXPECT_EQ(3, info.write_endpoints);
	ASSERT_EQ(0, t_info(writer, &info));
	EXPECT_EQ(HSK_RIGHT_WRITE, info.rights);
	close(reader);
	close(both);
	close(fd);
	ASSERT_EQ(0, t_info(same, &info));
	EXPECT_EQ(1, info.read_endpoints);
	EXPECT_EQ(2, info.write_endpoints);
	close(writer);
	ASSERT_EQ(0, t_info(same, &info));
	EXPECT_EQ(1, info.write_endpoints);
}

TEST(descriptors_are_close_on_exec_and_blocking)
{
	int fd = open(HSK_DEVICE, O_RDWR | O_NONBLOCK);
	int made[2] = { t_chan_new(fd, 1), t_dup(fd, HSK_RIGHT_READ) };
	int i;

	for (i = 0; i < 2; i++) {
		EXPECT_EQ(FD_CLOEXEC, fcntl(made[i], F_GETFD));
		EXPECT_EQ(0, fcntl(made[i], F_GETFL) & O_NONBLOCK);
	}
	EXPECT_EQ(O_NONBLOCK, fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void fifo_of(struct __test_metadata *_metadata, unsigned int capacity)
{
	int fd = t_new(capacity);
	unsigned int round;
	__u64 i, v;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < capacity; i++)
			ASSERT_EQ(0, t_try_put(fd, i));
		ASSERT_EQ(-EAGAIN, t_try_put(fd, i));
		for (i = 0; i < capacity; i++) {
			ASSERT_EQ(1, t_try_get(fd, &v));
			ASSERT_EQ(i, v);
		}
		ASSERT_EQ(-EAGAIN, t_try_get(fd, &v));
	}
	EXPECT_TRUE(t_counters(fd, 3ULL * capacity, 3ULL * capacity, 0, 0));
}

TEST(buffer_is_a_fifo_of_exactly_its_capacity)
{
	fifo_of(_metadata, 1);
	fifo_of(_metadata, 2);
	fifo_of(_metadata, 10);
	fifo_of(_metadata, 1000);
}

TEST(bytes_arrive_intact_and_nothing_is_written_behind_them)
{
	static const size_t sizes[] = {
		0, 1, 7, 8, 63, 64, 65, 127, 255, 256, 1000, 2047, 2048, 4000,
		4095, 4096, 4097, 8192, 32768, 65535, 65536,
	};
	unsigned char *out = malloc(65536), *in = malloc(65536 + 32);
	int fd = t_new(ARRAY_SIZE(sizes));
	struct hsk_msghdr msg;
	unsigned int i;
	size_t k;

	for (k = 0; k < 65536; k++)
		out[k] = k * 31 + k / 251;
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		ASSERT_EQ(0, t_send_flags(fd, out + i, sizes[i] > 65500 ?
					  sizes[i] - i : sizes[i], DONTWAIT));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t len = sizes[i] > 65500 ? sizes[i] - i : sizes[i];

		t_fill(in, 65536 + 32);
		ASSERT_EQ(0, t_recv_flags(fd, in, 65536, DONTWAIT, &msg));
		EXPECT_EQ(len, msg.len);
		EXPECT_EQ(0, msg.flags);
		EXPECT_EQ(0, msg.nr_fds);
		EXPECT_EQ(0, msg.reason);
		EXPECT_EQ(0, memcmp(out + i, in, len));
		EXPECT_TRUE(t_untouched(in + len, 65536 + 32 - len))
			TH_LOG("%zu", len);
	}
}

TEST(message_may_fill_its_room_exactly)
{
	unsigned char *edge = t_edge();
	struct hsk_msghdr msg;
	int fd = t_new(1);

	ASSERT_EQ(0, t_send_flags(fd, "exact", 5, DONTWAIT));
	ASSERT_EQ(0, t_recv_flags(fd, edge - 5, 5, DONTWAIT, &msg));
	EXPECT_EQ(5, msg.len);
	EXPECT_EQ(0, memcmp(edge - 5, "exact", 5));
}

TEST(zero_length_message_is_a_message)
{
	struct hsk_msghdr msg;
	int fd = t_new(2);

	ASSERT_EQ(0, t_send_flags(fd, NULL, 0, DONTWAIT));
	EXPECT_TRUE(t_counters(fd, 1, 0, 1, 0));
	ASSERT_EQ(0, t_recv_flags(fd, NULL, 0, DONTWAIT, &msg));
	EXPECT_EQ(0, msg.flags);
	EXPECT_EQ(0, msg.len);
	EXPECT_EQ(getpid(), msg.pid);
	EXPECT_EQ(-EAGAIN, t_recv_flags(fd, NULL, 0, DONTWAIT, &msg));
}

static int send_as_somebody(void *p)
{
	int fd = *(int *)p;

	T_NEED(!setresgid(1234, 1235, 0));
	T_NEED(!setresuid(4321, 4322, 0));
	T_NEED_EQ(0, t_try_put(fd, getpid()));
	return 0;
}

TEST(receiver_learns_who_sent_by_pid_and_effective_ids)
{
	struct hsk_msghdr msg;
	int fd = t_new(1);
	__u64 pid;
	pid_t child;

	if (geteuid())
		SKIP(return, "needs root");
	child = t_fork(send_as_somebody, &fd);
	ASSERT_EQ(0, t_wait(child));
	ASSERT_EQ(0, t_recv(fd, &pid, sizeof(pid), &msg));
	EXPECT_EQ(child, pid);
	EXPECT_EQ(child, msg.pid);
	EXPECT_EQ(4322, msg.uid);
	EXPECT_EQ(1235, msg.gid);
}

TEST(dontwait_never_blocks)
{
	struct hsk_msghdr msg;
	int zero = t_new(0), one = t_new(1);
	__u64 v;

	EXPECT_EQ(-EAGAIN, t_try_put(zero, 1));
	EXPECT_EQ(-EAGAIN, t_try_get(zero, &v));
	EXPECT_EQ(-EAGAIN, t_try_get(one, &v));
	EXPECT_EQ(0, t_try_put(one, 1));
	EXPECT_EQ(-EAGAIN, t_try_put(one, 2));
	EXPECT_TRUE(t_counters(zero, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(one, 1, 0, 1, 0));
	/* With a deadline in the future too. */
	EXPECT_EQ(-EAGAIN, t_recv_full(zero, NULL, 0, NULL, 0, DONTWAIT,
				       t_in_ms(5000), &msg));
	EXPECT_EQ(-EAGAIN, t_send_full(zero, NULL, 0, NULL, 0, DONTWAIT,
				       t_in_ms(5000)));
}

TEST(nonblock_belongs_to_the_endpoint_that_has_it)
{
	int fd = open(HSK_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int blocking = t_dup(fd, T_BOTH);
	__u64 v;

	EXPECT_EQ(-EAGAIN, t_put(fd, 1));
	EXPECT_EQ(-EAGAIN, t_get(fd, &v));
	EXPECT_EQ(-ETIMEDOUT, t_recv_deadline(blocking, &v, 8, t_in_ms(20), NULL));
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	EXPECT_EQ(-ETIMEDOUT, t_recv_deadline(fd, &v, 8, t_in_ms(20), NULL));
	ASSERT_EQ(0, fcntl(blocking, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, t_get(blocking, &v));
}

static long long fdinfo_number(int fd, const char *key)
{
	char value[64];

	return t_fdinfo(fd, key, value, sizeof(value)) ? -999999
						       : atoll(value);
}

static void fdinfo_is_info(struct __test_metadata *_metadata, int fd)
{
	static const char * const rights[] = { "", "r", "w", "rw" };
	struct hsk_info_args info;
	char value[64] = "";

	ASSERT_EQ(0, t_info(fd, &info));
	EXPECT_EQ(info.id, fdinfo_number(fd, "hsk-channel"));
	EXPECT_EQ(info.capacity, fdinfo_number(fd, "hsk-capacity"));
	EXPECT_EQ(info.reason, fdinfo_number(fd, "hsk-reason"));
	EXPECT_EQ(info.waiting_senders, fdinfo_number(fd, "hsk-waiting-senders"));
	EXPECT_EQ(info.waiting_receivers,
		  fdinfo_number(fd, "hsk-waiting-receivers"));
	EXPECT_EQ(info.read_endpoints, fdinfo_number(fd, "hsk-read-endpoints"));
	EXPECT_EQ(info.write_endpoints, fdinfo_number(fd, "hsk-write-endpoints"));
	EXPECT_EQ(info.sent, fdinfo_number(fd, "hsk-sent"));
	EXPECT_EQ(info.received, fdinfo_number(fd, "hsk-received"));
	EXPECT_EQ(info.buffered, fdinfo_number(fd, "hsk-buffered"));
	EXPECT_EQ(info.drained, fdinfo_number(fd, "hsk-drained"));
	EXPECT_EQ(0, t_fdinfo(fd, "hsk-state", value, sizeof(value)));
	EXPECT_STREQ(info.state & HSK_STATE_CLOSED ? "closed" : "open", value);
	EXPECT_EQ(0, t_fdinfo(fd, "hsk-rights", value, sizeof(value)));
	EXPECT_STREQ(rights[info.rights & 3], value);
}

TEST(fdinfo_says_what_info_says)
{
	int fd = t_new(2);
	int reader = t_dup(fd, HSK_RIGHT_READ);
	int writer = t_dup(fd, HSK_RIGHT_WRITE);
	struct t_job *job;
	__u64 v;

	fdinfo_is_info(_metadata, fd);
	job = t_job_get_blocked(T_PROCESS, fd, 1);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(1, fdinfo_number(fd, "hsk-waiting-receivers"));
	fdinfo_is_info(_metadata, fd);
	ASSERT_EQ(0, t_put(fd, 1));
	ASSERT_TRUE(t_job_got(job, 1));
	ASSERT_EQ(0, t_put(fd, 2));
	ASSERT_EQ(0, t_put(fd, 3));
	job = t_job_put_blocked(T_PROCESS, fd, 4, 1);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(1, fdinfo_number(fd, "hsk-waiting-senders"));
	EXPECT_EQ(2, fdinfo_number(fd, "hsk-buffered"));
	fdinfo_is_info(_metadata, fd);
	ASSERT_EQ(1, t_get(fd, &v));
	/* Until it has ended it has these descriptors too. */
	ASSERT_EQ(0, t_job_end(job));
	ASSERT_EQ(0, t_close(fd, -ETIMEDOUT));
	EXPECT_EQ(-ETIMEDOUT, fdinfo_number(fd, "hsk-reason"));
	fdinfo_is_info(_metadata, fd);
	fdinfo_is_info(_metadata, reader);
	fdinfo_is_info(_metadata, writer);
	close(fd);
	close(reader);
	EXPECT_EQ(2, fdinfo_number(writer, "hsk-drained"));
	fdinfo_is_info(_metadata, writer);
}

HSK_TEST_MAIN
