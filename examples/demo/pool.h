/* SPDX-License-Identifier: MIT */
/*
 * What the dispatcher knows: who works, at what, and which jobs are left over
 * from workers that died. Its own, no other process's.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>

#include "demo.h"

struct task {
	struct job job;
	int file;
};

struct member {
	uint32_t number;
	pid_t pid;
	int life;		/* -1: has gone */
	int inbox;		/* -1: not idle */
	bool busy;
	struct task task;	/* if busy */
};

struct pool {
	const struct demo *demo;
	struct member member[MAX_WORKERS];
	unsigned int members;
	unsigned int given;
	struct task orphan[MAX_WORKERS];	/* of workers that died */
	unsigned int orphans;
	bool no_more_jobs;
};

/* A worker has advertised: it is idle, and what it had is done. */
void pool_take_advert(struct pool *pool, const struct hsk_case *got,
		      const struct advert *advert, const int fds[2]);
/* A worker's life channel is closed, so that it is dead. */
void pool_bury(struct pool *pool, struct member *member, int reason);
/* Who has the most to do now; NULL if all are idle. */
const struct member *pool_busiest(const struct pool *pool);
void pool_tell(const struct pool *pool, enum news_kind kind,
	       const struct member *member, int reason);

#endif
