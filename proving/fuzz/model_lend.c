// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model of lending: a sender that waits, and whose message a selector has that nobody
 * has finished. It waits on, in no queue. When the message is received it has sent; when
 * the message comes back it stands where it stood, and a select looks first whether one
 * of its cases can happen by now. Whatever else ends it meanwhile ends it with success, and
 * the message is the selector's alone.
 */
#include <errno.h>

#include "model_parts.h"

static struct chan *chan_of(const struct pending *pending, int c)
{
	if (has_cases(pending))
		return pending->cases[c].chan;
	return pending->file->chan;
}

static void leave_queues(int waiter)
{
	const struct pending *pending = waiter_pending(waiter);
	int c;

	for (c = 0; c < (has_cases(pending) ? MAX_CASES : 1); c++)
		if (chan_of(pending, c))
			chan_withdraw(chan_of(pending, c), waiter);
}

void lend(int place, struct message *msg)
{
	leave_queues(place_waiter(place));
	place_pending(place)->lent = msg;
	msg->lent_by = place + 1;
}

/* Its place, which the message has nothing to do with any more. */
static int part(struct message *msg)
{
	int place = msg->lent_by - 1;

	place_pending(place)->lent = NULL;
	msg->lent_by = 0;
	return place;
}

/* It has sent. */
void lent_end(int waiter)
{
	end_send(part(waiter_pending(waiter)->lent), 0);
}

/* It goes without a word. */
void lent_let_go(int waiter)
{
	struct pending *pending = waiter_pending(waiter);
	int place = part(pending->lent);

	if (has_cases(pending))
		pending->cases[place_case(place)].msg = NULL;
	else
		pending->msg = NULL;
}

/* Their messages have met a receiver. */
void lent_close(const struct chan *chan)
{
	const struct pending *pending;
	int waiter;

	for (waiter = 0; waiter < NR_WAITERS; waiter++) {
		pending = waiter_pending(waiter);
		if (!pending->lent ||
		    chan_of(pending, place_case(pending->lent->lent_by - 1)) != chan)
			continue;
		model.closed_lent = true;
		lent_end(waiter);
	}
}

/* What the other cases offer. */
unsigned int lent_messages(const struct chan *chan, const struct message **msgs)
{
	const struct pending *pending;
	unsigned int nr = 0;
	int waiter, c;

	for (waiter = 0; waiter < NR_WAITERS; waiter++) {
		pending = waiter_pending(waiter);
		if (!pending->lent || !has_cases(pending))
			continue;
		for (c = 0; c < MAX_CASES; c++)
			if (pending->cases[c].chan == chan && pending->cases[c].msg &&
			    pending->cases[c].msg != pending->lent)
				msgs[nr++] = pending->cases[c].msg;
	}
	return nr;
}

/* Coming back. */

static bool is_ready(const struct select_case *each)
{
	const struct chan *chan = each->chan;

	if (!chan)
		return false;
	if (each->send)
		return chan->closed || chan->nr_receivers || chan_has_slot(chan);
	return chan->nr_buffer || chan->nr_senders || chan_drained(chan);
}

/* Of several ready cases chance would choose one, and tell receivers without room or not. */
static bool is_sure(const struct pending *pending)
{
	int c, nr = 0;

	for (c = 0; c < MAX_CASES; c++)
		nr += is_ready(&pending->cases[c]);
	return nr < 2 || pending->ordered;
}

static bool try_again(int waiter, int c)
{
	struct select_case *each = &waiter_pending(waiter)->cases[c];

	if (!each->chan)
		return false;
	if (each->send)
		return chan_offer_again(each->chan, place_of(waiter, c));
	if (chan_take(each->chan, place_of(waiter, c)) == EAGAIN)
		return false;
	chan_settle(each->chan);
	return true;
}

static void select_come_back(int waiter)
{
	const struct pending *pending = waiter_pending(waiter);
	int c;

	if (!is_sure(pending))
		model.unsure = true;
	for (c = 0; c < MAX_CASES; c++)
		if (try_again(waiter, c))
			return;
	for (c = 0; c < MAX_CASES; c++)
		if (pending->cases[c].chan)
			chan_return(pending->cases[c].chan, place_of(waiter, c),
				    pending->cases[c].send);
}

void lent_come_back(struct chan *chan, struct message *msg)
{
	int place = part(msg);

	chan->sent--;
	if (has_cases(place_pending(place)))
		select_come_back(place_waiter(place));
	else
		chan_return(chan, place, true);
}
