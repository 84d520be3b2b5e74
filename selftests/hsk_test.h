/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hsk selftests share: the ioctls as functions, parties that are
 * processes or threads, and bounded waits.
 *
 * Functions that wrap an ioctl return what it returns (0 or a descriptor) or
 * -errno, so that a test compares one value. Every out member is filled with a
 * sentinel before the call, so that a member the kernel forgets to write, or
 * writes on failure, is noticed.
 *
 * Who waits for another party to block asks the channel (INFO counts blocked
 * senders and receivers) and never sleeps for a guess. A sleep proves one thing
 * only: that somebody is *still* blocked after it.
 */
#ifndef HSK_TEST_H
#define HSK_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <linux/hsk.h>

#define T_SENTINEL_BYTE	0xa5
#define T_SENTINEL	0xa5a5a5a5U
#define T_MSEC		1000000ULL		/* nanoseconds */
#define T_SEC		(1000 * T_MSEC)
#define T_STILL_MS	30	/* how long a party must stay blocked to count as blocked */
#define T_BOTH		(HSK_RIGHT_READ | HSK_RIGHT_WRITE)

/*
 * Use in place of TEST_HARNESS_MAIN: skips the program where hsk is missing, and
 * gives each test the time that it needs where everything is slow.
 */
#define HSK_TEST_MAIN							\
	int main(int argc, char **argv)					\
	{								\
		exit(T_RUN_TESTS(argc, argv));				\
	}

/* The same, for a program whose main() does more. */
#define T_RUN_TESTS(argc, argv) ({					\
	struct __fixture_metadata *t_f;					\
	struct __test_metadata *t_t;					\
									\
	t_require_device();						\
	for (t_f = __fixture_list; t_f; t_f = t_f->next)		\
		for (t_t = t_f->tests; t_t; t_t = t_t->next)		\
			t_t->timeout *= t_slow();			\
	test_harness_run(argc, argv);					\
})

/*
 * In a party (a function that returns int, run by t_fork() or t_start()): say
 * where and end the party with failure.
 */
#define T_NEED(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "# %s:%d: party: %s (errno %d)\n",	\
			__FILE__, __LINE__, #cond, errno);		\
		return 1;						\
	}								\
} while (0)

/* Likewise, comparing two integers and showing both. */
#define T_NEED_EQ(want, got) do {					\
	long long t_want = (want), t_got = (got);			\
									\
	if (t_want != t_got) {						\
		fprintf(stderr, "# %s:%d: party: %s is %lld, not %lld\n", \
			__FILE__, __LINE__, #got, t_got, t_want);	\
		return 1;						\
	}								\
} while (0)

/*
 * Ends the program with a skip and a hint when there is no /dev/hsk or no permission
 * for it, and with failure when it can't be opened for another reason.
 */
void t_require_device(void);

/* --- ioctls: 0, a descriptor, or -errno --- */

/* Any ioctl with any argument. */
int t_ioctl(int fd, unsigned int nr, void *arg);
/* A new channel of capacity 0 by opening the device. */
int t_open(void);
/* A new channel of this capacity; leaves no other descriptor behind. */
int t_new(unsigned int capacity);
/* CHAN_NEW on @fd. */
int t_chan_new(int fd, unsigned int capacity);
int t_dup(int fd, unsigned int rights);
int t_close(int fd, int reason);
int t_info(int fd, struct hsk_info_args *info);
int t_abi(int fd, struct hsk_abi_args *abi);

int t_send(int fd, const void *buf, size_t len);
int t_send_flags(int fd, const void *buf, size_t len, unsigned int flags);
int t_send_deadline(int fd, const void *buf, size_t len, __u64 deadline);
int t_send_full(int fd, const void *buf, size_t len, const int *fds,
		unsigned int nr_fds, unsigned int flags, __u64 deadline);
/* One descriptor and no bytes. */
int t_send_fd(int fd, int passed);

/*
 * Receives return 0 also with HSK_MSG_F_CLOSED: look at msg->flags. msg may be
 * NULL. With -EMSGSIZE msg->len and msg->nr_fds hold what is needed.
 */
int t_recv(int fd, void *buf, size_t room, struct hsk_msghdr *msg);
int t_recv_flags(int fd, void *buf, size_t room, unsigned int flags,
		 struct hsk_msghdr *msg);
int t_recv_deadline(int fd, void *buf, size_t room, __u64 deadline,
		    struct hsk_msghdr *msg);
int t_recv_full(int fd, void *buf, size_t room, int *fds, unsigned int nr_fds,
		unsigned int flags, __u64 deadline, struct hsk_msghdr *msg);
/* A message of one descriptor: the descriptor, -EPIPE when closed, -errno. */
int t_recv_fd(int fd);

/* Messages of one 64-bit number. t_get: 1, 0 when closed, -errno. */
int t_put(int fd, __u64 value);
int t_try_put(int fd, __u64 value);
int t_get(int fd, __u64 *value);
int t_try_get(int fd, __u64 *value);

/*
 * The same in the forms that programs use: blocking ioctls, DONTWAIT ioctls
 * again and again, read(2) and write(2).
 */
enum t_form { T_BLOCK, T_DONTWAIT, T_RW };

int t_put_by(enum t_form form, int fd, __u64 value);
int t_get_by(enum t_form form, int fd, __u64 *value);

/* --- what the channel says --- */

/* sent == received + buffered + drained. */
bool t_conserved(int fd);
/* The same with these very counters; says on stderr what differs. */
bool t_counters(int fd, __u64 sent, __u64 received, __u64 buffered,
		__u64 drained);
/* Wait until exactly @nr are blocked. 0 or -ETIMEDOUT after 10 seconds. */
int t_wait_senders(int fd, unsigned int nr);
int t_wait_receivers(int fd, unsigned int nr);
/* Wait until the channel is closed. Likewise. */
int t_wait_closed(int fd);

/* --- time --- */

__u64 t_now(void);			/* CLOCK_MONOTONIC, nanoseconds */
__u64 t_in_ms(unsigned int ms);	/* an absolute deadline */
/* A deadline that lets another job start and block first, on a busy machine too. */
__u64 t_in_a_while(void);
void t_sleep_ms(unsigned int ms);
/*
 * HSK_TEST_SLOW in the environment, else 1: how many times longer than usual an
 * event may take before a test calls it lost.
 */
unsigned int t_slow(void);
/* HSK_TEST_RETRIED in the environment: operations that fail are tried again unseen. */
bool t_retried(void);
/* The few tests that do very much do that much less there, and say so. */
unsigned int t_fewer(unsigned int nr);

/* --- memory --- */

/* Zeroed memory that forked children share; aborts when there is none. */
void *t_shared(size_t size);
void t_fill(void *buf, size_t len);		/* with the sentinel */
bool t_untouched(const void *buf, size_t len);	/* still all sentinel */
/* An address that faults on access. */
void *t_bad_address(void);
/* The end of accessible memory: 4096 bytes before it are fine, none from it. */
unsigned char *t_edge(void);

/* --- parties --- */

/* A child that runs fn(arg), exits with its result, and dies with its parent. */
pid_t t_fork(int (*fn)(void *arg), void *arg);
/* Reap: the exit status, 256 + signal when killed, or -errno. */
int t_wait(pid_t pid);
/* SIGKILL and reap. */
int t_kill(pid_t pid);
/* Still running after T_STILL_MS. */
bool t_still_running(pid_t pid);

enum t_mode { T_PROCESS, T_THREAD };

struct t_party {
	enum t_mode mode;
	pid_t pid;
	pthread_t thread;
	int (*fn)(void *arg);
	void *arg;
	int status;
	int done;		/* thread mode, atomic */
};

/* @arg must stay valid until t_join(). 0 or -errno. */
int t_start(struct t_party *party, enum t_mode mode, int (*fn)(void *arg),
	    void *arg);
int t_join(struct t_party *party);	/* what fn returned, or as t_wait() */
bool t_party_running(struct t_party *party);	/* still, after T_STILL_MS */

/* --- system --- */

/* A module parameter: its value, or -errno. */
long t_param(const char *name);
int t_set_param(const char *name, long value);
/* Raise the limit of open files to @nr. 0 or -errno. */
int t_raise_nofile(unsigned int nr);
/* From now on no descriptor can be made in this process; and again. */
int t_exhaust_fds(void);
int t_allow_fds(void);
/* The descriptor that the next open would return. */
int t_free_fd(void);
/* How many descriptors this process has open. */
int t_count_fds(void);
/* A file of one line: 0 or -errno. */
int t_read_line(const char *path, char *buf, size_t room);
/* The value of one line of fdinfo, without the tab and the newline. */
int t_fdinfo(int fd, const char *key, char *value, size_t room);
/* Seed for random tests, from HSK_SEED or the clock; printed. */
unsigned int t_seed(void);

#endif /* HSK_TEST_H */
