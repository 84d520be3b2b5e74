/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Contexts for tests: deriving one, operations that are given one, and members,
 * which are processes that derive a context and wait for its end.
 */
#ifndef HSK_TEST_CONTEXT_H
#define HSK_TEST_CONTEXT_H

#include "peer.h"

#define C_NONE	INT32_MIN	/* no reason: not closed, or it could not be told */

/* --- deriving --- */

/* CHAN_NEW on @parent with this very parent, capacity 0; deadline 0: none. */
static inline int c_derive(int parent, __u64 deadline)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args),
		.flags = HSK_CHAN_F_PARENT,
		.parent = parent,
		.deadline = deadline,
	};

	return t_ioctl(parent, HSK_IOC_CHAN_NEW, &args);
}

/* A channel without a parent that closes by itself. */
static inline int c_expiring(__u64 deadline)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args),
		.deadline = deadline,
	};
	int first = t_open();
	int fd = t_ioctl(first, HSK_IOC_CHAN_NEW, &args);

	close(first);
	return fd;
}

static inline bool c_open(int fd)
{
	return !(p_info(fd).state & HSK_STATE_CLOSED);
}

/* Why it is closed, now; C_NONE: it is not. */
static inline int c_reason(int fd)
{
	struct hsk_info_args info = p_info(fd);

	return info.state & HSK_STATE_CLOSED ? info.reason : C_NONE;
}

/* Waits for its end: the reason, as a receiver learns it. */
static inline int c_wait(int fd)
{
	struct hsk_msghdr msg;
	__u64 end = t_in_ms(P_PATIENCE_S * 1000);

	if (t_recv_deadline(fd, NULL, 0, end, &msg) ||
	    msg.flags != HSK_MSG_F_CLOSED)
		return C_NONE;
	return msg.reason;
}

/* --- operations with a context --- */

enum c_kind { C_SEND, C_RECV, C_SELECT_SEND, C_SELECT_RECV };

/*
 * One operation on @fd. A select has a case more, which never happens: a receive on
 * @idle.
 */
struct c_op {
	enum c_kind kind;
	int fd, idle;
	int ctx;
	unsigned int flags;	/* HSK_OP_F_CTX has to be among them */
	__u64 deadline;
	__u64 value;		/* sent, or received */
	void *buf;		/* of the message; NULL: @value */
	int left;		/* unless 0, a process closes this descriptor first */
	int ret;		/* 0, or negative */
	int reason;		/* ctx_reason, in and out */
	struct hsk_msghdr msg;	/* received */
	pid_t tid;		/* who performs it, atomic; 0: not yet */
	struct t_party party;
};

static inline bool c_is_send(const struct c_op *op)
{
	return op->kind == C_SEND || op->kind == C_SELECT_SEND;
}

static inline struct hsk_msghdr c_message(struct c_op *op)
{
	return (struct hsk_msghdr) {
		.data = (uintptr_t)(op->buf ? op->buf : &op->value),
		.len = sizeof(op->value),
	};
}

static inline void c_send(struct c_op *op)
{
	struct hsk_send_args args = {
		.size = sizeof(args),
		.flags = op->flags,
		.deadline = op->deadline,
		.msg = c_message(op),
		.ctx = op->ctx,
		.ctx_reason = op->reason,
	};

	op->ret = t_ioctl(op->fd, HSK_IOC_SEND, &args);
	op->reason = args.ctx_reason;
}

static inline void c_recv(struct c_op *op)
{
	struct hsk_recv_args args = {
		.size = sizeof(args),
		.flags = op->flags,
		.deadline = op->deadline,
		.msg = c_message(op),
		.ctx = op->ctx,
		.ctx_reason = op->reason,
	};

	op->ret = t_ioctl(op->fd, HSK_IOC_RECV, &args);
	op->reason = args.ctx_reason;
	op->msg = args.msg;
}

static inline void c_select(struct c_op *op)
{
	struct hsk_msghdr msg = c_message(op), never = { .len = 0 };
	struct hsk_select_case cases[] = {
		{ op->fd, c_is_send(op) ? HSK_CASE_SEND : HSK_CASE_RECV, (uintptr_t)&msg },
		{ op->idle, HSK_CASE_RECV, (uintptr_t)&never },
	};
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = op->flags,
		.deadline = op->deadline,
		.cases = (uintptr_t)cases,
		.nr_cases = 2,
		.ctx = op->ctx,
		.ctx_reason = op->reason,
	};

	op->ret = t_ioctl(op->fd, HSK_IOC_SELECT, &args);
	if (op->ret >= 0)
		op->ret = op->ret ? -EBADR : args.result;
	op->reason = args.ctx_reason;
	op->msg = msg;
}

/* Returns what the operation did. */
static inline int c_run(struct c_op *op)
{
	op->ret = -ENODATA;
	if (op->kind == C_SEND)
		c_send(op);
	else if (op->kind == C_RECV)
		c_recv(op);
	else
		c_select(op);
	return op->ret;
}

static inline int c_run_party(void *p)
{
	struct c_op *op = p;

	if (op->left && op->party.mode == T_PROCESS)
		close(op->left);
	__atomic_store_n(&op->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	c_run(op);
	return 0;
}

/* In memory that processes share; @fd and @ctx as given, HSK_OP_F_CTX set. */
static inline struct c_op *c_op_new(enum c_kind kind, int fd, int ctx)
{
	struct c_op *op = t_shared(sizeof(*op));

	op->kind = kind;
	op->fd = fd;
	op->ctx = ctx;
	op->flags = HSK_OP_F_CTX;
	op->value = 7;
	if (kind == C_SELECT_SEND || kind == C_SELECT_RECV)
		op->idle = t_open();
	return op;
}

static inline int c_wait_blocked(struct c_op *op, unsigned int nr)
{
	return c_is_send(op) ? t_wait_senders(op->fd, nr) : t_wait_receivers(op->fd, nr);
}

/* Starts it in another party and waits until @nr of its kind are blocked. */
static inline bool c_op_blocks(struct c_op *op, enum t_mode mode, unsigned int nr)
{
	return !t_start(&op->party, mode, c_run_party, op) && !c_wait_blocked(op, nr);
}

static inline bool c_op_still_blocked(struct c_op *op)
{
	return t_party_running(&op->party);
}

/* What it returned. */
static inline int c_op_end(struct c_op *op)
{
	return t_join(&op->party) ? -ECHILD : op->ret;
}

/* --- members --- */

/*
 * A process that derives a context from @up, hands an endpoint of it out, and waits
 * for its end. It has no other endpoint: with READ for @rights, its death ends its
 * context.
 */
struct c_member {
	int up, out;
	__u64 deadline;
	unsigned int rights;
	int reason;
	__u64 told;		/* when it learnt of the end */
	struct t_party party;
};

/* Keeps 0 to 2 and two more. */
static inline void c_close_others(int one, int other)
{
	int fd;

	for (fd = 3; fd < 256; fd++)
		if (fd != one && fd != other)
			close(fd);
}

static inline int c_member_main(void *p)
{
	struct c_member *member = p;
	int fd, copy;

	c_close_others(member->up, member->out);
	fd = c_derive(member->up, member->deadline);
	T_NEED(fd >= 0);
	close(member->up);
	copy = t_dup(fd, member->rights);
	T_NEED(copy >= 0);
	T_NEED_EQ(0, t_send_fd(member->out, copy));
	close(copy);
	close(member->out);
	member->reason = c_wait(fd);
	member->told = t_now();
	return 0;
}

/* *@seen is an endpoint of its context, with @rights. */
static inline struct c_member *c_member_start(int up, __u64 deadline,
					      unsigned int rights, int *seen)
{
	struct c_member *member = t_shared(sizeof(*member));

	member->up = t_dup(up, HSK_RIGHT_READ);
	member->out = t_open();
	member->deadline = deadline;
	member->rights = rights;
	member->reason = C_NONE;
	if (t_start(&member->party, T_PROCESS, c_member_main, member))
		abort();
	*seen = t_recv_fd(member->out);
	close(member->up);
	close(member->out);
	return member;
}

static inline bool c_member_waits(struct c_member *member)
{
	return t_party_running(&member->party);
}

/* The reason that it has learnt, having ended. */
static inline int c_member_end(struct c_member *member)
{
	return t_join(&member->party) ? C_NONE : member->reason;
}

#endif /* HSK_TEST_CONTEXT_H */
