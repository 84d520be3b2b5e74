// SPDX-License-Identifier: GPL-2.0-only
#include "parts.h"

static const char * const place_words[] = {
	"nowhere", "buffered", "taken from the buffer", "sender waits",
	"lent by a waiting sender", "handed over",
};

static int value_of(const struct view *v, int sent)
{
	return op_case(&v->h->ops[OF(sent)], NR(sent)).value;
}

static const char * const stage_words[] = {
	"idle", "has had no effect yet", "waits", "copies", "has happened", "counted down",
	"closed", "leaves", "has lent its message", "may not wait",
};

void config_describe(const struct view *v, const struct config *c, FILE *to)
{
	struct snapshot is;
	int i;

	look(c, &is);
	fprintf(to, "#   ");
	if (c->closed)
		fprintf(to, "closed %d", c->reason);
	else
		fprintf(to, "open");
	fprintf(to, ", sent %d received %d buffered %d drained %d, readers %d writers %d; line:",
		is.sent, is.received, is.buffered, is.drained, is.readers, is.writers);
	for (i = 0; i < c->nr_line; i++)
		fprintf(to, " %d (%s)", value_of(v, c->line[i]), place_words[c->place[i]]);
	fprintf(to, c->nr_line ? "; waiting to receive:" : " empty; waiting to receive:");
	for (i = 0; i < c->nr_queue; i++)
		fprintf(to, " a%d", OF(c->queue[i]));
	fprintf(to, c->nr_queue ? "" : " nobody");
	if (c->canceled)
		fprintf(to, "; context closed %d", c->ctx_reason);
	fputc('\n', to);
	for (i = 0; i < v->h->nr_actors; i++) {
		if (!v->active[i])
			continue;
		fprintf(to, "#     %s", stage_words[c->stage[i]]);
		if (c->stage[i] == COPYING)
			fprintf(to, " %d", value_of(v, c->held[i]));
		fprintf(to, ": ");
		op_print(v->active[i], to);
	}
}
