// SPDX-License-Identifier: GPL-2.0-only
/* The rules for the context. */
#include <errno.h>

#include "plant.h"

/* Was the context closed before @op began, or at least may it have been before its end? */
static bool is_canceled(const struct history *h, const struct op *op, bool for_certain)
{
	const struct op *by;

	for (by = h->ops; by < h->ops + h->nr_ops; by++) {
		if (by->verb != CANCEL)
			continue;
		if (for_certain ? by->end != NO_STAMP && by->end < op->start :
		    op->end == NO_STAMP || by->start < op->end)
			return true;
	}
	return false;
}

bool canceled_by_nobody(struct history *h, struct op *op)
{
	if (op->result != EAGAIN || !(op->flags & DONTWAIT) || is_canceled(h, op, false))
		return false;
	op->flags |= CTX;
	op->result = ECANCELED;
	op->got = -ECANCELED;
	return true;
}

bool canceled_for_another_reason(struct history *h, struct op *op)
{
	(void)h;
	if (op->result != ECANCELED)
		return false;
	op->got = NO_SUCH_VALUE;
	return true;
}

bool again_though_canceled(struct history *h, struct op *op)
{
	if (op->result != ECANCELED || !is_canceled(h, op, true))
		return false;
	op->flags |= DONTWAIT;
	op->result = EAGAIN;
	return true;
}

/* The context is looked at first. */
bool interrupted_though_canceled(struct history *h, struct op *op)
{
	if (op->result != ECANCELED || op->flags & DONTWAIT || !is_canceled(h, op, true))
		return false;
	op->result = EINTR;
	return true;
}
