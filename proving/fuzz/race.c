// SPDX-License-Identifier: GPL-2.0-only
/*
 * A race: what follows a "race" step is not run step by step but by all workers at
 * once, each its own steps in order. What then happens the model can't know. What
 * must be true however they interleave is checked:
 *
 * - the four counters agree, at each look, and with what the operations returned:
 *   as many messages were sent and received as calls said so;
 * - a message is received at most once, whole, and only if its send did not fail;
 *   what is left at the end is what was sent and not received;
 * - when nobody moves, nobody waits who could go on: no receiver beside a message
 *   or a waiting sender, no sender beside room, nobody on a closed channel;
 * - all ends within bounded time. Who waits by then is interrupted.
 *
 * A select counts as the case that it says has happened. What a context has ended has not
 * happened.
 *
 * Only operations that need no knowledge of what the others do are raced; a kill
 * makes the counts lower bounds.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/hsk.h>

#include "exec.h"
#include "layout.h"
#include "worker.h"

#define ROOM		64U	/* bytes of the largest message */
#define DATA_STRIDE	512
#define ARGS_STRIDE	128
#define FDS_STRIDE	32
#define CASES_STRIDE	256
#define RECV_OFFSET	256	/* a select's receives, behind what it sends */
#define MAX_IDS		(NR_WORKERS * MAX_SCRIPT)

struct raced {
	uint8_t op;
	uint32_t id;		/* SEND, WRITE, SELECT: the message's */
	uint32_t len;
	struct chan *chan;
	struct select_case cases[MAX_CASES];	/* SELECT */
};

static struct raced raced[NR_WORKERS][MAX_SCRIPT];
static uint32_t received_ids[2 * MAX_IDS];
static int nr_received;
static bool killed;
/* Slots by worker that the race closes: what has their numbers later is unknown. */
static uint8_t closed[NR_WORKERS];

/* Building the scripts. */

static struct hsk_recv_args *args_at(int w, int i)
{
	return (void *)(shared->worker[w].arena + ARGS_AT + i * ARGS_STRIDE);
}

static uint8_t *data_at(int w, int i)
{
	return shared->worker[w].arena + DATA_AT + i * DATA_STRIDE;
}

static uint64_t race_deadline(const struct step *step)
{
	switch (step->arg[A_DEADLINE]) {
	case DEADLINE_PAST:
		return 1;
	case DEADLINE_NEAR:
		return (now() + 0.005) * 1e9;
	default:
		return 0;
	}
}

/* A context that stays where it is. */
static uint32_t raced_ctx(int w, const struct step *step, int32_t *ctx)
{
	unsigned int s = step->arg[A_CTX] - 1;
	const struct file *file = step->arg[A_CTX] ? model_file(w, s) : NULL;

	*ctx = 0;
	if (!file || file->kind != FILE_ENDPOINT || !(file->rights & RIGHT_READ) ||
	    closed[w] & 1U << s)
		return 0;
	*ctx = model_fd(w, s);
	return HSK_OP_F_CTX;
}

static unsigned long raced_data(int w, int i, const struct step *step)
{
	if (step->arg[A_DATA] == PTR_OK || step->op == OP_SEND || step->op == OP_WRITE)
		return (unsigned long)data_at(w, i);
	if (step->arg[A_DATA] == PTR_READONLY)
		return (unsigned long)shared->worker[w].readonly + DATA_AT;
	return (unsigned long)shared->worker[w].arena + DATA_AT + DATA_SIZE;
}

static bool raced_carries(int w, const struct step *step)
{
	unsigned int s = step->arg[A_F0];

	return step->op == OP_SEND && step->arg[A_N] && model_file(w, s) &&
	       !(closed[w] & 1U << s);
}

static void script_transfer(int w, int i, const struct step *step, struct call *call)
{
	int32_t *fds = (void *)(shared->worker[w].arena + FDS_AT + i * FDS_STRIDE);
	struct hsk_recv_args *args = args_at(w, i);

	memset(args, 0, sizeof(*args));
	args->size = sizeof(*args);
	args->flags = step->arg[A_FLAGS] == FLAGS_DONTWAIT ? HSK_OP_F_DONTWAIT : 0;
	args->flags |= raced_ctx(w, step, &args->ctx);
	args->deadline = race_deadline(step);
	args->msg.data = raced_data(w, i, step);
	args->msg.len = step->op == OP_SEND ? raced[w][i].len : ROOM;
	args->msg.fds = (unsigned long)fds;
	args->msg.nr_fds = step->op == OP_RECV ? MAX_CARRIED : raced_carries(w, step);
	fds[0] = model_fd(w, step->arg[A_F0]);
	*call = (struct call) {
		.nr = SYS_ioctl,
		.arg = { model_fd(w, step->arg[A_S]),
			 step->op == OP_SEND ? HSK_IOC_SEND : HSK_IOC_RECV, (unsigned long)args },
	};
}

static void script_rw(int w, int i, const struct step *step, struct call *call)
{
	*call = (struct call) {
		.nr = step->op == OP_READ ? SYS_read : SYS_write,
		.arg = { model_fd(w, step->arg[A_S]), raced_data(w, i, step),
			 step->op == OP_READ ? ROOM : raced[w][i].len },
	};
}

static void script_shut(int w, int i, const struct step *step, struct call *call)
{
	struct hsk_close_args *args = (void *)args_at(w, i);

	*args = (struct hsk_close_args) {
		.size = sizeof(*args), .reason = arg_reasons[step->arg[A_REASON]],
	};
	*call = (struct call) {
		.nr = SYS_ioctl,
		.arg = { model_fd(w, step->arg[A_S]), HSK_IOC_CLOSE, (unsigned long)args },
	};
}

static void script_info(int w, int i, const struct step *step, struct call *call)
{
	struct hsk_info_args *args = (void *)args_at(w, i);

	*args = (struct hsk_info_args) { .size = sizeof(*args) };
	*call = (struct call) {
		.nr = SYS_ioctl,
		.arg = { model_fd(w, step->arg[A_S]), HSK_IOC_INFO, (unsigned long)args },
	};
}

static struct hsk_msghdr *header_at(int w, int i, int c)
{
	uint8_t *at = shared->worker[w].arena + MISC_AT + i * CASES_STRIDE;

	return (struct hsk_msghdr *)(at + MAX_CASES * sizeof(struct hsk_select_case)) + c;
}

/*
 * What a case is in a race. One channel is not in cases of both directions: nobody
 * could tell from outside that the two waiting there are one.
 */
static struct select_case raced_case(int w, int i, const struct step *step, int c)
{
	unsigned int s = step->arg[A_S0 + c];
	const struct file *file = model_file(w, s);
	struct select_case none = { 0 }, is;
	int other;

	if (step->arg[A_C0 + c] != CASE_RECV && step->arg[A_C0 + c] != CASE_SEND)
		return none;
	if (!file || file->kind != FILE_ENDPOINT || closed[w] & 1U << s)
		return none;
	is = (struct select_case){ .chan = file->chan, .send = step->arg[A_C0 + c] == CASE_SEND };
	if (!(file->rights & (is.send ? RIGHT_WRITE : RIGHT_READ)))
		return none;
	for (other = 0; other < c; other++)
		if (raced[w][i].cases[other].chan == is.chan &&
		    raced[w][i].cases[other].send != is.send)
			return none;
	return is;
}

static void script_case(int w, int i, const struct step *step, int c)
{
	struct hsk_select_case *cases = (void *)(shared->worker[w].arena + MISC_AT +
						 i * CASES_STRIDE);
	unsigned long fds = (unsigned long)shared->worker[w].arena + FDS_AT + i * FDS_STRIDE;
	struct select_case *is = &raced[w][i].cases[c];

	*is = raced_case(w, i, step, c);
	cases[c] = (struct hsk_select_case) {
		.fd = is->chan ? model_fd(w, step->arg[A_S0 + c]) : -1,
		.op = is->send ? HSK_CASE_SEND : HSK_CASE_RECV,
		.msg = (unsigned long)header_at(w, i, c),
	};
	*header_at(w, i, c) = (struct hsk_msghdr) {
		.data = is->send ? (unsigned long)data_at(w, i) :
			step->arg[A_DATA] == PTR_OK ?
			(unsigned long)data_at(w, i) + RECV_OFFSET : raced_data(w, i, step),
		.len = is->send ? raced[w][i].len : ROOM,
		.fds = fds, .nr_fds = is->send ? 0 : MAX_CARRIED,
	};
}

static void script_select(int w, int i, const struct step *step, struct call *call)
{
	struct hsk_select_args *args = (void *)args_at(w, i);
	int c;

	for (c = 0; c < MAX_CASES; c++)
		script_case(w, i, step, c);
	*args = (struct hsk_select_args) {
		.size = sizeof(*args),
		.flags = (step->arg[A_FLAGS] == FLAGS_DONTWAIT ? HSK_OP_F_DONTWAIT : 0) |
			 (step->arg[A_ORDERED] ? HSK_SELECT_F_ORDERED : 0),
		.deadline = race_deadline(step),
		.cases = (unsigned long)shared->worker[w].arena + MISC_AT + i * CASES_STRIDE,
		.nr_cases = MAX_CASES,
	};
	args->flags |= raced_ctx(w, step, &args->ctx);
	*call = (struct call) {
		.nr = SYS_ioctl,
		.arg = { model_fd(w, step->arg[A_S]), HSK_IOC_SELECT, (unsigned long)args },
	};
}

static bool raceable(int w, const struct step *step)
{
	const struct file *file = model_file(w, step->arg[A_S]);

	if (!model.worker[w].live || !file || file->kind != FILE_ENDPOINT ||
	    closed[w] & 1U << step->arg[A_S])
		return false;
	switch (step->op) {
	case OP_SEND: case OP_RECV: case OP_WRITE: case OP_READ: case OP_SHUT: case OP_INFO:
	case OP_CLOSE: case OP_SELECT:
		return true;
	}
	return false;
}

static void script_step(int w, const struct step *step)
{
	struct worker *worker = &shared->worker[w];
	int i = worker->nr_calls;
	struct call *call = &worker->call[i];

	if (!raceable(w, step) || i == MAX_SCRIPT)
		return;
	raced[w][i] = (struct raced) {
		.op = step->op, .chan = model_file(w, step->arg[A_S])->chan,
		.id = ++model.next_msg, .len = 8 + step->arg[A_LEN],
	};
	memset(data_at(w, i), SENTINEL, DATA_STRIDE);
	if (step->op == OP_SEND || step->op == OP_WRITE || step->op == OP_SELECT)
		build_bytes(data_at(w, i), raced[w][i].id, raced[w][i].len);
	switch (step->op) {
	case OP_SEND: case OP_RECV:
		script_transfer(w, i, step, call);
		break;
	case OP_WRITE: case OP_READ:
		script_rw(w, i, step, call);
		break;
	case OP_SHUT:
		script_shut(w, i, step, call);
		break;
	case OP_INFO:
		script_info(w, i, step, call);
		break;
	case OP_SELECT:
		script_select(w, i, step, call);
		break;
	default:
		closed[w] |= 1U << step->arg[A_S];
		*call = (struct call) {
			.nr = SYS_close, .arg = { model_fd(w, step->arg[A_S]) },
		};
	}
	worker->nr_calls++;
}

/* Running them. */

static bool running(int w)
{
	return model.worker[w].live && !worker_done(w);
}

static bool any_running(void)
{
	int w;

	for (w = 0; w < NR_WORKERS; w++)
		if (running(w))
			return true;
	return false;
}

/* A number that changes whenever a worker gets on. */
static unsigned int progress(void)
{
	unsigned int sum = shared->bell;
	int w;

	for (w = 0; w < NR_WORKERS; w++)
		sum += __atomic_load_n(&shared->worker[w].at, __ATOMIC_SEQ_CST);
	return sum;
}

static bool get_info(int w, int s, struct hsk_info_args *info)
{
	struct file *file = model_file(w, s);
	int fd, ret;

	if (!model.worker[w].live || !file || file->kind != FILE_ENDPOINT || closed[w] & 1U << s)
		return false;
	fd = check_borrow(w, model_fd(w, s));
	if (fd < 0)
		return false;
	*info = (struct hsk_info_args) { .size = sizeof(*info) };
	ret = ioctl(fd, HSK_IOC_INFO, info);
	close(fd);
	return !ret;
}

static void check_conserved(const struct hsk_info_args *info)
{
	if (info->sent != info->received + info->buffered + info->drained)
		fail("race: channel %llu: sent %llu, received %llu, buffered %llu, drained %llu",
		     info->id, info->sent, info->received, info->buffered, info->drained);
}

static bool could_go_on(const struct hsk_info_args *info)
{
	if (info->state & HSK_STATE_CLOSED)
		return info->waiting_senders || info->waiting_receivers;
	if (info->waiting_receivers && (info->waiting_senders || info->buffered))
		return true;
	return info->waiting_senders && info->buffered < info->capacity;
}

static void fail_stuck(const struct hsk_info_args *info)
{
	fail("race: channel %llu: %u and %u wait beside %llu messages, capacity %u, state %u",
	     info->id, info->waiting_senders, info->waiting_receivers, info->buffered,
	     info->capacity, info->state);
}

/* Nobody moves: then nobody may be able to. */
static void check_stuck(void)
{
	double end = now() + patience;
	unsigned int before = progress();
	struct hsk_info_args info;
	int w, s;

	for (w = 0; w < NR_WORKERS; w++) {
		for (s = 0; s < NR_SLOTS && !failure.failed; s++) {
			while (get_info(w, s, &info) && could_go_on(&info)) {
				if (progress() != before)
					return;
				if (now() > end) {
					fail_stuck(&info);
					return;
				}
				usleep(1000);
			}
		}
	}
}

static void interrupt_all(void)
{
	int w;

	for (w = 0; w < NR_WORKERS; w++)
		if (running(w))
			kill(shared->worker[w].pid, SIGUSR1);
}

static void disturb(const struct step *step)
{
	int v = step->arg[A_V];

	if (step->op == OP_SIGNAL || step->op == OP_KILL)
		usleep(200);
	if (step->op == OP_SIGNAL && running(v)) {
		kill(shared->worker[v].pid,
		     step->arg[A_SIGNAL] == SIGNAL_INTR ? SIGUSR1 : SIGUSR2);
	} else if (step->op == OP_KILL && running(v)) {
		killed = true;
		worker_kill(v);
		model.worker[v].live = false;
		model_close_all(v);
		shared->worker[v].nr_calls = 0;
	}
}

static void run_scripts(const struct step *steps, int nr)
{
	double end = now() + patience, quiet = now();
	unsigned int before = progress();
	int w, i;

	for (w = 0; w < NR_WORKERS; w++)
		if (model.worker[w].live)
			worker_order(w);
	for (i = 0; i < nr; i++)
		disturb(&steps[i]);
	while (any_running() && !failure.failed) {
		if (now() > end) {
			fail("race: not all have ended after %.0f seconds", patience);
			return;
		}
		usleep(1000);
		if (progress() != before) {
			before = progress();
			quiet = now();
		} else if (now() - quiet > 0.01) {
			check_stuck();
			interrupt_all();
			quiet = now();
		}
	}
}

/* What they yielded. */

static uint32_t id_of(const uint8_t *data)
{
	uint32_t first;

	memcpy(&first, data, sizeof(first));
	return first * BYTES_INVERSE;
}

/* Which case of a select has done what it was for: not that of one that failed. */
static const struct select_case *raced_chosen(int w, int i)
{
	const struct hsk_select_args *args = (const void *)args_at(w, i);
	long ret = shared->worker[w].call[i].ret;

	if (i >= shared->worker[w].at || ret < 0 || ret >= MAX_CASES || args->result)
		return NULL;
	return &raced[w][i].cases[ret];
}

/* What the send alone would have returned. */
static long select_send_ret(int w, int i)
{
	const struct select_case *chosen = raced_chosen(w, i);

	return chosen && chosen->send ? 0 : -ECANCELED;
}

static const struct raced *find_sent(uint32_t id, long *ret)
{
	int w, i;

	for (w = 0; w < NR_WORKERS; w++) {
		for (i = 0; i < shared->worker[w].nr_calls; i++) {
			if (raced[w][i].id != id ||
			    (raced[w][i].op != OP_SEND && raced[w][i].op != OP_WRITE &&
			     raced[w][i].op != OP_SELECT))
				continue;
			*ret = raced[w][i].op == OP_SELECT ? select_send_ret(w, i) :
							     shared->worker[w].call[i].ret;
			return &raced[w][i];
		}
	}
	return NULL;
}

/* A message that somebody got; those from before the race are not looked at. */
static void account(const uint8_t *data, uint32_t len)
{
	uint8_t expected[ROOM];
	const struct raced *sent;
	uint32_t id;
	long ret;
	int i;

	if (len < 8 || len > ROOM)
		return;
	id = id_of(data);
	sent = find_sent(id, &ret);
	if (!sent)
		return;
	for (i = 0; i < nr_received; i++)
		if (received_ids[i] == id)
			fail("race: message %u was received twice", id);
	received_ids[nr_received++] = id;
	build_bytes(expected, id, sent->len);
	if (sent->len != len || memcmp(expected, data, len))
		fail("race: message %u of %u bytes was received as another of %u", id, sent->len,
		     len);
	if (ret < 0)
		fail("race: message %u was received, its send failed: %s", id, strerror(-ret));
}

struct tally {
	unsigned int sent, received;
};

static struct tally tallies[MAX_CHANS];

static void tally_select(int w, int i)
{
	const struct select_case *chosen = raced_chosen(w, i);
	const struct hsk_msghdr *hdr;

	if (!chosen)
		return;
	if (!chosen->chan) {
		fail("race: worker %d: a select chose case %ld, which is disabled", w,
		     shared->worker[w].call[i].ret);
		return;
	}
	if (chosen->send) {
		tallies[chosen->chan - model.chan].sent++;
		return;
	}
	hdr = header_at(w, i, chosen - raced[w][i].cases);
	if (hdr->flags & HSK_MSG_F_CLOSED)
		return;
	tallies[chosen->chan - model.chan].received++;
	account(data_at(w, i) + RECV_OFFSET, hdr->len);
}

static void tally_call(int w, int i)
{
	const struct raced *race = &raced[w][i];
	const struct call *call = &shared->worker[w].call[i];
	struct tally *tally = &tallies[race->chan - model.chan];
	const struct hsk_recv_args *args = args_at(w, i);
	bool success = i < shared->worker[w].at && call->ret >= 0;

	if (!success)
		return;
	switch (race->op) {
	case OP_SEND: case OP_WRITE:
		tally->sent++;
		break;
	case OP_RECV:
		if (args->msg.flags & HSK_MSG_F_CLOSED)
			break;
		tally->received++;
		account(data_at(w, i), args->msg.len);
		break;
	case OP_READ:
		/* 0 may also say that it is closed. */
		tally->received += call->ret > 0;
		account(data_at(w, i), call->ret);
		break;
	case OP_SELECT:
		tally_select(w, i);
		break;
	case OP_INFO:
		check_conserved((const void *)args);
	}
}

/* What is left can be received, and only what was sent and not received. */
static void receive_rest(int fd)
{
	uint8_t data[8192];
	int32_t fds[16];
	struct hsk_recv_args args;
	uint32_t i;

	for (;;) {
		args = (struct hsk_recv_args) {
			.size = sizeof(args), .flags = HSK_OP_F_DONTWAIT,
			.msg = { .data = (unsigned long)data, .len = sizeof(data),
				 .fds = (unsigned long)fds, .nr_fds = 16 },
		};
		if (ioctl(fd, HSK_IOC_RECV, &args) || args.msg.flags)
			return;
		for (i = 0; i < args.msg.nr_fds; i++)
			close(fds[i]);
		account(data, args.msg.len);
	}
}

static void check_counts(int w, int s)
{
	struct file *file = model_file(w, s);
	const struct tally *tally;
	struct hsk_info_args info;
	int fd;

	if (!get_info(w, s, &info))
		return;
	tally = &tallies[file->chan - model.chan];
	check_conserved(&info);
	if (info.waiting_senders || info.waiting_receivers)
		fail("race: channel %llu: nobody is left, %u and %u are said to wait", info.id,
		     info.waiting_senders, info.waiting_receivers);
	if (file->chan->dirty)
		return;
	file->chan->dirty = true;
	if (!killed && info.sent - file->chan->sent != tally->sent)
		fail("race: channel %llu accepted %llu messages, %u sends succeeded", info.id,
		     info.sent - file->chan->sent, tally->sent);
	/* A read that gave 0 may have been a message from before. */
	if (info.received - file->chan->received < tally->received)
		fail("race: channel %llu gave %llu messages, %u receives succeeded", info.id,
		     info.received - file->chan->received, tally->received);
	if (!(file->rights & RIGHT_READ))
		return;
	fd = check_borrow(w, model_fd(w, s));
	if (fd >= 0) {
		receive_rest(fd);
		close(fd);
	}
}

static void check_race(void)
{
	int w, i, s;

	nr_received = 0;
	memset(tallies, 0, sizeof(tallies));
	for (i = 0; i < MAX_CHANS; i++)
		model.chan[i].dirty = false;
	for (w = 0; w < NR_WORKERS; w++)
		for (i = 0; i < shared->worker[w].nr_calls; i++)
			tally_call(w, i);
	for (w = 0; w < NR_WORKERS; w++)
		for (s = 0; s < NR_SLOTS && !failure.failed; s++)
			check_counts(w, s);
}

/**
 * race_run() - run steps of all workers at once
 * @steps: the steps; those that can't be raced are left out
 * @nr: how many
 *
 * All workers are idle or dead. The model knows nothing of what is afterwards.
 */
void race_run(const struct step *steps, int nr)
{
	int w, i;

	killed = false;
	memset(closed, 0, sizeof(closed));
	for (w = 0; w < NR_WORKERS; w++) {
		shared->worker[w].nr_calls = 0;
		shared->worker[w].at = 0;
		shared->worker[w].fork_to = -1;
		memset(shared->worker[w].call, 0, sizeof(shared->worker[w].call));
		if (model.worker[w].live)
			worker_cpus(w, true);
	}
	for (i = 0; i < nr; i++)
		script_step(steps[i].worker, &steps[i]);
	run_scripts(steps, nr);
	if (!failure.failed)
		check_race();
	for (w = 0; w < NR_WORKERS; w++)
		if (model.worker[w].live)
			worker_cpus(w, false);
}
