// SPDX-License-Identifier: GPL-2.0-only
/*
 * What no channel can tell by itself: it is decided on all channels of a select at one
 * instant what becomes of it, be it that a case happens or that it gives up. That instant
 * lies between two stamps that follow each other, so there must be a pair of stamps
 * between which each of the channels can be told to see it decided.
 */
#include <errno.h>
#include <stdlib.h>

#include "search.h"

static bool is_of_two_channels(const struct history *h, const struct op *op)
{
	int chan, n = 0;

	for (chan = 0; chan < h->nr_chans; chan++)
		n += op->verb == SELECT && op_concerns(op, chan);
	if (n < 2)
		return false;
	return op->chosen != NO_CASE || op->result == EAGAIN || op->result == EINTR ||
	       op->result == ETIMEDOUT || op->result == ECANCELED || op->result == RES_DISARMED;
}

static int compare_stamps(const void *a, const void *b)
{
	const long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* From the start to the end of @op. */
static int collect_stamps(const struct history *h, const struct op *op, long *stamps)
{
	int i, n = 0;

	for (i = 0; i < h->nr_ops; i++) {
		if (h->ops[i].start >= op->start && h->ops[i].start < op->end)
			stamps[n++] = h->ops[i].start;
		if (h->ops[i].end > op->start && h->ops[i].end <= op->end)
			stamps[n++] = h->ops[i].end;
	}
	qsort(stamps, n, sizeof(*stamps), compare_stamps);
	return n;
}

static bool could_be_decided(const struct history *h, const struct pin *pin)
{
	int chan;

	for (chan = 0; chan < h->nr_chans; chan++)
		if (op_concerns(pin->op, chan) &&
		    channel_check(h, chan, pin, NULL) == REJECTED)
			return false;
	return true;
}

static bool had_an_instant(const struct history *h, const struct op *op)
{
	long stamps[2 * MAX_OPS] = { 0 };
	int n = collect_stamps(h, op, stamps), i;
	struct pin pin = { .op = op };

	for (i = 0; i + 1 < n; i++) {
		pin.after = stamps[i];
		pin.before = stamps[i + 1];
		if (pin.after < pin.before && could_be_decided(h, &pin))
			return true;
	}
	return false;
}

enum verdict instants_check(const struct history *h, FILE *why)
{
	const struct op *op;

	for (op = h->ops; op < h->ops + h->nr_ops; op++) {
		if (!is_of_two_channels(h, op) || had_an_instant(h, op))
			continue;
		if (why) {
			fprintf(why, "# each channel can be explained by itself, not so both:\n# ");
			op_print(op, why);
			fprintf(why, "# at no instant can that have been decided on both.\n");
		}
		return REJECTED;
	}
	return ACCEPTED;
}
