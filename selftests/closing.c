// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a channel: closed by an endpoint, or because the last endpoint of
 * a right has gone; what is buffered then, and who is woken.
 */
#include <limits.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"

FIXTURE(closing) {
	int fd;
	enum t_mode mode;
};

FIXTURE_VARIANT(closing) {
	enum t_mode mode;
	unsigned int capacity;
};

FIXTURE_VARIANT_ADD(closing, process_0) { .mode = T_PROCESS, .capacity = 0 };
FIXTURE_VARIANT_ADD(closing, process_3) { .mode = T_PROCESS, .capacity = 3 };
FIXTURE_VARIANT_ADD(closing, thread_0) { .mode = T_THREAD, .capacity = 0 };
FIXTURE_VARIANT_ADD(closing, thread_3) { .mode = T_THREAD, .capacity = 3 };

FIXTURE_SETUP(closing)
{
	self->mode = variant->mode;
	self->fd = t_new(variant->capacity);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(closing)
{
	if (self->fd >= 0)
		EXPECT_TRUE(t_conserved(self->fd));
}

static const int reasons[] = {
	0, -1, -ECANCELED, -ETIMEDOUT, -EOWNERDEAD, -4095, 1, 42, INT_MAX,
};

/* Receive says CLOSED with @reason, at once, as often as one asks. */
static bool closed_for_ever(int fd, int reason)
{
	unsigned char buf[8];
	struct hsk_msghdr msg;
	int i;

	for (i = 0; i < 5; i++) {
		t_fill(buf, sizeof(buf));
		if (t_recv_flags(fd, i ? buf : NULL, i ? sizeof(buf) : 0,
				 i & 1 ? HSK_OP_F_DONTWAIT : 0, &msg))
			return false;
		if (msg.flags != HSK_MSG_F_CLOSED || msg.reason != reason ||
		    msg.len || msg.nr_fds || !t_untouched(buf, sizeof(buf)))
			return false;
	}
	return true;
}

TEST_F(closing, receive_on_closed_is_closed_for_ever_with_the_reason)
{
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		fd = t_new(variant->capacity);
		ASSERT_EQ(0, t_close(fd, reasons[i]));
		EXPECT_TRUE(closed_for_ever(fd, reasons[i]))
			TH_LOG("reason %d", reasons[i]);
		close(fd);
	}
}

TEST_F(closing, close_wakes_every_waiting_receiver)
{
	struct t_job *jobs[3];
	int i;

	for (i = 0; i < 3; i++) {
		jobs[i] = t_job_get_blocked(self->mode, self->fd, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	ASSERT_EQ(0, t_close(self->fd, -ECANCELED));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(t_job_got_closed(jobs[i], -ECANCELED));
	EXPECT_EQ(0, t_wait_receivers(self->fd, 0));
	EXPECT_TRUE(t_counters(self->fd, 0, 0, 0, 0));
}

TEST_F(closing, close_wakes_every_waiting_sender_and_nothing_of_theirs_arrives)
{
	unsigned int n = variant->capacity, i;
	struct t_job *jobs[3];
	__u64 v;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_try_put(self->fd, i));
	for (i = 0; i < 3; i++) {
		jobs[i] = t_job_put_blocked(self->mode, self->fd, 99, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	ASSERT_EQ(0, t_close(self->fd, 5));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EPIPE, t_job_end(jobs[i]));
	EXPECT_EQ(0, t_wait_senders(self->fd, 0));
	EXPECT_TRUE(t_counters(self->fd, n, 0, n, 0));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(1, t_get(self->fd, &v));
		EXPECT_EQ(i, v);
	}
	EXPECT_TRUE(closed_for_ever(self->fd, 5));
	EXPECT_TRUE(t_counters(self->fd, n, n, 0, 0));
}

#define CROWD	40	/* more than are told with the lock held once */

TEST_F(closing, close_tells_a_crowd_of_senders_and_one_of_receivers)
{
	unsigned int n = variant->capacity, i;
	struct t_job *jobs[CROWD];
	int fd = t_new(0);

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_try_put(self->fd, i));
	for (i = 0; i < CROWD; i++)
		jobs[i] = t_job_put(self->mode, self->fd, 99);
	ASSERT_EQ(0, t_wait_senders(self->fd, CROWD));
	ASSERT_EQ(0, t_close(self->fd, 5));
	for (i = 0; i < CROWD; i++)
		EXPECT_EQ(-EPIPE, t_job_end(jobs[i]));
	EXPECT_TRUE(t_counters(self->fd, n, 0, n, 0));

	for (i = 0; i < CROWD; i++)
		jobs[i] = t_job_get(self->mode, fd);
	ASSERT_EQ(0, t_wait_receivers(fd, CROWD));
	ASSERT_EQ(0, t_close(fd, 6));
	for (i = 0; i < CROWD; i++)
		EXPECT_TRUE(t_job_got_closed(jobs[i], 6));
}

TEST_F(closing, what_is_buffered_comes_before_closed)
{
	unsigned int n = variant->capacity, i;
	__u64 v;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_try_put(self->fd, i));
	ASSERT_EQ(0, t_close(self->fd, 3));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(1, t_try_get(self->fd, &v));
		EXPECT_EQ(i, v);
	}
	EXPECT_TRUE(closed_for_ever(self->fd, 3));
}

TEST_F(closing, send_on_closed_is_epipe_and_delivers_nothing)
{
	ASSERT_EQ(0, t_close(self->fd, 0));
	EXPECT_EQ(-EPIPE, t_put(self->fd, 1));
	EXPECT_EQ(-EPIPE, t_try_put(self->fd, 1));
	EXPECT_EQ(-EPIPE, t_send_deadline(self->fd, "x", 1, 1));
	EXPECT_EQ(-EPIPE, t_send(self->fd, NULL, 0));
	EXPECT_TRUE(closed_for_ever(self->fd, 0));
	EXPECT_TRUE(t_counters(self->fd, 0, 0, 0, 0));
}

TEST_F(closing, second_close_is_epipe_and_keeps_the_first_reason)
{
	struct hsk_info_args info;
	int other = t_dup(self->fd, HSK_RIGHT_WRITE);

	ASSERT_EQ(0, t_close(other, 11));
	EXPECT_EQ(-EPIPE, t_close(self->fd, 12));
	EXPECT_EQ(-EPIPE, t_close(other, 11));
	ASSERT_EQ(0, t_info(self->fd, &info));
	EXPECT_EQ(HSK_STATE_CLOSED, info.state);
	EXPECT_EQ(11, info.reason);
	/* That the closer goes changes nothing either. */
	close(other);
	EXPECT_TRUE(closed_for_ever(self->fd, 11));
}

TEST_F(closing, last_write_endpoint_gone_is_eownerdead_for_receivers)
{
	int reader = t_dup(self->fd, HSK_RIGHT_READ);
	unsigned int n = variant->capacity, i;
	struct hsk_info_args info;
	__u64 v;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_try_put(self->fd, i));
	close(self->fd);
	self->fd = reader;
	ASSERT_EQ(0, t_info(reader, &info));
	EXPECT_EQ(HSK_STATE_CLOSED, info.state);
	EXPECT_EQ(-EOWNERDEAD, info.reason);
	EXPECT_EQ(0, info.write_endpoints);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(1, t_get(reader, &v));
		EXPECT_EQ(i, v);
	}
	EXPECT_TRUE(closed_for_ever(reader, -EOWNERDEAD));
}

static int hold_until_told(void *p)
{
	int *fds = p;
	__u64 v;

	/* fds[0]: all that is left of a right; fds[1]: the word to go. */
	t_get(fds[1], &v);
	close(fds[0]);
	return 0;
}

/* fds[0] lives only in a child, which goes at the test's word. */
static pid_t keeper_of(int *fds)
{
	pid_t child = t_fork(hold_until_told, fds);

	close(fds[0]);
	return child;
}

TEST_F(closing, waiting_receivers_learn_that_the_last_writer_has_gone)
{
	int reader = t_dup(self->fd, HSK_RIGHT_READ);
	int fds[2] = { t_dup(self->fd, HSK_RIGHT_WRITE), t_new(0) };
	struct t_job *jobs[2];
	pid_t keeper;
	int i;

	keeper = keeper_of(fds);
	close(self->fd);
	self->fd = reader;
	for (i = 0; i < 2; i++) {
		jobs[i] = t_job_get_blocked(self->mode, reader, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	EXPECT_TRUE(t_job_blocked(jobs[0]));
	ASSERT_EQ(0, t_put(fds[1], 0));
	for (i = 0; i < 2; i++)
		EXPECT_TRUE(t_job_got_closed(jobs[i], -EOWNERDEAD));
	EXPECT_EQ(0, t_wait(keeper));
}

TEST_F(closing, waiting_receivers_learn_of_the_last_writers_death_by_sigkill)
{
	int reader = t_dup(self->fd, HSK_RIGHT_READ);
	int fds[2] = { t_dup(self->fd, HSK_RIGHT_WRITE), t_new(0) };
	struct t_job *job;
	pid_t keeper;

	keeper = keeper_of(fds);
	close(self->fd);
	self->fd = reader;
	job = t_job_get_blocked(self->mode, reader, 1);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(256 + 9, t_kill(keeper));
	EXPECT_TRUE(t_job_got_closed(job, -EOWNERDEAD));
}

TEST_F(closing, last_read_endpoint_gone_drains_and_closes)
{
	int writer = t_dup(self->fd, HSK_RIGHT_WRITE);
	unsigned int n = variant->capacity, i;
	struct hsk_info_args info;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_try_put(self->fd, i));
	close(self->fd);
	self->fd = writer;
	EXPECT_TRUE(t_counters(writer, n, 0, 0, n));
	ASSERT_EQ(0, t_info(writer, &info));
	EXPECT_EQ(HSK_STATE_CLOSED, info.state);
	EXPECT_EQ(-EPIPE, info.reason);
	EXPECT_EQ(0, info.read_endpoints);
	EXPECT_EQ(-EPIPE, t_put(writer, 1));
	EXPECT_EQ(-EPIPE, t_try_put(writer, 1));
	EXPECT_EQ(-EPIPE, t_close(writer, 0));
}

TEST_F(closing, waiting_senders_learn_that_the_last_reader_has_gone)
{
	int writer = t_dup(self->fd, HSK_RIGHT_WRITE);
	int fds[2] = { t_dup(self->fd, HSK_RIGHT_READ), t_new(0) };
	unsigned int n = variant->capacity, i;
	struct t_job *jobs[2];
	pid_t keeper;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_try_put(self->fd, i));
	keeper = keeper_of(fds);
	close(self->fd);
	self->fd = writer;
	for (i = 0; i < 2; i++) {
		jobs[i] = t_job_put_blocked(self->mode, writer, 9, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	EXPECT_TRUE(t_job_blocked(jobs[0]));
	ASSERT_EQ(0, t_put(fds[1], 0));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(-EPIPE, t_job_end(jobs[i]));
	EXPECT_EQ(0, t_wait(keeper));
	EXPECT_TRUE(t_counters(writer, n, 0, 0, n));
}

TEST_F(closing, drained_keeps_the_reason_of_an_earlier_close)
{
	int writer = t_dup(self->fd, HSK_RIGHT_WRITE);
	unsigned int n = variant->capacity, i;
	struct hsk_info_args info;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, t_try_put(self->fd, i));
	ASSERT_EQ(0, t_close(self->fd, 77));
	close(self->fd);
	self->fd = writer;
	EXPECT_TRUE(t_counters(writer, n, 0, 0, n));
	ASSERT_EQ(0, t_info(writer, &info));
	EXPECT_EQ(77, info.reason);
}

HSK_TEST_MAIN
