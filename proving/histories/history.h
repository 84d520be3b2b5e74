/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A history: what several actors did to a few channels, and when. An actor is a
 * thread of some process; it does one operation at a time. The text form has a
 * line for each fact and each operation, words separated by blanks:
 *
 *	history SEED
 *	channel 0 capacity 2
 *	actor 0 process 0		actor 0 belongs to process 0
 *	endpoint 0 0 rw			process 0 has an endpoint of channel 0 from the start
 *	1:900 4:2500 a0 c0 send 101 = ok
 *	2:1000 - a1 c0 recv dontwait = ?
 *	end
 *
 * An operation begins with the stamps of its start and its end. A stamp is a
 * number of a count that all processes share: it is drawn before the operation
 * starts, or after it has ended, so what ends at a lower stamp than another
 * starts at did end before that started. After the colon there may be the time
 * (CLOCK_MONOTONIC, nanoseconds since some moment), read after the stamp was
 * drawn. An end of "-" with the result "?" is an operation whose end nobody saw,
 * because its process was killed.
 *
 * The operations, the words that may follow them, and their results besides the
 * names of errnos:
 *
 *	send VALUE, write VALUE		dontwait, deadline NS, bad, noright; ok
 *	recv, read			dontwait, deadline NS, bad, small, slow, noright;
 *					VALUE, closed REASON (read: closed)
 *	close REASON			noright; ok
 *	release RIGHTS			close(2) of an endpoint; ok
 *	dup RIGHTS			a new endpoint; noright; ok
 *	info				COUNTERS, see below
 *	select CASES			of its cases' channels; dontwait, deadline NS,
 *					ordered; case N RESULT: what send or recv gives
 *	select armed CASES		by a selector, see below; ordered, bad, small;
 *					also disarmed
 *	arm aN, poll aN, finish aN,	of no channel, asked of a selector; ok; poll and
 *	disarm aN, drop aN		finish: EAGAIN, disarm: EALREADY
 *	signal aN, kill pN		of no channel; ok
 *	cancel REASON			of no channel: closes the context; ok, EPIPE
 *
 * bad: its buffer can't be accessed; small: it has no room for any message; slow: its
 * buffer can only be accessed after a while; noright: it used an endpoint that lacks the
 * right. There is one context, which what has the word ctx was given: send, recv, select.
 * Where the word is, ECANCELED and ETIMEDOUT are followed by the reason that was told, 0:
 * none. A kill ends when the process is reaped. A case of a select is "c0 send VALUE" or
 * "c0 recv", and then what holds for this one: bad, small, slow, noright; or "off": it is
 * disabled. For instance
 *
 *	5 8 a1 select ordered c0 send 201 off c1 recv small = case 2 EMSGSIZE
 *
 * A selector is an actor as well, in the process of the one who owns it. Its select begins
 * just before it is armed, and has ended when what happened has been finished, or nothing
 * has (disarmed), or it has been closed (drop): then nobody knows what it came to, and the
 * result is "?" though there is an end. "bad" and "small" before the cases say where it is
 * finished to, "small" with a case how much room that was armed with. For instance
 *
 *	1 12 a2 select armed bad c0 send 201 c1 recv = case 1 EFAULT
 *	2 4 a1 arm a2 = ok
 *	5 7 a1 poll a2 = EAGAIN		had not happened yet, and nor when a signal came: EINTR
 *	8 11 a1 finish a2 = ok
 *
 * COUNTERS: "sent 2 received 1 buffered 1 drained 0 senders 0 receivers 0 readers 2
 * writers 2 open", or "closed REASON" in place of "open".
 */
#ifndef HISTORIES_HISTORY_H
#define HISTORIES_HISTORY_H

#include <stdbool.h>
#include <stdio.h>

#define MAX_CHANS	2
#define MAX_ACTORS	12
#define MAX_PROCS	8
#define MAX_OPS		256
#define MAX_CASES	3

/* The channel of a case that is disabled. */
#define NO_CHAN		(-1)

#define NO_STAMP	(-1L)
#define NO_TIME		(-1LL)

#define RIGHT_R		1
#define RIGHT_W		2

/* Results that are no errno. */
#define RES_OK		0
#define RES_CLOSED	10001
#define RES_UNKNOWN	10002
#define RES_DISARMED	10003

/* The reason of a close that read(2) can't tell. */
#define REASON_UNTOLD	99999

/* Of a select: no case has happened. */
#define NO_CASE		(-1)

enum verb {
	SEND, RECV, CLOSE, RELEASE, DUP, INFO, SIGNAL, KILL, SELECT,
	/* Asked of a selector: */
	ARM, POLL, FINISH, DISARM, DROP,
	CANCEL,
};

enum {
	BY_RW		= 1 << 0,	/* read(2) or write(2) */
	DONTWAIT	= 1 << 1,
	DEADLINE	= 1 << 2,
	BAD		= 1 << 3,
	SMALL		= 1 << 4,
	NORIGHT		= 1 << 5,
	SLOW		= 1 << 6,
	ORDERED		= 1 << 7,
	ARMED		= 1 << 8,	/* by a selector */
	CTX		= 1 << 9,	/* with the context */
};

struct snapshot {
	int sent, received, buffered, drained;
	int senders, receivers, readers, writers;
	int closed, reason;
};

/* One send or receive of a select. */
struct one_case {
	enum verb verb;
	unsigned int flags;
	int chan;			/* or NO_CHAN */
	int value;
};

struct op {
	enum verb verb;
	unsigned int flags;
	int actor;
	int chan;			/* -1: of none, or of its cases' */
	long start, end;		/* stamps; end may be NO_STAMP */
	long long start_ns, end_ns;	/* or NO_TIME */
	long long deadline;
	int arg;			/* value, reason, rights, actor or process */
	int result;			/* RES_* or errno */
	int got;			/* what was received: value or reason */
	struct snapshot info;
	/* Of a select: */
	int nr_cases;
	struct one_case cases[MAX_CASES];
	int chosen;			/* or NO_CASE; the result is that case's then */
};

struct history {
	unsigned long long seed;
	int nr_chans, nr_actors, nr_procs, nr_ops;
	int capacity[MAX_CHANS];
	int process[MAX_ACTORS];
	/* How many endpoints each process has at the start, by rights. */
	unsigned char endpoints[MAX_CHANS][MAX_PROCS][4];
	struct op ops[MAX_OPS];
};

/* Reads up to and with "end". 1, 0 at the end of the file, -1 with a complaint. */
int history_read(struct history *h, FILE *from);
/* One line of it; false: not understood. */
bool history_add_line(struct history *h, const char *line);
void history_init(struct history *h);

/* case.c: what the text says of a transfer, and the cases of a select in particular. */
bool int_parse(const char *word, int *value);
/* A number after a letter, as in a0; below @limit. */
bool name_parse(const char *word, char letter, int limit, int *value);
unsigned int flag_parse(const char *word);		/* 0: none of this name */
void flags_print(unsigned int flags, FILE *to);
/* Where a flag belongs: to the case that was read last, or to the whole operation. */
unsigned int *flags_of_last(struct op *op, unsigned int flag);
/* Goes on with strtok(); false: @word begins no case. */
bool case_parse(struct op *op, const char *word, int nr_chans);
/* Goes on to what came of the case, if one was chosen. */
bool chosen_parse(struct op *op, char **word);
void cases_print(const struct op *op, FILE *to);

/* One of a select's cases; a plain send or receive has only its case 0. */
struct one_case op_case(const struct op *op, int nr);
/* What has happened, if anything, is a receive. */
bool op_receives(const struct op *op);
/* It may have taken a message, and given it back. */
bool op_may_fail(const struct op *op);
/* It says why the context has ended it, or that it has not. */
bool op_tells_reason(const struct op *op);
/* Something that is asked of a selector. */
bool op_asks(const struct op *op);
/* Has it to do with this channel? */
bool op_concerns(const struct op *op, int chan);

void op_print(const struct op *op, FILE *to);
void history_print(const struct history *h, FILE *to);

#endif /* HISTORIES_HISTORY_H */
