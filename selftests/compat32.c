// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit program and a 64-bit program on one kernel. This file is built both
 * ways, and each program runs itself and the other one as its peer, which does
 * over a channel what the first byte of each message says.
 */
#include <libgen.h>
#include <limits.h>

#include "../kselftest_harness.h"
#include "peer.h"

#define OTHER_NAME	(sizeof(long) == 4 ? "compat32" : "compat32_32")
#define PEER_IN		10
#define PEER_OUT	11
#define ROOM		256

enum command {
	ECHO = 'e',		/* the same bytes and descriptors back */
	ECHO_RW = 'r',		/* the same bytes by read and write */
	CLOSE = 'c',		/* closes PEER_OUT with reason -77 */
	INFO = 'i',		/* its INFO of PEER_OUT back */
	DUP = 'd',		/* sends a READ endpoint of PEER_OUT's carrier */
	NEW = 'n',		/* sends a channel of capacity 3 */
	LATE = 'l',		/* errno of a receive with a deadline */
	WIDTH = 'w',		/* sizeof(long) */
};

/* --- the peer ------------------------------------------------------------------- */

static void peer_echo(const char *buf, const struct hsk_msghdr *msg,
		      const int *fds)
{
	P_NEED(!t_send_full(PEER_OUT, buf, msg->len, fds, msg->nr_fds, 0, 0));
}

static void peer_obey(char *buf, struct hsk_msghdr *msg, int *fds)
{
	struct hsk_info_args info;
	uint64_t deadline;
	int fd, ret;

	switch (buf[0]) {
	case ECHO:
		peer_echo(buf, msg, fds);
		break;
	case ECHO_RW:
		P_NEED(write(PEER_OUT, buf, msg->len) == (ssize_t)msg->len);
		P_NEED(read(PEER_IN, buf, ROOM) == 5);
		P_NEED(!memcmp(buf, "again", 5));
		break;
	case CLOSE:
		P_NEED(!t_close(PEER_OUT, -77));
		break;
	case INFO:
		P_NEED(!t_info(PEER_OUT, &info));
		P_NEED(!t_send(PEER_OUT, &info, sizeof(info)));
		break;
	case DUP:
		fd = t_dup(fds[0], HSK_RIGHT_READ);
		P_NEED(fd >= 0);
		P_NEED(t_dup(fd, HSK_RIGHT_WRITE) == -EPERM);
		P_NEED(!t_send_fd(PEER_OUT, fd));
		break;
	case NEW:
		fd = t_chan_new(PEER_IN, 3);
		P_NEED(fd >= 0);
		P_NEED(!t_send_fd(PEER_OUT, fd));
		break;
	case LATE:
		deadline = t_in_ms(50);
		ret = t_recv_deadline(PEER_IN, buf, ROOM, deadline, NULL);
		P_NEED(t_now() >= deadline);
		P_NEED(!t_send(PEER_OUT, &ret, sizeof(ret)));
		break;
	case WIDTH:
		buf[0] = sizeof(long);
		P_NEED(!t_send(PEER_OUT, buf, 1));
		break;
	default:
		_exit(1);
	}
}

static int peer_main(void)
{
	struct hsk_msghdr msg;
	char buf[ROOM];
	int fds[4];

	for (;;) {
		unsigned int i;

		P_NEED(!t_recv_full(PEER_IN, buf, sizeof(buf), fds, 4, 0, 0,
				    &msg));
		if (msg.flags & HSK_MSG_F_CLOSED)
			return 0;
		peer_obey(buf, &msg, fds);
		for (i = 0; i < msg.nr_fds; i++)
			close(fds[i]);
	}
}

/* --- the tests -------------------------------------------------------------------- */

FIXTURE(compat) {
	int there;		/* what the peer receives */
	int back;		/* what it sends */
	pid_t peer;
	char buf[ROOM];
	struct hsk_msghdr msg;
};

FIXTURE_VARIANT(compat) {
	bool other;
	unsigned int capacity;
};

FIXTURE_VARIANT_ADD(compat, same_width) {
	.other = false, .capacity = 0,
};

FIXTURE_VARIANT_ADD(compat, other_width) {
	.other = true, .capacity = 0,
};

FIXTURE_VARIANT_ADD(compat, other_width_buffered) {
	.other = true, .capacity = 4,
};

/* The path of the program beside this one, or of this one. */
static int peer_path(bool other, char *path)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return -errno;
	self[len] = '\0';
	if (other)
		snprintf(path, PATH_MAX, "%.3000s/%s", dirname(self),
			 OTHER_NAME);
	else
		strcpy(path, self);
	return access(path, X_OK) ? -errno : 0;
}

FIXTURE_SETUP(compat)
{
	char path[PATH_MAX];

	if (peer_path(variant->other, path))
		P_SKIP_SETUP("no %s beside this program", OTHER_NAME);
	self->there = t_new(variant->capacity);
	self->back = t_new(variant->capacity);
	ASSERT_LE(0, self->there);
	ASSERT_LE(0, self->back);
	self->peer = p_fork();
	if (!self->peer) {
		int in = t_dup(self->there, HSK_RIGHT_READ);

		P_NEED(dup2(in, PEER_IN) == PEER_IN);
		P_NEED(dup2(self->back, PEER_OUT) == PEER_OUT);
		execl(path, path, "peer", NULL);
		_exit(126);
	}
}

FIXTURE_TEARDOWN(compat)
{
	t_close(self->there, 0);
	EXPECT_EQ(0, t_wait(self->peer));
}

static int command(const struct _test_data_compat *self, char what)
{
	return t_send(self->there, &what, 1);
}

TEST_F(compat, the_peer_is_of_the_width_it_should_be)
{
	ASSERT_EQ(0, command(self, WIDTH));
	ASSERT_EQ(1, p_recv(self->back, self->buf, ROOM));
	EXPECT_EQ(variant->other ? 12 - sizeof(long) : sizeof(long),
		  self->buf[0]);
}

TEST_F(compat, bytes_and_identity_arrive)
{
	char text[100];
	int i;

	for (i = 0; i < 100; i++)
		text[i] = i;
	text[0] = ECHO;
	ASSERT_EQ(0, t_send(self->there, text, sizeof(text)));
	ASSERT_EQ(0, t_recv(self->back, self->buf, ROOM, &self->msg));
	EXPECT_EQ(sizeof(text), self->msg.len);
	EXPECT_EQ(0, memcmp(text, self->buf, sizeof(text)));
	EXPECT_EQ(self->peer, self->msg.pid);
	EXPECT_EQ(geteuid(), self->msg.uid);
	EXPECT_EQ(getegid(), self->msg.gid);
}

TEST_F(compat, descriptors_arrive)
{
	int file = memfd_create("hsk", 0), p[2], got[4];
	int sent[3];
	char what = ECHO, c;

	ASSERT_EQ(0, pipe(p));
	sent[0] = file;
	sent[1] = p[1];
	sent[2] = t_new(1);
	ASSERT_EQ(1, pwrite(file, "f", 1, 0));
	ASSERT_EQ(0, t_send_full(self->there, &what, 1, sent, 3, 0, 0));
	ASSERT_EQ(0, t_recv_full(self->back, self->buf, ROOM, got, 4, 0, 0,
				 &self->msg));
	ASSERT_EQ(3, self->msg.nr_fds);
	EXPECT_EQ(1, pread(got[0], &c, 1, 0));
	EXPECT_EQ(1, write(got[1], "p", 1));
	EXPECT_EQ(1, read(p[0], &c, 1));
	EXPECT_EQ(0, t_send(got[2], "c", 1));
	EXPECT_EQ(1, p_recv(sent[2], &c, 1));
}

TEST_F(compat, read_and_write_arrive)
{
	ASSERT_EQ(3, write(self->there, "rst", 3));
	ASSERT_EQ(3, read(self->back, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, "rst", 3));
	ASSERT_EQ(5, write(self->there, "again", 5));
}

TEST_F(compat, poll_sees_the_peer)
{
	struct pollfd pfd = { .fd = self->back, .events = POLLIN };

	EXPECT_EQ(0, poll(&pfd, 1, 0));
	ASSERT_EQ(0, command(self, WIDTH));
	ASSERT_EQ(1, poll(&pfd, 1, P_PATIENCE_S * 1000));
	EXPECT_EQ(POLLIN, pfd.revents);
	ASSERT_EQ(1, p_try_recv(self->back, self->buf, ROOM));
}

TEST_F(compat, close_tells_its_reason)
{
	ASSERT_EQ(0, command(self, CLOSE));
	EXPECT_EQ(-77, p_reason(self->back));
	EXPECT_EQ(-EPIPE, t_send(self->back, "m", 1));
}

TEST_F(compat, info_is_the_same_struct)
{
	struct hsk_info_args here, *theirs = (void *)self->buf;

	ASSERT_EQ(0, command(self, INFO));
	ASSERT_EQ(sizeof(here), p_recv(self->back, self->buf, ROOM));
	here = p_info(self->back);
	EXPECT_EQ(here.size, theirs->size);
	EXPECT_EQ(here.id, theirs->id);
	EXPECT_EQ(here.rights, theirs->rights);
	EXPECT_EQ(variant->capacity, theirs->capacity);
	EXPECT_EQ(here.read_endpoints, theirs->read_endpoints);
	EXPECT_EQ(here.write_endpoints, theirs->write_endpoints);
	/* Theirs was made before the message that brought it. */
	EXPECT_EQ(0, theirs->sent);
	EXPECT_EQ(1, here.sent);
	EXPECT_EQ(1, here.received);
}

TEST_F(compat, new_endpoints_and_channels_arrive)
{
	int chan = t_new(1), got;
	char what = DUP, c;

	ASSERT_EQ(0, t_send_full(self->there, &what, 1, &chan, 1, 0, 0));
	got = t_recv_fd(self->back);
	ASSERT_LE(0, got);
	EXPECT_EQ(HSK_RIGHT_READ, p_info(got).rights);
	ASSERT_EQ(0, t_send(chan, "m", 1));
	EXPECT_EQ(1, p_recv(got, &c, 1));

	ASSERT_EQ(0, command(self, NEW));
	got = t_recv_fd(self->back);
	ASSERT_LE(0, got);
	EXPECT_EQ(3, p_info(got).capacity);
	EXPECT_EQ(T_BOTH, p_info(got).rights);
}

TEST_F(compat, a_deadline_is_64_bits)
{
	int ret = 0;

	/* So late that its lower half alone would lie in the past. */
	while (t_now() < 1ULL << 32)
		t_sleep_ms(10);
	ASSERT_EQ(0, command(self, LATE));
	ASSERT_EQ(4, p_recv(self->back, &ret, sizeof(ret)));
	EXPECT_EQ(-ETIMEDOUT, ret);
}

TEST_F(compat, sizes_and_the_abi_are_those_of_the_header)
{
	struct hsk_abi_args abi;

	EXPECT_EQ(56, sizeof(struct hsk_msghdr));
	EXPECT_EQ(80, sizeof(struct hsk_send_args));
	EXPECT_EQ(80, sizeof(struct hsk_recv_args));
	EXPECT_EQ(80, sizeof(struct hsk_info_args));
	EXPECT_EQ(8, __alignof__(struct hsk_msghdr));
	ASSERT_EQ(0, t_abi(self->there, &abi));
	EXPECT_EQ(HSK_ABI_VERSION, abi.version);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "peer"))
		return peer_main();
	return T_RUN_TESTS(argc, argv);
}
