// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages through the library: every form of send and receive. */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include <hsk.h>

#include "tap.h"

/* A sentinel in every byte: what a failed call must leave as it was. */
static struct hsk_message untouched(void)
{
	struct hsk_message msg;

	memset(&msg, 0xa5, sizeof(msg));
	return msg;
}

static int is_untouched(const struct hsk_message *msg)
{
	struct hsk_message before = untouched();

	return memcmp(msg, &before, sizeof(before)) == 0;
}

static void message_arrives_with_length_and_sender(void)
{
	struct hsk_message msg = untouched();
	int ep = hsk_chan_new(1);
	char buf[8] = "???????";

	EXPECT_EQ(0, hsk_send(ep, "hello", 5, NULL));
	EXPECT_EQ(1, hsk_recv(ep, buf, sizeof(buf), &msg, NULL));
	EXPECT(memcmp(buf, "hello??", 8) == 0);
	EXPECT_EQ(5, msg.len);
	EXPECT_EQ(0, msg.nr_fds);
	EXPECT_EQ(0, msg.reason);
	EXPECT_EQ(getpid(), msg.pid);
	EXPECT_EQ(geteuid(), msg.uid);
	EXPECT_EQ(getegid(), msg.gid);
	EXPECT_EQ(0, msg.reserved[0] | msg.reserved[3]);
}

static void rendezvous_hands_over_between_processes(void)
{
	struct hsk_message msg = untouched();
	int ends[2];
	int value = 0;
	pid_t pid;

	EXPECT_EQ(0, hsk_chan_pair(ends, 0));
	pid = fork();
	if (pid == 0) {
		int sent = 4711;

		EXPECT_EQ(0, hsk_send(ends[1], &sent, sizeof(sent), NULL));
		child_exit();
	}
	EXPECT_EQ(1, hsk_recv(ends[0], &value, sizeof(value), &msg, NULL));
	EXPECT_EQ(4711, value);
	EXPECT_EQ(pid, msg.pid);
	EXPECT(child_passed(pid));
}

static void try_forms_never_block(void)
{
	struct hsk_message msg = untouched();
	int rendezvous = hsk_chan_new(0);
	int ep = hsk_chan_new(1);
	char byte = 'o';

	EXPECT_EQ(-EAGAIN, hsk_try_send(rendezvous, "x", 1));
	EXPECT_EQ(-EAGAIN, hsk_try_recv(rendezvous, &byte, 1, &msg));
	EXPECT_EQ(-EAGAIN, hsk_try_recv(ep, &byte, 1, &msg));
	EXPECT_EQ(-EAGAIN, hsk_try_recv_fds(ep, &byte, 1, NULL, 0, &msg));
	EXPECT(is_untouched(&msg));
	EXPECT_EQ('o', byte);
	EXPECT_EQ(0, hsk_try_send(ep, "x", 1));
	EXPECT_EQ(-EAGAIN, hsk_try_send(ep, "y", 1));
	EXPECT_EQ(-EAGAIN, hsk_try_send_fds(ep, "y", 1, NULL, 0));
	EXPECT_EQ(1, hsk_try_recv(ep, &byte, 1, NULL));
	EXPECT_EQ('x', byte);
}

static void nonblocking_endpoint_makes_blocking_forms_fail(void)
{
	int ep = hsk_chan_new(0);
	char byte;

	EXPECT_EQ(0, fcntl(ep, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, hsk_send(ep, "x", 1, NULL));
	EXPECT_EQ(-EAGAIN, hsk_recv(ep, &byte, 1, NULL, NULL));
}

static void empty_message_needs_no_buffer(void)
{
	struct hsk_message msg = untouched();
	int ep = hsk_chan_new(1);

	EXPECT_EQ(0, hsk_send(ep, NULL, 0, NULL));
	EXPECT_EQ(1, hsk_recv(ep, NULL, 0, &msg, NULL));
	EXPECT_EQ(0, msg.len);
}

static void too_small_room_tells_the_sizes_and_keeps_the_message(void)
{
	struct hsk_message msg = untouched();
	struct hsk_message want = untouched();
	int ep = hsk_chan_new(1);
	int file = memfd_create("travels", MFD_CLOEXEC);
	char buf[10] = "?????????";
	int fd = -5;

	want.len = 10;
	want.nr_fds = 1;
	EXPECT_EQ(0, hsk_send_fds(ep, "0123456789", 10, &file, 1, NULL));
	EXPECT_EQ(-EMSGSIZE, hsk_recv(ep, buf, 9, &msg, NULL));
	EXPECT(memcmp(&want, &msg, sizeof(msg)) == 0);
	EXPECT_EQ(-EMSGSIZE, hsk_recv(ep, buf, 10, &msg, NULL));
	EXPECT_EQ(-EMSGSIZE, hsk_recv(ep, buf, 10, NULL, NULL));
	EXPECT_EQ(-EMSGSIZE, hsk_recv_fds(ep, buf, 9, &fd, 1, &msg, NULL));
	EXPECT(memcmp(buf, "?????????", 10) == 0);
	EXPECT_EQ(-5, fd);
	EXPECT_EQ(1, hsk_recv_fds(ep, buf, msg.len, &fd, msg.nr_fds, &msg, NULL));
	EXPECT(memcmp(buf, "0123456789", 10) == 0);
	EXPECT(fd >= 0);
}

static void oversized_message_is_refused(void)
{
	int ep = hsk_chan_new(1);
	int fds[300] = { 0 };

	EXPECT_EQ(-EMSGSIZE, hsk_send(ep, "x", (size_t)64 << 20, NULL));
	EXPECT_EQ(-EMSGSIZE, hsk_send_fds(ep, "x", 1, fds, 300, NULL));
#if SIZE_MAX > UINT32_MAX
	EXPECT_EQ(-EMSGSIZE, hsk_send(ep, "x", (size_t)1 << 32, NULL));
	EXPECT_EQ(-EMSGSIZE, hsk_send_fds(ep, "x", 1, fds, (size_t)1 << 32,
					  NULL));
	EXPECT_EQ(-EAGAIN, hsk_try_recv(ep, fds, (size_t)1 << 32, NULL));
#endif
}

static void endpoint_travels_in_a_message_and_works_at_once(void)
{
	struct hsk_message msg = untouched();
	int over = hsk_chan_new(1);
	int ends[2];
	int got = -5;
	char byte = 0;

	EXPECT_EQ(0, hsk_chan_pair(ends, 1));
	EXPECT_EQ(0, hsk_send_fds(over, NULL, 0, &ends[1], 1, NULL));
	EXPECT_EQ(0, close(ends[1]));
	EXPECT_EQ(1, hsk_recv_fds(over, NULL, 0, &got, 1, &msg, NULL));
	EXPECT_EQ(1, msg.nr_fds);
	EXPECT_EQ(FD_CLOEXEC, fcntl(got, F_GETFD));
	EXPECT_EQ(0, hsk_send(got, "x", 1, NULL));
	EXPECT_EQ(1, hsk_recv(ends[0], &byte, 1, NULL, NULL));
	EXPECT_EQ('x', byte);
}

static void every_form_carries_descriptors(void)
{
	struct hsk_message msg;
	int ep = hsk_chan_new(1);
	uint64_t soon = hsk_deadline_in_ms(10000);
	int sent[2] = { memfd_create("a", 0), memfd_create("b", 0) };
	int got[2];
	char byte;

	EXPECT_EQ(0, hsk_try_send_fds(ep, "x", 1, sent, 2));
	EXPECT_EQ(1, hsk_try_recv_fds(ep, &byte, 1, got, 2, &msg));
	EXPECT_EQ(2, msg.nr_fds);
	EXPECT_EQ(0, hsk_send_fds_until(ep, "x", 1, sent, 2, soon, NULL));
	EXPECT_EQ(-EMSGSIZE, hsk_recv_fds_until(ep, &byte, 1, got, 1, &msg,
						soon, NULL));
	EXPECT_EQ(1, hsk_recv_fds_until(ep, &byte, 1, got, 2, &msg, soon,
					NULL));
	EXPECT_EQ(2, msg.nr_fds);
}

static void descriptors_are_refused_by_kind(void)
{
	int ep = hsk_chan_new(1);
	int event = eventfd(0, EFD_CLOEXEC);
	int closed = 999;

	EXPECT_EQ(-EOPNOTSUPP, hsk_send_fds(ep, NULL, 0, &event, 1, NULL));
	EXPECT_EQ(-EBADF, hsk_send_fds(ep, NULL, 0, &closed, 1, NULL));
	EXPECT_EQ(-ELOOP, hsk_send_fds(ep, NULL, 0, &ep, 1, NULL));
	EXPECT_EQ(-EAGAIN, hsk_try_recv(ep, NULL, 0, NULL));
}

static void user_is_limited_in_descriptors_in_flight(void)
{
	int ep = hsk_chan_new(20000);
	int file = memfd_create("travels", MFD_CLOEXEC);
	struct hsk_message msg;
	int count = 0;
	int ret;

	while ((ret = hsk_try_send_fds(ep, NULL, 0, &file, 1)) == 0)
		count++;
	EXPECT_EQ(-ETOOMANYREFS, ret);
	EXPECT(count > 0);
	EXPECT_EQ(0, hsk_try_send(ep, NULL, 0));
	EXPECT_EQ(1, hsk_recv_fds(ep, NULL, 0, &ret, 1, &msg, NULL));
	EXPECT_EQ(0, hsk_try_send_fds(ep, NULL, 0, &file, 1));
}

static void receiver_without_free_descriptor_leaves_the_message(void)
{
	struct rlimit few = { 3, 64 };
	struct rlimit many = { 64, 64 };
	struct hsk_message msg = untouched();
	int ep = hsk_chan_new(1);
	int file = memfd_create("travels", MFD_CLOEXEC);
	int fd = -5;

	EXPECT_EQ(0, hsk_send_fds(ep, NULL, 0, &file, 1, NULL));
	EXPECT_EQ(0, prlimit(0, RLIMIT_NOFILE, &few, NULL));
	EXPECT_EQ(-EMFILE, hsk_recv_fds(ep, NULL, 0, &fd, 1, &msg, NULL));
	EXPECT(is_untouched(&msg));
	EXPECT_EQ(-5, fd);
	EXPECT_EQ(0, prlimit(0, RLIMIT_NOFILE, &many, NULL));
	EXPECT_EQ(1, hsk_recv_fds(ep, NULL, 0, &fd, 1, &msg, NULL));
}

static void bad_pointer_leaves_the_message(void)
{
	struct hsk_message msg = untouched();
	int ep = hsk_chan_new(1);
	char *bad = (char *)sysconf(_SC_PAGESIZE) - 8;
	char byte;

	EXPECT_EQ(-EFAULT, hsk_send(ep, bad, 1, NULL));
	EXPECT_EQ(0, hsk_send(ep, "x", 1, NULL));
	EXPECT_EQ(-EFAULT, hsk_recv(ep, bad, 1, &msg, NULL));
	EXPECT(is_untouched(&msg));
	EXPECT_EQ(1, hsk_recv(ep, &byte, 1, &msg, NULL));
	EXPECT_EQ('x', byte);
}

static void descriptors_without_a_message_to_count_them_are_invalid(void)
{
	int ep = hsk_chan_new(1);
	char byte;
	int fd;

	EXPECT_EQ(0, hsk_send(ep, "x", 1, NULL));
	EXPECT_EQ(-EINVAL, hsk_recv_fds(ep, &byte, 1, &fd, 1, NULL, NULL));
	EXPECT_EQ(1, hsk_recv(ep, &byte, 1, NULL, NULL));
}

static void ignore_signal(int sig)
{
	(void)sig;
}

/* The timer repeats, since its first signal may come before the call blocks. */
static void interrupt_every_20_ms(void)
{
	struct sigaction act = { .sa_handler = ignore_signal };
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
	};
	struct itimerspec period = {
		.it_interval = { .tv_nsec = 20000000 },
		.it_value = { .tv_nsec = 20000000 },
	};
	timer_t timer;

	EXPECT_EQ(0, sigaction(SIGUSR1, &act, NULL));
	EXPECT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	EXPECT_EQ(0, timer_settime(timer, 0, &period, NULL));
}

static void signal_interrupts_without_effect(void)
{
	struct hsk_message msg = untouched();
	int ep = hsk_chan_new(0);
	struct hsk_info info;
	char byte = 'o';

	interrupt_every_20_ms();
	EXPECT_EQ(-EINTR, hsk_send(ep, "x", 1, NULL));
	EXPECT_EQ(-EINTR, hsk_recv(ep, &byte, 1, &msg, NULL));
	EXPECT(is_untouched(&msg));
	EXPECT_EQ('o', byte);
	EXPECT_EQ(0, hsk_info(ep, &info));
	EXPECT_EQ(0, info.sent | info.waiting_senders | info.waiting_receivers);
}

static void death_of_the_only_sender_is_a_close(void)
{
	struct hsk_message msg = untouched();
	int ends[2];
	char byte = 0;
	pid_t pid;

	EXPECT_EQ(0, hsk_chan_pair(ends, 1));
	pid = fork();
	if (pid == 0) {
		hsk_send(ends[1], "x", 1, NULL);
		raise(SIGKILL);
	}
	close(ends[1]);
	EXPECT_EQ(1, hsk_recv(ends[0], &byte, 1, NULL, NULL));
	EXPECT_EQ('x', byte);
	EXPECT_EQ(0, hsk_recv(ends[0], &byte, 1, &msg, NULL));
	EXPECT_EQ(-EOWNERDEAD, msg.reason);
	EXPECT_EQ(0, msg.len | msg.nr_fds);
	EXPECT(waitpid(pid, NULL, 0) == pid);
}

static void death_of_the_only_receiver_is_a_broken_pipe(void)
{
	int ends[2];

	EXPECT_EQ(0, hsk_chan_pair(ends, 5));
	EXPECT_EQ(0, hsk_send(ends[1], "x", 1, NULL));
	close(ends[0]);
	EXPECT_EQ(-EPIPE, hsk_send(ends[1], "y", 1, NULL));
	EXPECT_EQ(-EPIPE, hsk_try_send(ends[1], "y", 1));
}

static const struct tap_test tests[] = {
	TAP_TEST(message_arrives_with_length_and_sender),
	TAP_TEST(rendezvous_hands_over_between_processes),
	TAP_TEST(try_forms_never_block),
	TAP_TEST(nonblocking_endpoint_makes_blocking_forms_fail),
	TAP_TEST(empty_message_needs_no_buffer),
	TAP_TEST(too_small_room_tells_the_sizes_and_keeps_the_message),
	TAP_TEST(oversized_message_is_refused),
	TAP_TEST(endpoint_travels_in_a_message_and_works_at_once),
	TAP_TEST(every_form_carries_descriptors),
	TAP_TEST(descriptors_are_refused_by_kind),
	TAP_TEST(user_is_limited_in_descriptors_in_flight),
	TAP_TEST(receiver_without_free_descriptor_leaves_the_message),
	TAP_TEST(bad_pointer_leaves_the_message),
	TAP_TEST(descriptors_without_a_message_to_count_them_are_invalid),
	TAP_TEST(signal_interrupts_without_effect),
	TAP_TEST(death_of_the_only_sender_is_a_close),
	TAP_TEST(death_of_the_only_receiver_is_a_broken_pipe),
};

int main(void)
{
	return TAP_RUN(tests);
}
