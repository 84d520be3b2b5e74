// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selectors in event loops: every mode of epoll(7), and io_uring's poll.
 */
#include <sys/mman.h>
#include <linux/io_uring.h>

#include "../kselftest_harness.h"
#include "peer.h"
#include "selector.h"

/* --- epoll's modes --------------------------------------------------------------- */

FIXTURE(mode) {
	int chan, sel;
	struct s_set set;
};

FIXTURE_SETUP(mode)
{
	self->chan = t_open();
	self->sel = s_new(self->chan);
	ASSERT_LE(0, self->chan);
	ASSERT_LE(0, self->sel);
}

FIXTURE_TEARDOWN(mode)
{
}

static int happen(struct _test_data_mode *self, __u64 value)
{
	return s_arm_recv(self->sel, &self->set, self->chan) ?: t_try_put(self->chan, value);
}

TEST_F(mode, level_triggered_tells_until_it_is_finished)
{
	int ep = p_epoll_of(self->sel, P_ALL_EVENTS), i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, p_epoll_take(ep, 0));
		ASSERT_EQ(0, happen(self, i));
		EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
		EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
		EXPECT_EQ(0, s_finish(self->sel, &self->set));
		EXPECT_TRUE(s_got(&self->set, 0, i));
	}
	EXPECT_EQ(0, p_epoll_take(ep, 0));
}

TEST_F(mode, edge_triggered_tells_once_each_time_it_happens)
{
	int ep = p_epoll_of(self->sel, P_ALL_EVENTS | EPOLLET), i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, happen(self, i));
		EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
		EXPECT_EQ(0, p_epoll_take(ep, 0));
		EXPECT_EQ(0, s_finish(self->sel, &self->set));
		EXPECT_EQ(0, p_epoll_take(ep, 0));
	}
}

TEST_F(mode, who_asks_for_one_of_its_events_only_is_told)
{
	int in = p_epoll_of(self->sel, EPOLLIN);
	int normal = p_epoll_of(self->sel, EPOLLRDNORM);

	EXPECT_EQ(0, p_epoll_take(in, 0));
	EXPECT_EQ(0, p_epoll_take(normal, 0));
	ASSERT_EQ(0, happen(self, 1));
	EXPECT_EQ(EPOLLIN, p_epoll_take(in, 0));
	EXPECT_EQ(EPOLLRDNORM, p_epoll_take(normal, 0));
}

TEST_F(mode, edge_triggered_tells_what_happens_while_it_is_armed)
{
	int ep = p_epoll_of(self->sel, P_ALL_EVENTS | EPOLLET), buf = t_new(1), i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, t_try_put(buf, i));
		ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, buf));
		EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
		EXPECT_EQ(0, s_finish(self->sel, &self->set));
		EXPECT_TRUE(s_got(&self->set, 0, i));
	}
}

TEST_F(mode, oneshot_tells_once_until_it_is_set_again)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT };
	int ep = p_epoll_of(self->sel, EPOLLIN | EPOLLONESHOT);

	ASSERT_EQ(0, happen(self, 1));
	EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
	EXPECT_EQ(0, p_epoll_take(ep, 0));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	ASSERT_EQ(0, happen(self, 2));
	EXPECT_EQ(0, p_epoll_take(ep, 0));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->sel, &ev));
	EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 2));
}

/* Each waits for the selector, finishes what has happened and says so. */
static pid_t exclusive_waiter(struct _test_data_mode *self, int done)
{
	pid_t pid = p_fork();
	int ep;

	if (pid)
		return p_wait_in_syscall(pid, SYS_epoll_wait) ? -1 : pid;
	ep = p_epoll_of(self->sel, EPOLLIN | EPOLLEXCLUSIVE);
	P_NEED(ep >= 0);
	s_init(&self->set);
	s_add_recv(&self->set, self->chan);
	do {
		P_NEED(p_epoll_take(ep, -1) == EPOLLIN);
	} while (s_finish(self->sel, &self->set) < 0);
	P_NEED(!t_put(done, self->set.values[0]));
	_exit(0);
}

TEST_F(mode, exclusive_waiters_finish_one_each)
{
	int done = t_open();
	pid_t pid[4];
	__u64 value;
	int i;

	for (i = 0; i < 4; i++) {
		pid[i] = exclusive_waiter(self, done);
		ASSERT_LT(0, pid[i]);
	}
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, happen(self, i));
		ASSERT_EQ(1, t_get(done, &value));
		EXPECT_EQ(i, value);
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, t_wait(pid[i]));
	EXPECT_TRUE(t_counters(self->chan, 4, 4, 0, 0));
}

/* --- io_uring ----------------------------------------------------------------------- */

/* A ring of 4 as in io_uring.c, for polls only. */
FIXTURE(ring) {
	int chan, sel;
	struct s_set set;
	int fd;
	struct io_uring_params params;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
};

FIXTURE_SETUP(ring)
{
	struct io_uring_params *p = &self->params;

	self->chan = t_open();
	self->sel = s_new(self->chan);
	self->fd = syscall(SYS_io_uring_setup, 4, p);
	if (self->fd < 0)
		P_SKIP_SETUP("no io_uring: %s", strerror(errno));
	self->sq = mmap(NULL, p->sq_off.array + p->sq_entries * 4, PROT_READ | PROT_WRITE,
			MAP_SHARED, self->fd, IORING_OFF_SQ_RING);
	self->cq = mmap(NULL, p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
			PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, IORING_OFF_CQ_RING);
	self->sqes = mmap(NULL, p->sq_entries * sizeof(struct io_uring_sqe),
			  PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, IORING_OFF_SQES);
	ASSERT_NE(MAP_FAILED, (void *)self->sq);
	ASSERT_NE(MAP_FAILED, (void *)self->cq);
	ASSERT_NE(MAP_FAILED, (void *)self->sqes);
}

FIXTURE_TEARDOWN(ring)
{
}

static __u32 *ring_word(char *ring, __u32 offset)
{
	return (__u32 *)(ring + offset);
}

static int ring_poll(struct _test_data_ring *self, bool multishot)
{
	__u32 *tail = ring_word(self->sq, self->params.sq_off.tail);
	__u32 slot = *tail & *ring_word(self->sq, self->params.sq_off.ring_mask);
	struct io_uring_sqe *sqe = &self->sqes[slot];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = self->sel;
	sqe->len = multishot ? IORING_POLL_ADD_MULTI : 0;
	sqe->poll32_events = POLLIN;
	ring_word(self->sq, self->params.sq_off.array)[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	return p_errno(syscall(SYS_io_uring_enter, self->fd, 1, 0, 0, NULL, 0));
}

static bool ring_done(struct _test_data_ring *self)
{
	return __atomic_load_n(ring_word(self->cq, self->params.cq_off.tail),
			       __ATOMIC_ACQUIRE) !=
	       *ring_word(self->cq, self->params.cq_off.head);
}

static int ring_take(struct _test_data_ring *self)
{
	__u32 *head = ring_word(self->cq, self->params.cq_off.head);
	__u32 slot = *head & *ring_word(self->cq, self->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(self->cq + self->params.cq_off.cqes);

	while (!ring_done(self))
		if (syscall(SYS_io_uring_enter, self->fd, 0, 1, IORING_ENTER_GETEVENTS,
			    NULL, 0) < 0)
			return -errno;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return cqes[slot].res;
}

TEST_F(ring, a_poll_completes_when_a_case_happens)
{
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->chan));
	ASSERT_EQ(1, ring_poll(self, false));
	t_sleep_ms(T_STILL_MS);
	EXPECT_FALSE(ring_done(self));
	ASSERT_EQ(0, t_try_put(self->chan, 1));
	EXPECT_EQ(POLLIN, ring_take(self));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 1));
}

TEST_F(ring, a_poll_of_what_has_happened_completes_at_once)
{
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->chan));
	ASSERT_EQ(0, t_try_put(self->chan, 1));
	ASSERT_EQ(1, ring_poll(self, false));
	EXPECT_EQ(POLLIN, ring_take(self));
}

TEST_F(ring, a_multishot_poll_completes_each_time)
{
	int i;

	ASSERT_EQ(1, ring_poll(self, true));
	for (i = 0; i < 5; i++) {
		EXPECT_FALSE(ring_done(self));
		ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->chan));
		ASSERT_EQ(0, t_try_put(self->chan, i));
		EXPECT_EQ(POLLIN, ring_take(self));
		EXPECT_EQ(0, s_finish(self->sel, &self->set));
		EXPECT_TRUE(s_got(&self->set, 0, i));
	}
}

HSK_TEST_MAIN
