// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that takes its time: the first access to it waits until a thread of the same
 * process has served the fault, after a random while. A receive into such memory has a
 * message in transit for so long, and signals, kills, closes and others' receives come in
 * between. Behind it lies a page that can't be accessed at all.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "record.h"

#define PAGE		4096UL
#define LONGEST_US	300

static char *memory[NR_WORKERS];	/* two pages for each of this process's actors */
static int userfault = -1;

static void *serve(void *arg)
{
	struct timespec while_it_waits = { 0 };
	struct uffd_msg msg;
	struct uffdio_zeropage zero;

	(void)arg;
	while (read(userfault, &msg, sizeof(msg)) == sizeof(msg)) {
		if (msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		while_it_waits.tv_nsec = rand() % (LONGEST_US * 1000);
		nanosleep(&while_it_waits, NULL);
		zero = (struct uffdio_zeropage) {
			.range = { .start = msg.arg.pagefault.address & ~(PAGE - 1), .len = PAGE },
		};
		ioctl(userfault, UFFDIO_ZEROPAGE, &zero);
	}
	return NULL;
}

/* Without userfaultfd(2) the memory is as fast as any. */
static bool open_userfault(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	pthread_t thread;

	userfault = syscall(SYS_userfaultfd, O_CLOEXEC);
	return userfault >= 0 && !ioctl(userfault, UFFDIO_API, &api) &&
	       !pthread_create(&thread, NULL, serve, NULL);
}

static bool make_memory(int nr)
{
	struct uffdio_register slow = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *pages;

	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE))
		return false;
	memory[nr] = pages;
	slow.range.start = (uintptr_t)pages;
	slow.range.len = PAGE;
	return userfault < 0 || !ioctl(userfault, UFFDIO_REGISTER, &slow);
}

/* In each process, for the actors in it. */
bool memory_init(int process)
{
	int nr;

	if (!open_userfault())
		userfault = -1;
	for (nr = 0; nr < NR_WORKERS; nr++)
		if (actor_process[nr] == process && !make_memory(nr))
			return false;
	return true;
}

/* Room for a number at its very end, untouched: the next access is slow. */
void *memory_slow(int nr)
{
	madvise(memory[nr], PAGE, MADV_DONTNEED);
	return memory[nr] + PAGE - sizeof(uint64_t);
}

/* Where no number fits: the second half of it can't be accessed. */
void *memory_bad(int nr)
{
	return memory[nr] + PAGE - sizeof(uint64_t) / 2;
}
