// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BLANKS		" \t\n"

static const struct {
	const char *word;
	enum verb verb;
	unsigned int flags;
} verbs[] = {
	{ "send", SEND, 0 }, { "write", SEND, BY_RW },
	{ "recv", RECV, 0 }, { "read", RECV, BY_RW },
	{ "close", CLOSE, 0 }, { "release", RELEASE, 0 }, { "dup", DUP, 0 },
	{ "info", INFO, 0 }, { "signal", SIGNAL, 0 }, { "kill", KILL, 0 },
	{ "select", SELECT, 0 },
	{ "arm", ARM, 0 }, { "poll", POLL, 0 }, { "finish", FINISH, 0 },
	{ "disarm", DISARM, 0 }, { "drop", DROP, 0 }, { "cancel", CANCEL, 0 },
};

static const struct {
	const char *word;
	int result;
} results[] = {
	{ "ok", RES_OK }, { "closed", RES_CLOSED }, { "?", RES_UNKNOWN },
	{ "disarmed", RES_DISARMED },
	{ "EAGAIN", EAGAIN }, { "EALREADY", EALREADY }, { "EBADF", EBADF },
	{ "ECANCELED", ECANCELED }, { "EFAULT", EFAULT }, { "EINTR", EINTR },
	{ "EMSGSIZE", EMSGSIZE }, { "EPERM", EPERM }, { "EPIPE", EPIPE },
	{ "ETIMEDOUT", ETIMEDOUT },
};

static const char * const rights_words[] = { "none", "r", "w", "rw" };

/* --- reading ---------------------------------------------------------------------- */

void history_init(struct history *h)
{
	memset(h, 0, sizeof(*h));
}

static bool parse_stamp(const char *word, long *stamp, long long *ns)
{
	char *end;

	*stamp = NO_STAMP;
	*ns = NO_TIME;
	if (!strcmp(word, "-"))
		return true;
	*stamp = strtol(word, &end, 10);
	if (end == word)
		return false;
	if (*end == ':')
		*ns = strtoll(end + 1, &end, 10);
	return !*end;
}

static bool parse_rights(const char *word, int *rights)
{
	for (*rights = 1; *rights < 4; (*rights)++)
		if (word && !strcmp(word, rights_words[*rights]))
			return true;
	return false;
}

static bool parse_verb(struct op *op, const char *word)
{
	size_t i;

	for (i = 0; word && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(word, verbs[i].word))
			continue;
		op->verb = verbs[i].verb;
		op->flags = verbs[i].flags;
		return true;
	}
	return false;
}

static bool parse_arg(struct op *op)
{
	switch (op->verb) {
	case SEND:
	case CLOSE:
	case CANCEL:
		return int_parse(strtok(NULL, BLANKS), &op->arg);
	case RELEASE:
	case DUP:
		return parse_rights(strtok(NULL, BLANKS), &op->arg);
	case SIGNAL:
	case ARM:
	case POLL:
	case FINISH:
	case DISARM:
	case DROP:
		return name_parse(strtok(NULL, BLANKS), 'a', MAX_ACTORS, &op->arg);
	case KILL:
		return name_parse(strtok(NULL, BLANKS), 'p', MAX_PROCS, &op->arg);
	default:
		return true;
	}
}

static bool parse_deadline(struct op *op, const char *word)
{
	op->flags |= DEADLINE;
	op->deadline = word ? atoll(word) : 0;
	return word;
}

/* The words up to "=". */
static bool parse_flags(struct op *op, int nr_chans)
{
	unsigned int flag;
	char *word;

	while ((word = strtok(NULL, BLANKS)) && strcmp(word, "=")) {
		if (!strcmp(word, "deadline")) {
			if (!parse_deadline(op, strtok(NULL, BLANKS)))
				return false;
			continue;
		}
		if (op->verb == SELECT && case_parse(op, word, nr_chans))
			continue;
		flag = flag_parse(word);
		if (!flag)
			return false;
		*flags_of_last(op, flag) |= flag;
	}
	return word;
}

static bool parse_counter(const char *word, const char *name, int *value)
{
	return word && !strcmp(word, name) && int_parse(strtok(NULL, BLANKS), value);
}

static bool parse_info(struct snapshot *s, char *word)
{
	if (!parse_counter(word, "sent", &s->sent) ||
	    !parse_counter(strtok(NULL, BLANKS), "received", &s->received) ||
	    !parse_counter(strtok(NULL, BLANKS), "buffered", &s->buffered) ||
	    !parse_counter(strtok(NULL, BLANKS), "drained", &s->drained) ||
	    !parse_counter(strtok(NULL, BLANKS), "senders", &s->senders) ||
	    !parse_counter(strtok(NULL, BLANKS), "receivers", &s->receivers) ||
	    !parse_counter(strtok(NULL, BLANKS), "readers", &s->readers) ||
	    !parse_counter(strtok(NULL, BLANKS), "writers", &s->writers))
		return false;
	word = strtok(NULL, BLANKS);
	if (word && !strcmp(word, "open"))
		return true;
	s->closed = 1;
	return parse_counter(word, "closed", &s->reason);
}

static bool parse_result(struct op *op)
{
	char *word = strtok(NULL, BLANKS);
	size_t i;

	if (!word || !chosen_parse(op, &word))
		return false;
	if (op->verb == INFO && !strcmp(word, "sent"))
		return parse_info(&op->info, word);
	if (op_receives(op) && int_parse(word, &op->got))
		return true;
	for (i = 0; i < ARRAY_SIZE(results); i++)
		if (!strcmp(word, results[i].word))
			break;
	if (i < ARRAY_SIZE(results))
		op->result = results[i].result;
	else if (sscanf(word, "errno-%d", &op->result) != 1)
		return false;
	if (op_tells_reason(op))
		return int_parse(strtok(NULL, BLANKS), &op->got);
	if (op->result != RES_CLOSED)
		return true;
	op->got = REASON_UNTOLD;
	return op->flags & BY_RW || int_parse(strtok(NULL, BLANKS), &op->got);
}

/* Only of a selector is it unknown though it has ended: nobody has asked. */
static bool fits_its_end(const struct op *op)
{
	if (op->end == NO_STAMP || !(op->flags & ARMED))
		return (op->end == NO_STAMP) == (op->result == RES_UNKNOWN);
	return true;
}

/* Of no channel is what concerns processes or selectors, or has cases, and nothing else. */
static bool fits_its_channel(const struct op *op)
{
	bool of_none = op->verb == SIGNAL || op->verb == KILL || op->verb == CANCEL ||
		       op->verb == SELECT || op_asks(op);

	return (op->chan < 0) == of_none && (op->verb == SELECT) == (op->nr_cases > 0);
}

static bool add_op(struct history *h, const char *word)
{
	struct op *op = &h->ops[h->nr_ops];

	if (h->nr_ops == MAX_OPS)
		return false;
	memset(op, 0, sizeof(*op));
	op->chan = -1;
	if (!parse_stamp(word, &op->start, &op->start_ns))
		return false;
	word = strtok(NULL, BLANKS);
	if (!word || !parse_stamp(word, &op->end, &op->end_ns) ||
	    !name_parse(strtok(NULL, BLANKS), 'a', h->nr_actors, &op->actor))
		return false;
	word = strtok(NULL, BLANKS);
	if (name_parse(word, 'c', h->nr_chans, &op->chan))
		word = strtok(NULL, BLANKS);
	if (!parse_verb(op, word) || !parse_arg(op) || !parse_flags(op, h->nr_chans) ||
	    !parse_result(op))
		return false;
	h->nr_ops++;
	return fits_its_channel(op) && fits_its_end(op);
}

static bool add_channel(struct history *h)
{
	int chan;

	if (!int_parse(strtok(NULL, BLANKS), &chan) || chan != h->nr_chans || chan >= MAX_CHANS)
		return false;
	h->nr_chans++;
	return parse_counter(strtok(NULL, BLANKS), "capacity", &h->capacity[chan]);
}

static bool add_actor(struct history *h)
{
	int actor, process;

	if (!int_parse(strtok(NULL, BLANKS), &actor) || actor != h->nr_actors ||
	    actor >= MAX_ACTORS || !parse_counter(strtok(NULL, BLANKS), "process", &process) ||
	    process < 0 || process >= MAX_PROCS)
		return false;
	h->nr_actors++;
	h->process[actor] = process;
	if (process >= h->nr_procs)
		h->nr_procs = process + 1;
	return true;
}

static bool add_endpoint(struct history *h)
{
	int chan, process, rights;

	if (!int_parse(strtok(NULL, BLANKS), &process) || !int_parse(strtok(NULL, BLANKS), &chan) ||
	    !parse_rights(strtok(NULL, BLANKS), &rights) || process < 0 ||
	    process >= MAX_PROCS || chan < 0 || chan >= h->nr_chans)
		return false;
	h->endpoints[chan][process][rights]++;
	return true;
}

bool history_add_line(struct history *h, const char *line)
{
	static char copy[512];
	char *word;

	snprintf(copy, sizeof(copy), "%s", line);
	word = strtok(copy, BLANKS);
	if (!word || word[0] == '#')
		return true;
	if (!strcmp(word, "history")) {
		word = strtok(NULL, BLANKS);
		h->seed = word ? strtoull(word, NULL, 0) : 0;
		return true;
	}
	if (!strcmp(word, "channel"))
		return add_channel(h);
	if (!strcmp(word, "actor"))
		return add_actor(h);
	if (!strcmp(word, "endpoint"))
		return add_endpoint(h);
	return add_op(h, word);
}

int history_read(struct history *h, FILE *from)
{
	bool any = false;
	char line[512];

	history_init(h);
	while (fgets(line, sizeof(line), from)) {
		if (!strcmp(line, "end\n"))
			return 1;
		any |= line[0] != '\n' && line[0] != '#';
		if (!history_add_line(h, line)) {
			fprintf(stderr, "not understood: %s", line);
			return -1;
		}
	}
	if (any)
		fprintf(stderr, "the last history has no end\n");
	return any ? -1 : 0;
}

/* --- writing ---------------------------------------------------------------------- */

static void print_stamp(long stamp, long long ns, FILE *to)
{
	if (stamp == NO_STAMP)
		fprintf(to, "- ");
	else if (ns == NO_TIME)
		fprintf(to, "%ld ", stamp);
	else
		fprintf(to, "%ld:%lld ", stamp, ns);
}

static void print_arg(const struct op *op, FILE *to)
{
	switch (op->verb) {
	case SEND:
	case CLOSE:
	case CANCEL:
		fprintf(to, " %d", op->arg);
		break;
	case RELEASE:
	case DUP:
		fprintf(to, " %s", rights_words[op->arg]);
		break;
	case SIGNAL:
	case ARM:
	case POLL:
	case FINISH:
	case DISARM:
	case DROP:
		fprintf(to, " a%d", op->arg);
		break;
	case KILL:
		fprintf(to, " p%d", op->arg);
		break;
	default:
		break;
	}
}

static void print_info(const struct snapshot *s, FILE *to)
{
	fprintf(to, "sent %d received %d buffered %d drained %d ", s->sent, s->received,
		s->buffered, s->drained);
	fprintf(to, "senders %d receivers %d readers %d writers %d", s->senders, s->receivers,
		s->readers, s->writers);
	if (s->closed)
		fprintf(to, " closed %d", s->reason);
	else
		fprintf(to, " open");
}

static void print_result(const struct op *op, FILE *to)
{
	size_t i;

	if (op->verb == INFO && op->result == RES_OK) {
		print_info(&op->info, to);
		return;
	}
	if (op->chosen != NO_CASE && op->verb == SELECT)
		fprintf(to, "case %d ", op->chosen);
	if (op_receives(op) && op->result == RES_OK) {
		fprintf(to, "%d", op->got);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(results); i++)
		if (results[i].result == op->result)
			break;
	if (i < ARRAY_SIZE(results))
		fprintf(to, "%s", results[i].word);
	else
		fprintf(to, "errno-%d", op->result);
	if ((op->result == RES_CLOSED && !(op->flags & BY_RW)) || op_tells_reason(op))
		fprintf(to, " %d", op->got);
}

void op_print(const struct op *op, FILE *to)
{
	size_t i;

	print_stamp(op->start, op->start_ns, to);
	print_stamp(op->end, op->end_ns, to);
	fprintf(to, "a%d ", op->actor);
	if (op->chan >= 0)
		fprintf(to, "c%d ", op->chan);
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (verbs[i].verb == op->verb && verbs[i].flags == (op->flags & BY_RW))
			fprintf(to, "%s", verbs[i].word);
	print_arg(op, to);
	flags_print(op->flags, to);
	if (op->flags & DEADLINE)
		fprintf(to, " deadline %lld", op->deadline);
	cases_print(op, to);
	fprintf(to, " = ");
	print_result(op, to);
	fputc('\n', to);
}

static void print_endpoints(const struct history *h, int chan, FILE *to)
{
	int p, rights, n;

	for (p = 0; p < h->nr_procs; p++)
		for (rights = 1; rights < 4; rights++)
			for (n = 0; n < h->endpoints[chan][p][rights]; n++)
				fprintf(to, "endpoint %d %d %s\n", p, chan, rights_words[rights]);
}

void history_print(const struct history *h, FILE *to)
{
	int i;

	fprintf(to, "history 0x%llx\n", h->seed);
	for (i = 0; i < h->nr_chans; i++)
		fprintf(to, "channel %d capacity %d\n", i, h->capacity[i]);
	for (i = 0; i < h->nr_actors; i++)
		fprintf(to, "actor %d process %d\n", i, h->process[i]);
	for (i = 0; i < h->nr_chans; i++)
		print_endpoints(h, i, to);
	for (i = 0; i < h->nr_ops; i++)
		op_print(&h->ops[i], to);
	fprintf(to, "end\n");
}
