// SPDX-License-Identifier: GPL-2.0-only
/*
 * Laws 6 to 12, each as a test by its name, as far as one program can show them
 * without chance. What takes a storm is in stress.c; law_memory.c has the part
 * of law 11 that is about slow memory.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"

/* A way there and back; in law 9 one end of a channel that lives and one that dies. */
struct exchange {
	int there, back;
};

/* --- law 6: close reaches all --- */

#define WAITERS	20

static int poll_until_closed(void *p)
{
	struct pollfd pfd = { .fd = *(int *)p, .events = POLLRDHUP };

	T_NEED_EQ(1, poll(&pfd, 1, 10000 * (int)t_slow()));
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

/* --- law 7: failure has no effect --- */

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

/* --- law 8: rights never grow --- */

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

/* --- law 9: death is a close --- */

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

/*
 * The receivers can't run while this process does: all are bound to its processor,
 * and it has a real-time priority. So they are handed messages, and then killed,
 * before they can look.
 */
TEST(law_9_death_gives_back_what_was_handed_to_receivers_that_never_ran)
{
	const struct sched_param first = { .sched_priority = 1 }, normal = {};
	struct t_job *dead[3];
	int fd = t_new(0);
	cpu_set_t one;
	__u64 v;
	int i;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	for (i = 0; i < 3; i++) {
		dead[i] = t_job_get_blocked(T_PROCESS, fd, i + 1);
		ASSERT_TRUE(!!dead[i]);
	}
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		SKIP(return, "no real-time priority: run as root");
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, t_try_put(fd, i + 1));
	EXPECT_TRUE(t_counters(fd, 3, 0, 3, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, kill(dead[i]->party.pid, SIGKILL));
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &normal));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(256 + 9, t_wait(dead[i]->party.pid));
	EXPECT_TRUE(t_counters(fd, 3, 0, 3, 0));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(1, t_try_get(fd, &v));
		EXPECT_EQ(i + 1, v);
	}
	EXPECT_EQ(-EAGAIN, t_try_get(fd, &v));
}

/* --- law 10: bounded --- */

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

static int send_both_ways(void *p)
{
	const struct sched_param first = { .sched_priority = 1 };
	struct return_way *way = p;
	int i;

	T_NEED_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
	for (i = 0; i < 100; i++) {
		T_NEED_EQ(0, t_send_fd(way->there, way->back));
		T_NEED_EQ(0, t_send_fd(way->back, way->there));
	}
	return 0;
}

/*
 * The sender waits, and runs before the receiver's call has returned, where the
 * kernel lets it: on the same processor and with a real-time priority.
 */
TEST(law_10_bounded_by_no_cycle_once_the_sender_knows_of_the_arrival)
{
	struct return_way way = { t_new(0), t_new(0) };
	struct t_crew crew = { .mode = T_PROCESS };
	int i, received;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	t_crew_add(&crew, send_both_ways, &way);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, t_wait_senders(way.there, 1));
		received = t_recv_fd(way.there);
		ASSERT_GE(received, 0);
		close(received);
		received = t_recv_fd(way.back);
		ASSERT_GE(received, 0);
		close(received);
	}
	EXPECT_TRUE(t_crew_join(&crew));
}

/* --- law 11: killable --- */

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

/* --- law 12: unloadable --- */

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
