/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library's own files share: the way into the kernel, and what contexts
 * and messages are on that way.
 *
 * Everything is hidden unless HSK_PUBLIC marks it; libhsk.map then gives the
 * public symbols their version. No file holds state that changes, which is what
 * makes every function safe to call from any thread.
 */
#ifndef HSK_INTERNAL_H
#define HSK_INTERNAL_H

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <hsk.h>

#define HSK_PUBLIC __attribute__((__visibility__("default")))

/** hsk_ioctl() - one ioctl on an endpoint; -errno instead of -1 and errno */
static inline int hsk_ioctl(int ep, unsigned long op, void *args)
{
	int ret = ioctl(ep, op, args);

	return ret < 0 ? -errno : ret;
}

/*
 * close(2) is a cancellation point; a thread cancelled there would leave behind
 * the endpoints that the function has made and not yet returned.
 */
static inline void hsk_fd_close(int fd)
{
	syscall(SYS_close, fd);
}

/**
 * struct hsk_ctx - a context
 * @done: an endpoint that may receive; -1: the background, which is never done
 * @owner: an endpoint that may close it, perhaps the same; -1: none
 */
struct hsk_ctx {
	int done;
	int owner;
};

/** hsk_ctx_is_open_ended() - no context, or one that is never done */
static inline int hsk_ctx_is_open_ended(const struct hsk_ctx *ctx)
{
	return !ctx || ctx->done < 0;
}

/** hsk_ctx_arg() - the member ctx of an operation's arguments, and its flag */
static inline int hsk_ctx_arg(const struct hsk_ctx *ctx, uint32_t *flags)
{
	if (hsk_ctx_is_open_ended(ctx))
		return 0;
	*flags |= HSK_OP_F_CTX;
	return ctx->done;
}

/* The kernel counts in 32 bits; more room than it can count is as good. */
static inline uint32_t hsk_room(size_t room)
{
	return room > UINT32_MAX ? UINT32_MAX : (uint32_t)room;
}

int hsk_recv_result(int ret, const struct hsk_msghdr *hdr,
		    struct hsk_message *msg);

#endif /* HSK_INTERNAL_H */
