// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: one event for each thing that happens, with the channel's id.
 */
#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "peer.h"

#define TRACE_ROOM	65536

/* tracefs, where it is mounted; NULL: nowhere, or no hsk in it. */
static const char *tracefs(void)
{
	static const char *const dirs[] = {
		"/sys/kernel/tracing", "/sys/kernel/debug/tracing",
	};
	char path[128];
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/events/hsk/enable", dirs[i]);
		if (!access(path, W_OK))
			return dirs[i];
	}
	return NULL;
}

static int write_to(const char *dir, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return p_write_file(path, text);
}

FIXTURE(tracing) {
	const char *dir;
	char *text;
	int chan;
	struct hsk_info_args info;
};

FIXTURE_SETUP(tracing)
{
	self->text = calloc(1, TRACE_ROOM);
	self->chan = t_new(0);
	ASSERT_LE(0, self->chan);
	ASSERT_EQ(0, t_info(self->chan, &self->info));
	self->dir = tracefs();
	if (!self->dir)
		return;
	ASSERT_EQ(0, write_to(self->dir, "trace", ""));
	ASSERT_EQ(0, write_to(self->dir, "events/hsk/enable", "1"));
}

FIXTURE_TEARDOWN(tracing)
{
	if (self->dir)
		write_to(self->dir, "events/hsk/enable", "0");
	close(self->chan);
	free(self->text);
}

/* Reads the trace and looks for a line of this event that ends like that. */
static bool traced(const char *dir, char *text, __u64 id, const char *event, const char *rest)
{
	char path[128], want[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/trace", dir);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	n = read(fd, text, TRACE_ROOM - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	snprintf(want, sizeof(want), " %s: channel=%llu %s", event, (unsigned long long)id, rest);
	if (strstr(text, want))
		return true;
	fprintf(stderr, "# no such event:%s\n%s", want, text);
	return false;
}

#define EXPECT_TRACED(event, rest)							\
	EXPECT_TRUE(traced(self->dir, self->text, self->info.id, event, rest))

TEST_F(tracing, tells_block_wake_send_receive_and_close)
{
	struct t_job *job;
	__u64 v;

	if (!self->dir)
		SKIP(return, "no tracefs with hsk events: mount it, be root");
	job = t_job_put_blocked(T_PROCESS, self->chan, 7, 1);
	ASSERT_TRUE(!!job);
	ASSERT_EQ(1, t_get(self->chan, &v));
	ASSERT_EQ(0, t_job_end(job));
	EXPECT_EQ(-EAGAIN, t_try_get(self->chan, &v));
	ASSERT_EQ(0, t_close(self->chan, -ECANCELED));

	EXPECT_TRACED("hsk_block", "op=send");
	EXPECT_TRACED("hsk_wake", "tid=");
	EXPECT_TRACED("hsk_take", "len=8 nr_fds=0");
	EXPECT_TRACED("hsk_send", "len=8 nr_fds=0 result=0");
	EXPECT_TRACED("hsk_recv", "len=8 nr_fds=0 result=0");
	EXPECT_TRACED("hsk_recv", "len=0 nr_fds=0 result=-11");
	EXPECT_TRACED("hsk_close", "reason=-125");
}

TEST_F(tracing, tells_a_receive_that_gave_its_message_back)
{
	if (!self->dir)
		SKIP(return, "no tracefs with hsk events: mount it, be root");
	ASSERT_TRUE(!!t_job_put_blocked(T_PROCESS, self->chan, 7, 1));
	EXPECT_EQ(-EFAULT, t_recv(self->chan, t_bad_address(), 8, NULL));
	EXPECT_TRACED("hsk_recv", "len=8 nr_fds=0 result=-14");
}

TEST_F(tracing, tells_descriptors_in_flight_and_refused)
{
	int file;

	if (!self->dir)
		SKIP(return, "no tracefs with hsk events: mount it, be root");
	file = open("/proc/self/exe", O_RDONLY);
	ASSERT_LE(0, file);
	EXPECT_EQ(-EAGAIN, p_try_send_fd(self->chan, file));
	EXPECT_TRACED("hsk_launch", "nr_fds=1 result=0");
	EXPECT_EQ(-ELOOP, p_try_send_fd(self->chan, self->chan));
	EXPECT_TRACED("hsk_launch", "nr_fds=1 result=-40");
	close(file);
}

TEST_F(tracing, tells_endpoints_that_come_and_go_and_what_goes_with_them)
{
	int box, reader;

	if (!self->dir)
		SKIP(return, "no tracefs with hsk events: mount it, be root");
	box = t_new(2);
	ASSERT_LE(0, box);
	ASSERT_EQ(0, t_info(box, &self->info));
	EXPECT_TRACED("hsk_attach", "rights=rw readers=1 writers=1");
	reader = t_dup(box, HSK_RIGHT_READ);
	ASSERT_LE(0, reader);
	EXPECT_TRACED("hsk_attach", "rights=r readers=2 writers=1");
	ASSERT_EQ(0, t_put(box, 7));
	close(reader);
	EXPECT_TRACED("hsk_detach", "rights=r readers=1 writers=1");
	close(box);
	EXPECT_TRACED("hsk_detach", "rights=rw readers=0 writers=0");
	EXPECT_TRACED("hsk_close", "reason=-130");
	EXPECT_TRACED("hsk_drain", "messages=1");
}

HSK_TEST_MAIN
