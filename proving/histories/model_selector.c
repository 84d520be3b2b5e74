// SPDX-License-Identifier: GPL-2.0-only
/* What is asked of a selector, as far as its select concerns one channel. */
#include <errno.h>

#include "parts.h"

/* Only while it is being finished. */
bool selector_may_copy(const struct view *v, const struct config *c, int selector)
{
	const struct op *op;
	int a;

	for (a = 0; a < v->h->nr_actors; a++) {
		op = v->active[a];
		if (op && op->verb == FINISH && op->arg == selector && op->result != EAGAIN &&
		    c->stage[a] == BEGUN)
			return true;
	}
	return false;
}

static bool needs(const struct view *v, const struct op *select, int right)
{
	enum verb verb = right == RIGHT_R ? RECV : SEND;
	int nr;

	for (nr = 0; nr < select->nr_cases; nr++)
		if (select->cases[nr].chan == v->chan && select->cases[nr].verb == verb)
			return true;
	return false;
}

/* Does one of that process keep an endpoint with that right? */
bool selector_holds(const struct view *v, const struct config *c, int process, int right)
{
	int a;

	for (a = 0; a < v->h->nr_actors; a++) {
		if (v->h->process[a] != process || !v->active[a] ||
		    !(v->active[a]->flags & ARMED))
			continue;
		if (c->stage[a] != IDLE && c->stage[a] != BEGUN && c->stage[a] != ENDED &&
		    needs(v, v->active[a], right))
			return true;
	}
	return false;
}

static bool has_happened(enum stage stage)
{
	return stage == COPYING || stage == LEAVING || stage == ENDED;
}

/* The answer to a question is what it is at this instant. */
static void answer(const struct view *v, const struct config *from, int actor, int result,
		   const struct sink *sink)
{
	struct step s;

	step_begin(&s, v, from);
	end_op(&s, actor, 0, result);
	step_end(&s, sink);
}

static void ask_poll(const struct view *v, const struct config *from, int actor,
		     const struct sink *sink)
{
	const struct op *op = v->active[actor];
	bool interrupted = op->result == EINTR && v->signals[actor] > 0;

	if (has_happened(from->stage[op->arg]))
		answer(v, from, actor, RES_OK, sink);
	else
		answer(v, from, actor, interrupted ? EINTR : EAGAIN, sink);
}

/* What it has received must have been copied, and that is another step. */
static void ask_finish(const struct view *v, const struct config *from, int actor,
		       const struct sink *sink)
{
	enum stage stage = from->stage[v->active[actor]->arg];

	if (stage == ENDED)
		answer(v, from, actor, RES_OK, sink);
	else if (!has_happened(stage))
		answer(v, from, actor, EAGAIN, sink);
}

static void ask_disarm(const struct view *v, const struct config *from, int actor,
		       const struct sink *sink)
{
	int selector = v->active[actor]->arg;
	struct step s;

	step_begin(&s, v, from);
	if (from->stage[selector] == BLOCKED) {
		end_op(&s, selector, NO_CASE, RES_DISARMED);
		end_op(&s, actor, 0, RES_OK);
	} else {
		if (from->stage[selector] == LENDING)
			select_let_go(&s, selector);
		end_op(&s, actor, 0, EALREADY);
	}
	step_end(&s, sink);
}

static void ask_drop(const struct view *v, const struct config *from, int actor,
		     const struct sink *sink)
{
	int selector = v->active[actor]->arg;
	struct step s;

	step_begin(&s, v, from);
	switch (from->stage[selector]) {
	case BLOCKED:
		end_op(&s, selector, NO_CASE, RES_UNKNOWN);
		break;
	case LENDING:
		select_let_go(&s, selector);
		break;
	case COPYING:
		copy_failed(v, from, selector, EFAULT, sink);
		return;
	case ENDED:
		end_op(&s, actor, 0, RES_OK);
		break;
	default:
		return;
	}
	step_end(&s, sink);
}

void selector_ask(const struct view *v, const struct config *from, int actor,
		  const struct sink *sink)
{
	const struct op *op = v->active[actor], *select = v->active[op->arg];

	/* Its cases are all of the other channel. */
	if (!select) {
		answer(v, from, actor, op->result, sink);
		return;
	}
	/* Until it has been armed nothing else can be asked. */
	if (from->stage[op->arg] == BEGUN)
		return;
	switch (op->verb) {
	case ARM:
		answer(v, from, actor, select_wrong_case(select), sink);
		break;
	case POLL:
		ask_poll(v, from, actor, sink);
		break;
	case FINISH:
		ask_finish(v, from, actor, sink);
		break;
	case DISARM:
		ask_disarm(v, from, actor, sink);
		break;
	default:
		ask_drop(v, from, actor, sink);
		break;
	}
}
