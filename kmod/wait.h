/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting: who waits, who may end the wait, and how it is ended.
 *
 * A struct hsk_wait is one operation that waits. It stands in a channel's queue
 * by a struct hsk_waiter (the place in the queue, and what is offered or what
 * fits). A send or a receive has one place, a select has several, in the queues of
 * several channels or of one. All of it lives on the waiting task's stack, or in a
 * selector.
 *
 * The claim. Whoever wants to end a wait claims it first; only one can:
 *
 *	QUEUED --claim--> CLAIMED --finish--> DONE
 *	   ^                 |
 *	   +----unclaim------+
 *
 * The partner claims to match, close claims to refuse, and the owner itself
 * claims to withdraw (signal, deadline, context, disarm). A claim is made under the
 * lock of a channel in whose queue the wait has a place, and the winner takes that
 * place out of the queue under the same lock.
 *
 * CLAIMED lasts beyond the lock in one case: a receiver has taken a waiting sender's
 * message and is copying it to its own memory. It then finishes the sender, or
 * unclaims it and puts it back where it stood (see match.h). The sender is not held up
 * by that: a signal, its deadline, its context or a close lets it go, with success, and
 * the message is then the receiver's alone.
 *
 * Several places. What is claimed at one place is gone from all others: who meets it
 * there takes it out of the queue, so that nobody passes over it twice. Somebody who
 * found it claimed may have queued for want of a partner, so that it can't just be
 * unclaimed: who does that holds the locks of all its channels, has seen that
 * none of its partners is there, and puts all places back where they stood (see
 * hsk_select_take_back()). The owner takes out what is left before the memory goes, and
 * waits for who is just doing that (hsk_select_leave()).
 *
 * Life time. Once a wait with one place is DONE its memory may be gone: finish()
 * reads the owner and takes a reference to it first, stores DONE last, and nobody
 * looks at the wait afterwards. One with several is there as long as a place of it
 * stands in a queue, or is lent, in a channel that one has locked. The owner is woken
 * from struct hsk_wakes, after unlock.
 *
 * Ordering. finish() stores the result, then DONE with release; hsk_wait_done()
 * loads the state with acquire. set_current_state() before that load and the wake-up
 * after that store are the usual pair: either the sleeper sees DONE or the waker
 * sees a sleeping task.
 */
#ifndef HSK_WAIT_H
#define HSK_WAIT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/types.h>

struct hsk_msg;

enum hsk_wait_state {
	HSK_WAIT_QUEUED,
	HSK_WAIT_CLAIMED,
	HSK_WAIT_DONE,
};

/**
 * struct hsk_waker - how the owner of a wait hears of its end
 * @get: take a reference to the owner, under a channel's lock
 * @wake: tell it, and drop that reference; @locked: still under the lock
 */
struct hsk_waker {
	void (*get)(void *owner);
	void (*wake)(void *owner, bool locked);
};

/**
 * struct hsk_wait - one operation that waits
 * @state: enum hsk_wait_state; see above for who may change it
 * @several: it may have more than one place; immutable
 * @result: how it ended; written by the claimer before DONE
 * @place: where it ended; likewise
 * @waker: how to tell @owner; immutable
 * @owner: who waits: a task or a selector; immutable
 */
struct hsk_wait {
	atomic_t state;
	bool several;
	int result;
	struct hsk_waiter *place;
	const struct hsk_waker *waker;
	void *owner;
};

/**
 * struct hsk_room - what a receiver can take
 * @len: bytes; after -EMSGSIZE the bytes that the message needs
 * @nr_fds: descriptors; after -EMSGSIZE the descriptors that it needs
 * @bytes_only: read(2), which has no way to take a descriptor
 */
struct hsk_room {
	u32 len;
	u32 nr_fds;
	bool bytes_only;
};

/**
 * struct hsk_waiter - a place in a channel's queue
 * @node: in the queue of senders or receivers, or lent; empty: in none; the channel's
 *	lock
 * @wait: whose place it is; immutable
 * @msg: sender: what it offers. Receiver: what it was given
 * @arrival: its number in the queue, which it keeps; the channel's lock
 * @room: receiver: what it can take
 * @lent: sender: a receiver has its message; the channel's lock
 *
 * @msg and @room are the claimer's to write while CLAIMED, the owner's otherwise.
 */
struct hsk_waiter {
	struct list_head node;
	struct hsk_wait *wait;
	struct hsk_msg *msg;
	u64 arrival;
	struct hsk_room room;
	bool lent;
};

#define HSK_WAKES_MAX 16

/**
 * struct hsk_wakes - wake-ups decided under a lock and due after it
 * @nr: owners in @due
 * @readers: poll events for those who poll to receive, 0: none
 * @writers: poll events for those who poll to send, 0: none
 * @everyone: all pollers, exclusive ones too: the state will not change back
 * @due: in the order in which they are to run; a reference each
 */
struct hsk_wakes {
	unsigned int nr;
	__poll_t readers;
	__poll_t writers;
	bool everyone;
	struct {
		const struct hsk_waker *waker;
		void *owner;
	} due[HSK_WAKES_MAX];
};

static inline void hsk_wakes_init(struct hsk_wakes *wakes)
{
	wakes->nr = 0;
	wakes->readers = 0;
	wakes->writers = 0;
	wakes->everyone = false;
}

static inline bool hsk_wakes_full(const struct hsk_wakes *wakes)
{
	return wakes->nr == HSK_WAKES_MAX;
}

void hsk_wakes_run(struct hsk_wakes *wakes);

void hsk_wait_init(struct hsk_wait *wait);
pid_t hsk_wait_tid(const struct hsk_wait *wait);
bool hsk_wait_queued(const struct hsk_wait *wait);
bool hsk_wait_claim(struct hsk_wait *wait);
void hsk_wait_unclaim(struct hsk_wait *wait);
void hsk_wait_finish(struct hsk_waiter *place, int result, struct hsk_wakes *wakes);
bool hsk_wait_done(const struct hsk_wait *wait);

extern const struct hsk_waker hsk_task_waker;

/**
 * hsk_wait_init_several() - make a wait with any number of places
 * @wait: the wait
 * @waker: how its owner hears of its end
 * @owner: who waits
 */
static inline void hsk_wait_init_several(struct hsk_wait *wait, const struct hsk_waker *waker,
					 void *owner)
{
	atomic_set(&wait->state, HSK_WAIT_QUEUED);
	wait->several = true;
	wait->waker = waker;
	wait->owner = owner;
}

/**
 * hsk_wait_decide() - end one's own wait, which nobody else can end
 * @wait: the wait
 * @place: where it ends; the wait is not in any queue yet, or was claimed for this
 *	place and is lent no more
 * @result: how
 */
static inline void hsk_wait_decide(struct hsk_wait *wait, struct hsk_waiter *place, int result)
{
	wait->result = result;
	wait->place = place;
	/* As in hsk_wait_finish(): others may look whether it is done. */
	atomic_set_release(&wait->state, HSK_WAIT_DONE);
}

#endif /* HSK_WAIT_H */
