/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cases in the kernel's form, as a select and a selector hand them over. */
#ifndef HSK_CASE_H
#define HSK_CASE_H

#include "internal.h"

/**
 * struct hsk_kernel_cases - cases as the kernel wants them
 * @cases: what the ioctls are given
 * @msgs: what @cases point to
 *
 * 4.5 KiB of the stack, so that nothing is allocated. Only what is used is set.
 */
struct hsk_kernel_cases {
	struct hsk_select_case cases[HSK_SELECT_CASES_MAX];
	struct hsk_msghdr msgs[HSK_SELECT_CASES_MAX];
};

int hsk_cases_load(struct hsk_kernel_cases *kernel, const struct hsk_case *cases,
		   size_t nr);
void hsk_case_settle(struct hsk_case *chosen, int result,
		     const struct hsk_msghdr *hdr);

#endif /* HSK_CASE_H */
