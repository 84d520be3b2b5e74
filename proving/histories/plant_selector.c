// SPDX-License-Identifier: GPL-2.0-only
/* The rules for selectors. */
#include <errno.h>

#include "plant.h"

/* The select that @ask was asked of; NULL: none. */
static struct op *select_of(struct history *h, const struct op *ask)
{
	struct op *op;

	for (op = h->ops; op < h->ops + h->nr_ops; op++)
		if (op->flags & ARMED && op->actor == ask->arg && op->start < ask->start &&
		    (op->end == NO_STAMP || op->end > ask->start))
			return op;
	return NULL;
}

/* The first time that this was asked of @select, with that result; NULL: it was not. */
static struct op *asked(struct history *h, const struct op *select, enum verb verb, int result)
{
	struct op *op;

	for (op = h->ops; op < h->ops + h->nr_ops; op++)
		if (op->verb == verb && op->result == result && select_of(h, op) == select)
			return op;
	return NULL;
}

/* What has happened stays so. */
bool nothing_though_it_was_ready(struct history *h, struct op *op)
{
	struct op *select, *earlier;

	if ((op->verb != POLL && op->verb != FINISH) || op->result != RES_OK)
		return false;
	select = select_of(h, op);
	earlier = select ? asked(h, select, POLL, RES_OK) : NULL;
	if (!earlier || earlier == op)
		return false;
	op->result = EAGAIN;
	return true;
}

/* Nothing had happened, it is said later. */
bool ready_though_disarmed(struct history *h, struct op *op)
{
	struct op *select;

	if (op->verb != POLL || op->result != EAGAIN)
		return false;
	select = select_of(h, op);
	if (!select || select->result != RES_DISARMED)
		return false;
	op->result = RES_OK;
	return true;
}

/* The last question is said to have been another one. */
static bool turn_the_last_into(struct history *h, struct op *select, enum verb verb, int result)
{
	struct op *last = asked(h, select, FINISH, RES_OK);

	if (!last || asked(h, select, DISARM, EALREADY))
		return false;
	last->verb = verb;
	last->result = RES_OK;
	select->result = result;
	select->chosen = NO_CASE;
	return true;
}

bool disarmed_though_sent(struct history *h, struct op *op)
{
	if (!(op->flags & ARMED) || op->result != RES_OK || op->chosen == NO_CASE ||
	    op->cases[op->chosen].verb != SEND || !is_received(h, op->cases[op->chosen].value))
		return false;
	return turn_the_last_into(h, op, DISARM, RES_DISARMED);
}

/* The message should be back, and the last look does not show it. */
bool dropped_message_lost(struct history *h, struct op *op)
{
	struct op *last = &h->ops[h->nr_ops - 1];

	if (!(op->flags & ARMED) || !op_receives(op) || op->result != RES_OK ||
	    last->verb != INFO || last->chan != op->cases[op->chosen].chan || !is_quiet(h, last))
		return false;
	return turn_the_last_into(h, op, DROP, RES_UNKNOWN);
}
