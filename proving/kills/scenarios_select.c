// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays with selects and selectors, on two channels. A case that finds its channel
 * closed is disabled; a role ends when no case is left.
 */
#include <unistd.h>

#include "kills.h"

#define R	HSK_RIGHT_READ
#define W	HSK_RIGHT_WRITE
#define REASON	7
#define NR_SENT	4

#define FROM_EITHER	{ { K_RECV, 0 }, { K_RECV, 1 } }
#define TO_EITHER	{ { K_SEND, 0 }, { K_SEND, 1 } }

static void leave_both(struct k_party *me)
{
	k_leave(me, 0);
	k_leave(me, 1);
}

static void close_both(struct k_party *me)
{
	k_close(me, 0, REASON);
	k_close(me, 1, REASON);
	leave_both(me);
}

/* --- plain sends and receives on one of the channels --- */

static void send_and_close(struct k_party *me, unsigned int chan)
{
	unsigned int i;

	for (i = 0; i < NR_SENT && !k_send(me, chan, -1, K_BLOCKING); i++)
		;
	k_close(me, chan, REASON);
	k_leave(me, chan);
}

static void send_on_0(struct k_party *me)
{
	send_and_close(me, 0);
}

static void send_on_1(struct k_party *me)
{
	send_and_close(me, 1);
}

static void send_to_waiting(struct k_party *me, unsigned int chan)
{
	unsigned int i;

	for (i = 0; i < NR_SENT; i++) {
		k_await(me, chan, 0, 1);
		if (k_send(me, chan, -1, K_BLOCKING))
			break;
	}
	k_close(me, chan, REASON);
	k_leave(me, chan);
}

static void send_to_waiting_on_0(struct k_party *me)
{
	send_to_waiting(me, 0);
}

static void send_to_waiting_on_1(struct k_party *me)
{
	send_to_waiting(me, 1);
}

/* On either in turn. Somebody must be left to receive: EPIPE would be wrong. */
static void send_all_by_turns(struct k_party *me)
{
	unsigned int i;

	for (i = 0; i < NR_SENT; i++)
		if (k_send(me, i % 2, -1, K_BLOCKING))
			k_fail(me, "closed though a receiver is left", EPIPE);
	close_both(me);
}

static void send_all_on_0(struct k_party *me)
{
	unsigned int i;

	for (i = 0; i < NR_SENT; i++)
		if (k_send(me, 0, -1, K_BLOCKING))
			k_fail(me, "closed though a receiver is left", EPIPE);
	close_both(me);
}

static void receive_on_0(struct k_party *me)
{
	while (k_recv(me, 0, NULL, K_BLOCKING))
		;
	k_leave(me, 0);
}

static void receive_on_1(struct k_party *me)
{
	while (k_recv(me, 1, NULL, K_BLOCKING))
		;
	k_leave(me, 1);
}

/* --- selects --- */

static void receive_by_select(struct k_party *me)
{
	struct k_case cases[] = FROM_EITHER;

	while (k_cases_left(cases))
		k_select(me, cases);
	leave_both(me);
}

/* Both are ready, or one is closed. */
static void receive_by_select_from_waiting(struct k_party *me)
{
	struct k_case cases[] = FROM_EITHER;

	while (k_cases_left(cases)) {
		k_await(me, 0, 1, 0);
		k_await(me, 1, 1, 0);
		k_select(me, cases);
	}
	leave_both(me);
}

/* Not before it is closed or somebody has died. */
static void receive_by_select_late(struct k_party *me)
{
	k_await(me, 0, 99, 0);
	receive_by_select(me);
}

/* A case that is refused is not counted. */
static void select_sends(struct k_party *me)
{
	struct k_case cases[] = TO_EITHER;
	unsigned int sent = 0;

	while (sent < NR_SENT && k_cases_left(cases))
		sent += k_select(me, cases);
}

static void send_by_select(struct k_party *me)
{
	select_sends(me);
	close_both(me);
}

static void send_by_select_and_leave(struct k_party *me)
{
	select_sends(me);
	leave_both(me);
}

static void send_by_select_to_waiting(struct k_party *me)
{
	struct k_case cases[] = TO_EITHER;
	unsigned int sent = 0;

	while (sent < NR_SENT && k_cases_left(cases)) {
		k_await(me, 0, 0, 1);
		k_await(me, 1, 0, 1);
		sent += k_select(me, cases);
	}
	close_both(me);
}

/* Where somebody must be left to receive. */
static void send_all_by_select(struct k_party *me)
{
	struct k_case cases[] = TO_EITHER;
	unsigned int i;

	for (i = 0; i < NR_SENT; i++)
		if (!k_select(me, cases))
			k_fail(me, "closed though a receiver is left", EPIPE);
	close_both(me);
}

/* Two that select against each other: what the one does is what the other does. */
static void meet(struct k_party *me, enum k_op on_0, enum k_op on_1)
{
	struct k_case cases[] = { { on_0, 0 }, { on_1, 1 } };
	unsigned int i;

	for (i = 0; i < NR_SENT && k_cases_left(cases); i++)
		k_select(me, cases);
	k_close(me, on_0 == K_SEND ? 0 : 1, REASON);
	leave_both(me);
}

static void meet_sending_on_0(struct k_party *me)
{
	meet(me, K_SEND, K_RECV);
}

static void meet_sending_on_1(struct k_party *me)
{
	meet(me, K_RECV, K_SEND);
}

/* --- selectors --- */

/* Between what happens and its being finished, and while it is armed, one can die. */
static int selector_turn(struct k_party *me, struct k_select *select)
{
	k_selector_arm(me, select);
	k_linger(me, 0);
	k_selector_wait(me, select);
	k_linger(me, 1);
	return k_selector_finish(me, select);
}

static void receive_by_selector(struct k_party *me)
{
	struct k_case cases[] = FROM_EITHER;
	struct k_select select;

	k_selector_open(me, &select, cases);
	while (k_cases_left(cases))
		selector_turn(me, &select);
	close(select.selector);
	leave_both(me);
}

/* What is armed happens at once, but for what nobody sends on. */
static void receive_by_selector_from_waiting(struct k_party *me)
{
	struct k_case cases[] = FROM_EITHER;
	struct k_select select;

	k_selector_open(me, &select, cases);
	while (k_cases_left(cases)) {
		k_await(me, 0, 1, 0);
		selector_turn(me, &select);
	}
	close(select.selector);
	leave_both(me);
}

static void send_by_selector(struct k_party *me)
{
	struct k_case cases[] = TO_EITHER;
	struct k_select select;
	unsigned int sent = 0;

	k_selector_open(me, &select, cases);
	while (sent < NR_SENT && k_cases_left(cases))
		sent += selector_turn(me, &select);
	close(select.selector);
	close_both(me);
}

/* Where somebody must be left to receive. */
static void send_all_by_selector(struct k_party *me)
{
	struct k_case cases[] = TO_EITHER;
	struct k_select select;
	unsigned int i;

	k_selector_open(me, &select, cases);
	for (i = 0; i < NR_SENT; i++)
		if (!selector_turn(me, &select))
			k_fail(me, "closed though a receiver is left", EPIPE);
	close(select.selector);
	close_both(me);
}

static void meet_by_selector(struct k_party *me, enum k_op on_0, enum k_op on_1)
{
	struct k_case cases[] = { { on_0, 0 }, { on_1, 1 } };
	struct k_select select;
	unsigned int i;

	k_selector_open(me, &select, cases);
	for (i = 0; i < NR_SENT && k_cases_left(cases); i++)
		selector_turn(me, &select);
	close(select.selector);
	k_close(me, on_0 == K_SEND ? 0 : 1, REASON);
	leave_both(me);
}

static void meet_by_selector_sending_on_0(struct k_party *me)
{
	meet_by_selector(me, K_SEND, K_RECV);
}

static void meet_by_selector_sending_on_1(struct k_party *me)
{
	meet_by_selector(me, K_RECV, K_SEND);
}

/* Arm, think better of it, and arm again, until there is nothing more to receive. */
static void withdraw_often(struct k_party *me)
{
	struct k_case cases[] = { { K_RECV, 0 }, { K_SEND, 1 } };
	struct k_select select;

	k_selector_open(me, &select, cases);
	while (cases[0].chan != K_NO_CHAN) {
		k_selector_arm(me, &select);
		k_linger(me, 0);
		if (k_selector_disarm(me, &select))
			k_selector_arm(me, &select);
		k_selector_wait(me, &select);
		k_selector_finish(me, &select);
	}
	close(select.selector);
	leave_both(me);
}

/* The sender whose message had been taken by the dead waits on, as if it never had. */
static void receive_late_what_still_waits(struct k_party *me)
{
	k_await(me, 0, 99, 0);
	do
		k_await_sender(me, 0);
	while (k_recv(me, 0, NULL, K_BLOCKING));
	k_recv(me, 1, NULL, K_BLOCKING);
	leave_both(me);
}

/* Likewise one that waits on both channels: what it offered is in neither's buffer. */
static void receive_by_select_what_still_waits(struct k_party *me)
{
	struct k_case cases[] = FROM_EITHER;

	k_await(me, 0, 99, 0);
	while (k_cases_left(cases)) {
		k_await_sender(me, 0);
		k_await_sender(me, 1);
		k_select(me, cases);
	}
	leave_both(me);
}

/* Rights on both, and what the director keeps of them. */
#define ROLE(fn, r0, r1, o0, o1) \
	{ .name = #fn, .act = fn, .rights = { r0, r1 }, .observe = { o0, o1 } }
/* It keeps the opposite. */
#define BOTH(fn, r0, r1)	ROLE(fn, r0, r1, K_OPPOSITE, K_OPPOSITE)
/* The role has one of the channels; the other has no peer in it. */
#define ON_0(fn, r, other)	ROLE(fn, r, 0, K_OPPOSITE, other)
#define ON_1(fn, r, other)	ROLE(fn, 0, r, other, K_OPPOSITE)

const struct k_scenario k_scenarios_select[] = {
	{ .name = "select_receives", .nr_chans = 2, .roles = {
		ON_0(send_on_0, W, K_READ),
		ON_1(send_on_1, W, K_READ),
		BOTH(receive_by_select, R, R) } },
	{ .name = "select_receives_what_waits", .nr_chans = 2, .capacity = { 0, 2 }, .roles = {
		ON_0(send_on_0, W, K_READ),
		ON_1(send_on_1, W, K_READ),
		BOTH(receive_by_select_from_waiting, R, R) } },
	{ .name = "select_waits_to_receive", .nr_chans = 2, .roles = {
		ON_0(send_to_waiting_on_0, W, K_READ),
		ON_1(send_to_waiting_on_1, W, K_READ),
		BOTH(receive_by_select, R, R) } },
	{ .name = "select_sends", .nr_chans = 2, .capacity = { 0, 1 }, .roles = {
		BOTH(send_by_select, W, W),
		ON_0(receive_on_0, R, K_WRITE),
		ON_1(receive_on_1, R, K_WRITE) } },
	{ .name = "select_sends_to_waiting", .nr_chans = 2, .roles = {
		BOTH(send_by_select_to_waiting, W, W),
		ON_0(receive_on_0, R, K_WRITE),
		ON_1(receive_on_1, R, K_WRITE) } },
	{ .name = "select_meets_select", .nr_chans = 2, .roles = {
		BOTH(meet_sending_on_0, W, R),
		BOTH(meet_sending_on_1, R, W) } },
	{ .name = "two_selects_meet_two", .nr_chans = 2, .roles = {
		ROLE(send_by_select_and_leave, W, W, K_READ, K_READ),
		ROLE(send_by_select_and_leave, W, W, K_READ, K_READ),
		ROLE(receive_by_select, R, R, K_READ, K_READ),
		ROLE(receive_by_select, R, R, K_READ, K_READ) } },
	{ .name = "heir_of_a_select", .nr_chans = 2, .roles = {
		BOTH(send_all_by_turns, W, W),
		BOTH(receive_by_select, R, R),
		BOTH(receive_by_select_late, R, R) }, .in_turn = true },
	{ .name = "heir_of_two_selects", .nr_chans = 2, .roles = {
		BOTH(send_all_by_select, W, W),
		BOTH(receive_by_select, R, R),
		BOTH(receive_by_select_late, R, R) }, .in_turn = true },
	{ .name = "heir_of_a_lent_message", .nr_chans = 2, .roles = {
		BOTH(send_all_by_select, W, W),
		BOTH(receive_by_select_from_waiting, R, R),
		BOTH(receive_by_select_what_still_waits, R, R) }, .in_turn = true },
	{ .name = "selector_receives", .nr_chans = 2, .capacity = { 0, 2 }, .roles = {
		ON_0(send_on_0, W, K_READ),
		ON_1(send_on_1, W, K_READ),
		BOTH(receive_by_selector, R, R) } },
	{ .name = "selector_sends", .nr_chans = 2, .roles = {
		BOTH(send_by_selector, W, W),
		ON_0(receive_on_0, R, K_WRITE),
		ON_1(receive_on_1, R, K_WRITE) } },
	{ .name = "selector_meets_selector", .nr_chans = 2, .roles = {
		BOTH(meet_by_selector_sending_on_0, W, R),
		BOTH(meet_by_selector_sending_on_1, R, W) } },
	{ .name = "selector_withdraws", .nr_chans = 2, .roles = {
		BOTH(meet_sending_on_0, W, R),
		BOTH(withdraw_often, R, W) } },
	{ .name = "heir_of_a_selector", .nr_chans = 2, .roles = {
		BOTH(send_all_on_0, W, W),
		BOTH(receive_by_selector_from_waiting, R, R),
		BOTH(receive_late_what_still_waits, R, R) }, .in_turn = true },
	{ .name = "heir_of_a_selector_and_a_select", .nr_chans = 2, .roles = {
		BOTH(send_all_by_select, W, W),
		BOTH(receive_by_selector, R, R),
		BOTH(receive_by_select_late, R, R) }, .in_turn = true },
	{ .name = "heir_of_what_a_selector_lent", .nr_chans = 2, .roles = {
		BOTH(send_all_by_selector, W, W),
		BOTH(receive_by_select_from_waiting, R, R),
		BOTH(receive_by_select_what_still_waits, R, R) }, .in_turn = true },
	{ .name = NULL }
};
