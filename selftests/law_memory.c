// SPDX-License-Identifier: GPL-2.0-only
/*
 * Law 11 where the peer's memory is slow: a receiver that takes a message into
 * memory which userfaultfd(2) holds back stays in the middle of the copy for as
 * long as the test likes. Nobody else may notice.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"

#define PAGE	4096

/* Memory of which the first access waits until slow_release(). */
struct slow {
	int uffd;
	unsigned char *page;
};

/* 0 or -errno, where the kernel or the user can't. */
static int slow_init(struct slow *slow)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	slow->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (slow->uffd < 0 || ioctl(slow->uffd, UFFDIO_API, &api))
		return -errno;
	slow->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slow->page == MAP_FAILED)
		return -errno;
	range.range.start = (uintptr_t)slow->page;
	range.range.len = PAGE;
	return ioctl(slow->uffd, UFFDIO_REGISTER, &range) ? -errno : 0;
}

static int slow_release(struct slow *slow)
{
	struct uffdio_zeropage zero = {
		.range.start = (uintptr_t)slow->page,
		.range.len = PAGE,
	};

	return ioctl(slow->uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

/* Somebody is in the middle of a copy: a message matched and not received. */
static int wait_in_transit(int fd, __u64 nr)
{
	__u64 end = t_in_ms(10000 * t_slow());
	struct hsk_info_args info;

	do {
		if (t_info(fd, &info))
			return -EIO;
		if (info.buffered == nr && !info.waiting_senders)
			return 0;
		t_sleep_ms(1);
	} while (t_now() < end);
	return -ETIMEDOUT;
}

FIXTURE(slow) {
	struct slow memory;
	int fd;
};

FIXTURE_SETUP(slow)
{
	if (slow_init(&self->memory))
		self->memory.uffd = -1;
	self->fd = t_new(0);
}

FIXTURE_TEARDOWN(slow)
{
	EXPECT_TRUE(t_conserved(self->fd));
}

#define NEED_SLOW_MEMORY()						\
do {									\
	if (self->memory.uffd < 0)					\
		SKIP(return, "needs userfaultfd");			\
} while (0)

TEST_F(slow, sender_whose_message_is_being_copied_can_be_killed)
{
	struct t_job *sender, *receiver;

	NEED_SLOW_MEMORY();
	sender = t_job_put_blocked(T_PROCESS, self->fd, 1, 1);
	ASSERT_TRUE(!!sender);
	receiver = t_job_recv(T_THREAD, self->fd, self->memory.page, 8, 0);
	ASSERT_EQ(0, wait_in_transit(self->fd, 1));
	EXPECT_EQ(256 + SIGKILL, t_kill(sender->party.pid));
	EXPECT_TRUE(t_job_blocked(receiver));
	EXPECT_TRUE(t_counters(self->fd, 1, 0, 1, 0));
	ASSERT_EQ(0, slow_release(&self->memory));
	EXPECT_EQ(0, t_job_end(receiver));
	EXPECT_EQ(1, self->memory.page[0]);
	EXPECT_TRUE(t_counters(self->fd, 1, 1, 0, 0));
}

TEST_F(slow, sender_whose_message_is_being_copied_succeeds_at_its_deadline)
{
	struct t_job *sender, *receiver;
	__u64 value = 1;

	NEED_SLOW_MEMORY();
	sender = t_job_send(T_PROCESS, self->fd, &value, 8, t_in_a_while());
	ASSERT_EQ(0, t_wait_senders(self->fd, 1));
	receiver = t_job_recv(T_THREAD, self->fd, self->memory.page, 8, 0);
	ASSERT_EQ(0, wait_in_transit(self->fd, 1));
	EXPECT_EQ(0, t_job_end(sender));
	EXPECT_TRUE(t_job_blocked(receiver));
	ASSERT_EQ(0, slow_release(&self->memory));
	EXPECT_EQ(0, t_job_end(receiver));
	EXPECT_TRUE(t_counters(self->fd, 1, 1, 0, 0));
}

TEST_F(slow, others_go_on_beside_a_slow_receiver)
{
	struct t_job *sender, *receiver, *other;
	__u64 v;
	int i;

	NEED_SLOW_MEMORY();
	sender = t_job_put_blocked(T_PROCESS, self->fd, 1, 1);
	ASSERT_TRUE(!!sender);
	receiver = t_job_recv(T_THREAD, self->fd, self->memory.page, 8, 0);
	ASSERT_EQ(0, wait_in_transit(self->fd, 1));
	for (i = 2; i < 5; i++) {
		other = t_job_put(T_PROCESS, self->fd, i);
		EXPECT_EQ(1, t_get(self->fd, &v));
		EXPECT_EQ(i, v);
		EXPECT_EQ(0, t_job_end(other));
	}
	ASSERT_EQ(0, slow_release(&self->memory));
	EXPECT_EQ(0, t_job_end(receiver));
	EXPECT_EQ(0, t_job_end(sender));
	EXPECT_TRUE(t_counters(self->fd, 4, 4, 0, 0));
}

TEST_F(slow, close_lets_every_sender_go_beside_a_slow_receiver)
{
	struct t_job *taken, *receiver, *waiting;

	NEED_SLOW_MEMORY();
	taken = t_job_put_blocked(T_PROCESS, self->fd, 1, 1);
	ASSERT_TRUE(!!taken);
	receiver = t_job_recv(T_THREAD, self->fd, self->memory.page, 8, 0);
	ASSERT_EQ(0, wait_in_transit(self->fd, 1));
	waiting = t_job_put_blocked(T_PROCESS, self->fd, 2, 1);
	ASSERT_TRUE(!!waiting);
	EXPECT_EQ(0, t_close(self->fd, 6));
	/* One has met a receiver, the other has not. */
	EXPECT_EQ(0, t_job_end(taken));
	EXPECT_EQ(-EPIPE, t_job_end(waiting));
	EXPECT_TRUE(t_job_blocked(receiver));
	ASSERT_EQ(0, slow_release(&self->memory));
	EXPECT_EQ(0, t_job_end(receiver));
	EXPECT_EQ(8, receiver->msg.len);
	EXPECT_EQ(0, receiver->msg.flags);
	EXPECT_TRUE(t_counters(self->fd, 1, 1, 0, 0));
}

static short poll_now(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLRDHUP };

	poll(&pfd, 1, 0);
	return pfd.revents;
}

TEST_F(slow, closed_is_not_told_while_a_message_may_come_back)
{
	int reader = t_dup(self->fd, HSK_RIGHT_READ);
	struct t_job *sender, *receiver, *waiting;
	__u64 v;

	NEED_SLOW_MEMORY();
	sender = t_job_put_blocked(T_PROCESS, self->fd, 1, 1);
	ASSERT_TRUE(!!sender);
	receiver = t_job_recv(T_THREAD, self->fd, self->memory.page, 8, 0);
	ASSERT_EQ(0, wait_in_transit(self->fd, 1));
	waiting = t_job_get_blocked(T_PROCESS, self->fd, 1);
	ASSERT_TRUE(!!waiting);
	EXPECT_EQ(0, t_close(self->fd, 6));
	EXPECT_TRUE(t_job_blocked(waiting));
	EXPECT_EQ(-EAGAIN, t_try_get(self->fd, &v));
	EXPECT_EQ(POLLRDHUP, poll_now(reader));
	ASSERT_EQ(0, slow_release(&self->memory));
	EXPECT_EQ(0, t_job_end(receiver));
	EXPECT_EQ(0, t_job_end(sender));
	EXPECT_TRUE(t_job_got_closed(waiting, 6));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, poll_now(reader));
	EXPECT_EQ(0, t_try_get(self->fd, &v));
	EXPECT_TRUE(t_counters(self->fd, 1, 1, 0, 0));
}

static int receive_into_slow_memory(void *p)
{
	int fd = *(int *)p;
	struct slow memory;

	T_NEED_EQ(0, slow_init(&memory));
	t_recv(fd, memory.page, 8, NULL);
	return 1;	/* nobody releases it */
}

TEST_F(slow, receiver_killed_in_the_copy_gives_the_message_back)
{
	struct t_job *sender;
	pid_t child;
	__u64 v;

	NEED_SLOW_MEMORY();
	sender = t_job_put_blocked(T_THREAD, self->fd, 7, 1);
	ASSERT_TRUE(!!sender);
	child = t_fork(receive_into_slow_memory, &self->fd);
	ASSERT_EQ(0, wait_in_transit(self->fd, 1));
	EXPECT_EQ(256 + SIGKILL, t_kill(child));
	/* Its sender waits again; nothing has been sent. */
	ASSERT_EQ(0, t_wait_senders(self->fd, 1));
	EXPECT_TRUE(t_job_blocked(sender));
	EXPECT_TRUE(t_counters(self->fd, 0, 0, 0, 0));
	EXPECT_EQ(1, t_get(self->fd, &v));
	EXPECT_EQ(7, v);
	EXPECT_EQ(0, t_job_end(sender));
}

TEST_F(slow, message_of_a_sender_that_has_gone_survives_a_receiver_killed_in_the_copy)
{
	pid_t child;
	__u64 v;

	NEED_SLOW_MEMORY();
	child = t_fork(receive_into_slow_memory, &self->fd);
	ASSERT_EQ(0, t_wait_receivers(self->fd, 1));
	ASSERT_EQ(0, t_try_put(self->fd, 8));
	ASSERT_EQ(0, wait_in_transit(self->fd, 1));
	EXPECT_EQ(256 + SIGKILL, t_kill(child));
	EXPECT_TRUE(t_counters(self->fd, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(self->fd, &v));
	EXPECT_EQ(8, v);
}

TEST_F(slow, message_that_comes_back_to_a_closed_channel_is_received_before_closed)
{
	struct t_job *sender, *waiting, *last;
	pid_t child;

	NEED_SLOW_MEMORY();
	sender = t_job_put_blocked(T_THREAD, self->fd, 7, 1);
	ASSERT_TRUE(!!sender);
	child = t_fork(receive_into_slow_memory, &self->fd);
	ASSERT_EQ(0, wait_in_transit(self->fd, 1));
	waiting = t_job_get_blocked(T_PROCESS, self->fd, 1);
	last = t_job_get_blocked(T_PROCESS, self->fd, 2);
	ASSERT_TRUE(waiting && last);
	EXPECT_EQ(0, t_close(self->fd, 6));
	EXPECT_EQ(0, t_job_end(sender));
	EXPECT_EQ(256 + SIGKILL, t_kill(child));
	EXPECT_TRUE(t_job_got(waiting, 7));
	EXPECT_TRUE(t_job_got_closed(last, 6));
	EXPECT_TRUE(t_counters(self->fd, 1, 1, 0, 0));
}

TEST_F(slow, messages_of_two_slow_receivers_come_back_in_order)
{
	struct t_job *senders[2];
	pid_t children[2];
	int i;
	__u64 v;

	NEED_SLOW_MEMORY();
	for (i = 0; i < 2; i++) {
		senders[i] = t_job_put(T_THREAD, self->fd, i);
		ASSERT_EQ(0, t_wait_senders(self->fd, 1));
		children[i] = t_fork(receive_into_slow_memory, &self->fd);
		ASSERT_EQ(0, wait_in_transit(self->fd, i + 1));
	}
	/* The first one's goes back first, and must not end up behind. */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(256 + SIGKILL, t_kill(children[i]));
		ASSERT_EQ(0, t_wait_senders(self->fd, i + 1));
	}
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(1, t_get(self->fd, &v));
		EXPECT_EQ(i, v);
		EXPECT_EQ(0, t_job_end(senders[i]));
	}
}

static bool nothing_to_receive(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 0;
}

TEST_F(slow, sender_put_back_comes_before_what_got_into_the_buffer_meanwhile)
{
	struct t_job *first, *sender;
	int fd = t_new(1);
	pid_t second;
	__u64 v;

	NEED_SLOW_MEMORY();
	ASSERT_EQ(0, t_try_put(fd, 0));
	first = t_job_recv(T_THREAD, fd, self->memory.page, 8, 0);
	while (!nothing_to_receive(fd))
		sched_yield();
	sender = t_job_put_blocked(T_THREAD, fd, 1, 1);
	ASSERT_TRUE(!!sender);
	second = t_fork(receive_into_slow_memory, &fd);
	ASSERT_EQ(0, t_wait_senders(fd, 0));

	/* The first receiver's slot is free now, and 2 takes it. */
	ASSERT_EQ(0, slow_release(&self->memory));
	ASSERT_EQ(0, t_job_end(first));
	ASSERT_EQ(0, t_try_put(fd, 2));
	EXPECT_EQ(256 + SIGKILL, t_kill(second));
	ASSERT_EQ(0, t_wait_senders(fd, 1));
	EXPECT_EQ(1, t_get(fd, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(0, t_job_end(sender));
	EXPECT_EQ(1, t_get(fd, &v));
	EXPECT_EQ(2, v);
	EXPECT_TRUE(t_counters(fd, 3, 3, 0, 0));
}

TEST_F(slow, sender_put_back_gets_a_slot_before_what_is_in_the_buffer)
{
	struct t_job *early, *late, *put_back, *behind;
	int fd = t_new(2);
	struct slow more;
	pid_t killed;
	__u64 v;

	NEED_SLOW_MEMORY();
	ASSERT_EQ(0, slow_init(&more));
	ASSERT_EQ(0, t_try_put(fd, 0));
	early = t_job_recv(T_THREAD, fd, self->memory.page, 8, 0);
	while (!nothing_to_receive(fd))
		sched_yield();
	ASSERT_EQ(0, t_try_put(fd, 1));
	late = t_job_recv(T_THREAD, fd, more.page, 8, 0);
	while (!nothing_to_receive(fd))
		sched_yield();
	put_back = t_job_put_blocked(T_THREAD, fd, 2, 1);
	ASSERT_TRUE(!!put_back);
	killed = t_fork(receive_into_slow_memory, &fd);
	ASSERT_EQ(0, t_wait_senders(fd, 0));
	behind = t_job_put_blocked(T_THREAD, fd, 3, 1);
	ASSERT_TRUE(!!behind);

	/* 3 moves into the first slot, then 2 comes back and into the second. */
	ASSERT_EQ(0, slow_release(&self->memory));
	EXPECT_EQ(0, t_job_end(early));
	EXPECT_EQ(0, t_job_end(behind));
	EXPECT_EQ(256 + SIGKILL, t_kill(killed));
	ASSERT_EQ(0, t_wait_senders(fd, 1));
	ASSERT_EQ(0, slow_release(&more));
	EXPECT_EQ(0, t_job_end(late));
	EXPECT_EQ(0, t_job_end(put_back));
	EXPECT_TRUE(t_counters(fd, 4, 2, 2, 0));
	ASSERT_EQ(1, t_try_get(fd, &v));
	EXPECT_EQ(2, v);
	ASSERT_EQ(1, t_try_get(fd, &v));
	EXPECT_EQ(3, v);
}

HSK_TEST_MAIN
