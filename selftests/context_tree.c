// SPDX-License-Identifier: GPL-2.0-only
/*
 * Families of contexts that are large: wide, deep, in layers, in many processes, and
 * what is left of them. Races within families are in context_races.c.
 *
 * HSK_SEED=n repeats a run's choices.
 */
#include <sys/resource.h>

#include "../kselftest_harness.h"
#include "context.h"

#define APPLICATION	77	/* a reason of the application's own */
#define FAMILY		100000
#define PROCESSES	4
#define SPARE_FDS	64	/* those that a process has besides its contexts */

static unsigned int seed;

/* --- large families --- */

enum shape { FAN, CHAIN, TREE };

/*
 * A process of a family: it takes an endpoint from @way, derives its share, and hands
 * the next one what that is to derive from.
 */
struct share {
	enum shape shape;
	int way, next;
	int closed;		/* closes when the family has been closed */
	unsigned int nr, seed;
	unsigned int ended;	/* of its contexts, for the reason that was given */
};

FIXTURE(family) {
	struct share *shares;	/* PROCESSES of them */
	struct t_party parties[PROCESSES];
	int root;
	unsigned int nr;
};

FIXTURE_VARIANT(family) {
	enum shape shape;
};

FIXTURE_VARIANT_ADD(family, fan) { FAN };
FIXTURE_VARIANT_ADD(family, chain) { CHAIN };
FIXTURE_VARIANT_ADD(family, tree) { TREE };

FIXTURE_SETUP(family)
{
	self->shares = t_shared(PROCESSES * sizeof(*self->shares));
	self->root = t_open();
	ASSERT_LE(0, self->root);
}

FIXTURE_TEARDOWN(family)
{
}

/* As many as this process may have of @wanted, which it says if they are fewer. */
static unsigned int allowed(unsigned int wanted)
{
	struct rlimit limit;

	if (!t_raise_nofile(wanted + SPARE_FDS))
		return wanted;
	getrlimit(RLIMIT_NOFILE, &limit);
	fprintf(stderr, "# RLIMIT_NOFILE: %llu descriptors instead of %u\n",
		(unsigned long long)limit.rlim_max, wanted + SPARE_FDS);
	t_raise_nofile(limit.rlim_max);
	return limit.rlim_max < 2 * SPARE_FDS ? 1 : limit.rlim_max - SPARE_FDS;
}

static int derive_share(struct share *share, int up, int *fds)
{
	unsigned int i;
	int parent;

	for (i = 0; i < share->nr; i++) {
		parent = up;
		if (i && share->shape == CHAIN)
			parent = fds[i - 1];
		else if (i && share->shape == TREE)
			parent = fds[rand_r(&share->seed) % i];
		fds[i] = c_derive(parent, 0);
		T_NEED(fds[i] >= 0);
	}
	return 0;
}

static int be_family(void *p)
{
	struct share *share = p;
	int up = t_recv_fd(share->way);
	unsigned int i;
	int *fds;

	T_NEED(up >= 0);
	share->nr = allowed(share->nr);
	fds = calloc(share->nr, sizeof(*fds));
	T_NEED(fds);
	T_NEED_EQ(0, derive_share(share, up, fds));
	T_NEED_EQ(0, t_send_fd(share->next, share->shape == FAN ? up : fds[share->nr - 1]));
	T_NEED_EQ(APPLICATION, c_wait(fds[share->nr - 1]));
	T_NEED_EQ(0, c_wait(share->closed));
	for (i = 0; i < share->nr; i++)
		share->ended += c_reason(fds[i]) == APPLICATION;
	return 0;
}

TEST_F_TIMEOUT(family, of_100000_in_several_processes_ends_with_one_close, 240)
{
	/* Slow kernels make them one by one, and are slower still beside others. */
	unsigned int each = t_fewer(FAMILY / t_slow()) / PROCESSES, i, nr = 0;
	int way = t_open(), closed = t_open(), next = -1;
	__u64 begin, took;

	seed = t_seed();
	for (i = 0; i < PROCESSES; i++) {
		next = t_open();
		self->shares[i] = (struct share) {
			.shape = variant->shape,
			.way = i ? self->shares[i - 1].next : way,
			.next = next, .closed = closed,
			.nr = each, .seed = seed + i,
		};
		ASSERT_EQ(0, t_start(&self->parties[i], T_PROCESS, be_family,
				     &self->shares[i]));
	}
	begin = t_now();
	ASSERT_EQ(0, t_send_fd(way, t_dup(self->root, HSK_RIGHT_READ)));
	next = t_recv_fd(next);
	ASSERT_LE(0, next);
	TH_LOG("made in %llu ms", (unsigned long long)((t_now() - begin) / T_MSEC));
	EXPECT_TRUE(c_open(next));
	begin = t_now();
	EXPECT_EQ(0, t_close(self->root, APPLICATION));
	took = t_now() - begin;
	/* Not sometime: when the close has returned. */
	EXPECT_EQ(APPLICATION, c_reason(next));
	EXPECT_EQ(0, t_close(closed, 0));
	for (i = 0; i < PROCESSES; i++) {
		EXPECT_EQ(0, t_join(&self->parties[i]));
		EXPECT_EQ(self->shares[i].nr, self->shares[i].ended);
		nr += self->shares[i].nr;
	}
	TH_LOG("%u closed in %llu us", nr, (unsigned long long)(took / 1000));
}

#define DEEP	2000

TEST(a_chain_closed_in_the_middle_is_open_above_and_closed_below)
{
	unsigned int nr = t_fewer(DEEP), i;
	int *fds = calloc(nr, sizeof(*fds));

	ASSERT_EQ(0, t_raise_nofile(nr + SPARE_FDS));
	fds[0] = t_open();
	for (i = 1; i < nr; i++)
		fds[i] = c_derive(fds[i - 1], i % 3 ? 0 : t_in_ms(3600 * 1000));
	ASSERT_LE(0, fds[nr - 1]);
	EXPECT_EQ(0, t_close(fds[nr / 2], APPLICATION));
	for (i = 0; i < nr; i++)
		ASSERT_EQ(i < nr / 2 ? C_NONE : APPLICATION, c_reason(fds[i])) TH_LOG("%u", i);
	/* The rest, from below upwards, each taking nothing with it. */
	for (i = nr / 2; i-- > 1;) {
		close(fds[i]);
		ASSERT_EQ(C_NONE, c_reason(fds[i - 1]));
	}
}

/* --- layers --- */

#define MEMBERS	20

/* Go's random layers: each derives from one before it, some with a late deadline. */
static void make_layers(int top, struct c_member **members, int *seen)
{
	int i;

	for (i = 0; i < MEMBERS; i++)
		members[i] = c_member_start(i ? seen[rand_r(&seed) % i] : top,
					    rand_r(&seed) % 2 ? t_in_ms(3600 * 1000) : 0,
					    HSK_RIGHT_READ, &seen[i]);
}

TEST(LayersCancel_reaches_every_layer_in_every_process)
{
	struct c_member *members[MEMBERS];
	int top = t_open(), seen[MEMBERS], i;

	seed = t_seed();
	make_layers(top, members, seen);
	for (i = 0; i < MEMBERS; i++)
		EXPECT_TRUE(c_open(seen[i]));
	EXPECT_TRUE(c_member_waits(members[MEMBERS - 1]));
	EXPECT_EQ(0, t_close(top, -ECANCELED));
	for (i = 0; i < MEMBERS; i++) {
		EXPECT_EQ(-ECANCELED, c_reason(seen[i]));
		EXPECT_EQ(-ECANCELED, c_member_end(members[i]));
	}
}

TEST(LayersTimeout_reaches_every_layer_in_every_process)
{
	struct c_member *members[MEMBERS];
	__u64 end = t_in_a_while();
	int top = c_expiring(end), seen[MEMBERS], i;

	seed = t_seed();
	make_layers(top, members, seen);
	for (i = 0; i < MEMBERS; i++) {
		EXPECT_EQ(-ETIMEDOUT, c_member_end(members[i]));
		EXPECT_LE(end, members[i]->told);
		EXPECT_EQ(-ETIMEDOUT, c_reason(seen[i]));
	}
}

/* --- many deadlines --- */

#define TIMERS	1000

TEST(many_deadlines_at_one_instant_are_all_kept_and_none_before)
{
	unsigned int nr = t_fewer(TIMERS), i, before = 0;
	int *fds = calloc(nr, sizeof(*fds));
	int top = t_open();
	__u64 end;

	ASSERT_EQ(0, t_raise_nofile(nr + SPARE_FDS));
	end = t_in_a_while();
	for (i = 0; i < nr; i++)
		fds[i] = i % 2 ? c_derive(top, end) : c_expiring(end);
	ASSERT_LE(0, fds[nr - 1]);
	/* A look, and only then the time: too early is what it must not be. */
	for (i = 0; i < nr; i++)
		before += c_reason(fds[i]) != C_NONE && t_now() < end;
	EXPECT_EQ(0, before);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(-ETIMEDOUT, c_wait(fds[i]));
	EXPECT_LE(end, t_now());
	EXPECT_TRUE(c_open(top));
}

TEST(deadlines_of_channels_that_have_gone_are_nobodys)
{
	unsigned int nr = t_fewer(5000), i;
	int top = t_open(), fd;

	for (i = 0; i < nr; i++) {
		fd = c_derive(top, t_now() + (i % 50) * 100000);
		ASSERT_LE(0, fd);
		close(fd);
	}
	t_sleep_ms(10);
	EXPECT_TRUE(c_open(top));
}

/* --- nothing is left --- */

#define CYCLES		30000
#define LEFT_KB		4096	/* noise; half as many channels are more */

/* What the kernel's allocator has given out for good, in kB. */
static long slab(void)
{
	char line[128];
	long kb = -1;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "SUnreclaim: %ld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

/* Children come and go while their parent stays, in each way to go; half too early. */
static int come_and_go(int top, unsigned int nr)
{
	unsigned int i;
	int fd;

	for (i = 0; i < nr; i++) {
		fd = c_derive(top, !(i % 4) ? 0 : t_now() + (i % 4 == 1 ? 20000 : 3600 * T_SEC));
		if (fd < 0)
			return fd;
		if (i % 4 == 2)
			t_close(fd, 0);
		close(fd);
	}
	return 0;
}

FIXTURE(remains) {
	int top;
};

FIXTURE_SETUP(remains)
{
	self->top = t_open();
	ASSERT_LE(0, self->top);
}

FIXTURE_TEARDOWN(remains)
{
}

TEST_F_TIMEOUT(remains, CancelRemoves_a_child_that_has_gone_leaves_nothing_with_its_parent, 120)
{
	unsigned int nr = t_fewer(CYCLES);
	long before, after;
	__u64 end;

	/* What is allocated once is by then. */
	ASSERT_EQ(0, come_and_go(self->top, nr));
	before = slab();
	ASSERT_LT(0, before);
	ASSERT_EQ(0, come_and_go(self->top, nr));
	/* Files are freed a little later. */
	end = t_in_ms(P_PATIENCE_S * 1000);
	while ((after = slab()) > before + LEFT_KB && t_now() < end)
		t_sleep_ms(20);
	TH_LOG("%u children more, %ld kB more", nr, after - before);
	EXPECT_GT(before + LEFT_KB, after);
	/* Nor is there anything to do when it closes. */
	EXPECT_EQ(0, t_close(self->top, 0));
}

HSK_TEST_MAIN
