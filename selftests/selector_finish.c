// SPDX-License-Identifier: GPL-2.0-only
/*
 * DISARM and FINISH: withdrawn or finished and armed again, and a FINISH that can't
 * take the message, which then goes back (law 1).
 */
#include <sys/mman.h>

#include "../kselftest_harness.h"
#include "peer.h"
#include "selector.h"

#define ROUNDS	300

FIXTURE(finish) {
	int a, b;		/* unbuffered */
	int sel;
	struct s_set set;
};

FIXTURE_SETUP(finish)
{
	self->a = t_open();
	self->b = t_open();
	self->sel = s_new(self->a);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
	ASSERT_LE(0, self->sel);
	s_init(&self->set);
}

FIXTURE_TEARDOWN(finish)
{
	close(self->sel);
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_TRUE(t_conserved(self->a));
	EXPECT_TRUE(t_conserved(self->b));
}

/* --- withdrawn, and again ---------------------------------------------------- */

TEST_F(finish, disarm_withdraws_every_case)
{
	__u64 value;

	s_add_recv(&self->set, self->a);
	s_add_send(&self->set, self->b, 1);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_EQ(0, s_disarm(self->sel));
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_EQ(-EAGAIN, t_try_put(self->a, 1));
	EXPECT_EQ(-EAGAIN, t_try_get(self->b, &value));
	EXPECT_FALSE(s_happened(self->sel));
	EXPECT_EQ(-ENOENT, s_disarm(self->sel));
	EXPECT_EQ(-ENOENT, s_finish(self->sel, &self->set));
}

TEST_F(finish, disarm_drops_the_messages_to_send_with_their_descriptors)
{
	int end[2];

	ASSERT_EQ(0, pipe(end));
	s_add_send_fd(&self->set, self->a, 1, end[1]);
	s_add_send_fd(&self->set, self->b, 2, end[1]);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	close(end[1]);
	EXPECT_FALSE(p_pipe_alone(end[0]));
	EXPECT_EQ(0, s_disarm(self->sel));
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
}

TEST_F(finish, finish_drops_the_messages_that_were_not_chosen)
{
	int end[2];

	ASSERT_EQ(0, pipe(end));
	s_add_send_fd(&self->set, self->a, 1, end[1]);
	s_add_recv(&self->set, self->b);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	close(end[1]);
	ASSERT_EQ(0, t_try_put(self->b, 3));
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
}

TEST_F(finish, what_has_happened_can_be_finished_but_not_disarmed)
{
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	ASSERT_EQ(0, t_try_put(self->a, 1));
	EXPECT_EQ(-EALREADY, s_disarm(self->sel));
	EXPECT_EQ(-EALREADY, s_disarm(self->sel));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 1));
	EXPECT_EQ(-ENOENT, s_disarm(self->sel));
}

TEST_F(finish, armed_twice_is_ebusy_and_the_first_stands)
{
	struct s_set other;
	int end[2];

	ASSERT_EQ(0, pipe(end));
	s_init(&other);
	s_add_send_fd(&other, self->b, 9, end[1]);
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	EXPECT_EQ(-EBUSY, s_arm(self->sel, &other));
	ASSERT_EQ(0, t_try_put(self->a, 1));
	EXPECT_EQ(-EBUSY, s_arm(self->sel, &other));
	EXPECT_TRUE(s_waiting(self->b, 0, 0));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 1));
	close(end[1]);
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
}

TEST_F(finish, another_number_of_cases_is_einval_and_changes_nothing)
{
	s_add_recv(&self->set, self->a);
	s_add_recv(&self->set, self->b);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	ASSERT_EQ(0, t_try_put(self->b, 1));
	for (self->set.nr = 0; self->set.nr < 6; self->set.nr++) {
		if (self->set.nr == 2)
			continue;
		EXPECT_EQ(-EINVAL, s_finish(self->sel, &self->set));
		EXPECT_TRUE(s_happened(self->sel));
	}
	self->set.nr = 2;
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 1, 1));
}

TEST_F(finish, one_serves_for_ever)
{
	unsigned int i, fds = t_count_fds();
	__u64 value;

	for (i = 0; i < ROUNDS; i++) {
		s_init(&self->set);
		s_add_recv(&self->set, self->a);
		s_add_send(&self->set, self->b, i);
		ASSERT_EQ(0, s_arm(self->sel, &self->set));
		switch (i % 3) {
		case 0:
			ASSERT_EQ(0, t_try_put(self->a, i));
			ASSERT_EQ(0, s_finish(self->sel, &self->set));
			ASSERT_TRUE(s_got(&self->set, 0, i));
			break;
		case 1:
			ASSERT_EQ(1, t_try_get(self->b, &value));
			ASSERT_EQ(i, value);
			ASSERT_EQ(1, s_finish(self->sel, &self->set));
			break;
		default:
			ASSERT_EQ(0, s_disarm(self->sel));
		}
	}
	EXPECT_EQ(fds, t_count_fds());
	EXPECT_TRUE(t_counters(self->a, ROUNDS / 3, ROUNDS / 3, 0, 0));
	EXPECT_TRUE(t_counters(self->b, ROUNDS / 3, ROUNDS / 3, 0, 0));
}

/* --- FINISH that can't take the message -------------------------------------------- */

TEST_F(finish, too_little_room_at_finish_is_emsgsize_and_the_message_goes_back)
{
	__u64 value = 0;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	ASSERT_EQ(0, t_try_put(self->a, 1));
	s_fill(&self->set);
	self->set.msgs[0].len = 7;
	EXPECT_EQ(0, s_finish_as_is(self->sel, &self->set));
	EXPECT_EQ(-EMSGSIZE, self->set.result);
	EXPECT_EQ(8, self->set.msgs[0].len);
	EXPECT_EQ(0, self->set.msgs[0].nr_fds);
	EXPECT_TRUE(t_untouched(&self->set.values[0], 8));
	EXPECT_EQ(-ENOENT, s_finish(self->sel, &self->set));
	EXPECT_TRUE(t_counters(self->a, 1, 0, 1, 0));
	EXPECT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(1, value);
}

TEST_F(finish, too_little_room_when_armed_is_emsgsize_and_a_dontwait_send_eagain)
{
	s_add_recv(&self->set, self->a);
	s_add_recv(&self->set, self->b);
	s_fill(&self->set);
	self->set.msgs[0].len = 8;
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_EQ(-EAGAIN, t_send_flags(self->a, "123456789", 9, HSK_OP_F_DONTWAIT));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_EQ(-EMSGSIZE, self->set.result);
	EXPECT_EQ(9, self->set.msgs[0].len);
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
}

static int finish_with_cases_at(int sel, void *cases, struct s_set *set)
{
	struct hsk_finish_args args = {
		.size = sizeof(args),
		.cases = (uintptr_t)cases,
		.nr_cases = set->nr,
	};
	int ret = t_ioctl(sel, HSK_IOC_FINISH, &args);

	set->result = args.result;
	return ret;
}

TEST_F(finish, bad_memory_at_finish_is_efault_and_the_message_goes_back)
{
	unsigned int bad;
	__u64 value;
	int ret;

	for (bad = 0; bad < 4; bad++) {
		struct hsk_select_case *given = &self->set.cases[0];

		ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
		ASSERT_EQ(0, t_try_put(self->a, bad));
		s_fill(&self->set);
		if (bad == 0)
			self->set.msgs[0].data = (uintptr_t)t_bad_address();
		else if (bad == 1)
			given->msg = (uintptr_t)t_bad_address();
		else if (bad == 2)
			given->msg = (uintptr_t)t_edge() - 8;
		ret = bad < 3 ? s_finish_as_is(self->sel, &self->set) :
				finish_with_cases_at(self->sel, t_bad_address(), &self->set);
		EXPECT_EQ(0, ret);
		EXPECT_EQ(-EFAULT, self->set.result);
		EXPECT_TRUE(s_untouched(&self->set, 0));
		EXPECT_EQ(-ENOENT, s_disarm(self->sel));
		EXPECT_TRUE(t_counters(self->a, bad + 1, bad, 1, 0));
		ASSERT_EQ(1, t_try_get(self->a, &value));
		EXPECT_EQ(bad, value);
	}
}

TEST_F(finish, a_reserved_member_is_einval_and_the_message_is_back)
{
	__u64 value;

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	ASSERT_EQ(0, t_try_put(self->a, 7));
	s_fill(&self->set);
	self->set.msgs[0].__reserved1 = 1;
	EXPECT_EQ(0, s_finish_as_is(self->sel, &self->set));
	EXPECT_EQ(-EINVAL, self->set.result);
	EXPECT_TRUE(s_untouched(&self->set, 0));
	EXPECT_EQ(-ENOENT, s_disarm(self->sel));
	ASSERT_EQ(1, t_try_get(self->a, &value));
	EXPECT_EQ(7, value);
}

TEST_F(finish, too_little_room_and_bad_memory_is_efault)
{
	__u64 value;

	s_add_recv(&self->set, self->a);
	s_fill(&self->set);
	self->set.msgs[0].len = 0;
	ASSERT_EQ(0, t_ioctl(self->sel, HSK_IOC_ARM, &(struct hsk_arm_args){
		.size = sizeof(struct hsk_arm_args),
		.cases = (uintptr_t)self->set.cases,
		.nr_cases = 1,
	}));
	EXPECT_EQ(-EAGAIN, t_try_put(self->a, 1));
	EXPECT_EQ(0, finish_with_cases_at(self->sel, t_bad_address(), &self->set));
	EXPECT_EQ(-EFAULT, self->set.result);
	EXPECT_EQ(-EAGAIN, t_try_get(self->a, &value));
}

/* As a copy in memory that can only be read. */
static void *read_only(const void *args, size_t size)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(page, args, size);
	return mprotect(page, 4096, PROT_READ) ? NULL : page;
}

TEST_F(finish, arguments_that_cannot_be_written_are_efault_and_nothing_has_happened)
{
	struct hsk_finish_args args = {
		.size = sizeof(args),
		.cases = (uintptr_t)self->set.cases,
		.nr_cases = 1,
	};

	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, self->a));
	ASSERT_EQ(0, t_try_put(self->a, 5));
	EXPECT_EQ(-EFAULT, t_ioctl(self->sel, HSK_IOC_FINISH, read_only(&args, sizeof(args))));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 5));
}

TEST_F(finish, select_whose_arguments_cannot_be_written_is_efault_if_there_is_a_result)
{
	struct hsk_select_args args = {
		.size = sizeof(args),
		.cases = (uintptr_t)self->set.cases,
		.nr_cases = 1,
	};

	s_add_send(&self->set, self->a, 1);
	ASSERT_EQ(0, t_close(self->a, 0));
	EXPECT_EQ(-EFAULT, t_ioctl(self->a, HSK_IOC_SELECT, read_only(&args, sizeof(args))));
	EXPECT_EQ(0, t_ioctl(self->a, HSK_IOC_SELECT, &args));
	EXPECT_EQ(-EPIPE, args.result);
}

TEST_F(finish, select_whose_result_cannot_be_written_leaves_the_room_alone)
{
	struct hsk_select_args args = {
		.size = sizeof(args),
		.cases = (uintptr_t)self->set.cases,
		.nr_cases = 1,
	};
	int full = t_new(1);

	s_add_recv(&self->set, full);
	self->set.msgs[0].len = 0;
	ASSERT_EQ(0, t_try_put(full, 5));
	EXPECT_EQ(-EFAULT, t_ioctl(self->a, HSK_IOC_SELECT, read_only(&args, sizeof(args))));
	EXPECT_EQ(0, self->set.msgs[0].len);
	EXPECT_EQ(0, t_ioctl(self->a, HSK_IOC_SELECT, &args));
	EXPECT_EQ(-EMSGSIZE, args.result);
	EXPECT_EQ(sizeof(__u64), self->set.msgs[0].len);
}

TEST_F(finish, no_free_descriptor_at_finish_is_emfile_and_the_message_goes_back)
{
	struct p_op op;

	ASSERT_EQ(0, p_send_fd_start(&op, self->a, self->b));
	ASSERT_EQ(0, t_wait_senders(self->a, 1));
	s_add_recv_fd(&self->set, self->a);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	ASSERT_EQ(0, t_exhaust_fds());
	s_fill(&self->set);
	EXPECT_EQ(0, s_finish_as_is(self->sel, &self->set));
	EXPECT_EQ(-EMFILE, self->set.result);
	ASSERT_EQ(0, t_allow_fds());
	EXPECT_TRUE(s_untouched(&self->set, 0));
	EXPECT_TRUE(s_waiting(self->a, 1, 0));
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_EQ(0, self->set.result);
	ASSERT_LE(0, self->set.fds[0]);
	EXPECT_EQ(0, p_op_join(&op));
}

HSK_TEST_MAIN
