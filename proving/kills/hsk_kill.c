// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kills the current task at the n-th hit of one of hsk's tracepoints. A test
 * module: whoever is root may tell it to kill root's processes anyway.
 *
 * It finds the tracepoints by themselves, in a module that is loaded before or
 * after it, so that a new one needs no word here. What is hit in an exit does not
 * count: a task that is dying can't be killed.
 *
 * In /sys/kernel/debug/hsk_kill:
 *
 * points	read: a line for each tracepoint, with its name and how often the
 *		target has hit it since the last write to arm
 * arm		write: "NAME N PGRP" kills whoever of this process group is first to
 *		make the N-th hit of this tracepoint, all members together counted.
 *		N = 0 only counts.
 * killed	read: the thread that was killed and its process, "0 0": none yet
 *
 * Locks. A probe runs wherever the tracepoint stands, under a channel's lock too
 * and with preemption off. hsk_kill_lock is raw and a leaf. The signal is sent
 * after it; its lock is one that is taken in interrupts, so that order, after a
 * channel's lock, is the only one possible. With PREEMPT_RT that lock sleeps:
 * there an irq_work sends the signal, which runs as soon as the probe is over.
 */
#include <linux/debugfs.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>

#define HSK_KILL_POINTS	64

/**
 * struct hsk_kill_point - one tracepoint
 * @tp: the tracepoint; immutable while probes run
 * @hits: of the target since it was armed; hsk_kill_lock
 */
struct hsk_kill_point {
	struct tracepoint *tp;
	unsigned int hits;
};

/* Which points there are; taken before hsk_kill_lock. */
static DEFINE_MUTEX(points_mutex);
static struct hsk_kill_point points[HSK_KILL_POINTS];
static unsigned int nr_points;

/* What is armed, and what has come of it. */
static DEFINE_RAW_SPINLOCK(hsk_kill_lock);
static struct hsk_kill_point *armed;
static unsigned int armed_nr;
static struct pid *target;
static pid_t killed_tid, killed_tgid;

static struct dentry *dir;

/* Killing. */

static struct task_struct *victim;

static void send_kill(struct irq_work *work)
{
	send_sig(SIGKILL, victim, 1);
	put_task_struct(victim);
}

static DEFINE_IRQ_WORK(kill_work, send_kill);

/* There is one kill for each time that it is armed, so one victim at a time. */
static void kill_current(void)
{
	victim = get_task_struct(current);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		irq_work_queue(&kill_work);
	else
		send_kill(&kill_work);
}

static bool hit_locked(struct hsk_kill_point *point)
{
	if (task_pgrp(current) != target)
		return false;
	point->hits++;
	if (point != armed || point->hits != armed_nr || killed_tid)
		return false;
	killed_tid = task_pid_nr(current);
	killed_tgid = task_tgid_nr(current);
	return true;
}

/*
 * The probe of every tracepoint. It is called with the tracepoint's arguments as
 * well and looks at none; x86-64 and arm64 don't mind, kCFI would.
 */
static void probe(void *data)
{
	unsigned long flags;
	bool kill;

	if (current->flags & (PF_EXITING | PF_KTHREAD))
		return;
	raw_spin_lock_irqsave(&hsk_kill_lock, flags);
	kill = hit_locked(data);
	raw_spin_unlock_irqrestore(&hsk_kill_lock, flags);
	if (kill)
		kill_current();
}

/* Control. */

static struct hsk_kill_point *find_point(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_points; i++)
		if (!strcmp(points[i].tp->name, name))
			return &points[i];
	return NULL;
}

static void arm_locked(struct hsk_kill_point *point, unsigned int nr, struct pid *pid)
{
	unsigned long flags;
	unsigned int i;

	lockdep_assert_held(&points_mutex);
	/* The last one's signal is on its way until then. */
	irq_work_sync(&kill_work);
	raw_spin_lock_irqsave(&hsk_kill_lock, flags);
	for (i = 0; i < nr_points; i++)
		points[i].hits = 0;
	armed = point;
	armed_nr = nr;
	swap(target, pid);
	killed_tid = 0;
	killed_tgid = 0;
	raw_spin_unlock_irqrestore(&hsk_kill_lock, flags);
	put_pid(pid);
}

static int arm(const char *name, unsigned int nr, int pgrp)
{
	struct hsk_kill_point *point;
	struct pid *pid;

	pid = find_get_pid(pgrp);
	if (!pid)
		return -ESRCH;
	mutex_lock(&points_mutex);
	point = find_point(name);
	if (point)
		arm_locked(point, nr, pid);
	mutex_unlock(&points_mutex);
	if (point)
		return 0;
	put_pid(pid);
	return -ENOENT;
}

static ssize_t arm_write(struct file *file, const char __user *text, size_t len, loff_t *pos)
{
	char buf[64], name[sizeof(buf)];
	unsigned int nr;
	int pgrp, err;

	if (len >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, text, len))
		return -EFAULT;
	buf[len] = '\0';
	if (sscanf(buf, "%63s %u %d", name, &nr, &pgrp) != 3)
		return -EINVAL;
	err = arm(name, nr, pgrp);
	return err ?: len;
}

static const struct file_operations arm_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = arm_write,
};

static int points_show(struct seq_file *seq, void *unused)
{
	unsigned int i;

	mutex_lock(&points_mutex);
	for (i = 0; i < nr_points; i++)
		seq_printf(seq, "%s %u\n", points[i].tp->name, READ_ONCE(points[i].hits));
	mutex_unlock(&points_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(points);

static int killed_show(struct seq_file *seq, void *unused)
{
	unsigned long flags;
	pid_t tid, tgid;

	raw_spin_lock_irqsave(&hsk_kill_lock, flags);
	tid = killed_tid;
	tgid = killed_tgid;
	raw_spin_unlock_irqrestore(&hsk_kill_lock, flags);
	seq_printf(seq, "%d %d\n", tid, tgid);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(killed);

/* Tracepoints that come and go, one module at a time. */

static void attach(struct tracepoint *tp)
{
	struct hsk_kill_point *point = &points[nr_points];
	int err;

	if (nr_points == HSK_KILL_POINTS) {
		pr_warn("no room for tracepoint %s\n", tp->name);
		return;
	}
	point->tp = tp;
	err = tracepoint_probe_register(tp, probe, point);
	if (err)
		pr_warn("cannot watch tracepoint %s: %d\n", tp->name, err);
	else
		nr_points++;
}

static void detach_all(void)
{
	while (nr_points) {
		struct hsk_kill_point *point = &points[--nr_points];

		tracepoint_probe_unregister(point->tp, probe, point);
	}
	tracepoint_synchronize_unregister();
}

static int module_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct module *mod = ((struct tp_module *)data)->mod;
	unsigned int i;

	if (strcmp(mod->name, "hsk"))
		return NOTIFY_DONE;
	mutex_lock(&points_mutex);
	if (action == MODULE_STATE_COMING)
		for (i = 0; i < mod->num_tracepoints; i++)
			attach(tracepoint_ptr_deref(&mod->tracepoints_ptrs[i]));
	else if (action == MODULE_STATE_GOING)
		detach_all();
	mutex_unlock(&points_mutex);
	return NOTIFY_OK;
}

static struct notifier_block module_nb = { .notifier_call = module_notify };

static int __init hsk_kill_init(void)
{
	int err;

	/* Also tells of the modules that are here already. */
	err = register_tracepoint_module_notifier(&module_nb);
	if (err)
		return err;
	dir = debugfs_create_dir("hsk_kill", NULL);
	debugfs_create_file("arm", 0200, dir, NULL, &arm_fops);
	debugfs_create_file("points", 0400, dir, NULL, &points_fops);
	debugfs_create_file("killed", 0400, dir, NULL, &killed_fops);
	return 0;
}

static void __exit hsk_kill_exit(void)
{
	debugfs_remove(dir);
	/* Tells of the modules that stay as if they went. */
	unregister_tracepoint_module_notifier(&module_nb);
	irq_work_sync(&kill_work);
	put_pid(target);
}

module_init(hsk_kill_init);
module_exit(hsk_kill_exit);
MODULE_DESCRIPTION("Kills at hsk's tracepoints (test only)");
MODULE_LICENSE("GPL");
