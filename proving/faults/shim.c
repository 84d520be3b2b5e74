// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands between a test program and the C library (LD_PRELOAD) in the calls by which
 * programs reach hsk. A call on an endpoint gets its faults; all others go on as they
 * are.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "inject.h"

#define LARGE		2048	/* a message beyond this may take another kind of memory */
#define STACK_WINDOW	(64 * 1024)
#define FINISH_COPIES	3	/* its size, the rest, the result that is to be */
#define PATIENCE	4	/* how much longer than alone a test may take */

#define CALL(_op, _endpoint, _nr, ...)					\
(&(struct faults_call) {						\
	.op = (_op), .endpoint = (_endpoint), .nr = (_nr), .arg = { __VA_ARGS__ } })

/*
 * Whether the file is an endpoint is told by its answer to INFO. Where it gets no
 * faults either way nobody needs to know.
 */
static bool on_endpoint(struct faults_call *call)
{
	int err = errno;

	if (call->endpoint < 0 || !faults_wanted())
		return false;
	if (faults_spent(call))
		return true;
	call->sequence = faults_sequence();
	call->has_info = faults_snapshot(call->endpoint, &call->info);
	errno = err;
	return call->has_info;
}

/* With faults on an endpoint, else just done. */
static long fd_call(struct faults_call *call)
{
	const long *a = call->arg;

	if (on_endpoint(call))
		return faults_perform(call);
	return syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- open --- */

static int open_any(int dir, const char *path, int flags, mode_t mode)
{
	struct faults_call *call = CALL(OP_OPEN, -1, SYS_openat, dir, (long)path,
					flags | O_LARGEFILE, mode);

	if (!strcmp(path, HSK_DEVICE) && faults_wanted()) {
		call->sequence = faults_sequence();
		call->takes_fd = true;
		return faults_perform(call);
	}
	return syscall(SYS_openat, dir, path, flags | O_LARGEFILE, mode);
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)							\
int name(const char *path, int flags, ...)				\
{									\
	mode_t mode;							\
	va_list ap;							\
									\
	va_start(ap, flags);						\
	mode = mode_of(flags, ap);					\
	va_end(ap);							\
	return open_any(AT_FDCWD, path, flags, mode);			\
}

#define OPENAT(name)							\
int name(int dir, const char *path, int flags, ...)			\
{									\
	mode_t mode;							\
	va_list ap;							\
									\
	va_start(ap, flags);						\
	mode = mode_of(flags, ap);					\
	va_end(ap);							\
	return open_any(dir, path, flags, mode);			\
}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* --- ioctl --- */

static enum faults_op op_of(unsigned long nr)
{
	switch (nr) {
	case HSK_IOC_ABI:
		return OP_ABI;
	case HSK_IOC_INFO:
		return OP_INFO;
	case HSK_IOC_CHAN_NEW:
		return OP_CHAN_NEW;
	case HSK_IOC_DUP:
		return OP_DUP;
	case HSK_IOC_SEND:
		return OP_SEND;
	case HSK_IOC_RECV:
		return OP_RECV;
	case HSK_IOC_CLOSE:
		return OP_CLOSE;
	case HSK_IOC_SELECT:
		return OP_SELECT;
	case HSK_IOC_SELECTOR:
		return OP_SELECTOR;
	case HSK_IOC_ARM:
		return OP_ARM;
	case HSK_IOC_FINISH:
		return OP_FINISH;
	case HSK_IOC_DISARM:
		return OP_DISARM;
	default:
		return OP_UNKNOWN;
	}
}

/* Memory that is there for certain: what the caller has on its own stack. */
static bool on_stack(const void *p)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	return (uintptr_t)p > here && (uintptr_t)p < here + STACK_WINDOW;
}

static void describe_ioctl(struct faults_call *call, void *arg)
{
	static const size_t sizes[OP_NR] = {
		[OP_ABI] = sizeof(struct hsk_abi_args),
		[OP_INFO] = sizeof(struct hsk_info_args),
		[OP_CHAN_NEW] = sizeof(struct hsk_chan_new_args),
		[OP_DUP] = sizeof(struct hsk_dup_args),
		[OP_SEND] = sizeof(struct hsk_send_args),
		[OP_RECV] = sizeof(struct hsk_recv_args),
		[OP_CLOSE] = sizeof(struct hsk_close_args),
		[OP_SELECT] = sizeof(struct hsk_select_args),
		[OP_SELECTOR] = sizeof(struct hsk_selector_args),
		[OP_ARM] = sizeof(struct hsk_arm_args),
		[OP_FINISH] = sizeof(struct hsk_finish_args),
		[OP_DISARM] = sizeof(struct hsk_disarm_args),
	};
	const struct hsk_send_args *send = arg;

	if (call->op == OP_SELECT)
		call->result = &((struct hsk_select_args *)arg)->result;
	if (call->op == OP_FINISH)
		call->result = &((struct hsk_finish_args *)arg)->result;
	call->takes_fd = call->op == OP_CHAN_NEW || call->op == OP_DUP || call->op == OP_RECV ||
			 call->op == OP_SELECTOR;
	if (!sizes[call->op] || !on_stack(arg))
		return;
	call->args = arg;
	call->args_len = sizes[call->op];
	if (call->op == OP_SEND)
		call->shape = (send->msg.len > LARGE ? FAULTS_LARGE : 0) |
			      (send->msg.nr_fds ? FAULTS_FDS : 0);
}

/*
 * A selector answers to nothing that would tell it from other files, but who asks it
 * for this knows. What is given out by FINISH is gone, also where its message could not
 * be copied and went back: faults are for what comes before that.
 */
static bool on_selector(struct faults_call *call)
{
	if (call->op != OP_ARM && call->op != OP_FINISH && call->op != OP_DISARM)
		return false;
	if (!faults_wanted())
		return false;
	call->sequence = faults_sequence();
	call->most = call->op == OP_FINISH ? FINISH_COPIES : 0;
	return true;
}

int ioctl(int fd, unsigned long nr, ...)
{
	struct faults_call *call;
	va_list ap;
	void *arg;

	va_start(ap, nr);
	arg = va_arg(ap, void *);
	va_end(ap);
	call = CALL(op_of(nr), fd, SYS_ioctl, fd, nr, (long)arg);
	if (((nr >> 8) & 0xff) != HSK_IOC_MAGIC)
		return syscall(SYS_ioctl, fd, nr, arg);
	describe_ioctl(call, arg);
	return on_selector(call) ? faults_perform(call) : fd_call(call);
}

/* --- read, write --- */

ssize_t read(int fd, void *buf, size_t len)
{
	return fd_call(CALL(OP_READ, fd, SYS_read, fd, (long)buf, len));
}

ssize_t write(int fd, const void *buf, size_t len)
{
	struct faults_call *call = CALL(OP_WRITE, fd, SYS_write, fd, (long)buf, len);

	call->shape = len > LARGE ? FAULTS_LARGE : 0;
	return fd_call(call);
}

ssize_t readv(int fd, const struct iovec *iov, int nr)
{
	return fd_call(CALL(OP_READ, fd, SYS_readv, fd, (long)iov, nr));
}

ssize_t writev(int fd, const struct iovec *iov, int nr)
{
	return fd_call(CALL(OP_WRITE, fd, SYS_writev, fd, (long)iov, nr));
}

/* The position is two registers on every architecture. */
#define HALVES(pos)	(long)(pos), (long)(((uint64_t)(pos) >> 31) >> 1)

#define VECTOR2(name, op, nr_syscall, pos_t)				\
ssize_t name(int fd, const struct iovec *iov, int nr, pos_t pos, int flags) \
{									\
	return fd_call(CALL(op, fd, nr_syscall, fd, (long)iov, nr,	\
			    HALVES(pos), flags));			\
}

VECTOR2(preadv2, OP_READ, SYS_preadv2, off_t)
VECTOR2(preadv64v2, OP_READ, SYS_preadv2, off64_t)
VECTOR2(pwritev2, OP_WRITE, SYS_pwritev2, off_t)
VECTOR2(pwritev64v2, OP_WRITE, SYS_pwritev2, off64_t)

/* --- poll --- */

/* One endpoint among the descriptors makes it an operation of hsk. */
int poll(struct pollfd *fds, nfds_t nr, int timeout)
{
	struct faults_call *call = CALL(OP_POLL, -1, SYS_poll, (long)fds, nr, timeout);
	nfds_t i;

	for (i = 0; i < nr; i++) {
		call->endpoint = fds[i].fd;
		if (on_endpoint(call))
			return faults_perform(call);
	}
	return syscall(SYS_poll, fds, nr, timeout);
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	return fd_call(CALL(OP_EPOLL_CTL, fd, SYS_epoll_ctl, epoll, op, fd, (long)event));
}

/* Whether endpoints are in the set is not known; the faults are the same. */
int epoll_wait(int epoll, struct epoll_event *events, int nr, int timeout)
{
	struct faults_call *call = CALL(OP_EPOLL_WAIT, -1, SYS_epoll_wait, epoll, (long)events,
					nr, timeout);

	if (faults_wanted()) {
		call->sequence = faults_sequence();
		return faults_perform(call);
	}
	return syscall(SYS_epoll_wait, epoll, events, nr, timeout);
}

/* --- the end of a descriptor --- */

int close(int fd)
{
	struct faults_call *call = CALL(OP_RELEASE, fd, SYS_close, fd);

	return fd_call(call);
}

/* --- the harness --- */

/* A 32-bit build has the tests of the other, by the same names. */
static int name_length(const char *program)
{
	int len = strlen(program);

	return len > 3 && !strcmp(program + len - 3, "_32") ? len - 3 : len;
}

/* It tells which test begins just before it forks the process that runs it. */
static void watch_harness(const char *format, va_list ap)
{
	const char *part[4];
	char name[256];
	va_list copy;
	int i;

	if (strncmp(format, " RUN ", 5))
		return;
	va_copy(copy, ap);
	for (i = 0; i < 4; i++)
		part[i] = va_arg(copy, const char *);
	va_end(copy);
	snprintf(name, sizeof(name), "%.*s.%s%s%s.%s", name_length(program_invocation_short_name),
		 program_invocation_short_name, part[0], part[1], part[2], part[3]);
	faults_test_begins(name);
}

int vfprintf(FILE *file, const char *format, va_list ap)
{
	int (*next)(FILE *file, const char *format, va_list ap) = dlsym(RTLD_NEXT, "vfprintf");

	watch_harness(format, ap);
	return next(file, format, ap);
}

int vprintf(const char *format, va_list ap)
{
	return vfprintf(stdout, format, ap);
}

/* What limits a test's time. */
unsigned int alarm(unsigned int seconds)
{
	unsigned int (*next)(unsigned int seconds) = dlsym(RTLD_NEXT, "alarm");

	return next(faults_wanted() ? seconds * PATIENCE : seconds);
}

static __attribute__((constructor)) void begin(void)
{
	faults_init();
}
