// SPDX-License-Identifier: LGPL-2.1-or-later
/* Selectors through the library: a select that waits without a thread. */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include <hsk.h>

#include "tap.h"

static int is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLIN;
}

static unsigned int waiting_for(int ep)
{
	struct hsk_info info;

	EXPECT_EQ(0, hsk_info(ep, &info));
	return info.waiting_senders + info.waiting_receivers;
}

static void selector_is_a_descriptor_of_its_own(void)
{
	int ep = hsk_chan_new(0), selector = hsk_selector_new();
	int other = hsk_selector_new_from(hsk_dup(ep, HSK_RIGHT_READ));

	EXPECT(selector >= 0 && other >= 0 && other != selector);
	EXPECT_EQ(FD_CLOEXEC, fcntl(selector, F_GETFD));
	EXPECT_EQ(-ENOTTY, hsk_send(selector, "x", 1, NULL));
	EXPECT_EQ(-ENOTTY, hsk_selector_disarm(ep));
	EXPECT_EQ(-EBADF, hsk_selector_new_from(-1));
	EXPECT_EQ(-EOPNOTSUPP, hsk_send_fds(ep, NULL, 0, &selector, 1, NULL));
	EXPECT(!is_readable(selector));
}

static void new_leaves_no_other_descriptor_behind(void)
{
	int selector = hsk_selector_new();
	int next = fcntl(0, F_DUPFD, 0);

	EXPECT(selector >= 0);
	EXPECT(next == selector - 1 || next == selector + 1);
}

static void armed_case_happens_and_is_finished(void)
{
	int ep = hsk_chan_new(0), other = hsk_chan_new(0);
	int selector = hsk_selector_new();
	char got[8] = "";
	struct hsk_case cases[] = {
		hsk_case_send(other, "n", 1),
		hsk_case_recv(ep, got, sizeof(got)),
	};

	EXPECT_EQ(-ENOENT, hsk_selector_finish(selector, cases, 2));
	EXPECT_EQ(0, hsk_selector_arm(selector, cases, 2));
	EXPECT_EQ(-EBUSY, hsk_selector_arm(selector, cases, 2));
	EXPECT_EQ(-EAGAIN, hsk_selector_finish(selector, cases, 2));
	EXPECT(!is_readable(selector));
	EXPECT_EQ(1, waiting_for(ep));
	/* It has committed: who only tries meets it. */
	EXPECT_EQ(0, hsk_try_send(ep, "hello", 5));
	EXPECT(is_readable(selector));
	EXPECT_EQ(-EALREADY, hsk_selector_disarm(selector));
	EXPECT_EQ(-EBUSY, hsk_selector_arm(selector, cases, 2));
	EXPECT_EQ(-EINVAL, hsk_selector_finish(selector, cases, 1));
	EXPECT_EQ(1, hsk_selector_finish(selector, cases, 2));
	EXPECT_EQ(1, cases[1].result);
	EXPECT_EQ(5, cases[1].msg.len);
	EXPECT_EQ(getpid(), cases[1].msg.pid);
	EXPECT(memcmp(got, "hello", 5) == 0);
	EXPECT(!is_readable(selector));
	EXPECT_EQ(0, waiting_for(other));
	EXPECT_EQ(-ENOENT, hsk_selector_finish(selector, cases, 2));
}

static void send_is_copied_when_armed(void)
{
	int ep = hsk_chan_new(0), selector = hsk_selector_new();
	char text[] = "before", got[8] = "";
	struct hsk_case one = hsk_case_send(ep, text, sizeof(text));

	EXPECT_EQ(0, hsk_selector_arm_ordered(selector, &one, 1));
	memcpy(text, "after!", sizeof(text));
	EXPECT_EQ(1, hsk_try_recv(ep, got, sizeof(got), NULL));
	EXPECT(memcmp(got, "before", 6) == 0);
	EXPECT_EQ(0, hsk_selector_finish(selector, &one, 1));
	EXPECT_EQ(0, one.result);
}

static void closed_and_too_small_are_results(void)
{
	int ep = hsk_chan_new(1), selector = hsk_selector_new();
	struct hsk_case one = hsk_case_recv(ep, NULL, 0);
	char got[3];

	EXPECT_EQ(0, hsk_send(ep, "abc", 3, NULL));
	EXPECT_EQ(0, hsk_selector_arm(selector, &one, 1));
	EXPECT(is_readable(selector));
	EXPECT_EQ(0, hsk_selector_finish(selector, &one, 1));
	EXPECT_EQ(-EMSGSIZE, one.result);
	EXPECT_EQ(3, one.msg.len);
	EXPECT_EQ(1, hsk_try_recv(ep, got, 3, NULL));

	EXPECT_EQ(0, hsk_selector_arm(selector, &one, 1));
	EXPECT_EQ(0, hsk_close(ep, 9));
	EXPECT_EQ(0, hsk_selector_finish(selector, &one, 1));
	EXPECT_EQ(0, one.result);
	EXPECT_EQ(9, one.msg.reason);

	one = hsk_case_send(ep, "x", 1);
	EXPECT_EQ(0, hsk_selector_arm(selector, &one, 1));
	EXPECT_EQ(0, hsk_selector_finish(selector, &one, 1));
	EXPECT_EQ(-EPIPE, one.result);
}

static void bad_pointer_is_the_result_and_leaves_the_message(void)
{
	int ep = hsk_chan_new(1);
	int selector = hsk_selector_new();
	struct hsk_case one = hsk_case_recv(ep, (char *)8, 1);
	char byte = 0;

	EXPECT_EQ(0, hsk_send(ep, "x", 1, NULL));
	EXPECT_EQ(0, hsk_selector_arm(selector, &one, 1));
	EXPECT_EQ(0, hsk_selector_finish(selector, &one, 1));
	EXPECT_EQ(-EFAULT, one.result);
	EXPECT_EQ(-ENOENT, hsk_selector_disarm(selector));
	EXPECT_EQ(1, hsk_try_recv(ep, &byte, 1, NULL));
	EXPECT_EQ('x', byte);
}

static void ordered_arm_takes_the_first(void)
{
	int a = hsk_chan_new(100), b = hsk_chan_new(100), i;
	int selector = hsk_selector_new();
	struct hsk_case cases[] = {
		hsk_case_send(a, NULL, 0), hsk_case_send(b, NULL, 0),
	};

	for (i = 0; i < 30; i++) {
		EXPECT_EQ(0, hsk_selector_arm_ordered(selector, cases, 2));
		EXPECT_EQ(0, hsk_selector_finish(selector, cases, 2));
	}
}

static void disarm_withdraws(void)
{
	int ep = hsk_chan_new(0), selector = hsk_selector_new();
	struct hsk_case one = hsk_case_recv(ep, NULL, 0);

	EXPECT_EQ(-ENOENT, hsk_selector_disarm(selector));
	EXPECT_EQ(0, hsk_selector_arm(selector, &one, 1));
	EXPECT_EQ(0, hsk_selector_disarm(selector));
	EXPECT_EQ(0, waiting_for(ep));
	EXPECT_EQ(-EAGAIN, hsk_try_send(ep, NULL, 0));
	EXPECT_EQ(0, hsk_selector_arm(selector, NULL, 0));
	EXPECT(!is_readable(selector));
	EXPECT_EQ(0, hsk_selector_disarm(selector));
}

static void close_of_the_selector_gives_the_message_back(void)
{
	int ep = hsk_chan_new(1), selector = hsk_selector_new();
	struct hsk_case one = hsk_case_recv(ep, NULL, 1);
	char byte = 0;

	EXPECT_EQ(0, hsk_selector_arm(selector, &one, 1));
	EXPECT_EQ(0, hsk_send(ep, "x", 1, NULL));
	EXPECT_EQ(-EAGAIN, hsk_try_recv(ep, &byte, 1, NULL));
	EXPECT_EQ(0, close(selector));
	EXPECT_EQ(1, hsk_try_recv(ep, &byte, 1, NULL));
	EXPECT_EQ('x', byte);
}

static void wrong_cases_are_refused(void)
{
	struct hsk_case many[HSK_SELECT_CASES_MAX + 1], one;
	int ends[2], ep = hsk_chan_new(0), selector = hsk_selector_new(), i;

	EXPECT_EQ(0, hsk_chan_pair(ends, 0));
	one = hsk_case_recv(ends[1], NULL, 0);
	EXPECT_EQ(-EBADF, hsk_selector_arm(selector, &one, 1));
	one = hsk_case_send_fds(ep, NULL, 0, &ep, 1);
	EXPECT_EQ(-ELOOP, hsk_selector_arm(selector, &one, 1));
	for (i = 0; i <= HSK_SELECT_CASES_MAX; i++)
		many[i] = hsk_case_recv(ep, NULL, 0);
	EXPECT_EQ(-EINVAL, hsk_selector_arm(selector, many, HSK_SELECT_CASES_MAX + 1));
	EXPECT_EQ(-ENOENT, hsk_selector_disarm(selector));
	EXPECT_EQ(0, hsk_selector_arm(selector, many, HSK_SELECT_CASES_MAX));
	EXPECT_EQ(0, hsk_selector_disarm(selector));
}

/* What poll(2) on the endpoints could not do. */
static void two_event_loops_meet_on_a_rendezvous(void)
{
	int ep = hsk_chan_new(0), n = 0, i;
	pid_t pid = fork();
	int selector = hsk_selector_new();
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	EXPECT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, selector, &event));
	for (i = 0; i < 100; i++) {
		struct hsk_case one = pid ? hsk_case_recv(ep, &n, sizeof(n)) :
					    hsk_case_send(ep, &i, sizeof(i));

		EXPECT_EQ(0, hsk_selector_arm(selector, &one, 1));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, -1));
		EXPECT_EQ(0, hsk_selector_finish(selector, &one, 1));
		EXPECT_EQ(!!pid, one.result);
		EXPECT(!pid || n == i);
	}
	if (pid == 0)
		child_exit();
	EXPECT(child_passed(pid));
}

static const struct tap_test tests[] = {
	TAP_TEST(selector_is_a_descriptor_of_its_own),
	TAP_TEST(new_leaves_no_other_descriptor_behind),
	TAP_TEST(armed_case_happens_and_is_finished),
	TAP_TEST(send_is_copied_when_armed),
	TAP_TEST(closed_and_too_small_are_results),
	TAP_TEST(bad_pointer_is_the_result_and_leaves_the_message),
	TAP_TEST(ordered_arm_takes_the_first),
	TAP_TEST(disarm_withdraws),
	TAP_TEST(close_of_the_selector_gives_the_message_back),
	TAP_TEST(wrong_cases_are_refused),
	TAP_TEST(two_event_loops_meet_on_a_rendezvous),
};

int main(void)
{
	return TAP_RUN(tests);
}
