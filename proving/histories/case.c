// SPDX-License-Identifier: GPL-2.0-only
/* What sends and receives have in common, be they plain or the cases of a select. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BLANKS		" \t\n"

static const struct {
	const char *word;
	unsigned int flag;
} flag_words[] = {
	{ "dontwait", DONTWAIT }, { "bad", BAD }, { "small", SMALL }, { "noright", NORIGHT },
	{ "slow", SLOW }, { "ordered", ORDERED }, { "armed", ARMED },
	{ "ctx", CTX },
};

/* --- words --------------------------------------------------------------------------- */

bool int_parse(const char *word, int *value)
{
	char *end;
	int read;

	if (!word)
		return false;
	read = strtol(word, &end, 10);
	if (end == word || *end)
		return false;
	*value = read;
	return true;
}

bool name_parse(const char *word, char letter, int limit, int *value)
{
	return word && word[0] == letter && int_parse(word + 1, value) &&
	       *value >= 0 && *value < limit;
}

unsigned int flag_parse(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flag_words); i++)
		if (!strcmp(word, flag_words[i].word))
			return flag_words[i].flag;
	return 0;
}

void flags_print(unsigned int flags, FILE *to)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flag_words); i++)
		if (flags & flag_words[i].flag)
			fprintf(to, " %s", flag_words[i].word);
}

unsigned int *flags_of_last(struct op *op, unsigned int flag)
{
	if (op->nr_cases && flag & (BAD | SMALL | SLOW | NORIGHT))
		return &op->cases[op->nr_cases - 1].flags;
	return &op->flags;
}

bool case_parse(struct op *op, const char *word, int nr_chans)
{
	struct one_case *c = &op->cases[op->nr_cases];

	if (op->nr_cases == MAX_CASES)
		return false;
	if (!strcmp(word, "off")) {
		*c = (struct one_case) { .verb = RECV, .chan = NO_CHAN };
		op->nr_cases++;
		return true;
	}
	if (!name_parse(word, 'c', nr_chans, &c->chan))
		return false;
	op->nr_cases++;
	word = strtok(NULL, BLANKS);
	if (word && !strcmp(word, "send")) {
		c->verb = SEND;
		return int_parse(strtok(NULL, BLANKS), &c->value);
	}
	c->verb = RECV;
	return word && !strcmp(word, "recv");
}

bool chosen_parse(struct op *op, char **word)
{
	if (op->verb != SELECT)
		return true;
	op->chosen = NO_CASE;
	if (strcmp(*word, "case"))
		return true;
	if (!int_parse(strtok(NULL, BLANKS), &op->chosen) || op->chosen < 0 ||
	    op->chosen >= op->nr_cases)
		return false;
	*word = strtok(NULL, BLANKS);
	return *word;
}

void cases_print(const struct op *op, FILE *to)
{
	const struct one_case *c;

	for (c = op->cases; c < op->cases + op->nr_cases; c++) {
		if (c->chan == NO_CHAN)
			fprintf(to, " off");
		else if (c->verb == SEND)
			fprintf(to, " c%d send %d", c->chan, c->value);
		else
			fprintf(to, " c%d recv", c->chan);
		flags_print(c->flags, to);
	}
}

/* --- questions ------------------------------------------------------------------------ */

struct one_case op_case(const struct op *op, int nr)
{
	if (op->verb == SELECT)
		return op->cases[nr];
	return (struct one_case) {
		.verb = op->verb, .flags = op->flags, .chan = op->chan, .value = op->arg,
	};
}

bool op_receives(const struct op *op)
{
	if (op->verb != SELECT)
		return op->verb == RECV;
	return op->chosen != NO_CASE && op->cases[op->chosen].verb == RECV;
}

bool op_tells_reason(const struct op *op)
{
	return op->flags & CTX && (op->result == ECANCELED || op->result == ETIMEDOUT);
}

bool op_asks(const struct op *op)
{
	return op->verb >= ARM && op->verb <= DROP;
}

bool op_may_fail(const struct op *op)
{
	return op->result == EFAULT || op->result == RES_UNKNOWN ||
	       (op->result == EMSGSIZE && op->flags & ARMED);
}

bool op_concerns(const struct op *op, int chan)
{
	int nr;

	for (nr = 0; nr < op->nr_cases; nr++)
		if (op->cases[nr].chan == chan)
			return true;
	return !op->nr_cases && (op->chan < 0 || op->chan == chan);
}
