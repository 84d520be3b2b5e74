// SPDX-License-Identifier: GPL-2.0-only
/*
 * Laws 1 to 5, each as a test by its name, as far as one program can show them
 * without chance. What takes a storm is in stress.c. Law 4 is about select.
 */
#include <sched.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"

/* --- law 1: conservation --- */

TEST(law_1_conservation_through_every_kind_of_end)
{
	int fd = t_new(2), writer = t_dup(fd, HSK_RIGHT_WRITE);
	void *bad = t_bad_address();
	struct t_job *job;
	__u64 v;
	int i;

	/* Refused: full, too late, bad memory, no room. */
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, t_try_put(fd, i));
	EXPECT_EQ(-EAGAIN, t_try_put(fd, 9));
	EXPECT_EQ(-ETIMEDOUT, t_send_deadline(fd, &i, 4, t_in_ms(5)));
	EXPECT_EQ(-EFAULT, t_send(fd, bad, 8));
	EXPECT_EQ(-EFAULT, t_recv(fd, bad, 8, NULL));
	EXPECT_EQ(-EMSGSIZE, t_recv(fd, &v, 7, NULL));
	EXPECT_TRUE(t_counters(fd, 2, 0, 2, 0));
	/* Killed while it waits. */
	job = t_job_put_blocked(T_PROCESS, fd, 9, 1);
	ASSERT_TRUE(!!job);
	t_kill(job->party.pid);
	EXPECT_TRUE(t_counters(fd, 2, 0, 2, 0));
	/* Received; a waiting sender moved in. */
	job = t_job_put_blocked(T_PROCESS, fd, 2, 1);
	ASSERT_TRUE(!!job);
	ASSERT_EQ(1, t_get(fd, &v));
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_TRUE(t_counters(fd, 3, 1, 2, 0));
	/* Closed, with a waiting sender; then drained by the last reader's end. */
	job = t_job_put_blocked(T_PROCESS, fd, 9, 1);
	ASSERT_TRUE(!!job);
	ASSERT_EQ(0, t_close(fd, 0));
	EXPECT_EQ(-EPIPE, t_job_end(job));
	ASSERT_EQ(1, t_get(fd, &v));
	EXPECT_TRUE(t_counters(fd, 3, 2, 1, 0));
	close(fd);
	EXPECT_TRUE(t_counters(writer, 3, 2, 0, 1));
}

struct traffic {
	int fd, go_on;		/* go_on: atomic */
};

static int send_while_told(void *p)
{
	struct traffic *t = p;
	__u64 i;
	int ret;

	for (i = 0; __atomic_load_n(&t->go_on, __ATOMIC_RELAXED); i++) {
		ret = i % 5 ? t_put(t->fd, i)
			    : t_send_deadline(t->fd, &i, 8, t_now() + T_MSEC / 5);
		if (ret == -EPIPE)
			return 0;
		T_NEED(!ret || ret == -ETIMEDOUT);
	}
	return 0;
}

static int receive_while_open(void *p)
{
	struct traffic *t = p;
	struct hsk_msghdr msg;
	unsigned int i;
	__u64 v;
	int ret;

	for (i = 0; ; i++) {
		/* Now and then one that fails: what it took must go back. */
		if (i % 7 == 3) {
			ret = t_recv_deadline(t->fd, NULL, 8,
					      t_now() + T_MSEC / 5, &msg);
			T_NEED(ret == -EFAULT || ret == -ETIMEDOUT ||
			       msg.flags & HSK_MSG_F_CLOSED);
			continue;
		}
		ret = t_get(t->fd, &v);
		if (!ret)
			return 0;
		T_NEED_EQ(1, ret);
	}
}

TEST(law_1_conservation_in_every_snapshot_under_traffic)
{
	static const unsigned int capacities[] = { 0, 3 };
	struct traffic *t = t_shared(sizeof(*t));
	struct t_crew crew = { .mode = T_PROCESS };
	struct hsk_info_args info;
	__u64 last_sent, last_received;
	unsigned int c, i;

	for (c = 0; c < ARRAY_SIZE(capacities); c++) {
		t->fd = t_new(capacities[c]);
		t->go_on = 1;
		last_sent = 0;
		last_received = 0;
		for (i = 0; i < 3; i++) {
			t_crew_add(&crew, send_while_told, t);
			t_crew_add(&crew, receive_while_open, t);
		}
		for (i = 0; i < 2000; i++) {
			ASSERT_EQ(0, t_info(t->fd, &info));
			ASSERT_EQ(info.sent, info.received + info.buffered);
			ASSERT_GE(info.received, last_received);
			/* One of a receiver in transit may come back beyond it. */
			ASSERT_LE(info.buffered, capacities[c] + 3);
			last_received = info.received;
			last_sent = info.sent;
		}
		__atomic_store_n(&t->go_on, 0, __ATOMIC_RELAXED);
		EXPECT_EQ(0, t_close(t->fd, 0));
		EXPECT_TRUE(t_crew_join(&crew));
		ASSERT_EQ(0, t_info(t->fd, &info));
		EXPECT_GT(last_sent, 0);
		EXPECT_EQ(info.sent, info.received);
		EXPECT_EQ(0, info.buffered);
	}
}

/* --- law 2: order --- */

TEST(law_2_order_across_buffer_and_waiting_senders)
{
	int fd = t_new(2), i;
	struct t_job *jobs[5];
	__u64 v;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, t_try_put(fd, i));
	for (i = 0; i < 5; i++) {
		jobs[i] = t_job_put_blocked(T_PROCESS, fd, 2 + i, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	/* One in the middle goes: the order of the others stays. */
	t_kill(jobs[2]->party.pid);
	ASSERT_EQ(0, t_wait_senders(fd, 4));
	for (i = 0; i < 7; i++) {
		if (i == 4)
			continue;
		ASSERT_EQ(1, t_try_get(fd, &v));
		EXPECT_EQ(i, v);
	}
	EXPECT_EQ(-EAGAIN, t_try_get(fd, &v));
}

TEST(law_2_order_of_receivers_is_that_of_their_arrival)
{
	struct t_job *jobs[5];
	int fd = t_new(1), i;

	for (i = 0; i < 5; i++) {
		jobs[i] = t_job_get_blocked(i & 1 ? T_THREAD : T_PROCESS, fd, i + 1);
		ASSERT_TRUE(!!jobs[i]);
	}
	t_kill(jobs[2]->party.pid);
	ASSERT_EQ(0, t_wait_receivers(fd, 4));
	for (i = 0; i < 5; i++) {
		if (i == 2)
			continue;
		ASSERT_EQ(0, t_try_put(fd, i));
		EXPECT_TRUE(t_job_got(jobs[i], i));
	}
}

#define REFUSED	64	/* more than are woken at a time */

/*
 * A message that comes back ends the wait of all who have no room for it, before
 * it gets to one who has. A later message must not get there first.
 */
TEST(law_2_order_of_a_message_that_comes_back_past_many_who_lack_room)
{
	struct t_job *faulting, *roomy;
	int fd = t_new(0), i, round;
	struct hsk_info_args info;
	__u64 v;

	for (round = 0; round < 5; round++) {
		faulting = t_job_recv(T_THREAD, fd, t_bad_address(), sizeof(v), 0);
		ASSERT_EQ(0, t_wait_receivers(fd, 1));
		for (i = 0; i < REFUSED; i++)
			ASSERT_TRUE(!!t_job_recv(T_THREAD, fd, NULL, 0, 0));
		ASSERT_EQ(0, t_wait_receivers(fd, 1 + REFUSED));
		roomy = t_job_get_blocked(T_THREAD, fd, 2 + REFUSED);
		ASSERT_TRUE(!!roomy);

		ASSERT_EQ(0, t_try_put(fd, 1));
		do {
			ASSERT_EQ(0, t_info(fd, &info));
		} while (info.waiting_receivers > REFUSED);
		if (t_try_put(fd, 2) == 0) {
			ASSERT_EQ(1, t_get(fd, &v));
			EXPECT_EQ(2, v);
		}
		EXPECT_TRUE(t_job_got(roomy, 1));
		EXPECT_EQ(-EFAULT, t_job_end(faulting));
		ASSERT_EQ(0, t_wait_receivers(fd, 0));
	}
}

/* --- law 3: rendezvous --- */

#define MEETINGS	300

struct meeting {
	int fd;
	struct {
		__u64 begin, end;
	} sends[MEETINGS], receives[MEETINGS];
};

static int meet_as_receiver(void *p)
{
	struct meeting *m = p;
	__u64 v;
	int i;

	for (i = 0; i < MEETINGS; i++) {
		if (i % 3 == 1)
			sched_yield();
		m->receives[i].begin = t_now();
		T_NEED_EQ(1, t_get(m->fd, &v));
		m->receives[i].end = t_now();
		T_NEED_EQ(i, v);
	}
	return 0;
}

TEST(law_3_rendezvous_intervals_overlap)
{
	struct t_crew crew = { .mode = T_PROCESS };
	struct meeting *m = t_shared(sizeof(*m));
	int i;

	m->fd = t_new(0);
	t_crew_add(&crew, meet_as_receiver, m);
	for (i = 0; i < MEETINGS; i++) {
		if (i % 5 == 1)
			sched_yield();
		m->sends[i].begin = t_now();
		ASSERT_EQ(0, t_put(m->fd, i));
		m->sends[i].end = t_now();
	}
	EXPECT_TRUE(t_crew_join(&crew));
	for (i = 0; i < MEETINGS; i++) {
		ASSERT_LE(m->sends[i].begin, m->receives[i].end);
		ASSERT_LE(m->receives[i].begin, m->sends[i].end);
	}
}

/* --- law 5: no lost wake-up --- */

#define EXCHANGES	1500
#define RESCUE_MS	(8000 * t_slow())	/* nobody may need it */

struct exchange {
	int there, back;
};

static int echo(void *p)
{
	struct exchange *x = p;
	__u64 v;
	int i;

	for (i = 0; i < EXCHANGES; i++) {
		T_NEED_EQ(0, t_recv_deadline(x->there, &v, 8, t_in_ms(RESCUE_MS),
					     NULL));
		T_NEED_EQ(0, t_send_deadline(x->back, &v, 8, t_in_ms(RESCUE_MS)));
	}
	return 0;
}

TEST(law_5_no_wake_up_is_lost_in_ping_pong)
{
	struct t_crew crew = { .mode = T_PROCESS };
	unsigned int capacity;
	struct exchange x;
	__u64 v;
	int i;

	for (capacity = 0; capacity < 2; capacity++) {
		x = (struct exchange){ t_new(capacity), t_new(capacity) };
		t_crew_add(&crew, echo, &x);
		for (i = 0; i < EXCHANGES; i++) {
			ASSERT_EQ(0, t_put(x.there, i));
			ASSERT_EQ(0, t_recv_deadline(x.back, &v, 8,
						     t_in_ms(RESCUE_MS), NULL));
			ASSERT_EQ(i, v);
		}
		EXPECT_TRUE(t_crew_join(&crew));
	}
}

struct impatient {
	int fd;
	int received;		/* atomic */
};

/* Gives up again and again, so that wake-ups and deadlines cross. */
static int receive_impatiently(void *p)
{
	struct impatient *im = p;
	struct hsk_msghdr msg;
	__u64 v;
	int ret;

	for (;;) {
		ret = t_recv_deadline(im->fd, &v, 8, t_now() + T_MSEC / 10, &msg);
		if (ret == -ETIMEDOUT)
			continue;
		T_NEED_EQ(0, ret);
		if (msg.flags & HSK_MSG_F_CLOSED)
			return 0;
		__atomic_fetch_add(&im->received, 1, __ATOMIC_RELAXED);
	}
}

static int receive_patiently(void *p)
{
	struct impatient *im = p;
	__u64 v;
	int ret;

	while ((ret = t_get(im->fd, &v)) == 1)
		__atomic_fetch_add(&im->received, 1, __ATOMIC_RELAXED);
	return ret;
}

TEST(law_5_one_who_gives_up_does_not_swallow_anothers_wake_up)
{
	struct impatient *im = t_shared(sizeof(*im));
	struct t_crew crew = { .mode = T_PROCESS };
	int i;

	im->fd = t_new(0);
	for (i = 0; i < 3; i++)
		t_crew_add(&crew, receive_impatiently, im);
	t_crew_add(&crew, receive_patiently, im);
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, t_send_deadline(im->fd, "12345678", 8,
					     t_in_ms(RESCUE_MS)));
	EXPECT_EQ(0, t_close(im->fd, 0));
	EXPECT_TRUE(t_crew_join(&crew));
	EXPECT_EQ(1000, im->received);
	EXPECT_TRUE(t_counters(im->fd, 1000, 1000, 0, 0));
}

HSK_TEST_MAIN
