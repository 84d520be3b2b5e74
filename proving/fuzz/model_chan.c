// SPDX-License-Identifier: GPL-2.0-only
/* The model of a channel: messages, who waits, close, and the ends of files. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

#define READABLE	(POLLIN | POLLRDNORM)
#define WRITABLE	(POLLOUT | POLLWRNORM)

static bool drained(const struct chan *chan)
{
	return chan->closed && !chan->nr_buffer;
}

static uint32_t chan_poll(const struct chan *chan, unsigned int rights)
{
	uint32_t events = 0;

	if (rights & RIGHT_READ) {
		if (chan->nr_buffer || chan->nr_senders || drained(chan))
			events |= READABLE;
		if (chan->closed)
			events |= POLLRDHUP;
		if (drained(chan))
			events |= POLLHUP;
	}
	if (rights & RIGHT_WRITE) {
		if (chan->closed)
			events |= POLLERR;
		else if (chan->nr_buffer < chan->cap || chan->nr_receivers)
			events |= WRITABLE;
	}
	return events;
}

/* After each change: pollers may see what the state is now. */
static void changed(struct chan *chan)
{
	unsigned int rights;

	chan->dirty = true;
	for (rights = 1; rights < 4; rights++)
		chan->seen[rights] |= chan_poll(chan, rights);
}

uint32_t model_poll(const struct file *file)
{
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

/* Messages. */

void message_free(struct message *msg)
{
	int i;

	for (i = 0; msg && i < msg->nr; i++)
		file_put(msg->carried[i]);
	free(msg);
}

/*
 * What has not been sent, and what was received without a slot for it, goes when the
 * operation is over, which is after all that its own end has made possible: at the end
 * of the step.
 */
static struct message *discarded[NR_WORKERS * MAX_CASES * 8];
static struct file *surplus[NR_WORKERS * MAX_CARRIED * 8];
static unsigned int nr_discarded, nr_surplus;

void message_discard(struct message *msg)
{
	if (msg && nr_discarded < sizeof(discarded) / sizeof(discarded[0]))
		discarded[nr_discarded++] = msg;
}

void file_put_later(struct file *file)
{
	if (nr_surplus < sizeof(surplus) / sizeof(surplus[0]))
		surplus[nr_surplus++] = file;
}

/* What goes may end more operations. */
void discarded_free(void)
{
	while (nr_discarded || nr_surplus) {
		if (nr_surplus)
			file_put(surplus[--nr_surplus]);
		else
			message_free(discarded[--nr_discarded]);
	}
}

void discarded_forget(void)
{
	nr_discarded = 0;
	nr_surplus = 0;
}

static void buffer_insert(struct chan *chan, unsigned int at, struct message *msg)
{
	memmove(&chan->buffer[at + 1], &chan->buffer[at],
		(chan->nr_buffer - at) * sizeof(msg));
	chan->buffer[at] = msg;
	chan->nr_buffer++;
	changed(chan);
}

static void buffer_remove_first(struct chan *chan)
{
	chan->nr_buffer--;
	memmove(&chan->buffer[0], &chan->buffer[1], chan->nr_buffer * sizeof(chan->buffer[0]));
	changed(chan);
}

/* Who waits. */

/* All places of a worker. */
static void queue_remove(int *queue, unsigned int *nr, int w)
{
	unsigned int i, kept = 0;

	for (i = 0; i < *nr; i++)
		if (place_worker(queue[i]) != w)
			queue[kept++] = queue[i];
	*nr = kept;
}

void chan_wait_send(struct chan *chan, int place)
{
	chan->senders[chan->nr_senders++] = place;
	changed(chan);
}

void chan_wait_recv(struct chan *chan, int place)
{
	chan->receivers[chan->nr_receivers++] = place;
	changed(chan);
}

void chan_withdraw(struct chan *chan, int w)
{
	queue_remove(chan->senders, &chan->nr_senders, w);
	queue_remove(chan->receivers, &chan->nr_receivers, w);
	changed(chan);
}

/* The message is the channel's or its receiver's from here on, if it was sent. */
static void end_send(int place, int err)
{
	struct pending *pending = &model.worker[place_worker(place)].pending;

	if (pending->step.op == OP_SELECT) {
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

	queue_remove(chan->receivers, &chan->nr_receivers, place_worker(place));
	changed(chan);
	return place;
}

static int pop_sender(struct chan *chan)
{
	int place = chan->senders[0];

	queue_remove(chan->senders, &chan->nr_senders, place_worker(place));
	changed(chan);
	return place;
}

/* Giving and taking. */

static int fits(const struct message *msg, struct pending *pending)
{
	struct room room = recv_room(&pending->step);

	if (msg->nr && room.bytes_only)
		return EBADMSG;
	if (msg->len <= room.len && (uint32_t)msg->nr <= room.nr_fds)
		return 0;
	pending->need_len = msg->len;
	pending->need_fds = msg->nr;
	return EMSGSIZE;
}

/*
 * A receive of what is at the front, also by one who has waited. Returns EAGAIN
 * if nothing is there; else the receive has ended, whether it got something or not.
 */
int chan_take(struct chan *chan, int place)
{
	struct pending *pending = &model.worker[place_worker(place)].pending;
	bool buffered = chan->nr_buffer;
	struct message *msg;
	int err;

	if (!buffered && chan->closed) {
		recv_closed(place, chan->reason);
		return 0;
	}
	if (!buffered && !chan->nr_senders)
		return EAGAIN;
	msg = buffered ? chan->buffer[0] : place_message(chan->senders[0]);
	err = fits(msg, pending);
	if (err) {
		recv_error(place, err);
		return 0;
	}
	err = recv_copy_error(place_worker(place), msg);
	if (err) {
		/* Whose it was waits on; of a select no other case is ready, or it had happened. */
		recv_error(place, err);
		return 0;
	}
	chan->received++;
	if (buffered) {
		buffer_remove_first(chan);
	} else {
		chan->sent++;
		end_send(pop_sender(chan), 0);
	}
	recv_message(place, msg);
	return 0;
}

/* All that the last change has made possible. */
void chan_settle(struct chan *chan)
{
	struct message *msg;
	int place;

	changed(chan);
	while (chan->closed && chan->nr_senders)
		end_send(pop_sender(chan), EPIPE);
	/* Senders beside receivers are the same select's, which does not meet itself. */
	while (chan->nr_receivers && (chan->nr_buffer || drained(chan)))
		chan_take(chan, pop_receiver(chan));
	while (!chan->closed && chan->nr_senders && chan->nr_buffer < chan->cap) {
		place = pop_sender(chan);
		msg = place_message(place);
		end_send(place, 0);
		buffer_insert(chan, chan->nr_buffer, msg);
		chan->sent++;
	}
	changed(chan);
}

/* A waiting receiver gets a message; if it can't take it, that goes to the front. */
static void hand_over(struct chan *chan, int place, struct message *msg)
{
	int err = recv_copy_error(place_worker(place), msg);

	chan->sent++;
	if (!err) {
		chan->received++;
		recv_message(place, msg);
		changed(chan);
		return;
	}
	recv_error(place, err);
	buffer_insert(chan, 0, msg);
	chan_settle(chan);
}

/* Returns 0: the message is no longer the sender's; EPIPE, EAGAIN. */
int chan_offer(struct chan *chan, struct message *msg)
{
	int err, place;

	if (chan->closed)
		return EPIPE;
	while (chan->nr_receivers) {
		place = pop_receiver(chan);
		err = fits(msg, &model.worker[place_worker(place)].pending);
		if (!err) {
			hand_over(chan, place, msg);
			return 0;
		}
		recv_error(place, err);
	}
	if (chan->nr_buffer >= chan->cap)
		return EAGAIN;
	buffer_insert(chan, chan->nr_buffer, msg);
	chan->sent++;
	return 0;
}

/* Would @holder hold itself if it held an endpoint of @chan? */
bool chan_reaches(const struct chan *chan, const struct chan *holder)
{
	const struct message *msg;
	unsigned int i;
	int n;

	if (chan == holder)
		return true;
	for (i = 0; i < chan->nr_buffer + chan->nr_senders; i++) {
		msg = i < chan->nr_buffer ? chan->buffer[i] :
		      place_message(chan->senders[i - chan->nr_buffer]);
		for (n = 0; n < msg->nr; n++)
			if (msg->carried[n]->kind == FILE_ENDPOINT &&
			    chan_reaches(msg->carried[n]->chan, holder))
				return true;
	}
	return false;
}

/* How many descriptors a user has in messages that nobody has received. */
uint32_t in_flight(uid_t uid)
{
	const struct message *msg;
	const struct chan *chan;
	uint32_t sum = 0;
	unsigned int i;

	for (chan = model.chan; chan < model.chan + MAX_CHANS; chan++) {
		for (i = 0; chan->live && i < chan->nr_buffer + chan->nr_senders; i++) {
			msg = i < chan->nr_buffer ? chan->buffer[i] :
			      place_message(chan->senders[i - chan->nr_buffer]);
			sum += msg->uid == uid ? msg->nr : 0;
		}
	}
	return sum;
}

/* Files. */

struct file *file_new(int w, enum file_kind kind)
{
	struct file *file = calloc(1, sizeof(*file));

	file->kind = kind;
	file->refs = 1;
	file->uid = model.worker[w].uid;
	file->gid = model.worker[w].gid;
	return file;
}

struct file *file_new_endpoint(int w, struct chan *chan, unsigned int rights)
{
	struct file *file = file_new(w, FILE_ENDPOINT);

	file->chan = chan;
	file->rights = rights;
	chan->readers += !!(rights & RIGHT_READ);
	chan->writers += !!(rights & RIGHT_WRITE);
	changed(chan);
	return file;
}

static void chan_drain(struct chan *chan)
{
	struct message *buffer[MAX_BUFFERED];
	unsigned int i, nr = chan->nr_buffer;

	memcpy(buffer, chan->buffer, sizeof(buffer));
	chan->drained += nr;
	chan->nr_buffer = 0;
	changed(chan);
	for (i = 0; i < nr; i++)
		message_free(buffer[i]);
}

static void endpoint_end(struct chan *chan, unsigned int rights)
{
	if ((rights & RIGHT_WRITE) && !--chan->writers)
		chan_close(chan, -EOWNERDEAD);
	if ((rights & RIGHT_READ) && !--chan->readers) {
		chan_close(chan, -EPIPE);
		chan_drain(chan);
	}
	changed(chan);
	if (!chan->readers && !chan->writers)
		chan->live = false;
}

/* Who watches a file that is no more does not learn of it. */
static void forget_watches(const struct file *file, struct file *epoll)
{
	int i, kept = 0;

	for (i = 0; i < epoll->nr_watches; i++)
		if (epoll->watch[i].file != file)
			epoll->watch[kept++] = epoll->watch[i];
	epoll->nr_watches = kept;
}

static void forget_everywhere(const struct file *file)
{
	struct file *epoll;
	int w, s;

	/* An epoll file can't travel, so it is in some slot. */
	for (w = 0; w < NR_WORKERS; w++) {
		for (s = 0; s < NR_SLOTS; s++) {
			epoll = model.worker[w].slot[s].file;
			if (epoll && epoll->kind == FILE_EPOLL)
				forget_watches(file, epoll);
		}
	}
}

void file_put(struct file *file)
{
	if (--file->refs)
		return;
	forget_everywhere(file);
	if (file->kind == FILE_ENDPOINT)
		endpoint_end(file->chan, file->rights);
	free(file);
}
