// SPDX-License-Identifier: GPL-2.0-only
/* The model of the operations: arguments, which errno wins, descriptors, polling. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

struct model model;

/* Results. */

void result_error(struct pending *pending, int err)
{
	pending->state = DONE;
	pending->outcome = OUT_ERROR;
	pending->err = err;
}

void result_value(struct pending *pending, long value)
{
	pending->state = DONE;
	pending->outcome = OUT_VALUE;
	pending->value = value;
}

void result(struct pending *pending, int err)
{
	if (err)
		result_error(pending, err);
	else
		result_value(pending, 0);
}

/* Descriptors. */

bool fd_in_use(const struct worker_model *worker, int fd)
{
	int s;

	if (fd < model.first_fd)
		return true;
	for (s = 0; s < NR_SLOTS; s++)
		if (worker->slot[s].file && worker->slot[s].fd == fd)
			return true;
	return false;
}

/**
 * model_lowest_fd() - a number that the kernel will choose
 * @w: the worker
 * @nth: 0 the next one, 1 the one after it, ...
 *
 * Return: the number; -1 the worker's limit is reached.
 */
int model_lowest_fd(int w, int nth)
{
	const struct worker_model *worker = &model.worker[w];
	int fd;

	for (fd = model.first_fd; fd < worker->fd_limit; fd++)
		if (!fd_in_use(worker, fd) && !nth--)
			return fd;
	return -1;
}

/* The descriptor of a new or received file; the reference is the slot's. */
void add_fd(int w, int fd, struct file *file, bool cloexec)
{
	struct worker_model *worker = &model.worker[w];
	struct pending *pending = &worker->pending;
	int s;

	for (s = 0; s < NR_SLOTS && worker->slot[s].file; s++)
		;
	pending->fds[pending->nr_fds++] = (struct new_fd){ fd, s == NR_SLOTS, cloexec };
	if (s < NR_SLOTS)
		worker->slot[s] = (struct slot){ file, fd, true };
	else
		file_put_later(file);
}

void result_fd(int w, struct file *file, bool cloexec)
{
	struct pending *pending = &model.worker[w].pending;
	int fd = model_lowest_fd(w, 0);

	result_value(pending, fd);
	add_fd(w, fd, file, cloexec);
}

struct file *model_file(int w, unsigned int slot)
{
	return slot < NR_SLOTS ? model.worker[w].slot[slot].file : NULL;
}

int model_fd(int w, unsigned int slot)
{
	if (slot < NR_SLOTS && model.worker[w].slot[slot].file)
		return model.worker[w].slot[slot].fd;
	return slot == SLOT_WILD ? 1000000 : -1;
}

/* Set a limit that leaves so many numbers. */
int model_room(int w, int room)
{
	model.worker[w].fd_limit = FD_LIMIT;
	if (room)
		model.worker[w].fd_limit = model_lowest_fd(w, room - 1);
	return model.worker[w].fd_limit;
}

void model_close(int w, int s)
{
	struct file *file = model.worker[w].slot[s].file;

	model.worker[w].slot[s].file = NULL;
	if (file)
		file_put(file);
}

/* The other operations. */

static void start_shut(int w)
{
	struct pending *pending = &model.worker[w].pending;
	int reason = arg_reasons[pending->step.arg[A_REASON]];
	int err = ioctl_error(pending->file, &pending->step);

	if (!err && reason < -4095)
		err = EINVAL;
	if (!err && !(pending->file->rights & RIGHT_WRITE))
		err = EBADF;
	if (!err)
		err = chan_close(pending->file->chan, reason);
	result(pending, err);
}

/* By open(2), every time another one. */
static void open_channel(int w, bool nonblock)
{
	struct file *file = file_new_endpoint(w, chan_new(0), RIGHT_READ | RIGHT_WRITE);

	file->nonblock = nonblock;
	file->from_open = true;
	result_fd(w, file, true);
}

static void start_open(int w)
{
	struct pending *pending = &model.worker[w].pending;

	if (model_lowest_fd(w, 0) < 0)
		result_error(pending, EMFILE);
	else if (pending->step.arg[A_MODE] != MODE_RDWR)
		result_error(pending, EINVAL);
	else
		open_channel(w, pending->step.arg[A_NB]);
}

/* A struct as first published has no deadline. */
static unsigned int new_deadline(const struct step *step)
{
	return step->arg[A_SIZE] == SIZE_FIRST ? DEADLINE_NONE : step->arg[A_DEADLINE];
}

static void start_new(int w)
{
	struct pending *pending = &model.worker[w].pending;
	const struct step *step = &pending->step;
	int err = ioctl_error(pending->file, step);
	uint32_t cap = cap_value(step->arg[A_CAP]);
	unsigned int deadline = new_deadline(step);
	struct chan *parent;

	if (!err && (step->arg[A_JUNK] == JUNK_FLAGS || step->arg[A_JUNK] == JUNK_RES0 ||
		     cap > model.limit[LIMIT_CAPACITY] || deadline == DEADLINE_BAD))
		err = EINVAL;
	err = err ?: context_find(w, step->arg[A_PARENT], &parent);
	if (!err && model_lowest_fd(w, 0) < 0)
		err = EMFILE;
	if (err) {
		result_error(pending, err);
		return;
	}
	/* A near one has passed when the fuzzer looks: nothing else happens before. */
	result_fd(w, file_new_endpoint(w, chan_derive(cap, parent, deadline == DEADLINE_PAST ||
						      deadline == DEADLINE_NEAR),
				       RIGHT_READ | RIGHT_WRITE), true);
}

static void start_dup(int w)
{
	static const unsigned int rights[] = {
		RIGHT_READ | RIGHT_WRITE, RIGHT_READ, RIGHT_WRITE, 0, 4,
	};
	struct pending *pending = &model.worker[w].pending;
	unsigned int right = rights[pending->step.arg[A_RIGHTS]];
	int err = ioctl_error(pending->file, &pending->step);

	if (!err && (!right || right == 4))
		err = EINVAL;
	if (!err && (right & ~pending->file->rights))
		err = EPERM;
	if (!err && model_lowest_fd(w, 0) < 0)
		err = EMFILE;
	if (err)
		result_error(pending, err);
	else
		result_fd(w, file_new_endpoint(w, pending->file->chan, right), true);
}

/* INFO and ABI: what they write is compared by the caller. */
static void start_look(int w)
{
	struct pending *pending = &model.worker[w].pending;
	const struct step *step = &pending->step;
	int err = ioctl_error(pending->file, step);

	if (!err && step->op == OP_INFO && step->arg[A_JUNK] == JUNK_RES0)
		err = EINVAL;
	if (!err && step->arg[A_ARGP] == PTR_READONLY)
		err = EFAULT;
	result(pending, err);
}

static void start_fddup(int w)
{
	struct pending *pending = &model.worker[w].pending;

	if (!pending->file || model_lowest_fd(w, 0) < 0) {
		result_error(pending, pending->file ? EMFILE : EBADF);
		return;
	}
	pending->file->refs++;
	result_fd(w, pending->file, false);
}

static void start_close(int w)
{
	struct pending *pending = &model.worker[w].pending;

	if (pending->file)
		model_close(w, pending->step.arg[A_S]);
	result(pending, pending->file ? 0 : EBADF);
	pending->file = NULL;
}

static void start_take(int w)
{
	struct pending *pending = &model.worker[w].pending;
	struct file *file = model_file(pending->step.arg[A_V], pending->step.arg[A_S]);
	int fd = model_lowest_fd(w, 1);

	/* The process itself takes a number, and gives it back. */
	if (model_lowest_fd(w, 0) < 0 || (file && fd < 0)) {
		result_error(pending, EMFILE);
	} else if (!file) {
		result_error(pending, EBADF);
	} else {
		file->refs++;
		result_value(pending, fd);
		add_fd(w, fd, file, true);
	}
}

static void start_reopen(int w)
{
	struct pending *pending = &model.worker[w].pending;

	if (model_lowest_fd(w, 0) < 0)
		result_error(pending, EMFILE);
	else if (!pending->file)
		result_error(pending, ENOENT);
	else if (!pending->file->from_open)
		result_error(pending, ENXIO);
	else if (pending->step.arg[A_MODE] != MODE_RDWR)
		result_error(pending, EINVAL);
	else
		open_channel(w, false);
}

static void start_file(int w)
{
	struct pending *pending = &model.worker[w].pending;
	enum file_kind kind = pending->step.arg[A_KIND] <= KIND_PIPE ? FILE_CARRIABLE : FILE_OTHER;

	if (pending->step.op == OP_EPNEW)
		kind = FILE_EPOLL;
	if (model_lowest_fd(w, 0) < 0)
		result_error(pending, EMFILE);
	else
		result_fd(w, file_new(w, kind), true);
}

/* Steps. */

static int seek_error(const struct file *file, unsigned int how)
{
	if (!file)
		return EBADF;
	if (how != SEEK_MMAP)
		return ESPIPE;
	/* What can't be read can't be mapped, whatever it is. */
	return file->rights & RIGHT_READ ? ENODEV : EACCES;
}

static void start_simple(int w)
{
	struct pending *pending = &model.worker[w].pending;
	struct file *file = pending->file;

	switch (pending->step.op) {
	case OP_IOCTL:
		result_error(pending, file ? ENOTTY : EBADF);
		break;
	case OP_SEEK:
		result_error(pending, seek_error(file, pending->step.arg[A_HOW]));
		break;
	case OP_NONBLOCK:
		if (file)
			file->nonblock = pending->step.arg[A_NB];
		result(pending, file ? 0 : EBADF);
		break;
	default:
		result_value(pending, 0);
	}
}

static void (*const starts[NR_OPS])(int w) = {
	[OP_OPEN] = start_open, [OP_NEW] = start_new, [OP_DUP] = start_dup,
	[OP_SEND] = start_send, [OP_RECV] = start_recv, [OP_WRITE] = start_send,
	[OP_READ] = start_recv, [OP_SHUT] = start_shut, [OP_INFO] = start_look,
	[OP_ABI] = start_look, [OP_POLL] = start_poll, [OP_EPNEW] = start_file,
	[OP_EPCTL] = start_ctl, [OP_EPWAIT] = start_epwait, [OP_FDDUP] = start_fddup,
	[OP_CLOSE] = start_close, [OP_TAKE] = start_take, [OP_FILE] = start_file,
	[OP_REOPEN] = start_reopen, [OP_SELECT] = start_select, [OP_SELECTOR] = start_selector,
	[OP_ARM] = start_arm, [OP_FINISH] = start_finish, [OP_DISARM] = start_disarm,
};

static void start_again(int w)
{
	struct pending *pending = &model.worker[w].pending;

	if (starts[pending->step.op])
		starts[pending->step.op](w);
	else
		start_simple(w);
}

/**
 * model_start() - a worker begins a step
 * @w: a worker that is idle
 * @step: one that makes sense there; its message's number is in pending
 */
void model_start(int w, const struct step *step)
{
	struct pending *pending = &model.worker[w].pending;

	uint32_t msg_id = pending->msg_id;
	int choice = pending->choice;

	memset(pending, 0, sizeof(*pending));
	pending->step = *step;
	pending->file = model_file(w, step->arg[A_S]);
	pending->msg_id = msg_id;
	pending->choice = choice;
	pending->chosen = -1;
	/* As it is now, also if it has to begin again. */
	pending->ordered = (step->op == OP_SELECT || step->op == OP_ARM) && select_ordered(w, step);
	start_again(w);
}

/* Processes. */

bool waits_on_channel(const struct pending *pending)
{
	return pending->state == BLOCKED && pending->step.op != OP_POLL &&
	       pending->step.op != OP_EPWAIT;
}

/* Out of the queue; the message stays with the sender. */
void withdraw(int w)
{
	struct pending *pending = &model.worker[w].pending;

	if (!waits_on_channel(pending))
		return;
	if (pending->lent)
		lent_let_go(w);
	if (pending->step.op == OP_SELECT) {
		select_leave(w);
		return;
	}
	chan_withdraw(pending->file->chan, w);
	message_discard(pending->msg);
	pending->msg = NULL;
}

void model_signal(int w, int signal)
{
	struct pending *pending = &model.worker[w].pending;

	if (pending->state != BLOCKED)
		return;
	if (pending->lent) {
		lent_end(w);
	} else if (waits_on_channel(pending)) {
		withdraw(w);
		pending->state = IDLE;
		if (signal == SIGNAL_INTR)
			result_error(pending, EINTR);
		else
			start_again(w);
	} else if (pending->step.op != OP_POLL || signal != SIGNAL_STOP) {
		pending->state = DONE;
		pending->interrupted = true;
	}
}

void model_close_all(int w)
{
	int s;

	for (s = 0; s < NR_SLOTS; s++)
		model_close(w, s);
}

void model_kill(int w)
{
	struct worker_model *worker = &model.worker[w];

	withdraw(w);
	worker->pending.state = IDLE;
	worker->live = false;
	model_close_all(w);
}

void model_fork(int from, int to, pid_t pid)
{
	struct worker_model *child = &model.worker[to];
	int s;

	*child = model.worker[from];
	child->pid = pid;
	memset(&child->pending, 0, sizeof(child->pending));
	for (s = 0; s < NR_SLOTS; s++)
		if (child->slot[s].file)
			child->slot[s].file->refs++;
}

void model_begin(int first_fd)
{
	uint32_t limit[NR_LIMITS], next_msg = model.next_msg;

	memcpy(limit, model.limit, sizeof(limit));
	memset(&model, 0, sizeof(model));
	memcpy(model.limit, limit, sizeof(limit));
	model.next_msg = next_msg;
	model.first_fd = first_fd;
}
