// SPDX-License-Identifier: GPL-2.0-only
/*
 * The binary contract: sizes, offsets and numbers never change, and a struct's
 * size member lets old and new programs meet old and new modules. The same
 * source is built as a 32-bit program, for which every figure must be equal.
 */
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_test.h"

#define TAIL	64	/* what a later version of a struct may have grown by */

/* Every ioctl with arguments that succeed on an open channel with room. */
struct op {
	const char *name;
	unsigned int nr;
	__u32 size;
	bool makes_fd;
	void (*fill)(void *args);
	__u32 first;		/* the size published first */
};

union any_args {
	__u32 size;
	struct hsk_abi_args abi;
	struct hsk_info_args info;
	struct hsk_chan_new_args chan_new;
	struct hsk_dup_args dup;
	struct hsk_send_args send;
	struct hsk_recv_args recv;
	struct hsk_close_args close;
	struct hsk_select_args select;
	unsigned char bytes[256];
};

static void fill_nothing(void *args)
{
	(void)args;
}

static void fill_chan_new(void *args)
{
	((struct hsk_chan_new_args *)args)->capacity = 1;
}

static void fill_dup(void *args)
{
	((struct hsk_dup_args *)args)->rights = HSK_RIGHT_READ;
}

static void fill_send(void *args)
{
	((struct hsk_send_args *)args)->flags = HSK_OP_F_DONTWAIT;
}

static void fill_recv(void *args)
{
	((struct hsk_recv_args *)args)->flags = HSK_OP_F_DONTWAIT;
}

/* One case, ready for ever: a receive on a channel that is closed. */
static void fill_select(void *args)
{
	static struct hsk_msghdr msg;
	static struct hsk_select_case one = { .fd = -1, .op = HSK_CASE_RECV };
	struct hsk_select_args *select = args;

	if (one.fd == -1) {
		one.fd = t_new(0);
		t_close(one.fd, 0);
	}
	one.msg = (uintptr_t)&msg;
	select->flags = HSK_OP_F_DONTWAIT;
	select->cases = (uintptr_t)&one;
	select->nr_cases = 1;
}

/* In an order in which RECV finds what SEND sent. */
static const struct op ops[] = {
	{ "ABI", HSK_IOC_ABI, 16, false, fill_nothing, 16 },
	{ "INFO", HSK_IOC_INFO, 80, false, fill_nothing, 80 },
	{ "CHAN_NEW", HSK_IOC_CHAN_NEW, 24, true, fill_chan_new, 16 },
	{ "DUP", HSK_IOC_DUP, 8, true, fill_dup, 8 },
	{ "SEND", HSK_IOC_SEND, 80, false, fill_send, 72 },
	{ "RECV", HSK_IOC_RECV, 80, false, fill_recv, 72 },
	{ "SELECT", HSK_IOC_SELECT, 40, false, fill_select, 40 },
	{ "CLOSE", HSK_IOC_CLOSE, 8, false, fill_nothing, 8 },
};

#define for_each_op(op) \
	for (op = ops; op < ops + ARRAY_SIZE(ops); op++)

static void prepare(const struct op *op, union any_args *args, __u32 size)
{
	memset(args, 0, sizeof(*args));
	args->size = size;
	op->fill(args);
}

static bool zeroes(const unsigned char *p, size_t len)
{
	while (len--) {
		if (*p++)
			return false;
	}
	return true;
}

TEST(struct_sizes_and_offsets_are_those_published)
{
	EXPECT_EQ(56, sizeof(struct hsk_msghdr));
	EXPECT_EQ(0, offsetof(struct hsk_msghdr, data));
	EXPECT_EQ(8, offsetof(struct hsk_msghdr, fds));
	EXPECT_EQ(16, offsetof(struct hsk_msghdr, len));
	EXPECT_EQ(20, offsetof(struct hsk_msghdr, nr_fds));
	EXPECT_EQ(24, offsetof(struct hsk_msghdr, flags));
	EXPECT_EQ(28, offsetof(struct hsk_msghdr, reason));
	EXPECT_EQ(32, offsetof(struct hsk_msghdr, pid));
	EXPECT_EQ(36, offsetof(struct hsk_msghdr, uid));
	EXPECT_EQ(40, offsetof(struct hsk_msghdr, gid));
	EXPECT_EQ(44, offsetof(struct hsk_msghdr, __reserved0));
	EXPECT_EQ(48, offsetof(struct hsk_msghdr, __reserved1));

	EXPECT_EQ(80, sizeof(struct hsk_send_args));
	EXPECT_EQ(4, offsetof(struct hsk_send_args, flags));
	EXPECT_EQ(8, offsetof(struct hsk_send_args, deadline));
	EXPECT_EQ(16, offsetof(struct hsk_send_args, msg));
	EXPECT_EQ(72, offsetof(struct hsk_send_args, ctx));
	EXPECT_EQ(76, offsetof(struct hsk_send_args, ctx_reason));

	EXPECT_EQ(80, sizeof(struct hsk_recv_args));
	EXPECT_EQ(4, offsetof(struct hsk_recv_args, flags));
	EXPECT_EQ(8, offsetof(struct hsk_recv_args, deadline));
	EXPECT_EQ(16, offsetof(struct hsk_recv_args, msg));
	EXPECT_EQ(72, offsetof(struct hsk_recv_args, ctx));
	EXPECT_EQ(76, offsetof(struct hsk_recv_args, ctx_reason));

	EXPECT_EQ(8, sizeof(struct hsk_close_args));
	EXPECT_EQ(4, offsetof(struct hsk_close_args, reason));
	EXPECT_EQ(8, sizeof(struct hsk_dup_args));
	EXPECT_EQ(4, offsetof(struct hsk_dup_args, rights));

	EXPECT_EQ(24, sizeof(struct hsk_chan_new_args));
	EXPECT_EQ(4, offsetof(struct hsk_chan_new_args, flags));
	EXPECT_EQ(8, offsetof(struct hsk_chan_new_args, capacity));
	EXPECT_EQ(12, offsetof(struct hsk_chan_new_args, parent));
	EXPECT_EQ(16, offsetof(struct hsk_chan_new_args, deadline));
}

TEST(select_structs_are_those_published)
{
	EXPECT_EQ(16, sizeof(struct hsk_select_case));
	EXPECT_EQ(4, offsetof(struct hsk_select_case, op));
	EXPECT_EQ(8, offsetof(struct hsk_select_case, msg));

	EXPECT_EQ(40, sizeof(struct hsk_select_args));
	EXPECT_EQ(4, offsetof(struct hsk_select_args, flags));
	EXPECT_EQ(8, offsetof(struct hsk_select_args, deadline));
	EXPECT_EQ(16, offsetof(struct hsk_select_args, cases));
	EXPECT_EQ(24, offsetof(struct hsk_select_args, nr_cases));
	EXPECT_EQ(28, offsetof(struct hsk_select_args, ctx));
	EXPECT_EQ(32, offsetof(struct hsk_select_args, ctx_reason));
	EXPECT_EQ(36, offsetof(struct hsk_select_args, result));

	EXPECT_EQ(8, sizeof(struct hsk_selector_args));
	EXPECT_EQ(4, offsetof(struct hsk_selector_args, flags));
	EXPECT_EQ(24, sizeof(struct hsk_arm_args));
	EXPECT_EQ(4, offsetof(struct hsk_arm_args, flags));
	EXPECT_EQ(8, offsetof(struct hsk_arm_args, cases));
	EXPECT_EQ(16, offsetof(struct hsk_arm_args, nr_cases));
	EXPECT_EQ(20, offsetof(struct hsk_arm_args, __reserved0));
	EXPECT_EQ(24, sizeof(struct hsk_finish_args));
	EXPECT_EQ(4, offsetof(struct hsk_finish_args, flags));
	EXPECT_EQ(8, offsetof(struct hsk_finish_args, cases));
	EXPECT_EQ(16, offsetof(struct hsk_finish_args, nr_cases));
	EXPECT_EQ(20, offsetof(struct hsk_finish_args, result));
	EXPECT_EQ(8, sizeof(struct hsk_disarm_args));
	EXPECT_EQ(4, offsetof(struct hsk_disarm_args, __reserved0));
}

TEST(info_and_abi_structs_are_those_published)
{
	EXPECT_EQ(80, sizeof(struct hsk_info_args));
	EXPECT_EQ(4, offsetof(struct hsk_info_args, rights));
	EXPECT_EQ(8, offsetof(struct hsk_info_args, id));
	EXPECT_EQ(16, offsetof(struct hsk_info_args, capacity));
	EXPECT_EQ(20, offsetof(struct hsk_info_args, state));
	EXPECT_EQ(24, offsetof(struct hsk_info_args, reason));
	EXPECT_EQ(28, offsetof(struct hsk_info_args, waiting_senders));
	EXPECT_EQ(32, offsetof(struct hsk_info_args, waiting_receivers));
	EXPECT_EQ(36, offsetof(struct hsk_info_args, read_endpoints));
	EXPECT_EQ(40, offsetof(struct hsk_info_args, write_endpoints));
	EXPECT_EQ(44, offsetof(struct hsk_info_args, __reserved0));
	EXPECT_EQ(48, offsetof(struct hsk_info_args, sent));
	EXPECT_EQ(56, offsetof(struct hsk_info_args, received));
	EXPECT_EQ(64, offsetof(struct hsk_info_args, buffered));
	EXPECT_EQ(72, offsetof(struct hsk_info_args, drained));

	EXPECT_EQ(16, sizeof(struct hsk_abi_args));
	EXPECT_EQ(4, offsetof(struct hsk_abi_args, version));
	EXPECT_EQ(8, offsetof(struct hsk_abi_args, features));
}

TEST(ioctl_numbers_are_those_published)
{
	EXPECT_EQ(0xda10, HSK_IOC_ABI);
	EXPECT_EQ(0xda11, HSK_IOC_INFO);
	EXPECT_EQ(0xda12, HSK_IOC_CHAN_NEW);
	EXPECT_EQ(0xda13, HSK_IOC_DUP);
	EXPECT_EQ(0xda14, HSK_IOC_SEND);
	EXPECT_EQ(0xda15, HSK_IOC_RECV);
	EXPECT_EQ(0xda16, HSK_IOC_CLOSE);
	EXPECT_EQ(0xda17, HSK_IOC_SELECT);
	EXPECT_EQ(0xda18, HSK_IOC_SELECTOR);
	EXPECT_EQ(0xda19, HSK_IOC_ARM);
	EXPECT_EQ(0xda1a, HSK_IOC_FINISH);
	EXPECT_EQ(0xda1b, HSK_IOC_DISARM);
}

TEST(flags_are_those_published)
{
	EXPECT_EQ(1, HSK_ABI_VERSION);
	EXPECT_EQ(1, HSK_RIGHT_READ);
	EXPECT_EQ(2, HSK_RIGHT_WRITE);
	EXPECT_EQ(1, HSK_OP_F_DONTWAIT);
	EXPECT_EQ(2, HSK_OP_F_CTX);
	EXPECT_EQ(0x10, HSK_SELECT_F_ORDERED);
	EXPECT_EQ(1, HSK_CASE_SEND);
	EXPECT_EQ(2, HSK_CASE_RECV);
	EXPECT_EQ(64, HSK_SELECT_CASES_MAX);
	EXPECT_EQ(1, HSK_CHAN_F_PARENT);
	EXPECT_EQ(1, HSK_MSG_F_CLOSED);
	EXPECT_EQ(1, HSK_STATE_CLOSED);
	EXPECT_EQ(1, HSK_FEATURE_CHANNELS);
	EXPECT_EQ(2, HSK_FEATURE_SELECT);
	EXPECT_EQ(4, HSK_FEATURE_CONTEXTS);
	EXPECT_STREQ("/dev/hsk", HSK_DEVICE);
}

TEST(abi_ioctl_tells_version_and_features)
{
	struct hsk_abi_args abi;
	int fd = t_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, t_abi(fd, &abi));
	EXPECT_EQ(sizeof(abi), abi.size);
	EXPECT_EQ(HSK_ABI_VERSION, abi.version);
	/* No bit that this header does not know, while the version is its own. */
	EXPECT_EQ(HSK_FEATURE_CHANNELS | HSK_FEATURE_SELECT | HSK_FEATURE_CONTEXTS,
		  abi.features);
}

TEST(abi_ioctl_needs_no_right_and_no_open_channel)
{
	struct hsk_abi_args abi;
	int fd = t_open();
	int reader = t_dup(fd, HSK_RIGHT_READ);
	int writer = t_dup(fd, HSK_RIGHT_WRITE);

	EXPECT_EQ(0, t_abi(reader, &abi));
	EXPECT_EQ(0, t_close(fd, 0));
	EXPECT_EQ(0, t_abi(writer, &abi));
	EXPECT_EQ(HSK_ABI_VERSION, abi.version);
}

TEST(every_ioctl_accepts_its_own_size)
{
	int fd = t_new(4);
	const struct op *op;
	union any_args args;
	int ret;

	for_each_op(op) {
		prepare(op, &args, op->size);
		ret = t_ioctl(fd, op->nr, &args);
		EXPECT_GE(ret, 0) TH_LOG("%s: %d", op->name, ret);
		EXPECT_EQ(op->makes_fd, ret > 2) TH_LOG("%s", op->name);
		/* Nothing behind the struct is written. */
		EXPECT_TRUE(zeroes(args.bytes + op->size, TAIL))
			TH_LOG("%s", op->name);
	}
}

TEST(larger_struct_with_zero_tail_is_accepted)
{
	int fd = t_new(4);
	const struct op *op;
	union any_args args;
	int ret;

	for_each_op(op) {
		prepare(op, &args, op->size + TAIL);
		ret = t_ioctl(fd, op->nr, &args);
		EXPECT_GE(ret, 0) TH_LOG("%s: %d", op->name, ret);
		EXPECT_EQ(op->makes_fd, ret > 2) TH_LOG("%s", op->name);
		EXPECT_EQ(op->size + TAIL, args.size) TH_LOG("%s", op->name);
		EXPECT_TRUE(zeroes(args.bytes + op->size, TAIL))
			TH_LOG("%s", op->name);
	}
}

TEST(larger_struct_with_nonzero_tail_is_e2big)
{
	static const unsigned int where[] = { 0, 3, TAIL / 2, TAIL - 1 };
	int fd = t_new(4);
	const struct op *op;
	union any_args args, before;
	unsigned int i;

	for_each_op(op) {
		for (i = 0; i < ARRAY_SIZE(where); i++) {
			prepare(op, &args, op->size + TAIL);
			args.bytes[op->size + where[i]] = 1;
			before = args;
			EXPECT_EQ(-E2BIG, t_ioctl(fd, op->nr, &args))
				TH_LOG("%s, byte %u", op->name, where[i]);
			EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)))
				TH_LOG("%s wrote", op->name);
		}
	}
	/* CLOSE and SEND did nothing. */
	EXPECT_TRUE(t_counters(fd, 0, 0, 0, 0));
	EXPECT_EQ(0, t_send_flags(fd, "x", 1, HSK_OP_F_DONTWAIT));
}

TEST(struct_beyond_4096_bytes_is_e2big_whatever_is_in_it)
{
	static unsigned char bytes[4097];
	int fd = t_new(4);
	const struct op *op;
	union any_args args;
	__u32 size;

	for_each_op(op) {
		prepare(op, &args, op->size);
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, &args, op->size);
		size = sizeof(bytes);
		memcpy(bytes, &size, sizeof(size));
		EXPECT_EQ(-E2BIG, t_ioctl(fd, op->nr, bytes))
			TH_LOG("%s", op->name);
		size--;
		memcpy(bytes, &size, sizeof(size));
		EXPECT_GE(t_ioctl(fd, op->nr, bytes), 0) TH_LOG("%s", op->name);
	}
}

TEST(smaller_struct_is_einval)
{
	int fd = t_new(4);
	const struct op *op;
	union any_args args, before;
	__u32 size;

	for_each_op(op) {
		for (size = 0; size < op->first; size++) {
			prepare(op, &args, size);
			before = args;
			EXPECT_EQ(-EINVAL, t_ioctl(fd, op->nr, &args))
				TH_LOG("%s, size %u", op->name, size);
			EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)))
				TH_LOG("%s wrote", op->name);
		}
	}
	EXPECT_TRUE(t_counters(fd, 0, 0, 0, 0));
	EXPECT_EQ(0, t_send_flags(fd, "x", 1, HSK_OP_F_DONTWAIT));
}

TEST(struct_of_a_program_compiled_before_it_grew_is_accepted)
{
	int fd = t_new(4);
	const struct op *op;
	union any_args args;
	__u32 size;

	for_each_op(op) {
		for (size = op->first; size < op->size; size++) {
			prepare(op, &args, size);
			/* Not a part of it. */
			memset(args.bytes + size, 0xff, sizeof(args) - size);
			if (op->nr == HSK_IOC_RECV)
				ASSERT_EQ(0, t_send(fd, NULL, 0));
			EXPECT_LE(0, t_ioctl(fd, op->nr, &args))
				TH_LOG("%s, size %u", op->name, size);
			if (op->nr == HSK_IOC_SEND)
				ASSERT_EQ(0, t_recv(fd, NULL, 0, NULL));
		}
	}
	EXPECT_TRUE(t_conserved(fd));
	EXPECT_EQ(0, t_send_flags(fd, "x", 1, HSK_OP_F_DONTWAIT));
}

TEST(flag_of_members_that_the_struct_is_too_small_for_is_einval)
{
	int ctx = t_new(0), fd = t_new(4);
	union any_args args, before;
	const struct op *op;
	__u32 size;

	ASSERT_EQ(0, t_send(fd, NULL, 0));
	for_each_op(op) {
		if (op->nr != HSK_IOC_SEND && op->nr != HSK_IOC_RECV)
			continue;
		for (size = op->first; size <= op->size; size++) {
			prepare(op, &args, size);
			args.send.flags |= HSK_OP_F_CTX;
			args.send.ctx = ctx;
			before = args;
			EXPECT_EQ(size == op->size ? 0 : -EINVAL,
				  t_ioctl(fd, op->nr, &args))
				TH_LOG("%s, size %u", op->name, size);
			if (size < op->size)
				EXPECT_EQ(0, memcmp(&before, &args, sizeof(args)))
					TH_LOG("%s wrote", op->name);
		}
	}
	EXPECT_TRUE(t_counters(fd, 2, 1, 1, 0));
}

TEST(struct_that_runs_off_the_mapping_is_efault)
{
	unsigned char *edge = t_edge();
	int fd = t_new(4);
	const struct op *op;
	union any_args args;

	for_each_op(op) {
		prepare(op, &args, op->size);
		memcpy(edge - 4, &args, 4);
		EXPECT_EQ(-EFAULT, t_ioctl(fd, op->nr, edge - 4))
			TH_LOG("%s", op->name);
		/* The known part is mapped, the rest that size claims is not. */
		prepare(op, &args, op->size + TAIL);
		memcpy(edge - op->size, &args, op->size);
		EXPECT_EQ(-EFAULT, t_ioctl(fd, op->nr, edge - op->size))
			TH_LOG("%s", op->name);
		EXPECT_EQ(-EFAULT, t_ioctl(fd, op->nr, NULL))
			TH_LOG("%s", op->name);
		EXPECT_EQ(-EFAULT, t_ioctl(fd, op->nr, t_bad_address()))
			TH_LOG("%s", op->name);
	}
	EXPECT_TRUE(t_counters(fd, 0, 0, 0, 0));
	EXPECT_EQ(0, t_send_flags(fd, "x", 1, HSK_OP_F_DONTWAIT));
}

TEST(struct_that_ends_with_the_mapping_is_accepted)
{
	unsigned char *edge = t_edge();
	int fd = t_new(4);
	const struct op *op;
	union any_args args;

	for_each_op(op) {
		prepare(op, &args, op->size);
		memcpy(edge - op->size, &args, op->size);
		EXPECT_LE(0, t_ioctl(fd, op->nr, edge - op->size))
			TH_LOG("%s", op->name);
	}
}

TEST(unknown_ioctl_is_enotty)
{
	union any_args args;
	int fd = t_open();
	unsigned int nr;

	memset(&args, 0, sizeof(args));
	for (nr = 0; nr < 256; nr++) {
		if (nr >= 0x10 && nr <= 0x18)
			continue;
		EXPECT_EQ(-ENOTTY, t_ioctl(fd, _IO(HSK_IOC_MAGIC, nr), &args))
			TH_LOG("nr %#x", nr);
	}
	EXPECT_EQ(-ENOTTY, t_ioctl(fd, _IO(HSK_IOC_MAGIC + 1, 0x11), &args));
	EXPECT_EQ(-ENOTTY, t_ioctl(fd, 0x5401 /* TCGETS */, &args));
	EXPECT_EQ(-ENOTTY, t_ioctl(fd, 0x541b /* FIONREAD */, &args));
}

TEST(ioctl_number_with_a_size_or_direction_is_enotty)
{
	struct hsk_info_args info = { .size = sizeof(info) };
	int fd = t_open();

	EXPECT_EQ(-ENOTTY, t_ioctl(fd, _IOWR(HSK_IOC_MAGIC, 0x11,
					     struct hsk_info_args), &info));
	EXPECT_EQ(-ENOTTY, t_ioctl(fd, _IOR(HSK_IOC_MAGIC, 0x11, int), &info));
	EXPECT_EQ(-ENOTTY, t_ioctl(fd, _IOW(HSK_IOC_MAGIC, 0x11, int), &info));
	EXPECT_EQ(0, t_ioctl(fd, HSK_IOC_INFO, &info));
}

HSK_TEST_MAIN
