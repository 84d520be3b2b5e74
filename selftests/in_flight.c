// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors in flight: counted for each user, up to the limit and no further,
 * whatever the others have; and sent while a large graph of them is walked.
 */
#include "../kselftest_harness.h"
#include "peer.h"

#define NR_USERS	150	/* more than any table of users has rows */
#define FIRST_USER	20000
#define LIMIT		2

FIXTURE(users) {
	long before;
	int chan;
	int file;
};

FIXTURE_SETUP(users)
{
	if (geteuid())
		P_SKIP_SETUP("needs root to be many users");
	self->before = t_param("max_in_flight");
	ASSERT_EQ(0, t_set_param("max_in_flight", LIMIT));
	self->chan = t_new(NR_USERS * LIMIT);
	self->file = memfd_create("hsk", 0);
	ASSERT_LE(0, self->file);
}

FIXTURE_TEARDOWN(users)
{
	EXPECT_EQ(0, seteuid(0));
	EXPECT_EQ(0, t_set_param("max_in_flight", self->before));
}

static int send_as(int chan, int file, int user)
{
	int ret;

	if (seteuid(FIRST_USER + user))
		return -errno;
	ret = p_try_send_fd(chan, file);
	return seteuid(0) ? -errno : ret;
}

static int receive_one(int chan)
{
	int fd = p_try_recv_fd(chan);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

TEST_F(users, each_has_a_count_of_its_own)
{
	int i, nr;

	for (nr = 0; nr < LIMIT; nr++) {
		for (i = 0; i < NR_USERS; i++)
			ASSERT_EQ(0, send_as(self->chan, self->file, i))
				TH_LOG("user %d, descriptor %d", i, nr);
	}
	for (i = 0; i < NR_USERS; i++)
		EXPECT_EQ(-ETOOMANYREFS, send_as(self->chan, self->file, i));
	EXPECT_TRUE(t_counters(self->chan, NR_USERS * LIMIT, 0,
			       NR_USERS * LIMIT, 0));
}

TEST_F(users, receiving_gives_back_to_who_has_sent)
{
	int i, nr;

	for (nr = 0; nr < LIMIT; nr++) {
		for (i = 0; i < NR_USERS; i++)
			ASSERT_EQ(0, send_as(self->chan, self->file, i));
	}
	/* One of each but the last user's. */
	for (i = 0; i < NR_USERS - 1; i++)
		ASSERT_EQ(0, receive_one(self->chan));
	for (i = 0; i < NR_USERS - 1; i++)
		EXPECT_EQ(0, send_as(self->chan, self->file, i));
	for (i = 0; i < NR_USERS; i++)
		EXPECT_EQ(-ETOOMANYREFS, send_as(self->chan, self->file, i));
}

/* --- a large graph ---------------------------------------------------------- */

#define GRAPH	2000
#define ROUNDS	25
#define ENOUGH	5

/* A channel that holds one that holds one ... */
static int new_chain(unsigned int nr)
{
	int first = t_new(1), last = first, next;

	while (nr--) {
		next = t_new(1);
		if (next < 0 || t_send_fd(last, next))
			return -1;
		if (last != first)
			close(last);
		last = next;
	}
	if (last != first)
		close(last);
	return first;
}

struct parcel {
	int chan;
	int fd;
};

/* Into the channel, out of it, and again, until somebody ends it. */
static int send_for_ever(void *p)
{
	struct parcel *parcel = p;

	for (;;) {
		T_NEED_EQ(0, p_try_send_fd(parcel->chan, parcel->fd));
		T_NEED_EQ(0, receive_one(parcel->chan));
	}
}

/* Waits a while for a sleep that only SIGKILL ends. */
static bool sleeps_killable(pid_t pid)
{
	char path[64], text[512], state;
	__u64 end = t_in_ms(2000 * t_slow());

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	do {
		if (!t_read_line(path, text, sizeof(text)) &&
		    sscanf(text, "%*d (%*[^)]) %c", &state) == 1 && state == 'D')
			return true;
	} while (t_now() < end);
	return false;
}

TEST(who_waits_while_a_large_graph_is_walked_can_be_killed)
{
	struct parcel large = { t_new(1), new_chain(GRAPH) };
	struct parcel small = { t_new(1), memfd_create("hsk", 0) };
	int keeper = t_new(1), i, met = 0;
	pid_t walker, victim;
	char c;

	ASSERT_LE(0, large.fd);
	/* Sending into a channel that is itself in a message takes a walk. */
	ASSERT_EQ(0, t_send_fd(keeper, large.chan));
	walker = t_fork(send_for_ever, &large);
	for (i = 0; i < ROUNDS && met < ENOUGH; i++) {
		victim = t_fork(send_for_ever, &small);
		met += sleeps_killable(victim);
		EXPECT_EQ(256 + SIGKILL, t_kill(victim));
		EXPECT_TRUE(t_conserved(small.chan));
		receive_one(small.chan);
	}
	EXPECT_EQ(256 + SIGKILL, t_kill(walker));
	TH_LOG("%d of %d were killed as they waited", met, i);
	EXPECT_EQ(0, p_try_send_fd(small.chan, small.fd));
	EXPECT_EQ(-EBADMSG, p_errno(read(small.chan, &c, 1)));
	EXPECT_EQ(0, receive_one(small.chan));
}

HSK_TEST_MAIN
