/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selector: a select that waits without a thread. An open file, as an endpoint is.
 *
 * What is armed is a struct hsk_select whose wait is owned by the selector: who ends
 * it wakes those who poll the selector. A message that it receives stays in transit,
 * held by the selector, until it is finished (committed) or the selector goes
 * (restored). A lent sender waits that long, or lets go as always.
 *
 * States: idle; armed, with its wait not done; happened, with its wait done.
 *
 *	idle --arm--> armed --a peer ends the wait--> happened --finish--> idle
 *	  ^             |                                |
 *	  +---disarm----+           release: restore ----+
 *
 * What is being finished belongs to the task that does it, and the selector is idle
 * already: user memory is touched without a lock, and others may arm it meanwhile.
 *
 * Who has ended the wait of a selector takes its other places out of their queues as
 * well, unless the selector is just being asked something, since nobody knows when it
 * will be finished: places that are over would be passed by all who come there.
 *
 * Life time. The file holds one reference, each wake-up that is due another one. The
 * cases hold their endpoints' files while they are armed.
 *
 * Locks. A mutex orders arm, poll, finish, disarm and release. It is held for as long
 * as the work takes and for no peer's sake, but that one which gives back a message
 * gets through first (select.h). Channels' locks are taken under it. Another selector's
 * is only tried for, where arming this one has ended the wait of that one.
 */
#ifndef HSK_SELECTOR_H
#define HSK_SELECTOR_H

#include <linux/types.h>

#include "select.h"

struct hsk_selector;

/**
 * struct hsk_armed - what a selector is given
 * @chosen: which case has happened, NULL: none, or it has not been asked yet
 * @select: the select
 * @cases: its cases
 */
struct hsk_armed {
	struct hsk_case *chosen;
	struct hsk_select select;
	struct hsk_case cases[];
};

struct hsk_armed *hsk_armed_new(u32 nr);
void hsk_armed_free(struct hsk_armed *armed);

int hsk_selector_new_fd(void);

int hsk_selector_arm(struct hsk_selector *selector, struct hsk_armed *armed);
int hsk_selector_disarm(struct hsk_selector *selector);
struct hsk_armed *hsk_selector_finish(struct hsk_selector *selector, u32 nr,
				      struct hsk_case **chosen);

#endif /* HSK_SELECTOR_H */
