// SPDX-License-Identifier: GPL-2.0-only
/*
 * Foreseeing: is what comes of a step the same whatever happens first? Without selectors
 * it is. With them it is not
 *
 * - where a message comes back from a selector to one who waits, a receiver or its sender,
 *   and the step closes a channel besides, or lets another message come back;
 * - where the step ends two selectors, and one of them has received or is lent;
 * - where the step closes two channels at which one selector waits: which of them it has
 *   seen does not show before it is finished;
 * - where a message comes back to a select without an order of which several cases could
 *   happen by then.
 *
 * Such a step is left out. To find out, the model makes it and is put back.
 */
#include "model_parts.h"

static struct model saved;

static bool try_end(void)
{
	bool sure;

	model_end_step();
	sure = !model.unsure;
	model = saved;
	return sure;
}

static bool nothing_unsure(void)
{
	int i;

	for (i = 0; i < NR_SELECTORS; i++)
		if (model.selector[i].live)
			return false;
	return true;
}

static bool foresees_choice(int w, const struct step *step, int choice)
{
	saved = model;
	model.worker[w].pending.choice = choice;
	model_start(w, step);
	return try_end();
}

/**
 * model_foresees() - can the model tell what comes of a step, whatever happens first?
 * @w: a worker that is idle
 * @step: what it is about to do
 * @ready: of which cases chance may choose one, 0: that is none of it
 *
 * Return: false: the step is to be left out.
 */
bool model_foresees(int w, const struct step *step, unsigned int ready)
{
	int c;

	if (nothing_unsure())
		return true;
	if (!ready)
		return foresees_choice(w, step, -1);
	for (c = 0; c < MAX_CASES; c++)
		if (ready & 1U << c && !foresees_choice(w, step, c))
			return false;
	return true;
}

bool model_foresees_kill(int w)
{
	if (nothing_unsure())
		return true;
	saved = model;
	model_kill(w);
	return try_end();
}

bool model_foresees_signal(int w, int signal)
{
	if (nothing_unsure())
		return true;
	saved = model;
	model_signal(w, signal);
	return try_end();
}
