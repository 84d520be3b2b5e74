// SPDX-License-Identifier: LGPL-2.1-or-later
/* HSK_TYPED(): a channel of a user's struct. */
#include <sys/mman.h>

#include <hsk.h>

#include "tap.h"

struct point {
	int x;
	int y;
};

HSK_TYPED(point, struct point)

static const struct point sent = { 3, -4 };

static int same(const struct point *a, const struct point *b)
{
	return a->x == b->x && a->y == b->y;
}

static void every_form_carries_the_value(void)
{
	struct point got = { 0, 0 };
	struct hsk_message msg = { 0 };
	int ep = hsk_chan_new(1);
	uint64_t soon = hsk_deadline_in_ms(10000);

	EXPECT_EQ(0, point_send(ep, &sent, NULL));
	EXPECT_EQ(1, point_recv(ep, &got, &msg, NULL));
	EXPECT(same(&sent, &got));
	EXPECT_EQ(getpid(), msg.pid);
	EXPECT_EQ(sizeof(got), msg.len);

	got.x = 0;
	EXPECT_EQ(0, point_try_send(ep, &sent));
	EXPECT_EQ(-EAGAIN, point_try_send(ep, &sent));
	EXPECT_EQ(1, point_try_recv(ep, &got, NULL));
	EXPECT(same(&sent, &got));

	got.x = 0;
	EXPECT_EQ(0, point_send_until(ep, &sent, soon, NULL));
	EXPECT_EQ(-ETIMEDOUT, point_send_until(ep, &sent, 1, NULL));
	EXPECT_EQ(1, point_recv_until(ep, &got, NULL, soon, NULL));
	EXPECT(same(&sent, &got));
	EXPECT_EQ(-ETIMEDOUT, point_recv_until(ep, &got, NULL, 1, NULL));
}

static void close_is_seen_and_leaves_the_value(void)
{
	struct point got = sent;
	struct hsk_message msg = { 0 };
	int ep = hsk_chan_new(1);

	EXPECT_EQ(0, hsk_close(ep, 9));
	EXPECT_EQ(0, point_recv(ep, &got, &msg, NULL));
	EXPECT_EQ(9, msg.reason);
	EXPECT(same(&sent, &got));
}

static void shorter_message_is_bad_and_gone(void)
{
	struct point got = sent;
	int ep = hsk_chan_new(1);

	EXPECT_EQ(0, hsk_send(ep, "x", 1, NULL));
	EXPECT_EQ(-EBADMSG, point_recv(ep, &got, NULL, NULL));
	EXPECT(same(&sent, &got));
	EXPECT_EQ(-EAGAIN, point_try_recv(ep, &got, NULL));
}

static void longer_message_or_descriptors_stay(void)
{
	struct point got = sent;
	char more[sizeof(got) + 1] = { 0 };
	int ep = hsk_chan_new(1);
	int file = memfd_create("travels", MFD_CLOEXEC);

	EXPECT_EQ(0, hsk_send(ep, more, sizeof(more), NULL));
	EXPECT_EQ(-EMSGSIZE, point_recv(ep, &got, NULL, NULL));
	EXPECT_EQ(1, hsk_recv(ep, more, sizeof(more), NULL, NULL));
	EXPECT_EQ(0, hsk_send_fds(ep, &sent, sizeof(sent), &file, 1, NULL));
	EXPECT_EQ(-EMSGSIZE, point_recv(ep, &got, NULL, NULL));
	EXPECT(same(&sent, &got));
}

static const struct tap_test tests[] = {
	TAP_TEST(every_form_carries_the_value),
	TAP_TEST(close_is_seen_and_leaves_the_value),
	TAP_TEST(shorter_message_is_bad_and_gone),
	TAP_TEST(longer_message_or_descriptors_stay),
};

int main(void)
{
	return TAP_RUN(tests);
}
