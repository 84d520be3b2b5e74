// SPDX-License-Identifier: GPL-2.0-only
#include <linux/limits.h>
#include <linux/pid.h>
#include <linux/poll.h>

#include "../flight.h"
#include "../op.h"
#include "../transfer.h"
#include "kunit.h"

#define EVENTS_IN	((__poll_t)(EPOLLIN | EPOLLRDNORM))
#define EVENTS_OUT	((__poll_t)(EPOLLOUT | EPOLLWRNORM))

/* Destructors take what is not there, or not all there. */

static void destructors_take_null(struct kunit *test)
{
	LIST_HEAD(none);

	hsk_chan_put(NULL);
	hsk_msg_free(NULL);
	hsk_msg_free_list(&none);
	hsk_flight_land(NULL);
	hsk_flight_free(NULL);
	hsk_flight_unreserve(NULL);
	hsk_flight_install(NULL);
	KUNIT_EXPECT_EQ(test, hsk_flight_reserve(NULL), 0);
}

static void a_channel_that_never_had_an_endpoint_goes(struct kunit *test)
{
	struct hsk_chan *chan = hsk_chan_new(7);

	KUNIT_ASSERT_NOT_NULL(test, chan);
	hsk_chan_get(chan);
	hsk_chan_put(chan);
	KUNIT_EXPECT_EQ(test, refcount_read(&chan->refs), 1U);
	hsk_chan_put(chan);
}

static void a_message_that_cannot_be_read_leaves_no_reference(struct kunit *test)
{
	unsigned int refs = refcount_read(&task_tgid(current)->count);
	u8 bytes[4] = {};
	struct kvec vec = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct iov_iter from;
	struct hsk_msg *msg;

	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, sizeof(bytes));
	msg = hsk_msg_new(&from, sizeof(bytes) + 1, current_cred());
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(msg), -EFAULT);
	KUNIT_EXPECT_EQ(test, refcount_read(&task_tgid(current)->count), refs);

	msg = test_msg(test, 1, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&task_tgid(current)->count), refs + 1);
	hsk_msg_free(msg);
	KUNIT_EXPECT_EQ(test, refcount_read(&task_tgid(current)->count), refs);
}

/* Counters. */

static void a_snapshot_adds_up_beyond_32_bits(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 1);
	struct hsk_chan_stat stat;

	chan->slots = U32_MAX;
	chan->handed = 3;
	chan->received = U32_MAX;
	chan->drained = U32_MAX;
	chan->sent = chan->received + chan->drained + chan->slots + chan->handed;
	hsk_chan_snapshot(chan, &stat);
	KUNIT_EXPECT_EQ(test, stat.buffered, U32_MAX + 3ULL);
	KUNIT_EXPECT_EQ(test, stat.sent, stat.received + stat.buffered + stat.drained);
	chan->slots = 0;
	chan->handed = 0;
	test_chan_gone(chan);
}

static void counters_pass_32_bits(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 2);
	struct hsk_msg *taken = NULL;

	chan->sent = U32_MAX;
	chan->received = U32_MAX;
	KUNIT_EXPECT_EQ(test, test_offer(chan, test_msg(test, 1, 8)), 0);
	KUNIT_EXPECT_EQ(test, test_offer(chan, test_msg(test, 2, 8)), 0);
	KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
	hsk_chan_commit(chan, taken);
	hsk_msg_free(taken);
	KUNIT_EXPECT_EQ(test, chan->sent, U32_MAX + 2ULL);
	KUNIT_EXPECT_EQ(test, chan->received, U32_MAX + 1ULL);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	test_chan_gone(chan);
}

static void the_last_reader_drains_and_the_first_reason_stands(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 3);
	int i;

	hsk_chan_attach(chan, HSK_CAN_WRITE);
	hsk_chan_attach(chan, HSK_CAN_READ);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, test_offer(chan, test_msg(test, i, 8)), 0);
	hsk_chan_detach(chan, HSK_CAN_READ | HSK_CAN_WRITE);
	KUNIT_EXPECT_FALSE(test, chan->closed);
	KUNIT_EXPECT_EQ(test, chan->drained, 0ULL);

	hsk_chan_detach(chan, HSK_CAN_READ);
	KUNIT_EXPECT_TRUE(test, chan->closed);
	KUNIT_EXPECT_EQ(test, chan->reason, -EPIPE);
	KUNIT_EXPECT_EQ(test, chan->drained, 3ULL);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));

	hsk_chan_detach(chan, HSK_CAN_WRITE);
	KUNIT_EXPECT_EQ(test, chan->reason, -EPIPE);
	hsk_chan_put(chan);
}

/* What poll says while a message is in transit, an instant that programs can't hold. */
static void poll_does_not_tell_closed_while_a_message_is_in_transit(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 1);
	struct hsk_msg *taken = NULL;

	KUNIT_EXPECT_EQ(test, test_offer(chan, test_msg(test, 1, 8)), 0);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ), EVENTS_IN);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_WRITE), (__poll_t)0);
	KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ), (__poll_t)0);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_WRITE), (__poll_t)0);
	KUNIT_EXPECT_EQ(test, hsk_chan_close(chan, 0), 0);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ), (__poll_t)EPOLLRDHUP);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_WRITE), (__poll_t)EPOLLERR);
	hsk_chan_restore(chan, taken);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ), EVENTS_IN | EPOLLRDHUP);
	KUNIT_ASSERT_EQ(test, test_take(chan, &taken), 0);
	hsk_chan_commit(chan, taken);
	hsk_msg_free(taken);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ),
			EVENTS_IN | EPOLLRDHUP | EPOLLHUP);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ | HSK_CAN_WRITE),
			EVENTS_IN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	test_chan_gone(chan);
}

static void poll_tells_who_is_committed(struct kunit *test)
{
	struct hsk_chan *chan = test_chan(test, 0);
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct test_waiter waiter;

	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ | HSK_CAN_WRITE), (__poll_t)0);
	test_wait_to_send(chan, &waiter, msg);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ | HSK_CAN_WRITE), EVENTS_IN);
	hsk_queue_del_locked(&chan->senders, &waiter.place);
	test_wait_to_receive(chan, &waiter, 8);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, HSK_CAN_READ | HSK_CAN_WRITE), EVENTS_OUT);
	KUNIT_EXPECT_EQ(test, hsk_chan_poll(chan, 0), (__poll_t)0);
	hsk_queue_del_locked(&chan->receivers, &waiter.place);
	hsk_msg_free(msg);
	test_chan_gone(chan);
}

/* A signal that is there already, and a partner too: the partner counts. */
static void a_pending_signal_changes_nothing_where_nobody_waits(struct kunit *test)
{
	struct hsk_op op = { .deadline = 1 };
	struct hsk_chan *chan = test_chan(test, 1);
	struct hsk_recv recv = { .room.len = 8 };
	struct hsk_msg *msg = test_msg(test, 1, 8);
	struct hsk_msg *refused = test_msg(test, 2, 8);

	set_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, hsk_send(chan, msg, &op), 0);
	KUNIT_EXPECT_EQ(test, hsk_send(chan, refused, &op), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, chan->senders.nr, 0U);
	KUNIT_EXPECT_EQ(test, hsk_recv(chan, &recv, &op), 0);
	KUNIT_EXPECT_PTR_EQ(test, recv.msg, msg);
	hsk_recv_commit(chan, &recv);
	KUNIT_EXPECT_EQ(test, hsk_recv(chan, &recv, &op), -ERESTARTSYS);
	clear_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, hsk_recv(chan, &recv, &op), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, chan->receivers.nr, 0U);
	KUNIT_EXPECT_TRUE(test, test_conserved(chan));
	hsk_msg_free(msg);
	hsk_msg_free(refused);
	test_chan_gone(chan);
}

static struct kunit_case chan_cases[] = {
	KUNIT_CASE(destructors_take_null),
	KUNIT_CASE(a_channel_that_never_had_an_endpoint_goes),
	KUNIT_CASE(a_message_that_cannot_be_read_leaves_no_reference),
	KUNIT_CASE(a_snapshot_adds_up_beyond_32_bits),
	KUNIT_CASE(counters_pass_32_bits),
	KUNIT_CASE(the_last_reader_drains_and_the_first_reason_stands),
	KUNIT_CASE(poll_does_not_tell_closed_while_a_message_is_in_transit),
	KUNIT_CASE(poll_tells_who_is_committed),
	KUNIT_CASE(a_pending_signal_changes_nothing_where_nobody_waits),
	{}
};

static struct kunit_suite chan_suite = {
	.name = "hsk_chan",
	.test_cases = chan_cases,
};

kunit_test_suite(chan_suite);
