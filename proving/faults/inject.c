// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arm.h"
#include "inject.h"

#define ARGS_MAX	128
#define FAULTS_MAX	2000	/* no operation has as many: something is wrong */

/* What is looked at before and after a try. */
struct scene {
	struct hsk_info_args info;
	int free_fd;
	uint32_t sequence;
	unsigned char args[ARGS_MAX];
};

#define HARNESS_SKIP	255	/* how a test's process says that it was skipped */

#define LONG_TEST	10	/* seconds that are worth a note */

static struct faults_state *state;
static bool leave_out;
static __thread bool inside;
static __thread int32_t *slot;

static const char *const op_names[OP_NR] = {
	[OP_OPEN] = "open",		[OP_ABI] = "ABI",
	[OP_INFO] = "INFO",		[OP_CHAN_NEW] = "CHAN_NEW",
	[OP_DUP] = "DUP",		[OP_SEND] = "SEND",
	[OP_RECV] = "RECV",		[OP_CLOSE] = "CLOSE",
	[OP_READ] = "read",		[OP_WRITE] = "write",
	[OP_POLL] = "poll",		[OP_EPOLL_CTL] = "epoll_ctl",
	[OP_EPOLL_WAIT] = "epoll_wait",	[OP_SELECT] = "SELECT",
	[OP_SELECTOR] = "SELECTOR",	[OP_ARM] = "ARM",
	[OP_FINISH] = "FINISH",		[OP_DISARM] = "DISARM",
	[OP_RELEASE] = "close",
	[OP_UNKNOWN] = "unknown ioctl",
};

#define COUNT(member)	__atomic_fetch_add(&(member), 1, __ATOMIC_SEQ_CST)

static __attribute__((format(printf, 1, 2))) void note(const char *format, ...)
{
	int fd = syscall(SYS_openat, AT_FDCWD, FAULTS_LOG,
			 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	va_list ap;

	va_start(ap, format);
	vdprintf(fd, format, ap);
	va_end(ap);
	syscall(SYS_close, fd);
}

static __attribute__((format(printf, 3, 4)))
void complain(const struct faults_call *call, unsigned int n, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	COUNT(state->wrong);
	note("%s: %s with fault %u: %s\n", state->test, op_names[call->op], n, text);
}

/* --- who else is at work --- */

static void slot_take(void)
{
	int32_t tid = syscall(SYS_gettid), free = 0;
	unsigned int i;

	for (i = 0; i < FAULTS_SLOTS && !slot; i++, free = 0) {
		int32_t *s = &state->slots[(tid + i) % FAULTS_SLOTS];

		if (__atomic_compare_exchange_n(s, &free, tid, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			slot = s;
	}
	COUNT(state->sequence);
}

static void slot_give(void)
{
	COUNT(state->sequence);
	if (slot)
		__atomic_store_n(slot, 0, __ATOMIC_SEQ_CST);
	slot = NULL;
}

/* A thread that was killed can't have given its slot back. */
static bool slot_is_alive(int32_t *s)
{
	int32_t tid = __atomic_load_n(s, __ATOMIC_SEQ_CST);

	if (!tid || s == slot)
		return false;
	if (!syscall(SYS_kill, tid, 0) || errno != ESRCH)
		return true;
	__atomic_compare_exchange_n(s, &tid, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return false;
}

static bool quiet_since(uint32_t sequence)
{
	unsigned int i;

	if (!slot)
		return false;
	for (i = 0; i < FAULTS_SLOTS; i++)
		if (slot_is_alive(&state->slots[i]))
			return false;
	return faults_sequence() == sequence;
}

/* --- the judgement --- */

uint32_t faults_sequence(void)
{
	return __atomic_load_n(&state->sequence, __ATOMIC_SEQ_CST);
}

bool faults_snapshot(int fd, struct hsk_info_args *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return !syscall(SYS_ioctl, fd, HSK_IOC_INFO, info);
}

/* A number that was reserved and never given back is missed by this one too. */
static int lowest_free_fd(void)
{
	int fd;

	if (!__libc_single_threaded)
		return -1;
	fd = syscall(SYS_fcntl, arm_descriptor(), F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		syscall(SYS_close, fd);
	return fd;
}

static void look(const struct faults_call *call, struct scene *scene)
{
	scene->sequence = faults_sequence();
	if (call->has_info && !faults_snapshot(call->endpoint, &scene->info))
		memset(&scene->info, 0, sizeof(scene->info));
	scene->free_fd = call->takes_fd ? lowest_free_fd() : -1;
	if (call->args)
		memcpy(scene->args, call->args, call->args_len);
}

/* The state of the channel was asked for when it was seen to be one. */
static void look_first(const struct faults_call *call, struct scene *scene)
{
	struct faults_call rest = *call;

	rest.has_info = false;
	look(&rest, scene);
	scene->info = call->info;
	scene->sequence = call->sequence + 1;	/* our own begin */
}

/* By its deadline, or with the context whose holder has ended: neither is an operation. */
static bool closed_by_itself(const struct hsk_info_args *old, const struct hsk_info_args *now)
{
	return !(old->state & HSK_STATE_CLOSED) && now->state & HSK_STATE_CLOSED &&
	       (now->reason == -ETIMEDOUT || now->reason == -EOWNERDEAD || now->reason == -EPIPE);
}

/* The last step of the end of who held the last endpoint that receives. */
static bool drained(const struct hsk_info_args *old, const struct hsk_info_args *now)
{
	return !now->read_endpoints && now->drained > old->drained &&
	       now->drained - old->drained == old->buffered - now->buffered;
}

/* A sender that is killed while a receiver has its message has sent it. */
static bool sender_killed(const struct hsk_info_args *old, const struct hsk_info_args *now)
{
	return now->sent == old->sent + 1 && now->buffered == old->buffered + 1 &&
	       now->waiting_senders < old->waiting_senders;
}

/*
 * What an operation that has failed may have left behind. Other processes may end
 * meanwhile, which is no operation: endpoints go, the channel closes, what nobody can
 * receive is drained, one after the other; nobody waits any more. Nothing else may
 * change.
 */
static const char *effect(const struct hsk_info_args *old, const struct hsk_info_args *now)
{
	bool gone = now->read_endpoints < old->read_endpoints ||
		    now->write_endpoints < old->write_endpoints || closed_by_itself(old, now) ||
		    drained(old, now) || sender_killed(old, now);

	if (now->sent != old->sent && !sender_killed(old, now))
		return "sent";
	if (now->received != old->received)
		return "received";
	if (now->read_endpoints > old->read_endpoints ||
	    now->write_endpoints > old->write_endpoints)
		return "endpoints";
	if (now->waiting_senders > old->waiting_senders ||
	    now->waiting_receivers > old->waiting_receivers)
		return "waiting";
	if (gone)
		return NULL;
	if (now->state != old->state || now->reason != old->reason)
		return "state";
	if (now->buffered != old->buffered || now->drained != old->drained)
		return "buffered";
	return NULL;
}

static void judge_failure(const struct faults_call *call, unsigned int n, const struct scene *old,
			  struct scene *now)
{
	const char *what = NULL;

	look(call, now);
	if (call->args && memcmp(old->args, now->args, call->args_len))
		complain(call, n, "its argument was written");
	if (!quiet_since(old->sequence))
		return;
	COUNT(state->judged);
	if (old->free_fd >= 0 && now->free_fd != old->free_fd)
		complain(call, n, "a descriptor is lost: %d was free, now %d", old->free_fd,
			 now->free_fd);
	if (old->info.size && now->info.size)
		what = effect(&old->info, &now->info);
	if (what)
		complain(call, n, "it failed and %s has changed", what);
}

/* --- the row of faults --- */

static long perform(const struct faults_call *call)
{
	const long *a = call->arg;

	return syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/*
 * An errno that no fault causes: then the fault was met on the way and did no harm,
 * and without it the result is the same. Another look is possible since an error
 * means that nothing has happened; not for these, which a partner or the clock decides
 * and which may have told their reason.
 */
static long verify_errno(const struct faults_call *call, unsigned int n, const struct scene *old)
{
	int err = errno, err_without;
	long ret;

	if (err == EINTR || err == ETIMEDOUT || err == ECANCELED)
		return -1;
	ret = perform(call);
	err_without = errno;
	if ((ret >= 0 || err_without != err) && quiet_since(old->sequence))
		complain(call, n, "errno %d, which the fault does not explain", err);
	errno = err_without;
	return ret;
}

/*
 * A case that has happened and failed has changed as little as the operation alone
 * would have: the select can be tried again when its result has been taken back.
 */
static int errno_of(const struct faults_call *call, long ret)
{
	if (ret < 0)
		return errno;
	/* The kernel has read it, so it is there. */
	return call->result ? -*call->result : 0;
}

static bool failed_by_fault(const struct faults_call *call, struct faults_class *class, long ret)
{
	int err = errno_of(call, ret);

	if (err != ENOMEM && err != EFAULT)
		return false;
	if (err == ENOMEM)
		COUNT(class->nomem);
	else
		COUNT(class->efault);
	if (ret >= 0)
		*call->result = 0;
	return true;
}

/* As if the operation had not been done, if that is possible. */
static bool undo(const struct faults_call *call, long ret)
{
	if (call->op == OP_OPEN || call->op == OP_CHAN_NEW || call->op == OP_DUP ||
	    call->op == OP_SELECTOR)
		return !syscall(SYS_close, (int)ret);
	return call->op == OP_ABI || call->op == OP_INFO;
}

static long row_of_faults(const struct faults_call *call, struct faults_class *class)
{
	unsigned int n = __atomic_exchange_n(&class->next, 1, __ATOMIC_SEQ_CST);
	struct scene old, now;
	long ret;
	bool hit;
	int err;

	if (n > 1)
		COUNT(class->beyond);
	look_first(call, &old);
	for (;; n++) {
		if (call->most && n > call->most)
			return perform(call);
		if (!arm_fault(n)) {
			COUNT(state->unarmed);
			return perform(call);
		}
		ret = perform(call);
		err = errno;
		hit = disarm_fault();
		errno = err;
		if (!hit || n > FAULTS_MAX)
			break;
		if (n > class->most)
			class->most = n;
		if (failed_by_fault(call, class, ret)) {
			judge_failure(call, n, &old, &now);
			old = now;
			continue;
		}
		COUNT(class->harmless);
		if (ret < 0)
			return verify_errno(call, n, &old);
		if (!undo(call, ret)) {
			class->next = n + 1;
			return ret;
		}
		look(call, &old);
	}
	if (n > FAULTS_MAX)
		complain(call, n, "no end of faults");
	errno = err;
	return ret;
}

long faults_perform(struct faults_call *call)
{
	struct faults_class *class = &state->classes[call->op][call->shape];
	long ret;
	int err;

	if (state->is_exempt) {
		COUNT(state->exempt);
		return perform(call);
	}
	inside = true;
	slot_take();
	if (__atomic_fetch_sub(&class->left, 1, __ATOMIC_SEQ_CST) > 0) {
		COUNT(class->operations);
		ret = row_of_faults(call, class);
	} else {
		if (call->op != OP_RELEASE)
			COUNT(state->passed);
		ret = perform(call);
	}
	err = errno;
	slot_give();
	inside = false;
	errno = err;
	return ret;
}

/* --- life --- */

/* A signal's handler may run in the middle of an operation: that has its faults then. */
bool faults_wanted(void)
{
	if (inside)
		arm_fault(0);
	return state && !inside;
}

bool faults_spent(const struct faults_call *call)
{
	return state->is_exempt || state->classes[call->op][call->shape].left <= 0;
}

static bool is_exempt(const char *name)
{
	FILE *file = fopen(FAULTS_EXEMPT, "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, " \t\n")] = '\0';
		found = !fnmatch(line, name, 0);
	}
	if (file)
		fclose(file);
	return found;
}

/* What the test before has taken. */
static void watch_time(uint32_t now)
{
	if (state->test[0] && now - state->began >= LONG_TEST)
		note("%s took %u seconds\n", state->test, now - state->began);
	state->began = now;
}

void faults_test_begins(const char *name)
{
	struct timespec now;
	int op, shape;

	if (!state)
		return;
	clock_gettime(CLOCK_BOOTTIME, &now);
	watch_time(now.tv_sec);
	for (op = 0; op < OP_NR; op++)
		for (shape = 0; shape < FAULTS_SHAPES; shape++)
			state->classes[op][shape].left = state->share;
	snprintf(state->test, sizeof(state->test), "%s", name);
	state->is_exempt = is_exempt(name);
	/* The harness forks a process for the test next, and that one does not begin. */
	leave_out = now.tv_sec > (time_t)state->until;
	if (leave_out)
		COUNT(state->cut);
	memset(state->slots, 0, sizeof(state->slots));
}

static void after_fork_in_parent(void)
{
	leave_out = false;
}

static void after_fork_in_child(void)
{
	if (leave_out)
		_exit(HARNESS_SKIP);
	slot = NULL;
	inside = false;
	if (state)
		arm_forget();
}

void faults_init(void)
{
	int fd = syscall(SYS_openat, AT_FDCWD, FAULTS_STATE, O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (p == MAP_FAILED)
		return;
	state = p;
	pthread_atfork(NULL, after_fork_in_parent, after_fork_in_child);
	arm_descriptor();
}
