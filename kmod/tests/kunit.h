/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit tests share: channels, messages and waiters without a program.
 *
 * All waiters made here are the test's own task, which never sleeps on them: a
 * test takes the part of each party in turn, so that every interleaving comes
 * about when it is wanted.
 */
#ifndef HSK_TESTS_KUNIT_H
#define HSK_TESTS_KUNIT_H

#include <kunit/test.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/uio.h>

#include "../chan.h"
#include "../match.h"
#include "../msg.h"
#include "../wait.h"

/* A message of a few bytes, all of which are @byte. */
static inline struct hsk_msg *test_msg(struct kunit *test, u8 byte, u32 len)
{
	u8 bytes[16];
	struct kvec vec = { .iov_base = bytes, .iov_len = len };
	struct iov_iter from;
	struct hsk_msg *msg;

	KUNIT_ASSERT_LE(test, (size_t)len, sizeof(bytes));
	memset(bytes, byte, len);
	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, len);
	msg = hsk_msg_new(&from, len, current_cred());
	KUNIT_ASSERT_FALSE(test, IS_ERR(msg));
	return msg;
}

/* A channel with one endpoint that has both rights. */
static inline struct hsk_chan *test_chan(struct kunit *test, u32 capacity)
{
	struct hsk_chan *chan = hsk_chan_new(capacity);

	KUNIT_ASSERT_NOT_NULL(test, chan);
	hsk_chan_attach(chan, HSK_CAN_READ | HSK_CAN_WRITE);
	return chan;
}

static inline void test_chan_gone(struct hsk_chan *chan)
{
	hsk_chan_detach(chan, HSK_CAN_READ | HSK_CAN_WRITE);
	hsk_chan_put(chan);
}

/* One task that waits: a place in one queue. */
struct test_waiter {
	struct hsk_wait wait;
	struct hsk_waiter place;
};

static inline void test_waiter_init(struct test_waiter *waiter)
{
	*waiter = (struct test_waiter) { .place.wait = &waiter->wait };
	INIT_LIST_HEAD(&waiter->place.node);
	hsk_wait_init(&waiter->wait);
}

static inline void test_queue_sender(struct hsk_chan *chan, struct hsk_waiter *place)
{
	spin_lock(&chan->lock);
	hsk_queue_add_locked(&chan->senders, place);
	spin_unlock(&chan->lock);
}

static inline void test_queue_receiver(struct hsk_chan *chan, struct hsk_waiter *place)
{
	spin_lock(&chan->lock);
	hsk_queue_add_locked(&chan->receivers, place);
	spin_unlock(&chan->lock);
}

static inline void test_wait_to_send(struct hsk_chan *chan, struct test_waiter *sender,
				     struct hsk_msg *msg)
{
	test_waiter_init(sender);
	sender->place.msg = msg;
	test_queue_sender(chan, &sender->place);
}

static inline void test_wait_to_receive(struct hsk_chan *chan, struct test_waiter *receiver,
					u32 len)
{
	test_waiter_init(receiver);
	receiver->place.room.len = len;
	test_queue_receiver(chan, &receiver->place);
}

/* Two places of one wait: one in the queue that is looked at, one anywhere else. */
struct test_several {
	struct hsk_wait wait;
	struct hsk_waiter here;
	struct hsk_waiter there;
};

static inline void test_several_init(struct test_several *several)
{
	*several = (struct test_several) {
		.here.wait = &several->wait,
		.there.wait = &several->wait,
	};
	INIT_LIST_HEAD(&several->here.node);
	INIT_LIST_HEAD(&several->there.node);
	hsk_wait_init_several(&several->wait, &hsk_task_waker, current);
}

static inline void test_several_to_send(struct hsk_chan *chan, struct test_several *sender,
					struct hsk_msg *msg)
{
	test_several_init(sender);
	sender->here.msg = msg;
	test_queue_sender(chan, &sender->here);
}

static inline void test_several_to_receive(struct hsk_chan *chan, struct test_several *receiver,
					   u32 len)
{
	test_several_init(receiver);
	receiver->here.room.len = len;
	test_queue_receiver(chan, &receiver->here);
}

/* A claimed wait ends at its other place. */
static inline void test_finish_there(struct test_several *several)
{
	struct hsk_wakes wakes;

	hsk_wakes_init(&wakes);
	hsk_wait_finish(&several->there, 0, &wakes);
	hsk_wakes_run(&wakes);
}

/* What its owner does before its memory goes: see hsk_select_leave(). */
static inline void test_several_leave(struct hsk_chan *chan, struct hsk_queue *queue,
				      struct test_several *several)
{
	spin_lock(&chan->lock);
	if (!list_empty(&several->here.node))
		hsk_queue_del_locked(queue, &several->here);
	spin_unlock(&chan->lock);
}

static inline int test_offer(struct hsk_chan *chan, struct hsk_msg *msg)
{
	struct hsk_wakes wakes;
	int err;

	hsk_wakes_init(&wakes);
	spin_lock(&chan->lock);
	err = hsk_chan_offer_locked(chan, msg, &wakes);
	spin_unlock(&chan->lock);
	hsk_chan_wake(chan, &wakes);
	return err;
}

static inline int test_take(struct hsk_chan *chan, struct hsk_msg **msg)
{
	struct hsk_room room = { .len = U32_MAX };
	int err;

	spin_lock(&chan->lock);
	err = hsk_chan_take_locked(chan, &room, msg);
	spin_unlock(&chan->lock);
	return err;
}

static inline bool test_conserved(struct hsk_chan *chan)
{
	struct hsk_chan_stat stat;

	hsk_chan_snapshot(chan, &stat);
	return stat.sent == stat.received + stat.buffered + stat.drained;
}

/* Takes the next message, which is to be @msg, and receives it. */
static inline void test_expect_next(struct kunit *test, struct hsk_chan *chan,
				    struct hsk_msg *msg)
{
	struct hsk_msg *taken = NULL;

	KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
	KUNIT_EXPECT_PTR_EQ(test, taken, msg);
	hsk_chan_commit(chan, taken);
	hsk_msg_free(taken);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
}

/*
 * How many ns a party of a race is to hesitate the next time, by whether it was faster:
 * so that now one is and now the other, at whatever speed they run.
 */
static inline unsigned int test_hesitate(unsigned int ns, bool faster)
{
	const unsigned int step = 40 + ns / 16;

	return faster ? min(ns + step, 100000U) : ns - min(ns, step);
}

/* References to the test's own task: each that is taken must be given back. */
static inline unsigned int test_task_refs(void)
{
	return refcount_read(&current->usage);
}

#endif /* HSK_TESTS_KUNIT_H */
