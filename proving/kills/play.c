// SPDX-License-Identifier: GPL-2.0-only
/* One run: set the stage, start the parties, arm, let go, wait for all of them. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kills.h"

unsigned int k_patience_ms = 20000;

/* What a party keeps stands above, everything else is closed. */
#define K_FIRST_KEPT	64

/* The stage while it is set: descriptors that the parties inherit. */
struct set {
	int fd[K_ROLES][K_CHANS];
	int ready[2];		/* a byte from each party that is in place */
	int go[2];		/* ends when they may begin */
	int pipe[2];
	int parent;		/* of the channels that are derived */
};

unsigned int k_nr_roles(const struct k_scenario *scenario)
{
	unsigned int nr = 0;

	while (nr < K_ROLES && scenario->roles[nr].name)
		nr++;
	return nr;
}

void k_wrong(struct k_run *run, const char *format, ...)
{
	char text[K_TEXT * 2];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("# %s, %s (role %u) %s at %s, hit %u: %s\n", run->scenario->name,
	       run->scenario->roles[run->victim].name, run->victim,
	       run->killed ? "killed" : "not killed", run->point, run->n, text);
	run->failed = true;
}

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- setting --- */

static unsigned int observer_rights(const struct k_role *victim, unsigned int chan)
{
	switch (victim->observe[chan]) {
	case K_READ:
		return HSK_RIGHT_READ;
	case K_WRITE:
		return HSK_RIGHT_WRITE;
	case K_NOTHING:
		return 0;
	default:
		return victim->rights[chan] ^ T_BOTH;
	}
}

static int endpoint(int whole, unsigned int rights)
{
	int fd = rights ? t_dup(whole, rights) : -1;

	if (rights && fd < 0)
		die("DUP");
	return fd;
}

static int new_channel(struct k_run *run, const struct set *set, unsigned int chan)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args),
		.flags = HSK_CHAN_F_PARENT,
		.capacity = run->scenario->capacity[chan],
		.parent = set->parent,
	};

	if (!run->scenario->derived[chan])
		return t_new(args.capacity);
	return t_ioctl(args.parent, HSK_IOC_CHAN_NEW, &args);
}

static void set_channel(struct k_run *run, struct set *set, unsigned int chan)
{
	const struct k_scenario *sc = run->scenario;
	int whole = new_channel(run, set, chan);
	unsigned int i;

	if (whole < 0)
		die("a new channel");
	for (i = 0; i < k_nr_roles(sc); i++)
		set->fd[i][chan] = endpoint(whole, sc->roles[i].rights[chan]);
	run->observer[chan] = endpoint(whole, observer_rights(&sc->roles[run->victim], chan));
	if (!chan)
		set->parent = endpoint(whole, HSK_RIGHT_READ);
	close(whole);
}

static void set_stage(struct k_run *run, struct set *set)
{
	unsigned int chan;

	memset(set, 0xff, sizeof(*set));	/* all descriptors -1 */
	for (chan = 0; chan < K_CHANS; chan++)
		run->observer[chan] = -1;
	for (chan = 0; chan < run->scenario->nr_chans; chan++)
		set_channel(run, set, chan);
	close(set->parent);
	if (pipe2(set->ready, O_CLOEXEC) || pipe2(set->go, O_CLOEXEC) ||
	    pipe2(set->pipe, O_CLOEXEC))
		die("pipe");
	run->pipe = set->pipe[0];
	memset(run->stage, 0, sizeof(*run->stage));
}

/* --- parties --- */

static int keep(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, K_FIRST_KEPT);
}

static void play_role(struct k_run *run, const struct set *set, unsigned int role)
{
	struct k_party me = { .stage = run->stage, .nr = role };
	int ready = keep(set->ready[1]), go = keep(set->go[0]);
	unsigned int chan;
	char byte = 0;

	setpgid(0, 0);
	prctl(PR_SET_NAME, run->scenario->roles[role].name);
	me.pipe = keep(set->pipe[1]);
	for (chan = 0; chan < K_CHANS; chan++)
		me.fd[chan] = keep(set->fd[role][chan]);
	if (syscall(SYS_close_range, STDERR_FILENO + 1, K_FIRST_KEPT - 1, 0))
		k_fail(&me, "close_range", errno);
	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1))
		k_fail(&me, "start", errno);
	run->scenario->roles[role].act(&me);
	_exit(0);
}

static void start_roles(struct k_run *run, const struct set *set)
{
	unsigned int i, chan, nr = k_nr_roles(run->scenario);

	fflush(stdout);
	for (i = 0; i < nr; i++) {
		run->pids[i] = fork();
		if (run->pids[i] < 0)
			die("fork");
		if (!run->pids[i])
			play_role(run, set, i);
	}
	close(set->ready[1]);
	close(set->go[0]);
	close(set->pipe[1]);
	for (i = 0; i < nr; i++)
		for (chan = 0; chan < K_CHANS; chan++)
			if (set->fd[i][chan] >= 0)
				close(set->fd[i][chan]);
}

/* The parties' own group and their descriptors are in order before any kill. */
static void arm_and_go(struct k_run *run, const struct set *set)
{
	unsigned int i;
	char byte;
	int err;

	for (i = 0; i < k_nr_roles(run->scenario); i++)
		if (read(set->ready[0], &byte, 1) != 1)
			die("a party has not come");
	run->group = run->pids[run->victim];
	err = k_arm(run->point, run->n, run->group);
	if (err) {
		errno = -err;
		die("arming");
	}
	close(set->ready[0]);
	close(set->go[1]);
}

/* --- the end --- */

static void note_end(struct k_run *run, pid_t pid, int status)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	unsigned int i;

	if (WIFSIGNALED(status))
		__atomic_store_n(&run->stage->over, 1, __ATOMIC_RELEASE);
	for (i = 0; i < K_ROLES; i++)
		if (run->pids[i] == pid)
			run->pids[i] = 0;
	run->killed = k_killed();
	if (pid == run->killed ? killed : WIFEXITED(status))
		return;
	k_wrong(run, "process %d ended with wait status 0x%x", pid, status);
}

/* Until the time @limit for one of the children; false: it was too long. */
static bool await_child(__u64 limit)
{
	__s64 left = limit - t_now();
	struct timespec ts = { 0 };
	sigset_t set;

	if (left <= 0)
		return false;
	ts.tv_sec = left / T_SEC;
	ts.tv_nsec = left % T_SEC;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	return sigtimedwait(&set, NULL, &ts) == SIGCHLD || errno == EINTR;
}

/* The stuck ones by name, and what they wait in. */
static void end_stuck(struct k_run *run)
{
	char path[64], text[80] = "";
	unsigned int i;

	for (i = 0; i < K_ROLES; i++) {
		if (!run->pids[i])
			continue;
		snprintf(path, sizeof(path), "/proc/%d/syscall", run->pids[i]);
		t_read_line(path, text, sizeof(text));
		k_wrong(run, "%s (role %u) is stuck after %u ms, system call %s",
			run->scenario->roles[i].name, i, k_patience_ms, text);
		kill(-run->pids[i], SIGKILL);
	}
	/* Whom the victim has left behind. */
	kill(-run->group, SIGKILL);
}

/* All children, also those that have become ours as orphans. */
static void reap_all(struct k_run *run)
{
	__u64 limit = t_in_ms(k_patience_ms);
	bool stuck = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) >= 0) {
		if (pid) {
			if (!stuck)
				note_end(run, pid, status);
		} else if (!await_child(limit)) {
			if (stuck)
				die("somebody can't be killed");
			stuck = true;
			end_stuck(run);
			limit = t_in_ms(k_patience_ms);
		}
	}
	run->killed = k_killed();
}

void k_play(struct k_run *run)
{
	struct set set;

	run->killed = 0;
	run->failed = false;
	set_stage(run, &set);
	start_roles(run, &set);
	arm_and_go(run, &set);
	reap_all(run);
	k_judge(run);
}
