// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalid input to RECV: every fault has its one errno and no effect; the
 * message stays, no descriptor is made and no member is written, except what
 * EMSGSIZE and ECANCELED tell. When two things are wrong, the errno is the one that
 * uapi/linux/hsk.h lists first: every pair that can exist is tried.
 */
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_test.h"

#define PAST		1	/* an absolute time that has gone by */
#define CTX_REASON	7	/* of the context that ends a receive */

static const char *errno_name(int err)
{
	return err < 0 ? strerror(-err) : "success";
}

#define ROOM	16

struct recv_scene {
	struct hsk_recv_args args;
	int fd, chan;
	unsigned char buf[ROOM];
	int fds[2];
};

/* A channel that holds a message of 4 bytes and one descriptor. */
static void recv_scene_init(struct recv_scene *scene, bool empty)
{
	int passed = t_new(0);

	memset(scene, 0, sizeof(*scene));
	scene->chan = t_new(1);
	scene->fd = scene->chan;
	if (!empty)
		t_send_full(scene->chan, "data", 4, &passed, 1, 0, 0);
	close(passed);
	t_fill(scene->buf, sizeof(scene->buf));
	t_fill(scene->fds, sizeof(scene->fds));
	t_fill(&scene->args, sizeof(scene->args));
	scene->args.size = sizeof(scene->args);
	scene->args.flags = 0;
	scene->args.deadline = t_in_ms(2000);
	scene->args.msg.data = (uintptr_t)scene->buf;
	scene->args.msg.len = sizeof(scene->buf);
	scene->args.msg.fds = (uintptr_t)scene->fds;
	scene->args.msg.nr_fds = 2;
	scene->args.msg.__reserved0 = 0;
	scene->args.msg.__reserved1 = 0;
	scene->args.ctx = 0;
	scene->args.ctx_reason = 0;
}

/* The receive fails with @want; nothing changed but what EMSGSIZE or ECANCELED tells. */
static bool recv_fails(struct recv_scene *scene, int want)
{
	struct hsk_recv_args expect = scene->args;
	struct hsk_info_args info, after;
	int ret;

	t_info(scene->chan, &info);
	ret = t_ioctl(scene->fd, HSK_IOC_RECV, &scene->args);
	t_info(scene->chan, &after);
	if (ret != want) {
		fprintf(stderr, "# RECV: %s, not %s\n", errno_name(ret),
			errno_name(want));
		return false;
	}
	if (want == -EMSGSIZE) {
		expect.msg.len = 4;
		expect.msg.nr_fds = 1;
	}
	if (want == -ECANCELED)
		expect.ctx_reason = CTX_REASON;
	return !memcmp(&scene->args, &expect, sizeof(expect)) &&
	       !memcmp(&info, &after, sizeof(info)) &&
	       t_untouched(scene->buf, sizeof(scene->buf)) &&
	       t_untouched(scene->fds, sizeof(scene->fds));
}

/* The message is still there, whole. */
static bool recv_succeeds(struct recv_scene *scene)
{
	struct hsk_msghdr msg;
	int fds[2];

	return !t_recv_full(scene->chan, scene->buf, ROOM, fds, 2,
			    HSK_OP_F_DONTWAIT, 0, &msg) &&
	       msg.len == 4 && msg.nr_fds == 1 && fcntl(fds[0], F_GETFD) >= 0 &&
	       !memcmp(scene->buf, "data", 4) &&
	       t_untouched(scene->buf + 4, ROOM - 4) &&
	       t_counters(scene->chan, 1, 1, 0, 0);
}

TEST(receive_with_unknown_flag_is_einval)
{
	struct recv_scene scene;
	int bit;

	recv_scene_init(&scene, false);
	for (bit = 2; bit < 32; bit++) {
		scene.args.flags = 1U << bit;
		EXPECT_TRUE(recv_fails(&scene, -EINVAL)) TH_LOG("bit %d", bit);
	}
	EXPECT_TRUE(recv_succeeds(&scene));
}

TEST(receive_with_reserved_member_set_is_einval)
{
	struct recv_scene scene;

	recv_scene_init(&scene, false);
	scene.args.msg.__reserved0 = 1U << 31;
	EXPECT_TRUE(recv_fails(&scene, -EINVAL));
	scene.args.msg.__reserved0 = 0;
	scene.args.msg.__reserved1 = 1;
	EXPECT_TRUE(recv_fails(&scene, -EINVAL));
	scene.args.msg.__reserved1 = 0;
	scene.args.ctx_reason = 1;
	EXPECT_TRUE(recv_fails(&scene, -EINVAL));
	scene.args.flags |= HSK_OP_F_CTX;
	scene.args.ctx = scene.chan;
	EXPECT_TRUE(recv_fails(&scene, -EINVAL));
	EXPECT_TRUE(recv_succeeds(&scene));
}

TEST(receive_with_a_context_and_without_its_flag_is_einval)
{
	struct recv_scene scene;

	recv_scene_init(&scene, false);
	scene.args.ctx = scene.chan;
	EXPECT_TRUE(recv_fails(&scene, -EINVAL));
	scene.args.ctx = -1;
	EXPECT_TRUE(recv_fails(&scene, -EINVAL));
	EXPECT_TRUE(recv_succeeds(&scene));
}

TEST(receive_with_a_context_that_cannot_be_read_is_ebadf)
{
	struct recv_scene scene;
	int others[5];
	unsigned int i;

	recv_scene_init(&scene, false);
	others[0] = -1;
	others[1] = 1000000;
	others[2] = t_dup(scene.chan, HSK_RIGHT_WRITE);
	others[3] = open("/dev/null", O_RDWR | O_CLOEXEC);
	others[4] = t_new(0);
	/* Closed meanwhile. */
	close(others[4]);
	scene.args.flags |= HSK_OP_F_CTX;
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		scene.args.ctx = others[i];
		EXPECT_TRUE(recv_fails(&scene, -EBADF)) TH_LOG("%u", i);
	}
	EXPECT_TRUE(recv_succeeds(&scene));
}

TEST(receive_with_deadline_above_int64_max_is_einval)
{
	struct recv_scene scene;

	recv_scene_init(&scene, false);
	scene.args.deadline = (__u64)INT64_MAX + 1;
	EXPECT_TRUE(recv_fails(&scene, -EINVAL));
	scene.args.deadline = UINT64_MAX;
	EXPECT_TRUE(recv_fails(&scene, -EINVAL));
	scene.args.deadline = INT64_MAX;
	EXPECT_EQ(0, t_ioctl(scene.fd, HSK_IOC_RECV, &scene.args));
}

TEST(receive_ignores_what_is_in_the_out_members)
{
	struct recv_scene scene;

	recv_scene_init(&scene, false);
	memset(&scene.args.msg.flags, 0xff, 5 * sizeof(__u32));
	EXPECT_EQ(0, t_ioctl(scene.fd, HSK_IOC_RECV, &scene.args));
	EXPECT_EQ(0, scene.args.msg.flags);
	EXPECT_EQ(0, scene.args.msg.reason);
	EXPECT_EQ(getpid(), scene.args.msg.pid);
	EXPECT_EQ(geteuid(), scene.args.msg.uid);
	EXPECT_EQ(getegid(), scene.args.msg.gid);
}

TEST(receive_into_a_bad_address_is_efault_and_leaves_the_message)
{
	unsigned char *edge = t_edge();
	__u64 bad[] = {
		0, (uintptr_t)t_bad_address(), (uintptr_t)edge - 3,
		0xffff888000000000ULL, 1ULL << 63,
	};
	struct recv_scene scene;
	int nr_fds;
	unsigned int i;

	recv_scene_init(&scene, false);
	nr_fds = t_count_fds();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		scene.args.msg.data = bad[i];
		EXPECT_TRUE(recv_fails(&scene, -EFAULT)) TH_LOG("%u", i);
	}
	scene.args.msg.data = (uintptr_t)scene.buf;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		t_fill(scene.buf, ROOM);
		scene.args.msg.fds = bad[i];
		EXPECT_EQ(-EFAULT, t_ioctl(scene.fd, HSK_IOC_RECV, &scene.args));
		EXPECT_TRUE(t_counters(scene.fd, 1, 0, 1, 0)) TH_LOG("%u", i);
	}
	EXPECT_EQ(nr_fds, t_count_fds());
	t_fill(scene.buf, ROOM);
	EXPECT_TRUE(recv_succeeds(&scene));
}

TEST(receive_into_read_only_arguments_is_efault_and_leaves_the_message)
{
	unsigned char *page = t_edge() - 4096;
	struct recv_scene scene;
	int nr_fds;

	recv_scene_init(&scene, false);
	nr_fds = t_count_fds();
	memcpy(page, &scene.args, sizeof(scene.args));
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, t_ioctl(scene.fd, HSK_IOC_RECV, page));
	EXPECT_EQ(nr_fds, t_count_fds());
	EXPECT_TRUE(t_counters(scene.fd, 1, 0, 1, 0));
	t_fill(scene.buf, ROOM);
	EXPECT_TRUE(recv_succeeds(&scene));
}

TEST(what_receive_tells_without_a_message_is_efault_in_read_only_arguments)
{
	struct hsk_recv_args *args = (void *)(t_edge() - 4096);
	int fd = t_new(1);

	*args = (struct hsk_recv_args){ .size = sizeof(*args) };
	ASSERT_EQ(0, t_send(fd, "m", 1));
	ASSERT_EQ(0, mprotect(args, 4096, PROT_READ));
	/* The sizes needed. */
	EXPECT_EQ(-EFAULT, t_ioctl(fd, HSK_IOC_RECV, args));
	EXPECT_TRUE(t_counters(fd, 1, 0, 1, 0));
	ASSERT_EQ(0, t_recv(fd, t_edge() - 1, 1, NULL));
	/* CLOSED. */
	ASSERT_EQ(0, t_close(fd, 3));
	EXPECT_EQ(-EFAULT, t_ioctl(fd, HSK_IOC_RECV, args));
	ASSERT_EQ(0, mprotect(args, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, t_ioctl(fd, HSK_IOC_RECV, args));
	EXPECT_EQ(3, args->msg.reason);
}

TEST(receive_with_too_little_room_is_emsgsize_and_tells_the_sizes)
{
	struct recv_scene scene;

	recv_scene_init(&scene, false);
	scene.args.msg.len = 3;
	EXPECT_TRUE(recv_fails(&scene, -EMSGSIZE));
	scene.args.msg.len = 0;
	scene.args.msg.nr_fds = 2;
	EXPECT_TRUE(recv_fails(&scene, -EMSGSIZE));
	scene.args.msg.len = ROOM;
	scene.args.msg.nr_fds = 0;
	EXPECT_TRUE(recv_fails(&scene, -EMSGSIZE));
	/* What it told is enough. */
	EXPECT_EQ(0, t_ioctl(scene.fd, HSK_IOC_RECV, &scene.args));
	EXPECT_EQ(4, scene.args.msg.len);
	EXPECT_EQ(1, scene.args.msg.nr_fds);
}

TEST(receive_without_free_descriptor_is_emfile_and_leaves_the_message)
{
	struct recv_scene scene;

	recv_scene_init(&scene, false);
	ASSERT_EQ(0, t_exhaust_fds());
	EXPECT_TRUE(recv_fails(&scene, -EMFILE));
	EXPECT_TRUE(recv_fails(&scene, -EMFILE));
	ASSERT_EQ(0, t_allow_fds());
	EXPECT_TRUE(recv_succeeds(&scene));
}

TEST(receive_without_read_right_is_ebadf)
{
	struct recv_scene scene;

	recv_scene_init(&scene, false);
	scene.fd = t_dup(scene.chan, HSK_RIGHT_WRITE);
	EXPECT_TRUE(recv_fails(&scene, -EBADF));
	EXPECT_TRUE(recv_succeeds(&scene));
}

static void recv_unknown_flag(struct recv_scene *scene)
{
	scene->args.flags |= 1U << 31;
}

static void recv_no_right(struct recv_scene *scene)
{
	scene->fd = t_dup(scene->chan, HSK_RIGHT_WRITE);
}

static void recv_bad_ctx(struct recv_scene *scene)
{
	scene->args.flags |= HSK_OP_F_CTX;
	scene->args.ctx = -1;
}

static void recv_canceled(struct recv_scene *scene)
{
	/* One that is no context can't be closed. */
	if (scene->args.flags & HSK_OP_F_CTX)
		return;
	scene->args.flags |= HSK_OP_F_CTX;
	scene->args.ctx = t_new(0);
	t_close(scene->args.ctx, CTX_REASON);
}

static void recv_dontwait(struct recv_scene *scene)
{
	scene->args.flags |= HSK_OP_F_DONTWAIT;
}

static void recv_no_room(struct recv_scene *scene)
{
	scene->args.msg.len = 3;
}

static void recv_no_descriptor(struct recv_scene *scene)
{
	(void)scene;
	t_exhaust_fds();
}

static void recv_bad_address(struct recv_scene *scene)
{
	scene->args.msg.data = (uintptr_t)t_bad_address();
}

static void recv_too_late(struct recv_scene *scene)
{
	scene->args.deadline = PAST;
}

/* @empty: the fault exists on an empty channel only. */
static const struct {
	const char *name;
	int err;
	bool empty, needs_message;
	void (*apply)(struct recv_scene *scene);
} recv_faults[] = {
	{ "EINVAL unknown flag", -EINVAL, false, false, recv_unknown_flag },
	{ "EBADF no right", -EBADF, false, false, recv_no_right },
	{ "EBADF no context", -EBADF, false, false, recv_bad_ctx },
	{ "ECANCELED", -ECANCELED, true, false, recv_canceled },
	{ "EAGAIN", -EAGAIN, true, false, recv_dontwait },
	{ "EMSGSIZE", -EMSGSIZE, false, true, recv_no_room },
	{ "EMFILE", -EMFILE, false, true, recv_no_descriptor },
	{ "EFAULT", -EFAULT, false, true, recv_bad_address },
	{ "ETIMEDOUT", -ETIMEDOUT, true, false, recv_too_late },
};

static bool recv_pair_fails(unsigned int one, unsigned int other, bool empty,
			    int want)
{
	struct recv_scene scene;
	bool failed;

	recv_scene_init(&scene, empty);
	recv_faults[one].apply(&scene);
	if (other != one)
		recv_faults[other].apply(&scene);
	failed = recv_fails(&scene, want);
	if (t_allow_fds() || !failed)
		return false;
	t_fill(scene.buf, ROOM);
	return empty || recv_succeeds(&scene);
}

TEST(receive_order_first_documented_errno_wins)
{
	unsigned int nr = ARRAY_SIZE(recv_faults), first, second;
	int free_fd = t_free_fd();
	bool empty;

	for (first = 0; first < nr; first++) {
		for (second = first; second < nr; second++) {
			empty = recv_faults[first].empty ||
				recv_faults[second].empty;
			/* What is wrong with a message needs a message. */
			if (empty && recv_faults[first].needs_message)
				continue;
			EXPECT_TRUE(recv_pair_fails(first, second, empty,
						    recv_faults[first].err))
				TH_LOG("%s and %s", recv_faults[first].name,
				       recv_faults[second].name);
			close_range(free_fd, ~0U, 0);
		}
	}
}

HSK_TEST_MAIN
