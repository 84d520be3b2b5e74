/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that a worker's system calls point into. Each part ends at a page
 * that is not there, so that what should not be touched can't be. All of it is
 * mapped a second time, to read only.
 */
#ifndef FUZZ_LAYOUT_H
#define FUZZ_LAYOUT_H

#define PAGE		4096UL

#define DATA_AT		(0 * PAGE)
#define DATA_SIZE	(4 * PAGE)
#define ARGS_AT		(5 * PAGE)
#define ARGS_SIZE	(2 * PAGE)
#define FDS_AT		(8 * PAGE)
#define FDS_SIZE	(1 * PAGE)
#define MISC_AT		(10 * PAGE)
#define MISC_SIZE	(2 * PAGE)
/* Where the receives of a select have their data and descriptors. */
#define RDATA_AT	(13 * PAGE)
#define RFDS_AT		(18 * PAGE)
#define ARENA_SIZE	(20 * PAGE)

/* A select's cases are in front of the rest, then come their headers. */
#define HDRS_AT		(MISC_AT + 1024)

/* No process may point here. */
#define KERNEL_ADDRESS	0xffff888000001000UL

#endif /* FUZZ_LAYOUT_H */
