/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Program: what the fuzzer runs, a list of steps, and its text form.
 *
 * A step is one operation of one worker, a line such as
 *
 *	1 send s=0 len=64 n=1 f0=2 flags=dontwait
 *
 * The first number is the worker. An argument that is left out has its first
 * value, the harmless one. Descriptors are named by slot: each worker has eight,
 * and what a step creates or receives goes to the lowest free one.
 *
 * Any list of steps is a program: a step that makes no sense where it stands
 * (its worker is blocked or dead, a slot is empty) does nothing, or meets EBADF.
 * So programs may be cut, joined and changed at will.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NR_WORKERS	4
#define NR_SLOTS	8
#define MAX_STEPS	32
#define MAX_CASES	3

enum op {
	OP_OPEN, OP_NEW, OP_DUP, OP_SEND, OP_RECV, OP_WRITE, OP_READ, OP_SHUT, OP_INFO,
	OP_ABI, OP_IOCTL, OP_POLL, OP_EPNEW, OP_EPCTL, OP_EPWAIT, OP_FDDUP, OP_CLOSE,
	OP_NONBLOCK, OP_FORK, OP_KILL, OP_SIGNAL, OP_TAKE, OP_SETUID, OP_FILE, OP_ROOM,
	OP_LIMIT, OP_SEEK, OP_REOPEN, OP_FDINFO, OP_SELECT, OP_SELECTOR, OP_ARM,
	OP_FINISH, OP_DISARM, OP_RACE, NR_OPS
};

/* The arguments of all operations. A context and a parent: 0 none, else a slot and 1. */
enum arg {
	A_S, A_F0, A_F1, A_F2, A_V, A_E, A_CAP, A_SIZE, A_ARGP, A_DATA, A_FDP, A_LEN, A_N,
	A_FLAGS, A_DEADLINE, A_JUNK, A_RIGHTS, A_REASON, A_EVENTS, A_WAIT, A_CTL, A_MODE,
	A_NB, A_SIGNAL, A_KIND, A_UID, A_ROOM, A_LIMIT, A_VALUE, A_VEC, A_CMD, A_HOW,
	A_CASES, A_C0, A_C1, A_C2, A_S0, A_S1, A_S2, A_ORDERED, A_CASEP, A_HDRP, A_CTX, A_PARENT,
	NR_ARGS
};

/* Values of arguments that the rest of the program needs by name. */
enum { PTR_OK, PTR_NULL, PTR_UNMAPPED, PTR_KERNEL, PTR_READONLY, PTR_STRADDLE };
enum { SIZE_OK, SIZE_ZERO, SIZE_SMALL, SIZE_LONGER, SIZE_NEWER, SIZE_PAGE, SIZE_OVER, SIZE_HUGE,
	SIZE_FIRST };
enum { FLAGS_NONE, FLAGS_DONTWAIT, FLAGS_BAD, FLAGS_BOTH };
enum { DEADLINE_NONE, DEADLINE_PAST, DEADLINE_NEAR, DEADLINE_FAR, DEADLINE_BAD };
enum { JUNK_NONE, JUNK_FLAGS, JUNK_REASON, JUNK_PID, JUNK_UID, JUNK_GID, JUNK_RES0, JUNK_RES1,
	JUNK_CTX, JUNK_CTX_REASON };
enum { MODE_RDWR, MODE_RDONLY, MODE_WRONLY };
enum { SIGNAL_INTR, SIGNAL_RESTART, SIGNAL_STOP };
enum { KIND_REGULAR, KIND_MEMFD, KIND_PIPE, KIND_EVENTFD, KIND_DIR, KIND_NULL, KIND_SOCKET,
	KIND_TIMERFD };
enum { EVENTS_ALL, EVENTS_IN, EVENTS_OUT };
enum { WATCH_LEVEL, WATCH_EDGE, WATCH_ONESHOT, WATCH_EXCLUSIVE };
enum { CTL_ADD, CTL_MOD, CTL_DEL };
enum { VEC_NONE, VEC_TWO, VEC_THREE, VEC_BADPTR, VEC_MANY, VEC_NEGATIVE };
enum { LIMIT_MSG_SIZE, LIMIT_FDS, LIMIT_CAPACITY, LIMIT_IN_FLIGHT, NR_LIMITS };
enum { CASE_OFF, CASE_RECV, CASE_SEND, CASE_BAD };
enum { CASES_TWO, CASES_THREE, CASES_ONE, CASES_NONE, CASES_OVER, CASES_HUGE };
enum { SEEK_LSEEK, SEEK_PREAD, SEEK_PWRITE, SEEK_MMAP };
enum { N_OVER = 4, N_HUGE };		/* A_N: more than the limit, and far more */
enum { CAP_MAX = 5, CAP_OVER, CAP_HUGE };
enum { SLOT_NONE = NR_SLOTS, SLOT_WILD, NR_SLOT_VALUES };

/* How an argument is chosen at random. */
enum taste { EVEN, OFTEN_FIRST, MOSTLY_FIRST };

/* An argument: its name, and its values' in the text. */
struct arg_kind {
	const char *name;
	const char *const *values;
	unsigned int nr;
	enum taste taste;
};

/* An operation: its name, how often it is chosen, its arguments. */
struct op_kind {
	const char *name;
	unsigned int weight;
	enum arg args[24];
	unsigned int nr;
};

extern const struct arg_kind args[NR_ARGS];
extern const struct op_kind ops[NR_OPS];

struct step {
	uint8_t worker;
	uint8_t op;
	uint8_t arg[NR_ARGS];
};

struct program {
	int nr;
	struct step step[MAX_STEPS];
};

/* Random numbers: the same seed, the same run. */
struct random {
	uint64_t state;
};

uint32_t random_next(struct random *random);
uint32_t random_below(struct random *random, uint32_t limit);

int program_parse(struct program *program, const char *text, char *error, size_t room);
size_t program_print(const struct program *program, char *text, size_t room);
uint32_t program_hash(const struct program *program);

void program_generate(struct program *program, struct random *random);
void program_mutate(struct program *program, const struct program *other,
		    struct random *random);
void program_delete(struct program *program, int first, int nr);

/* The numbers behind some arguments' values. */
extern const uint32_t arg_lens[];
extern const int32_t arg_reasons[];
extern const uint32_t arg_events[];
extern const uint32_t arg_limits[NR_LIMITS][4];
const char *op_name(enum op op);

#endif /* FUZZ_PROGRAM_H */
