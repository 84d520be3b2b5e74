// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalid input to SELECT: every fault has its one errno and no effect; nothing is sent
 * or received and no member written, of the arguments, the cases or the messages. When two
 * things are wrong, the errno is the one that uapi/linux/hsk.h lists first: every pair of
 * faults is tried, each fault in a case of its own.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_test.h"

#define PAST		1	/* an absolute time that has gone by */
#define MAX_FAULT_FDS	4

enum { QUIET, SENDING, SECOND, HEADLESS, HANDLESS, NR_CASES };

/* A select in which nothing is ready: two receives, and a send that would be refused. */
struct scene {
	struct hsk_select_args args;
	struct hsk_select_case cases[NR_CASES];
	struct hsk_msghdr msgs[NR_CASES];
	unsigned char room[NR_CASES][8];
	int fds[MAX_FAULT_FDS];
	int chan;		/* unbuffered, both rights */
};

static void scene_set(struct scene *scene)
{
	int i;

	t_fill(scene, sizeof(*scene));
	scene->chan = t_new(0);
	scene->args = (struct hsk_select_args){
		.size = sizeof(scene->args),
		.flags = HSK_OP_F_DONTWAIT,
		.cases = (uintptr_t)scene->cases,
		.nr_cases = NR_CASES,
	};
	for (i = 0; i < NR_CASES; i++) {
		scene->cases[i] = (struct hsk_select_case){ scene->chan, HSK_CASE_RECV,
							    (uintptr_t)&scene->msgs[i] };
		scene->msgs[i].data = (uintptr_t)scene->room[i];
		scene->msgs[i].len = 8;
		scene->msgs[i].nr_fds = 0;
		scene->msgs[i].__reserved0 = 0;
		scene->msgs[i].__reserved1 = 0;
	}
	scene->cases[SENDING].op = HSK_CASE_SEND;
	scene->msgs[SENDING] = (struct hsk_msghdr){ .data = (uintptr_t)scene->room[SENDING],
						    .len = 8 };
}

/* It fails with @want, writes nothing, and the channel is as it was. */
static bool fails(const struct scene *scene, int want)
{
	struct scene copy = *scene;
	int ret = t_ioctl(scene->chan, HSK_IOC_SELECT, (void *)&scene->args);
	struct hsk_info_args info;

	if (ret != want)
		fprintf(stderr, "# SELECT: %d (%s), not %s\n", ret,
			ret < 0 ? strerror(-ret) : "success", strerror(-want));
	if (memcmp(&copy, scene, sizeof(copy))) {
		fprintf(stderr, "# SELECT wrote\n");
		return false;
	}
	return ret == want && t_counters(scene->chan, 0, 0, 0, 0) &&
	       !t_info(scene->chan, &info) && !info.waiting_senders && !info.waiting_receivers;
}

FIXTURE(faulty) {
	struct scene scene;
};

FIXTURE_SETUP(faulty)
{
	scene_set(&self->scene);
	ASSERT_LE(0, self->scene.chan);
	/* The very same scene without a fault: nothing is ready. */
	ASSERT_TRUE(fails(&self->scene, -EAGAIN));
}

FIXTURE_TEARDOWN(faulty)
{
}

/* --- the arguments --- */

TEST_F(faulty, unknown_flag_is_einval)
{
	int bit;

	for (bit = 0; bit < 32; bit++) {
		/* DONTWAIT, CTX (which wants an endpoint) and ORDERED are known. */
		if (bit == 0 || bit == 1 || bit == 4)
			continue;
		self->scene.args.flags = HSK_OP_F_DONTWAIT | 1U << bit;
		EXPECT_TRUE(fails(&self->scene, -EINVAL)) TH_LOG("bit %d", bit);
	}
}

TEST_F(faulty, out_member_that_is_not_zero_is_einval)
{
	self->scene.args.result = 1;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	self->scene.args.result = INT_MIN;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	self->scene.args.result = 0;
	self->scene.args.ctx_reason = -1;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
}

TEST_F(faulty, context_without_its_flag_is_einval_and_a_bad_one_ebadf)
{
	int writer = t_dup(self->scene.chan, HSK_RIGHT_WRITE);
	int bad[] = { -1, INT_MAX, writer, dup(0) };
	unsigned int i;

	self->scene.args.ctx = self->scene.chan;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	self->scene.args.flags |= HSK_OP_F_CTX;
	EXPECT_TRUE(fails(&self->scene, -EAGAIN));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->scene.args.ctx = bad[i];
		EXPECT_TRUE(fails(&self->scene, -EBADF)) TH_LOG("%d", bad[i]);
	}
}

TEST_F(faulty, deadline_above_int64_max_is_einval)
{
	self->scene.args.deadline = (__u64)INT64_MAX + 1;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	self->scene.args.deadline = UINT64_MAX;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	self->scene.args.deadline = INT64_MAX;
	EXPECT_TRUE(fails(&self->scene, -EAGAIN));
}

TEST_F(faulty, too_many_cases_are_einval_and_not_read)
{
	static struct hsk_select_case none[HSK_SELECT_CASES_MAX];
	int i;

	for (i = 0; i < HSK_SELECT_CASES_MAX; i++)
		none[i].fd = -1;
	self->scene.args.cases = (uintptr_t)none;
	self->scene.args.nr_cases = HSK_SELECT_CASES_MAX;
	EXPECT_TRUE(fails(&self->scene, -EAGAIN));
	self->scene.args.cases = (uintptr_t)t_bad_address();
	self->scene.args.nr_cases = HSK_SELECT_CASES_MAX + 1;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	self->scene.args.nr_cases = UINT_MAX;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
}

TEST_F(faulty, cases_at_a_bad_address_are_efault)
{
	unsigned char *edge = t_edge();

	self->scene.args.cases = 0;
	EXPECT_TRUE(fails(&self->scene, -EFAULT));
	self->scene.args.cases = (uintptr_t)t_bad_address();
	EXPECT_TRUE(fails(&self->scene, -EFAULT));
	self->scene.args.cases = 0xffff888000000000ULL;
	EXPECT_TRUE(fails(&self->scene, -EFAULT));
	memcpy(edge - sizeof(self->scene.cases), self->scene.cases, sizeof(self->scene.cases));
	self->scene.args.cases = (uintptr_t)edge - sizeof(self->scene.cases);
	EXPECT_TRUE(fails(&self->scene, -EAGAIN));
	/* One more is just not there. */
	self->scene.args.nr_cases = NR_CASES + 1;
	EXPECT_TRUE(fails(&self->scene, -EFAULT));
}

/* --- a case --- */

TEST_F(faulty, unknown_op_is_einval_unless_the_case_is_disabled)
{
	static const unsigned int ops[] = { 0, 3, 4, 1U << 31, UINT_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		self->scene.cases[SECOND].op = ops[i];
		EXPECT_TRUE(fails(&self->scene, -EINVAL)) TH_LOG("%u", ops[i]);
	}
	self->scene.cases[SECOND].fd = -1;
	self->scene.cases[SECOND].msg = (uintptr_t)t_bad_address();
	EXPECT_TRUE(fails(&self->scene, -EAGAIN));
}

TEST_F(faulty, descriptor_that_is_no_endpoint_is_ebadf)
{
	int closed = dup(0), ends[2];
	int bad[] = { -2, INT_MAX, INT_MIN, AT_FDCWD, closed, 0, 0 };
	unsigned int i, which;

	close(closed);
	ASSERT_EQ(0, pipe(ends));
	bad[6] = ends[0];
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		for (which = 0; which < NR_CASES; which++) {
			self->scene.cases[which].fd = bad[i];
			EXPECT_TRUE(fails(&self->scene, -EBADF))
				TH_LOG("fd %d, case %u", bad[i], which);
			self->scene.cases[which].fd = self->scene.chan;
		}
	}
}

TEST_F(faulty, endpoint_without_the_right_is_ebadf)
{
	int reader = t_dup(self->scene.chan, HSK_RIGHT_READ);
	int writer = t_dup(self->scene.chan, HSK_RIGHT_WRITE);

	self->scene.cases[SENDING].fd = writer;
	self->scene.cases[SECOND].fd = reader;
	EXPECT_TRUE(fails(&self->scene, -EAGAIN));
	self->scene.cases[SENDING].fd = reader;
	EXPECT_TRUE(fails(&self->scene, -EBADF));
	self->scene.cases[SENDING].fd = writer;
	self->scene.cases[SECOND].fd = writer;
	EXPECT_TRUE(fails(&self->scene, -EBADF));
}

TEST_F(faulty, message_at_a_bad_address_is_efault)
{
	unsigned char *edge = t_edge();
	unsigned int which;

	for (which = 0; which < NR_CASES; which++) {
		self->scene.cases[which].msg = (uintptr_t)t_bad_address();
		EXPECT_TRUE(fails(&self->scene, -EFAULT)) TH_LOG("case %u", which);
		self->scene.cases[which].msg = 0;
		EXPECT_TRUE(fails(&self->scene, -EFAULT)) TH_LOG("case %u", which);
		self->scene.cases[which].msg = 1ULL << 63;
		EXPECT_TRUE(fails(&self->scene, -EFAULT)) TH_LOG("case %u", which);
		memcpy(edge - sizeof(self->scene.msgs[0]), &self->scene.msgs[which],
		       sizeof(self->scene.msgs[0]));
		self->scene.cases[which].msg = (uintptr_t)edge - sizeof(self->scene.msgs[0]);
		EXPECT_TRUE(fails(&self->scene, -EAGAIN)) TH_LOG("case %u", which);
		self->scene.cases[which].msg += 1;
		EXPECT_TRUE(fails(&self->scene, -EFAULT)) TH_LOG("case %u", which);
		self->scene.cases[which].msg = (uintptr_t)&self->scene.msgs[which];
	}
}

TEST_F(faulty, reserved_member_of_a_message_is_einval)
{
	static const int which[] = { SENDING, SECOND };
	struct hsk_msghdr *msg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(which); i++) {
		msg = &self->scene.msgs[which[i]];
		msg->__reserved0 = 1U << 31;
		EXPECT_TRUE(fails(&self->scene, -EINVAL));
		msg->__reserved0 = 0;
		msg->__reserved1 = 1ULL << 63;
		EXPECT_TRUE(fails(&self->scene, -EINVAL));
		msg->__reserved1 = 0;
	}
}

TEST_F(faulty, out_member_of_a_message_to_send_is_einval)
{
	struct hsk_msghdr *msg = &self->scene.msgs[SENDING], good = *msg;

	msg->flags = HSK_MSG_F_CLOSED;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	*msg = good;
	msg->reason = -1;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	*msg = good;
	msg->pid = 1;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	*msg = good;
	msg->uid = 1;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
	*msg = good;
	msg->gid = 1;
	EXPECT_TRUE(fails(&self->scene, -EINVAL));
}

TEST_F(faulty, message_to_send_above_the_limits_is_emsgsize)
{
	struct hsk_msghdr *msg = &self->scene.msgs[SENDING];

	msg->len = t_param("max_msg_size") + 1;
	EXPECT_TRUE(fails(&self->scene, -EMSGSIZE));
	msg->len = UINT_MAX;
	EXPECT_TRUE(fails(&self->scene, -EMSGSIZE));
	msg->len = 8;
	msg->nr_fds = t_param("max_fds") + 1;
	EXPECT_TRUE(fails(&self->scene, -EMSGSIZE));
	/* The room of a receive has no limit. */
	msg->nr_fds = 0;
	self->scene.msgs[SECOND].len = UINT_MAX;
	self->scene.msgs[SECOND].nr_fds = UINT_MAX;
	EXPECT_TRUE(fails(&self->scene, -EAGAIN));
}

/* --- two things wrong --- */

static void pass(struct scene *scene, int fd)
{
	scene->fds[scene->msgs[SENDING].nr_fds++] = fd;
	scene->msgs[SENDING].fds = (uintptr_t)scene->fds;
}

static void unknown_flag(struct scene *scene)
{
	scene->args.flags |= 1U << 31;
}

static void unknown_op(struct scene *scene)
{
	scene->cases[SECOND].op = 3;
}

static void not_sendable(struct scene *scene)
{
	scene->msgs[SENDING].pid = 1;
}

static void no_message(struct scene *scene)
{
	scene->cases[HEADLESS].msg = (uintptr_t)t_bad_address();
}

static void no_endpoint(struct scene *scene)
{
	scene->cases[HANDLESS].fd = INT_MAX;
}

static void first_has_no_right(struct scene *scene)
{
	scene->cases[QUIET].fd = t_dup(scene->chan, HSK_RIGHT_WRITE);
}

static void bad_context(struct scene *scene)
{
	scene->args.flags |= HSK_OP_F_CTX;
	scene->args.ctx = INT_MAX;
}

static void too_big(struct scene *scene)
{
	scene->msgs[SENDING].len = t_param("max_msg_size") + 1;
}

static void bad_bytes(struct scene *scene)
{
	scene->msgs[SENDING].data = (uintptr_t)t_bad_address();
}

static void not_open(struct scene *scene)
{
	pass(scene, -1);
}

static void cannot_travel(struct scene *scene)
{
	pass(scene, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static void too_many(struct scene *scene)
{
	pass(scene, t_new(0));
	t_set_param("max_in_flight", 0);
}

static void loop(struct scene *scene)
{
	pass(scene, scene->chan);
}

static void closed_context(struct scene *scene)
{
	scene->args.flags |= HSK_OP_F_CTX;
	if (scene->args.ctx)
		return;
	scene->args.ctx = t_new(0);
	t_close(scene->args.ctx, 0);
}

static void would_block(struct scene *scene)
{
	scene->args.flags |= HSK_OP_F_DONTWAIT;
}

static void too_late(struct scene *scene)
{
	scene->args.deadline = PAST;
}

static const struct {
	const char *name;
	int err;
	void (*apply)(struct scene *scene);
} faults[] = {
	{ "EINVAL unknown flag", -EINVAL, unknown_flag },
	{ "EBADF context", -EBADF, bad_context },
	{ "EBADF no right in the first case", -EBADF, first_has_no_right },
	{ "EINVAL unsendable message in the second", -EINVAL, not_sendable },
	{ "EMSGSIZE in the second", -EMSGSIZE, too_big },
	{ "EFAULT in the second", -EFAULT, bad_bytes },
	{ "EBADF not open in the second", -EBADF, not_open },
	{ "EOPNOTSUPP in the second", -EOPNOTSUPP, cannot_travel },
	{ "EINVAL unknown op of the third", -EINVAL, unknown_op },
	{ "EFAULT the message of the fourth", -EFAULT, no_message },
	{ "EBADF the descriptor of the fifth", -EBADF, no_endpoint },
	{ "ETOOMANYREFS", -ETOOMANYREFS, too_many },
	{ "ELOOP", -ELOOP, loop },
	{ "ECANCELED", -ECANCELED, closed_context },
	{ "EAGAIN", -EAGAIN, would_block },
	{ "ETIMEDOUT", -ETIMEDOUT, too_late },
};

FIXTURE(order) {
	long max_in_flight;
};

FIXTURE_SETUP(order)
{
	self->max_in_flight = t_param("max_in_flight");
	ASSERT_GT(self->max_in_flight, 0);
}

FIXTURE_TEARDOWN(order)
{
	EXPECT_EQ(0, t_set_param("max_in_flight", self->max_in_flight));
}

/* Two faults, or one twice, applied in this order: which errno? */
static bool pair_fails(unsigned int one, unsigned int two, int want)
{
	struct scene scene;

	scene_set(&scene);
	scene.args.flags = 0;
	/* A fault that is missed must not block the test. */
	scene.args.deadline = t_in_ms(2000);
	faults[one].apply(&scene);
	if (two != one)
		faults[two].apply(&scene);
	return fails(&scene, want);
}

TEST_F(order, first_documented_errno_wins)
{
	unsigned int nr = ARRAY_SIZE(faults), first, second;
	int free_fd = t_free_fd();

	for (first = 0; first < nr; first++) {
		for (second = first; second < nr; second++) {
			EXPECT_TRUE(pair_fails(first, second, faults[first].err) &&
				    (faults[first].apply == bad_context ||
				     pair_fails(second, first, faults[first].err)))
				TH_LOG("%s and %s", faults[first].name, faults[second].name);
			t_set_param("max_in_flight", self->max_in_flight);
			close_range(free_fd, ~0U, 0);
		}
	}
}

HSK_TEST_MAIN
