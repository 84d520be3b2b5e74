// SPDX-License-Identifier: GPL-2.0-only
/* What an actor does with its selector: arm it, do something else, and see to its end. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <linux/hsk.h>

#include "record.h"

/* How often it asks before it withdraws; room for the notes of all that. */
#define ROUNDS		3
#define NOTES_NEEDED	(3 * ROUNDS + 4)

struct armed {
	struct actor *actor;
	struct op *select;		/* the selector's note */
	struct request request;
};

static bool open_selector(struct actor *actor, int fd)
{
	struct hsk_selector_args args = { .size = sizeof(args) };

	if (actor->selector < 0)
		actor->selector = ioctl(fd, HSK_IOC_SELECTOR, &args);
	return actor->selector >= 0;
}

static struct op *ask(struct armed *armed, enum verb verb)
{
	struct op *op = note_begin(armed->actor, verb, -1, SELECTOR_OF(armed->actor->nr));

	if (op)
		note_start(op);
	return op;
}

static bool arm(struct armed *armed)
{
	struct hsk_arm_args args = {
		.size = sizeof(args),
		.flags = armed->select->flags & ORDERED ? HSK_SELECT_F_ORDERED : 0,
		.cases = (uintptr_t)armed->request.cases,
		.nr_cases = armed->select->nr_cases,
	};
	struct op *op;
	int result;

	note_start(armed->select);
	op = ask(armed, ARM);
	if (!op)
		return false;
	result = ioctl(armed->actor->selector, HSK_IOC_ARM, &args) ? errno : 0;
	note_end(op, result);
	if (result)
		note_end(armed->select, result);
	return !result;
}

/* Until it has happened, or only for a while. */
static void wait_for(struct armed *armed)
{
	struct timespec a_while = { .tv_nsec = 1000 * actor_random(armed->actor, 300) };
	struct pollfd pollfd = { .fd = armed->actor->selector, .events = POLLIN };
	bool for_ever = actor_random(armed->actor, 3);
	struct op *op = ask(armed, POLL);
	int ret;

	if (!op)
		return;
	ret = ppoll(&pollfd, 1, for_ever ? NULL : &a_while, NULL);
	if (ret < 0)
		note_end(op, errno);
	else
		note_end(op, ret ? 0 : EAGAIN);
}

/* Where the message is to go, and how much room there is, counts from now on. */
static void choose_memory(struct armed *armed, bool slow)
{
	struct request *r = &armed->request;
	unsigned int flags = armed->select->flags;
	int nr, nr_actor = armed->actor->nr;

	for (nr = 0; nr < armed->select->nr_cases; nr++) {
		if (armed->select->cases[nr].verb != RECV)
			continue;
		r->slow[nr] = slow ? memory_slow(nr_actor) : NULL;
		r->msg[nr].data = (uintptr_t)(slow ? r->slow[nr] : &r->value[nr]);
		if (flags & BAD)
			r->msg[nr].data = (uintptr_t)memory_bad(nr_actor);
		r->msg[nr].len = flags & SMALL ? 1 : sizeof(r->value[nr]);
	}
}

/* false: it goes on waiting. */
static bool finish(struct armed *armed)
{
	struct hsk_finish_args args = {
		.size = sizeof(args),
		.cases = (uintptr_t)armed->request.cases,
		.nr_cases = armed->select->nr_cases,
	};
	struct op *op;
	int ret, err;

	choose_memory(armed, !actor_random(armed->actor, 3));
	op = ask(armed, FINISH);
	if (!op)
		return false;
	ret = ioctl(armed->actor->selector, HSK_IOC_FINISH, &args);
	err = ret < 0 ? errno : 0;
	note_end(op, err);
	if (err)
		return false;
	armed->select->chosen = ret;
	note_end(armed->select, request_outcome(&armed->request, armed->select, args.result));
	return true;
}

static bool disarm(struct armed *armed)
{
	struct hsk_disarm_args args = { .size = sizeof(args) };
	struct op *op = ask(armed, DISARM);
	int result;

	if (!op)
		return false;
	result = ioctl(armed->actor->selector, HSK_IOC_DISARM, &args) ? errno : 0;
	note_end(op, result);
	if (!result)
		note_end(armed->select, RES_DISARMED);
	return !result;
}

static void drop(struct armed *armed)
{
	struct op *op = ask(armed, DROP);
	int result;

	if (!op)
		return;
	result = close(armed->actor->selector) ? errno : 0;
	armed->actor->selector = -1;
	note_end(op, result);
	note_end(armed->select, RES_UNKNOWN);
}

/* Nothing that may block: the manager counts on one wait at a time. */
static void do_something_else(struct actor *actor)
{
	int chan = actor_random(actor, shared->nr_chans);

	actor_dawdle(actor);
	switch (actor_random(actor, 6)) {
	case 0:
		actor_info(actor, chan);
		break;
	case 1:
	case 2:
		actor_transfer(actor, chan, DONTWAIT);
		break;
	}
}

static void see_to_the_end_of(struct armed *armed)
{
	struct actor *actor = armed->actor;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		do_something_else(actor);
		if (!actor_random(actor, 5)) {
			drop(armed);
			return;
		}
		if (!actor_random(actor, 4))
			break;
		if (actor_random(actor, 4))
			wait_for(armed);
		if (finish(armed))
			return;
	}
	if (!disarm(armed))
		finish(armed);
}

void actor_selector(struct actor *actor, int chan)
{
	struct armed armed = {
		.actor = actor,
		.select = note_begin_for(SELECTOR_OF(actor->nr), SELECT, -1, 0),
	};
	struct op *select = armed.select;
	int fd;

	if (!select || notes_left(actor) < NOTES_NEEDED)
		return;
	select->flags = ARMED;
	fd = request_fill(&armed.request, actor, select, chan);
	if (fd < 0 || !open_selector(actor, fd))
		return;
	if (!actor_random(actor, 3))
		select->flags |= ORDERED;
	if (!actor_random(actor, 7))
		select->flags |= actor_random(actor, 2) ? BAD : SMALL;
	if (arm(&armed))
		see_to_the_end_of(&armed);
}
