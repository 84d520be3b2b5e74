// SPDX-License-Identifier: GPL-2.0-only
/*
 * Repair: most steps made by chance meet a worker that waits or a slot that is
 * empty, and do nothing. Just before a step of a new program is made, when the model
 * knows who is idle and who has what, it is mostly turned into one that does
 * something. The program is changed by that, so that it runs the same way again.
 */
#include <stdlib.h>

#include "repair.h"

/* One of the workers in such a state, -1: none. */
static int pick_worker(enum pending_state state, struct random *random)
{
	int w, nr = 0, picked = -1;

	for (w = 0; w < NR_WORKERS; w++)
		if (model.worker[w].live && model.worker[w].pending.state == state &&
		    !random_below(random, ++nr))
			picked = w;
	return picked;
}

/* One of a worker's slots with such a file and such rights, -1: none. */
static int pick_slot(int w, enum file_kind kind, unsigned int rights, struct random *random)
{
	const struct file *file;
	int s, nr = 0, picked = -1;

	for (s = 0; s < NR_SLOTS; s++) {
		file = model_file(w, s);
		if (file && file->kind == kind && (file->rights & rights) == rights &&
		    !random_below(random, ++nr))
			picked = s;
	}
	return picked;
}

static unsigned int rights_for(enum op op)
{
	switch (op) {
	case OP_SEND: case OP_WRITE: case OP_SHUT:
		return RIGHT_WRITE;
	case OP_RECV: case OP_READ:
		return RIGHT_READ;
	default:
		return 0;
	}
}

static bool wants_endpoint(enum op op)
{
	switch (op) {
	case OP_NEW: case OP_DUP: case OP_SEND: case OP_RECV: case OP_WRITE: case OP_READ:
	case OP_SHUT: case OP_INFO: case OP_ABI: case OP_POLL: case OP_EPCTL: case OP_FDDUP:
	case OP_NONBLOCK: case OP_SEEK: case OP_REOPEN: case OP_FDINFO: case OP_CLOSE:
	case OP_SELECT: case OP_SELECTOR:
		return true;
	default:
		return false;
	}
}

/* What can be asked of a selector as well as of an endpoint. */
static bool serves_selector(enum op op)
{
	return op == OP_POLL || op == OP_EPCTL || op == OP_FDDUP || op == OP_FDINFO ||
	       op == OP_CLOSE;
}

/* Another's endpoint, or else a new one. */
static void become_take(struct step *step, struct random *random)
{
	int v, s, nr = 0;

	step->op = OP_OPEN;
	step->arg[A_MODE] = MODE_RDWR;
	for (v = 0; v < NR_WORKERS; v++) {
		for (s = 0; model.worker[v].live && s < NR_SLOTS; s++) {
			if (!model_file(v, s) || model_file(v, s)->kind != FILE_ENDPOINT ||
			    random_below(random, ++nr))
				continue;
			step->op = OP_TAKE;
			step->arg[A_V] = v;
			step->arg[A_S] = s;
		}
	}
}

static void repair_slot(struct step *step, struct random *random)
{
	int w = step->worker;
	const struct file *file = model_file(w, step->arg[A_S]);
	unsigned int rights = rights_for(step->op);
	int s;

	if (serves_selector(step->op) && !random_below(random, 4)) {
		s = pick_slot(w, FILE_SELECTOR, 0, random);
		if (s >= 0)
			step->arg[A_S] = s;
		file = model_file(w, step->arg[A_S]);
	}
	if (file && file->kind == FILE_ENDPOINT && (file->rights & rights) == rights)
		return;
	if (file && file->kind == FILE_SELECTOR && serves_selector(step->op))
		return;
	s = pick_slot(w, FILE_ENDPOINT, rights, random);
	if (s >= 0)
		step->arg[A_S] = s;
	else
		become_take(step, random);
}

/* In which state of a selector such a step does something. */
static enum pending_state state_for(enum op op)
{
	if (op == OP_ARM)
		return IDLE;
	return op == OP_FINISH ? DONE : BLOCKED;
}

/* A selector of an idle worker's, in that state if there is one: its slot, -1: none. */
static int pick_selector(struct step *step, struct random *random)
{
	int w, s, value, best = 0, nr = 0, picked = -1;
	const struct file *file;

	for (w = 0; w < NR_WORKERS; w++) {
		if (!model.worker[w].live || model.worker[w].pending.state != IDLE)
			continue;
		for (s = 0; s < NR_SLOTS; s++) {
			file = model_file(w, s);
			if (!file || file->kind != FILE_SELECTOR)
				continue;
			value = 1 + (file->selector->armed.state == state_for(step->op));
			if (value > best)
				nr = 0;
			if (value < best || random_below(random, ++nr))
				continue;
			best = value;
			picked = s;
			step->worker = w;
		}
	}
	return picked;
}

static void repair_selector(struct step *step, struct random *random)
{
	int s = pick_selector(step, random);

	if (s < 0) {
		step->op = OP_SELECTOR;
		return;
	}
	step->arg[A_S] = s;
	if (step->op == OP_FINISH && random_below(random, 16))
		step->arg[A_CASES] =
			model_file(step->worker, s)->selector->armed.step.arg[A_CASES];
}

static void repair_epoll(struct step *step, struct random *random)
{
	int i, w, s;

	/* Whoever has one, before there is another. */
	for (i = 0; i < NR_WORKERS; i++) {
		w = (step->worker + i) % NR_WORKERS;
		s = pick_slot(w, FILE_EPOLL, 0, random);
		if (s < 0 || !model.worker[w].live || model.worker[w].pending.state != IDLE)
			continue;
		step->worker = w;
		step->arg[A_E] = s;
		return;
	}
	step->op = OP_EPNEW;
}

/* A partner for who waits, more often than company. */
static void repair_direction(struct step *step, struct random *random)
{
	const struct file *file = model_file(step->worker, step->arg[A_S]);
	const struct chan *chan;

	if (!file || file->kind != FILE_ENDPOINT || file->chan->closed || !random_below(random, 4))
		return;
	chan = file->chan;
	if (rights_for(step->op) == RIGHT_READ && !chan->nr_buffer && !chan->nr_senders &&
	    (chan->nr_receivers || chan->cap) && (file->rights & RIGHT_WRITE))
		step->op = step->op == OP_READ ? OP_WRITE : OP_SEND;
	else if (step->op != OP_SHUT && rights_for(step->op) == RIGHT_WRITE &&
		 (chan->nr_senders || (chan->cap && chan->nr_buffer >= chan->cap)) &&
		 (file->rights & RIGHT_READ))
		step->op = step->op == OP_WRITE ? OP_READ : OP_RECV;
	else
		return;
	step->arg[A_N] = rights_for(step->op) == RIGHT_READ ? MAX_CARRIED : 0;
	step->arg[A_JUNK] = JUNK_NONE;
}

/* A poll that waits should have to. */
static void repair_poll(struct step *step)
{
	const struct file *file = model_file(step->worker, step->arg[A_S]);
	unsigned int now = file ? model_poll(file) : 0;

	if (!step->arg[A_WAIT] || !file || !(now & arg_events[step->arg[A_EVENTS]]))
		return;
	if ((file->rights & RIGHT_WRITE) && !(now & arg_events[EVENTS_OUT]))
		step->arg[A_EVENTS] = EVENTS_OUT;
	else if ((file->rights & RIGHT_READ) && !(now & arg_events[EVENTS_IN]))
		step->arg[A_EVENTS] = EVENTS_IN;
}

/* Of a select, too, each case should have what it needs. */
static void repair_cases(struct step *step, struct random *random)
{
	unsigned int rights;
	const struct file *file;
	int c, s;

	for (c = 0; c < MAX_CASES; c++) {
		if (step->arg[A_C0 + c] == CASE_OFF || step->arg[A_C0 + c] == CASE_BAD)
			continue;
		rights = step->arg[A_C0 + c] == CASE_SEND ? RIGHT_WRITE : RIGHT_READ;
		file = model_file(step->worker, step->arg[A_S0 + c]);
		if (file && file->kind == FILE_ENDPOINT && (file->rights & rights) == rights)
			continue;
		s = pick_slot(step->worker, FILE_ENDPOINT, rights, random);
		if (s >= 0)
			step->arg[A_S0 + c] = s;
	}
}

/* A context or a parent is an endpoint that may receive, and mostly open. */
static void repair_context(struct step *step, enum arg arg, struct random *random)
{
	const struct file *file;
	int s;

	if (!step->arg[arg])
		return;
	file = model_file(step->worker, step->arg[arg] - 1);
	if (file && file->kind == FILE_ENDPOINT && (file->rights & RIGHT_READ) &&
	    !file->chan->closed)
		return;
	s = pick_slot(step->worker, FILE_ENDPOINT, RIGHT_READ, random);
	if (s >= 0)
		step->arg[arg] = s + 1;
}

/* What a message carries. */
static void repair_carried(struct step *step, struct random *random)
{
	enum file_kind kind;
	int i, s;

	for (i = 0; i < MAX_CARRIED; i++) {
		if (model_file(step->worker, step->arg[A_F0 + i]))
			continue;
		kind = random_below(random, 4) ? FILE_ENDPOINT : FILE_CARRIABLE;
		s = pick_slot(step->worker, kind, 0, random);
		if (s >= 0)
			step->arg[A_F0 + i] = s;
	}
}

/* With everybody waiting, somebody has to be disturbed. */
static bool repair_worker(struct step *step, struct random *random)
{
	const struct worker_model *worker = &model.worker[step->worker];
	int w = pick_worker(IDLE, random);

	if (worker->live && worker->pending.state == IDLE)
		return true;
	if (w >= 0) {
		step->worker = w;
		return true;
	}
	w = pick_worker(BLOCKED, random);
	if (w < 0)
		return false;
	step->op = random_below(random, 8) ? OP_SIGNAL : OP_KILL;
	step->arg[A_V] = w;
	step->arg[A_SIGNAL] = random_below(random, SIGNAL_STOP + 1);
	return false;
}

/**
 * repair_step() - make it likely that a step does something where it stands
 * @step: changed
 * @random: chance; a few steps are left as they are
 */
void repair_step(struct step *step, struct random *random)
{
	int w;

	if (!random_below(random, 12) || step->op == OP_KILL || step->op == OP_LIMIT ||
	    step->op == OP_RACE)
		return;
	if (step->op == OP_SIGNAL) {
		w = pick_worker(BLOCKED, random);
		if (w >= 0)
			step->arg[A_V] = w;
		return;
	}
	if (!repair_worker(step, random))
		return;
	if (step->op == OP_EPCTL || step->op == OP_EPWAIT)
		repair_epoll(step, random);
	if (step->op == OP_ARM || step->op == OP_FINISH || step->op == OP_DISARM)
		repair_selector(step, random);
	if (wants_endpoint(step->op))
		repair_slot(step, random);
	repair_direction(step, random);
	if (step->op == OP_POLL)
		repair_poll(step);
	if (step->op == OP_SELECT || step->op == OP_ARM)
		repair_cases(step, random);
	if ((step->op == OP_SEND || step->op == OP_SELECT || step->op == OP_ARM) &&
	    step->arg[A_N])
		repair_carried(step, random);
	repair_context(step, A_CTX, random);
	repair_context(step, A_PARENT, random);
	if (step->op == OP_TAKE && !model_file(step->arg[A_V], step->arg[A_S]))
		become_take(step, random);
}
