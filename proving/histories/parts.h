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
int count_rights(const struct config *c, int right);
bool has_slot(const struct step *s);
int first_at_hand(const struct config *c);
int find_in_line(const struct config *c, int sent_by);
int op_index(const struct view *v, int actor);
bool is_killed(const struct view *v, int actor);
int sender_of(const struct step *s, int i);
void look(const struct config *c, struct snapshot *is);

/* Changes. */
void end_op(struct step *s, int actor, int result);
void end_closed(struct step *s, int actor);
void add_to_line(struct step *s, int actor, enum place place);
void remove_from_line(struct config *c, int i);
void remove_from_queue(struct config *c, int i);
void begin_copy(struct step *s, int actor, int sent_by);
void take(struct step *s, int actor, int i);

/* What happens by itself, and a close with it. */
void settle(struct step *s);
void shut(struct step *s, int reason);

#endif /* HISTORIES_PARTS_H */
