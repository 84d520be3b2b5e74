/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plants: faults put into a recorded history by rule. Each rule looks for places where
 * the change makes a history that no channel can have, whatever happened besides, so
 * that the checker must reject it.
 */
#ifndef HISTORIES_PLANT_H
#define HISTORIES_PLANT_H

#include "history.h"

#define MAX_RULES	48

/* That no message and no reason is. */
#define NO_SUCH_VALUE	99991

struct plants {
	unsigned long rejected[MAX_RULES];	/* by rule */
	unsigned long undecided;		/* more states than the search keeps */
	unsigned long accepted;			/* all: must stay 0 */
};

void plant_all(const struct history *h, struct plants *plants);
/* How many of each, as one comment. */
void plants_report(const struct plants *plants);

/* Has anybody received @value? */
bool is_received(const struct history *h, int value);
/* All operations but @last have ended before it, and their outcomes are known. */
bool is_quiet(const struct history *h, const struct op *last);
/* A close of @chan that ended before @before began; NULL: none. */
const struct op *closed_before(const struct history *h, int chan, const struct op *before);

/* plant_select.c: these change @op, or say that there is nothing to change. */
bool another_case_chosen(struct history *h, struct op *op);
bool received_by_two_selects(struct history *h, struct op *op);
bool received_from_a_case_not_chosen(struct history *h, struct op *op);
bool default_though_closed(struct history *h, struct op *op);
bool second_chosen_though_first_ready(struct history *h, struct op *op);

/* plant_context.c: likewise */
bool canceled_by_nobody(struct history *h, struct op *op);
bool canceled_for_another_reason(struct history *h, struct op *op);
bool again_though_canceled(struct history *h, struct op *op);
bool interrupted_though_canceled(struct history *h, struct op *op);

/* plant_selector.c: likewise */
bool nothing_though_it_was_ready(struct history *h, struct op *op);
bool ready_though_disarmed(struct history *h, struct op *op);
bool disarmed_though_sent(struct history *h, struct op *op);
bool dropped_message_lost(struct history *h, struct op *op);

#endif /* HISTORIES_PLANT_H */
