// SPDX-License-Identifier: MIT
/* A rendezvous: the send returns when the other process has the message. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hsk.h>

int main(void)
{
	int ends[2];
	char text[64];
	struct hsk_message msg;

	if (hsk_chan_pair(ends, 0) < 0) {
		fprintf(stderr, "hello: is the module loaded?\n");
		return 1;
	}
	if (fork() == 0) {
		close(ends[0]);
		return hsk_send(ends[1], "hello, world", 13, NULL) < 0;
	}
	close(ends[1]);
	if (hsk_recv(ends[0], text, sizeof(text), &msg, NULL) != 1)
		return 1;
	printf("process %d says: %s\n", msg.pid, text);
	wait(NULL);
	return 0;
}
