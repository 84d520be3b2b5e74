// SPDX-License-Identifier: LGPL-2.1-or-later
/* Select through the library: every form, every result of a case. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include <hsk.h>

#include "tap.h"

/* A sentinel in result and msg: what a select must leave as it was. */
#define SENTINEL	0x5a5a5a5a

static void mark(struct hsk_case *cases, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		cases[i].result = SENTINEL;
		memset(&cases[i].msg, 0x5a, sizeof(cases[i].msg));
	}
}

static int is_marked(const struct hsk_case *one)
{
	struct hsk_case before = { .ep = 0 };

	mark(&before, 1);
	return one->result == SENTINEL &&
	       memcmp(&one->msg, &before.msg, sizeof(one->msg)) == 0;
}

static void *send_when_somebody_waits(void *arg)
{
	int ep = *(int *)arg;
	struct hsk_info info;

	do {
		usleep(1000);
		EXPECT_EQ(0, hsk_info(ep, &info));
	} while (!info.waiting_receivers);
	EXPECT_EQ(0, hsk_send(ep, "late", 4, NULL));
	return NULL;
}

static void select_reads_as_a_switch(void)
{
	int a = hsk_chan_new(1), b = hsk_chan_new(1);
	char got[8] = "";
	struct hsk_case cases[] = {
		hsk_case_recv(a, got, sizeof(got)),
		hsk_case_recv(b, got, sizeof(got)),
	};

	mark(cases, 2);
	EXPECT_EQ(0, hsk_send(b, "hello", 5, NULL));
	switch (hsk_select(cases, 2, NULL)) {
	case 1:
		EXPECT_EQ(1, cases[1].result);
		EXPECT_EQ(5, cases[1].msg.len);
		EXPECT_EQ(0, cases[1].msg.nr_fds);
		EXPECT_EQ(getpid(), cases[1].msg.pid);
		EXPECT_EQ(geteuid(), cases[1].msg.uid);
		EXPECT(memcmp(got, "hello", 5) == 0);
		break;
	default:
		EXPECT(!"case 1");
	}
	EXPECT(is_marked(&cases[0]));
}

static void waits_until_a_case_can_happen(void)
{
	int a = hsk_chan_new(0), b = hsk_chan_new(0);
	char got[8] = "";
	struct hsk_case cases[] = {
		hsk_case_send(a, "never", 5),
		hsk_case_recv(b, got, sizeof(got)),
	};
	struct hsk_info info;
	pthread_t thread;

	EXPECT_EQ(0, pthread_create(&thread, NULL, send_when_somebody_waits, &b));
	EXPECT_EQ(1, hsk_select(cases, 2, NULL));
	EXPECT_EQ(1, cases[1].result);
	EXPECT(memcmp(got, "late", 4) == 0);
	EXPECT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, hsk_info(a, &info));
	EXPECT_EQ(0, info.waiting_senders | info.sent);
}

static void send_case_sends_its_message_with_descriptors(void)
{
	int ep = hsk_chan_new(1), full = hsk_chan_new(0);
	int file = memfd_create("travels", MFD_CLOEXEC), got = -5;
	char byte = 0;
	struct hsk_case sends[] = {
		hsk_case_send(full, "n", 1),
		hsk_case_send_fds(ep, "x", 1, &file, 1),
	};
	struct hsk_case recv = hsk_case_recv_fds(ep, &byte, 1, &got, 1);

	mark(sends, 2);
	EXPECT_EQ(1, hsk_select(sends, 2, NULL));
	EXPECT_EQ(0, sends[1].result);
	EXPECT(is_marked(&sends[0]));
	EXPECT_EQ(0, hsk_select(&recv, 1, NULL));
	EXPECT_EQ(1, recv.result);
	EXPECT_EQ(1, recv.msg.nr_fds);
	EXPECT_EQ(FD_CLOEXEC, fcntl(got, F_GETFD));
	EXPECT_EQ('x', byte);
}

static void closed_channel_makes_a_case_happen(void)
{
	int ep = hsk_chan_new(1);
	struct hsk_case recv, send = hsk_case_send(ep, "x", 1);
	char byte = 'o';

	EXPECT_EQ(0, hsk_send(ep, "l", 1, NULL));
	EXPECT_EQ(0, hsk_close(ep, -EIO));
	EXPECT_EQ(0, hsk_select(&send, 1, NULL));
	EXPECT_EQ(-EPIPE, send.result);
	recv = hsk_case_recv(ep, &byte, 1);
	EXPECT_EQ(0, hsk_select(&recv, 1, NULL));
	EXPECT_EQ(1, recv.result);
	EXPECT_EQ('l', byte);
	EXPECT_EQ(0, hsk_select(&recv, 1, NULL));
	EXPECT_EQ(0, recv.result);
	EXPECT_EQ(-EIO, recv.msg.reason);
	EXPECT_EQ(0, recv.msg.len);
}

static void message_that_does_not_fit_is_the_result(void)
{
	int ep = hsk_chan_new(1);
	char got[4] = "???";
	struct hsk_case recv = hsk_case_recv(ep, got, 2);
	struct hsk_message before;

	mark(&recv, 1);
	before = recv.msg;
	before.len = 3;
	before.nr_fds = 0;
	EXPECT_EQ(0, hsk_send(ep, "abc", 3, NULL));
	EXPECT_EQ(0, hsk_select(&recv, 1, NULL));
	EXPECT_EQ(-EMSGSIZE, recv.result);
	EXPECT(memcmp(&before, &recv.msg, sizeof(before)) == 0);
	recv = hsk_case_recv(ep, got, 3);
	EXPECT_EQ(0, hsk_select(&recv, 1, NULL));
	EXPECT_EQ(1, recv.result);
	EXPECT(memcmp(got, "abc", 4) == 0);
}

static void bad_pointer_is_the_result_and_leaves_the_message(void)
{
	int ep = hsk_chan_new(1);
	struct hsk_case one = hsk_case_recv(ep, (char *)8, 1);
	char byte = 0;

	EXPECT_EQ(0, hsk_send(ep, "x", 1, NULL));
	EXPECT_EQ(0, hsk_select(&one, 1, NULL));
	EXPECT_EQ(-EFAULT, one.result);
	one = hsk_case_send(ep, (char *)8, 1);
	EXPECT_EQ(-EFAULT, hsk_select(&one, 1, NULL));
	EXPECT_EQ(1, hsk_try_recv(ep, &byte, 1, NULL));
	EXPECT_EQ('x', byte);
}

static void nil_case_never_happens(void)
{
	int ep = hsk_chan_new(1);
	struct hsk_case cases[] = {
		hsk_case_recv(-1, NULL, 0),
		hsk_case_send(-1, (char *)1, SIZE_MAX),
		hsk_case_send(ep, "x", 1),
	};

	mark(cases, 3);
	EXPECT_EQ(2, hsk_select(cases, 3, NULL));
	EXPECT_EQ(-EAGAIN, hsk_try_select(cases, 3));
	EXPECT(is_marked(&cases[0]) && is_marked(&cases[1]));
}

static void try_form_is_the_default(void)
{
	int ep = hsk_chan_new(0), full = hsk_chan_new(1);
	char byte = 'o';
	struct hsk_case cases[] = {
		hsk_case_recv(ep, &byte, 1), hsk_case_send(ep, "x", 1),
		hsk_case_send(full, "y", 1),
	};

	EXPECT_EQ(2, hsk_try_select(cases, 3));
	mark(cases, 3);
	EXPECT_EQ(-EAGAIN, hsk_try_select(cases, 3));
	EXPECT_EQ(-EAGAIN, hsk_try_select_ordered(cases, 3));
	EXPECT(is_marked(&cases[0]) && is_marked(&cases[1]) && is_marked(&cases[2]));
	EXPECT_EQ('o', byte);
}

static void until_form_ends_at_its_deadline_and_not_before(void)
{
	int ep = hsk_chan_new(0);
	struct hsk_case one = hsk_case_recv(ep, NULL, 0);
	uint64_t deadline = hsk_deadline_in_ms(50);

	EXPECT_EQ(-ETIMEDOUT, hsk_select_until(&one, 1, deadline, NULL));
	EXPECT(hsk_deadline_in_ns(0) >= deadline);
	deadline = hsk_deadline_in_ms(50);
	EXPECT_EQ(-ETIMEDOUT, hsk_select_ordered_until(&one, 1, deadline, NULL));
	EXPECT(hsk_deadline_in_ns(0) >= deadline);
	EXPECT_EQ(-EINVAL, hsk_select_until(&one, 1, (uint64_t)INT64_MAX + 1, NULL));
	one = hsk_case_send(hsk_chan_new(1), "x", 1);
	EXPECT_EQ(0, hsk_select_until(&one, 1, 1, NULL));
}

static void ordered_forms_take_the_first_and_others_any(void)
{
	int a = hsk_chan_new(1000), b = hsk_chan_new(1000), first = 0, i;
	struct hsk_case cases[] = {
		hsk_case_send(a, NULL, 0), hsk_case_send(b, NULL, 0),
	};

	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, hsk_select_ordered(cases, 2, NULL));
		EXPECT_EQ(0, hsk_try_select_ordered(cases, 2));
		EXPECT_EQ(0, hsk_select_ordered_until(cases, 2, 1, NULL));
	}
	for (i = 0; i < 200; i++)
		first += hsk_select(cases, 2, NULL) == 0;
	/* By chance: once in more runs than there will ever be. */
	EXPECT(first > 20 && first < 180);
}

static void nothing_to_wait_for_waits_all_the_same(void)
{
	struct hsk_case nil = hsk_case_recv(-1, NULL, 0);
	uint64_t deadline = hsk_deadline_in_ms(50);
	struct hsk_ctx *ctx = NULL;

	EXPECT_EQ(-ETIMEDOUT, hsk_select_until(&nil, 1, deadline, NULL));
	EXPECT(hsk_deadline_in_ns(0) >= deadline);
	EXPECT_EQ(-ETIMEDOUT, hsk_select_until(NULL, 0, 1, hsk_ctx_background()));
	EXPECT_EQ(-EAGAIN, hsk_try_select(NULL, 0));
	EXPECT_EQ(-EINVAL, hsk_select_until(NULL, 0, UINT64_MAX, NULL));
	deadline = hsk_deadline_in_ms(50);
	EXPECT_EQ(0, hsk_ctx_with_deadline(NULL, deadline, &ctx));
	EXPECT_EQ(-ETIMEDOUT, hsk_select(&nil, 1, ctx));
	EXPECT(hsk_deadline_in_ns(0) >= deadline);
	EXPECT_EQ(-ETIMEDOUT, hsk_select(NULL, 0, ctx));
}

static void ignore_signal(int sig)
{
	(void)sig;
}

static void signal_interrupts_without_effect(void)
{
	struct sigaction act = { .sa_handler = ignore_signal };
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
	};
	struct itimerspec period = {
		.it_interval = { .tv_nsec = 20000000 },
		.it_value = { .tv_nsec = 20000000 },
	};
	int ep = hsk_chan_new(0);
	struct hsk_case cases[] = {
		hsk_case_recv(ep, NULL, 0), hsk_case_send(ep, NULL, 0),
	};
	timer_t timer;

	mark(cases, 2);
	EXPECT_EQ(0, sigaction(SIGUSR1, &act, NULL));
	EXPECT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	EXPECT_EQ(0, timer_settime(timer, 0, &period, NULL));
	EXPECT_EQ(-EINTR, hsk_select(cases, 2, NULL));
	EXPECT(is_marked(&cases[0]) && is_marked(&cases[1]));
	EXPECT_EQ(-EINTR, hsk_select(NULL, 0, NULL));
}

static void wrong_cases_are_refused_without_effect(void)
{
	int ends[2], ep = hsk_chan_new(9), event = eventfd(0, EFD_CLOEXEC);
	struct hsk_case many[HSK_SELECT_CASES_MAX + 1];
	struct hsk_case cases[2];
	struct hsk_info info;
	unsigned int i;

	EXPECT_EQ(0, hsk_chan_pair(ends, 1));
	cases[0] = hsk_case_send(ep, "x", 1);
	cases[1] = hsk_case_recv(ends[1], NULL, 0);
	EXPECT_EQ(-EBADF, hsk_select(cases, 2, NULL));
	cases[1] = hsk_case_send(ends[0], NULL, 0);
	EXPECT_EQ(-EBADF, hsk_select(cases, 2, NULL));
	cases[1] = hsk_case_send(-ENOENT, NULL, 0);
	EXPECT_EQ(-EBADF, hsk_select(cases, 2, NULL));
	cases[1] = hsk_case_recv(ep, NULL, 0);
	cases[1].op = 3;
	EXPECT_EQ(-EINVAL, hsk_select(cases, 2, NULL));
	cases[1] = hsk_case_send(ep, "x", (size_t)64 << 20);
	EXPECT_EQ(-EMSGSIZE, hsk_select(cases, 2, NULL));
#if SIZE_MAX > UINT32_MAX
	cases[1] = hsk_case_send(ep, "x", (size_t)1 << 32);
	EXPECT_EQ(-EMSGSIZE, hsk_select(cases, 2, NULL));
#endif
	cases[1] = hsk_case_send_fds(ep, NULL, 0, &event, 1);
	EXPECT_EQ(-EOPNOTSUPP, hsk_select(cases, 2, NULL));
	cases[1] = hsk_case_send_fds(ep, NULL, 0, &ep, 1);
	EXPECT_EQ(-ELOOP, hsk_select(cases, 2, NULL));
	for (i = 0; i <= HSK_SELECT_CASES_MAX; i++)
		many[i] = hsk_case_recv(ep, NULL, 0);
	EXPECT_EQ(-EINVAL, hsk_try_select(many, HSK_SELECT_CASES_MAX + 1));
	EXPECT_EQ(-EAGAIN, hsk_try_select(many, HSK_SELECT_CASES_MAX));
	EXPECT_EQ(0, hsk_info(ep, &info));
	EXPECT_EQ(0, info.sent);
}

static void two_processes_that_select_meet(void)
{
	enum { ROUNDS = 500 };
	int there = hsk_chan_new(0), back = hsk_chan_new(0), i, n, sum = 0;
	pid_t pid = fork();

	for (i = 0; i < ROUNDS; i++) {
		struct hsk_case cases[] = {
			hsk_case_send(pid ? there : back, &i, sizeof(i)),
			hsk_case_recv(pid ? back : there, &n, sizeof(n)),
		};
		int index = hsk_select(cases, 2, NULL);

		EXPECT(index == 0 || index == 1);
		EXPECT_EQ(index, cases[index == 1].result);
		sum += index;
	}
	if (pid == 0)
		child_exit();
	EXPECT(child_passed(pid));
	EXPECT(sum >= 0 && sum <= ROUNDS);
}

static const struct tap_test tests[] = {
	TAP_TEST(select_reads_as_a_switch),
	TAP_TEST(waits_until_a_case_can_happen),
	TAP_TEST(send_case_sends_its_message_with_descriptors),
	TAP_TEST(closed_channel_makes_a_case_happen),
	TAP_TEST(message_that_does_not_fit_is_the_result),
	TAP_TEST(bad_pointer_is_the_result_and_leaves_the_message),
	TAP_TEST(nil_case_never_happens),
	TAP_TEST(try_form_is_the_default),
	TAP_TEST(until_form_ends_at_its_deadline_and_not_before),
	TAP_TEST(ordered_forms_take_the_first_and_others_any),
	TAP_TEST(nothing_to_wait_for_waits_all_the_same),
	TAP_TEST(signal_interrupts_without_effect),
	TAP_TEST(wrong_cases_are_refused_without_effect),
	TAP_TEST(two_processes_that_select_meet),
};

int main(void)
{
	return TAP_RUN(tests);
}
