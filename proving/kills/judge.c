// SPDX-License-Identifier: GPL-2.0-only
/*
 * The laws, from what the parties have logged and what the channels say when all
 * parties have gone.
 *
 * What the victim was doing when it died is open, so two numbers of each channel
 * are bounded and not fixed: sends that may have happened and receives that may
 * have. Everything else is exact.
 */
#include <poll.h>
#include <unistd.h>

#include "kills.h"

#define K_VALUES	(K_PARTIES * K_STEPS)
#define K_MAX_FDS	4

/* What is known of one channel. */
struct ledger {
	struct k_run *run;
	unsigned int chan;
	struct hsk_info_args info;
	unsigned int acked, maybe_sent;
	unsigned int got, maybe_got;
	unsigned int armed;	/* receives in a selector that nobody has finished */
	unsigned int closes, maybe_closes;
	__u64 values[K_VALUES];	/* that were received, by whomever */
};

/* printf() of what is wrong with this channel. */
#define WRONG(l, format, ...) do {						\
	const struct ledger *wrong = (l);					\
										\
	k_wrong(wrong->run, "channel %u: " format, wrong->chan, __VA_ARGS__);	\
} while (0)

/* --- reading the logs --- */

static void note_value(struct ledger *l, __u64 value)
{
	unsigned int i;

	for (i = 0; i < l->got; i++)
		if (l->values[i] == value)
			WRONG(l, "%llu was received twice", (unsigned long long)value);
	if (l->got < K_VALUES)
		l->values[l->got++] = value;
}

static void note_step(struct ledger *l, const struct k_step *step)
{
	bool pending = step->result == K_PENDING;

	switch (step->op) {
	case K_SEND:
		l->acked += !step->result;
		l->maybe_sent += pending;
		break;
	case K_RECV:
		l->maybe_got += pending && !step->armed;
		l->armed += pending && step->armed;
		if (!step->result && step->value)
			note_value(l, step->value);
		break;
	case K_CLOSE:
		l->closes += !step->result;
		l->maybe_closes += pending;
		break;
	}
}

static void walk_steps(struct ledger *l, void (*fn)(struct ledger *, const struct k_step *))
{
	unsigned int i, j;

	for (i = 0; i < K_PARTIES; i++) {
		const struct k_log *log = &l->run->stage->logs[i];

		for (j = 0; j < log->nr; j++)
			if (log->steps[j].chan == l->chan)
				fn(l, &log->steps[j]);
	}
}

/* What was never taken is still there, for the director. */
static void take_leftovers(struct ledger *l)
{
	int fds[K_MAX_FDS], fd = l->run->observer[l->chan];
	struct hsk_msghdr msg;
	__u64 value;

	for (;;) {
		if (t_recv_full(fd, &value, sizeof(value), fds, K_MAX_FDS, HSK_OP_F_DONTWAIT, 0,
				&msg) || msg.flags & HSK_MSG_F_CLOSED)
			return;
		note_value(l, value);
		while (msg.nr_fds)
			close(fds[--msg.nr_fds]);
	}
}

/* --- one law each --- */

/* Sent by nobody, or refused to its sender, and yet received. */
static void law_no_effect_of_failure(struct ledger *l)
{
	unsigned int i, j, k;

	for (i = 0; i < l->got; i++) {
		bool sent = false;

		for (j = 0; j < K_PARTIES; j++) {
			const struct k_log *log = &l->run->stage->logs[j];

			for (k = 0; k < log->nr; k++)
				sent |= log->steps[k].op == K_SEND &&
					log->steps[k].chan == l->chan &&
					log->steps[k].value == l->values[i] &&
					(log->steps[k].result == K_PENDING ||
					 !log->steps[k].result);
		}
		if (!sent)
			WRONG(l, "%llu was received, and its send had failed or never was",
			      (unsigned long long)l->values[i]);
	}
}

/* How often a party received what was sent before something that it had already. */
static unsigned int count_late(const struct k_log *log, unsigned int chan)
{
	__u64 last[K_PARTIES + 1] = { 0 };
	unsigned int i, late = 0;

	for (i = 0; i < log->nr; i++) {
		const struct k_step *step = &log->steps[i];
		unsigned int sender = step->value / 1000;

		if (step->op != K_RECV || step->chan != chan || sender > K_PARTIES)
			continue;
		late += step->value && step->value < last[sender];
		if (step->value > last[sender])
			last[sender] = step->value;
	}
	return late;
}

/*
 * Each receiver gets what one sender sent in that order. A message that comes back
 * may be late for one who has received meanwhile, and only that message.
 */
static void law_order(struct ledger *l)
{
	const struct k_log *logs = l->run->stage->logs;
	unsigned int i, late = 0, came_back = 0;

	for (i = 0; i < K_PARTIES; i++) {
		late += count_late(&logs[i], l->chan);
		came_back += logs[i].gave_back;
	}
	if (!l->run->scenario->in_turn)
		came_back += l->maybe_got + l->armed;
	if (late > came_back)
		WRONG(l, "%u messages were late, %u can have come back", late, came_back);
}

static void law_conservation(struct ledger *l)
{
	const struct hsk_info_args *info = &l->info;

	if (info->sent == info->received + info->buffered + info->drained &&
	    info->sent >= l->acked && info->sent <= l->acked + l->maybe_sent &&
	    info->received >= l->got && info->received <= l->got + l->maybe_got)
		return;
	WRONG(l, "INFO has sent %llu, received %llu, buffered %llu, drained %llu; "
	      "the parties %u (+%u) and %u (+%u)", (unsigned long long)info->sent,
	      (unsigned long long)info->received, (unsigned long long)info->buffered,
	      (unsigned long long)info->drained, l->acked, l->maybe_sent, l->got,
	      l->maybe_got);
}

/* Nothing stays: the director has received it, or nobody can and it is drained. */
static void law_nothing_left(struct ledger *l)
{
	const struct hsk_info_args *info = &l->info;

	if (info->rights & HSK_RIGHT_READ ? info->buffered : !info->read_endpoints &&
	    info->buffered)
		WRONG(l, "%llu messages can't be received", (unsigned long long)info->buffered);
	if (info->read_endpoints && info->drained)
		WRONG(l, "%llu messages thrown away", (unsigned long long)info->drained);
	if (info->waiting_senders || info->waiting_receivers)
		WRONG(l, "%u senders and %u receivers wait, and all have gone",
		      info->waiting_senders, info->waiting_receivers);
}

/*
 * Killed before it took the message, or having it but before it could copy it, or
 * before it asked its selector for it: the message goes to another. Where a signal is
 * a moment late, as with PREEMPT_RT, this is not exact; the driver is not meant for
 * that.
 */
static void law_dead_take_nothing(struct ledger *l)
{
	const char *point = l->run->point;
	bool before = !strcmp(point, "hsk_block") || !strcmp(point, "hsk_take");

	if (!l->run->killed || l->info.received <= l->got)
		return;
	if (l->maybe_got ? before : l->armed)
		WRONG(l, "%llu messages went to the dead", (unsigned long long)
		      (l->info.received - l->got));
}

/* Of a context that is derived: has the channel that it ends with been closed? */
static bool parent_is_closed(const struct ledger *l, int *reason)
{
	struct hsk_info_args info;

	if (!l->run->scenario->derived[l->chan] || t_info(l->run->observer[0], &info))
		return false;
	*reason = info.reason;
	return info.state & HSK_STATE_CLOSED;
}

/* The reason of the close that the channel has, by who has gone. */
static bool reason_is_right(const struct ledger *l)
{
	const struct hsk_info_args *info = &l->info;
	int reason;

	if (info->reason == -EOWNERDEAD && !info->write_endpoints)
		return !l->closes;
	if (info->reason == -EPIPE && !info->read_endpoints)
		return !l->closes;
	if (parent_is_closed(l, &reason) && info->reason == reason)
		return !l->closes;
	return l->closes + l->maybe_closes;
}

static void law_death_is_a_close(struct ledger *l)
{
	const struct hsk_info_args *info = &l->info;
	bool closed = info->state & HSK_STATE_CLOSED;
	int reason;

	if (!closed && parent_is_closed(l, &reason))
		WRONG(l, "open, though it was derived from one closed with %d", reason);
	if (!closed && (l->closes || !info->write_endpoints || !info->read_endpoints))
		WRONG(l, "open, with %u closes, %u writers and %u readers", l->closes,
		      info->write_endpoints, info->read_endpoints);
	if (l->closes > 1)
		WRONG(l, "closed %u times", l->closes);
	if (closed && !reason_is_right(l))
		WRONG(l, "reason %d after %u (+%u) closes, %u writers and %u readers are left",
		      info->reason, l->closes, l->maybe_closes, info->write_endpoints,
		      info->read_endpoints);
}

/* Everyone has been told what the channel says. */
static void check_close_seen(struct ledger *l, const struct k_step *step)
{
	const struct hsk_info_args *info = &l->info;

	if (step->op == K_RECV && !step->result && !step->value &&
	    (!(info->state & HSK_STATE_CLOSED) ||
	     (step->reason != info->reason && step->reason != K_UNKNOWN)))
		WRONG(l, "a receiver saw a close with %d, INFO says %d", step->reason,
		      info->reason);
	if (step->result == -EPIPE && !(info->state & HSK_STATE_CLOSED))
		WRONG(l, "%s saw EPIPE on an open channel",
		      step->op == K_SEND ? "a sender" : "who closed");
}

/* Waits until only the director's endpoint is left: files in messages go a bit later. */
static void law_no_endpoint_left(struct ledger *l)
{
	__u64 limit = t_in_ms(k_patience_ms);
	struct hsk_info_args *info = &l->info;
	unsigned int readers, writers;

	do {
		if (t_info(l->run->observer[l->chan], info)) {
			WRONG(l, "INFO: %s", strerror(errno));
			return;
		}
		readers = !!(info->rights & HSK_RIGHT_READ);
		writers = !!(info->rights & HSK_RIGHT_WRITE);
		if (info->read_endpoints == readers && info->write_endpoints == writers)
			return;
		t_sleep_ms(1);
	} while (t_now() < limit);
	WRONG(l, "%u readers and %u writers are left", info->read_endpoints - readers,
	      info->write_endpoints - writers);
}

/* --- the judgement --- */

static void judge_channel(struct k_run *run, unsigned int chan)
{
	struct ledger l = { .run = run, .chan = chan };

	walk_steps(&l, note_step);
	law_order(&l);
	if (run->observer[chan] >= 0) {
		take_leftovers(&l);
		law_no_endpoint_left(&l);
		law_conservation(&l);
		law_nothing_left(&l);
		law_dead_take_nothing(&l);
		law_death_is_a_close(&l);
		walk_steps(&l, check_close_seen);
		run->effects += l.info.sent - l.acked + l.info.received - l.got;
	}
	law_no_effect_of_failure(&l);
}

/*
 * What has happened on all channels and nobody knows of was done by the dead, one
 * thing by each operation that they had begun: of a select's cases one can have happened.
 */
static void law_one_winner(struct k_run *run)
{
	unsigned int i, j, pending = 0;

	for (i = 0; i < K_PARTIES; i++) {
		const struct k_log *log = &run->stage->logs[i];

		for (j = 0; j < log->nr; j++)
			pending += log->steps[j].result == K_PENDING &&
				   !log->steps[j].other_case;
	}
	if (run->effects > pending)
		k_wrong(run, "%u operations of the dead had %u effects", pending, run->effects);
}

/* Files that travelled are gone: the pipe that all parties had has no writer. */
static void judge_descriptors(struct k_run *run)
{
	struct pollfd pfd = { .fd = run->pipe };
	__u64 limit = t_in_ms(k_patience_ms);
	long left;

	if (poll(&pfd, 1, k_patience_ms) != 1)
		k_wrong(run, "a descriptor that travelled was never closed");
	close(run->pipe);
	while ((left = k_references()) && t_now() < limit)
		t_sleep_ms(1);
	if (left)
		k_wrong(run, "%ld endpoints are left in the system", left);
}

void k_judge(struct k_run *run)
{
	unsigned int i;

	for (i = 0; i < K_PARTIES; i++)
		if (run->stage->logs[i].failure[0])
			k_wrong(run, "role %u: %s", i, run->stage->logs[i].failure);
	run->effects = 0;
	for (i = 0; i < run->scenario->nr_chans; i++)
		judge_channel(run, i);
	law_one_winner(run);
	for (i = 0; i < run->scenario->nr_chans; i++)
		if (run->observer[i] >= 0)
			close(run->observer[i]);
	judge_descriptors(run);
}
