// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model of select: a wait with a place for each case, of which one happens.
 *
 * A choice by chance can't be foreseen. Where several cases are ready the fuzzer lets
 * the select happen first and tells the model what was chosen, see pending.choice. Where
 * chance would have other effects as well, the select is made an ordered one.
 */
#include <errno.h>
#include <string.h>

#include "model_parts.h"

uint32_t select_count(const struct step *step)
{
	static const uint32_t counts[] = { 2, 3, 1, 0, 65, UINT32_MAX };

	return counts[step->arg[A_CASES]];
}

static bool is_disabled(int w, const struct step *step, unsigned int c)
{
	return c >= select_count(step) || step->arg[A_C0 + c] == CASE_OFF ||
	       model_fd(w, step->arg[A_S0 + c]) == -1;
}

/* Its channel, if it is one that can happen. */
static struct chan *case_chan(int w, const struct step *step, unsigned int c)
{
	const struct file *file = model_file(w, step->arg[A_S0 + c]);

	if (is_disabled(w, step, c) || !file || file->kind != FILE_ENDPOINT)
		return NULL;
	return file->chan;
}

/* A receiver that a send has too much for is told so, when its case is looked at. */
static bool too_large_for_some(const struct chan *chan, const struct step *step)
{
	struct room room;
	unsigned int i;

	for (i = 0; i < chan->nr_receivers; i++) {
		room = place_pending(chan->receivers[i])->room;
		if (arg_lens[step->arg[A_LEN]] > room.len || carried_count(step) > room.nr_fds)
			return true;
	}
	return false;
}

/* Is it ordered, or must it be, so that its effects can be told? */
bool select_ordered(int w, const struct step *step)
{
	const struct chan *chan;
	int c, other;

	unsigned int ready = select_ready(w, step);

	/* What a selector has chosen shows only when it is finished. */
	if (step->arg[A_ORDERED] || (step->op == OP_ARM && ready & (ready - 1)))
		return true;
	for (c = 0; c < MAX_CASES; c++) {
		chan = case_chan(w, step, c);
		if (!chan)
			continue;
		/* In one queue the places are in a random order, too. */
		for (other = 0; other < c; other++)
			if (case_chan(w, step, other) == chan)
				return true;
		if (step->arg[A_C0 + c] == CASE_SEND && too_large_for_some(chan, step))
			return true;
	}
	return false;
}

/* Which cases would not block. */
unsigned int select_ready(int w, const struct step *step)
{
	const struct chan *chan;
	unsigned int ready = 0;
	bool now;
	int c;

	for (c = 0; c < MAX_CASES; c++) {
		chan = case_chan(w, step, c);
		if (!chan)
			continue;
		if (step->arg[A_C0 + c] == CASE_SEND)
			now = chan->closed || chan->nr_receivers ||
			      chan->nr_buffer + chan->taken < chan->cap;
		else
			now = chan->nr_buffer || chan->nr_senders ||
			      (chan->closed && !chan->taken && !chan->handed);
		ready |= now << c;
	}
	return ready;
}

/* How it ends. */

void select_set_result(struct pending *pending, int c, int err)
{
	pending->state = DONE;
	pending->chosen = c;
	pending->result = -err;
	pending->value = c;
	pending->outcome = OUT_VALUE;
	/* The usual result need not be written. */
	if (err && pending->step.op == OP_SELECT && pending->step.arg[A_ARGP] == PTR_READONLY) {
		pending->outcome = OUT_ERROR;
		pending->err = EFAULT;
	}
}

/* Out of all queues; what it has not sent goes, but a selector's when it is finished. */
void select_leave(int waiter)
{
	struct pending *pending = waiter_pending(waiter);
	int c;

	for (c = 0; c < MAX_CASES; c++) {
		if (pending->cases[c].chan && pending->state == BLOCKED)
			chan_withdraw(pending->cases[c].chan, waiter);
		if (is_selector(waiter))
			continue;
		message_discard(pending->cases[c].msg);
		pending->cases[c].msg = NULL;
	}
}

/* One case has happened. */
void select_end(int place, int err)
{
	int waiter = place_waiter(place);

	select_leave(waiter);
	if (is_selector(waiter))
		model.selector[waiter - NR_WORKERS].dirty = true;
	select_set_result(waiter_pending(waiter), place_case(place), err);
}

void select_end_send(int place, int err)
{
	struct pending *pending = place_pending(place);

	/* The message is the channel's or its receiver's. */
	if (!err)
		pending->cases[place_case(place)].msg = NULL;
	pending->by_close = err == EPIPE && pending->state == BLOCKED;
	select_end(place, err);
}

/* Another case has happened, see model_instead(). */
void select_instead(int w, int c)
{
	struct pending *pending = &model.worker[w].pending;

	if (pending->cases[c].send)
		select_set_result(pending, c, EPIPE);
	else
		recv_closed(place_of(w, c), pending->cases[c].chan->reason);
}

/* How it begins. */

bool select_is_unreadable(unsigned int ptr, size_t size, size_t half)
{
	if (ptr == PTR_STRADDLE)
		return size > half;
	return ptr != PTR_OK && ptr != PTR_READONLY;
}

static int case_error(int w, unsigned int c)
{
	struct pending *pending = &model.worker[w].pending;
	const struct step *step = &pending->step;
	struct file *file = model_file(w, step->arg[A_S0 + c]), *files[MAX_CARRIED];
	bool send = step->arg[A_C0 + c] == CASE_SEND;
	int err;

	if (select_is_unreadable(step->arg[A_CASEP], (c + 1) * 16, select_count(step) * 8))
		return EFAULT;
	if (is_disabled(w, step, c))
		return 0;
	if (step->arg[A_C0 + c] == CASE_BAD)
		return EINVAL;
	if (!file || file->kind != FILE_ENDPOINT ||
	    !(file->rights & (send ? RIGHT_WRITE : RIGHT_READ)))
		return EBADF;
	if (select_is_unreadable(step->arg[A_HDRP], 2, 1))
		return EFAULT;
	if (step->arg[A_JUNK] &&
	    (send || step->arg[A_JUNK] == JUNK_RES0 || step->arg[A_JUNK] == JUNK_RES1))
		return EINVAL;
	err = send ? message_error(w, step, files) : 0;
	if (err)
		return err;
	pending->cases[c] = (struct select_case){
		.chan = file->chan, .file = file, .send = send,
	};
	if (send)
		pending->cases[c].msg = message_new(w, step, file, files);
	return 0;
}

/* The descriptors of all messages, as if each were sent. */
static int launch_error(int w)
{
	struct pending *pending = &model.worker[w].pending;
	struct select_case *each;
	int c, err = 0;

	for (c = 0; c < MAX_CASES && !err; c++) {
		each = &pending->cases[c];
		if (!each->msg)
			continue;
		err = flight_error(each->msg->uid, each->chan, each->msg->carried, each->msg->nr);
		each->chan->senders[each->chan->nr_senders++] = place_of(w, c);
	}
	while (c--) {
		each = &pending->cases[c];
		if (each->msg)
			each->chan->nr_senders--;
	}
	return err;
}

/* Of each case all, and then the descriptors. */
int select_cases_error(int w)
{
	struct pending *pending = &model.worker[w].pending;
	unsigned int c;
	int err = 0;

	memset(pending->cases, 0, sizeof(pending->cases));
	for (c = 0; !err && c < select_count(&pending->step); c++)
		err = case_error(w, c);
	return err ?: launch_error(w);
}

static int start_error(int w)
{
	struct pending *pending = &model.worker[w].pending;
	const struct step *step = &pending->step;
	int err = ioctl_error(pending->file, step) ?: op_error(step);

	if (!err && select_count(step) > 64)
		err = EINVAL;
	if (!err)
		err = context_find(w, context_slot(step), &pending->ctx);
	return err ?: select_cases_error(w);
}

/* Does a case happen now? */
bool select_try(int waiter, int c)
{
	struct pending *pending = waiter_pending(waiter);
	struct select_case *each = &pending->cases[c];
	int err;

	if (!each->chan)
		return false;
	if (!each->send) {
		if (chan_take(each->chan, place_of(waiter, c)) == EAGAIN)
			return false;
		chan_settle(each->chan);
		return true;
	}
	err = chan_offer(each->chan, each->msg);
	if (err == EAGAIN)
		return false;
	select_end_send(place_of(waiter, c), err);
	return true;
}

/* A place for each case. */
void select_wait(int waiter)
{
	struct pending *pending = waiter_pending(waiter);
	struct select_case *each;

	pending->state = BLOCKED;
	for (each = pending->cases; each < pending->cases + MAX_CASES; each++) {
		if (!each->chan)
			continue;
		if (each->send)
			chan_wait_send(each->chan, place_of(waiter, each - pending->cases));
		else
			chan_wait_recv(each->chan, place_of(waiter, each - pending->cases));
	}
}

void start_select(int w)
{
	struct pending *pending = &model.worker[w].pending;
	int c, err;

	pending->state = IDLE;
	pending->room = recv_room(&pending->step);
	err = start_error(w);
	if (err) {
		select_leave(w);
		result_error(pending, err);
		return;
	}
	if (pending->choice >= 0 && pending->choice < MAX_CASES && select_try(w, pending->choice))
		return;
	for (c = 0; c < MAX_CASES; c++)
		if (select_try(w, c))
			return;
	if (!never_waits(pending))
		select_wait(w);
	err = wait_error(pending);
	if (!err)
		return;
	select_leave(w);
	result_wait(pending, err);
}
