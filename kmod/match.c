// SPDX-License-Identifier: GPL-2.0-only
#include <linux/lockdep.h>
#include <linux/poll.h>
#include <linux/sched.h>

#include "chan.h"
#include "match.h"
#include "msg.h"
#include "select.h"
#include "trace.h"
#include "wait.h"

/* The places in a queue. */

/**
 * hsk_queue_add_locked() - queue up
 * @queue: a queue of a channel that the caller has locked
 * @waiter: the new last
 */
void hsk_queue_add_locked(struct hsk_queue *queue, struct hsk_waiter *waiter)
{
	waiter->arrival = queue->arrivals++;
	waiter->lent = false;
	list_add_tail(&waiter->node, &queue->waiters);
	queue->nr++;
}

/**
 * hsk_queue_return_locked() - go back to where one stood, as a rule in front
 * @queue: a queue of a channel that the caller has locked
 * @waiter: who had queued there and was taken out
 */
void hsk_queue_return_locked(struct hsk_queue *queue, struct hsk_waiter *waiter)
{
	struct hsk_waiter *later;

	list_for_each_entry(later, &queue->waiters, node)
		if (later->arrival > waiter->arrival)
			break;
	list_add_tail(&waiter->node, &later->node);
	queue->nr++;
}

/**
 * hsk_queue_return_after_locked() - go back to where one stood, behind a known place
 * @queue: a queue of a channel that the caller has locked
 * @waiter: who had queued there and was taken out
 * @before: who stands in it and had queued just before that
 */
void hsk_queue_return_after_locked(struct hsk_queue *queue, struct hsk_waiter *waiter,
				   struct hsk_waiter *before)
{
	list_add(&waiter->node, &before->node);
	queue->nr++;
}

/**
 * hsk_queue_del_locked() - leave a queue
 * @queue: a queue of a channel that the caller has locked
 * @waiter: a waiter in it that the caller has claimed
 */
void hsk_queue_del_locked(struct hsk_queue *queue, struct hsk_waiter *waiter)
{
	list_del_init(&waiter->node);
	queue->nr--;
}

/**
 * hsk_queue_first_locked() - who is the first that waits?
 * @queue: a queue of a channel that the caller has locked
 *
 * What is claimed at another place leaves the queue on the way, so that nobody
 * passes over it twice.
 *
 * Return: the first that is not claimed; NULL: none.
 */
struct hsk_waiter *hsk_queue_first_locked(struct hsk_queue *queue)
{
	struct hsk_waiter *waiter, *next;

	list_for_each_entry_safe(waiter, next, &queue->waiters, node) {
		if (hsk_wait_queued(waiter->wait))
			return waiter;
		hsk_queue_del_locked(queue, waiter);
	}
	return NULL;
}

/**
 * hsk_queue_count_locked() - how many wait?
 * @queue: a queue of a channel that the caller has locked
 *
 * What has ended at another place leaves the queue on the way: a selector that has
 * happened may not be finished for long. What is only claimed may come back, which takes
 * long from the middle of a queue.
 *
 * Return: the number.
 */
unsigned int hsk_queue_count_locked(struct hsk_queue *queue)
{
	struct hsk_waiter *waiter, *next;
	unsigned int nr = 0;

	list_for_each_entry_safe(waiter, next, &queue->waiters, node) {
		if (hsk_wait_queued(waiter->wait))
			nr++;
		else if (hsk_wait_done(waiter->wait))
			hsk_queue_del_locked(queue, waiter);
	}
	return nr;
}

/* The first waiter of a queue, claimed and taken out; NULL: none. */
static struct hsk_waiter *hsk_queue_claim_locked(struct hsk_queue *queue)
{
	struct hsk_waiter *waiter;

	/* A claim lost to another place of the wait stays lost while this is locked. */
	do {
		waiter = hsk_queue_first_locked(queue);
		if (!waiter)
			return NULL;
	} while (!hsk_wait_claim(waiter->wait));
	hsk_queue_del_locked(queue, waiter);
	return waiter;
}

/**
 * hsk_chan_finish_locked() - end a wait at one of its places
 * @chan: the channel of the place
 * @waiter: the place, in no queue; the caller has claimed its wait
 * @result: what the waiting operation is to return
 * @wakes: gets the owner to wake
 */
void hsk_chan_finish_locked(struct hsk_chan *chan, struct hsk_waiter *waiter, int result,
			    struct hsk_wakes *wakes)
{
	trace_hsk_wake(chan->id, waiter->wait, result);
	hsk_wait_finish(waiter, result, wakes);
}

/* The message's way. */

/**
 * hsk_chan_has_slot_locked() - is there room in the buffer?
 * @chan: the channel
 *
 * Return: true when there is.
 */
bool hsk_chan_has_slot_locked(const struct hsk_chan *chan)
{
	return chan->slots < chan->capacity;
}

/* Behind all that came before, as a rule the last. */
static void hsk_chan_store_locked(struct hsk_chan *chan, struct hsk_msg *msg,
				  struct hsk_wakes *wakes)
{
	struct hsk_msg *earlier;

	list_for_each_entry_reverse(earlier, &chan->buffer, node)
		if (earlier->ticket < msg->ticket)
			break;
	list_add(&msg->node, &earlier->node);
	msg->has_slot = true;
	chan->slots++;
	chan->sent++;
	wakes->readers |= EPOLLIN | EPOLLRDNORM;
}

/*
 * To the first waiting receiver that has room for it. One with too little room is told
 * so, whatever becomes of the message: it could otherwise wait for ever beside a sender
 * that is refused for ever.
 */
static bool hsk_chan_hand_over_locked(struct hsk_chan *chan, struct hsk_msg *msg,
				      struct hsk_wakes *wakes)
{
	struct hsk_waiter *receiver;
	int err;

	do {
		receiver = hsk_queue_claim_locked(&chan->receivers);
		if (!receiver)
			return false;
		err = hsk_msg_fits(msg, &receiver->room);
		if (!err) {
			receiver->msg = msg;
			chan->handed++;
			chan->sent++;
		}
		hsk_chan_finish_locked(chan, receiver, err, wakes);
	} while (err);
	return true;
}

/**
 * hsk_chan_offer_locked() - give a message to whoever can take it now
 * @chan: the channel
 * @msg: the message; the channel's, or a receiver's, on success
 * @wakes: gets whom to wake
 *
 * Return: 0; -EPIPE closed; -EAGAIN nobody waits and no slot is free.
 */
int hsk_chan_offer_locked(struct hsk_chan *chan, struct hsk_msg *msg, struct hsk_wakes *wakes)
{
	lockdep_assert_held(&chan->lock);
	if (chan->closed)
		return -EPIPE;
	msg->ticket = chan->tickets++;
	if (hsk_chan_hand_over_locked(chan, msg, wakes))
		return 0;
	if (!hsk_chan_has_slot_locked(chan))
		return -EAGAIN;
	hsk_chan_store_locked(chan, msg, wakes);
	return 0;
}

/* The message of a sender that waits has gone into transit. It waits on, claimed. */
static void hsk_chan_lend_locked(struct hsk_chan *chan, struct hsk_waiter *sender)
{
	if (!list_empty(&sender->node))
		hsk_queue_del_locked(&chan->senders, sender);
	list_add_tail(&sender->node, &chan->lent);
	sender->lent = true;
	sender->msg->waiter = sender;
}

/**
 * hsk_chan_offer_again_locked() - offer what a sender has offered before
 * @chan: the channel
 * @sender: who has waited there, still claimed; its message has its ticket
 * @wakes: gets whom to wake
 *
 * Return: as hsk_chan_offer_locked(); HSK_SEND_LENT a receiver has the message, and
 * the sender waits on.
 */
int hsk_chan_offer_again_locked(struct hsk_chan *chan, struct hsk_waiter *sender,
				struct hsk_wakes *wakes)
{
	lockdep_assert_held(&chan->lock);
	if (chan->closed)
		return -EPIPE;
	if (hsk_chan_hand_over_locked(chan, sender->msg, wakes)) {
		hsk_chan_lend_locked(chan, sender);
		return HSK_SEND_LENT;
	}
	if (!hsk_chan_has_slot_locked(chan))
		return -EAGAIN;
	hsk_chan_store_locked(chan, sender->msg, wakes);
	return 0;
}

/*
 * The buffer comes first, but for a sender that was put back into its queue after
 * a later message had got into the buffer: into a slot that became free meanwhile,
 * or back from a receiver, its own sender having returned.
 */
static bool hsk_chan_buffer_first_locked(struct hsk_chan *chan,
					 const struct hsk_waiter *sender)
{
	const struct hsk_msg *msg;

	msg = list_first_entry_or_null(&chan->buffer, struct hsk_msg, node);
	return msg && (chan->closed || !sender || msg->ticket < sender->msg->ticket);
}

static int hsk_chan_take_buffered_locked(struct hsk_chan *chan, struct hsk_room *room,
					 struct hsk_msg **msgp)
{
	struct hsk_msg *msg = list_first_entry(&chan->buffer, struct hsk_msg, node);
	int err = hsk_msg_fits(msg, room);

	if (err)
		return err;
	list_del(&msg->node);
	*msgp = msg;
	return 0;
}

/**
 * hsk_chan_drained_locked() - is it closed without a message, also in transit?
 * @chan: the channel
 *
 * Return: true when CLOSED is all that a receive will ever find.
 */
bool hsk_chan_drained_locked(const struct hsk_chan *chan)
{
	return chan->closed && !chan->slots && !chan->handed;
}

/**
 * hsk_chan_unlend_locked() - part a message in transit from its waiting sender
 * @msg: the message; one that has no waiting sender is left as it is
 *
 * Return: the sender, still claimed; NULL: none.
 */
struct hsk_waiter *hsk_chan_unlend_locked(struct hsk_msg *msg)
{
	struct hsk_waiter *sender = msg->waiter;

	if (!sender)
		return NULL;
	list_del_init(&sender->node);
	sender->lent = false;
	msg->waiter = NULL;
	return sender;
}

/**
 * hsk_chan_take_back_locked() - a message in transit is its waiting sender's again
 * @chan: the channel
 * @msg: the message; one that has no waiting sender is left as it is
 *
 * Return: the sender, still claimed, in no queue; NULL: none.
 */
struct hsk_waiter *hsk_chan_take_back_locked(struct hsk_chan *chan, struct hsk_msg *msg)
{
	struct hsk_waiter *sender = hsk_chan_unlend_locked(msg);

	if (sender) {
		chan->handed--;
		chan->sent--;
	}
	return sender;
}

/**
 * hsk_chan_take_locked() - take the message at the channel's front
 * @chan: the channel
 * @room: what the receiver can take; with -EMSGSIZE what it would need
 * @msgp: set on success: a message in transit, to be committed or restored
 *
 * Return: 0; HSK_RECV_CLOSED; -EAGAIN nothing is there, or on a closed channel
 * only what is in transit and may come back; -EMSGSIZE, -EBADMSG it does not fit
 * and stays.
 */
int hsk_chan_take_locked(struct hsk_chan *chan, struct hsk_room *room, struct hsk_msg **msgp)
{
	struct hsk_waiter *sender;
	int err;

	lockdep_assert_held(&chan->lock);
	do {
		sender = hsk_queue_first_locked(&chan->senders);
		if (hsk_chan_buffer_first_locked(chan, sender))
			return hsk_chan_take_buffered_locked(chan, room, msgp);
		if (chan->closed)
			return hsk_chan_drained_locked(chan) ? HSK_RECV_CLOSED : -EAGAIN;
		if (!sender)
			return -EAGAIN;
		err = hsk_msg_fits(sender->msg, room);
		if (err)
			return err;
	} while (!hsk_wait_claim(sender->wait));

	*msgp = sender->msg;
	chan->handed++;
	chan->sent++;
	hsk_chan_lend_locked(chan, sender);
	return 0;
}

/* Settling: what has become possible is done, one waiter a step. */

/* On a closed channel no sender waits. */
static bool hsk_chan_expel_sender_locked(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	struct hsk_waiter *sender;

	if (!chan->closed)
		return false;
	sender = list_first_entry_or_null(&chan->lent, struct hsk_waiter, node);
	if (sender) {
		/* Its message has met a receiver and is that one's affair now. */
		hsk_chan_unlend_locked(sender->msg);
		hsk_chan_finish_locked(chan, sender, 0, wakes);
		return true;
	}
	sender = hsk_queue_claim_locked(&chan->senders);
	if (sender)
		hsk_chan_finish_locked(chan, sender, -EPIPE, wakes);
	return sender;
}

/* Is there a sender whose claim can't fail, because it waits in this queue only? */
static bool hsk_chan_has_single_sender_locked(const struct hsk_chan *chan)
{
	const struct hsk_waiter *sender;

	list_for_each_entry(sender, &chan->senders.waiters, node)
		if (!sender->wait->several)
			return true;
	return false;
}

/*
 * What is there goes to the receivers that wait, also the news of a close. There is
 * something for who is claimed: no receiver is ever claimed in vain.
 */
static bool hsk_chan_serve_receiver_locked(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	struct hsk_waiter *receiver;
	int err;

	if (!hsk_queue_first_locked(&chan->receivers))
		return false;
	if (list_empty(&chan->buffer) && !hsk_chan_drained_locked(chan) &&
	    !hsk_chan_has_single_sender_locked(chan))
		return false;
	receiver = hsk_queue_claim_locked(&chan->receivers);
	if (!receiver)
		return false;
	err = hsk_chan_take_locked(chan, &receiver->room, &receiver->msg);
	hsk_chan_finish_locked(chan, receiver, err, wakes);
	return true;
}

/* A waiting sender's message moves into a free slot. */
static bool hsk_chan_admit_sender_locked(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	struct hsk_waiter *sender;

	if (chan->closed || !hsk_chan_has_slot_locked(chan))
		return false;
	sender = hsk_queue_claim_locked(&chan->senders);
	if (!sender)
		return false;
	hsk_chan_store_locked(chan, sender->msg, wakes);
	hsk_chan_finish_locked(chan, sender, 0, wakes);
	return true;
}

static bool hsk_chan_step_locked(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	return hsk_chan_expel_sender_locked(chan, wakes) ||
	       hsk_chan_serve_receiver_locked(chan, wakes) ||
	       hsk_chan_admit_sender_locked(chan, wakes);
}

/*
 * A close may have any number of waiters to tell: let others have the lock after
 * each batch. Only where a closed channel's buffer is empty, or nobody waits for
 * what is in it, is there nothing that they could overtake.
 */
static void hsk_chan_pause_locked(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	if (!hsk_wakes_full(wakes) || !chan->closed)
		return;
	if (!list_empty(&chan->buffer) && hsk_queue_first_locked(&chan->receivers))
		return;
	spin_unlock(&chan->lock);
	hsk_wakes_run(wakes);
	cond_resched();
	spin_lock(&chan->lock);
}

/**
 * hsk_chan_settle_unlock() - end a critical section that changed what waiters can do
 * @chan: the channel, locked; unlocked afterwards
 * @wakes: whom to wake besides
 */
void hsk_chan_settle_unlock(struct hsk_chan *chan, struct hsk_wakes *wakes)
	__releases(&chan->lock)
{
	while (hsk_chan_step_locked(chan, wakes))
		hsk_chan_pause_locked(chan, wakes);
	spin_unlock(&chan->lock);
	hsk_chan_wake(chan, wakes);
}

static void hsk_chan_leave_transit_locked(struct hsk_chan *chan, const struct hsk_msg *msg)
{
	if (msg->has_slot)
		chan->slots--;
	else
		chan->handed--;
}

/**
 * hsk_chan_commit() - a message in transit has reached its receiver
 * @chan: the channel
 * @msg: the message; the receiver's to free
 */
void hsk_chan_commit(struct hsk_chan *chan, struct hsk_msg *msg)
{
	struct hsk_waiter *sender;
	struct hsk_wakes wakes;

	hsk_wakes_init(&wakes);
	spin_lock(&chan->lock);
	hsk_chan_leave_transit_locked(chan, msg);
	chan->received++;
	sender = hsk_chan_unlend_locked(msg);
	if (sender)
		hsk_chan_finish_locked(chan, sender, 0, &wakes);
	if (!chan->closed && hsk_chan_has_slot_locked(chan))
		wakes.writers |= EPOLLOUT | EPOLLWRNORM;
	wakes.everyone = hsk_chan_drained_locked(chan);
	hsk_chan_settle_unlock(chan, &wakes);
}

/* In front of all that came after, as a rule the first. */
static void hsk_chan_restore_buffered_locked(struct hsk_chan *chan, struct hsk_msg *msg)
{
	struct hsk_msg *later;

	hsk_chan_leave_transit_locked(chan, msg);
	list_for_each_entry(later, &chan->buffer, node)
		if (later->ticket > msg->ticket)
			break;
	list_add_tail(&msg->node, &later->node);
	msg->has_slot = true;
	chan->slots++;
}

/* To its sender, which waits in this queue only; else into the buffer. */
static void hsk_chan_restore_locked(struct hsk_chan *chan, struct hsk_msg *msg)
{
	struct hsk_waiter *sender = hsk_chan_take_back_locked(chan, msg);

	if (!sender) {
		hsk_chan_restore_buffered_locked(chan, msg);
		return;
	}
	hsk_queue_return_locked(&chan->senders, sender);
	hsk_wait_unclaim(sender->wait);
}

/*
 * To its sender, if that is a select. It needs the locks of all its channels, so this
 * one is let go for a moment, in which the message stays in transit.
 */
static bool hsk_chan_restore_select_locked(struct hsk_chan *chan, struct hsk_msg *msg)
{
	struct hsk_waiter *sender = msg->waiter;
	struct hsk_select *select;
	bool back;

	if (!sender || !sender->wait->several)
		return false;
	select = hsk_select_pin_locked(sender->wait);
	spin_unlock(&chan->lock);
	back = hsk_select_take_back(select, chan, msg);
	spin_lock(&chan->lock);
	return back;
}

/**
 * hsk_chan_restore() - a message in transit goes back to where it came from
 * @chan: the channel
 * @msg: the message; the channel's, or its waiting sender's
 */
void hsk_chan_restore(struct hsk_chan *chan, struct hsk_msg *msg)
{
	struct hsk_wakes wakes;

	hsk_wakes_init(&wakes);
	spin_lock(&chan->lock);
	if (!hsk_chan_restore_select_locked(chan, msg))
		hsk_chan_restore_locked(chan, msg);
	wakes.readers |= EPOLLIN | EPOLLRDNORM;
	hsk_chan_settle_unlock(chan, &wakes);
}
