// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const uint32_t arg_lens[] = { 8, 0, 1, 64, 72, 200, 4095, 4097, 8191, 8192, 8193, 1 << 20 };
const int32_t arg_reasons[] = { 0, 5, -125, -110, -4095, -4096, INT_MIN, INT_MAX };
const uint32_t arg_events[] = {
	POLLIN | POLLOUT | POLLRDHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM, 0,
};

/* The first of each is what a program begins with. */
const uint32_t arg_limits[NR_LIMITS][4] = {
	[LIMIT_MSG_SIZE] = { 8192, 1, 8, 64 },
	[LIMIT_FDS] = { 16, 0, 1, 2 },
	[LIMIT_CAPACITY] = { 64, 0, 1, 2 },
	[LIMIT_IN_FLIGHT] = { 64, 0, 1, 3 },
};

static const char *const slots[] = { "0", "1", "2", "3", "4", "5", "6", "7", "none", "wild" };
static const char *const contexts[] = {
	"no", "0", "1", "2", "3", "4", "5", "6", "7", "none", "wild",
};

static const char *const workers[] = { "0", "1", "2", "3" };
static const char *const caps[] = { "0", "1", "2", "3", "8", "max", "over", "huge" };
static const char *const sizes[] = {
	"ok", "zero", "small", "longer", "newer", "page", "over", "huge", "first",
};

static const char *const pointers[] = {
	"ok", "null", "unmapped", "kernel", "readonly", "straddle",
};

static const char *const lens[] = {
	"8", "0", "1", "64", "72", "200", "4095", "4097", "8191", "8192", "8193", "huge",
};

static const char *const counts[] = { "0", "1", "2", "3", "over", "huge" };
static const char *const flags[] = { "none", "dontwait", "bad", "both" };
static const char *const deadlines[] = { "none", "past", "near", "far", "bad" };
static const char *const junks[] = {
	"none", "flags", "reason", "pid", "uid", "gid", "reserved0", "reserved1", "ctx",
	"ctx_reason",
};

static const char *const rights[] = { "rw", "r", "w", "none", "bad" };
static const char *const reasons[] = {
	"0", "5", "-125", "-110", "-4095", "-4096", "min", "max",
};

static const char *const events[] = {
	"all", "in", "out", "rdhup", "rdnorm", "wrnorm", "none",
};

static const char *const yes[] = { "no", "yes" };
static const char *const modes[] = { "rdwr", "rdonly", "wronly" };
static const char *const signals[] = { "intr", "restart", "stop" };
static const char *const kinds[] = {
	"regular", "memfd", "pipe", "eventfd", "dir", "null", "socket", "timerfd",
};

static const char *const uids[] = { "own", "1", "2" };
static const char *const rooms[] = { "any", "0", "1", "2" };
static const char *const limits[] = { "msg_size", "fds", "capacity", "in_flight" };
static const char *const values[] = { "base", "a", "b", "c" };
static const char *const vecs[] = { "no", "two", "three", "badptr", "many", "negative" };
static const char *const cmds[] = { "0x0f", "0x1c", "0x20", "fionread", "tcgets", "sized" };
static const char *const ctls[] = { "add", "mod", "del" };
static const char *const watches[] = { "level", "edge", "oneshot", "exclusive" };
static const char *const case_counts[] = { "2", "3", "1", "0", "over", "huge" };
static const char *const case_kinds[] = { "off", "recv", "send", "bad" };
static const char *const seeks[] = { "lseek", "pread", "pwrite", "mmap" };

#define ARG(word, list, taste) { word, list, COUNT(list), taste }

const struct arg_kind args[NR_ARGS] = {
	[A_S] = ARG("s", slots, EVEN),
	[A_F0] = ARG("f0", slots, EVEN),
	[A_F1] = ARG("f1", slots, EVEN),
	[A_F2] = ARG("f2", slots, EVEN),
	[A_V] = ARG("v", workers, EVEN),
	[A_E] = ARG("e", slots, EVEN),
	[A_CAP] = ARG("cap", caps, EVEN),
	[A_SIZE] = ARG("size", sizes, MOSTLY_FIRST),
	[A_ARGP] = ARG("argp", pointers, MOSTLY_FIRST),
	[A_DATA] = ARG("data", pointers, MOSTLY_FIRST),
	[A_FDP] = ARG("fdp", pointers, MOSTLY_FIRST),
	[A_LEN] = ARG("len", lens, EVEN),
	[A_N] = ARG("n", counts, MOSTLY_FIRST),
	[A_FLAGS] = ARG("flags", flags, MOSTLY_FIRST),
	[A_DEADLINE] = ARG("deadline", deadlines, MOSTLY_FIRST),
	[A_JUNK] = ARG("junk", junks, MOSTLY_FIRST),
	[A_RIGHTS] = ARG("rights", rights, EVEN),
	[A_REASON] = ARG("reason", reasons, EVEN),
	[A_EVENTS] = ARG("events", events, EVEN),
	[A_WAIT] = ARG("wait", yes, EVEN),
	[A_CTL] = ARG("ctl", ctls, MOSTLY_FIRST),
	[A_MODE] = ARG("mode", modes, MOSTLY_FIRST),
	[A_NB] = ARG("nb", yes, MOSTLY_FIRST),
	[A_SIGNAL] = ARG("signal", signals, EVEN),
	[A_KIND] = ARG("kind", kinds, EVEN),
	[A_UID] = ARG("uid", uids, EVEN),
	[A_ROOM] = ARG("room", rooms, EVEN),
	[A_LIMIT] = ARG("limit", limits, EVEN),
	[A_VALUE] = ARG("value", values, EVEN),
	[A_VEC] = ARG("vec", vecs, MOSTLY_FIRST),
	[A_CMD] = ARG("cmd", cmds, EVEN),
	[A_HOW] = ARG("how", watches, EVEN),
	[A_CASES] = ARG("cases", case_counts, MOSTLY_FIRST),
	[A_C0] = ARG("c0", case_kinds, EVEN),
	[A_C1] = ARG("c1", case_kinds, EVEN),
	[A_C2] = ARG("c2", case_kinds, EVEN),
	[A_S0] = ARG("s0", slots, EVEN),
	[A_S1] = ARG("s1", slots, EVEN),
	[A_S2] = ARG("s2", slots, EVEN),
	[A_ORDERED] = ARG("ordered", yes, EVEN),
	[A_CASEP] = ARG("casep", pointers, MOSTLY_FIRST),
	[A_HDRP] = ARG("hdrp", pointers, MOSTLY_FIRST),
	[A_CTX] = ARG("ctx", contexts, OFTEN_FIRST),
	[A_PARENT] = ARG("parent", contexts, OFTEN_FIRST),
};

/* SEEK's argument shares the name; its values have another list. */
static const char *const *arg_values(enum op op, enum arg arg)
{
	return op == OP_SEEK && arg == A_HOW ? seeks : args[arg].values;
}

/* An operation's arguments, and how often it is chosen. */
const struct op_kind ops[NR_OPS] = {
#define OP(word, weight, ...) { word, weight, { __VA_ARGS__ }, \
	sizeof((enum arg[]){ __VA_ARGS__ }) / sizeof(enum arg) }
	[OP_OPEN] = OP("open", 6, A_MODE, A_NB),
	[OP_NEW] = OP("new", 10, A_S, A_CAP, A_PARENT, A_DEADLINE, A_SIZE, A_ARGP, A_JUNK),
	[OP_DUP] = OP("dup", 6, A_S, A_RIGHTS, A_SIZE, A_ARGP),
	[OP_SEND] = OP("send", 24, A_S, A_LEN, A_N, A_F0, A_F1, A_F2, A_CTX, A_FLAGS, A_DEADLINE,
		       A_SIZE, A_ARGP, A_DATA, A_FDP, A_JUNK),
	[OP_RECV] = OP("recv", 24, A_S, A_LEN, A_N, A_CTX, A_FLAGS, A_DEADLINE, A_SIZE, A_ARGP,
		       A_DATA, A_FDP, A_JUNK),
	[OP_WRITE] = OP("write", 10, A_S, A_LEN, A_DATA, A_VEC),
	[OP_READ] = OP("read", 10, A_S, A_LEN, A_DATA, A_VEC),
	[OP_SHUT] = OP("shut", 4, A_S, A_REASON, A_SIZE, A_ARGP),
	[OP_INFO] = OP("info", 2, A_S, A_SIZE, A_ARGP, A_JUNK),
	[OP_ABI] = OP("abi", 1, A_S, A_SIZE, A_ARGP),
	[OP_IOCTL] = OP("ioctl", 1, A_S, A_CMD, A_ARGP),
	[OP_POLL] = OP("poll", 8, A_S, A_EVENTS, A_WAIT),
	[OP_EPNEW] = OP("epnew", 1, A_NB),
	[OP_EPCTL] = OP("epctl", 6, A_E, A_S, A_CTL, A_EVENTS, A_HOW),
	[OP_EPWAIT] = OP("epwait", 6, A_E, A_WAIT),
	[OP_FDDUP] = OP("fddup", 3, A_S),
	[OP_CLOSE] = OP("close", 10, A_S),
	[OP_NONBLOCK] = OP("nonblock", 2, A_S, A_NB),
	[OP_FORK] = OP("fork", 4, A_V),
	[OP_KILL] = OP("kill", 4, A_V),
	[OP_SIGNAL] = OP("signal", 8, A_V, A_SIGNAL),
	[OP_TAKE] = OP("take", 8, A_V, A_S),
	[OP_SETUID] = OP("setuid", 1, A_UID),
	[OP_FILE] = OP("file", 3, A_KIND),
	[OP_ROOM] = OP("room", 3, A_ROOM),
	[OP_LIMIT] = OP("limit", 2, A_LIMIT, A_VALUE),
	[OP_SEEK] = OP("seek", 1, A_S, A_HOW),
	[OP_REOPEN] = OP("reopen", 1, A_S, A_MODE),
	[OP_FDINFO] = OP("fdinfo", 1, A_S),
	[OP_SELECT] = OP("select", 20, A_S, A_CASES, A_C0, A_S0, A_C1, A_S1, A_C2, A_S2, A_ORDERED,
			 A_LEN, A_N, A_F0, A_F1, A_F2, A_CTX, A_FLAGS, A_DEADLINE, A_SIZE, A_ARGP,
			 A_CASEP, A_HDRP, A_DATA, A_FDP, A_JUNK),
	[OP_SELECTOR] = OP("selector", 3, A_S, A_SIZE, A_ARGP, A_JUNK),
	[OP_ARM] = OP("arm", 14, A_S, A_CASES, A_C0, A_S0, A_C1, A_S1, A_C2, A_S2, A_ORDERED,
		      A_LEN, A_N, A_F0, A_F1, A_F2, A_SIZE, A_ARGP, A_CASEP, A_HDRP, A_DATA,
		      A_FDP, A_JUNK),
	[OP_FINISH] = OP("finish", 12, A_S, A_CASES, A_LEN, A_N, A_SIZE, A_ARGP, A_CASEP, A_HDRP,
			 A_DATA, A_FDP, A_JUNK),
	[OP_DISARM] = OP("disarm", 2, A_S, A_SIZE, A_ARGP, A_JUNK),
	[OP_RACE] = OP("race", 0, A_S),
#undef OP
};

const char *op_name(enum op op)
{
	return ops[op].name;
}

/* Text. */

static int find_op(const char *word)
{
	int op;

	for (op = 0; op < NR_OPS; op++)
		if (!strcmp(ops[op].name, word))
			return op;
	return -1;
}

static int set_arg(struct step *step, const char *name, const char *word)
{
	const char *const *values;
	unsigned int i, value;
	enum arg arg;

	for (i = 0; i < ops[step->op].nr; i++) {
		arg = ops[step->op].args[i];
		if (strcmp(args[arg].name, name))
			continue;
		values = arg_values(step->op, arg);
		for (value = 0; value < args[arg].nr; value++) {
			if (strcmp(values[value], word))
				continue;
			step->arg[arg] = value;
			return 0;
		}
	}
	return -1;
}

static int parse_step(struct step *step, char *line)
{
	char *save, *word = strtok_r(line, " \t", &save);
	char *value;
	int op;

	memset(step, 0, sizeof(*step));
	if (strspn(word, "0123") != 1 || word[1])
		return -1;
	step->worker = word[0] - '0';
	word = strtok_r(NULL, " \t", &save);
	op = word ? find_op(word) : -1;
	if (op < 0)
		return -1;
	step->op = op;
	while ((word = strtok_r(NULL, " \t", &save))) {
		value = strchr(word, '=');
		if (!value)
			return -1;
		*value++ = '\0';
		if (set_arg(step, word, value))
			return -1;
	}
	return 0;
}

/**
 * program_parse() - read a program's text
 * @program: set
 * @text: lines; '#' begins a comment
 * @error: gets the line that is none
 * @room: size of @error
 *
 * Return: 0; -1.
 */
int program_parse(struct program *program, const char *text, char *error, size_t room)
{
	char *copy = strdup(text), *save, *line;
	char kept[256];
	int ret = 0;

	program->nr = 0;
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "#")] = '\0';
		if (line[strspn(line, " \t")] == '\0')
			continue;
		snprintf(kept, sizeof(kept), "%s", line);
		if (program->nr == MAX_STEPS || parse_step(&program->step[program->nr], line)) {
			snprintf(error, room, "%s", kept);
			ret = -1;
			break;
		}
		program->nr++;
	}
	free(copy);
	return ret;
}

static size_t print_step(const struct step *step, char *text, size_t room)
{
	size_t len = snprintf(text, room, "%u %s", step->worker, ops[step->op].name);
	unsigned int i, value;
	enum arg arg;

	for (i = 0; i < ops[step->op].nr && len < room; i++) {
		arg = ops[step->op].args[i];
		value = step->arg[arg];
		if (value || arg == A_S || arg == A_V)
			len += snprintf(text + len, room - len, " %s=%s", args[arg].name,
					arg_values(step->op, arg)[value]);
	}
	return len;
}

size_t program_print(const struct program *program, char *text, size_t room)
{
	size_t len = 0;
	int i;

	text[0] = '\0';
	for (i = 0; i < program->nr && len + 1 < room; i++) {
		len += print_step(&program->step[i], text + len, room - len);
		if (len + 1 < room)
			len += snprintf(text + len, room - len, "\n");
	}
	return len;
}

uint32_t program_hash(const struct program *program)
{
	const uint8_t *bytes = (const uint8_t *)program->step;
	uint32_t hash = 2166136261U;
	size_t i;

	for (i = 0; i < program->nr * sizeof(struct step); i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	return hash;
}
