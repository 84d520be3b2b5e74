// SPDX-License-Identifier: LGPL-2.1-or-later
/* Channels and endpoints: make, duplicate, close, look at. */
#include <fcntl.h>

#include "internal.h"

static int open_device(void)
{
	int ep = open(HSK_DEVICE, O_RDWR | O_CLOEXEC);

	return ep < 0 ? -errno : ep;
}

HSK_PUBLIC int hsk_chan_new(unsigned int capacity)
{
	int ep = open_device();
	int wider;

	if (ep < 0 || capacity == 0)
		return ep;
	/* The device makes rendezvous channels only; any endpoint makes others. */
	wider = hsk_chan_new_from(ep, capacity);
	hsk_fd_close(ep);
	return wider;
}

HSK_PUBLIC int hsk_chan_new_from(int ep, unsigned int capacity)
{
	struct hsk_chan_new_args args = {
		.size = sizeof(args),
		.capacity = capacity,
	};

	return hsk_ioctl(ep, HSK_IOC_CHAN_NEW, &args);
}

HSK_PUBLIC int hsk_chan_pair(int ends[2], unsigned int capacity)
{
	int ep = hsk_chan_new(capacity);
	int reader, writer;

	if (ep < 0)
		return ep;
	reader = hsk_dup(ep, HSK_RIGHT_READ);
	if (reader < 0) {
		hsk_fd_close(ep);
		return reader;
	}
	writer = hsk_dup(ep, HSK_RIGHT_WRITE);
	hsk_fd_close(ep);
	if (writer < 0) {
		hsk_fd_close(reader);
		return writer;
	}
	ends[0] = reader;
	ends[1] = writer;
	return 0;
}

HSK_PUBLIC int hsk_dup(int ep, unsigned int rights)
{
	struct hsk_dup_args args = {
		.size = sizeof(args),
		.rights = rights,
	};

	return hsk_ioctl(ep, HSK_IOC_DUP, &args);
}

HSK_PUBLIC int hsk_close(int ep, int reason)
{
	struct hsk_close_args args = {
		.size = sizeof(args),
		.reason = reason,
	};

	return hsk_ioctl(ep, HSK_IOC_CLOSE, &args);
}

HSK_PUBLIC int hsk_info(int ep, struct hsk_info *info)
{
	struct hsk_info_args args = { .size = sizeof(args) };
	int ret = hsk_ioctl(ep, HSK_IOC_INFO, &args);

	if (ret < 0)
		return ret;
	*info = (struct hsk_info) {
		.id = args.id,
		.sent = args.sent,
		.received = args.received,
		.buffered = args.buffered,
		.drained = args.drained,
		.rights = args.rights,
		.capacity = args.capacity,
		.closed = !!(args.state & HSK_STATE_CLOSED),
		.reason = args.reason,
		.waiting_senders = args.waiting_senders,
		.waiting_receivers = args.waiting_receivers,
		.read_endpoints = args.read_endpoints,
		.write_endpoints = args.write_endpoints,
	};
	return 0;
}

HSK_PUBLIC int hsk_abi(int ep, uint64_t *features)
{
	struct hsk_abi_args args = { .size = sizeof(args) };
	int ret = hsk_ioctl(ep, HSK_IOC_ABI, &args);

	if (ret < 0)
		return ret;
	if (features)
		*features = args.features;
	return (int)args.version;
}
