// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <linux/hsk.h>

#include "record.h"

const int actor_process[NR_ACTORS] = { 0, 0, 1, 2, 3, MANAGER_PROC, 0, 0, 1, 2, 3 };

/* --- chance --------------------------------------------------------------------------- */

void actor_init(struct actor *actor, int nr, unsigned long long seed)
{
	memset(actor, 0, sizeof(*actor));
	actor->nr = nr;
	actor->selector = -1;
	actor->ctx = -1;
	actor->random = seed * 6364136223846793005ULL + nr * 1442695040888963407ULL + 1;
	actor_random(actor, 2);
	actor_random(actor, 2);
}

unsigned int actor_random(struct actor *actor, unsigned int below)
{
	unsigned long long x = actor->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	actor->random = x;
	return (x * 2685821657736338717ULL >> 33) % below;
}

/* --- notes ---------------------------------------------------------------------------- */

long long time_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static long draw_stamp(void)
{
	return __atomic_add_fetch(&shared->stamps, 1, __ATOMIC_SEQ_CST);
}

/* NULL: no room for more. The caller may add to it and then calls note_start(). */
struct op *note_begin(struct actor *actor, enum verb verb, int chan, int arg)
{
	return note_begin_for(actor->nr, verb, chan, arg);
}

struct op *note_begin_for(int nr, enum verb verb, int chan, int arg)
{
	struct notes *notes = &shared->notes[nr];
	struct op *op = &notes->ops[notes->nr];

	if (notes->nr == OPS_PER_ACTOR)
		return NULL;
	*op = (struct op) {
		.verb = verb, .actor = nr, .chan = chan, .arg = arg,
		.end = NO_STAMP, .end_ns = NO_TIME, .result = RES_UNKNOWN,
	};
	return op;
}

int notes_left(const struct actor *actor)
{
	return OPS_PER_ACTOR - shared->notes[actor->nr].nr;
}

void note_start(struct op *op)
{
	op->start = draw_stamp();
	op->start_ns = time_now() - shared->origin_ns;
	__atomic_add_fetch(&shared->notes[op->actor].nr, 1, __ATOMIC_SEQ_CST);
}

void note_end(struct op *op, int result)
{
	long stamp = draw_stamp();

	op->end_ns = time_now() - shared->origin_ns;
	op->result = result;
	__atomic_store_n(&op->end, stamp, __ATOMIC_SEQ_CST);
}

/* --- endpoints ------------------------------------------------------------------------- */

void actor_adopt(struct actor *actor, int chan, int fd, int rights)
{
	int i;

	for (i = 0; i < MAX_ENDPOINTS; i++) {
		if (actor->rights[chan][i])
			continue;
		actor->fd[chan][i] = fd;
		actor->rights[chan][i] = rights;
		return;
	}
}

static bool has_room(const struct actor *actor, int chan)
{
	int i;

	for (i = 0; i < MAX_ENDPOINTS; i++)
		if (!actor->rights[chan][i])
			return true;
	return false;
}

/* One of its endpoints by chance, with @right if there is one; -1: none left. */
int actor_choose_endpoint(struct actor *actor, int chan, int right)
{
	int i, n, with = -1, any = -1;

	n = actor_random(actor, MAX_ENDPOINTS);
	for (i = 0; i < MAX_ENDPOINTS; i++, n = (n + 1) % MAX_ENDPOINTS) {
		if (!actor->rights[chan][n])
			continue;
		any = n;
		if (actor->rights[chan][n] & right)
			with = n;
	}
	return with >= 0 ? with : any;
}

/* What the history does not tell, after its end. */
void actor_put_away(struct actor *actor)
{
	int chan, i;

	for (chan = 0; chan < MAX_CHANS; chan++) {
		for (i = 0; i < MAX_ENDPOINTS; i++) {
			if (actor->rights[chan][i])
				close(actor->fd[chan][i]);
			actor->rights[chan][i] = 0;
		}
	}
	if (actor->selector >= 0)
		close(actor->selector);
	actor->selector = -1;
	close(actor->ctx);
	actor->ctx = -1;
}

int endpoint_dup(int fd, int rights)
{
	struct hsk_dup_args args = { .size = sizeof(args), .rights = rights };
	int ret = ioctl(fd, HSK_IOC_DUP, &args);

	return ret < 0 ? -errno : ret;
}

int endpoint_look(int fd, struct snapshot *is)
{
	struct hsk_info_args args = { .size = sizeof(args) };

	if (ioctl(fd, HSK_IOC_INFO, &args))
		return errno;
	*is = (struct snapshot) {
		.sent = args.sent, .received = args.received, .buffered = args.buffered,
		.drained = args.drained, .senders = args.waiting_senders,
		.receivers = args.waiting_receivers, .readers = args.read_endpoints,
		.writers = args.write_endpoints, .closed = args.state & HSK_STATE_CLOSED,
		.reason = args.reason,
	};
	return 0;
}

/* --- operations -------------------------------------------------------------------------- */

int actor_ctx(const struct actor *actor, const struct op *op)
{
	return op->flags & CTX ? actor->ctx : 0;
}

static unsigned int op_flags(const struct op *op)
{
	return (op->flags & DONTWAIT ? HSK_OP_F_DONTWAIT : 0) |
	       (op->flags & CTX ? HSK_OP_F_CTX : 0);
}

static int do_send(struct actor *actor, int fd, struct op *op)
{
	__u64 value = op->arg;
	struct iovec vec = { op->flags & BAD ? memory_bad(op->actor) : &value, sizeof(value) };
	struct hsk_send_args args = {
		.size = sizeof(args),
		.flags = op_flags(op),
		.deadline = op->flags & DEADLINE ? op->deadline + shared->origin_ns : 0,
		.msg.data = (uintptr_t)vec.iov_base,
		.msg.len = vec.iov_len,
		.ctx = actor_ctx(actor, op),
	};
	int ret;

	if (!(op->flags & BY_RW)) {
		ret = ioctl(fd, HSK_IOC_SEND, &args) ? errno : 0;
		op->got = args.ctx_reason;
		return ret;
	}
	return pwritev2(fd, &vec, 1, -1, op->flags & DONTWAIT ? RWF_NOWAIT : 0) < 0 ? errno : 0;
}

static int do_read(int fd, struct op *op, struct iovec *vec)
{
	ssize_t len = preadv2(fd, vec, 1, -1, op->flags & DONTWAIT ? RWF_NOWAIT : 0);

	if (len < 0)
		return errno;
	op->got = REASON_UNTOLD;
	return len ? 0 : RES_CLOSED;
}

static int do_recv(struct actor *actor, int fd, struct op *op)
{
	__u64 value = 0, *slow = op->flags & SLOW ? memory_slow(op->actor) : NULL;
	struct iovec vec = {
		op->flags & BAD ? memory_bad(op->actor) : slow ? slow : &value,
		op->flags & SMALL ? 1 : sizeof(value),
	};
	struct hsk_recv_args args = {
		.size = sizeof(args),
		.flags = op_flags(op),
		.deadline = op->flags & DEADLINE ? op->deadline + shared->origin_ns : 0,
		.msg.data = (uintptr_t)vec.iov_base,
		.msg.len = vec.iov_len,
		.ctx = actor_ctx(actor, op),
	};
	int ret;

	op->got = 0;
	if (op->flags & BY_RW)
		ret = do_read(fd, op, &vec);
	else
		ret = ioctl(fd, HSK_IOC_RECV, &args) ? errno : 0;
	if (ret && op->flags & CTX)
		op->got = args.ctx_reason;
	if (!ret && !(op->flags & BY_RW) && args.msg.flags & HSK_MSG_F_CLOSED) {
		op->got = args.msg.reason;
		return RES_CLOSED;
	}
	if (!ret)
		op->got = slow ? *slow : value;
	return ret;
}

/* How it may wait. */
unsigned int actor_choose_waiting(struct actor *actor, struct op *op)
{
	/* Some lie in the past already. */
	op->deadline = time_now() - shared->origin_ns + actor_random(actor, 400) * 1000 - 20000;
	if (op->deadline <= -shared->origin_ns)
		op->deadline = 1 - shared->origin_ns;
	if (!actor_random(actor, 4))
		return DONTWAIT;
	if (!(op->flags & BY_RW) && !actor_random(actor, 4))
		return DEADLINE;
	return 0;
}

/* And what is wrong with its memory. */
static void choose_flags(struct actor *actor, enum verb verb, struct op *op)
{
	if (!actor_random(actor, 3))
		op->flags |= BY_RW;
	op->flags |= actor_choose_waiting(actor, op);
	if (!(op->flags & BY_RW) && !actor_random(actor, 4))
		op->flags |= CTX;
	if (verb == RECV && !actor_random(actor, 3))
		op->flags |= SLOW;
	if (!actor_random(actor, verb == RECV ? 7 : 25))
		op->flags |= BAD;
	else if (verb == RECV && !actor_random(actor, 12))
		op->flags |= SMALL;
}

/* What it has no right to it does the other way round, most times. */
enum verb actor_choose_direction(struct actor *actor, int chan, int n)
{
	enum verb verb = actor_random(actor, 2) ? RECV : SEND;

	if (!(actor->rights[chan][n] & (verb == SEND ? RIGHT_W : RIGHT_R)) &&
	    actor_random(actor, 8))
		return verb == SEND ? RECV : SEND;
	return verb;
}

/* No other actor sends it, nor this one a second time. */
int actor_new_value(struct actor *actor)
{
	return (actor->nr + 1) * 100 + ++actor->nr_ops;
}

void actor_transfer(struct actor *actor, int chan, unsigned int flags)
{
	int n = actor_choose_endpoint(actor, chan, RIGHT_R | RIGHT_W);
	enum verb verb;
	struct op *op;
	int fd, right;

	if (n < 0)
		return;
	verb = actor_choose_direction(actor, chan, n);
	right = verb == SEND ? RIGHT_W : RIGHT_R;
	op = note_begin(actor, verb, chan, 0);
	if (!op)
		return;
	if (verb == SEND)
		op->arg = actor_new_value(actor);
	choose_flags(actor, verb, op);
	op->flags |= flags;
	if (!(actor->rights[chan][n] & right))
		op->flags |= NORIGHT;
	fd = actor->fd[chan][n];
	note_start(op);
	note_end(op, verb == SEND ? do_send(actor, fd, op) : do_recv(actor, fd, op));
}

void actor_info(struct actor *actor, int chan)
{
	int n = actor_choose_endpoint(actor, chan, 0);
	struct op *op = n < 0 ? NULL : note_begin(actor, INFO, chan, 0);

	if (!op)
		return;
	note_start(op);
	note_end(op, endpoint_look(actor->fd[chan][n], &op->info));
}

static const int reasons[] = { 0, -ECANCELED, -ETIMEDOUT, 7, 1000000 };

/* From its end on nobody who was given the context goes on waiting. */
void actor_cancel(struct actor *actor)
{
	struct hsk_close_args args = {
		.size = sizeof(args), .reason = reasons[actor_random(actor, 5)],
	};
	struct op *op = note_begin(actor, CANCEL, -1, args.reason);

	if (!op)
		return;
	note_start(op);
	note_end(op, ioctl(actor->ctx, HSK_IOC_CLOSE, &args) ? errno : 0);
	__atomic_store_n(&shared->canceled, 1, __ATOMIC_SEQ_CST);
}

bool actor_close(struct actor *actor, int chan)
{
	int n = actor_choose_endpoint(actor, chan, RIGHT_W);
	struct hsk_close_args args = { .size = sizeof(args) };
	struct op *op;

	args.reason = reasons[actor_random(actor, 5)];
	op = n < 0 ? NULL : note_begin(actor, CLOSE, chan, args.reason);
	if (!op)
		return false;
	if (!(actor->rights[chan][n] & RIGHT_W))
		op->flags |= NORIGHT;
	note_start(op);
	note_end(op, ioctl(actor->fd[chan][n], HSK_IOC_CLOSE, &args) ? errno : 0);
	return true;
}

bool actor_release(struct actor *actor, int chan)
{
	int n = actor_choose_endpoint(actor, chan, 0);
	struct op *op;

	op = n < 0 ? NULL : note_begin(actor, RELEASE, chan, actor->rights[chan][n]);
	if (!op)
		return false;
	actor->rights[chan][n] = 0;
	note_start(op);
	note_end(op, close(actor->fd[chan][n]) ? errno : 0);
	return true;
}

static void duplicate(struct actor *actor, int chan)
{
	int rights = 1 + actor_random(actor, 3);
	int n = actor_choose_endpoint(actor, chan, rights);
	struct op *op;
	int fd;

	op = n < 0 || !has_room(actor, chan) ? NULL : note_begin(actor, DUP, chan, rights);
	if (!op)
		return;
	if (rights & ~actor->rights[chan][n])
		op->flags |= NORIGHT;
	note_start(op);
	fd = endpoint_dup(actor->fd[chan][n], rights);
	note_end(op, fd < 0 ? -fd : 0);
	if (fd >= 0)
		actor_adopt(actor, chan, fd, rights);
}

void actor_dawdle(struct actor *actor)
{
	struct timespec ts = { .tv_nsec = 1000 * actor_random(actor, 200) };
	unsigned int n;

	switch (actor_random(actor, 6)) {
	case 0:
		nanosleep(&ts, NULL);
		break;
	case 1:
		sched_yield();
		break;
	case 2:
		for (n = actor_random(actor, 30); n; n--)
			time_now();
		break;
	}
}

void actor_do_random(struct actor *actor)
{
	int chan = actor_random(actor, shared->nr_chans);
	unsigned int dice = actor_random(actor, 100);

	actor_dawdle(actor);
	if (dice < 15)
		actor_selector(actor, chan);
	else if (dice < 35)
		actor_select(actor, chan);
	else if (dice < 78)
		actor_transfer(actor, chan, 0);
	else if (dice < 80)
		actor_cancel(actor);
	else if (dice < 87)
		actor_info(actor, chan);
	else if (dice < 90)
		actor_close(actor, chan);
	else if (dice < 95)
		actor_release(actor, chan);
	else
		duplicate(actor, chan);
}
