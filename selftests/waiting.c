// SPDX-License-Identifier: GPL-2.0-only
/*
 * Those who block, and what ends their wait: a partner, room, the deadline, a
 * receiver that could not take what it was given. Each with the other party in
 * another process and in another thread.
 */
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"

#define DONTWAIT	HSK_OP_F_DONTWAIT
#define PAST		1

FIXTURE(waiting) {
	int zero, one, two;	/* channels of these capacities */
	enum t_mode mode;
};

FIXTURE_VARIANT(waiting) {
	enum t_mode mode;
};

FIXTURE_VARIANT_ADD(waiting, process) { .mode = T_PROCESS };
FIXTURE_VARIANT_ADD(waiting, thread) { .mode = T_THREAD };

FIXTURE_SETUP(waiting)
{
	self->mode = variant->mode;
	self->zero = t_new(0);
	self->one = t_new(1);
	self->two = t_new(2);
	ASSERT_GE(self->two, 0);
}

FIXTURE_TEARDOWN(waiting)
{
	EXPECT_TRUE(t_conserved(self->zero));
	EXPECT_TRUE(t_conserved(self->one));
	EXPECT_TRUE(t_conserved(self->two));
}

TEST_F(waiting, send_blocks_until_a_receiver_has_taken_it)
{
	struct t_job *job = t_job_put_blocked(self->mode, self->zero, 7, 1);
	__u64 v;

	ASSERT_TRUE(!!job);
	EXPECT_TRUE(t_job_blocked(job));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
	EXPECT_EQ(1, t_get(self->zero, &v));
	EXPECT_EQ(7, v);
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_EQ(0, t_wait_senders(self->zero, 0));
	EXPECT_TRUE(t_counters(self->zero, 1, 1, 0, 0));
}

TEST_F(waiting, receive_blocks_until_a_message_is_there)
{
	int fds[] = { self->zero, self->one };
	struct t_job *job;
	int i;

	for (i = 0; i < 2; i++) {
		job = t_job_get_blocked(self->mode, fds[i], 1);
		ASSERT_TRUE(!!job);
		EXPECT_TRUE(t_job_blocked(job));
		EXPECT_EQ(0, t_try_put(fds[i], 8));
		EXPECT_TRUE(t_job_got(job, 8));
		EXPECT_EQ(0, t_wait_receivers(fds[i], 0));
		EXPECT_TRUE(t_counters(fds[i], 1, 1, 0, 0));
	}
}

TEST_F(waiting, send_into_a_full_buffer_blocks_until_there_is_room)
{
	struct t_job *job;
	__u64 v;

	ASSERT_EQ(0, t_put(self->two, 1));
	ASSERT_EQ(0, t_put(self->two, 2));
	job = t_job_put_blocked(self->mode, self->two, 3, 1);
	ASSERT_TRUE(!!job);
	EXPECT_TRUE(t_job_blocked(job));
	EXPECT_TRUE(t_counters(self->two, 2, 0, 2, 0));
	EXPECT_EQ(1, t_try_get(self->two, &v));
	EXPECT_EQ(1, v);
	/* Its message has moved in behind, so it waits no longer. */
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_TRUE(t_counters(self->two, 3, 1, 2, 0));
	EXPECT_EQ(-EAGAIN, t_try_put(self->two, 4));
	EXPECT_EQ(1, t_try_get(self->two, &v));
	EXPECT_EQ(2, v);
	EXPECT_EQ(1, t_try_get(self->two, &v));
	EXPECT_EQ(3, v);
}

TEST_F(waiting, each_receive_lets_exactly_one_sender_move_in)
{
	struct t_job *jobs[3];
	__u64 v;
	int i;

	ASSERT_EQ(0, t_put(self->one, 0));
	for (i = 0; i < 3; i++) {
		jobs[i] = t_job_put_blocked(self->mode, self->one, i + 1, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(1, t_try_get(self->one, &v));
		EXPECT_EQ(i, v);
		EXPECT_EQ(0, t_job_end(jobs[i]));
		EXPECT_EQ(0, t_wait_senders(self->one, 2 - i));
		EXPECT_TRUE(t_counters(self->one, i + 2, i + 1, 1, 0));
	}
}

TEST_F(waiting, senders_are_served_in_arrival_order)
{
	struct t_job *jobs[4];
	__u64 v;
	int i;

	for (i = 0; i < 4; i++) {
		jobs[i] = t_job_put_blocked(self->mode, self->zero, i, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(1, t_try_get(self->zero, &v));
		EXPECT_EQ(i, v);
		EXPECT_EQ(0, t_job_end(jobs[i]));
	}
}

TEST_F(waiting, receivers_are_served_in_arrival_order)
{
	int fds[] = { self->zero, self->two };
	struct t_job *jobs[4];
	int c, i;

	for (c = 0; c < 2; c++) {
		for (i = 0; i < 4; i++) {
			jobs[i] = t_job_get_blocked(self->mode, fds[c], i + 1);
			ASSERT_TRUE(!!jobs[i]);
		}
		for (i = 0; i < 4; i++) {
			EXPECT_EQ(0, t_try_put(fds[c], i));
			EXPECT_TRUE(t_job_got(jobs[i], i));
		}
	}
}

TEST_F(waiting, message_for_a_waiting_receiver_goes_past_the_buffer)
{
	struct t_job *jobs[2];
	__u64 v;
	int i;

	/* Two receivers, capacity one: three sends without blocking fit. */
	for (i = 0; i < 2; i++) {
		jobs[i] = t_job_get_blocked(self->mode, self->one, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	EXPECT_EQ(0, t_try_put(self->one, 0));
	EXPECT_EQ(0, t_try_put(self->one, 1));
	EXPECT_EQ(0, t_try_put(self->one, 2));
	EXPECT_EQ(-EAGAIN, t_try_put(self->one, 3));
	EXPECT_TRUE(t_job_got(jobs[0], 0));
	EXPECT_TRUE(t_job_got(jobs[1], 1));
	EXPECT_EQ(1, t_try_get(self->one, &v));
	EXPECT_EQ(2, v);
}

TEST_F(waiting, zero_length_message_meets_a_waiting_partner)
{
	struct t_job *job = t_job_recv(self->mode, self->zero, NULL, 0, 0);
	struct hsk_msghdr msg;

	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	EXPECT_EQ(0, t_send_flags(self->zero, NULL, 0, DONTWAIT));
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_EQ(0, job->msg.len);
	EXPECT_EQ(0, job->msg.flags);
	job = t_job_send(self->mode, self->zero, "", 0, 0);
	ASSERT_EQ(0, t_wait_senders(self->zero, 1));
	EXPECT_EQ(0, t_recv_flags(self->zero, NULL, 0, DONTWAIT, &msg));
	EXPECT_EQ(0, msg.len);
	EXPECT_EQ(0, msg.flags);
	EXPECT_EQ(0, t_job_end(job));
}

/* --- deadlines --- */

TEST_F(waiting, deadline_ends_the_wait_and_not_before)
{
	__u64 end = t_in_ms(40);
	char c;

	EXPECT_EQ(-ETIMEDOUT, t_recv_deadline(self->zero, &c, 1, end, NULL));
	EXPECT_LE(end, t_now());
	end = t_in_ms(40);
	EXPECT_EQ(-ETIMEDOUT, t_send_deadline(self->zero, "x", 1, end));
	EXPECT_LE(end, t_now());
	ASSERT_EQ(0, t_try_put(self->one, 1));
	end = t_in_ms(40);
	EXPECT_EQ(-ETIMEDOUT, t_send_deadline(self->one, "x", 1, end));
	EXPECT_LE(end, t_now());
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(self->one, 1, 0, 1, 0));
}

TEST_F(waiting, past_deadline_with_nothing_to_do_is_etimedout)
{
	char c;

	EXPECT_EQ(-ETIMEDOUT, t_recv_deadline(self->zero, &c, 1, PAST, NULL));
	EXPECT_EQ(-ETIMEDOUT, t_recv_deadline(self->one, &c, 1, PAST, NULL));
	EXPECT_EQ(-ETIMEDOUT, t_send_deadline(self->zero, "x", 1, PAST));
}

TEST_F(waiting, success_beats_a_past_deadline)
{
	struct t_job *job;
	__u64 v;

	EXPECT_EQ(0, t_send_deadline(self->one, "12345678", 8, PAST));
	EXPECT_EQ(0, t_recv_deadline(self->one, &v, 8, PAST, NULL));
	job = t_job_get_blocked(self->mode, self->zero, 1);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_send_deadline(self->zero, "12345678", 8, PAST));
	EXPECT_EQ(0, t_job_end(job));
	job = t_job_put_blocked(self->mode, self->zero, 5, 1);
	ASSERT_TRUE(!!job);
	EXPECT_EQ(0, t_recv_deadline(self->zero, &v, 8, PAST, NULL));
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_EQ(5, v);
}

TEST_F(waiting, timed_out_sender_and_receiver_leave_no_trace)
{
	struct hsk_info_args info;
	char c;
	__u64 v;

	ASSERT_EQ(-ETIMEDOUT,
		  t_recv_deadline(self->zero, &c, 1, t_in_ms(5), NULL));
	EXPECT_EQ(-EAGAIN, t_try_put(self->zero, 1));
	ASSERT_EQ(-ETIMEDOUT, t_send_deadline(self->zero, "x", 1, t_in_ms(5)));
	EXPECT_EQ(-EAGAIN, t_try_get(self->zero, &v));
	ASSERT_EQ(0, t_info(self->zero, &info));
	EXPECT_EQ(0, info.waiting_senders);
	EXPECT_EQ(0, info.waiting_receivers);
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
}

TEST_F(waiting, later_deadline_does_not_disturb_the_one_behind)
{
	struct t_job *first = t_job_recv(self->mode, self->zero, NULL,
					 T_JOB_BYTES, t_in_a_while());
	struct t_job *second;

	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	second = t_job_get_blocked(self->mode, self->zero, 2);
	ASSERT_TRUE(!!second);
	EXPECT_EQ(-ETIMEDOUT, t_job_end(first));
	EXPECT_EQ(0, t_wait_receivers(self->zero, 1));
	EXPECT_EQ(0, t_try_put(self->zero, 9));
	EXPECT_TRUE(t_job_got(second, 9));
}

/* --- receivers that cannot take what they get --- */

TEST_F(waiting, receiver_with_too_little_room_leaves_the_sender_waiting)
{
	struct t_job *job = t_job_put_blocked(self->mode, self->zero, 3, 1);
	struct hsk_msghdr msg;
	__u64 v;
	char c[4];

	ASSERT_TRUE(!!job);
	t_fill(c, sizeof(c));
	EXPECT_EQ(-EMSGSIZE, t_recv(self->zero, c, sizeof(c), &msg));
	EXPECT_EQ(8, msg.len);
	EXPECT_EQ(0, msg.nr_fds);
	EXPECT_TRUE(t_untouched(c, sizeof(c)));
	EXPECT_TRUE(t_job_blocked(job));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
	EXPECT_EQ(1, t_get(self->zero, &v));
	EXPECT_EQ(3, v);
	EXPECT_EQ(0, t_job_end(job));
}

TEST_F(waiting, faulting_receiver_leaves_the_sender_waiting_at_the_head)
{
	struct t_job *first = t_job_put_blocked(self->mode, self->zero, 1, 1);
	struct t_job *second = t_job_put_blocked(self->mode, self->zero, 2, 2);
	__u64 v;

	ASSERT_TRUE(first && second);
	EXPECT_EQ(-EFAULT, t_recv(self->zero, t_bad_address(), 8, NULL));
	EXPECT_TRUE(t_job_blocked(first));
	EXPECT_EQ(0, t_wait_senders(self->zero, 2));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
	EXPECT_EQ(1, t_get(self->zero, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(0, t_job_end(first));
	EXPECT_EQ(1, t_get(self->zero, &v));
	EXPECT_EQ(2, v);
	EXPECT_EQ(0, t_job_end(second));
}

TEST_F(waiting, faulting_receiver_leaves_a_buffered_message_first)
{
	__u64 v;

	ASSERT_EQ(0, t_put(self->two, 1));
	ASSERT_EQ(0, t_put(self->two, 2));
	EXPECT_EQ(-EFAULT, t_recv(self->two, t_bad_address(), 8, NULL));
	EXPECT_TRUE(t_counters(self->two, 2, 0, 2, 0));
	EXPECT_EQ(1, t_try_get(self->two, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(1, t_try_get(self->two, &v));
	EXPECT_EQ(2, v);
}

TEST_F(waiting, message_handed_to_a_faulting_receiver_comes_back)
{
	int fds[] = { self->zero, self->one };
	void *bad = t_bad_address();
	struct t_job *job;
	__u64 v;
	int i;

	for (i = 0; i < 2; i++) {
		job = t_job_recv(self->mode, fds[i], bad, 8, 0);
		ASSERT_EQ(0, t_wait_receivers(fds[i], 1));
		EXPECT_EQ(0, t_try_put(fds[i], 6));
		EXPECT_EQ(-EFAULT, t_job_end(job));
		EXPECT_TRUE(t_counters(fds[i], 1, 0, 1, 0));
		EXPECT_EQ(1, t_try_get(fds[i], &v));
		EXPECT_EQ(6, v);
		EXPECT_EQ(-EAGAIN, t_try_get(fds[i], &v));
	}
}

TEST_F(waiting, message_that_came_back_goes_to_the_next_waiting_receiver)
{
	struct t_job *bad, *good;

	bad = t_job_recv(self->mode, self->zero, t_bad_address(), 8, 0);
	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	good = t_job_get_blocked(self->mode, self->zero, 2);
	ASSERT_TRUE(!!good);
	EXPECT_EQ(0, t_try_put(self->zero, 6));
	EXPECT_EQ(-EFAULT, t_job_end(bad));
	EXPECT_TRUE(t_job_got(good, 6));
	EXPECT_TRUE(t_counters(self->zero, 1, 1, 0, 0));
}

TEST_F(waiting, messages_that_came_back_keep_their_order)
{
	void *bad = t_bad_address();
	struct t_job *jobs[3];
	int fd = t_new(3);
	int round, i;
	__u64 v;

	/* The receivers fail in any order; often enough to meet the others. */
	for (round = 0; round < 40; round++) {
		for (i = 0; i < 3; i++) {
			jobs[i] = t_job_recv(self->mode, fd, bad, 8, 0);
			ASSERT_EQ(0, t_wait_receivers(fd, i + 1));
		}
		for (i = 0; i < 3; i++)
			ASSERT_EQ(0, t_try_put(fd, i));
		for (i = 0; i < 3; i++)
			EXPECT_EQ(-EFAULT, t_job_end(jobs[i]));
		for (i = 0; i < 3; i++) {
			ASSERT_EQ(1, t_try_get(fd, &v));
			ASSERT_EQ(i, v);
		}
	}
}

TEST_F(waiting, waiting_receiver_with_too_little_room_fails_and_the_next_gets_it)
{
	struct t_job *small = t_job_recv(self->mode, self->zero, NULL, 4, 0);
	struct t_job *large;

	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	large = t_job_get_blocked(self->mode, self->zero, 2);
	ASSERT_TRUE(!!large);
	EXPECT_EQ(0, t_try_put(self->zero, 4));
	EXPECT_EQ(-EMSGSIZE, t_job_end(small));
	EXPECT_EQ(8, small->msg.len);
	EXPECT_EQ(0, small->msg.nr_fds);
	EXPECT_TRUE(t_untouched(small->bytes, sizeof(small->bytes)));
	EXPECT_TRUE(t_job_got(large, 4));
}

TEST_F(waiting, message_too_big_for_all_who_wait_is_buffered_or_stays_with_its_sender)
{
	struct t_job *small = t_job_recv(self->mode, self->one, NULL, 4, 0);
	struct t_job *sender;
	__u64 v;

	ASSERT_EQ(0, t_wait_receivers(self->one, 1));
	EXPECT_EQ(0, t_try_put(self->one, 1));
	EXPECT_EQ(-EMSGSIZE, t_job_end(small));
	EXPECT_TRUE(t_counters(self->one, 1, 0, 1, 0));

	small = t_job_recv(self->mode, self->zero, NULL, 4, 0);
	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	sender = t_job_put_blocked(self->mode, self->zero, 2, 1);
	ASSERT_TRUE(!!sender);
	EXPECT_EQ(-EMSGSIZE, t_job_end(small));
	EXPECT_EQ(8, small->msg.len);
	EXPECT_TRUE(t_job_blocked(sender));
	EXPECT_EQ(1, t_get(self->zero, &v));
	EXPECT_EQ(2, v);
	EXPECT_EQ(0, t_job_end(sender));
}

TEST_F(waiting, message_too_big_for_all_who_wait_is_eagain_for_dontwait)
{
	struct t_job *small = t_job_recv(self->mode, self->zero, NULL, 4, 0);

	ASSERT_EQ(0, t_wait_receivers(self->zero, 1));
	EXPECT_EQ(-EAGAIN, t_try_put(self->zero, 1));
	EXPECT_EQ(-EMSGSIZE, t_job_end(small));
	EXPECT_TRUE(t_counters(self->zero, 0, 0, 0, 0));
}

/* --- death --- */

TEST(sender_killed_while_blocked_leaves_no_message)
{
	struct t_job *dead, *next;
	int fd = t_new(0);
	__u64 v;

	dead = t_job_put_blocked(T_PROCESS, fd, 1, 1);
	next = t_job_put_blocked(T_PROCESS, fd, 2, 2);
	ASSERT_TRUE(dead && next);
	EXPECT_EQ(256 + 9, t_kill(dead->party.pid));
	EXPECT_EQ(0, t_wait_senders(fd, 1));
	EXPECT_EQ(1, t_get(fd, &v));
	EXPECT_EQ(2, v);
	EXPECT_EQ(0, t_job_end(next));
	EXPECT_EQ(-EAGAIN, t_try_get(fd, &v));
	EXPECT_TRUE(t_counters(fd, 1, 1, 0, 0));
}

TEST(receiver_killed_while_blocked_takes_no_message)
{
	struct t_job *dead, *next;
	int fd = t_new(0);

	dead = t_job_get_blocked(T_PROCESS, fd, 1);
	next = t_job_get_blocked(T_PROCESS, fd, 2);
	ASSERT_TRUE(dead && next);
	EXPECT_EQ(256 + 9, t_kill(dead->party.pid));
	EXPECT_EQ(0, t_wait_receivers(fd, 1));
	EXPECT_EQ(0, t_try_put(fd, 2));
	EXPECT_TRUE(t_job_got(next, 2));
	EXPECT_EQ(-EAGAIN, t_try_put(fd, 3));
	EXPECT_TRUE(t_counters(fd, 1, 1, 0, 0));
}

HSK_TEST_MAIN
