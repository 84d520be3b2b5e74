/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recorder: many short histories, one after the other. A manager (actor and
 * process of its own) makes the channels and tells actors to begin; these are threads of
 * processes that stay from history to history, unless they are killed. Each does
 * its own random operations with its own endpoints. The manager looks, signals and kills
 * meanwhile; when all that are left are blocked, it does something to free one of them.
 *
 * Everything is noted in memory that all share, so that nothing is lost with a
 * process that is killed. An operation's note is complete before it begins but for its
 * end; the end stamp is written last.
 *
 * A history's seed decides its channels, actors and their operations. What happens in which
 * order is the scheduler's to decide.
 */
#ifndef HISTORIES_RECORD_H
#define HISTORIES_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/hsk.h>

#include "history.h"

#define NSEC_PER_SEC	1000000000LL
#define NR_WORKERS	5			/* actors beside the manager and selectors */
#define MANAGER		NR_WORKERS
#define NR_ACTORS	(2 * NR_WORKERS + 1)	/* a selector for each worker, at the end */
#define SELECTOR_OF(nr)	(MANAGER + 1 + (nr))
#define NR_WORKER_PROCS	4			/* the first has two threads */
#define MANAGER_PROC	NR_WORKER_PROCS
#define OPS_PER_ACTOR	32			/* notes, at most */
#define MOST_OPS	6			/* what it does by its own choice */
#define MAX_ENDPOINTS	4			/* of an actor, per channel */

struct notes {
	int nr;
	struct op ops[OPS_PER_ACTOR];
};

struct shared {
	/* What the manager tells all; futexes. */
	uint32_t round;			/* the number of the history, 0: none yet */
	uint32_t go;			/* of this history */
	uint32_t over;			/* this history is; endpoints can go */
	unsigned long long seed;	/* of this history */
	long long origin_ns;
	int manager_pid;
	int nr_chans;
	int base_fd[MAX_CHANS];		/* in the manager */
	int base_ctx;			/* likewise, of the context */
	uint32_t canceled;		/* it is closed for certain */
	/* What actors tell; the first two are futexes. */
	uint32_t nr_ready;
	uint32_t nr_put_away;
	pid_t tid[NR_WORKERS];
	uint32_t done[NR_WORKERS];	/* the last history it has done with */
	/* What is in this history. */
	uint32_t invited[NR_WORKERS];	/* to which history last */
	uint8_t rights[NR_WORKERS][MAX_CHANS];	/* of its first endpoint; 0: none */
	long stamps;
	struct notes notes[NR_ACTORS];
};

/* An actor's own. */
struct actor {
	int nr;
	unsigned long long random;
	int nr_ops;			/* values sent so far */
	int selector;			/* -1: has none */
	int ctx;			/* -1: has none */
	int fd[MAX_CHANS][MAX_ENDPOINTS];
	int rights[MAX_CHANS][MAX_ENDPOINTS];	/* 0: none there */
};

/* What the kernel is given for a select, and gives back. */
struct request {
	uint64_t value[MAX_CASES];
	uint64_t *slow[MAX_CASES];	/* NULL: the message is in @value */
	struct hsk_msghdr msg[MAX_CASES];
	struct hsk_select_case cases[MAX_CASES];
};

extern struct shared *shared;
extern const int actor_process[NR_ACTORS];

/* actor.c: operations */
void actor_init(struct actor *actor, int nr, unsigned long long seed);
unsigned int actor_random(struct actor *actor, unsigned int below);
void actor_adopt(struct actor *actor, int chan, int fd, int rights);
void actor_do_random(struct actor *actor);
void actor_info(struct actor *actor, int chan);
bool actor_close(struct actor *actor, int chan);
bool actor_release(struct actor *actor, int chan);
void actor_transfer(struct actor *actor, int chan, unsigned int flags);
void actor_dawdle(struct actor *actor);
void actor_cancel(struct actor *actor);
/* The context's descriptor, for what is given it. */
int actor_ctx(const struct actor *actor, const struct op *op);
void actor_put_away(struct actor *actor);
int actor_choose_endpoint(struct actor *actor, int chan, int right);
unsigned int actor_choose_waiting(struct actor *actor, struct op *op);
enum verb actor_choose_direction(struct actor *actor, int chan, int n);
int actor_new_value(struct actor *actor);
struct op *note_begin(struct actor *actor, enum verb verb, int chan, int arg);
struct op *note_begin_for(int nr, enum verb verb, int chan, int arg);
int notes_left(const struct actor *actor);
void note_start(struct op *op);
void note_end(struct op *op, int result);
int endpoint_dup(int fd, int rights);
int endpoint_look(int fd, struct snapshot *is);
long long time_now(void);

/* actor_select.c */
void actor_select(struct actor *actor, int chan);
/* Adds cases; an endpoint of one of them, -1: there are none. */
int request_fill(struct request *r, struct actor *actor, struct op *op, int chan);
/* What the chosen case came to, with that result. */
int request_outcome(const struct request *r, struct op *op, int result);

/* actor_selector.c */
void actor_selector(struct actor *actor, int chan);

/* slow.c: memory of an actor in this process */
bool memory_init(int process);
void *memory_slow(int nr);
void *memory_bad(int nr);

/* manage.c: what the manager does in a history, beside and after the actors */
bool takes_part(int nr);
void meddle(void);
bool see_to_the_end(void);	/* false: somebody neither goes on nor waits */
void look_at_the_end(void);

/* record.c */
extern struct actor manager;
extern pid_t pids[NR_WORKER_PROCS];	/* 0: killed */
extern long long stuck_ns;	/* neither done nor waiting for so long: not woken */
extern uint32_t current_round;		/* shared->round, or its next value */
void die(const char *what) __attribute__((noreturn));

/* worker.c: processes */
void await_number(const uint32_t *number, uint32_t expected);
void worker_process(int process, uint32_t round) __attribute__((noreturn));

#endif /* HISTORIES_RECORD_H */
