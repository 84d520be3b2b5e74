// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <uapi/linux/hsk.h>

#include "chan.h"
#include "endpoint.h"
#include "flight.h"
#include "limits.h"
#include "match.h"
#include "msg.h"
#include "op.h"
#include "transfer.h"
#include "user.h"

/* Copying arguments. */

static int hsk_struct_to_user(void __user *to, const void *from, size_t size)
{
	u64 __user *uto = to;
	const u64 *words = from;
	size_t i;

	might_fault();
	if (!user_write_access_begin(uto, size))
		return -EFAULT;
	for (i = 0; i < size / sizeof(u64); i++)
		unsafe_put_user(words[i], uto + i, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/**
 * hsk_args_from_user() - copy an argument struct
 * @args: gets it; what the program's struct lacks is 0
 * @ksize: its size as we know it
 * @first: its size as it was first published
 * @uargs: where it is; begins with its size
 *
 * Return: 0; -EFAULT; -EINVAL too small; -E2BIG more than we know, and not 0.
 */
int hsk_args_from_user(void *args, size_t ksize, size_t first, const void __user *uargs)
{
	u32 usize;

	if (get_user(usize, (const u32 __user *)uargs))
		return -EFAULT;
	if (usize == ksize)
		return hsk_struct_from_user(args, uargs, ksize);
	if (usize < first)
		return -EINVAL;
	if (usize > HSK_ARGS_SIZE_LIMIT)
		return -E2BIG;
	return copy_struct_from_user(args, ksize, uargs, usize);
}

/**
 * hsk_args_to_user() - give an argument struct back
 * @uargs: where it was
 * @args: the struct; its size member is not copied
 * @ksize: its size, which was also the first published one
 *
 * What is newer than us is left as it is.
 *
 * Return: 0; -EFAULT.
 */
int hsk_args_to_user(void __user *uargs, const void *args, size_t ksize)
{
	const size_t skip = sizeof(u32);

	return copy_to_user(uargs + skip, args + skip, ksize - skip) ? -EFAULT : 0;
}

/* How long it may take. */

/**
 * hsk_op_from_args() - what an operation's arguments say about waiting
 * @op: set
 * @nonblock: the endpoint does not block
 * @flags: HSK_OP_F_*
 * @deadline: as in the arguments
 * @ctx: likewise; looked up by hsk_op_get_ctx()
 * @has_ctx: the program's struct has the members for a context
 *
 * Return: 0; -EINVAL.
 */
int hsk_op_from_args(struct hsk_op *op, bool nonblock, u32 flags, u64 deadline, s32 ctx,
		     bool has_ctx)
{
	if (flags & ~(HSK_OP_F_DONTWAIT | HSK_OP_F_CTX) || deadline > S64_MAX)
		return -EINVAL;
	if (flags & HSK_OP_F_CTX ? !has_ctx : ctx)
		return -EINVAL;
	*op = (struct hsk_op) {
		.deadline = deadline,
		.nonblock = (flags & HSK_OP_F_DONTWAIT) || nonblock,
	};
	return 0;
}

/**
 * hsk_op_get_ctx() - look up an operation's context
 * @op: the operation
 * @flags: HSK_OP_F_*
 * @fd: as in the arguments
 *
 * If another thread closes the descriptor just then, ours is the last reference and
 * the endpoint goes when this task returns to user space, which it must not wait for:
 * it goes there at once and begins anew.
 *
 * Return: 0, hsk_op_put_ctx() must follow; -EBADF; -ERESTARTNOINTR.
 */
int hsk_op_get_ctx(struct hsk_op *op, u32 flags, s32 fd)
{
	struct file *file;

	if (!(flags & HSK_OP_F_CTX))
		return 0;
	file = hsk_endpoint_get(fd, HSK_CAN_READ);
	if (!file)
		return -EBADF;
	op->ctx = hsk_endpoint_chan(file);
	hsk_chan_get(op->ctx);
	fput(file);
	if (likely(!task_work_pending(current)))
		return 0;
	hsk_chan_put(op->ctx);
	set_thread_flag(TIF_NOTIFY_SIGNAL);
	return -ERESTARTNOINTR;
}

/**
 * hsk_op_put_ctx() - the operation is over
 * @op: the operation
 * @err: what it came to
 * @ureason: gets the reason if its context has ended it
 *
 * Return: @err; -EFAULT.
 */
int hsk_op_put_ctx(struct hsk_op *op, int err, s32 __user *ureason)
{
	hsk_chan_put(op->ctx);
	if ((err == -ECANCELED || err == -ETIMEDOUT) && op->ctx_ended &&
	    put_user(op->ctx_reason, ureason))
		return -EFAULT;
	return err;
}

/* Messages from and to user memory. */

static int hsk_flight_fds_from_user(struct hsk_flight *flight, const struct hsk_msghdr *hdr)
{
	const s32 __user *ufds = u64_to_user_ptr(hdr->fds);
	u32 i;

	for (i = 0; i < hdr->nr_fds; i++)
		if (get_user(flight->carried[i].fd, ufds + i))
			return -EFAULT;
	return 0;
}

static int hsk_flight_add_fds(struct hsk_flight *flight, u32 nr_fds)
{
	struct file *file;
	u32 i;

	for (i = 0; i < nr_fds; i++) {
		file = fget(flight->carried[i].fd);
		if (!file)
			return -EBADF;
		hsk_flight_add(flight, file,
			       hsk_file_is_endpoint(file) ? &hsk_endpoint_chan(file)->node : NULL);
	}
	return 0;
}

/* One pass for each errno, so that the order of the descriptors is none of it. */
static struct hsk_flight *hsk_flight_from_user(const struct hsk_msghdr *hdr)
{
	struct hsk_flight *flight;
	int err;

	flight = hsk_flight_new(hdr->nr_fds);
	if (IS_ERR(flight))
		return flight;
	err = hsk_flight_fds_from_user(flight, hdr);
	if (!err)
		err = hsk_flight_add_fds(flight, hdr->nr_fds);
	if (!err)
		err = hsk_flight_check(flight);
	if (!err)
		return flight;
	hsk_flight_free(flight);
	return ERR_PTR(err);
}

/**
 * hsk_msg_from_user() - make a message of the current task
 * @hdr: what it says of it
 *
 * Return: the message; or an ERR_PTR: -EMSGSIZE, -EFAULT, -EBADF, -EOPNOTSUPP, -ENOMEM.
 */
struct hsk_msg *hsk_msg_from_user(const struct hsk_msghdr *hdr)
{
	struct hsk_flight *flight;
	struct iov_iter from;
	struct hsk_msg *msg;

	if (hdr->len > hsk_limit_msg_size() || hdr->nr_fds > hsk_limit_fds())
		return ERR_PTR(-EMSGSIZE);
	iov_iter_ubuf(&from, ITER_SOURCE, u64_to_user_ptr(hdr->data), hdr->len);
	msg = hsk_msg_new(&from, hdr->len, current_cred());
	if (IS_ERR(msg) || !hdr->nr_fds)
		return msg;
	flight = hsk_flight_from_user(hdr);
	if (IS_ERR(flight)) {
		hsk_msg_free(msg);
		return ERR_CAST(flight);
	}
	msg->flight = flight;
	return msg;
}

static int hsk_flight_to_user(const struct hsk_flight *flight, u64 fds)
{
	s32 __user *ufds = u64_to_user_ptr(fds);
	u32 i;

	for (i = 0; flight && i < flight->nr; i++)
		if (put_user(flight->carried[i].fd, ufds + i))
			return -EFAULT;
	return 0;
}

static int hsk_msg_to_user(const struct hsk_msg *msg, const struct hsk_msghdr *hdr)
{
	struct iov_iter to;

	iov_iter_ubuf(&to, ITER_DEST, u64_to_user_ptr(hdr->data), msg->len);
	if (copy_to_iter(msg->data, msg->len, &to) != msg->len)
		return -EFAULT;
	return hsk_flight_to_user(msg->flight, hdr->fds);
}

static void hsk_msghdr_describe(struct hsk_msghdr *hdr, const struct hsk_msg *msg)
{
	hdr->len = msg->len;
	hdr->nr_fds = hsk_msg_nr_fds(msg);
	hdr->flags = 0;
	hdr->reason = 0;
	hdr->pid = pid_vnr(msg->pid);
	hdr->uid = from_kuid_munged(current_user_ns(), msg->uid);
	hdr->gid = from_kgid_munged(current_user_ns(), msg->gid);
}

static void hsk_msghdr_closed(struct hsk_msghdr *hdr, int reason)
{
	hdr->len = 0;
	hdr->nr_fds = 0;
	hdr->flags = HSK_MSG_F_CLOSED;
	hdr->reason = reason;
	hdr->pid = 0;
	hdr->uid = 0;
	hdr->gid = 0;
}

/* Both or none: what is there next time is taken for the room. */
static int hsk_room_to_user(struct hsk_msghdr __user *uhdr, const struct hsk_room *room)
{
	might_fault();
	if (!user_write_access_begin(uhdr, sizeof(*uhdr)))
		return -EFAULT;
	unsafe_put_user(room->len, &uhdr->len, fault);
	unsafe_put_user(room->nr_fds, &uhdr->nr_fds, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/* Hand a message in transit to the current task, or put it back. */
static int hsk_recv_deliver(struct hsk_chan *chan, struct hsk_recv *recv, struct hsk_msghdr *hdr,
			    struct hsk_msghdr __user *uhdr)
{
	struct hsk_msg *msg = recv->msg;
	int err;

	err = hsk_flight_reserve(msg->flight);
	if (err)
		goto restore;
	err = hsk_msg_to_user(msg, hdr);
	if (err)
		goto unreserve;
	hsk_msghdr_describe(hdr, msg);
	err = hsk_struct_to_user(uhdr, hdr, sizeof(*hdr));
	if (err)
		goto unreserve;
	/*
	 * Nothing can fail from here on. The flight lands first: commit wakes the
	 * sender, and what that sends next must not be judged by this message.
	 */
	hsk_flight_land(msg->flight);
	hsk_recv_commit(chan, recv);
	hsk_flight_install(msg->flight);
	hsk_msg_free(msg);
	return 0;

unreserve:
	hsk_flight_unreserve(msg->flight);
restore:
	hsk_recv_restore(chan, recv, err);
	return err;
}

/**
 * hsk_recv_to_user() - tell the current task what its receive came to
 * @chan: the channel
 * @recv: what hsk_recv() or hsk_recv_taken() gave
 * @err: what it returned; after 0 the message is committed or restored here
 * @hdr: where the program wants data and descriptors, its reserved members 0; on
 *	success what is said of the message
 * @uhdr: where that is
 *
 * Return: 0 also for closed; -EMFILE, -ENFILE, -EFAULT; @err.
 */
int hsk_recv_to_user(struct hsk_chan *chan, struct hsk_recv *recv, int err,
		     struct hsk_msghdr *hdr, struct hsk_msghdr __user *uhdr)
{
	switch (err) {
	case 0:
		return hsk_recv_deliver(chan, recv, hdr, uhdr);
	case HSK_RECV_CLOSED:
		hsk_msghdr_closed(hdr, recv->reason);
		return hsk_struct_to_user(uhdr, hdr, sizeof(*hdr));
	case -EMSGSIZE:
		return hsk_room_to_user(uhdr, &recv->room) ?: err;
	default:
		return err;
	}
}
