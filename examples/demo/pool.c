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
void pool_take_advert(struct pool *pool)
{
	struct hsk_message msg;
	struct advert advert;
	struct member *member;
	int fds[2], ret;

	ret = hsk_try_recv_fds(pool->demo->rx[IDLE], &advert, sizeof(advert),
			       fds, 2, &msg);
	if (ret == -EAGAIN)
		return;		/* a sender was there at the poll and has gone */
	if (ret == 0 && !pool->alive)
		die("no worker is left", msg.reason);
	if (ret < 0)
		die("idle", ret);
	if (ret == 0)
		return;
	member = find(pool, msg.pid);
	if (!member) {
		member = &pool->member[pool->members++];
		*member = (struct member){ .number = advert.worker,
			.pid = msg.pid, .life = fds[1] };
		pool->alive++;
	} else if (member->busy) {
		member->busy = false;
		close(member->task.file);
	}
	member->inbox = fds[0];
}

void pool_bury(struct pool *pool, struct member *member)
{
	struct hsk_message msg;

	if (hsk_try_recv(member->life, NULL, 0, &msg) != 0)
		return;
	pool_tell(pool, NEWS_DEATH, member, msg.reason);
	close(member->life);
	member->life = -1;
	pool->alive--;
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
