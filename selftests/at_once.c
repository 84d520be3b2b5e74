// SPDX-License-Identifier: GPL-2.0-only
/*
 * What several do to one channel at once leaves its counts exact: endpoints that
 * come and go, deadlines that strike as messages arrive, descriptors that land,
 * and whoever looks meanwhile.
 */
#include <sys/mman.h>

#include "../kselftest_harness.h"
#include "peer.h"

#define ENDPOINTS	8000
#define LOOKS		4000
#define TRIES		3000
#define FLIGHTS		1500
#define PARTIES		3

struct shared {
	int chan;
	unsigned long sent;
	unsigned long received;
	int over;		/* atomic */
};

static bool is_over(struct shared *at)
{
	return __atomic_load_n(&at->over, __ATOMIC_ACQUIRE);
}

static void end(struct shared *at)
{
	__atomic_store_n(&at->over, 1, __ATOMIC_RELEASE);
}

static struct shared *new_shared(unsigned int capacity)
{
	struct shared *at = t_shared(sizeof(*at));

	at->chan = t_new(capacity);
	return at;
}

/* --- endpoints ------------------------------------------------------------ */

static int come_and_go(void *arg)
{
	struct shared *at = arg;
	int i, fd;

	for (i = 0; i < ENDPOINTS; i++) {
		fd = t_dup(at->chan, i % 2 ? HSK_RIGHT_READ : T_BOTH);
		T_NEED(fd >= 0);
		close(fd);
	}
	return 0;
}

TEST(endpoints_that_come_and_go_at_once_are_counted)
{
	struct t_party parties[PARTIES];
	struct shared *at = new_shared(0);
	int i;

	for (i = 0; i < PARTIES; i++)
		ASSERT_EQ(0, t_start(&parties[i], T_PROCESS, come_and_go, at));
	for (i = 0; i < PARTIES; i++)
		EXPECT_EQ(0, t_join(&parties[i]));
	EXPECT_EQ(1, p_info(at->chan).read_endpoints);
	EXPECT_EQ(1, p_info(at->chan).write_endpoints);
	EXPECT_EQ(0, p_info(at->chan).state);
}

/* --- looking -------------------------------------------------------------- */

static int pass_messages(void *arg)
{
	struct shared *at = arg;
	char c;

	while (!is_over(at)) {
		T_NEED_EQ(0, t_send(at->chan, "m", 1));
		T_NEED_EQ(1, p_recv(at->chan, &c, 1));
	}
	return 0;
}

TEST(info_is_one_instant_while_messages_pass)
{
	struct shared *at = new_shared(2);
	struct t_party parties[2];
	int i, torn = 0;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, t_start(&parties[i], T_PROCESS, pass_messages, at));
	for (i = 0; i < LOOKS; i++)
		torn += !t_conserved(at->chan);
	end(at);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, t_join(&parties[i]));
	EXPECT_EQ(0, torn);
}

/* --- deadlines ------------------------------------------------------------ */

/* From none at all to longer than a message takes, again and again. */
static __u64 soon(unsigned int i)
{
	return t_now() + i % 32 * 2000;
}

static int send_in_time(void *arg)
{
	struct shared *at = arg;
	unsigned int i;
	int ret;

	for (i = 0; i < TRIES; i++) {
		ret = t_send_deadline(at->chan, "m", 1, soon(i));
		T_NEED(!ret || ret == -ETIMEDOUT);
		if (!ret)
			__atomic_add_fetch(&at->sent, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

static int receive_in_time(void *arg)
{
	struct shared *at = arg;
	unsigned int i;
	char c;
	int ret;

	for (i = 0; !is_over(at); i++) {
		ret = t_recv_deadline(at->chan, &c, 1, soon(i * 7), NULL);
		T_NEED(!ret || ret == -ETIMEDOUT);
		if (!ret)
			__atomic_add_fetch(&at->received, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

TEST(a_deadline_that_strikes_as_a_message_arrives_loses_none)
{
	struct t_party senders[2], receivers[2];
	struct shared *at = new_shared(0);
	struct hsk_info_args info;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, t_start(&senders[i], T_PROCESS, send_in_time, at));
		ASSERT_EQ(0, t_start(&receivers[i], T_PROCESS, receive_in_time, at));
	}
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, t_join(&senders[i]));
	end(at);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, t_join(&receivers[i]));
	info = p_info(at->chan);
	TH_LOG("%lu of %d messages met a receiver", at->sent, 2 * TRIES);
	EXPECT_EQ(at->sent, at->received);
	EXPECT_EQ(at->sent, info.sent);
	EXPECT_EQ(at->sent, info.received);
	EXPECT_EQ(0, info.buffered);
	EXPECT_EQ(0, info.waiting_senders);
	EXPECT_EQ(0, info.waiting_receivers);
}

/* --- messages that come back ---------------------------------------------- */

/* Every other receive can't write to its memory. */
static int receive_or_fail(void *arg)
{
	struct shared *at = arg;
	unsigned int i;
	char c;
	int ret;

	for (i = 0;; i++) {
		ret = p_recv(at->chan, i % 2 ? &c : t_bad_address(), 1);
		if (ret == -EPIPE)
			return 0;
		T_NEED_EQ(i % 2 ? 1 : -EFAULT, ret);
		if (ret == 1)
			__atomic_add_fetch(&at->received, 1, __ATOMIC_RELAXED);
	}
}

static int send_all(void *arg)
{
	struct shared *at = arg;
	unsigned int i;

	for (i = 0; i < TRIES / 2; i++)
		T_NEED_EQ(0, t_send(at->chan, "m", 1));
	return 0;
}

FIXTURE(returns) {
	struct shared *at;
};

FIXTURE_VARIANT(returns) {
	unsigned int capacity;
};

FIXTURE_VARIANT_ADD(returns, to_waiting_senders) { .capacity = 0 };
FIXTURE_VARIANT_ADD(returns, to_the_buffer) { .capacity = 4 };

FIXTURE_SETUP(returns)
{
	self->at = new_shared(variant->capacity);
}

FIXTURE_TEARDOWN(returns)
{
}

TEST_F(returns, of_messages_at_once_lose_none)
{
	struct t_party senders[2], receivers[2];
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, t_start(&senders[i], T_PROCESS, send_all, self->at));
		ASSERT_EQ(0, t_start(&receivers[i], T_PROCESS, receive_or_fail, self->at));
	}
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, t_join(&senders[i]));
	EXPECT_EQ(0, t_close(self->at->chan, 0));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, t_join(&receivers[i]));
	EXPECT_EQ(TRIES / 2 * 2, self->at->received);
	EXPECT_TRUE(t_counters(self->at->chan, self->at->received, self->at->received, 0, 0));
}

/* --- descriptors ---------------------------------------------------------- */

static int pass_endpoints(void *arg)
{
	struct shared *at = arg;
	int chan = t_new(1), i, fd;

	for (i = 0; i < FLIGHTS; i++) {
		T_NEED_EQ(0, t_send_fd(chan, at->chan));
		fd = t_recv_fd(chan);
		T_NEED(fd >= 0);
		close(fd);
	}
	return 0;
}

TEST(endpoints_that_fly_at_once_are_counted)
{
	long limit = t_param("max_in_flight");
	struct shared *at = new_shared(1);
	struct t_party parties[PARTIES];
	int file = memfd_create("hsk", 0);
	int i, fd;

	if (t_set_param("max_in_flight", limit))
		SKIP(return, "needs root");
	for (i = 0; i < PARTIES; i++)
		ASSERT_EQ(0, t_start(&parties[i], T_PROCESS, pass_endpoints, at));
	for (i = 0; i < PARTIES; i++)
		EXPECT_EQ(0, t_join(&parties[i]));
	/* Nothing is in flight: one may be, and a second may not. */
	ASSERT_EQ(0, t_set_param("max_in_flight", 1));
	EXPECT_EQ(0, p_try_send_fd(at->chan, file));
	EXPECT_EQ(-ETOOMANYREFS, p_try_send_fd(at->chan, file));
	fd = p_try_recv_fd(at->chan);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, t_set_param("max_in_flight", limit));
	EXPECT_EQ(1, p_info(at->chan).read_endpoints);
}

HSK_TEST_MAIN
