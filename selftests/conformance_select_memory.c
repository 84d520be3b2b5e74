// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: what many selects do to memory. They
 * take none, and what a party may conclude about its partner's is the same as with a
 * plain send and receive. Test names begin with the name in Go.
 */
#include <sched.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "conformance_select.h"

/* --- select2 --- */

#define SELECTS	100000
#define GROWTH	2048	/* kilobytes that others may take meanwhile */

static long slab_kilobytes(void)
{
	char line[128];
	long kb = -ENOENT;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Slab: %ld kB", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

struct endless {
	int fd;
	unsigned int nr;
};

static int send_endlessly(void *p)
{
	struct endless *e = p;
	unsigned int i;

	for (i = 0; i < e->nr; i++)
		T_NEED_EQ(0, t_put(e->fd, i));
	return 0;
}

/*
 * A place of 72 bytes or a message left behind each time would be 7 megabytes. Some are
 * ready at once, the others queue in vain at the channel that never is.
 */
TEST(select2_selects_with_a_case_that_is_never_ready_take_no_memory)
{
	struct t_crew crew = { .mode = T_PROCESS };
	struct endless e = { t_new(10), t_fewer(SELECTS) };
	struct hsk_info_args info;
	long before, after;
	unsigned int i;
	int ret;

	t_never();
	before = slab_kilobytes();
	ASSERT_LT(0, before);
	t_crew_add(&crew, send_endlessly, &e);
	for (i = 0; i < e.nr; i++) {
		struct t_case cases[] = { t_case_get(t_never()), t_case_get(e.fd) };

		ret = t_select(cases, 2, 0);
		ASSERT_EQ(1, ret);
		ASSERT_EQ(i, cases[1].value);
	}
	EXPECT_TRUE(t_crew_join(&crew));
	after = slab_kilobytes();
	EXPECT_GT(before + GROWTH, after) TH_LOG("%ld kB, then %ld kB", before, after);
	ASSERT_EQ(0, t_info(t_never(), &info));
	EXPECT_EQ(0, info.waiting_receivers);
	EXPECT_EQ(1, info.read_endpoints);
}

/* --- race testdata: SelectMutex, BlockedSelectSendSync --- */

#define ROUNDS	1000

/* Relaxed accesses only: any order between them comes from the channel. */
struct litmus {
	int fd;
	unsigned int nr;
	__u64 plain;
	__u64 slots[ROUNDS];
};

static __u64 load(const __u64 *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static void store(__u64 *to, __u64 value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

/* A channel of capacity one is a mutex: who has sent holds it. */
static int count_locked(void *p)
{
	struct litmus *l = p;
	unsigned int i;
	__u64 v;

	for (i = 0; i < l->nr; i++) {
		T_NEED_EQ(0, t_put_how(T_TWO_CASES, l->fd, 0));
		store(&l->plain, load(&l->plain) + 1);
		T_NEED_EQ(1, t_get_how(T_TWO_CASES, l->fd, &v));
	}
	return 0;
}

TEST_F(go_select, select_mutex_excludes_and_shows_what_was_written)
{
	struct t_crew crew = { .mode = self->mode };
	struct litmus *l = t_shared(sizeof(*l));
	int i;

	l->fd = t_new(1);
	l->nr = t_fewer(ROUNDS);
	for (i = 0; i < 3; i++)
		t_crew_add(&crew, count_locked, l);
	EXPECT_TRUE(t_crew_join(&crew));
	EXPECT_EQ(3 * l->nr, l->plain);
}

static int receive_after_writing(void *p)
{
	struct litmus *l = p;
	unsigned int i;
	__u64 v;

	for (i = 0; i < l->nr; i++) {
		store(&l->slots[i], i + 1000);
		T_NEED_EQ(1, t_get_how(i % T_NR_HOWS, l->fd, &v));
	}
	return 0;
}

/* Unbuffered, a receive begins before the send that it lets go of is over. */
TEST_F(go_select, blocked_select_send_sync_sees_what_its_receiver_had_written)
{
	struct t_crew crew = { .mode = self->mode };
	struct litmus *l = t_shared(sizeof(*l));
	unsigned int i;

	l->fd = t_new(0);
	l->nr = t_fewer(ROUNDS);
	t_crew_add(&crew, receive_after_writing, l);
	for (i = 0; i < l->nr; i++) {
		ASSERT_EQ(0, t_put_how(i % 2 ? T_TWO_CASES : T_ONE_CASE, l->fd, i));
		ASSERT_EQ(i + 1000, load(&l->slots[i]));
	}
	EXPECT_TRUE(t_crew_join(&crew));
}

HSK_TEST_MAIN
