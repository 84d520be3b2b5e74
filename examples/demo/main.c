// SPDX-License-Identifier: MIT
/*
 * Checksums of many files by a pool of workers, one of which is killed midway.
 *
 * usage: demo DIRECTORY LIST [WORKERS]
 *
 * LIST is what sha256sum printed for the files below DIRECTORY, run in it.
 * This file starts the processes; demo.h shows who talks to whom.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "demo.h"

uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void die(const char *what, int ret)
{
	fprintf(stderr, "demo: process %d: %s: %s\n", getpid(), what,
		strerror(-ret));
	exit(1);
}

static void make_channels(struct demo *demo)
{
	/* The producer may be a little ahead; all else is a rendezvous. */
	static const unsigned int capacity[NR_CHANNELS] = {
		[JOBS] = 16, [RESULTS] = 16,
	};
	int ends[2], i, ret;

	for (i = 0; i < NR_CHANNELS; i++) {
		ret = hsk_chan_pair(ends, capacity[i]);
		if (ret < 0)
			die("cannot make a channel (is the module loaded?)", ret);
		demo->rx[i] = ends[0];
		demo->tx[i] = ends[1];
	}
}

#define BIT(channel) (1U << (channel))

/*
 * A channel closes when the last one who could send has gone. So each process
 * keeps what it uses and nothing else.
 */
static void keep_only(const struct demo *demo, unsigned int rx, unsigned int tx)
{
	int i;

	for (i = 0; i < NR_CHANNELS; i++) {
		if (!(rx & BIT(i)))
			close(demo->rx[i]);
		if (!(tx & BIT(i)))
			close(demo->tx[i]);
	}
}

/* Returns 0 in the child. */
static pid_t start(const struct demo *demo, unsigned int rx, unsigned int tx)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork", -errno);
	if (!pid)
		keep_only(demo, rx, tx);
	return pid;
}

static void start_all(const struct demo *demo)
{
	unsigned int i;

	if (!start(demo, 0, BIT(JOBS)))
		exit(producer(demo));
	if (!start(demo, BIT(JOBS) | BIT(IDLE) | BIT(STOP),
		   BIT(RESULTS) | BIT(NEWS)))
		exit(dispatcher(demo));
	if (!start(demo, BIT(RESULTS), 0))
		exit(collector(demo));
	for (i = 1; i <= demo->workers; i++)
		if (!start(demo, 0, BIT(IDLE) | BIT(RESULTS)))
			exit(worker(demo, i));
	keep_only(demo, BIT(NEWS), BIT(STOP));
}

static int wait_all(pid_t victim)
{
	int status, good, bad = 0;
	pid_t pid;

	while ((pid = wait(&status)) > 0) {
		if (pid == victim)
			good = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		else
			good = WIFEXITED(status) && !WEXITSTATUS(status);
		if (!good)
			bad = 1;
	}
	return bad;
}

int main(int argc, char **argv)
{
	struct demo demo = { .workers = 5 };
	pid_t victim;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 3)
		demo.workers = atoi(argv[3]);
	if (argc < 3 || demo.workers < MIN_WORKERS || demo.workers > MAX_WORKERS) {
		fprintf(stderr, "usage: demo DIRECTORY LIST [WORKERS: %d to %d]\n",
			MIN_WORKERS, MAX_WORKERS);
		return 2;
	}
	demo.dir = argv[1];
	demo.sums = sums_load(argv[2]);
	demo.files = sums_count(demo.sums);
	make_channels(&demo);
	printf("SHA-256 of %u files: 1 producer, 1 dispatcher, %u workers, 1 collector\n",
	       demo.files, demo.workers);
	start_all(&demo);
	victim = follow(&demo);
	if (wait_all(victim))
		return 1;
	if (!victim)
		printf("(Too few files to kill a worker midway.)\n");
	return 0;
}
