// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects that block, and what ends their wait: a partner on any of their channels, a
 * close, the deadline, a signal, death. Whatever it is, nothing is left behind on the
 * other channels. Each with the select in another process and in another thread.
 */
#include <fcntl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "hsk_select.h"

#define MANY	HSK_SELECT_CASES_MAX

FIXTURE(blocked) {
	int zero, other, one;	/* channels of capacities 0, 0 and 1; the last one full */
	enum t_mode mode;
};

FIXTURE_VARIANT(blocked) {
	enum t_mode mode;
};

FIXTURE_VARIANT_ADD(blocked, process) { .mode = T_PROCESS };
FIXTURE_VARIANT_ADD(blocked, thread) { .mode = T_THREAD };

FIXTURE_SETUP(blocked)
{
	self->mode = variant->mode;
	self->zero = t_new(0);
	self->other = t_new(0);
	self->one = t_new(1);
	ASSERT_GE(self->one, 0);
	ASSERT_EQ(0, t_put(self->one, 100));
}

/* No select of a test is in any queue at its end. */
static bool nobody_waits(int fd)
{
	struct hsk_info_args info;

	return !t_info(fd, &info) && !info.waiting_senders && !info.waiting_receivers &&
	       t_conserved(fd);
}

FIXTURE_TEARDOWN(blocked)
{
	EXPECT_TRUE(nobody_waits(self->zero));
	EXPECT_TRUE(nobody_waits(self->other));
	EXPECT_TRUE(nobody_waits(self->one));
}

/* Blocked in three cases: to receive from zero, to send to other and to one. */
static struct t_select_job *block_in_three(FIXTURE_DATA(blocked) * self)
{
	struct t_select_job *job;

	job = t_select_job_blocked(self->mode, T_CASES(t_case_get(self->zero),
						       t_case_put(self->other, 11),
						       t_case_put(self->one, 12)));
	return job && t_select_job_is_blocked(job) ? job : NULL;
}

/* --- partners --- */

TEST_F(blocked, a_send_to_one_of_its_channels_ends_it)
{
	struct t_select_job *job = block_in_three(self);
	__u64 v;

	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_try_put(self->zero, 5));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_TRUE(t_case_got(&job->cases[0], 5));
	EXPECT_EQ(-EAGAIN, t_try_get(self->other, &v));
	EXPECT_TRUE(t_counters(self->zero, 1, 1, 0, 0));
	EXPECT_TRUE(t_counters(self->other, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(self->one, 1, 0, 1, 0));
}

TEST_F(blocked, a_receive_from_one_of_its_channels_ends_it)
{
	struct t_select_job *job = block_in_three(self);
	__u64 v = 0;

	ASSERT_TRUE(!!job);
	EXPECT_EQ(1, t_try_get(self->other, &v));
	EXPECT_EQ(11, v);
	EXPECT_EQ(1, t_select_job_end(job));
	EXPECT_TRUE(t_case_sent(&job->cases[1]));
	EXPECT_EQ(-EAGAIN, t_try_put(self->zero, 5));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(self->other, 1, 1, 0, 0));
	EXPECT_TRUE(t_counters(self->one, 1, 0, 1, 0));
}

TEST_F(blocked, room_in_one_of_its_channels_ends_it)
{
	struct t_select_job *job = block_in_three(self);
	__u64 v = 0;

	ASSERT_TRUE(!!job);
	EXPECT_EQ(1, t_try_get(self->one, &v));
	EXPECT_EQ(100, v);
	EXPECT_EQ(2, t_select_job_end(job));
	EXPECT_TRUE(t_case_sent(&job->cases[2]));
	EXPECT_TRUE(t_counters(self->one, 2, 1, 1, 0));
	EXPECT_EQ(1, t_try_get(self->one, &v));
	EXPECT_EQ(12, v);
	EXPECT_EQ(-EAGAIN, t_try_put(self->zero, 5));
}

TEST_F(blocked, close_of_a_channel_that_it_receives_from_ends_it)
{
	struct t_select_job *job = block_in_three(self);

	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_close(self->zero, -EIO));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_TRUE(t_case_got_closed(&job->cases[0], -EIO));
}

TEST_F(blocked, close_of_a_channel_that_it_sends_to_ends_it)
{
	struct t_select_job *job = block_in_three(self);

	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_close(self->one, 0));
	EXPECT_EQ(2, t_select_job_end(job));
	EXPECT_EQ(-EPIPE, job->cases[2].result);
	EXPECT_TRUE(t_counters(self->one, 1, 0, 1, 0));
}

/* Another process would have a copy of the writer. */
TEST(the_end_of_all_writers_ends_a_select)
{
	int fd = t_new(0), other = t_new(0), reader = t_dup(fd, HSK_RIGHT_READ);
	struct t_select_job *job;

	job = t_select_job_blocked(T_THREAD, T_CASES(t_case_get(other), t_case_get(reader)));
	ASSERT_TRUE(!!job);
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(1, t_select_job_end(job));
	EXPECT_TRUE(t_case_got_closed(&job->cases[1], -EOWNERDEAD));
	EXPECT_TRUE(nobody_waits(other));
}

TEST_F(blocked, o_nonblock_of_its_endpoints_plays_no_part)
{
	struct t_select_job *job;

	ASSERT_EQ(0, fcntl(self->zero, F_SETFL, O_NONBLOCK));
	job = t_select_job_blocked(self->mode, T_CASES(t_case_get(self->zero)));
	ASSERT_TRUE(!!job);
	EXPECT_TRUE(t_select_job_is_blocked(job));
	EXPECT_EQ(0, t_put(self->zero, 1));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_TRUE(t_case_got(&job->cases[0], 1));
}

/* --- its place in the queues --- */

TEST_F(blocked, selects_and_receives_are_served_in_arrival_order)
{
	struct t_select_job *first, *third;
	struct t_job *second;

	first = t_select_job(self->mode, T_CASES(t_case_get(self->zero)));
	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	second = t_job_get_blocked(self->mode, self->zero, 2);
	ASSERT_TRUE(!!second);
	third = t_select_job(self->mode, T_CASES(t_case_get(self->other), t_case_get(self->zero)));
	ASSERT_EQ(0, t_wait_receivers(self->zero, 3));
	EXPECT_EQ(0, t_try_put(self->zero, 1));
	EXPECT_EQ(0, t_try_put(self->zero, 2));
	EXPECT_EQ(0, t_try_put(self->zero, 3));
	EXPECT_EQ(0, t_select_job_end(first));
	EXPECT_TRUE(t_case_got(&first->cases[0], 1));
	EXPECT_TRUE(t_job_got(second, 2));
	EXPECT_EQ(1, t_select_job_end(third));
	EXPECT_TRUE(t_case_got(&third->cases[1], 3));
}

TEST_F(blocked, selects_and_sends_are_served_in_arrival_order)
{
	struct t_select_job *first, *third;
	struct t_job *second;
	__u64 v, i;

	first = t_select_job(self->mode, T_CASES(t_case_put(self->zero, 1)));
	ASSERT_EQ(0, t_wait_senders(self->zero, 1));
	second = t_job_put_blocked(self->mode, self->zero, 2, 2);
	ASSERT_TRUE(!!second);
	third = t_select_job(self->mode, T_CASES(t_case_get(self->other),
						 t_case_put(self->zero, 3)));
	ASSERT_EQ(0, t_wait_senders(self->zero, 3));
	for (i = 1; i <= 3; i++) {
		EXPECT_EQ(1, t_try_get(self->zero, &v));
		EXPECT_EQ(i, v);
	}
	EXPECT_EQ(0, t_select_job_end(first));
	EXPECT_EQ(0, t_job_end(second));
	EXPECT_EQ(1, t_select_job_end(third));
}

/* Go's select6: a loser that stayed in the queue would get what is another's. */
TEST_F(blocked, a_select_that_ended_elsewhere_is_in_nobodys_way)
{
	struct t_select_job *loser, *second;
	struct t_job *third;

	loser = t_select_job_blocked(self->mode, T_CASES(t_case_get(self->zero),
							 t_case_get(self->other)));
	ASSERT_TRUE(!!loser);
	EXPECT_EQ(0, t_try_put(self->other, 1));
	EXPECT_EQ(1, t_select_job_end(loser));
	EXPECT_EQ(0, t_wait_receivers(self->zero, 0));
	second = t_select_job(self->mode, T_CASES(t_case_get(self->zero)));
	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	third = t_job_get_blocked(self->mode, self->zero, 2);
	ASSERT_TRUE(!!third);
	EXPECT_EQ(0, t_try_put(self->zero, 2));
	EXPECT_EQ(0, t_try_put(self->zero, 3));
	EXPECT_EQ(-EAGAIN, t_try_put(self->zero, 4));
	EXPECT_EQ(0, t_select_job_end(second));
	EXPECT_TRUE(t_case_got(&second->cases[0], 2));
	EXPECT_TRUE(t_job_got(third, 3));
}

TEST_F(blocked, one_partner_is_enough_for_several_cases_of_a_channel)
{
	struct t_select_job *job;
	__u64 v = 0;
	int ret;

	job = t_select_job_blocked(self->mode, T_CASES(t_case_get(self->zero),
						       t_case_get(self->zero),
						       t_case_get(self->zero)));
	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_try_put(self->zero, 7));
	EXPECT_EQ(-EAGAIN, t_try_put(self->zero, 8));
	ret = t_select_job_end(job);
	ASSERT_TRUE(ret >= 0 && ret < 3);
	EXPECT_TRUE(t_case_got(&job->cases[ret], 7));
	job = t_select_job_blocked(self->mode, T_CASES(t_case_put(self->zero, 0),
						       t_case_put(self->zero, 1)));
	ASSERT_TRUE(!!job);
	EXPECT_EQ(1, t_try_get(self->zero, &v));
	EXPECT_EQ(v, t_select_job_end(job));
	EXPECT_EQ(-EAGAIN, t_try_get(self->zero, &v));
}

/* --- a select and itself, and another like it --- */

static struct t_select_job *block_in_both_ends(FIXTURE_DATA(blocked) * self, __u64 value)
{
	return t_select_job_blocked(self->mode, T_CASES(t_case_get(self->zero),
							t_case_put(self->zero, value)));
}

TEST_F(blocked, one_that_could_only_meet_itself_meets_others)
{
	struct t_select_job *job = block_in_both_ends(self, 1);
	__u64 v = 0;

	ASSERT_TRUE(!!job);
	EXPECT_TRUE(t_select_job_is_blocked(job));
	EXPECT_EQ(1, t_try_get(self->zero, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(1, t_select_job_end(job));
	job = block_in_both_ends(self, 2);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_try_put(self->zero, 3));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_TRUE(t_case_got(&job->cases[0], 3));
	EXPECT_TRUE(t_counters(self->zero, 2, 2, 0, 0));
}

TEST_F(blocked, one_that_could_only_meet_itself_meets_another_such)
{
	unsigned int seen = 0, i;

	for (i = 0; i < 200 && seen != 3; i++) {
		struct t_case both[] = { t_case_get(self->zero), t_case_put(self->zero, 9) };
		struct t_select_job *job = block_in_both_ends(self, i);
		int mine, theirs;

		ASSERT_TRUE(!!job);
		mine = t_try_select(both, 2);
		ASSERT_LE(0, mine);
		theirs = t_select_job_end(job);
		/* One has sent and the other has received. */
		ASSERT_EQ(1, mine + theirs);
		ASSERT_TRUE(!mine || t_case_got(&job->cases[0], 9));
		ASSERT_TRUE(mine || t_case_got(&both[0], i));
		ASSERT_TRUE(t_counters(self->zero, i + 1, i + 1, 0, 0));
		seen |= 1U << mine;
	}
	EXPECT_EQ(3, seen);
}

TEST_F(blocked, each_of_sixty_four_places_can_be_the_one)
{
	static const int tried[] = { 0, 1, 31, 62, 63 };
	struct t_case cases[MANY];
	int fds[MANY], i, k, at;
	__u64 v;

	for (i = 0; i < MANY; i++) {
		fds[i] = t_new(0);
		if (i % 2)
			cases[i] = t_case_get(fds[i]);
		else
			cases[i] = t_case_put(fds[i], i);
	}
	for (k = 0; k < (int)ARRAY_SIZE(tried); k++) {
		struct t_select_job *job = t_select_job_blocked(self->mode, cases, MANY);

		ASSERT_TRUE(!!job);
		at = tried[k];
		v = at;
		ASSERT_EQ(at % 2 ? 0 : 1, at % 2 ? t_try_put(fds[at], k) : t_try_get(fds[at], &v));
		ASSERT_EQ(at, v);
		ASSERT_EQ(at, t_select_job_end(job));
		ASSERT_TRUE(at % 2 ? t_case_got(&job->cases[at], k)
				   : t_case_sent(&job->cases[at]));
	}
	for (i = 0; i < MANY; i++)
		EXPECT_TRUE(nobody_waits(fds[i]));
}

HSK_TEST_MAIN
