// SPDX-License-Identifier: MIT
/* The dispatcher's record of the workers. */
#include <unistd.h>

#include "pool.h"

void pool_tell(const struct pool *pool, enum news_kind kind,
	       const struct member *member, int reason)
{
	struct news news = {
		.kind = kind, .reason = reason, .had_job = member->busy,
		.worker = member->number, .pid = member->pid, .when = now(),
		.job = member->task.job,
	};

	news_send(pool->demo->tx[NEWS], &news, NULL);
}

static struct member *find(struct pool *pool, pid_t pid)
{
	unsigned int i;

	for (i = 0; i < pool->members; i++)
		if (pool->member[i].pid == pid)
			return &pool->member[i];
	return NULL;
}

/* A member is known by its process id: the kernel says it, not the worker. */
void pool_take_advert(struct pool *pool, const struct hsk_case *got,
		      const struct advert *advert, const int fds[2])
{
	struct member *member;

	if (got->result < 0)
		die("idle", got->result);
	if (got->result == 0)
		die("no worker is left", got->msg.reason);
	member = find(pool, got->msg.pid);
	if (!member) {
		member = &pool->member[pool->members++];
		*member = (struct member){ .number = advert->worker,
			.pid = got->msg.pid, .life = fds[1] };
	} else if (member->busy) {
		member->busy = false;
		close(member->task.file);
	}
	member->inbox = fds[0];
}

void pool_bury(struct pool *pool, struct member *member, int reason)
{
	pool_tell(pool, NEWS_DEATH, member, reason);
	close(member->life);
	member->life = -1;
	if (member->inbox >= 0)
		close(member->inbox);
	member->inbox = -1;
	if (member->busy)
		pool->orphan[pool->orphans++] = member->task;
	member->busy = false;
}

const struct member *pool_busiest(const struct pool *pool)
{
	const struct member *best = NULL;
	unsigned int i;

	for (i = 0; i < pool->members; i++) {
		const struct member *member = &pool->member[i];

		if (member->busy &&
		    (!best || member->task.job.size > best->task.job.size))
			best = member;
	}
	return best;
}
