/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Channel: a FIFO of messages, a queue of waiting senders, a queue of waiting
 * receivers, and four counters. How messages go through it is in match.h.
 *
 * Rights and end. Each endpoint holds a reference to the channel and is counted
 * by its rights. Rights never grow, so a count that has fallen to 0 stays there.
 * What that means, and how a close spreads, is in context.h.
 *
 * Wake-ups. Everything is decided under the lock and noted in struct hsk_wakes;
 * hsk_chan_wake() does it after unlock. Pollers wait on one of two wait queues,
 * by right, so that one who can't use a wake-up is never offered it. No barrier
 * is needed between the change and the look at the wait queue: a poller adds
 * itself first and then reads the state under the lock, so either it comes after
 * the change and sees it, or its unlock before our lock shows it to us.
 *
 * Lock. hsk_chan.lock is a leaf: no other lock of this module is taken under it.
 * Several channels' locks nest in one place only, by address (see select.h). Taken
 * in process context only.
 */
#ifndef HSK_CHAN_H
#define HSK_CHAN_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "context.h"
#include "flight.h"
#include "wait.h"

#define HSK_CAN_READ	BIT(0)
#define HSK_CAN_WRITE	BIT(1)

/**
 * struct hsk_queue - waiters in the order in which they came
 * @waiters: by hsk_waiter.node
 * @nr: how many
 * @arrivals: how many have ever queued
 */
struct hsk_queue {
	struct list_head waiters;
	unsigned int nr;
	u64 arrivals;
};

/**
 * struct hsk_chan - a channel
 * @lock: covers all members that say nothing else
 * @refs: one for each endpoint; for each operation of which it is the context; for
 *	each open channel derived from it; for its timer; for who is closing it because
 *	its parent has closed
 * @id: its number; immutable
 * @capacity: slots it has; immutable
 * @closed: no send succeeds any more; also read without the lock
 * @reason: the close's; immutable once closed
 * @readers: endpoints with the READ right
 * @writers: endpoints with the WRITE right
 * @buffer: messages, by hsk_msg.node
 * @slots: messages in @buffer, or in transit from there
 * @handed: messages in transit that were never in @buffer
 * @senders: who waits to send
 * @receivers: who waits to receive
 * @lent: senders that wait while a receiver copies their message
 * @tickets: messages offered so far
 * @sent: messages accepted
 * @received: messages committed
 * @drained: messages thrown away
 * @poll_readers: who polls to receive, or has it for a context; its own lock
 * @poll_writers: who polls to send; its own lock
 * @node: its place in the graph; hsk_flight_lock
 * @context: parent, deadline and what is derived from it; see there
 */
struct hsk_chan {
	spinlock_t lock; /* see above */
	refcount_t refs;
	u64 id;
	u32 capacity;
	bool closed;
	int reason;
	unsigned int readers;
	unsigned int writers;
	struct list_head buffer;
	unsigned int slots;
	unsigned int handed;
	struct hsk_queue senders;
	struct hsk_queue receivers;
	struct list_head lent;
	u64 tickets;
	u64 sent;
	u64 received;
	u64 drained;
	wait_queue_head_t poll_readers;
	wait_queue_head_t poll_writers;
	struct hsk_node node;
	struct hsk_context context;
};

/**
 * struct hsk_chan_stat - one snapshot of a channel
 * @id: as in struct hsk_chan, like the rest
 * @sent: as there
 * @received: as there
 * @drained: as there
 * @buffered: slots and handed together
 * @capacity: as there
 * @senders: how many wait
 * @receivers: how many wait
 * @readers: as there
 * @writers: as there
 * @reason: as there
 * @closed: as there
 */
struct hsk_chan_stat {
	u64 id;
	u64 sent;
	u64 received;
	u64 drained;
	u64 buffered;
	u32 capacity;
	u32 senders;
	u32 receivers;
	u32 readers;
	u32 writers;
	int reason;
	bool closed;
};

struct hsk_chan *hsk_chan_new(u32 capacity);
void hsk_chan_get(struct hsk_chan *chan);
void hsk_chan_put(struct hsk_chan *chan);
void hsk_chan_attach(struct hsk_chan *chan, unsigned int rights);
unsigned int hsk_chan_left(struct hsk_chan *chan, unsigned int rights);

int hsk_chan_shut(struct hsk_chan *chan, int reason);
void hsk_chan_drain(struct hsk_chan *chan);
bool hsk_chan_closed(struct hsk_chan *chan, int *reason);
void hsk_chan_wake_all(struct hsk_chan *chan, struct hsk_wakes *wakes);

/**
 * hsk_chan_wake() - do what was noted under the lock
 * @chan: the channel; the caller holds an endpoint and no lock
 * @wakes: whom to wake, often nobody
 */
static inline void hsk_chan_wake(struct hsk_chan *chan, struct hsk_wakes *wakes)
{
	if (wakes->nr || wakes->readers || wakes->writers || wakes->everyone)
		hsk_chan_wake_all(chan, wakes);
}

/* Partner of the store in hsk_chan_shut(). The reason is to be read under the lock. */
static inline bool hsk_chan_closed_lockless(const struct hsk_chan *chan)
{
	return READ_ONCE(chan->closed);
}

__poll_t hsk_chan_poll(struct hsk_chan *chan, unsigned int rights);
void hsk_chan_snapshot(struct hsk_chan *chan, struct hsk_chan_stat *stat);

#endif /* HSK_CHAN_H */
