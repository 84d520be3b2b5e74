// SPDX-License-Identifier: LGPL-2.1-or-later
/* Send, in six forms of one operation. */
#include "internal.h"

/* What the six forms differ in. */
struct send_op {
	const void *data;
	size_t len;
	const int *fds;
	size_t nr_fds;
	uint64_t deadline;
	uint32_t flags;
};

static int do_send(int ep, const struct send_op *op, const struct hsk_ctx *ctx)
{
	struct hsk_send_args args = {
		.size = sizeof(args),
		.flags = op->flags,
		.deadline = op->deadline,
		.msg = {
			.data = (uintptr_t)op->data,
			.fds = (uintptr_t)op->fds,
			.len = (uint32_t)op->len,
			.nr_fds = (uint32_t)op->nr_fds,
		},
	};

	if (op->len > UINT32_MAX || op->nr_fds > UINT32_MAX)
		return -EMSGSIZE;
	args.ctx = hsk_ctx_arg(ctx, &args.flags);
	return hsk_ioctl(ep, HSK_IOC_SEND, &args);
}

HSK_PUBLIC int hsk_send(int ep, const void *data, size_t len,
			const struct hsk_ctx *ctx)
{
	struct send_op op = { .data = data, .len = len };

	return do_send(ep, &op, ctx);
}

HSK_PUBLIC int hsk_try_send(int ep, const void *data, size_t len)
{
	struct send_op op = {
		.data = data, .len = len, .flags = HSK_OP_F_DONTWAIT,
	};

	return do_send(ep, &op, NULL);
}

HSK_PUBLIC int hsk_send_until(int ep, const void *data, size_t len,
			      uint64_t deadline, const struct hsk_ctx *ctx)
{
	struct send_op op = { .data = data, .len = len, .deadline = deadline };

	return do_send(ep, &op, ctx);
}

HSK_PUBLIC int hsk_send_fds(int ep, const void *data, size_t len,
			    const int *fds, size_t nr_fds,
			    const struct hsk_ctx *ctx)
{
	struct send_op op = {
		.data = data, .len = len, .fds = fds, .nr_fds = nr_fds,
	};

	return do_send(ep, &op, ctx);
}

HSK_PUBLIC int hsk_try_send_fds(int ep, const void *data, size_t len,
				const int *fds, size_t nr_fds)
{
	struct send_op op = {
		.data = data, .len = len, .fds = fds, .nr_fds = nr_fds,
		.flags = HSK_OP_F_DONTWAIT,
	};

	return do_send(ep, &op, NULL);
}

HSK_PUBLIC int hsk_send_fds_until(int ep, const void *data, size_t len,
				  const int *fds, size_t nr_fds,
				  uint64_t deadline, const struct hsk_ctx *ctx)
{
	struct send_op op = {
		.data = data, .len = len, .fds = fds, .nr_fds = nr_fds,
		.deadline = deadline,
	};

	return do_send(ep, &op, ctx);
}
