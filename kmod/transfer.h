/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transfer: one send, one receive, as a task does them: try, queue, sleep,
 * withdraw. No user memory is touched here; messages come ready and go whole.
 *
 * A receive has two halves. hsk_recv() takes a message; then the caller copies
 * it to user memory, as long as that may take, and says how that went with
 * hsk_recv_commit() or hsk_recv_restore().
 *
 * Leaving a queue. A task that wakes for a signal, its deadline or its context takes
 * the lock and tries to claim its own wait. If it can, nothing has happened and it leaves
 * with the error. If it can't, a partner was faster and the operation has
 * succeeded (or the close was faster, and it has failed with that).
 *
 * A task that leaves and comes again, because a signal's handler asks for a
 * restart, queues at the end.
 *
 *	CPU 0: sender, signalled		CPU 1: receiver
 *
 *	lock
 *	claim own wait			lock (waits)
 *	leave the queue
 *	unlock				finds no sender
 *					unlock
 * or
 *					lock
 *					claim the sender's wait
 *	lock (waits)			take it out of the queue
 *					unlock
 *	can't claim			copies to user memory
 *	part it from the message
 *	unlock, return 0
 *					lock
 *					commit, or restore: no sender to
 *					finish or to put back
 */
#ifndef HSK_TRANSFER_H
#define HSK_TRANSFER_H

#include <linux/types.h>

#include "wait.h"

struct hsk_chan;
struct hsk_msg;
struct hsk_op;

/**
 * struct hsk_recv - what a receive asks for and gets
 * @room: what fits; after -EMSGSIZE what would be needed
 * @msg: the message in transit, when hsk_recv() returned 0
 * @reason: the close's, when it returned HSK_RECV_CLOSED
 */
struct hsk_recv {
	struct hsk_room room;
	struct hsk_msg *msg;
	int reason;
};

int hsk_send_launch(struct hsk_chan *chan, struct hsk_msg *msg);
int hsk_send(struct hsk_chan *chan, struct hsk_msg *msg, struct hsk_op *op);

int hsk_recv(struct hsk_chan *chan, struct hsk_recv *recv, struct hsk_op *op);
int hsk_recv_taken(struct hsk_chan *chan, struct hsk_recv *recv, int err);
void hsk_recv_commit(struct hsk_chan *chan, struct hsk_recv *recv);
void hsk_recv_restore(struct hsk_chan *chan, struct hsk_recv *recv, int err);

#endif /* HSK_TRANSFER_H */
