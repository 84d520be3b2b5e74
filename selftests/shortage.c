// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the kernel has no memory, no room in its table of open files, or cannot
 * reach the caller's memory after all: the documented error, and nothing has
 * happened.
 *
 * Memory runs out where fault injection says so: in one operation after the other
 * the first, the second, the third ... allocation or copy fails, until the operation
 * gets through without meeting one that is to fail.
 */
#include "../kselftest_harness.h"
#include "peer.h"

#define TOO_MANY	1000	/* no operation needs as much */

/* What the kernel would write to its log, and what it would spare, by default. */
static const char *const knobs[] = {
	"/sys/kernel/debug/failslab/verbose",
	"/sys/kernel/debug/fail_page_alloc/verbose",
	"/sys/kernel/debug/fail_usercopy/verbose",
	"/sys/kernel/debug/failslab/ignore-gfp-wait",
};

#define NR_KNOBS	4

FIXTURE(shortage) {
	char before[NR_KNOBS][16];
	int chan;
	int file;
	int nth;
};

FIXTURE_VARIANT(shortage) {
	bool message;	/* the operation needs one */
	bool in_flight;	/* after it, a descriptor is */
	int (*op)(int chan, int file);
};

static int open_device(int chan, int file)
{
	return t_open();
}

static int new_channel(int chan, int file)
{
	return t_chan_new(chan, 1);
}

static int new_endpoint(int chan, int file)
{
	return t_dup(chan, T_BOTH);
}

static int send_bytes(int chan, int file)
{
	return p_try_send(chan, "bytes", 5);
}

static int send_descriptor(int chan, int file)
{
	return p_try_send_fd(chan, file);
}

static int write_bytes(int chan, int file)
{
	return p_errno(write(chan, "bytes", 5)) < 0 ? -errno : 0;
}

/* More cases than a select has room for on the stack; the first is ready. */
static int select_of_many(int chan, int file)
{
	struct hsk_select_case cases[HSK_SELECT_CASES_MAX];
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = HSK_OP_F_DONTWAIT,
		.cases = (uintptr_t)cases,
		.nr_cases = HSK_SELECT_CASES_MAX,
	};
	int fd = -1, i, ret;
	struct hsk_msghdr msg = { .fds = (uintptr_t)&fd, .nr_fds = 1 };

	for (i = 0; i < HSK_SELECT_CASES_MAX; i++)
		cases[i] = (struct hsk_select_case){ .fd = -1 };
	cases[0] = (struct hsk_select_case){ chan, HSK_CASE_RECV, (uintptr_t)&msg };
	ret = t_ioctl(chan, HSK_IOC_SELECT, &args);
	return ret < 0 ? ret : args.result ?: fd;
}

/* Made, armed and withdrawn. */
static int arm_selector(int chan, int file)
{
	struct hsk_selector_args args = { .size = sizeof(args) };
	struct hsk_msghdr msg = { .len = 0 };
	struct hsk_select_case one = { chan, HSK_CASE_RECV, (uintptr_t)&msg };
	struct hsk_arm_args arm = { .size = sizeof(arm), .cases = (uintptr_t)&one, .nr_cases = 1 };
	int sel = t_ioctl(chan, HSK_IOC_SELECTOR, &args), ret;

	if (sel < 0)
		return sel;
	ret = t_ioctl(sel, HSK_IOC_ARM, &arm);
	close(sel);
	return ret;
}

static int look(int chan, int file)
{
	struct hsk_info_args info;

	return t_info(chan, &info);
}

FIXTURE_VARIANT_ADD(shortage, open) { .op = open_device };
FIXTURE_VARIANT_ADD(shortage, chan_new) { .op = new_channel };
FIXTURE_VARIANT_ADD(shortage, dup) { .op = new_endpoint };
FIXTURE_VARIANT_ADD(shortage, send) { .op = send_bytes };
FIXTURE_VARIANT_ADD(shortage, send_descriptor) { .op = send_descriptor, .in_flight = true };
FIXTURE_VARIANT_ADD(shortage, write) { .op = write_bytes };
FIXTURE_VARIANT_ADD(shortage, info) { .op = look };
FIXTURE_VARIANT_ADD(shortage, select_of_many) { .message = true, .op = select_of_many };
FIXTURE_VARIANT_ADD(shortage, arm_selector) { .op = arm_selector };

FIXTURE_SETUP(shortage)
{
	unsigned int i;

	self->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->nth < 0)
		P_SKIP_SETUP("needs fault injection");
	for (i = 0; i < NR_KNOBS; i++) {
		if (t_read_line(knobs[i], self->before[i], sizeof(self->before[i])) ||
		    p_write_file(knobs[i], i < NR_KNOBS - 1 ? "0" : "N"))
			P_SKIP_SETUP("needs %s", knobs[i]);
	}
	self->chan = t_new(1);
	self->file = memfd_create("hsk", 0);
	ASSERT_LE(0, self->file);
}

FIXTURE_TEARDOWN(shortage)
{
	unsigned int i;

	for (i = 0; i < NR_KNOBS; i++)
		EXPECT_EQ(0, p_write_file(knobs[i], self->before[i]));
}

static int arm(int nth, unsigned int nr)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nr);
	return p_errno(pwrite(nth, text, strlen(text), 0)) < 0 ? -errno : 0;
}

/*
 * Has something failed since arm()? Reading copies too: when that is what fails, the
 * operation had met all but the last.
 */
static bool disarm(int nth)
{
	char text[16] = "";
	bool hit = pread(nth, text, sizeof(text) - 1, 0) > 0 && !strtoul(text, NULL, 10);

	while (arm(nth, 0))
		;
	return hit;
}

/* Whatever is in the channel goes. */
static void drain(int chan)
{
	struct hsk_msghdr msg;
	char bytes[8];
	int fd;

	while (!t_recv_full(chan, bytes, sizeof(bytes), &fd, 1, HSK_OP_F_DONTWAIT, 0,
			    &msg)) {
		if (msg.nr_fds)
			close(fd);
	}
}

/* The one that was sent has used up a limit of one. */
static bool counts_in_flight(int file)
{
	long before = t_param("max_in_flight");
	int chan = t_new(1), ret;

	t_set_param("max_in_flight", 1);
	ret = p_try_send_fd(chan, file);
	t_set_param("max_in_flight", before);
	close(chan);
	return ret == -ETOOMANYREFS;
}

TEST_F(shortage, of_memory_is_an_error_without_effect_wherever_it_strikes)
{
	unsigned int nr, refused = 0;
	struct hsk_info_args before, after;
	int ret, fds;
	bool hit;

	for (nr = 1; nr < TOO_MANY; nr++) {
		if (variant->message)
			ASSERT_EQ(0, p_try_send_fd(self->chan, self->file));
		ASSERT_EQ(0, t_info(self->chan, &before));
		fds = t_count_fds();
		ASSERT_EQ(0, arm(self->nth, nr));
		ret = variant->op(self->chan, self->file);
		hit = disarm(self->nth);
		if (ret > 0)
			close(ret);
		EXPECT_EQ(fds, t_count_fds());
		ASSERT_EQ(0, t_info(self->chan, &after));
		if (ret < 0) {
			EXPECT_TRUE(hit && (ret == -ENOMEM || ret == -EFAULT))
				TH_LOG("the %u. fails: %d", nr, ret);
			EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)))
				TH_LOG("the %u. fails", nr);
			refused++;
		} else if (variant->in_flight) {
			EXPECT_TRUE(counts_in_flight(self->file));
		}
		drain(self->chan);
		if (!hit)
			break;
	}
	TH_LOG("%u failed in turn, %u of them made the operation fail", nr - 1, refused);
	EXPECT_GT(TOO_MANY, nr);
	EXPECT_LT(0, refused);
}

#define FILE_MAX	"/proc/sys/fs/file-max"

TEST(full_table_of_files_is_enfile_and_changes_nothing)
{
	char before[32];
	int chan = t_new(1), fds = t_count_fds();
	int new, dup;

	if (geteuid() || t_read_line(FILE_MAX, before, sizeof(before)))
		SKIP(return, "needs root");
	/* Nobody gets a file now but those who administer the machine. */
	ASSERT_EQ(0, p_write_file(FILE_MAX, "0"));
	EXPECT_EQ(0, seteuid(65534));
	new = t_chan_new(chan, 1);
	dup = t_dup(chan, HSK_RIGHT_READ);
	EXPECT_EQ(0, seteuid(0));
	EXPECT_EQ(0, p_write_file(FILE_MAX, before));
	EXPECT_EQ(-ENFILE, new);
	EXPECT_EQ(-ENFILE, dup);
	EXPECT_EQ(fds, t_count_fds());
	EXPECT_EQ(1, p_info(chan).read_endpoints);
	EXPECT_EQ(1, p_info(chan).write_endpoints);
}

HSK_TEST_MAIN
