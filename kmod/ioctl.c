// SPDX-License-Identifier: GPL-2.0-only
#include <linux/build_bug.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <uapi/linux/hsk.h>

#include "chan.h"
#include "endpoint.h"
#include "flight.h"
#include "ioctl.h"
#include "limits.h"
#include "match.h"
#include "msg.h"
#include "transfer.h"

/*
 * The published sizes. Equal sizes on every architecture mean that no padding has
 * crept in, and that 32-bit programs need no translation.
 */
static_assert(sizeof(struct hsk_msghdr) == 56);
static_assert(sizeof(struct hsk_send_args) == 72);
static_assert(sizeof(struct hsk_recv_args) == 72);
static_assert(sizeof(struct hsk_close_args) == 8);
static_assert(sizeof(struct hsk_dup_args) == 8);
static_assert(sizeof(struct hsk_chan_new_args) == 16);
static_assert(sizeof(struct hsk_info_args) == 80);
static_assert(sizeof(struct hsk_abi_args) == 16);
static_assert(HSK_RIGHT_READ == HSK_CAN_READ && HSK_RIGHT_WRITE == HSK_CAN_WRITE);

/* Copying arguments. */

static int hsk_args_from_user(void *args, size_t ksize, const void __user *uargs)
{
	u32 usize;

	if (get_user(usize, (const u32 __user *)uargs))
		return -EFAULT;
	if (usize < ksize)
		return -EINVAL;
	if (usize > HSK_ARGS_SIZE_LIMIT)
		return -E2BIG;
	return copy_struct_from_user(args, ksize, uargs, usize);
}

/* The size member is left as it is, and so is what is newer than us. */
static int hsk_args_to_user(void __user *uargs, const void *args, size_t ksize)
{
	const size_t skip = sizeof(u32);

	return copy_to_user(uargs + skip, args + skip, ksize - skip) ? -EFAULT : 0;
}

static int hsk_op_from_args(struct hsk_op *op, const struct file *file, u32 flags, u64 deadline)
{
	if (flags & ~HSK_OP_F_DONTWAIT || deadline > S64_MAX)
		return -EINVAL;
	op->deadline = deadline;
	op->nonblock = (flags & HSK_OP_F_DONTWAIT) || hsk_endpoint_nonblock(file);
	return 0;
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

static struct hsk_msg *hsk_msg_from_user(const struct hsk_msghdr *hdr)
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

/* One function for each ioctl. */

static long hsk_ioctl_abi(struct file *file, void __user *uargs)
{
	struct hsk_abi_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), uargs);
	if (err)
		return err;
	args.version = HSK_ABI_VERSION;
	args.features = HSK_FEATURE_CHANNELS;
	return hsk_args_to_user(uargs, &args, sizeof(args));
}

static long hsk_ioctl_info(struct file *file, void __user *uargs)
{
	struct hsk_chan_stat stat;
	struct hsk_info_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), uargs);
	if (err)
		return err;
	if (args.__reserved0)
		return -EINVAL;
	hsk_chan_snapshot(hsk_endpoint_chan(file), &stat);
	args = (struct hsk_info_args) {
		.rights = hsk_endpoint_rights(file),
		.id = stat.id,
		.capacity = stat.capacity,
		.state = stat.closed ? HSK_STATE_CLOSED : 0,
		.reason = stat.reason,
		.waiting_senders = stat.senders,
		.waiting_receivers = stat.receivers,
		.read_endpoints = stat.readers,
		.write_endpoints = stat.writers,
		.sent = stat.sent,
		.received = stat.received,
		.buffered = stat.buffered,
		.drained = stat.drained,
	};
	return hsk_args_to_user(uargs, &args, sizeof(args));
}

static long hsk_ioctl_chan_new(struct file *file, void __user *uargs)
{
	struct hsk_chan_new_args args;
	struct hsk_chan *chan;
	int ret;

	ret = hsk_args_from_user(&args, sizeof(args), uargs);
	if (ret)
		return ret;
	if (args.flags || args.__reserved0 || args.capacity > hsk_limit_capacity())
		return -EINVAL;
	chan = hsk_chan_new(args.capacity);
	if (!chan)
		return -ENOMEM;
	ret = hsk_endpoint_new_fd(chan, HSK_CAN_READ | HSK_CAN_WRITE);
	if (ret < 0)
		hsk_chan_put(chan);
	return ret;
}

static long hsk_ioctl_dup(struct file *file, void __user *uargs)
{
	struct hsk_chan *chan = hsk_endpoint_chan(file);
	struct hsk_dup_args args;
	int ret;

	ret = hsk_args_from_user(&args, sizeof(args), uargs);
	if (ret)
		return ret;
	if (!args.rights || args.rights & ~(HSK_RIGHT_READ | HSK_RIGHT_WRITE))
		return -EINVAL;
	if (args.rights & ~hsk_endpoint_rights(file))
		return -EPERM;
	hsk_chan_get(chan);
	ret = hsk_endpoint_new_fd(chan, args.rights);
	if (ret < 0)
		hsk_chan_put(chan);
	return ret;
}

/* What is an output of receive must be 0 in a send, to be of use one day. */
static bool hsk_msghdr_sendable(const struct hsk_msghdr *hdr)
{
	return !(hdr->flags || hdr->reason || hdr->pid || hdr->uid || hdr->gid ||
		 hdr->__reserved0 || hdr->__reserved1);
}

static long hsk_ioctl_send(struct file *file, void __user *uargs)
{
	struct hsk_send_args args;
	struct hsk_msg *msg;
	struct hsk_op op;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), uargs);
	if (!err)
		err = hsk_op_from_args(&op, file, args.flags, args.deadline);
	if (err)
		return err;
	if (!hsk_msghdr_sendable(&args.msg))
		return -EINVAL;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	msg = hsk_msg_from_user(&args.msg);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	err = hsk_send(hsk_endpoint_chan(file), msg, &op);
	if (err)
		hsk_msg_free(msg);
	return err;
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
	if (copy_to_user(uhdr, hdr, sizeof(*hdr))) {
		err = -EFAULT;
		goto unreserve;
	}
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

static long hsk_ioctl_recv(struct file *file, void __user *uargs)
{
	struct hsk_recv_args __user *urecv = uargs;
	struct hsk_chan *chan = hsk_endpoint_chan(file);
	struct hsk_recv_args args;
	struct hsk_recv recv;
	struct hsk_op op;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), uargs);
	if (!err)
		err = hsk_op_from_args(&op, file, args.flags, args.deadline);
	if (err)
		return err;
	if (args.msg.__reserved0 || args.msg.__reserved1)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;

	recv.room = (struct hsk_room) { .len = args.msg.len, .nr_fds = args.msg.nr_fds };
	err = hsk_recv(chan, &recv, &op);
	switch (err) {
	case 0:
		return hsk_recv_deliver(chan, &recv, &args.msg, &urecv->msg);
	case HSK_RECV_CLOSED:
		hsk_msghdr_closed(&args.msg, recv.reason);
		err = 0;
		break;
	case -EMSGSIZE:
		args.msg.len = recv.room.len;
		args.msg.nr_fds = recv.room.nr_fds;
		break;
	default:
		return err;
	}
	return copy_to_user(&urecv->msg, &args.msg, sizeof(args.msg)) ? -EFAULT : err;
}

static long hsk_ioctl_close(struct file *file, void __user *uargs)
{
	struct hsk_close_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), uargs);
	if (err)
		return err;
	if (args.reason < -MAX_ERRNO)
		return -EINVAL;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return hsk_chan_close(hsk_endpoint_chan(file), args.reason);
}

/**
 * hsk_ioctl() - all that an endpoint can be asked by number
 * @file: the endpoint
 * @cmd: HSK_IOC_*
 * @arg: pointer to the struct that goes with it
 *
 * Return: 0 or a descriptor; -ENOTTY; as the uapi header says of each.
 */
long hsk_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uargs = (void __user *)arg;

	switch (cmd) {
	case HSK_IOC_SEND:
		return hsk_ioctl_send(file, uargs);
	case HSK_IOC_RECV:
		return hsk_ioctl_recv(file, uargs);
	case HSK_IOC_CLOSE:
		return hsk_ioctl_close(file, uargs);
	case HSK_IOC_DUP:
		return hsk_ioctl_dup(file, uargs);
	case HSK_IOC_CHAN_NEW:
		return hsk_ioctl_chan_new(file, uargs);
	case HSK_IOC_INFO:
		return hsk_ioctl_info(file, uargs);
	case HSK_IOC_ABI:
		return hsk_ioctl_abi(file, uargs);
	default:
		return -ENOTTY;
	}
}
