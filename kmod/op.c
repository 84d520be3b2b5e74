// SPDX-License-Identifier: GPL-2.0-only
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "chan.h"
#include "op.h"
#include "wait.h"

/* The context has closed: note why. */
static int hsk_op_end(struct hsk_op *op, int reason)
{
	op->ctx_reason = reason;
	op->ctx_ended = true;
	return reason == -ETIMEDOUT ? -ETIMEDOUT : -ECANCELED;
}

static int hsk_op_look(struct hsk_op *op)
{
	int reason;

	if (!op->ctx || !hsk_chan_closed(op->ctx, &reason))
		return 0;
	return hsk_op_end(op, reason);
}

/**
 * hsk_op_refuse() - why an operation that may not wait fails where it would
 * @op: the operation; no lock is held
 *
 * Return: -ECANCELED or -ETIMEDOUT if the context is closed, else -EAGAIN.
 */
int hsk_op_refuse(struct hsk_op *op)
{
	return hsk_op_look(op) ?: -EAGAIN;
}

/* Of all that is told to who polls a context, its close only: that names no events. */
static int hsk_op_wake(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	if (key)
		return 0;
	return default_wake_function(entry, mode, flags, key);
}

static int hsk_op_wait(struct hsk_op *op, const struct hsk_wait *wait)
{
	ktime_t deadline = op->deadline;
	ktime_t *expires = deadline ? &deadline : NULL;
	/* As poll(2) has it: real-time tasks have no slack. */
	u64 slack = rt_task(current) ? 0 : current->timer_slack_ns;
	int err = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (hsk_wait_done(wait))
			break;
		if (op->ctx && hsk_chan_closed_lockless(op->ctx)) {
			err = -ECANCELED;
			break;
		}
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		if (!schedule_hrtimeout_range(expires, slack, HRTIMER_MODE_ABS)) {
			err = -ETIMEDOUT;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	/* The context may have closed before the deadline, and the task not have run. */
	return err == -ECANCELED || err == -ETIMEDOUT ? hsk_op_look(op) ?: err : err;
}

/**
 * hsk_op_sleep() - sleep until the wait is ended, or can't go on
 * @op: how long it may take
 * @wait: a wait of the current task
 *
 * Return: 0 ended; -ECANCELED or -ETIMEDOUT the context; -ERESTARTSYS a signal;
 * -ETIMEDOUT the deadline. After an error the caller withdraws under the lock, where
 * it may find that the wait was ended after all.
 */
int hsk_op_sleep(struct hsk_op *op, const struct hsk_wait *wait)
{
	struct wait_queue_entry entry;
	int err;

	if (!op->ctx)
		return hsk_op_wait(op, wait);
	init_waitqueue_func_entry(&entry, hsk_op_wake);
	entry.private = current;
	add_wait_queue(&op->ctx->poll_readers, &entry);
	/*
	 * Under the lock, once: a close that comes before this is seen here, and one
	 * that comes after it sees the entry (as for pollers, see chan.h).
	 */
	err = hsk_op_look(op);
	if (!err)
		err = hsk_op_wait(op, wait);
	remove_wait_queue(&op->ctx->poll_readers, &entry);
	return err;
}
