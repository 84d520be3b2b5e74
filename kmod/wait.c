// SPDX-License-Identifier: GPL-2.0-only
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "wait.h"

/**
 * hsk_wakes_run() - wake the collected tasks, in the order they were added
 * @wakes: collected wake-ups; empty afterwards, the poll events are left
 */
void hsk_wakes_run(struct hsk_wakes *wakes)
{
	unsigned int i;

	for (i = 0; i < wakes->nr; i++) {
		wake_up_process(wakes->tasks[i]);
		put_task_struct(wakes->tasks[i]);
	}
	wakes->nr = 0;
}

static void hsk_wakes_add(struct hsk_wakes *wakes, struct task_struct *task)
{
	/*
	 * More than the array holds is rare: a message too big for many waiting
	 * receivers. Waking under the lock is correct, just not as nice.
	 */
	if (hsk_wakes_full(wakes))
		hsk_wakes_run(wakes);
	wakes->tasks[wakes->nr++] = get_task_struct(task);
}

/**
 * hsk_wait_init() - make a wait of the current task
 * @wait: the wait
 */
void hsk_wait_init(struct hsk_wait *wait)
{
	atomic_set(&wait->state, HSK_WAIT_QUEUED);
	wait->result = 0;
	wait->task = current;
}

/**
 * hsk_wait_claim() - win the right to end a wait
 * @wait: a wait whose waiter stands in a queue that the caller has locked
 *
 * Return: true for exactly one caller until the wait is unclaimed.
 */
bool hsk_wait_claim(struct hsk_wait *wait)
{
	int queued = HSK_WAIT_QUEUED;

	return atomic_try_cmpxchg(&wait->state, &queued, HSK_WAIT_CLAIMED);
}

/**
 * hsk_wait_unclaim() - give a claimed wait back
 * @wait: a wait that the caller has claimed and is putting back into its queue
 */
void hsk_wait_unclaim(struct hsk_wait *wait)
{
	atomic_set(&wait->state, HSK_WAIT_QUEUED);
}

/**
 * hsk_wait_finish() - end a claimed wait
 * @wait: a wait that the caller has claimed; not to be touched afterwards
 * @result: what the waiting operation is to return
 * @wakes: gets the task to wake
 */
void hsk_wait_finish(struct hsk_wait *wait, int result, struct hsk_wakes *wakes)
{
	hsk_wakes_add(wakes, wait->task);
	wait->result = result;
	/* Pairs with the acquire in hsk_wait_done(). */
	atomic_set_release(&wait->state, HSK_WAIT_DONE);
}

/**
 * hsk_wait_done() - has the wait been ended?
 * @wait: a wait of the current task
 *
 * Return: true when hsk_wait.result may be read without the lock.
 */
bool hsk_wait_done(const struct hsk_wait *wait)
{
	return atomic_read_acquire(&wait->state) == HSK_WAIT_DONE;
}

/**
 * hsk_wait_sleep() - sleep until the wait is ended, or can't go on
 * @wait: a wait of the current task
 * @deadline: absolute CLOCK_MONOTONIC, 0: none
 *
 * Return: 0 ended, -ERESTARTSYS a signal, -ETIMEDOUT the deadline. After an
 * error the caller withdraws under the lock, where it may find that the wait was
 * ended after all: success beats both.
 */
int hsk_wait_sleep(struct hsk_wait *wait, ktime_t deadline)
{
	ktime_t *expires = deadline ? &deadline : NULL;
	/* As poll(2) has it: real-time tasks have no slack. */
	u64 slack = rt_task(current) ? 0 : current->timer_slack_ns;
	int err = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (hsk_wait_done(wait))
			break;
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
	return err;
}
