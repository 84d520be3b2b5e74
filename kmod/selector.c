// SPDX-License-Identifier: GPL-2.0-only
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/refcount.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "ioctl.h"
#include "limits.h"
#include "match.h"
#include "selector.h"

/**
 * struct hsk_selector - a selector
 * @refs: the file's, and one for each wake-up that is due
 * @lock: covers @armed
 * @armed: what it was given, NULL: idle
 * @pollers: who polls it; its own lock
 */
struct hsk_selector {
	refcount_t refs;
	struct mutex lock; /* see above */
	struct hsk_armed *armed;
	wait_queue_head_t pollers;
};

static void hsk_selector_put(struct hsk_selector *selector)
{
	if (refcount_dec_and_test(&selector->refs))
		kfree(selector);
}

static void hsk_selector_tell_pollers(struct hsk_selector *selector)
{
	wake_up_poll(&selector->pollers, EPOLLIN | EPOLLRDNORM);
}

static void hsk_selector_get_owner(void *owner)
{
	struct hsk_selector *selector = owner;

	refcount_inc(&selector->refs);
}

/* Which case has happened? If one has, no place is left in any queue. */
static struct hsk_case *hsk_selector_look(struct hsk_selector *selector)
{
	struct hsk_armed *armed = selector->armed;

	lockdep_assert_held(&selector->lock);
	if (!armed->chosen && hsk_wait_done(&armed->select.wait))
		armed->chosen = hsk_select_leave(&armed->select);
	return armed->chosen;
}

/* What has happened takes its other places out of their queues. */
static void hsk_selector_tidy(struct hsk_selector *selector)
{
	struct hsk_armed *armed = selector->armed;

	if (armed && !armed->chosen && hsk_select_settled(&armed->select))
		hsk_selector_look(selector);
}

/*
 * Under a channel's lock, as when very many are woken at once, the places have to wait.
 * So they do if the mutex is not free, or who gives back a message is not through: a
 * peer that comes by does not wait for the one or the other.
 */
static void hsk_selector_wake_owner(void *owner, bool locked)
{
	struct hsk_selector *selector = owner;

	if (!locked && mutex_trylock(&selector->lock)) {
		hsk_selector_tidy(selector);
		mutex_unlock(&selector->lock);
	}
	hsk_selector_tell_pollers(selector);
	hsk_selector_put(selector);
}

static const struct hsk_waker hsk_selector_waker = {
	.get = hsk_selector_get_owner,
	.wake = hsk_selector_wake_owner,
};

/**
 * hsk_armed_new() - memory for what a selector is to be given
 * @nr: number of cases, within the limit
 *
 * Return: it, for the caller to fill in; NULL: no memory.
 */
struct hsk_armed *hsk_armed_new(u32 nr)
{
	struct hsk_armed *armed;

	return kmalloc(struct_size(armed, cases, nr), HSK_GFP);
}

/**
 * hsk_armed_free() - let go of what is not armed any more
 * @armed: a select that is over or never began; the caller's
 *
 * Context: may sleep.
 */
void hsk_armed_free(struct hsk_armed *armed)
{
	hsk_cases_put(armed->cases, armed->select.nr);
	kfree(armed);
}

/**
 * hsk_selector_arm() - commit to a select
 * @selector: the selector
 * @armed: the select; the selector's on success
 *
 * Context: may sleep.
 * Return: 0; -EBUSY.
 */
int hsk_selector_arm(struct hsk_selector *selector, struct hsk_armed *armed)
{
	bool happened;

	mutex_lock(&selector->lock);
	if (selector->armed) {
		mutex_unlock(&selector->lock);
		return -EBUSY;
	}
	selector->armed = armed;
	hsk_wait_init_several(&armed->select.wait, &hsk_selector_waker, selector);
	armed->chosen = hsk_select_begin(&armed->select, false);
	happened = armed->chosen;
	mutex_unlock(&selector->lock);
	/* Another thread may have finished and freed it by now. */
	if (happened)
		hsk_selector_tell_pollers(selector);
	return 0;
}

/**
 * hsk_selector_disarm() - withdraw
 * @selector: the selector
 *
 * Context: may sleep.
 * Return: 0; -ENOENT nothing is armed; -EALREADY it has happened.
 */
int hsk_selector_disarm(struct hsk_selector *selector)
{
	struct hsk_armed *armed;
	int err = 0;

	mutex_lock(&selector->lock);
	armed = selector->armed;
	if (!armed) {
		err = -ENOENT;
	} else {
		armed->chosen = armed->chosen ?: hsk_select_leave(&armed->select);
		if (armed->chosen)
			err = -EALREADY;
		else
			selector->armed = NULL;
	}
	mutex_unlock(&selector->lock);
	if (!err)
		hsk_armed_free(armed);
	/* What it has lent it has sent by that, and nobody else tells. */
	if (err == -EALREADY)
		hsk_selector_tell_pollers(selector);
	return err;
}

/**
 * hsk_selector_finish() - take out what has happened
 * @selector: the selector
 * @nr: how many cases the caller believes were armed
 * @chosen: set on success: which case
 *
 * Context: may sleep.
 * Return: what was armed, now the caller's; or an ERR_PTR: -ENOENT nothing is armed;
 * -EINVAL another number of cases; -EAGAIN none has happened.
 */
struct hsk_armed *hsk_selector_finish(struct hsk_selector *selector, u32 nr,
				      struct hsk_case **chosen)
{
	struct hsk_armed *armed;
	int err = 0;

	mutex_lock(&selector->lock);
	armed = selector->armed;
	if (!armed)
		err = -ENOENT;
	else if (armed->select.nr != nr)
		err = -EINVAL;
	else if (!hsk_selector_look(selector))
		err = -EAGAIN;
	else
		selector->armed = NULL;
	mutex_unlock(&selector->lock);
	if (err)
		return ERR_PTR(err);
	*chosen = armed->chosen;
	return armed;
}

/* The open file. */

static int hsk_selector_release(struct inode *inode, struct file *file)
{
	struct hsk_selector *selector = file->private_data;
	struct hsk_armed *armed;
	struct hsk_case *chosen;

	/* A wake-up that is due may still look. */
	mutex_lock(&selector->lock);
	armed = selector->armed;
	selector->armed = NULL;
	mutex_unlock(&selector->lock);
	if (armed) {
		chosen = armed->chosen ?: hsk_select_leave(&armed->select);
		if (chosen && !chosen->send && !armed->select.wait.result)
			hsk_chan_restore(chosen->chan, chosen->place.msg);
		hsk_armed_free(armed);
	}
	hsk_selector_put(selector);
	return 0;
}

static __poll_t hsk_selector_poll(struct file *file, struct poll_table_struct *table)
{
	struct hsk_selector *selector = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &selector->pollers, table);
	mutex_lock(&selector->lock);
	if (selector->armed && hsk_selector_look(selector))
		events = EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&selector->lock);
	return events;
}

static void hsk_selector_show_fdinfo(struct seq_file *seq, struct file *file)
{
	struct hsk_selector *selector = file->private_data;
	const char *state = "idle";
	u32 nr = 0;

	mutex_lock(&selector->lock);
	if (selector->armed) {
		nr = selector->armed->select.nr;
		state = hsk_selector_look(selector) ? "happened" : "armed";
	}
	mutex_unlock(&selector->lock);
	seq_printf(seq, "hsk-selector:\t%s\n", state);
	seq_printf(seq, "hsk-cases:\t%u\n", nr);
}

static long hsk_selector_unlocked_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return hsk_selector_ioctl(file->private_data, cmd, arg);
}

static const struct file_operations hsk_selector_fops = {
	.owner = THIS_MODULE,
	.release = hsk_selector_release,
	.poll = hsk_selector_poll,
	.unlocked_ioctl = hsk_selector_unlocked_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = hsk_selector_show_fdinfo,
};

/**
 * hsk_selector_new_fd() - make a selector and its descriptor
 *
 * Return: the descriptor, close-on-exec; -EMFILE, -ENFILE, -ENOMEM.
 */
int hsk_selector_new_fd(void)
{
	struct hsk_selector *selector;
	int fd;

	selector = kzalloc(sizeof(*selector), HSK_GFP);
	if (!selector)
		return -ENOMEM;
	refcount_set(&selector->refs, 1);
	mutex_init(&selector->lock);
	init_waitqueue_head(&selector->pollers);
	fd = anon_inode_getfd("[hsk-selector]", &hsk_selector_fops, selector,
			      O_RDWR | O_CLOEXEC);
	if (fd < 0)
		hsk_selector_put(selector);
	return fd;
}
