/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compat: what older kernels lack, in the newest kernel's spelling. The only file
 * that asks for the kernel's version; each part says since when it is not needed.
 */
#ifndef HSK_COMPAT_H
#define HSK_COMPAT_H

#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/version.h>

/* Since 6.13, in place of hrtimer_init() and an assignment. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* Since 6.12 pointer and flags are one word, and have accessors. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#ifndef fd_file
#define fd_file(f) ((f).file)
#endif
#define hsk_fd_is_reference(f) ((f).flags & FDPUT_FPUT)
#else
#define hsk_fd_is_reference(f) ((f).word & FDPUT_FPUT)
#endif

#endif /* HSK_COMPAT_H */
