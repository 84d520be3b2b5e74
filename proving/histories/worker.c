// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "record.h"

/* How few operations an actor does in a history. */
#define MIN_OPS	2

struct worker {
	int nr;
	uint32_t round;		/* the last it took part in, or saw pass */
};

static void on_signal(int sig)
{
	(void)sig;
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "# record: %s: errno %d\n", what, errno);
	_exit(1);
}

static long futex(const uint32_t *number, int what, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, number, what, value, limit, NULL, 0);
}

/* Until it is there; whoever changes it wakes. */
void await_number(const uint32_t *number, uint32_t expected)
{
	/* Long enough for anything; who waits for ever is ended with the machine. */
	const struct timespec minute = { .tv_sec = 60 };
	uint32_t is;

	while ((is = __atomic_load_n(number, __ATOMIC_ACQUIRE)) != expected)
		if (futex(number, FUTEX_WAIT, is, &minute) && errno == ETIMEDOUT)
			need(false, "an actor or the manager is stuck");
}

static void add_one(uint32_t *number)
{
	__atomic_add_fetch(number, 1, __ATOMIC_SEQ_CST);
	futex(number, FUTEX_WAKE, 1, NULL);
}

/* The manager's descriptors become the actor's own endpoints. */
static void adopt_endpoints(struct actor *actor, int manager)
{
	int chan, rights, base, fd;

	for (chan = 0; chan < shared->nr_chans; chan++) {
		rights = shared->rights[actor->nr][chan];
		if (!rights)
			continue;
		base = syscall(SYS_pidfd_getfd, manager, shared->base_fd[chan], 0);
		need(base >= 0, "pidfd_getfd");
		fd = endpoint_dup(base, rights);
		need(fd >= 0, "dup");
		close(base);
		actor_adopt(actor, chan, fd, rights);
	}
	actor->ctx = syscall(SYS_pidfd_getfd, manager, shared->base_ctx, 0);
	need(actor->ctx >= 0, "pidfd_getfd");
}

static void take_part(struct worker *worker, int manager)
{
	struct actor actor;
	int n;

	actor_init(&actor, worker->nr, shared->seed);
	adopt_endpoints(&actor, manager);
	add_one(&shared->nr_ready);
	await_number(&shared->go, worker->round);
	for (n = MIN_OPS + actor_random(&actor, MOST_OPS - MIN_OPS + 1); n; n--)
		actor_do_random(&actor);
	__atomic_store_n(&shared->done[worker->nr], worker->round, __ATOMIC_SEQ_CST);
	await_number(&shared->over, worker->round);
	actor_put_away(&actor);
	add_one(&shared->nr_put_away);
}

static void *worker_thread(void *arg)
{
	struct worker *worker = arg;
	int manager = syscall(SYS_pidfd_open, shared->manager_pid, 0);
	const uint32_t *invited = &shared->invited[worker->nr];

	need(manager >= 0, "pidfd_open");
	__atomic_store_n(&shared->tid[worker->nr], gettid(), __ATOMIC_SEQ_CST);
	for (;;) {
		while (__atomic_load_n(&shared->round, __ATOMIC_ACQUIRE) == worker->round)
			futex(&shared->round, FUTEX_WAIT, worker->round, NULL);
		worker->round = __atomic_load_n(&shared->round, __ATOMIC_ACQUIRE);
		/* The next invitation may be there already, but not the next round. */
		if (__atomic_load_n(invited, __ATOMIC_ACQUIRE) == worker->round)
			take_part(worker, manager);
	}
	return NULL;
}

/* Runs the actors of a process, from the history after @round on. */
void worker_process(int process, uint32_t round)
{
	struct sigaction sa = { .sa_handler = on_signal };
	static struct worker workers[NR_WORKERS];
	pthread_t thread;
	int nr, first = -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	need(getppid() == shared->manager_pid, "no parent");
	sigaction(SIGUSR1, &sa, NULL);
	need(memory_init(process), "memory");
	for (nr = 0; nr < NR_WORKERS; nr++) {
		if (actor_process[nr] != process)
			continue;
		workers[nr] = (struct worker) { nr, round };
		if (first < 0)
			first = nr;
		else
			need(!pthread_create(&thread, NULL, worker_thread, &workers[nr]), "thread");
	}
	worker_thread(&workers[first]);
	_exit(0);
}
