// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who asks epoll(7) for one event only hears of every change that brings it: each
 * wake-up names both of the events that poll(2) has for the same thing.
 */
#include "../kselftest_harness.h"
#include "peer.h"

/* One event, edge-triggered, of who may receive. */
FIXTURE(reader_of_only) {
	int chan;
	int ep;
	struct p_op op;
};

FIXTURE_VARIANT(reader_of_only) {
	unsigned int event;
};

FIXTURE_VARIANT_ADD(reader_of_only, pollin) { .event = EPOLLIN };
FIXTURE_VARIANT_ADD(reader_of_only, pollrdnorm) { .event = EPOLLRDNORM };

FIXTURE_SETUP(reader_of_only)
{
	self->chan = -1;
	self->ep = -1;
}

FIXTURE_TEARDOWN(reader_of_only)
{
}

/* One event of who may send. */
FIXTURE(writer_of_only) {
	int chan;
	int ep;
	struct p_op op;
};

FIXTURE_VARIANT(writer_of_only) {
	unsigned int event;
};

FIXTURE_VARIANT_ADD(writer_of_only, pollout) { .event = EPOLLOUT };
FIXTURE_VARIANT_ADD(writer_of_only, pollwrnorm) { .event = EPOLLWRNORM };

FIXTURE_SETUP(writer_of_only)
{
	self->chan = -1;
	self->ep = -1;
}

FIXTURE_TEARDOWN(writer_of_only)
{
}

/* The channel from now on; what its state says already is taken. */
static void watch(int *ep, int chan, unsigned int event)
{
	*ep = p_epoll_of(chan, event | EPOLLET);
	p_epoll_take(*ep, 0);
}

/* The event, once: it may come a moment after the change itself can be seen. */
#define EXPECT_EVENT() \
	EXPECT_EQ(variant->event, (unsigned int)p_epoll_take(self->ep, P_PATIENCE_S * 1000))

TEST_F(reader_of_only, a_buffered_message_is_heard_of)
{
	self->chan = t_new(1);
	watch(&self->ep, self->chan, variant->event);
	ASSERT_EQ(0, t_send(self->chan, "m", 1));
	EXPECT_EVENT();
}

TEST_F(reader_of_only, a_sender_that_waits_is_heard_of)
{
	self->chan = t_open();
	watch(&self->ep, self->chan, variant->event);
	ASSERT_EQ(0, p_send_start(&self->op, self->chan, 'm'));
	EXPECT_EVENT();
	ASSERT_EQ(0, t_close(self->chan, 0));
	EXPECT_EQ(-EPIPE, p_op_join(&self->op));
}

TEST_F(reader_of_only, a_message_that_comes_back_is_heard_of)
{
	self->chan = t_new(1);
	ASSERT_EQ(0, t_send(self->chan, "m", 1));
	watch(&self->ep, self->chan, variant->event);
	ASSERT_EQ(-EFAULT, t_recv(self->chan, t_bad_address(), 1, NULL));
	EXPECT_EVENT();
}

TEST_F(reader_of_only, a_sender_whose_message_comes_back_is_heard_of)
{
	self->chan = t_open();
	ASSERT_EQ(0, p_send_start(&self->op, self->chan, 'm'));
	ASSERT_EQ(0, t_wait_senders(self->chan, 1));
	watch(&self->ep, self->chan, variant->event);
	/* The sender's own wake-up of readers may have come after that. */
	ASSERT_EQ(0, p_wait_in_syscall(p_op_tid(&self->op), SYS_ioctl));
	p_epoll_take(self->ep, 0);
	ASSERT_EQ(-EFAULT, t_recv(self->chan, t_bad_address(), 1, NULL));
	EXPECT_EVENT();
	ASSERT_EQ(0, t_close(self->chan, 0));
	EXPECT_EQ(-EPIPE, p_op_join(&self->op));
}

TEST_F(writer_of_only, room_is_heard_of)
{
	char c;

	self->chan = t_new(1);
	ASSERT_EQ(0, t_send(self->chan, "m", 1));
	watch(&self->ep, self->chan, variant->event);
	ASSERT_EQ(1, p_recv(self->chan, &c, 1));
	EXPECT_EVENT();
}

TEST_F(writer_of_only, a_receiver_that_waits_is_heard_of)
{
	self->chan = t_open();
	watch(&self->ep, self->chan, variant->event);
	ASSERT_EQ(0, p_recv_start(&self->op, self->chan));
	EXPECT_EVENT();
	ASSERT_EQ(0, t_send(self->chan, "m", 1));
	EXPECT_EQ(0, p_op_join(&self->op));
}

HSK_TEST_MAIN
