/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Search: is there an order of steps that explains a history?
 *
 * The stamps put starts and ends of all operations in one order, which is followed.
 * What is kept is the set of all states (struct config) that the channel and the
 * operations under way can be in. At a start the operation becomes one of those
 * under way. At an end, from each state all sequences of steps are tried that make
 * this operation end as recorded; those states, each once, are the new set. Steps that
 * the operation's end does not need are left for later, when they are possible as well. An
 * empty set means that there is no explanation: the history is not one of a channel.
 *
 * Each channel is judged by itself: an order for each one gives an order of all, since
 * each respects the same real time. With selects that is not enough: an order of all
 * should also have each select on all its channels at once. Of that only a part is
 * checked, for one select after the other, by instants_check().
 */
#ifndef HISTORIES_SEARCH_H
#define HISTORIES_SEARCH_H

#include <stdbool.h>
#include <stdio.h>

#include "history.h"

enum verdict {
	ACCEPTED,
	REJECTED,
	UNDECIDED,	/* more states than there is room for */
};

/* @why: gets the explanation of what is not accepted; NULL: none wanted. */
enum verdict history_check(const struct history *h, FILE *why);

/* It was decided between two stamps what becomes of a select. */
struct pin {
	const struct op *op;
	long after, before;
};

/*
 * The parts of that: one channel by itself, with @pin (NULL: none) being so; and selects
 * across channels (instant.c).
 */
enum verdict channel_check(const struct history *h, int chan, const struct pin *pin, FILE *why);
enum verdict instants_check(const struct history *h, FILE *why);

/* How many states have been looked at since the beginning. */
extern unsigned long long states_visited;

#endif /* HISTORIES_SEARCH_H */
