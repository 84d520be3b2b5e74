// SPDX-License-Identifier: GPL-2.0-only
/* What a party can do, logged before and after. */
#include <unistd.h>

#include "kills.h"

static struct k_log *log_of(struct k_party *me)
{
	return &me->stage->logs[me->nr];
}

void k_fail(struct k_party *me, const char *what, int err)
{
	snprintf(log_of(me)->failure, K_TEXT, "%s: %d (%s)", what, err,
		 strerror(err < 0 ? -err : err));
	_exit(1);
}

/* A number to send is never 0, and rises. */
struct k_step *k_step_begin(struct k_party *me, enum k_op op, unsigned int chan,
			    unsigned int ahead)
{
	struct k_log *log = log_of(me);
	struct k_step *step = &log->steps[log->nr + ahead];

	if (log->nr + ahead >= K_STEPS)
		k_fail(me, "too many steps", 0);
	*step = (struct k_step) { .op = op, .chan = chan, .result = K_PENDING };
	if (op == K_SEND)
		step->value = (me->nr + 1) * 1000 + log->nr + ahead + 1;
	return step;
}

static struct k_step *begin(struct k_party *me, enum k_op op, unsigned int chan)
{
	return k_step_begin(me, op, chan, 0);
}

void k_step_commit(struct k_party *me, unsigned int nr)
{
	__atomic_fetch_add(&log_of(me)->nr, nr, __ATOMIC_RELEASE);
}

/* From here on the operation may have happened. */
static void commit(struct k_party *me)
{
	k_step_commit(me, 1);
}

void k_step_end(struct k_step *step, int result)
{
	__atomic_store_n(&step->result, result, __ATOMIC_RELEASE);
}

/* An error without effect leaves no step. */
static void forget(struct k_party *me)
{
	__atomic_fetch_sub(&log_of(me)->nr, 1, __ATOMIC_RELEASE);
}

static int write_value(int fd, __u64 value)
{
	return write(fd, &value, sizeof(value)) < 0 ? -errno : 0;
}

int k_send(struct k_party *me, unsigned int chan, int passed, enum k_how how)
{
	struct k_step *step = begin(me, K_SEND, chan);
	int ret;

	commit(me);
	if (how == K_READ_WRITE)
		ret = write_value(me->fd[chan], step->value);
	else
		ret = t_send_full(me->fd[chan], &step->value, sizeof(step->value), &passed,
				  passed >= 0, how == K_DONTWAIT ? HSK_OP_F_DONTWAIT : 0, 0);
	if (how == K_DONTWAIT && ret == -EAGAIN) {
		forget(me);
		return ret;
	}
	if (ret && ret != -EPIPE)
		k_fail(me, "send", ret);
	k_step_end(step, ret);
	return ret;
}

static int read_value(int fd, struct hsk_msghdr *msg, __u64 *value)
{
	ssize_t ret = read(fd, value, sizeof(*value));

	memset(msg, 0, sizeof(*msg));
	msg->len = ret < 0 ? 0 : ret;
	if (!ret) {
		msg->flags = HSK_MSG_F_CLOSED;
		msg->reason = K_UNKNOWN;
	}
	return ret < 0 ? -errno : 0;
}

static int receive(int fd, struct hsk_msghdr *msg, __u64 *value, int *passed, enum k_how how)
{
	if (how == K_READ_WRITE)
		return read_value(fd, msg, value);
	return t_recv_full(fd, value, sizeof(*value), passed, !!passed,
			   how == K_DONTWAIT ? HSK_OP_F_DONTWAIT : 0, 0, msg);
}

int k_recv(struct k_party *me, unsigned int chan, int *passed, enum k_how how)
{
	struct k_step *step = begin(me, K_RECV, chan);
	struct hsk_msghdr msg;
	__u64 value = 0;
	int ret;

	commit(me);
	ret = receive(me->fd[chan], &msg, &value, passed, how);
	if (how == K_DONTWAIT && ret == -EAGAIN) {
		forget(me);
		return ret;
	}
	if (ret)
		k_fail(me, "receive", ret);
	if (msg.flags & HSK_MSG_F_CLOSED)
		step->reason = msg.reason;
	else if (msg.len != sizeof(value) || (passed && msg.nr_fds != 1))
		k_fail(me, "receive: a torn message, its bytes", msg.len);
	else
		step->value = value;
	k_step_end(step, 0);
	return !(msg.flags & HSK_MSG_F_CLOSED);
}

int k_recv_fails(struct k_party *me, unsigned int chan, int error)
{
	struct k_step *step = begin(me, K_RECV, chan);
	struct hsk_msghdr msg;
	int fd, ret;

	commit(me);
	ret = t_recv_full(me->fd[chan], error == -EFAULT ? t_bad_address() : &step->value,
			  sizeof(step->value), &fd, 1, 0, 0, &msg);
	if (ret == error) {
		log_of(me)->gave_back++;
		forget(me);
		return ret;
	}
	if (ret || !(msg.flags & HSK_MSG_F_CLOSED))
		k_fail(me, "receive that must fail", ret);
	step->reason = msg.reason;
	k_step_end(step, 0);
	return 0;
}

int k_close(struct k_party *me, unsigned int chan, int reason)
{
	struct k_step *step = begin(me, K_CLOSE, chan);
	int ret;

	step->reason = reason;
	commit(me);
	ret = t_close(me->fd[chan], reason);
	if (ret && ret != -EPIPE)
		k_fail(me, "close", ret);
	k_step_end(step, ret);
	return ret;
}

void k_note_close(struct k_party *me, unsigned int chan, int reason)
{
	struct k_step *step = begin(me, K_RECV, chan);

	step->reason = reason;
	k_step_end(step, 0);
	commit(me);
}

void k_leave(struct k_party *me, unsigned int chan)
{
	if (close(me->fd[chan]))
		k_fail(me, "close(2)", -errno);
	me->fd[chan] = -1;
}

/* Somebody waits for what never comes: said before the director takes it for stuck. */
static __u64 await_limit(void)
{
	return t_in_ms(k_patience_ms / 4 * 3);
}

void k_await(struct k_party *me, unsigned int chan, unsigned int senders, unsigned int receivers)
{
	__u64 limit = await_limit();
	struct hsk_info_args info;

	while (!__atomic_load_n(&me->stage->over, __ATOMIC_ACQUIRE)) {
		if (t_info(me->fd[chan], &info))
			k_fail(me, "INFO", -errno);
		if (info.state & HSK_STATE_CLOSED ||
		    (info.waiting_senders >= senders && info.waiting_receivers >= receivers))
			return;
		if (t_now() > limit)
			k_fail(me, "nobody came to wait", ETIMEDOUT);
		t_sleep_ms(1);
	}
}

void k_await_sender(struct k_party *me, unsigned int chan)
{
	__u64 limit = await_limit();
	struct hsk_info_args info;

	for (;;) {
		if (t_info(me->fd[chan], &info))
			k_fail(me, "INFO", -errno);
		if (info.state & HSK_STATE_CLOSED)
			return;
		if (info.buffered)
			k_fail(me, "a sender that waited was let go, messages buffered",
			       info.buffered);
		if (info.waiting_senders)
			return;
		if (t_now() > limit)
			k_fail(me, "no sender waits any more", ETIMEDOUT);
		t_sleep_ms(1);
	}
}

void k_await_empty(struct k_party *me, unsigned int chan)
{
	__u64 limit = await_limit();
	struct hsk_info_args info;

	for (;;) {
		if (t_info(me->fd[chan], &info))
			k_fail(me, "INFO", -errno);
		if (!info.buffered)
			return;
		if (t_now() > limit)
			k_fail(me, "nobody takes what is there", ETIMEDOUT);
		t_sleep_ms(1);
	}
}
