// SPDX-License-Identifier: GPL-2.0-only
#include <linux/atomic.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "chan.h"
#include "limits.h"
#include "match.h"
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

	chan = kzalloc(sizeof(*chan), HSK_GFP);
	if (!chan)
		return NULL;
	spin_lock_init(&chan->lock);
	refcount_set(&chan->refs, 1);
	chan->id = atomic64_inc_return(&hsk_last_id);
	chan->capacity = capacity;
	INIT_LIST_HEAD(&chan->buffer);
	hsk_queue_init(&chan->senders);
	hsk_queue_init(&chan->receivers);
	INIT_LIST_HEAD(&chan->lent);
	init_waitqueue_head(&chan->poll_readers);
	init_waitqueue_head(&chan->poll_writers);
	hsk_node_init(&chan->node);
	hsk_context_init(&chan->context);
	return chan;
}

/**
 * hsk_chan_get() - take another reference
 * @chan: a channel that the caller holds a reference to
 */
void hsk_chan_get(struct hsk_chan *chan)
{
	refcount_inc(&chan->refs);
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
	WARN_ON_ONCE(!list_empty(&chan->context.children) || chan->context.parent);
	kfree(chan);
}

/* Close, and the ends of the rights. */

/**
 * hsk_chan_shut() - close this channel alone and wake everyone
 * @chan: the channel
 * @reason: what receivers are told
 *
 * What a close must do besides, hsk_chan_close() does.
 *
 * Return: 0; -EPIPE it was closed already.
 */
int hsk_chan_shut(struct hsk_chan *chan, int reason)
{
	struct hsk_wakes wakes;

	spin_lock(&chan->lock);
	if (chan->closed) {
		spin_unlock(&chan->lock);
		return -EPIPE;
	}
	chan->reason = reason;
	/* Partner: hsk_chan_closed_lockless(). */
	WRITE_ONCE(chan->closed, true);
	trace_hsk_close(chan->id, reason);
	hsk_wakes_init(&wakes);
	wakes.everyone = true;
	hsk_chan_settle_unlock(chan, &wakes);
	return 0;
}

/**
 * hsk_chan_attach() - count a new endpoint's rights
 * @chan: the channel; the endpoint's reference to it is the caller's to get
 * @rights: HSK_CAN_*
 */
void hsk_chan_attach(struct hsk_chan *chan, unsigned int rights)
{
	unsigned int readers, writers;

	spin_lock(&chan->lock);
	chan->readers += !!(rights & HSK_CAN_READ);
	chan->writers += !!(rights & HSK_CAN_WRITE);
	readers = chan->readers;
	writers = chan->writers;
	spin_unlock(&chan->lock);
	trace_hsk_attach(chan->id, rights, readers, writers);
}

/**
 * hsk_chan_drain() - throw away what nobody can receive any more
 * @chan: a closed channel without an endpoint that has the READ right
 */
void hsk_chan_drain(struct hsk_chan *chan)
{
	LIST_HEAD(drained);
	unsigned int nr;

	spin_lock(&chan->lock);
	/* Nothing is in transit: whoever receives holds an endpoint. */
	list_splice_init(&chan->buffer, &drained);
	nr = chan->slots;
	chan->drained += nr;
	chan->slots = 0;
	spin_unlock(&chan->lock);
	trace_hsk_drain(chan->id, nr);
	hsk_msg_free_list(&drained);
}

/**
 * hsk_chan_left() - an endpoint's rights do not count any more
 * @chan: the channel; the endpoint's reference to it is still held
 * @rights: HSK_CAN_*, as attached
 *
 * Return: HSK_CAN_*, those of @rights that no endpoint has any more.
 */
unsigned int hsk_chan_left(struct hsk_chan *chan, unsigned int rights)
{
	unsigned int readers, writers;

	spin_lock(&chan->lock);
	chan->readers -= !!(rights & HSK_CAN_READ);
	chan->writers -= !!(rights & HSK_CAN_WRITE);
	readers = chan->readers;
	writers = chan->writers;
	spin_unlock(&chan->lock);
	trace_hsk_detach(chan->id, rights, readers, writers);

	if (readers)
		rights &= ~HSK_CAN_READ;
	if (writers)
		rights &= ~HSK_CAN_WRITE;
	return rights;
}

/**
 * hsk_chan_closed() - is it closed, and why?
 * @chan: the channel
 * @reason: set if it is
 *
 * Return: true when it is closed.
 */
bool hsk_chan_closed(struct hsk_chan *chan, int *reason)
{
	bool closed;

	spin_lock(&chan->lock);
	closed = chan->closed;
	if (closed)
		*reason = chan->reason;
	spin_unlock(&chan->lock);
	return closed;
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
 * hsk_chan_wake_all() - do what was noted under the lock, of which there is something
 * @chan: as hsk_chan_wake()
 * @wakes: likewise
 */
void hsk_chan_wake_all(struct hsk_chan *chan, struct hsk_wakes *wakes)
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
		if (!list_empty(&chan->buffer) || hsk_queue_first_locked(&chan->senders) ||
		    hsk_chan_drained_locked(chan))
			events |= EPOLLIN | EPOLLRDNORM;
		if (chan->closed)
			events |= EPOLLRDHUP;
		if (hsk_chan_drained_locked(chan))
			events |= EPOLLHUP;
	}
	if (rights & HSK_CAN_WRITE) {
		if (chan->closed)
			events |= EPOLLERR;
		else if (hsk_chan_has_slot_locked(chan) ||
			 hsk_queue_first_locked(&chan->receivers))
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
		.senders = hsk_queue_count_locked(&chan->senders),
		.receivers = hsk_queue_count_locked(&chan->receivers),
		.readers = chan->readers,
		.writers = chan->writers,
		.reason = chan->reason,
		.closed = chan->closed,
	};
	spin_unlock(&chan->lock);
}
