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

#define NSEC_PER_SEC 1000000000ULL

/* Each worker's argument struct as it was passed. */
static uint8_t saved[NR_WORKERS][ARGS_SIZE];
/* The calls that ask for the flags of new descriptors, and which these are. */
static int flags_at[NR_WORKERS];
static int new_fds[NR_WORKERS][MAX_CARRIED];

const uint8_t *build_saved_args(int w)
{
	return saved[w];
}

static struct call *add_call(int w, long nr, unsigned long a, unsigned long b, unsigned long c)
{
	struct worker *worker = &shared->worker[w];
	struct call *call = &worker->call[worker->nr_calls++];

	*call = (struct call) { .nr = nr, .arg = { a, b, c } };
	return call;
}

/* A pointer of a kind into a part of the worker's memory. */
unsigned long pointer(int w, unsigned int kind, size_t part, size_t size, size_t half)
{
	const struct worker *worker = &shared->worker[w];

	switch (kind) {
	case PTR_NULL:
		return 0;
	case PTR_UNMAPPED:
		return (unsigned long)worker->arena + part + size + 64;
	case PTR_KERNEL:
		return KERNEL_ADDRESS;
	case PTR_READONLY:
		return (unsigned long)worker->readonly + part;
	case PTR_STRADDLE:
		return (unsigned long)worker->arena + part + size - half;
	default:
		return (unsigned long)worker->arena + part;
	}
}

static unsigned long data_pointer(int w, const struct step *step)
{
	return pointer(w, step->arg[A_DATA], DATA_AT, DATA_SIZE, straddle_len(step));
}

/* Bytes that no other message has. */
void build_bytes(uint8_t *to, uint32_t id, uint32_t len)
{
	uint32_t i, mix = id * BYTES_FACTOR;

	for (i = 0; i < len; i++)
		to[i] = (mix >> (i % 4 * 8)) + i / 4;
}

void fill_data(int w, const struct step *step, bool sending)
{
	uint8_t *at = shared->worker[w].arena + DATA_AT;
	uint32_t len = arg_lens[step->arg[A_LEN]];

	if (!sending)
		memset(at, SENTINEL, DATA_SIZE);
	else if (len <= DATA_SIZE)
		build_bytes(step->arg[A_DATA] == PTR_STRADDLE ?
			    at + DATA_SIZE - straddle_len(step) : at,
			    model.worker[w].pending.msg_id,
			    step->arg[A_DATA] == PTR_STRADDLE ? straddle_len(step) : len);
}

void fill_fds(int w, const struct step *step, bool sending)
{
	uint8_t *at = shared->worker[w].arena + FDS_AT;
	int32_t fds[MAX_CARRIED] = { 0 };
	int i;

	memset(at, SENTINEL, FDS_SIZE);
	if (!sending)
		return;
	for (i = 0; i < MAX_CARRIED; i++)
		fds[i] = model_fd(w, step->arg[A_F0 + i]);
	if (step->arg[A_FDP] == PTR_STRADDLE)
		memcpy(at + FDS_SIZE - straddle_fds(step) * 4, fds,
		       straddle_fds(step) < MAX_CARRIED ? straddle_fds(step) * 4 : sizeof(fds));
	else
		memcpy(at, fds, sizeof(fds));
}

/* The size of a struct as it was first published: less is too little. */
static uint32_t first_size(const struct step *step, size_t size)
{
	switch (step->op) {
	case OP_SEND:
		return offsetof(struct hsk_send_args, ctx);
	case OP_RECV:
		return offsetof(struct hsk_recv_args, ctx);
	case OP_NEW:
		return offsetof(struct hsk_chan_new_args, deadline);
	default:
		return size;
	}
}

static uint32_t args_size(const struct step *step, size_t size)
{
	switch (step->arg[A_SIZE]) {
	case SIZE_ZERO:
		return 0;
	case SIZE_SMALL:
		return first_size(step, size) - 1;
	case SIZE_LONGER: case SIZE_NEWER:
		return size + 8;
	case SIZE_PAGE:
		return 4096;
	case SIZE_OVER:
		return 4097;
	case SIZE_HUGE:
		return UINT32_MAX;
	default:
		return size;
	}
}

/* An ioctl with the struct of that size, whose first member is its size. */
void build_ioctl(int w, const struct step *step, unsigned int cmd, void *args, size_t size)
{
	uint8_t *at = shared->worker[w].arena + ARGS_AT;
	uint32_t usize = args_size(step, size);

	memcpy(args, &usize, sizeof(usize));
	memset(saved[w], 0, sizeof(saved[w]));
	memcpy(saved[w], args, size);
	if (step->arg[A_SIZE] == SIZE_NEWER)
		saved[w][size + 4] = 1;
	memcpy(at, saved[w], ARGS_SIZE);
	if (step->arg[A_ARGP] == PTR_STRADDLE)
		memcpy(at + ARGS_SIZE - size / 2, args, size / 2);
	add_call(w, SYS_ioctl, model_fd(w, step->arg[A_S]), cmd,
		 pointer(w, step->arg[A_ARGP], ARGS_AT, ARGS_SIZE, size / 2));
}

uint32_t flags_value(const struct step *step)
{
	static const uint32_t values[] = {
		0, HSK_OP_F_DONTWAIT, 0x80000000U, 0x80000000U | HSK_OP_F_DONTWAIT,
	};

	return values[step->arg[A_FLAGS]];
}

uint64_t deadline_value(const struct step *step)
{
	uint64_t current = now() * NSEC_PER_SEC;

	switch (step->arg[A_DEADLINE]) {
	case DEADLINE_PAST:
		return 1;
	case DEADLINE_NEAR:
		return current + NSEC_PER_SEC / 500;
	case DEADLINE_FAR:
		return current + 3600 * NSEC_PER_SEC;
	case DEADLINE_BAD:
		return 1ULL << 63;
	default:
		return 0;
	}
}

void spoil(struct hsk_msghdr *msg, unsigned int junk)
{
	msg->flags = junk == JUNK_FLAGS;
	msg->reason = junk == JUNK_REASON ? -1 : 0;
	msg->pid = junk == JUNK_PID;
	msg->uid = junk == JUNK_UID;
	msg->gid = junk == JUNK_GID;
	msg->__reserved0 = junk == JUNK_RES0;
	msg->__reserved1 = junk == JUNK_RES1 ? 1ULL << 63 : 0;
}

static void build_transfer(int w, const struct step *step)
{
	/* The same layout for both directions. */
	struct hsk_send_args args = {
		.flags = flags_value(step),
		.deadline = deadline_value(step),
		.msg.data = data_pointer(w, step),
		.msg.len = arg_lens[step->arg[A_LEN]],
		.msg.nr_fds = carried_count(step),
		.msg.fds = pointer(w, step->arg[A_FDP], FDS_AT, FDS_SIZE, straddle_fds(step) * 4),
	};
	bool sending = step->op == OP_SEND;

	spoil(&args.msg, step->arg[A_JUNK]);
	fill_data(w, step, sending);
	fill_fds(w, step, sending);
	build_ioctl(w, step, sending ? HSK_IOC_SEND : HSK_IOC_RECV, &args, sizeof(args));
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

static void build_small(int w, const struct step *step)
{
	static const unsigned int rights[] = {
		HSK_RIGHT_READ | HSK_RIGHT_WRITE, HSK_RIGHT_READ, HSK_RIGHT_WRITE, 0, 7,
	};
	struct hsk_chan_new_args new = {
		.capacity = cap_value(step->arg[A_CAP]),
		.flags = step->arg[A_JUNK] == JUNK_FLAGS ? 0x80000000U : 0,
		/* Without the flag that says so there is none. */
		.parent = step->arg[A_JUNK] == JUNK_RES0,
	};
	struct hsk_close_args shut = { .reason = arg_reasons[step->arg[A_REASON]] };
	struct hsk_dup_args dup = { .rights = rights[step->arg[A_RIGHTS]] };
	struct hsk_info_args info = { .__reserved0 = step->arg[A_JUNK] == JUNK_RES0 };
	struct hsk_abi_args abi = { 0 };

	switch (step->op) {
	case OP_NEW:
		build_ioctl(w, step, HSK_IOC_CHAN_NEW, &new, sizeof(new));
		break;
	case OP_SHUT:
		build_ioctl(w, step, HSK_IOC_CLOSE, &shut, sizeof(shut));
		break;
	case OP_DUP:
		build_ioctl(w, step, HSK_IOC_DUP, &dup, sizeof(dup));
		break;
	case OP_INFO:
		build_ioctl(w, step, HSK_IOC_INFO, &info, sizeof(info));
		break;
	default:
		build_ioctl(w, step, HSK_IOC_ABI, &abi, sizeof(abi));
	}
}

static void build_unknown(int w, const struct step *step)
{
	/* None is known; the last has the size in the number, as others do it. */
	static const unsigned int cmds[] = {
		_IO(HSK_IOC_MAGIC, 0x0f), _IO(HSK_IOC_MAGIC, 0x1c), _IO(HSK_IOC_MAGIC, 0x20),
		0x541b, 0x5401, _IOWR(HSK_IOC_MAGIC, 0x14, struct hsk_send_args),
	};

	add_call(w, SYS_ioctl, model_fd(w, step->arg[A_S]), cmds[step->arg[A_CMD]],
		 pointer(w, step->arg[A_ARGP], ARGS_AT, ARGS_SIZE, 4));
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
	case OP_FILE:
		return 1;
	case OP_TAKE:
		return 2;
	case OP_RECV: case OP_SELECT:
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
	case OP_NEW: case OP_DUP: case OP_SHUT: case OP_INFO: case OP_ABI:
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
