// SPDX-License-Identifier: GPL-2.0-only
#include <linux/atomic.h>
#include <linux/lockdep.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "chan.h"
#include "msg.h"
#include "trace.h"
#include "wait.h"

static atomic64_t hsk_last_id = ATOMIC64_INIT(0);

static void hsk_queue_init(struct hsk_queue *queue)
{
	INIT_LIST_HEAD(&queue->waiters);
	queue->nr = 0;
}

/**
 * hsk_chan_new() - make a channel
 * @capacity: within the limit
 *
 * Return: the channel with one reference, that of the first endpoint-to-be; or
 * NULL: no memory.
 */
struct hsk_chan *hsk_chan_new(u32 capacity)
{
	struct hsk_chan *chan;

	chan = kzalloc(sizeof(*chan), GFP_KERNEL_ACCOUNT);
	if (!chan)
		return NULL;
	spin_lock_init(&chan->lock);
	refcount_set(&chan->refs, 1);
	chan->id = atomic64_inc_return(&hsk_last_id);
	chan->capacity = capacity;
	INIT_LIST_HEAD(&chan->buffer);
	hsk_queue_init(&chan->senders);
	hsk_queue_init(&chan->receivers);
	init_waitqueue_head(&chan->poll_readers);
	init_waitqueue_head(&chan->poll_writers);
	hsk_node_init(&chan->node);
	return chan;
}

/**
 * hsk_chan_put() - drop a reference, free the channel with the last one
 * @chan: the channel; NULL is a no-op
 */
void hsk_chan_put(struct hsk_chan *chan)
{
	if (!chan || !refcount_dec_and_test(&chan->refs))
		return;
	WARN_ON_ONCE(!list_empty(&chan->buffer) || chan->slots || chan->handed);
	WARN_ON_ONCE(!list_empty(&chan->node.holds) || chan->node.held_by);
	kfree(chan);
}

/* The places in a queue. */

void hsk_chan_enqueue_locked(struct hsk_queue *queue, struct hsk_waiter *waiter)
{
	list_add_tail(&waiter->node, &queue->waiters);
	queue->nr++;
}

/* A sender that had been taken out goes back to where its ticket says, in front. */
static void hsk_chan_requeue_locked(struct hsk_queue *queue, struct hsk_waiter *sender)
{
	struct hsk_waiter *later;

	list_for_each_entry(later, &queue->waiters, node)
		if (later->msg->ticket > sender->msg->ticket)
			break;
	list_add_tail(&sender->node, &later->node);
	queue->nr++;
}

void hsk_chan_dequeue_locked(struct hsk_queue *queue, struct hsk_waiter *waiter)
{
	list_del(&waiter->node);
	queue->nr--;
}

/* The first waiter of a queue, claimed and taken out; NULL: none. */
static struct hsk_waiter *hsk_chan_claim_first_locked(struct hsk_queue *queue)
{
	struct hsk_waiter *waiter;

	list_for_each_entry(waiter, &queue->waiters, node) {
		if (!hsk_wait_claim(waiter->wait))
			continue;
		hsk_chan_dequeue_locked(queue, waiter);
		return waiter;
	}
	return NULL;
}

static void hsk_chan_finish_locked(struct hsk_chan *chan, struct hsk_waiter *waiter, int result,
				   struct hsk_wakes *wakes)
{
	trace_hsk_wake(chan->id, waiter->wait->task, result);
	hsk_wait_finish(waiter->wait, result, wakes);
}

/* The message's way. */

static bool hsk_chan_has_slot_locked(const struct hsk_chan *chan)
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

/**
 * hsk_chan_offer_locked() - give a message to whoever can take it now
 * @chan: the channel
 * @msg: the message; the channel's, or a receiver's, on success
 * @wakes: gets whom to wake
 *
 * A waiting receiver with too little room is told so, whatever becomes of the
 * message: it could otherwise wait for ever beside a sender that is refused for
 * ever.
 *
 * Return: 0; -EPIPE closed; -EAGAIN nobody waits and no slot is free.
 */
int hsk_chan_offer_locked(struct hsk_chan *chan, struct hsk_msg *msg, struct hsk_wakes *wakes)
{
	struct hsk_waiter *receiver;
	int err;

	lockdep_assert_held(&chan->lock);
	if (chan->closed)
		return -EPIPE;
	msg->ticket = chan->tickets++;

	while ((receiver = hsk_chan_claim_first_locked(&chan->receivers))) {
		err = hsk_msg_fits(msg, &receiver->room);
		if (!err) {
			receiver->msg = msg;
			chan->handed++;
			chan->sent++;
		}
		hsk_chan_finish_locked(chan, receiver, err, wakes);
		if (!err)
			return 0;
	}

	if (!hsk_chan_has_slot_locked(chan))
		return -EAGAIN;
	hsk_chan_store_locked(chan, msg, wakes);
	return 0;
}

/*
 * The buffer comes first, but for a sender that was put back into its queue while
 * a later one's message, whose sender has returned, was put back into the buffer.
 */
static bool hsk_chan_buffer_first_locked(struct hsk_chan *chan)
{
	const struct hsk_waiter *sender;
	const struct hsk_msg *msg;

	msg = list_first_entry_or_null(&chan->buffer, struct hsk_msg, node);
	sender = list_first_entry_or_null(&chan->senders.waiters, struct hsk_waiter, node);
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
 * hsk_chan_take_locked() - take the message at the channel's front
 * @chan: the channel
 * @room: what the receiver can take; with -EMSGSIZE what it would need
 * @msgp: set on success: a message in transit, to be committed or restored
 *
 * Return: 0; HSK_RECV_CLOSED; -EAGAIN nothing is there; -EMSGSIZE, -EBADMSG it
 * does not fit and stays.
 */
int hsk_chan_take_locked(struct hsk_chan *chan, struct hsk_room *room, struct hsk_msg **msgp)
{
	struct hsk_waiter *sender;
	int err;

	lockdep_assert_held(&chan->lock);
	if (hsk_chan_buffer_first_locked(chan))
		return hsk_chan_take_buffered_locked(chan, room, msgp);
	if (chan->closed)
		return HSK_RECV_CLOSED;

	list_for_each_entry(sender, &chan->senders.waiters, node) {
		err = hsk_msg_fits(sender->msg, room);
		if (err)
			return err;
		if (!hsk_wait_claim(sender->wait))
			continue;
		hsk_chan_dequeue_locked(&chan->senders, sender);
		sender->msg->sender = sender;
		chan->handed++;
		chan->sent++;
		*msgp = sender->msg;
		return 0;
	}
	return -EAGAIN;
}

/* Whatever is there goes to the waiting receivers. */
static void hsk_chan_serve_locked(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	struct hsk_waiter *receiver;
	int err;

	while (!list_empty(&chan->buffer) || chan->senders.nr) {
		receiver = hsk_chan_claim_first_locked(&chan->receivers);
		if (!receiver)
			return;
		err = hsk_chan_take_locked(chan, &receiver->room, &receiver->msg);
		hsk_chan_finish_locked(chan, receiver, err, wakes);
	}
}

/* Waiting senders move into free slots. */
static void hsk_chan_admit_locked(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	struct hsk_waiter *sender;

	while (!chan->closed && hsk_chan_has_slot_locked(chan)) {
		sender = hsk_chan_claim_first_locked(&chan->senders);
		if (!sender)
			return;
		hsk_chan_store_locked(chan, sender->msg, wakes);
		hsk_chan_finish_locked(chan, sender, 0, wakes);
	}
}

static bool hsk_chan_drained_locked(const struct hsk_chan *chan)
{
	return chan->closed && list_empty(&chan->buffer);
}

static void hsk_chan_leave_transit_locked(struct hsk_chan *chan, const struct hsk_msg *msg)
{
	if (msg->has_slot)
		chan->slots--;
	else
		chan->handed--;
}

/**
 * hsk_chan_commit_locked() - a message in transit has reached its receiver
 * @chan: the channel
 * @msg: the message; the receiver's to free
 * @wakes: gets whom to wake
 */
void hsk_chan_commit_locked(struct hsk_chan *chan, struct hsk_msg *msg, struct hsk_wakes *wakes)
{
	lockdep_assert_held(&chan->lock);
	hsk_chan_leave_transit_locked(chan, msg);
	chan->received++;
	if (msg->sender)
		hsk_chan_finish_locked(chan, msg->sender, 0, wakes);
	msg->sender = NULL;

	if (chan->closed) {
		if (hsk_chan_drained_locked(chan))
			wakes->everyone = true;
		return;
	}
	hsk_chan_admit_locked(chan, wakes);
	if (hsk_chan_has_slot_locked(chan))
		wakes->writers |= EPOLLOUT | EPOLLWRNORM;
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

static void hsk_chan_restore_sender_locked(struct hsk_chan *chan, struct hsk_waiter *sender,
					   struct hsk_wakes *wakes)
{
	chan->handed--;
	chan->sent--;
	if (chan->closed) {
		hsk_chan_finish_locked(chan, sender, -EPIPE, wakes);
		return;
	}
	hsk_chan_requeue_locked(&chan->senders, sender);
	hsk_wait_unclaim(sender->wait);
}

/**
 * hsk_chan_restore_locked() - a message in transit goes back to where it came from
 * @chan: the channel
 * @msg: the message; the channel's, or its waiting sender's
 * @wakes: gets whom to wake
 */
void hsk_chan_restore_locked(struct hsk_chan *chan, struct hsk_msg *msg, struct hsk_wakes *wakes)
{
	struct hsk_waiter *sender = msg->sender;

	lockdep_assert_held(&chan->lock);
	msg->sender = NULL;
	if (sender)
		hsk_chan_restore_sender_locked(chan, sender, wakes);
	else
		hsk_chan_restore_buffered_locked(chan, msg);
	wakes->readers |= EPOLLIN | EPOLLRDNORM;
	hsk_chan_serve_locked(chan, wakes);
	hsk_chan_admit_locked(chan, wakes);
}

/* Close, and the ends of the rights. */

/* As many waiters as @wakes holds learn of the close. */
static void hsk_chan_expel_locked(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	struct hsk_waiter *waiter;

	while (!hsk_wakes_full(wakes)) {
		waiter = hsk_chan_claim_first_locked(&chan->receivers);
		if (!waiter)
			break;
		hsk_chan_finish_locked(chan, waiter, HSK_RECV_CLOSED, wakes);
	}
	while (!hsk_wakes_full(wakes)) {
		waiter = hsk_chan_claim_first_locked(&chan->senders);
		if (!waiter)
			break;
		hsk_chan_finish_locked(chan, waiter, -EPIPE, wakes);
	}
}

/**
 * hsk_chan_close() - close a channel and wake everyone
 * @chan: the channel
 * @reason: what receivers are told
 *
 * The lock is dropped between batches of waiters. That is safe because nobody
 * joins the queues of a closed channel.
 *
 * Return: 0; -EPIPE it was closed already.
 */
int hsk_chan_close(struct hsk_chan *chan, int reason)
{
	struct hsk_wakes wakes;
	bool more;

	spin_lock(&chan->lock);
	if (chan->closed) {
		spin_unlock(&chan->lock);
		return -EPIPE;
	}
	chan->closed = true;
	chan->reason = reason;
	spin_unlock(&chan->lock);
	trace_hsk_close(chan->id, reason);

	do {
		hsk_wakes_init(&wakes);
		spin_lock(&chan->lock);
		hsk_chan_expel_locked(chan, &wakes);
		more = hsk_wakes_full(&wakes);
		spin_unlock(&chan->lock);
		wakes.everyone = !more;
		hsk_chan_wake(chan, &wakes);
	} while (more);
	return 0;
}

/**
 * hsk_chan_attach() - count a new endpoint's rights
 * @chan: the channel; the endpoint's reference to it is the caller's to get
 * @rights: HSK_CAN_*
 */
void hsk_chan_attach(struct hsk_chan *chan, unsigned int rights)
{
	spin_lock(&chan->lock);
	chan->readers += !!(rights & HSK_CAN_READ);
	chan->writers += !!(rights & HSK_CAN_WRITE);
	spin_unlock(&chan->lock);
}

static void hsk_chan_drain(struct hsk_chan *chan)
{
	LIST_HEAD(drained);

	spin_lock(&chan->lock);
	/* Nothing is in transit: whoever receives holds an endpoint. */
	list_splice_init(&chan->buffer, &drained);
	chan->drained += chan->slots;
	chan->slots = 0;
	spin_unlock(&chan->lock);
	hsk_msg_free_list(&drained);
}

/**
 * hsk_chan_detach() - an endpoint goes
 * @chan: the channel; the endpoint's reference to it is still held
 * @rights: HSK_CAN_*, as attached
 */
void hsk_chan_detach(struct hsk_chan *chan, unsigned int rights)
{
	bool last_reader, last_writer;

	spin_lock(&chan->lock);
	last_reader = (rights & HSK_CAN_READ) && !--chan->readers;
	last_writer = (rights & HSK_CAN_WRITE) && !--chan->writers;
	spin_unlock(&chan->lock);

	/* Closed already is fine in both cases: the first reason stands. */
	if (last_writer)
		hsk_chan_close(chan, -EOWNERDEAD);
	if (last_reader) {
		hsk_chan_close(chan, -EPIPE);
		hsk_chan_drain(chan);
	}
}

/* Wake, poll, look. */

static void hsk_chan_wake_pollers(wait_queue_head_t *pollers, __poll_t events, bool everyone)
{
	/* No barrier: see "Wake-ups" in chan.h. */
	if (!waitqueue_active(pollers))
		return;
	if (everyone)
		wake_up_all(pollers);
	else if (events)
		wake_up_poll(pollers, events);
}

/**
 * hsk_chan_wake() - do what was noted under the lock
 * @chan: the channel; the caller holds an endpoint and no lock
 * @wakes: whom to wake
 */
void hsk_chan_wake(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	hsk_wakes_run(wakes);
	hsk_chan_wake_pollers(&chan->poll_readers, wakes->readers, wakes->everyone);
	hsk_chan_wake_pollers(&chan->poll_writers, wakes->writers, wakes->everyone);
}

/**
 * hsk_chan_poll() - what a DONTWAIT operation would find now
 * @chan: the channel
 * @rights: of the endpoint that polls
 *
 * Return: poll events.
 */
__poll_t hsk_chan_poll(struct hsk_chan *chan, unsigned int rights)
{
	__poll_t events = 0;

	spin_lock(&chan->lock);
	if (rights & HSK_CAN_READ) {
		if (!list_empty(&chan->buffer) || chan->senders.nr || chan->closed)
			events |= EPOLLIN | EPOLLRDNORM;
		if (chan->closed)
			events |= EPOLLRDHUP;
		if (hsk_chan_drained_locked(chan))
			events |= EPOLLHUP;
	}
	if (rights & HSK_CAN_WRITE) {
		if (chan->closed)
			events |= EPOLLERR;
		else if (hsk_chan_has_slot_locked(chan) || chan->receivers.nr)
			events |= EPOLLOUT | EPOLLWRNORM;
	}
	spin_unlock(&chan->lock);
	return events;
}

/**
 * hsk_chan_snapshot() - the state at one instant
 * @chan: the channel
 * @stat: set
 */
void hsk_chan_snapshot(struct hsk_chan *chan, struct hsk_chan_stat *stat)
{
	spin_lock(&chan->lock);
	*stat = (struct hsk_chan_stat) {
		.id = chan->id,
		.sent = chan->sent,
		.received = chan->received,
		.drained = chan->drained,
		.buffered = (u64)chan->slots + chan->handed,
		.capacity = chan->capacity,
		.senders = chan->senders.nr,
		.receivers = chan->receivers.nr,
		.readers = chan->readers,
		.writers = chan->writers,
		.reason = chan->reason,
		.closed = chan->closed,
	};
	spin_unlock(&chan->lock);
}
