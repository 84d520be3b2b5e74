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
	const struct hsk_chan *before = NULL, *locked;
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
		locked = select->cases[select->cases[i].to_lock].chan;
		KUNIT_EXPECT_NOT_NULL(test, locked);
		KUNIT_EXPECT_TRUE(test, before <= locked);
		before = locked;
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
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&select->select.wait));
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&select->select), second);
	KUNIT_EXPECT_EQ(test, select->select.wait.result, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&b->lent));
	KUNIT_EXPECT_NULL(test, two->waiter);
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

/* What is lent. */

/* It sends on a and receives from b; somebody has taken its message. */
struct lent {
	struct hsk_chan *a, *b;
	struct test_select *select;
	struct hsk_case *send, *receive;
	struct hsk_msg *msg;
	unsigned int refs;
};

static struct lent lent_begin(struct kunit *test)
{
	struct lent lent = {
		.a = test_chan(test, 0),
		.b = test_chan(test, 0),
		.select = test_select(test),
		.msg = test_msg(test, 1, 8),
		.refs = test_task_refs(),
	};
	struct hsk_msg *taken = NULL;

	lent.send = test_case_send(lent.select, lent.a, lent.msg);
	lent.receive = test_case_receive(lent.select, lent.b);
	KUNIT_ASSERT_NULL(test, test_select_begin(lent.select, false));
	KUNIT_ASSERT_EQ(test, test_take(lent.a, &taken), 0);
	KUNIT_ASSERT_PTR_EQ(test, taken, lent.msg);
	return lent;
}

static bool lent_is_over(const struct lent *lent)
{
	return hsk_wait_done(&lent->select->select.wait);
}

static void lent_end(struct kunit *test, struct lent *lent)
{
	KUNIT_EXPECT_EQ(test, test_task_refs(), lent->refs);
	KUNIT_EXPECT_TRUE(test, test_conserved(lent->a));
	KUNIT_EXPECT_TRUE(test, test_conserved(lent->b));
	test_chan_gone(lent->a);
	test_chan_gone(lent->b);
}

static void a_lent_select_is_over_when_its_message_is_received(struct kunit *test)
{
	struct lent lent = lent_begin(test);

	KUNIT_EXPECT_FALSE(test, lent_is_over(&lent));
	KUNIT_EXPECT_TRUE(test, lent.send->place.lent);
	KUNIT_EXPECT_PTR_EQ(test, lent.msg->waiter, &lent.send->place);
	KUNIT_EXPECT_EQ(test, lent.a->handed, 1U);
	KUNIT_EXPECT_TRUE(test, test_conserved(lent.a));
	hsk_chan_commit(lent.a, lent.msg);
	KUNIT_EXPECT_TRUE(test, lent_is_over(&lent));
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&lent.select->select), lent.send);
	KUNIT_EXPECT_EQ(test, lent.select->select.wait.result, 0);
	KUNIT_EXPECT_EQ(test, lent.b->receivers.nr, 0U);
	hsk_msg_free(lent.msg);
	lent_end(test, &lent);
}

/* Also where it was taken out of a queue meanwhile, and whoever came after it. */
static void a_select_that_gets_its_message_back_stands_where_it_stood(struct kunit *test)
{
	struct lent lent = lent_begin(test);
	struct hsk_msg *second = test_msg(test, 2, 8);
	struct test_waiter sender, receiver;

	KUNIT_ASSERT_EQ(test, test_offer(lent.a, second), -EAGAIN);
	test_wait_to_send(lent.a, &sender, second);
	test_wait_to_receive(lent.b, &receiver, 8);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(lent.b, HSK_CAN_WRITE),
			(__poll_t)(EPOLLOUT | EPOLLWRNORM));
	KUNIT_EXPECT_EQ(test, lent.b->receivers.nr, 1U);

	hsk_chan_restore(lent.a, lent.msg);
	KUNIT_EXPECT_TRUE(test, hsk_wait_queued(&lent.select->select.wait));
	KUNIT_EXPECT_FALSE(test, lent.send->place.lent);
	KUNIT_EXPECT_EQ(test, lent.a->sent, 0ULL);
	KUNIT_EXPECT_EQ(test, lent.a->handed, 0U);
	KUNIT_EXPECT_EQ(test, lent.a->senders.nr, 2U);
	KUNIT_EXPECT_EQ(test, lent.b->receivers.nr, 2U);
	KUNIT_EXPECT_PTR_EQ(test, list_first_entry(&lent.a->senders.waiters, struct hsk_waiter,
						   node), &lent.send->place);
	KUNIT_EXPECT_PTR_EQ(test, list_first_entry(&lent.b->receivers.waiters, struct hsk_waiter,
						   node), &lent.receive->place);
	test_expect_next(test, lent.a, lent.msg);
	KUNIT_EXPECT_TRUE(test, lent_is_over(&lent));
	test_expect_next(test, lent.a, second);
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&lent.select->select), lent.send);
	spin_lock(&lent.b->lock);
	hsk_queue_del_locked(&lent.b->receivers, &receiver.place);
	spin_unlock(&lent.b->lock);
	lent_end(test, &lent);
}

static void a_select_that_gets_its_message_back_finds_who_came_meanwhile(struct kunit *test)
{
	struct lent lent = lent_begin(test);
	struct hsk_msg *other = test_msg(test, 2, 8);
	struct test_waiter sender;

	KUNIT_ASSERT_EQ(test, test_offer(lent.b, other), -EAGAIN);
	test_wait_to_send(lent.b, &sender, other);
	hsk_chan_restore(lent.a, lent.msg);
	KUNIT_EXPECT_TRUE(test, lent_is_over(&lent));
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&lent.select->select), lent.receive);
	KUNIT_EXPECT_PTR_EQ(test, lent.receive->place.msg, other);
	KUNIT_EXPECT_PTR_EQ(test, lent.send->place.msg, lent.msg);
	KUNIT_EXPECT_EQ(test, lent.a->sent, 0ULL);
	KUNIT_EXPECT_EQ(test, lent.a->senders.nr, 0U);
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&sender.wait));
	hsk_chan_commit(lent.b, other);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&sender.wait));
	hsk_msg_free(other);
	hsk_msg_free(lent.msg);
	lent_end(test, &lent);
}

/* The one that waits gets it, however many that are gone stand before it. */
static void what_comes_back_to_a_select_goes_to_who_waits_for_it(struct kunit *test)
{
	struct lent lent = lent_begin(test);
	struct test_several over, claimed;
	struct test_waiter receiver;

	test_several_to_receive(lent.a, &over, 8);
	test_several_to_receive(lent.a, &claimed, 8);
	test_wait_to_receive(lent.a, &receiver, 8);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&over.wait));
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&claimed.wait));
	test_finish_there(&over);
	hsk_chan_restore(lent.a, lent.msg);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&receiver.wait));
	KUNIT_EXPECT_PTR_EQ(test, receiver.place.msg, lent.msg);
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&claimed.wait));
	KUNIT_EXPECT_EQ(test, lent.a->receivers.nr, 0U);

	/* That one has it lent as well, and may fail as well. */
	KUNIT_EXPECT_FALSE(test, lent_is_over(&lent));
	KUNIT_EXPECT_PTR_EQ(test, lent.msg->waiter, &lent.send->place);
	KUNIT_EXPECT_EQ(test, lent.a->sent, 1ULL);
	hsk_chan_restore(lent.a, lent.msg);
	KUNIT_EXPECT_TRUE(test, hsk_wait_queued(&lent.select->select.wait));
	KUNIT_EXPECT_EQ(test, lent.a->sent, 0ULL);
	test_expect_next(test, lent.a, lent.msg);
	KUNIT_EXPECT_TRUE(test, lent_is_over(&lent));
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&lent.select->select), lent.send);
	KUNIT_EXPECT_EQ(test, lent.select->select.wait.result, 0);
	lent_end(test, &lent);
}

/* Several cases of one channel, between others: each place where it stood. */
static void places_in_one_queue_come_back_in_their_order(struct kunit *test)
{
	struct hsk_chan *a = test_chan(test, 0), *b = test_chan(test, 0), *c = test_chan(test, 0);
	struct test_select *select = test_select(test);
	struct test_waiter before, after;
	struct hsk_msg *msg = test_msg(test, 1, 8), *taken = NULL;
	struct hsk_waiter *place;
	u32 i = 0;

	test_case_send(select, a, msg);
	for (i = 0; i < 6; i++)
		test_case_receive(select, i % 2 ? b : c);
	test_wait_to_receive(b, &before, 8);
	KUNIT_ASSERT_NULL(test, test_select_begin(select, false));
	test_wait_to_receive(b, &after, 8);
	KUNIT_ASSERT_EQ(test, test_take(a, &taken), 0);
	/* Some of its places leave: those before who still waits. */
	KUNIT_EXPECT_TRUE(test, hsk_wait_claim(&before.wait));
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(b, HSK_CAN_WRITE),
			(__poll_t)(EPOLLOUT | EPOLLWRNORM));
	KUNIT_EXPECT_EQ(test, b->receivers.nr, 1U);
	hsk_chan_restore(a, msg);
	KUNIT_EXPECT_EQ(test, b->receivers.nr, 4U);
	KUNIT_EXPECT_EQ(test, c->receivers.nr, 3U);
	i = 2;
	list_for_each_entry(place, &b->receivers.waiters, node) {
		KUNIT_EXPECT_PTR_EQ(test, place, i > 6 ? &after.place : &select->cases[i].place);
		i += 2;
	}
	KUNIT_EXPECT_EQ(test, i, 10U);
	KUNIT_EXPECT_NULL(test, hsk_select_leave(&select->select));
	KUNIT_EXPECT_EQ(test, b->receivers.nr, 1U);
	KUNIT_EXPECT_EQ(test, c->receivers.nr, 0U);
	spin_lock(&b->lock);
	hsk_queue_del_locked(&b->receivers, &after.place);
	spin_unlock(&b->lock);
	hsk_msg_free(msg);
	test_chan_gone(a);
	test_chan_gone(b);
	test_chan_gone(c);
}

static void a_close_lets_a_lent_select_go_with_success(struct kunit *test)
{
	struct lent lent = lent_begin(test);

	KUNIT_EXPECT_EQ(test, hsk_chan_close(lent.a, 3), 0);
	KUNIT_EXPECT_TRUE(test, lent_is_over(&lent));
	KUNIT_EXPECT_PTR_EQ(test, hsk_select_leave(&lent.select->select), lent.send);
	KUNIT_EXPECT_EQ(test, lent.select->select.wait.result, 0);
	hsk_chan_restore(lent.a, lent.msg);
	KUNIT_EXPECT_EQ(test, lent.a->slots, 1U);
	test_expect_next(test, lent.a, lent.msg);
	lent_end(test, &lent);
}

/* A select that leaves, in another task. */
struct leaver {
	struct hsk_select *select;
	struct hsk_case *chosen;
	atomic_t go;
	atomic_t left;
};

static int leaver_run(void *data)
{
	struct leaver *leaver = data;

	while (!atomic_read_acquire(&leaver->go))
		cond_resched();
	leaver->chosen = hsk_select_leave(leaver->select);
	atomic_set_release(&leaver->left, 1);
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static void who_leaves_waits_for_who_gives_back(struct kunit *test)
{
	struct leaver *leaver = kunit_kzalloc(test, sizeof(*leaver), GFP_KERNEL);
	struct lent lent = lent_begin(test);
	struct hsk_select *pinned;
	struct task_struct *task;

	KUNIT_ASSERT_NOT_NULL(test, leaver);
	leaver->select = &lent.select->select;
	atomic_set(&leaver->go, 1);
	spin_lock(&lent.a->lock);
	pinned = hsk_select_pin_locked(lent.msg->waiter->wait);
	spin_unlock(&lent.a->lock);
	KUNIT_ASSERT_PTR_EQ(test, pinned, leaver->select);
	task = kthread_run(leaver_run, leaver, "hsk-leaver");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	msleep(30);
	KUNIT_EXPECT_EQ(test, atomic_read(&leaver->left), 0);
	KUNIT_EXPECT_NULL(test, lent.msg->waiter);
	/* It has let go of the message, which is the channel's now. */
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&pinned->wait));
	KUNIT_EXPECT_FALSE(test, hsk_select_settled(pinned));
	KUNIT_EXPECT_FALSE(test, hsk_select_take_back(pinned, lent.a, lent.msg));
	KUNIT_EXPECT_TRUE(test, hsk_select_settled(&lent.select->select));
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, atomic_read(&leaver->left), 1);
	KUNIT_EXPECT_PTR_EQ(test, leaver->chosen, lent.send);
	hsk_chan_restore(lent.a, lent.msg);
	test_expect_next(test, lent.a, lent.msg);
	lent_end(test, &lent);
}

#define LEAVE_ROUNDS	1000

/* Either it leaves with success and the message is the channel's, or with its message. */
static void leaving_and_giving_back_at_once_lose_nothing(struct kunit *test)
{
	struct leaver *leaver = kunit_kzalloc(test, sizeof(*leaver), GFP_KERNEL);
	unsigned int round, wrong = 0, sent = 0, hesitation = 0;
	struct hsk_msg *taken;
	struct task_struct *task;
	struct lent lent;

	KUNIT_ASSERT_NOT_NULL(test, leaver);
	if (num_online_cpus() < 2)
		kunit_skip(test, "on one CPU two tasks do not race");
	for (round = 0; round < LEAVE_ROUNDS; round++) {
		lent = lent_begin(test);
		*leaver = (struct leaver) { .select = &lent.select->select };
		task = kthread_run(leaver_run, leaver, "hsk-leaver");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
		atomic_set_release(&leaver->go, 1);
		ndelay(hesitation);
		hsk_chan_restore(lent.a, lent.msg);
		while (!atomic_read_acquire(&leaver->left))
			cond_resched();
		kthread_stop(task);
		hesitation = test_hesitate(hesitation, !leaver->chosen);
		if (leaver->chosen) {
			sent++;
			wrong += leaver->chosen != lent.send || lent.a->slots != 1 ||
				 lent.a->sent != 1;
			wrong += test_take(lent.a, &taken) || taken != lent.msg;
			hsk_chan_commit(lent.a, lent.msg);
		} else {
			wrong += lent.send->place.msg != lent.msg || lent.a->slots ||
				 lent.a->sent;
		}
		wrong += lent.a->senders.nr + lent.b->receivers.nr;
		hsk_msg_free(lent.msg);
		test_chan_gone(lent.a);
		test_chan_gone(lent.b);
	}
	kunit_info(test, "%u of %u had sent\n", sent, round);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
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
	KUNIT_CASE(a_lent_select_is_over_when_its_message_is_received),
	KUNIT_CASE(a_select_that_gets_its_message_back_stands_where_it_stood),
	KUNIT_CASE(a_select_that_gets_its_message_back_finds_who_came_meanwhile),
	KUNIT_CASE(what_comes_back_to_a_select_goes_to_who_waits_for_it),
	KUNIT_CASE(places_in_one_queue_come_back_in_their_order),
	KUNIT_CASE(a_close_lets_a_lent_select_go_with_success),
	KUNIT_CASE(who_leaves_waits_for_who_gives_back),
	KUNIT_CASE(leaving_and_giving_back_at_once_lose_nothing),
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
