// SPDX-License-Identifier: GPL-2.0-only
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>

#include "chan.h"
#include "compat.h"
#include "endpoint.h"
#include "ioctl.h"
#include "iter.h"

bool hsk_file_is_endpoint(const struct file *file)
{
	return file->f_op == &hsk_endpoint_fops;
}

/**
 * hsk_endpoint_rights() - what an endpoint may do
 * @file: an endpoint
 *
 * Return: HSK_CAN_*.
 */
unsigned int hsk_endpoint_rights(const struct file *file)
{
	return (file->f_mode & FMODE_READ ? HSK_CAN_READ : 0) |
	       (file->f_mode & FMODE_WRITE ? HSK_CAN_WRITE : 0);
}

bool hsk_endpoint_nonblock(const struct file *file)
{
	return file->f_flags & O_NONBLOCK;
}

/**
 * hsk_endpoint_get() - look up an endpoint of the current task
 * @fd: its descriptor
 * @rights: HSK_CAN_* that it must have
 *
 * Return: a reference to its file; NULL: no endpoint, or it lacks a right.
 */
struct file *hsk_endpoint_get(int fd, unsigned int rights)
{
	struct file *file = fget(fd);

	if (!file)
		return NULL;
	if (hsk_file_is_endpoint(file) && !(rights & ~hsk_endpoint_rights(file)))
		return file;
	fput(file);
	return NULL;
}

/**
 * hsk_endpoint_borrow() - look up an endpoint for as long as the system call lasts
 * @fd: its descriptor
 * @rights: HSK_CAN_* that it must have
 * @borrowed: set on success: false: the file is a reference, to be put; true: it is
 *	not, since nobody else can close the descriptor
 *
 * Return: its file; NULL: no endpoint, or it lacks a right.
 */
struct file *hsk_endpoint_borrow(int fd, unsigned int rights, bool *borrowed)
{
	struct fd f = fdget(fd);
	struct file *file = fd_file(f);

	if (!file)
		return NULL;
	*borrowed = !hsk_fd_is_reference(f);
	if (hsk_file_is_endpoint(file) && !(rights & ~hsk_endpoint_rights(file)))
		return file;
	fdput(f);
	return NULL;
}

static int hsk_open_flags(unsigned int rights)
{
	if (rights == HSK_CAN_READ)
		return O_RDONLY;
	return rights == HSK_CAN_WRITE ? O_WRONLY : O_RDWR;
}

/* From here on release() undoes it. */
static void hsk_endpoint_init(struct file *file, struct hsk_chan *chan)
{
	/* No position: pread(2), pwrite(2), lseek(2) fail with ESPIPE. */
	stream_open(NULL, file);
	file->f_mode |= FMODE_NOWAIT;
	file->private_data = chan;
	hsk_chan_attach(chan, hsk_endpoint_rights(file));
}

/**
 * hsk_endpoint_new_fd() - make an endpoint and its descriptor
 * @chan: the channel; the caller's reference passes to the endpoint on success
 * @rights: HSK_CAN_*, at least one
 *
 * Return: the descriptor, close-on-exec; -EMFILE, -ENFILE, -ENOMEM.
 */
int hsk_endpoint_new_fd(struct hsk_chan *chan, unsigned int rights)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile("[hsk]", &hsk_endpoint_fops, chan, hsk_open_flags(rights));
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	hsk_endpoint_init(file, chan);
	fd_install(fd, file);
	return fd;
}

static int hsk_endpoint_open(struct inode *inode, struct file *file)
{
	struct hsk_chan *chan;

	if (hsk_endpoint_rights(file) != (HSK_CAN_READ | HSK_CAN_WRITE))
		return -EINVAL;
	chan = hsk_chan_new(0);
	if (!chan)
		return -ENOMEM;
	hsk_endpoint_init(file, chan);
	return 0;
}

static int hsk_endpoint_release(struct inode *inode, struct file *file)
{
	struct hsk_chan *chan = hsk_endpoint_chan(file);

	hsk_chan_detach(chan, hsk_endpoint_rights(file));
	hsk_chan_put(chan);
	return 0;
}

static __poll_t hsk_endpoint_poll(struct file *file, struct poll_table_struct *table)
{
	struct hsk_chan *chan = hsk_endpoint_chan(file);
	unsigned int rights = hsk_endpoint_rights(file);

	if (rights & HSK_CAN_READ)
		poll_wait(file, &chan->poll_readers, table);
	if (rights & HSK_CAN_WRITE)
		poll_wait(file, &chan->poll_writers, table);
	return hsk_chan_poll(chan, rights);
}

static void hsk_endpoint_show_fdinfo(struct seq_file *seq, struct file *file)
{
	unsigned int rights = hsk_endpoint_rights(file);
	struct hsk_chan_stat stat;

	hsk_chan_snapshot(hsk_endpoint_chan(file), &stat);
	seq_printf(seq, "hsk-channel:\t%llu\n", stat.id);
	seq_printf(seq, "hsk-rights:\t%s%s\n", rights & HSK_CAN_READ ? "r" : "",
		   rights & HSK_CAN_WRITE ? "w" : "");
	seq_printf(seq, "hsk-capacity:\t%u\n", stat.capacity);
	seq_printf(seq, "hsk-state:\t%s\n", stat.closed ? "closed" : "open");
	seq_printf(seq, "hsk-reason:\t%d\n", stat.reason);
	seq_printf(seq, "hsk-waiting-senders:\t%u\n", stat.senders);
	seq_printf(seq, "hsk-waiting-receivers:\t%u\n", stat.receivers);
	seq_printf(seq, "hsk-read-endpoints:\t%u\n", stat.readers);
	seq_printf(seq, "hsk-write-endpoints:\t%u\n", stat.writers);
	seq_printf(seq, "hsk-sent:\t%llu\n", stat.sent);
	seq_printf(seq, "hsk-received:\t%llu\n", stat.received);
	seq_printf(seq, "hsk-buffered:\t%llu\n", stat.buffered);
	seq_printf(seq, "hsk-drained:\t%llu\n", stat.drained);
}

/* Also tells an endpoint from any other file: see hsk_file_is_endpoint(). */
const struct file_operations hsk_endpoint_fops = {
	.owner = THIS_MODULE,
	.open = hsk_endpoint_open,
	.release = hsk_endpoint_release,
	.read_iter = hsk_read_iter,
	.write_iter = hsk_write_iter,
	.poll = hsk_endpoint_poll,
	.unlocked_ioctl = hsk_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = hsk_endpoint_show_fdinfo,
};
