// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of what poll says of an endpoint, every state of it with everyone who can
 * commit, by every way to ask: poll(2), select(2), epoll(7) level and edge.
 */
#include <sys/select.h>

#include "../kselftest_harness.h"
#include "peer.h"
#include "selector.h"

/* --- states ------------------------------------------------------------------- */

/* Who commits; of each a send or a receive. */
enum who { NOBODY, TASK, SELECT, SELECTOR };

FIXTURE(state) {
	int chan, other;	/* the channel in question; one where nothing happens */
	int fd[4];		/* its endpoints by rights */
	int ep[4];		/* edge-triggered, since before the state */
	int sel;
	struct p_op op;
	pthread_t selecting;
	pid_t selecting_tid;	/* atomic; 0 until the thread runs */
	struct s_set set;
	enum who who;
	int taker;		/* a selector that may hold a message */
	struct s_set take;
};

FIXTURE_VARIANT(state) {
	unsigned int capacity;
	unsigned int messages;
	unsigned int op;	/* what is committed: HSK_CASE_* */
	bool closed;
	bool taken;		/* the first message is in transit */
	int on_read, on_write;
};

/* Whoever commits, the others are told the same: see first_who(). */

FIXTURE_VARIANT_ADD(state, unbuffered_idle) {
	.capacity = 0,
};

FIXTURE_VARIANT_ADD(state, unbuffered_send_committed) {
	.op = HSK_CASE_SEND, .on_read = POLLIN,
};

FIXTURE_VARIANT_ADD(state, unbuffered_receive_committed) {
	.op = HSK_CASE_RECV, .on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, unbuffered_closed) {
	.closed = true, .on_read = POLLIN | POLLRDHUP | POLLHUP,
	.on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, empty) {
	.capacity = 2, .on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, empty_receive_committed) {
	.capacity = 2, .op = HSK_CASE_RECV, .on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, half_full) {
	.capacity = 2, .messages = 1, .on_read = POLLIN, .on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, full) {
	.capacity = 2, .messages = 2, .on_read = POLLIN,
};

FIXTURE_VARIANT_ADD(state, full_send_committed) {
	.capacity = 2, .messages = 2, .op = HSK_CASE_SEND, .on_read = POLLIN,
};

FIXTURE_VARIANT_ADD(state, the_only_message_is_taken) {
	.capacity = 2, .messages = 1, .taken = true, .on_write = POLLOUT,
};

FIXTURE_VARIANT_ADD(state, one_of_two_is_taken) {
	.capacity = 2, .messages = 2, .taken = true, .on_read = POLLIN,
};

FIXTURE_VARIANT_ADD(state, closed_with_a_message) {
	.capacity = 2, .messages = 1, .closed = true,
	.on_read = POLLIN | POLLRDHUP, .on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, closed_while_full) {
	.capacity = 2, .messages = 2, .closed = true,
	.on_read = POLLIN | POLLRDHUP, .on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, closed_while_the_last_message_is_taken) {
	.capacity = 2, .messages = 1, .closed = true, .taken = true,
	.on_read = POLLRDHUP, .on_write = POLLERR,
};

FIXTURE_VARIANT_ADD(state, closed_and_drained) {
	.capacity = 2, .closed = true, .on_read = POLLIN | POLLRDHUP | POLLHUP,
	.on_write = POLLERR,
};

static void *select_main(void *arg)
{
	struct _test_data_state *self = arg;

	__atomic_store_n(&self->selecting_tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	s_select(self->chan, &self->set);
	return NULL;
}

/* Who has queued may not have told those who poll before it sleeps. */
static int wait_asleep(struct _test_data_state *self)
{
	pid_t tid;

	if (self->who == SELECTOR)
		return 0;
	if (self->who == TASK)
		return p_wait_in_syscall(p_op_tid(&self->op), SYS_ioctl);
	while (!(tid = __atomic_load_n(&self->selecting_tid, __ATOMIC_ACQUIRE)))
		t_sleep_ms(1);
	return p_wait_in_syscall(tid, SYS_ioctl);
}

/* Somebody commits to @op. 0 or -errno. */
static int commit(struct _test_data_state *self, enum who who, unsigned int op)
{
	bool send = op == HSK_CASE_SEND;
	int err = 0;

	self->who = who;
	self->selecting_tid = 0;
	/* The other case can't happen, but it makes the select one of two. */
	s_init(&self->set);
	s_add_recv(&self->set, self->other);
	s_add(&self->set, self->chan, op);
	if (who == TASK)
		err = p_op_start(&self->op, self->chan, send, 'c', -1, 0);
	else if (who == SELECT)
		err = -pthread_create(&self->selecting, NULL, select_main, self);
	else
		err = s_arm(self->sel, &self->set);
	if (!err)
		err = send ? t_wait_senders(self->chan, 1) : t_wait_receivers(self->chan, 1);
	return err ?: wait_asleep(self);
}

/* The state is over: all who block return, since the channels close. */
static void let_go(struct _test_data_state *self)
{
	t_close(self->other, 0);
	t_close(self->chan, 0);
	if (self->who == TASK)
		p_op_join(&self->op);
	else if (self->who == SELECT)
		pthread_join(self->selecting, NULL);
	self->who = NOBODY;
}

FIXTURE_SETUP(state)
{
	self->who = NOBODY;
}

FIXTURE_TEARDOWN(state)
{
}

/* The channel in the variant's state, and fresh in every other respect. */
static int enter(struct _test_data_state *self,
		 const struct _fixture_variant_state *variant, enum who who)
{
	unsigned int i;

	self->other = t_open();
	self->chan = t_new(variant->capacity);
	self->sel = s_new(self->chan);
	self->taker = s_new(self->chan);
	self->fd[0] = self->chan;
	for (i = 0; i < variant->messages; i++)
		if (p_try_send(self->chan, "m", 1))
			return -EPROTO;
	for (i = HSK_RIGHT_READ; i <= T_BOTH; i++) {
		self->fd[i] = t_dup(self->chan, i);
		self->ep[i] = p_epoll_of(self->fd[i], P_ALL_EVENTS | EPOLLET);
		if (self->ep[i] < 0)
			return -EPROTO;
		p_epoll_take(self->ep[i], 0);
	}
	if (variant->taken && s_arm_recv(self->taker, &self->take, self->chan))
		return -EPROTO;
	if (variant->closed && t_close(self->chan, 0))
		return -EPROTO;
	return variant->op ? commit(self, who, variant->op) : 0;
}

static void leave(struct _test_data_state *self)
{
	unsigned int i;

	let_go(self);
	for (i = HSK_RIGHT_READ; i <= T_BOTH; i++) {
		close(self->ep[i]);
		close(self->fd[i]);
	}
	close(self->sel);
	close(self->taker);
	close(self->chan);
	close(self->other);
}

static int wanted(const struct _fixture_variant_state *variant, unsigned int rights)
{
	return (rights & HSK_RIGHT_READ ? variant->on_read : 0) |
	       (rights & HSK_RIGHT_WRITE ? variant->on_write : 0);
}

/* --- ways to ask ---------------------------------------------------------------- */

static int by_poll(int fd, int ep)
{
	return p_poll_now(fd);
}

static int by_epoll(int fd, int ep)
{
	int level = p_epoll_of(fd, P_ALL_EVENTS);
	int events = p_epoll_take(level, 0);

	/* Level: as often as it is asked. */
	if (p_epoll_take(level, 0) != events)
		events = -EPROTO;
	close(level);
	return events;
}

/* EPOLL_CTL_MOD asks anew; then the same is not told twice. */
static int by_edge(int fd, int ep)
{
	struct epoll_event ev = { .events = P_ALL_EVENTS | EPOLLET };
	int events;

	if (epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev))
		return -errno;
	events = p_epoll_take(ep, 0);
	return p_epoll_take(ep, 0) ? -EPROTO : events;
}

/* The three sets as one mask, which is coarser than poll's events. */
static int sets_of(int events)
{
	return (events & (POLLIN | POLLHUP | POLLERR) ? 1 : 0) |
	       (events & (POLLOUT | POLLERR) ? 2 : 0) |
	       (events & POLLPRI ? 4 : 0);
}

static int by_select(int fd)
{
	struct timeval now = { 0, 0 };
	fd_set in, out, except;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	out = in;
	except = in;
	if (select(fd + 1, &in, &out, &except, &now) < 0)
		return -errno;
	return (FD_ISSET(fd, &in) ? 1 : 0) | (FD_ISSET(fd, &out) ? 2 : 0) |
	       (FD_ISSET(fd, &except) ? 4 : 0);
}

/* --- the table -------------------------------------------------------------------- */

static enum who first_who(const struct _fixture_variant_state *variant)
{
	return variant->op ? TASK : NOBODY;
}

static enum who last_who(const struct _fixture_variant_state *variant)
{
	return variant->op ? SELECTOR : NOBODY;
}

static void expect_all(struct __test_metadata *_metadata,
		       struct _test_data_state *self,
		       const struct _fixture_variant_state *variant, enum who who,
		       int (*ask)(int fd, int ep))
{
	unsigned int rights;

	for (rights = HSK_RIGHT_READ; rights <= T_BOTH; rights++)
		EXPECT_EQ(wanted(variant, rights),
			  ask(self->fd[rights], self->ep[rights]))
			TH_LOG("rights %u, committed by %u", rights, who);
}

#define TEST_TABLE(name, ask)						\
	TEST_F(state, name)						\
	{								\
		enum who who = first_who(variant);			\
									\
		for (; who <= last_who(variant); who++) {		\
			ASSERT_EQ(0, enter(self, variant, who));	\
			expect_all(_metadata, self, variant, who, ask);	\
			leave(self);					\
		}							\
	}

TEST_TABLE(poll_says_what_the_table_says, by_poll)
TEST_TABLE(level_triggered_epoll_says_what_the_table_says, by_epoll)
TEST_TABLE(edge_triggered_epoll_says_what_the_table_says_when_armed_again, by_edge)

TEST_F(state, select_says_what_the_table_says)
{
	enum who who = first_who(variant);
	unsigned int rights;

	for (; who <= last_who(variant); who++) {
		ASSERT_EQ(0, enter(self, variant, who));
		for (rights = HSK_RIGHT_READ; rights <= T_BOTH; rights++)
			EXPECT_EQ(sets_of(wanted(variant, rights)),
				  by_select(self->fd[rights]))
				TH_LOG("rights %u, committed by %u", rights, who);
		leave(self);
	}
}

/* What DONTWAIT does now, which is what the table promises. */
TEST_F(state, dontwait_does_what_the_table_says)
{
	enum who who = first_who(variant);
	int ready, ret;
	char buf[8];

	for (; who <= last_who(variant); who++) {
		ASSERT_EQ(0, enter(self, variant, who));
		ready = p_poll_now(self->fd[HSK_RIGHT_WRITE]);
		ret = p_try_send(self->fd[HSK_RIGHT_WRITE], "m", 1);
		EXPECT_EQ(ready & POLLERR ? -EPIPE : ready & POLLOUT ? 0 : -EAGAIN,
			  ret);
		leave(self);
		ASSERT_EQ(0, enter(self, variant, who));
		ready = p_poll_now(self->fd[HSK_RIGHT_READ]);
		ret = p_try_recv(self->fd[HSK_RIGHT_READ], buf, sizeof(buf));
		EXPECT_EQ(ready & POLLHUP ? -EPIPE : ready & POLLIN ? 1 : -EAGAIN,
			  ret > 0 ? 1 : ret);
		leave(self);
	}
}

HSK_TEST_MAIN
