// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts as Go's context package tests them, with parent and child in different
 * processes: who ends with whom, and for which reason. What else than a close ends a
 * context, and how pollers hear of it, is in context_ends.c; families that are large,
 * and races, in context_tree.c; what a context does to operations in context_ops.c.
 */
#include "../kselftest_harness.h"
#include "context.h"

#define CANCEL		(-ECANCELED)
#define TIMEOUT		(-ETIMEDOUT)
#define APPLICATION	77	/* a reason of the application's own */
#define DONE_EVENTS	(POLLIN | POLLRDHUP | POLLHUP)
#define PAST		1	/* an absolute time that has gone by */
#define READ		HSK_RIGHT_READ

FIXTURE(context) {
	int root;
};

FIXTURE_SETUP(context)
{
	self->root = t_new(0);
	ASSERT_LE(0, self->root);
}

FIXTURE_TEARDOWN(context)
{
	EXPECT_TRUE(t_counters(self->root, 0, 0, 0, 0));
}

/* --- cancel --- */

TEST_F(context, WithCancel_a_child_in_another_process_is_done_when_its_parent_is)
{
	struct c_member *member;
	int seen;

	member = c_member_start(self->root, 0, READ, &seen);
	ASSERT_LE(0, seen);
	EXPECT_TRUE(c_member_waits(member));
	EXPECT_TRUE(c_open(seen));
	EXPECT_EQ(0, p_poll_now(seen));
	EXPECT_EQ(0, t_close(self->root, CANCEL));
	/* Not sometime: when the close has returned. */
	EXPECT_EQ(CANCEL, c_reason(seen));
	EXPECT_EQ(DONE_EVENTS, p_poll_now(seen));
	EXPECT_EQ(CANCEL, c_member_end(member));
}

TEST_F(context, a_second_cancel_is_epipe_and_changes_no_reason)
{
	int child = c_derive(self->root, 0);

	EXPECT_EQ(0, t_close(self->root, CANCEL));
	EXPECT_EQ(-EPIPE, t_close(self->root, 5));
	EXPECT_EQ(-EPIPE, t_close(child, 6));
	EXPECT_EQ(CANCEL, c_reason(self->root));
	EXPECT_EQ(CANCEL, c_reason(child));
}

TEST_F(context, ParentFinishesChild_and_what_the_child_has_is_finished_too)
{
	struct c_member *child, *grandchild, *timed;
	int seen[3];

	child = c_member_start(self->root, 0, READ, &seen[0]);
	grandchild = c_member_start(seen[0], 0, READ, &seen[1]);
	timed = c_member_start(seen[1], t_in_ms(3600 * 1000), READ, &seen[2]);
	ASSERT_LE(0, seen[2]);
	EXPECT_TRUE(c_member_waits(timed));
	EXPECT_EQ(0, t_close(self->root, CANCEL));
	EXPECT_EQ(CANCEL, c_reason(seen[0]));
	EXPECT_EQ(CANCEL, c_reason(seen[1]));
	EXPECT_EQ(CANCEL, c_reason(seen[2]));
	EXPECT_EQ(CANCEL, c_member_end(child));
	EXPECT_EQ(CANCEL, c_member_end(grandchild));
	EXPECT_EQ(CANCEL, c_member_end(timed));
}

TEST_F(context, ChildFinishesFirst_and_parent_and_sibling_go_on)
{
	struct c_member *child, *sibling;
	int first, second;

	child = c_member_start(self->root, 0, T_BOTH, &first);
	sibling = c_member_start(self->root, 0, READ, &second);
	ASSERT_LE(0, second);
	EXPECT_EQ(0, t_close(first, APPLICATION));
	EXPECT_EQ(APPLICATION, c_member_end(child));
	EXPECT_TRUE(c_member_waits(sibling));
	EXPECT_TRUE(c_open(self->root));
	EXPECT_TRUE(c_open(second));
	EXPECT_EQ(0, t_close(self->root, CANCEL));
	EXPECT_EQ(CANCEL, c_member_end(sibling));
	/* The first reason stands. */
	EXPECT_EQ(APPLICATION, c_reason(first));
}

TEST_F(context, a_child_in_the_middle_takes_its_own_branch_only)
{
	int middle = c_derive(self->root, 0), beside = c_derive(self->root, 0);
	struct c_member *below, *elsewhere;
	int seen[2];

	below = c_member_start(middle, 0, READ, &seen[0]);
	elsewhere = c_member_start(beside, 0, READ, &seen[1]);
	ASSERT_LE(0, seen[1]);
	EXPECT_EQ(0, t_close(middle, 3));
	EXPECT_EQ(3, c_member_end(below));
	EXPECT_TRUE(c_member_waits(elsewhere));
	EXPECT_TRUE(c_open(self->root));
	EXPECT_EQ(0, t_close(self->root, 4));
	EXPECT_EQ(4, c_member_end(elsewhere));
	EXPECT_EQ(3, c_reason(seen[0]));
}

/* Go's child waits for its parent's end and then cancels itself. */
struct interlocked {
	int parent, child, ret;
};

static int cancel_child_after_parent(void *p)
{
	struct interlocked *lock = p;

	T_NEED_EQ(CANCEL, c_wait(lock->parent));
	lock->ret = t_close(lock->child, APPLICATION);
	return 0;
}

TEST_F(context, InterlockedCancels_end_both)
{
	struct interlocked *lock = t_shared(sizeof(*lock));
	struct t_party party;

	lock->parent = self->root;
	lock->child = c_derive(self->root, 0);
	ASSERT_EQ(0, t_start(&party, T_PROCESS, cancel_child_after_parent, lock));
	ASSERT_EQ(0, t_wait_receivers(self->root, 1));
	EXPECT_EQ(0, t_close(self->root, CANCEL));
	EXPECT_EQ(0, t_join(&party));
	/* Which of the two was first is open. */
	if (lock->ret)
		EXPECT_EQ(-EPIPE, lock->ret);
	EXPECT_EQ(lock->ret ? CANCEL : APPLICATION, c_wait(lock->child));
}

TEST_F(context, WithCancelCanceledParent_a_child_of_a_closed_parent_is_closed_from_the_start)
{
	int seen, child;
	struct c_member *member;

	ASSERT_EQ(0, t_close(self->root, APPLICATION));
	child = c_derive(self->root, 0);
	ASSERT_LE(0, child);
	EXPECT_EQ(APPLICATION, c_reason(child));
	EXPECT_EQ(-EPIPE, t_close(child, 0));
	EXPECT_EQ(APPLICATION, c_reason(c_derive(self->root, PAST)));
	EXPECT_EQ(APPLICATION, c_reason(c_derive(self->root, t_in_ms(1))));
	member = c_member_start(child, 0, READ, &seen);
	ASSERT_LE(0, seen);
	EXPECT_EQ(APPLICATION, c_member_end(member));
}

TEST_F(context, Cause_every_reason_is_handed_down_as_it_is)
{
	static const int reasons[] = { 0, 1, INT32_MAX, -1, -4095, CANCEL, TIMEOUT };
	struct c_member *member;
	int parent, seen;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		parent = t_new(0);
		member = c_member_start(parent, 0, READ, &seen);
		ASSERT_LE(0, seen);
		EXPECT_EQ(0, t_close(parent, reasons[i]));
		EXPECT_EQ(reasons[i], c_reason(seen));
		EXPECT_EQ(reasons[i], c_member_end(member));
	}
}

TEST_F(context, WithoutCancel_a_channel_made_on_a_context_is_not_derived_from_it)
{
	int other = t_chan_new(self->root, 0);
	int below = c_derive(other, 0);

	EXPECT_EQ(0, t_close(self->root, CANCEL));
	EXPECT_TRUE(c_open(other));
	EXPECT_TRUE(c_open(below));
	EXPECT_EQ(0, t_close(other, APPLICATION));
	EXPECT_EQ(APPLICATION, c_reason(below));
}

/* --- rights, descriptors, messages --- */

TEST_F(context, to_derive_takes_the_right_to_read_and_gives_no_power_over_the_parent)
{
	int rd = t_dup(self->root, READ), wr = t_dup(self->root, HSK_RIGHT_WRITE);
	int pipes[2], nr_fds, child;

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	nr_fds = t_count_fds();
	EXPECT_EQ(-EBADF, c_derive(wr, 0));
	EXPECT_EQ(nr_fds, t_count_fds());
	child = c_derive(rd, 0);
	ASSERT_LE(0, child);
	EXPECT_EQ(T_BOTH, p_info(child).rights);
	EXPECT_EQ(FD_CLOEXEC, fcntl(child, F_GETFD));
	EXPECT_NE(p_info(child).id, p_info(rd).id);
	EXPECT_EQ(0, t_close(child, 1));
	EXPECT_TRUE(c_open(rd));
	EXPECT_EQ(-EBADF, t_close(rd, 1));
}

TEST_F(context, a_parent_that_is_no_endpoint_is_ebadf)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args), .flags = HSK_CHAN_F_PARENT,
	};
	int none[4] = { -1, 1000000, t_open() };
	unsigned int i, nr_fds;

	none[3] = open("/dev/null", O_RDWR | O_CLOEXEC);
	close(none[2]);
	nr_fds = t_count_fds();
	for (i = 0; i < ARRAY_SIZE(none); i++) {
		args.parent = none[i];
		EXPECT_EQ(-EBADF, t_ioctl(self->root, HSK_IOC_CHAN_NEW, &args))
			TH_LOG("%u", i);
	}
	/* Wrong capacity and deadline come first. */
	args.deadline = UINT64_MAX;
	EXPECT_EQ(-EINVAL, t_ioctl(self->root, HSK_IOC_CHAN_NEW, &args));
	args.deadline = 0;
	args.capacity = UINT32_MAX;
	EXPECT_EQ(-EINVAL, t_ioctl(self->root, HSK_IOC_CHAN_NEW, &args));
	EXPECT_EQ(nr_fds, t_count_fds());
}

TEST_F(context, a_program_older_than_deadlines_derives_too)
{
	struct hsk_chan_new_args args = {
		.size = offsetof(struct hsk_chan_new_args, deadline),
		.flags = HSK_CHAN_F_PARENT,
		.parent = self->root,
		.deadline = PAST,	/* not a part of it */
	};
	int child = t_ioctl(self->root, HSK_IOC_CHAN_NEW, &args);

	ASSERT_LE(0, child);
	EXPECT_TRUE(c_open(child));
	EXPECT_EQ(0, t_close(self->root, 2));
	EXPECT_EQ(2, c_reason(child));
}

/* A requester sends its context with the request; a worker derives its own. */
struct request {
	int way, ready, go;
	int reason;
};

static int request_and_cancel(void *p)
{
	struct request *request = p;
	int ctx = t_open();
	__u64 v;

	T_NEED(ctx >= 0);
	T_NEED_EQ(0, t_send_fd(request->way, t_dup(ctx, READ)));
	T_NEED_EQ(1, t_get(request->go, &v));
	T_NEED_EQ(0, t_close(ctx, APPLICATION));
	return 0;
}

static int work_until_canceled(void *p)
{
	struct request *request = p;
	int ctx = t_recv_fd(request->way);
	int own = c_derive(ctx, 0);

	T_NEED(own >= 0);
	T_NEED_EQ(-EBADF, t_close(ctx, 0));
	T_NEED_EQ(0, t_put(request->ready, 1));
	request->reason = c_wait(own);
	return 0;
}

TEST_F(context, a_context_travels_in_a_message_and_its_receiver_hears_of_its_end)
{
	struct request *request = t_shared(sizeof(*request));
	struct t_party requester, worker;
	__u64 v;

	request->way = t_new(0);
	request->ready = t_new(0);
	request->go = t_new(0);
	ASSERT_EQ(0, t_start(&requester, T_PROCESS, request_and_cancel, request));
	ASSERT_EQ(0, t_start(&worker, T_PROCESS, work_until_canceled, request));
	ASSERT_EQ(1, t_get(request->ready, &v));
	EXPECT_TRUE(t_party_running(&worker));
	EXPECT_EQ(0, t_put(request->go, 1));
	EXPECT_EQ(0, t_join(&requester));
	EXPECT_EQ(0, t_join(&worker));
	EXPECT_EQ(APPLICATION, request->reason);
}

TEST_F(context, a_context_that_ended_while_it_travelled_arrives_closed)
{
	int way = t_new(2), child = c_derive(self->root, 0), got;

	ASSERT_EQ(0, t_send_fd(way, child));
	/* The message holds the last endpoint, so it is alive. */
	close(child);
	EXPECT_EQ(0, t_close(self->root, 9));
	got = t_recv_fd(way);
	ASSERT_LE(0, got);
	EXPECT_EQ(9, c_reason(got));
	EXPECT_TRUE(t_counters(way, 1, 1, 0, 0));
}

HSK_TEST_MAIN
