// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#include "kunit.h"

#define MANY	(2 * HSK_WAKES_MAX + 8)

/*
 * Waits that were claimed at another of their places: whoever has claimed one ends it,
 * so this place must be left alone.
 */

static void offer_passes_over_a_claimed_receiver(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct test_several claimed;
	struct test_waiter free;

	test_several_to_receive(chan, &claimed, 8);
	test_wait_to_receive(chan, &free, 8);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&claimed.wait));

	KUNIT_EXPECT_EQ(test, test_offer(chan, msg), 0);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&free.wait));
	KUNIT_EXPECT_PTR_EQ(test, free.place.msg, msg);
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&claimed.wait));
	KUNIT_EXPECT_NULL(test, claimed.here.msg);
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 0U);

	hsk_chan_commit(chan, msg);
	hsk_msg_free(msg);
	test_several_leave(chan, &chan->receivers, &claimed);
	test_chan_gone(chan);
}

static void offer_to_claimed_receivers_only_finds_nobody(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct test_several claimed;

	test_several_to_receive(chan, &claimed, 8);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&claimed.wait));
	KUNIT_EXPECT_EQ(test, test_offer(chan, msg), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&claimed.wait));
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_WRITE), (__poll_t)0);

	test_several_leave(chan, &chan->receivers, &claimed);
	hsk_msg_free(msg);
	test_chan_gone(chan);
}

static void take_passes_over_a_claimed_sender(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *first = test_msg(test, 1, 8);
	struct hsk_msg *second = test_msg(test, 2, 8);
	struct hsk_msg *taken = NULL;
	struct test_several claimed;
	struct test_waiter free;

	test_several_to_send(chan, &claimed, first);
	test_wait_to_send(chan, &free, second);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&claimed.wait));

	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), 0);
	KUNIT_ASSERT_PTR_EQ(test, taken, second);
	KUNIT_EXPECT_NULL(test, first->waiter);
	hsk_chan_commit(chan, taken);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&free.wait));
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&claimed.wait));
	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), -EAGAIN);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ), (__poll_t)0);

	test_several_leave(chan, &chan->senders, &claimed);
	hsk_msg_free(first);
	hsk_msg_free(second);
	test_chan_gone(chan);
}

static void close_leaves_claimed_waiters_to_who_claimed_them(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct test_several sender, receiver;

	test_several_to_send(chan, &sender, msg);
	test_several_to_receive(chan, &receiver, 8);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&sender.wait));
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&receiver.wait));
	KUNIT_EXPECT_EQ(test, hsk_chan_close(chan, 5), 0);
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&sender.wait));
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&receiver.wait));
	KUNIT_EXPECT_EQ(test, chan->senders.nr, 0U);
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 0U);

	test_several_leave(chan, &chan->senders, &sender);
	test_several_leave(chan, &chan->receivers, &receiver);
	hsk_msg_free(msg);
	test_chan_gone(chan);
}

/* What is claimed elsewhere, or over, is taken out by whoever meets it, and only then. */
static void a_place_whose_wait_is_claimed_leaves_the_queue_on_the_way(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct test_several over[3], claimed;
	struct test_waiter free;
	struct hsk_waiter *first;
	int i;

	for (i = 0; i < 2; i++)
		test_several_to_receive(chan, &over[i], 8);
	test_several_to_receive(chan, &claimed, 8);
	test_wait_to_receive(chan, &free, 8);
	test_several_to_receive(chan, &over[2], 8);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&claimed.wait));
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&over[i].wait));
		test_finish_there(&over[i]);
	}
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 5U);

	spin_lock(&chan->lock);
	first = hsk_queue_first_locked(&chan->receivers);
	spin_unlock(&chan->lock);
	KUNIT_EXPECT_PTR_EQ(test, first, &free.place);
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 2U);
	KUNIT_EXPECT_TRUE(test, list_empty(&over[0].here.node));
	KUNIT_EXPECT_TRUE(test, list_empty(&over[1].here.node));
	KUNIT_EXPECT_TRUE(test, list_empty(&claimed.here.node));
	KUNIT_EXPECT_FALSE(test, list_empty(&over[2].here.node));

	spin_lock(&chan->lock);
	hsk_queue_del_locked(&chan->receivers, &free.place);
	first = hsk_queue_first_locked(&chan->receivers);
	spin_unlock(&chan->lock);
	KUNIT_EXPECT_NULL(test, first);
	KUNIT_EXPECT_TRUE(test, list_empty(&over[2].here.node));
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 0U);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_WRITE), (__poll_t)0);
	test_chan_gone(chan);
}

/* More waiters than one batch of wake-ups holds. */

static void close_refuses_any_number_of_senders(struct kunit *test)
{
	struct test_waiter *senders = kunit_kcalloc(test, MANY, sizeof(*senders), GFP_KERNEL);
	struct hsk_chan *chan = test_chan(test, 0);
	unsigned int refs = test_task_refs();
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, senders);
	for (i = 0; i < MANY; i++)
		test_wait_to_send(chan, &senders[i], test_msg(test, i, 8));
	KUNIT_EXPECT_EQ(test, hsk_chan_close(chan, -ECANCELED), 0);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(chan, 0), -EPIPE);
	KUNIT_EXPECT_EQ(test, chan->reason, -ECANCELED);
	KUNIT_EXPECT_EQ(test, chan->senders.nr, 0U);
	KUNIT_EXPECT_EQ(test, test_task_refs(), refs);
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, hsk_wait_done(&senders[i].wait));
		KUNIT_EXPECT_EQ(test, senders[i].wait.result, -EPIPE);
		hsk_msg_free(senders[i].place.msg);
	}
	test_chan_gone(chan);
}

static void close_tells_any_number_of_receivers(struct kunit *test)
{
	struct test_waiter *receivers = kunit_kcalloc(test, MANY, sizeof(*receivers), GFP_KERNEL);
	struct hsk_chan *chan = test_chan(test, 3);
	unsigned int refs = test_task_refs();
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, receivers);
	for (i = 0; i < MANY; i++)
		test_wait_to_receive(chan, &receivers[i], 8);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(chan, 0), 0);
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 0U);
	KUNIT_EXPECT_EQ(test, test_task_refs(), refs);
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, hsk_wait_done(&receivers[i].wait));
		KUNIT_EXPECT_EQ(test, receivers[i].wait.result, HSK_RECV_CLOSED);
	}
	test_chan_gone(chan);
}

static void a_message_too_large_tells_any_number_of_receivers(struct kunit *test)
{
	struct test_waiter *receivers = kunit_kcalloc(test, MANY, sizeof(*receivers), GFP_KERNEL);
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 9);
	unsigned int refs = test_task_refs();
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, receivers);
	for (i = 0; i < MANY; i++)
		test_wait_to_receive(chan, &receivers[i], 8);
	KUNIT_EXPECT_EQ(test, test_offer(chan, msg), -EAGAIN);
	KUNIT_EXPECT_EQ(test, test_task_refs(), refs);
	KUNIT_EXPECT_EQ(test, chan->sent, 0ULL);
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, hsk_wait_done(&receivers[i].wait));
		KUNIT_EXPECT_EQ(test, receivers[i].wait.result, -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, receivers[i].place.room.len, 9U);
		KUNIT_EXPECT_NULL(test, receivers[i].place.msg);
	}
	hsk_msg_free(msg);
	test_chan_gone(chan);
}

/* A close while a message is in transit. */

static void close_lets_a_lent_sender_go_and_its_message_may_come_back(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct hsk_msg *taken = NULL;
	struct test_waiter sender;

	test_wait_to_send(chan, &sender, msg);
	KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(chan, 3), 0);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&sender.wait));
	KUNIT_EXPECT_EQ(test, sender.wait.result, 0);
	KUNIT_EXPECT_NULL(test, msg->waiter);

	/* CLOSED is for ever, and not yet true. */
	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), -EAGAIN);
	hsk_chan_restore(chan, msg);
	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), 0);
	KUNIT_EXPECT_PTR_EQ(test, taken, msg);
	hsk_chan_commit(chan, msg);
	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), HSK_RECV_CLOSED);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	hsk_msg_free(msg);
	test_chan_gone(chan);
}

/* Senders with several places. */

/*
 * A lent sender comes back to a queue in which places stand that are gone, on either
 * side, and one of a select that waits to send and to receive.
 */
static void a_sender_comes_back_beside_places_that_are_gone(struct kunit *test)
{
	struct hsk_msg *msgs[3] = { test_msg(test, 0, 8), test_msg(test, 1, 8),
				    test_msg(test, 2, 8) };
	struct hsk_chan *chan = test_chan(test, 0);
	struct test_several before, after, both;
	struct hsk_msg *taken = NULL;
	struct test_waiter lent;

	KUNIT_ASSERT_EQ(test, test_offer(chan, msgs[0]), -EAGAIN);
	test_several_to_send(chan, &before, msgs[0]);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&before.wait));
	KUNIT_ASSERT_EQ(test, test_offer(chan, msgs[1]), -EAGAIN);
	test_wait_to_send(chan, &lent, msgs[1]);
	KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
	KUNIT_ASSERT_PTR_EQ(test, taken, msgs[1]);
	KUNIT_ASSERT_EQ(test, test_offer(chan, msgs[2]), -EAGAIN);
	test_several_to_receive(chan, &after, 8);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&after.wait));
	test_finish_there(&after);
	test_several_to_send(chan, &both, msgs[2]);
	both.there.room.len = 8;
	test_queue_receiver(chan, &both.there);
	KUNIT_EXPECT_PTR_EQ(test, lent.place.msg->waiter, &lent.place);
	hsk_chan_restore(chan, msgs[1]);

	/* The select has met the sender that came back, and not itself. */
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&both.wait));
	KUNIT_EXPECT_PTR_EQ(test, both.wait.place, &both.there);
	KUNIT_EXPECT_PTR_EQ(test, both.there.msg, msgs[1]);
	KUNIT_EXPECT_FALSE(test, hsk_wait_done(&lent.wait));
	KUNIT_EXPECT_FALSE(test, list_empty(&chan->lent));
	KUNIT_EXPECT_TRUE(test, list_empty(&after.here.node));
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 0U);
	hsk_chan_commit(chan, msgs[1]);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&lent.wait));
	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), -EAGAIN);
	KUNIT_EXPECT_EQ(test, chan->senders.nr, 0U);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	hsk_msg_free(msgs[0]);
	hsk_msg_free(msgs[1]);
	hsk_msg_free(msgs[2]);
	test_chan_gone(chan);
}

/* Its place comes before those with later tickets, whether these are gone or not. */
static void a_sender_that_comes_back_is_first_of_those_after_it(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msgs[3], *taken = NULL;
	struct test_several gone, later;
	struct test_waiter lent;
	int i;

	for (i = 0; i < 3; i++) {
		msgs[i] = test_msg(test, i, 8);
		KUNIT_ASSERT_EQ(test, test_offer(chan, msgs[i]), -EAGAIN);
	}
	test_wait_to_send(chan, &lent, msgs[0]);
	test_several_to_send(chan, &gone, msgs[1]);
	test_several_to_send(chan, &later, msgs[2]);
	KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&gone.wait));
	test_finish_there(&gone);
	hsk_chan_restore(chan, taken);
	test_expect_next(test, chan, msgs[0]);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&lent.wait));
	test_expect_next(test, chan, msgs[2]);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&later.wait));
	KUNIT_EXPECT_TRUE(test, list_empty(&gone.here.node));
	hsk_msg_free(msgs[1]);
	test_chan_gone(chan);
}

/* A place that is gone must not keep a slot from those who come after it. */
static void a_free_slot_is_for_the_first_that_still_waits(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 1);
	struct hsk_msg *msgs[3], *taken = NULL;
	struct test_several gone, several;
	int i;

	for (i = 0; i < 3; i++)
		msgs[i] = test_msg(test, i, 8);
	KUNIT_ASSERT_EQ(test, test_offer(chan, msgs[0]), 0);
	KUNIT_ASSERT_EQ(test, test_offer(chan, msgs[1]), -EAGAIN);
	test_several_to_send(chan, &gone, msgs[1]);
	KUNIT_ASSERT_EQ(test, test_offer(chan, msgs[2]), -EAGAIN);
	test_several_to_send(chan, &several, msgs[2]);
	KUNIT_ASSERT_TRUE(test, hsk_wait_claim(&gone.wait));
	test_expect_next(test, chan, msgs[0]);
	KUNIT_EXPECT_TRUE(test, hsk_wait_done(&several.wait));
	KUNIT_EXPECT_EQ(test, several.wait.result, 0);
	KUNIT_EXPECT_EQ(test, chan->slots, 1U);
	KUNIT_EXPECT_EQ(test, chan->senders.nr, 0U);
	test_expect_next(test, chan, msgs[2]);
	test_several_leave(chan, &chan->senders, &gone);
	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), -EAGAIN);
	hsk_msg_free(msgs[1]);
	test_chan_gone(chan);
}

/*
 * Some messages in the buffer and the rest with waiting senders; all are taken, and
 * then each is committed or restored, in some order, its sender having left or not.
 * What was restored must come out once more, in the order of before.
 */
#define TRANSIT_NR	3

struct transit {
	u32 capacity;
	u8 order[TRANSIT_NR];
	unsigned int committed; /* bits, like the next */
	unsigned int left;
	struct hsk_msg *msgs[TRANSIT_NR];
	struct test_waiter senders[TRANSIT_NR];
};

static void transit_begin(struct kunit *test, struct hsk_chan *chan, struct transit *transit)
{
	struct hsk_msg *taken;
	int i, err;

	for (i = 0; i < TRANSIT_NR; i++) {
		transit->msgs[i] = test_msg(test, i, 8);
		err = test_offer(chan, transit->msgs[i]);
		KUNIT_ASSERT_EQ(test, err, i < transit->capacity ? 0 : -EAGAIN);
		if (err)
			test_wait_to_send(chan, &transit->senders[i], transit->msgs[i]);
	}
	for (i = 0; i < TRANSIT_NR; i++) {
		KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
		KUNIT_ASSERT_PTR_EQ(test, taken, transit->msgs[i]);
	}
	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), -EAGAIN);
}

/* What a sender does that goes while a receiver copies: see hsk_send_withdraw(). */
static void transit_leave(struct hsk_chan *chan, const struct transit *transit)
{
	int i;

	spin_lock(&chan->lock);
	for (i = 0; i < TRANSIT_NR; i++)
		if (transit->left & BIT(i))
			hsk_chan_unlend_locked(transit->msgs[i]);
	spin_unlock(&chan->lock);
}

static void transit_end(struct kunit *test, struct hsk_chan *chan, struct transit *transit)
{
	int i, nr;

	for (i = 0; i < TRANSIT_NR; i++) {
		nr = transit->order[i];
		if (transit->committed & BIT(nr)) {
			hsk_chan_commit(chan, transit->msgs[nr]);
			hsk_msg_free(transit->msgs[nr]);
		} else {
			hsk_chan_restore(chan, transit->msgs[nr]);
		}
		KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	}
}

static void transit_check(struct kunit *test, struct hsk_chan *chan, struct transit *transit)
{
	struct hsk_msg *taken;
	int i;

	for (i = 0; i < TRANSIT_NR; i++) {
		if (transit->committed & BIT(i))
			continue;
		KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
		KUNIT_EXPECT_EQ_MSG(test, taken->data[0], (u8)i,
				    "capacity %u order %*ph committed %x left %x",
				    transit->capacity, TRANSIT_NR, transit->order,
				    transit->committed, transit->left);
		hsk_chan_commit(chan, taken);
		hsk_msg_free(taken);
	}
	for (i = transit->capacity; i < TRANSIT_NR; i++)
		if (!(transit->left & BIT(i)))
			KUNIT_EXPECT_TRUE(test, hsk_wait_done(&transit->senders[i].wait));
	KUNIT_EXPECT_EQ(test, test_take(chan, &taken), -EAGAIN);
	KUNIT_EXPECT_EQ(test, chan->received, (u64)TRANSIT_NR);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	KUNIT_EXPECT_EQ(test, chan->slots + chan->handed + chan->senders.nr, 0U);
	KUNIT_EXPECT_TRUE(test, list_empty(&chan->lent));
}

static void transit_try(struct kunit *test, struct transit *transit, u64 ticket)
{
	struct hsk_chan *chan = test_chan(test, transit->capacity);

	chan->tickets = ticket;
	transit_begin(test, chan, transit);
	transit_leave(chan, transit);
	transit_end(test, chan, transit);
	transit_check(test, chan, transit);
	test_chan_gone(chan);
}

static const u8 transit_orders[][TRANSIT_NR] = {
	{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
};

static void transit_try_all(struct kunit *test, u32 capacity, u64 ticket)
{
	struct transit *transit = kunit_kzalloc(test, sizeof(*transit), GFP_KERNEL);
	unsigned int order, fate;

	KUNIT_ASSERT_NOT_NULL(test, transit);
	transit->capacity = capacity;
	for (order = 0; order < ARRAY_SIZE(transit_orders); order++) {
		memcpy(transit->order, transit_orders[order], TRANSIT_NR);
		for (fate = 0; fate < BIT(2 * TRANSIT_NR); fate++) {
			transit->committed = fate & GENMASK(TRANSIT_NR - 1, 0);
			transit->left = fate >> TRANSIT_NR;
			transit_try(test, transit, ticket);
		}
	}
}

static void what_comes_back_keeps_its_order_without_a_buffer(struct kunit *test)
{
	transit_try_all(test, 0, 0);
}

static void what_comes_back_keeps_its_order_in_buffer_and_senders(struct kunit *test)
{
	transit_try_all(test, 1, 0);
	transit_try_all(test, 2, 0);
}

static void what_comes_back_keeps_its_order_in_the_buffer(struct kunit *test)
{
	transit_try_all(test, TRANSIT_NR, 0);
}

/* Tickets do not come to their end, but they pass what 32 bits can count. */
static void order_holds_beyond_32_bits_of_tickets(struct kunit *test)
{
	transit_try_all(test, 1, U32_MAX - 1ULL);
	transit_try_all(test, TRANSIT_NR, U32_MAX);
}

/*
 * A wait that is claimed at another place just when it is to be claimed here: a rival
 * takes the part of who does that.
 */
#define RACE_ROUNDS	3000

struct race {
	struct test_several several;
	struct task_struct *rival;
	atomic_t round;
	atomic_t answered;
	bool rival_won;
	unsigned int hesitation;
	unsigned int lost;
};

static int race_rival(void *data)
{
	struct race *race = data;
	int round;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		while (atomic_read_acquire(&race->round) < round)
			cpu_relax();
		ndelay(race->hesitation);
		race->rival_won = hsk_wait_claim(&race->several.wait);
		if (race->rival_won)
			test_finish_there(&race->several);
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

static bool race_lost(struct race *race, int round)
{
	while (atomic_read_acquire(&race->answered) < round)
		cpu_relax();
	race->lost += race->rival_won;
	race->hesitation = test_hesitate(race->hesitation, race->rival_won);
	cond_resched();
	return race->rival_won;
}

static void race_end(struct kunit *test, struct race *race)
{
	kthread_stop(race->rival);
	kunit_info(test, "the rival won %u of %u\n", race->lost, RACE_ROUNDS);
}

static void take_goes_on_when_it_loses_a_claim(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *several = test_msg(test, 1, 8);
	struct hsk_msg *single = test_msg(test, 2, 8);
	struct hsk_msg *taken = NULL;
	struct test_waiter sender;
	unsigned int wrong = 0;
	int round;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		test_several_to_send(chan, &race->several, several);
		test_wait_to_send(chan, &sender, single);
		atomic_set_release(&race->round, round);
		wrong += test_take(chan, &taken) != 0;
		wrong += taken != (race_lost(race, round) ? single : several);
		hsk_chan_commit(chan, taken);
		wrong += hsk_wait_done(&sender.wait) != race->rival_won;
		spin_lock(&chan->lock);
		if (!race->rival_won)
			hsk_queue_del_locked(&chan->senders, &sender.place);
		spin_unlock(&chan->lock);
		test_several_leave(chan, &chan->senders, &race->several);
		wrong += chan->senders.nr;
	}
	race_end(test, race);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	hsk_msg_free(several);
	hsk_msg_free(single);
	test_chan_gone(chan);
}

static void take_finds_nothing_when_it_loses_the_only_claim(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct hsk_msg *taken = NULL;
	unsigned int wrong = 0;
	int round, err;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		test_several_to_send(chan, &race->several, msg);
		atomic_set_release(&race->round, round);
		err = test_take(chan, &taken);
		wrong += err != (race_lost(race, round) ? -EAGAIN : 0);
		if (!err)
			hsk_chan_commit(chan, taken);
		wrong += !hsk_wait_done(&race->several.wait);
		test_several_leave(chan, &chan->senders, &race->several);
	}
	race_end(test, race);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	hsk_msg_free(msg);
	test_chan_gone(chan);
}

static void offer_goes_on_when_it_loses_a_claim(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct test_waiter receiver;
	unsigned int wrong = 0;
	int round;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		test_several_to_receive(chan, &race->several, 8);
		test_wait_to_receive(chan, &receiver, 8);
		atomic_set_release(&race->round, round);
		wrong += test_offer(chan, msg) != 0;
		wrong += !race_lost(race, round) != (race->several.here.msg == msg);
		wrong += race->rival_won != (receiver.place.msg == msg);
		hsk_chan_commit(chan, msg);
		spin_lock(&chan->lock);
		if (!race->rival_won)
			hsk_queue_del_locked(&chan->receivers, &receiver.place);
		spin_unlock(&chan->lock);
		test_several_leave(chan, &chan->receivers, &race->several);
		wrong += chan->receivers.nr;
	}
	race_end(test, race);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	hsk_msg_free(msg);
	test_chan_gone(chan);
}

/* Settling: a message comes back for a receiver that may be gone at that moment. */
static void settling_serves_nobody_when_it_loses_the_claim(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct hsk_chan *chan = test_chan(test, 1);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct hsk_msg *taken = NULL;
	unsigned int wrong = 0;
	int round;

	KUNIT_ASSERT_EQ(test, test_offer(chan, msg), 0);
	for (round = 1; round <= RACE_ROUNDS; round++) {
		wrong += test_take(chan, &taken) != 0;
		test_several_to_receive(chan, &race->several, 8);
		atomic_set_release(&race->round, round);
		hsk_chan_restore(chan, msg);
		wrong += race_lost(race, round) == list_empty(&chan->buffer);
		wrong += race->rival_won == (race->several.here.msg == msg);
		wrong += chan->slots != 1;
		test_several_leave(chan, &chan->receivers, &race->several);
		if (!race->rival_won)
			hsk_chan_restore(chan, msg);
	}
	race_end(test, race);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	test_expect_next(test, chan, msg);
	test_chan_gone(chan);
}

/* Settling: a slot becomes free for a sender that may be gone at that moment. */
static void settling_admits_nobody_when_it_loses_the_claim(struct kunit *test)
{
	struct race *race = race_begin(test);
	struct hsk_chan *chan = test_chan(test, 1);
	struct hsk_msg *first = test_msg(test, 1, 8);
	struct hsk_msg *second = test_msg(test, 2, 8);
	struct hsk_msg *taken = NULL;
	unsigned int wrong = 0;
	int round;

	for (round = 1; round <= RACE_ROUNDS; round++) {
		wrong += test_offer(chan, first) != 0;
		wrong += test_take(chan, &taken) != 0;
		wrong += test_offer(chan, second) != -EAGAIN;
		test_several_to_send(chan, &race->several, second);
		atomic_set_release(&race->round, round);
		hsk_chan_commit(chan, first);
		wrong += race_lost(race, round) != list_empty(&chan->buffer);
		wrong += chan->slots != !race->rival_won;
		test_several_leave(chan, &chan->senders, &race->several);
		if (race->rival_won)
			continue;
		wrong += test_take(chan, &taken) != 0;
		wrong += taken != second;
		hsk_chan_commit(chan, second);
	}
	race_end(test, race);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	hsk_msg_free(first);
	hsk_msg_free(second);
	test_chan_gone(chan);
}

static struct kunit_case match_cases[] = {
	KUNIT_CASE(offer_passes_over_a_claimed_receiver),
	KUNIT_CASE(offer_to_claimed_receivers_only_finds_nobody),
	KUNIT_CASE(take_passes_over_a_claimed_sender),
	KUNIT_CASE(close_leaves_claimed_waiters_to_who_claimed_them),
	KUNIT_CASE(a_place_whose_wait_is_claimed_leaves_the_queue_on_the_way),
	KUNIT_CASE(close_refuses_any_number_of_senders),
	KUNIT_CASE(close_tells_any_number_of_receivers),
	KUNIT_CASE(a_message_too_large_tells_any_number_of_receivers),
	KUNIT_CASE(close_lets_a_lent_sender_go_and_its_message_may_come_back),
	KUNIT_CASE(a_sender_comes_back_beside_places_that_are_gone),
	KUNIT_CASE(a_sender_that_comes_back_is_first_of_those_after_it),
	KUNIT_CASE(a_free_slot_is_for_the_first_that_still_waits),
	KUNIT_CASE(what_comes_back_keeps_its_order_without_a_buffer),
	KUNIT_CASE(what_comes_back_keeps_its_order_in_buffer_and_senders),
	KUNIT_CASE(what_comes_back_keeps_its_order_in_the_buffer),
	KUNIT_CASE(order_holds_beyond_32_bits_of_tickets),
	KUNIT_CASE(take_goes_on_when_it_loses_a_claim),
	KUNIT_CASE(take_finds_nothing_when_it_loses_the_only_claim),
	KUNIT_CASE(offer_goes_on_when_it_loses_a_claim),
	KUNIT_CASE(settling_serves_nobody_when_it_loses_the_claim),
	KUNIT_CASE(settling_admits_nobody_when_it_loses_the_claim),
	{}
};

static struct kunit_suite match_suite = {
	.name = "hsk_match",
	.test_cases = match_cases,
};

kunit_test_suite(match_suite);
