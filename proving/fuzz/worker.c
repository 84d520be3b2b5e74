// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/kcov.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "layout.h"
#include "worker.h"

struct shared *shared;
double patience = 20;
static struct worker *self;

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void futex_wait(uint32_t *word, uint32_t seen, double seconds)
{
	struct timespec ts = { seconds, (seconds - (long)seconds) * 1e9 };

	syscall(SYS_futex, word, FUTEX_WAIT, seen, seconds < 0 ? NULL : &ts, NULL, 0);
}

static void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* The worker's side. */

static void handle(int signal)
{
	(void)signal;
	__atomic_add_fetch(&self->handled, 1, __ATOMIC_SEQ_CST);
}

static void worker_main(int w) __attribute__((noreturn));
static void become_user(int w);

/* A sibling, so that the coordinator is the parent of all. */
static long fork_sibling(int w)
{
	bool first = self == &shared->worker[NR_WORKERS];
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (pid)
		return pid;
	if (first)
		become_user(w);
	worker_main(w);
}

static void make_calls(void)
{
	struct call *call;

	for (self->at = 0; self->at < self->nr_calls; self->at++) {
		call = &self->call[self->at];
		call->ret = syscall(call->nr, call->arg[0], call->arg[1], call->arg[2],
				    call->arg[3], call->arg[4], call->arg[5]);
		if (call->ret < 0)
			call->ret = -errno;
	}
}

static void worker_main(int w)
{
	uint32_t seen;

	self = &shared->worker[w];
	seen = load(&self->done);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (self->kcov_fd >= 0 && ioctl(self->kcov_fd, KCOV_ENABLE, KCOV_TRACE_PC))
		_exit(1);
	for (;;) {
		while (load(&self->go) == seen)
			futex_wait(&self->go, seen, -1);
		seen = load(&self->go);
		if (self->fork_to >= 0)
			self->call[0].ret = fork_sibling(self->fork_to);
		else
			make_calls();
		__atomic_store_n(&self->done, seen, __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&shared->bell, 1, __ATOMIC_SEQ_CST);
		futex_wake(&shared->bell);
	}
}

/* Its own user and group, with root's capabilities: a user id that can be changed. */
static void become_user(int w)
{
	struct sigaction action = { .sa_handler = handle };

	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR2, &action, NULL);
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) ||
	    syscall(SYS_setresgid, -1, 2000 + w, -1) || syscall(SYS_setresuid, -1, 1000 + w, -1)) {
		perror("fuzz: become user");
		_exit(1);
	}
}

/* The one that starts the others. */
static void spawn_first(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("fuzz: fork");
		exit(2);
	}
	if (!pid)
		worker_main(NR_WORKERS);
	shared->worker[NR_WORKERS].pid = pid;
}

/* The coordinator's side. */

void worker_order(int w)
{
	struct worker *worker = &shared->worker[w];

	__atomic_add_fetch(&worker->go, 1, __ATOMIC_SEQ_CST);
	futex_wake(&worker->go);
}

bool worker_done(int w)
{
	return load(&shared->worker[w].done) == shared->worker[w].go;
}

void bell_wait(uint32_t seen, double seconds)
{
	futex_wait(&shared->bell, seen, seconds);
}

bool worker_wait(int w, double seconds)
{
	double end = now() + seconds;
	uint32_t seen;

	for (;;) {
		seen = load(&shared->bell);
		if (worker_done(w))
			return true;
		if (now() > end)
			return false;
		bell_wait(seen, 0.1);
	}
}

/* A system call by an idle worker. */
void worker_begin_call(int w, long nr, unsigned long a, unsigned long b, unsigned long c,
		       unsigned long d)
{
	struct worker *worker = &shared->worker[w];

	worker->fork_to = -1;
	worker->nr_calls = 1;
	worker->call[0] = (struct call) { .nr = nr, .arg = { a, b, c, d } };
	worker_order(w);
}

/* One that does not block. */
long worker_call(int w, long nr, unsigned long a, unsigned long b, unsigned long c,
		 unsigned long d)
{
	struct worker *worker = &shared->worker[w];

	worker_begin_call(w, nr, a, b, c, d);
	if (!worker_wait(w, patience)) {
		fprintf(stderr, "fuzz: worker %d does not come back from system call %ld\n", w, nr);
		exit(2);
	}
	return worker->call[0].ret;
}

pid_t worker_fork(int from, int to)
{
	struct worker *worker = &shared->worker[from];
	pid_t pid;

	shared->worker[to].go = shared->worker[to].done;
	worker->fork_to = to;
	worker_order(from);
	if (!worker_wait(from, patience)) {
		fprintf(stderr, "fuzz: worker %d does not come back from fork\n", from);
		exit(2);
	}
	pid = worker->call[0].ret;
	shared->worker[to].pid = pid;
	return pid;
}

void worker_spawn(int w)
{
	if (worker_fork(NR_WORKERS, w) < 0) {
		fprintf(stderr, "fuzz: cannot start worker %d\n", w);
		exit(2);
	}
}

void worker_kill(int w)
{
	struct worker *worker = &shared->worker[w];

	kill(worker->pid, SIGKILL);
	while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
		;
	worker->pid = 0;
	__atomic_store_n(&worker->done, worker->go, __ATOMIC_SEQ_CST);
}

static uint8_t *map(int fd, size_t size, int prot)
{
	void *at = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED) {
		perror("fuzz: mmap");
		exit(2);
	}
	return at;
}

static void make_arena(struct worker *worker)
{
	static const size_t gaps[] = {
		DATA_AT + DATA_SIZE, ARGS_AT + ARGS_SIZE, FDS_AT + FDS_SIZE, MISC_AT + MISC_SIZE,
		RDATA_AT + DATA_SIZE, RFDS_AT + FDS_SIZE,
	};
	int fd = memfd_create("arena", MFD_CLOEXEC);
	size_t i;

	if (fd < 0 || ftruncate(fd, ARENA_SIZE)) {
		perror("fuzz: memfd");
		exit(2);
	}
	worker->arena = map(fd, ARENA_SIZE, PROT_READ | PROT_WRITE);
	worker->readonly = map(fd, ARENA_SIZE, PROT_READ);
	close(fd);
	for (i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		mprotect(worker->arena + gaps[i], PAGE, PROT_NONE);
		mprotect(worker->readonly + gaps[i], PAGE, PROT_NONE);
	}
}

static int make_kcov(struct worker *worker)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	worker->kcov_fd = -1;
	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, KCOV_WORDS))
		return -1;
	worker->kcov = (uint64_t *)map(fd, KCOV_WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE);
	madvise(worker->kcov, KCOV_WORDS * sizeof(uint64_t), MADV_DONTFORK);
	worker->kcov_fd = fd;
	return 0;
}

/* On one processor a step takes a fraction of the time; only a race needs more. */
void worker_cpus(int w, bool all)
{
	cpu_set_t cpus;
	int cpu;

	CPU_ZERO(&cpus);
	for (cpu = 0; cpu < (all ? CPU_SETSIZE : 1); cpu++)
		CPU_SET(cpu, &cpus);
	sched_setaffinity(w < 0 ? 0 : shared->worker[w].pid, sizeof(cpus), &cpus);
}

/* All descriptors below this one are the fuzzer's own, the same in each worker. */
int workers_first_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

int workers_begin(bool want_kcov)
{
	int w;

	shared = (struct shared *)mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return -1;
	for (w = 0; w <= NR_WORKERS; w++) {
		shared->worker[w].kcov_fd = -1;
		if (w == NR_WORKERS)
			break;
		make_arena(&shared->worker[w]);
		if (want_kcov && make_kcov(&shared->worker[w]))
			return -1;
	}
	worker_cpus(-1, false);
	spawn_first();
	return 0;
}
