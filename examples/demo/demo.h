/* SPDX-License-Identifier: MIT */
/*
 * The demo's processes and the messages between them.
 *
 *	producer --jobs--> dispatcher --inbox--> worker --results--> collector
 *	                       ^                   |
 *	                       +----- idle --------+   (a chan chan)
 *
 * A worker that has nothing to do makes a channel, its inbox, and sends the
 * writing end of it over idle; the dispatcher puts a job in. With its first
 * advertisement comes the reading end of a second channel, life, on which
 * nothing is ever sent: the worker alone can write there, so its death closes
 * it, and that is how the dispatcher learns of it. In the same way stop, which main
 * alone can close, ends the dispatcher, and with it all others, when main dies.
 */
#ifndef DEMO_H
#define DEMO_H

#include <stdint.h>

#include <hsk.h>

enum {
	MIN_WORKERS = 4,
	MAX_WORKERS = 16,
	PATH_ROOM = 512,
	DIGEST_LEN = 32,	/* SHA-256 */
};

/* Producer to dispatcher, dispatcher to worker; bears the open file. */
struct job {
	uint64_t size;
	uint32_t id;
	char path[PATH_ROOM];
};

/* Worker to dispatcher; bears the inbox, the first time also the life channel. */
struct advert {
	uint32_t worker;
};

/* Worker to collector. */
struct result {
	uint64_t size;
	uint32_t id;
	uint32_t worker;
	unsigned char digest[DIGEST_LEN];
	char path[PATH_ROOM];
};

enum news_kind { NEWS_HALF_WAY, NEWS_DEATH, NEWS_REASSIGNED };

/* Dispatcher to main, which tells the user. */
struct news {
	enum news_kind kind;
	int reason;		/* NEWS_DEATH: why the worker's channel closed */
	int had_job;		/* NEWS_DEATH */
	uint32_t worker;
	pid_t pid;
	uint64_t when;		/* CLOCK_MONOTONIC, nanoseconds */
	struct job job;
};

HSK_TYPED(result, struct result)
HSK_TYPED(news, struct news)

enum channel { JOBS, IDLE, RESULTS, NEWS, STOP, NR_CHANNELS };

struct sums;

struct demo {
	const char *dir;
	struct sums *sums;
	unsigned int files;
	unsigned int workers;
	int rx[NR_CHANNELS];	/* may receive */
	int tx[NR_CHANNELS];	/* may send and close */
};

/* The roles: each is the whole life of a process and returns its exit status. */
int producer(const struct demo *demo);
int dispatcher(const struct demo *demo);
int worker(const struct demo *demo, unsigned int number);
int collector(const struct demo *demo);

/* In main: kills a worker half way; returns which, 0 if none. */
pid_t follow(const struct demo *demo);

/* sums.c: what sha256sum says about each file. */
struct sums *sums_load(const char *list);
unsigned int sums_count(const struct sums *sums);
enum verdict { RIGHT, WRONG, UNKNOWN, TWICE, NR_VERDICTS };
/* TWICE: asked about this file before. */
enum verdict sums_check(struct sums *sums, const char *path,
			const unsigned char digest[DIGEST_LEN]);

uint64_t now(void);
/* @ret: negative errno. */
void die(const char *what, int ret) __attribute__((__noreturn__));

#endif
