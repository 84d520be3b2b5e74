// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ends a context besides a close: its deadline, its holder's death, the last of
 * its endpoints. And how those who poll hear of an end. Parent and child are in
 * different processes.
 */
#include "../kselftest_harness.h"
#include "context.h"
#include "hsk_job.h"

#define CANCEL		(-ECANCELED)
#define TIMEOUT		(-ETIMEDOUT)
#define APPLICATION	77	/* a reason of the application's own */
#define DONE_EVENTS	(POLLIN | POLLRDHUP | POLLHUP)
#define PAST		1	/* an absolute time that has gone by */
#define READ		HSK_RIGHT_READ

/* How long after its deadline a context may end on a busy machine. */
static __u64 late(void)
{
	return 2 * T_SEC * t_slow();
}

FIXTURE(ends) {
	int root;
};

FIXTURE_SETUP(ends)
{
	self->root = t_new(0);
	ASSERT_LE(0, self->root);
}

FIXTURE_TEARDOWN(ends)
{
	EXPECT_TRUE(t_counters(self->root, 0, 0, 0, 0));
}

/* --- deadlines --- */

TEST_F(ends, Deadline_ends_a_context_not_before_its_time)
{
	__u64 end = t_in_ms(60);
	struct c_member *member;
	int seen;

	member = c_member_start(self->root, end, READ, &seen);
	ASSERT_LE(0, seen);
	EXPECT_EQ(TIMEOUT, c_member_end(member));
	EXPECT_LE(end, member->told);
	EXPECT_LT(member->told, end + late());
	EXPECT_EQ(TIMEOUT, c_reason(seen));
	EXPECT_TRUE(c_open(self->root));
}

TEST_F(ends, Timeout_of_a_channel_without_a_parent)
{
	__u64 end = t_in_ms(60);
	int fd = c_expiring(end), i;

	ASSERT_LE(0, fd);
	EXPECT_TRUE(c_open(fd) || t_now() >= end);
	EXPECT_EQ(TIMEOUT, c_wait(fd));
	EXPECT_LE(end, t_now());
	EXPECT_LT(t_now(), end + late());
	/* Nothing rounds a deadline down. */
	for (i = 0; i < 50; i++) {
		end = t_now() + 100000 + i * 12345;
		fd = c_expiring(end);
		EXPECT_EQ(TIMEOUT, c_wait(fd));
		EXPECT_LE(end, t_now());
		close(fd);
	}
}

TEST_F(ends, a_deadline_ends_everything_derived)
{
	int top = c_derive(self->root, t_in_ms(60));
	struct c_member *child, *grandchild;
	int seen[2];

	child = c_member_start(top, 0, READ, &seen[0]);
	grandchild = c_member_start(seen[0], 0, READ, &seen[1]);
	ASSERT_LE(0, seen[1]);
	EXPECT_EQ(TIMEOUT, c_member_end(child));
	EXPECT_EQ(TIMEOUT, c_member_end(grandchild));
	EXPECT_TRUE(c_open(self->root));
}

TEST_F(ends, an_earlier_deadline_of_the_child_wins)
{
	__u64 end = t_in_ms(60);
	int top = c_derive(self->root, t_in_a_while() + 3600 * T_SEC);
	struct c_member *member;
	int seen;

	member = c_member_start(top, end, READ, &seen);
	ASSERT_LE(0, seen);
	EXPECT_EQ(TIMEOUT, c_member_end(member));
	EXPECT_LE(end, member->told);
	EXPECT_LT(member->told, end + late());
	EXPECT_TRUE(c_open(top));
}

TEST_F(ends, a_later_deadline_does_not_outlive_the_parents)
{
	__u64 end = t_in_ms(60);
	int top = c_derive(self->root, end), seen;
	struct c_member *member;

	member = c_member_start(top, end + 3600 * T_SEC, READ, &seen);
	ASSERT_LE(0, seen);
	EXPECT_EQ(TIMEOUT, c_member_end(member));
	EXPECT_LE(end, member->told);
	EXPECT_LT(member->told, end + late());
}

TEST_F(ends, CanceledTimeout_the_cancel_is_the_reason_and_the_deadline_passes_unnoticed)
{
	__u64 end = t_in_ms(100);
	struct c_member *member;
	int seen;

	member = c_member_start(self->root, end, T_BOTH, &seen);
	ASSERT_LE(0, seen);
	/* Unless the machine was too slow for it. */
	if (t_close(seen, APPLICATION))
		SKIP(return, "the deadline was first");
	EXPECT_EQ(APPLICATION, c_member_end(member));
	while (t_now() < end + 20 * T_MSEC)
		t_sleep_ms(5);
	EXPECT_EQ(APPLICATION, c_reason(seen));
	EXPECT_TRUE(c_open(self->root));
}

TEST_F(ends, a_deadline_that_has_passed_makes_a_closed_channel)
{
	int fd = c_expiring(PAST), child, below;

	EXPECT_EQ(TIMEOUT, c_reason(fd));
	EXPECT_EQ(-EPIPE, t_close(fd, 0));
	child = c_derive(self->root, t_now());
	EXPECT_EQ(TIMEOUT, c_reason(child));
	EXPECT_TRUE(c_open(self->root));
	below = c_derive(child, 0);
	EXPECT_EQ(TIMEOUT, c_reason(below));
}

TEST_F(ends, a_deadline_closes_a_channel_like_any_close)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args), .capacity = 1, .deadline = t_in_ms(200),
	};
	int fd = t_ioctl(self->root, HSK_IOC_CHAN_NEW, &args);
	struct t_job *sender;
	__u64 v = 0;

	ASSERT_EQ(0, t_put(fd, 1));
	sender = t_job_put(T_PROCESS, fd, 2);
	EXPECT_EQ(-EPIPE, t_job_end(sender));
	EXPECT_LE(args.deadline, t_now());
	/* What was buffered is received, then the end. */
	EXPECT_EQ(1, t_get(fd, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(TIMEOUT, p_reason(fd));
	EXPECT_TRUE(t_counters(fd, 1, 1, 0, 0));
}

TEST_F(ends, a_deadline_above_int64_max_is_einval_and_the_latest_is_none_at_all)
{
	int nr_fds = t_count_fds();

	EXPECT_EQ(-EINVAL, c_derive(self->root, (__u64)INT64_MAX + 1));
	EXPECT_EQ(-EINVAL, c_derive(self->root, UINT64_MAX));
	EXPECT_EQ(nr_fds, t_count_fds());
	EXPECT_TRUE(c_open(c_derive(self->root, INT64_MAX)));
}

/* --- death --- */

TEST_F(ends, the_holders_death_ends_everything_derived_in_every_process)
{
	struct c_member *holder, *child, *grandchild, *late_one;
	int seen[4];

	holder = c_member_start(self->root, 0, READ, &seen[0]);
	child = c_member_start(seen[0], 0, READ, &seen[1]);
	grandchild = c_member_start(seen[1], t_in_ms(3600 * 1000), READ, &seen[2]);
	ASSERT_LE(0, seen[2]);
	EXPECT_TRUE(c_member_waits(grandchild));
	EXPECT_EQ(256 + SIGKILL, t_kill(holder->party.pid));
	EXPECT_EQ(-EOWNERDEAD, c_member_end(child));
	EXPECT_EQ(-EOWNERDEAD, c_member_end(grandchild));
	EXPECT_EQ(-EOWNERDEAD, c_reason(seen[0]));
	EXPECT_TRUE(c_open(self->root));
	late_one = c_member_start(seen[0], 0, READ, &seen[3]);
	EXPECT_EQ(-EOWNERDEAD, c_member_end(late_one));
}

TEST_F(ends, a_context_is_not_kept_open_by_what_is_derived_from_it)
{
	int child = c_derive(self->root, 0);
	int below = c_derive(child, 0);

	close(child);
	EXPECT_EQ(-EOWNERDEAD, c_reason(below));
	EXPECT_TRUE(c_open(self->root));
}

TEST_F(ends, the_last_reader_of_a_context_ends_what_is_derived_with_epipe)
{
	int parent = t_new(0);
	int wr = t_dup(parent, HSK_RIGHT_WRITE);
	int child = c_derive(parent, 0);

	close(parent);
	EXPECT_EQ(-EPIPE, c_reason(wr));
	EXPECT_EQ(-EPIPE, c_reason(child));
}

/* --- poll and epoll --- */

struct poller {
	int fd, revents;
	bool epoll;
};

static int poll_context(void *p)
{
	struct poller *poller = p;
	struct pollfd pfd = { .fd = poller->fd, .events = POLLIN | POLLRDHUP };

	if (poller->epoll) {
		poller->revents = p_epoll_take(p_epoll_of(poller->fd,
							  EPOLLIN | EPOLLRDHUP | EPOLLET),
					       P_PATIENCE_S * 1000);
		return 0;
	}
	T_NEED_EQ(1, poll(&pfd, 1, P_PATIENCE_S * 1000));
	poller->revents = pfd.revents;
	return 0;
}

/* Pollers of the child in other processes, in poll(2) and in epoll_wait(2). */
static bool pollers_hear(int child, int (*end)(int fd), int fd)
{
	struct poller *pollers = t_shared(2 * sizeof(*pollers));
	struct t_party parties[2];
	int i;

	for (i = 0; i < 2; i++) {
		pollers[i].fd = t_dup(child, READ);
		pollers[i].epoll = i;
		if (t_start(&parties[i], T_PROCESS, poll_context, &pollers[i]))
			return false;
	}
	if (p_wait_in_syscall(parties[0].pid, SYS_poll) ||
	    p_wait_in_syscall(parties[1].pid, SYS_epoll_wait) ||
	    !t_party_running(&parties[0]) || !t_party_running(&parties[1]) || end(fd))
		return false;
	return !t_join(&parties[0]) && !t_join(&parties[1]) &&
	       pollers[0].revents == DONE_EVENTS && pollers[1].revents == DONE_EVENTS;
}

static int end_by_cancel(int fd)
{
	return t_close(fd, CANCEL);
}

static int end_by_death(int pid)
{
	return t_kill(pid) == 256 + SIGKILL ? 0 : -1;
}

static int end_by_waiting(int fd)
{
	return c_wait(fd) == TIMEOUT ? 0 : -1;
}

TEST_F(ends, pollers_in_other_processes_hear_of_the_parents_end)
{
	EXPECT_TRUE(pollers_hear(c_derive(self->root, 0), end_by_cancel, self->root));
}

TEST_F(ends, pollers_in_other_processes_hear_of_the_holders_death)
{
	struct c_member *holder;
	int seen, child;

	holder = c_member_start(self->root, 0, READ, &seen);
	child = c_derive(seen, 0);
	ASSERT_LE(0, child);
	EXPECT_TRUE(pollers_hear(child, end_by_death, holder->party.pid));
	EXPECT_EQ(-EOWNERDEAD, c_reason(child));
}

TEST_F(ends, pollers_in_other_processes_hear_of_the_deadline)
{
	int child = c_derive(self->root, t_in_a_while());

	EXPECT_TRUE(pollers_hear(child, end_by_waiting, child));
}

TEST_F(ends, an_edge_triggered_poller_hears_of_an_end_once)
{
	int child = c_derive(self->root, 0);
	int ep = p_epoll_of(t_dup(child, READ), EPOLLIN | EPOLLRDHUP | EPOLLET);

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, p_epoll_take(ep, 0));
	EXPECT_EQ(0, t_close(self->root, CANCEL));
	EXPECT_EQ(DONE_EVENTS, p_epoll_take(ep, 0));
	EXPECT_EQ(0, p_epoll_take(ep, T_STILL_MS));
}

HSK_TEST_MAIN
