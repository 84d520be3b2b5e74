/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * hsk: channels between processes, as file descriptors.
 *
 * open("/dev/hsk", O_RDWR) makes a channel of capacity 0 (rendezvous) and
 * returns its first endpoint. Every operation below is an ioctl on an
 * endpoint, but for those of a selector. read(2), write(2), poll(2), epoll(7),
 * close(2) work as described in hsk(4).
 *
 * Rules that hold for every ioctl here:
 *
 * - The argument is a pointer to the struct named beside the number. Its first
 *   member, size, is sizeof(the struct) as the program was compiled. A size
 *   smaller than the first published version is EINVAL. A larger one is
 *   accepted while the part this kernel does not know is zero, else E2BIG, and
 *   so is one above 4096.
 * - Unknown flags and non-zero reserved members are EINVAL.
 * - On error nothing has happened and no member has been written, except where
 *   an errno below says so.
 * - User pointers are __u64 so that 32-bit programs need no translation.
 *
 * Errors common to all: EFAULT (the argument cannot be read or written),
 * EINVAL, E2BIG (both above), ENOTTY (no such ioctl), ENOMEM (no memory, or
 * the memory cgroup's limit is reached).
 */
#ifndef _UAPI_LINUX_HSK_H
#define _UAPI_LINUX_HSK_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What HSK_IOC_ABI reports for this header. */
#define HSK_ABI_VERSION		1

/* Where the device node is expected. */
#define HSK_DEVICE		"/dev/hsk"

#define HSK_IOC_MAGIC		0xDA

/* Rights of an endpoint. They never grow, by no route. */
#define HSK_RIGHT_READ		0x1U		/* may receive */
#define HSK_RIGHT_WRITE		0x2U		/* may send and close */

/* Flags of the operations that can block (send, receive, select). */
#define HSK_OP_F_DONTWAIT	0x1U		/* EAGAIN instead of blocking */
#define HSK_OP_F_CTX		0x2U		/* member ctx is a context */

/* Flags of a select or of arming a selector. */
#define HSK_SELECT_F_ORDERED	0x10U		/* of several ready cases the first */

/* What a case of a select does (hsk_select_case.op). */
#define HSK_CASE_SEND		1U
#define HSK_CASE_RECV		2U

/* The most cases that one select may have. */
#define HSK_SELECT_CASES_MAX	64

/* Flags of a new channel (hsk_chan_new_args.flags). */
#define HSK_CHAN_F_PARENT	0x1U		/* member parent is a channel */

/* Marks on a received message (hsk_msghdr.flags). */
#define HSK_MSG_F_CLOSED	0x1U		/* closed and drained: no message */

/* State of a channel (hsk_info_args.state). */
#define HSK_STATE_CLOSED	0x1U		/* no send will succeed any more */

/* Features that a kernel may have beyond this version (hsk_abi_args.features). */
#define HSK_FEATURE_CHANNELS	0x1ULL		/* send, receive, close, poll */
#define HSK_FEATURE_SELECT	0x2ULL		/* select and selectors */
#define HSK_FEATURE_CONTEXTS	0x4ULL		/* parent, deadline, HSK_OP_F_CTX */

/**
 * struct hsk_msghdr - a message, as it is sent or received
 * @data: user pointer to the bytes; ignored when @len is 0
 * @fds: user pointer to an array of __s32 descriptors; ignored when @nr_fds is 0
 * @len: send: number of bytes. Receive: in, room at @data; out, bytes received,
 *	or with EMSGSIZE the bytes needed
 * @nr_fds: send: number of descriptors. Receive: in, room at @fds in
 *	descriptors; out, descriptors received, or with EMSGSIZE those needed
 * @flags: send: 0. Receive: out, HSK_MSG_F_*
 * @reason: send: 0. Receive: out, with HSK_MSG_F_CLOSED the reason of the close
 * @pid: send: 0. Receive: out, the sender's process id in the receiver's pid
 *	namespace, 0 where it has none there
 * @uid: send: 0. Receive: out, the sender's effective user id in the receiver's
 *	user namespace (the overflow id where it has none there)
 * @gid: send: 0. Receive: out, likewise the effective group id
 * @__reserved0: must be 0
 * @__reserved1: must be 0
 *
 * On receive, what is in the out members before the call is ignored. A sent
 * descriptor stays open in the sender. Received descriptors are close-on-exec.
 */
struct hsk_msghdr {
	__aligned_u64 data;
	__aligned_u64 fds;
	__u32 len;
	__u32 nr_fds;
	__u32 flags;
	__s32 reason;
	__s32 pid;
	__u32 uid;
	__u32 gid;
	__u32 __reserved0;
	__aligned_u64 __reserved1;
};

/*
 * Contexts. A context is a channel on which nothing is sent: it is done when it
 * is closed, and the close's reason says why. Any channel will do. An operation
 * that blocks and is given one (HSK_OP_F_CTX) ends when it closes: with ETIMEDOUT
 * if the reason is -ETIMEDOUT, else with ECANCELED, and the member ctx_reason is
 * then the reason. Success beats the context when both have happened. With
 * HSK_OP_F_DONTWAIT the context is looked at where the operation would block. The
 * operation does not keep the context's endpoint open: where the last WRITE
 * endpoint goes, be it the one that was given, the context closes.
 */

/**
 * struct hsk_send_args - HSK_IOC_SEND: send one message
 * @size: sizeof(struct hsk_send_args)
 * @flags: HSK_OP_F_*
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; at most INT64_MAX
 * @msg: the message
 * @ctx: with HSK_OP_F_CTX an endpoint with the READ right, else 0
 * @ctx_reason: in, 0; out, where @ctx ended the operation, its reason
 *
 * Blocks until a receiver has taken the message (capacity 0) or there is room
 * for it. A receiver, a close, the deadline or a signal ends the wait. Success
 * beats deadline, signal and close when both have happened; it has happened when a
 * receiver has begun to copy the message. Should that receiver fail, a sender that
 * still waits goes on waiting, first in the queue; the message of one that has
 * returned goes to the front of the buffer.
 *
 * Context: any thread. Interrupted by a signal it restarts by itself where the
 * handler was installed with SA_RESTART, else it fails with EINTR.
 *
 * Return: 0, or -1 with errno, looked for in this order:
 * EINVAL (also a @deadline above INT64_MAX); EBADF no WRITE right; EBADF @ctx is
 * no endpoint with the READ right; EMSGSIZE more bytes than max_msg_size or more
 * descriptors than max_fds; EFAULT; EBADF one of @msg.fds is not open; EOPNOTSUPP
 * one is of a kind that can't travel (neither endpoint nor regular file, memfd or
 * pipe); ETOOMANYREFS the user has max_in_flight descriptors in unreceived
 * messages; ELOOP the message would let a channel hold itself, directly or through
 * others; EPIPE closed, or no READ endpoint left; ECANCELED or ETIMEDOUT the
 * context is closed; EAGAIN would block and HSK_OP_F_DONTWAIT or O_NONBLOCK is
 * set; EINTR; ETIMEDOUT the deadline.
 * The first published size is 72, without @ctx and @ctx_reason.
 */
struct hsk_send_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline;
	struct hsk_msghdr msg;
	__s32 ctx;
	__s32 ctx_reason;
};

/**
 * struct hsk_recv_args - HSK_IOC_RECV: receive one message
 * @size: sizeof(struct hsk_recv_args)
 * @flags: HSK_OP_F_*
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; at most INT64_MAX
 * @msg: in, the room; out, the message
 * @ctx: with HSK_OP_F_CTX an endpoint with the READ right, else 0
 * @ctx_reason: in, 0; out, where @ctx ended the operation, its reason
 *
 * Blocks until a message is there, or the channel is closed and what was
 * buffered has been received; then it succeeds at once and for ever with
 * HSK_MSG_F_CLOSED, no bytes, no descriptors and the close's reason (Go: the
 * second result of a receive is false). While another receiver is still copying
 * the last message of a closed channel, which may come back, it waits. Signals as
 * for HSK_IOC_SEND.
 *
 * Return: 0, or -1 with errno, looked for in this order:
 * EINVAL; EBADF no READ right; EBADF @ctx is no endpoint with the READ right;
 * ECANCELED or ETIMEDOUT would block and the context is closed; EAGAIN would block
 * and HSK_OP_F_DONTWAIT or O_NONBLOCK is set (also on a closed channel while another
 * receiver has not finished taking its last message, which may come back); EMSGSIZE the room is
 * too small: the message stays, @msg.len and @msg.nr_fds say what it needs;
 * EMFILE or ENFILE no free descriptor: the message stays; EFAULT: the message
 * stays; EINTR; ETIMEDOUT the deadline. The first published size is 72, without
 * @ctx and @ctx_reason.
 */
struct hsk_recv_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline;
	struct hsk_msghdr msg;
	__s32 ctx;
	__s32 ctx_reason;
};

/**
 * struct hsk_close_args - HSK_IOC_CLOSE: close the channel
 * @size: sizeof(struct hsk_close_args)
 * @reason: 0 orderly; negative errno down to -4095 (-ECANCELED, -ETIMEDOUT,
 *	...); positive: the application's own
 *
 * Wakes every waiting sender (EPIPE) and receiver (HSK_MSG_F_CLOSED). A sender
 * whose message a receiver is copying has succeeded. Messages that are buffered can
 * still be received. Channels derived from this one (hsk_chan_new_args.parent) are
 * closed for the same reason, to any depth: before the call returns, but for those of
 * one that another close has reached first. Never blocks.
 *
 * Return: 0, or -1 with errno: EINVAL @reason is below -4095; EBADF no WRITE
 * right; EPIPE already closed.
 */
struct hsk_close_args {
	__u32 size;
	__s32 reason;
};

/**
 * struct hsk_dup_args - HSK_IOC_DUP: another endpoint of the same channel
 * @size: sizeof(struct hsk_dup_args)
 * @rights: HSK_RIGHT_* of the new endpoint, at least one, none that this
 *	endpoint lacks
 *
 * The new endpoint is close-on-exec and without O_NONBLOCK. Never blocks.
 *
 * Return: the new descriptor, or -1 with errno: EINVAL no right or an unknown
 * one; EPERM a right that this endpoint lacks; EMFILE, ENFILE.
 */
struct hsk_dup_args {
	__u32 size;
	__u32 rights;
};

/**
 * struct hsk_chan_new_args - HSK_IOC_CHAN_NEW: another channel
 * @size: sizeof(struct hsk_chan_new_args)
 * @flags: HSK_CHAN_F_PARENT or 0
 * @capacity: messages it buffers, 0 (rendezvous) to max_capacity
 * @parent: with HSK_CHAN_F_PARENT an endpoint with the READ right, else 0
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds at which the channel closes by
 *	itself with reason -ETIMEDOUT, unless it is closed by then; 0: none; at most
 *	INT64_MAX. One that has passed makes a closed channel
 *
 * Without a parent the channel has nothing in common with the one of the endpoint
 * used; that just saves a sandboxed process the path. With one it is derived: when
 * the parent closes, so does the channel, for the same reason (Go:
 * context.WithCancel, WithDeadline). From a closed parent a closed channel is
 * derived. The parent is not kept open by it, nor does it hear of its end. The
 * descriptor is close-on-exec and has both rights. Never blocks.
 *
 * Return: the first endpoint's descriptor, or -1 with errno: EINVAL also when
 * @capacity is above max_capacity or @deadline above INT64_MAX; EBADF @parent is no
 * endpoint with the READ right; EMFILE, ENFILE. The first published size is 16,
 * without @deadline.
 */
struct hsk_chan_new_args {
	__u32 size;
	__u32 flags;
	__u32 capacity;
	__s32 parent;
	__aligned_u64 deadline;
};

/**
 * struct hsk_info_args - HSK_IOC_INFO: the state of channel and endpoint
 * @size: sizeof(struct hsk_info_args)
 * @rights: out, HSK_RIGHT_* of this endpoint
 * @id: out, the channel's number: never reused while the module is loaded
 * @capacity: out, messages it buffers
 * @state: out, HSK_STATE_*
 * @reason: out, the close's reason, 0 while open; -EOWNERDEAD when the last
 *	WRITE endpoint went without a close, -EPIPE when the last READ endpoint
 *	went
 * @waiting_senders: out, blocked sends, cases of blocked selects and of armed
 *	selectors included
 * @waiting_receivers: out, likewise receives
 * @read_endpoints: out, live endpoints with HSK_RIGHT_READ
 * @write_endpoints: out, live endpoints with HSK_RIGHT_WRITE
 * @__reserved0: must be 0
 * @sent: out, messages that the channel has accepted
 * @received: out, messages that receivers have got
 * @buffered: out, messages accepted and not yet got: in the buffer, or matched
 *	with a receiver that has not finished copying
 * @drained: out, messages thrown away because the last READ endpoint went
 *
 * One consistent snapshot: @sent = @received + @buffered + @drained. Needs no
 * right. Never blocks.
 *
 * Return: 0, or -1 with errno.
 */
struct hsk_info_args {
	__u32 size;
	__u32 rights;
	__aligned_u64 id;
	__u32 capacity;
	__u32 state;
	__s32 reason;
	__u32 waiting_senders;
	__u32 waiting_receivers;
	__u32 read_endpoints;
	__u32 write_endpoints;
	__u32 __reserved0;
	__aligned_u64 sent;
	__aligned_u64 received;
	__aligned_u64 buffered;
	__aligned_u64 drained;
};

/**
 * struct hsk_abi_args - HSK_IOC_ABI: what this kernel's module speaks
 * @size: sizeof(struct hsk_abi_args)
 * @version: out, HSK_ABI_VERSION of the module
 * @features: out, HSK_FEATURE_*
 *
 * Never blocks.
 *
 * Return: 0, or -1 with errno.
 */
struct hsk_abi_args {
	__u32 size;
	__u32 version;
	__aligned_u64 features;
};

/**
 * struct hsk_select_case - one case of a select
 * @fd: an endpoint with the right that @op needs; -1: the case is disabled and the
 *	rest is ignored (Go: a nil channel)
 * @op: HSK_CASE_SEND or HSK_CASE_RECV
 * @msg: user pointer to a struct hsk_msghdr, as for HSK_IOC_SEND or HSK_IOC_RECV.
 *	Read when the call begins, by HSK_IOC_FINISH anew; written only if the case is a
 *	receive and is chosen
 */
struct hsk_select_case {
	__s32 fd;
	__u32 op;
	__aligned_u64 msg;
};

/**
 * struct hsk_select_args - HSK_IOC_SELECT: one of several sends and receives
 * @size: sizeof(struct hsk_select_args)
 * @flags: HSK_OP_F_* and HSK_SELECT_F_ORDERED
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; at most INT64_MAX
 * @cases: user pointer to an array of struct hsk_select_case
 * @nr_cases: how many, at most HSK_SELECT_CASES_MAX
 * @ctx: with HSK_OP_F_CTX an endpoint with the READ right, else 0
 * @ctx_reason: in, 0; out, where @ctx ended the operation, its reason
 * @result: in, 0; out, what became of the chosen case: 0 or a negative errno
 *
 * Exactly one case happens, atomically, also where two processes select against
 * each other. It is chosen when its operation would not block, so a receive on a
 * channel that is closed and drained is chosen with HSK_MSG_F_CLOSED, and a send on
 * a closed channel with @result -EPIPE. Of several, one is chosen at random, each
 * with the same chance, or with HSK_SELECT_F_ORDERED the first. If none is ready,
 * the call blocks until one is; with HSK_OP_F_DONTWAIT it fails with EAGAIN, and
 * there was an instant at which no case was ready (Go: default). O_NONBLOCK of the
 * endpoints plays no part, as in poll(2).
 *
 * A channel may stand in several cases; a select never meets itself. What was not
 * chosen leaves no trace, but for waiting receivers with too little room for what was
 * offered to them, who are told so, as by any send. A select that waits and whose
 * message is taken goes on waiting until it is received: should that receiver fail,
 * the message is in front again, and any case may happen; a signal, the deadline,
 * the context or a close of that channel end it meanwhile with success. Can be asked
 * of any endpoint, whatever its rights.
 *
 * Return: the index of the case that happened, @result and its message saying how;
 * or -1 with errno, nothing having happened, looked for in this order: EINVAL (also
 * @nr_cases too large); EBADF @ctx is no endpoint with the READ right; then of one case
 * after the other EFAULT it can't be read, EINVAL an unknown @op, EBADF no endpoint
 * with the right that @op needs, EFAULT @msg can't be read, EINVAL as in HSK_IOC_SEND
 * or HSK_IOC_RECV, and of a send EMSGSIZE, EFAULT, EBADF, EOPNOTSUPP; then of one send
 * after the other ETOOMANYREFS and ELOOP, as if all of them were to happen; ECANCELED
 * or ETIMEDOUT the context is closed; EAGAIN; EINTR; ETIMEDOUT the deadline.
 */
struct hsk_select_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline;
	__aligned_u64 cases;
	__u32 nr_cases;
	__s32 ctx;
	__s32 ctx_reason;
	__s32 result;
};

/**
 * struct hsk_selector_args - HSK_IOC_SELECTOR: make a selector
 * @size: sizeof(struct hsk_selector_args)
 * @flags: 0
 *
 * A selector is a select that waits without a thread. It is a descriptor:
 * HSK_IOC_ARM commits to cases, poll(2) shows POLLIN once one of them has happened,
 * HSK_IOC_FINISH gives it out, and then it may be armed again. It serves for ever,
 * also from several threads and processes. Closing its last descriptor withdraws
 * what is armed; a message that it had received goes back to the front of the
 * channel. While armed it keeps the endpoints of its cases open. It can't travel in
 * a message. It is asked of any endpoint; close-on-exec; never blocks.
 *
 * Return: the descriptor, or -1 with errno: EINVAL; EMFILE, ENFILE.
 */
struct hsk_selector_args {
	__u32 size;
	__u32 flags;
};

/**
 * struct hsk_arm_args - HSK_IOC_ARM, on a selector: commit to a select
 * @size: sizeof(struct hsk_arm_args)
 * @flags: HSK_SELECT_F_ORDERED or 0
 * @cases: user pointer to an array of struct hsk_select_case
 * @nr_cases: how many, at most HSK_SELECT_CASES_MAX
 * @__reserved0: must be 0
 *
 * From now on the cases are waiting as those of a blocked HSK_IOC_SELECT are, and
 * one of them happens as soon as it can, maybe at once. Messages to send are copied
 * now. Of a receive's message only the room, len and nr_fds, is looked at now; its
 * pointers must be good when it is finished. Until then a message that it has received
 * may come back, so that a sender which waits goes on waiting, and on a closed channel
 * nobody else is told HSK_MSG_F_CLOSED. Never blocks.
 *
 * Return: 0, or -1 with errno, nothing having happened: as HSK_IOC_SELECT up to
 * ELOOP; EBUSY it is armed, or what has happened has not been finished.
 */
struct hsk_arm_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 cases;
	__u32 nr_cases;
	__u32 __reserved0;
};

/**
 * struct hsk_finish_args - HSK_IOC_FINISH, on a selector: give out what happened
 * @size: sizeof(struct hsk_finish_args)
 * @flags: 0
 * @cases: user pointer to an array of struct hsk_select_case, of which only msg
 *	matters, and only that of a receive which was chosen
 * @nr_cases: as it was armed with
 * @result: in, 0; out, what became of the chosen case: 0 or a negative errno, as of
 *	HSK_IOC_SELECT
 *
 * The room is that of the message given now. Where it is too small, @result is
 * -EMSGSIZE and the message is back in the channel; so it is where it can't be copied
 * (-EFAULT), where a reserved member is not 0 (-EINVAL), where there is no descriptor for
 * what it bears (-EMFILE, -ENFILE), and where the task is killed meanwhile. Never blocks.
 *
 * Return: the index of the case that happened; the selector is then not armed. Or
 * -1 with errno, nothing having happened: EINVAL; EFAULT; ENOENT it is not armed;
 * EINVAL @nr_cases is not what it was armed with; EAGAIN no case has happened yet.
 */
struct hsk_finish_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 cases;
	__u32 nr_cases;
	__s32 result;
};

/**
 * struct hsk_disarm_args - HSK_IOC_DISARM, on a selector: withdraw
 * @size: sizeof(struct hsk_disarm_args)
 * @__reserved0: must be 0
 *
 * No case has happened then or will happen, and messages to send are dropped. If a
 * receiver has one of them just then, that case has happened: EALREADY. Never blocks.
 *
 * Return: 0, or -1 with errno: EINVAL; ENOENT it is not armed; EALREADY a case has
 * happened: finish it.
 */
struct hsk_disarm_args {
	__u32 size;
	__u32 __reserved0;
};

/*
 * The numbers carry no size: a struct that grows keeps its number, since its
 * size member tells which version a program was compiled with.
 */
#define HSK_IOC_ABI		_IO(HSK_IOC_MAGIC, 0x10) /* struct hsk_abi_args */
#define HSK_IOC_INFO		_IO(HSK_IOC_MAGIC, 0x11) /* struct hsk_info_args */
#define HSK_IOC_CHAN_NEW	_IO(HSK_IOC_MAGIC, 0x12) /* struct hsk_chan_new_args */
#define HSK_IOC_DUP		_IO(HSK_IOC_MAGIC, 0x13) /* struct hsk_dup_args */
#define HSK_IOC_SEND		_IO(HSK_IOC_MAGIC, 0x14) /* struct hsk_send_args */
#define HSK_IOC_RECV		_IO(HSK_IOC_MAGIC, 0x15) /* struct hsk_recv_args */
#define HSK_IOC_CLOSE		_IO(HSK_IOC_MAGIC, 0x16) /* struct hsk_close_args */
#define HSK_IOC_SELECT		_IO(HSK_IOC_MAGIC, 0x17) /* struct hsk_select_args */
#define HSK_IOC_SELECTOR	_IO(HSK_IOC_MAGIC, 0x18) /* struct hsk_selector_args */
#define HSK_IOC_ARM		_IO(HSK_IOC_MAGIC, 0x19) /* struct hsk_arm_args */
#define HSK_IOC_FINISH		_IO(HSK_IOC_MAGIC, 0x1a) /* struct hsk_finish_args */
#define HSK_IOC_DISARM		_IO(HSK_IOC_MAGIC, 0x1b) /* struct hsk_disarm_args */

#endif /* _UAPI_LINUX_HSK_H */
