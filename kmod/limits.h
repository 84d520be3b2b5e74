/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits: every bound of the module, in one place.
 *
 * The four that an administrator may set are module parameters, writable at
 * run time. They bind what is made after the change: a channel keeps the
 * capacity it was made with, a message in flight stays in flight. Each is read
 * once per operation, by READ_ONCE, since sysfs writes it without our locks.
 *
 * Memory itself is bounded by the memory cgroup: all that a user can make this
 * module allocate is charged to the task that causes it. At the cgroup's limit the
 * operation fails with ENOMEM, rather than an OOM kill somewhere in the cgroup: the
 * caller is there to be told.
 */
#ifndef HSK_LIMITS_H
#define HSK_LIMITS_H

#include <linux/gfp.h>
#include <linux/sizes.h>

#define HSK_GFP			(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* The largest argument struct that is looked at; the same on every architecture. */
#define HSK_ARGS_SIZE_LIMIT	SZ_4K

#define HSK_MSG_SIZE_DEFAULT	SZ_64K
#define HSK_MSG_SIZE_LIMIT	SZ_16M

/* As many as a Unix socket passes in one message (SCM_MAX_FD). */
#define HSK_FDS_DEFAULT		16
#define HSK_FDS_LIMIT		253

#define HSK_CAPACITY_DEFAULT	65536
#define HSK_CAPACITY_LIMIT	SZ_1M

#define HSK_IN_FLIGHT_DEFAULT	16384
#define HSK_IN_FLIGHT_LIMIT	SZ_1M

unsigned int hsk_limit_msg_size(void);
unsigned int hsk_limit_fds(void);
unsigned int hsk_limit_capacity(void);
unsigned int hsk_limit_in_flight(void);

#endif /* HSK_LIMITS_H */
