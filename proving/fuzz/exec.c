// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cover.h"
#include "exec.h"
#include "layout.h"
#include "repair.h"
#include "worker.h"

struct failure failure;
uint64_t steps_run;

static bool raced;

void fail(const char *format, ...)
{
	va_list args;

	if (failure.failed)
		return;
	failure.failed = true;
	va_start(args, format);
	vsnprintf(failure.text, sizeof(failure.text), format, args);
	va_end(args);
}

/* Limits. */

static void set_limit(int limit, unsigned int value)
{
	static const char *const names[NR_LIMITS] = {
		"max_msg_size", "max_fds", "max_capacity", "max_in_flight",
	};
	char path[96], text[16];
	int fd, len = snprintf(text, sizeof(text), "%u", value);

	snprintf(path, sizeof(path), "/sys/module/hsk/parameters/%s", names[limit]);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, len) != len) {
		perror(path);
		exit(2);
	}
	close(fd);
	model.limit[limit] = value;
}

static void reset_limits(void)
{
	int i;

	for (i = 0; i < NR_LIMITS; i++)
		if (model.limit[i] != arg_limits[i][0])
			set_limit(i, arg_limits[i][0]);
}

/* What has ended. */

static void finish(int w)
{
	struct pending *pending = &model.worker[w].pending;

	cover_outcome(pending);
	check_outcome(w);
	pending->state = IDLE;
	pending->file = NULL;
}

static void fail_not_ended(int w)
{
	fail("worker %d: %s has not ended after %.0f seconds, the model says it must have", w,
	     op_name(model.worker[w].pending.step.op), patience);
}

/*
 * Wait for all that must have ended. In any order: an operation that received more
 * than its worker has slots for ends with a close, which may be what another needs.
 */
static void collect_ended(void)
{
	double end = now() + patience;
	uint32_t seen;
	int w, left;

	for (;;) {
		seen = __atomic_load_n(&shared->bell, __ATOMIC_SEQ_CST);
		left = -1;
		for (w = 0; w < NR_WORKERS && !failure.failed; w++) {
			if (model.worker[w].pending.state != DONE)
				continue;
			if (worker_done(w))
				finish(w);
			else
				left = w;
		}
		if (left < 0 || failure.failed)
			return;
		if (now() > end) {
			fail_not_ended(left);
			return;
		}
		bell_wait(seen, 0.1);
	}
}

static bool may_have_ended(const struct pending *pending)
{
	const struct file *epoll = pending->file;
	int i;

	if (pending->step.op == OP_POLL)
		return pending->allowed;
	if (pending->step.op != OP_EPWAIT)
		return false;
	/* Without what it must tell of, it may yet tell of something. */
	for (i = 0; i < epoll->nr_watches; i++)
		if (watch_ready(&epoll->watch[i]))
			return true;
	return false;
}

/* Nothing else has ended. */
static void check_still_blocked(void)
{
	struct pending *pending;
	int w;

	for (w = 0; w < NR_WORKERS && !failure.failed; w++) {
		pending = &model.worker[w].pending;
		if (pending->state != BLOCKED || !worker_done(w))
			continue;
		if (may_have_ended(pending))
			finish(w);
		else
			fail("worker %d: %s has ended with %ld, the model says it waits", w,
			     op_name(pending->step.op), shared->worker[w].call[0].ret);
	}
}

static void settle(void)
{
	model_end_step();
	collect_ended();
	if (!failure.failed)
		check_channels(false);
	if (!failure.failed)
		check_selectors(false);
	check_still_blocked();
}

/* Steps of workers. */

/* Does the model know what this would do? */
static bool meant(int w, const struct step *step)
{
	const struct file *file = model_file(w, step->arg[A_S]);
	const struct file *epoll = model_file(w, step->arg[A_E]);
	bool endpoint = file && file->kind == FILE_ENDPOINT;
	bool ours = endpoint || (file && file->kind == FILE_SELECTOR);

	switch (step->op) {
	case OP_READ: case OP_WRITE: case OP_SEEK: case OP_NONBLOCK: case OP_REOPEN:
		return !file || endpoint;
	case OP_IOCTL: case OP_POLL:
		return !file || ours;
	case OP_SELECTOR:
		return model_free_selector() >= 0;
	case OP_FDINFO:
		return ours && model_lowest_fd(w, 0) >= 0;
	case OP_EPCTL:
		return ours && epoll && epoll->kind == FILE_EPOLL &&
		       (epoll->nr_watches < MAX_WATCHES || step->arg[A_CTL] != CTL_ADD);
	case OP_EPWAIT:
		return epoll && epoll->kind == FILE_EPOLL;
	case OP_TAKE:
		return model.worker[step->arg[A_V]].live;
	}
	return true;
}

/* One whose cases are all disabled stands in no queue either. */
static bool in_no_queue(const struct step *step)
{
	return step->op == OP_POLL || step->op == OP_EPWAIT || step->op == OP_SELECT;
}

/* Of several ready cases a select may take any: ask it which, and then the model. */
static unsigned int chooses_by_chance(int w, const struct step *step)
{
	unsigned int ready;

	if (step->op != OP_SELECT || select_ordered(w, step))
		return 0;
	ready = select_ready(w, step);
	return ready & (ready - 1) ? ready : 0;
}

static void do_worker_step(int w, const struct step *step)
{
	struct worker_model *worker = &model.worker[w];
	unsigned int by_chance;

	if (!worker->live || worker->pending.state != IDLE || !meant(w, step))
		return;
	worker->pending.msg_id = ++model.next_msg;
	worker->pending.choice = -1;
	by_chance = chooses_by_chance(w, step);
	if (!model_foresees(w, step, by_chance))
		return;
	build_calls(w, step);
	if (by_chance) {
		worker_order(w);
		/* If it has not ended by then, that shows when it is collected. */
		if (worker_wait(w, patience))
			worker->pending.choice = shared->worker[w].call[0].ret;
		model_start(w, step);
		return;
	}
	model_start(w, step);
	worker_order(w);
	if (worker->pending.state == BLOCKED)
		sched_yield();
	if (worker->pending.state == BLOCKED && in_no_queue(step))
		wait_asleep(w, shared->worker[w].call[0].nr);
}

static void do_step(const struct step *step)
{
	int w = step->worker, v = step->arg[A_V];

	steps_run++;
	switch (step->op) {
	case OP_KILL:
		if (model.worker[v].live && model_foresees_kill(v))
			exec_kill(v);
		break;
	case OP_FORK:
		if (model.worker[w].live)
			exec_fork(w, v);
		break;
	case OP_SIGNAL:
		if (model.worker[v].pending.state == BLOCKED &&
		    model_foresees_signal(v, step->arg[A_SIGNAL]))
			exec_signal(v, step->arg[A_SIGNAL]);
		break;
	case OP_LIMIT:
		set_limit(step->arg[A_LIMIT], arg_limits[step->arg[A_LIMIT]][step->arg[A_VALUE]]);
		break;
	default:
		do_worker_step(w, step);
	}
	settle();
}

/* Before and after a program. */

static void begin_worker(int w)
{
	struct worker_model *worker = &model.worker[w];

	if (!shared->worker[w].pid) {
		worker_spawn(w);
		check_spawned(w);
	}
	worker->live = true;
	worker->pid = shared->worker[w].pid;
	worker->uid = 1000 + w;
	worker->gid = 2000 + w;
	worker->fd_limit = FD_LIMIT;
}

/* The usual number of descriptors, where a worker can read it. */
static unsigned long usual_limit(int w)
{
	struct rlimit *limit = (struct rlimit *)(shared->worker[w].arena + MISC_AT);

	*limit = (struct rlimit) { FD_LIMIT, 1 << 16 };
	return (unsigned long)limit;
}

static bool has_nothing(const struct worker_model *worker)
{
	int s;

	for (s = 0; s < NR_SLOTS; s++)
		if (worker->slot[s].file)
			return false;
	return !raced;
}

/* All it has goes, and it is again what it was at first. */
static void end_worker(int w)
{
	struct worker_model *worker = &model.worker[w];

	if (!worker->live)
		return;
	if (worker->gid != 2000U + w)
		worker_call(w, SYS_setresgid, -1, 2000 + w, -1, 0);
	if (worker->uid != 1000U + w)
		worker_call(w, SYS_setresuid, -1, 1000 + w, -1, 0);
	if (worker->fd_limit != FD_LIMIT)
		worker_call(w, SYS_prlimit64, 0, RLIMIT_NOFILE, usual_limit(w), 0);
	if (has_nothing(worker))
		return;
	model_close_all(w);
	worker_begin_call(w, SYS_close_range, model.first_fd, ~0UL, 0, 0);
}

static void end_waits(void)
{
	int w;

	for (w = 0; w < NR_WORKERS && !failure.failed; w++) {
		if (model.worker[w].pending.state != BLOCKED)
			continue;
		exec_signal(w, SIGNAL_INTR);
		settle();
	}
}

static int module_references(void)
{
	FILE *file = fopen("/sys/module/hsk/refcnt", "re");
	int nr = -1;

	if (file) {
		if (fscanf(file, "%d", &nr) != 1)
			nr = -1;
		fclose(file);
	}
	return nr;
}

/* No descriptor is left anywhere, so no endpoint is. */
static void check_nothing_left(void)
{
	double end = now() + patience;

	while (module_references()) {
		if (now() > end) {
			fail("%d endpoints are left when all descriptors are closed",
			     module_references());
			return;
		}
		usleep(1000);
	}
}

static void kill_all(void)
{
	int w;

	for (w = 0; w < NR_WORKERS; w++)
		if (model.worker[w].live)
			exec_kill(w);
}

/* A kernel that has complained is not fit for more. */
static void check_taint(void)
{
	static long first = -1;
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");
	long taint = 0;

	if (file) {
		if (fscanf(file, "%ld", &taint) != 1)
			taint = 0;
		fclose(file);
	}
	if (first < 0)
		first = taint;
	if (taint != first) {
		first = taint;
		fail("the kernel has complained, see its log (taint %#lx)", taint);
	}
}

static void end_program(void)
{
	int w;

	if (!failure.failed && !raced)
		check_channels(true);
	if (!failure.failed && !raced)
		check_selectors(true);
	end_waits();
	for (w = 0; w < NR_WORKERS && !failure.failed; w++)
		end_worker(w);
	for (w = 0; w < NR_WORKERS && !failure.failed; w++)
		if (model.worker[w].live && !worker_wait(w, patience))
			fail("worker %d cannot close its descriptors", w);
	if (failure.failed)
		kill_all();
	else
		check_nothing_left();
	reset_limits();
	check_taint();
}

/**
 * exec_begin() - before the first program
 */
void exec_begin(void)
{
	int w;

	check_begin();
	model_begin(workers_first_fd());
	reset_limits();
	for (w = 0; w < NR_WORKERS; w++)
		begin_worker(w);
	check_taint();
}

/* What they receive and send in a race nobody would count. */
static void end_selectors(void)
{
	const struct file *file;
	int w, s, fd;

	for (w = 0; w < NR_WORKERS; w++) {
		for (s = 0; s < NR_SLOTS && !failure.failed; s++) {
			file = model_file(w, s);
			if (!file || file->kind != FILE_SELECTOR)
				continue;
			fd = model_fd(w, s);
			model_close(w, s);
			worker_call(w, SYS_close, fd, 0, 0, 0);
			settle();
		}
	}
}

static void exec_race(struct program *program, int first, struct random *repair)
{
	int i;

	end_waits();
	end_selectors();
	raced = true;
	for (i = first; repair && i < program->nr; i++)
		repair_step(&program->step[i], repair);
	if (!failure.failed)
		race_run(&program->step[first], program->nr - first);
}

/**
 * exec_program() - run a program from a clean state to a clean state
 * @program: the program; how it fails is in failure
 * @repair: chance, to make more of it as it goes; NULL: as it is
 */
void exec_program(struct program *program, struct random *repair)
{
	int i, w;

	memset(&failure, 0, sizeof(failure));
	raced = false;
	model_begin(model.first_fd);
	for (w = 0; w < NR_WORKERS; w++)
		begin_worker(w);
	cover_begin();
	for (i = 0; i < program->nr && !failure.failed; i++) {
		failure.step = i;
		if (program->step[i].op == OP_RACE) {
			exec_race(program, i + 1, repair);
			break;
		}
		if (repair)
			repair_step(&program->step[i], repair);
		do_step(&program->step[i]);
	}
	end_program();
	cover_end();
}
