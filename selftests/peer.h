/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One blocking operation in a thread of its own, try forms, and tasks watched
 * from outside: what the tests of waiting, dying and passing descriptors need
 * beyond hsk_test.h.
 */
#ifndef HSK_TEST_PEER_H
#define HSK_TEST_PEER_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "hsk_test.h"

/* Longer than any wait that an event ends, shorter than a test's timeout. */
#define P_PATIENCE_S	(15 * (int)t_slow())

static inline int p_errno(long ret)
{
	return ret < 0 ? -errno : (int)ret;
}

static inline int p_try_send(int fd, const void *data, size_t len)
{
	return t_send_flags(fd, data, len, HSK_OP_F_DONTWAIT);
}

static inline int p_try_send_fd(int fd, int passed)
{
	return t_send_full(fd, NULL, 0, &passed, 1, HSK_OP_F_DONTWAIT, 0);
}

/* The number of bytes, -EPIPE for the CLOSED mark, or -errno. */
static inline int p_recv_flags(int fd, void *data, size_t room,
			       unsigned int flags)
{
	struct hsk_msghdr msg;
	int ret = t_recv_flags(fd, data, room, flags, &msg);

	if (ret)
		return ret;
	return msg.flags & HSK_MSG_F_CLOSED ? -EPIPE : (int)msg.len;
}

static inline int p_recv(int fd, void *data, size_t room)
{
	return p_recv_flags(fd, data, room, 0);
}

static inline int p_try_recv(int fd, void *data, size_t room)
{
	return p_recv_flags(fd, data, room, HSK_OP_F_DONTWAIT);
}

/* The one descriptor of a message, if there is one now; else as t_recv_fd(). */
static inline int p_try_recv_fd(int fd)
{
	struct hsk_msghdr msg;
	int got = -1;
	int ret = t_recv_full(fd, NULL, 0, &got, 1, HSK_OP_F_DONTWAIT, 0, &msg);

	if (ret)
		return ret;
	if (msg.flags & HSK_MSG_F_CLOSED)
		return -EPIPE;
	return msg.nr_fds == 1 ? got : -ENOMSG;
}

/* The reason that a receive finds on a closed channel; INT32_MIN: none. */
static inline int p_reason(int fd)
{
	struct hsk_msghdr msg;

	if (t_recv(fd, NULL, 0, &msg) || !(msg.flags & HSK_MSG_F_CLOSED))
		return INT32_MIN;
	return msg.reason;
}

/* INFO as a value, all zero when it failed. */
static inline struct hsk_info_args p_info(int fd)
{
	struct hsk_info_args info;

	if (t_info(fd, &info))
		memset(&info, 0, sizeof(info));
	return info;
}

/* Waits until so many endpoints are left; 0 or -ETIMEDOUT. */
static inline int p_wait_endpoints(int fd, unsigned int readers,
				   unsigned int writers)
{
	uint64_t end = t_in_ms(P_PATIENCE_S * 1000);
	struct hsk_info_args info;

	do {
		info = p_info(fd);
		if (info.read_endpoints == readers &&
		    info.write_endpoints == writers)
			return 0;
		t_sleep_ms(1);
	} while (t_now() < end);
	return -ETIMEDOUT;
}

/*
 * Waits until the task sleeps in the given system call: /proc shows the number
 * only of a task that is off the processor. 0 or -ETIMEDOUT.
 */
static inline int p_wait_in_syscall(pid_t tid, long nr)
{
	uint64_t end = t_in_ms(P_PATIENCE_S * 1000);
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	do {
		if (!t_read_line(path, text, sizeof(text)) &&
		    text[0] != 'r' && strtol(text, NULL, 10) == nr)
			return 0;
		t_sleep_ms(1);
	} while (t_now() < end);
	return -ETIMEDOUT;
}

/* A page that nobody brings unasked; NULL: this kernel has none for us. */
static inline char *p_stuck_page(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api))
		return NULL;
	reg.range.start = (uintptr_t)page;
	reg.range.len = 4096;
	*uffd = fd;
	return ioctl(fd, UFFDIO_REGISTER, &reg) ? NULL : page;
}

/* What poll(2) says now about one descriptor, of everything it can say. */
static inline int p_poll_now(int fd)
{
	struct pollfd pfd = {
		.fd = fd,
		.events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI,
	};
	int ret = poll(&pfd, 1, 0);

	return ret < 0 ? -errno : ret ? pfd.revents : 0;
}

/* True when the other end of a pipe has gone: all of its descriptors. */
static inline bool p_pipe_alone(int end)
{
	return p_poll_now(end) & (POLLHUP | POLLERR);
}

/* Bounded wait for the same. 0 or -ETIMEDOUT. */
static inline int p_wait_pipe_alone(int end)
{
	struct pollfd pfd = { .fd = end };

	return poll(&pfd, 1, P_PATIENCE_S * 1000) == 1 ? 0 : -ETIMEDOUT;
}

/* One blocking operation in a thread: a send if is_send, else a receive. */
struct p_op {
	pthread_t thread;
	int fd;
	bool is_send;
	int done;		/* atomic */
	pid_t tid;		/* atomic; 0 until the thread runs */
	int ret;
	char byte;		/* what is sent, or was received */
	int passed;		/* likewise the descriptor, or -1 */
	uint64_t deadline;
	struct hsk_msghdr msg;
};

static inline void *p_op_main(void *arg)
{
	struct p_op *op = arg;
	bool with_fd = op->passed >= 0;

	__atomic_store_n(&op->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (op->is_send)
		op->ret = t_send_full(op->fd, &op->byte, 1, &op->passed,
				      with_fd, 0, op->deadline);
	else
		op->ret = t_recv_full(op->fd, &op->byte, 1, &op->passed, 1, 0,
				      op->deadline, &op->msg);
	__atomic_store_n(&op->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static inline int p_op_start(struct p_op *op, int fd, bool is_send, char byte,
			     int passed, uint64_t deadline)
{
	memset(op, 0, sizeof(*op));
	op->fd = fd;
	op->is_send = is_send;
	op->byte = byte;
	op->passed = passed;
	op->deadline = deadline;
	op->ret = -ENODATA;
	return -pthread_create(&op->thread, NULL, p_op_main, op);
}

/* Sends one byte. */
static inline int p_send_start(struct p_op *op, int fd, char byte)
{
	return p_op_start(op, fd, true, byte, -1, 0);
}

/* Sends one byte and a descriptor. */
static inline int p_send_fd_start(struct p_op *op, int fd, int passed)
{
	return p_op_start(op, fd, true, 'f', passed, 0);
}

/* Receives at most one byte and one descriptor. */
static inline int p_recv_start(struct p_op *op, int fd)
{
	return p_op_start(op, fd, false, 0, -1, 0);
}

/* What the operation returned, or -ETIMEDOUT - 1000 when it never did. */
static inline int p_op_join(struct p_op *op)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += P_PATIENCE_S;
	if (pthread_timedjoin_np(op->thread, NULL, &ts))
		return -ETIMEDOUT - 1000;
	return op->ret;
}

static inline bool p_op_still_blocked(struct p_op *op)
{
	t_sleep_ms(T_STILL_MS);
	return !__atomic_load_n(&op->done, __ATOMIC_ACQUIRE);
}

static inline pid_t p_op_tid(struct p_op *op)
{
	pid_t tid;

	while (!(tid = __atomic_load_n(&op->tid, __ATOMIC_ACQUIRE)))
		t_sleep_ms(1);
	return tid;
}

/*
 * In a child process: say what failed and end it. fork(2) in the test itself
 * keeps parent and child code side by side where that reads better than a
 * function.
 */
#define P_NEED(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "# %s:%d: peer: %s (errno %d)\n",	\
			__FILE__, __LINE__, #cond, errno);		\
		_exit(1);						\
	}								\
} while (0)

/* fork(2) of a child that dies with its parent. */
static inline pid_t p_fork(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

#define P_ALL_EVENTS	(POLLIN | POLLOUT | POLLRDHUP | POLLPRI)

static inline int p_epoll_of(int fd, unsigned int events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	return ep;
}

/* The events of the one descriptor in the set, 0 when none comes in time. */
static inline int p_epoll_take(int ep, int timeout_ms)
{
	struct epoll_event ev;
	int ret = epoll_wait(ep, &ev, 1, timeout_ms);

	return ret < 0 ? -errno : ret ? (int)ev.events : 0;
}

/* Writes a text to a file in one go; 0 or -errno. */
static inline int p_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = p_errno(write(fd, text, strlen(text)));
	close(fd);
	return ret < 0 ? ret : 0;
}

/*
 * SKIP() in FIXTURE_SETUP: a plain return from there runs the test all the same
 * in the harness of Linux 6.1.
 */
#define P_SKIP_SETUP(...) SKIP(longjmp(_metadata->env, 1), __VA_ARGS__)

#endif /* HSK_TEST_PEER_H */
