// SPDX-License-Identifier: GPL-2.0-only
/*
 * Families of contexts in which several end at once: whoever is first gives the
 * reason, everyone ends, and nothing is left. A family that is not told hangs until
 * the test's timeout; one that is freed too soon is in the kernel's log.
 *
 * HSK_SEED=n repeats a run's choices, though not the scheduler's.
 */
#include "../kselftest_harness.h"
#include "context.h"
#include "hsk_job.h"

#define PARENT_REASON	1000	/* of the parent; those of children are below it */
#define CHILDREN	48
#define CLOSERS		3

/* A family, and parties that begin when the gate closes. */
struct storm {
	int root, gate;
	int seen[CHILDREN];	/* READ endpoints */
	int held[CHILDREN];	/* the endpoint that can close */
	bool drop;		/* closers drop endpoints rather than closing */
	unsigned int seed;
	struct closer {
		struct storm *storm;
		unsigned int nr;
	} closers[CLOSERS];
};

/* Each its own children, in an order of its own. */
static int close_children(void *p)
{
	struct closer *closer = p;
	struct storm *storm = closer->storm;
	unsigned int turn = storm->seed + closer->nr, i, child;
	int ret;

	c_wait(storm->gate);
	usleep(rand_r(&turn) % 100);
	turn = rand_r(&turn);
	for (i = 0; i < CHILDREN; i++) {
		child = (i + turn) % CHILDREN;
		if (child % CLOSERS != closer->nr)
			continue;
		if (storm->drop) {
			close(storm->held[child]);
			continue;
		}
		ret = t_close(storm->held[child], child + 1);
		if (ret)
			T_NEED_EQ(-EPIPE, ret);
	}
	return 0;
}

/* Children of the root, some of them of each other. */
static int storm_children(struct storm *storm)
{
	unsigned int i, of;
	int parent;

	for (i = 0; i < CHILDREN; i++) {
		of = rand_r(&storm->seed) % (i + 1);
		parent = of < i && !storm->drop ? storm->seen[of] : storm->root;
		storm->held[i] = c_derive(parent, rand_r(&storm->seed) % 2 ?
						  t_in_ms(3600 * 1000) : 0);
		storm->seen[i] = t_dup(storm->held[i], HSK_RIGHT_READ);
		if (storm->seen[i] < 0)
			return storm->seen[i];
	}
	return 0;
}

static int storm_begin(struct storm *storm, struct t_crew *crew)
{
	unsigned int i;
	int ret;

	storm->root = t_open();
	storm->gate = t_open();
	ret = storm_children(storm);
	for (i = 0; i < CLOSERS; i++) {
		storm->closers[i] = (struct closer){ .storm = storm, .nr = i };
		t_crew_add(crew, close_children, &storm->closers[i]);
	}
	return ret ? ret : t_wait_receivers(storm->gate, CLOSERS);
}

static void storm_end(struct storm *storm)
{
	unsigned int i;

	for (i = 0; i < CHILDREN; i++) {
		close(storm->seen[i]);
		if (!storm->drop)
			close(storm->held[i]);
	}
	close(storm->gate);
	close(storm->root);
}

/* The parent's reason, its own or that of one it is derived from; EOWNERDEAD. */
static bool reason_is_right(const struct storm *storm, unsigned int child)
{
	int reason = c_reason(storm->seen[child]);

	if (reason == PARENT_REASON)
		return true;
	return storm->drop ? reason == -EOWNERDEAD :
			     reason > 0 && reason <= (int)child + 1;
}

FIXTURE(storm) {
	struct storm *storm;
	struct t_crew crew;
};

FIXTURE_VARIANT(storm) {
	enum t_mode mode;
	bool drop;
	unsigned int rounds;
};

FIXTURE_VARIANT_ADD(storm, closing_processes) { T_PROCESS, false, 40 };
FIXTURE_VARIANT_ADD(storm, closing_threads) { T_THREAD, false, 100 };
FIXTURE_VARIANT_ADD(storm, dropping_threads) { T_THREAD, true, 100 };

FIXTURE_SETUP(storm)
{
	self->storm = t_shared(sizeof(*self->storm));
	self->storm->drop = variant->drop;
	self->storm->seed = t_seed();
	self->crew.mode = variant->mode;
}

FIXTURE_TEARDOWN(storm)
{
}

TEST_F_TIMEOUT(storm, of_children_that_end_while_their_parent_closes, 90)
{
	unsigned int rounds = t_fewer(variant->rounds), i, child, by_parent = 0;
	struct storm *storm = self->storm;
	struct c_op *op;

	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, storm_begin(storm, &self->crew));
		/* Somebody who waits for one of them must hear of it. */
		child = rand_r(&storm->seed) % CHILDREN;
		op = c_op_new(C_RECV, t_open(), storm->seen[child]);
		ASSERT_TRUE(c_op_blocks(op, T_THREAD, 1));
		ASSERT_EQ(0, t_close(storm->gate, 0));
		usleep(rand_r(&storm->seed) % 200);
		ASSERT_EQ(0, t_close(storm->root, PARENT_REASON));
		ASSERT_TRUE(t_crew_join(&self->crew));
		ASSERT_EQ(-ECANCELED, c_op_end(op));
		ASSERT_EQ(c_reason(storm->seen[child]), op->reason);
		close(op->fd);
		munmap(op, sizeof(*op));
		for (child = 0; child < CHILDREN; child++) {
			ASSERT_TRUE(reason_is_right(storm, child))
				TH_LOG("round %u, child %u: %d", i, child,
				       c_reason(storm->seen[child]));
			by_parent += c_reason(storm->seen[child]) == PARENT_REASON;
		}
		storm_end(storm);
	}
	TH_LOG("%u of %u by the parent", by_parent, rounds * CHILDREN);
}

FIXTURE(race) {
	unsigned int seed;
};

FIXTURE_SETUP(race)
{
	self->seed = t_seed();
}

FIXTURE_TEARDOWN(race)
{
}

/* --- simultaneous cancels --- */

#define CANCELERS	20

struct canceler {
	int gate, fd, ret;
	unsigned int nr;
};

static int cancel_at_the_gate(void *p)
{
	struct canceler *canceler = p;

	c_wait(canceler->gate);
	canceler->ret = t_close(canceler->fd, canceler->nr + 1);
	return 0;
}

/* Its own, or that of one above it: the number of one's parent is half one's own. */
static bool reason_is_from_above(int reason, unsigned int nr)
{
	for (nr++; nr; nr /= 2)
		if (reason == (int)nr)
			return true;
	return false;
}

TEST_F_TIMEOUT(race, SimultaneousCancels_of_a_tree_end_it_all_and_in_order, 60)
{
	struct canceler *all = t_shared(CANCELERS * sizeof(*all));
	unsigned int rounds = t_fewer(15), round, i;
	struct t_crew crew = { .mode = T_PROCESS };
	int gate;

	for (round = 0; round < rounds; round++) {
		gate = t_open();
		for (i = 0; i < CANCELERS; i++) {
			all[i] = (struct canceler){ .gate = gate, .nr = i };
			all[i].fd = i ? c_derive(all[(i + 1) / 2 - 1].fd, 0) : t_open();
			ASSERT_LE(0, all[i].fd);
		}
		for (i = 0; i < CANCELERS; i++)
			t_crew_add(&crew, cancel_at_the_gate, &all[i]);
		ASSERT_EQ(0, t_wait_receivers(gate, CANCELERS));
		ASSERT_EQ(0, t_close(gate, 0));
		ASSERT_TRUE(t_crew_join(&crew));
		for (i = 0; i < CANCELERS; i++) {
			/* Who closed it, and only that one, was told so. */
			ASSERT_EQ(c_reason(all[i].fd) == (int)i + 1 ? 0 : -EPIPE, all[i].ret);
			ASSERT_TRUE(reason_is_from_above(c_reason(all[i].fd), i))
				TH_LOG("round %u, %u: %d", round, i, c_reason(all[i].fd));
			close(all[i].fd);
		}
		close(gate);
	}
}

/* --- deriving, dying, expiring --- */

#define DERIVED	400

struct maker {
	int parent, gate;
	unsigned int nr, seed;
	int fds[DERIVED];
};

/* Until a child is closed from the start. */
static int derive_until_closed(void *p)
{
	struct maker *maker = p;
	int fd;

	c_wait(maker->gate);
	while (maker->nr < DERIVED) {
		fd = c_derive(maker->parent, rand_r(&maker->seed) % 3 ? 0 :
			      t_now() + rand_r(&maker->seed) % 200000);
		T_NEED(fd >= 0);
		maker->fds[maker->nr++] = fd;
		if (c_reason(fd) == PARENT_REASON)
			break;
	}
	return 0;
}

TEST_F_TIMEOUT(race, children_derived_while_the_parent_closes_are_closed, 60)
{
	struct maker *makers = t_shared(2 * sizeof(*makers));
	unsigned int rounds = t_fewer(100), round, i, d, made = 0;
	struct t_crew crew = { .mode = T_THREAD };
	int root, gate, reason;

	ASSERT_EQ(0, t_raise_nofile(4096));
	for (round = 0; round < rounds; round++) {
		root = t_open();
		gate = t_open();
		for (d = 0; d < 2; d++) {
			makers[d] = (struct maker) {
				.parent = root, .gate = gate,
				.seed = self->seed + round * 2 + d,
			};
			t_crew_add(&crew, derive_until_closed, &makers[d]);
		}
		ASSERT_EQ(0, t_wait_receivers(gate, 2));
		ASSERT_EQ(0, t_close(gate, 0));
		usleep(rand_r(&self->seed) % 3000);
		ASSERT_EQ(0, t_close(root, PARENT_REASON));
		ASSERT_TRUE(t_crew_join(&crew));
		for (d = 0; d < 2; d++) {
			for (i = 0; i < makers[d].nr; i++) {
				reason = c_reason(makers[d].fds[i]);
				ASSERT_TRUE(reason == PARENT_REASON || reason == -ETIMEDOUT)
					TH_LOG("round %u, child %u: %d", round, i, reason);
				close(makers[d].fds[i]);
			}
			made += makers[d].nr;
		}
		close(root);
		close(gate);
	}
	TH_LOG("%u children", made);
}

TEST_F_TIMEOUT(race, deadlines_that_come_while_the_parent_closes_end_each_child_once, 60)
{
	unsigned int rounds = t_fewer(200), round, i, in_time = 0;
	int root, fds[CHILDREN], reason;
	__u64 end;

	for (round = 0; round < rounds; round++) {
		root = t_open();
		end = t_now() + 3 * T_MSEC + rand_r(&self->seed) % T_MSEC;
		for (i = 0; i < CHILDREN; i++)
			fds[i] = c_derive(i % 4 == 3 ? fds[i - 1] : root, end + i * 10000);
		while (t_now() < end + rand_r(&self->seed) % 500000)
			;
		/* Every third time by the last endpoint. */
		if (round % 3)
			ASSERT_EQ(0, t_close(root, -EOWNERDEAD));
		close(root);
		for (i = 0; i < CHILDREN; i++) {
			reason = c_wait(fds[i]);
			ASSERT_TRUE(reason == -EOWNERDEAD || reason == -ETIMEDOUT)
				TH_LOG("round %u, child %u: %d", round, i, reason);
			in_time += reason == -EOWNERDEAD;
			ASSERT_EQ(reason, c_reason(fds[i]));
			close(fds[i]);
		}
	}
	TH_LOG("%u of %u by the parent", in_time, rounds * CHILDREN);
}

#define VICTIMS	6

TEST_F_TIMEOUT(race, holders_killed_while_the_parent_closes_end_for_one_reason, 60)
{
	unsigned int rounds = t_fewer(12), round, i;
	struct c_member *members[VICTIMS];
	int root, seen[VICTIMS], below[VICTIMS], reason;

	for (round = 0; round < rounds; round++) {
		root = t_open();
		for (i = 0; i < VICTIMS; i++) {
			members[i] = c_member_start(root, 0, HSK_RIGHT_READ, &seen[i]);
			below[i] = c_derive(seen[i], 0);
			ASSERT_LE(0, below[i]);
		}
		for (i = 0; i < VICTIMS; i++)
			kill(members[i]->party.pid, SIGKILL);
		usleep(rand_r(&self->seed) % 2000);
		ASSERT_EQ(0, t_close(root, PARENT_REASON));
		for (i = 0; i < VICTIMS; i++) {
			t_wait(members[i]->party.pid);
			reason = c_reason(seen[i]);
			ASSERT_TRUE(reason == PARENT_REASON || reason == -EOWNERDEAD)
				TH_LOG("round %u, %u: %d", round, i, reason);
			ASSERT_EQ(reason, c_wait(below[i]));
			close(seen[i]);
			close(below[i]);
		}
		close(root);
	}
}

/* --- what a close promises when it returns --- */

#define LEAVES	5000

static int close_middle(void *p)
{
	int *middle = p;

	T_NEED_EQ(0, t_close(*middle, 1));
	return 0;
}

/* Another may be at it, and not yet through. */
/* A close does not wait for another that was faster, nor need it: that one goes on. */
TEST_F_TIMEOUT(race, what_two_closes_meet_in_is_closed_by_the_first, 60)
{
	unsigned int nr = t_fewer(LEAVES), rounds = 5, round, i;
	int root, middle, *leaves = calloc(nr, sizeof(*leaves));
	struct t_party party;

	ASSERT_EQ(0, t_raise_nofile(nr + 64));
	for (round = 0; round < rounds; round++) {
		root = t_open();
		middle = c_derive(root, 0);
		for (i = 0; i < nr; i++)
			leaves[i] = c_derive(middle, 0);
		ASSERT_LE(0, leaves[nr - 1]);
		ASSERT_EQ(0, t_start(&party, T_PROCESS, close_middle, &middle));
		/* It is told before the leaves are. */
		ASSERT_EQ(1, c_wait(middle));
		EXPECT_EQ(0, t_close(root, 2));
		EXPECT_EQ(1, c_wait(leaves[nr - 1])) TH_LOG("round %u", round);
		EXPECT_EQ(0, t_join(&party));
		EXPECT_EQ(1, c_reason(leaves[nr - 1]));
		for (i = 0; i < nr; i++)
			close(leaves[i]);
		close(middle);
		close(root);
	}
}

HSK_TEST_MAIN
