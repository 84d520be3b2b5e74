/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Worker: a process that makes the system calls it is told to make.
 *
 * It knows nothing of programs or of hsk. The coordinator writes a system call
 * into the worker's block of shared memory and rings; the worker makes it, writes
 * down what it returned, and rings back. One that blocks is simply not done yet.
 * Workers live on from program to program; only a killed one is started anew.
 */
#ifndef FUZZ_WORKER_H
#define FUZZ_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "program.h"

#define MAX_SCRIPT	24
#define KCOV_WORDS	(16UL << 10)

struct call {
	long nr;
	unsigned long arg[6];
	long ret;		/* or a negative errno */
};

struct worker {
	uint32_t go;		/* futex: number of the last order */
	uint32_t done;		/* number of the last order carried out */
	uint32_t handled;	/* signals that have been handled */
	int fork_to;		/* >= 0: fork that worker instead */
	int nr_calls;
	int at;			/* the call that is being made */
	struct call call[MAX_SCRIPT];
	/* The coordinator's, the same everywhere. */
	uint8_t *arena;
	uint8_t *readonly;
	uint64_t *kcov;
	int kcov_fd;
	pid_t pid;
};

struct shared {
	uint32_t bell;		/* futex: rung by each worker that is done */
	/* The last is none of a program's: small and idle, it starts the others. */
	struct worker worker[NR_WORKERS + 1];
};

extern struct shared *shared;

/* Seconds that anything which must happen is waited for. */
extern double patience;

int workers_begin(bool want_kcov);
void worker_spawn(int w);
int workers_first_fd(void);

void worker_order(int w);
bool worker_done(int w);
bool worker_wait(int w, double seconds);
void worker_begin_call(int w, long nr, unsigned long a, unsigned long b, unsigned long c,
		       unsigned long d);
long worker_call(int w, long nr, unsigned long a, unsigned long b, unsigned long c,
		 unsigned long d);
pid_t worker_fork(int from, int to);
void worker_kill(int w);
void worker_cpus(int w, bool all);

void bell_wait(uint32_t seen, double seconds);
double now(void);

#endif /* FUZZ_WORKER_H */
