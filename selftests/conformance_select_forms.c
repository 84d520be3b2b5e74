// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: that an operation may take any form,
 * plain or as one case of a select, whatever form the other side has taken. Test names
 * begin with the name in Go.
 */
#include "../kselftest_harness.h"
#include "conformance_select.h"

/* --- select7: all forms of receive and send meet --- */

#define EACH	20

struct pair {
	int fd;
	enum t_how how;
};

static int put_each(void *p)
{
	struct pair *pair = p;
	int i;

	for (i = 0; i < EACH; i++)
		T_NEED_EQ(0, t_put_how(pair->how, pair->fd, i));
	return 0;
}

static int get_each(void *p)
{
	struct pair *pair = p;
	__u64 v;
	int i;

	for (i = 0; i < EACH; i++) {
		T_NEED_EQ(1, t_get_how(pair->how, pair->fd, &v));
		T_NEED_EQ(i, v);
	}
	return 0;
}

TEST_F(go_select, select7_every_form_of_receive_meets_every_form_of_send)
{
	struct pair sender = { self->fd, T_PLAIN }, receiver = { self->fd, T_PLAIN };
	struct t_crew crew = { .mode = self->mode };
	unsigned int pairs = 0;

	for (sender.how = 0; sender.how < T_NR_HOWS; sender.how++) {
		for (receiver.how = 0; receiver.how < T_NR_HOWS; receiver.how++) {
			/* Two that only try never meet without a buffer. */
			if (!self->capacity && sender.how == T_TRY_SELECT &&
			    receiver.how == T_TRY_SELECT)
				continue;
			t_crew_add(&crew, put_each, &sender);
			t_crew_add(&crew, get_each, &receiver);
			ASSERT_TRUE(t_crew_join(&crew))
				TH_LOG("send %u, receive %u", sender.how, receiver.how);
			pairs++;
		}
	}
	EXPECT_TRUE(t_counters(self->fd, pairs * EACH, pairs * EACH, 0, 0));
}

static int put_one(void *p)
{
	struct pair *pair = p;

	T_NEED_EQ(0, t_put_how(pair->how, pair->fd, 7));
	return 0;
}

static int get_one(void *p)
{
	struct pair *pair = p;
	__u64 v = 0;

	T_NEED_EQ(1, t_get_how(pair->how, pair->fd, &v));
	T_NEED_EQ(8, v);
	return 0;
}

TEST_F(go_select, select7_every_form_meets_one_that_is_blocked_in_every_form)
{
	struct pair blocked = { self->fd, T_PLAIN }, empty = { t_new(self->capacity), T_PLAIN };
	struct t_crew crew = { .mode = self->mode };
	unsigned int i;
	enum t_how how;
	__u64 v;

	for (i = 0; i < self->capacity; i++)
		ASSERT_EQ(0, t_put(self->fd, 7));
	for (blocked.how = 0; blocked.how < T_TRY_SELECT; blocked.how++) {
		for (how = 0; how < T_NR_HOWS; how++) {
			unsigned int places = blocked.how == T_SAME_TWICE ? 2 : 1;

			empty.how = blocked.how;
			t_crew_add(&crew, put_one, &blocked);
			t_crew_add(&crew, get_one, &empty);
			ASSERT_EQ(0, t_wait_senders(blocked.fd, places));
			ASSERT_EQ(0, t_wait_receivers(empty.fd, places));
			v = 0;
			ASSERT_EQ(1, t_get_how(how, blocked.fd, &v));
			ASSERT_EQ(7, v);
			ASSERT_EQ(0, t_put_how(how, empty.fd, 8));
			ASSERT_TRUE(t_crew_join(&crew))
				TH_LOG("blocked in form %u, met by %u", blocked.how, how);
		}
	}
}

/* --- closedchan --- */

TEST_F(go_select, closedchan_in_every_form_of_select)
{
	enum t_how how;
	unsigned int i;
	__u64 v;

	for (how = 0; how < T_NR_HOWS; how++) {
		int fd = t_new(self->capacity);

		for (i = 0; i < self->capacity; i++)
			ASSERT_EQ(0, t_put_how(how, fd, i));
		ASSERT_EQ(0, t_close(fd, 0));
		for (i = 0; i < self->capacity; i++) {
			ASSERT_EQ(1, t_get_how(how, fd, &v));
			ASSERT_EQ(i, v);
		}
		v = 77;
		for (i = 0; i < 3; i++) {
			EXPECT_EQ(0, t_get_how(how, fd, &v)) TH_LOG("form %u", how);
			EXPECT_EQ(-EPIPE, t_put_how(how, fd, 1)) TH_LOG("form %u", how);
		}
		EXPECT_EQ(77, v);
		EXPECT_EQ(-EPIPE, t_close(fd, 0));
		EXPECT_TRUE(t_counters(fd, self->capacity, self->capacity, 0, 0));
	}
}

static int put_refused(void *p)
{
	struct pair *pair = p;

	T_NEED_EQ(-EPIPE, t_put_how(pair->how, pair->fd, 7));
	return 0;
}

static int get_closed(void *p)
{
	struct pair *pair = p;
	__u64 v = 77;

	T_NEED_EQ(0, t_get_how(pair->how, pair->fd, &v));
	T_NEED_EQ(77, v);
	return 0;
}

/* Each form is blocked more than once, in one queue with the others. */
TEST_F(go_select, closedchan_close_reaches_every_blocked_form_of_select)
{
	int full = t_new(self->capacity), empty = t_new(self->capacity);
	struct pair senders[T_TRY_SELECT], receivers[T_TRY_SELECT];
	struct t_crew crew = { .mode = self->mode };
	unsigned int i, k, places = 0;

	for (i = 0; i < self->capacity; i++)
		ASSERT_EQ(0, t_put(full, i));
	for (k = 0; k < 2; k++) {
		for (i = 0; i < T_TRY_SELECT; i++) {
			senders[i] = (struct pair){ full, i };
			receivers[i] = (struct pair){ empty, i };
			t_crew_add(&crew, put_refused, &senders[i]);
			t_crew_add(&crew, get_closed, &receivers[i]);
			places += i == T_SAME_TWICE ? 2 : 1;
		}
	}
	ASSERT_EQ(0, t_wait_senders(full, places));
	ASSERT_EQ(0, t_wait_receivers(empty, places));
	EXPECT_EQ(0, t_close(full, 0));
	EXPECT_EQ(0, t_close(empty, 0));
	EXPECT_TRUE(t_crew_join(&crew));
	EXPECT_TRUE(t_counters(full, self->capacity, 0, self->capacity, 0));
	EXPECT_EQ(0, t_wait_senders(full, 0));
	EXPECT_EQ(0, t_wait_receivers(empty, 0));
}

HSK_TEST_MAIN
