// SPDX-License-Identifier: MIT
/* A message bears an open file: its receiver needs no right to the path. */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hsk.h>

static int child(int chan)
{
	int file = memfd_create("note", MFD_CLOEXEC);

	if (file < 0 || dprintf(file, "written by process %d\n", getpid()) < 0)
		return 1;
	return hsk_send_fds(chan, "note", 5, &file, 1, NULL) < 0;
}

int main(void)
{
	struct hsk_message msg;
	char name[16], text[64];
	int ends[2], file;
	ssize_t n;

	if (hsk_chan_pair(ends, 1) < 0) {
		fprintf(stderr, "descriptor: is the module loaded?\n");
		return 1;
	}
	if (fork() == 0)
		return child(ends[1]);
	close(ends[1]);
	wait(NULL);		/* the message outlives who sent it */
	if (hsk_recv_fds(ends[0], name, sizeof(name), &file, 1, &msg, NULL) != 1)
		return 1;
	/* The offset came along: it stands at the end. */
	n = pread(file, text, sizeof(text), 0);
	if (n <= 0)
		return 1;
	printf("%s: %.*s", name, (int)n, text);
	return 0;
}
