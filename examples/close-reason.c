// SPDX-License-Identifier: MIT
/* Why a channel closed: in order, with a reason, or because the peer died. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hsk.h>

enum { IN_ORDER, CANCELED, KILLED, NR_ENDINGS };

static void peer(int chan, int ending)
{
	switch (ending) {
	case IN_ORDER:
		hsk_close(chan, 0);
		break;
	case CANCELED:
		hsk_close(chan, -ECANCELED);
		break;
	case KILLED:
		kill(getpid(), SIGKILL);
	}
	_exit(0);
}

int main(void)
{
	static const char * const name[] = { "in order", "canceled", "killed" };
	static const int expected[] = { 0, -ECANCELED, -EOWNERDEAD };
	struct hsk_message msg;
	int ends[2], ending;

	for (ending = 0; ending < NR_ENDINGS; ending++) {
		if (hsk_chan_pair(ends, 0) < 0) {
			fprintf(stderr, "close-reason: is the module loaded?\n");
			return 1;
		}
		if (fork() == 0)
			peer(ends[1], ending);
		/* While we hold an end to write to, no death closes it. */
		close(ends[1]);
		if (hsk_recv(ends[0], NULL, 0, &msg, NULL) != 0 ||
		    msg.reason != expected[ending])
			return 1;
		printf("%-8s  reason %d\n", name[ending], msg.reason);
		close(ends[0]);
		wait(NULL);
	}
	return 0;
}
