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
	const struct pin *pin;		/* NULL: none */
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
static void see(const struct config *c)
{
	uint32_t i = hash(c) % TABLE_SIZE;

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

/* --- a select that was decided at a known time ----------------------------------------------- */

static bool is_decided(const struct config *c, const struct op *op)
{
	return config_decides(&search.view, c, op);
}

static bool is_too_early(const struct config *from, const struct config *to)
{
	const struct pin *pin = search.pin;

	return pin && search.view.active[pin->op->actor] == pin->op &&
	       search.view.stamp <= pin->after && !is_decided(from, pin->op) &&
	       is_decided(to, pin->op);
}

static void see_step(const struct config *to, void *from)
{
	if (!is_too_early(from, to))
		see(to);
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
		if (!op_concerns(op, chan))
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
			config_steps(&search.view, from, a, see_step, (void *)from);
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

static bool is_there(const struct config *c, const struct op *op, bool only_decided)
{
	return only_decided ? config_may_decide(&search.view, c, op) :
			      c->stage[op->actor] == ENDED;
}

/* Fills @after from @before: @op has ended, or at least is decided. */
static void reach(const struct op *op, bool only_decided)
{
	struct config *c;
	unsigned int i;

	table.now++;
	seen.nr = 0;
	after.nr = 0;
	for (i = 0; i < before.nr; i++)
		see(&before.configs[i]);
	for (i = 0; i < seen.nr && !search.overflow; i++) {
		c = &seen.configs[i];
		if (!is_there(c, op, only_decided)) {
			expand(c);
			continue;
		}
		after.configs[after.nr] = *c;
		if (!only_decided)
			after.configs[after.nr].stage[op->actor] = IDLE;
		after.nr++;
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

static void begin_search(const struct history *h, int chan, const struct pin *pin)
{
	if (!set_alloc(&before) || !set_alloc(&seen) || !set_alloc(&after)) {
		fprintf(stderr, "no memory\n");
		exit(2);
	}
	search.view = (struct view) { .h = h, .chan = chan, .stamp = NO_STAMP };
	search.overflow = false;
	search.pin = pin;
	collect_events(h, chan);
	config_init(&before.configs[0], h, chan);
	before.nr = 1;
}

/* The pinned select has been decided before this event, the first at which it must be. */
static bool is_due(const struct event *e)
{
	const struct pin *pin = search.pin;

	return pin && search.view.stamp < pin->before && e->stamp >= pin->before;
}

static enum verdict look_at(const struct event *e)
{
	bool due = is_due(e);

	search.view.now = e->ns;
	search.view.stamp = e->stamp;
	if (due) {
		reach(search.pin->op, true);
		swap_sets();
	}
	if (e->is_start) {
		start_op(e->op);
	} else if (before.nr) {
		reach(e->op, false);
		if (after.nr) {
			swap_sets();
			end_op(e->op);
		} else if (!search.overflow) {
			return REJECTED;
		}
	}
	if (search.overflow)
		return UNDECIDED;
	return before.nr ? ACCEPTED : REJECTED;
}

enum verdict channel_check(const struct history *h, int chan, const struct pin *pin, FILE *why)
{
	enum verdict verdict = ACCEPTED;
	int i;

	begin_search(h, chan, pin);
	for (i = 0; i < search.nr_events && verdict == ACCEPTED; i++)
		verdict = look_at(&search.events[i]);
	if (why && verdict == UNDECIDED)
		fprintf(why, "# channel %d: more than %d states\n", chan, MAX_CONFIGS);
	if (why && verdict == REJECTED)
		explain(i - 1, why);
	return verdict;
}

enum verdict history_check(const struct history *h, FILE *why)
{
	enum verdict verdict = ACCEPTED;
	int chan;

	for (chan = 0; chan < h->nr_chans && verdict == ACCEPTED; chan++)
		verdict = channel_check(h, chan, NULL, why);
	return verdict == ACCEPTED ? instants_check(h, why) : verdict;
}
