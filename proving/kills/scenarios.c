// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plays. Every one comes to an end of its own, whoever is killed and also if
 * nobody is: with the channel closed, as a rule.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kills.h"

#define R	HSK_RIGHT_READ
#define W	HSK_RIGHT_WRITE
#define RW	T_BOTH
#define REASON	7

static void send_some(struct k_party *me, unsigned int nr, enum k_how how)
{
	while (nr-- && !k_send(me, 0, -1, how))
		;
}

/* Several senders: the last one to leave closes. */
static void send_and_leave(struct k_party *me)
{
	send_some(me, 4, K_BLOCKING);
	k_leave(me, 0);
}

static void send_and_close(struct k_party *me)
{
	send_some(me, 4, K_BLOCKING);
	k_close(me, 0, REASON);
	k_leave(me, 0);
}

static void write_and_close(struct k_party *me)
{
	send_some(me, 4, K_READ_WRITE);
	k_close(me, 0, REASON);
	k_leave(me, 0);
}

/* Where somebody must be left to receive: EPIPE would be wrong. */
static void send_all_and_close(struct k_party *me)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (k_send(me, 0, -1, K_BLOCKING))
			k_fail(me, "closed though a receiver is left", EPIPE);
	}
	k_close(me, 0, REASON);
	k_leave(me, 0);
}

static void receive_all(struct k_party *me, enum k_how how)
{
	while (k_recv(me, 0, NULL, how))
		;
}

static void receive_and_leave(struct k_party *me)
{
	receive_all(me, K_BLOCKING);
	k_leave(me, 0);
}

static void read_and_leave(struct k_party *me)
{
	receive_all(me, K_READ_WRITE);
	k_leave(me, 0);
}

/* Each message from a sender that waits, or from a full buffer behind which one does. */
static void receive_from_waiting(struct k_party *me)
{
	do
		k_await(me, 0, 1, 0);
	while (k_recv(me, 0, NULL, K_BLOCKING));
	k_leave(me, 0);
}

/* Each message to a receiver that waits. */
static void send_to_waiting(struct k_party *me)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		k_await(me, 0, 0, 1);
		if (k_send(me, 0, -1, K_BLOCKING))
			break;
	}
	k_close(me, 0, REASON);
	k_leave(me, 0);
}

/* Nothing that comes later, no message and no close, wakes who must take this one. */
static void send_one_by_one(struct k_party *me)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		k_await(me, 0, 0, 1);
		if (k_send(me, 0, -1, K_BLOCKING))
			break;
		k_await_empty(me, 0);
	}
	k_close(me, 0, REASON);
	k_leave(me, 0);
}

static void close_on_two_receivers(struct k_party *me)
{
	k_await(me, 0, 0, 2);
	k_close(me, 0, REASON);
	k_leave(me, 0);
}

static void close_on_two_senders(struct k_party *me)
{
	k_await(me, 0, 2, 0);
	k_close(me, 0, -ECANCELED);
	k_leave(me, 0);
}

/* Not before it is closed or somebody has died. */
static void receive_late(struct k_party *me)
{
	k_await(me, 0, 99, 0);
	receive_and_leave(me);
}

static void leave_full_buffer(struct k_party *me)
{
	k_recv(me, 0, NULL, K_BLOCKING);
	k_await(me, 0, 1, 0);
	k_leave(me, 0);
}

static void send_until_nobody_receives(struct k_party *me)
{
	while (!k_send(me, 0, -1, K_BLOCKING))
		;
	k_leave(me, 0);
}

/* --- messages that do not arrive at first --- */

static void receive_badly_first(struct k_party *me)
{
	do
		k_await(me, 0, 1, 0);
	while (k_recv_fails(me, 0, -EFAULT) && k_recv(me, 0, NULL, K_BLOCKING));
	k_leave(me, 0);
}

/* Like that, but there is no free descriptor the first time. */
static void receive_file_without_room(struct k_party *me)
{
	int fd, ret;

	do {
		if (t_exhaust_fds())
			k_fail(me, "limit of descriptors", -errno);
		ret = k_recv_fails(me, 0, -EMFILE);
		t_allow_fds();
		fd = -1;
		if (ret && k_recv(me, 0, &fd, K_BLOCKING))
			close(fd);
	} while (fd >= 0);
	k_leave(me, 0);
}

static void send_files_and_close(struct k_party *me)
{
	unsigned int i;

	for (i = 0; i < 3 && !k_send(me, 0, me->pipe, K_BLOCKING); i++)
		;
	k_close(me, 0, REASON);
	k_leave(me, 0);
}

static void receive_files(struct k_party *me)
{
	int fd;

	while (k_recv(me, 0, &fd, K_BLOCKING))
		close(fd);
	k_leave(me, 0);
}

/* --- endpoints in messages --- */

/* What becomes of the endpoint: other rights, in a new descriptor. */
static void narrow(struct k_party *me, unsigned int chan, unsigned int rights)
{
	int fd = t_dup(me->fd[chan], rights);

	if (fd < 0)
		k_fail(me, "DUP", fd);
	k_leave(me, chan);
	me->fd[chan] = fd;
}

/* A worker: sends the way to itself, then takes jobs until it is closed. */
static void offer_itself(struct k_party *me)
{
	int way = t_dup(me->fd[1], W);

	if (way < 0)
		k_fail(me, "DUP", way);
	narrow(me, 1, R);
	k_send(me, 0, way, K_BLOCKING);
	close(way);
	k_leave(me, 0);
	while (k_recv(me, 1, NULL, K_BLOCKING))
		;
	k_leave(me, 1);
}

/* A dispatcher: takes a worker's way and sends it jobs. */
static void dispatch(struct k_party *me)
{
	unsigned int i;

	if (k_recv(me, 0, &me->fd[1], K_BLOCKING)) {
		for (i = 0; i < 3 && !k_send(me, 1, -1, K_BLOCKING); i++)
			;
		k_close(me, 1, REASON);
		k_leave(me, 1);
	}
	k_leave(me, 0);
}

/*
 * The only endpoint that can receive on channel 1 ends in the buffer of channel 0,
 * which then goes, with everybody who could get it out.
 */
static void bury_receiver(struct k_party *me)
{
	k_send(me, 0, me->fd[1], K_BLOCKING);
	k_send(me, 0, me->pipe, K_BLOCKING);
	k_leave(me, 1);
	k_leave(me, 0);
}

static void send_to_buried(struct k_party *me)
{
	while (!k_send(me, 1, -1, K_BLOCKING))
		;
	k_leave(me, 1);
}

/* --- other ways of having an endpoint --- */

static void send_by_duplicate(struct k_party *me)
{
	narrow(me, 0, W);
	send_and_close(me);
}

static void receive_by_duplicate(struct k_party *me)
{
	int other = t_chan_new(me->fd[0], 3);

	if (other < 0)
		k_fail(me, "CHAN_NEW", other);
	narrow(me, 0, R);
	close(other);
	receive_and_leave(me);
}

/* Two processes on one open file description; either may be killed. */
static void receive_as_family(struct k_party *me)
{
	pid_t child = fork();

	if (child < 0)
		k_fail(me, "fork", -errno);
	if (!child)
		me->nr = K_EXTRA;
	receive_and_leave(me);
	if (!child)
		_exit(0);
	if (waitpid(child, NULL, 0) != child)
		k_fail(me, "waitpid", -errno);
}

static void *receive_in_thread(void *arg)
{
	struct k_party *me = arg;

	receive_all(me, K_BLOCKING);
	return NULL;
}

/* Two threads, killed together. */
static void receive_in_threads(struct k_party *me)
{
	struct k_party other = *me;
	pthread_t thread;

	other.nr = K_EXTRA;
	if (pthread_create(&thread, NULL, receive_in_thread, &other))
		k_fail(me, "pthread_create", 0);
	receive_all(me, K_BLOCKING);
	pthread_join(thread, NULL);
	k_leave(me, 0);
}

/* --- event loops --- */

static void send_by_poll(struct k_party *me)
{
	struct pollfd pfd = { .fd = me->fd[0], .events = POLLOUT };
	unsigned int i = 0;

	while (i < 4) {
		int ret = k_send(me, 0, -1, K_DONTWAIT);

		if (ret == -EPIPE)
			break;
		i += !ret;
		if (ret && poll(&pfd, 1, -1) != 1)
			k_fail(me, "poll", -errno);
	}
	k_close(me, 0, REASON);
	k_leave(me, 0);
}

/* Edge-triggered: what has not woken it is never seen. */
static void receive_by_epoll(struct k_party *me)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	int ret;

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, me->fd[0], &ev))
		k_fail(me, "epoll", -errno);
	while ((ret = k_recv(me, 0, NULL, K_DONTWAIT))) {
		if (ret == -EAGAIN && epoll_wait(ep, &ev, 1, -1) != 1)
			k_fail(me, "epoll_wait", -errno);
	}
	close(ep);
	k_leave(me, 0);
}

/* Rights on one channel; the director keeps the opposite. */
#define ROLE(fn, r)	{ .name = #fn, .act = fn, .rights = { r } }
/* Rights on both, and what the director keeps of them. */
#define SEEN(fn, r0, r1, o0, o1) \
	{ .name = #fn, .act = fn, .rights = { r0, r1 }, .observe = { o0, o1 } }

const struct k_scenario k_scenarios[] = {
	{ .name = "rendezvous", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_and_close, W),
		ROLE(receive_and_leave, R) } },
	{ .name = "sender_waits", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_and_close, W),
		ROLE(receive_from_waiting, R) } },
	{ .name = "receiver_waits", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_to_waiting, W),
		ROLE(receive_and_leave, R) } },
	{ .name = "full_buffer", .nr_chans = 1, .capacity = { 2 }, .roles = {
		ROLE(send_and_close, W),
		ROLE(receive_from_waiting, R) } },
	{ .name = "read_and_write", .nr_chans = 1, .capacity = { 1 }, .roles = {
		ROLE(write_and_close, W),
		ROLE(read_and_leave, R) } },
	{ .name = "two_receivers", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_and_leave, R),
		ROLE(receive_from_waiting, R) } },
	{ .name = "two_receivers_of_a_buffer", .nr_chans = 1, .capacity = { 3 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_from_waiting, R),
		ROLE(receive_and_leave, R) } },
	{ .name = "heir", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_and_leave, R),
		ROLE(receive_late, R) }, .in_turn = true },
	{ .name = "heir_of_a_waiting_sender", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_from_waiting, R),
		ROLE(receive_late, R) }, .in_turn = true },
	{ .name = "heir_of_a_full_buffer", .nr_chans = 1, .capacity = { 2 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_from_waiting, R),
		ROLE(receive_late, R) }, .in_turn = true },
	{ .name = "heir_that_polls", .nr_chans = 1, .capacity = { 1 }, .roles = {
		ROLE(send_one_by_one, W),
		ROLE(receive_and_leave, R),
		ROLE(receive_by_epoll, R) } },
	{ .name = "two_senders_two_receivers", .nr_chans = 1, .capacity = { 0 }, .roles = {
		SEEN(send_and_leave, W, 0, K_READ, 0),
		SEEN(send_and_leave, W, 0, K_READ, 0),
		SEEN(receive_and_leave, R, 0, K_READ, 0),
		SEEN(receive_and_leave, R, 0, K_READ, 0) } },
	{ .name = "close_with_waiting_receivers", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(close_on_two_receivers, W),
		ROLE(receive_and_leave, R),
		ROLE(receive_and_leave, R) } },
	{ .name = "close_with_waiting_senders", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(close_on_two_senders, W),
		ROLE(send_and_leave, W),
		ROLE(send_and_leave, W),
		ROLE(receive_late, R) } },
	{ .name = "drain", .nr_chans = 1, .capacity = { 3 }, .roles = {
		ROLE(leave_full_buffer, R),
		SEEN(send_until_nobody_receives, W, 0, K_NOTHING, 0) } },
	{ .name = "bad_memory", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_badly_first, R),
		ROLE(receive_and_leave, R) } },
	{ .name = "bad_memory_and_a_buffer", .nr_chans = 1, .capacity = { 2 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_badly_first, R),
		ROLE(receive_by_epoll, R) } },
	{ .name = "no_free_descriptor", .nr_chans = 1, .capacity = { 1 }, .roles = {
		ROLE(send_files_and_close, W),
		ROLE(receive_file_without_room, R) } },
	{ .name = "files", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_files_and_close, W),
		ROLE(receive_files, R) } },
	{ .name = "chan_chan", .nr_chans = 2, .capacity = { 0, 0 }, .roles = {
		SEEN(offer_itself, W, RW, K_OPPOSITE, K_WRITE),
		SEEN(dispatch, R, 0, K_OPPOSITE, K_READ) } },
	{ .name = "buried_receiver", .nr_chans = 2, .capacity = { 4, 0 }, .roles = {
		SEEN(bury_receiver, RW, R, K_NOTHING, K_WRITE),
		SEEN(send_to_buried, 0, W, K_NOTHING, K_NOTHING) } },
	{ .name = "duplicates", .nr_chans = 1, .capacity = { 1 }, .roles = {
		ROLE(send_by_duplicate, W),
		ROLE(receive_by_duplicate, R) } },
	{ .name = "forked_receiver", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_as_family, R) } },
	{ .name = "threads", .nr_chans = 1, .capacity = { 1 }, .roles = {
		ROLE(send_all_and_close, W),
		ROLE(receive_in_threads, R),
		ROLE(receive_and_leave, R) } },
	{ .name = "polling_sender", .nr_chans = 1, .capacity = { 0 }, .roles = {
		ROLE(send_by_poll, W),
		ROLE(receive_and_leave, R) } },
	{ .name = "polling_receivers", .nr_chans = 1, .capacity = { 2 }, .roles = {
		ROLE(send_and_close, W),
		ROLE(receive_by_epoll, R),
		ROLE(receive_by_epoll, R) } },
	{ .name = "polling_both", .nr_chans = 1, .capacity = { 1 }, .roles = {
		ROLE(send_by_poll, W),
		ROLE(receive_by_epoll, R) } },
	{ .name = NULL }
};
