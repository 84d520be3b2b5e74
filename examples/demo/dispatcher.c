// SPDX-License-Identifier: MIT
/*
 * The dispatcher: gives each idle worker the next job and remembers who has
 * which. Nothing here waits for one particular peer: it selects from all that may
 * happen next, and what is returned has happened.
 */
#include <stdbool.h>
#include <unistd.h>

#include "pool.h"

/*
 * In this order where several are ready: deaths first, so that all are known when
 * the last advertiser has gone.
 */
enum { LIFE, ADVERT = MAX_WORKERS, STOP_IT, NEW_JOB, NR_CASES };

/* What a receive may bring. */
struct incoming {
	struct advert advert;
	struct task task;
	int fds[2];
};

/* A worker that is idle; NULL: none. */
static struct member *idle_member(struct pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->members; i++)
		if (pool->member[i].inbox >= 0)
			return &pool->member[i];
	return NULL;
}

static bool is_busy(const struct pool *pool)
{
	unsigned int i;

	for (i = 0; i < pool->members; i++)
		if (pool->member[i].busy)
			return true;
	return false;
}

static void give(struct pool *pool, struct member *member,
		 const struct task *task, bool again)
{
	/* Does not block: the inbox has room for one. */
	int ret = hsk_send_fds(member->inbox, &task->job, sizeof(task->job),
			       &task->file, 1, NULL);

	close(member->inbox);
	member->inbox = -1;
	/* -EPIPE: died while it was idle; its life channel will say so. */
	if (ret < 0 && ret != -EPIPE)
		die("inbox", ret);
	member->busy = true;
	member->task = *task;
	if (again)
		pool_tell(pool, NEWS_REASSIGNED, member, 0);
	else if (++pool->given == pool->demo->files / 2)
		pool_tell(pool, NEWS_HALF_WAY, pool_busiest(pool), 0);
}

/* Jobs of workers that died come first. */
static void give_orphans(struct pool *pool)
{
	struct member *member;

	while (pool->orphans && (member = idle_member(pool)))
		give(pool, member, &pool->orphan[--pool->orphans], true);
}

static void take_job(struct pool *pool, const struct hsk_case *job,
		     const struct task *task)
{
	if (job->result < 0)
		die("jobs", job->result);
	if (job->result == 0 && job->msg.reason)
		die("the producer", job->msg.reason);
	if (job->result == 0)
		pool->no_more_jobs = true;
	else
		give(pool, idle_member(pool), task, false);
}

/* What may happen next. A case with -1 can't. */
static void make_cases(struct pool *pool, struct hsk_case *cases,
		       struct incoming *in)
{
	const int *rx = pool->demo->rx;
	/* With nobody idle, jobs stay with the producer. */
	bool wanted = idle_member(pool) && !pool->no_more_jobs;
	int jobs = wanted ? rx[JOBS] : -1;
	unsigned int i;

	for (i = 0; i < MAX_WORKERS; i++) {
		int life = i < pool->members ? pool->member[i].life : -1;

		cases[LIFE + i] = hsk_case_recv(life, NULL, 0);
	}
	cases[ADVERT] = hsk_case_recv_fds(rx[IDLE], &in->advert,
					  sizeof(in->advert), in->fds, 2);
	cases[STOP_IT] = hsk_case_recv(rx[STOP], NULL, 0);
	cases[NEW_JOB] = hsk_case_recv_fds(jobs, &in->task.job,
					   sizeof(in->task.job),
					   &in->task.file, 1);
}

/* The reason to end: 0 all is done. */
static int dispatch(struct pool *pool)
{
	struct hsk_case cases[NR_CASES];
	struct incoming in;
	int index;

	while (!pool->no_more_jobs || pool->orphans || is_busy(pool)) {
		make_cases(pool, cases, &in);
		index = hsk_select_ordered(cases, NR_CASES, NULL);
		if (index < 0)
			die("select", index);
		if (index == STOP_IT)
			return cases[STOP_IT].msg.reason;
		if (index == ADVERT)
			pool_take_advert(pool, &cases[ADVERT], &in.advert, in.fds);
		else if (index == NEW_JOB)
			take_job(pool, &cases[NEW_JOB], &in.task);
		else
			pool_bury(pool, &pool->member[index - LIFE],
				  cases[index].msg.reason);
		give_orphans(pool);
	}
	return 0;
}

int dispatcher(const struct demo *demo)
{
	struct pool pool = { .demo = demo };
	int reason = dispatch(&pool);
	unsigned int i;

	/* Whoever advertised has sent its result before: none can come later. */
	hsk_close(demo->tx[RESULTS], reason);
	for (i = 0; i < pool.members; i++)
		if (pool.member[i].inbox >= 0)
			hsk_close(pool.member[i].inbox, 0);
	hsk_close(demo->tx[NEWS], 0);
	return reason != 0;
}
