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

int first_at_hand(const struct config *c)
{
	int i;

	for (i = 0; i < c->nr_line; i++)
		if (c->place[i] == BUFFERED || c->place[i] == WAITING)
			return i;
	return -1;
}

int find_in_line(const struct config *c, int sent_by)
{
	int i;

	for (i = 0; i < c->nr_line; i++)
		if (c->line[i] == sent_by)
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

/* --- what steps are made of ---------------------------------------------------------- */

void end_op(struct step *s, int actor, int result)
{
	int recorded = s->v->active[actor]->result;

	s->c.stage[actor] = ENDED;
	s->c.held[actor] = 0;
	if (recorded != RES_UNKNOWN && recorded != result)
		s->dead = true;
}

void end_closed(struct step *s, int actor)
{
	const struct op *op = s->v->active[actor];

	end_op(s, actor, RES_CLOSED);
	if (op->result == RES_CLOSED && op->got != REASON_UNTOLD && op->got != s->c.reason)
		s->dead = true;
}

void add_to_line(struct step *s, int actor, enum place place)
{
	struct config *c = &s->c;

	if (c->nr_line == MAX_LINE) {
		s->dead = true;
		return;
	}
	c->line[c->nr_line] = op_index(s->v, actor);
	c->place[c->nr_line++] = place;
}

void remove_from_line(struct config *c, int i)
{
	int n = --c->nr_line;

	memmove(c->line + i, c->line + i + 1, n - i);
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

int sender_of(const struct step *s, int i)
{
	return s->v->h->ops[s->c.line[i]].actor;
}

/* @actor copies a message; only the one that it is recorded to have got will do. */
void begin_copy(struct step *s, int actor, int sent_by)
{
	const struct op *op = s->v->active[actor];

	s->c.stage[actor] = COPYING;
	s->c.held[actor] = sent_by;
	if (op->result == RES_UNKNOWN)
		return;
	if (op->flags & BAD ? op->result != EFAULT :
	    op->result != RES_OK || op->got != s->v->h->ops[sent_by].arg)
		s->dead = true;
}

void take(struct step *s, int actor, int i)
{
	struct config *c = &s->c;

	if (s->v->active[actor]->flags & SMALL) {
		end_op(s, actor, EMSGSIZE);
		return;
	}
	if (c->place[i] == WAITING)
		c->sent++;
	c->place[i] = c->place[i] == WAITING ? LENT : TAKEN;
	begin_copy(s, actor, c->line[i]);
}

/* --- what happens by itself -------------------------------------------------------------- */

static bool expel_sender(struct step *s)
{
	struct config *c = &s->c;
	int i;

	for (i = 0; c->closed && i < c->nr_line; i++) {
		if (c->place[i] == LENT) {
			c->place[i] = HANDED;
			end_op(s, sender_of(s, i), RES_OK);
			return true;
		}
		if (c->place[i] == WAITING) {
			end_op(s, sender_of(s, i), EPIPE);
			remove_from_line(c, i);
			return true;
		}
	}
	return false;
}

static bool serve_receiver(struct step *s)
{
	struct config *c = &s->c;
	int i = first_at_hand(c), actor = c->queue[0];
	bool drained = c->closed && !c->nr_line;

	if (!c->nr_queue || (i < 0 && !drained))
		return false;
	remove_from_queue(c, 0);
	if (i < 0)
		end_closed(s, actor);
	else
		take(s, actor, i);
	return true;
}

static bool admit_sender(struct step *s)
{
	struct config *c = &s->c;
	int i;

	if (c->closed || !has_slot(s))
		return false;
	for (i = 0; i < c->nr_line; i++) {
		if (c->place[i] != WAITING)
			continue;
		c->place[i] = BUFFERED;
		c->sent++;
		end_op(s, sender_of(s, i), RES_OK);
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
