// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a select does at one instant: which case it takes, what it says of it, and that
 * nothing else happens. That the cases it does not take are not written is looked at in
 * every call, by t_select_full().
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "hsk_select.h"

#define ORDERED	HSK_SELECT_F_ORDERED
#define PAST	1

FIXTURE(instant) {
	int zero, a, b;		/* of capacities 0, 2 and 2 */
};

FIXTURE_SETUP(instant)
{
	self->zero = t_new(0);
	self->a = t_new(2);
	self->b = t_new(2);
	ASSERT_GE(self->b, 0);
}

FIXTURE_TEARDOWN(instant)
{
	EXPECT_EQ(0, t_wait_senders(self->zero, 0));
	EXPECT_EQ(0, t_wait_receivers(self->a, 0));
	EXPECT_EQ(0, t_wait_receivers(self->b, 0));
	EXPECT_TRUE(t_conserved(self->zero));
	EXPECT_TRUE(t_conserved(self->a));
	EXPECT_TRUE(t_conserved(self->b));
}

TEST_F(instant, the_case_that_is_ready_happens_wherever_it_stands)
{
	struct t_case cases[] = { t_case_get(self->zero), t_case_get(self->a),
				  t_case_get(self->b), t_case_put(self->zero, 9) };

	ASSERT_EQ(0, t_put(self->a, 5));
	ASSERT_EQ(1, t_select(cases, 4, 0));
	EXPECT_TRUE(t_case_got(&cases[1], 5));
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
	cases[1] = t_case_get(self->a);
	ASSERT_EQ(0, t_put(self->b, 6));
	ASSERT_EQ(2, t_select(cases, 4, 0));
	EXPECT_TRUE(t_case_got(&cases[2], 6));
	cases[2] = t_case_put(self->b, 7);
	ASSERT_EQ(2, t_select(cases, 4, 0));
	EXPECT_TRUE(t_case_sent(&cases[2]));
	EXPECT_TRUE(t_counters(self->b, 2, 1, 1, 0));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
}

TEST_F(instant, of_several_ready_cases_exactly_one_happens)
{
	struct hsk_info_args a, b;
	int i, chosen;

	for (i = 1; i <= 50; i++) {
		struct t_case cases[] = { t_case_put(self->a, i), t_case_put(self->b, i) };
		__u64 v = 0;

		chosen = t_select(cases, 2, 0);
		ASSERT_LE(0, chosen);
		ASSERT_TRUE(t_case_sent(&cases[chosen]));
		ASSERT_EQ(0, t_info(self->a, &a));
		ASSERT_EQ(0, t_info(self->b, &b));
		ASSERT_EQ(i, a.sent + b.sent);
		ASSERT_EQ(1, t_try_get(chosen ? self->b : self->a, &v));
		ASSERT_EQ(i, v);
	}
}

TEST_F(instant, a_committed_partner_makes_a_case_ready)
{
	struct t_job *sender = t_job_put_blocked(T_PROCESS, self->zero, 3, 1);
	struct t_case get[] = { t_case_get(self->a), t_case_get(self->zero) };
	struct t_case put[] = { t_case_get(self->a), t_case_put(self->zero, 4) };
	struct t_job *receiver;

	ASSERT_TRUE(!!sender);
	ASSERT_EQ(1, t_try_select(get, 2));
	EXPECT_TRUE(t_case_got(&get[1], 3));
	EXPECT_EQ(0, t_job_end(sender));
	receiver = t_job_get_blocked(T_PROCESS, self->zero, 1);
	ASSERT_TRUE(!!receiver);
	ASSERT_EQ(1, t_try_select(put, 2));
	EXPECT_TRUE(t_case_sent(&put[1]));
	EXPECT_TRUE(t_job_got(receiver, 4));
}

TEST_F(instant, what_a_plain_receive_is_told_a_chosen_one_is_told_too)
{
	struct t_case cases[] = { t_case_get(self->a) };

	ASSERT_EQ(0, t_put(self->a, 5));
	ASSERT_EQ(0, t_try_select(cases, 1));
	EXPECT_EQ(getpid(), cases[0].msg.pid);
	EXPECT_EQ(geteuid(), cases[0].msg.uid);
	EXPECT_EQ(getegid(), cases[0].msg.gid);
	EXPECT_EQ(0, cases[0].msg.reason);
	EXPECT_EQ(8, cases[0].msg.len);
	EXPECT_EQ(0, cases[0].msg.nr_fds);
}

TEST_F(instant, a_sent_message_says_who_sent_it)
{
	struct hsk_msghdr msg;
	__u64 v = 0;

	ASSERT_EQ(0, t_try_select(T_CASES(t_case_put(self->a, 5))));
	ASSERT_EQ(0, t_recv(self->a, &v, sizeof(v), &msg));
	EXPECT_EQ(5, v);
	EXPECT_EQ(getpid(), msg.pid);
	EXPECT_EQ(geteuid(), msg.uid);
	EXPECT_EQ(getegid(), msg.gid);
}

TEST_F(instant, zero_length_messages_are_messages)
{
	struct t_case put = t_case_put(self->a, 0), get = t_case_get(self->a);

	put.len = 0;
	get.len = 0;
	ASSERT_EQ(0, t_try_select(&put, 1));
	EXPECT_TRUE(t_counters(self->a, 1, 0, 1, 0));
	ASSERT_EQ(0, t_try_select(&get, 1));
	EXPECT_EQ(0, get.result);
	EXPECT_EQ(0, get.msg.len);
	EXPECT_EQ(0, get.msg.flags);
	EXPECT_TRUE(t_untouched(get.bytes, sizeof(get.bytes)));
}

/* --- disabled cases, and none --- */

TEST_F(instant, disabled_cases_are_skipped_whatever_else_they_say)
{
	struct t_case cases[] = { t_case_none(), t_case_get(self->a), t_case_none() };
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, t_put(self->a, i));
		cases[1] = t_case_get(self->a);
		ASSERT_EQ(1, t_select(cases, 3, i % 2 * ORDERED));
		ASSERT_TRUE(t_case_got(&cases[1], i));
	}
}

TEST_F(instant, without_an_enabled_case_nothing_is_ready)
{
	struct t_case none[] = { t_case_none(), t_case_none() };
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = HSK_OP_F_DONTWAIT,
		.cases = (uintptr_t)t_bad_address(),
	};

	EXPECT_EQ(-EAGAIN, t_try_select(none, 2));
	EXPECT_EQ(-EAGAIN, t_try_select(none, 0));
	EXPECT_EQ(-ETIMEDOUT, t_select_deadline(none, 2, 0, PAST));
	EXPECT_EQ(-ETIMEDOUT, t_select_deadline(none, 0, 0, PAST));
	/* Of no case nothing is read. */
	EXPECT_EQ(-EAGAIN, t_ioctl(self->a, HSK_IOC_SELECT, &args));
}

TEST_F(instant, dontwait_is_eagain_only_if_no_case_is_ready)
{
	struct t_case cases[] = { t_case_get(self->a), t_case_put(self->zero, 1),
				  t_case_get(self->b), t_case_get(self->zero) };

	EXPECT_EQ(-EAGAIN, t_try_select(cases, 4));
	EXPECT_EQ(-EAGAIN, t_select(cases, 4, HSK_OP_F_DONTWAIT | ORDERED));
	ASSERT_EQ(0, t_put(self->b, 8));
	ASSERT_EQ(2, t_try_select(cases, 4));
	EXPECT_TRUE(t_case_got(&cases[2], 8));
	cases[2] = t_case_get(self->b);
	EXPECT_EQ(-EAGAIN, t_try_select(cases, 4));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
}

TEST_F(instant, success_beats_a_past_deadline)
{
	ASSERT_EQ(0, t_put(self->a, 1));
	EXPECT_EQ(1, t_select_deadline(T_CASES(t_case_get(self->b), t_case_get(self->a)), 0,
				       PAST));
	EXPECT_EQ(-ETIMEDOUT,
		  t_select_deadline(T_CASES(t_case_get(self->b), t_case_get(self->a)), 0, PAST));
}

/* --- which one --- */

TEST_F(instant, ordered_takes_the_first_ready_one_as_listed)
{
	int fds[] = { self->zero, self->a, self->b }, i;
	__u64 v;

	for (i = 0; i < 40; i++) {
		/* The channels' own order must not matter: both of them. */
		int one = fds[1 + i % 2], other = fds[2 - i % 2];
		struct t_case cases[] = { t_case_none(), t_case_get(self->zero),
					  t_case_get(one), t_case_put(other, 7),
					  t_case_get(one) };

		ASSERT_EQ(0, t_put(one, i));
		ASSERT_EQ(2, t_select(cases, 5, ORDERED));
		ASSERT_TRUE(t_case_got(&cases[2], i));
		cases[2] = t_case_get(one);
		ASSERT_EQ(3, t_select(cases, 5, ORDERED));
		ASSERT_EQ(1, t_try_get(other, &v));
		ASSERT_EQ(7, v);
	}
}

TEST_F(instant, without_ordered_every_ready_case_has_its_turn)
{
	unsigned int seen = 0, i;
	int fd = t_new(1000);
	int chosen;

	for (i = 0; i < 1000 && seen != 0x1f; i++) {
		chosen = t_select(T_CASES(t_case_put(fd, 0), t_case_put(fd, 1), t_case_put(fd, 2),
					  t_case_put(fd, 3), t_case_put(fd, 4)), 0);
		ASSERT_LE(0, chosen);
		seen |= 1U << chosen;
	}
	EXPECT_EQ(0x1f, seen);
}

TEST_F(instant, with_a_channel_in_several_cases_the_chosen_ones_message_goes)
{
	int i, chosen;
	__u64 v;

	for (i = 0; i < 40; i++) {
		struct t_case gets[] = { t_case_get(self->a), t_case_get(self->a) };

		chosen = t_select(T_CASES(t_case_put(self->a, 0), t_case_put(self->a, 1),
					  t_case_put(self->a, 2)), 0);
		ASSERT_LE(0, chosen);
		ASSERT_EQ(1, t_try_get(self->a, &v));
		ASSERT_EQ(chosen, v);
		ASSERT_EQ(0, t_put(self->a, i));
		chosen = t_select(gets, 2, 0);
		ASSERT_LE(0, chosen);
		ASSERT_TRUE(t_case_got(&gets[chosen], i));
		ASSERT_EQ(-EAGAIN, t_try_get(self->a, &v));
	}
}

TEST_F(instant, a_select_never_meets_itself)
{
	EXPECT_EQ(-EAGAIN, t_try_select(T_CASES(t_case_put(self->zero, 1),
						t_case_get(self->zero))));
	EXPECT_EQ(-EAGAIN, t_try_select(T_CASES(t_case_get(self->zero),
						t_case_put(self->zero, 1))));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
}

/* --- closed channels --- */

TEST_F(instant, receive_on_closed_is_chosen_with_closed_and_reason_for_ever)
{
	struct t_case cases[2];
	int i;

	ASSERT_EQ(0, t_put(self->a, 1));
	ASSERT_EQ(0, t_close(self->a, -EIO));
	cases[0] = t_case_get(self->b);
	cases[1] = t_case_get(self->a);
	/* What was buffered comes first. */
	ASSERT_EQ(1, t_select(cases, 2, 0));
	EXPECT_TRUE(t_case_got(&cases[1], 1));
	for (i = 0; i < 3; i++) {
		cases[1] = t_case_get(self->a);
		ASSERT_EQ(1, t_select(cases, 2, 0));
		EXPECT_TRUE(t_case_got_closed(&cases[1], -EIO));
		EXPECT_EQ(0, cases[1].msg.pid);
	}
}

TEST_F(instant, send_on_closed_is_chosen_with_epipe_and_nothing_is_sent)
{
	int writer = t_dup(self->zero, HSK_RIGHT_WRITE);
	struct t_case cases[] = { t_case_get(self->b), t_case_put(self->a, 1) };
	struct t_case deaf[] = { t_case_put(writer, 1) };

	ASSERT_EQ(0, t_close(self->a, 0));
	ASSERT_EQ(1, t_select(cases, 2, 0));
	EXPECT_EQ(-EPIPE, cases[1].result);
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
	/* So is one that nobody can receive any more. */
	ASSERT_EQ(0, close(self->zero));
	ASSERT_EQ(0, t_select(deaf, 1, 0));
	EXPECT_EQ(-EPIPE, deaf[0].result);
	self->zero = writer;
}

/* --- receives that cannot take what they get --- */

TEST_F(instant, too_little_room_is_the_result_and_the_message_stays)
{
	struct t_case cases[] = { t_case_get(self->b), t_case_get(self->a) };
	struct hsk_msghdr before;
	__u64 v = 0;

	cases[1].len = 7;
	before = cases[1].msg;
	ASSERT_EQ(0, t_put(self->a, 5));
	ASSERT_EQ(1, t_select(cases, 2, 0));
	EXPECT_EQ(-EMSGSIZE, cases[1].result);
	EXPECT_EQ(8, cases[1].msg.len);
	EXPECT_EQ(0, cases[1].msg.nr_fds);
	EXPECT_EQ(before.flags, cases[1].msg.flags);
	EXPECT_EQ(before.pid, cases[1].msg.pid);
	EXPECT_TRUE(t_untouched(cases[1].bytes, sizeof(cases[1].bytes)));
	EXPECT_TRUE(t_counters(self->a, 1, 0, 1, 0));
	ASSERT_EQ(1, t_try_get(self->a, &v));
	EXPECT_EQ(5, v);
}

TEST_F(instant, a_bad_address_is_the_result_and_the_message_stays_first)
{
	struct t_case get = t_case_get(self->a);
	__u64 v = 0;

	get.buf = t_bad_address();
	ASSERT_EQ(0, t_put(self->a, 5));
	ASSERT_EQ(0, t_put(self->a, 6));
	ASSERT_EQ(0, t_select(&get, 1, 0));
	EXPECT_EQ(-EFAULT, get.result);
	EXPECT_TRUE(t_counters(self->a, 2, 0, 2, 0));
	ASSERT_EQ(1, t_try_get(self->a, &v));
	EXPECT_EQ(5, v);
}

/* --- many cases, any endpoint --- */

TEST_F(instant, each_of_sixty_four_cases_can_be_the_one)
{
	struct t_case cases[HSK_SELECT_CASES_MAX];
	int fds[HSK_SELECT_CASES_MAX], i, k;

	for (i = 0; i < HSK_SELECT_CASES_MAX; i++)
		fds[i] = t_new(1);
	for (k = 0; k < HSK_SELECT_CASES_MAX; k++) {
		for (i = 0; i < HSK_SELECT_CASES_MAX; i++)
			cases[i] = t_case_get(fds[i]);
		ASSERT_EQ(-EAGAIN, t_try_select(cases, HSK_SELECT_CASES_MAX));
		ASSERT_EQ(0, t_put(fds[k], k));
		ASSERT_EQ(k, t_select(cases, HSK_SELECT_CASES_MAX, k % 2 * ORDERED));
		ASSERT_TRUE(t_case_got(&cases[k], k));
	}
}

TEST_F(instant, all_sixty_four_cases_may_be_of_one_channel)
{
	struct t_case cases[HSK_SELECT_CASES_MAX];
	int i, chosen;
	__u64 v = 0;

	for (i = 0; i < HSK_SELECT_CASES_MAX; i++)
		cases[i] = t_case_put(self->a, i);
	chosen = t_select(cases, HSK_SELECT_CASES_MAX, 0);
	ASSERT_LE(0, chosen);
	ASSERT_EQ(1, t_try_get(self->a, &v));
	EXPECT_EQ(chosen, v);
	EXPECT_EQ(0, t_select(cases, HSK_SELECT_CASES_MAX, ORDERED));
}

TEST_F(instant, any_endpoint_can_be_asked_whatever_its_rights)
{
	int asked[] = { t_dup(self->zero, HSK_RIGHT_READ), t_dup(self->zero, HSK_RIGHT_WRITE),
			t_dup(self->a, HSK_RIGHT_READ), t_new(0) };
	unsigned int i;

	ASSERT_EQ(0, t_close(asked[3], 0));
	for (i = 0; i < ARRAY_SIZE(asked); i++) {
		struct t_case put = t_case_put(self->a, i), get = t_case_get(self->a);

		ASSERT_EQ(0, t_select_full(asked[i], &put, 1, 0, 0));
		ASSERT_EQ(0, t_select_full(asked[i], &get, 1, 0, 0));
		EXPECT_TRUE(t_case_got(&get, i));
	}
}

TEST_F(instant, the_cases_need_no_more_than_the_right_they_use)
{
	int reader = t_dup(self->a, HSK_RIGHT_READ), writer = t_dup(self->a, HSK_RIGHT_WRITE);
	struct t_case get = t_case_get(reader);

	ASSERT_EQ(0, t_select(T_CASES(t_case_put(writer, 3)), 0));
	ASSERT_EQ(0, t_select(&get, 1, 0));
	EXPECT_TRUE(t_case_got(&get, 3));
}

HSK_TEST_MAIN
