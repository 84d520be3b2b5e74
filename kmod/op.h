/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operation: how long a send, a receive or a select may take, and its sleep.
 *
 * Four things end the sleep: the end of the wait, a signal, the deadline, and the
 * close of the context. Only the first is a claim by another party. The others just
 * wake the task, which then withdraws under the lock and may find that it has
 * succeeded meanwhile: success beats them all.
 *
 * The context. The sleeper hears of its close as one who polls it would, through the
 * same wait queue, and needs no place among its receivers. It holds a reference to
 * the channel, not to the endpoint: an operation must not keep alive what it hopes
 * to see the end of.
 */
#ifndef HSK_OP_H
#define HSK_OP_H

#include <linux/ktime.h>
#include <linux/types.h>

struct hsk_chan;
struct hsk_wait;

/**
 * struct hsk_op - how long an operation may take
 * @deadline: absolute CLOCK_MONOTONIC, 0: none
 * @ctx: the operation ends when this channel closes; a reference; NULL: none
 * @ctx_reason: set where @ctx ended the operation: the close's reason
 * @ctx_ended: whether @ctx ended the operation
 * @nonblock: -EAGAIN rather than waiting
 */
struct hsk_op {
	ktime_t deadline;
	struct hsk_chan *ctx;
	int ctx_reason;
	bool ctx_ended;
	bool nonblock;
};

int hsk_op_refuse(struct hsk_op *op);
int hsk_op_sleep(struct hsk_op *op, const struct hsk_wait *wait);

#endif /* HSK_OP_H */
