// SPDX-License-Identifier: LGPL-2.1-or-later
/* Selectors: a select that waits without a thread. */
#include "case.h"

HSK_PUBLIC int hsk_selector_new(void)
{
	int ep = hsk_chan_new(0);
	int selector;

	if (ep < 0)
		return ep;
	selector = hsk_selector_new_from(ep);
	hsk_fd_close(ep);
	return selector;
}

HSK_PUBLIC int hsk_selector_new_from(int ep)
{
	struct hsk_selector_args args = { .size = sizeof(args) };

	return hsk_ioctl(ep, HSK_IOC_SELECTOR, &args);
}

static int do_arm(int selector, const struct hsk_case *cases, size_t nr,
		  uint32_t flags)
{
	struct hsk_kernel_cases kernel;
	struct hsk_arm_args args = {
		.size = sizeof(args),
		.flags = flags,
		.cases = (uintptr_t)kernel.cases,
		.nr_cases = (uint32_t)nr,
	};
	int ret = hsk_cases_load(&kernel, cases, nr);

	return ret < 0 ? ret : hsk_ioctl(selector, HSK_IOC_ARM, &args);
}

HSK_PUBLIC int hsk_selector_arm(int selector, const struct hsk_case *cases,
				size_t nr)
{
	return do_arm(selector, cases, nr, 0);
}

HSK_PUBLIC int hsk_selector_arm_ordered(int selector,
					const struct hsk_case *cases, size_t nr)
{
	return do_arm(selector, cases, nr, HSK_SELECT_F_ORDERED);
}

HSK_PUBLIC int hsk_selector_finish(int selector, struct hsk_case *cases,
				   size_t nr)
{
	struct hsk_kernel_cases kernel;
	struct hsk_finish_args args = {
		.size = sizeof(args),
		.cases = (uintptr_t)kernel.cases,
		.nr_cases = (uint32_t)nr,
	};
	int ret = hsk_cases_load(&kernel, cases, nr);

	if (ret < 0)
		return ret;
	ret = hsk_ioctl(selector, HSK_IOC_FINISH, &args);
	if (ret >= 0)
		hsk_case_settle(&cases[ret], args.result, &kernel.msgs[ret]);
	return ret;
}

HSK_PUBLIC int hsk_selector_disarm(int selector)
{
	struct hsk_disarm_args args = { .size = sizeof(args) };

	return hsk_ioctl(selector, HSK_IOC_DISARM, &args);
}
