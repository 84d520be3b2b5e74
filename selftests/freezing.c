// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that is frozen, as for a suspend, goes on waiting where it waits: it does
 * not leave the queue to come back as the last.
 *
 * The freezer of the first version of cgroups freezes as a suspend does.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "peer.h"

#define FREEZER	"/tmp/hsk-freezer"
#define GROUP	FREEZER "/hsk"
#define STATE	GROUP "/freezer.state"

FIXTURE(frozen) {
	int chan;
};

static void unmount(void)
{
	rmdir(GROUP);
	umount(FREEZER);
	rmdir(FREEZER);
}

FIXTURE_SETUP(frozen)
{
	self->chan = -1;
	if (geteuid())
		P_SKIP_SETUP("needs root");
	mkdir(FREEZER, 0700);
	if (mount("freezer", FREEZER, "cgroup", 0, "freezer")) {
		rmdir(FREEZER);
		P_SKIP_SETUP("needs the freezer of cgroups' first version");
	}
	ASSERT_EQ(0, mkdir(GROUP, 0700));
	self->chan = t_open();
}

FIXTURE_TEARDOWN(frozen)
{
	if (self->chan < 0)
		return;
	p_write_file(STATE, "THAWED");
	unmount();
}

/* The task and all of its threads; 0, or -ETIMEDOUT. */
static int freeze(pid_t pid)
{
	__u64 end = t_in_ms(P_PATIENCE_S * 1000);
	char text[32];

	snprintf(text, sizeof(text), "%d", pid);
	if (p_write_file(GROUP "/cgroup.procs", text) || p_write_file(STATE, "FROZEN"))
		return -errno;
	do {
		if (!t_read_line(STATE, text, sizeof(text)) && !strcmp(text, "FROZEN"))
			return 0;
		t_sleep_ms(1);
	} while (t_now() < end);
	return -ETIMEDOUT;
}

/* Thawed, and out of the group, which can go then. */
static int thaw(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", pid);
	return p_write_file(STATE, "THAWED") ?: p_write_file(FREEZER "/cgroup.procs", text);
}

TEST_F(frozen, receiver_keeps_its_place)
{
	struct t_job *first = t_job_get_blocked(T_PROCESS, self->chan, 1);
	struct t_job *second = t_job_get_blocked(T_PROCESS, self->chan, 2);

	ASSERT_EQ(0, freeze(first->party.pid));
	EXPECT_EQ(2, p_info(self->chan).waiting_receivers);
	EXPECT_EQ(0, t_try_put(self->chan, 1));
	EXPECT_EQ(0, t_try_put(self->chan, 2));
	EXPECT_TRUE(t_job_got(second, 2));
	EXPECT_EQ(0, thaw(first->party.pid));
	EXPECT_TRUE(t_job_got(first, 1));
}

TEST_F(frozen, sender_keeps_its_place)
{
	struct t_job *first = t_job_put_blocked(T_PROCESS, self->chan, 1, 1);
	struct t_job *second = t_job_put_blocked(T_PROCESS, self->chan, 2, 2);
	__u64 value = 0;

	ASSERT_EQ(0, freeze(first->party.pid));
	EXPECT_EQ(2, p_info(self->chan).waiting_senders);
	EXPECT_EQ(1, t_try_get(self->chan, &value));
	EXPECT_EQ(1, value);
	EXPECT_EQ(0, thaw(first->party.pid));
	EXPECT_EQ(0, t_job_end(first));
	EXPECT_EQ(1, t_try_get(self->chan, &value));
	EXPECT_EQ(2, value);
	EXPECT_EQ(0, t_job_end(second));
}

HSK_TEST_MAIN
