// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arm.h"

/* Above what tests count on; the limit is raised for it if need be. */
#define ARM_FIRST	1000
#define ARM_LIMIT	4096

#define FRAME		12288	/* more than a signal needs on the stack */
#define RSEQ_UNUSED	28	/* padding in the area, which has 32 bytes */

static __thread int arm_fd = -1;
static pthread_key_t arm_key;
static pthread_once_t arm_once = PTHREAD_ONCE_INIT;

static void close_at_exit(void *fd)
{
	syscall(SYS_close, (int)(intptr_t)fd);
	arm_fd = -1;
}

static void make_key(void)
{
	pthread_key_create(&arm_key, close_at_exit);
}

static int move_up(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, ARM_FIRST);
	struct rlimit before, limit;

	if (moved < 0 && !prlimit(0, RLIMIT_NOFILE, NULL, &before)) {
		limit = before;
		limit.rlim_cur = before.rlim_max < ARM_LIMIT ? before.rlim_max : ARM_LIMIT;
		prlimit(0, RLIMIT_NOFILE, &limit, NULL);
		moved = fcntl(fd, F_DUPFD_CLOEXEC, ARM_FIRST);
		prlimit(0, RLIMIT_NOFILE, &before, NULL);
	}
	syscall(SYS_close, fd);
	return moved;
}

int arm_descriptor(void)
{
	int fd;

	if (arm_fd >= 0)
		return arm_fd;
	fd = syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	arm_fd = move_up(fd);
	pthread_once(&arm_once, make_key);
	if (arm_fd >= 0)
		pthread_setspecific(arm_key, (void *)(intptr_t)arm_fd);
	return arm_fd;
}

void arm_forget(void)
{
	if (arm_fd >= 0)
		syscall(SYS_close, arm_fd);
	arm_fd = -1;
	arm_descriptor();
}

/*
 * On the way back to the program the kernel writes to its memory by itself: the area of
 * restartable sequences, and a signal's frame on the stack. Without a page there, as
 * after a fork, the program would be killed, and rightly so. So the pages are got first.
 */
static __attribute__((noinline)) void get_pages(void)
{
	char *thread = __builtin_thread_pointer();
	char stack[FRAME];

	memset(stack, 0, sizeof(stack));
	thread[__rseq_offset + RSEQ_UNUSED] = 0;
	/* The compiler must not think that nobody looks. */
	__asm__ __volatile__("" : : "r"(stack), "r"(thread) : "memory");
}

/*
 * Writing the number copies from user memory: if a fault was left over that may be
 * the one that fails. A test may also have closed the descriptor, or have put another
 * file in its place, which then is one that has no position.
 */
bool arm_fault(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);
	int attempt;

	if (n)
		get_pages();
	for (attempt = 0; attempt < 3; attempt++) {
		if (arm_descriptor() < 0)
			return false;
		if (pwrite(arm_fd, text, len, 0) == len)
			return true;
		if (errno != EFAULT)
			arm_fd = -1;
	}
	return false;
}

/*
 * Reading the number copies to user memory: with 1 left that very copy fails, and
 * the number is 0 without the operation having met a fault.
 */
bool disarm_fault(void)
{
	char text[16] = "";
	ssize_t len = pread(arm_fd, text, sizeof(text) - 1, 0);

	if (len > 0 && atoi(text) == 0)
		return true;
	arm_fault(0);
	return false;
}
