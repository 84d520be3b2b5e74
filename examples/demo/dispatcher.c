// SPDX-License-Identifier: MIT
/*
 * The dispatcher: gives each idle worker the next job and remembers who has
 * which. Nothing here waits for one particular peer: it polls, and then does
 * only what cannot block.
 *
 * A poll of a channel without buffer sees senders that are blocked in a send.
 * That suits: who sends here, producer and workers, blocks.
 */
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "pool.h"

/* 1 there is one; a job that was begun before comes first. */
static int next_task(struct pool *pool, struct task *task, bool *again)
{
	struct hsk_message msg;
	int ret;

	*again = pool->orphans;
	if (*again) {
		*task = pool->orphan[--pool->orphans];
		return 1;
	}
	if (pool->no_more_jobs)
		return 0;
	ret = hsk_try_recv_fds(pool->demo->rx[JOBS], &task->job,
			       sizeof(task->job), &task->file, 1, &msg);
	if (ret == 0 && msg.reason)
		die("the producer", msg.reason);
	if (ret < 0 && ret != -EAGAIN)
		die("jobs", ret);
	pool->no_more_jobs = ret == 0;
	return ret > 0;
}

static void give(struct pool *pool, struct member *member,
		 const struct task *task, bool again)
{
	int ret = hsk_try_send_fds(member->inbox, &task->job, sizeof(task->job),
				   &task->file, 1);

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

/* True as long as there is something to wait for. */
static bool wait_for_events(struct pool *pool, struct pollfd *poll_fd)
{
	bool idle = false, busy = false;
	unsigned int i;

	for (i = 0; i < pool->members; i++) {
		poll_fd[i] = (struct pollfd){ pool->member[i].life, POLLIN, 0 };
		idle |= pool->member[i].inbox >= 0;
		busy |= pool->member[i].busy;
	}
	poll_fd[i++] = (struct pollfd){ pool->demo->rx[IDLE], POLLIN, 0 };
	/* With nobody idle, jobs stay with the producer. */
	poll_fd[i++] = (struct pollfd){
		idle && !pool->no_more_jobs ? pool->demo->rx[JOBS] : -1,
		POLLIN, 0 };
	if (pool->no_more_jobs && !pool->orphans && !busy)
		return false;
	if (poll(poll_fd, i, -1) < 0)
		die("poll", -errno);
	return true;
}

int dispatcher(const struct demo *demo)
{
	struct pool pool = { .demo = demo };
	struct pollfd poll_fd[MAX_WORKERS + 2];
	struct task task;
	unsigned int i, members;
	bool again;

	while (wait_for_events(&pool, poll_fd)) {
		members = pool.members;
		/* First who is done, then who has died with work in hand. */
		if (poll_fd[members].revents)
			pool_take_advert(&pool);
		for (i = 0; i < members; i++)
			if (poll_fd[i].revents)
				pool_bury(&pool, &pool.member[i]);
		for (i = 0; i < pool.members; i++)
			if (pool.member[i].inbox >= 0 &&
			    next_task(&pool, &task, &again))
				give(&pool, &pool.member[i], &task, again);
	}
	/* Whoever advertised has sent its result before: none can come later. */
	hsk_close(demo->tx[RESULTS], 0);
	for (i = 0; i < pool.members; i++)
		if (pool.member[i].inbox >= 0)
			hsk_close(pool.member[i].inbox, 0);
	hsk_close(demo->tx[NEWS], 0);
	return 0;
}
