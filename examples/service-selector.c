// SPDX-License-Identifier: MIT
/*
 * The service as an event loop with a selector, which selects while the loop waits
 * for that and anything else. What it tells of has happened, and it meets clients
 * however they wait, by polling too.
 */
#include <sys/epoll.h>

#include "service.h"

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		_exit(1);
}

static int serve(int add, int get, const struct hsk_ctx *stop)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), selector = hsk_selector_new();
	int n, total = 0;

	watch(epoll, selector);
	watch(epoll, hsk_ctx_done(stop));
	for (;;) {
		/* What is sent is copied when it is armed, so it is armed each time. */
		struct hsk_case cases[] = {
			hsk_case_recv(add, &n, sizeof(n)),
			hsk_case_send(get, &total, sizeof(total)),
		};
		struct epoll_event event;

		if (hsk_selector_arm(selector, cases, 2) < 0 ||
		    epoll_wait(epoll, &event, 1, -1) != 1)
			return 1;
		if (event.data.fd == hsk_ctx_done(stop))
			return 0;
		if (hsk_selector_finish(selector, cases, 2) == 0) {
			if (cases[0].result != 1)
				return 1;
			total += n;
		}
	}
}
