// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: what a party may conclude
 * about memory. First the happens-before rules of the race detector's tests, as
 * litmus tests on plain shared memory; then that nobody writes into the memory
 * of a party that has gone, become another program, or unmapped it.
 */
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "conformance.h"
#include "hsk_job.h"

#define ROUNDS	300
#define SLOTS	64

/* Relaxed accesses only: any order between them comes from the channel. */
struct litmus {
	int fd, back;
	struct t_setting set;
	__u64 plain;
	char gap[128];
	__u64 slots[ROUNDS + SLOTS];
};

static void store(__u64 *to, __u64 value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static __u64 load(const __u64 *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

FIXTURE(race) {
	struct litmus *l;
	struct t_crew crew;
};

FIXTURE_VARIANT(race) {
	struct t_setting set;
};

FIXTURE_VARIANT_ADD(race, process) {
	{ T_PROCESS, 10, T_BLOCK, T_BLOCK }
};

FIXTURE_VARIANT_ADD(race, process_read_write) {
	{ T_PROCESS, 3, T_RW, T_RW }
};

FIXTURE_VARIANT_ADD(race, process_dontwait_receive) {
	{ T_PROCESS, 10, T_BLOCK, T_DONTWAIT }
};

FIXTURE_VARIANT_ADD(race, thread) {
	{ T_THREAD, 1, T_BLOCK, T_BLOCK }
};

FIXTURE_SETUP(race)
{
	self->l = t_shared(sizeof(*self->l));
	self->l->set = variant->set;
	self->crew.mode = variant->set.mode;
}

FIXTURE_TEARDOWN(race)
{
}

static int write_then_send(void *p)
{
	struct litmus *l = p;
	__u64 i;

	for (i = 0; i < ROUNDS; i++) {
		store(&l->slots[i], i + 1000);
		T_NEED_EQ(0, t_put_by(l->set.send, l->fd, i));
	}
	return 0;
}

static bool every_receive_sees_its_write(struct litmus *l)
{
	__u64 i, v;

	for (i = 0; i < ROUNDS; i++) {
		if (t_get_by(l->set.recv, l->fd, &v) != 1 || v != i ||
		    load(&l->slots[i]) != i + 1000)
			return false;
	}
	return true;
}

/* NoRaceChanSync, NoRaceChanAsync: a send happens before its receive completes. */
TEST_F(race, chan_sync_what_was_written_before_the_send_is_seen)
{
	self->l->fd = t_new(0);
	t_crew_add(&self->crew, write_then_send, self->l);
	EXPECT_TRUE(every_receive_sees_its_write(self->l));
	EXPECT_TRUE(t_crew_join(&self->crew));
}

TEST_F(race, chan_async_what_was_written_before_the_send_is_seen)
{
	self->l->fd = t_new(variant->set.capacity);
	t_crew_add(&self->crew, write_then_send, self->l);
	EXPECT_TRUE(every_receive_sees_its_write(self->l));
	EXPECT_TRUE(t_crew_join(&self->crew));
}

static int write_then_receive(void *p)
{
	struct litmus *l = p;
	__u64 i, v;

	for (i = 0; i < ROUNDS; i++) {
		store(&l->slots[i], i + 2000);
		T_NEED_EQ(1, t_get_by(l->set.recv, l->fd, &v));
	}
	return 0;
}

/* NoRaceChanSyncRev: unbuffered, a receive happens before its send completes. */
TEST_F(race, chan_sync_rev_what_was_written_before_the_receive_is_seen)
{
	__u64 i;

	self->l->fd = t_new(0);
	t_crew_add(&self->crew, write_then_receive, self->l);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, t_put_by(variant->set.send, self->l->fd, i));
		ASSERT_EQ(i + 2000, load(&self->l->slots[i]));
	}
	EXPECT_TRUE(t_crew_join(&self->crew));
}

/* ProducerConsumer: the k-th receive happens before the (k+capacity)-th send. */
TEST_F(race, producer_consumer_kth_receive_is_before_send_k_plus_capacity)
{
	__u64 i, n = variant->set.capacity;

	self->l->fd = t_new(n);
	t_crew_add(&self->crew, write_then_receive, self->l);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, t_put_by(variant->set.send, self->l->fd, i));
		if (i >= n)
			ASSERT_EQ(i - n + 2000, load(&self->l->slots[i - n]));
	}
	EXPECT_TRUE(t_crew_join(&self->crew));
}

static int write_then_close(void *p)
{
	struct litmus *l = p;

	store(&l->plain, 42);
	T_NEED_EQ(0, t_close(l->fd, 0));
	return 0;
}

/* AsyncCloseRecv, SyncCloseRecv: close happens before a receive of CLOSED. */
TEST_F(race, close_recv_what_was_written_before_the_close_is_seen)
{
	int capacity, round;
	__u64 v;

	for (round = 0; round < 40; round++) {
		capacity = round & 1 ? variant->set.capacity : 0;
		self->l->fd = t_new(capacity);
		store(&self->l->plain, 0);
		t_crew_add(&self->crew, write_then_close, self->l);
		ASSERT_EQ(0, t_get_by(variant->set.recv, self->l->fd, &v));
		ASSERT_EQ(42, load(&self->l->plain));
		EXPECT_TRUE(t_crew_join(&self->crew));
		close(self->l->fd);
	}
}

static int count_under_mutex(void *p)
{
	struct litmus *l = p;
	__u64 v;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		T_NEED_EQ(0, t_put_by(l->set.send, l->fd, 0));
		v = load(&l->plain);
		if (i % 16 == 0)
			sched_yield();
		store(&l->plain, v + 1);
		T_NEED_EQ(1, t_get_by(l->set.recv, l->fd, &v));
	}
	return 0;
}

/* ChanMutex: a channel of capacity one is a lock. */
TEST_F(race, chan_mutex_buffer_of_one_excludes)
{
	int i;

	self->l->fd = t_new(1);
	for (i = 0; i < 4; i++)
		t_crew_add(&self->crew, count_under_mutex, self->l);
	EXPECT_TRUE(t_crew_join(&self->crew));
	EXPECT_EQ(4 * ROUNDS, load(&self->l->plain));
}

static int write_a_slot_then_report(void *p)
{
	struct litmus *l = p;
	__u64 me;

	T_NEED_EQ(1, t_get(l->back, &me));
	store(&l->slots[me], me + 1);
	T_NEED_EQ(0, t_put_by(l->set.send, l->fd, me));
	return 0;
}

/* WaitGroup: one who has received from all sees what each has written. */
TEST_F(race, wait_group_all_reports_make_all_writes_visible)
{
	int i;
	__u64 v;

	self->l->fd = t_new(variant->set.capacity);
	self->l->back = t_new(8);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, t_put(self->l->back, i));
		t_crew_add(&self->crew, write_a_slot_then_report, self->l);
	}
	for (i = 0; i < 8; i++)
		ASSERT_EQ(1, t_get_by(variant->set.recv, self->l->fd, &v));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i + 1, load(&self->l->slots[i]));
	EXPECT_TRUE(t_crew_join(&self->crew));
}

static int write_then_send_when_full(void *p)
{
	struct litmus *l = p;

	store(&l->plain, 42);
	T_NEED_EQ(0, t_put(l->fd, 1));
	return 0;
}

/* BlockedSendSync: also what a sender wrote that had to wait for room. */
TEST_F(race, blocked_send_sync_what_a_waiting_sender_wrote_is_seen)
{
	__u64 v;

	self->l->fd = t_new(1);
	ASSERT_EQ(0, t_put(self->l->fd, 0));
	t_crew_add(&self->crew, write_then_send_when_full, self->l);
	ASSERT_EQ(0, t_wait_senders(self->l->fd, 1));
	ASSERT_EQ(1, t_get_by(variant->set.recv, self->l->fd, &v));
	ASSERT_EQ(1, t_get_by(variant->set.recv, self->l->fd, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(42, load(&self->l->plain));
	EXPECT_TRUE(t_crew_join(&self->crew));
}

/* --- TestShrinkStack...: the memory of a party that is no longer there --- */

/* Run again by exec as another program: nothing to do. */
static void __attribute__((constructor)) be_another_program(void)
{
	if (getenv("HSK_ANOTHER_PROGRAM"))
		_exit(0);
}

TEST(killed_receivers_memory_is_not_written)
{
	unsigned char *buf = t_shared(4096);
	int fd = t_new(0);
	struct t_job *job;
	__u64 v;

	t_fill(buf, 4096);
	job = t_job_recv(T_PROCESS, fd, buf, 4096, 0);
	ASSERT_EQ(0, t_wait_receivers(fd, 1));
	EXPECT_EQ(256 + 9, t_kill(job->party.pid));
	EXPECT_EQ(-EAGAIN, t_try_put(fd, 1));
	job = t_job_put(T_PROCESS, fd, 2);
	EXPECT_EQ(1, t_get(fd, &v));
	EXPECT_EQ(2, v);
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_TRUE(t_untouched(buf, 4096));
}

struct doomed {
	int fd, inherited;
	unsigned char *buf;
};

static void *receive_for_ever(void *p)
{
	struct doomed *d = p;

	t_recv(d->fd, d->buf, 4096, NULL);
	return NULL;
}

/* A thread is blocked in a receive when another one makes this call. */
static int become_another_program(void *p)
{
	struct doomed *d = p;
	pthread_t thread;

	T_NEED(!pthread_create(&thread, NULL, receive_for_ever, d));
	T_NEED_EQ(0, t_wait_receivers(d->fd, 1));
	setenv("HSK_ANOTHER_PROGRAM", "1", 1);
	execl("/proc/self/exe", "another", NULL);
	return 1;
}

static int exit_beside_a_blocked_thread(void *p)
{
	struct doomed *d = p;
	pthread_t thread;

	T_NEED(!pthread_create(&thread, NULL, receive_for_ever, d));
	T_NEED_EQ(0, t_wait_receivers(d->fd, 1));
	return 0;
}

TEST(receiver_that_execs_or_exits_while_blocked_takes_nothing)
{
	int (*ends[])(void *p) = {
		become_another_program, exit_beside_a_blocked_thread,
	};
	struct doomed d = { .fd = t_new(0), .buf = t_shared(4096) };
	unsigned int i;

	t_fill(d.buf, 4096);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		EXPECT_EQ(0, t_wait(t_fork(ends[i], &d)));
		EXPECT_EQ(0, t_wait_receivers(d.fd, 0));
		EXPECT_EQ(-EAGAIN, t_try_put(d.fd, 1));
	}
	EXPECT_TRUE(t_untouched(d.buf, 4096));
	EXPECT_TRUE(t_counters(d.fd, 0, 0, 0, 0));
}

TEST(buffer_unmapped_while_its_receiver_is_blocked_fails_the_receive)
{
	unsigned char *buf = t_shared(4096);
	int fd = t_new(0);
	struct t_job *job;
	__u64 v;

	job = t_job_recv(T_THREAD, fd, buf, 4096, 0);
	ASSERT_EQ(0, t_wait_receivers(fd, 1));
	ASSERT_EQ(0, munmap(buf, 4096));
	EXPECT_EQ(0, t_try_put(fd, 5));
	EXPECT_EQ(-EFAULT, t_job_end(job));
	EXPECT_TRUE(t_counters(fd, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(fd, &v));
	EXPECT_EQ(5, v);
}

TEST(message_is_what_it_was_when_the_send_began)
{
	unsigned char *buf = t_shared(8192), got[64];
	struct t_job *changed, *unmapped;
	struct hsk_msghdr msg;
	int fd = t_new(0);

	memset(buf, 'a', 64);
	memset(buf + 4096, 'b', 64);
	changed = t_job_send(T_THREAD, fd, buf, 64, 0);
	ASSERT_EQ(0, t_wait_senders(fd, 1));
	unmapped = t_job_send(T_THREAD, fd, buf + 4096, 64, 0);
	ASSERT_EQ(0, t_wait_senders(fd, 2));
	memset(buf, 'z', 64);
	ASSERT_EQ(0, munmap(buf + 4096, 4096));
	ASSERT_EQ(0, t_recv(fd, got, sizeof(got), &msg));
	EXPECT_EQ('a', got[0]);
	EXPECT_EQ('a', got[63]);
	ASSERT_EQ(0, t_recv(fd, got, sizeof(got), &msg));
	EXPECT_EQ('b', got[0]);
	EXPECT_EQ('b', got[63]);
	EXPECT_EQ(0, t_job_end(changed));
	EXPECT_EQ(0, t_job_end(unmapped));
}

static unsigned char private_buf[4096];

static int private_copy_stays_untouched(void *p)
{
	struct doomed *d = p;
	__u64 v;

	T_NEED_EQ(1, t_get(d->inherited, &v));
	T_NEED(t_untouched(private_buf, sizeof(private_buf)));
	return 0;
}

TEST(fork_beside_a_blocked_receiver_gives_the_message_to_the_parent_only)
{
	struct doomed d = { .fd = t_new(0), .inherited = t_new(0) };
	struct t_job *job;
	pid_t child;

	t_fill(private_buf, sizeof(private_buf));
	job = t_job_recv(T_THREAD, d.fd, private_buf, sizeof(private_buf), 0);
	ASSERT_EQ(0, t_wait_receivers(d.fd, 1));
	child = t_fork(private_copy_stays_untouched, &d);
	EXPECT_EQ(0, t_try_put(d.fd, 0x0102030405060708ULL));
	EXPECT_EQ(0, t_job_end(job));
	EXPECT_EQ(8, private_buf[0]);
	EXPECT_EQ(-EAGAIN, t_try_put(d.fd, 1));
	EXPECT_EQ(0, t_put(d.inherited, 0));
	EXPECT_EQ(0, t_wait(child));
}

HSK_TEST_MAIN
