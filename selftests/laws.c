// SPDX-License-Identifier: GPL-2.0-only
/*
 * The laws of hsk, each as a test by its name, as far as one program can show
 * them without chance. What takes a storm is in other programs. Law 4 is about
 * select. law_memory.c has the part of law 11 that is about slow memory.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"

/* --- law 1: conservation ---------------------------------------------------------- */

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

/* --- law 2: order ----------------------------------------------------------------- */

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

/* --- law 3: rendezvous ------------------------------------------------------------- */

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

/* --- law 5: no lost wake-up --------------------------------------------------------- */

#define EXCHANGES	1500
#define RESCUE_MS	8000	/* nobody may need it */

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

/* --- law 6: close reaches all --------------------------------------------------------- */

#define WAITERS	20

static int poll_until_closed(void *p)
{
	struct pollfd pfd = { .fd = *(int *)p, .events = POLLRDHUP };

	T_NEED_EQ(1, poll(&pfd, 1, 10000));
	T_NEED(pfd.revents & POLLRDHUP);
	return 0;
}

TEST(law_6_close_reaches_every_waiter_and_poller)
{
	struct t_job *receivers[WAITERS], *senders[WAITERS];
	int empty = t_new(0), full = t_new(0), i;
	struct t_crew pollers = { .mode = T_PROCESS };

	for (i = 0; i < WAITERS; i++) {
		receivers[i] = t_job_get(i & 1 ? T_THREAD : T_PROCESS, empty);
		senders[i] = t_job_put(i & 1 ? T_THREAD : T_PROCESS, full, i);
		if (i % 5 == 0)
			t_crew_add(&pollers, poll_until_closed, &empty);
	}
	ASSERT_EQ(0, t_wait_receivers(empty, WAITERS));
	ASSERT_EQ(0, t_wait_senders(full, WAITERS));
	EXPECT_EQ(0, t_close(empty, 3));
	EXPECT_EQ(0, t_close(full, 4));
	for (i = 0; i < WAITERS; i++) {
		EXPECT_TRUE(t_job_got_closed(receivers[i], 3));
		EXPECT_EQ(-EPIPE, t_job_end(senders[i]));
	}
	EXPECT_TRUE(t_crew_join(&pollers));
	EXPECT_EQ(0, t_wait_receivers(empty, 0));
	EXPECT_EQ(0, t_wait_senders(full, 0));
}

/* --- law 7: failure has no effect ------------------------------------------------------- */

TEST(law_7_failure_has_no_effect_on_channel_or_descriptors)
{
	int fd = t_new(1), empty = t_new(0);
	int reader = t_dup(fd, HSK_RIGHT_READ);
	struct hsk_info_args before, after;
	void *bad = t_bad_address();
	int not_open = -1, nr_fds, i;
	unsigned char buf[4];

	ASSERT_EQ(0, t_send_fd(fd, empty));
	nr_fds = t_count_fds();
	ASSERT_EQ(0, t_info(fd, &before));
	for (i = 0; i < 3; i++) {
		t_fill(buf, sizeof(buf));
		EXPECT_EQ(-EAGAIN, t_try_put(fd, 1));
		EXPECT_EQ(-EBADF, t_try_put(reader, 1));
		EXPECT_EQ(-EBADF, t_close(reader, 0));
		EXPECT_EQ(-EINVAL, t_close(fd, -5000));
		EXPECT_EQ(-EPERM, t_dup(reader, T_BOTH));
		EXPECT_EQ(-EFAULT, t_send(fd, bad, 1));
		EXPECT_EQ(-EBADF, t_send_fd(fd, not_open));
		EXPECT_EQ(-ELOOP, t_send_fd(fd, reader));
		EXPECT_EQ(-ETIMEDOUT, t_send_deadline(fd, "x", 1, 1));
		EXPECT_EQ(-EMSGSIZE, t_recv(fd, buf, sizeof(buf), NULL));
		EXPECT_EQ(-EFAULT, t_recv_full(fd, buf, 4, bad, 1, 0, 0, NULL));
		EXPECT_EQ(-ETIMEDOUT, t_recv_deadline(empty, buf, 4, 1, NULL));
		EXPECT_TRUE(t_untouched(buf, sizeof(buf)));
	}
	ASSERT_EQ(0, t_info(fd, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(nr_fds, t_count_fds());
}

/* --- law 8: rights never grow ------------------------------------------------------------ */

static bool only_reads(int fd)
{
	struct hsk_info_args info;

	return !t_info(fd, &info) && info.rights == HSK_RIGHT_READ &&
	       t_try_put(fd, 1) == -EBADF && t_close(fd, 0) == -EBADF &&
	       t_dup(fd, HSK_RIGHT_WRITE) == -EPERM &&
	       t_dup(fd, T_BOTH) == -EPERM && write(fd, "x", 1) == -1 &&
	       errno == EBADF;
}

TEST(law_8_rights_never_grow_by_any_route)
{
	int fd = t_new(1), carrier = t_new(1);
	int reader = t_dup(fd, HSK_RIGHT_READ);
	struct hsk_info_args mine, reopened;
	char path[64];
	int again;

	EXPECT_TRUE(only_reads(reader));
	EXPECT_TRUE(only_reads(dup(reader)));
	EXPECT_TRUE(only_reads(t_dup(reader, HSK_RIGHT_READ)));
	ASSERT_EQ(0, t_send_fd(carrier, reader));
	again = t_recv_fd(carrier);
	ASSERT_GE(again, 0);
	EXPECT_TRUE(only_reads(again));
	fcntl(reader, F_SETFL, O_RDWR);
	EXPECT_TRUE(only_reads(reader));

	/* Opened again by its name in /proc it is refused or another channel. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", reader);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again >= 0) {
		ASSERT_EQ(0, t_info(reader, &mine));
		ASSERT_EQ(0, t_info(again, &reopened));
		EXPECT_NE(mine.id, reopened.id);
	}
	EXPECT_TRUE(t_counters(fd, 0, 0, 0, 0));
}

/* --- law 9: death is a close ----------------------------------------------------------------- */

static int send_for_ever(void *p)
{
	struct exchange *x = p;
	__u64 i;

	close(x->back);		/* the reader's */
	for (i = 0; ; i++)
		T_NEED_EQ(0, t_put(x->there, i));
	return 0;
}

static int receive_for_ever(void *p)
{
	struct exchange *x = p;
	__u64 v;

	close(x->back);		/* the writer's */
	for (;;)
		T_NEED_EQ(1, t_get(x->there, &v));
	return 0;
}

static void spin_randomly(unsigned int *seed)
{
	__u64 end = t_now() + rand_r(seed) % (2 * T_MSEC);

	while (t_now() < end)
		;
}

TEST(law_9_death_of_the_only_writer_is_a_close)
{
	unsigned int seed = t_seed(), round;
	struct hsk_msghdr msg;
	struct exchange x;
	__u64 v, want;
	pid_t child;
	int fd;

	for (round = 0; round < 30; round++) {
		fd = t_new(round % 3);
		x.there = t_dup(fd, HSK_RIGHT_WRITE);
		x.back = t_dup(fd, HSK_RIGHT_READ);
		close(fd);
		child = t_fork(send_for_ever, &x);
		close(x.there);
		spin_randomly(&seed);
		kill(child, SIGKILL);
		/* What it has sent arrives, in order; then its end. No deadline. */
		for (want = 0; ; want++) {
			ASSERT_EQ(0, t_recv(x.back, &v, 8, &msg));
			if (msg.flags & HSK_MSG_F_CLOSED)
				break;
			ASSERT_EQ(want, v);
		}
		EXPECT_EQ(-EOWNERDEAD, msg.reason);
		EXPECT_TRUE(t_counters(x.back, want, want, 0, 0));
		EXPECT_EQ(256 + SIGKILL, t_wait(child));
		close(x.back);
	}
}

TEST(law_9_death_of_the_only_reader_is_a_close)
{
	unsigned int seed = t_seed(), round;
	struct hsk_info_args info;
	struct exchange x;
	pid_t child;
	__u64 sent;
	int fd, ret;

	for (round = 0; round < 30; round++) {
		fd = t_new(round % 3);
		x.there = t_dup(fd, HSK_RIGHT_READ);
		x.back = t_dup(fd, HSK_RIGHT_WRITE);
		close(fd);
		child = t_fork(receive_for_ever, &x);
		close(x.there);
		spin_randomly(&seed);
		kill(child, SIGKILL);
		sent = 0;
		while (!(ret = t_put(x.back, sent)))
			sent++;
		EXPECT_EQ(-EPIPE, ret);
		/* All that was accepted was received or thrown away with it. */
		ASSERT_EQ(0, t_wait_closed(x.back));
		EXPECT_EQ(256 + SIGKILL, t_wait(child));
		ASSERT_EQ(0, t_info(x.back, &info));
		EXPECT_EQ(-EPIPE, info.reason);
		EXPECT_EQ(sent, info.sent);
		EXPECT_EQ(sent, info.received + info.drained);
		EXPECT_EQ(0, info.buffered);
		close(x.back);
	}
}

TEST(law_9_death_of_who_could_have_received_it_closes_what_travelled)
{
	int inner = t_new(0), carrier = t_new(1);
	struct exchange x = { t_dup(carrier, HSK_RIGHT_READ), -1 };
	int writer = t_dup(inner, HSK_RIGHT_WRITE);
	int reader = t_dup(inner, HSK_RIGHT_READ);
	int to_carrier = t_dup(carrier, HSK_RIGHT_WRITE);
	struct t_job *holder, *job;

	/* The only WRITE endpoint is in a message that nobody has received. */
	ASSERT_EQ(0, t_send_fd(carrier, writer));
	close(writer);
	close(inner);
	holder = t_job_get_blocked(T_PROCESS, t_new(0), 1);
	(void)holder;
	close(carrier);
	job = t_job_get_blocked(T_THREAD, reader, 1);
	ASSERT_TRUE(!!job);
	EXPECT_TRUE(t_job_blocked(job));
	close(x.there);
	/* The other process holds the carrier's last READ endpoints. */
	EXPECT_TRUE(t_job_blocked(job));
	t_kill(holder->party.pid);
	EXPECT_TRUE(t_job_got_closed(job, -EOWNERDEAD));
	EXPECT_TRUE(t_counters(to_carrier, 1, 0, 0, 1));
}

/* --- law 10: bounded -------------------------------------------------------------------------- */

TEST(law_10_bounded_descriptors_in_flight_are_counted_and_given_back)
{
	long limit = t_param("max_in_flight");
	int fd = t_new(100), passed = t_new(0), writer, i;

	ASSERT_GT(limit, 0);
	if (t_set_param("max_in_flight", 5))
		SKIP(return, "needs root");
	writer = t_dup(fd, HSK_RIGHT_WRITE);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, t_send_fd(fd, passed));
	EXPECT_EQ(-ETOOMANYREFS, t_send_fd(fd, passed));
	/* Messages without descriptors are not concerned. */
	EXPECT_EQ(0, t_try_put(fd, 1));
	/* Received, it counts no more. */
	EXPECT_LE(0, t_recv_fd(fd));
	EXPECT_EQ(0, t_send_fd(fd, passed));
	EXPECT_EQ(-ETOOMANYREFS, t_send_fd(fd, passed));
	/* Thrown away with the channel's last reader, neither. */
	close(fd);
	EXPECT_TRUE(t_counters(writer, 7, 1, 0, 6));
	fd = t_new(100);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, t_send_fd(fd, passed));
	EXPECT_EQ(-ETOOMANYREFS, t_send_fd(fd, passed));
	EXPECT_EQ(0, t_set_param("max_in_flight", limit));
}

struct return_way {
	int there, back;	/* a message of @there carries @back */
};

static int send_the_way_back(void *p)
{
	struct return_way *way = p;
	int i, received;

	for (i = 0; i < 100; i++) {
		received = t_recv_fd(way->there);
		T_NEED(received >= 0);
		T_NEED_EQ(0, t_send_fd(received, way->there));
		close(received);
	}
	return 0;
}

/* When the receive returns, what it brought is in flight no more. */
TEST(law_10_bounded_by_no_cycle_once_a_descriptor_has_arrived)
{
	struct return_way way = { t_new(0), t_new(1) };
	struct t_crew crew = { .mode = T_PROCESS };
	int i, received;

	t_crew_add(&crew, send_the_way_back, &way);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, t_send_fd(way.there, way.back));
		received = t_recv_fd(way.back);
		ASSERT_GE(received, 0);
		close(received);
	}
	EXPECT_TRUE(t_crew_join(&crew));
}

/* --- law 11: killable ----------------------------------------------------------------------------- */

TEST(law_11_killable_whatever_one_waits_for)
{
	int empty = t_new(0), full = t_new(1);
	struct t_job *jobs[4];
	__u64 begin;
	int i;

	ASSERT_EQ(0, t_put(full, 1));
	jobs[0] = t_job_get_blocked(T_PROCESS, empty, 1);
	jobs[1] = t_job_put_blocked(T_PROCESS, full, 2, 1);
	jobs[2] = t_job_recv(T_PROCESS, empty, NULL, 8, t_in_ms(1000000));
	jobs[3] = t_job_send(T_PROCESS, full, "x", 1, t_in_ms(1000000));
	ASSERT_EQ(0, t_wait_receivers(empty, 2));
	ASSERT_EQ(0, t_wait_senders(full, 2));
	begin = t_now();
	for (i = 0; i < 4; i++)
		EXPECT_EQ(256 + SIGKILL, t_kill(jobs[i]->party.pid));
	EXPECT_LT(t_now() - begin, 5 * T_SEC);
	EXPECT_EQ(0, t_wait_receivers(empty, 0));
	EXPECT_EQ(0, t_wait_senders(full, 0));
	EXPECT_TRUE(t_counters(empty, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(full, 1, 0, 1, 0));
}

/* --- law 12: unloadable ------------------------------------------------------------------------------ */

/* Never succeeds here: this program needs the module, and so does the next. */
static int unload(void)
{
	return syscall(SYS_delete_module, "hsk", O_NONBLOCK) ? -errno : 0;
}

TEST(law_12_unloadable_never_while_an_endpoint_is_open)
{
	int first = t_open(), second, carrier, ret;

	ret = unload();
	if (ret == -ENOENT || ret == -EPERM)
		SKIP(return, "hsk is not a module, or needs root");
	EXPECT_EQ(-EWOULDBLOCK, ret);
	/* An endpoint that no open of the device made. */
	second = t_chan_new(first, 1);
	close(first);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	/* One that only travels, while another holds where it travels. */
	carrier = t_chan_new(second, 1);
	ASSERT_EQ(0, t_send_fd(carrier, second));
	close(second);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	second = t_recv_fd(carrier);
	close(carrier);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_EQ(0, t_try_put(second, 1));
}

HSK_TEST_MAIN
