/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libhsk: Go's channels between processes.
 *
 * A channel lives in the kernel; a program holds *endpoints* of it, which are
 * plain file descriptors. close(2), fcntl(2), poll(2), epoll(7), fork(2) and
 * passing over a Unix socket work on them as on any other. hsk(7) explains the
 * concepts, hsk(4) the kernel interface below.
 *
 * Rules that hold for every function here:
 *
 * - Each is one kernel operation, or the few that its comment names. Nothing is
 *   buffered, cached or retried, no thread or signal handler is made, nothing
 *   is printed, and no call ends the program.
 * - Return: 0 or positive is success, negative is -errno. The variable errno is
 *   unspecified afterwards.
 * - Failure has no effect and writes no output (three exceptions: the sizes that
 *   -EMSGSIZE reports, see hsk_recv(), part of a buffer after -EFAULT, and the
 *   message that HSK_TYPED() finds too short).
 * - Every function may be called from any number of threads at once, also on the
 *   same endpoint, and is async-signal-safe. Only hsk_chan_new() and
 *   hsk_chan_pair() contain a cancellation point, before they have made anything.
 * - Descriptors handed out are close-on-exec and belong to the caller.
 * - What can block is interrupted by a signal whose handler was installed
 *   without SA_RESTART: -EINTR, nothing has happened, call again. With
 *   SA_RESTART the operation goes on by itself.
 * - Deadlines are absolute CLOCK_MONOTONIC nanoseconds; 0 is no deadline.
 * - The last parameter of what can block is the context. Only NULL (none) is a
 *   valid value in this version; any other is -EINVAL.
 *
 * Errors that any function on an endpoint may return, not repeated below:
 * -EBADF the descriptor is not open, -ENOTTY it is not an endpoint, -EFAULT a
 * pointer is bad, -ENOMEM no memory or the memory cgroup's limit is reached.
 */
#ifndef HSK_H
#define HSK_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/hsk.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct hsk_ctx - a context; opaque, and NULL its only value in this version */
struct hsk_ctx;

/**
 * struct hsk_message - what a receive tells about a message
 * @len: bytes received; after -EMSGSIZE the bytes needed
 * @nr_fds: descriptors received; after -EMSGSIZE those needed
 * @reason: when the receive returned 0 (closed), the reason of the close: 0
 *	orderly, negative a -errno (-EOWNERDEAD: the last sender died or left
 *	without closing), positive the application's own; else 0
 * @pid: the sender's process id as seen from here, 0 if not visible here
 * @uid: the sender's effective user id, as seen from here
 * @gid: the sender's effective group id, as seen from here
 * @reserved: 0
 *
 * The kernel fills in who sent it; a sender cannot forge it.
 */
struct hsk_message {
	size_t len;
	size_t nr_fds;
	int reason;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	uint64_t reserved[4];
};

/**
 * struct hsk_info - the state of a channel and of one endpoint
 * @id: number of the channel, never reused while the module is loaded
 * @sent: messages that the channel has accepted
 * @received: messages that receivers have got
 * @buffered: messages accepted and not yet got
 * @drained: messages thrown away because the last reading endpoint went
 * @rights: HSK_RIGHT_* of this endpoint
 * @capacity: messages that the channel buffers
 * @closed: 1 when the channel is closed, else 0
 * @reason: of the close, 0 while open
 * @waiting_senders: sends that are blocked
 * @waiting_receivers: receives that are blocked
 * @read_endpoints: live endpoints that may receive
 * @write_endpoints: live endpoints that may send
 * @reserved: 0
 *
 * One consistent snapshot: @sent = @received + @buffered + @drained.
 */
struct hsk_info {
	uint64_t id;
	uint64_t sent;
	uint64_t received;
	uint64_t buffered;
	uint64_t drained;
	unsigned int rights;
	unsigned int capacity;
	int closed;
	int reason;
	unsigned int waiting_senders;
	unsigned int waiting_receivers;
	unsigned int read_endpoints;
	unsigned int write_endpoints;
	uint64_t reserved[4];
};

/* ---- channels and endpoints --------------------------------------------- */

/**
 * hsk_chan_new() - make a channel (Go: make(chan T, capacity))
 * @capacity: messages it buffers, 0 to the module's max_capacity; 0 is a
 *	rendezvous: a send returns when a receiver has taken the message
 *
 * Opens /dev/hsk and, for @capacity above 0, makes the channel from there and
 * closes what it opened. Never blocks.
 *
 * Return: an endpoint that may send, receive and close; or
 * -ENOENT, -ENODEV the module is not loaded; -EACCES no permission to open
 * /dev/hsk; -EINVAL @capacity too large; -EMFILE, -ENFILE.
 */
int hsk_chan_new(unsigned int capacity);

/**
 * hsk_chan_new_from() - make a channel from any endpoint at hand
 * @ep: an endpoint, with whatever rights; the new channel has nothing in common
 *	with its channel
 * @capacity: as for hsk_chan_new()
 *
 * For a process that cannot open /dev/hsk (any more). Never blocks.
 *
 * Return: an endpoint that may send, receive and close; or
 * -EINVAL @capacity too large; -EMFILE, -ENFILE.
 */
int hsk_chan_new_from(int ep, unsigned int capacity);

/**
 * hsk_chan_pair() - make a channel with separate ends, in the manner of pipe(2)
 * @ends: [0] becomes an endpoint that may only receive, [1] one that may only
 *	send and close
 * @capacity: as for hsk_chan_new()
 *
 * hsk_chan_new(), two hsk_dup() and a close(2) of the first endpoint. So the
 * channel closes when either end goes, as a pipe does. Never blocks.
 *
 * Return: 0; or what hsk_chan_new() returns.
 */
int hsk_chan_pair(int ends[2], unsigned int capacity);

/**
 * hsk_dup() - make another endpoint of the same channel (Go: <-chan T, chan<- T)
 * @ep: an endpoint
 * @rights: HSK_RIGHT_READ, HSK_RIGHT_WRITE or both; none that @ep lacks
 *
 * Unlike dup(2), the new endpoint has its own rights, its own O_NONBLOCK (off),
 * and counts as an endpoint of its own. Never blocks.
 *
 * Return: the new endpoint; or
 * -EINVAL @rights is 0 or has an unknown bit; -EPERM @ep lacks one of @rights;
 * -EMFILE, -ENFILE.
 */
int hsk_dup(int ep, unsigned int rights);

/**
 * hsk_close() - close the channel (Go: close(c)), not the descriptor
 * @ep: an endpoint that may send; it stays open until close(2)
 * @reason: 0 orderly; a negative errno from -4095; or positive, of the
 *	application's own meaning
 *
 * Every blocked send fails with -EPIPE and every blocked receive returns 0. But a
 * send whose message a receiver is just copying has succeeded, and receives wait on
 * until it is known whether that message comes back. What is buffered can still be
 * received. Never blocks.
 *
 * Return: 0; or
 * -EBADF @ep may not send; -EINVAL @reason below -4095; -EPIPE closed already.
 */
int hsk_close(int ep, int reason);

/**
 * hsk_info() - look at the state of a channel
 * @ep: an endpoint, with whatever rights
 * @info: out
 *
 * For diagnosis and accounting: by the time it is read it may be out of date.
 * Never blocks.
 *
 * Return: 0; or an error common to all.
 */
int hsk_info(int ep, struct hsk_info *info);

/**
 * hsk_abi() - ask the module what it speaks
 * @ep: an endpoint, with whatever rights
 * @features: out, HSK_FEATURE_* of the module; may be NULL
 *
 * Never blocks.
 *
 * Return: the module's HSK_ABI_VERSION, at least 1; or an error common to all.
 */
int hsk_abi(int ep, uint64_t *features);

/* ---- send ---------------------------------------------------------------- */

/**
 * hsk_send() - send a message (Go: c <- v)
 * @ep: an endpoint that may send
 * @data: the message's bytes; may be NULL if @len is 0
 * @len: number of bytes, 0 to the module's max_msg_size
 * @ctx: NULL
 *
 * Blocks until a receiver has taken the message (capacity 0) or there is room
 * for it. Ended also by a close and by a signal. Success beats both. On an
 * endpoint with O_NONBLOCK it does not block, as hsk_try_send().
 *
 * Return: 0 sent; or
 * -EPIPE the channel is closed, or no endpoint that may receive is left (no
 * SIGPIPE); -EBADF @ep may not send; -EMSGSIZE longer than max_msg_size;
 * -EINTR a signal; -EAGAIN it would block and O_NONBLOCK is set on @ep;
 * -EINVAL @ctx is not NULL.
 */
int hsk_send(int ep, const void *data, size_t len, const struct hsk_ctx *ctx);

/**
 * hsk_try_send() - send a message if that is possible now (Go: select, default)
 * @ep: an endpoint that may send
 * @data: the message's bytes; may be NULL if @len is 0
 * @len: number of bytes, 0 to the module's max_msg_size
 *
 * Never blocks.
 *
 * Return: 0 sent; or -EAGAIN no receiver is waiting and there is no room; or as
 * hsk_send(), but never -EINTR.
 */
int hsk_try_send(int ep, const void *data, size_t len);

/**
 * hsk_send_until() - send a message before a deadline
 * @ep: an endpoint that may send
 * @data: the message's bytes; may be NULL if @len is 0
 * @len: number of bytes, 0 to the module's max_msg_size
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; see
 *	hsk_deadline_in_ms()
 * @ctx: NULL
 *
 * Blocks as hsk_send() does, at most until @deadline. What is possible at once
 * succeeds even when @deadline has passed.
 *
 * Return: 0 sent; or -ETIMEDOUT; -EINVAL also @deadline above INT64_MAX; or as
 * hsk_send().
 */
int hsk_send_until(int ep, const void *data, size_t len, uint64_t deadline,
		   const struct hsk_ctx *ctx);

/**
 * hsk_send_fds() - send a message that bears descriptors
 * @ep: an endpoint that may send
 * @data: the message's bytes; may be NULL if @len is 0
 * @len: number of bytes, 0 to the module's max_msg_size
 * @fds: descriptors to send along: endpoints (in Go a channel of channels),
 *	regular files, memfds, pipes; may be NULL if @nr_fds is 0
 * @nr_fds: how many, 0 to the module's max_fds
 * @ctx: NULL
 *
 * The descriptors stay open here; the receiver gets new ones for the same open
 * file descriptions. Blocks as hsk_send() does.
 *
 * Return: 0 sent; or, besides what hsk_send() returns,
 * -EMSGSIZE also more descriptors than max_fds; -EBADF also one of @fds is not
 * open; -EOPNOTSUPP one of @fds is of a kind that cannot be sent;
 * -ETOOMANYREFS too many descriptors of this user are in messages that nobody
 * has received yet; -ELOOP the channel would hold itself, directly or through
 * others.
 */
int hsk_send_fds(int ep, const void *data, size_t len,
		 const int *fds, size_t nr_fds, const struct hsk_ctx *ctx);

/**
 * hsk_try_send_fds() - hsk_send_fds() if that is possible now
 * @ep: as for hsk_send_fds()
 * @data: as for hsk_send_fds()
 * @len: as for hsk_send_fds()
 * @fds: as for hsk_send_fds()
 * @nr_fds: as for hsk_send_fds()
 *
 * Never blocks.
 *
 * Return: 0 sent; or -EAGAIN no receiver is waiting and there is no room; or as
 * hsk_send_fds(), but never -EINTR.
 */
int hsk_try_send_fds(int ep, const void *data, size_t len,
		     const int *fds, size_t nr_fds);

/**
 * hsk_send_fds_until() - hsk_send_fds() before a deadline
 * @ep: as for hsk_send_fds()
 * @data: as for hsk_send_fds()
 * @len: as for hsk_send_fds()
 * @fds: as for hsk_send_fds()
 * @nr_fds: as for hsk_send_fds()
 * @deadline: as for hsk_send_until()
 * @ctx: NULL
 *
 * Blocks as hsk_send_until() does.
 *
 * Return: 0 sent; or -ETIMEDOUT; -EINVAL also @deadline above INT64_MAX; or as
 * hsk_send_fds().
 */
int hsk_send_fds_until(int ep, const void *data, size_t len,
		       const int *fds, size_t nr_fds, uint64_t deadline,
		       const struct hsk_ctx *ctx);

/* ---- receive ------------------------------------------------------------- */

/**
 * hsk_recv() - receive a message (Go: v, ok := <-c)
 * @ep: an endpoint that may receive
 * @buf: where the bytes go; may be NULL if @room is 0
 * @room: bytes that fit there
 * @msg: out, length and sender of the message, or the reason of the close; may
 *	be NULL
 * @ctx: NULL
 *
 * Blocks until a message is there, or the channel is closed and what was
 * buffered has been received. Ended also by a signal. Success beats it. On an
 * endpoint with O_NONBLOCK it does not block, as hsk_try_recv().
 *
 * On -EMSGSIZE, which also ends the wait for a message that turns out not to
 * fit, the message stays, and @msg->len and @msg->nr_fds (nothing else) tell what
 * the receive must offer; another receiver may get it meanwhile. A message that
 * bears descriptors is -EMSGSIZE here: use hsk_recv_fds().
 *
 * Return: 1 a message; 0 the channel is closed and drained, now and for ever,
 * with @msg->reason why; or
 * -EMSGSIZE the message does not fit; -EBADF @ep may not receive; -EINTR a
 * signal; -EAGAIN it would block and O_NONBLOCK is set on @ep; -EINVAL @ctx is
 * not NULL; -EFAULT the message stays.
 */
int hsk_recv(int ep, void *buf, size_t room, struct hsk_message *msg,
	     const struct hsk_ctx *ctx);

/**
 * hsk_try_recv() - receive a message if one is there now (Go: select, default)
 * @ep: an endpoint that may receive
 * @buf: as for hsk_recv()
 * @room: as for hsk_recv()
 * @msg: as for hsk_recv()
 *
 * Never blocks.
 *
 * Return: 1 a message; 0 closed and drained; or -EAGAIN nothing is there and no
 * sender is waiting, or on a closed channel another receiver is just copying the
 * last message; or as hsk_recv(), but never -EINTR.
 */
int hsk_try_recv(int ep, void *buf, size_t room, struct hsk_message *msg);

/**
 * hsk_recv_until() - receive a message before a deadline
 * @ep: an endpoint that may receive
 * @buf: as for hsk_recv()
 * @room: as for hsk_recv()
 * @msg: as for hsk_recv()
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; see
 *	hsk_deadline_in_ms()
 * @ctx: NULL
 *
 * Blocks as hsk_recv() does, at most until @deadline. What is possible at once
 * succeeds even when @deadline has passed.
 *
 * Return: 1 a message; 0 closed and drained; or -ETIMEDOUT; -EINVAL also
 * @deadline above INT64_MAX; or as hsk_recv().
 */
int hsk_recv_until(int ep, void *buf, size_t room, struct hsk_message *msg,
		   uint64_t deadline, const struct hsk_ctx *ctx);

/**
 * hsk_recv_fds() - receive a message that may bear descriptors
 * @ep: an endpoint that may receive
 * @buf: as for hsk_recv()
 * @room: as for hsk_recv()
 * @fds: out, the descriptors: @msg->nr_fds of them, the caller's to close; may
 *	be NULL if @fds_room is 0
 * @fds_room: descriptors that fit there
 * @msg: as for hsk_recv(), but not NULL unless @fds_room is 0, since nothing
 *	else says how many descriptors came
 * @ctx: NULL
 *
 * Blocks as hsk_recv() does.
 *
 * Return: 1 a message; 0 closed and drained; or, besides what hsk_recv()
 * returns, -EMFILE, -ENFILE no free descriptor: the message stays; -EINVAL also
 * @msg is NULL and @fds_room is not 0.
 */
int hsk_recv_fds(int ep, void *buf, size_t room, int *fds, size_t fds_room,
		 struct hsk_message *msg, const struct hsk_ctx *ctx);

/**
 * hsk_try_recv_fds() - hsk_recv_fds() if a message is there now
 * @ep: as for hsk_recv_fds()
 * @buf: as for hsk_recv_fds()
 * @room: as for hsk_recv_fds()
 * @fds: as for hsk_recv_fds()
 * @fds_room: as for hsk_recv_fds()
 * @msg: as for hsk_recv_fds()
 *
 * Never blocks.
 *
 * Return: 1 a message; 0 closed and drained; or -EAGAIN nothing is there and no
 * sender is waiting, or on a closed channel another receiver is just copying the
 * last message; or as hsk_recv_fds(), but never -EINTR.
 */
int hsk_try_recv_fds(int ep, void *buf, size_t room, int *fds, size_t fds_room,
		     struct hsk_message *msg);

/**
 * hsk_recv_fds_until() - hsk_recv_fds() before a deadline
 * @ep: as for hsk_recv_fds()
 * @buf: as for hsk_recv_fds()
 * @room: as for hsk_recv_fds()
 * @fds: as for hsk_recv_fds()
 * @fds_room: as for hsk_recv_fds()
 * @msg: as for hsk_recv_fds()
 * @deadline: as for hsk_recv_until()
 * @ctx: NULL
 *
 * Blocks as hsk_recv_until() does.
 *
 * Return: 1 a message; 0 closed and drained; or -ETIMEDOUT; -EINVAL also
 * @deadline above INT64_MAX; or as hsk_recv_fds().
 */
int hsk_recv_fds_until(int ep, void *buf, size_t room, int *fds,
		       size_t fds_room, struct hsk_message *msg,
		       uint64_t deadline, const struct hsk_ctx *ctx);

/* ---- deadlines ----------------------------------------------------------- */

/**
 * hsk_deadline_in_ns() - a deadline so many nanoseconds from now
 * @ns: nanoseconds; what passes INT64_MAX becomes INT64_MAX
 *
 * One clock_gettime(2) of CLOCK_MONOTONIC. Never blocks, never fails.
 *
 * Return: the deadline, 1 to INT64_MAX.
 */
uint64_t hsk_deadline_in_ns(uint64_t ns);

/**
 * hsk_deadline_in_ms() - a deadline so many milliseconds from now
 * @ms: milliseconds; what passes INT64_MAX nanoseconds becomes INT64_MAX
 *
 * One clock_gettime(2) of CLOCK_MONOTONIC. Never blocks, never fails.
 *
 * Return: the deadline, 1 to INT64_MAX.
 */
uint64_t hsk_deadline_in_ms(uint64_t ms);

#ifdef __cplusplus
}
#endif

/* ---- typed channels ------------------------------------------------------ */

/**
 * HSK_TYPED() - typed send and receive for a struct (Go: chan T)
 * @name: prefix of the functions it defines
 * @type: a type that can be copied byte by byte
 *
 * HSK_TYPED(point, struct point) at file scope defines
 *
 *	int point_send(int ep, const struct point *value, ctx);
 *	int point_try_send(int ep, const struct point *value);
 *	int point_send_until(int ep, const struct point *value, deadline, ctx);
 *	int point_recv(int ep, struct point *value, msg, ctx);
 *	int point_try_recv(int ep, struct point *value, msg);
 *	int point_recv_until(int ep, struct point *value, msg, deadline, ctx);
 *
 * which behave as the hsk_ functions of the same form for a message of exactly
 * sizeof(type) bytes and no descriptors. A receive that meets another message
 * leaves *value as it was and fails: a shorter message is gone, -EBADMSG; a
 * longer one or one with descriptors stays, -EMSGSIZE, without telling its size.
 */
#define HSK_TYPED(name, type)						\
	HSK_TYPED_SEND_(name, type)					\
	HSK_TYPED_RECV_(name, type)

/* The rest of this file is how HSK_TYPED() does it. */
#define HSK_TYPED_FN_ static __inline__ __attribute__((__unused__)) int

#define HSK_TYPED_SEND_(name, type)					\
	HSK_TYPED_FN_ name##_send(int ep, const type *value,		\
				  const struct hsk_ctx *ctx)		\
	{								\
		return hsk_send(ep, value, sizeof(*value), ctx);	\
	}								\
	HSK_TYPED_FN_ name##_try_send(int ep, const type *value)	\
	{								\
		return hsk_try_send(ep, value, sizeof(*value));		\
	}								\
	HSK_TYPED_FN_ name##_send_until(int ep, const type *value,	\
					uint64_t deadline,		\
					const struct hsk_ctx *ctx)	\
	{								\
		return hsk_send_until(ep, value, sizeof(*value),	\
				      deadline, ctx);			\
	}

/* Into a copy first: the value must not change when the message is another. */
#define HSK_TYPED_TAKE_(type, value, msg, call)				\
	type hsk_got_;							\
	struct hsk_message hsk_msg_;					\
	int hsk_ret_ = (call);						\
									\
	if (hsk_ret_ == 1 && hsk_msg_.len != sizeof(hsk_got_))		\
		return -EBADMSG;					\
	if (hsk_ret_ == 1)						\
		*(value) = hsk_got_;					\
	if ((msg) && hsk_ret_ >= 0)					\
		*(msg) = hsk_msg_;					\
	return hsk_ret_

#define HSK_TYPED_RECV_(name, type)					\
	HSK_TYPED_FN_ name##_recv(int ep, type *value,			\
				  struct hsk_message *msg,		\
				  const struct hsk_ctx *ctx)		\
	{								\
		HSK_TYPED_TAKE_(type, value, msg,			\
				hsk_recv(ep, &hsk_got_, sizeof(hsk_got_), \
					 &hsk_msg_, ctx));		\
	}								\
	HSK_TYPED_FN_ name##_try_recv(int ep, type *value,		\
				      struct hsk_message *msg)		\
	{								\
		HSK_TYPED_TAKE_(type, value, msg,			\
				hsk_try_recv(ep, &hsk_got_,		\
					     sizeof(hsk_got_), &hsk_msg_)); \
	}								\
	HSK_TYPED_FN_ name##_recv_until(int ep, type *value,		\
					struct hsk_message *msg,	\
					uint64_t deadline,		\
					const struct hsk_ctx *ctx)	\
	{								\
		HSK_TYPED_TAKE_(type, value, msg,			\
				hsk_recv_until(ep, &hsk_got_,		\
					       sizeof(hsk_got_), &hsk_msg_, \
					       deadline, ctx));		\
	}

#endif /* HSK_H */
