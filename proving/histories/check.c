// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: check [--plant N] < HISTORIES
 *        check --self-test FILE...
 *
 * Reads histories (history.h) and decides for each whether it is one that channels can
 * have (model.h, search.h). What is rejected or undecided is printed with the reason. The
 * last line sums up; the status is 0 only if all were accepted.
 *
 * --plant N also plants faults into the first N, by rule, and expects each to be
 * rejected (plant.h). --self-test does so with the histories of FILE, see there.
 */
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "plant.h"
#include "search.h"

#define MAX_SHOWN	3
#define MAX_LINES	100
#define LINE		512

static const char * const verdict_words[] = { "accepted", "rejected", "undecided" };

/* --- histories from a run ------------------------------------------------------------------ */

struct sums {
	unsigned long histories, ops, verdicts[3];
	struct plants plants;
};

static void check_one(const struct history *h, struct sums *sums, unsigned long to_plant)
{
	enum verdict verdict = history_check(h, NULL);

	sums->histories++;
	sums->ops += h->nr_ops;
	if (verdict == ACCEPTED) {
		if (sums->histories <= to_plant)
			plant_all(h, &sums->plants);
	} else if (sums->verdicts[REJECTED] + sums->verdicts[UNDECIDED] < MAX_SHOWN) {
		printf("# %s:\n", verdict_words[verdict]);
		history_print(h, stdout);
		history_check(h, stdout);
	}
	sums->verdicts[verdict]++;
}

static int check_stream(unsigned long to_plant)
{
	static struct sums sums;
	static struct history h;
	int ret;

	while ((ret = history_read(&h, stdin)) > 0)
		check_one(&h, &sums, to_plant);
	if (to_plant)
		plants_report(&sums.plants);
	printf("# %lu histories, %lu operations, %llu states: ", sums.histories, sums.ops,
	       states_visited);
	printf("%lu accepted, %lu rejected, %lu undecided\n", sums.verdicts[ACCEPTED],
	       sums.verdicts[REJECTED], sums.verdicts[UNDECIDED]);
	return ret < 0 || !sums.histories || sums.verdicts[ACCEPTED] != sums.histories ||
	       sums.plants.accepted;
}

/* --- histories with a planted fault --------------------------------------------------------- */

/*
 * A case in a file: a line "= NAME", then the lines of a history. One that
 * begins with "-" belongs to the valid history only, one with "+" only to the
 * one with the fault.
 */
struct test {
	char name[LINE];
	char lines[MAX_LINES][LINE];
	int nr;
};

static bool build(const struct test *t, char side, struct history *h)
{
	const char *line;
	int i;

	history_init(h);
	for (i = 0; i < t->nr; i++) {
		line = t->lines[i];
		if (line[0] == '-' || line[0] == '+') {
			if (line[0] != side)
				continue;
			line++;
		}
		if (!history_add_line(h, line)) {
			printf("# not understood: %s", line);
			return false;
		}
	}
	return true;
}

static bool judge(const struct test *t, char side, enum verdict expected)
{
	static struct history h;
	enum verdict verdict;

	if (!build(t, side, &h))
		return false;
	verdict = history_check(&h, NULL);
	if (verdict == expected)
		return true;
	printf("# %s and should be %s:\n", verdict_words[verdict], verdict_words[expected]);
	history_print(&h, stdout);
	history_check(&h, stdout);
	return false;
}

static int run_test(const struct test *t, int *nr)
{
	bool ok = judge(t, '-', ACCEPTED);

	ok = judge(t, '+', REJECTED) && ok;
	printf("%s %d %s\n", ok ? "ok" : "not ok", ++*nr, t->name);
	return !ok;
}

static int self_test(const char *path, int *nr)
{
	static struct test t;
	FILE *f = fopen(path, "re");
	int failures = 0;
	char line[LINE];

	if (!f) {
		perror(path);
		return 1;
	}
	t.nr = 0;
	t.name[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '=') {
			if (t.name[0])
				failures += run_test(&t, nr);
			snprintf(t.name, sizeof(t.name), "%s", line + strspn(line, "= "));
			t.name[strcspn(t.name, "\n")] = '\0';
			t.nr = 0;
		} else if (line[0] != '#' && line[0] != '\n' && t.nr < MAX_LINES) {
			strcpy(t.lines[t.nr++], line);
		}
	}
	if (t.name[0])
		failures += run_test(&t, nr);
	fclose(f);
	return failures;
}

static int self_tests(char **paths)
{
	int nr = 0, failures = 0;

	for (; *paths; paths++)
		failures += self_test(*paths, &nr);
	printf("1..%d\n", nr);
	return failures || !nr;
}

int main(int argc, char **argv)
{
	unsigned long to_plant = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && !strcmp(argv[1], "--self-test"))
		return self_tests(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "--plant")) {
		to_plant = strtoul(argv[2], NULL, 0);
	} else if (argc > 1) {
		fprintf(stderr, "usage: check [--plant N] < HISTORIES\n");
		fprintf(stderr, "       check --self-test FILE...\n");
		return 2;
	}
	return check_stream(to_plant);
}
