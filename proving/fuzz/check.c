// SPDX-License-Identifier: GPL-2.0-only
/* What an operation yielded, and what a channel looks like, beside the model. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/hsk.h>

#include "exec.h"
#include "layout.h"
#include "worker.h"

#define ALL_FEATURES	(HSK_FEATURE_CHANNELS | HSK_FEATURE_SELECT | HSK_FEATURE_CONTEXTS)

static int pidfds[NR_WORKERS];
static uint64_t highest_id;

void check_begin(void)
{
	int w;

	for (w = 0; w < NR_WORKERS; w++)
		pidfds[w] = -1;
}

void check_spawned(int w)
{
	if (pidfds[w] >= 0)
		close(pidfds[w]);
	pidfds[w] = syscall(SYS_pidfd_open, shared->worker[w].pid, 0);
}

/* Outcomes. */

const char *error_name(long ret)
{
	static char number[4][24];
	static int turn;

	if (ret < 0 && strerrorname_np(-ret))
		return strerrorname_np(-ret);
	turn = (turn + 1) % 4;
	snprintf(number[turn], sizeof(number[turn]), "%ld", ret);
	return number[turn];
}

static void expect_ret(int w, long ret, long expected)
{
	if (ret != expected)
		fail("worker %d: %s returned %s, the model says %s", w,
		     op_name(model.worker[w].pending.step.op), error_name(ret),
		     error_name(expected));
}

static bool is_ioctl(const struct step *step)
{
	switch (step->op) {
	case OP_SEND: case OP_RECV: case OP_NEW: case OP_DUP: case OP_SHUT: case OP_INFO:
	case OP_ABI: case OP_SELECT: case OP_SELECTOR: case OP_ARM: case OP_FINISH: case OP_DISARM:
		return true;
	}
	return false;
}

static bool args_visible(const struct step *step)
{
	return is_ioctl(step) && (step->arg[A_ARGP] == PTR_OK || step->arg[A_ARGP] == PTR_READONLY);
}

static int32_t *ctx_reason_in(const struct step *step, uint8_t *args)
{
	if (step->op == OP_SELECT)
		return &((struct hsk_select_args *)args)->ctx_reason;
	return &((struct hsk_recv_args *)args)->ctx_reason;
}

/* The struct as it must be after the call. */
static void expected_args(int w, uint8_t *args)
{
	const struct pending *pending = &model.worker[w].pending;
	struct hsk_msghdr *msg = (void *)(args + offsetof(struct hsk_recv_args, msg));

	memcpy(args, build_saved_args(w), ARGS_SIZE);
	if (pending->step.op == OP_SELECT && pending->outcome != OUT_ERROR)
		((struct hsk_select_args *)args)->result = pending->result;
	if (pending->step.op == OP_FINISH && pending->outcome != OUT_ERROR)
		((struct hsk_finish_args *)args)->result = pending->result;
	if (pending->ctx_ended)
		*ctx_reason_in(&pending->step, args) = pending->ctx->reason;
	if (pending->step.op != OP_RECV)
		return;
	if (pending->outcome == OUT_ERROR && pending->err == EMSGSIZE) {
		msg->len = pending->need_len;
		msg->nr_fds = pending->need_fds;
	}
	if (pending->outcome != OUT_MESSAGE && pending->outcome != OUT_CLOSED)
		return;
	msg->len = pending->msg ? pending->msg->len : 0;
	msg->nr_fds = pending->nr_fds;
	msg->flags = pending->msg ? 0 : HSK_MSG_F_CLOSED;
	msg->reason = pending->reason;
	msg->pid = pending->msg ? pending->msg->pid : 0;
	msg->uid = pending->msg ? pending->msg->uid : 0;
	msg->gid = pending->msg ? pending->msg->gid : 0;
}

size_t first_difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t i = 0;

	if (!memcmp(a, b, len))
		return len;
	while (i < len && a[i] == b[i])
		i++;
	return i;
}

static void check_args(int w)
{
	const struct pending *pending = &model.worker[w].pending;
	static uint8_t expected[ARGS_SIZE];
	const uint8_t *args = shared->worker[w].arena + ARGS_AT;
	size_t i;

	if (!args_visible(&pending->step))
		return;
	if (pending->outcome == OUT_VALUE &&
	    (pending->step.op == OP_INFO || pending->step.op == OP_ABI))
		return;
	expected_args(w, expected);
	i = first_difference(args, expected, 4104);
	if (i < 4104)
		fail("worker %d: %s left byte %zu of its struct as %#x, the model says %#x", w,
		     op_name(pending->step.op), i, args[i], expected[i]);
}

/* Is what is received in the memory of cases? */
static bool in_cases(const struct step *step)
{
	return step->op == OP_SELECT || step->op == OP_ARM || step->op == OP_FINISH;
}

/* The bytes received, and none beyond. */
static void check_bytes(int w)
{
	const struct pending *pending = &model.worker[w].pending;
	uint32_t len = pending->msg ? pending->msg->len : 0;
	static uint8_t expected[DATA_SIZE];
	size_t at = 0, size = DATA_SIZE;
	const uint8_t *data = shared->worker[w].arena +
			      (in_cases(&pending->step) ? RDATA_AT : DATA_AT);

	if ((pending->outcome == OUT_ERROR && pending->err == EFAULT) ||
	    pending->result == -EFAULT)
		return;
	if (pending->step.arg[A_DATA] == PTR_STRADDLE)
		at = DATA_SIZE - straddle_len(&pending->step);
	memset(expected, SENTINEL, sizeof(expected));
	if (pending->msg)
		build_bytes(expected + at, pending->msg->id, len);
	at = first_difference(data, expected, size);
	if (at < size)
		fail("worker %d: byte %zu at the data of %s is not what message %u of %u bytes has",
		     w, at, op_name(pending->step.op), pending->msg ? pending->msg->id : 0, len);
}

static void check_fd_numbers(int w)
{
	const struct pending *pending = &model.worker[w].pending;
	size_t part = in_cases(&pending->step) ? RFDS_AT : FDS_AT;
	const int32_t *fds = (void *)(shared->worker[w].arena + part);
	int i;

	if (pending->step.arg[A_FDP] == PTR_STRADDLE)
		fds += FDS_SIZE / 4 - straddle_fds(&pending->step);
	for (i = 0; i < pending->nr_fds; i++)
		if (fds[i] != pending->fds[i].fd)
			fail("worker %d: descriptor %d received is %d, the model says %d", w, i,
			     fds[i], pending->fds[i].fd);
}

static uint32_t unspelled(uint32_t events)
{
	return events & 0xffff;
}

/* A poll that waited may have seen any state that came by. */
static void check_poll(int w, long ret)
{
	const struct pending *pending = &model.worker[w].pending;
	const struct pollfd *poll = (void *)(shared->worker[w].arena + MISC_AT);
	uint32_t got = unspelled(poll->revents);

	if (pending->interrupted && ret == -EINTR)
		return;
	if (pending->exact) {
		expect_ret(w, ret, !!pending->allowed);
		if (ret >= 0 && got != pending->allowed)
			fail("worker %d: poll tells %#x, the model says %#x", w, got,
			     pending->allowed);
	} else if (ret != 1 || !got || (got & ~pending->allowed)) {
		fail("worker %d: a poll that waited returned %s and %#x, the model: at most %#x",
		     w, error_name(ret), got, pending->allowed);
	}
}

static struct watch *reported_watch(struct file *epoll, uint64_t data)
{
	uint64_t other;
	int i;

	for (i = 0; i < epoll->nr_watches; i++) {
		pack_watch(epoll->watch[i].file, epoll->watch[i].fd, &other);
		if (other == data)
			return &epoll->watch[i];
	}
	return NULL;
}

/* At once: everything that must be there; later: something that may. */
static void check_epoll(int w, long ret)
{
	struct pending *pending = &model.worker[w].pending;
	const struct epoll_event *events = (void *)(shared->worker[w].arena + MISC_AT);
	struct watch *watch;
	int i, musts = 0;

	if (pending->interrupted && ret == -EINTR)
		return;
	for (i = 0; i < pending->file->nr_watches; i++)
		musts += watch_must(&pending->file->watch[i]);
	if (ret < 0 || (!pending->exact && !ret)) {
		fail("worker %d: epoll_wait returned %s", w, error_name(ret));
		return;
	}
	for (i = 0; i < ret; i++) {
		watch = reported_watch(pending->file, events[i].data.u64);
		if (!watch || watch->disabled) {
			fail("worker %d: epoll_wait tells of a file that is not watched", w);
			return;
		}
		if (pending->exact && events[i].events != watch_ready(watch)) {
			fail("worker %d: epoll_wait tells %#x of descriptor %d, the model says %#x",
			     w, events[i].events, watch->fd, watch_ready(watch));
			return;
		}
		musts -= watch_must(watch);
		model_watch_reported(watch);
	}
	if (pending->exact && musts > 0)
		fail("worker %d: epoll_wait leaves out %d files of which it must tell", w, musts);
}

/* INFO. */

static unsigned int buffered(const struct chan *chan)
{
	return chan->nr_buffer + chan->taken + chan->handed;
}

static void expected_info(const struct file *file, struct hsk_info_args *info)
{
	const struct chan *chan = file->chan;

	*info = (struct hsk_info_args) {
		.size = sizeof(*info),
		.rights = file->rights,
		.id = chan->id,
		.capacity = chan->cap,
		.state = chan->closed ? HSK_STATE_CLOSED : 0,
		.reason = chan->reason,
		.waiting_senders = chan->nr_senders,
		.waiting_receivers = chan->nr_receivers,
		.read_endpoints = chan->readers,
		.write_endpoints = chan->writers,
		.sent = chan->sent,
		.received = chan->received,
		.buffered = buffered(chan),
		.drained = chan->drained,
	};
}

static void print_info(char *text, size_t room, const struct hsk_info_args *info)
{
	snprintf(text, room,
		 "id %llu rights %u capacity %u state %u reason %d waiting %u/%u endpoints %u/%u sent %llu received %llu buffered %llu drained %llu",
		 info->id, info->rights, info->capacity, info->state, info->reason,
		 info->waiting_senders, info->waiting_receivers, info->read_endpoints,
		 info->write_endpoints, info->sent, info->received, info->buffered, info->drained);
}

static void fail_info(int w, const struct hsk_info_args *info,
		      const struct hsk_info_args *expected)
{
	char is[320], should[320];

	print_info(is, sizeof(is), info);
	print_info(should, sizeof(should), expected);
	fail("worker %d's endpoint is\n  %s,\nthe model says\n  %s", w, is, should);
}

static void check_look(int w)
{
	const struct pending *pending = &model.worker[w].pending;
	struct hsk_info_args info, expected;
	struct hsk_abi_args abi;
	const uint8_t *at = shared->worker[w].arena + ARGS_AT;

	if (pending->step.op == OP_ABI) {
		memcpy(&abi, at, sizeof(abi));
		if (abi.version != HSK_ABI_VERSION || abi.features != ALL_FEATURES)
			fail("worker %d: ABI tells version %u, features %#llx", w, abi.version,
			     abi.features);
		return;
	}
	memcpy(&info, at, sizeof(info));
	expected_info(pending->file, &expected);
	expected.size = info.size;
	if (!expected.id)
		expected.id = info.id;
	if (memcmp(&info, &expected, sizeof(info)))
		fail_info(w, &info, &expected);
}

/* The text has the same numbers; these are the ones that vary most. */
static void check_fdinfo(int w)
{
	const struct pending *pending = &model.worker[w].pending;
	const struct chan *chan = pending->file->chan;
	const char *text = (const char *)shared->worker[w].arena + DATA_AT;
	char expected[512];

	if (pending->file->kind == FILE_SELECTOR) {
		check_selector_fdinfo(w, text);
		return;
	}
	snprintf(expected, sizeof(expected),
		 "hsk-rights:\t%s%s\nhsk-capacity:\t%u\nhsk-state:\t%s\nhsk-reason:\t%d\nhsk-waiting-senders:\t%u\nhsk-waiting-receivers:\t%u\nhsk-read-endpoints:\t%u\nhsk-write-endpoints:\t%u\nhsk-sent:\t%llu\nhsk-received:\t%llu\nhsk-buffered:\t%u\nhsk-drained:\t%llu\n",
		 pending->file->rights & RIGHT_READ ? "r" : "",
		 pending->file->rights & RIGHT_WRITE ? "w" : "", chan->cap,
		 chan->closed ? "closed" : "open", chan->reason, chan->nr_senders,
		 chan->nr_receivers, chan->readers, chan->writers,
		 (unsigned long long)chan->sent, (unsigned long long)chan->received,
		 buffered(chan), (unsigned long long)chan->drained);
	if (!strstr(text, expected))
		fail("worker %d: fdinfo is\n%s\nthe model says\n%s", w, text, expected);
}

static long call_result(int w)
{
	const struct worker *worker = &shared->worker[w];

	if (model.worker[w].pending.step.op != OP_TAKE || worker->call[0].ret < 0)
		return worker->call[0].ret;
	return worker->call[1].ret;
}

static void check_value(int w, long ret)
{
	const struct pending *pending = &model.worker[w].pending;

	if (pending->step.op == OP_FDINFO) {
		check_fdinfo(w);
		return;
	}
	expect_ret(w, ret, pending->value);
	if (pending->step.op == OP_INFO || pending->step.op == OP_ABI)
		check_look(w);
}

/* New descriptors: close-on-exec; one without a slot is closed. */
static void check_new_fds(int w)
{
	struct pending *pending = &model.worker[w].pending;
	struct new_fd *new;
	long flags;
	int i;

	for (i = 0; i < pending->nr_fds; i++) {
		new = &pending->fds[i];
		flags = build_fd_flags(w, new->fd);
		if (flags != (new->cloexec ? FD_CLOEXEC : 0))
			fail("worker %d: descriptor %d has flags %ld", w, new->fd, flags);
		if (new->surplus)
			worker_call(w, SYS_close, new->fd, 0, 0, 0);
	}
}

/**
 * check_outcome() - compare what an operation yielded with the model
 * @w: a worker that is done and whose operation the model says has ended
 */
void check_outcome(int w)
{
	struct pending *pending = &model.worker[w].pending;
	const struct step *step = &pending->step;
	long ret = call_result(w);

	model_instead(w, ret);
	switch (pending->outcome) {
	case OUT_ERROR:
		expect_ret(w, ret, -pending->err);
		break;
	case OUT_VALUE:
		check_value(w, ret);
		break;
	case OUT_MESSAGE:
		expect_ret(w, ret, pending->value);
		check_fd_numbers(w);
		break;
	case OUT_CLOSED:
		expect_ret(w, ret, pending->value);
		break;
	case OUT_POLL:
		check_poll(w, ret);
		break;
	case OUT_EPOLL:
		check_epoll(w, ret);
	}
	if (!failure.failed)
		check_args(w);
	if (!failure.failed &&
	    (step->op == OP_RECV || step->op == OP_READ || in_cases(step)))
		check_bytes(w);
	if (!failure.failed && in_cases(step))
		check_select(w);
	if (!failure.failed)
		check_new_fds(w);
	if (pending->outcome == OUT_MESSAGE)
		message_free(pending->msg);
	pending->msg = NULL;
}

/* Looking at endpoints from outside. */

static void learn_id(struct chan *chan, uint64_t id)
{
	if (chan->id)
		return;
	if (id <= highest_id)
		fail("the channel's id %llu has been seen before", (unsigned long long)id);
	chan->id = id;
	highest_id = id;
}

/* The same open file in this process, for a moment; -errno. */
int check_borrow(int w, int fd)
{
	int ret = syscall(SYS_pidfd_getfd, pidfds[w], fd, 0);

	return ret < 0 ? -errno : ret;
}

/* Likewise what the model has in a slot, where it must be possible. */
int check_borrow_slot(int w, int s)
{
	int fd = check_borrow(w, model_fd(w, s));

	if (fd < 0)
		fail("cannot borrow descriptor %d of worker %d: %s", model_fd(w, s), w,
		     error_name(fd));
	return fd;
}

static bool look(int fd, const struct file *file, struct hsk_info_args *info,
		 struct hsk_info_args *expected, uint32_t *events)
{
	struct pollfd poll_fd = {
		.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLRDNORM | POLLWRNORM,
	};

	*info = (struct hsk_info_args) { .size = sizeof(*info) };
	if (ioctl(fd, HSK_IOC_INFO, info))
		return false;
	poll(&poll_fd, 1, 0);
	*events = unspelled(poll_fd.revents);
	expected_info(file, expected);
	if (!expected->id)
		expected->id = info->id;
	return !memcmp(info, expected, sizeof(*info)) && *events == model_poll(file);
}

/* An endpoint's INFO and poll, until they are the model's. */
static void check_file(int w, int s)
{
	struct file *file = model_file(w, s);
	struct hsk_info_args info, expected;
	double end = now() + patience;
	uint32_t events = 0;
	bool same;
	int fd;

	fd = check_borrow_slot(w, s);
	if (fd < 0)
		return;
	while (!(same = look(fd, file, &info, &expected, &events)) && now() < end)
		usleep(200);
	close(fd);
	if (same)
		learn_id(file->chan, info.id);
	else if (memcmp(&info, &expected, sizeof(info)))
		fail_info(w, &info, &expected);
	else
		fail("worker %d's endpoint polls %#x, the model says %#x", w, events,
		     model_poll(file));
}

/* Each new endpoint, one of each channel that has changed; with @all, every one. */
void check_channels(bool all)
{
	struct slot *slot;
	int w, s;

	for (w = 0; w < NR_WORKERS; w++) {
		for (s = 0; s < NR_SLOTS && !failure.failed; s++) {
			slot = &model.worker[w].slot[s];
			if (!slot->file || slot->file->kind != FILE_ENDPOINT ||
			    !(all || slot->fresh || slot->file->chan->dirty))
				continue;
			check_file(w, s);
			slot->fresh = false;
			slot->file->chan->dirty = false;
		}
	}
}
