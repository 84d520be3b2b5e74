// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: those about one channel or a
 * few, and what they do without load. Test names begin with the name in Go.
 */
#include <fcntl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "conformance.h"
#include "hsk_job.h"

#define MANY	10	/* parties in a chain or a crowd */

/* --- fifo --- */

struct link {
	int in, out, channel;
	struct t_setting set;
	__u64 expect;
};

/* Waits for its turn, takes what must be its value, lets the next one go. */
static int take_in_turn(void *p)
{
	struct link *link = p;
	__u64 v;

	T_NEED_EQ(1, t_get(link->in, &v));
	T_NEED_EQ(1, t_get_by(link->set.recv, link->channel, &v));
	T_NEED_EQ(link->expect, v);
	T_NEED_EQ(0, t_put(link->out, 0));
	return 0;
}

TEST_F(go, fifo_blocked_receivers_are_served_in_order_through_a_chain)
{
	struct t_crew crew = { .mode = variant->set.mode };
	int channel = t_new(variant->set.capacity);
	struct link links[MANY];
	int first = t_new(0), in = first;
	__u64 v;
	int i;

	for (i = 0; i < MANY; i++) {
		links[i] = (struct link){ in, t_new(0), channel, variant->set, i };
		in = links[i].out;
		t_crew_add(&crew, take_in_turn, &links[i]);
	}
	/* Start the chain; then values in order find receivers in order. */
	ASSERT_EQ(0, t_put(first, 0));
	for (i = 0; i < MANY; i++)
		ASSERT_EQ(0, t_put_by(variant->set.send, channel, i));
	ASSERT_EQ(1, t_get(in, &v));
	EXPECT_TRUE(t_crew_join(&crew));
}

TEST_F(go, fifo_what_is_buffered_comes_out_in_order)
{
	unsigned int n = variant->set.capacity, i;
	int fd = t_new(n);
	__u64 v;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_put_by(variant->set.send, fd, i));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(1, t_get_by(variant->set.recv, fd, &v));
		EXPECT_EQ(i, v);
	}
}

/* --- nonblock --- */

TEST_F(go, nonblock_receive_finds_nothing_then_what_a_blocked_sender_offers)
{
	int fd = t_new(variant->set.capacity);
	struct t_job *job;
	__u64 v;

	EXPECT_EQ(-EAGAIN, t_try_get(fd, &v));
	job = t_job_put(variant->set.mode, fd, 35);
	ASSERT_EQ(1, t_get_by(T_DONTWAIT, fd, &v));
	EXPECT_EQ(35, v);
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_EQ(-EAGAIN, t_try_get(fd, &v));
}

TEST_F(go, nonblock_send_finds_room_or_a_blocked_receiver_or_nothing)
{
	int fd = t_new(variant->set.capacity);
	struct t_job *job;
	unsigned int i;

	for (i = 0; i < variant->set.capacity; i++)
		EXPECT_EQ(0, t_try_put(fd, i));
	EXPECT_EQ(-EAGAIN, t_try_put(fd, i));
	fd = t_new(variant->set.capacity);
	job = t_job_get_blocked(variant->set.mode, fd, 1);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_try_put(fd, 36));
	EXPECT_TRUE(t_job_got(job, 36));
}

/* --- perm --- */

TEST_F(go, perm_an_endpoint_does_only_what_it_has_the_right_to)
{
	int fd = t_new(variant->set.capacity + 1);
	int reader = t_dup(fd, HSK_RIGHT_READ);
	int writer = t_dup(fd, HSK_RIGHT_WRITE);
	__u64 v;

	EXPECT_EQ(-EBADF, t_put_by(variant->set.send, reader, 1));
	EXPECT_EQ(-EBADF, t_get_by(variant->set.recv, writer, &v));
	EXPECT_EQ(-EBADF, t_close(reader, 0));
	EXPECT_TRUE(t_counters(fd, 0, 0, 0, 0));
	EXPECT_EQ(0, t_put_by(variant->set.send, writer, 2));
	EXPECT_EQ(1, t_get_by(variant->set.recv, reader, &v));
	EXPECT_EQ(2, v);
	EXPECT_EQ(0, t_close(writer, 0));
}

/* --- sendstmt --- */

struct chan_chan {
	int requests;
	struct t_setting set;
};

/* A channel comes over a channel and is used at once. */
static int answer_on_received_channel(void *p)
{
	struct chan_chan *cc = p;
	int i, reply;

	for (i = 0; i < 3; i++) {
		reply = t_recv_fd(cc->requests);
		T_NEED(reply >= 0);
		T_NEED_EQ(0, t_put_by(cc->set.send, reply, i * 11));
		close(reply);
	}
	return 0;
}

TEST_F(go, sendstmt_channel_received_from_a_channel_is_used_at_once)
{
	struct chan_chan cc = { t_new(variant->set.capacity), variant->set };
	struct t_crew crew = { .mode = variant->set.mode };
	int reply, writer, i;
	__u64 v;

	t_crew_add(&crew, answer_on_received_channel, &cc);
	for (i = 0; i < 3; i++) {
		reply = t_new(variant->set.capacity);
		writer = t_dup(reply, HSK_RIGHT_WRITE);
		ASSERT_EQ(0, t_send_fd(cc.requests, writer));
		ASSERT_EQ(1, t_get_by(variant->set.recv, reply, &v));
		EXPECT_EQ(i * 11, v);
		close(writer);
		close(reply);
	}
	EXPECT_TRUE(t_crew_join(&crew));
}

/* --- zerosize --- */

static int send_nothing_five_times(void *p)
{
	int fd = *(int *)p, i;

	for (i = 0; i < 5; i++)
		T_NEED_EQ(0, t_send(fd, NULL, 0));
	T_NEED_EQ(0, t_close(fd, 1));
	return 0;
}

TEST_F(go, zerosize_messages_are_counted_one_by_one)
{
	struct t_crew crew = { .mode = variant->set.mode };
	int fd = t_new(variant->set.capacity);
	struct hsk_msghdr msg;
	int nr = 0;

	t_crew_add(&crew, send_nothing_five_times, &fd);
	for (;;) {
		ASSERT_EQ(0, t_recv(fd, NULL, 0, &msg));
		EXPECT_EQ(0, msg.len);
		if (msg.flags & HSK_MSG_F_CLOSED)
			break;
		nr++;
	}
	EXPECT_EQ(5, nr);
	EXPECT_TRUE(t_crew_join(&crew));
	EXPECT_TRUE(t_counters(fd, 5, 5, 0, 0));
}

/* --- closedchan --- */

TEST_F(go, closedchan_gives_what_was_buffered_then_closed_and_takes_nothing)
{
	unsigned int n = variant->set.capacity, i;
	int fd = t_new(n);
	__u64 v = 77;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_put_by(variant->set.send, fd, i));
	ASSERT_EQ(0, t_close(fd, 0));
	EXPECT_EQ(-EPIPE, t_put_by(variant->set.send, fd, 88));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(1, t_get_by(variant->set.recv, fd, &v));
		EXPECT_EQ(i, v);
	}
	v = 77;
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, t_get_by(variant->set.recv, fd, &v));
	EXPECT_EQ(77, v);
	EXPECT_EQ(-EPIPE, t_put_by(variant->set.send, fd, 88));
	EXPECT_EQ(-EPIPE, t_close(fd, 0));
	EXPECT_TRUE(t_counters(fd, n, n, 0, 0));
}

struct blocked_ones {
	int fd;
	struct t_setting set;
};

static int receive_closed(void *p)
{
	struct blocked_ones *b = p;
	__u64 v;

	T_NEED_EQ(0, t_get_by(b->set.recv, b->fd, &v));
	return 0;
}

static int send_epipe(void *p)
{
	struct blocked_ones *b = p;

	T_NEED_EQ(-EPIPE, t_put_by(b->set.send, b->fd, 1));
	return 0;
}

TEST_F(go, closedchan_close_with_blocked_parties)
{
	struct t_crew crew = { .mode = variant->set.mode };
	unsigned int n = variant->set.capacity, i;
	struct blocked_ones receivers = { t_new(n), variant->set };
	struct blocked_ones senders = { t_new(n), variant->set };

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_put(senders.fd, i));
	for (i = 0; i < 3; i++) {
		t_crew_add(&crew, receive_closed, &receivers);
		t_crew_add(&crew, send_epipe, &senders);
	}
	if (variant->set.recv != T_DONTWAIT)
		ASSERT_EQ(0, t_wait_receivers(receivers.fd, 3));
	if (variant->set.send != T_DONTWAIT)
		ASSERT_EQ(0, t_wait_senders(senders.fd, 3));
	EXPECT_EQ(0, t_close(receivers.fd, 0));
	EXPECT_EQ(0, t_close(senders.fd, 0));
	EXPECT_TRUE(t_crew_join(&crew));
	EXPECT_TRUE(t_counters(receivers.fd, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(senders.fd, n, 0, n, 0));
}

/* --- TestChan --- */

TEST_F(go, test_chan_what_blocks_at_this_capacity)
{
	unsigned int n = variant->set.capacity, i;
	struct t_job *receiver, *sender;
	struct hsk_info_args info;
	int fd = t_new(n);
	__u64 v;

	/* Receive from empty blocks. */
	receiver = t_job_get_blocked(variant->set.mode, fd, 1);
	ASSERT_TRUE(!!receiver);
	EXPECT_TRUE(t_job_blocked(receiver));
	ASSERT_EQ(0, t_put_by(variant->set.send, fd, 0));
	EXPECT_TRUE(t_job_got(receiver, 0));
	/* Send to full blocks. */
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_put_by(variant->set.send, fd, i));
	sender = t_job_put_blocked(variant->set.mode, fd, i, 1);
	ASSERT_TRUE(!!sender);
	EXPECT_TRUE(t_job_blocked(sender));
	ASSERT_EQ(0, t_info(fd, &info));
	EXPECT_EQ(n, info.buffered);
	EXPECT_EQ(n, info.capacity);
	for (i = 0; i <= n; i++) {
		ASSERT_EQ(1, t_get_by(variant->set.recv, fd, &v));
		EXPECT_EQ(i, v);
	}
	EXPECT_EQ(0, t_job_end(sender));
}

static int send_a_hundred(void *p)
{
	struct blocked_ones *b = p;
	int i;

	for (i = 0; i < 100; i++)
		T_NEED_EQ(0, t_put_by(b->set.send, b->fd, i));
	return 0;
}

TEST_F(go, test_chan_hundred_values_keep_their_order)
{
	struct blocked_ones b = { t_new(variant->set.capacity), variant->set };
	struct t_crew crew = { .mode = variant->set.mode };
	__u64 v;
	int i;

	t_crew_add(&crew, send_a_hundred, &b);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(1, t_get_by(variant->set.recv, b.fd, &v));
		ASSERT_EQ(i, v);
	}
	EXPECT_TRUE(t_crew_join(&crew));
}

/* --- TestNonblockRecvRace --- */

#define RACES	100

struct race {
	int fds[RACES];
	int go;		/* atomic: how far the closer has got */
	struct t_setting set;
};

static int find_buffered_value(void *p)
{
	struct race *race = p;
	__u64 v;
	int i;

	for (i = 0; i < RACES; i++) {
		while (__atomic_load_n(&race->go, __ATOMIC_ACQUIRE) < i)
			sched_yield();
		v = 0;
		T_NEED_EQ(1, t_try_get(race->fds[i], &v));
		T_NEED_EQ(i, v);
	}
	return 0;
}

TEST_F(go, test_nonblock_recv_race_close_does_not_hide_the_buffered_value)
{
	struct t_crew crew = { .mode = variant->set.mode };
	struct race *race = t_shared(sizeof(*race));
	int i;

	for (i = 0; i < RACES; i++) {
		race->fds[i] = t_new(variant->set.capacity + 1);
		ASSERT_EQ(0, t_put_by(variant->set.send, race->fds[i], i));
	}
	t_crew_add(&crew, find_buffered_value, race);
	for (i = 0; i < RACES; i++) {
		__atomic_store_n(&race->go, i, __ATOMIC_RELEASE);
		ASSERT_EQ(0, t_close(race->fds[i], 0));
	}
	EXPECT_TRUE(t_crew_join(&crew));
}

HSK_TEST_MAIN
