// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: what stays true when many
 * parties work on them. Every message is accounted for one by one.
 */
#include <sched.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "conformance.h"

/* --- ken/chan: a sender and a receiver for each of many channels --- */

#define EACH	15	/* messages on each channel */

struct end {
	int fd;
	struct t_setting set;
	unsigned int capacity;
};

static int send_in_order(void *p)
{
	struct end *end = p;
	int i;

	for (i = 0; i < EACH; i++)
		T_NEED_EQ(0, t_put_by(end->set.send, end->fd, i));
	return 0;
}

static int receive_in_order(void *p)
{
	struct end *end = p;
	__u64 v;
	int i;

	for (i = 0; i < EACH; i++) {
		T_NEED_EQ(1, t_get_by(end->set.recv, end->fd, &v));
		T_NEED_EQ(i, v);
	}
	return 0;
}

TEST_F(go_few, ken_chan_direct_pairs_keep_order_and_totals)
{
	static const unsigned int counts[] = { 4, 8, 12 };
	static const unsigned int capacities[] = { 0, 1, 10, 100 };
	struct t_crew crew = { .mode = variant->set.mode };
	unsigned int c, k, i;
	struct end ends[12];

	for (c = 0; c < ARRAY_SIZE(counts); c++) {
		for (k = 0; k < ARRAY_SIZE(capacities); k++) {
			for (i = 0; i < counts[c]; i++) {
				ends[i].fd = t_new(capacities[k]);
				ends[i].set = variant->set;
				t_crew_add(&crew, send_in_order, &ends[i]);
				t_crew_add(&crew, receive_in_order, &ends[i]);
			}
			EXPECT_TRUE(t_crew_join(&crew));
			for (i = 0; i < counts[c]; i++) {
				EXPECT_TRUE(t_counters(ends[i].fd, EACH, EACH,
						       0, 0));
				close(ends[i].fd);
			}
		}
	}
}

/* --- many share one channel --- */

#define MAX_SHARED	2400

struct crowd {
	int fd, results;
	struct t_setting set;
	unsigned int nr_producers, each;
	unsigned int next_producer;		/* atomic */
	unsigned int taken[MAX_SHARED];		/* atomic: how often each */
};

static int produce(void *p)
{
	struct crowd *crowd = p;
	unsigned int me = __atomic_fetch_add(&crowd->next_producer, 1,
					     __ATOMIC_RELAXED);
	unsigned int i;

	for (i = 0; i < crowd->each; i++)
		T_NEED_EQ(0, t_put_by(crowd->set.send, crowd->fd,
				      me * crowd->each + i));
	return 0;
}

/* Until closed; of each producer what it takes is in order. */
static int consume(void *p)
{
	__s64 last[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };
	struct crowd *crowd = p;
	__u64 v;
	int ret;

	while ((ret = t_get_by(crowd->set.recv, crowd->fd, &v)) == 1) {
		T_NEED(v < MAX_SHARED);
		T_NEED((__s64)v > last[v / crowd->each]);
		last[v / crowd->each] = v;
		__atomic_fetch_add(&crowd->taken[v], 1, __ATOMIC_RELAXED);
	}
	return ret;
}

static void share(struct __test_metadata *_metadata, struct t_setting set,
		  unsigned int nr_producers, unsigned int nr_consumers,
		  unsigned int each)
{
	struct t_crew producers = { .mode = set.mode };
	struct t_crew consumers = { .mode = set.mode };
	struct crowd *crowd = t_shared(sizeof(*crowd));
	unsigned int total = nr_producers * each, i;

	crowd->fd = t_new(set.capacity);
	crowd->set = set;
	crowd->nr_producers = nr_producers;
	crowd->each = each;
	for (i = 0; i < nr_consumers; i++)
		t_crew_add(&consumers, consume, crowd);
	for (i = 0; i < nr_producers; i++)
		t_crew_add(&producers, produce, crowd);
	EXPECT_TRUE(t_crew_join(&producers));
	EXPECT_EQ(0, t_close(crowd->fd, 0));
	EXPECT_TRUE(t_crew_join(&consumers));
	for (i = 0; i < total; i++)
		ASSERT_EQ(1, crowd->taken[i]) TH_LOG("message %u", i);
	EXPECT_TRUE(t_counters(crowd->fd, total, total, 0, 0));
}

TEST_F(go_few, ken_chan1_ten_receivers_share_a_thousand_messages)
{
	share(_metadata, variant->set, 1, 10, 1000);
}

TEST_F(go_few, test_chan_four_producers_and_four_consumers)
{
	share(_metadata, variant->set, 4, 4, 600);
}

/* --- TestMultiConsumer --- */

#define WORKERS	23
#define ITEMS	3000

static int work(void *p)
{
	struct crowd *crowd = p;
	__u64 v;
	int ret;

	while ((ret = t_get_by(crowd->set.recv, crowd->fd, &v)) == 1) {
		if (v % 17 == 0)
			sched_yield();
		T_NEED_EQ(0, t_put_by(crowd->set.send, crowd->results, v));
	}
	return ret;
}

static unsigned int nr_items;

/* Feeds all, closes, waits for the workers, closes what they write to. */
static int feed(void *p)
{
	struct crowd *crowd = p;
	__u64 i;

	for (i = 0; i < nr_items; i++)
		T_NEED_EQ(0, t_put_by(crowd->set.send, crowd->fd, i * 7 % 1009));
	T_NEED_EQ(0, t_close(crowd->fd, 0));
	return 0;
}

TEST_F(go_few, test_multi_consumer_conserves_count_and_sum)
{
	struct t_crew crew = { .mode = variant->set.mode };
	struct t_crew feeder = { .mode = variant->set.mode };
	struct crowd *crowd = t_shared(sizeof(*crowd));
	__u64 v, want = 0, sum = 0;
	unsigned int i;

	nr_items = t_fewer(ITEMS);
	crowd->fd = t_new(variant->set.capacity);
	crowd->results = t_new(variant->set.capacity);
	crowd->set = variant->set;
	for (i = 0; i < WORKERS; i++)
		t_crew_add(&crew, work, crowd);
	t_crew_add(&feeder, feed, crowd);
	for (i = 0; i < nr_items; i++) {
		want += i * 7 % 1009;
		ASSERT_EQ(1, t_get_by(variant->set.recv, crowd->results, &v));
		sum += v;
	}
	EXPECT_TRUE(t_crew_join(&feeder));
	EXPECT_TRUE(t_crew_join(&crew));
	EXPECT_EQ(0, t_close(crowd->results, 0));
	EXPECT_EQ(0, t_get(crowd->results, &v));
	EXPECT_EQ(want, sum);
	EXPECT_TRUE(t_counters(crowd->fd, nr_items, nr_items, 0, 0));
	EXPECT_TRUE(t_counters(crowd->results, nr_items, nr_items, 0, 0));
}

/* --- TestChanSendBarrier --- */

#define PATTERN_MAX	5000
#define PATTERNS	100

static size_t make_pattern(unsigned char *buf, unsigned int who, unsigned int nr)
{
	size_t len = 1 + (who * 977 + nr * 131) % PATTERN_MAX, i;

	for (i = 0; i < len; i++)
		buf[i] = who * 59 + nr * 31 + i * 7;
	return len;
}

struct barrier {
	int fd;
	unsigned int who;
};

/* Uses its buffer again at once: what was sent must not change with it. */
static int send_patterns(void *p)
{
	unsigned char buf[PATTERN_MAX + 8];
	struct barrier *b = p;
	unsigned int nr;
	size_t len;

	for (nr = 0; nr < PATTERNS; nr++) {
		len = make_pattern(buf + 8, b->who, nr);
		memcpy(buf, &b->who, 4);
		memcpy(buf + 4, &nr, 4);
		T_NEED_EQ(0, t_send(b->fd, buf, len + 8));
		memset(buf, 0xee, sizeof(buf));
	}
	return 0;
}

static int check_patterns(void *p)
{
	unsigned char buf[PATTERN_MAX + 8], want[PATTERN_MAX];
	struct barrier *b = p;
	struct hsk_msghdr msg;
	unsigned int who, nr;
	size_t len;

	for (;;) {
		T_NEED_EQ(0, t_recv(b->fd, buf, sizeof(buf), &msg));
		if (msg.flags & HSK_MSG_F_CLOSED)
			return 0;
		memcpy(&who, buf, 4);
		memcpy(&nr, buf + 4, 4);
		len = make_pattern(want, who, nr);
		T_NEED_EQ(len + 8, msg.len);
		T_NEED(!memcmp(want, buf + 8, len));
	}
}

TEST_F(go_few, test_chan_send_barrier_values_stay_intact_under_load)
{
	struct t_crew senders = { .mode = variant->set.mode };
	struct t_crew receivers = { .mode = variant->set.mode };
	struct barrier parties[5];
	int fd = t_new(variant->set.capacity);
	int i;

	for (i = 0; i < 5; i++) {
		parties[i] = (struct barrier){ fd, i };
		t_crew_add(&receivers, check_patterns, &parties[i]);
		t_crew_add(&senders, send_patterns, &parties[i]);
	}
	EXPECT_TRUE(t_crew_join(&senders));
	EXPECT_EQ(0, t_close(fd, 0));
	EXPECT_TRUE(t_crew_join(&receivers));
	EXPECT_TRUE(t_counters(fd, 5 * PATTERNS, 5 * PATTERNS, 0, 0));
}

HSK_TEST_MAIN
