/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A job is one send or receive that another party performs and that the test
 * looks at while it is blocked and after it has returned.
 */
#ifndef HSK_JOB_H
#define HSK_JOB_H

#include "hsk_test.h"

#define T_JOB_BYTES	64

struct t_job {
	struct t_party party;
	int fd;
	bool is_send;
	void *buf;		/* of the message; NULL: the bytes below */
	size_t len;		/* to send, or room */
	__u64 deadline;
	int ret;		/* of the operation */
	struct hsk_msghdr msg;	/* received */
	union {
		__u64 value;	/* a message of one number */
		unsigned char bytes[T_JOB_BYTES];
	};
};

/* Start sending one number; receiving one. Jobs live until the test ends. */
struct t_job *t_job_put(enum t_mode mode, int fd, __u64 value);
struct t_job *t_job_get(enum t_mode mode, int fd);
/* Receive into @buf, which may be bad; NULL: into the job's own bytes. */
struct t_job *t_job_recv(enum t_mode mode, int fd, void *buf, size_t room,
			 __u64 deadline);
struct t_job *t_job_send(enum t_mode mode, int fd, const void *buf, size_t len,
			 __u64 deadline);
/* As above, and wait until the operation is blocked as the @nr-th of its kind. */
struct t_job *t_job_put_blocked(enum t_mode mode, int fd, __u64 value,
				unsigned int nr);
struct t_job *t_job_get_blocked(enum t_mode mode, int fd, unsigned int nr);

bool t_job_blocked(struct t_job *job);	/* still */
/* What the operation returned, or -ECHILD when the party ended otherwise. */
int t_job_end(struct t_job *job);
/* The receive succeeded with this number. */
bool t_job_got(struct t_job *job, __u64 value);
/* The receive ended with CLOSED and this reason. */
bool t_job_got_closed(struct t_job *job, int reason);

/* A crew: parties that run together, each with its own argument. */
#define T_MAX_PARTIES	64

struct t_crew {
	enum t_mode mode;
	unsigned int nr;
	struct t_party parties[T_MAX_PARTIES];
};

void t_crew_add(struct t_crew *crew, int (*fn)(void *arg), void *arg);
bool t_crew_join(struct t_crew *crew);	/* each returned 0 */

#endif /* HSK_JOB_H */
