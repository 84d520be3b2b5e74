/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Select: one of several sends and receives.
 *
 * A select is one wait (wait.h) with a place for each case. Three passes, as in Go's,
 * and one before them that is often enough:
 *
 * 0. Unless the cases are ordered, glance at one channel after another, in a random
 *    order; where something seems to be ready, try the case with that channel's lock.
 *    If it happens, that is all.
 * 1. With the locks of all its channels, go through the cases, in a random order or
 *    as listed, by the same offer and take as a send and a receive. The first that is
 *    ready happens, and that is all.
 * 2. Under the same locks, queue at every case. Release them, sleep.
 * 3. Leave: if the wait is over, take every place that is left out of its queue, under
 *    each channel's lock in turn. If not, claim it and do the same with all locks;
 *    where it is claimed even so, a message is lent, and the select has sent it.
 *
 * Why it is atomic. During pass 1 nothing can happen on any of the channels, so that
 * there is an instant at which no case was ready, which is what DONTWAIT promises;
 * and pass 2 belongs to that instant too, so that whoever comes later finds the
 * places and whoever came before was seen.
 *
 * Pass 0 proves nothing about the other cases, and need not: that one is ready when it
 * happens is enough where any that is ready may happen. In an ordered select an earlier
 * one may have become ready after it was tried.
 *
 * Why exactly one case happens. Until pass 2 ends the select is in no queue and
 * nobody can claim it; so in passes 0 and 1 it claims others without being claimed, and it
 * never meets itself, nor need two waits be claimed at once. Afterwards whoever
 * wants it, at whichever place, must win its claim (wait.h).
 *
 * When a lent message comes back. Who has failed to receive it does for the select,
 * which is still claimed, what passes 1 and 2 do, with the same locks
 * (hsk_select_take_back()): tries the cases, then puts the places that have left
 * their queues back to where they stood, and unclaims. So there is no instant at which
 * the message is neither in transit nor with a sender that waits in front, and
 * whoever found the select claimed and queued is found in turn. A receiver found so is
 * lent the message, as by any sender that waits. The select is pinned
 * meanwhile: who leaves waits for that, a matter of a few locks and of the scheduler.
 *
 * Two that select against each other: one of them has its pass 1 first. It finds
 * the other in no queue and queues; the other then finds it. They can't pass one
 * another, because they share a channel, whose lock orders their passes.
 *
 * Why no wake-up is lost. See internals.rst for one place. With several: who finds
 * one claimed passes over it and queues; it is unclaimed only when a try has
 * found none of those.
 *
 * Locks. All distinct channels by ascending address; nobody else takes a second
 * channel's lock, so that this can't be a part of a circle. Lockdep is told by a
 * pseudo-lock around them that says: these nest, and their order is seen to.
 *
 * What poll sees. A place counts as committed from pass 2 until the wait is claimed,
 * wherever that happens.
 *
 * Cost. Linear in the cases, but for putting the channels in order.
 *
 * The cases are the caller's memory and stay until hsk_select_leave() has returned.
 * Their files and the messages to send are theirs, until hsk_cases_put(); a message
 * that was sent leaves its case. A message that was received is in the chosen case, in
 * transit, and is to be committed or restored.
 */
#ifndef HSK_SELECT_H
#define HSK_SELECT_H

#include <linux/types.h>

#include "wait.h"

struct file;
struct hsk_chan;
struct hsk_msg;
struct hsk_op;

#define HSK_CASES_LIMIT		64

/**
 * struct hsk_case - one send or receive of a select
 * @place: its place in the queue; msg is what is offered or was received, room what
 *	fits or, of a send, the size of what is offered
 * @chan: the channel, NULL: the case is disabled
 * @file: the endpoint, which keeps @chan
 * @borrowed: @file is no reference of our own, but that of the current task, whose
 *	descriptor nobody can close before the system call is over
 * @send: it is a send
 * @in_turn: of the first nr_enabled cases: which case is to be tried here
 * @to_lock: likewise, the case whose channel is to be locked here, by address
 * @user: in the program's memory: its struct hsk_msghdr, and of a receive where the
 *	data and the descriptors go
 */
struct hsk_case {
	struct hsk_waiter place;
	struct hsk_chan *chan;
	struct file *file;
	bool borrowed;
	bool send;
	u8 in_turn;
	u8 to_lock;
	struct {
		u64 hdr;
		u64 data;
		u64 fds;
	} user;
};

/**
 * struct hsk_select - a select
 * @wait: its wait
 * @cases: its cases; the caller's memory
 * @nr: how many, disabled ones included
 * @nr_enabled: how many of these are not disabled
 * @ordered: prefer the first that is ready
 * @pins: who looks at it on account of a message that comes back
 */
struct hsk_select {
	struct hsk_wait wait;
	struct hsk_case *cases;
	u32 nr;
	u32 nr_enabled;
	bool ordered;
	atomic_t pins;
};

void hsk_select_init(struct hsk_select *select, struct hsk_case *cases, u32 nr, bool ordered);

struct hsk_case *hsk_select_begin(struct hsk_select *select, bool nonblock);
struct hsk_case *hsk_select_leave(struct hsk_select *select);
bool hsk_select_settled(const struct hsk_select *select);
int hsk_select(struct hsk_select *select, struct hsk_op *op, struct hsk_case **chosen);

struct hsk_select *hsk_select_pin_locked(struct hsk_wait *wait);
bool hsk_select_take_back(struct hsk_select *select, struct hsk_chan *chan, struct hsk_msg *msg);

void hsk_cases_put(struct hsk_case *cases, u32 nr);

#endif /* HSK_SELECT_H */
