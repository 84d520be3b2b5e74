// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: those about select, without load. Test
 * names begin with the name in Go.
 */
#include "../kselftest_harness.h"
#include "conformance_select.h"

/* --- doubleselect --- */

#define LANES	4
#define VALUES	2000

struct lanes {
	int fds[LANES], all;
	unsigned int lane, nr;
};

/* Offers each value on all lanes at once. */
static int offer_everywhere(void *p)
{
	struct lanes *lanes = p;
	struct t_case cases[LANES];
	unsigned int i, k;
	int ret;

	for (i = 0; i < lanes->nr; i++) {
		for (k = 0; k < LANES; k++)
			cases[k] = t_case_put(lanes->fds[k], i);
		ret = t_select(cases, LANES, 0);
		T_NEED(ret >= 0 && !cases[ret].result);
	}
	for (k = 0; k < LANES; k++)
		T_NEED_EQ(0, t_close(lanes->fds[k], 0));
	return 0;
}

/* Hands on what comes on one lane, then that it was closed. */
static int hand_on(void *p)
{
	struct lanes *lanes = p;
	__u64 v;
	int ret;

	while ((ret = t_get(lanes->fds[lanes->lane], &v)) == 1)
		T_NEED_EQ(0, t_put(lanes->all, v));
	T_NEED_EQ(0, ret);
	T_NEED_EQ(0, t_put(lanes->all, UINT64_MAX));
	return 0;
}

TEST_F(go_select, doubleselect_each_value_is_delivered_on_one_lane_only)
{
	struct t_crew crew = { .mode = self->mode };
	unsigned int nr = t_fewer(VALUES), closed = 0, k;
	unsigned char *seen = calloc(1, nr);
	struct lanes lanes[LANES] = { { .all = t_new(0), .nr = nr } };
	__u64 v;

	for (k = 0; k < LANES; k++)
		lanes[0].fds[k] = t_new(self->capacity);
	for (k = 0; k < LANES; k++) {
		lanes[k] = lanes[0];
		lanes[k].lane = k;
		t_crew_add(&crew, hand_on, &lanes[k]);
	}
	t_crew_add(&crew, offer_everywhere, &lanes[0]);
	while (closed < LANES) {
		ASSERT_EQ(1, t_get(lanes[0].all, &v));
		if (v == UINT64_MAX) {
			closed++;
			continue;
		}
		ASSERT_GT(nr, v);
		ASSERT_EQ(0, seen[v]++);
	}
	for (k = 0; k < nr; k++)
		ASSERT_EQ(1, seen[k]) TH_LOG("value %u", k);
	EXPECT_TRUE(t_crew_join(&crew));
	free(seen);
}

/* --- select3: what blocks --- */

/* Blocks: not even one that may not wait finds anything to do, nor one that may. */
static bool blocks(const struct t_case *cases, unsigned int nr, enum t_mode mode)
{
	struct t_case copy[2];
	struct t_select_job *job;

	memcpy(copy, cases, nr * sizeof(*cases));
	if (t_try_select(copy, nr) != -EAGAIN)
		return false;
	job = t_select_job_deadline(mode, cases, nr, t_in_ms(2 * T_STILL_MS));
	return t_select_job_end(job) == -ETIMEDOUT;
}

TEST_F(go_select, select3_what_blocks_and_what_does_not)
{
	struct t_case put = t_case_put(self->fd, 1), get = t_case_get(self->fd);
	bool room = self->capacity;
	unsigned int i;
	__u64 v;

	/* Disabled: always. */
	EXPECT_TRUE(blocks(T_CASES(t_case_none()), self->mode));
	EXPECT_TRUE(blocks(T_CASES(t_case_none(), t_case_none()), self->mode));
	/* No case: always. */
	EXPECT_TRUE(blocks(NULL, 0, self->mode));
	/* Nothing to receive; a free slot never blocks. */
	EXPECT_TRUE(blocks(&get, 1, self->mode));
	EXPECT_EQ(!room, blocks(&put, 1, self->mode));
	for (i = 1; i < self->capacity; i++)
		ASSERT_EQ(0, t_try_select(T_CASES(t_case_put(self->fd, 1))));
	EXPECT_TRUE(blocks(&put, 1, self->mode));
	for (i = 0; i < self->capacity; i++)
		ASSERT_EQ(1, t_try_get(self->fd, &v));
	/* A send and a receive on one channel: only if it does not buffer. */
	EXPECT_EQ(!room, blocks(T_CASES(put, get), self->mode));
}

TEST_F(go_select, select3_default_is_not_taken_when_a_case_is_ready)
{
	int i;

	ASSERT_EQ(0, t_close(self->fd, 0));
	for (i = 0; i < 100; i++) {
		struct t_case cases[] = { t_case_get(t_never()), t_case_get(self->fd) };

		ASSERT_EQ(1, t_try_select(cases, 2));
		ASSERT_TRUE(t_case_got_closed(&cases[1], 0));
	}
}

TEST_F(go_select, select3_nothing_blocks_on_a_closed_channel)
{
	struct t_case put = t_case_put(self->fd, 1), get = t_case_get(self->fd);

	ASSERT_EQ(0, t_close(self->fd, 0));
	EXPECT_EQ(0, t_select(&get, 1, 0));
	EXPECT_TRUE(t_case_got_closed(&get, 0));
	EXPECT_EQ(0, t_select(&put, 1, 0));
	EXPECT_EQ(-EPIPE, put.result);
}

/* --- select4 --- */

TEST_F(go_select, select4_the_first_is_disabled_and_the_second_is_chosen)
{
	struct t_job *job = t_job_put(self->mode, self->fd, 42);
	struct t_case cases[] = { t_case_none(), t_case_get(self->fd) };

	ASSERT_EQ(1, t_select(cases, 2, 0));
	EXPECT_TRUE(t_case_got(&cases[1], 42));
	EXPECT_EQ(0, t_job_end(job));
}

/* --- TestSelfSelect --- */

struct self_select {
	int fd;
	unsigned int me, nr;
	bool buffered;
	unsigned int sent, received;
};

/* Sends and receives on one channel; what it receives is never its own. */
static int send_or_receive(void *p)
{
	struct self_select *s = p;
	unsigned int i;
	int ret;

	for (i = 0; i < s->nr; i++) {
		struct t_case put_get[] = { t_case_put(s->fd, s->me), t_case_get(s->fd) };
		struct t_case get_put[] = { t_case_get(s->fd), t_case_put(s->fd, s->me) };
		struct t_case *mine = (s->me + i / 7) % 2 ? put_get : get_put;

		ret = t_select(mine, 2, 0);
		T_NEED(ret >= 0);
		if (mine[ret].result == -EPIPE || mine[ret].msg.flags == HSK_MSG_F_CLOSED)
			return 0;
		T_NEED_EQ(0, mine[ret].result);
		s->sent += mine[ret].op == HSK_CASE_SEND;
		s->received += mine[ret].op == HSK_CASE_RECV;
		/* With a buffer its own message may come back to it. */
		T_NEED(s->buffered || mine[ret].op == HSK_CASE_SEND ||
		       mine[ret].value != s->me);
	}
	/* Without this the other one would wait for ever. */
	t_close(s->fd, 0);
	return 0;
}

TEST_F(go_select, test_self_select_two_that_send_or_receive_meet_only_each_other)
{
	struct self_select *s[2] = { t_shared(sizeof(**s)), t_shared(sizeof(**s)) };
	struct t_crew crew = { .mode = self->mode };
	struct hsk_info_args info;
	int i;

	for (i = 0; i < 2; i++) {
		*s[i] = (struct self_select){ self->fd, i, t_fewer(2000),
						self->capacity, 0, 0 };
		t_crew_add(&crew, send_or_receive, s[i]);
	}
	ASSERT_TRUE(t_crew_join(&crew));
	ASSERT_EQ(0, t_info(self->fd, &info));
	EXPECT_EQ(info.sent, s[0]->sent + s[1]->sent);
	EXPECT_EQ(info.received, s[0]->received + s[1]->received);
	EXPECT_LT(0, info.received);
	if (!self->capacity) {
		/* Whatever one has sent, the other has received. */
		EXPECT_EQ(s[0]->sent, s[1]->received);
		EXPECT_EQ(s[1]->sent, s[0]->received);
	}
}

/* --- TestSelectDuplicateChannel --- */

/* Go's own scene: the one behind in the queue must not be lost with the duplicate. */
TEST_F(go_select, test_select_duplicate_channel_leaves_those_behind_it_in_the_queue)
{
	int other = t_new(0);
	struct t_select_job *twice;
	struct t_job *behind;

	twice = t_select_job_blocked(self->mode, T_CASES(t_case_get(self->fd),
							 t_case_get(self->fd),
							 t_case_get(other)));
	ASSERT_TRUE(!!twice);
	behind = t_job_get_blocked(self->mode, self->fd, 3);
	ASSERT_TRUE(!!behind);
	EXPECT_EQ(0, t_put(other, 5));
	EXPECT_EQ(2, t_select_job_end(twice));
	EXPECT_EQ(0, t_wait_receivers(self->fd, 1));
	EXPECT_EQ(0, t_put(self->fd, 6));
	EXPECT_TRUE(t_job_got(behind, 6));
}

/* --- TestSelectFairness, TestPseudoRandomSend --- */

#define TRIALS	10000

TEST(test_select_fairness_of_two_that_are_always_ready)
{
	unsigned int trials = t_fewer(TRIALS), i, first = 0;
	int one = t_new(0), two = t_new(0);
	double off;
	int ret;

	ASSERT_EQ(0, t_close(one, 0));
	ASSERT_EQ(0, t_close(two, 0));
	for (i = 0; i < trials; i++) {
		ret = t_select(T_CASES(t_case_get(one), t_case_get(two)), 0);
		ASSERT_LE(0, ret);
		first += !ret;
	}
	/* Ten times the standard deviation, which is half the root of the trials. */
	off = first - trials / 2.0;
	EXPECT_LE(off * off, 25.0 * trials) TH_LOG("%u of %u", first, trials);
}

TEST(test_pseudo_random_send_each_of_two_values_at_times)
{
	unsigned int trials = t_fewer(TRIALS), i, ones = 0;
	int fd = t_new(1);
	__u64 v;

	for (i = 0; i < trials; i++) {
		ASSERT_LE(0, t_select(T_CASES(t_case_put(fd, 0), t_case_put(fd, 1)), 0));
		ASSERT_EQ(1, t_try_get(fd, &v));
		ones += v;
	}
	EXPECT_LT(trials / 10, ones);
	EXPECT_GT(trials - trials / 10, ones);
}

HSK_TEST_MAIN
