// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hsk_test.h"

#define T_BOUND_MS	10000	/* the longest that a bounded wait takes */
#define T_SKIP		4	/* kselftest's exit status for a skip */

void t_require_device(void)
{
	int fd = t_open();

	if (fd >= 0) {
		close(fd);
		return;
	}
	if (fd != -ENOENT && fd != -ENODEV && fd != -EACCES && fd != -EPERM) {
		printf("TAP version 13\nBail out! %s: %s\n", HSK_DEVICE, strerror(-fd));
		fflush(stdout);
		_exit(1);
	}
	printf("TAP version 13\n1..0 # SKIP %s: %s (load the hsk module, as root)\n",
	       HSK_DEVICE, strerror(-fd));
	fflush(stdout);
	_exit(T_SKIP);
}

int t_ioctl(int fd, unsigned int nr, void *arg)
{
	int ret = ioctl(fd, nr, arg);

	return ret < 0 ? -errno : ret;
}

int t_open(void)
{
	int fd = open(HSK_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int t_chan_new(int fd, unsigned int capacity)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args),
		.capacity = capacity,
	};

	return t_ioctl(fd, HSK_IOC_CHAN_NEW, &args);
}

int t_new(unsigned int capacity)
{
	int first = t_open();
	int fd;

	if (first < 0 || !capacity)
		return first;
	fd = t_chan_new(first, capacity);
	close(first);
	return fd;
}

int t_dup(int fd, unsigned int rights)
{
	struct hsk_dup_args args = { .size = sizeof(args), .rights = rights };

	return t_ioctl(fd, HSK_IOC_DUP, &args);
}

int t_close(int fd, int reason)
{
	struct hsk_close_args args = { .size = sizeof(args), .reason = reason };

	return t_ioctl(fd, HSK_IOC_CLOSE, &args);
}

int t_info(int fd, struct hsk_info_args *info)
{
	t_fill(info, sizeof(*info));
	info->size = sizeof(*info);
	info->__reserved0 = 0;
	return t_ioctl(fd, HSK_IOC_INFO, info);
}

int t_abi(int fd, struct hsk_abi_args *abi)
{
	t_fill(abi, sizeof(*abi));
	abi->size = sizeof(*abi);
	return t_ioctl(fd, HSK_IOC_ABI, abi);
}

int t_send_full(int fd, const void *buf, size_t len, const int *fds,
		unsigned int nr_fds, unsigned int flags, __u64 deadline)
{
	struct hsk_send_args args = {
		.size = sizeof(args),
		.flags = flags,
		.deadline = deadline,
		.msg.data = (uintptr_t)buf,
		.msg.fds = (uintptr_t)fds,
		.msg.len = len,
		.msg.nr_fds = nr_fds,
	};

	return t_ioctl(fd, HSK_IOC_SEND, &args);
}

int t_send(int fd, const void *buf, size_t len)
{
	return t_send_full(fd, buf, len, NULL, 0, 0, 0);
}

int t_send_flags(int fd, const void *buf, size_t len, unsigned int flags)
{
	return t_send_full(fd, buf, len, NULL, 0, flags, 0);
}

int t_send_deadline(int fd, const void *buf, size_t len, __u64 deadline)
{
	return t_send_full(fd, buf, len, NULL, 0, 0, deadline);
}

int t_send_fd(int fd, int passed)
{
	return t_send_full(fd, NULL, 0, &passed, 1, 0, 0);
}

int t_recv_full(int fd, void *buf, size_t room, int *fds, unsigned int nr_fds,
		unsigned int flags, __u64 deadline, struct hsk_msghdr *msg)
{
	struct hsk_recv_args args;
	int ret;

	t_fill(&args, sizeof(args));
	args.size = sizeof(args);
	args.flags = flags;
	args.deadline = deadline;
	args.msg.data = (uintptr_t)buf;
	args.msg.fds = (uintptr_t)fds;
	args.msg.len = room;
	args.msg.nr_fds = nr_fds;
	args.msg.__reserved0 = 0;
	args.msg.__reserved1 = 0;
	args.ctx = 0;
	args.ctx_reason = 0;
	ret = t_ioctl(fd, HSK_IOC_RECV, &args);
	if (msg)
		*msg = args.msg;
	return ret;
}

int t_recv(int fd, void *buf, size_t room, struct hsk_msghdr *msg)
{
	return t_recv_full(fd, buf, room, NULL, 0, 0, 0, msg);
}

int t_recv_flags(int fd, void *buf, size_t room, unsigned int flags,
		 struct hsk_msghdr *msg)
{
	return t_recv_full(fd, buf, room, NULL, 0, flags, 0, msg);
}

int t_recv_deadline(int fd, void *buf, size_t room, __u64 deadline,
		    struct hsk_msghdr *msg)
{
	return t_recv_full(fd, buf, room, NULL, 0, 0, deadline, msg);
}

int t_recv_fd(int fd)
{
	struct hsk_msghdr msg;
	int passed = -1;
	int ret = t_recv_full(fd, NULL, 0, &passed, 1, 0, 0, &msg);

	if (ret)
		return ret;
	if (msg.flags & HSK_MSG_F_CLOSED)
		return -EPIPE;
	return msg.nr_fds == 1 ? passed : -EBADMSG;
}

int t_put(int fd, __u64 value)
{
	return t_send(fd, &value, sizeof(value));
}

int t_try_put(int fd, __u64 value)
{
	return t_send_flags(fd, &value, sizeof(value), HSK_OP_F_DONTWAIT);
}

static int get(int fd, __u64 *value, unsigned int flags)
{
	struct hsk_msghdr msg;
	__u64 v;
	int ret = t_recv_flags(fd, &v, sizeof(v), flags, &msg);

	if (ret)
		return ret;
	if (msg.flags & HSK_MSG_F_CLOSED)
		return 0;
	if (msg.len != sizeof(v) || msg.flags || msg.nr_fds)
		return -EBADMSG;
	*value = v;
	return 1;
}

int t_get(int fd, __u64 *value)
{
	return get(fd, value, 0);
}

int t_try_get(int fd, __u64 *value)
{
	return get(fd, value, HSK_OP_F_DONTWAIT);
}

static int write_value(int fd, __u64 value)
{
	ssize_t ret = write(fd, &value, sizeof(value));

	if (ret < 0)
		return -errno;
	return ret == sizeof(value) ? 0 : -EIO;
}

static int read_value(int fd, __u64 *value)
{
	__u64 v;
	ssize_t ret = read(fd, &v, sizeof(v));

	if (ret <= 0)
		return ret ? -errno : 0;
	if (ret != sizeof(v))
		return -EIO;
	*value = v;
	return 1;
}

int t_put_by(enum t_form form, int fd, __u64 value)
{
	int ret;

	if (form == T_BLOCK)
		return t_put(fd, value);
	if (form == T_RW)
		return write_value(fd, value);
	while ((ret = t_try_put(fd, value)) == -EAGAIN)
		sched_yield();
	return ret;
}

int t_get_by(enum t_form form, int fd, __u64 *value)
{
	int ret;

	if (form == T_BLOCK)
		return t_get(fd, value);
	if (form == T_RW)
		return read_value(fd, value);
	while ((ret = t_try_get(fd, value)) == -EAGAIN)
		sched_yield();
	return ret;
}

bool t_conserved(int fd)
{
	struct hsk_info_args info;

	if (t_info(fd, &info))
		return false;
	return info.sent == info.received + info.buffered + info.drained;
}

bool t_counters(int fd, __u64 sent, __u64 received, __u64 buffered,
		__u64 drained)
{
	struct hsk_info_args info;
	int ret = t_info(fd, &info);

	if (ret) {
		fprintf(stderr, "# INFO: %s\n", strerror(-ret));
		return false;
	}
	if (info.sent == sent && info.received == received &&
	    info.buffered == buffered && info.drained == drained)
		return true;
	fprintf(stderr,
		"# sent %llu, received %llu, buffered %llu, drained %llu\n",
		(unsigned long long)info.sent,
		(unsigned long long)info.received,
		(unsigned long long)info.buffered,
		(unsigned long long)info.drained);
	return false;
}

static bool has_senders(const struct hsk_info_args *info, unsigned int nr)
{
	return info->waiting_senders == nr;
}

static bool has_receivers(const struct hsk_info_args *info, unsigned int nr)
{
	return info->waiting_receivers == nr;
}

static bool is_closed(const struct hsk_info_args *info, unsigned int nr)
{
	(void)nr;
	return info->state & HSK_STATE_CLOSED;
}

static int wait_for(int fd, unsigned int nr,
		    bool (*reached)(const struct hsk_info_args *, unsigned int))
{
	__u64 end = t_in_ms(T_BOUND_MS * t_slow());
	struct hsk_info_args info;
	int ret;

	do {
		ret = t_info(fd, &info);
		if (ret || reached(&info, nr))
			return ret;
		t_sleep_ms(1);
	} while (t_now() < end);
	fprintf(stderr, "# %u senders, %u receivers wait, state %u\n",
		info.waiting_senders, info.waiting_receivers, info.state);
	return -ETIMEDOUT;
}

int t_wait_senders(int fd, unsigned int nr)
{
	return wait_for(fd, nr, has_senders);
}

int t_wait_receivers(int fd, unsigned int nr)
{
	return wait_for(fd, nr, has_receivers);
}

int t_wait_closed(int fd)
{
	return wait_for(fd, 0, is_closed);
}

__u64 t_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * T_SEC + now.tv_nsec;
}

__u64 t_in_ms(unsigned int ms)
{
	return t_now() + ms * T_MSEC;
}

__u64 t_in_a_while(void)
{
	return t_in_ms(2000 * t_slow());
}

void t_sleep_ms(unsigned int ms)
{
	struct timespec left = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * T_MSEC,
	};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

static unsigned int read_slow(void)
{
	const char *text = getenv("HSK_TEST_SLOW");
	unsigned int factor = text ? strtoul(text, NULL, 10) : 1;

	if (factor < 1 || factor > 100)
		factor = 1;
	if (text)
		printf("# HSK_TEST_SLOW=%u: time limits are %u times as long\n", factor,
		       factor);
	return factor;
}

unsigned int t_slow(void)
{
	static unsigned int factor;

	if (!factor)
		factor = read_slow();
	return factor;
}

bool t_retried(void)
{
	return getenv("HSK_TEST_RETRIED");
}

unsigned int t_fewer(unsigned int nr)
{
	if (t_slow() > 1)
		fprintf(stderr, "# HSK_TEST_SLOW: %u instead of %u\n",
			nr / t_slow(), nr);
	return nr / t_slow();
}

void *t_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

void t_fill(void *buf, size_t len)
{
	memset(buf, T_SENTINEL_BYTE, len);
}

bool t_untouched(const void *buf, size_t len)
{
	const unsigned char *p = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] != T_SENTINEL_BYTE)
			return false;
	}
	return true;
}

void *t_bad_address(void)
{
	void *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

unsigned char *t_edge(void)
{
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + 4096, 4096, PROT_NONE))
		abort();
	return p + 4096;
}

pid_t t_fork(int (*fn)(void *arg), void *arg)
{
	pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	/* A test that fails must not leave parties behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	_exit(fn(arg));
}

int t_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

int t_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return t_wait(pid);
}

bool t_still_running(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	t_sleep_ms(T_STILL_MS);
	if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT))
		return false;
	return info.si_pid == 0;
}

static void *run_thread(void *p)
{
	struct t_party *party = p;

	party->status = party->fn(party->arg);
	__atomic_store_n(&party->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

int t_start(struct t_party *party, enum t_mode mode, int (*fn)(void *arg),
	    void *arg)
{
	pthread_attr_t attr;
	int ret;

	*party = (struct t_party){ .mode = mode, .fn = fn, .arg = arg };
	if (mode == T_PROCESS) {
		party->pid = t_fork(fn, arg);
		return party->pid < 0 ? -errno : 0;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	ret = pthread_create(&party->thread, &attr, run_thread, party);
	pthread_attr_destroy(&attr);
	return -ret;
}

int t_join(struct t_party *party)
{
	int ret;

	if (party->mode == T_PROCESS)
		return t_wait(party->pid);
	ret = pthread_join(party->thread, NULL);
	return ret ? -ret : party->status;
}

bool t_party_running(struct t_party *party)
{
	if (party->mode == T_PROCESS)
		return t_still_running(party->pid);
	t_sleep_ms(T_STILL_MS);
	return !__atomic_load_n(&party->done, __ATOMIC_ACQUIRE);
}

int t_read_line(const char *path, char *buf, size_t room)
{
	FILE *file = fopen(path, "re");
	int ret = 0;

	if (!file)
		return -errno;
	if (!fgets(buf, room, file))
		ret = -EIO;
	buf[strcspn(buf, "\n")] = '\0';
	fclose(file);
	return ret;
}

static void param_path(char *path, size_t room, const char *name)
{
	snprintf(path, room, "/sys/module/hsk/parameters/%s", name);
}

long t_param(const char *name)
{
	char path[96], line[32] = "";
	int ret;

	param_path(path, sizeof(path), name);
	ret = t_read_line(path, line, sizeof(line));
	return ret ? ret : strtol(line, NULL, 10);
}

int t_set_param(const char *name, long value)
{
	char path[96], text[32];
	int fd, len, ret = 0;

	param_path(path, sizeof(path), name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof(text), "%ld", value);
	if (write(fd, text, len) != len)
		ret = -errno;
	close(fd);
	return ret;
}

int t_raise_nofile(unsigned int nr)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_cur < nr)
		limit.rlim_cur = nr;
	if (limit.rlim_max < nr)
		limit.rlim_max = nr;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

int t_free_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static int set_nofile(rlim_t nr)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	limit.rlim_cur = nr < limit.rlim_max ? nr : limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

int t_exhaust_fds(void)
{
	return set_nofile(t_free_fd());
}

int t_allow_fds(void)
{
	return set_nofile(RLIM_INFINITY);
}

int t_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr - 3;	/* ".", ".." and the directory itself */
}

int t_fdinfo(int fd, const char *key, char *value, size_t room)
{
	size_t len = strlen(key);
	char path[64], line[128];
	int ret = -ENOENT;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, len) || strncmp(line + len, ":\t", 2))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, room, "%s", line + len + 2);
		ret = 0;
		break;
	}
	fclose(file);
	return ret;
}

unsigned int t_seed(void)
{
	const char *env = getenv("HSK_SEED");
	unsigned int seed = env ? strtoul(env, NULL, 0) : t_now() / 1000;

	printf("# HSK_SEED=%u repeats this run\n", seed);
	return seed;
}
