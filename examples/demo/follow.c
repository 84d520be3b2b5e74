// SPDX-License-Identifier: MIT
/* Follows the dispatcher's news, and kills a worker when half is done. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "demo.h"

static const char *reason_name(int reason)
{
	return reason == -EOWNERDEAD ? "-EOWNERDEAD" : strerror(-reason);
}

static void tell_death(const struct news *news, pid_t from, pid_t victim,
		       uint64_t killed)
{
	if (news->pid == victim)
		printf("  noticed     by dispatcher (pid %d) after %.2f ms: channel closed, %s\n",
		       from, (news->when - killed) / 1e6,
		       reason_name(news->reason));
	else
		printf("  GONE        worker %u (pid %d): channel closed, %s\n",
		       news->worker, news->pid, reason_name(news->reason));
	if (!news->had_job)
		printf("  recovered   it had no job in hand: nothing to do again\n");
}

pid_t follow(const struct demo *demo)
{
	struct hsk_message from;
	struct news news;
	uint64_t killed = 0;
	pid_t victim = 0;
	int ret;

	while ((ret = news_recv(demo->rx[NEWS], &news, &from, NULL)) > 0) {
		switch (news.kind) {
		case NEWS_HALF_WAY:
			victim = news.pid;
			killed = now();
			kill(victim, SIGKILL);
			printf("  kill -9     worker %u (pid %d), last seen with job %u: %s\n",
			       news.worker, news.pid, news.job.id, news.job.path);
			break;
		case NEWS_DEATH:
			tell_death(&news, from.pid, victim, killed);
			break;
		case NEWS_REASSIGNED:
			printf("  recovered   job %u given to worker %u\n",
			       news.job.id, news.worker);
			break;
		}
	}
	if (ret < 0)
		die("news", ret);
	return victim;
}
