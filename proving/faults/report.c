// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: report begin SHARE UNTIL FIRST
 *        report end PROGRAM
 *
 * Before a test program: all counts at 0, how many operations of each kind get
 * faults in each test, until when tests begin, and the fault with which the first
 * operation of each kind begins in the first program.
 * After it: what has come of it, as TAP, and the counts, a line for each kind of
 * operation. What is kept from one program to the next is the fault with which the
 * next operation of a kind begins.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state.h"

static const char *const op_names[OP_NR] = {
	"open", "ABI", "INFO", "CHAN_NEW", "DUP", "SEND", "RECV", "CLOSE", "read", "write",
	"poll", "epoll_ctl", "epoll_wait", "SELECT", "SELECTOR", "ARM", "FINISH", "DISARM", "close",
	"unknown",
};

static int results;

static struct faults_state *map_state(void)
{
	int fd = open(FAULTS_STATE, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	void *p;

	if (fd < 0 || ftruncate(fd, sizeof(struct faults_state)))
		err(1, "%s", FAULTS_STATE);
	p = mmap(NULL, sizeof(struct faults_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void begin(struct faults_state *state, int share, int until, int first)
{
	uint32_t next[OP_NR][FAULTS_SHAPES];
	int op, shape;

	for (op = 0; op < OP_NR; op++)
		for (shape = 0; shape < FAULTS_SHAPES; shape++)
			next[op][shape] = state->classes[op][shape].next;
	memset(state, 0, sizeof(*state));
	state->share = share;
	state->until = until;
	for (op = 0; op < OP_NR; op++) {
		for (shape = 0; shape < FAULTS_SHAPES; shape++) {
			state->classes[op][shape].next = next[op][shape] ?: (uint32_t)first;
			state->classes[op][shape].left = share;
		}
	}
	unlink(FAULTS_LOG);
	close(open(FAULTS_LOG, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	chmod(FAULTS_LOG, 0666);
	chmod(FAULTS_STATE, 0666);
}

static void show_log(void)
{
	FILE *file = fopen(FAULTS_LOG, "re");
	char line[512];
	int lines = 0;

	while (file && lines++ < 40 && fgets(line, sizeof(line), file))
		printf("# %s", line);
	if (file)
		fclose(file);
}

/* A line of the list: the test's name, then the reason. */
static void show_exempt(const char *program)
{
	FILE *file = fopen(FAULTS_EXEMPT, "re");
	size_t len = strlen(program);
	char line[512], *reason;

	if (len > 3 && !strcmp(program + len - 3, "_32"))
		len -= 3;
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		reason = line + strcspn(line, " \t");
		if (line[0] == '#' || !*reason || strncmp(line, program, len) || line[len] != '.')
			continue;
		*reason++ = '\0';
		printf("ok %d %s # SKIP without faults: %s\n", ++results, line,
		       reason + strspn(reason, " \t"));
	}
	if (file)
		fclose(file);
}

static void show_counts(const struct faults_state *state)
{
	const struct faults_class *c;
	int op, shape;

	printf("@total %u %u %u %u %u\n", state->passed, state->exempt, state->unarmed,
	       state->judged, state->wrong);
	for (op = 0; op < OP_NR; op++) {
		for (shape = 0; shape < FAULTS_SHAPES; shape++) {
			c = &state->classes[op][shape];
			if (c->operations)
				printf("@count %s %d %u %u %u %u %u %u %u\n", op_names[op], shape,
				       c->operations, c->nomem, c->efault, c->harmless, c->beyond,
				       c->next, c->most);
		}
	}
}

static void end(const struct faults_state *state, const char *program)
{
	show_log();
	printf("%s %d %s.every_fault_has_a_documented_errno_and_no_effect\n",
	       state->wrong ? "not ok" : "ok", ++results, program);
	if (state->passed)
		printf("ok %d %s.rest # SKIP %u operations beyond its share went without faults\n",
		       ++results, program, state->passed);
	if (state->cut)
		printf("ok %d %s.cut # SKIP no time was left for %u tests\n", ++results, program,
		       state->cut);
	if (state->unarmed)
		printf("ok %d %s.unarmed # SKIP %u operations where fail-nth is out of reach\n",
		       ++results, program, state->unarmed);
	show_exempt(program);
	printf("1..%d\n", results);
	show_counts(state);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "begin"))
		begin(map_state(), atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	else if (argc == 3 && !strcmp(argv[1], "end"))
		end(map_state(), argv[2]);
	else
		errx(2, "usage: report begin SHARE UNTIL FIRST | report end PROGRAM");
	return 0;
}
