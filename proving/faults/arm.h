/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arm: the current thread's /proc/thread-self/fail-nth.
 *
 * The descriptor is the thread's own, out of the way of those that tests count. It
 * belongs to one task for good, so a child opens it anew.
 */
#ifndef HSK_FAULTS_ARM_H
#define HSK_FAULTS_ARM_H

#include <stdbool.h>

bool arm_fault(unsigned int n);
bool disarm_fault(void);	/* true: the fault has been injected */
void arm_forget(void);		/* in the child of a fork */
int arm_descriptor(void);	/* -1: none can be had */

#endif /* HSK_FAULTS_ARM_H */
