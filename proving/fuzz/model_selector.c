// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model of selectors: a select whose waiter is a file. What it is given waits as a
 * blocked select does; what it has received is in transit until it is finished.
 */
#include <errno.h>
#include <string.h>

#include "model_parts.h"

static int waiter_of(const struct selector *selector)
{
	return NR_WORKERS + (selector - model.selector);
}

/* Which one is not in use, -1: none. */
int model_free_selector(void)
{
	int i;

	for (i = 0; i < NR_SELECTORS; i++)
		if (!model.selector[i].live)
			return i;
	return -1;
}

/* What it has been given. */

/* Its case receives a message that stays in transit. */
void selector_hold(int place, struct message *msg)
{
	struct pending *armed = place_pending(place);

	select_end(place, 0);
	armed->msg = msg;
	armed->outcome = OUT_MESSAGE;
}

/* What it has received from a channel, or has not sent and not let go of yet. */
unsigned int selector_messages(const struct chan *chan, const struct message **msgs)
{
	const struct pending *armed;
	unsigned int nr = 0;
	int i, c;

	for (i = 0; i < NR_SELECTORS; i++) {
		armed = &model.selector[i].armed;
		if (armed->state != DONE)
			continue;
		for (c = 0; c < MAX_CASES; c++)
			if (armed->cases[c].chan == chan && armed->cases[c].msg)
				msgs[nr++] = armed->cases[c].msg;
		if (armed->msg && armed->cases[armed->chosen].chan == chan)
			msgs[nr++] = armed->msg;
	}
	return nr;
}

/* It is idle; what its cases have held goes. */
static void let_go(struct selector *selector)
{
	struct select_case *each;

	for (each = selector->armed.cases; each < selector->armed.cases + MAX_CASES; each++) {
		message_discard(each->msg);
		file_put_later(each->file);
	}
	memset(&selector->armed, 0, sizeof(selector->armed));
	selector->dirty = true;
}

void selector_release(struct selector *selector)
{
	struct pending *armed = &selector->armed;

	model.nr_released++;
	if (armed->lent || armed->msg)
		model.released_in_transit = true;
	if (armed->lent)
		lent_let_go(waiter_of(selector));
	if (armed->state == BLOCKED)
		select_leave(waiter_of(selector));
	else if (armed->state == DONE && armed->msg)
		chan_restore(armed->cases[armed->chosen].chan, armed->msg);
	let_go(selector);
	selector->live = false;
}

/* Operations. */

void start_selector(int w)
{
	struct pending *pending = &model.worker[w].pending;
	int err = ioctl_error(pending->file, &pending->step);
	struct file *file;

	if (!err && pending->step.arg[A_JUNK] == JUNK_FLAGS)
		err = EINVAL;
	if (!err && model_lowest_fd(w, 0) < 0)
		err = EMFILE;
	if (err) {
		result_error(pending, err);
		return;
	}
	file = file_new(w, FILE_SELECTOR);
	file->selector = &model.selector[model_free_selector()];
	memset(file->selector, 0, sizeof(*file->selector));
	file->selector->live = true;
	result_fd(w, file, true);
}

static int asked_error(const struct pending *pending)
{
	if (!pending->file)
		return EBADF;
	if (pending->file->kind != FILE_SELECTOR)
		return ENOTTY;
	return args_error(&pending->step);
}

static int arm_error(int w)
{
	struct pending *pending = &model.worker[w].pending;
	const struct step *step = &pending->step;
	int err = asked_error(pending);

	if (!err && (select_count(step) > 64 || step->arg[A_JUNK] == JUNK_CTX ||
		     step->arg[A_JUNK] == JUNK_CTX_REASON))
		err = EINVAL;
	err = err ?: select_cases_error(w);
	if (!err && pending->file->selector->armed.state != IDLE)
		err = EBUSY;
	return err;
}

/* The cases are the selector's, and keep their endpoints. */
static void give(struct selector *selector, struct pending *pending)
{
	int c;

	selector->armed = *pending;
	selector->armed.state = IDLE;
	selector->armed.chosen = -1;
	selector->dirty = true;
	for (c = 0; c < MAX_CASES; c++) {
		pending->cases[c].msg = NULL;
		if (pending->cases[c].file)
			pending->cases[c].file->refs++;
	}
}

void start_arm(int w)
{
	struct pending *pending = &model.worker[w].pending;
	struct selector *selector;
	int c, err = arm_error(w);

	result(pending, err);
	if (err) {
		select_leave(w);
		return;
	}
	selector = pending->file->selector;
	pending->room = recv_room(&pending->step);
	give(selector, pending);
	for (c = 0; c < MAX_CASES; c++)
		if (select_try(waiter_of(selector), c))
			return;
	select_wait(waiter_of(selector));
}

static int finish_error(const struct pending *pending)
{
	const struct step *step = &pending->step;
	int err = asked_error(pending);
	const struct pending *armed;

	if (err)
		return err;
	if (step->arg[A_JUNK] == JUNK_CTX || step->arg[A_JUNK] == JUNK_CTX_REASON)
		return EINVAL;
	if (step->arg[A_ARGP] == PTR_READONLY)
		return EFAULT;
	armed = &pending->file->selector->armed;
	if (armed->state == IDLE)
		return ENOENT;
	if (select_count(step) != select_count(&armed->step))
		return EINVAL;
	return armed->state == BLOCKED ? EAGAIN : 0;
}

/* What is wrong with the memory that it is to be received to, or with its room. */
static int room_error(struct pending *pending, const struct pending *armed)
{
	const struct step *step = &pending->step;

	if (select_is_unreadable(step->arg[A_CASEP], (armed->chosen + 1) * 16,
				 select_count(step) * 8) ||
	    select_is_unreadable(step->arg[A_HDRP], 2, 1))
		return EFAULT;
	if (step->arg[A_JUNK] == JUNK_RES0 || step->arg[A_JUNK] == JUNK_RES1)
		return EINVAL;
	pending->room = recv_room(step);
	return armed->msg ? message_fits(armed->msg, pending) : 0;
}

/* A receive that has happened without a message, or can't be given out. */
static void finish_without(struct pending *pending, const struct pending *armed, int err)
{
	bool closed = !err && armed->outcome == OUT_CLOSED;

	if (!err)
		err = -armed->result;
	if ((closed || err == EMSGSIZE) && pending->step.arg[A_HDRP] == PTR_READONLY) {
		err = EFAULT;
		closed = false;
	}
	select_set_result(pending, armed->chosen, err);
	if (closed) {
		pending->outcome = OUT_CLOSED;
		pending->reason = armed->reason;
	}
}

static void finish_recv(int w, const struct pending *armed)
{
	struct pending *pending = &model.worker[w].pending;
	struct chan *chan = armed->cases[armed->chosen].chan;
	struct message *msg = armed->msg;
	int err;

	pending->need_len = armed->need_len;
	pending->need_fds = armed->need_fds;
	err = room_error(pending, armed);
	if (!err && msg)
		err = recv_copy_error(w, msg);
	if (!msg || err) {
		finish_without(pending, armed, err);
		if (msg)
			chan_restore(chan, msg);
		return;
	}
	select_set_result(pending, armed->chosen, 0);
	recv_descriptors(w, msg);
	chan_commit(chan, msg);
}

void start_finish(int w)
{
	struct pending *pending = &model.worker[w].pending;
	int err = finish_error(pending);
	struct selector *selector;
	struct pending armed;

	if (err) {
		result_error(pending, err);
		return;
	}
	selector = pending->file->selector;
	armed = selector->armed;
	let_go(selector);
	memcpy(pending->cases, armed.cases, sizeof(armed.cases));
	if (armed.cases[armed.chosen].send)
		select_set_result(pending, armed.chosen, -armed.result);
	else
		finish_recv(w, &armed);
}

void start_disarm(int w)
{
	struct pending *pending = &model.worker[w].pending;
	int err = asked_error(pending);
	struct selector *selector;

	if (!err && pending->step.arg[A_JUNK] == JUNK_RES0)
		err = EINVAL;
	selector = err ? NULL : pending->file->selector;
	if (!err && selector->armed.state == IDLE)
		err = ENOENT;
	/* A receiver has its message: that is what it was armed for. */
	if (!err && selector->armed.lent)
		lent_end(waiter_of(selector));
	if (!err && selector->armed.state == DONE)
		err = EALREADY;
	result(pending, err);
	if (err)
		return;
	select_leave(waiter_of(selector));
	let_go(selector);
}
