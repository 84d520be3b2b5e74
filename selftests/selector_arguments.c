// SPDX-License-Identifier: GPL-2.0-only
/*
 * What selectors refuse, in which order, and that a refusal changes nothing.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include "../kselftest_harness.h"
#include "peer.h"
#include "selector.h"

FIXTURE(refused) {
	int a;			/* both rights, unbuffered */
	int rd, wr;		/* of the same channel */
	int sel;
	struct s_set set;
	struct hsk_arm_args arm;
	struct hsk_finish_args finish;
};

FIXTURE_SETUP(refused)
{
	self->a = t_open();
	self->rd = t_dup(self->a, HSK_RIGHT_READ);
	self->wr = t_dup(self->a, HSK_RIGHT_WRITE);
	self->sel = s_new(self->a);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->rd);
	ASSERT_LE(0, self->wr);
	ASSERT_LE(0, self->sel);
	s_init(&self->set);
	s_add_recv(&self->set, self->rd);
	s_fill(&self->set);
	self->arm = (struct hsk_arm_args) {
		.size = sizeof(self->arm),
		.cases = (uintptr_t)self->set.cases,
		.nr_cases = 1,
	};
	self->finish = (struct hsk_finish_args) {
		.size = sizeof(self->finish),
		.cases = (uintptr_t)self->set.cases,
		.nr_cases = 1,
	};
}

/* Whatever was refused before: the selector is idle and nobody waits. */
FIXTURE_TEARDOWN(refused)
{
	EXPECT_EQ(-ENOENT, s_disarm(self->sel));
	EXPECT_TRUE(s_waiting(self->a, 0, 0));
	EXPECT_TRUE(t_counters(self->a, 0, 0, 0, 0));
}

static int arm(struct _test_data_refused *self)
{
	return t_ioctl(self->sel, HSK_IOC_ARM, &self->arm);
}

static int finish(struct _test_data_refused *self)
{
	return t_ioctl(self->sel, HSK_IOC_FINISH, &self->finish);
}

/* --- making one --------------------------------------------------------------- */

TEST_F(refused, a_selector_is_asked_of_an_endpoint_of_any_right_without_flags)
{
	struct hsk_selector_args args = { .size = sizeof(args) };
	unsigned int fds = t_count_fds();

	args.flags = 1;
	EXPECT_EQ(-EINVAL, t_ioctl(self->a, HSK_IOC_SELECTOR, &args));
	args.flags = 0;
	args.size = sizeof(args) - 1;
	EXPECT_EQ(-EINVAL, t_ioctl(self->a, HSK_IOC_SELECTOR, &args));
	args.size = 4097;
	EXPECT_EQ(-E2BIG, t_ioctl(self->a, HSK_IOC_SELECTOR, &args));
	EXPECT_EQ(-EFAULT, t_ioctl(self->a, HSK_IOC_SELECTOR, t_bad_address()));
	EXPECT_EQ(fds, t_count_fds());
	ASSERT_EQ(0, t_exhaust_fds());
	EXPECT_EQ(-EMFILE, s_new(self->a));
	ASSERT_EQ(0, t_allow_fds());
	EXPECT_LE(0, s_new(self->rd));
	EXPECT_LE(0, s_new(self->wr));
}

TEST_F(refused, it_is_close_on_exec)
{
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->sel, F_GETFD));
}

TEST_F(refused, it_can_not_travel)
{
	EXPECT_EQ(-EOPNOTSUPP, p_try_send_fd(self->wr, self->sel));
	self->set.nr = 0;
	s_add_send_fd(&self->set, self->wr, 1, self->sel);
	EXPECT_EQ(-EOPNOTSUPP, s_arm(self->sel, &self->set));
}

TEST_F(refused, it_has_the_three_ioctls_only)
{
	unsigned char arg[256];
	unsigned int nr;

	memset(arg, 0, sizeof(arg));
	for (nr = 0; nr < 256; nr++) {
		unsigned int cmd = _IO(HSK_IOC_MAGIC, nr);

		if (cmd == HSK_IOC_ARM || cmd == HSK_IOC_FINISH || cmd == HSK_IOC_DISARM)
			continue;
		ASSERT_EQ(-ENOTTY, t_ioctl(self->sel, cmd, arg)) TH_LOG("number %u", nr);
	}
	EXPECT_EQ(-ENOTTY, t_ioctl(self->sel, _IOR(HSK_IOC_MAGIC, 0x19, int), arg));
}

TEST_F(refused, an_endpoint_has_none_of_them)
{
	struct hsk_disarm_args disarm = { .size = sizeof(disarm) };

	EXPECT_EQ(-ENOTTY, t_ioctl(self->a, HSK_IOC_ARM, &self->arm));
	EXPECT_EQ(-ENOTTY, t_ioctl(self->a, HSK_IOC_FINISH, &self->finish));
	EXPECT_EQ(-ENOTTY, t_ioctl(self->a, HSK_IOC_DISARM, &disarm));
}

TEST_F(refused, it_is_no_endpoint_and_no_file_to_read)
{
	char c;

	self->set.cases[0].fd = self->sel;
	EXPECT_EQ(-EBADF, arm(self));
	EXPECT_EQ(-1, read(self->sel, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->sel, "c", 1));
	EXPECT_EQ(EINVAL, errno);
}

/* --- arming ------------------------------------------------------------------- */

TEST_F(refused, arm_with_a_bad_struct)
{
	self->arm.size = sizeof(self->arm) - 1;
	EXPECT_EQ(-EINVAL, arm(self));
	self->arm.size = 4097;
	EXPECT_EQ(-E2BIG, arm(self));
	self->arm.size = sizeof(self->arm);
	self->arm.flags = ~HSK_SELECT_F_ORDERED;
	EXPECT_EQ(-EINVAL, arm(self));
	self->arm.flags = HSK_OP_F_DONTWAIT;
	EXPECT_EQ(-EINVAL, arm(self));
	self->arm.flags = 0;
	self->arm.__reserved0 = 1;
	EXPECT_EQ(-EINVAL, arm(self));
	self->arm.__reserved0 = 0;
	self->arm.nr_cases = HSK_SELECT_CASES_MAX + 1;
	EXPECT_EQ(-EINVAL, arm(self));
	self->arm.nr_cases = ~0U;
	EXPECT_EQ(-EINVAL, arm(self));
	self->arm.nr_cases = 1;
	self->arm.cases = (uintptr_t)t_bad_address();
	EXPECT_EQ(-EFAULT, arm(self));
	EXPECT_EQ(-EFAULT, t_ioctl(self->sel, HSK_IOC_ARM, t_bad_address()));
}

TEST_F(refused, arm_with_a_bad_case)
{
	struct hsk_select_case *bad = &self->set.cases[0];

	bad->op = 0;
	EXPECT_EQ(-EINVAL, arm(self));
	bad->op = HSK_CASE_RECV + 1;
	EXPECT_EQ(-EINVAL, arm(self));
	bad->op = HSK_CASE_SEND;
	EXPECT_EQ(-EBADF, arm(self));
	bad->op = HSK_CASE_RECV;
	bad->fd = self->wr;
	EXPECT_EQ(-EBADF, arm(self));
	bad->fd = -2;
	EXPECT_EQ(-EBADF, arm(self));
	bad->fd = t_free_fd();
	EXPECT_EQ(-EBADF, arm(self));
	bad->fd = 0;
	EXPECT_EQ(-EBADF, arm(self));
	bad->fd = self->rd;
	bad->msg = (uintptr_t)t_bad_address();
	EXPECT_EQ(-EFAULT, arm(self));
	/* Of a receive only the room matters now. */
	bad->msg = (uintptr_t)&self->set.msgs[0];
	self->set.msgs[0].__reserved0 = 1;
	EXPECT_EQ(-EINVAL, arm(self));
	self->set.msgs[0].__reserved0 = 0;
	self->set.msgs[0].__reserved1 = 1;
	EXPECT_EQ(-EINVAL, arm(self));
	self->set.msgs[0].__reserved1 = 0;
	self->set.msgs[0].data = (uintptr_t)t_bad_address();
	self->set.msgs[0].fds = (uintptr_t)t_bad_address();
	EXPECT_EQ(0, arm(self));
	EXPECT_EQ(0, s_disarm(self->sel));
	EXPECT_TRUE(self->set.msgs[0].flags == T_SENTINEL);
}

TEST_F(refused, arm_with_a_bad_message_to_send)
{
	struct hsk_msghdr *msg = &self->set.msgs[0], good;
	int sock[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC), *fd = self->set.fds;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	ASSERT_LE(0, file);
	self->set.nr = 0;
	s_add_send_fd(&self->set, self->wr, 1, self->rd);
	good = *msg;
	msg->flags = HSK_MSG_F_CLOSED;
	EXPECT_EQ(-EINVAL, arm(self));
	*msg = good;
	msg->pid = 1;
	EXPECT_EQ(-EINVAL, arm(self));
	*msg = good;
	msg->len = t_param("max_msg_size") + 1;
	EXPECT_EQ(-EMSGSIZE, arm(self));
	*msg = good;
	msg->nr_fds = t_param("max_fds") + 1;
	EXPECT_EQ(-EMSGSIZE, arm(self));
	*msg = good;
	msg->data = (uintptr_t)t_bad_address();
	EXPECT_EQ(-EFAULT, arm(self));
	*msg = good;
	msg->fds = (uintptr_t)t_bad_address();
	EXPECT_EQ(-EFAULT, arm(self));
	*msg = good;
	*fd = t_free_fd();
	EXPECT_EQ(-EBADF, arm(self));
	*fd = sock[0];
	EXPECT_EQ(-EOPNOTSUPP, arm(self));
	*fd = file;
	EXPECT_EQ(-EOPNOTSUPP, arm(self));
	*fd = self->rd;
	EXPECT_EQ(-ELOOP, arm(self));
}

TEST_F(refused, one_bad_case_refuses_all_and_releases_the_others_descriptors)
{
	int end[2];

	ASSERT_EQ(0, pipe(end));
	self->set.nr = 0;
	s_add_send_fd(&self->set, self->wr, 1, end[1]);
	s_add_recv(&self->set, self->rd);
	/* The last would make a loop, which is looked at last. */
	s_add_send_fd(&self->set, self->wr, 1, self->rd);
	EXPECT_EQ(-ELOOP, s_arm(self->sel, &self->set));
	self->set.fds[2] = -1;
	EXPECT_EQ(-EBADF, s_arm(self->sel, &self->set));
	EXPECT_TRUE(s_untouched(&self->set, 1));
	close(end[1]);
	EXPECT_EQ(0, p_wait_pipe_alone(end[0]));
}

TEST_F(refused, an_armed_message_counts_against_the_limit_until_it_is_withdrawn)
{
	long limit = t_param("max_in_flight");

	ASSERT_LT(0, limit);
	ASSERT_EQ(0, t_set_param("max_in_flight", 1));
	self->set.nr = 0;
	s_add_send_fd(&self->set, self->wr, 1, STDIN_FILENO);
	self->set.fds[0] = memfd_create("m", MFD_CLOEXEC);
	EXPECT_EQ(0, s_arm(self->sel, &self->set));
	EXPECT_EQ(-ETOOMANYREFS, p_try_send_fd(self->wr, self->set.fds[0]));
	EXPECT_EQ(0, s_disarm(self->sel));
	EXPECT_EQ(-EAGAIN, p_try_send_fd(self->wr, self->set.fds[0]));
	s_add_send_fd(&self->set, self->wr, 1, self->set.fds[0]);
	EXPECT_EQ(-ETOOMANYREFS, s_arm(self->sel, &self->set));
	EXPECT_EQ(-EAGAIN, p_try_send_fd(self->wr, self->set.fds[0]));
	EXPECT_EQ(0, t_set_param("max_in_flight", limit));
}

/* --- finish and disarm ---------------------------------------------------------- */

TEST_F(refused, finish_with_a_bad_struct_changes_nothing)
{
	int chan = t_new(1);

	ASSERT_EQ(0, t_try_put(chan, 6));
	ASSERT_EQ(0, s_arm_recv(self->sel, &self->set, chan));
	self->finish.size = sizeof(self->finish) - 1;
	EXPECT_EQ(-EINVAL, finish(self));
	self->finish.size = 4097;
	EXPECT_EQ(-E2BIG, finish(self));
	self->finish.size = sizeof(self->finish);
	self->finish.flags = 1;
	EXPECT_EQ(-EINVAL, finish(self));
	self->finish.flags = 0;
	self->finish.result = 1;
	EXPECT_EQ(-EINVAL, finish(self));
	self->finish.result = 0;
	EXPECT_EQ(-EFAULT, t_ioctl(self->sel, HSK_IOC_FINISH, t_bad_address()));
	EXPECT_TRUE(s_happened(self->sel));
	EXPECT_TRUE(t_counters(chan, 1, 0, 1, 0));
	EXPECT_TRUE(s_untouched(&self->set, 0));
	EXPECT_EQ(0, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 0, 6));
}

TEST_F(refused, finish_looks_only_at_the_case_that_happened)
{
	int chan = t_new(1);

	ASSERT_EQ(0, t_try_put(chan, 6));
	s_add_recv(&self->set, chan);
	s_add_send(&self->set, self->wr, 1);
	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	self->set.cases[0] = (struct hsk_select_case) { .fd = -7, .op = T_SENTINEL };
	self->set.cases[2] = self->set.cases[0];
	self->set.cases[1].fd = -7;
	EXPECT_EQ(1, s_finish(self->sel, &self->set));
	EXPECT_TRUE(s_got(&self->set, 1, 6));
}

TEST_F(refused, disarm_with_a_bad_struct_changes_nothing)
{
	struct hsk_disarm_args args = { .size = sizeof(args) };

	ASSERT_EQ(0, s_arm(self->sel, &self->set));
	args.__reserved0 = 1;
	EXPECT_EQ(-EINVAL, t_ioctl(self->sel, HSK_IOC_DISARM, &args));
	args.__reserved0 = 0;
	args.size = sizeof(args) - 1;
	EXPECT_EQ(-EINVAL, t_ioctl(self->sel, HSK_IOC_DISARM, &args));
	args.size = 4097;
	EXPECT_EQ(-E2BIG, t_ioctl(self->sel, HSK_IOC_DISARM, &args));
	EXPECT_EQ(-EFAULT, t_ioctl(self->sel, HSK_IOC_DISARM, t_bad_address()));
	EXPECT_TRUE(s_waiting(self->a, 0, 1));
	EXPECT_EQ(0, s_disarm(self->sel));
}

HSK_TEST_MAIN
