/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Selects, as functions: cases with the messages that belong to them, the call, and
 * a select that another party performs.
 *
 * The call itself looks after what must not change: the program's array, the
 * message, the bytes and the descriptors of every case that was not chosen. Where one
 * of them was written, it fails with -EUCLEAN and says where.
 */
#ifndef HSK_SELECT_H
#define HSK_SELECT_H

#include "hsk_test.h"

#define T_CASE_BYTES	24
#define T_CASE_FDS	2
#define T_NO_RESULT	INT32_MIN	/* of a case that was not chosen */

struct t_case {
	int fd;
	unsigned int op;	/* HSK_CASE_* */
	void *buf;		/* of the message; NULL: the bytes below */
	unsigned int len;	/* to send, or room */
	unsigned int nr_fds;	/* likewise */
	int fds[T_CASE_FDS];
	int result;		/* of the chosen case, else T_NO_RESULT */
	struct hsk_msghdr msg;	/* of a receive, as the call left it */
	union {
		__u64 value;	/* a message of one number */
		unsigned char bytes[T_CASE_BYTES];
	};
};

/* Cases as a literal, with their number: t_select(T_CASES(a, b), flags). */
#define T_CASES(...)	(struct t_case[]){ __VA_ARGS__ }, T_NR_CASES(__VA_ARGS__)
#define T_NR_CASES(...)	(sizeof((struct t_case[]){ __VA_ARGS__ }) / sizeof(struct t_case))

/* One number. */
struct t_case t_case_put(int fd, __u64 value);
struct t_case t_case_get(int fd);
/* One descriptor and no bytes. */
struct t_case t_case_put_fd(int fd, int passed);
struct t_case t_case_get_fd(int fd);
/* Disabled, with nothing right but that. */
struct t_case t_case_none(void);

/* The index of the case that happened, or -errno. */
int t_select_full(int fd, struct t_case *cases, unsigned int nr, unsigned int flags,
		  __u64 deadline);
/* The same, asked of the first endpoint among the cases. */
int t_select(struct t_case *cases, unsigned int nr, unsigned int flags);
int t_select_deadline(struct t_case *cases, unsigned int nr, unsigned int flags,
		      __u64 deadline);
/* With HSK_OP_F_DONTWAIT. */
int t_try_select(struct t_case *cases, unsigned int nr);

/* Of a case that was chosen: it received this number; CLOSED; it sent. */
bool t_case_got(const struct t_case *chosen, __u64 value);
bool t_case_got_closed(const struct t_case *chosen, int reason);
bool t_case_sent(const struct t_case *chosen);

/* --- select as a form of a plain operation --- */

/*
 * How a send or a receive is done: by itself; or by a select of this one case, of two
 * of which the other is never ready, of the same case twice, or with DONTWAIT again and
 * again. t_never() must have been called before there are threads.
 */
enum t_how { T_PLAIN, T_ONE_CASE, T_TWO_CASES, T_SAME_TWICE, T_TRY_SELECT, T_NR_HOWS };

int t_never(void);	/* a channel to which nobody ever sends */
int t_put_how(enum t_how how, int fd, __u64 value);	/* as t_put() */
int t_get_how(enum t_how how, int fd, __u64 *value);	/* as t_get() */

/* --- a select that another party performs --- */

struct t_select_job {
	struct t_party party;
	unsigned int nr, flags;
	__u64 deadline;
	int ret;
	struct t_case cases[HSK_SELECT_CASES_MAX];
};

struct t_select_job *t_select_job(enum t_mode mode, const struct t_case *cases,
				  unsigned int nr);
struct t_select_job *t_select_job_deadline(enum t_mode mode, const struct t_case *cases,
					   unsigned int nr, __u64 deadline);
/* And wait until all its cases are queued as the only ones at their channels' ends. */
struct t_select_job *t_select_job_blocked(enum t_mode mode, const struct t_case *cases,
					  unsigned int nr);
bool t_select_job_is_blocked(struct t_select_job *job);	/* still */
/* What the select returned, or -ECHILD when the party ended otherwise. */
int t_select_job_end(struct t_select_job *job);

#endif /* HSK_SELECT_H */
