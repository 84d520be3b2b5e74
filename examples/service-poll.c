// SPDX-License-Identifier: MIT
/*
 * The service as an event loop that polls its endpoints and then tries. Readiness is
 * a hint: -EAGAIN says that another was faster. It meets clients that block in their
 * operations; two sides that both only poll would never meet, see service-selector.c.
 */
#include <poll.h>

#include "service.h"

static int serve(int add, int get, const struct hsk_ctx *stop)
{
	struct pollfd fds[] = {
		{ .fd = add, .events = POLLIN },
		{ .fd = get, .events = POLLOUT },
		{ .fd = hsk_ctx_done(stop), .events = POLLIN },
	};
	int n, ret, total = 0;

	while (poll(fds, 3, -1) > 0) {
		if (fds[2].revents)
			return 0;
		if (fds[0].revents) {
			ret = number_try_recv(add, &n, NULL);
			if (ret == 1)
				total += n;
			else if (ret != -EAGAIN)
				return 1;
		}
		if (fds[1].revents) {
			ret = number_try_send(get, &total);
			if (ret < 0 && ret != -EAGAIN)
				return 1;
		}
	}
	return 1;
}
