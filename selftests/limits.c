// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's parameters: validated, in effect at once, and no way to hold
 * more kernel memory than one is charged for.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "../kselftest.h"
#include "../kselftest_harness.h"
#include "peer.h"

#define MIB (1024 * 1024)

/* --- parameters ----------------------------------------------------------------- */

FIXTURE(param) {
	long before;
};

FIXTURE_VARIANT(param) {
	const char *name;
	long standard;
	long min;
	long max;
};

FIXTURE_VARIANT_ADD(param, max_msg_size) {
	.name = "max_msg_size", .standard = 65536, .min = 1, .max = 16 * MIB,
};

FIXTURE_VARIANT_ADD(param, max_fds) {
	.name = "max_fds", .standard = 16, .min = 0, .max = 253,
};

FIXTURE_VARIANT_ADD(param, max_capacity) {
	.name = "max_capacity", .standard = 65536, .min = 0, .max = 1048576,
};

FIXTURE_VARIANT_ADD(param, max_in_flight) {
	.name = "max_in_flight", .standard = 16384, .min = 0, .max = 1048576,
};

FIXTURE_SETUP(param)
{
	if (geteuid())
		P_SKIP_SETUP("needs root to set parameters");
	self->before = t_param(variant->name);
}

FIXTURE_TEARDOWN(param)
{
	EXPECT_EQ(0, t_set_param(variant->name, self->before));
}

TEST_F(param, takes_its_bounds_and_what_lies_between)
{
	EXPECT_EQ(0, t_set_param(variant->name, variant->min));
	EXPECT_EQ(variant->min, t_param(variant->name));
	EXPECT_EQ(0, t_set_param(variant->name, variant->max));
	EXPECT_EQ(variant->max, t_param(variant->name));
	EXPECT_EQ(0, t_set_param(variant->name, variant->standard));
	EXPECT_EQ(variant->standard, t_param(variant->name));
}

TEST_F(param, refuses_what_is_out_of_range_and_keeps_its_value)
{
	char path[96];

	EXPECT_EQ(-EINVAL, t_set_param(variant->name, variant->min - 1));
	EXPECT_EQ(-EINVAL, t_set_param(variant->name, variant->max + 1));
	EXPECT_EQ(-EINVAL, t_set_param(variant->name, -1));
	snprintf(path, sizeof(path), "/sys/module/hsk/parameters/%s",
		 variant->name);
	EXPECT_EQ(-EINVAL, p_write_file(path, "many"));
	EXPECT_EQ(self->before, t_param(variant->name));
}

TEST_F(param, is_for_root_to_set_and_for_everyone_to_read)
{
	pid_t pid = p_fork();

	if (!pid) {
		P_NEED(!setresuid(65534, 65534, 65534));
		P_NEED(t_param(variant->name) == self->before);
		P_NEED(t_set_param(variant->name, variant->standard) ==
		       -EACCES);
		_exit(0);
	}
	EXPECT_EQ(0, t_wait(pid));
}

/* --- in effect ------------------------------------------------------------------------ */

FIXTURE(limit) {
	long max_msg_size, max_fds, max_capacity, max_in_flight;
	int chan;
};

FIXTURE_SETUP(limit)
{
	if (geteuid())
		P_SKIP_SETUP("needs root to set parameters");
	self->max_msg_size = t_param("max_msg_size");
	self->max_fds = t_param("max_fds");
	self->max_capacity = t_param("max_capacity");
	self->max_in_flight = t_param("max_in_flight");
	self->chan = t_new(4);
	ASSERT_LE(0, self->chan);
}

FIXTURE_TEARDOWN(limit)
{
	EXPECT_EQ(0, t_set_param("max_msg_size", self->max_msg_size));
	EXPECT_EQ(0, t_set_param("max_fds", self->max_fds));
	EXPECT_EQ(0, t_set_param("max_capacity", self->max_capacity));
	EXPECT_EQ(0, t_set_param("max_in_flight", self->max_in_flight));
}

TEST_F(limit, max_msg_size_bounds_send_and_write)
{
	char buf[128] = "";

	ASSERT_EQ(0, t_set_param("max_msg_size", 100));
	EXPECT_EQ(-EMSGSIZE, t_send(self->chan, buf, 101));
	EXPECT_EQ(-EMSGSIZE, p_errno(write(self->chan, buf, 101)));
	EXPECT_EQ(-EMSGSIZE, t_send(self->chan, t_bad_address(), 101));
	EXPECT_EQ(0, t_send(self->chan, buf, 100));
	EXPECT_EQ(100, p_errno(write(self->chan, buf, 100)));
	EXPECT_TRUE(t_counters(self->chan, 2, 0, 2, 0));
}

TEST_F(limit, a_message_of_before_a_lower_limit_still_arrives)
{
	char buf[128] = "";

	ASSERT_EQ(0, t_send(self->chan, buf, 128));
	ASSERT_EQ(0, t_set_param("max_msg_size", 1));
	EXPECT_EQ(128, p_recv(self->chan, buf, 128));
}

static char pattern_byte(size_t i)
{
	return i * 2654435761U >> 24;
}

TEST_F(limit, sixteen_mib_arrive_whole)
{
	size_t len = 16 * MIB, i, wrong = 0;
	char *out = malloc(len), *in = calloc(1, len);
	pid_t pid;

	ASSERT_NE(NULL, out);
	ASSERT_NE(NULL, in);
	for (i = 0; i < len; i++)
		out[i] = pattern_byte(i);
	ASSERT_EQ(0, t_set_param("max_msg_size", len));
	ASSERT_EQ(0, t_send(self->chan, out, len));
	pid = p_fork();
	if (!pid) {
		P_NEED(p_recv(self->chan, in, len - 1) == -EMSGSIZE);
		P_NEED(p_recv(self->chan, in, len) == (int)len);
		for (i = 0; i < len; i++)
			wrong += in[i] != pattern_byte(i);
		_exit(wrong != 0);
	}
	EXPECT_EQ(0, t_wait(pid));
	EXPECT_EQ(-EMSGSIZE, t_send(self->chan, out, len + 1));
	EXPECT_TRUE(t_counters(self->chan, 1, 1, 0, 0));
}

TEST_F(limit, every_size_around_a_page_arrives_whole)
{
	static const size_t sizes[] = {
		0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1023, 1024,
		1025, 4000, 4032, 4040, 4048, 4056, 4064, 4072, 4080, 4088,
		4095, 4096, 4097, 8191, 8192, 8193, 16384, 32768, 65535, 65536,
	};
	char *out = malloc(65536), *in = malloc(65537);
	size_t i, k;

	ASSERT_EQ(0, t_set_param("max_msg_size", 65536));
	for (k = 0; k < 65536; k++)
		out[k] = pattern_byte(k);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		t_fill(in, 65537);
		ASSERT_EQ(0, t_send(self->chan, out, sizes[i]));
		ASSERT_EQ(sizes[i], p_recv(self->chan, in, 65537));
		EXPECT_EQ(0, memcmp(in, out, sizes[i]));
		EXPECT_TRUE(t_untouched(in + sizes[i], 65537 - sizes[i]));
	}
}

TEST_F(limit, max_fds_bounds_send)
{
	int fds[254], i;

	for (i = 0; i < 254; i++)
		fds[i] = 0;
	fds[0] = memfd_create("hsk", 0);
	for (i = 1; i < 254; i++)
		fds[i] = fds[0];
	ASSERT_EQ(0, t_set_param("max_fds", 2));
	EXPECT_EQ(-EMSGSIZE, t_send_full(self->chan, NULL, 0, fds, 3, 0, 0));
	EXPECT_EQ(0, t_send_full(self->chan, NULL, 0, fds, 2, 0, 0));
	ASSERT_EQ(0, t_set_param("max_fds", 0));
	EXPECT_EQ(-EMSGSIZE, t_send_fd(self->chan, fds[0]));
	EXPECT_EQ(0, t_send(self->chan, "m", 1));
	ASSERT_EQ(0, t_set_param("max_fds", 253));
	EXPECT_EQ(-EMSGSIZE, t_send_full(self->chan, NULL, 0, fds, 254, 0, 0));
	EXPECT_EQ(0, t_send_full(self->chan, NULL, 0, fds, 253, 0, 0));
}

TEST_F(limit, max_capacity_bounds_new_channels)
{
	ASSERT_EQ(0, t_set_param("max_capacity", 8));
	EXPECT_EQ(-EINVAL, t_chan_new(self->chan, 9));
	EXPECT_LE(0, t_chan_new(self->chan, 8));
	ASSERT_EQ(0, t_set_param("max_capacity", 0));
	EXPECT_EQ(-EINVAL, t_chan_new(self->chan, 1));
	EXPECT_LE(0, t_chan_new(self->chan, 0));
	/* What exists keeps what it has. */
	EXPECT_EQ(4, p_info(self->chan).capacity);
	EXPECT_EQ(0, p_try_send(self->chan, "m", 1));
}

TEST_F(limit, the_largest_capacity_holds_as_many)
{
	unsigned int i, got;
	int chan;

	ASSERT_EQ(0, t_set_param("max_capacity", 20000));
	chan = t_chan_new(self->chan, 20000);
	ASSERT_LE(0, chan);
	for (i = 0; i < 20000; i++)
		ASSERT_EQ(0, p_try_send(chan, &i, sizeof(i)));
	EXPECT_EQ(-EAGAIN, p_try_send(chan, &i, sizeof(i)));
	EXPECT_TRUE(t_counters(chan, 20000, 0, 20000, 0));
	for (i = 0; i < 20000; i++) {
		ASSERT_EQ(4, p_try_recv(chan, &got, 4));
		ASSERT_EQ(i, got);
	}
}

TEST_F(limit, max_in_flight_0_lets_no_descriptor_travel)
{
	int file = memfd_create("hsk", 0);

	ASSERT_EQ(0, t_set_param("max_in_flight", 0));
	EXPECT_EQ(-ETOOMANYREFS, t_send_fd(self->chan, file));
	EXPECT_EQ(0, t_send(self->chan, "m", 1));
}

/* --- charged ----------------------------------------------------------------------------- */

#define GROUP_MAX	(24L * MIB)

/* A cgroup v2 of its own for one child. */
FIXTURE(charge) {
	char root[64];
	char group[96];
	bool mounted;
	int chan;
};

static int group_write(const char *dir, const char *file, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return p_write_file(path, text);
}

static long group_read(const char *dir, const char *file)
{
	char path[160], line[64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return t_read_line(path, line, sizeof(line)) ? -1 :
	       strtol(line, NULL, 10);
}

FIXTURE_SETUP(charge)
{
	char text[32];

	if (geteuid())
		P_SKIP_SETUP("needs root to make a cgroup");
	strcpy(self->root, "/tmp/hsk-cgroup-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->root));
	if (mount("none", self->root, "cgroup2", 0, NULL)) {
		rmdir(self->root);
		P_SKIP_SETUP("no cgroup v2: %s", strerror(errno));
	}
	self->mounted = true;
	group_write(self->root, "cgroup.subtree_control", "+memory");
	snprintf(self->group, sizeof(self->group), "%s/hsk-%d", self->root,
		 getpid());
	ASSERT_EQ(0, mkdir(self->group, 0755));
	snprintf(text, sizeof(text), "%ld", GROUP_MAX);
	if (group_write(self->group, "memory.max", text)) {
		rmdir(self->group);
		umount(self->root);
		rmdir(self->root);
		P_SKIP_SETUP("no memory controller in cgroup v2");
	}
	group_write(self->group, "memory.swap.max", "0");
	self->chan = t_new(4096);
	ASSERT_LE(0, self->chan);
}

FIXTURE_TEARDOWN(charge)
{
	int i;

	close(self->chan);
	/* A group whose last task has just been reaped may still be busy. */
	for (i = 0; i < 1000 && rmdir(self->group) && errno == EBUSY; i++)
		t_sleep_ms(2);
	umount2(self->root, MNT_DETACH);
	rmdir(self->root);
}

/* In the group: sends until so many are buffered or it is told to stop. */
static int fill(const char *group, int chan, size_t size, int limit, int end)
{
	char *buf = malloc(size);
	int n, ret = 0;

	P_NEED(buf);
	memset(buf, 'b', size);
	P_NEED(!group_write(group, "cgroup.procs", "0"));
	for (n = 0; n < limit && !ret; n++)
		ret = p_try_send(chan, buf, size);
	P_NEED(ret == end);
	return 0;
}

TEST_F(charge, buffered_bytes_are_the_senders)
{
	long before = group_read(self->group, "memory.current"), after;
	pid_t pid = p_fork();

	if (!pid)
		_exit(fill(self->group, self->chan, 65536, 128, 0));
	EXPECT_EQ(0, t_wait(pid));
	ASSERT_EQ(128, p_info(self->chan).buffered);
	/* The task is gone, its 8 MiB are still there and still its. */
	after = group_read(self->group, "memory.current");
	EXPECT_LE(8L * MIB * 95 / 100, after - before);
}

TEST_F(charge, small_messages_are_charged_too)
{
	long before = group_read(self->group, "memory.current"), after;
	pid_t pid = p_fork();

	if (!pid)
		_exit(fill(self->group, self->chan, 8, 4096, 0));
	EXPECT_EQ(0, t_wait(pid));
	ASSERT_EQ(4096, p_info(self->chan).buffered);
	after = group_read(self->group, "memory.current");
	EXPECT_LE(4096L * 64, after - before);
}

TEST_F(charge, a_sender_over_its_memory_max_gets_enomem)
{
	uint64_t held;
	pid_t pid = p_fork();

	if (!pid)
		_exit(fill(self->group, self->chan, 65536, 4096,
			   -ENOMEM));
	/* An error that it can handle, and not the OOM killer. */
	EXPECT_EQ(0, t_wait(pid));
	held = p_info(self->chan).buffered * 65536;
	EXPECT_GE(GROUP_MAX, held);
	EXPECT_LE(GROUP_MAX / 2, held);
	EXPECT_TRUE(t_conserved(self->chan));
	EXPECT_GE(GROUP_MAX, group_read(self->group, "memory.current"));
}

TEST_F(charge, receiving_gives_the_charge_back)
{
	char *buf = malloc(65536);
	pid_t pid = p_fork();
	long held;
	int i;

	if (!pid)
		_exit(fill(self->group, self->chan, 65536, 128, 0));
	EXPECT_EQ(0, t_wait(pid));
	held = group_read(self->group, "memory.current");
	while (p_try_recv(self->chan, buf, 65536) > 0)
		;
	for (i = 0; i < 1000; i++) {
		if (group_read(self->group, "memory.current") < held - 4 * MIB)
			break;
		t_sleep_ms(2);
	}
	EXPECT_GT(1000, i);
}

TEST_F(charge, new_channels_are_charged_to_who_makes_them)
{
	long before = group_read(self->group, "memory.current");
	int ready[2], i;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready));
	pid = p_fork();
	if (!pid) {
		P_NEED(!t_raise_nofile(2100));
		P_NEED(!group_write(self->group, "cgroup.procs", "0"));
		for (i = 0; i < 2000; i++)
			P_NEED(t_chan_new(self->chan, 0) >= 0);
		P_NEED(write(ready[1], "r", 1) == 1);
		pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	EXPECT_LE(2000L * 256,
		  group_read(self->group, "memory.current") - before);
	EXPECT_EQ(256 + SIGKILL, t_kill(pid));
}

HSK_TEST_MAIN
