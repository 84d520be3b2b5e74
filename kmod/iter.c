// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/uio.h>

#include "chan.h"
#include "endpoint.h"
#include "iter.h"
#include "limits.h"
#include "match.h"
#include "msg.h"
#include "op.h"
#include "transfer.h"

static struct hsk_op hsk_iter_op(const struct kiocb *iocb)
{
	return (struct hsk_op) {
		.nonblock = hsk_endpoint_nonblock(iocb->ki_filp) || (iocb->ki_flags & IOCB_NOWAIT),
	};
}

/**
 * hsk_write_iter() - send one message of bytes
 * @iocb: the endpoint, and whether it may block
 * @from: the bytes; left where it was on error, so that io_uring can try again
 *
 * Return: the number of bytes; -EMSGSIZE; -ENOMEM; -EFAULT; as hsk_send().
 */
ssize_t hsk_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct hsk_chan *chan = hsk_endpoint_chan(iocb->ki_filp);
	struct hsk_op op = hsk_iter_op(iocb);
	size_t len = iov_iter_count(from);
	struct hsk_msg *msg;
	int err;

	if (len > hsk_limit_msg_size())
		return -EMSGSIZE;
	msg = hsk_msg_new(from, len, iocb->ki_filp->f_cred);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	err = hsk_send(chan, msg, &op);
	if (!err)
		return len;
	hsk_msg_free(msg);
	iov_iter_revert(from, len);
	return err;
}

/**
 * hsk_read_iter() - receive one message of bytes
 * @iocb: the endpoint, and whether it may block
 * @to: where the bytes go
 *
 * Return: the number of bytes, 0 also for closed and drained; -EMSGSIZE,
 * -EBADMSG it does not fit and stays; -EFAULT, likewise; as hsk_recv().
 */
ssize_t hsk_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct hsk_chan *chan = hsk_endpoint_chan(iocb->ki_filp);
	struct hsk_op op = hsk_iter_op(iocb);
	struct hsk_recv recv = {
		.room.len = min_t(size_t, iov_iter_count(to), U32_MAX),
		.room.bytes_only = true,
	};
	ssize_t len;
	int err;

	err = hsk_recv(chan, &recv, &op);
	if (err)
		return err == HSK_RECV_CLOSED ? 0 : err;

	len = recv.msg->len;
	if (copy_to_iter(recv.msg->data, len, to) != len) {
		hsk_recv_restore(chan, &recv, -EFAULT);
		return -EFAULT;
	}
	hsk_recv_commit(chan, &recv);
	hsk_msg_free(recv.msg);
	return len;
}
