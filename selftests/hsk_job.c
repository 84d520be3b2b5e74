// SPDX-License-Identifier: GPL-2.0-only
#include "hsk_job.h"

static int run_job(void *p)
{
	struct t_job *job = p;
	void *buf = job->buf ? job->buf : job->bytes;

	if (job->is_send)
		job->ret = t_send_deadline(job->fd, buf, job->len,
					   job->deadline);
	else
		job->ret = t_recv_deadline(job->fd, buf, job->len,
					   job->deadline, &job->msg);
	return 0;
}

static struct t_job *start(enum t_mode mode, struct t_job *job)
{
	if (t_start(&job->party, mode, run_job, job))
		abort();
	return job;
}

struct t_job *t_job_recv(enum t_mode mode, int fd, void *buf, size_t room,
			 __u64 deadline)
{
	struct t_job *job = t_shared(sizeof(*job));

	t_fill(job->bytes, sizeof(job->bytes));
	job->fd = fd;
	job->buf = buf;
	job->len = room;
	job->deadline = deadline;
	return start(mode, job);
}

struct t_job *t_job_send(enum t_mode mode, int fd, const void *buf, size_t len,
			 __u64 deadline)
{
	struct t_job *job = t_shared(sizeof(*job));

	job->is_send = true;
	job->fd = fd;
	job->buf = (void *)buf;
	job->len = len;
	job->deadline = deadline;
	return start(mode, job);
}

struct t_job *t_job_put(enum t_mode mode, int fd, __u64 value)
{
	struct t_job *job = t_shared(sizeof(*job));

	job->is_send = true;
	job->fd = fd;
	job->value = value;
	job->len = sizeof(value);
	return start(mode, job);
}

struct t_job *t_job_get(enum t_mode mode, int fd)
{
	return t_job_recv(mode, fd, NULL, T_JOB_BYTES, 0);
}

struct t_job *t_job_put_blocked(enum t_mode mode, int fd, __u64 value,
				unsigned int nr)
{
	struct t_job *job = t_job_put(mode, fd, value);

	return t_wait_senders(fd, nr) ? NULL : job;
}

struct t_job *t_job_get_blocked(enum t_mode mode, int fd, unsigned int nr)
{
	struct t_job *job = t_job_get(mode, fd);

	return t_wait_receivers(fd, nr) ? NULL : job;
}

bool t_job_blocked(struct t_job *job)
{
	return t_party_running(&job->party);
}

int t_job_end(struct t_job *job)
{
	return t_join(&job->party) ? -ECHILD : job->ret;
}

bool t_job_got(struct t_job *job, __u64 value)
{
	int ret = t_job_end(job);

	if (!ret && !job->msg.flags && job->msg.len == sizeof(value) &&
	    job->value == value)
		return true;
	fprintf(stderr, "# job: %d, flags %u, %u bytes, %llu\n", ret,
		job->msg.flags, job->msg.len, (unsigned long long)job->value);
	return false;
}

bool t_job_got_closed(struct t_job *job, int reason)
{
	int ret = t_job_end(job);

	if (!ret && job->msg.flags == HSK_MSG_F_CLOSED && !job->msg.len &&
	    !job->msg.nr_fds && job->msg.reason == reason &&
	    t_untouched(job->bytes, sizeof(job->bytes)))
		return true;
	fprintf(stderr, "# job: %d, flags %u, %u bytes, reason %d\n", ret,
		job->msg.flags, job->msg.len, job->msg.reason);
	return false;
}

void t_crew_add(struct t_crew *crew, int (*fn)(void *arg), void *arg)
{
	if (crew->nr == T_MAX_PARTIES ||
	    t_start(&crew->parties[crew->nr++], crew->mode, fn, arg))
		abort();
}

bool t_crew_join(struct t_crew *crew)
{
	bool fine = true;

	while (crew->nr)
		fine &= !t_join(&crew->parties[--crew->nr]);
	return fine;
}
