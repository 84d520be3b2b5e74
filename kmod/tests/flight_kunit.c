// SPDX-License-Identifier: GPL-2.0-only
/*
 * Included by flight.c, whose users and walk are static. The flights here bear
 * channels without files, so that no descriptor is needed to make a graph.
 */
#include <kunit/test.h>
#include <linux/limits.h>

/* No user of the running system. */
#define TEST_UID	KUIDT_INIT(0x68736b)

#define LADDER_NR	64

/* Which channel holds what, by flights in the air. */
struct graph {
	struct hsk_node nodes[LADDER_NR];
	struct hsk_flight *flights[2 * LADDER_NR];
	unsigned int nr_flights;
};

static struct graph *graph_new(struct kunit *test)
{
	struct graph *graph = kunit_kzalloc(test, sizeof(*graph), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, graph);
	for (i = 0; i < LADDER_NR; i++)
		hsk_node_init(&graph->nodes[i]);
	return graph;
}

/* @nr times the same channel, in one message that @holder is to hold. */
static int graph_hold(struct kunit *test, struct graph *graph, int holder, int held, u32 nr)
{
	struct hsk_flight *flight = hsk_flight_new(nr);
	int err;

	KUNIT_ASSERT_FALSE(test, IS_ERR(flight));
	KUNIT_ASSERT_LT(test, graph->nr_flights, (unsigned int)ARRAY_SIZE(graph->flights));
	while (flight->nr < nr)
		hsk_flight_add(flight, NULL, &graph->nodes[held]);
	err = hsk_flight_launch(flight, &graph->nodes[holder], TEST_UID);
	if (err)
		hsk_flight_free(flight);
	else
		graph->flights[graph->nr_flights++] = flight;
	return err;
}

static void graph_free(struct graph *graph)
{
	while (graph->nr_flights)
		hsk_flight_free(graph->flights[--graph->nr_flights]);
}

static struct hsk_user *test_user(kuid_t uid)
{
	struct hsk_user *user;

	mutex_lock(&hsk_flight_lock);
	user = hsk_user_find(uid);
	mutex_unlock(&hsk_flight_lock);
	return user;
}

static void a_flight_that_is_half_filled_or_never_flew_is_freed(struct kunit *test)
{
	struct graph *graph = graph_new(test);
	struct hsk_flight *flight = hsk_flight_new(3);

	KUNIT_ASSERT_FALSE(test, IS_ERR(flight));
	hsk_flight_add(flight, NULL, &graph->nodes[0]);
	KUNIT_EXPECT_EQ(test, flight->nr, 1U);
	hsk_flight_land(flight);
	hsk_flight_free(flight);
	KUNIT_EXPECT_EQ(test, graph->nodes[0].held_by, 0U);

	flight = hsk_flight_new(0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(flight));
	hsk_flight_free(flight);
}

static void a_second_landing_changes_nothing(struct kunit *test)
{
	struct graph *graph = graph_new(test);

	KUNIT_ASSERT_EQ(test, graph_hold(test, graph, 0, 1, 2), 0);
	KUNIT_EXPECT_EQ(test, graph->nodes[1].held_by, 2U);
	hsk_flight_land(graph->flights[0]);
	KUNIT_EXPECT_EQ(test, graph->nodes[1].held_by, 0U);
	KUNIT_EXPECT_TRUE(test, list_empty(&graph->nodes[0].holds));
	hsk_flight_land(graph->flights[0]);
	KUNIT_EXPECT_EQ(test, graph->nodes[1].held_by, 0U);
	graph_free(graph);
}

static void a_user_is_known_as_long_as_something_of_its_flies(struct kunit *test)
{
	struct graph *graph = graph_new(test);

	KUNIT_EXPECT_NULL(test, test_user(TEST_UID));
	KUNIT_ASSERT_EQ(test, graph_hold(test, graph, 0, 1, 3), 0);
	KUNIT_ASSERT_EQ(test, graph_hold(test, graph, 0, 2, 2), 0);
	KUNIT_ASSERT_NOT_NULL(test, test_user(TEST_UID));
	KUNIT_EXPECT_EQ(test, test_user(TEST_UID)->nr, 5U);
	hsk_flight_land(graph->flights[0]);
	KUNIT_ASSERT_NOT_NULL(test, test_user(TEST_UID));
	KUNIT_EXPECT_EQ(test, test_user(TEST_UID)->nr, 2U);
	graph_free(graph);
	KUNIT_EXPECT_NULL(test, test_user(TEST_UID));
}

static void a_refused_flight_leaves_no_user_and_no_edge(struct kunit *test)
{
	struct graph *graph = graph_new(test);

	KUNIT_EXPECT_EQ(test, graph_hold(test, graph, 0, 0, 1), -ELOOP);
	KUNIT_EXPECT_NULL(test, test_user(TEST_UID));
	KUNIT_EXPECT_EQ(test, graph_hold(test, graph, 0, 1, hsk_limit_in_flight() + 1),
			-ETOOMANYREFS);
	KUNIT_EXPECT_NULL(test, test_user(TEST_UID));
	KUNIT_EXPECT_TRUE(test, list_empty(&graph->nodes[0].holds));
	KUNIT_EXPECT_EQ(test, graph->nodes[1].held_by, 0U);
}

static void users_of_one_hash_bucket_are_told_apart(struct kunit *test)
{
	unsigned int bucket = hash_min(__kuid_val(TEST_UID), HASH_BITS(hsk_users));
	uid_t other = __kuid_val(TEST_UID) + 1;
	struct hsk_user *a, *b;

	while (hash_min(other, HASH_BITS(hsk_users)) != bucket)
		other++;
	a = hsk_user_lock(TEST_UID);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	KUNIT_EXPECT_EQ(test, hsk_user_charge(a, 1), 0);
	mutex_unlock(&hsk_flight_lock);
	b = hsk_user_lock(KUIDT_INIT(other));
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_EQ(test, b->nr, 0U);
	hsk_user_uncharge(b, 0);
	KUNIT_EXPECT_PTR_EQ(test, hsk_user_find(TEST_UID), a);
	KUNIT_EXPECT_NULL(test, hsk_user_find(KUIDT_INIT(other)));
	hsk_user_uncharge(a, 1);
	mutex_unlock(&hsk_flight_lock);
}

static void a_charge_stops_at_the_limit_and_does_not_overflow(struct kunit *test)
{
	unsigned int limit = hsk_limit_in_flight();
	struct hsk_user user = { .uid = TEST_UID };

	if (!limit)
		kunit_skip(test, "max_in_flight leaves nothing to count");
	mutex_lock(&hsk_flight_lock);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, limit + 1), -ETOOMANYREFS);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, U32_MAX), -ETOOMANYREFS);
	KUNIT_EXPECT_EQ(test, user.nr, 0U);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, limit - 1), 0);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, 2), -ETOOMANYREFS);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, U32_MAX - limit + 2), -ETOOMANYREFS);
	KUNIT_EXPECT_EQ(test, user.nr, limit - 1);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, 1), 0);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, 1), -ETOOMANYREFS);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, 0), 0);
	KUNIT_EXPECT_EQ(test, user.nr, limit);

	/* The limit was lowered meanwhile. */
	user.nr = limit + 5;
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, 1), -ETOOMANYREFS);
	KUNIT_EXPECT_EQ(test, hsk_user_charge(&user, 0), -ETOOMANYREFS);
	mutex_unlock(&hsk_flight_lock);
}

/*
 * From each channel two edges lead to the next: 2^62 ways lead from the first to the
 * last, by 62 channels. A walk that went each way would not come back.
 */
static void a_walk_passes_each_channel_once(struct kunit *test)
{
	struct graph *graph = graph_new(test);
	const int last = LADDER_NR - 2, outside = LADDER_NR - 1;
	unsigned int visited = 0;
	int i;

	for (i = 0; i < last; i++)
		KUNIT_ASSERT_EQ(test, graph_hold(test, graph, i, i + 1, 2), 0);
	/* Held by another, or there would be no walk. */
	KUNIT_ASSERT_EQ(test, graph_hold(test, graph, last, outside, 1), 0);

	KUNIT_EXPECT_EQ(test, graph_hold(test, graph, outside, 0, 1), -ELOOP);
	for (i = 0; i < LADDER_NR; i++) {
		visited += graph->nodes[i].visit == hsk_last_walk;
		KUNIT_EXPECT_TRUE(test, list_empty(&graph->nodes[i].walk));
	}
	KUNIT_EXPECT_EQ(test, visited, (unsigned int)LADDER_NR);
	graph_free(graph);
}

static void a_walk_that_finds_nothing_leaves_the_graph_as_it_was(struct kunit *test)
{
	struct graph *graph = graph_new(test);
	int i;

	KUNIT_ASSERT_EQ(test, graph_hold(test, graph, 0, 1, 1), 0);
	KUNIT_ASSERT_EQ(test, graph_hold(test, graph, 1, 2, 2), 0);
	KUNIT_ASSERT_EQ(test, graph_hold(test, graph, 4, 3, 1), 0);
	KUNIT_EXPECT_EQ(test, graph_hold(test, graph, 3, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, graph->nodes[2].visit, hsk_last_walk);
	KUNIT_EXPECT_EQ(test, graph->nodes[0].held_by, 1U);
	KUNIT_EXPECT_EQ(test, graph->nodes[2].held_by, 2U);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_TRUE(test, list_empty(&graph->nodes[i].walk));
	/* Now 4 holds 3, and that all the others. */
	KUNIT_EXPECT_EQ(test, graph_hold(test, graph, 2, 4, 1), -ELOOP);
	graph_free(graph);
}

/* So that a chain costs the same for each link, from whichever end it is built. */
static void a_chain_is_built_without_a_walk(struct kunit *test)
{
	struct graph *graph = graph_new(test);
	int i;

	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_EQ(test, graph_hold(test, graph, i, i + 1, 1), 0);
	for (i = 50; i > 30; i--)
		KUNIT_EXPECT_EQ(test, graph_hold(test, graph, i - 1, i, 1), 0);
	for (i = 0; i < LADDER_NR; i++)
		KUNIT_EXPECT_EQ(test, graph->nodes[i].visit, 0ULL);
	graph_free(graph);
}

static struct kunit_case flight_cases[] = {
	KUNIT_CASE(a_flight_that_is_half_filled_or_never_flew_is_freed),
	KUNIT_CASE(a_second_landing_changes_nothing),
	KUNIT_CASE(a_user_is_known_as_long_as_something_of_its_flies),
	KUNIT_CASE(a_refused_flight_leaves_no_user_and_no_edge),
	KUNIT_CASE(users_of_one_hash_bucket_are_told_apart),
	KUNIT_CASE(a_charge_stops_at_the_limit_and_does_not_overflow),
	KUNIT_CASE(a_walk_passes_each_channel_once),
	KUNIT_CASE(a_walk_that_finds_nothing_leaves_the_graph_as_it_was),
	KUNIT_CASE(a_chain_is_built_without_a_walk),
	{}
};

static struct kunit_suite flight_suite = {
	.name = "hsk_flight",
	.test_cases = flight_cases,
};

kunit_test_suite(flight_suite);
