/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the properties of Go's own channel tests are tried here: with parties that
 * are processes or threads, on channels of several capacities, with each form
 * of operation on either side. Two fixtures, for the programs that include this
 * after kselftest_harness.h.
 */
#ifndef HSK_CONFORMANCE_H
#define HSK_CONFORMANCE_H

#include "hsk_job.h"

struct t_setting {
	enum t_mode mode;
	unsigned int capacity;
	enum t_form send, recv;
};

/*
 * Every setting. Two parties that both only try never meet without a buffer:
 * with capacity 0 one of them blocks.
 */
FIXTURE(go) {
	int unused;
};

FIXTURE_VARIANT(go) {
	struct t_setting set;
};

FIXTURE_SETUP(go)
{
}

FIXTURE_TEARDOWN(go)
{
}

FIXTURE_VARIANT_ADD(go, process_0) {
	{ T_PROCESS, 0, T_BLOCK, T_BLOCK }
};

FIXTURE_VARIANT_ADD(go, process_0_read_write) {
	{ T_PROCESS, 0, T_RW, T_RW }
};

FIXTURE_VARIANT_ADD(go, process_0_dontwait_send) {
	{ T_PROCESS, 0, T_DONTWAIT, T_BLOCK }
};

FIXTURE_VARIANT_ADD(go, process_0_dontwait_receive) {
	{ T_PROCESS, 0, T_BLOCK, T_DONTWAIT }
};

FIXTURE_VARIANT_ADD(go, process_1) {
	{ T_PROCESS, 1, T_BLOCK, T_BLOCK }
};

FIXTURE_VARIANT_ADD(go, process_10_dontwait) {
	{ T_PROCESS, 10, T_DONTWAIT, T_DONTWAIT }
};

FIXTURE_VARIANT_ADD(go, process_10_read_write) {
	{ T_PROCESS, 10, T_RW, T_RW }
};

FIXTURE_VARIANT_ADD(go, thread_0) {
	{ T_THREAD, 0, T_BLOCK, T_BLOCK }
};

FIXTURE_VARIANT_ADD(go, thread_0_read_write) {
	{ T_THREAD, 0, T_RW, T_RW }
};

FIXTURE_VARIANT_ADD(go, thread_0_dontwait_send) {
	{ T_THREAD, 0, T_DONTWAIT, T_BLOCK }
};

FIXTURE_VARIANT_ADD(go, thread_0_dontwait_receive) {
	{ T_THREAD, 0, T_BLOCK, T_DONTWAIT }
};

FIXTURE_VARIANT_ADD(go, thread_1) {
	{ T_THREAD, 1, T_BLOCK, T_BLOCK }
};

FIXTURE_VARIANT_ADD(go, thread_10_dontwait) {
	{ T_THREAD, 10, T_DONTWAIT, T_DONTWAIT }
};

FIXTURE_VARIANT_ADD(go, thread_10_read_write) {
	{ T_THREAD, 10, T_RW, T_RW }
};

/* What matters for heavy tests: who, and whether it buffers. */
FIXTURE(go_few) {
	int unused;
};

FIXTURE_VARIANT(go_few) {
	struct t_setting set;
};

FIXTURE_SETUP(go_few)
{
}

FIXTURE_TEARDOWN(go_few)
{
}

FIXTURE_VARIANT_ADD(go_few, process_0) {
	{ T_PROCESS, 0, T_BLOCK, T_BLOCK }
};

FIXTURE_VARIANT_ADD(go_few, process_10) {
	{ T_PROCESS, 10, T_BLOCK, T_RW }
};

FIXTURE_VARIANT_ADD(go_few, thread_0) {
	{ T_THREAD, 0, T_RW, T_BLOCK }
};

FIXTURE_VARIANT_ADD(go_few, thread_10) {
	{ T_THREAD, 10, T_BLOCK, T_BLOCK }
};

#endif /* HSK_CONFORMANCE_H */
