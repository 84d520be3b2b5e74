// SPDX-License-Identifier: GPL-2.0-only
/* The rules for selects. */
#include <errno.h>

#include "plant.h"

static bool chose(const struct op *op, enum verb what, int result)
{
	return op->verb == SELECT && op->chosen != NO_CASE && op->result == result &&
	       op->cases[op->chosen].verb == what;
}

/* What was sent by a case that is now said not to have happened. */
bool another_case_chosen(struct history *h, struct op *op)
{
	if (!chose(op, SEND, RES_OK) || op->nr_cases < 2 ||
	    !is_received(h, op->cases[op->chosen].value))
		return false;
	op->chosen = (op->chosen + 1) % op->nr_cases;
	return true;
}

bool received_by_two_selects(struct history *h, struct op *op)
{
	const struct op *another;

	if (!chose(op, RECV, RES_OK))
		return false;
	for (another = op + 1; another < h->ops + h->nr_ops; another++) {
		if (!chose(another, RECV, RES_OK))
			continue;
		op->got = another->got;
		return true;
	}
	return false;
}

/* A send on @chan that was not chosen. */
static int other_send(const struct op *select, int chan)
{
	int nr;

	for (nr = 0; nr < select->nr_cases; nr++)
		if (nr != select->chosen && select->cases[nr].verb == SEND &&
		    select->cases[nr].chan == chan)
			return nr;
	return NO_CASE;
}

/* Both of its cases have happened. */
bool received_from_a_case_not_chosen(struct history *h, struct op *op)
{
	const struct op *select;
	int nr;

	if (op->verb != RECV || op->result != RES_OK)
		return false;
	for (select = h->ops; select < h->ops + h->nr_ops; select++) {
		nr = select->result == RES_UNKNOWN ? NO_CASE : other_send(select, op->chan);
		if (nr == NO_CASE)
			continue;
		op->got = select->cases[nr].value;
		return true;
	}
	return false;
}

/* A send on a closed channel need not wait. */
bool default_though_closed(struct history *h, struct op *op)
{
	if (!chose(op, SEND, EPIPE) || !closed_before(h, op->cases[op->chosen].chan, op))
		return false;
	op->flags |= DONTWAIT;
	op->chosen = NO_CASE;
	op->result = EAGAIN;
	return true;
}

bool second_chosen_though_first_ready(struct history *h, struct op *op)
{
	if (op->verb != SELECT || op->chosen != 1 || op->cases[0].verb != SEND ||
	    !closed_before(h, op->cases[0].chan, op))
		return false;
	op->flags |= ORDERED;
	return true;
}
