// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the self-test runs on a module with a planted mistake: one message with a
 * descriptor, sent and received. Says by TAP whether it went well, faults or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/hsk.h>

static int channel(int any)
{
	struct hsk_chan_new_args args = { .size = sizeof(args), .capacity = 4 };

	return ioctl(any, HSK_IOC_CHAN_NEW, &args);
}

static int put(int fd, const char *text, int passed)
{
	struct hsk_send_args args = {
		.size = sizeof(args),
		.flags = HSK_OP_F_DONTWAIT,
		.msg = {
			.data = (uintptr_t)text,
			.len = strlen(text),
			.fds = (uintptr_t)&passed,
			.nr_fds = 1,
		},
	};

	return ioctl(fd, HSK_IOC_SEND, &args);
}

static int get(int fd, char *text, size_t room)
{
	int passed = -1;
	struct hsk_recv_args args = {
		.size = sizeof(args),
		.flags = HSK_OP_F_DONTWAIT,
		.msg = {
			.data = (uintptr_t)text,
			.len = room,
			.fds = (uintptr_t)&passed,
			.nr_fds = 1,
		},
	};
	int ret = ioctl(fd, HSK_IOC_RECV, &args);

	if (!ret)
		close(passed);
	return ret;
}

int main(void)
{
	char text[16] = "";
	int any = open(HSK_DEVICE, O_RDWR | O_CLOEXEC);
	int fd = channel(any);
	int round, wrong = 0;

	for (round = 0; round < 8; round++) {
		memset(text, 0, sizeof(text));
		wrong += put(fd, "message", any) || get(fd, text, sizeof(text)) ||
			 strcmp(text, "message");
	}
	close(fd);
	close(any);
	printf("%s 1 victim.messages_arrive\n1..1\n", wrong ? "not ok" : "ok");
	return wrong;
}
