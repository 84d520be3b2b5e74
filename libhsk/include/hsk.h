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
 *   same endpoint, selector or context, and is async-signal-safe; but for those that
 *   allocate or free a context: hsk_ctx_with_cancel(), hsk_ctx_with_deadline(),
 *   hsk_ctx_with_timeout_ms(), hsk_ctx_from_fd(), hsk_ctx_free(). Nobody may use a
 *   context that is being freed.
 * - Only functions that open /dev/hsk contain a cancellation point, before they have
 *   made anything: hsk_chan_new(), hsk_chan_pair(), hsk_selector_new(), and those
 *   that make a context without a parent; and a select with nothing to wait for, see
 *   hsk_select().
 * - Descriptors handed out are close-on-exec and belong to the caller.
 * - What can block is interrupted by a signal whose handler was installed
 *   without SA_RESTART: -EINTR, nothing has happened, call again. With
 *   SA_RESTART the operation goes on by itself.
 * - Deadlines are absolute CLOCK_MONOTONIC nanoseconds; 0 is no deadline.
 * - The last parameter of what can block is the context, NULL: none. When it is done,
 *   the wait ends: with -ETIMEDOUT if that was by a deadline, else with -ECANCELED;
 *   hsk_ctx_cause() tells more. Success beats context, deadline and signal. What is
 *   possible at once succeeds even when the context is done.
 *
 * Errors that any function on an endpoint may return, not repeated below:
 * -EBADF the descriptor is not open, -ENOTTY it is not an endpoint (a selector,
 * for functions of that name), -EFAULT a
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

/** struct hsk_ctx - a context; opaque, see hsk_ctx_with_cancel() */
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

/**
 * struct hsk_case - one case of a select: a send or a receive
 * @ep: an endpoint that may do it; -1: the case never happens (Go: a nil channel)
 * @op: HSK_CASE_SEND or HSK_CASE_RECV
 * @result: out, of the case that happened: what hsk_send() or hsk_recv() would have
 *	returned
 * @data: the bytes to send, or where those received go
 * @len: how many, or the room there
 * @fds: the descriptors to send, or where those received go
 * @nr_fds: how many, or the room there
 * @msg: out, of a receive that happened: as of hsk_recv()
 * @reserved: 0
 *
 * hsk_case_send(), hsk_case_recv() and their forms with descriptors make one.
 */
struct hsk_case {
	int ep;
	unsigned int op;
	int result;
	void *data;
	size_t len;
	int *fds;
	size_t nr_fds;
	struct hsk_message msg;
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
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks until a receiver has taken the message (capacity 0) or there is room
 * for it. Ended also by a close, a signal and @ctx. Success beats them. On an
 * endpoint with O_NONBLOCK it does not block, as hsk_try_send().
 *
 * Return: 0 sent; or
 * -EPIPE the channel is closed, or no endpoint that may receive is left (no
 * SIGPIPE); -EBADF @ep may not send; -EMSGSIZE longer than max_msg_size;
 * -EINTR a signal; -EAGAIN it would block and O_NONBLOCK is set on @ep;
 * -ECANCELED, -ETIMEDOUT it would block and @ctx is done.
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
 * hsk_send(), but never -EINTR, -ECANCELED or -ETIMEDOUT.
 */
int hsk_try_send(int ep, const void *data, size_t len);

/**
 * hsk_send_until() - send a message before a deadline
 * @ep: an endpoint that may send
 * @data: the message's bytes; may be NULL if @len is 0
 * @len: number of bytes, 0 to the module's max_msg_size
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; see
 *	hsk_deadline_in_ms()
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks as hsk_send() does, at most until @deadline. What is possible at once
 * succeeds even when @deadline has passed.
 *
 * Return: 0 sent; or -ETIMEDOUT; -EINVAL @deadline above INT64_MAX; or as
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
 * @ctx: ends the wait when it is done; NULL: none
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
 * hsk_send_fds(), but never -EINTR, -ECANCELED or -ETIMEDOUT.
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
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks as hsk_send_until() does.
 *
 * Return: 0 sent; or -ETIMEDOUT; -EINVAL @deadline above INT64_MAX; or as
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
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks until a message is there, or the channel is closed and what was
 * buffered has been received. Ended also by a signal and @ctx. Success beats them.
 * On an endpoint with O_NONBLOCK it does not block, as hsk_try_recv().
 *
 * On -EMSGSIZE, which also ends the wait for a message that turns out not to
 * fit, the message stays, and @msg->len and @msg->nr_fds (nothing else) tell what
 * the receive must offer; another receiver may get it meanwhile. A message that
 * bears descriptors is -EMSGSIZE here: use hsk_recv_fds().
 *
 * Return: 1 a message; 0 the channel is closed and drained, now and for ever,
 * with @msg->reason why; or
 * -EMSGSIZE the message does not fit; -EBADF @ep may not receive; -EINTR a
 * signal; -EAGAIN it would block and O_NONBLOCK is set on @ep; -ECANCELED,
 * -ETIMEDOUT it would block and @ctx is done; -EFAULT the message stays.
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
 * last message; or as hsk_recv(), but never -EINTR, -ECANCELED or -ETIMEDOUT.
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
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks as hsk_recv() does, at most until @deadline. What is possible at once
 * succeeds even when @deadline has passed.
 *
 * Return: 1 a message; 0 closed and drained; or -ETIMEDOUT; -EINVAL
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
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks as hsk_recv() does.
 *
 * Return: 1 a message; 0 closed and drained; or, besides what hsk_recv()
 * returns, -EMFILE, -ENFILE no free descriptor: the message stays; -EINVAL
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
 * last message; or as hsk_recv_fds(), but never -EINTR, -ECANCELED or -ETIMEDOUT.
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
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks as hsk_recv_until() does.
 *
 * Return: 1 a message; 0 closed and drained; or -ETIMEDOUT; -EINVAL also
 * @deadline above INT64_MAX; or as hsk_recv_fds().
 */
int hsk_recv_fds_until(int ep, void *buf, size_t room, int *fds,
		       size_t fds_room, struct hsk_message *msg,
		       uint64_t deadline, const struct hsk_ctx *ctx);

/* ---- select -------------------------------------------------------------- */

/**
 * hsk_case_send() - a case that sends (Go: case c <- v)
 * @ep: an endpoint that may send; -1: the case never happens
 * @data: the message's bytes; may be NULL if @len is 0; they must stay until the
 *	select is over
 * @len: number of bytes
 *
 * Never blocks, never fails.
 *
 * Return: the case.
 */
struct hsk_case hsk_case_send(int ep, const void *data, size_t len);

/**
 * hsk_case_send_fds() - a case that sends a message with descriptors
 * @ep: as for hsk_case_send()
 * @data: as for hsk_case_send()
 * @len: as for hsk_case_send()
 * @fds: descriptors to send along, as for hsk_send_fds(); they must stay as @data
 * @nr_fds: how many
 *
 * Never blocks, never fails.
 *
 * Return: the case.
 */
struct hsk_case hsk_case_send_fds(int ep, const void *data, size_t len,
				  const int *fds, size_t nr_fds);

/**
 * hsk_case_recv() - a case that receives (Go: case v, ok := <-c)
 * @ep: an endpoint that may receive; -1: the case never happens
 * @buf: where the bytes go; may be NULL if @room is 0
 * @room: bytes that fit there
 *
 * Never blocks, never fails.
 *
 * Return: the case.
 */
struct hsk_case hsk_case_recv(int ep, void *buf, size_t room);

/**
 * hsk_case_recv_fds() - a case that receives a message which may bear descriptors
 * @ep: as for hsk_case_recv()
 * @buf: as for hsk_case_recv()
 * @room: as for hsk_case_recv()
 * @fds: where the descriptors go: msg.nr_fds of the case are the caller's to close
 * @fds_room: descriptors that fit there
 *
 * Never blocks, never fails.
 *
 * Return: the case.
 */
struct hsk_case hsk_case_recv_fds(int ep, void *buf, size_t room, int *fds,
				  size_t fds_room);

/**
 * hsk_select() - do one of several sends and receives (Go: select)
 * @cases: the cases; result and msg of the one that happens are set, and no others
 * @nr: how many, 0 to HSK_SELECT_CASES_MAX
 * @ctx: ends the wait when it is done; NULL: none
 *
 *	struct hsk_case cases[] = {
 *		hsk_case_recv(jobs, &job, sizeof(job)),
 *		hsk_case_send(results, &result, sizeof(result)),
 *	};
 *
 *	switch (hsk_select(cases, 2, ctx)) {
 *	case 0: ...
 *	case 1: ...
 *	}
 *
 * Exactly one case happens, also where two processes select against each other. It
 * happens when its operation would not block, so a receive from a channel that is
 * closed and drained happens with result 0, and a send on a closed one with -EPIPE.
 * Of several, one is chosen at random, each with the same chance. Blocks until one
 * can happen. A channel may stand in several cases; a select never meets itself.
 * A message that a receiver has taken counts as sent once it has been received; if that
 * receiver fails, any case may still happen. O_NONBLOCK of the endpoints plays no part.
 *
 * Ended also by a signal and @ctx; success beats them. If every case has -1 and there
 * is no @ctx, nothing is left to ask: it sleeps in ppoll(2), is a cancellation point,
 * and any handler's signal ends it, SA_RESTART or not.
 *
 * Return: the index of the case that happened: its result is what hsk_send() or
 * hsk_recv() would have returned, 0 sent, 1 a message, 0 closed and drained, -EPIPE,
 * -EMSGSIZE with the sizes in msg, -EMFILE, -ENFILE, -EFAULT the message stays; or, no
 * case having happened,
 * -EINVAL @nr or an op; -EBADF an endpoint may not do what its case says, or a
 * descriptor to send is not open; -EMSGSIZE, -EOPNOTSUPP, -ETOOMANYREFS, -ELOOP a
 * message to send, as in hsk_send_fds(); -EINTR a signal; -ECANCELED, -ETIMEDOUT it
 * would block and @ctx is done.
 */
int hsk_select(struct hsk_case *cases, size_t nr, const struct hsk_ctx *ctx);

/**
 * hsk_try_select() - hsk_select() if a case can happen now (Go: select, default)
 * @cases: as for hsk_select()
 * @nr: as for hsk_select()
 *
 * Never blocks.
 *
 * Return: the index of the case that happened; or -EAGAIN there was an instant at which
 * none could; or as hsk_select(), but never -EINTR, -ECANCELED or -ETIMEDOUT.
 */
int hsk_try_select(struct hsk_case *cases, size_t nr);

/**
 * hsk_select_until() - hsk_select() before a deadline (Go: case <-time.After(d))
 * @cases: as for hsk_select()
 * @nr: as for hsk_select()
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; see
 *	hsk_deadline_in_ms()
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks as hsk_select() does, at most until @deadline. What is possible at once
 * happens even when @deadline has passed.
 *
 * Return: the index of the case that happened; or -ETIMEDOUT; -EINVAL also @deadline
 * above INT64_MAX; or as hsk_select().
 */
int hsk_select_until(struct hsk_case *cases, size_t nr, uint64_t deadline,
		     const struct hsk_ctx *ctx);

/**
 * hsk_select_ordered() - hsk_select() that prefers the first of several
 * @cases: as for hsk_select(); the first listed that can happen does
 * @nr: as for hsk_select()
 * @ctx: ends the wait when it is done; NULL: none
 *
 * The order decides among cases that can happen when the call is made. Later the
 * first that becomes possible happens. Blocks as hsk_select() does.
 *
 * Return: as hsk_select().
 */
int hsk_select_ordered(struct hsk_case *cases, size_t nr,
		       const struct hsk_ctx *ctx);

/**
 * hsk_try_select_ordered() - hsk_select_ordered() if a case can happen now
 * @cases: as for hsk_select_ordered()
 * @nr: as for hsk_select()
 *
 * Never blocks.
 *
 * Return: as hsk_try_select().
 */
int hsk_try_select_ordered(struct hsk_case *cases, size_t nr);

/**
 * hsk_select_ordered_until() - hsk_select_ordered() before a deadline
 * @cases: as for hsk_select_ordered()
 * @nr: as for hsk_select()
 * @deadline: as for hsk_select_until()
 * @ctx: ends the wait when it is done; NULL: none
 *
 * Blocks as hsk_select_until() does.
 *
 * Return: as hsk_select_until().
 */
int hsk_select_ordered_until(struct hsk_case *cases, size_t nr,
			     uint64_t deadline, const struct hsk_ctx *ctx);

/* ---- selectors ----------------------------------------------------------- */

/**
 * hsk_selector_new() - make a selector: a select that waits without a thread
 *
 * Opens /dev/hsk, makes the selector from there and closes what it opened. A selector
 * is a descriptor, close-on-exec and given up by close(2), which withdraws what is
 * armed. It polls readable, POLLIN, once one of the cases that it was armed with has
 * happened. So an event loop can take part in a channel without buffer; with poll(2)
 * on the endpoints, two event loops would wait for each other for ever. It can't
 * travel in a message. Never blocks.
 *
 * Return: the selector; or
 * -ENOENT, -ENODEV the module is not loaded; -EACCES no permission to open
 * /dev/hsk; -EMFILE, -ENFILE.
 */
int hsk_selector_new(void);

/**
 * hsk_selector_new_from() - make a selector from any endpoint at hand
 * @ep: an endpoint, with whatever rights
 *
 * For a process that cannot open /dev/hsk (any more). Never blocks.
 *
 * Return: the selector; or -EMFILE, -ENFILE.
 */
int hsk_selector_new_from(int ep);

/**
 * hsk_selector_arm() - commit to a select
 * @selector: a selector on which nothing is armed
 * @cases: the cases, as for hsk_select()
 * @nr: how many, 0 to HSK_SELECT_CASES_MAX
 *
 * From now on the cases wait as those of a blocked hsk_select() do, and one of them
 * happens as soon as it can, maybe at once. Messages to send are copied now. Of a
 * receive only the room is looked at: a message that does not fit makes its result
 * -EMSGSIZE. Until it is over the endpoints stay open. Never blocks. What is wrong
 * with cases has the errno that hsk_select() has for it.
 *
 * Return: 0; or
 * -EBUSY it is armed, or what happened has not been finished; -EINVAL, -EBADF,
 * -EMSGSIZE, -EOPNOTSUPP, -ETOOMANYREFS, -ELOOP the cases.
 */
int hsk_selector_arm(int selector, const struct hsk_case *cases, size_t nr);

/**
 * hsk_selector_arm_ordered() - hsk_selector_arm(), the first of several preferred
 * @selector: as for hsk_selector_arm()
 * @cases: as for hsk_selector_arm(), in the order of hsk_select_ordered()
 * @nr: as for hsk_selector_arm()
 *
 * Never blocks.
 *
 * Return: as hsk_selector_arm().
 */
int hsk_selector_arm_ordered(int selector, const struct hsk_case *cases,
			     size_t nr);

/**
 * hsk_selector_finish() - ask which case has happened, and get its message
 * @selector: a selector
 * @cases: as they were armed; result and msg of the one that happened are set. Where
 *	a message goes and how much fits there is looked at now
 * @nr: as armed
 *
 * The result is as of hsk_select(). Afterwards nothing is armed, whatever the result;
 * arm it again for the next select. Never blocks.
 *
 * Return: the index of the case that happened; or
 * -EAGAIN none has happened yet; -ENOENT nothing is armed; -EINVAL @nr is not that of
 * the arming.
 */
int hsk_selector_finish(int selector, struct hsk_case *cases, size_t nr);

/**
 * hsk_selector_disarm() - withdraw what is armed
 * @selector: a selector
 *
 * After success no case has happened, and none will. If a receiver has a message of it
 * just then, that case has happened. Never blocks.
 *
 * Return: 0; or
 * -EALREADY one has happened: finish it; -ENOENT nothing is armed.
 */
int hsk_selector_disarm(int selector);

/* ---- contexts ------------------------------------------------------------ */

/**
 * hsk_ctx_background() - the context that is never done (Go: context.Background())
 *
 * As good as NULL wherever a context is asked for. Never blocks.
 *
 * Return: the context; it need not be freed.
 */
const struct hsk_ctx *hsk_ctx_background(void);

/**
 * hsk_ctx_with_cancel() - make a context (Go: context.WithCancel)
 * @parent: when it is done, so is the new one, for the same cause, in whatever
 *	process; NULL: none
 * @ctx: out, the context; the caller's to free
 *
 * A context is a channel on which nothing is sent: it is done when it is closed. This
 * process has two endpoints of it: one that may receive, hsk_ctx_done(), and one that
 * may close, for hsk_ctx_cancel(). Without a parent /dev/hsk is opened, otherwise the
 * channel is made from the parent's. Never blocks.
 *
 * It is done for -EOWNERDEAD when nobody is left who could cancel it: its maker has
 * freed it or died. After fork(2) the child could, too, until it frees it or execs.
 *
 * Return: 0; or
 * -ENOENT, -ENODEV the module is not loaded; -EACCES no permission to open
 * /dev/hsk; -EMFILE, -ENFILE.
 */
int hsk_ctx_with_cancel(const struct hsk_ctx *parent, struct hsk_ctx **ctx);

/**
 * hsk_ctx_with_deadline() - make a context that ends by itself
 *	(Go: context.WithDeadline)
 * @parent: as for hsk_ctx_with_cancel(); if its deadline is earlier, that one counts
 * @deadline: absolute CLOCK_MONOTONIC nanoseconds, 0: none; the context is then done
 *	for -ETIMEDOUT, unless it is done by then
 * @ctx: out, the context; the caller's to free
 *
 * The kernel keeps the time. Never blocks.
 *
 * Return: 0; or -EINVAL @deadline above INT64_MAX; or as hsk_ctx_with_cancel().
 */
int hsk_ctx_with_deadline(const struct hsk_ctx *parent, uint64_t deadline,
			  struct hsk_ctx **ctx);

/**
 * hsk_ctx_with_timeout_ms() - hsk_ctx_with_deadline(), so many milliseconds from now
 *	(Go: context.WithTimeout)
 * @parent: as for hsk_ctx_with_deadline()
 * @ms: milliseconds, as for hsk_deadline_in_ms()
 * @ctx: out, the context; the caller's to free
 *
 * Never blocks.
 *
 * Return: 0; or as hsk_ctx_with_cancel().
 */
int hsk_ctx_with_timeout_ms(const struct hsk_ctx *parent, uint64_t ms,
			    struct hsk_ctx **ctx);

/**
 * hsk_ctx_from_fd() - make a context of a descriptor, as received in a message
 * @fd: an endpoint that may receive; the context's from now on, which closes it when
 *	it is freed; on failure still the caller's
 * @ctx: out, the context; the caller's to free
 *
 * Of any channel: it is done when that is closed. If @fd may also close it, so may
 * the context: see hsk_ctx_cancel(). Never blocks.
 *
 * Return: 0; or -EBADF also @fd may not receive.
 */
int hsk_ctx_from_fd(int fd, struct hsk_ctx **ctx);

/**
 * hsk_ctx_cancel() - end a context (Go: cancel())
 * @ctx: the context
 *
 * It is done for -ECANCELED, and so is all that is derived from it, in every process,
 * before the call returns. Every operation that waits with one of them ends. Never
 * blocks.
 *
 * Return: 0; or
 * -EPIPE it was done already, which is no mistake; -EBADF this process may not cancel
 * it: it was received, or is the background.
 */
int hsk_ctx_cancel(const struct hsk_ctx *ctx);

/**
 * hsk_ctx_cancel_cause() - end a context and say why
 *	(Go: context.WithCancelCause)
 * @ctx: the context
 * @cause: what hsk_ctx_cause() is to say: a negative errno from -4095, or positive, of
 *	the application's own meaning; 0 is -ECANCELED
 *
 * As hsk_ctx_cancel(). With -ETIMEDOUT it is as if a deadline had passed. Never blocks.
 *
 * Return: 0; or -EINVAL @cause below -4095; or as hsk_ctx_cancel().
 */
int hsk_ctx_cancel_cause(const struct hsk_ctx *ctx, int cause);

/**
 * hsk_ctx_err() - ask whether a context is done (Go: ctx.Err())
 * @ctx: the context; NULL is never done
 *
 * What an operation that would block with it would return. Never blocks.
 *
 * Return: 0 it is not done; -ETIMEDOUT by a deadline; -ECANCELED otherwise.
 */
int hsk_ctx_err(const struct hsk_ctx *ctx);

/**
 * hsk_ctx_cause() - ask why a context is done (Go: context.Cause(ctx))
 * @ctx: the context; NULL is never done
 *
 * Never blocks.
 *
 * Return: 0 it is not done; else why: -ECANCELED cancelled, or a channel that was
 * closed in order; -ETIMEDOUT a deadline; -EOWNERDEAD who could have cancelled it has
 * died or gone; or what hsk_ctx_cancel_cause() was given, positive values included. Of
 * a derived context it is that of the one above which ended first.
 */
int hsk_ctx_cause(const struct hsk_ctx *ctx);

/**
 * hsk_ctx_done() - the descriptor of a context (Go: ctx.Done())
 * @ctx: the context
 *
 * The context's own, not to be closed: an endpoint that may receive. When the context
 * is done it polls POLLIN, POLLRDHUP and POLLHUP, and as hsk_case_recv() of a select
 * it happens, with result 0. Sent in a message, it is the context for who receives it:
 * hsk_ctx_from_fd(). Never blocks.
 *
 * Return: the descriptor; -1 it is never done: poll(2) and a select pass over that.
 */
int hsk_ctx_done(const struct hsk_ctx *ctx);

/**
 * hsk_ctx_free() - give a context up
 * @ctx: the context; NULL is ignored
 *
 * Does not cancel it. But if nobody else can cancel it, it is done now, for
 * -EOWNERDEAD, as when its maker dies; cancel it before to give another cause. Contexts
 * derived from it may be used on. Never blocks.
 */
void hsk_ctx_free(struct hsk_ctx *ctx);

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
