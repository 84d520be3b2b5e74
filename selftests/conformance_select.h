/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of the programs that try the properties of Go's tests of select: a
 * channel, with and without a buffer, and parties that are processes or threads. For
 * programs that include this after kselftest_harness.h.
 */
#ifndef HSK_CONFORMANCE_SELECT_H
#define HSK_CONFORMANCE_SELECT_H

#include "hsk_job.h"
#include "hsk_select.h"

FIXTURE(go_select) {
	unsigned int capacity;
	enum t_mode mode;
	int fd;
};

FIXTURE_VARIANT(go_select) {
	enum t_mode mode;
	unsigned int capacity;
};

FIXTURE_VARIANT_ADD(go_select, process_0) { T_PROCESS, 0 };
FIXTURE_VARIANT_ADD(go_select, process_10) { T_PROCESS, 10 };
FIXTURE_VARIANT_ADD(go_select, thread_0) { T_THREAD, 0 };
FIXTURE_VARIANT_ADD(go_select, thread_10) { T_THREAD, 10 };

FIXTURE_SETUP(go_select)
{
	ASSERT_LE(0, t_never());
	self->capacity = variant->capacity;
	self->mode = variant->mode;
	self->fd = t_new(variant->capacity);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(go_select)
{
	EXPECT_TRUE(t_counters(t_never(), 0, 0, 0, 0));
}

#endif /* HSK_CONFORMANCE_SELECT_H */
