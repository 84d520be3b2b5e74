// SPDX-License-Identifier: GPL-2.0-only
/* The model of send and receive: arguments, which errno wins, what waits. */
#include <errno.h>
#include <string.h>

#include "layout.h"
#include "model_parts.h"

static bool is_rw(const struct step *step)
{
	return step->op == OP_READ || step->op == OP_WRITE;
}

void send_result(struct pending *pending, int err)
{
	if (err)
		result_error(pending, err);
	else
		result_value(pending, is_rw(&pending->step) ?
				      arg_lens[pending->step.arg[A_LEN]] : 0);
}

/* What else than the errno is written back may fail, too. */
void recv_error(int place, int err)
{
	struct pending *pending = place_pending(place);

	if (has_cases(pending)) {
		if (err == EMSGSIZE && pending->step.op == OP_SELECT &&
		    pending->step.arg[A_HDRP] == PTR_READONLY)
			err = EFAULT;
		select_end(place, err);
		return;
	}
	if (err == EMSGSIZE && !is_rw(&pending->step) &&
	    pending->step.arg[A_ARGP] == PTR_READONLY)
		err = EFAULT;
	result_error(pending, err);
}

void recv_closed(int place, int reason)
{
	struct pending *pending = place_pending(place);

	if (has_cases(pending)) {
		pending->by_close = pending->state == BLOCKED;
		if (pending->step.op == OP_SELECT && pending->step.arg[A_HDRP] == PTR_READONLY) {
			select_end(place, EFAULT);
			return;
		}
		select_end(place, 0);
		pending->outcome = OUT_CLOSED;
		pending->reason = reason;
		return;
	}
	if (is_rw(&pending->step)) {
		result_value(pending, 0);
		return;
	}
	pending->by_close = pending->state == BLOCKED;
	if (pending->step.arg[A_ARGP] == PTR_READONLY) {
		result_error(pending, EFAULT);
		return;
	}
	pending->state = DONE;
	pending->outcome = OUT_CLOSED;
	pending->value = 0;
	pending->reason = reason;
}

/* Arguments. */

size_t straddle_len(const struct step *step)
{
	size_t half = arg_lens[step->arg[A_LEN]] / 2;

	return half < DATA_SIZE / 2 ? half : DATA_SIZE / 2;
}

uint32_t carried_count(const struct step *step)
{
	switch (step->arg[A_N]) {
	case N_OVER:
		return model.limit[LIMIT_FDS] + 1;
	case N_HUGE:
		return UINT32_MAX;
	default:
		return step->arg[A_N];
	}
}

size_t straddle_fds(const struct step *step)
{
	return carried_count(step) / 2 < 16 ? carried_count(step) / 2 : 16;
}

uint32_t cap_value(unsigned int cap)
{
	static const uint32_t values[] = { 0, 1, 2, 3, 8 };

	switch (cap) {
	case CAP_MAX:
		return model.limit[LIMIT_CAPACITY];
	case CAP_OVER:
		return model.limit[LIMIT_CAPACITY] + 1;
	case CAP_HUGE:
		return UINT32_MAX;
	default:
		return values[cap];
	}
}

/* Can so many units not be copied, with half of what is named in front of the end? */
static bool faults(unsigned int ptr, size_t nr, size_t half, bool writing)
{
	switch (ptr) {
	case PTR_OK:
		return false;
	case PTR_READONLY:
		return writing && nr;
	case PTR_STRADDLE:
		return nr > half;
	default:
		return nr;
	}
}

/* The struct of an ioctl, before anything in it is looked at. */
int args_error(const struct step *step)
{
	switch (step->arg[A_ARGP]) {
	case PTR_NULL: case PTR_UNMAPPED: case PTR_KERNEL:
		return EFAULT;
	}
	switch (step->arg[A_SIZE]) {
	case SIZE_ZERO: case SIZE_SMALL:
		return EINVAL;
	case SIZE_OVER: case SIZE_HUGE:
		return E2BIG;
	}
	if (step->arg[A_ARGP] == PTR_STRADDLE)
		return EFAULT;
	return step->arg[A_SIZE] == SIZE_NEWER ? E2BIG : 0;
}

int ioctl_error(const struct file *file, const struct step *step)
{
	if (!file)
		return EBADF;
	if (file->kind != FILE_ENDPOINT)
		return ENOTTY;
	return args_error(step);
}

int op_error(const struct step *step)
{
	if (step->arg[A_FLAGS] == FLAGS_BAD || step->arg[A_FLAGS] == FLAGS_BOTH)
		return EINVAL;
	return step->arg[A_DEADLINE] == DEADLINE_BAD ? EINVAL : context_error(step);
}

/* What readv and writev refuse before they ask what the file is for. */
static int vector_error(const struct step *step)
{
	switch (step->arg[A_VEC]) {
	case VEC_BADPTR:
		return EFAULT;
	case VEC_MANY: case VEC_NEGATIVE:
		return EINVAL;
	}
	if (step->arg[A_VEC] && step->arg[A_DATA] == PTR_KERNEL)
		return EFAULT;
	return 0;
}

static int rw_error(const struct file *file, const struct step *step, unsigned int right)
{
	int err;

	if (!file)
		return EBADF;
	err = vector_error(step);
	if (err)
		return err;
	if (!(file->rights & right))
		return EBADF;
	return step->arg[A_DATA] == PTR_KERNEL ? EFAULT : 0;
}

/* A vector without a byte does nothing. */
static bool rw_nothing(const struct step *step)
{
	return step->arg[A_VEC] && !arg_lens[step->arg[A_LEN]];
}

/* Send. */

static int carried_error(int w, const struct step *step, struct file **files)
{
	uint32_t i, nr = carried_count(step);

	for (i = 0; i < nr; i++) {
		files[i] = model_file(w, step->arg[A_F0 + i]);
		if (!files[i])
			return EBADF;
	}
	for (i = 0; i < nr; i++)
		if (files[i]->kind != FILE_ENDPOINT && files[i]->kind != FILE_CARRIABLE)
			return EOPNOTSUPP;
	return 0;
}

int message_error(int w, const struct step *step, struct file **files)
{
	uint32_t len = arg_lens[step->arg[A_LEN]];
	uint32_t nr = step->op == OP_WRITE ? 0 : carried_count(step);

	if (len > model.limit[LIMIT_MSG_SIZE] || nr > model.limit[LIMIT_FDS])
		return EMSGSIZE;
	if (faults(step->arg[A_DATA], len, straddle_len(step), false))
		return EFAULT;
	if (!nr)
		return 0;
	if (faults(step->arg[A_FDP], nr, straddle_fds(step), false))
		return EFAULT;
	return carried_error(w, step, files);
}

int flight_error(uid_t uid, const struct chan *holder, struct file **files, uint32_t nr)
{
	uint32_t i;

	if (nr && in_flight(uid) + nr > model.limit[LIMIT_IN_FLIGHT])
		return ETOOMANYREFS;
	for (i = 0; i < nr; i++)
		if (files[i]->kind == FILE_ENDPOINT && chan_reaches(files[i]->chan, holder))
			return ELOOP;
	return 0;
}

static int send_error(int w, const struct step *step, const struct file *file,
		      struct file **files)
{
	struct pending *pending = &model.worker[w].pending;
	int err;

	if (step->op == OP_WRITE) {
		err = rw_error(file, step, RIGHT_WRITE);
		return err ?: message_error(w, step, files);
	}
	err = ioctl_error(file, step) ?: op_error(step);
	if (err)
		return err;
	if (step->arg[A_JUNK] && step->arg[A_JUNK] < JUNK_CTX)
		return EINVAL;
	if (!(file->rights & RIGHT_WRITE))
		return EBADF;
	return context_find(w, context_slot(step), &pending->ctx) ?:
	       message_error(w, step, files) ?:
	       flight_error(model.worker[w].uid, file->chan, files, carried_count(step));
}

struct message *message_new(int w, const struct step *step, const struct file *file,
			    struct file **files)
{
	struct message *msg = message_alloc();
	struct worker_model *worker = &model.worker[w];
	int i;

	msg->id = worker->pending.msg_id;
	msg->len = arg_lens[step->arg[A_LEN]];
	msg->nr = step->op == OP_WRITE ? 0 : carried_count(step);
	msg->pid = worker->pid;
	msg->uid = step->op == OP_WRITE ? file->uid : worker->uid;
	msg->gid = step->op == OP_WRITE ? file->gid : worker->gid;
	for (i = 0; i < msg->nr; i++) {
		msg->carried[i] = files[i];
		files[i]->refs++;
	}
	return msg;
}

/* Is it in no queue even for a moment? */
bool never_waits(const struct pending *pending)
{
	const struct step *step = &pending->step;

	/* As in poll(2), how the endpoints of a select are opened plays no part. */
	if (pending->file->nonblock && step->op != OP_SELECT)
		return true;
	return !is_rw(step) && step->arg[A_FLAGS] == FLAGS_DONTWAIT;
}

static bool expires(const struct step *step)
{
	return !is_rw(step) && (step->arg[A_DEADLINE] == DEADLINE_PAST ||
				step->arg[A_DEADLINE] == DEADLINE_NEAR);
}

/*
 * EAGAIN, or what comes of waiting: nothing else happens before a near deadline. A
 * closed context ends it too; see result_wait() for the errno.
 */
int wait_error(const struct pending *pending)
{
	if (never_waits(pending))
		return EAGAIN;
	if (pending->ctx && pending->ctx->closed)
		return ECANCELED;
	return expires(&pending->step) ? ETIMEDOUT : 0;
}

void start_send(int w)
{
	struct pending *pending = &model.worker[w].pending;
	struct file *file = pending->file, *files[MAX_CARRIED];
	const struct step *step = &pending->step;
	int err = send_error(w, step, file, files);
	struct message *msg;

	if (err) {
		result_error(pending, err);
		return;
	}
	if (step->op == OP_WRITE && rw_nothing(step)) {
		result_value(pending, 0);
		return;
	}
	msg = message_new(w, step, file, files);
	pending->msg = NULL;
	err = chan_offer(file->chan, msg);
	if (!err) {
		send_result(pending, 0);
		return;
	}
	if (err != EAGAIN) {
		message_free(msg);
		result_error(pending, err);
		return;
	}
	pending->state = BLOCKED;
	pending->msg = msg;
	if (!never_waits(pending))
		chan_wait_send(file->chan, place_of(w, 0));
	err = wait_error(pending);
	if (!err)
		return;
	chan_withdraw(file->chan, w);
	pending->msg = NULL;
	message_discard(msg);
	result_wait(pending, err);
}

/* Receive. */

struct room recv_room(const struct step *step)
{
	return (struct room) {
		.len = arg_lens[step->arg[A_LEN]],
		.nr_fds = step->op == OP_READ ? 0 : carried_count(step),
		.bytes_only = step->op == OP_READ,
	};
}

/* Why a receiver can't take a message that fits; 0: it can. */
int recv_copy_error(int w, const struct message *msg)
{
	const struct step *step = &model.worker[w].pending.step;

	if (msg->nr && model_lowest_fd(w, msg->nr - 1) < 0)
		return EMFILE;
	if (faults(step->arg[A_DATA], msg->len, straddle_len(step), true))
		return EFAULT;
	if (step->op == OP_READ)
		return 0;
	if (faults(step->arg[A_FDP], msg->nr, straddle_fds(step), true))
		return EFAULT;
	return step->arg[step->op == OP_RECV ? A_ARGP : A_HDRP] == PTR_READONLY ? EFAULT : 0;
}

void recv_message(int place, struct message *msg)
{
	struct pending *pending = place_pending(place);

	if (has_cases(pending))
		select_end(place, 0);
	else
		pending->value = pending->step.op == OP_READ ? msg->len : 0;
	recv_descriptors(place_waiter(place), msg);
}

/* A worker has a message now, and what is in it. */
void recv_descriptors(int w, struct message *msg)
{
	struct pending *pending = &model.worker[w].pending;
	int i, fd;

	pending->state = DONE;
	pending->outcome = OUT_MESSAGE;
	pending->msg = msg;
	for (i = 0; i < msg->nr; i++) {
		fd = pending->nr_fds ? pending->fds[pending->nr_fds - 1].fd + 1 : 0;
		/* One that is not kept is still open until all have come. */
		while (fd < model.first_fd || fd_in_use(&model.worker[w], fd))
			fd++;
		add_fd(w, fd, msg->carried[i], true);
	}
	/* The slots have the references. */
	msg->nr = 0;
}

static int recv_arg_error(int w, const struct step *step, const struct file *file)
{
	struct pending *pending = &model.worker[w].pending;
	int err;

	if (step->op == OP_READ)
		return rw_error(file, step, RIGHT_READ);
	err = ioctl_error(file, step) ?: op_error(step);
	if (err)
		return err;
	if (step->arg[A_JUNK] == JUNK_RES0 || step->arg[A_JUNK] == JUNK_RES1)
		return EINVAL;
	if (!(file->rights & RIGHT_READ))
		return EBADF;
	return context_find(w, context_slot(step), &pending->ctx);
}

void start_recv(int w)
{
	struct pending *pending = &model.worker[w].pending;
	const struct step *step = &pending->step;
	struct file *file = pending->file;
	int err = recv_arg_error(w, step, file);

	if (err) {
		result_error(pending, err);
		return;
	}
	if (step->op == OP_READ && rw_nothing(step)) {
		result_value(pending, 0);
		return;
	}
	pending->room = recv_room(step);
	if (chan_take(file->chan, place_of(w, 0)) != EAGAIN) {
		chan_settle(file->chan);
		return;
	}
	if (!never_waits(pending))
		chan_wait_recv(file->chan, place_of(w, 0));
	err = wait_error(pending);
	if (err) {
		chan_withdraw(file->chan, w);
		result_wait(pending, err);
	} else {
		pending->state = BLOCKED;
	}
}
