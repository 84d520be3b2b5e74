// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "cover.h"
#include "worker.h"

struct cover last_cover;
static uint64_t module_base, module_size;

static void set_bit(uint64_t *bits, uint32_t bit)
{
	bits[bit / 64] |= 1ULL << (bit % 64);
}

static uint32_t mix(uint32_t a, uint32_t b)
{
	uint32_t hash = (a * 2654435761U) ^ (b + 0x9e3779b9U + (a << 6));

	hash ^= hash >> 15;
	hash *= 0x85ebca6bU;
	return (hash ^ (hash >> 13)) % FEATURES;
}

/* Places are counted from where the module's code begins. */
int cover_setup(void)
{
	FILE *file = fopen("/proc/modules", "re");
	unsigned long long base;
	unsigned long size;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "hsk %lu %*d %*s %*s %llx", &size, &base) == 2) {
			module_base = base;
			module_size = size;
		}
	}
	if (file)
		fclose(file);
	return module_size && module_size <= FEATURES * 4ULL ? 0 : -1;
}

void cover_begin(void)
{
	int w;

	memset(&last_cover, 0, sizeof(last_cover));
	for (w = 0; w < NR_WORKERS; w++)
		if (shared->worker[w].kcov)
			__atomic_store_n(&shared->worker[w].kcov[0], 0, __ATOMIC_RELAXED);
}

static uint32_t clipped(uint64_t nr)
{
	return nr < 3 ? nr : 3;
}

static uint32_t chan_class(const struct chan *chan)
{
	return chan->closed | (chan->taken || chan->handed) << 20 |
	       clipped(chan->nr_buffer) << 1 | clipped(chan->nr_senders) << 3 |
	       clipped(chan->nr_receivers) << 5 | clipped(chan->cap) << 7 |
	       !!chan->readers << 9 | !!chan->writers << 10 | !!chan->parent << 11;
}

static uint32_t selector_class(const struct pending *armed)
{
	return armed->state | !!armed->msg << 2 | (armed->msg && armed->msg->lent_by) << 5 |
	       !!armed->lent << 6 | (armed->outcome == OUT_CLOSED) << 3 |
	       (armed->result < 0) << 4;
}

/* How an operation ended, and the sort of state it has left. */
void cover_outcome(const struct pending *pending)
{
	uint32_t state = 0;

	if (pending->file && pending->file->kind == FILE_SELECTOR)
		state = selector_class(&pending->file->selector->armed) << 16;
	if ((pending->step.op == OP_SELECT || pending->step.op == OP_FINISH) &&
	    pending->chosen >= 0)
		state = chan_class(pending->cases[pending->chosen].chan) << 2 |
			pending->cases[pending->chosen].send << 16 | pending->result << 17;
	else if (pending->file && pending->file->kind == FILE_ENDPOINT)
		state = chan_class(pending->file->chan) << 2 | pending->file->rights;
	set_bit(last_cover.states, mix(pending->step.op << 8 | pending->outcome << 16 |
				       !!pending->ctx << 24 | pending->ctx_ended << 25 |
				       (pending->outcome == OUT_ERROR ? pending->err : 0), state));
}

static void add_worker(const uint64_t *kcov)
{
	uint64_t i, place, before = 0, nr = kcov[0];

	for (i = 0; i < nr; i++) {
		place = kcov[1 + i] - module_base;
		if (place >= module_size)
			continue;
		set_bit(last_cover.places, place / 4);
		set_bit(last_cover.edges, mix(before, place));
		before = place;
	}
}

void cover_end(void)
{
	int w;

	for (w = 0; w < NR_WORKERS; w++)
		if (shared->worker[w].kcov)
			add_worker(shared->worker[w].kcov);
}

static unsigned int missing(const uint64_t *all, const uint64_t *some)
{
	unsigned int i, nr = 0;

	for (i = 0; i < FEATURES / 64; i++)
		if (some[i] & ~all[i])
			nr += __builtin_popcountll(some[i] & ~all[i]);
	return nr;
}

unsigned int cover_missing(const struct cover *all, const struct cover *some)
{
	return missing(all->edges, some->edges) + missing(all->states, some->states);
}

static void add(uint64_t *all, const uint64_t *some)
{
	unsigned int i;

	for (i = 0; i < FEATURES / 64; i++)
		all[i] |= some[i];
}

unsigned int cover_merge(struct cover *all, const struct cover *some)
{
	unsigned int nr = cover_missing(all, some);

	add(all->places, some->places);
	add(all->edges, some->edges);
	add(all->states, some->states);
	return nr;
}

unsigned int cover_count(const uint64_t *bits)
{
	unsigned int i, nr = 0;

	for (i = 0; i < FEATURES / 64; i++)
		nr += __builtin_popcountll(bits[i]);
	return nr;
}
