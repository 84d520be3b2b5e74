// SPDX-License-Identifier: MIT
/*
 * One event loop, two channels. An endpoint is a descriptor: epoll says when a
 * receive would succeed, and hsk_try_recv() does it unless another was faster.
 */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hsk.h>

HSK_TYPED(number, int)

static void start(int epoll, const char *name, int first)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ends[2], i;

	if (hsk_chan_pair(ends, 0) < 0) {
		fprintf(stderr, "epoll: is the module loaded?\n");
		_exit(1);
	}
	if (fork() == 0) {
		for (i = first; i < 10; i += 2)
			number_send(ends[1], &i, NULL);
		hsk_close(ends[1], 0);
		_exit(0);
	}
	close(ends[1]);
	event.data.fd = ends[0];
	epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
	printf("%s: descriptor %d\n", name, ends[0]);
	fflush(stdout);
}

int main(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), open = 2, sum = 0, n;
	struct epoll_event event;

	start(epoll, "even", 0);
	start(epoll, "odd", 1);
	while (open && epoll_wait(epoll, &event, 1, -1) == 1) {
		switch (number_try_recv(event.data.fd, &n, NULL)) {
		case 1:
			sum += n;
			break;
		case 0:		/* closed */
			close(event.data.fd);
			open--;
		}
	}
	while (wait(NULL) > 0)
		;
	printf("sum %d\n", sum);
	return sum != 45;
}
