// SPDX-License-Identifier: GPL-2.0-only
/* An actor's selects. */
#include <errno.h>
#include <sys/ioctl.h>
#include <linux/hsk.h>

#include "record.h"

static void fill_case(struct request *r, const struct actor *actor, const struct op *op, int nr,
		      int fd)
{
	const struct one_case *c = &op->cases[nr];
	void *memory = &r->value[nr];

	r->value[nr] = c->value;
	if (c->flags & SLOW) {
		memory = memory_slow(actor->nr);
		r->slow[nr] = memory;
	}
	if (c->flags & BAD)
		memory = memory_bad(actor->nr);
	r->msg[nr].data = (uintptr_t)memory;
	r->msg[nr].len = c->flags & SMALL ? 1 : sizeof(r->value[nr]);
	r->cases[nr] = (struct hsk_select_case) {
		.fd = fd,
		.op = c->verb == SEND ? HSK_CASE_SEND : HSK_CASE_RECV,
		.msg = (uintptr_t)&r->msg[nr],
	};
}

int request_outcome(const struct request *r, struct op *op, int result)
{
	int nr = op->chosen;

	if (result)
		return -result;
	if (op->cases[nr].verb == SEND)
		return RES_OK;
	if (r->msg[nr].flags & HSK_MSG_F_CLOSED) {
		op->got = r->msg[nr].reason;
		return RES_CLOSED;
	}
	op->got = r->slow[nr] ? *r->slow[nr] : r->value[nr];
	return RES_OK;
}

static int do_select(struct actor *actor, int fd, struct op *op, struct request *r)
{
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = (op->flags & DONTWAIT ? HSK_OP_F_DONTWAIT : 0) |
			 (op->flags & CTX ? HSK_OP_F_CTX : 0) |
			 (op->flags & ORDERED ? HSK_SELECT_F_ORDERED : 0),
		.deadline = op->flags & DEADLINE ? op->deadline + shared->origin_ns : 0,
		.cases = (uintptr_t)r->cases,
		.nr_cases = op->nr_cases,
		.ctx = actor_ctx(actor, op),
	};
	int ret = ioctl(fd, HSK_IOC_SELECT, &args);

	op->got = args.ctx_reason;
	if (ret < 0)
		return errno;
	op->chosen = ret;
	return request_outcome(r, op, args.result);
}

static unsigned int choose_case_flags(struct actor *actor, enum verb verb, bool armed)
{
	unsigned int flags = 0;

	/* Where a selector's message goes to is said later. */
	if (armed && verb == RECV)
		return actor_random(actor, 12) ? 0 : SMALL;
	if (verb == RECV && !actor_random(actor, 4))
		flags |= SLOW;
	if (!actor_random(actor, verb == RECV ? 9 : 50))
		flags |= BAD;
	else if (verb == RECV && !actor_random(actor, 12))
		flags |= SMALL;
	return flags;
}

/* One more case on @chan, if the actor has an endpoint there; its descriptor, or -1. */
static int add_case(struct actor *actor, struct op *op, int chan)
{
	struct one_case *c = &op->cases[op->nr_cases];
	int n = actor_choose_endpoint(actor, chan, RIGHT_R | RIGHT_W);

	if (n < 0)
		return -1;
	c->verb = actor_choose_direction(actor, chan, n);
	c->chan = chan;
	c->flags = choose_case_flags(actor, c->verb, op->flags & ARMED);
	c->value = c->verb == SEND ? actor_new_value(actor) : 0;
	if (!(actor->rights[chan][n] & (c->verb == SEND ? RIGHT_W : RIGHT_R)))
		c->flags |= NORIGHT;
	op->nr_cases++;
	return actor->fd[chan][n];
}

static void add_disabled(struct request *r, struct op *op)
{
	op->cases[op->nr_cases] = (struct one_case) { .verb = RECV, .chan = NO_CHAN };
	r->cases[op->nr_cases++] = (struct hsk_select_case) { .fd = -1 };
}

/* On one channel and another, if there is one, as a rule. */
int request_fill(struct request *r, struct actor *actor, struct op *op, int chan)
{
	int n = actor_random(actor, 3) ? 2 : MAX_CASES, last = -1, fd, i;

	op->chosen = NO_CASE;
	for (i = 0; i < n; i++) {
		if (!actor_random(actor, 10)) {
			add_disabled(r, op);
			continue;
		}
		fd = add_case(actor, op, chan);
		if (fd >= 0) {
			fill_case(r, actor, op, op->nr_cases - 1, fd);
			last = fd;
		}
		if (actor_random(actor, 5))
			chan = (chan + 1) % shared->nr_chans;
	}
	return last;
}

void actor_select(struct actor *actor, int chan)
{
	struct op *op = note_begin(actor, SELECT, -1, 0);
	struct request r = { 0 };
	int fd;

	if (!op)
		return;
	fd = request_fill(&r, actor, op, chan);
	if (fd < 0)
		return;
	op->flags = actor_choose_waiting(actor, op);
	if (!actor_random(actor, 3))
		op->flags |= ORDERED;
	if (!actor_random(actor, 4))
		op->flags |= CTX;
	note_start(op);
	note_end(op, do_select(actor, fd, op, &r));
}
