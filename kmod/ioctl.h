/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ioctl: the structs of <uapi/linux/hsk.h>. User memory is touched by ioctl.c, by
 * iter.c and by hsk_msg_new(), which only these two call, and no lock of ours is
 * held meanwhile.
 *
 * What is wrong with a call is looked for in one order, which the uapi header
 * states: the argument itself, the right, the sizes, the user memory, the
 * descriptors, and last the state of the channel.
 */
#ifndef HSK_IOCTL_H
#define HSK_IOCTL_H

#include <linux/types.h>

struct file;

long hsk_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* HSK_IOCTL_H */
