// SPDX-License-Identifier: MIT
/*
 * A request bears the context of who asks. The server works under it, and stops when
 * nobody wants the answer any more: cancelled, too late, or dead.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hsk.h>

enum { CANCELLED, SHUTDOWN, TOO_LATE, KILLED, NR_ENDINGS };

/* Asks, and then does not wait for the answer. */
static int ask(int requests, int ending)
{
	struct hsk_ctx *ctx;
	int done, ret;

	if (ending == TOO_LATE)
		ret = hsk_ctx_with_timeout_ms(NULL, 100, &ctx);
	else
		ret = hsk_ctx_with_cancel(NULL, &ctx);
	if (ret < 0)
		return 1;
	done = hsk_ctx_done(ctx);
	if (hsk_send_fds(requests, &ending, sizeof(ending), &done, 1, NULL) < 0)
		return 1;
	switch (ending) {
	case CANCELLED:
		return hsk_ctx_cancel(ctx) < 0;
	case SHUTDOWN:
		return hsk_ctx_cancel_cause(ctx, -ESHUTDOWN) < 0;
	case TOO_LATE:
		return hsk_recv(done, NULL, 0, NULL, NULL) != 0;
	default:
		return raise(SIGKILL);
	}
}

static int serve(int requests, int nothing)
{
	static const char * const name[] = {
		"cancelled", "shut down", "too late", "killed",
	};
	static const int expected[] = {
		-ECANCELED, -ESHUTDOWN, -ETIMEDOUT, -EOWNERDEAD,
	};
	struct hsk_ctx *theirs, *ours;
	struct hsk_message msg;
	int ending, fd;

	if (hsk_recv_fds(requests, &ending, sizeof(ending), &fd, 1, &msg, NULL) != 1 ||
	    hsk_ctx_from_fd(fd, &theirs) < 0 ||
	    hsk_ctx_with_timeout_ms(theirs, 10000, &ours) < 0)
		return 1;
	/* Work that takes for ever, but for the context. */
	hsk_recv(nothing, NULL, 0, NULL, ours);
	printf("%-9s  cause %d\n", name[ending], hsk_ctx_cause(ours));
	fflush(stdout);
	return hsk_ctx_cause(ours) != expected[ending];
}

int main(void)
{
	int requests = hsk_chan_new(0), nothing = hsk_chan_new(0);
	int ending, ret = 0;

	if (requests < 0 || nothing < 0) {
		fprintf(stderr, "context: is the module loaded?\n");
		return 1;
	}
	for (ending = 0; ending < NR_ENDINGS && !ret; ending++) {
		if (fork() == 0)
			return ask(requests, ending);
		ret = serve(requests, nothing);
		wait(NULL);
	}
	return ret;
}
