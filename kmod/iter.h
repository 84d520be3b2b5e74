/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Iter: read(2) and write(2), their vector forms, and io_uring's, as receive and
 * send of one message's bytes. The VFS has checked the right (EBADF).
 *
 * A write names as its sender the user whom the endpoint was opened by, so that a
 * set-uid program that is talked into writing to it lends it nothing.
 */
#ifndef HSK_ITER_H
#define HSK_ITER_H

#include <linux/types.h>

struct iov_iter;
struct kiocb;

ssize_t hsk_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t hsk_write_iter(struct kiocb *iocb, struct iov_iter *from);

#endif /* HSK_ITER_H */
