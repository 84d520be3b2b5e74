// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer: runs programs, keeps those that reach new ground, changes them, and
 * stops at the first that does not end as the model says.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "corpus.h"
#include "exec.h"
#include "worker.h"

static struct {
	double seconds;
	uint64_t seed;
	const char *dir;
	const char *replay;
	bool save;
	int repeat;
} options = { .seconds = 60, .repeat = 1 };

static struct corpus corpus;
static uint64_t executions;
static double began;

static void usage(void)
{
	puts("hsk-fuzz [--time SECONDS] [--seed N] [--corpus DIRECTORY] [--save]\n"
	     "hsk-fuzz --replay FILE [--repeat TIMES]\n"
	     "\n"
	     "Fuzzes /dev/hsk. Exit status 1: a program did not end as the model says; it\n"
	     "is printed, as short as it could be made. 2: the fuzzer itself cannot go on.");
}

static void run(struct program *program, struct random *repair)
{
	exec_program(program, repair);
	executions++;
}

static void print_program(const struct program *program)
{
	char text[8192];

	program_print(program, text, sizeof(text));
	fputs(text, stdout);
}

/* Does it still fail, in any way, at least once in a few runs? */
static bool still_fails(struct program *program)
{
	run(program, NULL);
	return failure.failed;
}

/* Leave out what is not needed: halves, quarters, ... single steps. */
static void minimize(struct program *program)
{
	double end = now() + 40;
	struct program shorter;
	int at, part;

	/* What does not end need not be waited for as long as the first time. */
	patience = 3;

	for (part = program->nr / 2; part && now() < end; part /= 2) {
		for (at = program->nr - part; at >= 0 && now() < end; at -= part) {
			shorter = *program;
			program_delete(&shorter, at, part);
			if (still_fails(&shorter))
				*program = shorter;
		}
	}
}

static void report(struct program program)
{
	struct failure first = failure;

	printf("# fuzz: step %d: %s\n# fuzz: the program:\n", first.step, first.text);
	print_program(&program);
	minimize(&program);
	run(&program, NULL);
	if (failure.failed) {
		printf("# fuzz: as short as it could be made, step %d: %s\n", failure.step,
		       failure.text);
		print_program(&program);
	} else {
		printf("# fuzz: it did not fail again\n");
	}
}

static void print_summary(void)
{
	double seconds = now() - began;

	printf("fuzz: %.0f executions/s, %llu executions, %llu steps, ", executions / seconds,
	       (unsigned long long)executions, (unsigned long long)steps_run);
	printf("%u pcs covered, %u ways, %u states, %d corpus entries, %.0f s, seed %llu\n",
	       cover_count(corpus.all.places), cover_count(corpus.all.edges),
	       cover_count(corpus.all.states), corpus.nr, seconds,
	       (unsigned long long)options.seed);
	fflush(stdout);
}

/* Each entry of the corpus, whose coverage is learnt so. */
static int replay_corpus(void)
{
	struct entry *entry;
	int i, loaded = corpus.nr;

	for (i = 0; i < loaded; i++) {
		entry = &corpus.entry[i];
		run(&entry->program, NULL);
		if (failure.failed) {
			printf("# fuzz: corpus entry %d fails\n", i);
			report(entry->program);
			return 1;
		}
		corpus_offer(&corpus, &entry->program, true);
		entry->cover = malloc(sizeof(*entry->cover));
		memcpy(entry->cover, &last_cover, sizeof(last_cover));
	}
	printf("fuzz: corpus of %d entries replayed, %u pcs\n", loaded,
	       cover_count(corpus.all.places));
	fflush(stdout);
	return 0;
}

/* Mostly what was found last. */
static const struct program *choose(struct random *random)
{
	int nr = corpus.nr;

	if (nr > 16 && random_below(random, 2))
		return &corpus.entry[nr - 1 - random_below(random, 16)].program;
	return &corpus.entry[random_below(random, nr)].program;
}

static int fuzz(void)
{
	struct random random = { .state = options.seed };
	double end = began + options.seconds, next = now() + 10;
	struct program program;

	while (now() < end) {
		if (!corpus.nr || !random_below(&random, 8)) {
			program_generate(&program, &random);
		} else {
			program = *choose(&random);
			program_mutate(&program, choose(&random), &random);
		}
		/* One in a few is left as it is, with all that makes no sense. */
		run(&program, random_below(&random, 6) ? &random : NULL);
		if (failure.failed) {
			print_summary();
			report(program);
			return 1;
		}
		corpus_offer(&corpus, &program, false);
		if (now() > next) {
			print_summary();
			next += 10;
		}
	}
	return 0;
}

static int replay(void)
{
	struct program program;
	int i;

	if (program_load(&program, options.replay))
		return 2;
	for (i = 0; i < options.repeat; i++) {
		run(&program, NULL);
		if (failure.failed) {
			printf("# fuzz: step %d: %s\n", failure.step, failure.text);
			return 1;
		}
	}
	printf("fuzz: %s ends as the model says\n", options.replay);
	return 0;
}

static void parse_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "time", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "corpus", required_argument, NULL, 'c' },
		{ "replay", required_argument, NULL, 'r' },
		{ "repeat", required_argument, NULL, 'n' },
		{ "save", no_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	options.seed = time(NULL);
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 't':
			options.seconds = atof(optarg);
			break;
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			options.dir = optarg;
			break;
		case 'r':
			options.replay = optarg;
			break;
		case 'n':
			options.repeat = atoi(optarg);
			break;
		case 'w':
			options.save = true;
			break;
		case 'h':
			usage();
			exit(0);
		default:
			usage();
			exit(2);
		}
	}
}

static int prepare(void)
{
	struct rlimit limit = { FD_LIMIT, 1 << 16 };
	bool kcov = !cover_setup();

	setrlimit(RLIMIT_NOFILE, &limit);

	if (!kcov || workers_begin(true)) {
		printf("# fuzz: no KCOV, going on without\n");
		if (workers_begin(false))
			return -1;
	}
	corpus.entry = calloc(CORPUS_MAX, sizeof(*corpus.entry));
	if (!corpus.entry || (mkfifo("/tmp/fuzz-fifo", 0666) && errno != EEXIST))
		return -1;
	return options.dir ? corpus_load(&corpus, options.dir) : 0;
}

int main(int argc, char **argv)
{
	int status;

	parse_options(argc, argv);
	if (prepare() < 0)
		return 2;
	printf("fuzz: seed %llu\n", (unsigned long long)options.seed);
	fflush(stdout);
	exec_begin();
	began = now();
	if (options.replay)
		return replay();
	status = replay_corpus();
	if (!status)
		status = fuzz();
	if (!status)
		print_summary();
	if (!status && options.save) {
		printf("fuzz: distilled to %d\n", corpus_distil(&corpus));
		corpus_print(&corpus);
	}
	return status;
}
