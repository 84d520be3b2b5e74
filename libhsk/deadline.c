// SPDX-License-Identifier: LGPL-2.1-or-later
/* Absolute deadlines from spans of time. */
#include <time.h>

#include "internal.h"

#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL

HSK_PUBLIC uint64_t hsk_deadline_in_ns(uint64_t ns)
{
	struct timespec now;
	uint64_t now_ns;

	/* Cannot fail: the clock always exists and the pointer is good. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	if (ns > INT64_MAX - now_ns)
		return INT64_MAX;
	/* 0 would mean no deadline at all. */
	return now_ns + ns ? now_ns + ns : 1;
}

HSK_PUBLIC uint64_t hsk_deadline_in_ms(uint64_t ms)
{
	if (ms > INT64_MAX / NS_PER_MS)
		return INT64_MAX;
	return hsk_deadline_in_ns(ms * NS_PER_MS);
}
