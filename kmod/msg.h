/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Message: bytes, who sent them, and descriptors in flight.
 *
 * One allocation holds the header and the bytes: a small message is one slab
 * object. It is charged to the memory cgroup of the sending task and stays so
 * until it is freed, whoever holds it.
 *
 * A message has one owner at a time. The sender makes it and owns it until the
 * channel accepts it; on failure it is the sender's to free. Then the channel
 * owns it (buffer), then the receiver that took it, until that commits (and
 * frees it) or restores it. See match.h.
 *
 * The header is 64 bytes on 64-bit machines, so that with 64 bytes of data it fills
 * a slab object of 128.
 *
 * After hsk_msg_new() the bytes and who sent them are immutable. The members that the
 * channel uses are covered by the channel's lock.
 */
#ifndef HSK_MSG_H
#define HSK_MSG_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "flight.h"

struct cred;
struct hsk_room;
struct hsk_waiter;
struct iov_iter;
struct pid;

/**
 * struct hsk_msg - a message
 * @node: in the channel's buffer; the channel's lock
 * @waiter: the sender it was lent by, while that waits on; the channel's lock
 * @ticket: its place in the channel's order; the channel's lock
 * @flight: its descriptors, NULL: none; set before it is sent
 * @pid: who sent it; immutable
 * @uid: likewise
 * @gid: likewise
 * @len: number of bytes; immutable
 * @has_slot: counted in the channel's slots; the channel's lock
 * @data: the bytes; immutable
 */
struct hsk_msg {
	struct list_head node;
	struct hsk_waiter *waiter;
	u64 ticket;
	struct hsk_flight *flight;
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;
	u32 len;
	bool has_slot;
	u8 data[] __aligned(8);
};

struct hsk_msg *hsk_msg_new(struct iov_iter *from, u32 len, const struct cred *cred);
void hsk_msg_free(struct hsk_msg *msg);
void hsk_msg_free_list(struct list_head *list);
int hsk_msg_fits(const struct hsk_msg *msg, struct hsk_room *room);

/**
 * hsk_msg_nr_fds() - how many descriptors a message bears
 * @msg: the message
 *
 * Return: the number.
 */
static inline u32 hsk_msg_nr_fds(const struct hsk_msg *msg)
{
	return msg->flight ? msg->flight->nr : 0;
}

#endif /* HSK_MSG_H */
