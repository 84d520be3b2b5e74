/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Endpoint: an open file description on a channel.
 *
 * An endpoint has no object of its own. The open file is the endpoint: its
 * private_data is the channel, its FMODE_READ and FMODE_WRITE are the rights,
 * which neither fcntl(2) nor passing the file can change. So they never grow:
 * opening /proc/self/fd/N anew makes a new channel where N was opened from
 * /dev/hsk, and fails (ENXIO) where it came from an ioctl.
 *
 * The file holds one reference to the channel and is counted by its rights from
 * its making to its release. release() runs when the last descriptor is closed
 * and the file is in no message and no system call, also when the process was
 * killed: that is how a crash becomes a close.
 */
#ifndef HSK_ENDPOINT_H
#define HSK_ENDPOINT_H

#include <linux/fs.h>

struct hsk_chan;

extern const struct file_operations hsk_endpoint_fops;

static inline struct hsk_chan *hsk_endpoint_chan(const struct file *file)
{
	return file->private_data;
}

bool hsk_file_is_endpoint(const struct file *file);
unsigned int hsk_endpoint_rights(const struct file *file);
bool hsk_endpoint_nonblock(const struct file *file);
struct file *hsk_endpoint_get(int fd, unsigned int rights);
struct file *hsk_endpoint_borrow(int fd, unsigned int rights, bool *borrowed);
int hsk_endpoint_new_fd(struct hsk_chan *chan, unsigned int rights);

#endif /* HSK_ENDPOINT_H */
