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

/* The kernel counts in 32 bits; more room than it can count is as good. */
static uint32_t clamp_room(size_t room)
{
	return room > UINT32_MAX ? UINT32_MAX : (uint32_t)room;
}

static void fill_message(struct hsk_message *msg, const struct hsk_msghdr *hdr)
{
	*msg = (struct hsk_message) {
		.len = hdr->len,
		.nr_fds = hdr->nr_fds,
		.reason = hdr->reason,
		.pid = hdr->pid,
		.uid = hdr->uid,
		.gid = hdr->gid,
	};
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
			.len = clamp_room(op->room),
			.nr_fds = clamp_room(op->fds_room),
		},
	};
	int ret;

	if (ctx || (op->fds_room && !msg))
		return -EINVAL;
	ret = hsk_ioctl(ep, HSK_IOC_RECV, &args);
	if (ret == -EMSGSIZE && msg) {
		msg->len = args.msg.len;
		msg->nr_fds = args.msg.nr_fds;
	}
	if (ret < 0)
		return ret;
	if (msg)
		fill_message(msg, &args.msg);
	return args.msg.flags & HSK_MSG_F_CLOSED ? 0 : 1;
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
