// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model of contexts: how a close spreads to what is derived from a channel and to
 * the operations that have it for a context.
 *
 * A step may close several channels, by the end of a process, of a message that carried
 * endpoints, or of a parent. Which of them an operation sees first that waits for more
 * than one nobody has promised, and that is all that it does not know beforehand: it is
 * over anyway, and has neither sent nor received.
 */
#include <errno.h>
#include <string.h>

#include "model_parts.h"

/* Arguments. */

/* A struct as first published ends before it. */
static bool has_context(const struct step *step)
{
	return step->op == OP_SELECT || step->arg[A_SIZE] != SIZE_FIRST;
}

/* Is there the flag that says that there is one? */
bool context_wanted(const struct step *step)
{
	return step->arg[A_CTX] && step->arg[A_JUNK] != JUNK_CTX;
}

/* As context_find() has it. */
unsigned int context_slot(const struct step *step)
{
	return context_wanted(step) ? step->arg[A_CTX] : 0;
}

int context_error(const struct step *step)
{
	if (!has_context(step))
		return context_wanted(step) ? EINVAL : 0;
	return step->arg[A_JUNK] == JUNK_CTX || step->arg[A_JUNK] == JUNK_CTX_REASON ? EINVAL : 0;
}

/**
 * context_find() - the channel that an operation's context or a channel's parent is
 * @w: the worker
 * @slot: one more than the slot, 0: none
 * @chan: set to it, or to NULL
 *
 * Return: 0; EBADF.
 */
int context_find(int w, unsigned int slot, struct chan **chan)
{
	const struct file *file = slot ? model_file(w, slot - 1) : NULL;

	*chan = NULL;
	if (!slot)
		return 0;
	if (!file || file->kind != FILE_ENDPOINT || !(file->rights & RIGHT_READ))
		return EBADF;
	*chan = file->chan;
	return 0;
}

/* How an operation ends by it. */

static void end_by_context(struct pending *pending)
{
	int reason = pending->ctx->reason;

	if (pending->step.arg[A_ARGP] == PTR_READONLY) {
		result_error(pending, EFAULT);
		return;
	}
	result_error(pending, reason == -ETIMEDOUT ? ETIMEDOUT : ECANCELED);
	pending->ctx_ended = true;
}

/* Why it did not wait, or waited in vain: the context comes before all else. */
void result_wait(struct pending *pending, int err)
{
	if (pending->ctx && pending->ctx->closed)
		end_by_context(pending);
	else
		result_error(pending, err);
}

/* Those who had nothing but it to end them. */
static void end_operations(const struct chan *ctx)
{
	struct pending *pending;
	int w;

	for (w = 0; w < NR_WORKERS; w++) {
		pending = &model.worker[w].pending;
		if (!waits_on_channel(pending) || pending->ctx != ctx)
			continue;
		if (pending->lent) {
			model.closed_lent = true;
			lent_end(w);
			continue;
		}
		withdraw(w);
		pending->by_close = true;
		end_by_context(pending);
	}
}

/* What may have been seen first instead. */

static bool is_case(const struct pending *pending, int c, const struct chan *chan)
{
	if (has_cases(pending))
		return pending->cases[c].chan == chan;
	return !c && pending->file && pending->file->kind == FILE_ENDPOINT &&
	       pending->file->chan == chan;
}

static void note_close(const struct chan *chan)
{
	struct pending *pending;
	int w, c;

	for (w = 0; w < NR_WAITERS; w++) {
		pending = waiter_pending(w);
		if (pending->state != DONE || !pending->by_close)
			continue;
		for (c = 0; c < MAX_CASES; c++)
			if (is_case(pending, c, chan))
				pending->also |= 1U << c;
		/* It will be long until it tells which it was. */
		if (is_selector(w) && pending->also)
			model.unsure = true;
		if (pending->ctx == chan)
			pending->also |= ALSO_CTX;
	}
}

static long expected(const struct pending *pending)
{
	return pending->outcome == OUT_ERROR ? -pending->err : pending->value;
}

static void end_instead(int w, int c)
{
	struct pending *pending = &model.worker[w].pending;

	pending->ctx_ended = false;
	if (c == MAX_CASES)
		end_by_context(pending);
	else if (pending->step.op == OP_SELECT)
		select_instead(w, c);
	else if (pending->step.op == OP_SEND)
		result_error(pending, EPIPE);
	else
		recv_closed(place_of(w, 0), pending->file->chan->reason);
}

/**
 * model_instead() - another close of the same step was seen first, see pending.also
 * @w: a worker whose operation has ended
 * @ret: what it returned
 */
void model_instead(int w, long ret)
{
	struct pending *pending = &model.worker[w].pending;
	int c;

	for (c = 0; c <= MAX_CASES && expected(pending) != ret; c++)
		if (pending->also & 1U << c)
			end_instead(w, c);
}

/* Close. */

static void close_with_children(struct chan *chan, int reason)
{
	struct chan *child;

	model.nr_closed++;
	chan->closed = true;
	chan->reason = reason;
	chan->parent = NULL;
	note_close(chan);
	chan_settle(chan);
	end_operations(chan);
	for (child = model.chan; child < model.chan + MAX_CHANS; child++)
		if (child->live && child->parent == chan)
			close_with_children(child, reason);
}

int chan_close(struct chan *chan, int reason)
{
	if (chan->closed)
		return EPIPE;
	close_with_children(chan, reason);
	return 0;
}

/**
 * chan_derive() - make a channel
 * @cap: its capacity
 * @parent: what it is derived from, NULL: nothing
 * @expired: its deadline has passed, or will have when anybody looks
 *
 * Return: the channel, which is closed if the parent is.
 */
struct chan *chan_derive(uint32_t cap, struct chan *parent, bool expired)
{
	struct chan *chan = chan_new(cap);

	if (parent && parent->closed)
		chan_close(chan, parent->reason);
	else
		chan->parent = parent;
	if (expired)
		chan_close(chan, -ETIMEDOUT);
	return chan;
}
