// SPDX-License-Identifier: MIT
/*
 * The collector: takes the results, each job's once, and compares them with
 * what sha256sum says.
 *
 * A worker may die after it has sent its result and before the dispatcher knows
 * that; then the job is done again and a second result comes. The job's id
 * tells: the first result counts, every later one is dropped.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "demo.h"

struct tally {
	unsigned int jobs;
	uint64_t bytes;
	pid_t pid;
};

struct collection {
	struct tally worker[MAX_WORKERS + 1];	/* [0] is the total */
	bool *seen;				/* by job id */
	unsigned int again;
	unsigned int verdict[NR_VERDICTS];
};

static void count(struct tally *tally, const struct result *result, pid_t pid)
{
	tally->jobs++;
	tally->bytes += result->size;
	tally->pid = pid;
}

static void take(const struct demo *demo, struct collection *all,
		 const struct result *result, pid_t from)
{
	static const char * const mark[] = { "RIGHT", "WRONG", "UNKNOWN", "TWICE" };
	enum verdict verdict;

	if (result->id < demo->files && all->seen[result->id]) {
		all->again++;
		return;
	}
	if (result->id < demo->files)
		all->seen[result->id] = true;
	verdict = sums_check(demo->sums, result->path, result->digest);
	all->verdict[verdict]++;
	if (verdict != RIGHT)
		printf("  %-11s %s\n", mark[verdict], result->path);
	count(&all->worker[0], result, 0);
	if (result->worker >= 1 && result->worker <= demo->workers)
		count(&all->worker[result->worker], result, from);
	if (all->worker[0].jobs % (demo->files / 5 + 1) == 0)
		printf("  %-11s %u of %u files\n", "progress",
		       all->worker[0].jobs, demo->files);
}

static void show(const struct demo *demo, const struct collection *all,
		 uint64_t elapsed)
{
	const struct tally *tally = all->worker;
	unsigned int i;

	for (i = 1; i <= demo->workers; i++)
		printf("  worker %-4u pid %-5d %6u jobs  %8.2f MiB\n", i,
		       tally[i].pid, tally[i].jobs, tally[i].bytes / 1048576.0);
	printf("  %-11s in %5.1f s %6u jobs  %8.2f MiB\n", "total",
	       elapsed / 1e9, tally[0].jobs, tally[0].bytes / 1048576.0);
	printf("  %-11s %u lost, %u twice; %u done again and dropped by job id\n",
	       "jobs", demo->files - all->verdict[RIGHT] - all->verdict[WRONG],
	       all->verdict[TWICE], all->again);
}

int collector(const struct demo *demo)
{
	struct collection all = { 0 };
	struct hsk_message msg;
	struct result result;
	uint64_t start = now();
	bool good;
	int ret;

	all.seen = calloc(demo->files, sizeof(*all.seen));
	if (!all.seen)
		die("collector", -ENOMEM);
	while ((ret = result_recv(demo->rx[RESULTS], &result, &msg, NULL)) > 0)
		take(demo, &all, &result, msg.pid);
	if (ret < 0)
		die("results", ret);
	show(demo, &all, now() - start);
	good = msg.reason == 0 && all.verdict[RIGHT] == demo->files &&
	       all.worker[0].jobs == demo->files;
	printf("%s: %u of %u digests equal those of sha256sum\n",
	       good ? "OK" : "FAILED", all.verdict[RIGHT], demo->files);
	return !good;
}
