/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ioctl: the structs of <uapi/linux/hsk.h>. Endpoints' operations on one channel in
 * ioctl.c, those on several and a selector's in ioctl_select.c.
 *
 * What is wrong with a call is looked for in one order, which the uapi header
 * states: the argument itself, the right, the sizes, the user memory, the
 * descriptors, and last the state of the channel.
 */
#ifndef HSK_IOCTL_H
#define HSK_IOCTL_H

#include <linux/types.h>

struct file;
struct hsk_selector;

long hsk_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long hsk_ioctl_select(void __user *uargs);
long hsk_selector_ioctl(struct hsk_selector *selector, unsigned int cmd, unsigned long arg);

#endif /* HSK_IOCTL_H */
