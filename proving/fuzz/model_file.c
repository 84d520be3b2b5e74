// SPDX-License-Identifier: GPL-2.0-only
/* The model of files and messages: what they hold, and what goes with the last of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

/* Messages. */

struct message *message_alloc(void)
{
	int i = 0;

	while (i < MAX_MESSAGES && model.message_used[i])
		i++;
	if (i == MAX_MESSAGES) {
		fprintf(stderr, "fuzz: the model has no room for another message\n");
		exit(2);
	}
	model.message_used[i] = true;
	memset(&model.message[i], 0, sizeof(model.message[i]));
	return &model.message[i];
}

void message_free(struct message *msg)
{
	int i;

	if (!msg)
		return;
	for (i = 0; i < msg->nr; i++)
		file_put(msg->carried[i]);
	model.message_used[msg - model.message] = false;
}

/*
 * What has not been sent, and what was received without a slot for it, goes when the
 * operation is over, which is after all that its own end has made possible: at the end
 * of the step.
 */
void message_discard(struct message *msg)
{
	if (msg && model.nr_discarded < MAX_DISCARDED)
		model.discarded[model.nr_discarded++] = msg;
}

void file_put_later(struct file *file)
{
	if (file && model.nr_surplus < MAX_DISCARDED)
		model.surplus[model.nr_surplus++] = file;
}

/* What goes may end more operations. */
void discarded_free(void)
{
	while (model.nr_discarded || model.nr_surplus) {
		if (model.nr_surplus)
			file_put(model.surplus[--model.nr_surplus]);
		else
			message_free(model.discarded[--model.nr_discarded]);
	}
}

/* Files. */

struct file *file_new(int w, enum file_kind kind)
{
	struct file *file = model.file;

	while (file < model.file + MAX_FILES && file->refs)
		file++;
	if (file == model.file + MAX_FILES) {
		fprintf(stderr, "fuzz: the model has no room for another file\n");
		exit(2);
	}
	memset(file, 0, sizeof(*file));
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
	chan_changed(chan);
	return file;
}

static void chan_drain(struct chan *chan)
{
	struct message *buffer[MAX_BUFFERED];
	unsigned int i, nr = chan->nr_buffer;

	memcpy(buffer, chan->buffer, sizeof(buffer));
	chan->drained += nr;
	chan->nr_buffer = 0;
	chan_changed(chan);
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
	chan_changed(chan);
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
	if (file->kind == FILE_SELECTOR)
		selector_release(file->selector);
}
