/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the steps of the model (model.h) are made of. A step begins as a copy of a state
 * and changes it piece by piece; what contradicts the record makes it dead.
 */
#ifndef HISTORIES_PARTS_H
#define HISTORIES_PARTS_H

#include "model.h"

struct step {
	const struct view *v;
	struct config c;
	bool dead;
};

/* Questions. Places in the line are numbers from 0; -1: none. */
#define NOBODY	(-1)
int count_rights(const struct config *c, int right);
bool has_slot(const struct step *s);
bool is_drained(const struct config *c);
int first_at_hand(const struct step *s, int not_of);
int first_receiver(const struct step *s);
int find_in_line(const struct config *c, int sent);
int op_index(const struct view *v, int actor);
bool is_killed(const struct view *v, int actor);
int sender_of(const struct step *s, int i);
void look(const struct config *c, struct snapshot *is);

/* Changes. Of plain sends and receives the only case is 0. */
void stop_waiting(struct step *s, int actor);
void end_op(struct step *s, int actor, int nr, int result);
void end_closed(struct step *s, int actor, int nr);
void add_to_line(struct step *s, int actor, int nr, enum place place);
void remove_from_line(struct config *c, int i);
void remove_from_queue(struct config *c, int i);
/* What copying comes to, unless it is killed. */
int copy_result(const struct op *op, int nr);
void begin_copy(struct step *s, int actor, int nr, int sent);
void take(struct step *s, int actor, int nr, int i);
/* Begins a send or receive; false: it would have to wait. Who had no room was told so. */
bool try_case(struct step *s, int actor, int nr);
/* It may not wait. */
void refuse(struct step *s, int actor, int nr);
void queue_up(struct step *s, int actor, int nr);

/* What happens by itself, and a close with it. */
void settle(struct step *s);
void shut(struct step *s, int reason);

/* model_select.c: all steps of a select on this channel. */
struct sink {
	void (*found)(const struct config *to, void *arg);
	void *arg;
};

void step_begin(struct step *s, const struct view *v, const struct config *from);
void step_end(struct step *s, const struct sink *sink);
/* Something that ends a wait has come: a signal, the deadline, the context, a kill. */
bool may_give_up(const struct view *v, const struct config *c, int actor, int with);
/* What it is then told, as it was recorded. */
int gives_up_with(const struct op *op);
/* What the context, being closed, tells. */
bool told_by_context(const struct config *c, const struct op *op);
void select_begin(const struct view *v, const struct config *from, int actor,
		  const struct sink *sink);
void select_go(const struct view *v, const struct config *from, int actor,
	       const struct sink *sink);
/* Its message is not lent any more: it tries again, and if it must it waits on. */
void select_go_on(const struct step *from, int actor, const struct sink *sink);
void select_leave(const struct view *v, const struct config *from, int actor,
		  const struct sink *sink);
/* What is wrong with the arguments, 0: nothing. */
int select_wrong_case(const struct op *op);
/* Somebody lets go of it while its message is lent: it has happened then. */
void select_let_go(struct step *s, int actor);

/* The receiver has failed: the message is where it came from. */
void copy_failed(const struct view *v, const struct config *from, int actor, int err,
		 const struct sink *sink);

/* model_selector.c: what is asked of selectors, each one an actor. */
bool selector_may_copy(const struct view *v, const struct config *c, int selector);
bool selector_holds(const struct view *v, const struct config *c, int process, int right);
void selector_ask(const struct view *v, const struct config *from, int actor,
		  const struct sink *sink);

#endif /* HISTORIES_PARTS_H */
