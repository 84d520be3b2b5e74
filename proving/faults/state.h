/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State: what the shim counts, in a file that all processes of all test programs
 * map, 64-bit and 32-bit ones alike. The report reads it and begins anew.
 */
#ifndef HSK_FAULTS_STATE_H
#define HSK_FAULTS_STATE_H

#include <stdint.h>

/* Where it is, and the list of tests that run without faults. */
#define FAULTS_STATE	"/tmp/faults.state"
#define FAULTS_EXEMPT	"/hsk/exempt"
/* What was wrong, and which tests take long, a line each. */
#define FAULTS_LOG	"/tmp/faults.log"

/* What a program asks of hsk. Order and names: report.c. */
enum faults_op {
	OP_OPEN,
	OP_ABI,
	OP_INFO,
	OP_CHAN_NEW,
	OP_DUP,
	OP_SEND,
	OP_RECV,
	OP_CLOSE,
	OP_READ,
	OP_WRITE,
	OP_POLL,
	OP_EPOLL_CTL,
	OP_EPOLL_WAIT,
	OP_SELECT,
	OP_SELECTOR,
	OP_ARM,
	OP_FINISH,
	OP_DISARM,
	OP_RELEASE,
	OP_UNKNOWN,
	OP_NR
};

/* Operations of one kind that meet the same faults: large or not, with descriptors. */
#define FAULTS_LARGE	1
#define FAULTS_FDS	2
#define FAULTS_SHAPES	4

/**
 * struct faults_class - one kind of operation
 * @operations: performed, each with faults until none was left
 * @nomem: attempts that a fault ended with ENOMEM
 * @efault: likewise with EFAULT
 * @harmless: faults that the operation did not notice
 * @beyond: operations that began with the fault after a harmless one
 * @left: operations of the running test that still get faults
 * @next: the fault with which the next one begins, 1 if none is left open
 * @most: the number of the last fault that was met
 */
struct faults_class {
	uint32_t operations;
	uint32_t nomem;
	uint32_t efault;
	uint32_t harmless;
	uint32_t beyond;
	int32_t left;
	uint32_t next;
	uint32_t most;
};

#define FAULTS_SLOTS	1024

/**
 * struct faults_state - of one test program
 * @share: operations of each kind that get faults in each test; beyond them they are
 *	passed through
 * @passed: operations passed through for that
 * @exempt: operations passed through because of the test they belong to
 * @unarmed: operations passed through since fail-nth could not be opened
 * @judged: failed attempts that were compared with the state before
 * @wrong: lines in the log
 * @sequence: counts begins and ends of operations
 * @until: no test begins after so many seconds since boot
 * @cut: tests that were left out for that
 * @began: when the running test began, in seconds since boot
 * @test: the test that runs
 * @is_exempt: it runs without faults
 * @classes: by operation and shape
 * @slots: threads that are in an operation, 0: none
 */
struct faults_state {
	int32_t share;
	uint32_t passed;
	uint32_t exempt;
	uint32_t unarmed;
	uint32_t judged;
	uint32_t wrong;
	uint32_t sequence;
	uint32_t until;
	uint32_t cut;
	uint32_t began;
	char test[256];
	uint32_t is_exempt;
	struct faults_class classes[OP_NR][FAULTS_SHAPES];
	int32_t slots[FAULTS_SLOTS];
};

#endif /* HSK_FAULTS_STATE_H */
