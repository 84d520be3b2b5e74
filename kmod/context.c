// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/sched.h>

#include "chan.h"
#include "compat.h"
#include "context.h"

/* Children that are taken from their parent before others may have its lock. */
#define HSK_CONTEXT_BATCH	64

static struct workqueue_struct *hsk_context_workers;

static struct hsk_chan *hsk_context_chan(struct hsk_context *context)
{
	return container_of(context, struct hsk_chan, context);
}

/**
 * hsk_context_init() - no parent, no deadline
 * @context: of a channel that is being made
 */
void hsk_context_init(struct hsk_context *context)
{
	INIT_LIST_HEAD(&context->children);
	INIT_LIST_HEAD(&context->sibling);
}

/**
 * hsk_context_derive() - let a channel end with another
 * @chan: a channel that nobody else knows yet
 * @parent: the caller holds a reference; if it is closed, @chan is closed
 */
void hsk_context_derive(struct hsk_chan *chan, struct hsk_chan *parent)
{
	struct hsk_context *context = &chan->context;
	int reason = 0;
	bool closed;

	/* First: once it is in the list, @chan may be shut by @parent's end. */
	hsk_chan_get(parent);
	context->parent = parent;
	spin_lock(&parent->lock);
	closed = parent->closed;
	if (closed) {
		reason = parent->reason;
	} else {
		list_add_tail(&context->sibling, &parent->context.children);
		context->joined = true;
	}
	spin_unlock(&parent->lock);
	if (closed)
		hsk_chan_close(chan, reason);
}

/* Deadline. */

static void hsk_context_expired(struct work_struct *work)
{
	struct hsk_context *context = container_of(work, struct hsk_context, expired);
	struct hsk_chan *chan = hsk_context_chan(context);

	hsk_chan_close(chan, -ETIMEDOUT);
	hsk_chan_put(chan);
}

static enum hrtimer_restart hsk_context_expire(struct hrtimer *timer)
{
	struct hsk_context *context = container_of(timer, struct hsk_context, timer);

	queue_work(hsk_context_workers, &context->expired);
	return HRTIMER_NORESTART;
}

/**
 * hsk_context_expire_at() - let a channel close by itself
 * @chan: a channel that nobody else knows yet, but for its parent
 * @deadline: absolute CLOCK_MONOTONIC; if it has passed, @chan is closed
 */
void hsk_context_expire_at(struct hsk_chan *chan, ktime_t deadline)
{
	struct hsk_context *context = &chan->context;

	if (ktime_get() >= deadline) {
		hsk_chan_close(chan, -ETIMEDOUT);
		return;
	}
	INIT_WORK(&context->expired, hsk_context_expired);
	hrtimer_setup(&context->timer, hsk_context_expire, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	/* Under the lock, so that who shuts the channel finds the timer or prevents it. */
	spin_lock(&chan->lock);
	if (!chan->closed) {
		context->timed = true;
		hsk_chan_get(chan);
		hrtimer_start(&context->timer, deadline, HRTIMER_MODE_ABS);
	}
	spin_unlock(&chan->lock);
}

static void hsk_context_stop_timer(struct hsk_chan *chan)
{
	struct hsk_context *context = &chan->context;

	/* One that is not active any more has left its reference to the worker. */
	if (context->timed && hrtimer_cancel(&context->timer))
		hsk_chan_put(chan);
}

/* Close. */

static void hsk_context_leave_parent(struct hsk_context *context)
{
	struct hsk_chan *parent = context->parent;

	if (!parent)
		return;
	context->parent = NULL;
	spin_lock(&parent->lock);
	if (context->joined) {
		list_del(&context->sibling);
		context->joined = false;
	}
	spin_unlock(&parent->lock);
	hsk_chan_put(parent);
}

/* The children of a channel that has been shut are moved to @orphans. */
static void hsk_context_orphan(struct hsk_chan *chan, struct list_head *orphans)
{
	struct hsk_context *child;
	unsigned int nr;

	do {
		spin_lock(&chan->lock);
		for (nr = 0; nr < HSK_CONTEXT_BATCH; nr++) {
			child = list_first_entry_or_null(&chan->context.children,
							 struct hsk_context, sibling);
			if (!child)
				break;
			child->joined = false;
			list_move_tail(&child->sibling, orphans);
			hsk_chan_get(hsk_context_chan(child));
		}
		spin_unlock(&chan->lock);
		cond_resched();
	} while (child);
}

/* What who has shut a channel must do besides. */
static void hsk_context_end(struct hsk_chan *chan, struct list_head *orphans)
{
	hsk_context_leave_parent(&chan->context);
	hsk_context_stop_timer(chan);
	hsk_context_orphan(chan, orphans);
}

/**
 * hsk_chan_close() - close a channel, and all that is derived from it
 * @chan: the channel
 * @reason: what receivers are told
 *
 * Context: may sleep; no lock is held.
 * Return: 0; -EPIPE it was closed already.
 */
int hsk_chan_close(struct hsk_chan *chan, int reason)
{
	struct hsk_context *orphan;
	LIST_HEAD(orphans);
	int err;

	err = hsk_chan_shut(chan, reason);
	if (err)
		return err;
	hsk_context_end(chan, &orphans);
	while (!list_empty(&orphans)) {
		orphan = list_first_entry(&orphans, struct hsk_context, sibling);
		list_del(&orphan->sibling);
		chan = hsk_context_chan(orphan);
		if (!hsk_chan_shut(chan, reason))
			hsk_context_end(chan, &orphans);
		hsk_chan_put(chan);
	}
	return 0;
}

/**
 * hsk_chan_detach() - an endpoint goes
 * @chan: the channel; the endpoint's reference to it is still held
 * @rights: HSK_CAN_*, as attached
 */
void hsk_chan_detach(struct hsk_chan *chan, unsigned int rights)
{
	unsigned int gone = hsk_chan_left(chan, rights);

	/* Closed already is fine in both cases: the first reason stands. */
	if (gone & HSK_CAN_WRITE)
		hsk_chan_close(chan, -EOWNERDEAD);
	if (gone & HSK_CAN_READ) {
		hsk_chan_close(chan, -EPIPE);
		hsk_chan_drain(chan);
	}
}

/**
 * hsk_context_start() - the module comes
 *
 * Return: 0; -ENOMEM.
 */
int hsk_context_start(void)
{
	hsk_context_workers = alloc_workqueue("hsk", WQ_UNBOUND, 0);
	return hsk_context_workers ? 0 : -ENOMEM;
}

/**
 * hsk_context_stop() - the module goes: wait for closes that are under way
 */
void hsk_context_stop(void)
{
	destroy_workqueue(hsk_context_workers);
}
