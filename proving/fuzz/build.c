// SPDX-License-Identifier: GPL-2.0-only
/* What a step is in system calls, and what they find in memory. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

#include <linux/hsk.h>

#include "exec.h"
#include "layout.h"
#include "worker.h"

/* The calls that ask for the flags of new descriptors, and which these are. */
static int flags_at[NR_WORKERS];
static int new_fds[NR_WORKERS][MAX_CARRIED];

/* Another system call of the step. */
struct call *add_call(int w, long nr, unsigned long a, unsigned long b, unsigned long c)
{
	struct worker *worker = &shared->worker[w];
	struct call *call = &worker->call[worker->nr_calls++];

	*call = (struct call) { .nr = nr, .arg = { a, b, c } };
	return call;
}

static unsigned long vector(int w, const struct step *step, unsigned int *nr)
{
	struct iovec *iov = (struct iovec *)(shared->worker[w].arena + MISC_AT);
	size_t len = arg_lens[step->arg[A_LEN]];
	unsigned long data = data_pointer(w, step);

	*nr = step->arg[A_VEC] == VEC_THREE ? 3 : 2;
	iov[0] = (struct iovec) { (void *)data, len / 3 };
	iov[1] = (struct iovec) { (void *)(data + len / 3), len - len / 3 };
	if (*nr == 3) {
		iov[2] = iov[1];
		iov[1].iov_len = 0;
	}
	if (step->arg[A_VEC] == VEC_NEGATIVE)
		iov[1].iov_len = -1;
	if (step->arg[A_VEC] == VEC_MANY)
		*nr = 1025;
	if (step->arg[A_VEC] == VEC_BADPTR)
		return (unsigned long)shared->worker[w].arena + MISC_AT + MISC_SIZE;
	return (unsigned long)iov;
}

static void build_rw(int w, const struct step *step)
{
	bool sending = step->op == OP_WRITE;
	int fd = model_fd(w, step->arg[A_S]);
	unsigned long at;
	unsigned int nr;

	fill_data(w, step, sending);
	if (!step->arg[A_VEC]) {
		add_call(w, sending ? SYS_write : SYS_read, fd, data_pointer(w, step),
			 arg_lens[step->arg[A_LEN]]);
		return;
	}
	at = vector(w, step, &nr);
	add_call(w, sending ? SYS_writev : SYS_readv, fd, at, nr);
}

static void build_poll(int w, const struct step *step)
{
	struct pollfd *poll = (struct pollfd *)(shared->worker[w].arena + MISC_AT);

	*poll = (struct pollfd) {
		.fd = model_fd(w, step->arg[A_S]), .events = arg_events[step->arg[A_EVENTS]],
	};
	add_call(w, SYS_poll, (unsigned long)poll, 1, step->arg[A_WAIT] ? -1 : 0);
}

/* What epoll is to say of a watch. */
int pack_watch(const struct file *file, int fd, uint64_t *data)
{
	*data = ((uint64_t)fd << 48) | ((uintptr_t)file & 0xffffffffffffULL);
	return fd;
}

static void build_ctl(int w, const struct step *step)
{
	static const uint32_t how[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE };
	static const int ctl[] = { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL };
	struct epoll_event *event = (void *)(shared->worker[w].arena + MISC_AT);
	int fd = model_fd(w, step->arg[A_S]);
	uint64_t data;

	pack_watch(model_file(w, step->arg[A_S]), fd, &data);
	event->events = arg_events[step->arg[A_EVENTS]] | how[step->arg[A_HOW]];
	event->data.u64 = data;
	add_call(w, SYS_epoll_ctl, model_fd(w, step->arg[A_E]), ctl[step->arg[A_CTL]], fd)->arg[3] =
		(unsigned long)event;
}

static void build_epwait(int w, const struct step *step)
{
	add_call(w, SYS_epoll_wait, model_fd(w, step->arg[A_E]),
		 (unsigned long)(shared->worker[w].arena + MISC_AT), MAX_WATCHES)->arg[3] =
		step->arg[A_WAIT] ? -1 : 0;
}

static unsigned long text(int w, const char *what)
{
	char *at = (char *)shared->worker[w].arena + MISC_AT;

	snprintf(at, 64, "%s", what);
	return (unsigned long)at;
}

static unsigned long text_of_fd(int w, const char *directory, int fd)
{
	char *at = (char *)shared->worker[w].arena + MISC_AT;

	snprintf(at, 64, "%s/%d", directory, fd);
	return (unsigned long)at;
}

static void build_file(int w, const struct step *step)
{
	switch (step->arg[A_KIND]) {
	case KIND_REGULAR:
		add_call(w, SYS_open, text(w, "/init"), O_RDONLY | O_CLOEXEC, 0);
		break;
	case KIND_MEMFD:
		add_call(w, SYS_memfd_create, text(w, "fuzz"), MFD_CLOEXEC, 0);
		break;
	case KIND_PIPE:
		add_call(w, SYS_open, text(w, "/tmp/fuzz-fifo"), O_RDWR | O_CLOEXEC, 0);
		break;
	case KIND_EVENTFD:
		add_call(w, SYS_eventfd2, 0, O_CLOEXEC, 0);
		break;
	case KIND_DIR:
		add_call(w, SYS_open, text(w, "/"), O_RDONLY | O_CLOEXEC, 0);
		break;
	case KIND_NULL:
		add_call(w, SYS_open, text(w, "/dev/null"), O_RDWR | O_CLOEXEC, 0);
		break;
	case KIND_SOCKET:
		add_call(w, SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		break;
	default:
		add_call(w, SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC, 0);
	}
}

/* A process is named by a descriptor too, for a moment. */
static void build_take(int w, const struct step *step)
{
	int pidfd = model_lowest_fd(w, 0);
	int v = step->arg[A_V];

	add_call(w, SYS_pidfd_open, model.worker[v].pid, 0, 0);
	add_call(w, SYS_pidfd_getfd, pidfd, model_fd(v, step->arg[A_S]), 0);
	add_call(w, SYS_close, pidfd, 0, 0);
}

static void build_seek(int w, const struct step *step)
{
	static const long calls[] = { SYS_lseek, SYS_pread64, SYS_pwrite64 };
	int fd = model_fd(w, step->arg[A_S]);
	struct call *call;

	if (step->arg[A_HOW] == SEEK_MMAP) {
		call = add_call(w, SYS_mmap, 0, PAGE, PROT_NONE);
		call->arg[3] = MAP_PRIVATE;
		call->arg[4] = fd;
		return;
	}
	add_call(w, calls[step->arg[A_HOW]], fd, step->arg[A_HOW] == SEEK_LSEEK ? 0 :
		 (unsigned long)shared->worker[w].arena + DATA_AT,
		 step->arg[A_HOW] == SEEK_LSEEK ? SEEK_CUR : 1);
}

static void build_fdinfo(int w, const struct step *step)
{
	unsigned long path = text_of_fd(w, "/proc/self/fdinfo", model_fd(w, step->arg[A_S]));
	int fd = model_lowest_fd(w, 0);

	memset(shared->worker[w].arena + DATA_AT, 0, PAGE);
	add_call(w, SYS_open, path, O_RDONLY, 0);
	add_call(w, SYS_read, fd, (unsigned long)shared->worker[w].arena + DATA_AT, PAGE - 1);
	add_call(w, SYS_close, fd, 0, 0);
}

static void build_room(int w, const struct step *step)
{
	struct rlimit *limit = (struct rlimit *)(shared->worker[w].arena + MISC_AT);

	limit->rlim_cur = model_room(w, step->arg[A_ROOM]);
	limit->rlim_max = 1 << 16;
	add_call(w, SYS_setrlimit, RLIMIT_NOFILE, (unsigned long)limit, 0);
}

static void build_setuid(int w, const struct step *step)
{
	uid_t uid = step->arg[A_UID] ? 999 + step->arg[A_UID] : 1000 + w;

	model.worker[w].uid = uid;
	add_call(w, SYS_setresuid, -1, uid, -1);
}

static void build_open(int w, const struct step *step)
{
	static const int modes[] = { O_RDWR, O_RDONLY, O_WRONLY };
	unsigned long path = text(w, HSK_DEVICE);
	int flags = modes[step->arg[A_MODE]] | O_CLOEXEC;

	if (step->op == OP_REOPEN)
		path = text_of_fd(w, "/proc/self/fd", model_fd(w, step->arg[A_S]));
	else if (step->arg[A_NB])
		flags |= O_NONBLOCK;
	add_call(w, SYS_open, path, flags, 0);
}

/* How many descriptors a step may create. */
static int may_create(const struct step *step)
{
	switch (step->op) {
	case OP_OPEN: case OP_REOPEN: case OP_NEW: case OP_DUP: case OP_EPNEW: case OP_FDDUP:
	case OP_FILE: case OP_SELECTOR:
		return 1;
	case OP_TAKE:
		return 2;
	case OP_RECV: case OP_SELECT: case OP_FINISH:
		return step->arg[A_N] ? MAX_CARRIED : 0;
	}
	return 0;
}

/* Their flags, by the numbers that they will have; see build_fd_flags(). */
static void build_flags(int w, const struct step *step)
{
	int i;

	flags_at[w] = shared->worker[w].nr_calls;
	for (i = 0; i < may_create(step); i++) {
		new_fds[w][i] = model_lowest_fd(w, i);
		if (new_fds[w][i] >= 0)
			add_call(w, SYS_fcntl, new_fds[w][i], F_GETFD, 0);
	}
}

/* What F_GETFD said of a new descriptor right after the step. */
long build_fd_flags(int w, int fd)
{
	int i;

	for (i = 0; i < MAX_CARRIED; i++)
		if (new_fds[w][i] == fd)
			return shared->worker[w].call[flags_at[w] + i].ret;
	return -EBADF;
}

static void build_step(int w, const struct step *step)
{
	int fd = model_fd(w, step->arg[A_S]);

	switch (step->op) {
	case OP_OPEN: case OP_REOPEN:
		build_open(w, step);
		break;
	case OP_SEND: case OP_RECV:
		build_transfer(w, step);
		break;
	case OP_WRITE: case OP_READ:
		build_rw(w, step);
		break;
	case OP_NEW: case OP_DUP: case OP_SHUT: case OP_INFO: case OP_ABI: case OP_SELECTOR:
	case OP_DISARM:
		build_small(w, step);
		break;
	case OP_IOCTL:
		build_unknown(w, step);
		break;
	case OP_POLL:
		build_poll(w, step);
		break;
	case OP_EPNEW:
		add_call(w, SYS_epoll_create1, EPOLL_CLOEXEC, 0, 0);
		break;
	case OP_EPCTL:
		build_ctl(w, step);
		break;
	case OP_EPWAIT:
		build_epwait(w, step);
		break;
	case OP_FDDUP:
		add_call(w, SYS_dup, fd, 0, 0);
		break;
	case OP_CLOSE:
		add_call(w, SYS_close, fd, 0, 0);
		break;
	case OP_NONBLOCK:
		add_call(w, SYS_fcntl, fd, F_SETFL,
			 O_RDWR | (step->arg[A_NB] ? O_NONBLOCK : 0));
		break;
	case OP_TAKE:
		build_take(w, step);
		break;
	case OP_SETUID:
		build_setuid(w, step);
		break;
	case OP_FILE:
		build_file(w, step);
		break;
	case OP_ROOM:
		build_room(w, step);
		break;
	case OP_SEEK:
		build_seek(w, step);
		break;
	case OP_FDINFO:
		build_fdinfo(w, step);
		break;
	case OP_SELECT:
		build_select(w, step);
		break;
	case OP_ARM:
		build_arm(w, step);
		break;
	case OP_FINISH:
		build_finish(w, step);
		break;
	}
}

/**
 * build_calls() - put a step into a worker's block, before the model begins it
 * @w: the worker
 * @step: the step; the number of its message is in the model's pending already
 */
void build_calls(int w, const struct step *step)
{
	shared->worker[w].nr_calls = 0;
	shared->worker[w].fork_to = -1;
	memset(new_fds[w], -1, sizeof(new_fds[w]));
	build_step(w, step);
	build_flags(w, step);
}
