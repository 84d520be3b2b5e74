// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "parts.h"

/* --- the first step of each operation ------------------------------------------------------ */

static void begin_transfer(struct step *s, int actor)
{
	const struct op *op = s->v->active[actor];

	if (op->verb == SEND && op->flags & BAD)
		end_op(s, actor, 0, EFAULT);
	else if (try_case(s, actor, 0))
		return;
	else if (op->flags & DONTWAIT)
		refuse(s, actor, 0);
	else
		queue_up(s, actor, 0);
}

static void begin_close(struct step *s, int actor)
{
	if (s->c.closed) {
		end_op(s, actor, 0, EPIPE);
		return;
	}
	end_op(s, actor, 0, RES_OK);
	shut(s, s->v->active[actor]->arg);
}

static void begin_cancel(struct step *s, int actor)
{
	if (s->c.canceled) {
		end_op(s, actor, 0, EPIPE);
		return;
	}
	end_op(s, actor, 0, RES_OK);
	s->c.canceled = 1;
	s->c.ctx_reason = s->v->active[actor]->arg;
}

/* Places that may be counted or not. */
static void count_lending(const struct step *s, int *senders, int *receivers)
{
	const struct config *c = &s->c;
	int i;

	for (i = 0; i < c->nr_line; i++)
		*senders += c->place[i] == WAITING && c->stage[sender_of(s, i)] == LENDING;
	for (i = 0; i < c->nr_queue; i++)
		*receivers += c->stage[OF(c->queue[i])] == LENDING;
}

static int at_most(int n, int most)
{
	return n < most ? n : most;
}

static void begin_info(struct step *s, int actor)
{
	const struct op *op = s->v->active[actor];
	struct snapshot least, is;
	int senders = 0, receivers = 0;

	look(&s->c, &is);
	count_lending(s, &senders, &receivers);
	least = is;
	least.senders -= senders;
	least.receivers -= receivers;
	if (op->info.senders >= least.senders)
		is.senders = at_most(op->info.senders, is.senders);
	if (op->info.receivers >= least.receivers)
		is.receivers = at_most(op->info.receivers, is.receivers);
	end_op(s, actor, 0, RES_OK);
	if (op->result == RES_OK && memcmp(&is, &op->info, sizeof(is)))
		s->dead = true;
}

/* --- endpoints go ------------------------------------------------------------------------ */

static void count_down(struct step *s, int actor, int process, int rights)
{
	struct config *c = &s->c;
	int ended = 0;

	if (!c->endpoints[process][rights]) {
		s->dead = true;
		return;
	}
	c->endpoints[process][rights]--;
	if (rights & RIGHT_R && !count_rights(c, RIGHT_R))
		ended |= RIGHT_R;
	if (rights & RIGHT_W && !count_rights(c, RIGHT_W))
		ended |= RIGHT_W;
	c->held[actor] = ended;
	c->stage[actor] = COUNTED;
}

static void drain(struct config *c)
{
	int i;

	for (i = c->nr_line - 1; i >= 0; i--) {
		if (c->place[i] != BUFFERED)
			continue;
		c->drained++;
		remove_from_line(c, i);
	}
}

/* One endpoint's further steps; true while there are any. */
static bool go_on_releasing(struct step *s, int actor)
{
	struct config *c = &s->c;

	if (c->stage[actor] == COUNTED && c->held[actor]) {
		shut(s, c->held[actor] & RIGHT_W ? -EOWNERDEAD : -EPIPE);
		c->stage[actor] = SHUT;
		return true;
	}
	if (c->stage[actor] == SHUT && c->held[actor] & RIGHT_R) {
		drain(c);
		c->held[actor] = 0;
		return true;
	}
	return false;
}

static bool is_selector(const struct view *v, int actor)
{
	return v->active[actor] && v->active[actor]->flags & ARMED;
}

/* Of a process that dies, nothing runs any more. */
static bool all_ended(const struct view *v, const struct config *c, int process)
{
	int a;

	for (a = 0; a < v->h->nr_actors; a++)
		if (v->h->process[a] == process && !is_selector(v, a) && c->stage[a] != IDLE &&
		    c->stage[a] != BEGUN && c->stage[a] != ENDED)
			return false;
	return true;
}

/* True when that are all: a selector that is armed goes by itself. */
static bool forget_actors(struct step *s, int process)
{
	unsigned char *stage = s->c.stage;
	bool all = true;
	int a;

	for (a = 0; a < s->v->h->nr_actors; a++) {
		if (s->v->h->process[a] != process)
			continue;
		if (stage[a] == BEGUN || stage[a] == ENDED)
			stage[a] = IDLE;
		all &= stage[a] == IDLE;
	}
	return all;
}

/* --- all steps of an operation ------------------------------------------------------------- */

void step_begin(struct step *s, const struct view *v, const struct config *from)
{
	s->v = v;
	s->c = *from;
	s->dead = false;
}

void step_end(struct step *s, const struct sink *sink)
{
	if (!s->dead)
		sink->found(&s->c, sink->arg);
}

static void step_first(struct step *s, int actor)
{
	const struct op *op = s->v->active[actor];
	int process = s->v->h->process[actor];

	if (op->flags & NORIGHT) {
		end_op(s, actor, 0, op->verb == DUP ? EPERM : EBADF);
		return;
	}
	switch (op->verb) {
	case SEND:
	case RECV:
		begin_transfer(s, actor);
		break;
	case CLOSE:
		begin_close(s, actor);
		break;
	case CANCEL:
		begin_cancel(s, actor);
		break;
	case RELEASE:
		count_down(s, actor, process, op->arg);
		break;
	case DUP:
		s->c.endpoints[process][op->arg]++;
		end_op(s, actor, 0, RES_OK);
		break;
	case INFO:
		begin_info(s, actor);
		break;
	default:
		end_op(s, actor, 0, RES_OK);
		break;
	}
}

bool told_by_context(const struct config *c, const struct op *op)
{
	int result = c->ctx_reason == -ETIMEDOUT ? ETIMEDOUT : ECANCELED;

	return op->flags & CTX && c->canceled && op->result == result && op->got == c->ctx_reason;
}

int gives_up_with(const struct op *op)
{
	return op->result == ETIMEDOUT || op->result == ECANCELED ? op->result : EINTR;
}

bool may_give_up(const struct view *v, const struct config *c, int actor, int with)
{
	const struct op *op = v->active[actor];
	bool late = op->flags & DEADLINE && (v->now == NO_TIME || v->now >= op->deadline);

	switch (with) {
	case EINTR:
		return v->signals[actor] > 0;
	case ETIMEDOUT:
		return (late && !(op->flags & CTX && op->got)) || told_by_context(c, op);
	case ECANCELED:
		return told_by_context(c, op);
	default:
		return late || (op->flags & CTX && c->canceled) || v->signals[actor] > 0 ||
		       is_killed(v, actor);
	}
}

static void give_up(const struct view *v, const struct config *from, int actor,
		    const struct sink *sink)
{
	const struct op *op = v->active[actor];
	struct step s;
	int i;

	if (!may_give_up(v, from, actor, op->result))
		return;
	step_begin(&s, v, from);
	i = op->verb == SEND ? find_in_line(from, NTH(op_index(v, actor), 0)) : -1;
	if (i >= 0 && from->place[i] == LENT) {
		s.c.place[i] = HANDED;
		end_op(&s, actor, 0, RES_OK);
	} else {
		end_op(&s, actor, 0, gives_up_with(op));
	}
	step_end(&s, sink);
}

/* Nothing was ready; a context is looked at after that. */
static void be_refused(const struct view *v, const struct config *from, int actor,
		       const struct sink *sink)
{
	const struct op *op = v->active[actor];
	bool told = !from->canceled || op->result == RES_UNKNOWN || told_by_context(from, op);
	int nr = op->verb == SELECT ? NO_CASE : 0;
	struct step s;

	step_begin(&s, v, from);
	end_op(&s, actor, nr, from->canceled ? gives_up_with(op) : EAGAIN);
	if (told)
		step_end(&s, sink);
}

static void copy_done(const struct view *v, const struct config *from, int actor,
		      const struct sink *sink)
{
	int i = find_in_line(from, from->held[actor]);
	bool lent = from->place[i] == LENT;
	struct step s;

	step_begin(&s, v, from);
	if (lent) {
		end_op(&s, sender_of(&s, i), NR(from->line[i]), RES_OK);
		/* What else the sender offered has gone. */
		i = find_in_line(&s.c, from->held[actor]);
	}
	remove_from_line(&s.c, i);
	s.c.received++;
	end_op(&s, actor, from->copies[actor], RES_OK);
	settle(&s);
	step_end(&s, sink);
}

void copy_failed(const struct view *v, const struct config *from, int actor, int err,
		 const struct sink *sink)
{
	int i = find_in_line(from, from->held[actor]), sender;
	struct step s;

	step_begin(&s, v, from);
	sender = sender_of(&s, i);
	if (from->place[i] == LENT) {
		s.c.place[i] = WAITING;
		s.c.sent--;
	} else {
		s.c.place[i] = BUFFERED;
	}
	end_op(&s, actor, from->copies[actor], err);
	if (from->place[i] == LENT && from->stage[sender] == LENDING) {
		select_go_on(&s, sender, sink);
		return;
	}
	settle(&s);
	step_end(&s, sink);
}

static void end_copy(const struct view *v, const struct config *from, int actor,
		     const struct sink *sink)
{
	const struct op *op = v->active[actor];
	int err = copy_result(op, from->copies[actor]);
	bool may = !(op->flags & ARMED) || selector_may_copy(v, from, actor);

	if (may && err)
		copy_failed(v, from, actor, err, sink);
	else if (may)
		copy_done(v, from, actor, sink);
	if (op->result == RES_UNKNOWN && is_killed(v, actor))
		copy_failed(v, from, actor, EINTR, sink);
}

/* A selector keeps the endpoints of its cases. */
static void keep_held(struct step *s, int process)
{
	const unsigned char *has = s->c.endpoints[process];

	if (selector_holds(s->v, &s->c, process, RIGHT_R) && !has[RIGHT_R] &&
	    !has[RIGHT_R | RIGHT_W])
		s->dead = true;
	if (selector_holds(s->v, &s->c, process, RIGHT_W) && !has[RIGHT_W] &&
	    !has[RIGHT_R | RIGHT_W])
		s->dead = true;
}

static void go_on_dying(const struct view *v, const struct config *from, int actor,
			const struct sink *sink)
{
	int process = v->active[actor]->arg, rights;
	bool any = false;
	struct step s;

	if (!all_ended(v, from, process))
		return;
	step_begin(&s, v, from);
	any = !forget_actors(&s, process);
	if (go_on_releasing(&s, actor)) {
		step_end(&s, sink);
		return;
	}
	for (rights = 1; rights < 4; rights++) {
		if (!from->endpoints[process][rights])
			continue;
		any = true;
		step_begin(&s, v, from);
		forget_actors(&s, process);
		count_down(&s, actor, process, rights);
		keep_held(&s, process);
		step_end(&s, sink);
	}
	if (!any) {
		end_op(&s, actor, 0, RES_OK);
		step_end(&s, sink);
	}
}

void config_steps(const struct view *v, const struct config *from, int actor,
		  void (*found)(const struct config *to, void *arg), void *arg)
{
	const struct op *op = v->active[actor];
	const struct sink sink = { found, arg };
	struct step s;

	if (op->verb == KILL && from->stage[actor] != ENDED && from->stage[actor] != IDLE) {
		go_on_dying(v, from, actor, &sink);
		return;
	}
	switch (from->stage[actor]) {
	case BEGUN:
		if (op->verb == SELECT) {
			select_begin(v, from, actor, &sink);
			break;
		}
		if (op_asks(op)) {
			selector_ask(v, from, actor, &sink);
			break;
		}
		step_begin(&s, v, from);
		step_first(&s, actor);
		/* A sender that came first and a receiver that came later, or so. */
		settle(&s);
		step_end(&s, &sink);
		break;
	case BLOCKED:
	case LENDING:
		if (op->verb == SELECT)
			select_go(v, from, actor, &sink);
		else
			give_up(v, from, actor, &sink);
		break;
	case REFUSED:
		be_refused(v, from, actor, &sink);
		break;
	case LEAVING:
		select_leave(v, from, actor, &sink);
		break;
	case COPYING:
		end_copy(v, from, actor, &sink);
		break;
	case COUNTED:
	case SHUT:
		step_begin(&s, v, from);
		if (!go_on_releasing(&s, actor))
			end_op(&s, actor, 0, RES_OK);
		step_end(&s, &sink);
		break;
	default:
		break;
	}
}
