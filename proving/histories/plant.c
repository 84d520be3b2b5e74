// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "plant.h"
#include "search.h"

/* --- questions to a history ------------------------------------------------------------------ */

static bool got_message(const struct op *op)
{
	return op->verb == RECV && op->result == RES_OK;
}

static bool ended_before(const struct op *a, const struct op *b)
{
	return a->end != NO_STAMP && a->end < b->start;
}

/* A message may have come back, so that it was received after one that came later. */
static bool may_come_back(const struct history *h, int chan)
{
	int i;

	for (i = 0; i < h->nr_ops; i++)
		if (op_concerns(&h->ops[i], chan) &&
		    (op_may_fail(&h->ops[i]) || h->ops[i].verb == KILL))
			return true;
	return false;
}

bool is_received(const struct history *h, int value)
{
	int i;

	for (i = 0; i < h->nr_ops; i++)
		if (op_receives(&h->ops[i]) && h->ops[i].result == RES_OK && h->ops[i].got == value)
			return true;
	return false;
}

bool is_quiet(const struct history *h, const struct op *last)
{
	int i;

	for (i = 0; i < h->nr_ops; i++)
		if (&h->ops[i] != last && op_concerns(&h->ops[i], last->chan) &&
		    (!ended_before(&h->ops[i], last) || h->ops[i].result == RES_UNKNOWN))
			return false;
	return true;
}

static const struct op *sender_of(const struct history *h, const struct op *recv)
{
	int i;

	for (i = 0; i < h->nr_ops; i++)
		if (h->ops[i].verb == SEND && h->ops[i].chan == recv->chan &&
		    h->ops[i].arg == recv->got)
			return &h->ops[i];
	return NULL;
}

const struct op *closed_before(const struct history *h, int chan, const struct op *before)
{
	int i;

	for (i = 0; i < h->nr_ops; i++)
		if (h->ops[i].verb == CLOSE && h->ops[i].chan == chan &&
		    h->ops[i].result == RES_OK && ended_before(&h->ops[i], before))
			return &h->ops[i];
	return NULL;
}

/* Another operation on the same channel for which @is holds. */
static struct op *other(struct history *h, const struct op *op, bool (*is)(const struct op *op))
{
	int i;

	for (i = 0; i < h->nr_ops; i++)
		if (&h->ops[i] != op && h->ops[i].chan == op->chan && is(&h->ops[i]))
			return &h->ops[i];
	return NULL;
}

/* --- the rules: change @op of @h, or say that there is nothing to change ----- */

static bool received_twice(struct history *h, struct op *op)
{
	const struct op *another = other(h, op, got_message);

	if (!got_message(op) || !another)
		return false;
	op->got = another->got;
	return true;
}

static bool received_but_never_sent(struct history *h, struct op *op)
{
	(void)h;
	if (!got_message(op))
		return false;
	op->got = NO_SUCH_VALUE;
	return true;
}

/* Stamps have room between them: see spread(). */
static bool received_before_sent(struct history *h, struct op *op)
{
	const struct op *sender;

	if (!got_message(op))
		return false;
	sender = sender_of(h, op);
	if (!sender || op->start >= sender->start)
		return false;
	op->end = sender->start - 1;
	return true;
}

static bool rendezvous_without_overlap(struct history *h, struct op *op)
{
	struct op *sender;

	if (!got_message(op) || h->capacity[op->chan] || may_come_back(h, op->chan))
		return false;
	sender = (struct op *)sender_of(h, op);
	if (!sender || sender->start >= op->start || sender->end == NO_STAMP)
		return false;
	sender->end = op->start - 1;
	return true;
}

/* Two sent one after the other, and received one after the other. */
static bool order_swapped(struct history *h, struct op *op)
{
	const struct op *first, *second;
	struct op *later;
	int got;

	if (!got_message(op) || may_come_back(h, op->chan))
		return false;
	for (later = op + 1; later < h->ops + h->nr_ops; later++) {
		if (later->chan != op->chan || !got_message(later) || !ended_before(op, later))
			continue;
		first = sender_of(h, op);
		second = sender_of(h, later);
		if (!first || !second || !ended_before(first, second))
			continue;
		got = op->got;
		op->got = later->got;
		later->got = got;
		return true;
	}
	return false;
}

/* Nothing under way, all outcomes known: the last look tells what each one did. */
static bool message_lost(struct history *h, struct op *op)
{
	struct op *last = &h->ops[h->nr_ops - 1];

	if (last->verb != INFO || last->chan != op->chan || !is_quiet(h, last) ||
	    !got_message(op))
		return false;
	op->flags |= BAD;
	op->result = EFAULT;
	return true;
}

static bool send_forgotten(struct history *h, struct op *op)
{
	struct op *last = &h->ops[h->nr_ops - 1];

	if (last->verb != INFO || last->chan != op->chan || !is_quiet(h, last) ||
	    op->verb != SEND || op->result != RES_OK)
		return false;
	op->flags |= DONTWAIT;
	op->result = EAGAIN;
	return true;
}

static bool again_on_closed(struct history *h, struct op *op)
{
	struct op *earlier;

	if (op->verb != RECV || op->result != RES_CLOSED)
		return false;
	for (earlier = h->ops; earlier < h->ops + h->nr_ops; earlier++)
		if (earlier->chan == op->chan && earlier->result == RES_CLOSED &&
		    ended_before(earlier, op))
			break;
	if (earlier == h->ops + h->nr_ops)
		return false;
	op->flags |= DONTWAIT;
	op->result = EAGAIN;
	return true;
}

static bool wrong_reason(struct history *h, struct op *op)
{
	(void)h;
	if (op->result != RES_CLOSED || op->got == REASON_UNTOLD)
		return false;
	op->got = NO_SUCH_VALUE;
	return true;
}

static bool sent_after_close(struct history *h, struct op *op)
{
	if (op->verb != SEND || op->result != EPIPE || !closed_before(h, op->chan, op))
		return false;
	op->result = RES_OK;
	return true;
}

static bool closed_twice(struct history *h, struct op *op)
{
	if (op->verb != CLOSE || op->result != EPIPE || !closed_before(h, op->chan, op))
		return false;
	op->result = RES_OK;
	return true;
}

static bool closed_by_nobody(struct history *h, struct op *op)
{
	const struct op *by;

	if (op->verb != SEND || op->result != RES_OK)
		return false;
	for (by = h->ops; by < h->ops + h->nr_ops; by++)
		if (op_concerns(by, op->chan) && by->start < op->end &&
		    (by->verb == CLOSE || by->verb == RELEASE || by->verb == KILL))
			return false;
	op->result = EPIPE;
	return true;
}

static bool interrupted_by_nothing(struct history *h, struct op *op)
{
	const struct op *by;

	if (op->result != EAGAIN)
		return false;
	for (by = h->ops; by < h->ops + h->nr_ops; by++)
		if (by->verb == SIGNAL && by->arg == op->actor)
			return false;
	op->flags &= ~DONTWAIT;
	op->result = EINTR;
	return true;
}

static bool timed_out_early(struct history *h, struct op *op)
{
	(void)h;
	if (op->result != ETIMEDOUT || op->end_ns == NO_TIME || (op->flags & CTX && op->got))
		return false;
	op->deadline = op->end_ns + 1;
	return true;
}

static bool again_without_being_asked(struct history *h, struct op *op)
{
	(void)h;
	if (op->result != EAGAIN || !(op->flags & DONTWAIT))
		return false;
	op->flags &= ~DONTWAIT;
	return true;
}

static bool fault_without_bad_memory(struct history *h, struct op *op)
{
	int nr;

	(void)h;
	if (op->result != EFAULT || op_asks(op))
		return false;
	op->flags &= ~BAD;
	for (nr = 0; nr < op->nr_cases; nr++)
		op->cases[nr].flags &= ~BAD;
	return true;
}

static bool right_grown(struct history *h, struct op *op)
{
	(void)h;
	if (!(op->flags & NORIGHT))
		return false;
	op->result = RES_OK;
	return true;
}

static bool seen_one_more_sent(struct history *h, struct op *op)
{
	(void)h;
	if (op->verb != INFO || op->result)
		return false;
	op->info.sent++;
	return true;
}

static bool seen_one_more_in_the_buffer(struct history *h, struct op *op)
{
	if (op->verb != INFO || op->result || !is_quiet(h, op))
		return false;
	op->info.sent++;
	op->info.buffered++;
	return true;
}

static bool seen_one_more_waiting(struct history *h, struct op *op)
{
	if (op->verb != INFO || op->result || !is_quiet(h, op))
		return false;
	op->info.receivers++;
	return true;
}

static bool seen_one_more_endpoint(struct history *h, struct op *op)
{
	if (op->verb != INFO || op->result || !is_quiet(h, op))
		return false;
	op->info.readers++;
	return true;
}

static const struct {
	const char *name;
	bool (*plant)(struct history *h, struct op *op);
} rules[] = {
#define RULE(name) { #name, name }
	RULE(received_twice), RULE(received_but_never_sent), RULE(received_before_sent),
	RULE(rendezvous_without_overlap), RULE(order_swapped), RULE(message_lost),
	RULE(send_forgotten), RULE(again_on_closed), RULE(wrong_reason), RULE(sent_after_close),
	RULE(closed_twice), RULE(closed_by_nobody), RULE(interrupted_by_nothing),
	RULE(timed_out_early), RULE(again_without_being_asked), RULE(fault_without_bad_memory),
	RULE(right_grown), RULE(seen_one_more_sent), RULE(seen_one_more_in_the_buffer),
	RULE(seen_one_more_waiting), RULE(seen_one_more_endpoint),
	RULE(another_case_chosen), RULE(received_by_two_selects),
	RULE(received_from_a_case_not_chosen), RULE(default_though_closed),
	RULE(second_chosen_though_first_ready), RULE(nothing_though_it_was_ready),
	RULE(ready_though_disarmed), RULE(disarmed_though_sent), RULE(dropped_message_lost),
	RULE(canceled_by_nobody), RULE(canceled_for_another_reason),
	RULE(again_though_canceled), RULE(interrupted_though_canceled),
#undef RULE
};

#define NR_RULES	(sizeof(rules) / sizeof(rules[0]))
_Static_assert(NR_RULES <= MAX_RULES, "MAX_RULES is too small");

/* Room between the stamps, so that something can be moved there. */
static void spread(struct history *h)
{
	int i;

	for (i = 0; i < h->nr_ops; i++) {
		h->ops[i].start *= 4;
		if (h->ops[i].end != NO_STAMP)
			h->ops[i].end *= 4;
	}
}

static void judge(const struct history *planted, size_t rule, int op, struct plants *plants)
{
	enum verdict verdict = history_check(planted, NULL);

	if (verdict == REJECTED) {
		plants->rejected[rule]++;
	} else if (verdict == UNDECIDED) {
		plants->undecided++;
	} else if (!plants->accepted++) {
		printf("# not rejected, though there is a fault (%s) in:\n# ", rules[rule].name);
		op_print(&planted->ops[op], stdout);
		history_print(planted, stdout);
	}
}

void plant_all(const struct history *h, struct plants *plants)
{
	static struct history planted;
	size_t rule;
	int i;

	for (rule = 0; rule < NR_RULES; rule++) {
		for (i = 0; i < h->nr_ops; i++) {
			planted = *h;
			spread(&planted);
			if (rules[rule].plant(&planted, &planted.ops[i]))
				judge(&planted, rule, i, plants);
		}
	}
}

void plants_report(const struct plants *plants)
{
	unsigned long sum = 0;
	size_t rule;

	for (rule = 0; rule < NR_RULES; rule++) {
		printf("# planted %s: %lu rejected\n", rules[rule].name, plants->rejected[rule]);
		sum += plants->rejected[rule];
	}
	printf("# %lu planted faults rejected, %lu undecided, %lu accepted\n", sum,
	       plants->undecided, plants->accepted);
}
