// SPDX-License-Identifier: GPL-2.0-only
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/stddef.h>
#include <uapi/linux/hsk.h>

#include "chan.h"
#include "endpoint.h"
#include "ioctl.h"
#include "limits.h"
#include "msg.h"
#include "op.h"
#include "selector.h"
#include "transfer.h"
#include "user.h"

/*
 * The published sizes. Equal sizes on every architecture mean that no padding has
 * crept in, and that 32-bit programs need no translation.
 */
static_assert(sizeof(struct hsk_msghdr) == 56);
static_assert(sizeof(struct hsk_send_args) == 80);
static_assert(sizeof(struct hsk_recv_args) == 80);
static_assert(sizeof(struct hsk_close_args) == 8);
static_assert(sizeof(struct hsk_dup_args) == 8);
static_assert(sizeof(struct hsk_chan_new_args) == 24);
static_assert(sizeof(struct hsk_info_args) == 80);
static_assert(sizeof(struct hsk_abi_args) == 16);
static_assert(sizeof(struct hsk_selector_args) == 8);
static_assert(HSK_RIGHT_READ == HSK_CAN_READ && HSK_RIGHT_WRITE == HSK_CAN_WRITE);

/* What was published first of those that have grown. */
#define HSK_SEND_FIRST		offsetof(struct hsk_send_args, ctx)
#define HSK_RECV_FIRST		offsetof(struct hsk_recv_args, ctx)
#define HSK_CHAN_NEW_FIRST	offsetof(struct hsk_chan_new_args, deadline)

/* One function for each ioctl. */

static long hsk_ioctl_abi(void __user *uargs)
{
	struct hsk_abi_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
	if (err)
		return err;
	args.version = HSK_ABI_VERSION;
	args.features = HSK_FEATURE_CHANNELS | HSK_FEATURE_SELECT | HSK_FEATURE_CONTEXTS;
	return hsk_args_to_user(uargs, &args, sizeof(args));
}

static long hsk_ioctl_info(struct file *file, void __user *uargs)
{
	struct hsk_chan_stat stat;
	struct hsk_info_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
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

static int hsk_chan_new_fd(const struct hsk_chan_new_args *args, struct hsk_chan *parent)
{
	struct hsk_chan *chan;
	int fd;

	chan = hsk_chan_new(args->capacity);
	if (!chan)
		return -ENOMEM;
	if (parent)
		hsk_context_derive(chan, parent);
	if (args->deadline)
		hsk_context_expire_at(chan, args->deadline);
	fd = hsk_endpoint_new_fd(chan, HSK_CAN_READ | HSK_CAN_WRITE);
	if (fd < 0) {
		/* Parts it from its parent and its timer. */
		hsk_chan_close(chan, fd);
		hsk_chan_put(chan);
	}
	return fd;
}

static long hsk_ioctl_chan_new(struct file *file, void __user *uargs)
{
	struct hsk_chan_new_args args;
	struct file *parent;
	int ret;

	ret = hsk_args_from_user(&args, sizeof(args), HSK_CHAN_NEW_FIRST, uargs);
	if (ret)
		return ret;
	if (args.flags & ~HSK_CHAN_F_PARENT || args.capacity > hsk_limit_capacity() ||
	    args.deadline > S64_MAX)
		return -EINVAL;
	if (!(args.flags & HSK_CHAN_F_PARENT))
		return args.parent ? -EINVAL : hsk_chan_new_fd(&args, NULL);
	parent = hsk_endpoint_get(args.parent, HSK_CAN_READ);
	if (!parent)
		return -EBADF;
	ret = hsk_chan_new_fd(&args, hsk_endpoint_chan(parent));
	fput(parent);
	return ret;
}

static long hsk_ioctl_dup(struct file *file, void __user *uargs)
{
	struct hsk_chan *chan = hsk_endpoint_chan(file);
	struct hsk_dup_args args;
	int ret;

	ret = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
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

static int hsk_send_args(struct hsk_chan *chan, const struct hsk_send_args *args,
			 struct hsk_op *op)
{
	struct hsk_msg *msg;
	int err;

	msg = hsk_msg_from_user(&args->msg);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	err = hsk_send(chan, msg, op);
	if (err)
		hsk_msg_free(msg);
	return err;
}

static long hsk_ioctl_send(struct file *file, void __user *uargs)
{
	struct hsk_send_args __user *usend = uargs;
	struct hsk_send_args args;
	struct hsk_op op;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), HSK_SEND_FIRST, uargs);
	if (!err)
		err = hsk_op_from_args(&op, hsk_endpoint_nonblock(file), args.flags,
				       args.deadline, args.ctx, args.size >= sizeof(args));
	if (err)
		return err;
	if (!hsk_msghdr_sendable(&args.msg) || args.ctx_reason)
		return -EINVAL;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	err = hsk_op_get_ctx(&op, args.flags, args.ctx);
	if (err)
		return err;
	err = hsk_send_args(hsk_endpoint_chan(file), &args, &op);
	return hsk_op_put_ctx(&op, err, &usend->ctx_reason);
}

static long hsk_ioctl_recv(struct file *file, void __user *uargs)
{
	struct hsk_recv_args __user *urecv = uargs;
	struct hsk_chan *chan = hsk_endpoint_chan(file);
	struct hsk_recv_args args;
	struct hsk_recv recv;
	struct hsk_op op;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), HSK_RECV_FIRST, uargs);
	if (!err)
		err = hsk_op_from_args(&op, hsk_endpoint_nonblock(file), args.flags,
				       args.deadline, args.ctx, args.size >= sizeof(args));
	if (err)
		return err;
	if (args.msg.__reserved0 || args.msg.__reserved1 || args.ctx_reason)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	err = hsk_op_get_ctx(&op, args.flags, args.ctx);
	if (err)
		return err;
	recv.room = (struct hsk_room) { .len = args.msg.len, .nr_fds = args.msg.nr_fds };
	err = hsk_recv(chan, &recv, &op);
	err = hsk_recv_to_user(chan, &recv, err, &args.msg, &urecv->msg);
	return hsk_op_put_ctx(&op, err, &urecv->ctx_reason);
}

static long hsk_ioctl_close(struct file *file, void __user *uargs)
{
	struct hsk_close_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
	if (err)
		return err;
	if (args.reason < -MAX_ERRNO)
		return -EINVAL;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return hsk_chan_close(hsk_endpoint_chan(file), args.reason);
}

static long hsk_ioctl_selector(void __user *uargs)
{
	struct hsk_selector_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
	if (err)
		return err;
	return args.flags ? -EINVAL : hsk_selector_new_fd();
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
		return hsk_ioctl_abi(uargs);
	case HSK_IOC_SELECT:
		return hsk_ioctl_select(uargs);
	case HSK_IOC_SELECTOR:
		return hsk_ioctl_selector(uargs);
	default:
		return -ENOTTY;
	}
}
