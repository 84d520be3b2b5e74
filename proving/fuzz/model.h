/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Model: what the module must do, as a program that does one thing at a time.
 *
 * It is written from the user contract and not from the module. It knows of every
 * worker's descriptors, of the open files behind them, of the channels, the
 * messages and what is inside them, and of each operation that waits. For each
 * step it says at once how it must end, and which waiting operations must end with
 * it and how: return value, errno, whose message, what is polled.
 *
 * It need not know of anything that is under way, since the fuzzer begins the
 * next step only when all has happened that the model says must have happened.
 * There are two exceptions. A task that polls may or may not see a state that
 * lasted only within a step: what it may report is collected, see struct pending. And
 * where a step closes several channels, who waits for more than one of them, or has
 * one for a context, may see any of them first: see model_instead().
 *
 * A selector that has received may keep others waiting for long, and what then comes
 * back may meet them while the step does something else besides. The model does not
 * follow both ways. It tries each step on a copy of itself first, and a step of
 * which it finds that it can't tell is left out: see model_foresee.c.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <sys/types.h>

#include "program.h"

#define MAX_CARRIED	3
#define MAX_BUFFERED	(MAX_STEPS + 1)
#define MAX_WATCHES	8
#define MAX_CHANS	(2 * MAX_STEPS)
#define MAX_FILES	(4 * MAX_STEPS)
#define MAX_MESSAGES	(16 * MAX_STEPS)
#define MAX_DISCARDED	128
#define NR_SELECTORS	6
#define NR_WAITERS	(NR_WORKERS + NR_SELECTORS)
#define FD_LIMIT	1024

#define RIGHT_READ	1U
#define RIGHT_WRITE	2U

struct chan;
struct file;

enum file_kind { FILE_ENDPOINT, FILE_CARRIABLE, FILE_OTHER, FILE_EPOLL, FILE_SELECTOR };

/* One descriptor in an epoll set. */
struct watch {
	struct file *file;
	int fd;			/* the number it was added by */
	uint32_t events;
	uint8_t how;		/* WATCH_* */
	bool disabled;		/* ONESHOT that has fired */
	uint32_t was;		/* ready after the last step */
	bool due;		/* something new since it was last reported */
};

/* An open file description. */
struct file {
	enum file_kind kind;
	int refs;
	struct chan *chan;
	unsigned int rights;
	bool nonblock;
	bool from_open;		/* by open(2), so /proc/self/fd opens it again */
	struct selector *selector;
	uid_t uid;
	gid_t gid;
	struct watch watch[MAX_WATCHES];
	int nr_watches;
};

struct message {
	uint32_t id;		/* what its bytes are made from */
	uint32_t len;
	int nr;
	uint64_t ticket;	/* when it was offered: they rise along a channel */
	bool has_slot;		/* in transit: it came out of the buffer */
	int lent_by;		/* in transit: whose place it was, and 1; 0: of none that waits */
	struct file *carried[MAX_CARRIED];
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

struct chan {
	bool live;
	bool dirty;		/* changed by this step */
	uint64_t id;		/* 0: not seen yet */
	uint32_t cap;
	bool closed;
	int reason;
	struct chan *parent;	/* what it is derived from, while it is open */
	unsigned int readers, writers;
	uint64_t sent, received, drained;
	struct message *buffer[MAX_BUFFERED];
	unsigned int nr_buffer;
	unsigned int taken, handed; /* in transit, out of the buffer and past it */
	int senders[NR_WAITERS * MAX_CASES], receivers[NR_WAITERS * MAX_CASES]; /* places */
	unsigned int nr_senders, nr_receivers;
	uint32_t seen[4];	/* polled within this step, by rights */
};

enum pending_state { IDLE, BLOCKED, DONE };
enum outcome { OUT_ERROR, OUT_VALUE, OUT_MESSAGE, OUT_CLOSED, OUT_POLL, OUT_EPOLL };

/* What a receive has room for. */
struct room {
	uint32_t len;
	uint32_t nr_fds;
	bool bytes_only;
};

/* One case of a select. */
struct select_case {
	struct chan *chan;	/* NULL: disabled */
	struct file *file;	/* what a selector keeps open */
	bool send;
	struct message *msg;	/* what it offers */
};

struct new_fd {
	int fd;
	bool surplus;		/* no slot was free: close it */
	bool cloexec;
};

/* The operation of one worker, and how it ends. */
struct pending {
	enum pending_state state;
	struct step step;
	struct file *file;
	uint32_t msg_id;
	struct message *msg;	/* SEND: until it is sent; RECV: what was received */
	struct room room;	/* of what receives */
	bool exact;		/* poll: ends at once and reports all of allowed */
	uint32_t allowed;	/* poll: what it may report */
	bool interrupted;	/* a signal may have ended it instead */
	uint64_t arrival[MAX_CASES]; /* when it queued at each place */
	struct message *lent;	/* it still waits, but a selector has this message of it */
	struct chan *ctx;	/* its context, NULL: none */
	bool ctx_ended;		/* which has ended it, and the reason is written back */

	/* An end by a close, and what else might have been seen of the same step. */
	bool by_close;		/* it waited, and the close of a channel or the context ended it */
	unsigned int also;	/* cases whose channels closed in the same step; ALSO_CTX */

	enum outcome outcome;
	int err;
	long value;
	int reason;
	uint32_t need_len, need_fds;
	struct new_fd fds[MAX_CARRIED];
	int nr_fds;

	/* SELECT, ARM and FINISH only. */
	struct select_case cases[MAX_CASES];
	int choice;		/* of several that are ready the one that was taken, or -1 */
	bool ordered;
	int chosen;		/* the case that has happened, or -1 */
	int result;		/* what became of it, a negative errno */
};

/* In pending.also: the context closed. */
#define ALSO_CTX	(1U << MAX_CASES)

/*
 * What a selector is given is an operation of its own, BLOCKED while it is armed and DONE
 * when it has happened. What it has received is in transit until it is finished.
 */
struct selector {
	bool live;
	bool dirty;		/* changed by this step */
	struct pending armed;
};

struct slot {
	struct file *file;
	int fd;
	bool fresh;		/* not looked at yet */
};

struct worker_model {
	bool live;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	int fd_limit;
	struct slot slot[NR_SLOTS];
	struct pending pending;
};

struct model {
	struct worker_model worker[NR_WORKERS];
	struct chan chan[MAX_CHANS];
	struct selector selector[NR_SELECTORS];
	struct file file[MAX_FILES];		/* those with a reference */
	struct message message[MAX_MESSAGES];
	bool message_used[MAX_MESSAGES];
	/* What goes at the end of the step. */
	struct message *discarded[MAX_DISCARDED];
	struct file *surplus[MAX_DISCARDED];
	unsigned int nr_discarded, nr_surplus;
	/* Within this step. */
	unsigned int nr_closed, nr_restored, nr_released;
	bool restored_to_waiting, released_in_transit, closed_lent;
	bool unsure;		/* what comes of it depends on what happens first */
	uint64_t next_ticket, next_arrival;
	uint32_t limit[NR_LIMITS];
	int first_fd;		/* the numbers below are the fuzzer's own */
	uint32_t next_msg;
};

extern struct model model;

void model_begin(int first_fd);
void model_start(int w, const struct step *step);
void model_end_step(void);

void model_fork(int from, int to, pid_t pid);
void model_kill(int w);
void model_signal(int w, int signal);
void model_close(int w, int s);
void model_close_all(int w);

bool model_foresees(int w, const struct step *step, unsigned int ready);
bool model_foresees_kill(int w);
bool model_foresees_signal(int w, int signal);
int model_free_selector(void);

struct file *model_file(int w, unsigned int slot);
int model_fd(int w, unsigned int slot);
int model_lowest_fd(int w, int nth);
int model_room(int w, int room);

uint32_t model_poll(const struct file *file);
uint32_t watch_ready(const struct watch *watch);
bool watch_must(const struct watch *watch);
void model_watch_reported(struct watch *watch);
void message_free(struct message *msg);
void discarded_free(void);
void model_instead(int w, long ret);
bool context_wanted(const struct step *step);

uint32_t select_count(const struct step *step);
bool select_ordered(int w, const struct step *step);
unsigned int select_ready(int w, const struct step *step);

uint32_t carried_count(const struct step *step);
size_t straddle_len(const struct step *step);
size_t straddle_fds(const struct step *step);
uint32_t cap_value(unsigned int cap);

#endif /* FUZZ_MODEL_H */
