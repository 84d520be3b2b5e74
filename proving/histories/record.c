// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: record [--seed N] [--seconds N] [--count N] [--parallel N] [--stuck N]
 *               [--only HISTORY]
 *
 * Records histories on standard output (record.h, history.h): as many as fit into the
 * time (default 10 s), or --count of them; by one recorder or several side by side. The
 * seed decides the choices in all of them; --only repeats those of one history, named by the
 * number in its first line, over and over. Who neither goes on nor waits for --stuck
 * seconds (30) has not been woken: that ends it, with status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/futex.h>
#include <linux/hsk.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "record.h"

struct shared *shared;
struct actor manager;
pid_t pids[NR_WORKER_PROCS];
long long stuck_ns;
uint32_t current_round;
static struct history history;
static int print_lock;

void die(const char *what)
{
	fprintf(stderr, "# record: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* --- processes ------------------------------------------------------------------------------ */

static void fork_missing(void)
{
	uint32_t round = shared->round;
	int p;

	for (p = 0; p < NR_WORKER_PROCS; p++) {
		if (pids[p])
			continue;
		pids[p] = fork();
		if (pids[p] < 0)
			die("fork");
		if (!pids[p])
			worker_process(p, round);
	}
}

static unsigned int count_parties(void)
{
	unsigned int n = 0;
	int nr;

	for (nr = 0; nr < NR_WORKERS; nr++)
		n += takes_part(nr) && pids[actor_process[nr]];
	return n;
}

static void tell_all(uint32_t *number, uint32_t value)
{
	__atomic_store_n(number, value, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, number, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void end_workers(void)
{
	int p;

	for (p = 0; p < NR_WORKER_PROCS; p++) {
		if (!pids[p])
			continue;
		kill(pids[p], SIGKILL);
		waitpid(pids[p], NULL, 0);
	}
}

/* --- a history's beginning ------------------------------------------------------------------- */

static int new_channel(int capacity)
{
	struct hsk_chan_new_args args = { .size = sizeof(args), .capacity = capacity };
	int fd = open(HSK_DEVICE, O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		die(HSK_DEVICE);
	if (!capacity)
		return fd;
	ret = ioctl(fd, HSK_IOC_CHAN_NEW, &args);
	if (ret < 0)
		die("CHAN_NEW");
	close(fd);
	return ret;
}

static void choose_parties(void)
{
	unsigned int left = 2 + actor_random(&manager, NR_WORKERS - 1);
	int nr = actor_random(&manager, NR_WORKERS);

	for (; left; left--, nr = (nr + 1) % NR_WORKERS)
		__atomic_store_n(&shared->invited[nr], current_round, __ATOMIC_SEQ_CST);
}

/* Who gets what; each channel has a reader and a writer at the start. */
static void choose_rights(int chan, int *observer)
{
	static const uint8_t choices[] = { 0, 1, 2, 3, 3, 3, 3, 3 };
	int nr, last = -1, all;

	all = *observer = 1 + actor_random(&manager, 3);
	for (nr = 0; nr < NR_WORKERS; nr++) {
		shared->rights[nr][chan] = 0;
		if (!takes_part(nr))
			continue;
		shared->rights[nr][chan] = choices[actor_random(&manager, 8)];
		all |= shared->rights[nr][chan];
		last = nr;
	}
	shared->rights[last][chan] |= 3 & ~all;
}

static void describe_setting(const int *observer)
{
	unsigned char (*endpoints)[4];
	int nr, chan, rights;

	history.seed = shared->seed;
	history.nr_chans = shared->nr_chans;
	history.nr_actors = NR_ACTORS;
	history.nr_procs = NR_WORKER_PROCS + 1;
	memcpy(history.process, actor_process, sizeof(actor_process));
	for (chan = 0; chan < shared->nr_chans; chan++) {
		endpoints = history.endpoints[chan];
		endpoints[MANAGER_PROC][observer[chan]]++;
		for (nr = 0; nr < NR_WORKERS; nr++) {
			rights = shared->rights[nr][chan];
			if (rights)
				endpoints[actor_process[nr]][rights]++;
		}
	}
}

static void reset_notes(void)
{
	int nr;

	shared->stamps = 0;
	shared->nr_ready = 0;
	shared->nr_put_away = 0;
	shared->origin_ns = time_now();
	for (nr = 0; nr < NR_ACTORS; nr++)
		shared->notes[nr].nr = 0;
}

/* Everybody has endpoints of its own and waits for the word. */
static void set_scene(unsigned long long seed)
{
	static const int capacities[] = { 0, 0, 0, 1, 1, 2, 3 };
	int observer[MAX_CHANS], chan, fd;

	history_init(&history);
	current_round++;
	shared->seed = seed;
	actor_init(&manager, MANAGER, seed);
	reset_notes();
	choose_parties();
	shared->nr_chans = 1 + actor_random(&manager, 2);
	for (chan = 0; chan < shared->nr_chans; chan++) {
		history.capacity[chan] = capacities[actor_random(&manager, 7)];
		shared->base_fd[chan] = new_channel(history.capacity[chan]);
		choose_rights(chan, &observer[chan]);
	}
	describe_setting(observer);

	manager.ctx = new_channel(0);
	shared->base_ctx = manager.ctx;
	shared->canceled = 0;

	tell_all(&shared->round, current_round);
	await_number(&shared->nr_ready, count_parties());
	for (chan = 0; chan < shared->nr_chans; chan++) {
		fd = endpoint_dup(shared->base_fd[chan], observer[chan]);
		if (fd < 0)
			die("dup");
		close(shared->base_fd[chan]);
		actor_adopt(&manager, chan, fd, observer[chan]);
	}
}

/* --- writing it down ----------------------------------------------------------------- */

/* A selector is armed but a few times. */
_Static_assert((NR_WORKERS + 1) * OPS_PER_ACTOR + NR_WORKERS * MOST_OPS <= MAX_OPS,
	       "all notes fit into a history");

static int compare_starts(const void *a, const void *b)
{
	const struct op *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void collect_notes(void)
{
	const struct notes *notes;
	struct op *op;
	int nr, i;

	for (nr = 0; nr < NR_ACTORS; nr++) {
		notes = &shared->notes[nr];
		for (i = 0; i < notes->nr; i++) {
			op = &history.ops[history.nr_ops++];
			*op = notes->ops[i];
			if (op->end == NO_STAMP)
				op->result = RES_UNKNOWN;
		}
	}
	qsort(history.ops, history.nr_ops, sizeof(history.ops[0]), compare_starts);
}

/* Not in the midst of another recorder's. */
static void print_whole(void)
{
	if (lockf(print_lock, F_LOCK, 0))
		die("lockf");
	history_print(&history, stdout);
	if (fflush(stdout))
		die("output");
	lockf(print_lock, F_ULOCK, 0);
}

static bool record(unsigned long long seed)
{
	unsigned int n;
	bool ok;

	set_scene(seed);
	n = actor_random(&manager, 5);
	tell_all(&shared->go, current_round);
	while (n--)
		meddle();
	ok = see_to_the_end();
	if (ok)
		look_at_the_end();
	collect_notes();
	print_whole();
	if (!ok) {
		fprintf(stderr, "# in history 0x%llx somebody neither goes on nor waits\n", seed);
		return false;
	}
	tell_all(&shared->over, current_round);
	await_number(&shared->nr_put_away, count_parties());
	actor_put_away(&manager);
	fork_missing();
	return true;
}

struct options {
	unsigned long long seed, only, count, seconds, parallel, stuck;
};

static unsigned long long *option(struct options *o, const char *name)
{
	const struct {
		const char *name;
		unsigned long long *number;
	} all[] = {
		{ "--seed", &o->seed }, { "--only", &o->only }, { "--count", &o->count },
		{ "--seconds", &o->seconds }, { "--parallel", &o->parallel },
		{ "--stuck", &o->stuck },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(name, all[i].name))
			return all[i].number;
	return NULL;
}

static void parse_options(struct options *o, char **argv)
{
	unsigned long long *number;

	for (argv++; *argv; argv += 2) {
		number = option(o, argv[0]);
		if (!number || !argv[1]) {
			fprintf(stderr, "usage: record [--seed N] [--seconds N] [--count N] ");
			fprintf(stderr, "[--parallel N] [--stuck N] [--only HISTORY]\n");
			exit(2);
		}
		*number = strtoull(argv[1], NULL, 0);
	}
}

/* Seeds of neighbours have nothing in common. */
static unsigned long long mix(unsigned long long seed, unsigned long long n)
{
	unsigned long long x = seed * 0x9e3779b97f4a7c15ULL + n + 1;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static int run_recorder(const struct options *o, unsigned long long which)
{
	long long end = time_now() + (long long)o->seconds * NSEC_PER_SEC;
	unsigned long long n = 0;
	bool ok = true;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("shared memory");
	shared->manager_pid = getpid();
	fork_missing();
	while (ok && (o->count ? n < o->count : time_now() < end)) {
		ok = record(o->only ? o->only : mix(o->seed, n * o->parallel + which));
		n++;
	}
	end_workers();
	return !ok;
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .seconds = 10, .parallel = 1, .stuck = 30 };
	int status, failures = 0;
	unsigned long long i;
	pid_t pid;

	(void)argc;
	parse_options(&o, argv);
	stuck_ns = o.stuck * NSEC_PER_SEC;
	print_lock = memfd_create("lock", MFD_CLOEXEC);
	for (i = 0; i < o.parallel; i++) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid)
			exit(run_recorder(&o, i));
	}
	while (waitpid(-1, &status, 0) > 0)
		failures += status != 0;
	return failures ? 1 : 0;
}
