/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selectors as functions: a set of cases with the memory of their messages, and the
 * ioctls that take one. As in hsk_test.h the functions return what the ioctl returns
 * or -errno, and fill what it may write with a sentinel before.
 */
#ifndef HSK_TEST_SELECTOR_H
#define HSK_TEST_SELECTOR_H

#include <poll.h>

#include "hsk_test.h"

/*
 * Up to as many cases as a select may have. Each message is one 64-bit number, with a
 * descriptor if one is asked for.
 */
struct s_set {
	unsigned int nr;
	unsigned int flags;	/* of ARM or SELECT */
	__s32 result;		/* of FINISH or SELECT */
	struct hsk_select_case cases[HSK_SELECT_CASES_MAX];
	struct hsk_msghdr msgs[HSK_SELECT_CASES_MAX];
	__u64 values[HSK_SELECT_CASES_MAX];
	__s32 fds[HSK_SELECT_CASES_MAX];
};

static inline void s_init(struct s_set *set)
{
	memset(set, 0, sizeof(*set));
}

static inline unsigned int s_add(struct s_set *set, int fd, unsigned int op)
{
	unsigned int i = set->nr++;
	struct hsk_msghdr *msg = &set->msgs[i];

	set->cases[i].fd = fd;
	set->cases[i].op = op;
	set->cases[i].msg = (uintptr_t)msg;
	memset(msg, 0, sizeof(*msg));
	msg->data = (uintptr_t)&set->values[i];
	msg->len = sizeof(set->values[i]);
	msg->fds = (uintptr_t)&set->fds[i];
	set->fds[i] = -1;
	return i;
}

/* These return the new case's index. */
static inline unsigned int s_add_send(struct s_set *set, int fd, __u64 value)
{
	unsigned int i = s_add(set, fd, HSK_CASE_SEND);

	set->values[i] = value;
	return i;
}

static inline unsigned int s_add_send_fd(struct s_set *set, int fd, __u64 value,
					 int passed)
{
	unsigned int i = s_add_send(set, fd, value);

	set->fds[i] = passed;
	set->msgs[i].nr_fds = 1;
	return i;
}

static inline unsigned int s_add_recv(struct s_set *set, int fd)
{
	return s_add(set, fd, HSK_CASE_RECV);
}

static inline unsigned int s_add_recv_fd(struct s_set *set, int fd)
{
	unsigned int i = s_add_recv(set, fd);

	set->msgs[i].nr_fds = 1;
	return i;
}

static inline unsigned int s_add_disabled(struct s_set *set)
{
	unsigned int i = s_add(set, -1, T_SENTINEL);

	set->cases[i].msg = (uintptr_t)t_bad_address();
	return i;
}

/* What a receive may write, but for the room. */
static inline void s_fill(struct s_set *set)
{
	unsigned int i;

	set->result = 0;
	for (i = 0; i < set->nr; i++) {
		struct hsk_msghdr *msg = &set->msgs[i];

		if (set->cases[i].op != HSK_CASE_RECV)
			continue;
		msg->len = sizeof(set->values[i]);
		msg->flags = T_SENTINEL;
		msg->reason = T_SENTINEL;
		msg->pid = T_SENTINEL;
		msg->uid = T_SENTINEL;
		msg->gid = T_SENTINEL;
		t_fill(&set->values[i], sizeof(set->values[i]));
		t_fill(&set->fds[i], sizeof(set->fds[i]));
	}
}

/* --- ioctls: 0, an index, a descriptor, or -errno --- */

/* A new selector, asked of endpoint @fd. */
static inline int s_new(int fd)
{
	struct hsk_selector_args args = { .size = sizeof(args) };

	return t_ioctl(fd, HSK_IOC_SELECTOR, &args);
}

static inline int s_arm(int sel, struct s_set *set)
{
	struct hsk_arm_args args = {
		.size = sizeof(args),
		.flags = set->flags,
		.cases = (uintptr_t)set->cases,
		.nr_cases = set->nr,
	};

	s_fill(set);
	return t_ioctl(sel, HSK_IOC_ARM, &args);
}

/* As s_finish(), with the rooms as the test has left them. */
static inline int s_finish_as_is(int sel, struct s_set *set)
{
	struct hsk_finish_args args = {
		.size = sizeof(args),
		.cases = (uintptr_t)set->cases,
		.nr_cases = set->nr,
	};
	int ret = t_ioctl(sel, HSK_IOC_FINISH, &args);

	set->result = args.result;
	return ret;
}

static inline int s_finish(int sel, struct s_set *set)
{
	s_fill(set);
	return s_finish_as_is(sel, set);
}

static inline int s_disarm(int sel)
{
	struct hsk_disarm_args args = { .size = sizeof(args) };

	return t_ioctl(sel, HSK_IOC_DISARM, &args);
}

/* HSK_IOC_SELECT, asked of endpoint @fd. */
static inline int s_select(int fd, struct s_set *set)
{
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = set->flags,
		.cases = (uintptr_t)set->cases,
		.nr_cases = set->nr,
	};
	int ret;

	s_fill(set);
	ret = t_ioctl(fd, HSK_IOC_SELECT, &args);
	set->result = args.result;
	return ret;
}

/* --- the usual short ways --- */

/* Only this case; 0 or -errno. */
static inline int s_arm_recv(int sel, struct s_set *set, int fd)
{
	s_init(set);
	s_add_recv(set, fd);
	return s_arm(sel, set);
}

static inline int s_arm_send(int sel, struct s_set *set, int fd, __u64 value)
{
	s_init(set);
	s_add_send(set, fd, value);
	return s_arm(sel, set);
}

/* Has one case happened? Says on stderr if poll(2) says anything else. */
static inline bool s_happened(int sel)
{
	struct pollfd pfd = {
		.fd = sel,
		.events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI,
	};
	int ret = poll(&pfd, 1, 0);

	if (ret < 0 || (ret && pfd.revents != POLLIN))
		fprintf(stderr, "# selector: poll says %#x\n", pfd.revents);
	return ret == 1 && pfd.revents == POLLIN;
}

/* Waits for it. 0 or -ETIMEDOUT. */
static inline int s_wait_happened(int sel)
{
	struct pollfd pfd = { .fd = sel, .events = POLLIN };

	return poll(&pfd, 1, 15000 * t_slow()) == 1 ? 0 : -ETIMEDOUT;
}

/* Case @i has received this number, from a process of the test. */
static inline bool s_got(const struct s_set *set, unsigned int i, __u64 value)
{
	const struct hsk_msghdr *msg = &set->msgs[i];

	if (!set->result && msg->len == sizeof(value) && !msg->flags &&
	    !msg->reason && msg->pid > 0 && set->values[i] == value)
		return true;
	fprintf(stderr, "# result %d, %u bytes, flags %#x, value %#llx\n",
		set->result, msg->len, msg->flags,
		(unsigned long long)set->values[i]);
	return false;
}

static inline bool s_got_closed(const struct s_set *set, unsigned int i, int reason)
{
	const struct hsk_msghdr *msg = &set->msgs[i];

	if (!set->result && msg->flags == HSK_MSG_F_CLOSED && !msg->len &&
	    !msg->nr_fds && msg->reason == reason &&
	    t_untouched(&set->values[i], sizeof(set->values[i])))
		return true;
	fprintf(stderr, "# result %d, %u bytes, flags %#x, reason %d\n",
		set->result, msg->len, msg->flags, msg->reason);
	return false;
}

/* Nothing was written to the message of this receive. */
static inline bool s_untouched(const struct s_set *set, unsigned int i)
{
	const struct hsk_msghdr *msg = &set->msgs[i];

	return msg->len == sizeof(set->values[i]) && msg->flags == T_SENTINEL &&
	       msg->reason == (__s32)T_SENTINEL && msg->pid == (__s32)T_SENTINEL &&
	       msg->uid == T_SENTINEL && msg->gid == T_SENTINEL &&
	       t_untouched(&set->values[i], sizeof(set->values[i])) &&
	       t_untouched(&set->fds[i], sizeof(set->fds[i]));
}

/* INFO says that so many wait. */
static inline bool s_waiting(int fd, unsigned int senders, unsigned int receivers)
{
	struct hsk_info_args info;

	if (t_info(fd, &info))
		return false;
	if (info.waiting_senders == senders && info.waiting_receivers == receivers)
		return true;
	fprintf(stderr, "# %u senders and %u receivers wait\n",
		info.waiting_senders, info.waiting_receivers);
	return false;
}

#endif /* HSK_TEST_SELECTOR_H */
