// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who sent it: the sender's process, effective user and group, as the receiver
 * would call them, and nothing that a sender could choose.
 */
#include <sched.h>

#include "../kselftest_harness.h"
#include "peer.h"

#define USER_A	4001
#define USER_B	4002

FIXTURE(identity) {
	int chan;
	struct hsk_msghdr msg;
};

FIXTURE_SETUP(identity)
{
	self->chan = t_new(4);
	ASSERT_LE(0, self->chan);
}

FIXTURE_TEARDOWN(identity)
{
}

TEST_F(identity, is_that_of_the_sending_process)
{
	pid_t pid = p_fork();

	if (!pid)
		_exit(t_send(self->chan, NULL, 0) != 0);
	ASSERT_EQ(0, t_recv(self->chan, NULL, 0, &self->msg));
	EXPECT_EQ(pid, self->msg.pid);
	EXPECT_EQ(geteuid(), self->msg.uid);
	EXPECT_EQ(getegid(), self->msg.gid);
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(identity, is_the_process_and_not_the_thread)
{
	struct p_op op;
	char c;

	ASSERT_EQ(0, p_send_start(&op, self->chan, 't'));
	ASSERT_EQ(0, p_op_join(&op));
	ASSERT_EQ(0, t_recv(self->chan, &c, 1, &self->msg));
	EXPECT_NE(getpid(), p_op_tid(&op));
	EXPECT_EQ(getpid(), self->msg.pid);
}

TEST_F(identity, is_the_same_by_hand_over_buffer_and_waiting_sender)
{
	int zero = t_open(), ready = t_new(1);
	struct p_op op;
	pid_t pid;
	char c;

	/* A waiting receiver. */
	ASSERT_EQ(0, p_recv_start(&op, zero));
	ASSERT_EQ(0, t_wait_receivers(zero, 1));
	pid = p_fork();
	if (!pid) {
		P_NEED(!p_try_send(zero, "h", 1));
		P_NEED(!t_send(self->chan, "b", 1));
		P_NEED(!t_send(ready, "r", 1));
		_exit(t_send(zero, "w", 1) != 0);
	}
	ASSERT_EQ(0, p_op_join(&op));
	EXPECT_EQ(pid, op.msg.pid);
	ASSERT_EQ(1, p_recv(ready, &c, 1));
	ASSERT_EQ(0, t_recv(self->chan, &c, 1, &self->msg));
	EXPECT_EQ(pid, self->msg.pid);
	ASSERT_EQ(0, t_wait_senders(zero, 1));
	ASSERT_EQ(0, t_recv(zero, &c, 1, &self->msg));
	EXPECT_EQ(pid, self->msg.pid);
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(identity, outlives_the_sender)
{
	pid_t pid = p_fork();

	if (!pid)
		_exit(t_send(self->chan, NULL, 0) != 0);
	ASSERT_EQ(0, t_wait(pid));
	ASSERT_EQ(0, t_recv(self->chan, NULL, 0, &self->msg));
	EXPECT_EQ(pid, self->msg.pid);
}

TEST_F(identity, is_none_on_the_closed_mark)
{
	ASSERT_EQ(0, t_close(self->chan, 0));
	ASSERT_EQ(0, t_recv(self->chan, NULL, 0, &self->msg));
	EXPECT_EQ(HSK_MSG_F_CLOSED, self->msg.flags);
	EXPECT_EQ(0, self->msg.pid);
}

TEST_F(identity, cannot_be_given_by_the_sender)
{
	struct hsk_send_args args = { .size = sizeof(args) };

	args.msg.pid = 1;
	EXPECT_EQ(-EINVAL, t_ioctl(self->chan, HSK_IOC_SEND, &args));
	args.msg.pid = 0;
	args.msg.uid = 1;
	EXPECT_EQ(-EINVAL, t_ioctl(self->chan, HSK_IOC_SEND, &args));
	args.msg.uid = 0;
	args.msg.gid = 1;
	EXPECT_EQ(-EINVAL, t_ioctl(self->chan, HSK_IOC_SEND, &args));
	args.msg.gid = 0;
	EXPECT_EQ(0, t_ioctl(self->chan, HSK_IOC_SEND, &args));
}

TEST_F(identity, is_the_effective_one_at_the_time_of_the_send)
{
	pid_t pid;
	char c;

	if (geteuid())
		SKIP(return, "needs root to become another user");
	pid = p_fork();
	if (!pid) {
		P_NEED(!setresgid(0, USER_B, 0));
		P_NEED(!setresuid(0, USER_A, 0));
		P_NEED(!t_send(self->chan, "1", 1));
		P_NEED(!setresuid(0, 0, 0));
		P_NEED(!setresgid(0, 0, 0));
		P_NEED(!t_send(self->chan, "2", 1));
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
	ASSERT_EQ(0, t_recv(self->chan, &c, 1, &self->msg));
	EXPECT_EQ(USER_A, self->msg.uid);
	EXPECT_EQ(USER_B, self->msg.gid);
	ASSERT_EQ(0, t_recv(self->chan, &c, 1, &self->msg));
	EXPECT_EQ(0, self->msg.uid);
	EXPECT_EQ(0, self->msg.gid);
}

/* --- pid namespaces ------------------------------------------------------------ */

/* The first process of a new pid namespace; its pid here. -errno: can't. */
static pid_t fork_into_pid_ns(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		return -errno;
	pid = fork();
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

TEST_F(identity, of_a_sender_below_is_its_pid_here)
{
	pid_t pid = fork_into_pid_ns();

	if (pid < 0)
		SKIP(return, "no new pid namespace: %s", strerror(-pid));
	if (!pid) {
		P_NEED(getpid() == 1);
		_exit(t_send(self->chan, NULL, 0) != 0);
	}
	ASSERT_EQ(0, t_recv(self->chan, NULL, 0, &self->msg));
	EXPECT_EQ(pid, self->msg.pid);
	EXPECT_LT(1, self->msg.pid);
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(identity, of_a_sender_above_is_0_below)
{
	pid_t pid = fork_into_pid_ns();

	if (pid < 0)
		SKIP(return, "no new pid namespace: %s", strerror(-pid));
	if (!pid) {
		P_NEED(!t_recv(self->chan, NULL, 0, &self->msg));
		P_NEED(self->msg.pid == 0);
		/* And its own is what it calls itself. */
		P_NEED(!t_send(self->chan, NULL, 0));
		P_NEED(!t_recv(self->chan, NULL, 0, &self->msg));
		P_NEED(self->msg.pid == 1);
		_exit(0);
	}
	ASSERT_EQ(0, t_send(self->chan, NULL, 0));
	EXPECT_EQ(0, t_wait(pid));
}

/* --- user namespaces ------------------------------------------------------------ */

/* In a child: a new user namespace in which @user is 0, and become that. */
static void enter_user_ns(unsigned int user)
{
	char map[64];

	P_NEED(!setresgid(user, user, user));
	P_NEED(!setresuid(user, user, user));
	/* Changing ids took /proc/self/uid_map from us. */
	P_NEED(!prctl(PR_SET_DUMPABLE, 1));
	P_NEED(!unshare(CLONE_NEWUSER));
	P_NEED(!p_write_file("/proc/self/setgroups", "deny"));
	snprintf(map, sizeof(map), "0 %u 1", user);
	P_NEED(!p_write_file("/proc/self/uid_map", map));
	P_NEED(!p_write_file("/proc/self/gid_map", map));
	P_NEED(geteuid() == 0);
}

static bool can_enter_user_ns(void)
{
	pid_t pid;

	if (geteuid())
		return false;
	pid = p_fork();
	if (!pid)
		_exit(unshare(CLONE_NEWUSER) != 0);
	return t_wait(pid) == 0;
}

TEST_F(identity, of_root_in_a_user_namespace_is_an_ordinary_user_outside)
{
	pid_t pid;

	if (!can_enter_user_ns())
		SKIP(return, "no new user namespace");
	pid = p_fork();
	if (!pid) {
		enter_user_ns(USER_A);
		_exit(t_send(self->chan, NULL, 0) != 0);
	}
	ASSERT_EQ(0, t_recv(self->chan, NULL, 0, &self->msg));
	EXPECT_EQ(USER_A, self->msg.uid);
	EXPECT_EQ(USER_A, self->msg.gid);
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(identity, of_a_user_unknown_in_the_receivers_namespace_is_the_overflow_id)
{
	int ready = t_open(), chan = self->chan;
	struct hsk_msghdr *msg = &self->msg;
	pid_t pid;

	if (!can_enter_user_ns())
		SKIP(return, "no new user namespace");
	pid = p_fork();
	if (!pid) {
		enter_user_ns(USER_A);
		P_NEED(!t_send(ready, NULL, 0));
		/* From root outside, from itself. */
		P_NEED(!t_recv(chan, NULL, 0, msg));
		P_NEED(msg->uid == 65534 && msg->gid == 65534);
		P_NEED(!t_send(chan, NULL, 0));
		P_NEED(!t_recv(chan, NULL, 0, msg));
		P_NEED(msg->uid == 0 && msg->gid == 0);
		_exit(0);
	}
	ASSERT_EQ(0, t_recv(ready, NULL, 0, NULL));
	ASSERT_EQ(0, t_send(chan, NULL, 0));
	EXPECT_EQ(0, t_wait(pid));
}

TEST_F(identity, is_told_to_each_receiver_in_its_own_terms)
{
	int inside = t_open(), ready = t_open();
	struct hsk_msghdr *msg = &self->msg;
	pid_t pid, sender;

	if (!can_enter_user_ns())
		SKIP(return, "no new user namespace");
	pid = p_fork();
	if (!pid) {
		enter_user_ns(USER_A);
		P_NEED(!t_send(ready, NULL, 0));
		P_NEED(!t_recv(inside, NULL, 0, msg));
		_exit(msg->uid != 0 || msg->gid != 0);
	}
	ASSERT_EQ(0, t_recv(ready, NULL, 0, NULL));
	sender = p_fork();
	if (!sender) {
		P_NEED(!setresgid(USER_A, USER_A, USER_A));
		P_NEED(!setresuid(USER_A, USER_A, USER_A));
		P_NEED(!t_send(inside, NULL, 0));
		_exit(t_send(self->chan, NULL, 0) != 0);
	}
	EXPECT_EQ(0, t_wait(pid));
	ASSERT_EQ(0, t_recv(self->chan, NULL, 0, msg));
	EXPECT_EQ(sender, msg->pid);
	EXPECT_EQ(USER_A, msg->uid);
	EXPECT_EQ(USER_A, msg->gid);
	EXPECT_EQ(0, t_wait(sender));
}

HSK_TEST_MAIN
