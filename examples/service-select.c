// SPDX-License-Identifier: MIT
/*
 * The service as a blocking select, as one would write it in Go. Nothing is polled
 * and nothing can be stale: the case that is returned has happened.
 */
#include "service.h"

static int serve(int add, int get, const struct hsk_ctx *stop)
{
	int n, total = 0;

	for (;;) {
		struct hsk_case cases[] = {
			hsk_case_recv(add, &n, sizeof(n)),
			hsk_case_send(get, &total, sizeof(total)),
			hsk_case_recv(hsk_ctx_done(stop), NULL, 0),
		};

		switch (hsk_select(cases, 3, NULL)) {
		case 0:
			if (cases[0].result != 1)
				return 1;	/* closed: all clients have gone */
			total += n;
			break;
		case 1:
			break;
		case 2:
			return 0;
		default:
			return 1;
		}
	}
}
