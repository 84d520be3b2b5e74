// SPDX-License-Identifier: GPL-2.0-only
/* The steps of a select, as far as they concern one of its channels. */
#include <errno.h>

#include "parts.h"

static bool is_here(const struct view *v, const struct op *op, int nr)
{
	return op->cases[nr].chan == v->chan;
}

static int count_here(const struct view *v, const struct op *op)
{
	int nr, n = 0;

	for (nr = 0; nr < op->nr_cases; nr++)
		n += is_here(v, op, nr);
	return n;
}

int select_wrong_case(const struct op *op)
{
	const struct one_case *c;

	for (c = op->cases; c < op->cases + op->nr_cases; c++) {
		if (c->flags & NORIGHT)
			return EBADF;
		if (c->verb == SEND && c->flags & BAD)
			return EFAULT;
	}
	return 0;
}

static bool is_elsewhere(const struct view *v, const struct op *op, int nr)
{
	return !is_here(v, op, nr) && op->cases[nr].chan != NO_CHAN;
}

/* Does what was recorded allow for a case of another channel to have happened? */
static bool may_end_elsewhere(const struct view *v, const struct op *op)
{
	int nr;

	if (op->result != RES_UNKNOWN)
		return op->chosen != NO_CASE && is_elsewhere(v, op, op->chosen);
	for (nr = 0; nr < op->nr_cases; nr++)
		if (is_elsewhere(v, op, nr))
			return true;
	return false;
}

static bool may_be_chosen(const struct op *op, int nr)
{
	return op->result == RES_UNKNOWN || op->chosen == nr;
}

/* A case that was tried before the chosen one must have been tried. */
static bool may_end_unseen(const struct view *v, const struct op *op)
{
	int nr;

	if (!may_end_elsewhere(v, op))
		return false;
	for (nr = 0; op->flags & ORDERED && nr < op->chosen; nr++)
		if (is_here(v, op, nr))
			return false;
	return true;
}

/* It has places here only if it has waited. */
static void end_elsewhere(const struct view *v, const struct config *from, int actor,
			  const struct sink *sink)
{
	struct step s;

	step_begin(&s, v, from);
	stop_waiting(&s, actor);
	s.c.stage[actor] = ENDED;
	step_end(&s, sink);
}

/* Those of three cases are all that there are: as listed or turned, and that turned round. */
_Static_assert(MAX_CASES == 3, "in_turn() knows all orders");

static int count_orders(const struct view *v, const struct op *op)
{
	if (op->flags & ORDERED || count_here(v, op) < 2)
		return 1;
	return op->nr_cases < 3 ? op->nr_cases : 6;
}

static int in_turn(const struct op *op, int order, int i)
{
	if (order >= op->nr_cases)
		i = op->nr_cases - 1 - i;
	return (order + i) % op->nr_cases;
}

/* No case of this channel is ready. */
static void none_ready(struct step *s, int actor, int order, const struct sink *sink)
{
	const struct op *op = s->v->active[actor];
	int i, nr;

	if (may_end_elsewhere(s->v, op))
		end_elsewhere(s->v, &s->c, actor, sink);
	if (s->c.stage[actor] == LENDING) {
		s->c.stage[actor] = BLOCKED;
	} else if (op->flags & DONTWAIT) {
		refuse(s, actor, NO_CASE);
	} else {
		for (i = 0; i < op->nr_cases; i++) {
			nr = in_turn(op, order, i);
			if (is_here(s->v, op, nr))
				queue_up(s, actor, nr);
		}
	}
	step_end(s, sink);
}

/* The instant at which it looks, and unless something is ready queues up. */
static void look_here(const struct view *v, const struct config *from, int actor, int order,
		      const struct sink *sink)
{
	const struct op *op = v->active[actor];
	struct step s;
	int i, nr;

	step_begin(&s, v, from);
	for (i = 0; i < op->nr_cases; i++) {
		nr = in_turn(op, order, i);
		/* That one is tried before what is listed behind it. */
		if (!s.dead && is_elsewhere(v, op, nr) && may_be_chosen(op, nr))
			end_elsewhere(v, &s.c, actor, sink);
		if (!is_here(v, op, nr) || !try_case(&s, actor, nr))
			continue;
		settle(&s);
		step_end(&s, sink);
		return;
	}
	if (!s.dead)
		none_ready(&s, actor, order, sink);
}

void select_go_on(const struct step *from, int actor, const struct sink *sink)
{
	const struct view *v = from->v;
	const struct op *op = v->active[actor];
	int nr;

	if (from->dead)
		return;
	if (may_end_unseen(v, op))
		end_elsewhere(v, &from->c, actor, sink);
	for (nr = 0; nr < count_orders(v, op); nr++)
		look_here(v, &from->c, actor, nr, sink);
}

/* An offer before that, which nobody could take, though some had to end who had no room. */
static void offer_in_vain(const struct view *v, const struct config *from, int actor, int nr,
			  const struct sink *sink)
{
	struct step s;

	step_begin(&s, v, from);
	if (!try_case(&s, actor, nr))
		step_end(&s, sink);
}

void select_begin(const struct view *v, const struct config *from, int actor,
		  const struct sink *sink)
{
	const struct op *op = v->active[actor];
	int wrong = select_wrong_case(op), nr;
	struct step s;

	if (wrong) {
		step_begin(&s, v, from);
		end_op(&s, actor, NO_CASE, wrong);
		step_end(&s, sink);
		return;
	}
	if (may_end_unseen(v, op))
		end_elsewhere(v, from, actor, sink);
	for (nr = 0; nr < count_orders(v, op); nr++)
		look_here(v, from, actor, nr, sink);
	for (nr = 0; !(op->flags & ORDERED) && nr < op->nr_cases; nr++)
		if (is_here(v, op, nr) && op->cases[nr].verb == SEND)
			offer_in_vain(v, from, actor, nr, sink);
}

/* --- while its message is lent --------------------------------------------------------------- */

static bool receives_on(const struct op *op, int chan)
{
	int nr;

	for (nr = 0; nr < op->nr_cases; nr++)
		if (op->cases[nr].verb == RECV && op->cases[nr].chan == chan)
			return true;
	return op->verb == RECV && op->chan == chan;
}

/* Somebody by now who may have taken a message of that channel, and failed. */
static bool may_be_failed(const struct view *v, const struct op *select, int chan)
{
	const struct op *op;

	for (op = v->h->ops; op < v->h->ops + v->h->nr_ops; op++)
		if (op_may_fail(op) && op != select &&
		    op->start < v->stamp && (op->end == NO_STAMP || op->end > select->start) &&
		    receives_on(op, chan))
			return true;
	return false;
}

/* May its message be lent on another channel, and come back? */
static bool may_come_back(const struct view *v, const struct op *op)
{
	int nr;

	for (nr = 0; nr < op->nr_cases; nr++)
		if (is_elsewhere(v, op, nr) && op->cases[nr].verb == SEND &&
		    may_be_failed(v, op, op->cases[nr].chan))
			return true;
	return false;
}

/*
 * A selector may be asked while its message is lent on another channel, and has not
 * happened then, though nobody meets it here.
 */
static bool may_be_asked(const struct view *v, const struct op *op)
{
	int nr;

	for (nr = 0; op->flags & ARMED && nr < op->nr_cases; nr++)
		if (is_elsewhere(v, op, nr) && op->cases[nr].verb == SEND &&
		    (op->result == RES_UNKNOWN || (op->result == RES_OK && op->chosen == nr)))
			return true;
	return false;
}

/* In the line, -1: none. */
static int find_lent(const struct view *v, const struct config *c, const struct op *op)
{
	int i;

	for (i = 0; i < c->nr_line; i++)
		if (c->place[i] == LENT && &v->h->ops[OF(c->line[i])] == op)
			return i;
	return -1;
}

static bool is_sure_to_receive(const struct view *v, const struct config *c, int sent)
{
	int a;

	for (a = 0; a < v->h->nr_actors; a++)
		if (c->stage[a] == COPYING && c->held[a] == sent)
			return v->active[a]->result == RES_OK;
	return false;
}

bool config_decides(const struct view *v, const struct config *c, const struct op *op)
{
	enum stage stage = c->stage[op->actor];
	int i;

	if (stage != LENDING)
		return stage == COPYING || stage == ENDED || stage == LEAVING || stage == REFUSED;
	i = find_lent(v, c, op);
	if (i < 0)
		return may_be_asked(v, op) && !may_come_back(v, op);
	return is_sure_to_receive(v, c, c->line[i]);
}

/* What is lent on another channel may have been decided there. */
bool config_may_decide(const struct view *v, const struct config *c, const struct op *op)
{
	if (c->stage[op->actor] == LENDING && find_lent(v, c, op) < 0 && may_be_asked(v, op))
		return true;
	return config_decides(v, c, op);
}

void select_let_go(struct step *s, int actor)
{
	const struct op *op = s->v->active[actor];
	int i = find_lent(s->v, &s->c, op);

	if (i >= 0) {
		s->c.place[i] = HANDED;
		end_op(s, actor, NR(s->c.line[i]), RES_OK);
	} else if (may_end_elsewhere(s->v, op)) {
		stop_waiting(s, actor);
		s->c.stage[actor] = ENDED;
	} else {
		s->dead = true;
	}
}

/* It is let go, or elsewhere the message has come back or not. */
static void go_lending(const struct view *v, const struct config *from, int actor,
		       const struct sink *sink)
{
	const struct op *op = v->active[actor];
	int i = find_lent(v, from, op);
	struct step s;

	step_begin(&s, v, from);
	if (i < 0) {
		if (may_end_elsewhere(v, op))
			end_elsewhere(v, from, actor, sink);
		if (may_come_back(v, op))
			select_go_on(&s, actor, sink);
	} else if (may_give_up(v, from, actor, RES_OK)) {
		select_let_go(&s, actor);
		step_end(&s, sink);
	}
}

/* --- while it waits -------------------------------------------------------------------------- */

static void lend_elsewhere(const struct view *v, const struct config *from, int actor,
			   const struct sink *sink)
{
	struct step s;

	step_begin(&s, v, from);
	s.c.stage[actor] = LENDING;
	step_end(&s, sink);
}

/* It waits, and something happens that is not of this channel. */
void select_go(const struct view *v, const struct config *from, int actor,
	       const struct sink *sink)
{
	const struct op *op = v->active[actor];
	bool gives_up = op->result == RES_UNKNOWN ||
			(op->chosen == NO_CASE && op->result == gives_up_with(op));
	struct step s;

	if (from->stage[actor] == LENDING) {
		go_lending(v, from, actor, sink);
		return;
	}
	if (may_come_back(v, op) || may_be_asked(v, op))
		lend_elsewhere(v, from, actor, sink);
	if (!may_end_elsewhere(v, op) && !(gives_up && may_give_up(v, from, actor, op->result)))
		return;
	step_begin(&s, v, from);
	s.c.stage[actor] = LEAVING;
	step_end(&s, sink);
}

static void leave_done(struct step *s, int actor, const struct sink *sink)
{
	int i;

	for (i = 0; i < s->c.nr_line; i++)
		if (s->c.place[i] == WAITING && sender_of(s, i) == actor)
			goto out;
	for (i = 0; i < s->c.nr_queue; i++)
		if (OF(s->c.queue[i]) == actor)
			goto out;
	s->c.stage[actor] = ENDED;
out:
	step_end(s, sink);
}

/* One of its places is given up. */
void select_leave(const struct view *v, const struct config *from, int actor,
		  const struct sink *sink)
{
	struct step s;
	int i;

	step_begin(&s, v, from);
	for (i = 0; i < from->nr_line; i++) {
		if (from->place[i] != WAITING || sender_of(&s, i) != actor)
			continue;
		remove_from_line(&s.c, i);
		leave_done(&s, actor, sink);
		step_begin(&s, v, from);
	}
	for (i = 0; i < from->nr_queue; i++) {
		if (OF(from->queue[i]) != actor)
			continue;
		remove_from_queue(&s.c, i);
		leave_done(&s, actor, sink);
		step_begin(&s, v, from);
	}
}
