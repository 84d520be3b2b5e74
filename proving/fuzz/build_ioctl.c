// SPDX-License-Identifier: GPL-2.0-only
/* The device's ioctls: their arguments in memory, good and bad. */
#include <string.h>
#include <sys/syscall.h>

#include <linux/hsk.h>

#include "exec.h"
#include "layout.h"
#include "worker.h"

#define NSEC_PER_SEC 1000000000ULL

/* Each worker's argument struct as it was passed. */
static uint8_t saved[NR_WORKERS][ARGS_SIZE];

const uint8_t *build_saved_args(int w)
{
	return saved[w];
}

/* A pointer of a kind into a part of the worker's memory. */
unsigned long pointer(int w, unsigned int kind, size_t part, size_t size, size_t half)
{
	const struct worker *worker = &shared->worker[w];

	switch (kind) {
	case PTR_NULL:
		return 0;
	case PTR_UNMAPPED:
		return (unsigned long)worker->arena + part + size + 64;
	case PTR_KERNEL:
		return KERNEL_ADDRESS;
	case PTR_READONLY:
		return (unsigned long)worker->readonly + part;
	case PTR_STRADDLE:
		return (unsigned long)worker->arena + part + size - half;
	default:
		return (unsigned long)worker->arena + part;
	}
}

unsigned long data_pointer(int w, const struct step *step)
{
	return pointer(w, step->arg[A_DATA], DATA_AT, DATA_SIZE, straddle_len(step));
}

/* Bytes that no other message has. */
void build_bytes(uint8_t *to, uint32_t id, uint32_t len)
{
	uint32_t i, mix = id * BYTES_FACTOR;

	for (i = 0; i < len; i++)
		to[i] = (mix >> (i % 4 * 8)) + i / 4;
}

void fill_data(int w, const struct step *step, bool sending)
{
	uint8_t *at = shared->worker[w].arena + DATA_AT;
	uint32_t len = arg_lens[step->arg[A_LEN]];

	if (!sending)
		memset(at, SENTINEL, DATA_SIZE);
	else if (len <= DATA_SIZE)
		build_bytes(step->arg[A_DATA] == PTR_STRADDLE ?
			    at + DATA_SIZE - straddle_len(step) : at,
			    model.worker[w].pending.msg_id,
			    step->arg[A_DATA] == PTR_STRADDLE ? straddle_len(step) : len);
}

void fill_fds(int w, const struct step *step, bool sending)
{
	uint8_t *at = shared->worker[w].arena + FDS_AT;
	int32_t fds[MAX_CARRIED] = { 0 };
	int i;

	memset(at, SENTINEL, FDS_SIZE);
	if (!sending)
		return;
	for (i = 0; i < MAX_CARRIED; i++)
		fds[i] = model_fd(w, step->arg[A_F0 + i]);
	if (step->arg[A_FDP] == PTR_STRADDLE)
		memcpy(at + FDS_SIZE - straddle_fds(step) * 4, fds,
		       straddle_fds(step) < MAX_CARRIED ? straddle_fds(step) * 4 : sizeof(fds));
	else
		memcpy(at, fds, sizeof(fds));
}

/* The size of a struct as it was first published: less is too little. */
static uint32_t first_size(const struct step *step, size_t size)
{
	switch (step->op) {
	case OP_SEND:
		return offsetof(struct hsk_send_args, ctx);
	case OP_RECV:
		return offsetof(struct hsk_recv_args, ctx);
	case OP_NEW:
		return offsetof(struct hsk_chan_new_args, deadline);
	default:
		return size;
	}
}

static uint32_t args_size(const struct step *step, size_t size)
{
	switch (step->arg[A_SIZE]) {
	case SIZE_ZERO:
		return 0;
	case SIZE_SMALL:
		return first_size(step, size) - 1;
	case SIZE_FIRST:
		return first_size(step, size);
	case SIZE_LONGER: case SIZE_NEWER:
		return size + 8;
	case SIZE_PAGE:
		return 4096;
	case SIZE_OVER:
		return 4097;
	case SIZE_HUGE:
		return UINT32_MAX;
	default:
		return size;
	}
}

/* An ioctl with the struct of that size, whose first member is its size. */
void build_ioctl(int w, const struct step *step, unsigned int cmd, void *args, size_t size)
{
	uint8_t *at = shared->worker[w].arena + ARGS_AT;
	uint32_t usize = args_size(step, size);

	memcpy(args, &usize, sizeof(usize));
	memset(saved[w], 0, sizeof(saved[w]));
	memcpy(saved[w], args, size);
	if (step->arg[A_SIZE] == SIZE_NEWER)
		saved[w][size + 4] = 1;
	memcpy(at, saved[w], ARGS_SIZE);
	if (step->arg[A_ARGP] == PTR_STRADDLE)
		memcpy(at + ARGS_SIZE - size / 2, args, size / 2);
	add_call(w, SYS_ioctl, model_fd(w, step->arg[A_S]), cmd,
		 pointer(w, step->arg[A_ARGP], ARGS_AT, ARGS_SIZE, size / 2));
}

uint32_t flags_value(const struct step *step)
{
	static const uint32_t values[] = {
		0, HSK_OP_F_DONTWAIT, 0x80000000U, 0x80000000U | HSK_OP_F_DONTWAIT,
	};

	return values[step->arg[A_FLAGS]];
}

uint64_t deadline_value(const struct step *step)
{
	uint64_t current = now() * NSEC_PER_SEC;

	switch (step->arg[A_DEADLINE]) {
	case DEADLINE_PAST:
		return 1;
	case DEADLINE_NEAR:
		return current + NSEC_PER_SEC / 500;
	case DEADLINE_FAR:
		return current + 3600 * NSEC_PER_SEC;
	case DEADLINE_BAD:
		return 1ULL << 63;
	default:
		return 0;
	}
}

void spoil(struct hsk_msghdr *msg, unsigned int junk)
{
	msg->flags = junk == JUNK_FLAGS;
	msg->reason = junk == JUNK_REASON ? -1 : 0;
	msg->pid = junk == JUNK_PID;
	msg->uid = junk == JUNK_UID;
	msg->gid = junk == JUNK_GID;
	msg->__reserved0 = junk == JUNK_RES0;
	msg->__reserved1 = junk == JUNK_RES1 ? 1ULL << 63 : 0;
}

/* An operation's context: the flag that says that there is one, and the members. */
uint32_t build_ctx(int w, const struct step *step, int32_t *ctx, int32_t *ctx_reason)
{
	*ctx = 0;
	if (step->arg[A_CTX])
		*ctx = model_fd(w, step->arg[A_CTX] - 1);
	else if (step->arg[A_JUNK] == JUNK_CTX)
		*ctx = 1;
	*ctx_reason = step->arg[A_JUNK] == JUNK_CTX_REASON;
	return context_wanted(step) ? HSK_OP_F_CTX : 0;
}

void build_transfer(int w, const struct step *step)
{
	/* The same layout for both directions. */
	struct hsk_send_args args = {
		.flags = flags_value(step),
		.deadline = deadline_value(step),
		.msg.data = data_pointer(w, step),
		.msg.len = arg_lens[step->arg[A_LEN]],
		.msg.nr_fds = carried_count(step),
		.msg.fds = pointer(w, step->arg[A_FDP], FDS_AT, FDS_SIZE, straddle_fds(step) * 4),
	};
	bool sending = step->op == OP_SEND;

	args.flags |= build_ctx(w, step, &args.ctx, &args.ctx_reason);
	spoil(&args.msg, step->arg[A_JUNK]);
	fill_data(w, step, sending);
	fill_fds(w, step, sending);
	build_ioctl(w, step, sending ? HSK_IOC_SEND : HSK_IOC_RECV, &args, sizeof(args));
}

static void build_new(int w, const struct step *step)
{
	struct hsk_chan_new_args args = {
		.flags = step->arg[A_JUNK] == JUNK_FLAGS ? 0x80000000U : 0,
		.capacity = cap_value(step->arg[A_CAP]),
		.deadline = deadline_value(step),
	};

	if (step->arg[A_PARENT])
		args.parent = model_fd(w, step->arg[A_PARENT] - 1);
	/* Without the flag that says so there is none. */
	if (step->arg[A_JUNK] == JUNK_RES0)
		args.parent = args.parent ?: 1;
	else if (step->arg[A_PARENT])
		args.flags |= HSK_CHAN_F_PARENT;
	build_ioctl(w, step, HSK_IOC_CHAN_NEW, &args, sizeof(args));
}

void build_small(int w, const struct step *step)
{
	static const unsigned int rights[] = {
		HSK_RIGHT_READ | HSK_RIGHT_WRITE, HSK_RIGHT_READ, HSK_RIGHT_WRITE, 0, 7,
	};
	struct hsk_close_args shut = { .reason = arg_reasons[step->arg[A_REASON]] };
	struct hsk_dup_args dup = { .rights = rights[step->arg[A_RIGHTS]] };
	struct hsk_info_args info = { .__reserved0 = step->arg[A_JUNK] == JUNK_RES0 };
	struct hsk_selector_args selector = { .flags = step->arg[A_JUNK] == JUNK_FLAGS };
	struct hsk_disarm_args disarm = { .__reserved0 = step->arg[A_JUNK] == JUNK_RES0 };
	struct hsk_abi_args abi = { 0 };

	switch (step->op) {
	case OP_NEW:
		build_new(w, step);
		break;
	case OP_SHUT:
		build_ioctl(w, step, HSK_IOC_CLOSE, &shut, sizeof(shut));
		break;
	case OP_DUP:
		build_ioctl(w, step, HSK_IOC_DUP, &dup, sizeof(dup));
		break;
	case OP_INFO:
		build_ioctl(w, step, HSK_IOC_INFO, &info, sizeof(info));
		break;
	case OP_SELECTOR:
		build_ioctl(w, step, HSK_IOC_SELECTOR, &selector, sizeof(selector));
		break;
	case OP_DISARM:
		build_ioctl(w, step, HSK_IOC_DISARM, &disarm, sizeof(disarm));
		break;
	default:
		build_ioctl(w, step, HSK_IOC_ABI, &abi, sizeof(abi));
	}
}

void build_unknown(int w, const struct step *step)
{
	/* None is known; the last has the size in the number, as others do it. */
	static const unsigned int cmds[] = {
		_IO(HSK_IOC_MAGIC, 0x0f), _IO(HSK_IOC_MAGIC, 0x1c), _IO(HSK_IOC_MAGIC, 0x20),
		0x541b, 0x5401, _IOWR(HSK_IOC_MAGIC, 0x14, struct hsk_send_args),
	};

	add_call(w, SYS_ioctl, model_fd(w, step->arg[A_S]), cmds[step->arg[A_CMD]],
		 pointer(w, step->arg[A_ARGP], ARGS_AT, ARGS_SIZE, 4));
}
