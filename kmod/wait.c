// SPDX-License-Identifier: GPL-2.0-only
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "wait.h"

static void hsk_task_get(void *owner)
{
	get_task_struct(owner);
}

static void hsk_task_wake(void *owner, bool locked)
{
	wake_up_process(owner);
	put_task_struct(owner);
}

/* The owner of a wait is a task that sleeps. */
const struct hsk_waker hsk_task_waker = {
	.get = hsk_task_get,
	.wake = hsk_task_wake,
};

static void hsk_wakes_empty(struct hsk_wakes *wakes, bool locked)
{
	unsigned int i;

	for (i = 0; i < wakes->nr; i++)
		wakes->due[i].waker->wake(wakes->due[i].owner, locked);
	wakes->nr = 0;
}

/**
 * hsk_wakes_run() - do the collected wake-ups, in the order they were added
 * @wakes: collected wake-ups; empty afterwards, the poll events are left
 *
 * Context: may sleep; no channel's lock is held.
 */
void hsk_wakes_run(struct hsk_wakes *wakes)
{
	hsk_wakes_empty(wakes, false);
}

static void hsk_wakes_add(struct hsk_wakes *wakes, const struct hsk_wait *wait)
{
	/*
	 * More than the array holds is rare: a message too big for many waiting
	 * receivers. Waking under the lock is correct, just not as nice.
	 */
	if (hsk_wakes_full(wakes))
		hsk_wakes_empty(wakes, true);
	wait->waker->get(wait->owner);
	wakes->due[wakes->nr].waker = wait->waker;
	wakes->due[wakes->nr].owner = wait->owner;
	wakes->nr++;
}

/**
 * hsk_wait_init() - make a wait of the current task, with one place
 * @wait: the wait
 */
void hsk_wait_init(struct hsk_wait *wait)
{
	hsk_wait_init_several(wait, &hsk_task_waker, current);
	wait->several = false;
}

/**
 * hsk_wait_tid() - which thread waits?
 * @wait: a wait that has not been finished
 *
 * Return: its id in the initial namespace; 0: none, it is a selector.
 */
pid_t hsk_wait_tid(const struct hsk_wait *wait)
{
	const struct task_struct *task = wait->owner;

	return wait->waker == &hsk_task_waker ? task->pid : 0;
}

/**
 * hsk_wait_queued() - could the wait be claimed just now?
 * @wait: a wait with a place in a queue that the caller has locked
 *
 * Return: true when it could. Unless it has one place only, the next moment may
 * change that.
 */
bool hsk_wait_queued(const struct hsk_wait *wait)
{
	return atomic_read(&wait->state) == HSK_WAIT_QUEUED;
}

/**
 * hsk_wait_claim() - win the right to end a wait
 * @wait: a wait with a place in a queue that the caller has locked, or the caller's
 *	own
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
 * @wait: a wait that is claimed and that the caller is putting back into its queue; one
 *	with several places: into all of them, all locked
 */
void hsk_wait_unclaim(struct hsk_wait *wait)
{
	atomic_set(&wait->state, HSK_WAIT_QUEUED);
}

/**
 * hsk_wait_finish() - end a claimed wait
 * @place: where it ends; the caller has claimed its wait; not to be touched
 *	afterwards
 * @result: what the waiting operation is to return
 * @wakes: gets the owner to wake
 */
void hsk_wait_finish(struct hsk_waiter *place, int result, struct hsk_wakes *wakes)
{
	struct hsk_wait *wait = place->wait;

	hsk_wakes_add(wakes, wait);
	wait->result = result;
	wait->place = place;
	/* Pairs with the acquire in hsk_wait_done(). */
	atomic_set_release(&wait->state, HSK_WAIT_DONE);
}

/**
 * hsk_wait_done() - has the wait been ended?
 * @wait: the caller's own wait, or one with several places that stands in a queue
 *	which the caller has locked
 *
 * Return: true when the result may be read without a lock.
 */
bool hsk_wait_done(const struct hsk_wait *wait)
{
	return atomic_read_acquire(&wait->state) == HSK_WAIT_DONE;
}
