// SPDX-License-Identifier: LGPL-2.1-or-later
/* Cases of a select: made for the caller, and put into the kernel's form. */
#include "case.h"

static struct hsk_case new_case(int ep, unsigned int op)
{
	return (struct hsk_case) { .ep = ep, .op = op };
}

HSK_PUBLIC struct hsk_case hsk_case_send(int ep, const void *data, size_t len)
{
	return hsk_case_send_fds(ep, data, len, NULL, 0);
}

HSK_PUBLIC struct hsk_case hsk_case_send_fds(int ep, const void *data,
					     size_t len, const int *fds,
					     size_t nr_fds)
{
	struct hsk_case new = new_case(ep, HSK_CASE_SEND);

	/* Without const, since a receive writes there; a send only reads. */
	new.data = (void *)data;
	new.len = len;
	new.fds = (int *)fds;
	new.nr_fds = nr_fds;
	return new;
}

HSK_PUBLIC struct hsk_case hsk_case_recv(int ep, void *buf, size_t room)
{
	return hsk_case_recv_fds(ep, buf, room, NULL, 0);
}

HSK_PUBLIC struct hsk_case hsk_case_recv_fds(int ep, void *buf, size_t room,
					     int *fds, size_t fds_room)
{
	struct hsk_case new = new_case(ep, HSK_CASE_RECV);

	new.data = buf;
	new.len = room;
	new.fds = fds;
	new.nr_fds = fds_room;
	return new;
}

/**
 * hsk_cases_load() - put cases into the kernel's form
 * @kernel: gets them, and points into itself
 * @cases: the caller's
 * @nr: how many
 *
 * Return: 0; -EINVAL too many; -EMSGSIZE a message that nobody can count.
 */
int hsk_cases_load(struct hsk_kernel_cases *kernel, const struct hsk_case *cases,
		   size_t nr)
{
	size_t i;

	if (nr > HSK_SELECT_CASES_MAX)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		const struct hsk_case *from = &cases[i];

		kernel->cases[i] = (struct hsk_select_case) {
			.fd = from->ep,
			.op = from->op,
			.msg = (uintptr_t)&kernel->msgs[i],
		};
		kernel->msgs[i] = (struct hsk_msghdr) {
			.data = (uintptr_t)from->data,
			.fds = (uintptr_t)from->fds,
			.len = hsk_room(from->len),
			.nr_fds = hsk_room(from->nr_fds),
		};
		if (from->ep >= 0 && from->op == HSK_CASE_SEND &&
		    (from->len > UINT32_MAX || from->nr_fds > UINT32_MAX))
			return -EMSGSIZE;
	}
	return 0;
}

/**
 * hsk_case_settle() - tell the caller what became of the chosen case
 * @chosen: the caller's case
 * @result: as the kernel tells it
 * @hdr: likewise
 */
void hsk_case_settle(struct hsk_case *chosen, int result,
		     const struct hsk_msghdr *hdr)
{
	if (chosen->op == HSK_CASE_RECV)
		result = hsk_recv_result(result, hdr, &chosen->msg);
	chosen->result = result;
}
