// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: what stays true of select when many
 * select at once, and for long. Test names begin with the name in Go.
 */
#include <sched.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "conformance_select.h"

/* --- TestSelectStress --- */

#define CHANNELS	4
#define STRESS		500	/* messages on each channel from one party */
#define STRESS_OF_GO	100000

struct stress {
	int fds[CHANNELS];
	unsigned int at, nr;
	bool is_send;
};

static int stress_directly(void *p)
{
	struct stress *s = p;
	unsigned int i;
	__u64 v;

	for (i = 0; i < s->nr; i++) {
		if (s->is_send)
			T_NEED_EQ(0, t_put(s->fds[s->at], i));
		else
			T_NEED_EQ(1, t_get(s->fds[s->at], &v));
	}
	return 0;
}

/* As many on every channel: one that has had its number is disabled. */
static int stress_by_select(void *p)
{
	struct stress *s = p;
	unsigned int did[CHANNELS] = { 0 }, left = CHANNELS * s->nr, k;
	struct t_case cases[CHANNELS];
	int ret;

	while (left--) {
		for (k = 0; k < CHANNELS; k++) {
			if (did[k] == s->nr)
				cases[k] = t_case_none();
			else if (s->is_send)
				cases[k] = t_case_put(s->fds[k], did[k]);
			else
				cases[k] = t_case_get(s->fds[k]);
		}
		ret = t_select(cases, CHANNELS, 0);
		T_NEED(ret >= 0 && !cases[ret].result);
		T_NEED(did[ret]++ < s->nr);
	}
	return 0;
}

static int stress_channels(enum t_mode mode, unsigned int capacity, unsigned int nr)
{
	static const unsigned int capacities[CHANNELS] = { 0, 0, 2, 3 };
	struct t_crew crew = { .mode = mode };
	struct stress send[CHANNELS], recv[CHANNELS];
	struct stress proto = { .nr = nr };
	unsigned int k;

	for (k = 0; k < CHANNELS; k++)
		proto.fds[k] = t_new(capacity ? capacity : capacities[k]);
	for (k = 0; k < CHANNELS; k++) {
		send[k] = proto;
		send[k].at = k;
		recv[k] = send[k];
		send[k].is_send = true;
		t_crew_add(&crew, stress_directly, &send[k]);
		t_crew_add(&crew, stress_directly, &recv[k]);
	}
	t_crew_add(&crew, stress_by_select, &send[0]);
	t_crew_add(&crew, stress_by_select, &recv[0]);
	T_NEED(t_crew_join(&crew));
	for (k = 0; k < CHANNELS; k++) {
		T_NEED(t_counters(proto.fds[k], 2 * nr, 2 * nr, 0, 0));
		T_NEED_EQ(0, t_wait_senders(proto.fds[k], 0));
		T_NEED_EQ(0, t_wait_receivers(proto.fds[k], 0));
	}
	return 0;
}

TEST_F(go_select, test_select_stress_direct_and_selecting_parties)
{
	EXPECT_EQ(0, stress_channels(self->mode, self->capacity, t_fewer(STRESS)));
}

FIXTURE(as_long_as_in_go) {
	int unused;
};

FIXTURE_SETUP(as_long_as_in_go)
{
	if (t_slow() > 1)
		SKIP(return, "takes minutes where everything is slow");
}

FIXTURE_TEARDOWN(as_long_as_in_go)
{
}

TEST_F_TIMEOUT(as_long_as_in_go, test_select_stress_with_100000_messages_from_each, 180)
{
	EXPECT_EQ(0, stress_channels(T_THREAD, 0, STRESS_OF_GO));
}

/* --- ken/chan: pairings with select --- */

#define LANES	12
#define EACH	15

struct lanes {
	int fds[LANES];
	unsigned int nr, at;
};

static int send_one_lane(void *p)
{
	struct lanes *l = p;
	unsigned int i;

	for (i = 0; i < EACH; i++)
		T_NEED_EQ(0, t_put(l->fds[l->at], i));
	return 0;
}

static int receive_one_lane(void *p)
{
	struct lanes *l = p;
	unsigned int i;
	__u64 v;

	for (i = 0; i < EACH; i++) {
		T_NEED_EQ(1, t_get(l->fds[l->at], &v));
		T_NEED_EQ(i, v);
	}
	return 0;
}

static int select_all_lanes(struct lanes *l, bool is_send)
{
	unsigned int did[LANES] = { 0 }, left = l->nr * EACH, k;
	struct t_case cases[LANES];
	int ret;

	while (left--) {
		for (k = 0; k < l->nr; k++) {
			if (did[k] == EACH)
				cases[k] = t_case_none();
			else if (is_send)
				cases[k] = t_case_put(l->fds[k], did[k]);
			else
				cases[k] = t_case_get(l->fds[k]);
		}
		ret = t_select(cases, l->nr, 0);
		T_NEED(ret >= 0 && !cases[ret].result);
		/* Of each lane in order. */
		if (!is_send)
			T_NEED_EQ(did[ret], cases[ret].value);
		did[ret]++;
	}
	return 0;
}

static int send_all_lanes(void *p)
{
	return select_all_lanes(p, true);
}

static int receive_all_lanes(void *p)
{
	return select_all_lanes(p, false);
}

/* One party for each lane, or one that selects them all. */
static void add_end(struct t_crew *crew, struct lanes *lanes, bool selects,
		    int (*all)(void *), int (*each)(void *))
{
	unsigned int k;

	if (selects)
		t_crew_add(crew, all, &lanes[0]);
	for (k = 0; k < lanes[0].nr && !selects; k++)
		t_crew_add(crew, each, &lanes[k]);
}

TEST_F(go_select, ken_chan_pairings_keep_order_and_totals)
{
	static const unsigned int counts[] = { 4, 8, 12 }, capacities[] = { 0, 1, 10, 100 };
	struct t_crew crew = { .mode = self->mode };
	struct lanes lanes[LANES];
	unsigned int c, b, k, pairing;

	for (c = 0; c < ARRAY_SIZE(counts) * ARRAY_SIZE(capacities) * 3; c++) {
		pairing = 1 + c % 3;
		b = c / 3 % ARRAY_SIZE(capacities);
		lanes[0].nr = counts[c / 3 / ARRAY_SIZE(capacities)];
		/* Half of the capacities for each half of the variants. */
		if (!capacities[b] == !!self->capacity)
			continue;
		for (k = 0; k < lanes[0].nr; k++)
			lanes[0].fds[k] = t_new(capacities[b]);
		for (k = 0; k < lanes[0].nr; k++) {
			lanes[k] = lanes[0];
			lanes[k].at = k;
		}
		add_end(&crew, lanes, pairing & 1, send_all_lanes, send_one_lane);
		add_end(&crew, lanes, pairing & 2, receive_all_lanes, receive_one_lane);
		ASSERT_TRUE(t_crew_join(&crew));
		for (k = 0; k < lanes[0].nr; k++) {
			EXPECT_TRUE(t_counters(lanes[0].fds[k], EACH, EACH, 0, 0));
			close(lanes[0].fds[k]);
		}
	}
}

/* --- TestNonblockSelectRace, Race2 --- */

#define RACES	500

struct race {
	int one[RACES], two[RACES];
	unsigned int nr;
	unsigned int go;	/* atomic: how far both have got */
};

static void meet_at(struct race *race, unsigned int i)
{
	__atomic_add_fetch(&race->go, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&race->go, __ATOMIC_ACQUIRE) < 2 * (i + 1))
		sched_yield();
}

/* At every instant something can be received: from two until it moves, then from one. */
static int find_one_of_both(void *p)
{
	struct race *race = p;
	unsigned int i;
	int ret;

	for (i = 0; i < race->nr; i++) {
		meet_at(race, i);
		ret = t_try_select(T_CASES(t_case_get(race->one[i]), t_case_get(race->two[i])));
		T_NEED(ret >= 0);
	}
	return 0;
}

static void make_race(struct race *race, int *which)
{
	unsigned int i;

	for (i = 0; i < race->nr; i++) {
		race->one[i] = t_new(1);
		race->two[i] = t_new(1);
		t_put(which == race->one ? race->one[i] : race->two[i], i);
	}
}

TEST_F(go_select, test_nonblock_select_race_a_message_is_always_in_one_of_two)
{
	struct race *race = t_shared(sizeof(*race));
	struct t_crew crew = { .mode = self->mode };
	unsigned int i;
	__u64 v;

	ASSERT_EQ(0, t_raise_nofile(2 * RACES + 100));
	race->nr = t_fewer(RACES);
	make_race(race, race->one);
	t_crew_add(&crew, find_one_of_both, race);
	for (i = 0; i < race->nr; i++) {
		meet_at(race, i);
		/* There is one in the second before there is none in the first. */
		ASSERT_EQ(0, t_try_put(race->two[i], i));
		t_try_get(race->one[i], &v);
	}
	EXPECT_TRUE(t_crew_join(&crew));
}

TEST_F(go_select, test_nonblock_select_race2_a_close_before_the_message_goes)
{
	struct race *race = t_shared(sizeof(*race));
	struct t_crew crew = { .mode = self->mode };
	unsigned int i;
	__u64 v;

	ASSERT_EQ(0, t_raise_nofile(2 * RACES + 100));
	race->nr = t_fewer(RACES);
	make_race(race, race->one);
	t_crew_add(&crew, find_one_of_both, race);
	for (i = 0; i < race->nr; i++) {
		meet_at(race, i);
		ASSERT_EQ(0, t_close(race->two[i], 0));
		t_try_get(race->one[i], &v);
	}
	EXPECT_TRUE(t_crew_join(&crew));
}

HSK_TEST_MAIN
