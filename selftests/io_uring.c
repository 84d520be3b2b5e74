// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read and write through io_uring: at once where they can, later where they
 * must wait, and never a message lost to a ring.
 */
#include <sys/mman.h>
#include <sys/uio.h>
#include <linux/io_uring.h>

#include "../kselftest_harness.h"
#include "peer.h"

/* A ring of 8, mapped by hand so that the test needs the kernel's header only. */
FIXTURE(ring) {
	int fd;
	int zero, chan;
	int rw_flags;
	struct io_uring_params params;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	char buf[64];
};

FIXTURE_SETUP(ring)
{
	struct io_uring_params *p = &self->params;

	self->zero = t_open();
	self->chan = t_new(4);
	self->fd = syscall(SYS_io_uring_setup, 8, p);
	if (self->fd < 0)
		P_SKIP_SETUP("no io_uring: %s", strerror(errno));
	self->sq = mmap(NULL, p->sq_off.array + p->sq_entries * 4,
			PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
			IORING_OFF_SQ_RING);
	self->cq = mmap(NULL, p->cq_off.cqes +
			p->cq_entries * sizeof(struct io_uring_cqe),
			PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
			IORING_OFF_CQ_RING);
	self->sqes = mmap(NULL, p->sq_entries * sizeof(struct io_uring_sqe),
			  PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
			  IORING_OFF_SQES);
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

/* Submits one read or write; its completion will bear @user. */
static int ring_submit(struct _test_data_ring *self, int op, int fd,
		       const void *buf, unsigned int len, __u64 user)
{
	__u32 *tail = ring_word(self->sq, self->params.sq_off.tail);
	__u32 slot = *tail & *ring_word(self->sq,
					self->params.sq_off.ring_mask);
	struct io_uring_sqe *sqe = &self->sqes[slot];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)buf;
	sqe->len = len;
	sqe->off = -1;
	sqe->rw_flags = self->rw_flags;
	sqe->user_data = user;
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

/* Waits for one completion; its result, and whose it is. */
static int ring_take(struct _test_data_ring *self, __u64 *user)
{
	__u32 *head = ring_word(self->cq, self->params.cq_off.head);
	struct io_uring_cqe *cqe;
	int ret;

	while (!ring_done(self)) {
		ret = syscall(SYS_io_uring_enter, self->fd, 0, 1,
			      IORING_ENTER_GETEVENTS, NULL, 0);
		if (ret < 0)
			return -errno;
	}
	cqe = (struct io_uring_cqe *)(self->cq + self->params.cq_off.cqes) +
	      (*head & *ring_word(self->cq, self->params.cq_off.ring_mask));
	if (user)
		*user = cqe->user_data;
	ret = cqe->res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return ret;
}

TEST_F(ring, read_and_write_that_need_not_wait)
{
	ASSERT_EQ(1, ring_submit(self, IORING_OP_WRITE, self->chan, "abc", 3,
				 1));
	EXPECT_EQ(3, ring_take(self, NULL));
	ASSERT_EQ(1, ring_submit(self, IORING_OP_READ, self->chan, self->buf,
				 sizeof(self->buf), 2));
	EXPECT_EQ(3, ring_take(self, NULL));
	EXPECT_EQ(0, memcmp(self->buf, "abc", 3));
}

TEST_F(ring, a_read_completes_when_a_sender_comes)
{
	pid_t pid;

	ASSERT_EQ(1, ring_submit(self, IORING_OP_READ, self->zero, self->buf,
				 sizeof(self->buf), 1));
	t_sleep_ms(T_STILL_MS);
	EXPECT_FALSE(ring_done(self));
	/* The sender must commit: the ring may only be polling. */
	pid = p_fork();
	if (!pid)
		_exit(t_send(self->zero, "later", 5) != 0);
	EXPECT_EQ(5, ring_take(self, NULL));
	EXPECT_EQ(0, memcmp(self->buf, "later", 5));
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(ring, a_write_completes_when_a_receiver_comes)
{
	pid_t pid;
	char c;

	ASSERT_EQ(1, ring_submit(self, IORING_OP_WRITE, self->zero, "w", 1,
				 1));
	t_sleep_ms(T_STILL_MS);
	EXPECT_FALSE(ring_done(self));
	pid = p_fork();
	if (!pid)
		_exit(p_recv(self->zero, &c, 1) != 1);
	EXPECT_EQ(1, ring_take(self, NULL));
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(self->zero, 1, 1, 0, 0));
}

TEST_F(ring, a_write_completes_when_there_is_room)
{
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, p_try_send(self->chan, "m", 1));
	ASSERT_EQ(1, ring_submit(self, IORING_OP_WRITE, self->chan, "w", 1,
				 1));
	t_sleep_ms(T_STILL_MS);
	EXPECT_FALSE(ring_done(self));
	ASSERT_EQ(1, p_recv(self->chan, self->buf, 8));
	EXPECT_EQ(1, ring_take(self, NULL));
	EXPECT_TRUE(t_counters(self->chan, 5, 1, 4, 0));
}

TEST_F(ring, several_reads_each_take_one_message)
{
	bool seen[4] = { false };
	__u64 user = 0;
	char got[4] = "";
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(1, ring_submit(self, IORING_OP_READ, self->chan,
					 &got[i], 1, i));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, t_send(self->chan, &"abcd"[i], 1));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(1, ring_take(self, &user));
		ASSERT_GT(4, user);
		EXPECT_FALSE(seen[got[user] - 'a']);
		seen[got[user] - 'a'] = true;
	}
	EXPECT_TRUE(t_counters(self->chan, 4, 4, 0, 0));
}

TEST_F(ring, close_completes_a_read_with_0_and_a_write_with_epipe)
{
	int other = t_open();
	__u64 user;
	int i, ret;

	ASSERT_EQ(1, ring_submit(self, IORING_OP_READ, self->zero, self->buf,
				 8, 1));
	ASSERT_EQ(1, ring_submit(self, IORING_OP_WRITE, other, "m", 1, 2));
	ASSERT_EQ(0, t_close(self->zero, 0));
	ASSERT_EQ(0, t_close(other, 0));
	for (i = 0; i < 2; i++) {
		ret = ring_take(self, &user);
		EXPECT_EQ(user == 1 ? 0 : -EPIPE, ret);
	}
}

TEST_F(ring, rwf_nowait_completes_with_eagain)
{
	self->rw_flags = RWF_NOWAIT;
	ASSERT_EQ(1, ring_submit(self, IORING_OP_READ, self->zero, self->buf,
				 8, 1));
	EXPECT_EQ(-EAGAIN, ring_take(self, NULL));
	ASSERT_EQ(1, ring_submit(self, IORING_OP_WRITE, self->zero, "m", 1,
				 1));
	EXPECT_EQ(-EAGAIN, ring_take(self, NULL));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
}

TEST_F(ring, a_ring_that_dies_with_requests_under_way_leaves_nothing)
{
	pid_t pid = p_fork();

	if (!pid) {
		P_NEED(ring_submit(self, IORING_OP_READ, self->zero, self->buf,
				   8, 1) == 1);
		raise(SIGKILL);
	}
	EXPECT_EQ(256 + SIGKILL, t_wait(pid));
	close(self->fd);
	munmap(self->sq, 1);
	munmap(self->cq, 1);
	munmap(self->sqes, 1);
	EXPECT_EQ(-EAGAIN, p_try_send(self->zero, "m", 1));
	EXPECT_EQ(0, p_info(self->zero).waiting_receivers);
}

HSK_TEST_MAIN
