// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>

#include "../op.h"
#include "kunit.h"

#define RACE_ROUNDS	20000

/* Two tasks that claim the same wait, again and again. */
struct race {
	struct hsk_wait wait;
	atomic_t round;
	atomic_t answered;
	bool rival_won;
};

static int race_rival(void *data)
{
	struct race *race = data;
	int round;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		while (atomic_read_acquire(&race->round) < round)
			cond_resched();
		race->rival_won = hsk_wait_claim(&race->wait);
		atomic_set_release(&race->answered, round);
	}
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static void a_claim_has_exactly_one_winner(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	unsigned int wrong = 0, lost = 0;
	struct task_struct *rival;
	int round;
	bool won;

	KUNIT_ASSERT_NOT_NULL(test, race);
	if (num_online_cpus() < 2)
		kunit_skip(test, "on one CPU two tasks do not race");
	rival = kthread_run(race_rival, race, "hsk-rival");
	KUNIT_ASSERT_FALSE(test, IS_ERR(rival));
	for (round = 1; round <= RACE_ROUNDS; round++) {
		hsk_wait_init(&race->wait);
		atomic_set_release(&race->round, round);
		won = hsk_wait_claim(&race->wait);
		while (atomic_read_acquire(&race->answered) < round)
			cond_resched();
		wrong += won == race->rival_won;
		lost += race->rival_won;
	}
	kthread_stop(rival);
	kunit_info(test, "the rival won %u of %u\n", lost, RACE_ROUNDS);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static void a_claimed_wait_is_not_claimed_again_until_given_back(struct kunit *test)
{
	struct hsk_wait wait;

	hsk_wait_init(&wait);
	KUNIT_EXPECT_TRUE(test, hsk_wait_claim(&wait));
	KUNIT_EXPECT_FALSE(test, hsk_wait_claim(&wait));
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&wait));
	hsk_wait_unclaim(&wait);
	KUNIT_EXPECT_TRUE(test, hsk_wait_claim(&wait));
	KUNIT_EXPECT_FALSE(test, hsk_wait_claim(&wait));
}

static void a_wait_that_is_over_is_not_claimed(struct kunit *test)
{
	struct test_waiter waiter;
	struct hsk_wakes wakes;

	hsk_wakes_init(&wakes);
	test_waiter_init(&waiter);
	KUNIT_EXPECT_TRUE(test, hsk_wait_queued(&waiter.wait));
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&waiter.wait));
	KUNIT_EXPECT_FALSE(test, hsk_wait_queued(&waiter.wait));
	hsk_wait_finish(&waiter.place, -EPIPE, &wakes);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&waiter.wait));
	KUNIT_EXPECT_FALSE(test, hsk_wait_queued(&waiter.wait));
	KUNIT_EXPECT_EQ(test, waiter.wait.result, -EPIPE);
	KUNIT_EXPECT_PTR_EQ(test, waiter.wait.place, &waiter.place);
	KUNIT_EXPECT_FALSE(test, hsk_wait_claim(&waiter.wait));
	hsk_wakes_run(&wakes);
}

/* Before it stands in any queue, so that there is nobody to claim it or to be woken. */
static void a_wait_that_is_decided_is_over_and_wakes_nobody(struct kunit *test)
{
	unsigned int refs = test_task_refs();
	struct test_several several;

	test_several_init(&several);
	hsk_wait_decide(&several.wait, &several.there, -EMSGSIZE);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&several.wait));
	KUNIT_EXPECT_EQ(test, several.wait.result, -EMSGSIZE);
	KUNIT_EXPECT_PTR_EQ(test, several.wait.place, &several.there);
	KUNIT_EXPECT_FALSE(test, hsk_wait_claim(&several.wait));
	KUNIT_EXPECT_EQ(test, test_task_refs(), refs);
}

static void a_wait_tells_which_thread_waits_if_one_does(struct kunit *test)
{
	static const struct hsk_waker other;
	struct test_several several;
	struct hsk_wait wait;

	hsk_wait_init(&wait);
	KUNIT_EXPECT_FALSE(test, wait.several);
	KUNIT_EXPECT_EQ(test, hsk_wait_tid(&wait), current->pid);
	test_several_init(&several);
	KUNIT_EXPECT_TRUE(test, several.wait.several);
	KUNIT_EXPECT_EQ(test, hsk_wait_tid(&several.wait), current->pid);
	hsk_wait_init_several(&wait, &other, &several);
	KUNIT_EXPECT_EQ(test, hsk_wait_tid(&wait), 0);
}

/* An owner that is no task: it counts its references and when it was woken. */
struct owner {
	int refs;
	int woken;
	int *clock;
};

static void owner_get(void *data)
{
	struct owner *owner = data;

	owner->refs++;
}

static void owner_wake(void *data, bool locked)
{
	struct owner *owner = data;

	owner->woken = ++*owner->clock;
	owner->refs--;
}

static const struct hsk_waker owner_waker = {
	.get = owner_get,
	.wake = owner_wake,
};

static void wakes_are_run_in_the_order_in_which_they_were_collected(struct kunit *test)
{
	struct test_waiter waiters[3];
	struct owner owners[3] = {};
	struct hsk_wakes wakes;
	int i, clock = 0;

	hsk_wakes_init(&wakes);
	for (i = 0; i < 3; i++) {
		owners[i].clock = &clock;
		test_waiter_init(&waiters[i]);
		hsk_wait_init_several(&waiters[i].wait, &owner_waker, &owners[i]);
		hsk_wait_claim(&waiters[i].wait);
		hsk_wait_finish(&waiters[i].place, 0, &wakes);
		KUNIT_EXPECT_EQ(test, owners[i].refs, 1);
	}
	KUNIT_EXPECT_EQ(test, wakes.nr, 3U);
	KUNIT_EXPECT_EQ(test, clock, 0);
	hsk_wakes_run(&wakes);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, owners[i].woken, i + 1);
		KUNIT_EXPECT_EQ(test, owners[i].refs, 0);
	}
}

static void wakes_beyond_the_array_lose_nobody(struct kunit *test)
{
	const unsigned int nr = 2 * HSK_WAKES_MAX + 3;
	unsigned int refs = test_task_refs();
	struct test_waiter *waiters;
	struct hsk_wakes wakes;
	unsigned int i;

	waiters = kunit_kcalloc(test, nr, sizeof(*waiters), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, waiters);
	hsk_wakes_init(&wakes);
	wakes.readers = 1;
	for (i = 0; i < nr; i++) {
		test_waiter_init(&waiters[i]);
		hsk_wait_claim(&waiters[i].wait);
		hsk_wait_finish(&waiters[i].place, i, &wakes);
		KUNIT_EXPECT_EQ(test, wakes.nr, i % HSK_WAKES_MAX + 1);
		KUNIT_EXPECT_EQ(test, test_task_refs(), refs + wakes.nr);
	}
	KUNIT_EXPECT_EQ(test, wakes.nr, 3U);
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_TRUE(test, hsk_wait_done(&waiters[i].wait) &&
				  waiters[i].wait.result == i);
	hsk_wakes_run(&wakes);
	KUNIT_EXPECT_EQ(test, wakes.nr, 0U);
	KUNIT_EXPECT_EQ(test, wakes.readers, (__poll_t)1);
	KUNIT_EXPECT_EQ(test, test_task_refs(), refs);
}

/* The signal, the deadline and the context's end are there before the sleep begins. */
static void success_beats_signal_deadline_and_context(struct kunit *test)
{
	struct hsk_chan *ctx = test_chan(test, 0);
	struct hsk_op op = { .deadline = 1 };
	struct test_waiter waiter;
	struct hsk_wakes wakes;

	hsk_wakes_init(&wakes);
	test_waiter_init(&waiter);
	KUNIT_EXPECT_EQ(test, hsk_op_sleep(&op, &waiter.wait), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, task_is_running(current));

	set_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, hsk_op_sleep(&op, &waiter.wait), -ERESTARTSYS);
	KUNIT_EXPECT_TRUE(test, task_is_running(current));

	hsk_wait_claim(&waiter.wait);
	KUNIT_EXPECT_EQ(test, hsk_op_sleep(&op, &waiter.wait), -ERESTARTSYS);
	op.ctx = ctx;
	KUNIT_EXPECT_EQ(test, hsk_op_sleep(&op, &waiter.wait), -ERESTARTSYS);
	KUNIT_EXPECT_FALSE(test, op.ctx_ended);
	KUNIT_EXPECT_TRUE(test, list_empty(&ctx->poll_readers.head));
	hsk_wait_finish(&waiter.place, 0, &wakes);
	KUNIT_EXPECT_EQ(test, hsk_op_sleep(&op, &waiter.wait), 0);
	KUNIT_EXPECT_TRUE(test, task_is_running(current));
	clear_thread_flag(TIF_SIGPENDING);
	hsk_wakes_run(&wakes);
	test_chan_gone(ctx);
}

/* What an operation is told of its context's end, and that nothing of it stays there. */
static void a_context_that_has_ended_says_why(struct kunit *test)
{
	static const struct { int reason, err; } cases[] = {
		{ 0, -ECANCELED }, { 5, -ECANCELED }, { -ECANCELED, -ECANCELED },
		{ -ETIMEDOUT, -ETIMEDOUT }, { -EOWNERDEAD, -ECANCELED },
	};
	struct test_waiter waiter;
	struct hsk_chan *ctx;
	struct hsk_op op;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ctx = test_chan(test, 0);
		op = (struct hsk_op) { .ctx = ctx, .deadline = 1 };
		test_waiter_init(&waiter);
		KUNIT_EXPECT_EQ(test, hsk_op_refuse(&op), -EAGAIN);
		KUNIT_EXPECT_EQ(test, hsk_op_sleep(&op, &waiter.wait), -ETIMEDOUT);
		KUNIT_EXPECT_FALSE(test, op.ctx_ended);
		KUNIT_EXPECT_EQ(test, hsk_chan_close(ctx, cases[i].reason), 0);
		KUNIT_EXPECT_EQ(test, hsk_op_sleep(&op, &waiter.wait), cases[i].err);
		KUNIT_EXPECT_TRUE(test, op.ctx_ended);
		KUNIT_EXPECT_EQ(test, op.ctx_reason, cases[i].reason);
		KUNIT_EXPECT_TRUE(test, list_empty(&ctx->poll_readers.head));
		KUNIT_EXPECT_TRUE(test, task_is_running(current));

		op = (struct hsk_op) { .ctx = ctx };
		KUNIT_EXPECT_EQ(test, hsk_op_refuse(&op), cases[i].err);
		KUNIT_EXPECT_EQ(test, op.ctx_reason, cases[i].reason);
		test_chan_gone(ctx);
	}
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE(a_claim_has_exactly_one_winner),
	KUNIT_CASE(a_claimed_wait_is_not_claimed_again_until_given_back),
	KUNIT_CASE(a_wait_that_is_over_is_not_claimed),
	KUNIT_CASE(a_wait_that_is_decided_is_over_and_wakes_nobody),
	KUNIT_CASE(a_wait_tells_which_thread_waits_if_one_does),
	KUNIT_CASE(wakes_are_run_in_the_order_in_which_they_were_collected),
	KUNIT_CASE(wakes_beyond_the_array_lose_nobody),
	KUNIT_CASE(success_beats_signal_deadline_and_context),
	KUNIT_CASE(a_context_that_has_ended_says_why),
	{}
};

static struct kunit_suite wait_suite = {
	.name = "hsk_wait",
	.test_cases = wait_cases,
};

kunit_test_suite(wait_suite);
