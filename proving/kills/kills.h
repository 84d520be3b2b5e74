/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Killing everywhere: what the parts of the driver share.
 *
 * A scenario is a small play on up to three channels. Each role is a process of its
 * own, with endpoints of exactly the rights that the scenario gives it. One role is
 * the victim: it is killed at the n-th hit of one tracepoint. Then the others must
 * come to their end by themselves, and the judge compares what every party has
 * logged with what the channels say.
 *
 * The director keeps an endpoint of each channel for that. As a rule it has the
 * right that the victim does not have, so that the victim's death is what it would
 * be without a director: the last of its right has gone.
 *
 * A party logs each operation before it and after it, in memory that outlives it.
 * An operation of the victim that has no result may or may not have happened, and
 * that is all that is left open.
 */
#ifndef KILLS_H
#define KILLS_H

#include "../../selftests/hsk_test.h"
#include "../../selftests/selector.h"

#define K_CHANS		3
#define K_ROLES		4
#define K_EXTRA		K_ROLES		/* the log of a role's second task */
#define K_PARTIES	(K_ROLES + 1)
#define K_STEPS		64
#define K_POINTS	32
#define K_TEXT		160

#define K_PENDING	INT32_MIN	/* result of a step that has none yet */
#define K_UNKNOWN	INT32_MAX	/* reason of a close seen by read(2) */

/* --- what parties do (party.c) --- */

enum k_op { K_SEND, K_RECV, K_CLOSE };

struct k_step {
	enum k_op op;
	unsigned int chan;
	__u64 value;		/* sent, or received; 0: it was the close */
	int reason;		/* of that close, or given to it */
	int result;		/* atomic; 0, an error (no effect) or K_PENDING */
	bool other_case;	/* of the select of the step before: only one happens */
	bool armed;		/* in a selector, and not being finished */
};

struct k_log {
	unsigned int nr;	/* atomic */
	unsigned int gave_back;	/* messages that could not be taken */
	struct k_step steps[K_STEPS];
	char failure[K_TEXT];	/* why the party gave up */
};

/* Memory of all processes of one run. */
struct k_stage {
	int over;		/* atomic: somebody has been killed */
	struct k_log logs[K_PARTIES];
};

struct k_party {
	struct k_stage *stage;
	unsigned int nr;	/* of its log */
	int fd[K_CHANS];	/* its endpoints, -1: none */
	int pipe;		/* the write end of a pipe that the judge looks at */
};

enum k_how { K_BLOCKING, K_DONTWAIT, K_READ_WRITE };

/*
 * Send the party's next number, with a descriptor unless @passed is -1. 0, -EPIPE;
 * with K_DONTWAIT also -EAGAIN. Anything else ends the party as a failure.
 */
int k_send(struct k_party *me, unsigned int chan, int passed, enum k_how how);
/* Receive: 1, 0 on closed; with K_DONTWAIT also -EAGAIN. */
int k_recv(struct k_party *me, unsigned int chan, int *passed, enum k_how how);
/* Receive where that must fail: @error, or 0 on closed. */
int k_recv_fails(struct k_party *me, unsigned int chan, int error);
int k_close(struct k_party *me, unsigned int chan, int reason);
/* The party has learnt in another way that the channel is closed. */
void k_note_close(struct k_party *me, unsigned int chan, int reason);
/* Let the endpoint go. */
void k_leave(struct k_party *me, unsigned int chan);
/* Wait until so many wait there, or it is closed, or somebody has been killed. */
void k_await(struct k_party *me, unsigned int chan, unsigned int senders,
	     unsigned int receivers);
/* Wait until a sender waits or it is closed, even if somebody has been killed. */
void k_await_sender(struct k_party *me, unsigned int chan);
/* Wait until all messages have been taken, even if somebody has been killed. */
void k_await_empty(struct k_party *me, unsigned int chan);
void k_fail(struct k_party *me, const char *what, int err)
	__attribute__((noreturn));

/* What the functions above are made of. A step @ahead of the next, not logged yet. */
struct k_step *k_step_begin(struct k_party *me, enum k_op op, unsigned int chan,
			    unsigned int ahead);
/* From here on the next @nr steps may happen. */
void k_step_commit(struct k_party *me, unsigned int nr);
void k_step_end(struct k_step *step, int result);

/* --- select, selectors, contexts (party_select.c) --- */

#define K_NO_CHAN	(-1)		/* a case that is disabled */
#define K_CASES		2

struct k_case {
	enum k_op op;		/* K_SEND the party's next number, or K_RECV */
	int chan;
};

/* An operation's context: a descriptor, and the channel whose close ends it. */
struct k_ctx {
	int fd;
	unsigned int chan;
};

/* What has been asked, of a select or a selector, and how it is logged. */
struct k_select {
	int selector;
	struct k_case *cases;		/* K_CASES of them */
	struct s_set set;
	struct k_step *steps[K_CASES];
};

/* Is a case left that is not disabled? */
bool k_cases_left(const struct k_case *cases);
/* Select: 1 a message was sent or received, 0 closed, that case is now disabled. */
int k_select(struct k_party *me, struct k_case *cases);
/* Likewise, with a context: also -ECANCELED. */
int k_select_ctx(struct k_party *me, struct k_case *cases, const struct k_ctx *ctx);
int k_send_ctx(struct k_party *me, unsigned int chan, const struct k_ctx *ctx);
int k_recv_ctx(struct k_party *me, unsigned int chan, const struct k_ctx *ctx);

void k_selector_open(struct k_party *me, struct k_select *select, struct k_case *cases);
void k_selector_arm(struct k_party *me, struct k_select *select);
/* Wait until a case has happened. */
void k_selector_wait(struct k_party *me, struct k_select *select);
/* As k_select(), of what has happened. */
int k_selector_finish(struct k_party *me, struct k_select *select);
/* False: too late, a case has happened. */
bool k_selector_disarm(struct k_party *me, struct k_select *select);

/* A moment at which one can be killed and nothing else happens: an endpoint comes and goes. */
void k_linger(struct k_party *me, unsigned int chan);

/* --- scenarios (scenarios*.c) --- */

/* What the director keeps of a channel. */
enum k_observe { K_OPPOSITE, K_READ, K_WRITE, K_NOTHING };

struct k_role {
	const char *name;
	void (*act)(struct k_party *me);
	unsigned int rights[K_CHANS];
	enum k_observe observe[K_CHANS];	/* when this one is the victim */
};

struct k_scenario {
	const char *name;
	unsigned int nr_chans;
	unsigned int capacity[K_CHANS];
	bool derived[K_CHANS];		/* from the first channel, as a context */
	struct k_role roles[K_ROLES];	/* up to the first without a name */
	bool in_turn;			/* a receiver begins when another has ended */
};

/* Each up to the first without a name. */
extern const struct k_scenario k_scenarios[];
extern const struct k_scenario k_scenarios_select[];
extern const struct k_scenario k_scenarios_context[];

/* --- one run (play.c) --- */

struct k_run {
	const struct k_scenario *scenario;
	unsigned int victim;
	const char *point;	/* of the kill */
	unsigned int n;
	struct k_stage *stage;
	int observer[K_CHANS];	/* -1: none */
	int pipe;		/* read end */
	pid_t pids[K_ROLES];
	pid_t group;		/* the victim's */
	pid_t killed;		/* process, 0: nobody was */
	unsigned int effects;	/* of operations that nobody knows the result of */
	bool failed;
};

extern unsigned int k_patience_ms;

unsigned int k_nr_roles(const struct k_scenario *scenario);
/* Says on standard output what is wrong, after who was killed where. */
void k_wrong(struct k_run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The whole of it: play, kill, judge. Sets @run->killed and @run->failed. */
void k_play(struct k_run *run);

/* --- the laws (judge.c) --- */

void k_judge(struct k_run *run);

/* --- the module (control.c) --- */

struct k_points {
	unsigned int nr;
	char name[K_POINTS][32];
	unsigned int hits[K_POINTS];	/* of the victim in the last run */
};

void k_points_read(struct k_points *points);
int k_arm(const char *point, unsigned int n, pid_t pgrp);
/* The process that was killed, 0: none. */
pid_t k_killed(void);
/* How many endpoints there are in the whole system, as the module's references. */
long k_references(void);

#endif /* KILLS_H */
