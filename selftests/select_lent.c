// SPDX-License-Identifier: GPL-2.0-only
/*
 * A select that sends and whose message a receiver has taken but not received yet: it is
 * lent. The receiver is a selector that nobody has finished; when it is closed, the
 * message goes back and the select waits on. Each with a SELECT that is blocked in
 * another thread, and with an armed selector.
 */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "hsk_select.h"
#include "peer.h"
#include "selector.h"

#define SEND	0	/* the cases of the select: to send 1 to a, */
#define RECV	1	/* to receive from b */

FIXTURE(lent) {
	int a, b;		/* unbuffered */
	int taker;		/* the selector that takes the message */
	struct s_set taken;
	int sel;		/* the select, armed, */
	struct s_set set;
	struct t_select_job *job;	/* or blocked */
	bool armed;
};

FIXTURE_VARIANT(lent) {
	bool armed;
};

FIXTURE_VARIANT_ADD(lent, blocked) { .armed = false };
FIXTURE_VARIANT_ADD(lent, armed) { .armed = true };

static bool take(FIXTURE_DATA(lent) * self)
{
	return !s_arm_recv(self->taker, &self->taken, self->a) && s_happened(self->taker);
}

FIXTURE_SETUP(lent)
{
	self->armed = variant->armed;
	self->a = t_open();
	self->b = t_open();
	self->taker = s_new(self->a);
	self->sel = s_new(self->a);
	ASSERT_LE(0, self->sel);
	if (self->armed) {
		s_init(&self->set);
		s_add_send(&self->set, self->a, 1);
		s_add_recv(&self->set, self->b);
		ASSERT_EQ(0, s_arm(self->sel, &self->set));
	} else {
		self->job = t_select_job_blocked(T_THREAD, T_CASES(t_case_put(self->a, 1),
								   t_case_get(self->b)));
		ASSERT_TRUE(!!self->job);
	}
	ASSERT_TRUE(take(self));
	ASSERT_TRUE(s_waiting(self->a, 0, 0));
	ASSERT_TRUE(t_counters(self->a, 1, 0, 1, 0));
}

FIXTURE_TEARDOWN(lent)
{
	close(self->taker);
	close(self->sel);
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_TRUE(t_conserved(self->a));
	EXPECT_TRUE(t_conserved(self->b));
}

/* The receiver does not receive it after all. */
static void give_back(FIXTURE_DATA(lent) * self)
{
	close(self->taker);
	self->taker = s_new(self->a);
}

static bool still_waits(FIXTURE_DATA(lent) * self)
{
	return self->armed ? !s_happened(self->sel) : t_select_job_is_blocked(self->job);
}

/* Which case has happened, or -errno. */
static int end(FIXTURE_DATA(lent) * self)
{
	if (!self->armed)
		return t_select_job_end(self->job);
	return s_wait_happened(self->sel) ?: s_finish(self->sel, &self->set);
}

static bool has_sent(FIXTURE_DATA(lent) * self)
{
	int index = end(self);

	return index == SEND && (self->armed ? !self->set.result
					     : t_case_sent(&self->job->cases[SEND]));
}

static bool has_got(FIXTURE_DATA(lent) * self, __u64 value)
{
	int index = end(self);

	return index == RECV && (self->armed ? s_got(&self->set, RECV, value)
					     : t_case_got(&self->job->cases[RECV], value));
}

/* --- received after all, or not --- */

TEST_F(lent, it_has_sent_once_its_message_is_received)
{
	EXPECT_TRUE(still_waits(self));
	EXPECT_EQ(0, s_finish(self->taker, &self->taken));
	EXPECT_TRUE(s_got(&self->taken, 0, 1));
	EXPECT_TRUE(has_sent(self));
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
}

TEST_F(lent, it_waits_on_when_its_message_comes_back_and_anyone_can_meet_it)
{
	__u64 v = 0;

	give_back(self);
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
	EXPECT_TRUE(s_waiting(self->a, 1, 0));
	EXPECT_TRUE(s_waiting(self->b, 0, 1));
	EXPECT_TRUE(still_waits(self));
	EXPECT_EQ(1, t_try_get(self->a, &v));
	EXPECT_EQ(1, v);
	EXPECT_TRUE(has_sent(self));
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
}

TEST_F(lent, its_other_cases_happen_when_its_message_has_come_back)
{
	__u64 v;

	give_back(self);
	EXPECT_EQ(0, t_try_put(self->b, 5));
	EXPECT_TRUE(has_got(self, 5));
	EXPECT_EQ(-EAGAIN, t_try_get(self->a, &v));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
}

TEST_F(lent, it_can_be_lent_and_come_back_again_and_again)
{
	__u64 v = 0;
	int i;

	for (i = 0; i < 50; i++) {
		give_back(self);
		ASSERT_EQ(-EFAULT, t_recv(self->a, t_bad_address(), 8, NULL));
		ASSERT_TRUE(t_counters(self->a, 0, 0, 0, 0));
		ASSERT_TRUE(take(self));
	}
	give_back(self);
	EXPECT_EQ(1, t_try_get(self->a, &v));
	EXPECT_EQ(1, v);
	EXPECT_TRUE(has_sent(self));
}

/* --- what others see meanwhile, and what they find later --- */

TEST_F(lent, its_other_cases_are_no_ones_partners_meanwhile)
{
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_EQ(0, p_poll_now(self->b));
	EXPECT_EQ(-EAGAIN, t_try_put(self->b, 5));
	EXPECT_EQ(0, s_finish(self->taker, &self->taken));
	EXPECT_TRUE(has_sent(self));
}

TEST_F(lent, who_queued_at_another_channel_meanwhile_is_met_when_it_comes_back)
{
	struct t_job *sender = t_job_put_blocked(T_THREAD, self->b, 5, 1);

	ASSERT_TRUE(!!sender);
	give_back(self);
	EXPECT_TRUE(has_got(self, 5));
	EXPECT_EQ(0, t_job_end(sender));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(self->b, 1, 1, 0, 0));
}

TEST_F(lent, a_message_that_came_back_goes_to_who_waits_for_it)
{
	struct t_job *receiver = t_job_get_blocked(T_THREAD, self->a, 1);

	ASSERT_TRUE(!!receiver);
	give_back(self);
	EXPECT_TRUE(t_job_got(receiver, 1));
	EXPECT_TRUE(has_sent(self));
	EXPECT_TRUE(t_counters(self->a, 1, 1, 0, 0));
}

TEST_F(lent, it_waits_on_when_who_waited_for_its_message_fails_too)
{
	struct t_job *bad = t_job_recv(T_THREAD, self->a, t_bad_address(), 8, 0);
	__u64 v = 0;

	ASSERT_EQ(0, t_wait_receivers(self->a, 1));
	give_back(self);
	EXPECT_EQ(-EFAULT, t_job_end(bad));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
	EXPECT_TRUE(s_waiting(self->a, 1, 0));
	EXPECT_EQ(1, t_try_get(self->a, &v));
	EXPECT_EQ(1, v);
	EXPECT_TRUE(has_sent(self));
}

TEST_F(lent, it_keeps_its_place_before_senders_that_came_later)
{
	struct t_job *later = t_job_put_blocked(T_THREAD, self->a, 2, 1);
	__u64 v = 0;

	ASSERT_TRUE(!!later);
	give_back(self);
	EXPECT_TRUE(s_waiting(self->a, 2, 0));
	EXPECT_EQ(1, t_try_get(self->a, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(1, t_try_get(self->a, &v));
	EXPECT_EQ(2, v);
	EXPECT_TRUE(has_sent(self));
	EXPECT_EQ(0, t_job_end(later));
}

TEST_F(lent, it_keeps_its_place_before_receivers_that_came_later)
{
	struct t_job *later = t_job_get_blocked(T_THREAD, self->b, 1);

	ASSERT_TRUE(!!later);
	/* Its own place is not in the queue by now. */
	ASSERT_TRUE(s_waiting(self->b, 0, 1));
	give_back(self);
	EXPECT_TRUE(s_waiting(self->b, 0, 2));
	EXPECT_EQ(0, t_try_put(self->b, 5));
	EXPECT_EQ(0, t_try_put(self->b, 6));
	EXPECT_TRUE(has_got(self, 5));
	EXPECT_TRUE(t_job_got(later, 6));
}

TEST_F(lent, pollers_of_every_channel_hear_that_it_waits_again)
{
	int ep_a = p_epoll_of(self->a, EPOLLIN | EPOLLET);
	int ep_b = p_epoll_of(self->b, EPOLLOUT | EPOLLET);
	__u64 v;

	ASSERT_LE(0, ep_b);
	EXPECT_EQ(0, p_epoll_take(ep_a, 0));
	EXPECT_EQ(0, p_epoll_take(ep_b, 0));
	give_back(self);
	EXPECT_EQ(EPOLLIN, p_epoll_take(ep_a, 0));
	EXPECT_EQ(EPOLLOUT, p_epoll_take(ep_b, 0));
	EXPECT_EQ(POLLIN, p_poll_now(self->a));
	EXPECT_EQ(POLLOUT, p_poll_now(self->b));
	EXPECT_EQ(1, t_try_get(self->a, &v));
	EXPECT_TRUE(has_sent(self));
}

/* --- closes --- */

TEST_F(lent, a_close_of_its_channel_lets_it_go_with_success)
{
	__u64 v = 0;

	EXPECT_EQ(0, t_close(self->a, 0));
	EXPECT_TRUE(has_sent(self));
	give_back(self);
	EXPECT_TRUE(t_counters(self->a, 1, 0, 1, 0));
	EXPECT_EQ(1, t_get(self->a, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(0, t_get(self->a, &v));
}

TEST_F(lent, a_close_of_its_other_channel_happens_when_it_comes_back)
{
	EXPECT_EQ(0, t_close(self->b, -EIO));
	EXPECT_TRUE(still_waits(self));
	give_back(self);
	EXPECT_EQ(RECV, end(self));
	EXPECT_TRUE(self->armed ? s_got_closed(&self->set, RECV, -EIO)
				: t_case_got_closed(&self->job->cases[RECV], -EIO));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
}

TEST_F(lent, a_close_of_its_other_channel_does_not_change_that_it_sends)
{
	EXPECT_EQ(0, t_close(self->b, -EIO));
	EXPECT_EQ(0, s_finish(self->taker, &self->taken));
	EXPECT_TRUE(has_sent(self));
}

TEST(a_close_of_another_channel_that_it_sends_to_is_epipe_when_it_comes_back)
{
	int a = t_open(), c = t_open(), taker = s_new(a), sel = s_new(a);
	struct s_set set, taken;

	s_init(&set);
	s_add_send(&set, a, 1);
	s_add_send(&set, c, 2);
	ASSERT_EQ(0, s_arm(sel, &set));
	ASSERT_EQ(0, s_arm_recv(taker, &taken, a));
	EXPECT_EQ(0, t_close(c, 0));
	EXPECT_FALSE(s_happened(sel));
	close(taker);
	EXPECT_TRUE(s_happened(sel));
	EXPECT_EQ(1, s_finish(sel, &set));
	EXPECT_EQ(-EPIPE, set.result);
	EXPECT_TRUE(t_counters(a, 0, 0, 0, 0));
	EXPECT_TRUE(t_counters(c, 0, 0, 0, 0));
}

/* --- its own end --- */

TEST(disarm_while_it_is_lent_finds_that_it_has_sent)
{
	int a = t_open(), taker = s_new(a), sel = s_new(a);
	struct s_set set, taken;
	__u64 v = 0;
	int ep;

	ASSERT_EQ(0, s_arm_send(sel, &set, a, 1));
	ASSERT_EQ(0, s_arm_recv(taker, &taken, a));
	ep = p_epoll_of(sel, EPOLLIN | EPOLLET);
	EXPECT_EQ(0, p_epoll_take(ep, 0));
	EXPECT_EQ(-EALREADY, s_disarm(sel));
	/* Who polls it hears of that, or would never finish it. */
	EXPECT_EQ(EPOLLIN, p_epoll_take(ep, 0));
	EXPECT_EQ(0, s_finish(sel, &set));
	close(taker);
	/* Its sender has returned, so that it is in the buffer. */
	EXPECT_TRUE(t_counters(a, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(a, &v));
	EXPECT_EQ(1, v);
}

TEST(disarm_withdraws_it_when_its_message_has_come_back)
{
	int a = t_open(), taker = s_new(a), sel = s_new(a);
	struct s_set set, taken;
	__u64 v;

	ASSERT_EQ(0, s_arm_send(sel, &set, a, 1));
	ASSERT_EQ(0, s_arm_recv(taker, &taken, a));
	close(taker);
	EXPECT_EQ(0, s_disarm(sel));
	EXPECT_EQ(-EAGAIN, t_try_get(a, &v));
	EXPECT_TRUE(t_counters(a, 0, 0, 0, 0));
}

TEST(a_deadline_while_it_is_lent_ends_a_select_with_success)
{
	int a = t_open(), b = t_open(), taker = s_new(a);
	struct t_select_job *job;
	struct s_set taken;
	__u64 v = 0;

	job = t_select_job_deadline(T_THREAD, T_CASES(t_case_put(a, 1), t_case_get(b)),
				    t_in_a_while());
	ASSERT_EQ(0, t_wait_senders(a, 1));
	ASSERT_EQ(0, s_arm_recv(taker, &taken, a));
	EXPECT_EQ(SEND, t_select_job_end(job));
	EXPECT_TRUE(t_case_sent(&job->cases[SEND]));
	close(taker);
	EXPECT_TRUE(t_counters(a, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(a, &v));
	EXPECT_EQ(1, v);
	EXPECT_TRUE(s_waiting(b, 0, 0));
}

/* Another process, whose death nobody's descriptor hides. */
TEST(a_kill_while_it_is_lent_leaves_the_message_to_its_receiver)
{
	int a = t_open(), b = t_open();
	struct t_select_job *job;
	struct s_set taken;
	__u64 v = 0;
	int taker;

	job = t_select_job_blocked(T_PROCESS, T_CASES(t_case_put(a, 1), t_case_get(b)));
	ASSERT_TRUE(!!job);
	taker = s_new(a);
	ASSERT_EQ(0, s_arm_recv(taker, &taken, a));
	EXPECT_EQ(256 + SIGKILL, t_kill(job->party.pid));
	EXPECT_TRUE(s_waiting(b, 0, 0));
	close(taker);
	EXPECT_EQ(1, t_try_get(a, &v));
	EXPECT_EQ(1, v);
	EXPECT_TRUE(t_counters(a, 1, 1, 0, 0));
}

TEST(closing_a_selector_that_is_lent_leaves_the_message_to_its_receiver)
{
	int a = t_open(), b = t_open(), taker = s_new(a), sel = s_new(a);
	struct s_set taken, set;
	__u64 v = 0;

	s_init(&set);
	s_add_send(&set, a, 1);
	s_add_recv(&set, b);
	ASSERT_EQ(0, s_arm(sel, &set));
	ASSERT_EQ(0, s_arm_recv(taker, &taken, a));
	close(sel);
	EXPECT_TRUE(s_waiting(b, 0, 0));
	close(taker);
	EXPECT_TRUE(t_counters(a, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(a, &v));
	EXPECT_EQ(1, v);
}

/* --- a channel in several cases --- */

TEST(each_of_its_places_in_one_queue_comes_back)
{
	int a = t_open(), b = t_open(), taker = s_new(a), sel = s_new(a);
	struct s_set set, taken;
	int i, index;

	s_init(&set);
	s_add_send(&set, a, 1);
	for (i = 0; i < 3; i++)
		s_add_recv(&set, b);
	ASSERT_EQ(0, s_arm(sel, &set));
	ASSERT_EQ(0, s_arm_recv(taker, &taken, a));
	EXPECT_TRUE(s_waiting(b, 0, 0));
	/* A look at who is first takes them all out of the queue. */
	EXPECT_EQ(0, p_poll_now(b));
	close(taker);
	EXPECT_TRUE(s_waiting(a, 1, 0));
	EXPECT_TRUE(s_waiting(b, 0, 3));
	EXPECT_EQ(0, t_try_put(b, 5));
	index = s_finish(sel, &set);
	ASSERT_LT(0, index);
	EXPECT_TRUE(s_got(&set, index, 5));
	EXPECT_TRUE(s_waiting(a, 0, 0));
	EXPECT_TRUE(s_waiting(b, 0, 0));
}

/* --- both ends of one channel --- */

TEST_F(lent, a_select_of_both_ends_does_not_get_its_own_message_back)
{
	int c = t_open(), both = s_new(c);
	struct s_set set;
	__u64 v = 0;

	s_init(&set);
	s_add_send(&set, c, 4);
	s_add_recv(&set, c);
	ASSERT_EQ(0, s_arm(both, &set));
	EXPECT_EQ(-EFAULT, t_recv(c, t_bad_address(), 8, NULL));
	EXPECT_FALSE(s_happened(both));
	EXPECT_TRUE(s_waiting(c, 1, 1));
	EXPECT_EQ(1, t_try_get(c, &v));
	EXPECT_EQ(4, v);
	EXPECT_EQ(SEND, s_finish(both, &set));
	EXPECT_EQ(0, s_finish(self->taker, &self->taken));
	EXPECT_TRUE(has_sent(self));
}

/* Each of two has lent its message; they meet when the first comes back. */
TEST(two_that_are_lent_meet_when_they_come_back)
{
	int a = t_open(), b = t_open(), take_a = s_new(a), take_b = s_new(b);
	int one = s_new(a), two = s_new(b);
	struct s_set set_one, set_two, taken;

	s_init(&set_one);
	s_add_send(&set_one, a, 1);
	s_add_recv(&set_one, b);
	ASSERT_EQ(0, s_arm(one, &set_one));
	ASSERT_EQ(0, s_arm_recv(take_a, &taken, a));
	s_init(&set_two);
	s_add_send(&set_two, b, 2);
	s_add_recv(&set_two, a);
	ASSERT_EQ(0, s_arm(two, &set_two));
	ASSERT_EQ(0, s_arm_recv(take_b, &taken, b));
	close(take_a);
	EXPECT_FALSE(s_happened(one) || s_happened(two));
	EXPECT_TRUE(s_waiting(a, 1, 0));
	close(take_b);
	/* The second is tried: it sends to the first, or receives what that one sends. */
	if (s_happened(one)) {
		EXPECT_FALSE(s_happened(two));
		EXPECT_EQ(RECV, s_finish(one, &set_one));
		EXPECT_TRUE(s_got(&set_one, RECV, 2));
		EXPECT_EQ(SEND, s_finish(two, &set_two));
	} else {
		EXPECT_EQ(RECV, s_finish(two, &set_two));
		EXPECT_TRUE(s_got(&set_two, RECV, 1));
		EXPECT_EQ(SEND, s_finish(one, &set_one));
	}
	EXPECT_TRUE(s_waiting(a, 0, 0));
	EXPECT_TRUE(s_waiting(b, 0, 0));
}

/* --- all at once --- */

#define SENDERS		3
#define RECEIVERS	4
#define ROUNDS		400

struct storm {
	int a, b;
	bool give_up;		/* senders, at about the time at which a receiver fails */
	unsigned int next_sender, next_receiver;
	unsigned int sent[SENDERS * ROUNDS];
	unsigned int got[SENDERS * ROUNDS];
};

static int send_selecting(void *p)
{
	struct storm *storm = p;
	unsigned int self = __atomic_fetch_add(&storm->next_sender, 1, __ATOMIC_RELAXED), i;
	int ret;

	for (i = 0; i < ROUNDS; i++) {
		__u64 value = self * ROUNDS + i;
		__u64 deadline = storm->give_up ? t_now() + i % 100 * 1000 : 0;

		ret = t_select_deadline(T_CASES(t_case_put(storm->a, value),
						t_case_put(storm->b, value)), 0, deadline);
		T_NEED(ret >= 0 || (storm->give_up && ret == -ETIMEDOUT));
		storm->sent[value] = ret >= 0;
	}
	return 0;
}

/* Every other receive fails; selectors that are closed unfinished among them. */
static int receive_or_fail(void *p)
{
	struct storm *storm = p;
	unsigned int self = __atomic_fetch_add(&storm->next_receiver, 1, __ATOMIC_RELAXED), i;
	int fd = self % 2 ? storm->b : storm->a;
	int ret = 1;
	__u64 v;

	for (i = 0; ret == 1; i++) {
		struct s_set set;
		int sel;

		if (i % 3 == 0)
			t_recv(fd, t_bad_address(), 8, NULL);
		if (i % 3 == 1) {
			sel = s_new(fd);
			T_NEED_EQ(0, s_arm_recv(sel, &set, fd));
			close(sel);
		}
		ret = t_get(fd, &v);
		if (ret == 1 && v < SENDERS * ROUNDS)
			__atomic_fetch_add(&storm->got[v], 1, __ATOMIC_RELAXED);
	}
	return ret;
}

FIXTURE(storm) {
	struct storm *storm;
	unsigned int sent;	/* how many, when it is over */
	enum t_mode mode;
};

FIXTURE_VARIANT(storm) {
	enum t_mode mode;
};

FIXTURE_VARIANT_ADD(storm, process) { .mode = T_PROCESS };
FIXTURE_VARIANT_ADD(storm, thread) { .mode = T_THREAD };

FIXTURE_SETUP(storm)
{
	self->mode = variant->mode;
	self->storm = t_shared(sizeof(*self->storm));
	self->storm->a = t_new(0);
	self->storm->b = t_new(1);
	ASSERT_LE(0, self->storm->b);
}

FIXTURE_TEARDOWN(storm)
{
	EXPECT_EQ(self->sent, p_info(self->storm->a).received + p_info(self->storm->b).received);
	EXPECT_TRUE(s_waiting(self->storm->a, 0, 0));
	EXPECT_TRUE(s_waiting(self->storm->b, 0, 0));
	EXPECT_TRUE(t_conserved(self->storm->a));
	EXPECT_TRUE(t_conserved(self->storm->b));
}

/* What was sent was received once, and nothing else; false: a party has failed. */
static bool rage(FIXTURE_DATA(storm) * self)
{
	struct t_crew senders = { .mode = self->mode }, receivers = { .mode = self->mode };
	struct storm *storm = self->storm;
	unsigned int i;
	bool ok;

	for (i = 0; i < RECEIVERS; i++)
		t_crew_add(&receivers, receive_or_fail, storm);
	for (i = 0; i < SENDERS; i++)
		t_crew_add(&senders, send_selecting, storm);
	ok = t_crew_join(&senders);
	ok = !t_close(storm->a, 0) && !t_close(storm->b, 0) && ok;
	ok = t_crew_join(&receivers) && ok;
	for (i = 0; i < SENDERS * ROUNDS; i++) {
		self->sent += storm->sent[i];
		ok = ok && storm->got[i] == storm->sent[i];
	}
	return ok;
}

TEST_F_TIMEOUT(storm, selects_send_everything_once_to_receivers_that_often_fail, 120)
{
	EXPECT_TRUE(rage(self));
	EXPECT_EQ(SENDERS * ROUNDS, self->sent);
}

TEST_F_TIMEOUT(storm, selects_that_give_up_have_sent_or_have_not, 120)
{
	self->storm->give_up = true;
	EXPECT_TRUE(rage(self));
	/* Deadlines from at once to 0.1 ms: about as long as a send takes. */
	EXPECT_LT(0, self->sent);
	TH_LOG("%u of %u sent", self->sent, SENDERS * ROUNDS);
}

HSK_TEST_MAIN
