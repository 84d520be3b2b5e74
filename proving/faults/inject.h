/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inject: one operation of a test program, with each of its faults in turn.
 *
 * The kernel counts down /proc/thread-self/fail-nth at every allocation and every
 * copy from or to user memory of that task, and lets the one fail that reaches 0.
 * So the operation is tried with the first failing, the second, and so on. A try
 * that has failed with ENOMEM or EFAULT must have changed nothing, and the next one
 * follows. The try that meets no fault any more is the real one: its result is the
 * program's, whose own assertions show whether the failures before have left a trace.
 *
 * A fault that does not make the operation fail (a large message, for which the
 * kernel has a second way to get memory) ends the row if what has succeeded can't be
 * undone. The next operation of the same kind then begins with the fault after.
 */
#ifndef HSK_FAULTS_INJECT_H
#define HSK_FAULTS_INJECT_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/hsk.h>

#include "state.h"

/**
 * struct faults_call - one operation, as a system call
 * @op: what it is
 * @shape: FAULTS_LARGE, FAULTS_FDS
 * @has_info: the operation is on an endpoint, whose channel must not change when it
 *	fails
 * @endpoint: that one
 * @info: its channel's state before
 * @sequence: faults_sequence() before that
 * @takes_fd: it needs a descriptor
 * @most: the last fault after which it can be tried again, 0: any
 * @result: where a select says what became of the case that happened, or NULL: an
 *	operation that fails says so by itself
 * @args: the struct that an ioctl must leave as it is when it fails, or NULL
 * @args_len: its size
 * @nr: of the system call
 * @arg: its arguments
 */
struct faults_call {
	enum faults_op op;
	unsigned int shape;
	int endpoint;
	bool has_info;
	struct hsk_info_args info;
	uint32_t sequence;
	bool takes_fd;
	unsigned int most;
	int32_t *result;
	void *args;
	size_t args_len;
	long nr;
	long arg[6];
};

long faults_perform(struct faults_call *call);
uint32_t faults_sequence(void);
bool faults_snapshot(int fd, struct hsk_info_args *info);

/* Whether this call may get faults: ask before anything else. */
bool faults_wanted(void);
/* The running test has had its share of faults for operations of this kind. */
bool faults_spent(const struct faults_call *call);
void faults_test_begins(const char *name);
void faults_init(void);

#endif /* HSK_FAULTS_INJECT_H */
