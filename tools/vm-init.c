// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's PID 1: one static program, so that the machine needs nothing of
 * the host's user space.
 *
 * It mounts what programs expect, loads the modules, runs one command on the
 * second serial port, ends what the command left behind, unloads the modules,
 * and then writes the kernel log and one line of proof to the third serial
 * port. The first port belongs to the kernel's console. Whoever reads the
 * third port believes only that line, which carries a token of this run: a
 * machine that dies early, for whatever reason, cannot look like a success.
 *
 * tools/vm writes what it reads: /vm/config (name=value lines), /vm/modules
 * (a path and parameters on each line), /vm/argv (strings, each ended by NUL).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PORT_COMMAND	"/dev/ttyS1"
#define PORT_PROOF	"/dev/ttyS2"

#define MAX_MODULES	8
#define MAX_ARGS	1024
#define NSEC_PER_MSEC	1000000L

/* How long a killed process or a used module may take to go. */
#define GRACE_MSEC	10000
#define STEP_MSEC	20

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct module {
	char *path;
	char *name;
	char *params;
};

static struct {
	const char *token;
	const char *term;
	bool interactive;
	bool keep;
	unsigned short rows;
	unsigned short cols;
} config = { .token = "", .term = "dumb" };

static struct module modules[MAX_MODULES];
static int nr_modules;
static int proof_fd = -1;
static pid_t command_pid;

/* A line to the host; as long as there is no port, to the kernel log. */
#define say(...)	dprintf(proof_fd >= 0 ? proof_fd : STDERR_FILENO, __VA_ARGS__)

static void power_off(void)
{
	if (proof_fd >= 0)
		tcdrain(proof_fd);
	sync();
	reboot(RB_POWER_OFF);
	/* A kernel without a way to switch off: with -no-reboot this ends it. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void sleep_msec(long msec)
{
	struct timespec ts = {
		.tv_sec = msec / 1000,
		.tv_nsec = msec % 1000 * NSEC_PER_MSEC,
	};

	nanosleep(&ts, NULL);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

/* What the kernel does not have is left out: the command will say so. */
static void mount_all(void)
{
	static const struct {
		const char *type;
		const char *where;
		const char *options;
	} mounts[] = {
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		{ "devtmpfs", "/dev", "mode=0755" },
		{ "devpts", "/dev/pts", "mode=0620,ptmxmode=0666" },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "tmpfs", "/tmp", "mode=1777" },
		{ "tmpfs", "/run", "mode=0755" },
		{ "mqueue", "/dev/mqueue", NULL },
		{ "debugfs", "/sys/kernel/debug", NULL },
		{ "tracefs", "/sys/kernel/tracing", NULL },
		{ "cgroup2", "/sys/fs/cgroup", NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].where, 0755);
		mount(mounts[i].type, mounts[i].where, mounts[i].type, 0,
		      mounts[i].options);
	}
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+pids");
	/* User space may write as much as it likes and lose none of it. */
	write_file("/proc/sys/kernel/printk_devkmsg", "on");
}

/* Port 3 shares its interrupt with port 1, which therefore nobody keeps open. */
static void leave_console(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	close(null);
	close(log);
}

static int open_port(const char *path, bool interactive)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios tio;

	if (fd < 0 || tcgetattr(fd, &tio))
		return -1;
	if (!interactive) {
		/* Bytes reach the host as the program wrote them. */
		cfmakeraw(&tio);
		tio.c_lflag |= ISIG;
	}
	tio.c_cflag |= CLOCAL;
	cfsetspeed(&tio, B115200);
	if (tcsetattr(fd, TCSANOW, &tio))
		return -1;
	return fd;
}

static void read_config(void)
{
	FILE *f = fopen("/vm/config", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "token=", 6))
			config.token = strdup(line + 6);
		else if (!strncmp(line, "term=", 5))
			config.term = strdup(line + 5);
		else if (!strncmp(line, "rows=", 5))
			config.rows = atoi(line + 5);
		else if (!strncmp(line, "cols=", 5))
			config.cols = atoi(line + 5);
		else if (!strcmp(line, "interactive=1"))
			config.interactive = true;
		else if (!strcmp(line, "keep=1"))
			config.keep = true;
	}
	if (f)
		fclose(f);
	/* The command must not be able to write the proof itself. */
	unlink("/vm/config");
}

/* The kernel's name of a module: the file's without .ko, and no hyphen. */
static char *module_name(const char *path)
{
	const char *base = strrchr(path, '/');
	char *name = strdup(base ? base + 1 : path);
	char *c = strstr(name, ".ko");

	if (c)
		*c = '\0';
	for (c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	return name;
}

static bool load_module(struct module *m)
{
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);
	long ret;

	if (fd < 0) {
		say("fail cannot open %s: %s\n", m->path, strerror(errno));
		return false;
	}
	ret = syscall(SYS_finit_module, fd, m->params, 0);
	if (ret)
		say("fail cannot load module %s: %s\n", m->name, strerror(errno));
	close(fd);
	return !ret;
}

static bool load_modules(void)
{
	FILE *f = fopen("/vm/modules", "re");
	char line[1024];
	bool ok = true;

	while (f && ok && nr_modules < MAX_MODULES && fgets(line, sizeof(line), f)) {
		struct module *m = &modules[nr_modules];
		char *params;

		line[strcspn(line, "\n")] = '\0';
		params = strchr(line, ' ');
		if (params)
			*params++ = '\0';
		m->path = strdup(line);
		m->params = strdup(params ? params : "");
		m->name = module_name(m->path);
		ok = load_module(m);
		nr_modules += ok;
	}
	if (f)
		fclose(f);
	/* Tests give up root; the udev rule of a real host is not at work here. */
	if (ok)
		chmod("/dev/hsk", 0666);
	return ok;
}

/* Deferred work of the kernel may hold the last reference a moment longer. */
static void unload_module(const struct module *m)
{
	int waited;

	for (waited = 0; waited < GRACE_MSEC; waited += STEP_MSEC) {
		if (!syscall(SYS_delete_module, m->name, O_NONBLOCK))
			return;
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EBUSY)
			break;
		sleep_msec(STEP_MSEC);
	}
	say("fail cannot unload module %s: %s\n", m->name, strerror(errno));
}

static void on_shutdown(int sig)
{
	(void)sig;
	if (command_pid > 0)
		kill(command_pid, SIGKILL);
}

/* busybox poweroff, halt and reboot send these to PID 1. */
static void catch_shutdown(void)
{
	struct sigaction sa = { .sa_handler = on_shutdown };

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
}

static void run_child(int tty, char **argv)
{
	int in;

	setsid();
	if (config.interactive) {
		struct winsize ws = {
			.ws_row = config.rows,
			.ws_col = config.cols,
		};

		ioctl(tty, TIOCSCTTY, 0);
		ioctl(tty, TIOCSWINSZ, &ws);
		in = tty;
	} else {
		in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	dup2(in, STDIN_FILENO);
	dup2(tty, STDOUT_FILENO);
	dup2(tty, STDERR_FILENO);
	if (chdir("/hsk"))
		_exit(126);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "vm: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* As a shell would say it: the exit status, or 128 and the signal's number. */
static int run_command(int tty, char **argv)
{
	int status;
	pid_t pid;

	command_pid = fork();
	if (command_pid < 0) {
		say("fail cannot fork: %s\n", strerror(errno));
		return 126;
	}
	if (!command_pid)
		run_child(tty, argv);
	do {
		pid = waitpid(-1, &status, 0);
	} while (pid != command_pid && (pid > 0 || errno == EINTR));
	command_pid = 0;
	tcdrain(tty);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static void end_survivors(void)
{
	int waited;
	pid_t pid;

	kill(-1, SIGKILL);
	for (waited = 0; waited < GRACE_MSEC;) {
		pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0 && errno == ECHILD)
			return;
		if (pid)
			continue;
		sleep_msec(STEP_MSEC);
		waited += STEP_MSEC;
	}
	say("fail a process survives SIGKILL\n");
	/* Where each is stuck goes to the kernel log. */
	write_file("/proc/sysrq-trigger", "w");
}

static char **read_argv(void)
{
	static char text[65536];
	static char *argv[MAX_ARGS + 1];
	int fd = open("/vm/argv", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	char *p = text;
	int i;

	for (i = 0; i < MAX_ARGS && p < text + len; i++) {
		argv[i] = p;
		p += strlen(p) + 1;
	}
	if (fd >= 0)
		close(fd);
	return argv;
}

static void copy_lines(const char *path, const char *tag)
{
	FILE *f = fopen(path, "re");
	char line[1024];

	while (f && fgets(line, sizeof(line), f))
		say("%s %s", tag, line);
	if (f)
		fclose(f);
}

/* A leak detector and a lock checker that are there must have nothing to say. */
static void ask_debug_kernel(void)
{
	FILE *f;
	char line[256];
	int on;

	if (!access("/sys/kernel/debug/kmemleak", F_OK)) {
		if (!write_file("/sys/kernel/debug/kmemleak", "scan"))
			say("fail kmemleak has switched itself off\n");
		/* Young objects are reported by the second scan only. */
		sleep_msec(6000);
		write_file("/sys/kernel/debug/kmemleak", "scan");
		copy_lines("/sys/kernel/debug/kmemleak", "log");
	}
	f = fopen("/proc/lockdep_stats", "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " debug_locks: %d", &on) == 1 && !on)
			say("fail lockdep has switched itself off\n");
	if (f)
		fclose(f);
}

static void send_log(void)
{
	static char record[8192];
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t len;
	char *text;

	if (fd < 0) {
		say("fail cannot read the kernel log: %s\n", strerror(errno));
		return;
	}
	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		/* EPIPE: the oldest records were overwritten; the console has them. */
		if (len < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (len <= 0)
			break;
		record[len] = '\0';
		record[strcspn(record, "\n")] = '\0';
		text = strchr(record, ';');
		say("log %s\n", text ? text + 1 : record);
	}
	close(fd);
}

/* The first line of a file; left as it is if there is none. */
static void read_line(const char *path, char *line, size_t room)
{
	FILE *f = fopen(path, "re");

	if (f && !fgets(line, room, f))
		line[0] = '\0';
	if (f)
		fclose(f);
}

/*
 * An emulated processor is not free of faults: a kernel that has complained before
 * anything was asked of it is not fit to judge what comes. With the boot argument
 * vm.unfit none is, so that this can be tried.
 */
static bool kernel_is_fit(void)
{
	const long bad_page = 1 << 5, die = 1 << 7, warn = 1 << 9, lockup = 1 << 14;
	char line[4096] = "";
	long tainted;

	read_line("/proc/sys/kernel/tainted", line, sizeof(line));
	tainted = strtol(line, NULL, 10);
	read_line("/proc/cmdline", line, sizeof(line));
	return !(tainted & (bad_page | die | warn | lockup)) && !strstr(line, "vm.unfit");
}

int main(void)
{
	static char term[64];
	static char *const env[] = {
		"PATH=/hsk:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin",
		"HOME=/", "SHELL=/bin/sh", "LANG=C.UTF-8", "PS1=hsk:\\w# ", term, NULL
	};
	int status = 126;
	int i, tty;

	umask(022);
	mount_all();
	leave_console();
	read_config();
	snprintf(term, sizeof(term), "TERM=%s", config.term);
	environ = (char **)env;
	sethostname("hsk", 3);
	proof_fd = open_port(PORT_PROOF, false);
	tty = open_port(PORT_COMMAND, config.interactive);
	if (proof_fd < 0 || tty < 0) {
		say("vm: the serial ports are missing\n");
		power_off();
	}
	if (!kernel_is_fit()) {
		send_log();
		say("unfit\n");
		power_off();
	}
	catch_shutdown();
	if (load_modules())
		status = run_command(tty, read_argv());
	end_survivors();
	for (i = nr_modules - 1; i >= 0 && !config.keep; i--)
		unload_module(&modules[i]);
	ask_debug_kernel();
	send_log();
	say("proof %s status=%d\n", config.token, status);
	power_off();
}
