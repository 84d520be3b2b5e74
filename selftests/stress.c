// SPDX-License-Identifier: GPL-2.0-only
/*
 * Law 1 and law 9 under a storm. Processes of two threads each send and receive
 * on one channel while they get signals, run into deadlines, use bad buffers
 * and too little room, and are killed and replaced. A ledger in shared memory
 * says afterwards what became of every message.
 *
 * HSK_SEED=n repeats a run's choices, though not the scheduler's.
 */
#include <sys/mman.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"
#include "peer.h"

#define SENDERS		3	/* processes */
#define RECEIVERS	3
#define THREADS		2	/* in each of them */
#define MAX_MSG		300
#define MAX_ATTEMPTS	30000

enum { UNUSED, TRIED, SENT, FAILED };

struct ledger {
	unsigned int attempts;		/* ids given out */
	unsigned int limit;		/* after so many, senders stop */
	unsigned int bad;		/* wrong contents or a wrong errno */
	unsigned int failures;		/* operations that failed as they should */
	unsigned char state[MAX_ATTEMPTS];
	unsigned char got[MAX_ATTEMPTS];
};

static struct ledger *ledger;
static int storm_chan;
static int storm_token;		/* goes along with some messages */
static unsigned int storm_seed;

static void complain(const char *what, long value)
{
	fprintf(stderr, "# storm: %s %ld\n", what, value);
	__atomic_add_fetch(&ledger->bad, 1, __ATOMIC_RELAXED);
}

static void on_signal(int sig)
{
}

/* --- senders -------------------------------------------------------------------- */

static unsigned char content(unsigned int id, unsigned int i)
{
	return (id * 2654435761U + i * 40503U) >> 13;
}

static size_t compose(char *buf, unsigned int id)
{
	size_t len = sizeof(id) + content(id, 0) % (MAX_MSG - sizeof(id)), i;

	memcpy(buf, &id, sizeof(id));
	for (i = sizeof(id); i < len; i++)
		buf[i] = content(id, i);
	return len;
}

static bool send_may_fail_so(int ret, unsigned int kind)
{
	switch (ret) {
	case -EINTR:
		return true;
	case -EAGAIN:
		return kind == 1;
	case -ETIMEDOUT:
		return kind == 2;
	case -EFAULT:
		return kind == 3;
	case -EBADF:
		return kind == 4;
	}
	return false;
}

static int send_one(unsigned int id, unsigned int *seed, char *edge)
{
	unsigned int kind = rand_r(seed) % 8;
	bool along = rand_r(seed) % 8 == 0;
	int fds[2] = { storm_token, -1 };
	char buf[MAX_MSG];
	size_t len = compose(buf, id);
	uint64_t deadline = 0;
	char *data = buf;
	int ret;

	if (kind == 2)
		deadline = t_now() + rand_r(seed) % 3000000;
	if (kind == 3) {
		/* Readable but for the last byte. */
		data = edge - len + 1;
		memcpy(data, buf, len - 1);
	}
	if (kind == 5)
		ret = p_errno(write(storm_chan, buf, len));
	else
		ret = t_send_full(storm_chan, data, len, fds,
				  kind == 4 ? 2 : along,
				  kind == 1 ? HSK_OP_F_DONTWAIT : 0, deadline);
	if (ret < 0 && !send_may_fail_so(ret, kind))
		complain("a send failed with", ret);
	if (ret >= 0 && (kind == 3 || kind == 4))
		complain("a bad send succeeded, kind", kind);
	return ret;
}

static void *sender(void *arg)
{
	unsigned int seed = storm_seed + syscall(SYS_gettid), id;
	char *edge = (char *)t_edge();

	for (;;) {
		id = __atomic_fetch_add(&ledger->attempts, 1, __ATOMIC_RELAXED);
		if (id >= ledger->limit)
			break;
		ledger->state[id] = TRIED;
		if (send_one(id, &seed, edge) >= 0) {
			ledger->state[id] = SENT;
			continue;
		}
		ledger->state[id] = FAILED;
		__atomic_add_fetch(&ledger->failures, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

/* --- receivers ------------------------------------------------------------------- */

static void enter(const char *buf, size_t len)
{
	char want[MAX_MSG];
	unsigned int id;

	memcpy(&id, buf, sizeof(id));
	if (len < sizeof(id) || id >= ledger->limit) {
		complain("a message without an id, of length", len);
		return;
	}
	if (compose(want, id) != len || memcmp(want, buf, len))
		complain("contents are wrong in message", id);
	__atomic_add_fetch(&ledger->got[id], 1, __ATOMIC_RELAXED);
}

static bool receive_may_fail_so(int ret, unsigned int kind)
{
	switch (ret) {
	case -EINTR:
		return true;
	case -EAGAIN:
		return kind == 1;
	case -ETIMEDOUT:
		return kind == 2;
	case -EFAULT:
		return kind == 3;
	case -EMSGSIZE:
		return kind == 4;
	case -EBADMSG:
		return kind == 5;
	}
	return false;
}

/* False once the channel is closed and drained. */
static bool receive_one(unsigned int *seed, char *edge)
{
	unsigned int kind = rand_r(seed) % 8;
	struct hsk_msghdr msg = { 0 };
	char buf[MAX_MSG], *data = buf;
	size_t room = MAX_MSG;
	uint64_t deadline = 0;
	int fd = -1, ret;

	if (kind == 2)
		deadline = t_now() + rand_r(seed) % 3000000;
	if (kind == 3)
		data = edge - 3;
	if (kind == 4)
		room = 3;
	if (kind == 5) {
		ret = p_errno(read(storm_chan, buf, room));
		if (ret > 0)
			msg.len = ret;
		else if (!ret)
			return false;
	} else {
		ret = t_recv_full(storm_chan, data, room, &fd, 1,
				  kind == 1 ? HSK_OP_F_DONTWAIT : 0, deadline,
				  &msg);
	}
	if (ret < 0) {
		if (!receive_may_fail_so(ret, kind))
			complain("a receive failed with", ret);
		__atomic_add_fetch(&ledger->failures, 1, __ATOMIC_RELAXED);
		return true;
	}
	if (msg.flags & HSK_MSG_F_CLOSED)
		return false;
	if (kind == 3 || kind == 4)
		complain("a bad receive succeeded, kind", kind);
	else
		enter(buf, msg.len);
	if (msg.nr_fds)
		close(fd);
	return true;
}

static void *receiver(void *arg)
{
	unsigned int seed = storm_seed + syscall(SYS_gettid);
	char *edge = (char *)t_edge();

	while (receive_one(&seed, edge))
		;
	return arg;
}

/* --- the storm ---------------------------------------------------------------------- */

static pid_t fork_party(void *(*fn)(void *))
{
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t thread[THREADS];
	static int turn;
	pid_t pid;
	int i;

	/* Inherited, since a signal may come at once: every other restarts. */
	act.sa_flags = turn++ & 1 ? SA_RESTART : 0;
	sigaction(SIGUSR1, &act, NULL);
	pid = p_fork();
	if (pid)
		return pid;
	for (i = 0; i < THREADS; i++)
		P_NEED(!pthread_create(&thread[i], NULL, fn, NULL));
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	_exit(0);
}

FIXTURE(storm) {
	pid_t sender[SENDERS];
	pid_t receiver[RECEIVERS];
	int watch;
	unsigned int seed;
	unsigned int lost_by_kill;	/* at most so many messages */
};

FIXTURE_VARIANT(storm) {
	unsigned int capacity;
	unsigned int limit;
	bool kill_senders;
	bool kill_receivers;
};

FIXTURE_VARIANT_ADD(storm, unbuffered) {
	.capacity = 0, .limit = 6000,
};

FIXTURE_VARIANT_ADD(storm, one_slot) {
	.capacity = 1, .limit = 6000,
};

FIXTURE_VARIANT_ADD(storm, sixteen_slots) {
	.capacity = 16, .limit = 8000,
};

FIXTURE_VARIANT_ADD(storm, unbuffered_senders_killed) {
	.capacity = 0, .limit = 6000, .kill_senders = true,
};

FIXTURE_VARIANT_ADD(storm, one_slot_senders_killed) {
	.capacity = 1, .limit = 6000, .kill_senders = true,
};

FIXTURE_VARIANT_ADD(storm, unbuffered_all_killed) {
	.capacity = 0, .limit = 6000, .kill_senders = true,
	.kill_receivers = true,
};

FIXTURE_VARIANT_ADD(storm, sixteen_slots_all_killed) {
	.capacity = 16, .limit = 8000, .kill_senders = true,
	.kill_receivers = true,
};

FIXTURE_SETUP(storm)
{
	int p[2];

	storm_seed = t_seed();
	self->seed = storm_seed;
	ledger = t_shared(sizeof(*ledger));
	ledger->limit = t_fewer(variant->limit);
	storm_chan = t_new(variant->capacity);
	ASSERT_LE(0, storm_chan);
	ASSERT_EQ(0, pipe2(p, O_CLOEXEC));
	self->watch = p[0];
	storm_token = p[1];
}

FIXTURE_TEARDOWN(storm)
{
}

static void replace(pid_t *pid, void *(*fn)(void *))
{
	t_kill(*pid);
	*pid = fork_party(fn);
}

/* Signals and kills for as long as there is something to send. */
static void rage(struct _test_data_storm *self,
		 const struct _fixture_variant_storm *variant)
{
	unsigned int what, who;

	while (__atomic_load_n(&ledger->attempts, __ATOMIC_RELAXED) <
	       ledger->limit) {
		what = rand_r(&self->seed) % 16;
		who = rand_r(&self->seed) % SENDERS;
		if (what == 0 && variant->kill_senders) {
			replace(&self->sender[who], sender);
		} else if (what == 1 && variant->kill_receivers) {
			replace(&self->receiver[who], receiver);
			self->lost_by_kill += THREADS;
		} else {
			kill(what & 1 ? self->sender[who] :
					self->receiver[who], SIGUSR1);
		}
		if (what & 2)
			t_sleep_ms(1);
	}
}

struct tally {
	unsigned int sent, tried, failed, got, missing;
	unsigned int twice, ghosts;
};

static struct tally count_up(void)
{
	struct tally t = { 0 };
	unsigned int id;

	for (id = 0; id < ledger->limit; id++) {
		unsigned char state = ledger->state[id], got = ledger->got[id];

		t.sent += state == SENT;
		t.tried += state == TRIED;
		t.failed += state == FAILED;
		t.got += got;
		t.missing += state == SENT && !got;
		t.twice += got > 1;
		t.ghosts += got && (state == FAILED || state == UNUSED);
	}
	return t;
}

TEST_F_TIMEOUT(storm, every_message_arrives_once_and_the_counters_are_exact, 60)
{
	struct hsk_info_args info;
	struct tally t;
	int i;

	for (i = 0; i < RECEIVERS; i++)
		self->receiver[i] = fork_party(receiver);
	for (i = 0; i < SENDERS; i++)
		self->sender[i] = fork_party(sender);
	rage(self, variant);
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, t_wait(self->sender[i]));
	ASSERT_TRUE(t_conserved(storm_chan));
	ASSERT_EQ(0, t_close(storm_chan, 0));
	for (i = 0; i < RECEIVERS; i++)
		EXPECT_EQ(0, t_wait(self->receiver[i]));

	info = p_info(storm_chan);
	t = count_up();
	TH_LOG("%u sent, %u received, %u errors, %u tried when killed, %u lost",
	       t.sent, t.got, ledger->failures, t.tried, t.missing);
	EXPECT_EQ(0, ledger->bad);
	EXPECT_EQ(0, t.twice);
	EXPECT_EQ(0, t.ghosts);
	EXPECT_EQ(info.sent, info.received);
	EXPECT_EQ(0, info.buffered);
	EXPECT_EQ(0, info.drained);
	/* What was received is what arrived, but for killed receivers. */
	EXPECT_LE(t.got, info.received);
	EXPECT_GE(t.got + self->lost_by_kill, info.received);
	EXPECT_LE(t.missing, info.received - t.got);
	/* What was sent is what senders say, but for killed senders. */
	EXPECT_LE(t.sent, info.sent);
	EXPECT_GE(t.sent + t.tried, info.sent);
	if (!variant->kill_senders)
		EXPECT_EQ(0, t.tried);
	EXPECT_LT(ledger->limit / 4, t.sent);
	EXPECT_LT(ledger->limit / 8, ledger->failures);
	/* Nothing is left. */
	EXPECT_EQ(1, info.read_endpoints);
	EXPECT_EQ(1, info.write_endpoints);
	EXPECT_EQ(0, info.waiting_senders);
	EXPECT_EQ(0, info.waiting_receivers);
	close(storm_token);
	EXPECT_EQ(0, p_wait_pipe_alone(self->watch));
}

/* --- death ------------------------------------------------------------------------------ */

/* Works with the only WRITE endpoint in every way there is, until it dies. */
static void work_until_killed(int wr, int carrier)
{
	unsigned int i = 0;
	int again, got;

	for (;;) {
		again = t_dup(wr, HSK_RIGHT_WRITE);
		P_NEED(again >= 0);
		P_NEED(!t_send(again, &i, sizeof(i)));
		i++;
		P_NEED(!t_send_fd(carrier, again));
		close(again);
		got = t_recv_fd(carrier);
		P_NEED(got >= 0);
		P_NEED(!t_send(got, &i, sizeof(i)));
		i++;
		close(got);
	}
}

FIXTURE(death) {
	unsigned int seed;
};

FIXTURE_VARIANT(death) {
	unsigned int capacity;
};

FIXTURE_VARIANT_ADD(death, unbuffered) { .capacity = 0 };
FIXTURE_VARIANT_ADD(death, buffered) { .capacity = 3 };

FIXTURE_SETUP(death)
{
	self->seed = t_seed();
}

FIXTURE_TEARDOWN(death)
{
}

TEST_F_TIMEOUT(death, of_a_writer_at_any_instant_is_a_close, 60)
{
	unsigned int rounds = t_fewer(100), round, next, got, limit;
	int chan, rd, wr, ret;
	pid_t pid;

	for (round = 0; round < rounds; round++) {
		chan = t_new(variant->capacity);
		rd = t_dup(chan, HSK_RIGHT_READ);
		wr = t_dup(chan, HSK_RIGHT_WRITE);
		close(chan);
		pid = p_fork();
		if (!pid) {
			close(rd);
			work_until_killed(wr, t_new(1));
		}
		close(wr);
		limit = rand_r(&self->seed) % 12;
		for (next = 0; next < limit; next++) {
			ASSERT_EQ(4, p_recv(rd, &got, 4));
			ASSERT_EQ(next, got);
		}
		kill(pid, SIGKILL);
		/* No deadline: only the death itself ends this loop. */
		while ((ret = p_recv(rd, &got, 4)) == 4)
			ASSERT_EQ(next++, got);
		ASSERT_EQ(-EPIPE, ret);
		EXPECT_EQ(-EOWNERDEAD, p_reason(rd));
		EXPECT_EQ(256 + SIGKILL, t_wait(pid));
		EXPECT_TRUE(t_counters(rd, next, next, 0, 0));
		EXPECT_EQ(0, p_info(rd).write_endpoints);
		close(rd);
	}
}

TEST_F_TIMEOUT(death, of_a_reader_at_any_instant_is_an_epipe, 60)
{
	unsigned int rounds = t_fewer(100), round, sent, limit, got;
	struct hsk_info_args info;
	int chan, rd, wr, ret;
	pid_t pid;

	for (round = 0; round < rounds; round++) {
		chan = t_new(variant->capacity);
		rd = t_dup(chan, HSK_RIGHT_READ);
		wr = t_dup(chan, HSK_RIGHT_WRITE);
		close(chan);
		pid = p_fork();
		if (!pid) {
			close(wr);
			while (p_recv(rd, &got, 4) == 4)
				;
			_exit(1);
		}
		close(rd);
		limit = rand_r(&self->seed) % 12;
		for (sent = 0; sent < limit; sent++)
			ASSERT_EQ(0, t_send(wr, &sent, 4));
		kill(pid, SIGKILL);
		while (!(ret = t_send(wr, &sent, 4)))
			sent++;
		ASSERT_EQ(-EPIPE, ret);
		EXPECT_EQ(256 + SIGKILL, t_wait(pid));
		info = p_info(wr);
		EXPECT_EQ(sent, info.sent);
		EXPECT_EQ(sent, info.received + info.drained);
		EXPECT_EQ(0, info.buffered);
		EXPECT_EQ(0, info.read_endpoints);
		close(wr);
	}
}

HSK_TEST_MAIN
