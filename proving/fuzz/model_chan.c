// SPDX-License-Identifier: GPL-2.0-only
/* The model of a channel: messages, who waits, close, and the ends of files. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

#define READABLE	(POLLIN | POLLRDNORM)
#define WRITABLE	(POLLOUT | POLLWRNORM)

/* Without a message, also in transit, which may come back. */
bool chan_drained(const struct chan *chan)
{
	return chan->closed && !chan->nr_buffer && !chan->taken && !chan->handed;
}

/* What is in transit out of the buffer keeps its slot. */
bool chan_has_slot(const struct chan *chan)
{
	return chan->nr_buffer + chan->taken < chan->cap;
}

static uint32_t chan_poll(const struct chan *chan, unsigned int rights)
{
	uint32_t events = 0;

	if (rights & RIGHT_READ) {
		if (chan->nr_buffer || chan->nr_senders || chan_drained(chan))
			events |= READABLE;
		if (chan->closed)
			events |= POLLRDHUP;
		if (chan_drained(chan))
			events |= POLLHUP;
	}
	if (rights & RIGHT_WRITE) {
		if (chan->closed)
			events |= POLLERR;
		else if (chan_has_slot(chan) || chan->nr_receivers)
			events |= WRITABLE;
	}
	return events;
}

/* After each change: pollers may see what the state is now. */
void chan_changed(struct chan *chan)
{
	unsigned int rights;

	chan->dirty = true;
	for (rights = 1; rights < 4; rights++)
		chan->seen[rights] |= chan_poll(chan, rights);
}

uint32_t model_poll(const struct file *file)
{
	if (file->kind == FILE_SELECTOR)
		return file->selector->armed.state == DONE ? READABLE : 0;
	return file->kind == FILE_ENDPOINT ? chan_poll(file->chan, file->rights) : 0;
}

struct chan *chan_new(uint32_t cap)
{
	struct chan *chan = model.chan;

	while (chan->live)
		chan++;
	memset(chan, 0, sizeof(*chan));
	chan->live = true;
	chan->cap = cap;
	return chan;
}

/* The buffer. */

/* Where its ticket says: as a rule the last, or in front if it comes back. */
static void buffer_insert(struct chan *chan, struct message *msg)
{
	unsigned int at = 0;

	while (at < chan->nr_buffer && chan->buffer[at]->ticket < msg->ticket)
		at++;
	memmove(&chan->buffer[at + 1], &chan->buffer[at],
		(chan->nr_buffer - at) * sizeof(msg));
	chan->buffer[at] = msg;
	chan->nr_buffer++;
	chan_changed(chan);
}

static void buffer_remove_first(struct chan *chan)
{
	chan->nr_buffer--;
	memmove(&chan->buffer[0], &chan->buffer[1], chan->nr_buffer * sizeof(chan->buffer[0]));
	chan_changed(chan);
}

/* Who waits. */

/* All places of a waiter. */
static void queue_remove(int *queue, unsigned int *nr, int w)
{
	unsigned int i, kept = 0;

	for (i = 0; i < *nr; i++)
		if (place_waiter(queue[i]) != w)
			queue[kept++] = queue[i];
	*nr = kept;
}

static uint64_t *arrival(int place)
{
	return &place_pending(place)->arrival[place_case(place)];
}

void chan_wait_send(struct chan *chan, int place)
{
	*arrival(place) = model.next_arrival++;
	chan->senders[chan->nr_senders++] = place;
	chan_changed(chan);
}

void chan_wait_recv(struct chan *chan, int place)
{
	*arrival(place) = model.next_arrival++;
	chan->receivers[chan->nr_receivers++] = place;
	chan_changed(chan);
}

/* Back to where one stood. */
void chan_return(struct chan *chan, int place, bool send)
{
	int *queue = send ? chan->senders : chan->receivers;
	unsigned int at = 0, *nr = send ? &chan->nr_senders : &chan->nr_receivers;

	while (at < *nr && *arrival(queue[at]) < *arrival(place))
		at++;
	memmove(&queue[at + 1], &queue[at], (*nr - at) * sizeof(queue[0]));
	queue[at] = place;
	++*nr;
	chan_changed(chan);
}

void chan_withdraw(struct chan *chan, int w)
{
	queue_remove(chan->senders, &chan->nr_senders, w);
	queue_remove(chan->receivers, &chan->nr_receivers, w);
	chan_changed(chan);
}

/* The message is the channel's or its receiver's from here on, if it was sent. */
void end_send(int place, int err)
{
	struct pending *pending = place_pending(place);

	if (has_cases(pending)) {
		select_end_send(place, err);
		return;
	}
	if (err)
		message_discard(pending->msg);
	pending->msg = NULL;
	pending->by_close = err == EPIPE;
	send_result(pending, err);
}

static int pop_receiver(struct chan *chan)
{
	int place = chan->receivers[0];

	queue_remove(chan->receivers, &chan->nr_receivers, place_waiter(place));
	chan_changed(chan);
	return place;
}

static int pop_sender(struct chan *chan)
{
	int place = chan->senders[0];

	queue_remove(chan->senders, &chan->nr_senders, place_waiter(place));
	chan_changed(chan);
	return place;
}

/* Whom could this receiver meet? A select does not meet itself. -1: nobody. */
static int first_sender(const struct chan *chan, int waiter)
{
	unsigned int i;

	for (i = 0; i < chan->nr_senders; i++)
		if (place_waiter(chan->senders[i]) != waiter)
			return chan->senders[i];
	return -1;
}

/* The buffer comes first, but for a sender that has come back and had offered before. */
static bool buffer_first(const struct chan *chan, int sender)
{
	return chan->nr_buffer &&
	       (sender < 0 || chan->buffer[0]->ticket < place_message(sender)->ticket);
}

/* Giving and taking. */

int message_fits(const struct message *msg, struct pending *pending)
{
	struct room room = pending->room;

	if (msg->nr && room.bytes_only)
		return EBADMSG;
	if (msg->len <= room.len && (uint32_t)msg->nr <= room.nr_fds)
		return 0;
	pending->need_len = msg->len;
	pending->need_fds = msg->nr;
	return EMSGSIZE;
}

/* A selector has it until it is finished; a sender that waits is lent as long. */
static void take_into_transit(struct chan *chan, int place, struct message *msg, int sender)
{
	msg->has_slot = sender < 0;
	if (msg->has_slot) {
		chan->taken++;
		buffer_remove_first(chan);
	} else {
		chan->sent++;
		chan->handed++;
		lend(sender, msg);
	}
	selector_hold(place, msg);
	chan_changed(chan);
}

/*
 * A receive of what is at the front, also by one who has waited. Returns EAGAIN
 * if nothing is there; else the receive has ended, whether it got something or not.
 */
int chan_take(struct chan *chan, int place)
{
	int err, sender = first_sender(chan, place_waiter(place));
	struct message *msg;

	if (chan_drained(chan)) {
		recv_closed(place, chan->reason);
		return 0;
	}
	if (buffer_first(chan, sender))
		sender = -1;
	else if (sender < 0)
		return EAGAIN;
	msg = sender < 0 ? chan->buffer[0] : place_message(sender);
	err = message_fits(msg, place_pending(place));
	if (err) {
		recv_error(place, err);
		return 0;
	}
	if (is_selector(place_waiter(place))) {
		take_into_transit(chan, place, msg, sender);
		return 0;
	}
	err = recv_copy_error(place_waiter(place), msg);
	if (err) {
		/* Whose it was waits on; of a select no other case is ready, or it had happened. */
		recv_error(place, err);
		return 0;
	}
	chan->received++;
	if (sender < 0) {
		buffer_remove_first(chan);
	} else {
		chan->sent++;
		queue_remove(chan->senders, &chan->nr_senders, place_waiter(sender));
		end_send(sender, 0);
	}
	recv_message(place, msg);
	return 0;
}

/* One that has come back may find receivers; a select has looked for them itself. */
static bool has_single_sender(const struct chan *chan)
{
	unsigned int i;

	for (i = 0; i < chan->nr_senders; i++)
		if (!has_cases(place_pending(chan->senders[i])))
			return true;
	return false;
}

/* All that the last change has made possible. */
void chan_settle(struct chan *chan)
{
	struct message *msg;
	int place;

	chan_changed(chan);
	if (chan->closed)
		lent_close(chan);
	while (chan->closed && chan->nr_senders)
		end_send(pop_sender(chan), EPIPE);
	while (chan->nr_receivers &&
	       (chan->nr_buffer || chan_drained(chan) || has_single_sender(chan)))
		chan_take(chan, pop_receiver(chan));
	while (!chan->closed && chan->nr_senders && chan_has_slot(chan)) {
		place = pop_sender(chan);
		msg = place_message(place);
		end_send(place, 0);
		buffer_insert(chan, msg);
		chan->sent++;
	}
	chan_changed(chan);
}

/* A waiting receiver gets a message; if it can't take it, that goes to the front. */
static void hand_over(struct chan *chan, int place, struct message *msg)
{
	int err;

	chan->sent++;
	if (is_selector(place_waiter(place))) {
		msg->has_slot = false;
		chan->handed++;
		selector_hold(place, msg);
		chan_changed(chan);
		return;
	}
	err = recv_copy_error(place_waiter(place), msg);
	if (!err) {
		chan->received++;
		recv_message(place, msg);
		chan_changed(chan);
		return;
	}
	recv_error(place, err);
	buffer_insert(chan, msg);
	chan_settle(chan);
}

static void leave_transit(struct chan *chan, const struct message *msg)
{
	if (msg->has_slot)
		chan->taken--;
	else
		chan->handed--;
}

/* What was in transit has been received. */
void chan_commit(struct chan *chan, const struct message *msg)
{
	leave_transit(chan, msg);
	chan->received++;
	if (msg->lent_by)
		lent_end(place_waiter(msg->lent_by - 1));
	chan_settle(chan);
}

static bool receives(const struct pending *pending, const struct chan *chan)
{
	int c;

	if (!has_cases(pending))
		return pending->step.op != OP_SEND && pending->file->chan == chan;
	for (c = 0; c < MAX_CASES; c++)
		if (pending->cases[c].chan == chan && !pending->cases[c].send)
			return true;
	return false;
}

/* Does a receiver wait, or did one until a close in this step? */
static bool has_had_receiver(const struct chan *chan)
{
	const struct pending *pending;
	int waiter;

	for (waiter = 0; waiter < NR_WAITERS; waiter++) {
		pending = waiter_pending(waiter);
		if (pending->state == DONE && pending->by_close && receives(pending, chan))
			return true;
	}
	return chan->nr_receivers;
}

/* It has not: its sender's again if that waits, else in front, beyond the capacity too. */
void chan_restore(struct chan *chan, struct message *msg)
{
	model.nr_restored++;
	if (has_had_receiver(chan) || msg->lent_by)
		model.restored_to_waiting = true;
	leave_transit(chan, msg);
	if (msg->lent_by)
		lent_come_back(chan, msg);
	else
		buffer_insert(chan, msg);
	chan_settle(chan);
}

/* To a receiver that waits: it has it, or one that is a selector is lent it. */
static bool hand_over_again(struct chan *chan, int sender, int receiver)
{
	struct message *msg = place_message(sender);
	int err;

	if (is_selector(place_waiter(receiver))) {
		chan->sent++;
		chan->handed++;
		msg->has_slot = false;
		lend(sender, msg);
		selector_hold(receiver, msg);
		chan_changed(chan);
		return true;
	}
	err = recv_copy_error(place_waiter(receiver), msg);
	if (err) {
		recv_error(receiver, err);
		return false;
	}
	chan->sent++;
	chan->received++;
	end_send(sender, 0);
	recv_message(receiver, msg);
	chan_changed(chan);
	return true;
}

/* What a select whose message has come back offers: is it over, or lent once more? */
bool chan_offer_again(struct chan *chan, int place)
{
	struct message *msg = place_message(place);
	int err, receiver;

	if (chan->closed) {
		end_send(place, EPIPE);
		return true;
	}
	while (chan->nr_receivers) {
		receiver = pop_receiver(chan);
		err = message_fits(msg, place_pending(receiver));
		if (err)
			recv_error(receiver, err);
		else if (hand_over_again(chan, place, receiver))
			return true;
	}
	if (!chan_has_slot(chan))
		return false;
	end_send(place, 0);
	buffer_insert(chan, msg);
	chan->sent++;
	return true;
}

/* Returns 0: the message is no longer the sender's; EPIPE, EAGAIN. */
int chan_offer(struct chan *chan, struct message *msg)
{
	int err, place;

	if (chan->closed)
		return EPIPE;
	msg->ticket = model.next_ticket++;
	while (chan->nr_receivers) {
		place = pop_receiver(chan);
		err = message_fits(msg, place_pending(place));
		if (!err) {
			hand_over(chan, place, msg);
			return 0;
		}
		recv_error(place, err);
	}
	if (!chan_has_slot(chan))
		return EAGAIN;
	buffer_insert(chan, msg);
	chan->sent++;
	return 0;
}

/* All that a channel holds: buffered, on offer, in transit, not let go of yet. */
#define MAX_HELD	(MAX_BUFFERED + 2 * NR_WAITERS * MAX_CASES)

static unsigned int held_messages(const struct chan *chan, const struct message **msgs)
{
	unsigned int i, nr = 0;

	for (i = 0; i < chan->nr_buffer; i++)
		msgs[nr++] = chan->buffer[i];
	for (i = 0; i < chan->nr_senders; i++)
		msgs[nr++] = place_message(chan->senders[i]);
	nr += lent_messages(chan, msgs + nr);
	return nr + selector_messages(chan, msgs + nr);
}

/* Would @holder hold itself if it held an endpoint of @chan? */
bool chan_reaches(const struct chan *chan, const struct chan *holder)
{
	const struct message *msgs[MAX_HELD];
	unsigned int i, nr;
	int n;

	if (chan == holder)
		return true;
	nr = held_messages(chan, msgs);
	for (i = 0; i < nr; i++)
		for (n = 0; n < msgs[i]->nr; n++)
			if (msgs[i]->carried[n]->kind == FILE_ENDPOINT &&
			    chan_reaches(msgs[i]->carried[n]->chan, holder))
				return true;
	return false;
}

/* How many descriptors a user has in messages that nobody has received. */
uint32_t in_flight(uid_t uid)
{
	const struct message *msgs[MAX_HELD];
	const struct chan *chan;
	unsigned int i, nr;
	uint32_t sum = 0;

	for (chan = model.chan; chan < model.chan + MAX_CHANS; chan++) {
		nr = chan->live ? held_messages(chan, msgs) : 0;
		for (i = 0; i < nr; i++)
			sum += msgs[i]->uid == uid ? msgs[i]->nr : 0;
	}
	return sum;
}
