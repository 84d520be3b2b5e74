// SPDX-License-Identifier: LGPL-2.1-or-later
/* Deadlines: the arithmetic, and that operations end by them. */
#include <time.h>

#include <hsk.h>

#include "tap.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static void span_is_added_to_the_monotonic_clock(void)
{
	uint64_t before = now_ns();
	uint64_t ns = hsk_deadline_in_ns(5000);
	uint64_t ms = hsk_deadline_in_ms(7);
	uint64_t after = now_ns();

	EXPECT(ns >= before + 5000 && ns <= after + 5000);
	EXPECT(ms >= before + 7000000 && ms <= after + 7000000);
	EXPECT(hsk_deadline_in_ns(0) > 0);
	EXPECT(hsk_deadline_in_ms(0) > 0);
}

static void huge_span_saturates(void)
{
	EXPECT_EQ(INT64_MAX, hsk_deadline_in_ns(UINT64_MAX));
	EXPECT_EQ(INT64_MAX, hsk_deadline_in_ns(INT64_MAX));
	EXPECT_EQ(INT64_MAX, hsk_deadline_in_ms(UINT64_MAX));
	EXPECT_EQ(INT64_MAX, hsk_deadline_in_ms(INT64_MAX / 1000000));
}

static void send_ends_at_its_deadline_and_not_before(void)
{
	int ep = hsk_chan_new(0);
	uint64_t deadline = hsk_deadline_in_ms(50);

	EXPECT_EQ(-ETIMEDOUT, hsk_send_until(ep, "x", 1, deadline, NULL));
	EXPECT(now_ns() >= deadline);
	deadline = hsk_deadline_in_ms(50);
	EXPECT_EQ(-ETIMEDOUT, hsk_send_fds_until(ep, "x", 1, NULL, 0,
						 deadline, NULL));
	EXPECT(now_ns() >= deadline);
}

static void receive_ends_at_its_deadline_and_not_before(void)
{
	int ep = hsk_chan_new(0);
	uint64_t deadline = hsk_deadline_in_ms(50);
	char byte = 'o';

	EXPECT_EQ(-ETIMEDOUT, hsk_recv_until(ep, &byte, 1, NULL, deadline,
					     NULL));
	EXPECT(now_ns() >= deadline);
	deadline = hsk_deadline_in_ms(50);
	EXPECT_EQ(-ETIMEDOUT, hsk_recv_fds_until(ep, &byte, 1, NULL, 0, NULL,
						 deadline, NULL));
	EXPECT(now_ns() >= deadline);
	EXPECT_EQ('o', byte);
}

static void success_beats_a_deadline_in_the_past(void)
{
	int ep = hsk_chan_new(1);
	char byte = 0;

	EXPECT_EQ(0, hsk_send_until(ep, "x", 1, 1, NULL));
	EXPECT_EQ(-ETIMEDOUT, hsk_send_until(ep, "y", 1, 1, NULL));
	EXPECT_EQ(1, hsk_recv_until(ep, &byte, 1, NULL, 1, NULL));
	EXPECT_EQ('x', byte);
	EXPECT_EQ(-ETIMEDOUT, hsk_recv_until(ep, &byte, 1, NULL, 1, NULL));
}

static void deadline_beyond_the_clock_is_refused(void)
{
	int ep = hsk_chan_new(1);
	uint64_t beyond = (uint64_t)INT64_MAX + 1;
	char byte;

	EXPECT_EQ(-EINVAL, hsk_send_until(ep, "x", 1, beyond, NULL));
	EXPECT_EQ(-EINVAL, hsk_recv_until(ep, &byte, 1, NULL, beyond, NULL));
	EXPECT_EQ(0, hsk_send_until(ep, "x", 1, INT64_MAX, NULL));
	EXPECT_EQ(1, hsk_recv_until(ep, &byte, 1, NULL, INT64_MAX, NULL));
}

static const struct tap_test tests[] = {
	TAP_TEST(span_is_added_to_the_monotonic_clock),
	TAP_TEST(huge_span_saturates),
	TAP_TEST(send_ends_at_its_deadline_and_not_before),
	TAP_TEST(receive_ends_at_its_deadline_and_not_before),
	TAP_TEST(success_beats_a_deadline_in_the_past),
	TAP_TEST(deadline_beyond_the_clock_is_refused),
};

int main(void)
{
	return TAP_RUN(tests);
}
