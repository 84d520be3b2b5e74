// SPDX-License-Identifier: GPL-2.0-only
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/poll.h>

#include "../select.h"
#include "kunit.h"

/* A select without files; what it sends and receives is the test's. */
struct test_select {
	struct hsk_select select;
	struct hsk_case cases[HSK_CASES_LIMIT];
	u32 nr;
};

static struct test_select *test_select(struct kunit *test)
{
	struct test_select *select = kunit_kzalloc(test, sizeof(*select), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, select);
	return select;
}

static struct hsk_case *test_case_send(struct test_select *select, struct hsk_chan *chan,
				       struct hsk_msg *msg)
{
	struct hsk_case *send = &select->cases[select->nr++];

	send->chan = chan;
	send->send = true;
	send->place.msg = msg;
	return send;
}

static struct hsk_case *test_case_receive(struct test_select *select, struct hsk_chan *chan)
{
	struct hsk_case *receive = &select->cases[select->nr++];

	receive->chan = chan;
	receive->place.room.len = 16;
	return receive;
}

static void test_select_init(struct test_select *select)
{
	hsk_select_init(&select->select, select->cases, select->nr, true);
	hsk_wait_init_several(&select->select.wait, &hsk_task_waker, current);
}

static struct hsk_case *test_select_begin(struct test_select *select, bool nonblock)
{
	test_select_init(select);
	return hsk_select_begin(&select->select, nonblock);
}

/* Order. */

/*
 * The lock of a channel that stands in several cases is taken once, or this would not
 * come back; and of many channels by their address, as lockdep is not told of itself.
 */
static void locks_are_taken_once_each_by_address(struct kunit *test)
{
	struct test_select *select = test_select(test);
	struct hsk_chan *chans[7];
	const struct hsk_chan *before = NULL;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(chans); i++)
		chans[i] = test_chan(test, 0);
	for (i = 0; i < HSK_CASES_LIMIT; i++) {
		if (i % 9 == 4)
			select->nr++;
		else
			test_case_receive(select, chans[i * 5 % ARRAY_SIZE(chans)]);
	}
	KUNIT_EXPECT_NULL(test, test_select_begin(select, false));
	KUNIT_EXPECT_EQ(test, select->select.nr_enabled, HSK_CASES_LIMIT - 7U);
	for (i = 0; i < select->select.nr_enabled; i++) {
		KUNIT_EXPECT_NOT_NULL(test, select->cases[i].locked);
		KUNIT_EXPECT_TRUE(test, before <= select->cases[i].locked);
		before = select->cases[i].locked;
	}
	for (i = 0; i < ARRAY_SIZE(chans); i++)
		KUNIT_EXPECT_GT(test, chans[i]->receivers.nr, 6U);
	KUNIT_EXPECT_NULL(test, hsk_select_leave(&select->select));
	for (i = 0; i < ARRAY_SIZE(chans); i++) {
		KUNIT_EXPECT_EQ(test, chans[i]->receivers.nr, 0U);
		KUNIT_EXPECT_TRUE(test, list_empty(&chans[i]->receivers.waiters));
		test_chan_gone(chans[i]);
	}
}

/* More locks at once than lockdep counts of those that are not said to nest. */
static void a_select_may_lock_as_many_channels_as_it_has_cases(struct kunit *test)
{
	struct test_select *select = test_select(test);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	u32 i;

	for (i = 0; i < HSK_CASES_LIMIT; i++)
		test_case_receive(select, test_chan(test, 0));
	KUNIT_EXPECT_NULL(test, test_select_begin(select, false));
	for (i = 0; i < HSK_CASES_LIMIT; i++)
		KUNIT_EXPECT_EQ(test, select->cases[i].chan->receivers.nr, 1U);
	KUNIT_EXPECT_EQ(test, test_offer(select->cases[40].chan, msg), 0);
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&select->select), &select->cases[40]);
	KUNIT_EXPECT_PTR_EQ(test, select->cases[40].place.msg, msg);
	hsk_chan_commit(select->cases[40].chan, msg);
	hsk_msg_free(msg);
	for (i = 0; i < HSK_CASES_LIMIT; i++)
		test_chan_gone(select->cases[i].chan);
}

static void only_what_is_enabled_is_tried_as_listed_or_each_once(struct kunit *test)
{
	struct test_select *select = test_select(test);
	struct hsk_chan *chan = test_chan(test, 0);
	u64 seen;
	u32 i;

	for (i = 0; i < 20; i++) {
		if (i % 3 == 1)
			select->nr++;
		else
			test_case_receive(select, chan);
	}
	test_select_init(select);
	KUNIT_ASSERT_EQ(test, select->select.nr_enabled, 13U);
	for (i = 0; i < 13; i++)
		KUNIT_EXPECT_EQ(test, select->cases[i].in_turn, i / 2 * 3 + i % 2 * 2);
	hsk_select_init(&select->select, select->cases, select->nr, false);
	KUNIT_ASSERT_EQ(test, select->select.nr_enabled, 13U);
	for (seen = 0, i = 0; i < 13; i++)
		seen |= BIT_ULL(select->cases[i].in_turn);
	KUNIT_EXPECT_EQ(test, seen, 0x6db6dULL);

	/* None at all. */
	hsk_select_init(&select->select, select->cases, 0, false);
	KUNIT_EXPECT_EQ(test, select->select.nr_enabled, 0U);
	hsk_wait_init_several(&select->select.wait, &hsk_task_waker, current);
	KUNIT_EXPECT_NULL(test, hsk_select_begin(&select->select, false));
	KUNIT_EXPECT_NULL(test, hsk_select_leave(&select->select));
	test_chan_gone(chan);
}

/*
 * How far counts are from @expected each, as chi-square with nr - 1 degrees of freedom:
 * nr - 1 on the average. Seven standard deviations more do not come about by chance.
 */
static void expect_uniform(struct kunit *test, const unsigned int *counts, unsigned int nr,
			   unsigned int expected)
{
	u64 sum = 0, off;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		off = abs((int)counts[i] - (int)expected);
		sum += off * off;
	}
	KUNIT_EXPECT_LT(test, div_u64(sum, expected), nr - 1 + 7 * int_sqrt(2 * nr) + 1ULL);
}

static void which_case_is_tried_first_is_a_fair_choice(struct kunit *test)
{
	static const u32 sizes[] = { 2, 3, 5, 16, 64 };
	struct test_select *select = test_select(test);
	struct hsk_chan *chan = test_chan(test, 0);
	const unsigned int expected = 200;
	unsigned int *first, *last;
	unsigned int round;
	size_t i;

	first = kunit_kcalloc(test, 2 * HSK_CASES_LIMIT, sizeof(*first), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	last = first + HSK_CASES_LIMIT;
	while (select->nr < HSK_CASES_LIMIT)
		test_case_receive(select, chan);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(first, 0, 2 * HSK_CASES_LIMIT * sizeof(*first));
		for (round = 0; round < expected * sizes[i]; round++) {
			hsk_select_init(&select->select, select->cases, sizes[i], false);
			first[select->cases[0].in_turn]++;
			last[select->cases[sizes[i] - 1].in_turn]++;
		}
		expect_uniform(test, first, sizes[i], expected);
		expect_uniform(test, last, sizes[i], expected);
	}
	test_chan_gone(chan);
}

static void every_order_of_four_has_the_same_chance(struct kunit *test)
{
	struct test_select *select = test_select(test);
	struct hsk_chan *chan = test_chan(test, 0);
	unsigned int counts[24] = {};
	const struct hsk_case *cases = select->cases;
	unsigned int round, number;
	int i, j, before;

	while (select->nr < 4)
		test_case_receive(select, chan);
	for (round = 0; round < 24 * 400; round++) {
		hsk_select_init(&select->select, select->cases, 4, false);
		for (number = 0, i = 0; i < 4; i++) {
			for (before = 0, j = i + 1; j < 4; j++)
				before += cases[j].in_turn < cases[i].in_turn;
			number = number * (4 - i) + before;
		}
		counts[number]++;
	}
	expect_uniform(test, counts, 24, 400);
	test_chan_gone(chan);
}

/* One case happens, at one place; the others are gone with it. */

static void what_ends_at_one_place_is_passed_over_at_the_others(struct kunit *test)
{
	struct hsk_chan *a = test_chan(test, 0), *b = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 8), *late = test_msg(test, 2, 8);
	struct test_select *select = test_select(test);
	struct hsk_case *receive = test_case_receive(select, a);
	struct hsk_case *other = test_case_receive(select, b);
	unsigned int refs = test_task_refs();

	test_case_receive(select, a);
	KUNIT_ASSERT_NULL(test, test_select_begin(select, false));
	KUNIT_EXPECT_EQ(test, a->receivers.nr, 2U);
	KUNIT_EXPECT_EQ(test, test_offer(a, msg), 0);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&select->select.wait));
	KUNIT_EXPECT_EQ(test, test_task_refs(), refs);

	KUNIT_EXPECT_EQ(test, a->receivers.nr, 1U);
	KUNIT_EXPECT_EQ(test, b->receivers.nr, 1U);
	KUNIT_EXPECT_EQ(test, test_offer(a, late), -EAGAIN);
	KUNIT_EXPECT_EQ(test, test_offer(b, late), -EAGAIN);
	KUNIT_EXPECT_EQ(test, a->receivers.nr, 0U);
	KUNIT_EXPECT_EQ(test, b->receivers.nr, 0U);
	KUNIT_EXPECT_NULL(test, other->place.msg);

	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&select->select), receive);
	KUNIT_EXPECT_EQ(test, select->select.wait.result, 0);
	KUNIT_EXPECT_PTR_EQ(test, receive->place.msg, msg);
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&select->select), receive);
	hsk_chan_commit(a, msg);
	hsk_msg_free(msg);
	hsk_msg_free(late);
	test_chan_gone(a);
	test_chan_gone(b);
}

static void who_has_left_is_not_met_any_more(struct kunit *test)
{
	struct hsk_chan *a = test_chan(test, 0), *b = test_chan(test, 0);
	struct hsk_msg *sent = test_msg(test, 1, 8), *late = test_msg(test, 2, 8);
	struct test_select *select = test_select(test);
	struct hsk_msg *taken = NULL;
	struct hsk_case *send;

	send = test_case_send(select, a, sent);
	test_case_receive(select, b);
	KUNIT_ASSERT_NULL(test, test_select_begin(select, false));
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(a, HSK_CAN_READ), (__poll_t)(EPOLLIN | EPOLLRDNORM));
	KUNIT_EXPECT_NULL(test, hsk_select_leave(&select->select));
	KUNIT_EXPECT_PTR_EQ(test, send->place.msg, sent);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(a, HSK_CAN_READ), (__poll_t)0);
	KUNIT_EXPECT_EQ(test, test_take(a, &taken), -EAGAIN);
	KUNIT_EXPECT_EQ(test, test_offer(b, late), -EAGAIN);
	KUNIT_EXPECT_EQ(test, a->sent + b->sent, 0ULL);
	hsk_msg_free(sent);
	hsk_msg_free(late);
	test_chan_gone(a);
	test_chan_gone(b);
}

/* A peer that has claimed the wait and still holds the lock. */
struct slow_peer {
	struct hsk_case *end;
	struct hsk_msg *msg;
	atomic_t claimed;
	bool won;
};

static int slow_peer(void *data)
{
	struct slow_peer *peer = data;
	struct hsk_chan *chan = peer->end->chan;
	struct hsk_wakes wakes;

	hsk_wakes_init(&wakes);
	spin_lock(&chan->lock);
	peer->won = hsk_wait_claim(peer->end->place.wait);
	atomic_set_release(&peer->claimed, 1);
	mdelay(20);
	hsk_queue_del_locked(&chan->receivers, &peer->end->place);
	peer->end->place.msg = peer->msg;
	chan->handed++;
	chan->sent++;
	hsk_wait_finish(&peer->end->place, 0, &wakes);
	spin_unlock(&chan->lock);
	hsk_wakes_run(&wakes);
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static void who_leaves_waits_for_a_peer_that_was_faster(struct kunit *test)
{
	struct test_select *select = test_select(test);
	struct slow_peer *peer = kunit_kzalloc(test, sizeof(*peer), GFP_KERNEL);
	struct task_struct *task;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, peer);
	for (i = 0; i < 3; i++)
		test_case_receive(select, test_chan(test, 0));
	peer->end = &select->cases[1];
	peer->msg = test_msg(test, 1, 8);
	KUNIT_ASSERT_NULL(test, test_select_begin(select, false));
	task = kthread_run(slow_peer, peer, "hsk-peer");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	while (!atomic_read_acquire(&peer->claimed))
		cond_resched();

	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&select->select), peer->end);
	KUNIT_EXPECT_TRUE(test, peer->won);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&select->select.wait));
	KUNIT_EXPECT_PTR_EQ(test, peer->end->place.msg, peer->msg);
	kthread_stop(task);
	hsk_chan_commit(peer->end->chan, peer->msg);
	hsk_msg_free(peer->msg);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, select->cases[i].chan->receivers.nr, 0U);
		test_chan_gone(select->cases[i].chan);
	}
}

/* What is sent. */

static void what_was_sent_is_not_the_selects_any_more(struct kunit *test)
{
	struct hsk_chan *a = test_chan(test, 0), *b = test_chan(test, 0);
	struct hsk_msg *one = test_msg(test, 1, 8), *two = test_msg(test, 2, 8);
	struct test_select *select = test_select(test);
	struct hsk_case *first = test_case_send(select, a, one);
	struct hsk_case *second = test_case_send(select, b, two);
	struct hsk_msg *taken = NULL;

	KUNIT_ASSERT_NULL(test, test_select_begin(select, false));
	KUNIT_ASSERT_EQ(test, test_take(b, &taken), 0);
	KUNIT_EXPECT_PTR_EQ(test, taken, two);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&select->select.wait));
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&select->select), second);
	KUNIT_EXPECT_NULL(test, second->place.msg);
	KUNIT_EXPECT_PTR_EQ(test, first->place.msg, one);
	KUNIT_EXPECT_EQ(test, a->senders.nr, 0U);

	/* The select is over: what comes back is the channel's. */
	hsk_chan_restore(b, two);
	KUNIT_EXPECT_EQ(test, b->slots, 1U);
	test_expect_next(test, b, two);
	hsk_msg_free(one);
	test_chan_gone(a);
	test_chan_gone(b);
}

/* Its tickets rise with its places, whatever order it tries its cases in. */
static void messages_of_one_select_keep_their_order_in_a_queue(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct test_select *select = test_select(test);
	struct hsk_waiter *place, *before = NULL;
	u32 i;

	for (i = 0; i < 8; i++)
		test_case_send(select, chan, test_msg(test, i, 8));
	hsk_select_init(&select->select, select->cases, select->nr, false);
	hsk_wait_init_several(&select->select.wait, &hsk_task_waker, current);
	KUNIT_ASSERT_NULL(test, hsk_select_begin(&select->select, false));
	KUNIT_EXPECT_EQ(test, chan->senders.nr, 8U);
	list_for_each_entry(place, &chan->senders.waiters, node) {
		if (before)
			KUNIT_EXPECT_GT(test, place->msg->ticket, before->msg->ticket);
		before = place;
	}
	KUNIT_EXPECT_NULL(test, hsk_select_leave(&select->select));
	for (i = 0; i < 8; i++)
		hsk_msg_free(select->cases[i].place.msg);
	test_chan_gone(chan);
}

static void a_select_does_not_meet_itself(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct test_select *select = test_select(test), *other = test_select(test);
	struct hsk_msg *msg = test_msg(test, 1, 8), *back = test_msg(test, 2, 8);
	struct hsk_case *send = test_case_send(select, chan, msg);
	struct hsk_case *receive = test_case_receive(other, chan);

	test_case_receive(select, chan);
	test_case_send(other, chan, back);
	KUNIT_ASSERT_NULL(test, test_select_begin(select, false));
	KUNIT_EXPECT_EQ(test, chan->senders.nr, 1U);
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 1U);

	/* But another, which does the same, at once. */
	KUNIT_EXPECT_PTR_EQ(test, test_select_begin(other, false), receive);
	KUNIT_EXPECT_PTR_EQ(test, receive->place.msg, msg);
	KUNIT_EXPECT_EQ(test, other->select.wait.result, 0);
	KUNIT_EXPECT_EQ(test, chan->senders.nr, 0U);
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&select->select), send);
	KUNIT_EXPECT_NULL(test, send->place.msg);
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 0U);
	hsk_chan_commit(chan, msg);
	hsk_msg_free(msg);
	hsk_msg_free(back);
	test_chan_gone(chan);
}

/* What is not to wait leaves nothing behind, and what is closed is ready. */
static void a_select_that_may_not_wait_has_no_places(struct kunit *test)
{
	struct hsk_chan *a = test_chan(test, 0), *b = test_chan(test, 0);
	struct test_select *select = test_select(test);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct hsk_case *send, *receive;

	send = test_case_send(select, a, msg);
	receive = test_case_receive(select, b);
	KUNIT_EXPECT_NULL(test, test_select_begin(select, true));
	KUNIT_EXPECT_EQ(test, a->senders.nr + b->receivers.nr, 0U);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(b, 3), 0);
	KUNIT_EXPECT_PTR_EQ(test, test_select_begin(select, true), receive);
	KUNIT_EXPECT_EQ(test, select->select.wait.result, HSK_RECV_CLOSED);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(a, 3), 0);
	KUNIT_EXPECT_PTR_EQ(test, test_select_begin(select, true), send);
	KUNIT_EXPECT_EQ(test, select->select.wait.result, -EPIPE);
	KUNIT_EXPECT_PTR_EQ(test, send->place.msg, msg);
	hsk_msg_free(msg);
	test_chan_gone(a);
	test_chan_gone(b);
}

static void a_close_ends_a_select_at_one_place_only(struct kunit *test)
{
	struct hsk_chan *a = test_chan(test, 0), *b = test_chan(test, 0);
	struct test_select *select = test_select(test);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct hsk_case *send = test_case_send(select, a, msg);

	test_case_receive(select, a);
	test_case_receive(select, b);
	KUNIT_ASSERT_NULL(test, test_select_begin(select, false));
	KUNIT_EXPECT_EQ(test, hsk_chan_close(a, 1), 0);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(b, 2), 0);
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&select->select), send);
	KUNIT_EXPECT_EQ(test, select->select.wait.result, -EPIPE);
	KUNIT_EXPECT_PTR_EQ(test, send->place.msg, msg);
	KUNIT_EXPECT_EQ(test, a->senders.nr + a->receivers.nr + b->receivers.nr, 0U);
	hsk_msg_free(msg);
	test_chan_gone(a);
	test_chan_gone(b);
}

static struct kunit_case select_cases[] = {
	KUNIT_CASE(locks_are_taken_once_each_by_address),
	KUNIT_CASE(a_select_may_lock_as_many_channels_as_it_has_cases),
	KUNIT_CASE(only_what_is_enabled_is_tried_as_listed_or_each_once),
	KUNIT_CASE(which_case_is_tried_first_is_a_fair_choice),
	KUNIT_CASE(every_order_of_four_has_the_same_chance),
	KUNIT_CASE(what_ends_at_one_place_is_passed_over_at_the_others),
	KUNIT_CASE(who_has_left_is_not_met_any_more),
	KUNIT_CASE(who_leaves_waits_for_a_peer_that_was_faster),
	KUNIT_CASE(what_was_sent_is_not_the_selects_any_more),
	KUNIT_CASE(messages_of_one_select_keep_their_order_in_a_queue),
	KUNIT_CASE(a_select_does_not_meet_itself),
	KUNIT_CASE(a_select_that_may_not_wait_has_no_places),
	KUNIT_CASE(a_close_ends_a_select_at_one_place_only),
	{}
};

static struct kunit_suite select_suite = {
	.name = "hsk_select",
	.test_cases = select_cases,
};

kunit_test_suite(select_suite);
