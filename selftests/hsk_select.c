// SPDX-License-Identifier: GPL-2.0-only
#include <sched.h>

#include "hsk_select.h"

/* --- cases --- */

static struct t_case new_case(int fd, unsigned int op)
{
	struct t_case new;

	t_fill(&new, sizeof(new));
	new.fd = fd;
	new.op = op;
	new.buf = NULL;
	new.len = 0;
	new.nr_fds = 0;
	new.result = T_NO_RESULT;
	if (op == HSK_CASE_SEND)
		memset(&new.msg, 0, sizeof(new.msg));
	new.msg.__reserved0 = 0;
	new.msg.__reserved1 = 0;
	return new;
}

struct t_case t_case_put(int fd, __u64 value)
{
	struct t_case put = new_case(fd, HSK_CASE_SEND);

	put.value = value;
	put.len = sizeof(value);
	return put;
}

struct t_case t_case_get(int fd)
{
	struct t_case get = new_case(fd, HSK_CASE_RECV);

	get.len = sizeof(get.value);
	return get;
}

struct t_case t_case_put_fd(int fd, int passed)
{
	struct t_case put = new_case(fd, HSK_CASE_SEND);

	put.fds[0] = passed;
	put.nr_fds = 1;
	return put;
}

struct t_case t_case_get_fd(int fd)
{
	struct t_case get = new_case(fd, HSK_CASE_RECV);

	get.nr_fds = 1;
	return get;
}

struct t_case t_case_none(void)
{
	return new_case(-1, T_SENTINEL);
}

/* --- the call --- */

static void describe(struct t_case *one, struct hsk_select_case *raw)
{
	one->msg.data = (uintptr_t)(one->buf ? one->buf : one->bytes);
	one->msg.fds = (uintptr_t)one->fds;
	one->msg.len = one->len;
	one->msg.nr_fds = one->nr_fds;
	raw->fd = one->fd;
	raw->op = one->op;
	/* Of a disabled case nothing is looked at. */
	raw->msg = one->fd == -1 ? T_SENTINEL : (uintptr_t)&one->msg;
}

/*
 * All but what the chosen case says of itself. Where a select that has failed is tried
 * again, the bytes that it had copied by then may be in another case.
 */
static bool left_alone(const struct t_case *before, const struct t_case *after, unsigned int nr,
		       int chosen)
{
	unsigned int i;

	for (i = 0; i < nr && !t_retried(); i++) {
		if ((int)i == chosen && after[i].op == HSK_CASE_RECV)
			continue;
		if (memcmp(&before[i], &after[i], sizeof(*after))) {
			fprintf(stderr, "# SELECT wrote to case %u, %d was chosen\n", i, chosen);
			return false;
		}
	}
	return true;
}

int t_select_full(int fd, struct t_case *cases, unsigned int nr, unsigned int flags,
		  __u64 deadline)
{
	struct hsk_select_case raw[HSK_SELECT_CASES_MAX], raw_before[HSK_SELECT_CASES_MAX];
	struct t_case before[HSK_SELECT_CASES_MAX];
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = flags,
		.deadline = deadline,
		.cases = (uintptr_t)raw,
		.nr_cases = nr,
	};
	struct hsk_select_args args_before = args;
	unsigned int i;
	int ret;

	if (nr > HSK_SELECT_CASES_MAX)
		abort();
	for (i = 0; i < nr; i++)
		describe(&cases[i], &raw[i]);
	memcpy(before, cases, nr * sizeof(*cases));
	memcpy(raw_before, raw, nr * sizeof(*raw));
	ret = t_ioctl(fd, HSK_IOC_SELECT, &args);
	if (!left_alone(before, cases, nr, ret))
		return -EUCLEAN;
	if (ret >= 0) {
		if (ret >= (int)nr)
			return -EUCLEAN;
		cases[ret].result = args.result;
		args.result = 0;
	}
	if (memcmp(&args, &args_before, sizeof(args)) ||
	    memcmp(raw, raw_before, nr * sizeof(*raw))) {
		fprintf(stderr, "# SELECT wrote to its arguments\n");
		return -EUCLEAN;
	}
	return ret;
}

int t_select_deadline(struct t_case *cases, unsigned int nr, unsigned int flags,
		      __u64 deadline)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (cases[i].fd != -1)
			return t_select_full(cases[i].fd, cases, nr, flags, deadline);
	return t_select_full(t_never(), cases, nr, flags, deadline);
}

int t_select(struct t_case *cases, unsigned int nr, unsigned int flags)
{
	return t_select_deadline(cases, nr, flags, 0);
}

int t_try_select(struct t_case *cases, unsigned int nr)
{
	return t_select(cases, nr, HSK_OP_F_DONTWAIT);
}

/* --- what came of it --- */

bool t_case_got(const struct t_case *chosen, __u64 value)
{
	if (!chosen->result && !chosen->msg.flags && chosen->msg.len == sizeof(value) &&
	    !chosen->msg.nr_fds && chosen->value == value)
		return true;
	fprintf(stderr, "# case: result %d, flags %u, %u bytes, %llu\n", chosen->result,
		chosen->msg.flags, chosen->msg.len, (unsigned long long)chosen->value);
	return false;
}

bool t_case_got_closed(const struct t_case *chosen, int reason)
{
	if (!chosen->result && chosen->msg.flags == HSK_MSG_F_CLOSED && !chosen->msg.len &&
	    !chosen->msg.nr_fds && chosen->msg.reason == reason &&
	    t_untouched(chosen->bytes, sizeof(chosen->bytes)))
		return true;
	fprintf(stderr, "# case: result %d, flags %u, %u bytes, reason %d\n", chosen->result,
		chosen->msg.flags, chosen->msg.len, chosen->msg.reason);
	return false;
}

bool t_case_sent(const struct t_case *chosen)
{
	if (chosen->op == HSK_CASE_SEND && !chosen->result)
		return true;
	fprintf(stderr, "# case: op %u, result %d\n", chosen->op, chosen->result);
	return false;
}

/* --- select as a form of a plain operation --- */

/* Nobody sends to the one, nobody receives from the other. */
static int never_sent = -1, never_taken;

int t_never(void)
{
	if (never_sent < 0) {
		never_sent = t_new(0);
		never_taken = t_new(0);
	}
	return never_sent;
}

/* Returns what became of @one, which is chosen whatever else stands beside it. */
static int select_how(enum t_how how, struct t_case *one)
{
	static __thread unsigned int turn;
	struct t_case two[2] = { *one, *one };
	unsigned int nr = 2, at = turn++ % 2;
	int ret;

	if (how == T_ONE_CASE || how == T_TRY_SELECT)
		nr = 1;
	else if (how == T_TWO_CASES)
		two[at] = turn % 4 < 2 ? t_case_get(never_sent) : t_case_put(never_taken, 0);
	do {
		ret = t_select(two, nr, how == T_TRY_SELECT ? HSK_OP_F_DONTWAIT : 0);
	} while (how == T_TRY_SELECT && ret == -EAGAIN && !sched_yield());
	if (ret < 0)
		return ret;
	if (how == T_TWO_CASES && ret == (int)at)
		return -EBADE;
	*one = two[ret];
	return one->result;
}

int t_put_how(enum t_how how, int fd, __u64 value)
{
	struct t_case put = t_case_put(fd, value);

	return how == T_PLAIN ? t_put(fd, value) : select_how(how, &put);
}

int t_get_how(enum t_how how, int fd, __u64 *value)
{
	struct t_case get = t_case_get(fd);
	int ret;

	if (how == T_PLAIN)
		return t_get(fd, value);
	ret = select_how(how, &get);
	if (ret)
		return ret;
	if (get.msg.flags & HSK_MSG_F_CLOSED)
		return 0;
	if (get.msg.len != sizeof(*value) || get.msg.flags || get.msg.nr_fds)
		return -EBADMSG;
	*value = get.value;
	return 1;
}

/* --- a select that another party performs --- */

static int run_select_job(void *p)
{
	struct t_select_job *job = p;

	job->ret = t_select_deadline(job->cases, job->nr, job->flags, job->deadline);
	return 0;
}

struct t_select_job *t_select_job_deadline(enum t_mode mode, const struct t_case *cases,
					   unsigned int nr, __u64 deadline)
{
	struct t_select_job *job = t_shared(sizeof(*job));

	if (nr > HSK_SELECT_CASES_MAX)
		abort();
	memcpy(job->cases, cases, nr * sizeof(*cases));
	job->nr = nr;
	job->deadline = deadline;
	t_never();
	if (t_start(&job->party, mode, run_select_job, job))
		abort();
	return job;
}

struct t_select_job *t_select_job(enum t_mode mode, const struct t_case *cases, unsigned int nr)
{
	return t_select_job_deadline(mode, cases, nr, 0);
}

/* How many cases want to do the same on the same channel, by the same endpoint. */
static unsigned int count_like(const struct t_case *cases, unsigned int nr, unsigned int i)
{
	unsigned int k, like = 0;

	for (k = 0; k < nr; k++)
		like += cases[k].fd == cases[i].fd && cases[k].op == cases[i].op;
	return like;
}

struct t_select_job *t_select_job_blocked(enum t_mode mode, const struct t_case *cases,
					  unsigned int nr)
{
	struct t_select_job *job = t_select_job(mode, cases, nr);
	unsigned int i, like;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		if (cases[i].fd == -1)
			continue;
		like = count_like(cases, nr, i);
		err = cases[i].op == HSK_CASE_SEND ? t_wait_senders(cases[i].fd, like)
						   : t_wait_receivers(cases[i].fd, like);
	}
	return err ? NULL : job;
}

bool t_select_job_is_blocked(struct t_select_job *job)
{
	return t_party_running(&job->party);
}

int t_select_job_end(struct t_select_job *job)
{
	return t_join(&job->party) ? -ECHILD : job->ret;
}
