// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kills every role of every scenario at every hit of every tracepoint, as TAP: one
 * test for each scenario and tracepoint that is hit in it.
 *
 * usage: kills [--share SECONDS] [--patience SECONDS] [SCENARIO]...
 *
 * When the time share is used up, what is left is skipped and says so. Root, in a
 * machine with hsk and hsk_kill loaded and nobody else using hsk.
 */
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>

#include "kills.h"

#define K_MAX_HITS	500
#define SKIPPED		" # SKIP the time share is used up"

static struct k_points points;
static __u64 share_ends = UINT64_MAX;
static unsigned int nr_tests, nr_failed, nr_runs;

/* What has come of each tracepoint, in one scenario and in all. */
struct tally {
	unsigned int kills[K_POINTS];
	bool failed[K_POINTS];
	bool cut[K_POINTS];		/* by the time share */
};

static struct tally all;

static void result(bool fine, const char *name, const char *point, const char *rest)
{
	nr_tests++;
	nr_failed += !fine;
	printf("%s %u %s.%s%s\n", fine ? "ok" : "not ok", nr_tests, name, point, rest);
	fflush(stdout);
}

/* Plays once. A run without a kill shows which tracepoints this victim hits. */
static bool play(struct k_run *run, bool *hit)
{
	unsigned int i;

	k_play(run);
	nr_runs++;
	if (run->killed)
		return !run->failed;
	k_points_read(&points);
	for (i = 0; i < points.nr; i++)
		hit[i] |= points.hits[i];
	return !run->failed;
}

/* For n = 1, 2, ... until the victim has come to its end unharmed. */
static void kill_at(struct k_run *run, unsigned int point, struct tally *tally, bool *hit)
{
	for (run->n = 1; run->n <= K_MAX_HITS; run->n++) {
		tally->cut[point] |= t_now() > share_ends;
		if (tally->cut[point])
			return;
		tally->failed[point] |= !play(run, hit);
		if (tally->failed[point] || !run->killed)
			return;
		tally->kills[point]++;
	}
	k_wrong(run, "no end of hits");
	tally->failed[point] = true;
}

/* The first tracepoint that has been hit in some run and has not been armed yet. */
static unsigned int next_point(const bool *hit, const bool *done)
{
	unsigned int i = 0;

	while (i < points.nr && (!hit[i] || done[i]))
		i++;
	return i;
}

static void kill_role(struct k_run *run, struct tally *tally)
{
	bool hit[K_POINTS] = { 0 }, done[K_POINTS] = { 0 };
	unsigned int i;

	run->n = 0;
	run->point = points.name[0];
	tally->failed[0] |= !play(run, hit);
	while ((i = next_point(hit, done)) < points.nr) {
		run->point = points.name[i];
		kill_at(run, i, tally, hit);
		done[i] = true;
	}
}

static void test_scenario(const struct k_scenario *scenario, struct k_stage *stage)
{
	struct k_run run = { .scenario = scenario, .stage = stage };
	struct tally tally = { 0 };
	unsigned int i;
	char rest[64];

	if (t_now() > share_ends) {
		result(true, scenario->name, "all", SKIPPED);
		memset(all.cut, true, sizeof(all.cut));
		return;
	}
	for (run.victim = 0; run.victim < k_nr_roles(scenario); run.victim++)
		kill_role(&run, &tally);
	for (i = 0; i < points.nr; i++) {
		if (!tally.kills[i] && !tally.failed[i] && !tally.cut[i])
			continue;
		snprintf(rest, sizeof(rest), " - %u kills%s", tally.kills[i],
			 tally.cut[i] ? SKIPPED : "");
		result(!tally.failed[i], scenario->name, points.name[i], rest);
		all.kills[i] += tally.kills[i];
		all.cut[i] |= tally.cut[i];
	}
}

/* A tracepoint at which nothing is ever killed would be tested by nobody. */
static void test_points_used(void)
{
	unsigned int i;
	char rest[64];

	for (i = 0; i < points.nr; i++) {
		snprintf(rest, sizeof(rest), " - %u kills in all%s", all.kills[i],
			 all.cut[i] ? SKIPPED : "");
		result(all.kills[i] || all.cut[i], "kills_somewhere", points.name[i], rest);
	}
}

static unsigned int nr_kills(void)
{
	unsigned int i, sum = 0;

	for (i = 0; i < points.nr; i++)
		sum += all.kills[i];
	return sum;
}

static const struct k_scenario *const all_scenarios[] = {
	k_scenarios, k_scenarios_select, k_scenarios_context,
};

static bool wanted(const char *name, char **names)
{
	char **one = names;

	while (*one && strcmp(*one, name))
		one++;
	return !*names || *one;
}

/* Those that are wanted; how many they were. */
static unsigned int test_scenarios(const struct k_scenario *scenario, char **names,
				   struct k_stage *stage)
{
	unsigned int nr = 0;

	for (; scenario->name; scenario++) {
		if (!wanted(scenario->name, names))
			continue;
		test_scenario(scenario, stage);
		nr++;
	}
	return nr;
}

static char **parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "share", required_argument, NULL, 's' },
		{ "patience", required_argument, NULL, 'p' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's') {
			share_ends = t_in_ms(atoi(optarg) * 1000);
		} else if (c == 'p') {
			k_patience_ms = atoi(optarg) * 1000;
		} else {
			fputs("usage: kills [--share S] [--patience S] [SCENARIO]...\n", stderr);
			exit(2);
		}
	}
	return argv + optind;
}

static void prepare(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Children whose parent was the victim come to us. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	k_points_read(&points);
	if (!points.nr || k_references()) {
		printf("Bail out! no tracepoints, or somebody uses hsk\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	char **names = parse(argc, argv);
	struct k_stage *stage = t_shared(sizeof(*stage));
	unsigned int i, nr = 0;

	prepare();
	printf("TAP version 13\n");
	for (i = 0; i < sizeof(all_scenarios) / sizeof(*all_scenarios); i++)
		nr += test_scenarios(all_scenarios[i], names, stage);
	if (!nr) {
		printf("Bail out! no such scenario\n");
		return 2;
	}
	if (!*names)
		test_points_used();
	printf("1..%u\n", nr_tests);
	printf("# %u kill points in %u scenarios x %u tracepoints, %u runs\n", nr_kills(),
	       nr, points.nr, nr_runs);
	return nr_failed != 0;
}
