/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plants: faults put into a recorded history by rule. Each rule looks for places where
 * the change makes a history that no channel can have, whatever happened besides, so
 * that the checker must reject it.
 */
#ifndef HISTORIES_PLANT_H
#define HISTORIES_PLANT_H

#include "history.h"

#define MAX_RULES	24

struct plants {
	unsigned long rejected[MAX_RULES];	/* by rule */
	unsigned long undecided;		/* more states than the search keeps */
	unsigned long accepted;			/* all: must stay 0 */
};

void plant_all(const struct history *h, struct plants *plants);
/* How many of each, as one comment. */
void plants_report(const struct plants *plants);

#endif /* HISTORIES_PLANT_H */
