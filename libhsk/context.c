// SPDX-License-Identifier: LGPL-2.1-or-later
/* Contexts: channels on which nothing is sent, and whose close is the message. */
#include <stdlib.h>

#include "internal.h"

static const struct hsk_ctx background = { .done = -1, .owner = -1 };

/* Once made, nothing in it changes, so that any thread may use it. */
static int ctx_new(int done, int owner, struct hsk_ctx **ctx)
{
	struct hsk_ctx *made = malloc(sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->done = done;
	made->owner = owner;
	*ctx = made;
	return 0;
}

/* A channel that ends with @parent and at @deadline. */
static int chan_derive(const struct hsk_ctx *parent, uint64_t deadline)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args),
		.deadline = deadline,
	};
	int device, chan;

	if (hsk_ctx_is_open_ended(parent)) {
		device = hsk_chan_new(0);
		if (device < 0 || !deadline)
			return device;
		/* The device makes channels without a deadline only. */
		chan = hsk_ioctl(device, HSK_IOC_CHAN_NEW, &args);
		hsk_fd_close(device);
		return chan;
	}
	args.flags = HSK_CHAN_F_PARENT;
	args.parent = parent->done;
	return hsk_ioctl(parent->done, HSK_IOC_CHAN_NEW, &args);
}

HSK_PUBLIC const struct hsk_ctx *hsk_ctx_background(void)
{
	return &background;
}

HSK_PUBLIC int hsk_ctx_with_cancel(const struct hsk_ctx *parent,
				   struct hsk_ctx **ctx)
{
	return hsk_ctx_with_deadline(parent, 0, ctx);
}

HSK_PUBLIC int hsk_ctx_with_deadline(const struct hsk_ctx *parent,
				     uint64_t deadline, struct hsk_ctx **ctx)
{
	int owner = chan_derive(parent, deadline);
	int done, ret;

	if (owner < 0)
		return owner;
	/* Narrow, so that who is given it can wait and no more. */
	done = hsk_dup(owner, HSK_RIGHT_READ);
	if (done < 0) {
		hsk_fd_close(owner);
		return done;
	}
	ret = ctx_new(done, owner, ctx);
	if (ret < 0) {
		hsk_fd_close(done);
		hsk_fd_close(owner);
	}
	return ret;
}

HSK_PUBLIC int hsk_ctx_with_timeout_ms(const struct hsk_ctx *parent,
				       uint64_t ms, struct hsk_ctx **ctx)
{
	return hsk_ctx_with_deadline(parent, hsk_deadline_in_ms(ms), ctx);
}

HSK_PUBLIC int hsk_ctx_from_fd(int fd, struct hsk_ctx **ctx)
{
	struct hsk_info info;
	int ret = hsk_info(fd, &info);

	if (ret < 0)
		return ret;
	if (!(info.rights & HSK_RIGHT_READ))
		return -EBADF;
	return ctx_new(fd, info.rights & HSK_RIGHT_WRITE ? fd : -1, ctx);
}

HSK_PUBLIC int hsk_ctx_cancel(const struct hsk_ctx *ctx)
{
	return hsk_ctx_cancel_cause(ctx, -ECANCELED);
}

HSK_PUBLIC int hsk_ctx_cancel_cause(const struct hsk_ctx *ctx, int cause)
{
	if (!ctx)
		return -EBADF;
	return hsk_close(ctx->owner, cause ? cause : -ECANCELED);
}

HSK_PUBLIC int hsk_ctx_cause(const struct hsk_ctx *ctx)
{
	struct hsk_info info;
	int ret;

	if (hsk_ctx_is_open_ended(ctx))
		return 0;
	ret = hsk_info(ctx->done, &info);
	if (ret < 0)
		return ret;
	if (!info.closed)
		return 0;
	/* An orderly close: nobody meant it to be an error, but it is the end. */
	return info.reason ? info.reason : -ECANCELED;
}

HSK_PUBLIC int hsk_ctx_err(const struct hsk_ctx *ctx)
{
	int cause = hsk_ctx_cause(ctx);

	if (!cause)
		return 0;
	return cause == -ETIMEDOUT ? -ETIMEDOUT : -ECANCELED;
}

HSK_PUBLIC int hsk_ctx_done(const struct hsk_ctx *ctx)
{
	return ctx ? ctx->done : -1;
}

HSK_PUBLIC void hsk_ctx_free(struct hsk_ctx *ctx)
{
	if (!ctx || ctx == &background)
		return;
	if (ctx->owner >= 0 && ctx->owner != ctx->done)
		hsk_fd_close(ctx->owner);
	hsk_fd_close(ctx->done);
	free(ctx);
}
