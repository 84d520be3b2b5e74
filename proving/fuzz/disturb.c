// SPDX-License-Identifier: GPL-2.0-only
/* Running a program: what the coordinator does to workers. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec.h"
#include "worker.h"

void exec_kill(int w)
{
	model_kill(w);
	worker_kill(w);
}

void exec_fork(int from, int to)
{
	pid_t pid;

	if (from == to || model.worker[from].pending.state != IDLE)
		return;
	if (model.worker[to].live && !model_foresees_kill(to))
		return;
	if (model.worker[to].live)
		exec_kill(to);
	pid = worker_fork(from, to);
	if (pid < 0) {
		fail("fork: %s", strerror(-pid));
		return;
	}
	model_fork(from, to, pid);
	check_spawned(to);
}

static void wait_handled(int w, uint32_t before)
{
	double end = now() + patience;

	while (__atomic_load_n(&shared->worker[w].handled, __ATOMIC_SEQ_CST) == before) {
		if (now() > end) {
			fail("worker %d does not handle a signal", w);
			return;
		}
		usleep(50);
	}
}

static void stop_and_continue(int w)
{
	pid_t pid = shared->worker[w].pid;
	int status;

	kill(pid, SIGSTOP);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		fail("worker %d does not stop", w);
	kill(pid, SIGCONT);
}

/*
 * A poll stands in no queue that can be counted. Let it begin before anything else
 * happens, else there would be nothing to wake.
 */
void wait_asleep(int w, long nr)
{
	double end = now() + patience;
	char path[64];
	FILE *file;
	long current;

	snprintf(path, sizeof(path), "/proc/%d/syscall", model.worker[w].pid);
	while (!worker_done(w) && now() < end) {
		file = fopen(path, "re");
		if (!file || fscanf(file, "%ld", &current) != 1)
			current = -1;
		if (file)
			fclose(file);
		if (current == nr)
			return;
		usleep(50);
	}
}

void exec_signal(int w, int signal)
{
	uint32_t before = shared->worker[w].handled;

	model_signal(w, signal);
	if (signal == SIGNAL_STOP) {
		stop_and_continue(w);
		return;
	}
	kill(shared->worker[w].pid, signal == SIGNAL_INTR ? SIGUSR1 : SIGUSR2);
	wait_handled(w, before);
	if (model.worker[w].pending.state == BLOCKED &&
	    model.worker[w].pending.step.op == OP_SELECT)
		wait_asleep(w, SYS_ioctl);
}
