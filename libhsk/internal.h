/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library's own files share: the way into the kernel.
 *
 * Everything is hidden unless HSK_PUBLIC marks it; libhsk.map then gives the
 * public symbols their version. No file holds state, which is what makes every
 * function safe to call from any thread and from a signal handler.
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

#endif /* HSK_INTERNAL_H */
