/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * User memory: arguments and messages, from it and to it. What is here touches it,
 * besides iter.c and hsk_msg_new(), and no lock of ours is held meanwhile.
 */
#ifndef HSK_USER_H
#define HSK_USER_H

#include <linux/types.h>
#include <linux/uaccess.h>
#include <uapi/linux/hsk.h>

struct hsk_chan;
struct hsk_msg;
struct hsk_op;
struct hsk_recv;

int hsk_args_from_user(void *args, size_t ksize, size_t first, const void __user *uargs);
int hsk_args_to_user(void __user *uargs, const void *args, size_t ksize);

int hsk_op_from_args(struct hsk_op *op, bool nonblock, u32 flags, u64 deadline, s32 ctx,
		     bool has_ctx);
int hsk_op_get_ctx(struct hsk_op *op, u32 flags, s32 fd);
int hsk_op_put_ctx(struct hsk_op *op, int err, s32 __user *ureason);

struct hsk_msg *hsk_msg_from_user(const struct hsk_msghdr *hdr);
int hsk_recv_to_user(struct hsk_chan *chan, struct hsk_recv *recv, int err,
		     struct hsk_msghdr *hdr, struct hsk_msghdr __user *uhdr);

/**
 * hsk_msghdr_sendable() - is a message to send described as it should be?
 * @hdr: what it says of it
 *
 * What is an output of receive must be 0 in a send, to be of use one day.
 *
 * Return: true when it is.
 */
static inline bool hsk_msghdr_sendable(const struct hsk_msghdr *hdr)
{
	return !(hdr->flags || hdr->reason || hdr->pid || hdr->uid || hdr->gid ||
		 hdr->__reserved0 || hdr->__reserved1);
}

/**
 * hsk_struct_from_user() - copy a small struct, word by word
 * @to: gets it
 * @from: where it is
 * @size: its size, a multiple of 8
 *
 * The string instructions that copy_from_user() uses take longer to get going than
 * this takes in all.
 *
 * Return: 0; -EFAULT.
 */
static inline int hsk_struct_from_user(void *to, const void __user *from, size_t size)
{
	const u64 __user *ufrom = from;
	u64 *words = to;
	size_t i;

	might_fault();
	if (!user_read_access_begin(ufrom, size))
		return -EFAULT;
	for (i = 0; i < size / sizeof(u64); i++)
		unsafe_get_user(words[i], ufrom + i, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

#endif /* HSK_USER_H */
