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

	flight = kzalloc(struct_size(flight, carried, nr), HSK_GFP);
	return flight ?: ERR_PTR(-ENOMEM);
}

/*
 * A regular file of a file system that users mount, or a memfd. File systems
 * that only the kernel mounts also show some of their objects as regular files
 * (namespaces, on some newer kernels pidfds and all anonymous inodes, such
 * as io_uring), and those may hold files in turn. tmpfs and hugetlbfs have a mount
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

/*
 * Would @holder hold itself if it held @flight? One walk for all descriptors of
 * the flight, each channel and each edge at most once.
 */
static bool hsk_flight_closes_cycle(struct hsk_flight *flight, const struct hsk_node *holder)
{
	struct hsk_node *node, *next;
	struct hsk_carried *carried;
	bool found = false;
	LIST_HEAD(todo);
	u32 i;

	lockdep_assert_held(&hsk_flight_lock);
	hsk_last_walk++;
	for (i = 0; i < flight->nr; i++) {
		node = flight->carried[i].target;
		if (node == holder)
			found = true;
		/* Nothing leads on from here, or nothing leads to the holder. */
		if (node && !list_empty(&node->holds) && holder->held_by)
			hsk_node_visit(node, &todo);
	}
	while (!found && !list_empty(&todo)) {
		node = list_first_entry(&todo, struct hsk_node, walk);
		list_del_init(&node->walk);
		found = node == holder;
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

static struct hsk_user *hsk_user_new(kuid_t uid)
{
	struct hsk_user *user;

	user = kmalloc(sizeof(*user), HSK_GFP);
	if (!user)
		return NULL;
	user->uid = uid;
	user->nr = 0;
	return user;
}

/*
 * The user's count, made if need be, with hsk_flight_lock held on success. The
 * lock is not held while memory is allocated: that may take a memory cgroup at its
 * limit a while.
 */
static struct hsk_user *hsk_user_lock(kuid_t uid)
{
	struct hsk_user *user, *fresh = NULL;

	for (;;) {
		if (mutex_lock_killable(&hsk_flight_lock)) {
			kfree(fresh);
			return ERR_PTR(-EINTR);
		}
		user = hsk_user_find(uid);
		if (user || fresh)
			break;
		mutex_unlock(&hsk_flight_lock);
		fresh = hsk_user_new(uid);
		if (!fresh)
			return ERR_PTR(-ENOMEM);
	}
	if (user) {
		kfree(fresh);
		return user;
	}
	hash_add(hsk_users, &fresh->node, __kuid_val(uid));
	return fresh;
}

static int hsk_user_charge(struct hsk_user *user, unsigned int nr)
{
	unsigned int limit = hsk_limit_in_flight();

	lockdep_assert_held(&hsk_flight_lock);
	if (nr > limit || user->nr > limit - nr)
		return -ETOOMANYREFS;
	user->nr += nr;
	return 0;
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

/**
 * hsk_flight_launch() - make the edges and count against the user
 * @flight: a flight that is not in the air
 * @holder: the channel that is about to hold the message
 * @uid: who sends it
 *
 * Context: may sleep, killable.
 * Return: 0; -ETOOMANYREFS over the user's limit; -ELOOP; -ENOMEM; -EINTR killed.
 */
int hsk_flight_launch(struct hsk_flight *flight, struct hsk_node *holder, kuid_t uid)
{
	struct hsk_user *user;
	u32 charged = 0;
	int err;

	user = hsk_user_lock(uid);
	if (IS_ERR(user))
		return PTR_ERR(user);
	err = hsk_user_charge(user, flight->nr);
	if (!err) {
		charged = flight->nr;
		if (hsk_flight_closes_cycle(flight, holder))
			err = -ELOOP;
	}
	if (!err) {
		hsk_flight_link(flight, holder);
		flight->user = user;
	} else {
		hsk_user_uncharge(user, charged);
	}
	mutex_unlock(&hsk_flight_lock);
	return err;
}

/**
 * hsk_flight_land() - undo hsk_flight_launch()
 * @flight: a flight that the caller owns, so that nobody else looks whether it is
 *	in the air; one that is not is left as it is; NULL is a no-op
 *
 * Context: may sleep.
 */
void hsk_flight_land(struct hsk_flight *flight)
{
	struct hsk_carried *carried;
	u32 i;

	if (!flight || !flight->user)
		return;
	mutex_lock(&hsk_flight_lock);
	for (i = 0; i < flight->nr; i++) {
		carried = &flight->carried[i];
		if (!carried->target)
			continue;
		list_del(&carried->edge);
		carried->target->held_by--;
	}
	hsk_user_uncharge(flight->user, flight->nr);
	flight->user = NULL;
	mutex_unlock(&hsk_flight_lock);
}

/**
 * hsk_flight_free() - land, and release the files that were not installed
 * @flight: a flight that the caller owns; NULL is a no-op
 *
 * The last reference to an endpoint may go here, and with it a channel that
 * holds more flights. That does not recurse: fput() puts the work off until the
 * task returns to user space (a worker does it for a task that exits), one file at
 * a time.
 *
 * Context: may sleep.
 */
void hsk_flight_free(struct hsk_flight *flight)
{
	u32 i;

	hsk_flight_land(flight);
	for (i = 0; flight && i < flight->nr; i++)
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
 * hsk_flight_install() - give the files to the current task
 * @flight: a flight that has landed, with numbers reserved, its message committed;
 *	NULL is a no-op
 */
void hsk_flight_install(struct hsk_flight *flight)
{
	u32 i;

	for (i = 0; flight && i < flight->nr; i++) {
		fd_install(flight->carried[i].fd, flight->carried[i].file);
		flight->carried[i].file = NULL;
	}
}

#if IS_ENABLED(CONFIG_HSK_KUNIT_TEST)
#include "tests/flight_kunit.c"
#endif
