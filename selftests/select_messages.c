// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select and what is in messages: descriptors that are sent, received or left over, and
 * messages that come back because their receiver failed. And two selects against each
 * other, which must agree on what has happened.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "hsk_select.h"
#include "peer.h"

/* --- descriptors --- */

FIXTURE(carrying) {
	int zero, one;		/* channels of capacities 0 and 1 */
	int ends[2];		/* of a pipe; the second one travels */
	enum t_mode mode;
};

FIXTURE_VARIANT(carrying) {
	enum t_mode mode;
};

FIXTURE_VARIANT_ADD(carrying, process) { .mode = T_PROCESS };
FIXTURE_VARIANT_ADD(carrying, thread) { .mode = T_THREAD };

FIXTURE_SETUP(carrying)
{
	self->mode = variant->mode;
	self->zero = t_new(0);
	self->one = t_new(1);
	ASSERT_GE(self->one, 0);
	ASSERT_EQ(0, pipe2(self->ends, O_CLOEXEC));
}

FIXTURE_TEARDOWN(carrying)
{
	EXPECT_TRUE(t_conserved(self->zero));
	EXPECT_TRUE(t_conserved(self->one));
}

TEST_F(carrying, a_chosen_receive_gives_out_descriptors)
{
	struct t_case cases[] = { t_case_get_fd(self->zero), t_case_get_fd(self->one) };
	char c = 0;

	ASSERT_EQ(0, t_send_fd(self->one, self->ends[1]));
	ASSERT_EQ(1, t_select(cases, 2, 0));
	EXPECT_EQ(0, cases[1].result);
	EXPECT_EQ(1, cases[1].msg.nr_fds);
	EXPECT_EQ(0, cases[1].msg.len);
	EXPECT_EQ(FD_CLOEXEC, fcntl(cases[1].fds[0], F_GETFD));
	ASSERT_EQ(1, write(cases[1].fds[0], "x", 1));
	ASSERT_EQ(1, read(self->ends[0], &c, 1));
	EXPECT_EQ('x', c);
	EXPECT_EQ(T_SENTINEL, (unsigned int)cases[1].fds[1]);
}

TEST_F(carrying, a_blocked_receive_gives_out_descriptors)
{
	struct t_select_job *job;

	job = t_select_job_blocked(self->mode, T_CASES(t_case_get_fd(self->zero),
						       t_case_get_fd(self->one)));
	ASSERT_TRUE(!!job);
	ASSERT_EQ(0, p_try_send_fd(self->zero, self->ends[1]));
	EXPECT_EQ(0, t_select_job_end(job));
	EXPECT_EQ(1, job->cases[0].msg.nr_fds);
	/* In a thread it is also here; a process took it along. */
	close(self->ends[1]);
	if (self->mode == T_THREAD)
		ASSERT_EQ(0, close(job->cases[0].fds[0]));
	EXPECT_EQ(0, p_wait_pipe_alone(self->ends[0]));
}

TEST_F(carrying, a_chosen_send_takes_its_descriptor_along_and_the_others_stay)
{
	int spare[2], got;

	ASSERT_EQ(0, pipe2(spare, O_CLOEXEC));
	ASSERT_EQ(1, t_select(T_CASES(t_case_put_fd(self->zero, spare[1]),
				      t_case_put_fd(self->one, self->ends[1])), 0));
	close(spare[1]);
	close(self->ends[1]);
	/* Of the case that was not chosen nothing is held. */
	EXPECT_TRUE(p_pipe_alone(spare[0]));
	EXPECT_FALSE(p_pipe_alone(self->ends[0]));
	got = p_try_recv_fd(self->one);
	ASSERT_LE(0, got);
	close(got);
	EXPECT_TRUE(p_pipe_alone(self->ends[0]));
}

TEST_F(carrying, a_blocked_send_hands_its_descriptor_over_and_the_others_stay)
{
	struct t_select_job *job;
	int spare[2], got;

	ASSERT_EQ(0, pipe2(spare, O_CLOEXEC));
	ASSERT_EQ(0, t_send(self->one, NULL, 0));
	job = t_select_job_blocked(self->mode,
				   T_CASES(t_case_put_fd(self->zero, self->ends[1]),
					   t_case_put_fd(self->one, spare[1])));
	ASSERT_TRUE(!!job);
	got = p_try_recv_fd(self->zero);
	ASSERT_LE(0, got);
	EXPECT_EQ(0, t_select_job_end(job));
	close(spare[1]);
	close(self->ends[1]);
	EXPECT_TRUE(p_pipe_alone(spare[0]));
	close(got);
	EXPECT_TRUE(p_pipe_alone(self->ends[0]));
}

TEST_F(carrying, a_select_that_fails_or_dies_holds_no_descriptor)
{
	struct t_select_job *job;

	EXPECT_EQ(-EAGAIN, t_try_select(T_CASES(t_case_put_fd(self->zero, self->ends[1]))));
	EXPECT_EQ(-ETIMEDOUT,
		  t_select_deadline(T_CASES(t_case_put_fd(self->zero, self->ends[1])), 0, 1));
	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_put_fd(self->zero, self->ends[1])));
	ASSERT_TRUE(!!job);
	EXPECT_EQ(256 + SIGKILL, t_kill(job->party.pid));
	ASSERT_EQ(0, t_close(self->one, 0));
	EXPECT_EQ(0, t_select(T_CASES(t_case_put_fd(self->one, self->ends[1])), 0));
	close(self->ends[1]);
	EXPECT_TRUE(p_pipe_alone(self->ends[0]));
}

TEST_F(carrying, descriptors_of_cases_not_chosen_are_not_counted_as_in_flight)
{
	long before = t_param("max_in_flight");
	int i, done = 0;
	__u64 v;

	ASSERT_LT(0, before);
	ASSERT_EQ(0, t_set_param("max_in_flight", 2));
	for (i = 0; i < 20; i++) {
		if (t_select(T_CASES(t_case_put_fd(self->zero, self->ends[1]),
				     t_case_put(self->one, i),
				     t_case_put_fd(self->zero, self->ends[1])), 0) == 1)
			done += t_try_get(self->one, &v) == 1;
		if (t_try_select(T_CASES(t_case_put_fd(self->zero, self->ends[1]))) != -EAGAIN)
			break;
	}
	EXPECT_EQ(0, t_set_param("max_in_flight", before));
	EXPECT_EQ(20, done);
	EXPECT_EQ(20, i);
}

TEST_F(carrying, no_free_descriptor_is_the_result_and_the_message_stays)
{
	struct t_case get = t_case_get_fd(self->one);
	int ret, got;

	ASSERT_EQ(0, t_send_fd(self->one, self->ends[1]));
	ASSERT_EQ(0, t_exhaust_fds());
	ret = t_select(&get, 1, 0);
	ASSERT_EQ(0, t_allow_fds());
	EXPECT_EQ(0, ret);
	EXPECT_EQ(-EMFILE, get.result);
	EXPECT_TRUE(t_counters(self->one, 1, 0, 1, 0));
	got = p_try_recv_fd(self->one);
	EXPECT_LE(0, got);
}

TEST_F(carrying, too_little_room_for_descriptors_is_the_result)
{
	struct t_case get = t_case_get(self->one);

	ASSERT_EQ(0, t_send_fd(self->one, self->ends[1]));
	ASSERT_EQ(0, t_select(&get, 1, 0));
	EXPECT_EQ(-EMSGSIZE, get.result);
	EXPECT_EQ(0, get.msg.len);
	EXPECT_EQ(1, get.msg.nr_fds);
	EXPECT_TRUE(t_counters(self->one, 1, 0, 1, 0));
}

/* --- messages that come back --- */

TEST_F(carrying, a_faulting_receiver_leaves_a_select_waiting_in_front)
{
	struct t_select_job *job;
	struct t_job *behind;
	__u64 v = 0;

	job = t_select_job_blocked(self->mode, T_CASES(t_case_get(self->one),
						       t_case_put(self->zero, 1)));
	ASSERT_TRUE(!!job);
	behind = t_job_put_blocked(self->mode, self->zero, 2, 2);
	ASSERT_TRUE(!!behind);
	EXPECT_EQ(-EFAULT, t_recv(self->zero, t_bad_address(), 8, NULL));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
	EXPECT_EQ(0, t_wait_senders(self->zero, 2));
	EXPECT_TRUE(t_select_job_is_blocked(job));
	EXPECT_EQ(1, t_try_get(self->zero, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(1, t_select_job_end(job));
	EXPECT_TRUE(t_case_sent(&job->cases[1]));
	EXPECT_EQ(1, t_try_get(self->zero, &v));
	EXPECT_EQ(2, v);
	EXPECT_EQ(0, t_job_end(behind));
	EXPECT_TRUE(t_counters(self->zero, 2, 2, 0, 0));
}

TEST_F(carrying, a_message_that_came_back_goes_to_a_waiting_select)
{
	struct t_select_job *good;
	struct t_job *bad;

	bad = t_job_recv(self->mode, self->zero, t_bad_address(), 8, 0);
	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	good = t_select_job(self->mode, T_CASES(t_case_get(self->one), t_case_get(self->zero)));
	ASSERT_EQ(0, t_wait_receivers(self->zero, 2));
	EXPECT_EQ(0, t_try_select(T_CASES(t_case_put(self->zero, 6))));
	EXPECT_EQ(-EFAULT, t_job_end(bad));
	EXPECT_EQ(1, t_select_job_end(good));
	EXPECT_TRUE(t_case_got(&good->cases[1], 6));
	EXPECT_TRUE(t_counters(self->zero, 1, 1, 0, 0));
}

TEST_F(carrying, who_has_too_little_room_is_told_though_another_case_happens)
{
	struct t_job *small = t_job_recv(self->mode, self->zero, NULL, 4, 0);
	__u64 v = 0;

	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	ASSERT_EQ(0, t_try_put(self->one, 7));
	EXPECT_EQ(1, t_select(T_CASES(t_case_put(self->zero, 1), t_case_get(self->one)),
			      HSK_SELECT_F_ORDERED));
	EXPECT_EQ(-EMSGSIZE, t_job_end(small));
	EXPECT_EQ(-EAGAIN, t_try_get(self->zero, &v));
}

TEST_F(carrying, a_waiting_select_with_too_little_room_is_told_and_the_next_gets_it)
{
	struct t_case small = t_case_get(self->zero);
	struct t_select_job *job;
	struct t_job *next;

	small.len = 4;
	job = t_select_job_blocked(self->mode, T_CASES(t_case_get(self->one), small));
	ASSERT_TRUE(!!job);
	next = t_job_get_blocked(self->mode, self->zero, 2);
	ASSERT_TRUE(!!next);
	EXPECT_EQ(0, t_try_put(self->zero, 4));
	EXPECT_EQ(1, t_select_job_end(job));
	EXPECT_EQ(-EMSGSIZE, job->cases[1].result);
	EXPECT_EQ(8, job->cases[1].msg.len);
	EXPECT_TRUE(t_job_got(next, 4));
}

TEST_F(carrying, a_waiting_select_that_faults_leaves_the_message)
{
	struct t_case bad = t_case_get(self->zero);
	struct t_select_job *job;
	__u64 v = 0;

	bad.buf = t_bad_address();
	job = t_select_job_blocked(self->mode, T_CASES(t_case_get(self->one), bad));
	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_try_put(self->zero, 4));
	EXPECT_EQ(1, t_select_job_end(job));
	EXPECT_EQ(-EFAULT, job->cases[1].result);
	EXPECT_TRUE(t_counters(self->zero, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(self->zero, &v));
	EXPECT_EQ(4, v);
}

/* --- against each other --- */

#define ROUNDS	1000

struct duel {
	int a, b;
	bool other_way;
	unsigned int rounds;
	unsigned char did[ROUNDS];	/* which case */
	__u64 got[ROUNDS];
};

/* { send a, receive b } against { receive a, send b }. */
static int fight(void *p)
{
	struct duel *duel = p;
	unsigned int i;
	int ret;

	for (i = 0; i < duel->rounds; i++) {
		struct t_case cases[] = { t_case_put(duel->a, i), t_case_get(duel->b) };
		struct t_case other[] = { t_case_get(duel->a), t_case_put(duel->b, i) };
		struct t_case *mine = duel->other_way ? other : cases;

		ret = t_select(mine, 2, 0);
		T_NEED(ret == 0 || ret == 1);
		T_NEED_EQ(0, mine[ret].result);
		duel->did[i] = ret;
		duel->got[i] = mine[ret].op == HSK_CASE_RECV ? mine[ret].value : i;
	}
	return 0;
}

TEST_F(carrying, two_selects_against_each_other_meet_exactly_once)
{
	struct duel *one = t_shared(sizeof(*one)), *two = t_shared(sizeof(*two));
	struct t_crew crew = { .mode = self->mode };
	unsigned int rounds = t_fewer(ROUNDS), i, by_a = 0;
	int other = t_new(0);

	*one = (struct duel){ .a = self->zero, .b = other, .rounds = rounds };
	*two = *one;
	two->other_way = true;
	t_crew_add(&crew, fight, one);
	t_crew_add(&crew, fight, two);
	ASSERT_TRUE(t_crew_join(&crew));
	for (i = 0; i < rounds; i++) {
		/* Both have met on the same channel, in the same round. */
		ASSERT_EQ(one->did[i], two->did[i]);
		ASSERT_EQ(i, one->got[i]);
		ASSERT_EQ(i, two->got[i]);
		by_a += !one->did[i];
	}
	EXPECT_TRUE(t_counters(self->zero, by_a, by_a, 0, 0));
	EXPECT_TRUE(t_counters(other, rounds - by_a, rounds - by_a, 0, 0));
}

HSK_TEST_MAIN
