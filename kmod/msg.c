// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "flight.h"
#include "limits.h"
#include "msg.h"
#include "wait.h"

/**
 * hsk_msg_new() - make a message of the current task
 * @from: where the bytes come from
 * @len: number of bytes, within the limit
 * @cred: whose user and group it names as the sender
 *
 * Context: may sleep, touches user memory.
 * Return: the message, owned by the caller; or an ERR_PTR: -ENOMEM, -EFAULT.
 */
struct hsk_msg *hsk_msg_new(struct iov_iter *from, u32 len, const struct cred *cred)
{
	struct hsk_msg *msg;

	msg = kvmalloc(struct_size(msg, data, len), HSK_GFP);
	if (!msg)
		return ERR_PTR(-ENOMEM);
	if (!copy_from_iter_full(msg->data, len, from)) {
		kvfree(msg);
		return ERR_PTR(-EFAULT);
	}
	msg->waiter = NULL;
	msg->ticket = 0;
	msg->has_slot = false;
	msg->pid = get_pid(task_tgid(current));
	msg->uid = cred->euid;
	msg->gid = cred->egid;
	msg->flight = NULL;
	msg->len = len;
	return msg;
}

/**
 * hsk_msg_free() - free a message, releasing its descriptors
 * @msg: a message that the caller owns; NULL is a no-op
 */
void hsk_msg_free(struct hsk_msg *msg)
{
	if (!msg)
		return;
	hsk_flight_free(msg->flight);
	put_pid(msg->pid);
	kvfree(msg);
}

/**
 * hsk_msg_free_list() - free messages that were taken out of a buffer
 * @list: linked by hsk_msg.node
 */
void hsk_msg_free_list(struct list_head *list)
{
	struct hsk_msg *msg, *next;

	list_for_each_entry_safe(msg, next, list, node) {
		hsk_msg_free(msg);
		cond_resched();
	}
}

/**
 * hsk_msg_fits() - can a receiver take this message?
 * @msg: the message
 * @room: what the receiver can take; with -EMSGSIZE what it would need
 *
 * Return: 0; -EMSGSIZE too little room; -EBADMSG descriptors, and the receiver
 * reads bytes only.
 */
int hsk_msg_fits(const struct hsk_msg *msg, struct hsk_room *room)
{
	u32 nr_fds = hsk_msg_nr_fds(msg);

	if (nr_fds && room->bytes_only)
		return -EBADMSG;
	if (msg->len <= room->len && nr_fds <= room->nr_fds)
		return 0;
	room->len = msg->len;
	room->nr_fds = nr_fds;
	return -EMSGSIZE;
}
