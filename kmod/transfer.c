// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "chan.h"
#include "flight.h"
#include "match.h"
#include "msg.h"
#include "op.h"
#include "trace.h"
#include "transfer.h"

/* A sender that gives up; @err is why. See the top of transfer.h. */
static int hsk_send_withdraw(struct hsk_chan *chan, struct hsk_waiter *self, int err)
{
	struct hsk_wait *wait = self->wait;

	spin_lock(&chan->lock);
	if (hsk_wait_claim(wait)) {
		hsk_queue_del_locked(&chan->senders, self);
	} else if (hsk_wait_done(wait)) {
		err = wait->result;
	} else {
		/* A receiver is copying the message: it is that one's now. */
		hsk_chan_unlend_locked(self->msg);
		err = 0;
	}
	spin_unlock(&chan->lock);
	return err;
}

static int hsk_send_blocking(struct hsk_chan *chan, struct hsk_msg *msg, struct hsk_op *op)
{
	struct hsk_waiter self;
	struct hsk_wakes wakes;
	struct hsk_wait wait;
	bool queued = false;
	int err;

	hsk_wakes_init(&wakes);
	spin_lock(&chan->lock);
	err = hsk_chan_offer_locked(chan, msg, &wakes);
	if (err == -EAGAIN && !op->nonblock) {
		hsk_wait_init(&wait);
		self.wait = &wait;
		self.msg = msg;
		hsk_queue_add_locked(&chan->senders, &self);
		wakes.readers |= EPOLLIN | EPOLLRDNORM;
		queued = true;
	}
	spin_unlock(&chan->lock);
	hsk_chan_wake(chan, &wakes);
	if (!queued)
		return err == -EAGAIN ? hsk_op_refuse(op) : err;

	trace_hsk_block(chan->id, true);
	err = hsk_op_sleep(op, &wait);
	return err ? hsk_send_withdraw(chan, &self, err) : wait.result;
}

/**
 * hsk_send_launch() - the descriptors of a message that is about to be sent
 * @chan: the channel
 * @msg: the message
 *
 * Return: 0; -ETOOMANYREFS; -ELOOP; -ENOMEM; -EINTR killed.
 */
int hsk_send_launch(struct hsk_chan *chan, struct hsk_msg *msg)
{
	int err;

	if (!msg->flight)
		return 0;
	err = hsk_flight_launch(msg->flight, &chan->node, msg->uid);
	trace_hsk_launch(chan->id, hsk_msg_nr_fds(msg), err);
	return err;
}

/**
 * hsk_send() - send a message
 * @chan: the channel; the caller holds an endpoint with the WRITE right
 * @msg: the message; the caller's still on error, no longer on success
 * @op: how long it may take
 *
 * Context: may sleep, killable.
 * Return: 0; as hsk_send_launch(); -EPIPE; -EAGAIN; -ECANCELED; -ERESTARTSYS;
 * -ETIMEDOUT.
 */
int hsk_send(struct hsk_chan *chan, struct hsk_msg *msg, struct hsk_op *op)
{
	u32 nr_fds = hsk_msg_nr_fds(msg);
	u32 len = msg->len;
	int err;

	err = hsk_send_launch(chan, msg);
	if (!err)
		err = hsk_send_blocking(chan, msg, op);
	trace_hsk_send(chan->id, len, nr_fds, err);
	return err;
}

static int hsk_recv_withdraw(struct hsk_chan *chan, struct hsk_waiter *self, int err)
{
	spin_lock(&chan->lock);
	if (hsk_wait_claim(self->wait))
		hsk_queue_del_locked(&chan->receivers, self);
	else
		err = self->wait->result;
	spin_unlock(&chan->lock);
	return err;
}

static int hsk_recv_sleep(struct hsk_chan *chan, struct hsk_recv *recv, struct hsk_waiter *self,
			  struct hsk_op *op)
{
	int err;

	trace_hsk_block(chan->id, false);
	err = hsk_op_sleep(op, self->wait);
	err = err ? hsk_recv_withdraw(chan, self, err) : self->wait->result;
	recv->room = self->room;
	recv->msg = self->msg;
	return err;
}

static int hsk_recv_blocking(struct hsk_chan *chan, struct hsk_recv *recv, struct hsk_op *op)
{
	struct hsk_waiter self;
	struct hsk_wakes wakes;
	struct hsk_wait wait;
	int err;

	spin_lock(&chan->lock);
	err = hsk_chan_take_locked(chan, &recv->room, &recv->msg);
	if (err != -EAGAIN || op->nonblock) {
		spin_unlock(&chan->lock);
		return err == -EAGAIN ? hsk_op_refuse(op) : err;
	}
	hsk_wait_init(&wait);
	self.wait = &wait;
	self.msg = NULL;
	self.room = recv->room;
	hsk_queue_add_locked(&chan->receivers, &self);
	spin_unlock(&chan->lock);

	hsk_wakes_init(&wakes);
	wakes.writers = EPOLLOUT | EPOLLWRNORM;
	hsk_chan_wake(chan, &wakes);
	return hsk_recv_sleep(chan, recv, &self, op);
}

/**
 * hsk_recv_taken() - a message was taken, or something else happened
 * @chan: the channel
 * @recv: what was asked for and given
 * @err: what hsk_chan_take_locked() or the wait came to
 *
 * Return: @err; -ERESTARTSYS: the task has been killed, the message is back.
 */
int hsk_recv_taken(struct hsk_chan *chan, struct hsk_recv *recv, int err)
{
	if (!err)
		trace_hsk_take(chan->id, recv->msg->len, hsk_msg_nr_fds(recv->msg));
	if (!err && fatal_signal_pending(current)) {
		/* Nobody would see the message. The next receiver will. */
		hsk_recv_restore(chan, recv, -ERESTARTSYS);
		return -ERESTARTSYS;
	}
	/* Never changes once closed; the lock has ordered us after the close. */
	if (err == HSK_RECV_CLOSED)
		recv->reason = READ_ONCE(chan->reason);
	if (err)
		trace_hsk_recv(chan->id, 0, 0, err);
	return err;
}

/**
 * hsk_recv() - take a message
 * @chan: the channel; the caller holds an endpoint with the READ right
 * @recv: what is asked for and given
 * @op: how long it may take
 *
 * Context: may sleep, killable.
 * Return: 0: @recv->msg is in transit, commit or restore it; HSK_RECV_CLOSED;
 * -EMSGSIZE; -EBADMSG; -EAGAIN; -ECANCELED; -ERESTARTSYS; -ETIMEDOUT.
 */
int hsk_recv(struct hsk_chan *chan, struct hsk_recv *recv, struct hsk_op *op)
{
	return hsk_recv_taken(chan, recv, hsk_recv_blocking(chan, recv, op));
}

/**
 * hsk_recv_commit() - the message has reached user memory
 * @chan: the channel
 * @recv: after hsk_recv() returned 0; @recv->msg is the caller's to free
 */
void hsk_recv_commit(struct hsk_chan *chan, struct hsk_recv *recv)
{
	hsk_chan_commit(chan, recv->msg);
	trace_hsk_recv(chan->id, recv->msg->len, hsk_msg_nr_fds(recv->msg), 0);
}

/**
 * hsk_recv_restore() - the message could not be taken after all
 * @chan: the channel
 * @recv: after hsk_recv() returned 0; @recv->msg is not the caller's any more
 * @err: why, for the trace
 */
void hsk_recv_restore(struct hsk_chan *chan, struct hsk_recv *recv, int err)
{
	trace_hsk_recv(chan->id, recv->msg->len, hsk_msg_nr_fds(recv->msg), err);
	hsk_chan_restore(chan, recv->msg);
	recv->msg = NULL;
}
