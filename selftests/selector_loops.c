// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two event loops in two processes that select against each other, on a thousand
 * channels. Without selectors they would wait for each other for ever.
 */
#include "../kselftest_harness.h"
#include "peer.h"
#include "selector.h"

#define PAIRS		500	/* of channels: a thousand */
#define SIDE_SHIFT	62

/* What both sides have done, in memory that all share; atomic. */
struct ledger {
	__u64 limit;			/* exchanges */
	__u64 next_value[2];		/* by side */
	__u64 exchanges[2];
	__u64 sent[2], received[2];	/* messages */
	__u64 sum_sent[2], sum_received[2];
	unsigned int nr_values;		/* of a side */
	unsigned char got[];		/* by side and value */
};

/*
 * One loop has on each pair of channels a select {send A, recv B}, the other one
 * {recv A, send B}. A select may cover several pairs, of the second side others than
 * of the first. Each side numbers what it sends, so that the ledger shows each value
 * once.
 */
FIXTURE(loops) {
	int a[PAIRS], b[PAIRS];
	int stop;		/* closed when the first side has ended */
	struct ledger *ledger;
	unsigned int pairs_each, processes, mode;
};

FIXTURE_VARIANT(loops) {
	unsigned int pairs_each;	/* a selector covers so many */
	unsigned int processes;		/* of each side */
	unsigned int exchanges;
	unsigned int mode;
};

FIXTURE_VARIANT_ADD(loops, a_pair_each_level) {
	.pairs_each = 1, .processes = 1, .exchanges = 20000, .mode = 0,
};

FIXTURE_VARIANT_ADD(loops, a_pair_each_edge) {
	.pairs_each = 1, .processes = 1, .exchanges = 20000, .mode = EPOLLET,
};

FIXTURE_VARIANT_ADD(loops, two_pairs_each_oneshot) {
	.pairs_each = 2, .processes = 1, .exchanges = 10000,
	.mode = EPOLLONESHOT,
};

FIXTURE_VARIANT_ADD(loops, the_most_cases_edge) {
	.pairs_each = HSK_SELECT_CASES_MAX / 2, .processes = 1,
	.exchanges = 4000, .mode = EPOLLET,
};

/* Two may want the same selector at the same time, on different channels. */
FIXTURE_VARIANT_ADD(loops, two_processes_a_side) {
	.pairs_each = 2, .processes = 2, .exchanges = 40000, .mode = EPOLLET,
};

FIXTURE_SETUP(loops)
{
	unsigned int i, limit = t_fewer(variant->exchanges);

	/* Those of the channels, and of the selectors of one side. */
	ASSERT_EQ(0, t_raise_nofile(4 * PAIRS));
	for (i = 0; i < PAIRS; i++) {
		self->a[i] = t_open();
		self->b[i] = t_open();
		ASSERT_LE(0, self->a[i]);
		ASSERT_LE(0, self->b[i]);
	}
	self->stop = t_open();
	ASSERT_LE(0, self->stop);
	self->pairs_each = variant->pairs_each;
	self->processes = variant->processes;
	self->mode = variant->mode;
	/* Each selector has one on offer, and may send more until its loop ends. */
	self->ledger = t_shared(sizeof(*self->ledger) + 2 * (limit + 4 * PAIRS));
	self->ledger->limit = limit;
	self->ledger->nr_values = limit + 4 * PAIRS;
}

FIXTURE_TEARDOWN(loops)
{
}

/* A selector, and what it offers next. */
struct station {
	int sel;
	__u64 value;
	struct s_set set;
};

/* One process of a side. */
struct loop {
	struct _test_data_loops *test;
	unsigned int side, process;
	int ep;
	unsigned int nr;
	struct station *stations;
};

static void ledger_add(__u64 *count, __u64 n)
{
	__atomic_add_fetch(count, n, __ATOMIC_RELAXED);
}

static __u64 loop_new_value(struct loop *loop)
{
	__u64 *next = &loop->test->ledger->next_value[loop->side];

	return (__u64)loop->side << SIDE_SHIFT |
	       __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);
}

static int loop_arm(struct loop *loop, unsigned int i)
{
	struct epoll_event ev = { .events = EPOLLIN | loop->test->mode, .data.u32 = i };
	struct station *station = &loop->stations[i];
	unsigned int c;

	for (c = 0; c < station->set.nr; c++)
		if (station->set.cases[c].op == HSK_CASE_SEND)
			station->set.values[c] = station->value;
	T_NEED_EQ(0, s_arm(station->sel, &station->set));
	if (loop->test->mode & EPOLLONESHOT)
		T_NEED(!epoll_ctl(loop->ep, EPOLL_CTL_MOD, station->sel, &ev));
	return 0;
}

static int loop_add_station(struct loop *loop, unsigned int i)
{
	struct epoll_event ev = { .events = EPOLLIN | loop->test->mode, .data.u32 = i };
	struct station *station = &loop->stations[i];
	struct _test_data_loops *test = loop->test;
	unsigned int k;

	/* The second side's are shifted, so that each meets two of the first. */
	for (k = 0; k < test->pairs_each; k++) {
		unsigned int place = i * test->processes + loop->process;
		unsigned int pair = place * test->pairs_each + k;

		pair = (pair + loop->side * (test->pairs_each / 2)) % PAIRS;
		s_add_send(&station->set, loop->side ? test->b[pair] : test->a[pair], 0);
		s_add_recv(&station->set, loop->side ? test->a[pair] : test->b[pair]);
	}
	station->value = loop_new_value(loop);
	station->sel = s_new(test->stop);
	T_NEED(station->sel >= 0);
	T_NEED(!epoll_ctl(loop->ep, EPOLL_CTL_ADD, station->sel, &ev));
	return loop_arm(loop, i);
}

static int loop_received(struct loop *loop, __u64 value)
{
	struct ledger *ledger = loop->test->ledger;
	unsigned int other = !loop->side;
	__u64 number = value & ~(3ULL << SIDE_SHIFT);

	T_NEED_EQ(other, value >> SIDE_SHIFT);
	T_NEED(number < ledger->nr_values);
	T_NEED_EQ(0, __atomic_exchange_n(&ledger->got[other * ledger->nr_values + number],
					 1, __ATOMIC_RELAXED));
	ledger_add(&ledger->received[loop->side], 1);
	ledger_add(&ledger->sum_received[loop->side], number);
	return 0;
}

static int loop_sent(struct loop *loop, struct station *station)
{
	struct ledger *ledger = loop->test->ledger;

	ledger_add(&ledger->sent[loop->side], 1);
	ledger_add(&ledger->sum_sent[loop->side],
		   station->value & ~(3ULL << SIDE_SHIFT));
	station->value = loop_new_value(loop);
	return 0;
}

static int loop_finish(struct loop *loop, unsigned int i)
{
	struct station *station = &loop->stations[i];
	int index = s_finish(station->sel, &station->set);

	T_NEED(index >= 0 && index < (int)station->set.nr);
	T_NEED_EQ(0, station->set.result);
	ledger_add(&loop->test->ledger->exchanges[loop->side], 1);
	if (station->set.cases[index].op == HSK_CASE_SEND)
		return loop_sent(loop, station);
	T_NEED(s_got(&station->set, index, station->set.values[index]));
	return loop_received(loop, station->set.values[index]);
}

#define STOP	(~0U)		/* in the place of a station */

/* Until so many have happened, or the other side has ended. */
static int loop_run(struct loop *loop)
{
	struct ledger *ledger = loop->test->ledger;
	struct epoll_event ready[64];
	int n, i;

	while (loop->side || __atomic_load_n(&ledger->exchanges[0], __ATOMIC_RELAXED) <
			     ledger->limit) {
		n = epoll_wait(loop->ep, ready, 64, P_PATIENCE_S * 1000);
		T_NEED(n > 0);
		for (i = 0; i < n; i++) {
			if (ready[i].data.u32 == STOP)
				return 0;
			T_NEED(!loop_finish(loop, ready[i].data.u32));
			T_NEED(!loop_arm(loop, ready[i].data.u32));
		}
	}
	return 0;
}

/* What has happened meanwhile counts too. */
static int loop_end(struct loop *loop)
{
	unsigned int i;
	int ret;

	for (i = 0; i < loop->nr; i++) {
		ret = s_disarm(loop->stations[i].sel);
		T_NEED(ret == 0 || ret == -EALREADY);
		if (ret)
			T_NEED(!loop_finish(loop, i));
	}
	return 0;
}

static int run_side(struct _test_data_loops *test, unsigned int side, unsigned int process)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = STOP };
	struct loop loop = { .test = test, .side = side, .process = process };
	unsigned int i;

	loop.nr = PAIRS / test->pairs_each / test->processes;
	loop.stations = calloc(loop.nr, sizeof(*loop.stations));
	loop.ep = epoll_create1(EPOLL_CLOEXEC);
	T_NEED(loop.stations && loop.ep >= 0);
	if (side)
		T_NEED(!epoll_ctl(loop.ep, EPOLL_CTL_ADD, test->stop, &ev));
	for (i = 0; i < loop.nr; i++)
		T_NEED(!loop_add_station(&loop, i));
	return loop_run(&loop) ?: loop_end(&loop);
}

/* A child that is one process of a side, and exits with what became of it. */
static pid_t start_side(struct _test_data_loops *test, unsigned int side,
			unsigned int process)
{
	pid_t pid = p_fork();

	if (!pid)
		_exit(run_side(test, side, process));
	return pid;
}

static void expect_each_value_once(struct __test_metadata *_metadata,
				   const struct ledger *ledger)
{
	unsigned int side, i, got;

	for (side = 0; side < 2; side++) {
		const unsigned char *of = ledger->got + side * ledger->nr_values;

		for (got = i = 0; i < ledger->nr_values; i++)
			got += of[i];
		EXPECT_EQ(ledger->sent[side], got);
		EXPECT_EQ(ledger->sent[side], ledger->received[!side]);
		EXPECT_EQ(ledger->sum_sent[side], ledger->sum_received[!side]);
		EXPECT_EQ(ledger->exchanges[side],
			  ledger->sent[side] + ledger->received[side]);
		/* Both cases have their turn. */
		EXPECT_LT(0, ledger->sent[side]);
	}
}

TEST_F_TIMEOUT(loops, that_select_against_each_other_make_progress_and_commit_once, 90)
{
	struct ledger *ledger = self->ledger;
	struct hsk_info_args a, b;
	__u64 messages = 0;
	pid_t pid[2][2];
	unsigned int i;

	for (i = 0; i < variant->processes; i++) {
		pid[0][i] = start_side(self, 0, i);
		pid[1][i] = start_side(self, 1, i);
	}
	for (i = 0; i < variant->processes; i++)
		EXPECT_EQ(0, t_wait(pid[0][i]));
	EXPECT_EQ(0, t_close(self->stop, 0));
	for (i = 0; i < variant->processes; i++)
		EXPECT_EQ(0, t_wait(pid[1][i]));
	EXPECT_LE(ledger->limit, ledger->exchanges[0]);
	EXPECT_EQ(ledger->exchanges[0], ledger->exchanges[1]);
	expect_each_value_once(_metadata, ledger);
	for (i = 0; i < PAIRS; i++) {
		a = p_info(self->a[i]);
		b = p_info(self->b[i]);
		ASSERT_EQ(a.sent, a.received);
		ASSERT_EQ(b.sent, b.received);
		ASSERT_TRUE(s_waiting(self->a[i], 0, 0));
		ASSERT_TRUE(s_waiting(self->b[i], 0, 0));
		messages += a.received + b.received;
	}
	EXPECT_EQ(ledger->exchanges[0], messages);
}

HSK_TEST_MAIN
