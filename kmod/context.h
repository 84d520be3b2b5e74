/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Context: how a close spreads. Parents, deadlines, and the last endpoints.
 *
 * A context is a channel on which nothing is sent: done is closed, and the reason
 * says why. Any channel can be one, and none has to say so.
 *
 * Close. hsk_chan_close() shuts a channel (chan.c), which exactly one caller can,
 * and then, being that one, takes it from its parent, stops its timer, and closes
 * whatever is derived from it for the same reason. That goes by a list of channels
 * yet to be closed, not by recursion, so that depth costs nothing. The list is made
 * of the channels' own places among their siblings, so that it needs no memory, and
 * children come into it a few at a time, so that no lock is held for long.
 *
 * Ends of the rights. The last WRITE endpoint closes the channel with -EOWNERDEAD,
 * the last READ endpoint closes it with -EPIPE and drains it, unless it is closed
 * already. Nobody can be in transit then: a receiver holds its endpoint.
 *
 * Parent. An open channel that was derived holds a reference to its parent, which
 * goes when it is shut. It holds no endpoint of it: the parent's end is what it waits
 * for. It stands in the parent's list of children until it or the parent is shut.
 * That is under the parent's lock, and in that list it is alive, since who closes it
 * takes it out before letting go. So:
 *
 *	CPU 0: closes the parent		CPU 1: closes the child
 *
 *	shut the parent			shut the child
 *	lock the parent
 *	child: out of the list, a
 *	reference
 *	unlock				lock the parent
 *	shut the child: -EPIPE		not in the list: leave it alone
 *	put the child			unlock, put the parent
 *
 * Deadline. A timer of the channel's own. It runs in interrupt context, where the
 * lock may not be taken, so that it hands the close to a worker. The timer has a
 * reference while it is armed, and the worker inherits it. An open channel's timer
 * may be armed, a closed one's is not: when no endpoint is open there is none, and
 * unloading has only workers to wait for.
 */
#ifndef HSK_CONTEXT_H
#define HSK_CONTEXT_H

#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct hsk_chan;

/**
 * struct hsk_context - what closes a channel, and what it closes
 * @parent: a reference until the channel is shut, NULL: none; set before anybody else
 *	knows the channel, then that of who shuts it
 * @children: open channels derived from it, by @sibling; this channel's lock
 * @sibling: in the parent's @children while @joined, by the parent's lock; else who
 *	took it from there may use it
 * @joined: in the parent's @children; the parent's lock
 * @timed: it had a timer; set before anybody else knows the channel
 * @timer: closes the channel
 * @expired: does so for @timer
 */
struct hsk_context {
	struct hsk_chan *parent;
	struct list_head children;
	struct list_head sibling;
	bool joined;
	bool timed;
	struct hrtimer timer;
	struct work_struct expired;
};

void hsk_context_init(struct hsk_context *context);
void hsk_context_derive(struct hsk_chan *chan, struct hsk_chan *parent);
void hsk_context_expire_at(struct hsk_chan *chan, ktime_t deadline);

int hsk_chan_close(struct hsk_chan *chan, int reason);
void hsk_chan_detach(struct hsk_chan *chan, unsigned int rights);

int hsk_context_start(void);
void hsk_context_stop(void);

#endif /* HSK_CONTEXT_H */
