/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * hsk: channels between processes, as file descriptors.
 *
 * open("/dev/hsk", O_RDWR) makes a channel of capacity 0 (rendezvous) and
 * returns its first endpoint. Every operation below is an ioctl on an
 * endpoint. read(2), write(2), poll(2), epoll(7), close(2) work as described
 * in hsk(4).
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

/* Flags of the operations that can block (hsk_send_args, hsk_recv_args). */
#define HSK_OP_F_DONTWAIT	0x1U		/* EAGAIN instead of blocking */

/* Marks on a received message (hsk_msghdr.flags). */
#define HSK_MSG_F_CLOSED	0x1U		/* closed and drained: no message */

/* State of a channel (hsk_info_args.state). */
#define HSK_STATE_CLOSED	0x1U		/* no send will succeed any more */

/* Features that a kernel may have beyond this version (hsk_abi_args.features). */
#define HSK_FEATURE_CHANNELS	0x1ULL		/* send, receive, close, poll */

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

/**
 * struct hsk_send_args - HSK_IOC_SEND: send one message
 * @size: sizeof(struct hsk_send_args)
 * @flags: HSK_OP_F_DONTWAIT or 0
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; at most INT64_MAX
 * @msg: the message
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
 * EINVAL (also a @deadline above INT64_MAX); EBADF no WRITE right; EMSGSIZE
 * more bytes than max_msg_size or more descriptors than max_fds; EFAULT; EBADF
 * one of @msg.fds is not open; EOPNOTSUPP one is of a kind that can't travel
 * (neither endpoint nor regular file, memfd or pipe); ETOOMANYREFS the user
 * has max_in_flight descriptors in unreceived messages; ELOOP the message would
 * let a channel hold itself, directly or through others; EPIPE closed, or no
 * READ endpoint left; EAGAIN would block and HSK_OP_F_DONTWAIT or O_NONBLOCK
 * is set; EINTR; ETIMEDOUT.
 */
struct hsk_send_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline;
	struct hsk_msghdr msg;
};

/**
 * struct hsk_recv_args - HSK_IOC_RECV: receive one message
 * @size: sizeof(struct hsk_recv_args)
 * @flags: HSK_OP_F_DONTWAIT or 0
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; at most INT64_MAX
 * @msg: in, the room; out, the message
 *
 * Blocks until a message is there, or the channel is closed and what was
 * buffered has been received; then it succeeds at once and for ever with
 * HSK_MSG_F_CLOSED, no bytes, no descriptors and the close's reason (Go: the
 * second result of a receive is false). While another receiver is still copying
 * the last message of a closed channel, which may come back, it waits. Signals as
 * for HSK_IOC_SEND.
 *
 * Return: 0, or -1 with errno, looked for in this order:
 * EINVAL; EBADF no READ right; EAGAIN would block and HSK_OP_F_DONTWAIT or
 * O_NONBLOCK is set (also on a closed channel while another receiver has not
 * finished taking its last message, which may come back); EMSGSIZE the room is
 * too small: the message stays, @msg.len and @msg.nr_fds say what it needs;
 * EMFILE or ENFILE no free descriptor: the message stays; EFAULT: the message
 * stays; EINTR; ETIMEDOUT.
 */
struct hsk_recv_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline;
	struct hsk_msghdr msg;
};

/**
 * struct hsk_close_args - HSK_IOC_CLOSE: close the channel
 * @size: sizeof(struct hsk_close_args)
 * @reason: 0 orderly; negative errno down to -4095 (-ECANCELED, -ETIMEDOUT,
 *	...); positive: the application's own
 *
 * Wakes every waiting sender (EPIPE) and receiver (HSK_MSG_F_CLOSED). A sender
 * whose message a receiver is copying has succeeded. Messages that are buffered can
 * still be received. Never blocks.
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
 * @flags: 0
 * @capacity: messages it buffers, 0 (rendezvous) to max_capacity
 * @__reserved0: must be 0
 *
 * The channel has nothing in common with the one of the endpoint used; that
 * just saves a sandboxed process the path. The descriptor is close-on-exec and
 * has both rights. Never blocks.
 *
 * Return: the first endpoint's descriptor, or -1 with errno: EINVAL also when
 * @capacity is above max_capacity; EMFILE, ENFILE.
 */
struct hsk_chan_new_args {
	__u32 size;
	__u32 flags;
	__u32 capacity;
	__u32 __reserved0;
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
 * @waiting_senders: out, blocked sends
 * @waiting_receivers: out, blocked receives
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

#endif /* _UAPI_LINUX_HSK_H */
