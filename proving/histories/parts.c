// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "parts.h"

void config_init(struct config *c, const struct history *h, int chan)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->endpoints, h->endpoints[chan], sizeof(c->endpoints));
}

/* --- questions ------------------------------------------------------------------------ */

static int count_places(const struct config *c, enum place a, enum place b)
{
	int i, n = 0;

	for (i = 0; i < c->nr_line; i++)
		n += c->place[i] == a || c->place[i] == b;
	return n;
}

bool has_slot(const struct step *s)
{
	return count_places(&s->c, BUFFERED, TAKEN) < s->v->h->capacity[s->v->chan];
}

/* A sender that waits and can be met. */
static bool waits_in_line(const struct step *s, int i)
{
	return s->c.place[i] == WAITING && s->c.stage[sender_of(s, i)] == BLOCKED;
}

/* Those of @not_of, who looks, do not count. */
int first_at_hand(const struct step *s, int not_of)
{
	int i;

	for (i = 0; i < s->c.nr_line; i++)
		if (s->c.place[i] == BUFFERED ||
		    (waits_in_line(s, i) && sender_of(s, i) != not_of))
			return i;
	return -1;
}

/* A number in the queue. */
int first_receiver(const struct step *s)
{
	int i;

	for (i = 0; i < s->c.nr_queue; i++)
		if (s->c.stage[OF(s->c.queue[i])] == BLOCKED)
			return i;
	return -1;
}

/* On a closed channel the only ones that are WAITING are LEAVING or LENDING. */
bool is_drained(const struct config *c)
{
	return c->closed && c->nr_line == count_places(c, WAITING, WAITING);
}

int find_in_line(const struct config *c, int sent)
{
	int i;

	for (i = 0; i < c->nr_line; i++)
		if (c->line[i] == sent)
			return i;
	return -1;
}

int count_rights(const struct config *c, int right)
{
	int p, n = 0;

	for (p = 0; p < MAX_PROCS; p++)
		n += c->endpoints[p][right] + c->endpoints[p][RIGHT_R | RIGHT_W];
	return n;
}

void look(const struct config *c, struct snapshot *is)
{
	int waiting = count_places(c, WAITING, WAITING);

	*is = (struct snapshot) {
		.sent = c->sent, .received = c->received, .drained = c->drained,
		.buffered = c->nr_line - waiting, .senders = waiting, .receivers = c->nr_queue,
		.readers = count_rights(c, RIGHT_R), .writers = count_rights(c, RIGHT_W),
		.closed = c->closed, .reason = c->reason,
	};
}

int op_index(const struct view *v, int actor)
{
	return v->active[actor] - v->h->ops;
}

bool is_killed(const struct view *v, int actor)
{
	return v->dying[v->h->process[actor]];
}

int sender_of(const struct step *s, int i)
{
	return s->v->h->ops[OF(s->c.line[i])].actor;
}

/* --- what steps are made of ---------------------------------------------------------- */

/* All places in which @actor waits. */
void stop_waiting(struct step *s, int actor)
{
	struct config *c = &s->c;
	int i;

	for (i = c->nr_line; i--;)
		if (c->place[i] == WAITING && sender_of(s, i) == actor)
			remove_from_line(c, i);
	for (i = c->nr_queue; i--;)
		if (OF(c->queue[i]) == actor)
			remove_from_queue(c, i);
}

void end_op(struct step *s, int actor, int nr, int result)
{
	const struct op *op = s->v->active[actor];

	stop_waiting(s, actor);
	s->c.stage[actor] = ENDED;
	s->c.held[actor] = 0;
	s->c.copies[actor] = 0;
	if (op->result == RES_UNKNOWN)
		return;
	if (op->result != result || (op->verb == SELECT && op->chosen != nr))
		s->dead = true;
}

void end_closed(struct step *s, int actor, int nr)
{
	const struct op *op = s->v->active[actor];

	end_op(s, actor, nr, RES_CLOSED);
	if (op->result == RES_CLOSED && op->got != REASON_UNTOLD && op->got != s->c.reason)
		s->dead = true;
}

/* What is there already, of a select that tries again, keeps its place. */
void add_to_line(struct step *s, int actor, int nr, enum place place)
{
	int sent = NTH(op_index(s->v, actor), nr), i = find_in_line(&s->c, sent);
	struct config *c = &s->c;

	if (i < 0)
		i = c->nr_line++;
	if (i == MAX_LINE) {
		c->nr_line--;
		s->dead = true;
		return;
	}
	c->line[i] = sent;
	c->place[i] = place;
}

void remove_from_line(struct config *c, int i)
{
	int n = --c->nr_line;

	memmove(c->line + i, c->line + i + 1, (n - i) * sizeof(c->line[0]));
	memmove(c->place + i, c->place + i + 1, n - i);
	c->line[n] = 0;
	c->place[n] = NOWHERE;
}

void remove_from_queue(struct config *c, int i)
{
	int n = --c->nr_queue;

	memmove(c->queue + i, c->queue + i + 1, n - i);
	c->queue[n] = 0;
}

/* Where a selector's message goes to is said when it is finished. */
int copy_result(const struct op *op, int nr)
{
	unsigned int flags = op->flags & ARMED ? op->flags : op_case(op, nr).flags;

	if (flags & BAD)
		return EFAULT;
	return flags & SMALL ? EMSGSIZE : RES_OK;
}

/* @actor copies a message; only the one that it is recorded to have got will do. */
void begin_copy(struct step *s, int actor, int nr, int sent)
{
	const struct op *op = s->v->active[actor];

	stop_waiting(s, actor);
	s->c.stage[actor] = COPYING;
	s->c.held[actor] = sent;
	s->c.copies[actor] = nr;
	if (op->result == RES_UNKNOWN)
		return;
	if (op->result != copy_result(op, nr))
		s->dead = true;
	if (op->result == RES_OK && op->got != op_case(&s->v->h->ops[OF(sent)], NR(sent)).value)
		s->dead = true;
	if (op->verb == SELECT && op->chosen != nr)
		s->dead = true;
}

void take(struct step *s, int actor, int nr, int i)
{
	struct config *c = &s->c;
	int sent = c->line[i];

	if (op_case(s->v->active[actor], nr).flags & SMALL) {
		end_op(s, actor, nr, EMSGSIZE);
		return;
	}
	if (c->place[i] == BUFFERED) {
		c->place[i] = TAKEN;
	} else {
		c->sent++;
		c->place[i] = LENT;
		if (s->v->h->ops[OF(sent)].verb == SELECT)
			c->stage[sender_of(s, i)] = LENDING;
	}
	begin_copy(s, actor, nr, sent);
}

static bool try_send(struct step *s, int actor, int nr)
{
	struct config *c = &s->c;
	int first, receiver, with;

	if (c->closed) {
		end_op(s, actor, nr, EPIPE);
		return true;
	}
	while ((first = first_receiver(s)) >= 0) {
		receiver = OF(c->queue[first]);
		with = NR(c->queue[first]);
		remove_from_queue(c, first);
		if (op_case(s->v->active[receiver], with).flags & SMALL) {
			end_op(s, receiver, with, EMSGSIZE);
			continue;
		}
		add_to_line(s, actor, nr, HANDED);
		c->sent++;
		begin_copy(s, receiver, with, NTH(op_index(s->v, actor), nr));
		end_op(s, actor, nr, RES_OK);
		return true;
	}
	if (!has_slot(s))
		return false;
	add_to_line(s, actor, nr, BUFFERED);
	c->sent++;
	end_op(s, actor, nr, RES_OK);
	return true;
}

static bool try_recv(struct step *s, int actor, int nr)
{
	int i = first_at_hand(s, NOBODY);

	if (i >= 0)
		take(s, actor, nr, i);
	else if (is_drained(&s->c))
		end_closed(s, actor, nr);
	else
		return false;
	return true;
}

bool try_case(struct step *s, int actor, int nr)
{
	if (op_case(s->v->active[actor], nr).verb == SEND)
		return try_send(s, actor, nr);
	return try_recv(s, actor, nr);
}

void refuse(struct step *s, int actor, int nr)
{
	if (s->v->active[actor]->flags & CTX)
		s->c.stage[actor] = REFUSED;
	else
		end_op(s, actor, nr, EAGAIN);
}

void queue_up(struct step *s, int actor, int nr)
{
	const struct op *op = s->v->active[actor];
	struct config *c = &s->c;

	/* The context is looked at before anything else. */
	if (op->flags & CTX && c->canceled &&
	    (op->result == EINTR || (op->result == ETIMEDOUT && !op->got)))
		s->dead = true;
	if (op_case(op, nr).verb == SEND)
		add_to_line(s, actor, nr, WAITING);
	else
		c->queue[c->nr_queue++] = NTH(actor, nr);
	c->stage[actor] = BLOCKED;
}

/* --- what happens by itself -------------------------------------------------------------- */

static bool expel_sender(struct step *s)
{
	struct config *c = &s->c;
	int i;

	for (i = 0; c->closed && i < c->nr_line; i++) {
		if (c->place[i] == LENT) {
			c->place[i] = HANDED;
			end_op(s, sender_of(s, i), NR(c->line[i]), RES_OK);
			return true;
		}
		if (waits_in_line(s, i)) {
			end_op(s, sender_of(s, i), NR(c->line[i]), EPIPE);
			return true;
		}
	}
	return false;
}

static bool serve_receiver(struct step *s)
{
	struct config *c = &s->c;
	int first = first_receiver(s), actor, nr, i;

	if (first < 0)
		return false;
	actor = OF(c->queue[first]);
	nr = NR(c->queue[first]);
	i = first_at_hand(s, actor);
	if (i < 0 && !is_drained(c))
		return false;
	if (i < 0)
		end_closed(s, actor, nr);
	else
		take(s, actor, nr, i);
	return true;
}

static bool admit_sender(struct step *s)
{
	struct config *c = &s->c;
	int i;

	if (c->closed || !has_slot(s))
		return false;
	for (i = 0; i < c->nr_line; i++) {
		if (!waits_in_line(s, i))
			continue;
		c->place[i] = BUFFERED;
		c->sent++;
		end_op(s, sender_of(s, i), NR(c->line[i]), RES_OK);
		return true;
	}
	return false;
}

void settle(struct step *s)
{
	while (!s->dead && (expel_sender(s) || serve_receiver(s) || admit_sender(s)))
		;
}

void shut(struct step *s, int reason)
{
	if (s->c.closed)
		return;
	s->c.closed = 1;
	s->c.reason = reason;
	settle(s);
}
