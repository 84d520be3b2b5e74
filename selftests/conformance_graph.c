// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: graphs of many channels. Long
 * chains, sieves that grow while they run, and power series whose nodes answer
 * demands that carry the channel for the answer.
 */
#include <unistd.h>

#include "../kselftest_harness.h"
#include "conformance.h"

/* --- goroutines --- */

#define LONG_CHAIN	10000
#define CHAIN_CREWS	20
/* Room for what is put before the tests' calls, as fault injection does. */
#define SMALL_STACK	65536

struct chain_link {
	int in, out;
	struct t_setting set;
};

static int pass_on_and_add_one(void *p)
{
	struct chain_link *link = p;
	__u64 v;

	T_NEED_EQ(1, t_get_by(link->set.recv, link->in, &v));
	T_NEED_EQ(0, t_put_by(link->set.send, link->out, v + 1));
	return 0;
}

TEST_F(go_few, goroutines_daisy_chain_of_100_channels)
{
	int first = t_new(variant->set.capacity), in = first, i;
	struct t_party parties[100];
	struct chain_link links[100];
	__u64 v;

	for (i = 0; i < 100; i++) {
		links[i] = (struct chain_link){ in, t_new(variant->set.capacity),
						variant->set };
		in = links[i].out;
		ASSERT_EQ(0, t_start(&parties[i], variant->set.mode,
				     pass_on_and_add_one, &links[i]));
	}
	ASSERT_EQ(0, t_put_by(variant->set.send, first, 1));
	ASSERT_EQ(1, t_get_by(variant->set.recv, in, &v));
	EXPECT_EQ(101, v);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(0, t_join(&parties[i]));
}

static void *long_chain_thread(void *p)
{
	static const struct t_setting plain;
	const int *fds = p;
	struct chain_link link = { fds[0], fds[1], plain };

	return (void *)(intptr_t)pass_on_and_add_one(&link);
}

/* Threads of each process, links of the chain each. */
static int chain_each;

/* One process, each thread with the link from fds[i] to fds[i + 1]. */
static int long_chain_crew(void *p)
{
	pthread_t threads[LONG_CHAIN / CHAIN_CREWS];
	pthread_attr_t attr;
	int *fds = p;
	void *ret;
	int i;

	pthread_attr_init(&attr);
	T_NEED_EQ(0, pthread_attr_setstacksize(&attr, SMALL_STACK));
	for (i = 0; i < chain_each; i++)
		T_NEED_EQ(0, pthread_create(&threads[i], &attr,
					    long_chain_thread, &fds[i]));
	for (i = 0; i < chain_each; i++) {
		T_NEED_EQ(0, pthread_join(threads[i], &ret));
		T_NEED(!ret);
	}
	return 0;
}

static void allow_threads(const char *path, unsigned int nr)
{
	FILE *file = fopen(path, "r+");
	unsigned int now = 0;

	if (!file)
		return;
	if (fscanf(file, "%u", &now) == 1 && now < nr) {
		rewind(file);
		fprintf(file, "%u", nr);
	}
	fclose(file);
}

FIXTURE(chain) {
	int unused;
};

FIXTURE_SETUP(chain)
{
}

FIXTURE_TEARDOWN(chain)
{
}

TEST_F_TIMEOUT(chain, goroutines_daisy_chain_of_10000_channels, 60)
{
	static int fds[LONG_CHAIN + 1];
	pid_t crews[CHAIN_CREWS];
	__u64 v;
	int i, nr;

	if (t_raise_nofile(LONG_CHAIN + 100))
		SKIP(return, "needs 10,100 descriptors");
	allow_threads("/proc/sys/kernel/threads-max", 2 * LONG_CHAIN);
	chain_each = t_fewer(LONG_CHAIN) / CHAIN_CREWS;
	nr = chain_each * CHAIN_CREWS;
	for (i = 0; i <= nr; i++) {
		fds[i] = t_new(0);
		ASSERT_GE(fds[i], 0);
	}
	for (i = 0; i < CHAIN_CREWS; i++)
		crews[i] = t_fork(long_chain_crew, &fds[i * chain_each]);
	ASSERT_EQ(0, t_put(fds[0], 0));
	ASSERT_EQ(1, t_get(fds[nr], &v));
	EXPECT_EQ(nr, v);
	for (i = 0; i < CHAIN_CREWS; i++)
		EXPECT_EQ(0, t_wait(crews[i]));
}

/* --- sieve --- */

#define PRIMES	30

static const int primes[PRIMES] = {
	2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67,
	71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
};

struct sieve {
	int in, out;
	__u64 prime;
	struct t_setting set;
};

static int generate(void *p)
{
	struct sieve *s = p;
	__u64 i;
	int ret;

	for (i = 2; ; i++) {
		ret = t_put_by(s->set.send, s->out, i);
		if (ret == -EPIPE)
			return 0;
		T_NEED_EQ(0, ret);
	}
}

/* Lets through what its prime does not divide; ends when either side closes. */
static int filter(void *p)
{
	struct sieve *s = p;
	__u64 v;
	int ret;

	for (;;) {
		ret = t_get_by(s->set.recv, s->in, &v);
		if (!ret)
			return 0;
		T_NEED_EQ(1, ret);
		if (v % s->prime == 0)
			continue;
		ret = t_put_by(s->set.send, s->out, v);
		if (ret == -EPIPE)
			return 0;
		T_NEED_EQ(0, ret);
	}
}

TEST_F(go_few, sieve1_sieve2_first_primes_come_out_in_order)
{
	struct t_crew crew = { .mode = variant->set.mode };
	struct sieve stages[PRIMES + 1];
	int i;

	stages[0] = (struct sieve){ -1, t_new(variant->set.capacity), 0,
				    variant->set };
	t_crew_add(&crew, generate, &stages[0]);
	for (i = 0; i < PRIMES; i++) {
		struct sieve *next = &stages[i + 1];

		*next = (struct sieve){ stages[i].out,
					t_new(variant->set.capacity), 0,
					variant->set };
		ASSERT_EQ(1, t_get_by(variant->set.recv, next->in, &next->prime));
		EXPECT_EQ(primes[i], next->prime);
		t_crew_add(&crew, filter, next);
	}
	for (i = 0; i <= PRIMES; i++)
		ASSERT_EQ(0, t_close(stages[i].out, 0));
	EXPECT_TRUE(t_crew_join(&crew));
}

HSK_TEST_MAIN
