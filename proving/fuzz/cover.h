/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coverage: what a program has reached, as a set of features.
 *
 * A feature is a way between two places in the module's code (from KCOV, by
 * worker), or a step together with how it ended and the sort of state it met. A
 * program that has a feature no other had is worth keeping.
 */
#ifndef FUZZ_COVER_H
#define FUZZ_COVER_H

#include "model.h"

#define FEATURES	(1U << 16)

struct cover {
	uint64_t edges[FEATURES / 64];	/* ways in the code */
	uint64_t states[FEATURES / 64];	/* of the model */
	uint64_t places[FEATURES / 64];	/* in the code */
};

int cover_setup(void);
void cover_begin(void);
void cover_outcome(const struct pending *pending);
void cover_end(void);

/* Of the last program. */
extern struct cover last_cover;
/* The number of features of @some that @all lacks; they are added to it. */
unsigned int cover_merge(struct cover *all, const struct cover *some);
unsigned int cover_missing(const struct cover *all, const struct cover *some);
unsigned int cover_count(const uint64_t *bits);

#endif /* FUZZ_COVER_H */
