// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "search.h"

#define MAX_CONFIGS	(1 << 17)	/* in one set */
#define TABLE_SIZE	(1 << 18)
#define SHOWN		4		/* states in an explanation */

struct set {
	unsigned int nr;
	struct config *configs;
};

/* The states seen on the way to one end, each once. */
struct table {
	uint32_t index[TABLE_SIZE];	/* into @seen, plus 1; valid with @age */
	uint32_t age[TABLE_SIZE];
	uint32_t now;
};

struct event {
	long stamp;
	long long ns;
	const struct op *op;
	bool is_start;
};

struct search {
	struct view view;
	struct event events[2 * MAX_OPS];
	int nr_events;
	bool overflow;
};

unsigned long long states_visited;

static struct search search;
static struct table table;
static struct set before;	/* the end that is looked at */
static struct set seen;
static struct set after;

static bool set_alloc(struct set *set)
{
	if (!set->configs)
		set->configs = malloc(sizeof(*set->configs) * MAX_CONFIGS);
	set->nr = 0;
	return set->configs;
}

static uint32_t hash(const struct config *c)
{
	const unsigned char *p = (const unsigned char *)c;
	uint64_t sum = 14695981039346656037ULL;
	uint64_t word;
	size_t i;

	for (i = 0; i + sizeof(word) <= sizeof(*c); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		sum = (sum ^ word) * 1099511628211ULL;
		sum ^= sum >> 29;
	}
	for (; i < sizeof(*c); i++)
		sum = (sum ^ p[i]) * 1099511628211ULL;
	return sum ^ (sum >> 32);
}

/* Adds what has not been seen since the table was emptied. */
static void see(const struct config *c, void *arg)
{
	uint32_t i = hash(c) % TABLE_SIZE;

	(void)arg;
	while (table.age[i] == table.now) {
		if (!memcmp(c, &seen.configs[table.index[i]], sizeof(*c)))
			return;
		i = (i + 1) % TABLE_SIZE;
	}
	if (seen.nr == MAX_CONFIGS) {
		search.overflow = true;
		return;
	}
	table.age[i] = table.now;
	table.index[i] = seen.nr;
	seen.configs[seen.nr++] = *c;
	states_visited++;
}

/* --- the history as a sequence of starts and ends ------------------------------------------ */

static int compare_events(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->stamp != y->stamp)
		return x->stamp < y->stamp ? -1 : 1;
	/* The same stamp, in a history written by hand: they overlap. */
	return y->is_start - x->is_start;
}

static void add_event(const struct op *op, long stamp, long long ns, bool is_start)
{
	if (stamp == NO_STAMP)
		return;
	search.events[search.nr_events++] = (struct event) { stamp, ns, op, is_start };
}

/*
 * A time is read after its stamp was drawn, and its reader may have been held up in
 * between. So each event was at the latest when any later one had its time read.
 */
static void bound_times(void)
{
	long long latest = NO_TIME, *ns;
	int i;

	for (i = search.nr_events; i--;) {
		ns = &search.events[i].ns;
		if (*ns == NO_TIME || (latest != NO_TIME && latest < *ns))
			*ns = latest;
		latest = *ns;
	}
}

static void collect_events(const struct history *h, int chan)
{
	const struct op *op;

	search.nr_events = 0;
	for (op = h->ops; op < h->ops + h->nr_ops; op++) {
		if (op->chan >= 0 && op->chan != chan)
			continue;
		add_event(op, op->start, op->start_ns, true);
		add_event(op, op->end, op->end_ns, false);
	}
	qsort(search.events, search.nr_events, sizeof(search.events[0]), compare_events);
	bound_times();
}

/* --- starts --------------------------------------------------------------------------------- */

static void start_op(const struct op *op)
{
	struct view *v = &search.view;
	unsigned int i;

	v->active[op->actor] = op;
	for (i = 0; i < before.nr; i++)
		before.configs[i].stage[op->actor] = BEGUN;
	if (op->verb == SIGNAL)
		v->signals[op->arg]++;
	if (op->verb == KILL)
		v->dying[op->arg] = true;
}

/* --- ends ----------------------------------------------------------------------------------- */

static void expand(const struct config *from)
{
	int a;

	for (a = 0; a < search.view.h->nr_actors; a++)
		if (search.view.active[a])
			config_steps(&search.view, from, a, see, NULL);
}

static void forget_dead(const struct op *kill)
{
	struct view *v = &search.view;
	int a;

	for (a = 0; a < v->h->nr_actors; a++)
		if (v->h->process[a] == kill->arg)
			v->active[a] = NULL;
}

static void end_op(const struct op *op)
{
	struct view *v = &search.view;

	v->active[op->actor] = NULL;
	if (op->result == EINTR && v->signals[op->actor])
		v->signals[op->actor]--;
	if (op->verb == KILL)
		forget_dead(op);
}

/* Fills @after from @before. */
static void reach_end(const struct op *op)
{
	struct config *c;
	unsigned int i;

	table.now++;
	seen.nr = 0;
	after.nr = 0;
	for (i = 0; i < before.nr; i++)
		see(&before.configs[i], NULL);
	for (i = 0; i < seen.nr && !search.overflow; i++) {
		c = &seen.configs[i];
		if (c->stage[op->actor] != ENDED) {
			expand(c);
			continue;
		}
		after.configs[after.nr] = *c;
		after.configs[after.nr++].stage[op->actor] = IDLE;
	}
}

static void swap_sets(void)
{
	struct set old = before;

	before = after;
	after = old;
}

/* --- explanations ----------------------------------------------------------------------------- */

static void explain(int event, FILE *why)
{
	const struct op *op = search.events[event].op;
	int i, nr_ends = 0, nr_placed = 0;
	unsigned int n;

	for (i = 0; i < search.nr_events; i++) {
		nr_ends += !search.events[i].is_start;
		nr_placed += !search.events[i].is_start && i < event;
	}
	fprintf(why, "# channel %d: the first %d of %d ends can be explained; this one can't:\n# ",
		search.view.chan, nr_placed, nr_ends);
	op_print(op, why);
	fprintf(why, "# before that the channel must have been in %s:\n",
		before.nr == 1 ? "this state" : "one of these states");
	for (n = 0; n < before.nr && n < SHOWN; n++)
		config_describe(&search.view, &before.configs[n], why);
	if (before.nr > SHOWN)
		fprintf(why, "#   ... and %u more\n", before.nr - SHOWN);
	fprintf(why, "# from none of which the operations under way can lead to that end.\n");
}

static enum verdict check_channel(const struct history *h, int chan, FILE *why)
{
	const struct event *e;
	int i;

	search.view = (struct view) { .h = h, .chan = chan };
	search.overflow = false;
	collect_events(h, chan);
	config_init(&before.configs[0], h, chan);
	before.nr = 1;
	for (i = 0; i < search.nr_events; i++) {
		e = &search.events[i];
		search.view.now = e->ns;
		if (e->is_start) {
			start_op(e->op);
			continue;
		}
		reach_end(e->op);
		if (search.overflow) {
			if (why)
				fprintf(why, "# channel %d: more than %d states\n", chan,
					MAX_CONFIGS);
			return UNDECIDED;
		}
		if (!after.nr) {
			if (why)
				explain(i, why);
			return REJECTED;
		}
		swap_sets();
		end_op(e->op);
	}
	return ACCEPTED;
}

enum verdict history_check(const struct history *h, FILE *why)
{
	enum verdict verdict = ACCEPTED;
	int chan;

	if (!set_alloc(&before) || !set_alloc(&seen) || !set_alloc(&after)) {
		fprintf(stderr, "no memory\n");
		exit(2);
	}
	for (chan = 0; chan < h->nr_chans && verdict == ACCEPTED; chan++)
		verdict = check_channel(h, chan, why);
	return verdict;
}
