/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * User memory: arguments and messages, from it and to it. What is here touches it,
 * besides iter.c and hsk_msg_new(), and no lock of ours is held meanwhile.
 */
#ifndef HSK_USER_H
#define HSK_USER_H

#include <linux/types.h>

struct hsk_chan;
struct hsk_msg;
struct hsk_msghdr;
struct hsk_op;
struct hsk_recv;
struct hsk_room;

int hsk_struct_from_user(void *to, const void __user *from, size_t size);
int hsk_args_from_user(void *args, size_t ksize, size_t first, const void __user *uargs);
int hsk_args_to_user(void __user *uargs, const void *args, size_t ksize);

int hsk_op_from_args(struct hsk_op *op, bool nonblock, u32 flags, u64 deadline, s32 ctx,
		     bool has_ctx);
int hsk_op_get_ctx(struct hsk_op *op, u32 flags, s32 fd);
int hsk_op_put_ctx(struct hsk_op *op, int err, s32 __user *ureason);

int hsk_room_from_user(struct hsk_room *room, const struct hsk_msghdr __user *uhdr);
bool hsk_msghdr_sendable(const struct hsk_msghdr *hdr);
struct hsk_msg *hsk_msg_from_user(const struct hsk_msghdr *hdr);
int hsk_recv_to_user(struct hsk_chan *chan, struct hsk_recv *recv, int err,
		     struct hsk_msghdr *hdr, struct hsk_msghdr __user *uhdr);

#endif /* HSK_USER_H */
