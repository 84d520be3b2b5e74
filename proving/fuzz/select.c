// SPDX-License-Identifier: GPL-2.0-only
/*
 * A select in memory, also what a selector is given and asked for: its cases and their
 * headers, and what they are afterwards. All sends offer the same message, since one at
 * most is sent; all receives have the same room, apart from what is sent.
 */
#include <errno.h>
#include <string.h>

#include "exec.h"
#include "layout.h"
#include "worker.h"

#define HDR_STRIDE	64

static uint8_t saved[NR_WORKERS][MAX_CASES * HDR_STRIDE];

static unsigned int cases_in_memory(const struct step *step)
{
	return select_count(step) < MAX_CASES ? select_count(step) : MAX_CASES;
}

static void build_header(int w, const struct step *step, int c)
{
	bool send = step->arg[A_C0 + c] == CASE_SEND;
	struct hsk_msghdr hdr = {
		.data = pointer(w, step->arg[A_DATA], send ? DATA_AT : RDATA_AT, DATA_SIZE,
				straddle_len(step)),
		.len = arg_lens[step->arg[A_LEN]],
		.nr_fds = carried_count(step),
		.fds = pointer(w, step->arg[A_FDP], send ? FDS_AT : RFDS_AT, FDS_SIZE,
			       straddle_fds(step) * 4),
	};

	spoil(&hdr, step->arg[A_JUNK]);
	memcpy(saved[w] + c * HDR_STRIDE, &hdr, sizeof(hdr));
}

/* Where a header is; one across the end of a page can't be read, whatever is in it. */
static unsigned long header_pointer(int w, const struct step *step, int c)
{
	unsigned int kind = step->arg[A_HDRP];
	unsigned long at = pointer(w, kind, HDRS_AT, MISC_AT + MISC_SIZE - HDRS_AT,
				   sizeof(struct hsk_msghdr) / 2);

	return kind == PTR_OK || kind == PTR_READONLY ? at + c * HDR_STRIDE : at;
}

/* The cases, and what they point to: where they are. */
static unsigned long build_cases(int w, const struct step *step)
{
	static const unsigned int case_ops[] = { 0, HSK_CASE_RECV, HSK_CASE_SEND, 3 };
	uint8_t *arena = shared->worker[w].arena;
	unsigned int c, nr = cases_in_memory(step);
	struct hsk_select_case cases[MAX_CASES] = { 0 };

	fill_data(w, step, true);
	fill_fds(w, step, true);
	memset(arena + RDATA_AT, SENTINEL, DATA_SIZE);
	memset(arena + RFDS_AT, SENTINEL, FDS_SIZE);
	memset(saved[w], 0, sizeof(saved[w]));
	for (c = 0; c < nr; c++) {
		cases[c].op = case_ops[step->arg[A_C0 + c]];
		cases[c].fd = -1;
		if (cases[c].op)
			cases[c].fd = model_fd(w, step->arg[A_S0 + c]);
		cases[c].msg = header_pointer(w, step, c);
		build_header(w, step, c);
	}
	memcpy(arena + HDRS_AT, saved[w], sizeof(saved[w]));
	memcpy(arena + MISC_AT, cases, nr * sizeof(cases[0]));
	if (step->arg[A_CASEP] == PTR_STRADDLE)
		memcpy(arena + MISC_AT + MISC_SIZE - nr * 8, cases, nr * 8);
	return pointer(w, step->arg[A_CASEP], MISC_AT, MISC_SIZE, nr * 8);
}

void build_select(int w, const struct step *step)
{
	struct hsk_select_args args = {
		.flags = flags_value(step),
		.deadline = deadline_value(step),
		.cases = build_cases(w, step),
		.nr_cases = select_count(step),
	};

	args.flags |= build_ctx(w, step, &args.ctx, &args.ctx_reason);
	if (select_ordered(w, step))
		args.flags |= HSK_SELECT_F_ORDERED;
	build_ioctl(w, step, HSK_IOC_SELECT, &args, sizeof(args));
}

void build_arm(int w, const struct step *step)
{
	struct hsk_arm_args args = {
		.flags = step->arg[A_JUNK] == JUNK_CTX ? HSK_OP_F_DONTWAIT : 0,
		.cases = build_cases(w, step),
		.nr_cases = select_count(step),
		.__reserved0 = step->arg[A_JUNK] == JUNK_CTX_REASON,
	};

	if (select_ordered(w, step))
		args.flags |= HSK_SELECT_F_ORDERED;
	build_ioctl(w, step, HSK_IOC_ARM, &args, sizeof(args));
}

/* Of its cases only the pointers to headers matter, and of these one at most. */
void build_finish(int w, const struct step *step)
{
	struct hsk_finish_args args = {
		.flags = step->arg[A_JUNK] == JUNK_CTX,
		.cases = build_cases(w, step),
		.nr_cases = select_count(step),
		.result = step->arg[A_JUNK] == JUNK_CTX_REASON,
	};

	build_ioctl(w, step, HSK_IOC_FINISH, &args, sizeof(args));
}

/* The header of the receive that was chosen, and none else. */
static void expect_header(const struct pending *pending, struct hsk_msghdr *hdr)
{
	if (pending->result == -EMSGSIZE && pending->outcome != OUT_ERROR) {
		hdr->len = pending->need_len;
		hdr->nr_fds = pending->need_fds;
	}
	if (pending->outcome != OUT_MESSAGE && pending->outcome != OUT_CLOSED)
		return;
	hdr->len = pending->msg ? pending->msg->len : 0;
	hdr->nr_fds = pending->nr_fds;
	hdr->flags = pending->msg ? 0 : HSK_MSG_F_CLOSED;
	hdr->reason = pending->reason;
	hdr->pid = pending->msg ? pending->msg->pid : 0;
	hdr->uid = pending->msg ? pending->msg->uid : 0;
	hdr->gid = pending->msg ? pending->msg->gid : 0;
}

void check_select(int w)
{
	const struct pending *pending = &model.worker[w].pending;
	int chosen = pending->chosen;
	uint8_t expected[sizeof(saved[w])];
	size_t at;

	memcpy(expected, saved[w], sizeof(expected));
	if (chosen >= 0 && !pending->cases[chosen].send &&
	    pending->step.arg[A_HDRP] == PTR_OK)
		expect_header(pending, (void *)(expected + chosen * HDR_STRIDE));
	at = first_difference(shared->worker[w].arena + HDRS_AT, expected, sizeof(expected));
	if (at < sizeof(expected))
		fail("worker %d: select left byte %zu of its headers as %#x, the model says %#x",
		     w, at, shared->worker[w].arena[HDRS_AT + at], expected[at]);
}
