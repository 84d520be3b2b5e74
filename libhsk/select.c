// SPDX-License-Identifier: LGPL-2.1-or-later
/* Select, in six forms of one operation. */
#include <poll.h>
#include <time.h>

#include "case.h"

#define NS_PER_S	1000000000ULL

/* What the six forms differ in. */
struct select_op {
	uint64_t deadline;
	uint32_t flags;
};

/*
 * A select can be asked of any endpoint: one of a case, or the context's. -1: there
 * is none, and nothing that could ever happen.
 */
static int endpoint_to_ask(const struct hsk_case *cases, size_t nr,
			   const struct hsk_ctx *ctx)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (cases[i].ep != -1)
			return cases[i].ep;
	return hsk_ctx_done(ctx);
}

/* Until a signal or the deadline, without a channel. */
static int wait_for_nothing(const struct select_op *op)
{
	struct timespec left, *timeout = NULL;
	uint64_t now;
	int ret;

	if (op->deadline > INT64_MAX)
		return -EINVAL;
	if (op->flags & HSK_OP_F_DONTWAIT)
		return -EAGAIN;
	if (op->deadline) {
		now = hsk_deadline_in_ns(0);
		now = now < op->deadline ? op->deadline - now : 0;
		left.tv_sec = (time_t)(now / NS_PER_S);
		left.tv_nsec = (long)(now % NS_PER_S);
		timeout = &left;
	}
	ret = ppoll(NULL, 0, timeout, NULL);
	return ret < 0 ? -errno : -ETIMEDOUT;
}

static int do_select(struct hsk_case *cases, size_t nr,
		     const struct select_op *op, const struct hsk_ctx *ctx)
{
	struct hsk_kernel_cases kernel;
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = op->flags,
		.deadline = op->deadline,
		.cases = (uintptr_t)kernel.cases,
	};
	int ret = hsk_cases_load(&kernel, cases, nr);
	int ep;

	if (ret < 0)
		return ret;
	ep = endpoint_to_ask(cases, nr, ctx);
	if (ep == -1)
		return wait_for_nothing(op);
	args.nr_cases = (uint32_t)nr;
	args.ctx = hsk_ctx_arg(ctx, &args.flags);
	ret = hsk_ioctl(ep, HSK_IOC_SELECT, &args);
	if (ret >= 0)
		hsk_case_settle(&cases[ret], args.result, &kernel.msgs[ret]);
	return ret;
}

HSK_PUBLIC int hsk_select(struct hsk_case *cases, size_t nr,
			  const struct hsk_ctx *ctx)
{
	struct select_op op = { .flags = 0 };

	return do_select(cases, nr, &op, ctx);
}

HSK_PUBLIC int hsk_try_select(struct hsk_case *cases, size_t nr)
{
	struct select_op op = { .flags = HSK_OP_F_DONTWAIT };

	return do_select(cases, nr, &op, NULL);
}

HSK_PUBLIC int hsk_select_until(struct hsk_case *cases, size_t nr,
				uint64_t deadline, const struct hsk_ctx *ctx)
{
	struct select_op op = { .deadline = deadline };

	return do_select(cases, nr, &op, ctx);
}

HSK_PUBLIC int hsk_select_ordered(struct hsk_case *cases, size_t nr,
				  const struct hsk_ctx *ctx)
{
	struct select_op op = { .flags = HSK_SELECT_F_ORDERED };

	return do_select(cases, nr, &op, ctx);
}

HSK_PUBLIC int hsk_try_select_ordered(struct hsk_case *cases, size_t nr)
{
	struct select_op op = {
		.flags = HSK_SELECT_F_ORDERED | HSK_OP_F_DONTWAIT,
	};

	return do_select(cases, nr, &op, NULL);
}

HSK_PUBLIC int hsk_select_ordered_until(struct hsk_case *cases, size_t nr,
					uint64_t deadline,
					const struct hsk_ctx *ctx)
{
	struct select_op op = {
		.flags = HSK_SELECT_F_ORDERED, .deadline = deadline,
	};

	return do_select(cases, nr, &op, ctx);
}
