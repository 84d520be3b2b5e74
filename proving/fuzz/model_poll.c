// SPDX-License-Identifier: GPL-2.0-only
/* The model of poll and epoll. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "model_parts.h"

/* Polling once. */

void start_poll(int w)
{
	struct pending *pending = &model.worker[w].pending;
	uint32_t wanted = arg_events[pending->step.arg[A_EVENTS]] | POLLERR | POLLHUP;

	pending->outcome = OUT_POLL;
	if (model_fd(w, pending->step.arg[A_S]) == -1)
		pending->allowed = 0;
	else if (!pending->file)
		pending->allowed = POLLNVAL;
	else
		pending->allowed = model_poll(pending->file) & wanted;
	pending->exact = pending->allowed || !pending->step.arg[A_WAIT];
	pending->state = pending->exact ? DONE : BLOCKED;
}

/* Polling by epoll. */

uint32_t watch_ready(const struct watch *watch)
{
	return watch->disabled ? 0 :
	       model_poll(watch->file) & (watch->events | POLLERR | POLLHUP);
}

/* Must a wait that begins now report it? */
bool watch_must(const struct watch *watch)
{
	if (!watch_ready(watch) || watch->how == WATCH_EXCLUSIVE)
		return false;
	return watch->how == WATCH_EDGE ? watch->due : true;
}

void model_watch_reported(struct watch *watch)
{
	watch->due = false;
	if (watch->how == WATCH_ONESHOT)
		watch->disabled = true;
}

static bool epoll_must(const struct file *epoll)
{
	int i;

	for (i = 0; i < epoll->nr_watches; i++)
		if (watch_must(&epoll->watch[i]))
			return true;
	return false;
}

static struct watch *find_watch(struct file *epoll, const struct file *file, int fd)
{
	int i;

	for (i = 0; i < epoll->nr_watches; i++)
		if (epoll->watch[i].file == file && epoll->watch[i].fd == fd)
			return &epoll->watch[i];
	return NULL;
}

static int ctl_error(const struct step *step, const struct watch *watch)
{
	uint32_t events = arg_events[step->arg[A_EVENTS]];

	/* EXCLUSIVE is for IN and OUT only, and can neither be set nor taken back later. */
	if (step->arg[A_HOW] == WATCH_EXCLUSIVE &&
	    (step->arg[A_CTL] == CTL_MOD ||
	     (step->arg[A_CTL] == CTL_ADD && (events & ~(POLLIN | POLLOUT)))))
		return EINVAL;
	if (step->arg[A_CTL] == CTL_ADD)
		return watch ? EEXIST : 0;
	if (!watch)
		return ENOENT;
	return step->arg[A_CTL] == CTL_MOD && watch->how == WATCH_EXCLUSIVE ? EINVAL : 0;
}

void start_ctl(int w)
{
	struct pending *pending = &model.worker[w].pending;
	const struct step *step = &pending->step;
	struct file *epoll = model_file(w, step->arg[A_E]);
	int fd = model_fd(w, step->arg[A_S]);
	struct watch *watch = find_watch(epoll, pending->file, fd);
	int err = ctl_error(step, watch);

	result(pending, err);
	if (err)
		return;
	if (step->arg[A_CTL] == CTL_DEL) {
		*watch = epoll->watch[--epoll->nr_watches];
		return;
	}
	if (!watch)
		watch = &epoll->watch[epoll->nr_watches++];
	*watch = (struct watch) {
		.file = pending->file, .fd = fd, .how = step->arg[A_HOW],
		.events = arg_events[step->arg[A_EVENTS]],
	};
	watch->was = watch_ready(watch);
	watch->due = watch->was;
}

void start_epwait(int w)
{
	struct pending *pending = &model.worker[w].pending;

	pending->file = model_file(w, pending->step.arg[A_E]);
	pending->outcome = OUT_EPOLL;
	pending->exact = epoll_must(pending->file) || !pending->step.arg[A_WAIT];
	pending->state = pending->exact ? DONE : BLOCKED;
}

/* The polls that wait: what they may see, and whether they must have. */
static void end_step_poll(struct pending *pending)
{
	uint32_t wanted = arg_events[pending->step.arg[A_EVENTS]] | POLLERR | POLLHUP;
	struct file *file = pending->file;
	uint32_t now;

	if (!file)
		return;
	now = model_poll(file) & wanted;
	pending->allowed |= now;
	if (file->kind == FILE_ENDPOINT)
		pending->allowed |= file->chan->seen[file->rights] & wanted;
	if (now)
		pending->state = DONE;
}

static void end_step_watches(struct file *epoll)
{
	struct watch *watch;
	uint32_t ready;
	int i;

	for (i = 0; i < epoll->nr_watches; i++) {
		watch = &epoll->watch[i];
		ready = watch_ready(watch);
		if (ready & ~watch->was)
			watch->due = true;
		if (!ready)
			watch->due = false;
		watch->was = ready;
	}
}

/* What has come back, and to whom, must not depend on what else the step has ended. */
static void end_step_selectors(void)
{
	int i;

	if (model.restored_to_waiting && (model.nr_closed || model.nr_restored > 1))
		model.unsure = true;
	if (model.closed_lent && model.nr_restored)
		model.unsure = true;
	if (model.released_in_transit && model.nr_released > 1)
		model.unsure = true;
	model.restored_to_waiting = false;
	model.released_in_transit = false;
	model.closed_lent = false;
	model.nr_closed = 0;
	model.nr_restored = 0;
	model.nr_released = 0;
	for (i = 0; i < NR_SELECTORS; i++)
		model.selector[i].armed.by_close = false;
}

/**
 * model_end_step() - see what pollers must have seen
 */
void model_end_step(void)
{
	struct pending *pending;
	struct file *file;
	int w, s;

	discarded_free();
	for (w = 0; w < NR_WORKERS; w++) {
		for (s = 0; s < NR_SLOTS; s++) {
			file = model.worker[w].slot[s].file;
			if (file && file->kind == FILE_EPOLL)
				end_step_watches(file);
		}
	}
	for (w = 0; w < NR_WORKERS; w++) {
		pending = &model.worker[w].pending;
		if (pending->state != BLOCKED)
			continue;
		if (pending->step.op == OP_POLL)
			end_step_poll(pending);
		if (pending->step.op == OP_EPWAIT && epoll_must(pending->file))
			pending->state = DONE;
	}
	for (s = 0; s < MAX_CHANS; s++)
		memset(model.chan[s].seen, 0, sizeof(model.chan[s].seen));
	end_step_selectors();
}
