// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a party can do with a select, a selector or a context.
 *
 * A select is logged as a step for each case, of which one at most happens. The others
 * end as failures: they must have had no effect.
 */
#include <poll.h>
#include <unistd.h>

#include "kills.h"

/* --- cases --- */

bool k_cases_left(const struct k_case *cases)
{
	unsigned int i;

	for (i = 0; i < K_CASES; i++)
		if (cases[i].chan != K_NO_CHAN)
			return true;
	return false;
}

static void add_case(struct k_party *me, struct k_select *select, unsigned int i,
		     unsigned int ahead)
{
	const struct k_case *one = &select->cases[i];
	struct k_step *step = k_step_begin(me, one->op, one->chan, ahead);

	step->other_case = ahead;
	if (one->op == K_SEND)
		s_add_send(&select->set, me->fd[one->chan], step->value);
	else
		s_add_recv(&select->set, me->fd[one->chan]);
	select->steps[i] = step;
}

/* Cases as they are now, with a number to send in each send. */
static void describe(struct k_party *me, struct k_select *select, bool armed)
{
	unsigned int i, nr = 0;

	s_init(&select->set);
	for (i = 0; i < K_CASES; i++) {
		select->steps[i] = NULL;
		if (select->cases[i].chan == K_NO_CHAN) {
			s_add_disabled(&select->set);
			continue;
		}
		add_case(me, select, i, nr++);
		select->steps[i]->armed = armed;
	}
	k_step_commit(me, nr);
}

/* What did not happen. */
static void end_others(struct k_select *select, int chosen)
{
	int i;

	for (i = 0; i < K_CASES; i++)
		if (i != chosen && select->steps[i])
			k_step_end(select->steps[i], -ECANCELED);
}

static bool end_chosen(struct k_party *me, struct k_select *select, int chosen)
{
	const struct hsk_msghdr *msg = &select->set.msgs[chosen];
	struct k_step *step = select->steps[chosen];
	int result = select->set.result;

	if (step->op == K_SEND && (!result || result == -EPIPE)) {
		k_step_end(step, result);
		return !result;
	}
	if (result)
		k_fail(me, "result of a case", result);
	if (msg->flags & HSK_MSG_F_CLOSED)
		step->reason = msg->reason;
	else if (msg->len != sizeof(step->value))
		k_fail(me, "a case received a torn message, its bytes", msg->len);
	else
		step->value = select->set.values[chosen];
	k_step_end(step, 0);
	return step->value;
}

/* @chosen: as the ioctl returned it. */
static int settle(struct k_party *me, struct k_select *select, int chosen)
{
	if (chosen < 0 || chosen >= K_CASES || !select->steps[chosen])
		k_fail(me, "select", chosen);
	end_others(select, chosen);
	if (end_chosen(me, select, chosen))
		return 1;
	select->cases[chosen].chan = K_NO_CHAN;
	return 0;
}

/* Any endpoint will do to be asked. */
static int asked(const struct k_party *me, const struct k_case *cases)
{
	return me->fd[cases[cases[0].chan == K_NO_CHAN].chan];
}

int k_select(struct k_party *me, struct k_case *cases)
{
	struct k_select select = { .cases = cases };

	describe(me, &select, false);
	return settle(me, &select, s_select(asked(me, cases), &select.set));
}

/* --- contexts --- */

int k_select_ctx(struct k_party *me, struct k_case *cases, const struct k_ctx *ctx)
{
	struct k_select select = { .cases = cases };
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = HSK_OP_F_CTX,
		.cases = (uintptr_t)select.set.cases,
		.nr_cases = K_CASES,
		.ctx = ctx->fd,
	};
	int ret;

	describe(me, &select, false);
	ret = t_ioctl(asked(me, cases), HSK_IOC_SELECT, &args);
	if (ret == -ECANCELED) {
		end_others(&select, -1);
		k_note_close(me, ctx->chan, args.ctx_reason);
		return ret;
	}
	select.set.result = args.result;
	return settle(me, &select, ret);
}

int k_send_ctx(struct k_party *me, unsigned int chan, const struct k_ctx *ctx)
{
	struct k_step *step = k_step_begin(me, K_SEND, chan, 0);
	struct hsk_send_args args = {
		.size = sizeof(args),
		.flags = HSK_OP_F_CTX,
		.msg = { .data = (uintptr_t)&step->value, .len = sizeof(step->value) },
		.ctx = ctx->fd,
	};
	int ret;

	k_step_commit(me, 1);
	ret = t_ioctl(me->fd[chan], HSK_IOC_SEND, &args);
	if (ret && ret != -EPIPE && ret != -ECANCELED)
		k_fail(me, "send with a context", ret);
	k_step_end(step, ret);
	if (ret == -ECANCELED)
		k_note_close(me, ctx->chan, args.ctx_reason);
	return ret == -EPIPE ? 0 : ret ?: 1;
}

int k_recv_ctx(struct k_party *me, unsigned int chan, const struct k_ctx *ctx)
{
	struct k_step *step = k_step_begin(me, K_RECV, chan, 0);
	__u64 value = 0;
	struct hsk_recv_args args = {
		.size = sizeof(args),
		.flags = HSK_OP_F_CTX,
		.msg = { .data = (uintptr_t)&value, .len = sizeof(value) },
		.ctx = ctx->fd,
	};
	int ret;

	k_step_commit(me, 1);
	ret = t_ioctl(me->fd[chan], HSK_IOC_RECV, &args);
	if (ret && ret != -ECANCELED)
		k_fail(me, "receive with a context", ret);
	step->value = value;
	step->reason = args.msg.reason;
	k_step_end(step, ret);
	if (ret == -ECANCELED)
		k_note_close(me, ctx->chan, args.ctx_reason);
	return ret ?: !(args.msg.flags & HSK_MSG_F_CLOSED);
}

/* --- selectors --- */

void k_selector_open(struct k_party *me, struct k_select *select, struct k_case *cases)
{
	select->cases = cases;
	select->selector = s_new(asked(me, cases));
	if (select->selector < 0)
		k_fail(me, "SELECTOR", select->selector);
}

void k_selector_arm(struct k_party *me, struct k_select *select)
{
	int ret;

	describe(me, select, true);
	ret = s_arm(select->selector, &select->set);
	if (ret)
		k_fail(me, "ARM", ret);
}

void k_selector_wait(struct k_party *me, struct k_select *select)
{
	struct pollfd pfd = { .fd = select->selector, .events = POLLIN };

	if (poll(&pfd, 1, -1) != 1 || pfd.revents != POLLIN)
		k_fail(me, "poll of a selector", -errno);
}

int k_selector_finish(struct k_party *me, struct k_select *select)
{
	unsigned int i;

	for (i = 0; i < K_CASES; i++)
		if (select->steps[i])
			select->steps[i]->armed = false;
	return settle(me, select, s_finish(select->selector, &select->set));
}

bool k_selector_disarm(struct k_party *me, struct k_select *select)
{
	int ret = s_disarm(select->selector);

	if (ret && ret != -EALREADY)
		k_fail(me, "DISARM", ret);
	if (!ret)
		end_others(select, -1);
	return !ret;
}

void k_linger(struct k_party *me, unsigned int chan)
{
	struct hsk_info_args info;
	int fd;

	if (t_info(me->fd[chan], &info))
		k_fail(me, "INFO", -errno);
	fd = t_dup(me->fd[chan], info.rights);
	if (fd < 0)
		k_fail(me, "DUP", fd);
	close(fd);
}
