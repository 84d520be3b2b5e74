/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running a program: step by step, each compared with the model.
 *
 * After each step the coordinator waits until every operation that the model says
 * has ended has ended, and looks at what it yielded; looks at the state of each
 * channel that the step has changed, from outside, until it is the model's; and sees
 * that no other operation has ended. All waits are bounded. The last is bounded
 * from below by the time the others took, and a late end is found by a later step.
 */
#ifndef FUZZ_EXEC_H
#define FUZZ_EXEC_H

#include <linux/hsk.h>

#include "model.h"

struct call;

struct failure {
	bool failed;
	int step;		/* where it showed */
	char text[1024];
};

extern struct failure failure;
extern uint64_t steps_run;

void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

void exec_begin(void);
void exec_program(struct program *program, struct random *repair);

/* disturb.c: what is done to workers */
void exec_kill(int w);
void exec_fork(int from, int to);
void exec_signal(int w, int signal);
void wait_asleep(int w, long nr);

/* build.c: what a step is in system calls. */
void build_calls(int w, const struct step *step);
long build_fd_flags(int w, int fd);
struct call *add_call(int w, long nr, unsigned long a, unsigned long b, unsigned long c);
int pack_watch(const struct file *file, int fd, uint64_t *data);

#define SENTINEL 0x5a
/* The first four bytes are the message's number times one, and the number back. */
#define BYTES_FACTOR	2654435761U
#define BYTES_INVERSE	0xe8b2f51U

/* select.c: a select's memory, also a selector's, and what is in it afterwards. */
void build_select(int w, const struct step *step);
void build_arm(int w, const struct step *step);
void build_finish(int w, const struct step *step);
void check_select(int w);

/* check_selector.c: what a selector looks like. */
void check_selectors(bool all);
void check_selector_fdinfo(int w, const char *text);

/* build_ioctl.c: the ioctls and their arguments in memory. */
void build_transfer(int w, const struct step *step);
void build_small(int w, const struct step *step);
void build_unknown(int w, const struct step *step);
const uint8_t *build_saved_args(int w);
void build_bytes(uint8_t *to, uint32_t id, uint32_t len);
unsigned long pointer(int w, unsigned int kind, size_t part, size_t size, size_t half);
unsigned long data_pointer(int w, const struct step *step);
uint32_t build_ctx(int w, const struct step *step, int32_t *ctx, int32_t *ctx_reason);
void build_ioctl(int w, const struct step *step, unsigned int cmd, void *args, size_t size);
void spoil(struct hsk_msghdr *msg, unsigned int junk);
uint32_t flags_value(const struct step *step);
uint64_t deadline_value(const struct step *step);
void fill_data(int w, const struct step *step, bool sending);
void fill_fds(int w, const struct step *step, bool sending);

/* check.c: is it what the model says? */
void check_outcome(int w);
const char *error_name(long ret);
size_t first_difference(const uint8_t *a, const uint8_t *b, size_t len);
void check_channels(bool all);
int check_borrow(int w, int fd);
int check_borrow_slot(int w, int s);
void check_begin(void);
void check_spawned(int w);

/* race.c */
void race_run(const struct step *steps, int nr);

#endif /* FUZZ_EXEC_H */
