/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Match: how messages get from senders to receivers within one channel.
 *
 * Waiting means that the wait is queued: one with several places may have been claimed
 * at another, and is then not waiting here any more, though its place is still in the
 * queue (see wait.h). hsk_queue_first_locked() takes those out.
 *
 * Invariants, whenever nobody is settling the channel:
 *
 * - While a receiver waits, the buffer is empty and no sender waits but one of the
 *   same select, which never meets itself.
 * - While a sender waits, no slot is free.
 * - On a closed channel no sender waits, and a receiver only while a message is
 *   in transit, which may come back.
 * - sent = received + drained + buffered, where buffered = slots + handed (this
 *   one whenever the lock is free).
 *
 * Settling. Whatever changes what waiters can do (commit, restore, close) ends in
 * hsk_chan_settle_unlock(), which restores the invariants one waiter a step. The
 * lock is kept meanwhile, but for a close: once the buffer of a closed channel is
 * empty, others may have it after each batch of wake-ups. A send that has to wait
 * and a receive that has to wait keep the invariants by themselves.
 *
 * Order. One FIFO runs through the buffer and the waiting senders, as a rule
 * through the buffer first (see hsk_chan_take_locked()).
 * Receivers take from its front, in the order in which they came. A message has a
 * ticket from its offer on. Tickets rise along the buffer and along the senders,
 * also when several that were in transit come back, in whatever order.
 *
 * A message's way. hsk_chan_offer_locked() gives it to the first waiting
 * receiver that has room for it, else puts it into a free slot of the buffer.
 * hsk_chan_take_locked() takes the first in the buffer, else that of the first
 * waiting sender. A message taken or given is in transit: it is the receiver's,
 * who copies it to user memory without any lock, and still counts as buffered.
 * Then the receiver either
 *
 * - commits: it counts as received, its slot is free, a waiting sender moves in;
 * - or restores (bad memory, no free descriptor, killed): it is as if it had
 *   never been taken. From the buffer: back there, in its slot. From a sender
 *   that still waits: that sender is back in the queue. From a sender that has
 *   returned: into the buffer, beyond the capacity if need be; there are never more of
 *   those than receivers that have failed. All of it in front, where the ticket says.
 *
 * A slot stays taken while its message is in transit, so that a receive that
 * fails has let nobody in. A message handed straight to a receiver has no slot.
 *
 * A sender whose message was taken while it waits is lent: still
 * waiting, but claimed, in the list of that name. A signal, its deadline or its
 * context lets it go (see transfer.h), and so does a close, with success: its
 * message has met a receiver. A lent select comes back to all its channels at once,
 * with all their locks, and looks for partners before it waits again (select.h).
 *
 * Two that wait. As a rule one of a pair is on its way and the other waits. Only where
 * a lent sender with one place comes back, and receivers have queued meanwhile, are
 * both waiting, and settling has to claim both. The sender's place is in this very
 * queue, so that its claim can't fail once the receiver is claimed. A sender with
 * several can't be met that way, and need not: it was there when the receivers came,
 * or has looked for them when it came back.
 *
 * Closed and drained is a channel without a message, also in transit: CLOSED is
 * for ever, so it is not told while a message may still come back.
 */
#ifndef HSK_MATCH_H
#define HSK_MATCH_H

#include <linux/types.h>

#include "chan.h"

struct hsk_msg;
struct hsk_room;
struct hsk_waiter;
struct hsk_wakes;

/* What a receive finds on a channel that is closed and drained. */
#define HSK_RECV_CLOSED	1

/* What becomes of a sender that waits when a receiver has its message. */
#define HSK_SEND_LENT	2

void hsk_queue_add_locked(struct hsk_queue *queue, struct hsk_waiter *waiter);
void hsk_queue_return_locked(struct hsk_queue *queue, struct hsk_waiter *waiter);
void hsk_queue_return_after_locked(struct hsk_queue *queue, struct hsk_waiter *waiter,
				   struct hsk_waiter *before);
void hsk_queue_del_locked(struct hsk_queue *queue, struct hsk_waiter *waiter);
struct hsk_waiter *hsk_queue_first_locked(struct hsk_queue *queue);
unsigned int hsk_queue_count_locked(struct hsk_queue *queue);

int hsk_chan_offer_locked(struct hsk_chan *chan, struct hsk_msg *msg, struct hsk_wakes *wakes);
int hsk_chan_offer_again_locked(struct hsk_chan *chan, struct hsk_waiter *sender,
				struct hsk_wakes *wakes);
int hsk_chan_take_locked(struct hsk_chan *chan, struct hsk_room *room, struct hsk_msg **msgp);
struct hsk_waiter *hsk_chan_unlend_locked(struct hsk_msg *msg);
struct hsk_waiter *hsk_chan_take_back_locked(struct hsk_chan *chan, struct hsk_msg *msg);
void hsk_chan_finish_locked(struct hsk_chan *chan, struct hsk_waiter *waiter, int result,
			    struct hsk_wakes *wakes);
bool hsk_chan_has_slot_locked(const struct hsk_chan *chan);
bool hsk_chan_drained_locked(const struct hsk_chan *chan);
void hsk_chan_settle_unlock(struct hsk_chan *chan, struct hsk_wakes *wakes)
	__releases(&chan->lock);

void hsk_chan_commit(struct hsk_chan *chan, struct hsk_msg *msg);
void hsk_chan_restore(struct hsk_chan *chan, struct hsk_msg *msg);

/**
 * hsk_chan_seems_ready() - is it worth while to try?
 * @chan: the channel, not locked
 * @send: to send, else to receive
 *
 * Return: a hint. What is no more true by the time it is returned may be told so or so.
 */
static inline bool hsk_chan_seems_ready(const struct hsk_chan *chan, bool send)
{
	/* Racy by design: who believes it locks the channel and looks again. */
	if (data_race(chan->closed))
		return true;
	if (send)
		/* Likewise. */
		return data_race(chan->receivers.nr || chan->slots < chan->capacity);
	/* Likewise. */
	return data_race(!list_empty(&chan->buffer) || chan->senders.nr);
}

#endif /* HSK_MATCH_H */
