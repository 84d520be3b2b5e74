/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a channel may do: the specification that histories are judged by. It is a
 * reading of the user's contract (uapi/linux/hsk.h and the semantics in
 * Documentation), as an automaton whose steps each happen at one instant. An
 * operation takes its steps one after the other between its start and its end.
 *
 * State. A channel has one line of messages, in the order in which they were
 * offered. Each is in one of five places:
 *
 *	BUFFERED	in a slot of the buffer
 *	TAKEN		from there, by a receiver that copies it; the slot stays taken
 *	WAITING		its sender waits
 *	LENT		taken by a receiver while its sender waits
 *	HANDED		with a receiver that copies it, and no sender waits for it
 *
 * There is a queue of waiting receivers, in the order in which they came; a
 * channel is open or closed with a reason; each process has so many endpoints of
 * each kind; there are counts of messages sent, received and drained. "At hand" is
 * the first in line that is BUFFERED or WAITING. BUFFERED and TAKEN use slots.
 *
 * Steps of an operation:
 *
 * SEND, write.	A bad buffer: EFAULT. Closed: EPIPE. Else the first waiting
 *	receiver gets the message (HANDED); one without room for it ends with EMSGSIZE
 *	and the next is asked. Else it goes into a free slot. In these two cases the
 *	send has succeeded. Else EAGAIN with DONTWAIT, or it joins the line WAITING.
 * RECV, read.	Nothing at hand: on a channel that is closed and without a message
 *	in any place, CLOSED with the reason; else EAGAIN with DONTWAIT, or it joins the
 *	queue. Something at hand and no room: EMSGSIZE. Else it begins to copy it
 *	(BUFFERED becomes TAKEN, WAITING becomes LENT), and a second step ends that:
 *	it got it, which takes it out of the line and ends a sender that has lent it, with
 *	success; or, with a bad buffer or killed, it is back in its place in the line:
 *	TAKEN and HANDED become BUFFERED, LENT becomes WAITING.
 * Giving up.	Who waits may do so by its deadline when that has passed, by a signal
 *	that was sent to it, or killed: it leaves, and has had no effect. A sender whose
 *	message is LENT ends with success instead, and the message is HANDED.
 * Context.	It is open or closed with a reason; cancel closes it, or says EPIPE. Who
 *	waits and was given it may give up once it is closed: with ETIMEDOUT if the reason is
 *	-ETIMEDOUT, else with ECANCELED, and tells the reason. If it was closed before it
 *	began to wait, no signal and no deadline comes first. With DONTWAIT, if nothing was
 *	ready, it is looked at a step later (REFUSED).
 * CLOSE.	Closed: EPIPE. Else the channel is closed. Those WAITING leave and end with
 *	EPIPE; those LENT become HANDED, and their senders end with success.
 * release (close(2)), and the death of a process for each of its endpoints: the
 *	count of endpoints falls; then, if none with that right is left, the channel closes,
 *	with -EOWNERDEAD for want of writers, else -EPIPE; then, for want of readers,
 *	all that is BUFFERED is drained.
 * DUP.		One endpoint more. A right that the endpoint lacks: EPERM.
 * INFO.	Shows counts and state as they are at that instant. sent counts what has
 *	left the state of WAITING (and not come back), buffered what is in line but not
 *	WAITING.
 * Without the right to do it, an operation is EBADF and nothing more.
 * SELECT. A case without the right, or a send from a bad buffer: the errno of the first
 *	such case, and nothing more. Else, at one instant, its cases on this channel are
 *	tried one after the other, in any order or as listed, each as a send or a receive
 *	begins; the first that need not wait happens. If all must wait, it is EAGAIN with
 *	DONTWAIT, or all of them join the line and the queue. From then on a case happens
 *	as that of any other who waits, and the select's other places are gone at that
 *	instant. No case meets another of the same select. While its message is LENT it is
 *	LENDING: nobody meets it at its other places, and INFO may count these or not. When
 *	the message comes back the cases are tried once more, at that instant, from the
 *	places that they have; the first that need not wait happens, or else all wait on.
 *	A case that is disabled is none.
 *
 *	Of its cases on the other channel nothing is known here but the outcome that was
 *	recorded. If one of those is to happen, it does so at any instant. Then a select
 *	that waits here is LEAVING, as it is after giving up: nobody meets it any more,
 *	and its places, which INFO may still count, go one by one. It need not even have
 *	looked at this channel, unless it is ordered and a case of this channel is listed
 *	before the one that happens. And one that is not ordered may have offered its
 *	message before, for an instant: to nobody but receivers without room for it. If it
 *	sends there, and somebody who receives there fails, it may be LENDING for a while.
 *
 * A selector is an actor whose select never gives up and begins when it is armed. What it
 * receives it goes on copying for as long as nobody asks it to finish; the room there and
 * the memory are looked at then (EMSGSIZE, EFAULT: the message is back).
 * poll, finish.	EAGAIN while the select waits or its message is lent. Else poll is ok,
 *	and so is finish once the select has ended; a receive goes on copying meanwhile.
 * DISARM.	One that waits leaves all its places, and nothing has happened. One that has
 *	lent its message lets it go, as above. Then and else: EALREADY.
 * drop (close(2)), and the death of its process: likewise, but for a message that it
 *	was copying, which is back.
 * The death of a process ends selectors and endpoints in any order, but a selector that
 * waits or copies keeps an endpoint that it needs.
 *
 * After each of these steps, at the same instant, until nothing more is possible:
 * the first waiting receiver gets what is at hand, or is told CLOSED as above; while
 * a slot is free on an open channel, the first WAITING becomes BUFFERED and its send
 * has succeeded.
 *
 * From this follow the laws: conservation, one FIFO, service in the order of arrival,
 * the overlap of rendezvous (only a sender's step meets a waiting receiver, or a receiver's
 * step a waiting sender), close reaches all, failure has no effect, death is a close.
 */
#ifndef HISTORIES_MODEL_H
#define HISTORIES_MODEL_H

#include <stdbool.h>
#include <stdio.h>

#include "history.h"

#define MAX_LINE	32

/*
 * One send of an operation, as it stands in the line, or one receive of an actor, as it
 * stands in the queue, in one number: a select may have several.
 */
#define NTH(of, nr)	((of) * MAX_CASES + (nr))
#define OF(nth)		((nth) / MAX_CASES)
#define NR(nth)		((nth) % MAX_CASES)

enum place { NOWHERE, BUFFERED, TAKEN, WAITING, LENT, HANDED };

/* Where an actor's operation is. COUNTED and SHUT belong to releases. */
enum stage { IDLE, BEGUN, BLOCKED, COPYING, ENDED, COUNTED, SHUT, LEAVING, LENDING, REFUSED };

/* One possible state of the channel and of the operations under way. No padding. */
struct config {
	int reason;
	int ctx_reason;
	unsigned short line[MAX_LINE];	/* sends of operations */
	/* COPYING: the message, as in the line. COUNTED, SHUT: rights that ended. */
	unsigned short held[MAX_ACTORS];
	unsigned char place[MAX_LINE];
	unsigned char queue[MAX_ACTORS * MAX_CASES];	/* receives of actors */
	unsigned char stage[MAX_ACTORS];
	unsigned char copies[MAX_ACTORS];	/* COPYING: which case */
	unsigned char endpoints[MAX_PROCS][4];
	unsigned char nr_line;
	unsigned char nr_queue;
	unsigned char closed;
	unsigned char sent, received, drained;
	unsigned char canceled;		/* the context is closed, for ctx_reason */
	unsigned char unused;		/* in place of padding: states are compared as bytes */
};

_Static_assert(sizeof(struct config) ==
	       (4 + MAX_CASES) * MAX_ACTORS + 3 * MAX_LINE + 4 * MAX_PROCS + 16,
	       "there is padding in struct config");
_Static_assert(NTH(MAX_OPS, 0) <= 0xffff && NTH(MAX_ACTORS, 0) <= 0xff, "numbers fit");

/* What the search knows at a point of the history, the same for all configs. */
struct view {
	const struct history *h;
	int chan;
	const struct op *active[MAX_ACTORS];	/* NULL: none under way */
	int signals[MAX_ACTORS];		/* sent to it, not yet used up */
	bool dying[MAX_PROCS];
	long long now;				/* not later than this; NO_TIME: not known */
	long stamp;				/* steps are taken before this */
};

void config_init(struct config *c, const struct history *h, int chan);

/*
 * All that @actor's operation may do next in @from: calls @found with each config
 * that results and fits what was recorded.
 */
void config_steps(const struct view *v, const struct config *from, int actor,
		  void (*found)(const struct config *to, void *arg), void *arg);

/* Is it certain, or at least possible, that it is decided what becomes of a select? */
bool config_may_decide(const struct view *v, const struct config *c, const struct op *op);
bool config_decides(const struct view *v, const struct config *c, const struct op *op);

/* In words, for people. */
void config_describe(const struct view *v, const struct config *c, FILE *to);

#endif /* HISTORIES_MODEL_H */
