// SPDX-License-Identifier: LGPL-2.1-or-later
/* Receive, in six forms of one operation. */
#include "internal.h"

/* What the six forms differ in. */
struct recv_op {
	void *buf;
	size_t room;
	int *fds;
	size_t fds_room;
	uint64_t deadline;
	uint32_t flags;
};

/**
 * hsk_recv_result() - what a receive came to, as the library tells it
 * @ret: 0 or -errno, as the kernel tells it
 * @hdr: the message as the kernel described it
 * @msg: gets the same, or after -EMSGSIZE the sizes only; may be NULL
 *
 * Return: 1 a message; 0 closed and drained; @ret.
 */
int hsk_recv_result(int ret, const struct hsk_msghdr *hdr,
		    struct hsk_message *msg)
{
	if (ret == -EMSGSIZE && msg) {
		msg->len = hdr->len;
		msg->nr_fds = hdr->nr_fds;
	}
	if (ret < 0)
		return ret;
	if (msg) {
		*msg = (struct hsk_message) {
			.len = hdr->len,
			.nr_fds = hdr->nr_fds,
			.reason = hdr->reason,
			.pid = hdr->pid,
			.uid = hdr->uid,
			.gid = hdr->gid,
		};
	}
	return hdr->flags & HSK_MSG_F_CLOSED ? 0 : 1;
}

static int do_recv(int ep, const struct recv_op *op, struct hsk_message *msg,
		   const struct hsk_ctx *ctx)
{
	struct hsk_recv_args args = {
		.size = sizeof(args),
		.flags = op->flags,
		.deadline = op->deadline,
		.msg = {
			.data = (uintptr_t)op->buf,
			.fds = (uintptr_t)op->fds,
			.len = hsk_room(op->room),
			.nr_fds = hsk_room(op->fds_room),
		},
	};
	int ret;

	if (op->fds_room && !msg)
		return -EINVAL;
	args.ctx = hsk_ctx_arg(ctx, &args.flags);
	ret = hsk_ioctl(ep, HSK_IOC_RECV, &args);
	return hsk_recv_result(ret, &args.msg, msg);
}

HSK_PUBLIC int hsk_recv(int ep, void *buf, size_t room,
			struct hsk_message *msg, const struct hsk_ctx *ctx)
{
	struct recv_op op = { .buf = buf, .room = room };

	return do_recv(ep, &op, msg, ctx);
}

HSK_PUBLIC int hsk_try_recv(int ep, void *buf, size_t room,
			    struct hsk_message *msg)
{
	struct recv_op op = {
		.buf = buf, .room = room, .flags = HSK_OP_F_DONTWAIT,
	};

	return do_recv(ep, &op, msg, NULL);
}

HSK_PUBLIC int hsk_recv_until(int ep, void *buf, size_t room,
			      struct hsk_message *msg, uint64_t deadline,
			      const struct hsk_ctx *ctx)
{
	struct recv_op op = { .buf = buf, .room = room, .deadline = deadline };

	return do_recv(ep, &op, msg, ctx);
}

HSK_PUBLIC int hsk_recv_fds(int ep, void *buf, size_t room, int *fds,
			    size_t fds_room, struct hsk_message *msg,
			    const struct hsk_ctx *ctx)
{
	struct recv_op op = {
		.buf = buf, .room = room, .fds = fds, .fds_room = fds_room,
	};

	return do_recv(ep, &op, msg, ctx);
}

HSK_PUBLIC int hsk_try_recv_fds(int ep, void *buf, size_t room, int *fds,
				size_t fds_room, struct hsk_message *msg)
{
	struct recv_op op = {
		.buf = buf, .room = room, .fds = fds, .fds_room = fds_room,
		.flags = HSK_OP_F_DONTWAIT,
	};

	return do_recv(ep, &op, msg, NULL);
}

HSK_PUBLIC int hsk_recv_fds_until(int ep, void *buf, size_t room, int *fds,
				  size_t fds_room, struct hsk_message *msg,
				  uint64_t deadline, const struct hsk_ctx *ctx)
{
	struct recv_op op = {
		.buf = buf, .room = room, .fds = fds, .fds_room = fds_room,
		.deadline = deadline,
	};

	return do_recv(ep, &op, msg, ctx);
}
