// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selectors that meet each other, and one selector in several hands: threads at once,
 * processes after a fork, races of those who end it.
 */
#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "peer.h"
#include "selector.h"

#define ROUNDS	500

FIXTURE(shared) {
	int a, b;		/* unbuffered */
	int sel, other;		/* selectors */
	struct s_set set, second;
};

FIXTURE_SETUP(shared)
{
	self->a = t_open();
	self->b = t_open();
	self->sel = s_new(self->a);
	self->other = s_new(self->b);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
	ASSERT_LE(0, self->sel);
	ASSERT_LE(0, self->other);
	s_init(&self->set);
	s_init(&self->second);
}

FIXTURE_TEARDOWN(shared)
{
	close(self->sel);
	close(self->other);
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_TRUE(t_conserved(self->a));
	EXPECT_TRUE(t_conserved(self->b));
}

/* --- two selectors ------------------------------------------------------------- */

TEST_F(shared, two_selectors_of_one_process_meet)
{
	unsigned int receiver_first;

	for (receiver_first = 0; receiver_first < 2; receiver_first++) {
		ASSERT_EQ(0, receiver_first ?
			     s_arm_recv(self->other, &self->second, self->a) : 0);
		ASSERT_EQ(0, s_arm_send(self->sel, &self->set, self->a, 3));
		if (!receiver_first) {
			EXPECT_FALSE(s_happened(self->sel));
			ASSERT_EQ(0, s_arm_recv(self->other, &self->second, self->a));
		}
		EXPECT_TRUE(s_happened(self->other));
		/* A sender that waits goes on until its message has been received. */
		EXPECT_EQ(receiver_first, s_happened(self->sel));
		EXPECT_EQ(0, s_finish(self->other, &self->second));
		EXPECT_TRUE(s_got(&self->second, 0, 3));
		EXPECT_TRUE(s_happened(self->sel));
		EXPECT_EQ(0, s_finish(self->sel, &self->set));
		EXPECT_EQ(0, self->set.result);
	}
	EXPECT_TRUE(t_counters(self->a, 2, 2, 0, 0));
}

TEST_F(shared, two_selectors_meet_on_one_of_their_channels_only)
{
	unsigned int round, on_b = 0;

	for (round = 0; round < ROUNDS; round++) {
		int mine, theirs;

		s_init(&self->set);
		s_add_send(&self->set, self->a, round);
		s_add_recv(&self->set, self->b);
		ASSERT_EQ(0, s_arm(self->sel, &self->set));
		s_init(&self->second);
		s_add_recv(&self->second, self->a);
		s_add_send(&self->second, self->b, round);
		ASSERT_EQ(0, s_arm(self->other, &self->second));
		theirs = s_finish(self->other, &self->second);
		mine = s_finish(self->sel, &self->set);
		ASSERT_LE(0, mine);
		ASSERT_EQ(mine, theirs);
		ASSERT_TRUE(mine ? s_got(&self->set, 1, round) :
				   s_got(&self->second, 0, round));
		on_b += mine;
	}
	EXPECT_TRUE(t_counters(self->a, ROUNDS - on_b, ROUNDS - on_b, 0, 0));
	EXPECT_TRUE(t_counters(self->b, on_b, on_b, 0, 0));
	/* Either may be chosen, with the same chance. */
	EXPECT_LT(0, on_b);
	EXPECT_GT(ROUNDS, on_b);
}

TEST_F(shared, two_selectors_of_two_processes_meet)
{
	unsigned int round, got = 0;
	pid_t pid = p_fork();

	if (!pid) {
		for (round = 0; round < ROUNDS; round++) {
			s_init(&self->second);
			s_add_recv(&self->second, self->a);
			s_add_recv(&self->second, self->b);
			P_NEED(!s_arm(self->other, &self->second));
			P_NEED(!s_wait_happened(self->other));
			P_NEED(s_finish(self->other, &self->second) == (int)round % 2);
			P_NEED(s_got(&self->second, round % 2, round));
		}
		_exit(0);
	}
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, s_arm_send(self->sel, &self->set,
					round % 2 ? self->b : self->a, round));
		ASSERT_EQ(0, s_wait_happened(self->sel));
		ASSERT_EQ(0, s_finish(self->sel, &self->set));
		got += !self->set.result;
	}
	EXPECT_EQ(ROUNDS, got);
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_TRUE(t_counters(self->a, ROUNDS / 2, ROUNDS / 2, 0, 0));
}

TEST_F(shared, a_selector_and_a_blocked_select_meet)
{
	unsigned int round;
	pid_t pid = p_fork();

	if (!pid) {
		for (round = 0; round < ROUNDS; round++) {
			s_init(&self->second);
			s_add_recv(&self->second, self->a);
			s_add_send(&self->second, self->b, round);
			P_NEED(s_select(self->a, &self->second) >= 0);
			P_NEED(!self->second.result);
		}
		_exit(0);
	}
	for (round = 0; round < ROUNDS; round++) {
		int index;

		s_init(&self->set);
		s_add_send(&self->set, self->a, round);
		s_add_recv(&self->set, self->b);
		ASSERT_EQ(0, s_arm(self->sel, &self->set));
		ASSERT_EQ(0, s_wait_happened(self->sel));
		index = s_finish(self->sel, &self->set);
		ASSERT_LE(0, index);
		ASSERT_TRUE(!index || s_got(&self->set, 1, round));
	}
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_EQ(ROUNDS, p_info(self->a).received + p_info(self->b).received);
}

/* --- after a fork ----------------------------------------------------------------- */

TEST_F(shared, what_one_process_has_armed_the_other_finishes)
{
	pid_t pid;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	pid = p_fork();
	if (!pid) {
		P_NEED(!s_wait_happened(self->sel));
		P_NEED(s_finish(self->sel, &self->set) == 0);
		P_NEED(s_got(&self->set, 0, 9));
		/* With descriptors and memory of its own. */
		P_NEED(!s_arm_send(self->sel, &self->set, self->b, 4));
		_exit(0);
	}
	EXPECT_EQ(-EBUSY, s_arm(self->sel, &self->set));
	ASSERT_EQ(0, t_try_put(self->a, 9));
	EXPECT_EQ(0, t_wait(pid));
	/* What the child has armed outlives it. */
	EXPECT_TRUE(s_waiting(self->b, 1, 0));
	EXPECT_EQ(-EBUSY, s_arm(self->sel, &self->set));
	EXPECT_EQ(0, s_disarm(self->sel));
}

TEST_F(shared, one_of_two_processes_finishes)
{
	unsigned int round, wins = 0;
	__u64 *child_wins = t_shared(sizeof(*child_wins));
	int turn[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(turn));
	pid = p_fork();
	if (!pid) {
		while (read(turn[0], &c, 1) == 1 && c == 'g') {
			int ret;

			s_init(&self->set);
			s_add_recv(&self->set, self->a);
			do {
				ret = s_finish(self->sel, &self->set);
			} while (ret == -EAGAIN);
			P_NEED(ret == 0 || ret == -ENOENT);
			*child_wins += !ret;
			P_NEED(t_put(self->b, ret) == 0);
		}
		_exit(0);
	}
	for (round = 0; round < ROUNDS; round++) {
		int mine, index;
		__u64 theirs = 0;

		ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
		ASSERT_EQ(1, write(turn[1], "g", 1));
		ASSERT_EQ(0, t_put(self->a, round));
		mine = s_finish(self->sel, &self->set);
		ASSERT_EQ(1, t_get(self->b, &theirs));
		index = (int)theirs;
		ASSERT_TRUE((mine == 0 && index == -ENOENT) ||
			    (mine == -ENOENT && index == 0));
		wins += !mine;
	}
	ASSERT_EQ(1, write(turn[1], "e", 1));
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_EQ(ROUNDS, wins + *child_wins);
	EXPECT_TRUE(t_counters(self->a, ROUNDS, ROUNDS, 0, 0));
}

/* --- threads at once ----------------------------------------------------------------- */

#define THREADS	2
#define RACES	10000	/* or as many as there are in this time, on a busy machine */
#define RACE_MS	4000

/*
 * A barrier that does not sleep, so that the threads leave it at the same time. Each
 * counts the times that it has come by.
 */
struct gate {
	unsigned int arrived;	/* atomic */
	bool over;		/* written before the gate, read after it */
};

static void gate_pass(struct gate *gate, unsigned int *times)
{
	unsigned int spins = 300, all;

	all = ++*times * THREADS;
	__atomic_add_fetch(&gate->arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&gate->arrived, __ATOMIC_ACQUIRE) < all)
		if (!spins || !--spins)
			sched_yield();
}

/* What each thread of a race does once the gate is open. */
struct racer {
	int sel, chan;
	unsigned int index;
	struct gate *gate;
	int (*step)(struct racer *racer, unsigned int round);
	unsigned int wins;
	struct s_set set;
};

static int race(void *arg)
{
	struct racer *racer = arg;
	unsigned int round, times = 0;

	for (round = 0;; round++) {
		int ret;

		gate_pass(racer->gate, &times);
		if (racer->gate->over)
			return 0;
		ret = racer->step(racer, round);
		T_NEED(ret == 0 || ret == 1);
		racer->wins += ret;
		gate_pass(racer->gate, &times);
	}
}

/*
 * In each round this thread does begin(), all threads do their step, of which exactly
 * one wins, and this thread does end().
 */
static void run_race(struct __test_metadata *_metadata, struct _test_data_shared *self,
		     int (*step)(struct racer *racer, unsigned int round),
		     int (*begin)(struct _test_data_shared *self, unsigned int round),
		     int (*end)(struct _test_data_shared *self, unsigned int round))
{
	struct racer *racers = t_shared(THREADS * sizeof(*racers));
	struct t_crew crew = { .mode = T_THREAD };
	struct gate *gate = t_shared(sizeof(*gate));
	unsigned int i, round, times = 0, wins;
	__u64 until = t_in_ms(RACE_MS);

	/* The first is this thread. */
	for (i = 0; i < THREADS; i++) {
		racers[i] = (struct racer) {
			.sel = self->sel, .chan = self->a, .index = i,
			.gate = gate, .step = step,
		};
		if (i)
			t_crew_add(&crew, race, &racers[i]);
	}
	for (round = 0; round < RACES && t_now() < until; round++) {
		int ret;

		ASSERT_EQ(0, begin(self, round));
		gate_pass(gate, &times);
		ret = step(&racers[0], round);
		gate_pass(gate, &times);
		ASSERT_TRUE(ret == 0 || ret == 1) TH_LOG("step: %d", ret);
		racers[0].wins += ret;
		ASSERT_EQ(0, end(self, round));
		for (wins = i = 0; i < THREADS; i++)
			wins += racers[i].wins;
		ASSERT_EQ(round + 1, wins);
	}
	gate->over = true;
	gate_pass(gate, &times);
	EXPECT_TRUE(t_crew_join(&crew));
}

static int begin_happened(struct _test_data_shared *self, unsigned int round)
{
	return s_arm_recv(self->sel, &self->set, self->a) ?: t_try_put(self->a, round);
}

static int end_idle(struct _test_data_shared *self, unsigned int round)
{
	return s_disarm(self->sel) == -ENOENT &&
	       t_counters(self->a, round + 1, round + 1, 0, 0) ? 0 : -EPROTO;
}

static int step_finish(struct racer *racer, unsigned int round)
{
	int ret;

	s_init(&racer->set);
	s_add_recv(&racer->set, racer->chan);
	ret = s_finish(racer->sel, &racer->set);
	if (!ret)
		return s_got(&racer->set, 0, round) ? 1 : -EBADMSG;
	return ret == -ENOENT && s_untouched(&racer->set, 0) ? 0 : ret;
}

TEST_F(shared, of_threads_that_finish_at_once_one_does)
{
	run_race(_metadata, self, step_finish, begin_happened, end_idle);
}

static int begin_nothing(struct _test_data_shared *self, unsigned int round)
{
	return 0;
}

static int step_arm(struct racer *racer, unsigned int round)
{
	int ret = s_arm_recv(racer->sel, &racer->set, racer->chan);

	return !ret ? 1 : ret == -EBUSY ? 0 : ret;
}

static int end_armed_once(struct _test_data_shared *self, unsigned int round)
{
	return s_waiting(self->a, 0, 1) ? s_disarm(self->sel) : -EPROTO;
}

TEST_F(shared, of_threads_that_arm_at_once_one_does)
{
	run_race(_metadata, self, step_arm, begin_nothing, end_armed_once);
}

static int begin_armed(struct _test_data_shared *self, unsigned int round)
{
	return s_arm_recv(self->sel, &self->set, self->a);
}

/* One disarms, or somebody sends and then nobody can. */
static int step_disarm_or_send(struct racer *racer, unsigned int round)
{
	bool sender = racer->index;
	unsigned int delay = sender ? 0 : round % 256 * 8;
	int ret;

	/* A send takes longer to get there: meet it now sooner, now later. */
	for (; delay; delay--)
		__asm__ __volatile__("");
	ret = sender ? t_try_put(racer->chan, round) : s_disarm(racer->sel);
	if (!ret)
		return 1;
	if (sender)
		return ret == -EAGAIN ? 0 : ret;
	return ret == -EALREADY || ret == -ENOENT ? 0 : ret;
}

static int end_disarmed_or_sent(struct _test_data_shared *self, unsigned int round)
{
	int ret = s_finish(self->sel, &self->set);

	if (!ret)
		return s_got(&self->set, 0, round) ? 0 : -EBADMSG;
	return ret == -ENOENT && s_waiting(self->a, 0, 0) ? 0 : ret;
}

TEST_F(shared, of_disarm_and_a_sender_at_once_one_wins)
{
	run_race(_metadata, self, step_disarm_or_send, begin_armed, end_disarmed_or_sent);
}

HSK_TEST_MAIN
