// SPDX-License-Identifier: GPL-2.0-only
/*
 * Law 11: a party whose own memory never answers (a page that a userfaultfd
 * should serve and does not) can be killed, and so can everyone who deals with
 * it; nobody else waits for it, and what it had taken comes back.
 */
#include "../kselftest_harness.h"
#include "peer.h"

/* A page that comes when @release is readable, with a thread that waits. */
struct stuck {
	char *page;
	int uffd;
	int release;
};

static void *serve(void *arg)
{
	struct stuck *stuck = arg;
	struct uffdio_zeropage zero = { .mode = 0 };
	char c;

	zero.range.start = (uintptr_t)stuck->page;
	zero.range.len = 4096;
	if (read(stuck->release, &c, 1) == 1)
		ioctl(stuck->uffd, UFFDIO_ZEROPAGE, &zero);
	return NULL;
}

/* Sleeps in a fault inside the system call: in it, and in no queue. */
static int wait_stuck(pid_t pid)
{
	return p_wait_in_syscall(pid, SYS_ioctl);
}

FIXTURE(stuck) {
	int chan;
};

FIXTURE_VARIANT(stuck) {
	unsigned int capacity;
};

FIXTURE_VARIANT_ADD(stuck, unbuffered) { .capacity = 0 };
FIXTURE_VARIANT_ADD(stuck, buffered) { .capacity = 4 };

FIXTURE_SETUP(stuck)
{
	int uffd;

	if (!p_stuck_page(&uffd))
		P_SKIP_SETUP("no userfaultfd: %s", strerror(errno));
	self->chan = t_new(variant->capacity);
	ASSERT_LE(0, self->chan);
}

FIXTURE_TEARDOWN(stuck)
{
}

/* A child that receives into a page that does not come before @release. */
static pid_t fork_stuck_receiver(int chan, int release)
{
	pid_t pid = p_fork();

	if (!pid) {
		struct stuck stuck = { .release = release };
		pthread_t thread;

		stuck.page = p_stuck_page(&stuck.uffd);
		P_NEED(stuck.page);
		if (release >= 0)
			P_NEED(!pthread_create(&thread, NULL, serve, &stuck));
		_exit(p_recv(chan, stuck.page, 4096) != 1);
	}
	return pid;
}

/* A child that sends from such a page. */
static pid_t fork_stuck_sender(int chan)
{
	pid_t pid = p_fork();

	if (!pid) {
		int uffd;
		char *page = p_stuck_page(&uffd);

		P_NEED(page);
		_exit(t_send(chan, page, 100) != 0);
	}
	return pid;
}

/* A stuck receiver with a message in hand, whose sender has returned. */
static pid_t receiver_with_message(struct __test_metadata *_metadata,
				   int rd, int wr, int release)
{
	pid_t pid = fork_stuck_receiver(rd, release);

	ASSERT_EQ(0, t_wait_receivers(rd, 1));
	ASSERT_EQ(0, p_try_send(wr, "1", 1));
	ASSERT_EQ(0, wait_stuck(pid));
	EXPECT_EQ(0, p_info(rd).waiting_receivers);
	EXPECT_TRUE(t_counters(rd, 1, 0, 1, 0));
	return pid;
}

TEST_F(stuck, a_receiver_can_be_killed_and_its_message_comes_back)
{
	pid_t pid = receiver_with_message(_metadata, self->chan,
					  self->chan, -1);
	char c = 0;

	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_TRUE(t_counters(self->chan, 1, 0, 1, 0));
	EXPECT_EQ(POLLIN, p_poll_now(self->chan) & POLLIN);
	EXPECT_EQ(1, p_try_recv(self->chan, &c, 1));
	EXPECT_EQ('1', c);
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

TEST_F(stuck, a_receiver_stops_nobody_else)
{
	pid_t pid = receiver_with_message(_metadata, self->chan,
					  self->chan, -1);
	struct p_op op;
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, p_recv_start(&op, self->chan));
		ASSERT_EQ(0, t_send(self->chan, "x", 1));
		ASSERT_EQ(0, p_op_join(&op));
		ASSERT_EQ('x', op.byte);
	}
	EXPECT_TRUE(t_counters(self->chan, 51, 50, 1, 0));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_TRUE(t_counters(self->chan, 51, 50, 1, 0));
}

TEST_F(stuck, a_receivers_message_goes_on_to_one_who_waits)
{
	pid_t pid = receiver_with_message(_metadata, self->chan,
					  self->chan, -1);
	struct p_op op;

	ASSERT_EQ(0, p_recv_start(&op, self->chan));
	ASSERT_EQ(0, t_wait_receivers(self->chan, 1));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_EQ('1', op.byte);
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

TEST_F(stuck, a_receivers_message_comes_back_before_later_ones)
{
	pid_t pid = receiver_with_message(_metadata, self->chan,
					  self->chan, -1);
	unsigned int i;
	char c = 0;

	for (i = 0; i < variant->capacity; i++)
		ASSERT_EQ(0, p_try_send(self->chan, "2", 1));
	/* Even beyond the capacity. */
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(variant->capacity + 1, p_info(self->chan).buffered);
	EXPECT_EQ(-EAGAIN, p_try_send(self->chan, "3", 1));
	EXPECT_EQ(1, p_try_recv(self->chan, &c, 1));
	EXPECT_EQ('1', c);
	for (i = 0; i < variant->capacity; i++) {
		EXPECT_EQ(1, p_try_recv(self->chan, &c, 1));
		EXPECT_EQ('2', c);
	}
}

TEST_F(stuck, a_receiver_does_not_keep_a_close_from_the_others)
{
	pid_t pid = receiver_with_message(_metadata, self->chan,
					  self->chan, -1);
	char c = 0;

	EXPECT_EQ(0, t_close(self->chan, 4));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(1, p_recv(self->chan, &c, 1));
	EXPECT_EQ('1', c);
	EXPECT_EQ(4, p_reason(self->chan));
}

TEST_F(stuck, the_last_readers_message_is_drained_when_it_is_killed)
{
	int rd = t_dup(self->chan, HSK_RIGHT_READ);
	int wr = t_dup(self->chan, HSK_RIGHT_WRITE);
	pid_t pid;

	close(self->chan);
	pid = receiver_with_message(_metadata, rd, wr, -1);
	close(rd);
	/* The child has the READ endpoint still, and only it. */
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_TRUE(t_counters(wr, 1, 0, 0, 1));
	EXPECT_EQ(-EPIPE, t_send(wr, "m", 1));
}

/* --- closed with a message under way ----------------------------------------------- */

TEST_F(stuck, a_closed_channel_is_not_drained_while_a_message_is_under_way)
{
	int rd = t_dup(self->chan, HSK_RIGHT_READ);
	pid_t pid = receiver_with_message(_metadata, self->chan,
					  self->chan, -1);
	struct p_op op;
	char c = 0;

	ASSERT_EQ(0, t_close(self->chan, 6));
	/* It may yet come back, so nobody can be told that all is drained. */
	EXPECT_EQ(-EAGAIN, p_try_recv(rd, &c, 1));
	EXPECT_EQ(POLLRDHUP, p_poll_now(rd));
	ASSERT_EQ(0, p_recv_start(&op, rd));
	ASSERT_EQ(0, t_wait_receivers(rd, 1));
	EXPECT_TRUE(p_op_still_blocked(&op));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_EQ(0, op.msg.flags);
	EXPECT_EQ('1', op.byte);
	EXPECT_EQ(6, p_reason(rd));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, p_poll_now(rd));
}

TEST_F(stuck, a_closed_channel_is_drained_once_the_message_was_taken)
{
	struct pollfd pfd = { .events = POLLIN };
	int release[2], rd = t_dup(self->chan, HSK_RIGHT_READ);
	struct p_op op;
	pid_t pid;

	ASSERT_EQ(0, pipe(release));
	pid = receiver_with_message(_metadata, self->chan, self->chan,
				    release[0]);
	ASSERT_EQ(0, t_close(self->chan, 6));
	ASSERT_EQ(0, p_recv_start(&op, rd));
	ASSERT_EQ(0, t_wait_receivers(rd, 1));
	pfd.fd = rd;
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	ASSERT_EQ(1, write(release[1], "r", 1));
	EXPECT_EQ(1, poll(&pfd, 1, P_PATIENCE_S * 1000));
	EXPECT_EQ(POLLIN | POLLHUP, pfd.revents);
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_EQ(HSK_MSG_F_CLOSED, op.msg.flags);
	EXPECT_EQ(6, op.msg.reason);
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(rd, 1, 1, 0, 0));
}

/* A child in poll(2) for POLLIN without a timeout. */
static pid_t fork_poller(int fd)
{
	pid_t pid = p_fork();

	if (!pid) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		P_NEED(poll(&pfd, 1, -1) == 1);
		_exit(pfd.revents != POLLIN);
	}
	return pid;
}

TEST_F(stuck, a_message_that_comes_back_wakes_pollers)
{
	pid_t pid = receiver_with_message(_metadata, self->chan,
					  self->chan, -1);
	pid_t poller = fork_poller(self->chan);

	ASSERT_EQ(0, p_wait_in_syscall(poller, SYS_poll));
	EXPECT_TRUE(t_still_running(poller));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_EQ(0, t_wait(poller));
}

TEST_F(stuck, a_late_page_lets_its_receiver_finish)
{
	int release[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(release));
	pid = receiver_with_message(_metadata, self->chan, self->chan,
				    release[0]);
	ASSERT_EQ(1, write(release[1], "r", 1));
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

/* --- with a sender that waits ----------------------------------------------------- */

FIXTURE(handed) {
	int zero;
};

FIXTURE_SETUP(handed)
{
	int uffd;

	if (!p_stuck_page(&uffd))
		P_SKIP_SETUP("no userfaultfd: %s", strerror(errno));
	self->zero = t_open();
	ASSERT_LE(0, self->zero);
}

FIXTURE_TEARDOWN(handed)
{
}

TEST_F(handed, a_waiting_sender_can_be_killed_while_its_message_is_copied)
{
	int zero = self->zero;
	pid_t sender, receiver;
	char c = 0;

	sender = p_fork();
	if (!sender)
		_exit(t_send(zero, "1", 1) != 0);
	ASSERT_EQ(0, t_wait_senders(zero, 1));
	receiver = fork_stuck_receiver(zero, -1);
	ASSERT_EQ(0, t_wait_senders(zero, 0));
	ASSERT_EQ(0, wait_stuck(receiver));
	EXPECT_EQ(256 + SIGKILL, t_kill(sender));
	EXPECT_EQ(256 + SIGKILL, t_kill(receiver));
	/* Taken once already, it stays although nobody waits with it. */
	EXPECT_TRUE(t_counters(zero, 1, 0, 1, 0));
	EXPECT_EQ(1, p_try_recv(zero, &c, 1));
	EXPECT_EQ('1', c);
}

TEST_F(handed, a_waiting_senders_deadline_ends_it_with_success)
{
	struct p_op op;
	pid_t receiver;
	int zero = self->zero;
	char c = 0;

	ASSERT_EQ(0, p_op_start(&op, zero, true, '1', -1, t_in_a_while()));
	ASSERT_EQ(0, t_wait_senders(zero, 1));
	receiver = fork_stuck_receiver(zero, -1);
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_TRUE(t_counters(zero, 1, 0, 1, 0));
	EXPECT_EQ(256 + SIGKILL, t_kill(receiver));
	EXPECT_TRUE(t_counters(zero, 1, 0, 1, 0));
	EXPECT_EQ(1, p_try_recv(zero, &c, 1));
	EXPECT_EQ('1', c);
}

TEST_F(handed, a_waiting_sender_goes_on_waiting_when_its_receiver_is_killed)
{
	struct p_op first, second;
	pid_t receiver;
	int zero = self->zero;
	char c = 0;

	ASSERT_EQ(0, p_send_start(&first, zero, '1'));
	ASSERT_EQ(0, t_wait_senders(zero, 1));
	receiver = fork_stuck_receiver(zero, -1);
	ASSERT_EQ(0, t_wait_senders(zero, 0));
	ASSERT_EQ(0, p_send_start(&second, zero, '2'));
	ASSERT_EQ(0, t_wait_senders(zero, 1));
	EXPECT_EQ(256 + SIGKILL, t_kill(receiver));
	EXPECT_EQ(2, p_info(zero).waiting_senders);
	EXPECT_TRUE(t_counters(zero, 0, 0, 0, 0));
	EXPECT_TRUE(p_op_still_blocked(&first));
	EXPECT_EQ(1, p_recv(zero, &c, 1));
	EXPECT_EQ('1', c);
	EXPECT_EQ(1, p_recv(zero, &c, 1));
	EXPECT_EQ('2', c);
	EXPECT_EQ(0, p_op_join(&first));
	EXPECT_EQ(0, p_op_join(&second));
	EXPECT_TRUE(t_counters(zero, 2, 2, 0, 0));
}

TEST_F(handed, a_sender_that_waits_again_wakes_pollers)
{
	pid_t receiver, poller;
	struct p_op op;

	ASSERT_EQ(0, p_send_start(&op, self->zero, '1'));
	ASSERT_EQ(0, t_wait_senders(self->zero, 1));
	receiver = fork_stuck_receiver(self->zero, -1);
	ASSERT_EQ(0, t_wait_senders(self->zero, 0));
	poller = fork_poller(self->zero);
	ASSERT_EQ(0, p_wait_in_syscall(poller, SYS_poll));
	EXPECT_TRUE(t_still_running(poller));
	EXPECT_EQ(256 + SIGKILL, t_kill(receiver));
	EXPECT_EQ(0, t_wait(poller));
	EXPECT_EQ(0, t_close(self->zero, 0));
	EXPECT_EQ(-EPIPE, p_op_join(&op));
}

TEST_F(handed, a_close_lets_the_sender_go_with_success)
{
	struct p_op op;
	pid_t receiver;
	int zero = self->zero;
	char c = 0;

	ASSERT_EQ(0, p_send_start(&op, zero, '1'));
	ASSERT_EQ(0, t_wait_senders(zero, 1));
	receiver = fork_stuck_receiver(zero, -1);
	ASSERT_EQ(0, t_wait_senders(zero, 0));
	ASSERT_EQ(0, wait_stuck(receiver));
	EXPECT_EQ(0, t_close(zero, 0));
	EXPECT_EQ(0, p_op_join(&op));
	EXPECT_TRUE(t_counters(zero, 1, 0, 1, 0));
	EXPECT_EQ(256 + SIGKILL, t_kill(receiver));
	/* So it must be there for the next receiver. */
	EXPECT_EQ(1, p_recv(zero, &c, 1));
	EXPECT_EQ('1', c);
	EXPECT_EQ(0, p_reason(zero));
	EXPECT_TRUE(t_counters(zero, 1, 1, 0, 0));
}

/* --- a stuck sender -------------------------------------------------------------------- */

TEST_F(stuck, a_sender_can_be_killed_and_has_done_nothing)
{
	pid_t pid = fork_stuck_sender(self->chan);

	ASSERT_EQ(0, wait_stuck(pid));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
	EXPECT_EQ(0, p_poll_now(self->chan) & POLLIN);
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_TRUE(t_counters(self->chan, 0, 0, 0, 0));
}

TEST_F(stuck, a_sender_stops_nobody_else)
{
	pid_t pid = fork_stuck_sender(self->chan);
	struct p_op op;
	int i;

	ASSERT_EQ(0, wait_stuck(pid));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, p_recv_start(&op, self->chan));
		ASSERT_EQ(0, t_send(self->chan, "x", 1));
		ASSERT_EQ(0, p_op_join(&op));
	}
	EXPECT_EQ(0, t_close(self->chan, 0));
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
	EXPECT_TRUE(t_counters(self->chan, 50, 50, 0, 0));
}

HSK_TEST_MAIN
