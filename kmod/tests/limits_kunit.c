// SPDX-License-Identifier: GPL-2.0-only
/* Included by limits.c, whose functions are static. */
#include <kunit/test.h>

/* The error of setting a parameter, and what it is then, where it was 7 before. */
struct limit_case {
	int (*set)(const char *val, const struct kernel_param *kp);
	const char *text;
	int err;
	unsigned int value;
};

static void limits_take_their_edges_and_nothing_beyond(struct kunit *test)
{
	static const struct limit_case cases[] = {
		{ max_msg_size_set, "0", -EINVAL, 7 },
		{ max_msg_size_set, "1", 0, 1 },
		{ max_msg_size_set, "16777216", 0, SZ_16M },
		{ max_msg_size_set, "16777217", -EINVAL, 7 },
		{ max_fds_set, "0", 0, 0 },
		{ max_fds_set, "253", 0, 253 },
		{ max_fds_set, "254", -EINVAL, 7 },
		{ max_capacity_set, "0", 0, 0 },
		{ max_capacity_set, "1048576", 0, SZ_1M },
		{ max_capacity_set, "1048577", -EINVAL, 7 },
		{ max_in_flight_set, "0", 0, 0 },
		{ max_in_flight_set, "1048576", 0, SZ_1M },
		{ max_in_flight_set, "1048577", -EINVAL, 7 },
	};
	unsigned int value;
	size_t i;
	struct kernel_param param = { .arg = &value };

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		value = 7;
		KUNIT_EXPECT_EQ_MSG(test, cases[i].set(cases[i].text, &param), cases[i].err,
				    "case %zu", i);
		KUNIT_EXPECT_EQ_MSG(test, value, cases[i].value, "case %zu", i);
	}
}

static void what_is_no_number_leaves_a_limit_as_it_was(struct kunit *test)
{
	static const char * const wrong[] = {
		NULL, "", " ", "-1", "x", "1x", "1 2", "0x", "4294967296", "18446744073709551617",
	};
	unsigned int value = 7;
	size_t i;
	struct kernel_param param = { .arg = &value };

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		KUNIT_EXPECT_LT_MSG(test, max_capacity_set(wrong[i], &param), 0, "case %zu", i);
		KUNIT_EXPECT_EQ_MSG(test, value, 7U, "case %zu", i);
	}
}

static struct kunit_case limits_cases[] = {
	KUNIT_CASE(limits_take_their_edges_and_nothing_beyond),
	KUNIT_CASE(what_is_no_number_leaves_a_limit_as_it_was),
	{}
};

static struct kunit_suite limits_suite = {
	.name = "hsk_limits",
	.test_cases = limits_cases,
};

kunit_test_suite(limits_suite);
