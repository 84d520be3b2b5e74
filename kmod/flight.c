// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/magic.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "flight.h"
#include "limits.h"

/**
 * struct hsk_user - what one user has in flight
 * @node: in hsk_users
 * @uid: who; immutable
 * @nr: descriptors in flight; freed when it falls to 0
 */
struct hsk_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int nr;
};

static DEFINE_MUTEX(hsk_flight_lock);
static DEFINE_HASHTABLE(hsk_users, 6);
static u64 hsk_last_walk;

void hsk_node_init(struct hsk_node *node)
{
	INIT_LIST_HEAD(&node->holds);
	INIT_LIST_HEAD(&node->walk);
	node->held_by = 0;
	node->visit = 0;
}

/**
 * hsk_flight_new() - make an empty flight
 * @nr: how many descriptors it will have, within the limit
 *
 * Return: the flight, owned by the caller; or ERR_PTR(-ENOMEM).
 */
struct hsk_flight *hsk_flight_new(u32 nr)
{
	struct hsk_flight *flight;

	flight = kzalloc(struct_size(flight, carried, nr), GFP_KERNEL_ACCOUNT);
	return flight ?: ERR_PTR(-ENOMEM);
}

/*
 * A regular file of a file system that users mount, or a memfd. File systems
 * that only the kernel mounts also show some of their objects as regular files
 * (namespaces, on newer kernels pidfds and all anonymous inodes, such as
 * io_uring), and those may hold files in turn. tmpfs and hugetlbfs have a mount
 * inside the kernel too, the one that memfds live on.
 */
static bool hsk_file_is_regular(const struct inode *inode)
{
	const struct super_block *sb = inode->i_sb;

	return S_ISREG(inode->i_mode) &&
	       (!(sb->s_flags & SB_KERNMOUNT) || sb->s_magic == TMPFS_MAGIC ||
		sb->s_magic == HUGETLBFS_MAGIC);
}

static bool hsk_file_may_travel(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return hsk_file_is_regular(inode) || S_ISFIFO(inode->i_mode);
}

/**
 * hsk_flight_add() - add one descriptor
 * @flight: a flight with room for it that is not in the air
 * @file: the open file; the caller's reference passes to the flight
 * @target: the channel it is an endpoint of, NULL: no endpoint
 */
void hsk_flight_add(struct hsk_flight *flight, struct file *file, struct hsk_node *target)
{
	struct hsk_carried *carried = &flight->carried[flight->nr];

	carried->file = file;
	carried->target = target;
	INIT_LIST_HEAD(&carried->edge);
	flight->nr++;
}

/**
 * hsk_flight_check() - is every descriptor of a kind that can travel?
 * @flight: a flight that is not in the air
 *
 * Return: 0; -EOPNOTSUPP.
 */
int hsk_flight_check(const struct hsk_flight *flight)
{
	u32 i;

	for (i = 0; i < flight->nr; i++)
		if (!flight->carried[i].target && !hsk_file_may_travel(flight->carried[i].file))
			return -EOPNOTSUPP;
	return 0;
}

static void hsk_node_visit(struct hsk_node *node, struct list_head *todo)
{
	if (node->visit == hsk_last_walk)
		return;
	node->visit = hsk_last_walk;
	list_add_tail(&node->walk, todo);
}

static bool hsk_node_reaches(struct hsk_node *from, const struct hsk_node *to)
{
	struct hsk_node *node, *next;
	struct hsk_carried *carried;
	bool found = from == to;
	LIST_HEAD(todo);

	lockdep_assert_held(&hsk_flight_lock);
	if (found || !to->held_by || list_empty(&from->holds))
		return found;

	hsk_last_walk++;
	hsk_node_visit(from, &todo);
	while (!found && !list_empty(&todo)) {
		node = list_first_entry(&todo, struct hsk_node, walk);
		list_del_init(&node->walk);
		found = node == to;
		list_for_each_entry(carried, &node->holds, edge)
			hsk_node_visit(carried->target, &todo);
		cond_resched();
	}
	list_for_each_entry_safe(node, next, &todo, walk)
		list_del_init(&node->walk);
	return found;
}

static struct hsk_user *hsk_user_find(kuid_t uid)
{
	struct hsk_user *user;

	hash_for_each_possible(hsk_users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/* Room for @nr more descriptors of @uid, or an errno. */
static struct hsk_user *hsk_user_charge(kuid_t uid, unsigned int nr)
{
	struct hsk_user *user = hsk_user_find(uid);
	unsigned int had = user ? user->nr : 0;
	unsigned int limit = hsk_limit_in_flight();

	lockdep_assert_held(&hsk_flight_lock);
	if (nr > limit || had > limit - nr)
		return ERR_PTR(-ETOOMANYREFS);
	if (!user) {
		user = kmalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
		if (!user)
			return ERR_PTR(-ENOMEM);
		user->uid = uid;
		user->nr = 0;
		hash_add(hsk_users, &user->node, __kuid_val(uid));
	}
	user->nr += nr;
	return user;
}

static void hsk_user_uncharge(struct hsk_user *user, unsigned int nr)
{
	lockdep_assert_held(&hsk_flight_lock);
	user->nr -= nr;
	if (!user->nr) {
		hash_del(&user->node);
		kfree(user);
	}
}

static void hsk_flight_link(struct hsk_flight *flight, struct hsk_node *holder)
{
	struct hsk_carried *carried;
	u32 i;

	for (i = 0; i < flight->nr; i++) {
		carried = &flight->carried[i];
		if (!carried->target)
			continue;
		list_add(&carried->edge, &holder->holds);
		carried->target->held_by++;
	}
}

static bool hsk_flight_closes_cycle(struct hsk_flight *flight, const struct hsk_node *holder)
{
	u32 i;

	for (i = 0; i < flight->nr; i++)
		if (flight->carried[i].target &&
		    hsk_node_reaches(flight->carried[i].target, holder))
			return true;
	return false;
}

/**
 * hsk_flight_launch() - make the edges and count against the user
 * @flight: a flight that is not in the air
 * @holder: the channel that is about to hold the message
 * @uid: who sends it
 *
 * Context: may sleep.
 * Return: 0; -ETOOMANYREFS over the user's limit; -ELOOP; -ENOMEM.
 */
int hsk_flight_launch(struct hsk_flight *flight, struct hsk_node *holder, kuid_t uid)
{
	struct hsk_user *user;
	int err = 0;

	mutex_lock(&hsk_flight_lock);
	user = hsk_user_charge(uid, flight->nr);
	if (IS_ERR(user)) {
		err = PTR_ERR(user);
	} else if (hsk_flight_closes_cycle(flight, holder)) {
		hsk_user_uncharge(user, flight->nr);
		err = -ELOOP;
	} else {
		hsk_flight_link(flight, holder);
		flight->user = user;
	}
	mutex_unlock(&hsk_flight_lock);
	return err;
}

/**
 * hsk_flight_land() - undo hsk_flight_launch()
 * @flight: a flight; one that is not in the air is left as it is
 *
 * Context: may sleep.
 */
void hsk_flight_land(struct hsk_flight *flight)
{
	struct hsk_carried *carried;
	u32 i;

	mutex_lock(&hsk_flight_lock);
	if (flight->user) {
		for (i = 0; i < flight->nr; i++) {
			carried = &flight->carried[i];
			if (!carried->target)
				continue;
			list_del(&carried->edge);
			carried->target->held_by--;
		}
		hsk_user_uncharge(flight->user, flight->nr);
		flight->user = NULL;
	}
	mutex_unlock(&hsk_flight_lock);
}

/**
 * hsk_flight_free() - land, and release the files that were not installed
 * @flight: a flight that the caller owns; NULL is a no-op
 *
 * The last reference to an endpoint may go here, and with it a channel that
 * holds more flights. That does not recurse: fput() puts the work off until the
 * task returns to user space, one file at a time.
 *
 * Context: may sleep.
 */
void hsk_flight_free(struct hsk_flight *flight)
{
	u32 i;

	if (!flight)
		return;
	hsk_flight_land(flight);
	for (i = 0; i < flight->nr; i++)
		if (flight->carried[i].file)
			fput(flight->carried[i].file);
	kfree(flight);
}

/**
 * hsk_flight_reserve() - get a descriptor number in the current task for each
 * @flight: the flight of a message that is being received; NULL is a no-op
 *
 * Return: 0; -EMFILE or -ENFILE, and none is reserved.
 */
int hsk_flight_reserve(struct hsk_flight *flight)
{
	u32 i;
	int fd;

	for (i = 0; flight && i < flight->nr; i++) {
		fd = get_unused_fd_flags(O_CLOEXEC);
		if (fd < 0) {
			while (i--)
				put_unused_fd(flight->carried[i].fd);
			return fd;
		}
		flight->carried[i].fd = fd;
	}
	return 0;
}

/**
 * hsk_flight_unreserve() - undo hsk_flight_reserve()
 * @flight: the flight; NULL is a no-op
 */
void hsk_flight_unreserve(struct hsk_flight *flight)
{
	u32 i;

	for (i = 0; flight && i < flight->nr; i++)
		put_unused_fd(flight->carried[i].fd);
}

/**
 * hsk_flight_install() - land, and give the files to the current task
 * @flight: a flight with numbers reserved, its message committed; NULL is a
 *	no-op
 *
 * The edges go first: once the receiver can use an endpoint, what it then sends
 * must not be judged by a message that is no longer stored.
 */
void hsk_flight_install(struct hsk_flight *flight)
{
	u32 i;

	if (!flight)
		return;
	hsk_flight_land(flight);
	for (i = 0; i < flight->nr; i++) {
		fd_install(flight->carried[i].fd, flight->carried[i].file);
		flight->carried[i].file = NULL;
	}
}
