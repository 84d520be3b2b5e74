// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays with contexts. Channel 0 is what the others depend on; who has its WRITE
 * right holds the context, and closes it or dies. On the others there is work,
 * which goes on until the context has ended: the director keeps them open.
 */
#include <unistd.h>

#include "kills.h"

#define R	HSK_RIGHT_READ
#define W	HSK_RIGHT_WRITE
#define REASON	7

/* --- who holds the context --- */

static void end_context(struct k_party *me, unsigned int chan)
{
	k_close(me, 0, REASON);
	k_leave(me, 0);
	k_leave(me, chan);
}

/* Each time, and when the context ends, a receiver waits. */
static void hold_and_send(struct k_party *me)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		k_await(me, 2, 0, 1);
		if (k_send(me, 2, -1, K_BLOCKING))
			break;
	}
	k_await(me, 2, 0, 1);
	end_context(me, 2);
}

static void hold_and_receive(struct k_party *me)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		k_await(me, 2, 1, 0);
		if (!k_recv(me, 2, NULL, K_BLOCKING))
			break;
	}
	k_await(me, 2, 1, 0);
	end_context(me, 2);
}

static void hold_and_answer(struct k_party *me)
{
	k_await(me, 1, 0, 1);
	k_send(me, 1, -1, K_BLOCKING);
	k_await(me, 2, 1, 0);
	k_recv(me, 2, NULL, K_BLOCKING);
	k_await(me, 2, 1, 0);
	k_leave(me, 1);
	end_context(me, 2);
}

/* --- who depends on it --- */

static int derive(struct k_party *me, int parent)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args),
		.flags = HSK_CHAN_F_PARENT,
		.parent = parent,
	};
	int fd = t_ioctl(parent, HSK_IOC_CHAN_NEW, &args);

	if (fd < 0)
		k_fail(me, "CHAN_NEW with a parent", fd);
	return fd;
}

/* The reason why it has ended. */
static int await_end(struct k_party *me, int ctx)
{
	struct hsk_msghdr msg;
	int ret = t_recv(ctx, NULL, 0, &msg);

	if (ret || msg.flags != HSK_MSG_F_CLOSED)
		k_fail(me, "the end of a context", ret);
	return msg.reason;
}

/* Derived from what this process has derived itself. */
static void wait_as_grandchild(struct k_party *me)
{
	int child = derive(me, me->fd[0]);
	int grandchild = derive(me, child);
	int reason = await_end(me, grandchild);

	if (await_end(me, child) != reason)
		k_fail(me, "a child and a grandchild have ended differently", reason);
	k_note_close(me, 0, reason);
	k_leave(me, 0);
}

static void receive_until_cancelled(struct k_party *me)
{
	struct k_ctx ctx = { .fd = me->fd[1], .chan = 1 };

	while (k_recv_ctx(me, 2, &ctx) > 0)
		;
	k_leave(me, 1);
	k_leave(me, 2);
}

static void send_until_cancelled(struct k_party *me)
{
	struct k_ctx ctx = { .fd = me->fd[1], .chan = 1 };

	while (k_send_ctx(me, 2, &ctx) > 0)
		;
	k_leave(me, 1);
	k_leave(me, 2);
}

/* A case that is closed is disabled; the end comes from the context alone. */
static void select_until_cancelled(struct k_party *me)
{
	struct k_case cases[] = { { K_RECV, 1 }, { K_SEND, 2 } };
	struct k_ctx ctx = { .fd = derive(me, me->fd[0]), .chan = 0 };

	while (k_cases_left(cases) && k_select_ctx(me, cases, &ctx) != -ECANCELED)
		;
	k_leave(me, 0);
	k_leave(me, 1);
	k_leave(me, 2);
}

/* --- a context that travels --- */

/* Its own death ends what it has derived, whoever works under it. */
static void derive_and_pass_on(struct k_party *me)
{
	int child = derive(me, me->fd[0]);
	int passed = t_dup(child, R);

	if (passed < 0)
		k_fail(me, "DUP", passed);
	k_send(me, 1, passed, K_BLOCKING);
	close(passed);
	k_leave(me, 1);
	k_note_close(me, 0, await_end(me, child));
	k_leave(me, 0);
}

/*
 * What it was given has no number that the judge could look at; it ends either by the
 * one who derived it or by the one who holds channel 0.
 */
static void receive_under_what_is_passed(struct k_party *me)
{
	struct hsk_recv_args args = { .size = sizeof(args), .flags = HSK_OP_F_CTX };
	int ctx, ret;

	if (k_recv(me, 1, &ctx, K_BLOCKING)) {
		args.ctx = ctx;
		ret = t_ioctl(me->fd[2], HSK_IOC_RECV, &args);
		if (ret != -ECANCELED ||
		    (args.ctx_reason != REASON && args.ctx_reason != -EOWNERDEAD))
			k_fail(me, "a receive that the context was to end", ret);
		close(ctx);
	}
	k_leave(me, 1);
	k_leave(me, 2);
}

static void hold_until_one_waits(struct k_party *me)
{
	k_await(me, 2, 0, 1);
	end_context(me, 2);
}

/* Rights on the three, and what the director keeps of them. */
#define ROLE(fn, r0, r1, r2, o0, o1, o2) \
	{ .name = #fn, .act = fn, .rights = { r0, r1, r2 }, .observe = { o0, o1, o2 } }

const struct k_scenario k_scenarios_context[] = {
	{ .name = "context_of_receivers", .nr_chans = 3, .derived = { false, true }, .roles = {
		ROLE(hold_and_send, W, 0, W, K_READ, K_WRITE, K_WRITE),
		ROLE(receive_until_cancelled, 0, R, R, K_READ, K_WRITE, K_WRITE),
		ROLE(receive_until_cancelled, 0, R, R, K_READ, K_WRITE, K_WRITE),
		ROLE(wait_as_grandchild, R, 0, 0, K_READ, K_WRITE, K_WRITE) } },
	{ .name = "context_of_a_sender", .nr_chans = 3, .derived = { false, true }, .roles = {
		ROLE(hold_and_receive, W, 0, R, K_READ, K_WRITE, K_READ),
		ROLE(send_until_cancelled, 0, R, W, K_READ, K_WRITE, K_READ),
		ROLE(wait_as_grandchild, R, 0, 0, K_READ, K_WRITE, K_READ) } },
	{ .name = "context_of_a_select", .nr_chans = 3, .roles = {
		ROLE(hold_and_answer, W, W, R, K_READ, K_WRITE, K_READ),
		ROLE(select_until_cancelled, R, R, W, K_READ, K_WRITE, K_READ) } },
	{ .name = "context_passed_on", .nr_chans = 3, .roles = {
		ROLE(hold_until_one_waits, W, 0, W, K_READ, K_READ, K_WRITE),
		ROLE(derive_and_pass_on, R, W, 0, K_READ, K_READ, K_WRITE),
		ROLE(receive_under_what_is_passed, 0, R, R, K_READ, K_WRITE, K_WRITE) } },
	{ .name = NULL }
};
