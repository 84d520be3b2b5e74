// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every operation beside every other, on the same two channels, in processes and in
 * threads: what a kernel that looks for data races needs to see them, and the
 * counters must be exact in the end.
 *
 * HSK_SEED=n repeats a run's choices, though not the scheduler's.
 */
#include <poll.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "hsk_test.h"

#define PARTIES	4
#define ROUNDS	1500

struct total {
	unsigned int sent;
	unsigned int received;
};

static struct total *totals;	/* one for each channel, shared */
static int chans[2];
static unsigned int seed;

static int put(int which, int (*fn)(int fd, __u64 value), int fd)
{
	int ret = fn(fd, which);

	if (!ret)
		__atomic_add_fetch(&totals[which].sent, 1, __ATOMIC_RELAXED);
	return ret == -EAGAIN || ret == -ETIMEDOUT ? 0 : ret;
}

static int get(int which, int (*fn)(int fd, __u64 *value), int fd)
{
	__u64 value = ~0ULL;
	int ret = fn(fd, &value);

	if (ret != 1)
		return ret == -EAGAIN || ret == -ETIMEDOUT ? 0 : -1;
	__atomic_add_fetch(&totals[which].received, 1, __ATOMIC_RELAXED);
	return value == which ? 0 : -1;
}

static int put_for_a_while(int fd, __u64 value)
{
	return t_send_deadline(fd, &value, sizeof(value), t_in_ms(1));
}

static int get_for_a_while(int fd, __u64 *value)
{
	int ret = t_recv_deadline(fd, value, sizeof(*value), t_in_ms(1), NULL);

	return ret ? ret : 1;
}

static int look(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN | POLLOUT };
	struct hsk_info_args info;

	if (poll(&polled, 1, 0) < 0 || polled.revents & (POLLERR | POLLHUP))
		return -1;
	return t_info(fd, &info) || info.state & HSK_STATE_CLOSED ? -1 : 0;
}

static int come_and_go(int fd)
{
	int copy = t_dup(fd, HSK_RIGHT_READ);

	return copy < 0 ? copy : close(copy);
}

static int round_of(int which, unsigned int choice)
{
	int fd = chans[which];

	switch (choice) {
	case 0:
		return put(which, t_try_put, fd);
	case 1:
		return get(which, t_try_get, fd);
	case 2:
		return put(which, put_for_a_while, fd);
	case 3:
		return get(which, get_for_a_while, fd);
	case 4:
		return look(fd);
	default:
		return come_and_go(fd);
	}
}

static int party(void *arg)
{
	unsigned int random = seed + (uintptr_t)arg, i, rounds = t_fewer(ROUNDS);

	for (i = 0; i < rounds; i++)
		T_NEED_EQ(0, round_of(rand_r(&random) % 2, rand_r(&random) % 6));
	return 0;
}

FIXTURE(races) {
};

FIXTURE_VARIANT(races) {
	enum t_mode mode;
};

FIXTURE_VARIANT_ADD(races, processes) { .mode = T_PROCESS };
FIXTURE_VARIANT_ADD(races, threads) { .mode = T_THREAD };

FIXTURE_SETUP(races)
{
	totals = t_shared(2 * sizeof(*totals));
	chans[0] = t_new(0);
	chans[1] = t_new(3);
	seed = t_seed();
}

FIXTURE_TEARDOWN(races)
{
	close(chans[0]);
	close(chans[1]);
}

TEST_F_TIMEOUT(races, every_operation_beside_every_other_keeps_the_counters_exact, 60)
{
	struct t_crew crew = { .mode = variant->mode };
	struct hsk_info_args info;
	uintptr_t i;

	for (i = 0; i < PARTIES; i++)
		t_crew_add(&crew, party, (void *)i);
	ASSERT_TRUE(t_crew_join(&crew));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, t_info(chans[i], &info));
		EXPECT_EQ(totals[i].sent, info.sent);
		EXPECT_EQ(totals[i].received, info.received);
		EXPECT_EQ(totals[i].sent, info.received + info.buffered);
		EXPECT_EQ(0, info.waiting_senders + info.waiting_receivers);
		EXPECT_EQ(1, info.read_endpoints);
		EXPECT_LT(0, totals[i].received);
	}
}

HSK_TEST_MAIN
