// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "chan.h"
#include "match.h"
#include "msg.h"
#include "op.h"
#include "select.h"
#include "trace.h"

/*
 * Around all locks that one select takes: lockdep then takes them for one lock, held
 * several times, and leaves their order to us. It is no lock and excludes nobody.
 */
struct hsk_select_nest {
#ifdef CONFIG_LOCKDEP
	struct lockdep_map dep_map;
#endif
};

#ifdef CONFIG_LOCKDEP
static struct lock_class_key hsk_select_nest_key;
static struct hsk_select_nest hsk_select_nest = {
	.dep_map = STATIC_LOCKDEP_MAP_INIT("hsk_select", &hsk_select_nest_key),
};
#else
/* Some kernels' macros do not look at it then. */
static struct hsk_select_nest hsk_select_nest __maybe_unused;
#endif

/* Order. */

static struct hsk_case *hsk_select_in_turn(const struct hsk_select *select, u32 i)
{
	return &select->cases[select->cases[i].in_turn];
}

static struct hsk_chan *hsk_select_to_lock(const struct hsk_select *select, u32 i)
{
	return select->cases[select->cases[i].to_lock].chan;
}

/* Few as a rule, and often in order already. */
static void hsk_select_sort_in(struct hsk_select *select, u32 nr, u8 in)
{
	struct hsk_chan *chan = select->cases[in].chan;
	struct hsk_case *at = &select->cases[nr];

	for (; nr && hsk_select_to_lock(select, nr - 1) > chan; at--, nr--)
		at->to_lock = at[-1].to_lock;
	at->to_lock = in;
}

static void hsk_select_sort(struct hsk_select *select)
{
	u32 i;

	for (i = 0; i < select->nr_enabled; i++)
		hsk_select_sort_in(select, i, select->cases[i].in_turn);
}

/*
 * Any order with the same chance: Fisher and Yates, inside out. Numbers that are fair will do, and
 * what a peer could guess is of no use to it: each processor has a sequence, in which
 * tasks that come in between draw as well.
 */
static DEFINE_PER_CPU(u32, hsk_select_random);

static u32 hsk_select_draw(u32 below)
{
	/* The multiplier and the increment are Knuth's; the high bits are the good ones. */
	u32 next = this_cpu_read(hsk_select_random) * 1664525 + 1013904223;

	this_cpu_write(hsk_select_random, next);
	return reciprocal_scale(next, below);
}

/* One more case: in its turn as listed, or at any place among those before it. */
static void hsk_select_add(struct hsk_select *select, u32 i)
{
	struct hsk_case *cases = select->cases;
	u32 at = select->nr_enabled++, other = at;

	if (at && !select->ordered)
		other = hsk_select_draw(at + 1);
	cases[at].in_turn = cases[other].in_turn;
	cases[other].in_turn = i;
}

/**
 * hsk_select_init() - make a select of cases
 * @select: the select; its wait is the caller's to initialize
 * @cases: the cases, in which chan, file, borrowed, send, the place's message and room
 *	are set
 * @nr: how many, at most HSK_CASES_LIMIT
 * @ordered: prefer the first that is ready
 */
void hsk_select_init(struct hsk_select *select, struct hsk_case *cases, u32 nr, bool ordered)
{
	u32 i;

	select->cases = cases;
	select->nr = nr;
	select->nr_enabled = 0;
	select->ordered = ordered;
	for (i = 0; i < nr; i++)
		if (cases[i].chan)
			hsk_select_add(select, i);
}

/* All locks at once. A channel that comes again is locked already. */

static void hsk_select_lock(const struct hsk_select *select)
{
	struct hsk_chan *chan, *last = NULL;
	u32 i;

	lock_map_acquire(&hsk_select_nest.dep_map);
	for (i = 0; i < select->nr_enabled; i++) {
		chan = hsk_select_to_lock(select, i);
		if (chan == last)
			continue;
		last = chan;
		spin_lock_nest_lock(&chan->lock, &hsk_select_nest);
		/* For sparse, which can't count what a loop locks. */
		__release(&chan->lock);
	}
}

static void hsk_select_unlock(const struct hsk_select *select)
{
	struct hsk_chan *chan, *last = NULL;
	u32 i;

	for (i = select->nr_enabled; i--;) {
		chan = hsk_select_to_lock(select, i);
		if (chan == last)
			continue;
		last = chan;
		__acquire(&chan->lock);
		spin_unlock(&chan->lock);
	}
	lock_map_release(&hsk_select_nest.dep_map);
}

/* The passes. */

static int hsk_case_try_locked(struct hsk_case *try, struct hsk_wakes *wakes)
{
	struct hsk_waiter *place = &try->place;

	if (try->send)
		return hsk_chan_offer_locked(try->chan, place->msg, wakes);
	return hsk_chan_take_locked(try->chan, &place->room, &place->msg);
}

/* Pass 0. Of cases in a random order, any that is ready may be the one. */
static struct hsk_case *hsk_select_glance(struct hsk_select *select, struct hsk_wakes *wakes)
{
	struct hsk_case *try;
	int err;
	u32 i;

	if (select->ordered)
		return NULL;
	for (i = 0; i < select->nr_enabled; i++) {
		try = hsk_select_in_turn(select, i);
		if (!hsk_chan_seems_ready(try->chan, try->send))
			continue;
		spin_lock(&try->chan->lock);
		err = hsk_case_try_locked(try, wakes);
		spin_unlock(&try->chan->lock);
		if (err == -EAGAIN)
			continue;
		hsk_wait_decide(&select->wait, &try->place, err);
		return try;
	}
	return NULL;
}

static struct hsk_case *hsk_select_try_locked(struct hsk_select *select, struct hsk_wakes *wakes)
{
	struct hsk_case *try;
	int err;
	u32 i;

	for (i = 0; i < select->nr_enabled; i++) {
		try = hsk_select_in_turn(select, i);
		err = hsk_case_try_locked(try, wakes);
		if (err == -EAGAIN)
			continue;
		hsk_wait_decide(&select->wait, &try->place, err);
		return try;
	}
	return NULL;
}

static struct hsk_queue *hsk_case_queue(const struct hsk_case *queued)
{
	return queued->send ? &queued->chan->senders : &queued->chan->receivers;
}

/* In the order of the first pass, so that tickets rise along a queue of senders. */
static void hsk_select_queue_locked(struct hsk_select *select)
{
	struct hsk_case *queue;
	u32 i;

	atomic_set(&select->pins, 0);
	for (i = 0; i < select->nr_enabled; i++) {
		queue = hsk_select_in_turn(select, i);
		queue->place.wait = &select->wait;
		hsk_queue_add_locked(hsk_case_queue(queue), &queue->place);
	}
}

/* Those who poll the other end: somebody is committed now. */
static void hsk_select_tell_pollers(const struct hsk_select *select)
{
	struct hsk_wakes wakes;
	struct hsk_case *queued;
	u32 i;

	for (i = 0; i < select->nr_enabled; i++) {
		queued = hsk_select_in_turn(select, i);
		hsk_wakes_init(&wakes);
		if (queued->send)
			wakes.readers = EPOLLIN | EPOLLRDNORM;
		else
			wakes.writers = EPOLLOUT | EPOLLWRNORM;
		hsk_chan_wake(queued->chan, &wakes);
	}
}

static void hsk_select_trace_block(const struct hsk_select *select)
{
	const struct hsk_case *queued;
	u32 i;

	for (i = 0; i < select->nr_enabled; i++) {
		queued = hsk_select_in_turn(select, i);
		trace_hsk_block(queued->chan->id, queued->send);
	}
}

/* The case in which a wait has ended. What it has sent is not its own any more. */
static struct hsk_case *hsk_select_chosen(struct hsk_select *select)
{
	struct hsk_case *chosen = container_of(select->wait.place, struct hsk_case, place);

	if (chosen->send && !select->wait.result)
		chosen->place.msg = NULL;
	return chosen;
}

/* Passes 1 and 2. */
static struct hsk_case *hsk_select_look_and_queue(struct hsk_select *select, bool nonblock,
						  struct hsk_wakes *wakes)
{
	struct hsk_case *chosen;

	hsk_select_sort(select);
	hsk_select_lock(select);
	chosen = hsk_select_try_locked(select, wakes);
	if (!chosen && !nonblock)
		hsk_select_queue_locked(select);
	hsk_select_unlock(select);
	return chosen;
}

/**
 * hsk_select_begin() - passes 0 to 2
 * @select: the select, initialized, its wait too
 * @nonblock: leave out pass 2
 *
 * Return: the case that has happened, with what came of it in the wait's result; NULL:
 * none, and unless @nonblock is set the select is queued and hsk_select_leave() must
 * follow.
 */
struct hsk_case *hsk_select_begin(struct hsk_select *select, bool nonblock)
{
	struct hsk_wakes wakes;
	struct hsk_case *chosen;

	hsk_wakes_init(&wakes);
	chosen = hsk_select_glance(select, &wakes);
	if (!chosen)
		chosen = hsk_select_look_and_queue(select, nonblock, &wakes);
	if (chosen) {
		/* Who polls is told of a send; of a receive when it is committed. */
		if (chosen->send)
			hsk_chan_wake(chosen->chan, &wakes);
		else if (wakes.nr)
			hsk_wakes_run(&wakes);
		return hsk_select_chosen(select);
	}
	/* Receivers with too little room for what was offered. */
	hsk_wakes_run(&wakes);
	if (!nonblock) {
		hsk_select_trace_block(select);
		hsk_select_tell_pollers(select);
	}
	return NULL;
}

/* A message that is lent has met a receiver, whose affair it is now. */
static void hsk_case_leave_locked(struct hsk_case *leave)
{
	struct hsk_waiter *place = &leave->place;

	if (place->lent) {
		hsk_chan_unlend_locked(place->msg);
		hsk_wait_decide(place->wait, place, 0);
	} else if (!list_empty(&place->node)) {
		hsk_queue_del_locked(hsk_case_queue(leave), place);
	}
}

/* A wait that is over: nobody puts a place of it anywhere any more. */
static void hsk_select_leave_queues(struct hsk_select *select)
{
	struct hsk_case *leave;
	u32 i;

	for (i = 0; i < select->nr_enabled; i++) {
		leave = hsk_select_in_turn(select, i);
		spin_lock(&leave->chan->lock);
		hsk_case_leave_locked(leave);
		spin_unlock(&leave->chan->lock);
	}
}

/*
 * One that is not. Whoever else has claimed it holds one of these locks until it is done
 * or lent, and who gives back what is lent needs them all.
 */
static bool hsk_select_withdraw(struct hsk_select *select)
{
	bool withdrawn;
	u32 i;

	hsk_select_lock(select);
	withdrawn = hsk_wait_claim(&select->wait);
	for (i = 0; i < select->nr_enabled; i++)
		hsk_case_leave_locked(hsk_select_in_turn(select, i));
	hsk_select_unlock(select);
	return withdrawn;
}

/**
 * hsk_select_leave() - pass 3
 * @select: a select that is queued: hsk_select_begin() returned NULL
 *
 * Return: the case that has happened, as of hsk_select_begin(); NULL: none, and none
 * will.
 */
struct hsk_case *hsk_select_leave(struct hsk_select *select)
{
	bool withdrawn = false;

	if (hsk_wait_done(&select->wait))
		hsk_select_leave_queues(select);
	else
		withdrawn = hsk_select_withdraw(select);
	/* No new ones: nothing is lent any more. */
	wait_var_event(&select->pins, !atomic_read(&select->pins));
	return withdrawn ? NULL : hsk_select_chosen(select);
}

/**
 * hsk_select_settled() - is it over, and would leaving it not have to wait?
 * @select: as of hsk_select_leave()
 *
 * Return: true when that is so. It stays so.
 */
bool hsk_select_settled(const struct hsk_select *select)
{
	/* In this order: once it is over no new pin is made. */
	return hsk_wait_done(&select->wait) && !atomic_read(&select->pins);
}

/**
 * hsk_select() - select, as a task does it
 * @select: the select, initialized, its wait too; a wait of the current task
 * @op: how long it may take
 * @chosen: set on success: the case that has happened
 *
 * Context: may sleep, killable.
 * Return: 0, and what came of @chosen is the wait's result; -EAGAIN; -ECANCELED;
 * -ERESTARTSYS; -ETIMEDOUT.
 */
int hsk_select(struct hsk_select *select, struct hsk_op *op, struct hsk_case **chosen)
{
	int err;

	*chosen = hsk_select_begin(select, op->nonblock);
	if (*chosen)
		return 0;
	if (op->nonblock)
		return hsk_op_refuse(op);
	err = hsk_op_sleep(op, &select->wait);
	*chosen = hsk_select_leave(select);
	return *chosen ? 0 : err;
}

/* A lent message has come back. */

/**
 * hsk_select_pin_locked() - keep a select from leaving
 * @wait: its wait, of which a place is lent; that channel is locked
 *
 * Return: the select, for hsk_select_take_back().
 */
struct hsk_select *hsk_select_pin_locked(struct hsk_wait *wait)
{
	struct hsk_select *select = container_of(wait, struct hsk_select, wait);

	atomic_inc(&select->pins);
	return select;
}

static void hsk_select_unpin(struct hsk_select *select)
{
	atomic_t *pins = &select->pins;

	/* Orders the look at the wait queue as well; the select may be gone by then. */
	if (atomic_dec_and_test(pins))
		wake_up_var(pins);
}

static int hsk_case_try_again_locked(struct hsk_case *try, struct hsk_wakes *wakes)
{
	if (try->send)
		return hsk_chan_offer_again_locked(try->chan, &try->place, wakes);
	return hsk_case_try_locked(try, wakes);
}

/* Pass 1 for a select that is claimed and may be in its queues. */
static struct hsk_case *hsk_select_try_again_locked(struct hsk_select *select,
						    struct hsk_wakes *wakes)
{
	struct hsk_case *try;
	int err;
	u32 i;

	for (i = 0; i < select->nr_enabled; i++) {
		try = hsk_select_in_turn(select, i);
		err = hsk_case_try_again_locked(try, wakes);
		if (err == -EAGAIN)
			continue;
		if (err == HSK_SEND_LENT)
			return try;
		if (!list_empty(&try->place.node))
			hsk_queue_del_locked(hsk_case_queue(try), &try->place);
		hsk_chan_finish_locked(try->chan, &try->place, err, wakes);
		return try;
	}
	return NULL;
}

/* The place before that of this turn in the same queue; NULL: it is the first there. */
static struct hsk_waiter *hsk_select_place_before(const struct hsk_select *select, u32 i)
{
	const struct hsk_queue *queue = hsk_case_queue(hsk_select_in_turn(select, i));
	struct hsk_case *before;

	while (i--) {
		before = hsk_select_in_turn(select, i);
		if (hsk_case_queue(before) == queue)
			return &before->place;
	}
	return NULL;
}

/*
 * Pass 2 for one that keeps the places it had. Those in one queue were queued at once,
 * so that nobody stands between them.
 */
static void hsk_select_return_locked(struct hsk_select *select)
{
	struct hsk_waiter *before;
	struct hsk_case *queue;
	u32 i;

	for (i = 0; i < select->nr_enabled; i++) {
		queue = hsk_select_in_turn(select, i);
		if (!list_empty(&queue->place.node))
			continue;
		before = hsk_select_place_before(select, i);
		if (before)
			hsk_queue_return_after_locked(hsk_case_queue(queue), &queue->place, before);
		else
			hsk_queue_return_locked(hsk_case_queue(queue), &queue->place);
	}
	hsk_wait_unclaim(&select->wait);
}

/**
 * hsk_select_take_back() - give a select the message back that it has lent
 * @select: the select, pinned; not to be touched afterwards
 * @chan: the channel on which it was sending; not locked
 * @msg: the message, in transit; not the caller's any more if it was taken back
 *
 * The select then waits on, or the next case happens that can.
 *
 * Return: true; false: the select has let go of the message meanwhile.
 */
bool hsk_select_take_back(struct hsk_select *select, struct hsk_chan *chan, struct hsk_msg *msg)
{
	struct hsk_case *chosen = NULL;
	struct hsk_wakes wakes;
	bool back;

	hsk_wakes_init(&wakes);
	hsk_select_lock(select);
	back = hsk_chan_take_back_locked(chan, msg);
	if (back) {
		chosen = hsk_select_try_again_locked(select, &wakes);
		if (!chosen)
			hsk_select_return_locked(select);
	}
	hsk_select_unlock(select);

	/* The pin goes before an owner is woken, who may have to wait for it. */
	if (chosen) {
		chan = chosen->chan;
		hsk_chan_get(chan);
		hsk_select_unpin(select);
		hsk_chan_wake(chan, &wakes);
		hsk_chan_put(chan);
		return true;
	}
	if (back)
		hsk_select_tell_pollers(select);
	hsk_select_unpin(select);
	hsk_wakes_run(&wakes);
	return back;
}

/**
 * hsk_cases_put() - let go of what cases hold
 * @cases: cases of a select that is over, or of one that never began
 * @nr: how many
 *
 * Context: may sleep.
 */
void hsk_cases_put(struct hsk_case *cases, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!cases[i].chan)
			continue;
		if (cases[i].send && cases[i].place.msg)
			hsk_msg_free(cases[i].place.msg);
		if (!cases[i].borrowed)
			fput(cases[i].file);
	}
}
