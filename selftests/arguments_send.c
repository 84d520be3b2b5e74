// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalid input to SEND: every fault has its one errno and no effect; nothing
 * is sent and no member written. When two things are wrong, the errno is the
 * one that uapi/linux/hsk.h lists first: every pair of faults is tried.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_test.h"

#define PAST		1	/* an absolute time that has gone by */
#define MAX_FAULT_FDS	4
#define CTX_REASON	7	/* of the context that ends a send */

static const char *errno_name(int err)
{
	return err < 0 ? strerror(-err) : "success";
}

static struct hsk_send_args good_send(void)
{
	return (struct hsk_send_args){
		.size = sizeof(struct hsk_send_args),
		.flags = HSK_OP_F_DONTWAIT,
		.msg.data = (uintptr_t)"good",
		.msg.len = 4,
	};
}

/*
 * The send fails with @want, writes nothing into its arguments but what ECANCELED
 * tells, sends nothing.
 */
static bool send_fails(int fd, const struct hsk_send_args *args, int want)
{
	struct hsk_send_args copy = *args, expect = *args;
	int ret = t_ioctl(fd, HSK_IOC_SEND, &copy);

	if (want == -ECANCELED)
		expect.ctx_reason = CTX_REASON;
	if (ret != want)
		fprintf(stderr, "# SEND: %s, not %s\n", errno_name(ret),
			errno_name(want));
	return ret == want && !memcmp(&copy, &expect, sizeof(copy)) &&
	       t_counters(fd, 0, 0, 0, 0);
}

TEST(send_with_unknown_flag_is_einval)
{
	struct hsk_send_args args = good_send();
	int fd = t_new(1);
	int bit;

	for (bit = 2; bit < 32; bit++) {
		args.flags = HSK_OP_F_DONTWAIT | 1U << bit;
		EXPECT_TRUE(send_fails(fd, &args, -EINVAL)) TH_LOG("bit %d", bit);
	}
}

TEST(send_with_out_or_reserved_member_set_is_einval)
{
	struct hsk_send_args args = good_send();
	int fd = t_new(1);

	args.msg.flags = HSK_MSG_F_CLOSED;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args = good_send();
	args.msg.reason = -1;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args = good_send();
	args.msg.pid = 1;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args = good_send();
	args.msg.uid = 1;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args = good_send();
	args.msg.gid = 1;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args = good_send();
	args.msg.__reserved0 = 1;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args = good_send();
	args.msg.__reserved1 = 1ULL << 63;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args = good_send();
	args.ctx_reason = 1;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args.flags |= HSK_OP_F_CTX;
	args.ctx = fd;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
}

TEST(send_with_a_context_and_without_its_flag_is_einval)
{
	struct hsk_send_args args = good_send();
	int fd = t_new(1);

	args.ctx = fd;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args.ctx = -1;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args.ctx = fd;
	args.flags |= HSK_OP_F_CTX;
	EXPECT_EQ(0, t_ioctl(fd, HSK_IOC_SEND, &args));
}

TEST(send_with_a_context_that_cannot_be_read_is_ebadf)
{
	struct hsk_send_args args = good_send();
	int fd = t_new(1);
	int others[] = {
		-1, 1000000, t_dup(fd, HSK_RIGHT_WRITE), socket(AF_UNIX, SOCK_DGRAM, 0),
		open("/dev/null", O_RDWR | O_CLOEXEC), t_new(0),
	};
	unsigned int i;

	args.flags |= HSK_OP_F_CTX;
	/* Closed meanwhile. */
	close(others[5]);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		args.ctx = others[i];
		EXPECT_TRUE(send_fails(fd, &args, -EBADF)) TH_LOG("%u", i);
	}
}

TEST(send_with_deadline_above_int64_max_is_einval)
{
	struct hsk_send_args args = good_send();
	int fd = t_new(1);

	args.deadline = (__u64)INT64_MAX + 1;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args.deadline = UINT64_MAX;
	EXPECT_TRUE(send_fails(fd, &args, -EINVAL));
	args.deadline = INT64_MAX;
	EXPECT_EQ(0, t_ioctl(fd, HSK_IOC_SEND, &args));
}

TEST(send_above_the_limits_is_emsgsize)
{
	long max_size = t_param("max_msg_size"), max_fds = t_param("max_fds");
	struct hsk_send_args args = good_send();
	int fd = t_new(2);
	char *big;

	ASSERT_GT(max_size, 0);
	ASSERT_GE(max_fds, 0);
	big = calloc(1, max_size + 1);
	args.msg.data = (uintptr_t)big;
	args.msg.len = max_size + 1;
	EXPECT_TRUE(send_fails(fd, &args, -EMSGSIZE));
	args.msg.len = UINT32_MAX;
	EXPECT_TRUE(send_fails(fd, &args, -EMSGSIZE));
	args = good_send();
	args.msg.nr_fds = max_fds + 1;
	EXPECT_TRUE(send_fails(fd, &args, -EMSGSIZE));
	args.msg.nr_fds = UINT32_MAX;
	EXPECT_TRUE(send_fails(fd, &args, -EMSGSIZE));
	/* At the limit it goes. */
	EXPECT_EQ(0, t_send_flags(fd, big, max_size, HSK_OP_F_DONTWAIT));
}

TEST(send_from_a_bad_address_is_efault)
{
	struct hsk_send_args args = good_send();
	unsigned char *edge = t_edge();
	int fd = t_new(2);

	args.msg.data = 0;
	EXPECT_TRUE(send_fails(fd, &args, -EFAULT));
	args.msg.data = (uintptr_t)t_bad_address();
	EXPECT_TRUE(send_fails(fd, &args, -EFAULT));
	args.msg.data = 0xffff888000000000ULL;
	EXPECT_TRUE(send_fails(fd, &args, -EFAULT));
	args.msg.data = 1ULL << 63;
	EXPECT_TRUE(send_fails(fd, &args, -EFAULT));
	args.msg.data = (uintptr_t)edge - 3;
	EXPECT_TRUE(send_fails(fd, &args, -EFAULT));
	args.msg.data = (uintptr_t)edge - 4;
	EXPECT_EQ(0, t_ioctl(fd, HSK_IOC_SEND, &args));
}

TEST(send_of_descriptors_from_a_bad_address_is_efault)
{
	struct hsk_send_args args = good_send();
	unsigned char *edge = t_edge();
	int fd = t_new(2);

	args.msg.nr_fds = 1;
	EXPECT_TRUE(send_fails(fd, &args, -EFAULT));
	args.msg.fds = (uintptr_t)t_bad_address();
	EXPECT_TRUE(send_fails(fd, &args, -EFAULT));
	args.msg.fds = (uintptr_t)edge - 2;
	EXPECT_TRUE(send_fails(fd, &args, -EFAULT));
}

TEST(send_ignores_addresses_of_nothing)
{
	int fd = t_new(1);

	EXPECT_EQ(0, t_send_full(fd, t_bad_address(), 0, t_bad_address(), 0,
				 HSK_OP_F_DONTWAIT, 0));
}

TEST(send_of_a_descriptor_that_is_not_open_is_ebadf)
{
	int closed = dup(0), fds[2] = { t_new(0) };
	int bad[] = { -1, INT_MAX, INT_MIN, AT_FDCWD, closed };
	struct hsk_send_args args = good_send();
	int fd = t_new(1);
	unsigned int i;

	close(closed);
	args.msg.fds = (uintptr_t)fds;
	args.msg.nr_fds = 2;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		fds[1] = bad[i];
		EXPECT_TRUE(send_fails(fd, &args, -EBADF)) TH_LOG("fd %d", bad[i]);
	}
}

TEST(send_of_a_descriptor_that_cannot_travel_is_eopnotsupp)
{
	int kinds[] = {
		socket(AF_UNIX, SOCK_DGRAM, 0),
		open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC),
	};
	struct hsk_send_args args = good_send();
	int fds[2] = { t_new(0) };
	int fd = t_new(1);
	unsigned int i;

	args.msg.fds = (uintptr_t)fds;
	args.msg.nr_fds = 2;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		fds[1] = kinds[i];
		ASSERT_GE(fds[1], 0);
		EXPECT_TRUE(send_fails(fd, &args, -EOPNOTSUPP)) TH_LOG("%u", i);
	}
}

TEST(send_without_write_right_is_ebadf)
{
	struct hsk_send_args args = good_send();
	int fd = t_new(1);

	EXPECT_TRUE(send_fails(t_dup(fd, HSK_RIGHT_READ), &args, -EBADF));
}

TEST(send_of_the_channels_own_endpoint_is_eloop)
{
	struct hsk_send_args args = good_send();
	int fd = t_new(1);
	int reader = t_dup(fd, HSK_RIGHT_READ);

	args.msg.nr_fds = 1;
	args.msg.fds = (uintptr_t)&fd;
	EXPECT_TRUE(send_fails(fd, &args, -ELOOP));
	args.msg.fds = (uintptr_t)&reader;
	EXPECT_TRUE(send_fails(fd, &args, -ELOOP));
}

/*
 * One fault each, in the documented order. They touch different members, so
 * that any two can be present at once.
 */
struct send_scene {
	struct hsk_send_args args;
	int fd;			/* what the send is done on */
	int chan;		/* both rights */
	int fds[MAX_FAULT_FDS];
};

static void scene_pass(struct send_scene *scene, int fd)
{
	scene->fds[scene->args.msg.nr_fds++] = fd;
	scene->args.msg.fds = (uintptr_t)scene->fds;
}

static void send_unknown_flag(struct send_scene *scene)
{
	scene->args.flags |= 1U << 31;
}

static void send_no_right(struct send_scene *scene)
{
	scene->fd = t_dup(scene->chan, HSK_RIGHT_READ);
}

static void send_bad_ctx(struct send_scene *scene)
{
	scene->args.flags |= HSK_OP_F_CTX;
	scene->args.ctx = -1;
}

static void send_too_big(struct send_scene *scene)
{
	scene->args.msg.len = t_param("max_msg_size") + 1;
}

static void send_bad_address(struct send_scene *scene)
{
	scene->args.msg.data = (uintptr_t)t_bad_address();
}

static void send_not_open(struct send_scene *scene)
{
	scene_pass(scene, -1);
}

static void send_cannot_travel(struct send_scene *scene)
{
	scene_pass(scene, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static void send_too_many(struct send_scene *scene)
{
	scene_pass(scene, t_new(0));
	t_set_param("max_in_flight", 0);
}

static void send_loop(struct send_scene *scene)
{
	scene_pass(scene, scene->chan);
}

static void send_closed(struct send_scene *scene)
{
	t_close(scene->chan, 0);
}

static void send_canceled(struct send_scene *scene)
{
	/* One that is no context can't be closed. */
	if (scene->args.flags & HSK_OP_F_CTX)
		return;
	scene->args.flags |= HSK_OP_F_CTX;
	scene->args.ctx = t_new(0);
	t_close(scene->args.ctx, CTX_REASON);
}

static void send_would_block(struct send_scene *scene)
{
	scene->args.flags |= HSK_OP_F_DONTWAIT;
}

static void send_too_late(struct send_scene *scene)
{
	scene->args.deadline = PAST;
}

static const struct {
	const char *name;
	int err;
	void (*apply)(struct send_scene *scene);
} send_faults[] = {
	{ "EINVAL unknown flag", -EINVAL, send_unknown_flag },
	{ "EBADF no right", -EBADF, send_no_right },
	{ "EBADF no context", -EBADF, send_bad_ctx },
	{ "EMSGSIZE", -EMSGSIZE, send_too_big },
	{ "EFAULT", -EFAULT, send_bad_address },
	{ "EBADF not open", -EBADF, send_not_open },
	{ "EOPNOTSUPP", -EOPNOTSUPP, send_cannot_travel },
	{ "ETOOMANYREFS", -ETOOMANYREFS, send_too_many },
	{ "ELOOP", -ELOOP, send_loop },
	{ "EPIPE", -EPIPE, send_closed },
	{ "ECANCELED", -ECANCELED, send_canceled },
	{ "EAGAIN", -EAGAIN, send_would_block },
	{ "ETIMEDOUT", -ETIMEDOUT, send_too_late },
};

FIXTURE(send_order) {
	long max_in_flight;
};

FIXTURE_SETUP(send_order)
{
	self->max_in_flight = t_param("max_in_flight");
	ASSERT_GT(self->max_in_flight, 0);
}

FIXTURE_TEARDOWN(send_order)
{
	EXPECT_EQ(0, t_set_param("max_in_flight", self->max_in_flight));
}

/* Two faults, or one twice, applied in this order: which errno? */
static bool pair_fails(unsigned int one, unsigned int other, int want)
{
	struct send_scene scene = { .args = good_send() };

	scene.args.flags = 0;
	/* A fault that is missed must not block the test. */
	scene.args.deadline = t_in_ms(2000);
	scene.fd = t_new(0);
	scene.chan = scene.fd;
	send_faults[one].apply(&scene);
	if (other != one)
		send_faults[other].apply(&scene);
	return send_fails(scene.fd, &scene.args, want);
}

TEST_F(send_order, first_documented_errno_wins)
{
	unsigned int nr = ARRAY_SIZE(send_faults), first, second;
	int free_fd = t_free_fd();
	int want;

	for (first = 0; first < nr; first++) {
		want = send_faults[first].err;
		for (second = first; second < nr; second++) {
			EXPECT_TRUE(pair_fails(first, second, want) &&
				    pair_fails(second, first, want))
				TH_LOG("%s and %s", send_faults[first].name,
				       send_faults[second].name);
			t_set_param("max_in_flight", self->max_in_flight);
			close_range(free_fd, ~0U, 0);
		}
	}
}

HSK_TEST_MAIN
