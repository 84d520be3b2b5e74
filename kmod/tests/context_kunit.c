// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>

#include "kunit.h"

#define RACE_ROUNDS	1000

static unsigned int test_refs(struct hsk_chan *chan)
{
	return refcount_read(&chan->refs);
}

static struct hsk_chan *test_derive(struct kunit *test, struct hsk_chan *parent)
{
	struct hsk_chan *chan = test_chan(test, 0);

	hsk_context_derive(chan, parent);
	return chan;
}

/* A worker's reference goes some time after the close that it does. */
static bool test_alone(struct hsk_chan *chan)
{
	unsigned long end = jiffies + 10 * HZ;

	while (test_refs(chan) != 1 && time_before(jiffies, end))
		usleep_range(100, 200);
	return test_refs(chan) == 1;
}

static bool test_parted(struct hsk_chan *chan)
{
	return !chan->context.parent && !chan->context.joined &&
	       list_empty(&chan->context.children);
}

/* Parent. */

static void a_childs_close_puts_its_parent_and_leaves_it_open(struct kunit *test)
{
	struct hsk_chan *parent = test_chan(test, 0);
	struct hsk_chan *child = test_derive(test, parent);

	KUNIT_EXPECT_PTR_EQ(test, child->context.parent, parent);
	KUNIT_EXPECT_EQ(test, test_refs(parent), 2U);
	KUNIT_EXPECT_EQ(test, test_refs(child), 1U);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(child, 1), 0);
	KUNIT_EXPECT_TRUE(test, test_parted(child));
	KUNIT_EXPECT_TRUE(test, test_parted(parent));
	KUNIT_EXPECT_EQ(test, test_refs(parent), 1U);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(child, 2), -EPIPE);
	KUNIT_EXPECT_EQ(test, test_refs(parent), 1U);
	KUNIT_EXPECT_FALSE(test, parent->closed);
	test_chan_gone(child);
	KUNIT_EXPECT_EQ(test, test_refs(parent), 1U);
	test_chan_gone(parent);
}

static void a_parents_close_is_that_of_all_below_for_its_reason(struct kunit *test)
{
	struct hsk_chan *parent = test_chan(test, 0);
	struct hsk_chan *child = test_derive(test, parent);
	struct hsk_chan *closed = test_derive(test, parent);
	struct hsk_chan *grandchild = test_derive(test, child);

	KUNIT_EXPECT_EQ(test, hsk_chan_close(closed, 3), 0);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(parent, -ECANCELED), 0);
	KUNIT_EXPECT_EQ(test, child->reason, -ECANCELED);
	KUNIT_EXPECT_EQ(test, grandchild->reason, -ECANCELED);
	KUNIT_EXPECT_EQ(test, closed->reason, 3);
	KUNIT_EXPECT_TRUE(test, test_parted(child) && test_parted(grandchild));
	KUNIT_EXPECT_TRUE(test, test_parted(parent));
	KUNIT_EXPECT_EQ(test, test_refs(parent), 1U);
	KUNIT_EXPECT_EQ(test, test_refs(child), 1U);
	KUNIT_EXPECT_EQ(test, test_refs(grandchild), 1U);
	test_chan_gone(closed);
	test_chan_gone(grandchild);
	test_chan_gone(child);
	test_chan_gone(parent);
}

/* Nobody has an endpoint of what is between: the references alone keep it. */
static void a_parent_is_kept_as_long_as_something_open_is_derived_from_it(struct kunit *test)
{
	struct hsk_chan *parent = test_chan(test, 0);
	struct hsk_chan *child = test_derive(test, parent);

	hsk_chan_get(parent);
	test_chan_gone(parent);
	KUNIT_EXPECT_EQ(test, child->reason, -EOWNERDEAD);
	KUNIT_EXPECT_EQ(test, test_refs(parent), 1U);
	hsk_chan_put(parent);
	test_chan_gone(child);
}

static void what_is_derived_from_a_closed_parent_is_closed(struct kunit *test)
{
	struct hsk_chan *parent = test_chan(test, 0);
	struct hsk_chan *child;

	KUNIT_EXPECT_EQ(test, hsk_chan_close(parent, 7), 0);
	child = test_derive(test, parent);
	KUNIT_EXPECT_TRUE(test, child->closed);
	KUNIT_EXPECT_EQ(test, child->reason, 7);
	KUNIT_EXPECT_TRUE(test, test_parted(child) && test_parted(parent));
	KUNIT_EXPECT_EQ(test, test_refs(parent), 1U);
	KUNIT_EXPECT_EQ(test, test_refs(child), 1U);
	test_chan_gone(child);
	test_chan_gone(parent);
}

/* More children than are taken at once, and each the parent of another. */
static void a_close_reaches_any_number_and_any_depth(struct kunit *test)
{
	const unsigned int nr = 300;
	struct hsk_chan **chans = kunit_kcalloc(test, 2 * nr + 1, sizeof(*chans), GFP_KERNEL);
	struct hsk_chan *chain;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, chans);
	chans[0] = test_chan(test, 0);
	chain = chans[0];
	for (i = 1; i <= nr; i++) {
		chans[i] = test_derive(test, chans[0]);
		chain = test_derive(test, chain);
		chans[nr + i] = chain;
	}
	KUNIT_EXPECT_EQ(test, test_refs(chans[0]), nr + 2);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(chans[0], 9), 0);
	for (i = 0; i <= 2 * nr; i++) {
		KUNIT_EXPECT_TRUE(test, chans[i]->closed && chans[i]->reason == 9);
		KUNIT_EXPECT_TRUE(test, test_parted(chans[i]));
		KUNIT_EXPECT_EQ(test, test_refs(chans[i]), 1U);
	}
	for (i = 0; i <= 2 * nr; i++)
		test_chan_gone(chans[i]);
}

/* Between the shut of a child and the rest of its close its parent closes. */
static void a_child_that_is_being_closed_is_left_to_who_closes_it(struct kunit *test)
{
	struct hsk_chan *parent = test_chan(test, 0);
	struct hsk_chan *child = test_derive(test, parent);

	KUNIT_ASSERT_EQ(test, hsk_chan_shut(child, 1), 0);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(parent, 2), 0);
	KUNIT_EXPECT_EQ(test, child->reason, 1);
	KUNIT_EXPECT_FALSE(test, child->context.joined);
	KUNIT_EXPECT_TRUE(test, list_empty(&parent->context.children));
	/* Its reference to the parent is for who has shut it to put, here the test. */
	KUNIT_EXPECT_PTR_EQ(test, child->context.parent, parent);
	KUNIT_EXPECT_EQ(test, test_refs(parent), 2U);
	KUNIT_EXPECT_EQ(test, test_refs(child), 1U);
	child->context.parent = NULL;
	hsk_chan_put(parent);
	test_chan_gone(child);
	test_chan_gone(parent);
}

/* Two that close, the parent or the child, at the same moment; a deadline may be third. */
struct race {
	struct task_struct *rival;
	struct hsk_chan *theirs;
	atomic_t round;
	atomic_t answered;
	unsigned int hesitation;
	unsigned int lost;
};

static int race_rival(void *data)
{
	struct race *race = data;
	int round;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		while (atomic_read_acquire(&race->round) < round)
			cond_resched();
		ndelay(race->hesitation);
		hsk_chan_close(race->theirs, 1);
		atomic_set_release(&race->answered, round);
	}
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static struct race *race_begin(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, race);
	if (num_online_cpus() < 2)
		kunit_skip(test, "on one CPU two tasks do not race");
	race->rival = kthread_run(race_rival, race, "hsk-rival");
	KUNIT_ASSERT_FALSE(test, IS_ERR(race->rival));
	return race;
}

static void race_start(struct race *race, struct hsk_chan *theirs, int round)
{
	race->theirs = theirs;
	atomic_set_release(&race->round, round);
	/* The rival has to see it first. */
	udelay(5);
}

static void race_wait(struct race *race, int round)
{
	while (atomic_read_acquire(&race->answered) < round)
		cond_resched();
}

static void race_judge(struct race *race, bool lost)
{
	race->lost += lost;
	race->hesitation = test_hesitate(race->hesitation, lost);
}

static void race_end(struct kunit *test, struct race *race)
{
	kthread_stop(race->rival);
	kunit_info(test, "the parent's close was faster in %u of %u\n", race->lost, RACE_ROUNDS);
}

static void parent_and_child_may_close_at_once(struct kunit *test)
{
	struct race *race = race_begin(test);
	unsigned int wrong = 0;
	struct hsk_chan *parent, *child;
	int round;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		parent = test_chan(test, 0);
		child = test_derive(test, parent);
		race_start(race, parent, round);
		hsk_chan_close(child, 2);
		race_wait(race, round);
		race_judge(race, child->reason == 1);
		wrong += !test_parted(parent) + !test_parted(child);
		wrong += test_refs(parent) != 1 || test_refs(child) != 1;
		test_chan_gone(child);
		test_chan_gone(parent);
	}
	race_end(test, race);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static void a_parent_may_close_while_something_is_derived_from_it(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct hsk_chan *parent, *child;
	unsigned int wrong = 0;
	bool timed;
	int round;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		parent = test_chan(test, 0);
		child = test_chan(test, 0);
		race_start(race, parent, round);
		hsk_context_derive(child, parent);
		hsk_context_expire_at(child, ktime_add_ms(ktime_get(), 3600 * MSEC_PER_SEC));
		timed = child->context.timed;
		race_wait(race, round);
		race_judge(race, !timed);
		wrong += !child->closed || child->reason != 1;
		wrong += !test_parted(parent) + !test_parted(child);
		wrong += test_refs(parent) != 1 || test_refs(child) != 1;
		test_chan_gone(child);
		test_chan_gone(parent);
	}
	race_end(test, race);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

/* Deadline. */

static void a_deadline_that_has_passed_closes_at_once(struct kunit *test)
{
	struct hsk_chan *parent = test_chan(test, 0);
	struct hsk_chan *child = test_derive(test, parent);

	hsk_context_expire_at(child, 1);
	KUNIT_EXPECT_EQ(test, child->reason, -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, child->context.timed);
	KUNIT_EXPECT_TRUE(test, test_parted(child) && test_parted(parent));
	KUNIT_EXPECT_EQ(test, test_refs(child), 1U);
	KUNIT_EXPECT_EQ(test, test_refs(parent), 1U);
	KUNIT_EXPECT_FALSE(test, parent->closed);
	test_chan_gone(child);
	test_chan_gone(parent);
}

static void a_deadline_closes_by_a_worker_and_leaves_nothing(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_chan *child = test_derive(test, chan);

	hsk_context_expire_at(chan, ktime_add_ms(ktime_get(), 20));
	KUNIT_EXPECT_TRUE(test, chan->context.timed);
	KUNIT_EXPECT_TRUE(test, test_alone(chan));
	KUNIT_EXPECT_TRUE(test, chan->closed);
	KUNIT_EXPECT_EQ(test, chan->reason, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, child->reason, -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&chan->context.timer));
	test_chan_gone(child);
	test_chan_gone(chan);
}

static void a_close_stops_the_timer(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);

	hsk_context_expire_at(chan, KTIME_MAX);
	KUNIT_EXPECT_EQ(test, test_refs(chan), 2U);
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&chan->context.timer));
	KUNIT_EXPECT_EQ(test, hsk_chan_close(chan, 4), 0);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&chan->context.timer));
	KUNIT_EXPECT_EQ(test, test_refs(chan), 1U);
	test_chan_gone(chan);

	/* So does the last endpoint's end, and the parent's. */
	chan = test_chan(test, 0);
	hsk_context_expire_at(chan, KTIME_MAX);
	hsk_chan_detach(chan, HSK_CAN_READ | HSK_CAN_WRITE);
	KUNIT_EXPECT_EQ(test, test_refs(chan), 1U);
	hsk_chan_put(chan);
}

/* Its parent has closed since it was derived. */
static void no_timer_is_armed_on_what_is_shut_already(struct kunit *test)
{
	struct hsk_chan *parent = test_chan(test, 0);
	struct hsk_chan *child = test_derive(test, parent);

	KUNIT_EXPECT_EQ(test, hsk_chan_close(parent, 6), 0);
	hsk_context_expire_at(child, KTIME_MAX);
	KUNIT_EXPECT_FALSE(test, child->context.timed);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&child->context.timer));
	KUNIT_EXPECT_EQ(test, child->reason, 6);
	KUNIT_EXPECT_EQ(test, test_refs(child), 1U);
	hsk_context_expire_at(child, 1);
	KUNIT_EXPECT_EQ(test, child->reason, 6);
	KUNIT_EXPECT_EQ(test, test_refs(child), 1U);
	test_chan_gone(child);
	test_chan_gone(parent);
}

static void a_close_and_a_deadline_may_come_at_once(struct kunit *test)
{
	unsigned int expired = 0, wrong = 0, hesitation = 0;
	struct hsk_chan *parent, *chan;
	int round;

	for (round = 0; round < RACE_ROUNDS; round++) {
		parent = test_chan(test, 0);
		chan = test_derive(test, parent);
		hsk_context_expire_at(chan, ktime_add_us(ktime_get(), 5));
		ndelay(hesitation);
		hsk_chan_close(round % 2 ? chan : parent, 1);
		expired += chan->reason == -ETIMEDOUT;
		hesitation = test_hesitate(hesitation, chan->reason != -ETIMEDOUT);
		wrong += !chan->closed;
		wrong += !test_alone(chan) || !test_alone(parent);
		wrong += !test_parted(parent) + !test_parted(chan);
		test_chan_gone(chan);
		test_chan_gone(parent);
	}
	kunit_info(test, "the deadline was faster in %u of %u\n", expired, RACE_ROUNDS);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static struct kunit_case context_cases[] = {
	KUNIT_CASE(a_childs_close_puts_its_parent_and_leaves_it_open),
	KUNIT_CASE(a_parents_close_is_that_of_all_below_for_its_reason),
	KUNIT_CASE(a_parent_is_kept_as_long_as_something_open_is_derived_from_it),
	KUNIT_CASE(what_is_derived_from_a_closed_parent_is_closed),
	KUNIT_CASE(a_close_reaches_any_number_and_any_depth),
	KUNIT_CASE(a_child_that_is_being_closed_is_left_to_who_closes_it),
	KUNIT_CASE(parent_and_child_may_close_at_once),
	KUNIT_CASE(a_parent_may_close_while_something_is_derived_from_it),
	KUNIT_CASE(a_deadline_that_has_passed_closes_at_once),
	KUNIT_CASE(a_deadline_closes_by_a_worker_and_leaves_nothing),
	KUNIT_CASE(a_close_stops_the_timer),
	KUNIT_CASE(no_timer_is_armed_on_what_is_shut_already),
	KUNIT_CASE(a_close_and_a_deadline_may_come_at_once),
	{}
};

/* Some kernels run a module's tests before its init, and there are no workers yet. */
static bool context_started;

static int context_suite_init(struct kunit_suite *suite)
{
#ifdef MODULE
	if (THIS_MODULE->state == MODULE_STATE_COMING) {
		context_started = true;
		return hsk_context_start();
	}
#endif
	return 0;
}

static void context_suite_exit(struct kunit_suite *suite)
{
	if (context_started)
		hsk_context_stop();
}

static struct kunit_suite context_suite = {
	.name = "hsk_context",
	.suite_init = context_suite_init,
	.suite_exit = context_suite_exit,
	.test_cases = context_cases,
};

kunit_test_suite(context_suite);
