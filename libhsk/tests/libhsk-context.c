// SPDX-License-Identifier: LGPL-2.1-or-later
/* Contexts: made, derived, cancelled, and that every operation that waits ends. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <hsk.h>

#include "tap.h"

/* Long after any test has failed by its own limit. */
#define NEVER_MS	3600000

static struct hsk_ctx *new_ctx(const struct hsk_ctx *parent)
{
	struct hsk_ctx *ctx = NULL;

	EXPECT_EQ(0, hsk_ctx_with_cancel(parent, &ctx));
	return ctx;
}

static int open_descriptors(void)
{
	int count = 0;
	int fd;

	for (fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int waiting_for(int ep)
{
	struct hsk_info info;

	EXPECT_EQ(0, hsk_info(ep, &info));
	return (int)(info.waiting_senders + info.waiting_receivers);
}

/* Cancels a context once somebody waits on a channel. */
struct canceller {
	const struct hsk_ctx *ctx;
	int ep;
	int cause;
};

static void *cancel_when_somebody_waits(void *arg)
{
	const struct canceller *what = arg;

	while (!waiting_for(what->ep))
		usleep(1000);
	EXPECT_EQ(0, hsk_ctx_cancel_cause(what->ctx, what->cause));
	return NULL;
}

static void background_is_never_done(void)
{
	const struct hsk_ctx *ctx = hsk_ctx_background();
	int ep = hsk_chan_new(1);

	EXPECT(ctx);
	EXPECT_EQ(0, hsk_ctx_err(ctx));
	EXPECT_EQ(0, hsk_ctx_cause(ctx));
	EXPECT_EQ(-1, hsk_ctx_done(ctx));
	EXPECT_EQ(-EBADF, hsk_ctx_cancel(ctx));
	EXPECT_EQ(0, hsk_ctx_err(NULL));
	EXPECT_EQ(-1, hsk_ctx_done(NULL));
	EXPECT_EQ(-EBADF, hsk_ctx_cancel(NULL));
	EXPECT_EQ(0, hsk_send(ep, "x", 1, ctx));
	EXPECT_EQ(-ETIMEDOUT, hsk_send_until(ep, "x", 1, 1, ctx));
	hsk_ctx_free(NULL);
}

static void cancel_is_seen_with_its_cause(void)
{
	static const int causes[] = { -ECANCELED, -EIO, 7, -ETIMEDOUT };
	struct hsk_ctx *ctx;
	unsigned int i;

	for (i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
		ctx = new_ctx(NULL);
		EXPECT_EQ(0, hsk_ctx_err(ctx));
		EXPECT_EQ(0, hsk_ctx_cause(ctx));
		EXPECT_EQ(0, hsk_ctx_cancel_cause(ctx, causes[i]));
		EXPECT_EQ(causes[i], hsk_ctx_cause(ctx));
		EXPECT_EQ(causes[i] == -ETIMEDOUT ? -ETIMEDOUT : -ECANCELED,
			  hsk_ctx_err(ctx));
		EXPECT_EQ(-EPIPE, hsk_ctx_cancel(ctx));
		EXPECT_EQ(causes[i], hsk_ctx_cause(ctx));
		hsk_ctx_free(ctx);
	}
	ctx = new_ctx(NULL);
	EXPECT_EQ(-EINVAL, hsk_ctx_cancel_cause(ctx, -4096));
	EXPECT_EQ(0, hsk_ctx_err(ctx));
	EXPECT_EQ(0, hsk_ctx_cancel_cause(ctx, 0));
	EXPECT_EQ(-ECANCELED, hsk_ctx_cause(ctx));
}

static void cancel_reaches_what_is_derived_and_nothing_above(void)
{
	struct hsk_ctx *root = new_ctx(hsk_ctx_background());
	struct hsk_ctx *middle = new_ctx(root);
	struct hsk_ctx *leaf = new_ctx(middle);
	struct hsk_ctx *other = new_ctx(root);

	EXPECT_EQ(0, hsk_ctx_cancel_cause(middle, 5));
	EXPECT_EQ(5, hsk_ctx_cause(middle));
	EXPECT_EQ(5, hsk_ctx_cause(leaf));
	EXPECT_EQ(0, hsk_ctx_err(root));
	EXPECT_EQ(0, hsk_ctx_err(other));
	EXPECT_EQ(0, hsk_ctx_cancel(root));
	EXPECT_EQ(-ECANCELED, hsk_ctx_cause(other));
	EXPECT_EQ(5, hsk_ctx_cause(leaf));
}

static void what_is_derived_from_a_done_context_is_done(void)
{
	struct hsk_ctx *parent = new_ctx(NULL);

	EXPECT_EQ(0, hsk_ctx_cancel_cause(parent, -EIO));
	EXPECT_EQ(-EIO, hsk_ctx_cause(new_ctx(parent)));
}

static void deadline_ends_a_context_in_time(void)
{
	uint64_t deadline = hsk_deadline_in_ms(50);
	struct hsk_ctx *ctx = NULL, *child = NULL, *none = NULL;
	int ep = hsk_chan_new(0);

	EXPECT_EQ(-EINVAL, hsk_ctx_with_deadline(NULL, (uint64_t)INT64_MAX + 1, &ctx));
	EXPECT(!ctx);
	EXPECT_EQ(0, hsk_ctx_with_deadline(NULL, deadline, &ctx));
	EXPECT_EQ(0, hsk_ctx_with_timeout_ms(ctx, NEVER_MS, &child));
	EXPECT_EQ(0, hsk_ctx_with_deadline(NULL, 0, &none));
	EXPECT_EQ(-ETIMEDOUT, hsk_recv(ep, NULL, 0, NULL, child));
	EXPECT(hsk_deadline_in_ns(0) >= deadline);
	EXPECT_EQ(-ETIMEDOUT, hsk_ctx_err(ctx));
	EXPECT_EQ(-ETIMEDOUT, hsk_ctx_cause(child));
	EXPECT_EQ(0, hsk_ctx_err(none));
	EXPECT_EQ(0, hsk_ctx_with_timeout_ms(NULL, 0, &ctx));
	EXPECT_EQ(-ETIMEDOUT, hsk_recv(ep, NULL, 0, NULL, ctx));
}

/* What each function that waits makes of a context. */
static int send_with(int ep, const struct hsk_ctx *ctx)
{
	return hsk_send(ep, "x", 1, ctx);
}

static int send_until_with(int ep, const struct hsk_ctx *ctx)
{
	return hsk_send_until(ep, "x", 1, hsk_deadline_in_ms(NEVER_MS), ctx);
}

static int send_fds_with(int ep, const struct hsk_ctx *ctx)
{
	return hsk_send_fds(ep, "x", 1, NULL, 0, ctx);
}

static int send_fds_until_with(int ep, const struct hsk_ctx *ctx)
{
	return hsk_send_fds_until(ep, "x", 1, NULL, 0, 0, ctx);
}

static int recv_with(int ep, const struct hsk_ctx *ctx)
{
	return hsk_recv(ep, NULL, 0, NULL, ctx);
}

static int recv_until_with(int ep, const struct hsk_ctx *ctx)
{
	return hsk_recv_until(ep, NULL, 0, NULL, 0, ctx);
}

static int recv_fds_with(int ep, const struct hsk_ctx *ctx)
{
	return hsk_recv_fds(ep, NULL, 0, NULL, 0, NULL, ctx);
}

static int recv_fds_until_with(int ep, const struct hsk_ctx *ctx)
{
	return hsk_recv_fds_until(ep, NULL, 0, NULL, 0, NULL,
				  hsk_deadline_in_ms(NEVER_MS), ctx);
}

static int select_with(int ep, const struct hsk_ctx *ctx)
{
	struct hsk_case one = hsk_case_recv(ep, NULL, 0);

	return hsk_select(&one, 1, ctx);
}

static int select_until_with(int ep, const struct hsk_ctx *ctx)
{
	struct hsk_case one = hsk_case_send(ep, "x", 1);

	return hsk_select_until(&one, 1, hsk_deadline_in_ms(NEVER_MS), ctx);
}

static int select_ordered_with(int ep, const struct hsk_ctx *ctx)
{
	struct hsk_case one = hsk_case_send(ep, "x", 1);

	return hsk_select_ordered(&one, 1, ctx);
}

static int select_ordered_until_with(int ep, const struct hsk_ctx *ctx)
{
	struct hsk_case one = hsk_case_recv(ep, NULL, 0);

	return hsk_select_ordered_until(&one, 1, 0, ctx);
}

static int (*const waits[])(int ep, const struct hsk_ctx *ctx) = {
	send_with, send_until_with, send_fds_with, send_fds_until_with,
	recv_with, recv_until_with, recv_fds_with, recv_fds_until_with,
	select_with, select_until_with, select_ordered_with,
	select_ordered_until_with,
};

#define NR_WAITS (sizeof(waits) / sizeof(*waits))

static void cancel_ends_every_function_that_waits(void)
{
	int ep = hsk_chan_new(0);
	struct canceller what = { .ep = ep };
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < NR_WAITS; i++) {
		struct hsk_ctx *ctx = new_ctx(NULL);

		what.ctx = ctx;
		what.cause = -EIO;
		EXPECT_EQ(0, pthread_create(&thread, NULL,
					    cancel_when_somebody_waits, &what));
		EXPECT_EQ(-ECANCELED, waits[i](ep, ctx));
		EXPECT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(0, waiting_for(ep));
		hsk_ctx_free(ctx);
	}
}

static void done_context_ends_what_would_block_at_once(void)
{
	struct hsk_ctx *cancelled = new_ctx(NULL), *expired = NULL;
	int ep = hsk_chan_new(0);
	unsigned int i;

	EXPECT_EQ(0, hsk_ctx_cancel(cancelled));
	EXPECT_EQ(0, hsk_ctx_with_deadline(NULL, 1, &expired));
	for (i = 0; i < NR_WAITS; i++) {
		EXPECT_EQ(-ECANCELED, waits[i](ep, cancelled));
		EXPECT_EQ(-ETIMEDOUT, waits[i](ep, expired));
	}
}

static void success_beats_a_done_context(void)
{
	struct hsk_ctx *ctx = new_ctx(NULL);
	struct hsk_case one;
	int ep = hsk_chan_new(1);
	char byte = 0;

	EXPECT_EQ(0, hsk_ctx_cancel(ctx));
	EXPECT_EQ(0, hsk_send(ep, "x", 1, ctx));
	EXPECT_EQ(-ECANCELED, hsk_send(ep, "y", 1, ctx));
	one = hsk_case_recv(ep, &byte, 1);
	EXPECT_EQ(0, hsk_select(&one, 1, ctx));
	EXPECT_EQ('x', byte);
	EXPECT_EQ(-ECANCELED, hsk_recv(ep, &byte, 1, NULL, ctx));
}

static void done_descriptor_polls_and_is_selected(void)
{
	struct hsk_ctx *ctx = new_ctx(NULL);
	struct hsk_case cases[2] = {
		hsk_case_recv(hsk_chan_new(0), NULL, 0),
		hsk_case_recv(hsk_ctx_done(ctx), NULL, 0),
	};
	struct pollfd fd = { .fd = hsk_ctx_done(ctx), .events = POLLIN | POLLRDHUP };
	struct hsk_info info;

	EXPECT_EQ(0, poll(&fd, 1, 0));
	EXPECT_EQ(-EAGAIN, hsk_try_select(cases, 2));
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd.fd, F_GETFD));
	EXPECT_EQ(0, hsk_info(fd.fd, &info));
	EXPECT_EQ(HSK_RIGHT_READ, info.rights);
	EXPECT_EQ(0, hsk_ctx_cancel_cause(ctx, 3));
	EXPECT_EQ(1, poll(&fd, 1, 0));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLHUP, fd.revents);
	EXPECT_EQ(1, hsk_select(cases, 2, NULL));
	EXPECT_EQ(0, cases[1].result);
	EXPECT_EQ(3, cases[1].msg.reason);
}

static void context_travels_and_ends_in_the_other_process(void)
{
	struct hsk_ctx *ctx = new_ctx(NULL), *got = NULL, *child = NULL;
	int over = hsk_chan_new(1), ready = hsk_chan_new(0);
	int done = hsk_ctx_done(ctx), fd = -1;
	struct hsk_message msg;
	pid_t pid;

	EXPECT_EQ(0, hsk_send_fds(over, NULL, 0, &done, 1, NULL));
	pid = fork();
	if (pid == 0) {
		hsk_ctx_free(ctx);
		EXPECT_EQ(1, hsk_recv_fds(over, NULL, 0, &fd, 1, &msg, NULL));
		EXPECT_EQ(0, hsk_ctx_from_fd(fd, &got));
		EXPECT_EQ(fd, hsk_ctx_done(got));
		EXPECT_EQ(-EBADF, hsk_ctx_cancel(got));
		EXPECT_EQ(0, hsk_ctx_with_timeout_ms(got, NEVER_MS, &child));
		EXPECT_EQ(0, hsk_send(ready, NULL, 0, NULL));
		EXPECT_EQ(-ECANCELED, hsk_recv(over, NULL, 0, NULL, child));
		EXPECT_EQ(-EIO, hsk_ctx_cause(got));
		EXPECT_EQ(-EIO, hsk_ctx_cause(child));
		child_exit();
	}
	EXPECT_EQ(1, hsk_recv(ready, NULL, 0, NULL, NULL));
	while (!waiting_for(over))
		usleep(1000);
	EXPECT_EQ(0, hsk_ctx_cancel_cause(ctx, -EIO));
	EXPECT(child_passed(pid));
}

static void death_of_the_maker_ends_what_is_derived(void)
{
	int over = hsk_chan_new(0), fd = -1, done;
	struct hsk_ctx *ctx, *got = NULL, *child = NULL;
	struct hsk_message msg;
	pid_t pid = fork();

	if (pid == 0) {
		ctx = new_ctx(NULL);
		done = hsk_ctx_done(ctx);
		EXPECT_EQ(0, hsk_send_fds(over, NULL, 0, &done, 1, NULL));
		EXPECT_EQ(1, hsk_recv(over, NULL, 0, NULL, NULL));
		raise(SIGKILL);
	}
	EXPECT_EQ(1, hsk_recv_fds(over, NULL, 0, &fd, 1, &msg, NULL));
	EXPECT_EQ(0, hsk_ctx_from_fd(fd, &got));
	EXPECT_EQ(0, hsk_ctx_with_cancel(got, &child));
	EXPECT_EQ(0, hsk_ctx_err(child));
	EXPECT_EQ(0, hsk_send(over, NULL, 0, NULL));
	EXPECT_EQ(-ECANCELED, hsk_recv(over, NULL, 0, NULL, child));
	EXPECT_EQ(-EOWNERDEAD, hsk_ctx_cause(child));
	EXPECT_EQ(-ECANCELED, hsk_ctx_err(got));
	EXPECT(waitpid(pid, NULL, 0) == pid);
}

static void any_channel_is_a_context(void)
{
	struct hsk_ctx *ctx = NULL, *both = NULL;
	int ends[2], ep = hsk_chan_new(0), other = hsk_chan_new(0);

	EXPECT_EQ(0, hsk_chan_pair(ends, 0));
	EXPECT_EQ(-EBADF, hsk_ctx_from_fd(ends[1], &ctx));
	EXPECT_EQ(-EBADF, hsk_ctx_from_fd(-1, &ctx));
	EXPECT_EQ(-ENOTTY, hsk_ctx_from_fd(open("/dev/null", O_RDONLY), &ctx));
	EXPECT(!ctx);
	EXPECT_EQ(0, hsk_ctx_from_fd(ends[0], &ctx));
	EXPECT_EQ(0, hsk_close(ends[1], 0));
	EXPECT_EQ(-ECANCELED, hsk_ctx_cause(ctx));
	EXPECT_EQ(-ECANCELED, hsk_recv(ep, NULL, 0, NULL, ctx));
	EXPECT_EQ(0, hsk_ctx_from_fd(other, &both));
	EXPECT_EQ(0, hsk_ctx_cancel(both));
	EXPECT_EQ(-ECANCELED, hsk_ctx_err(both));
	hsk_ctx_free(both);
	EXPECT_EQ(-1, fcntl(other, F_GETFD));
}

static void free_gives_all_back_and_ends_what_is_derived(void)
{
	int before = open_descriptors();
	struct hsk_ctx *ctx = new_ctx(NULL), *timed = NULL, *child;

	EXPECT_EQ(before + 2, open_descriptors());
	EXPECT_EQ(0, hsk_ctx_with_timeout_ms(NULL, NEVER_MS, &timed));
	EXPECT_EQ(before + 4, open_descriptors());
	child = new_ctx(ctx);
	hsk_ctx_free(ctx);
	EXPECT_EQ(-EOWNERDEAD, hsk_ctx_cause(child));
	hsk_ctx_free(child);
	hsk_ctx_free(timed);
	EXPECT_EQ(before, open_descriptors());
}

static void failure_leaves_nothing_behind(void)
{
	int before, room, ret;
	struct hsk_ctx *ctx = NULL;
	struct rlimit limit;

	EXPECT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	before = open_descriptors();
	for (room = 0; room < 3; room++) {
		limit.rlim_cur = before + room;
		EXPECT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		ret = hsk_ctx_with_timeout_ms(NULL, NEVER_MS, &ctx);
		EXPECT_EQ(room < 2 ? -EMFILE : 0, ret);
		EXPECT_EQ(before + (room < 2 ? 0 : 2), open_descriptors());
	}
}

static const struct tap_test tests[] = {
	TAP_TEST(background_is_never_done),
	TAP_TEST(cancel_is_seen_with_its_cause),
	TAP_TEST(cancel_reaches_what_is_derived_and_nothing_above),
	TAP_TEST(what_is_derived_from_a_done_context_is_done),
	TAP_TEST(deadline_ends_a_context_in_time),
	TAP_TEST(cancel_ends_every_function_that_waits),
	TAP_TEST(done_context_ends_what_would_block_at_once),
	TAP_TEST(success_beats_a_done_context),
	TAP_TEST(done_descriptor_polls_and_is_selected),
	TAP_TEST(context_travels_and_ends_in_the_other_process),
	TAP_TEST(death_of_the_maker_ends_what_is_derived),
	TAP_TEST(any_channel_is_a_context),
	TAP_TEST(free_gives_all_back_and_ends_what_is_derived),
	TAP_TEST(failure_leaves_nothing_behind),
};

int main(void)
{
	return TAP_RUN(tests);
}
