/* SPDX-License-Identifier: MIT */
/*
 * A service that owns a number: clients add to it, and ask for it. It is written
 * three times, in service-select.c, service-poll.c and service-selector.c, each of
 * which is a serve() and this file, which starts it and is its clients.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hsk.h>

HSK_TYPED(number, int)

/*
 * The service, until @stop is done: receives from @add what is to be added, sends
 * what it has come to on @get. Returns its exit status.
 */
static int serve(int add, int get, const struct hsk_ctx *stop);

enum { CLIENTS = 3, LAST = 10 };

/* Keeps the right to wait for it only: should main die, it is done. */
static const struct hsk_ctx *keep_narrow(struct hsk_ctx *ctx)
{
	struct hsk_ctx *narrow;

	if (hsk_ctx_from_fd(hsk_dup(hsk_ctx_done(ctx), HSK_RIGHT_READ), &narrow) < 0)
		_exit(1);
	hsk_ctx_free(ctx);
	return narrow;
}

static int client(int add)
{
	int n;

	for (n = 1; n <= LAST; n++)
		if (number_send(add, &n, NULL) < 0)
			return 1;
	return 0;
}

int main(void)
{
	int add[2], get[2], i, total, status, bad = 0;
	struct hsk_ctx *stop;

	if (hsk_chan_pair(add, 0) < 0 || hsk_chan_pair(get, 0) < 0 ||
	    hsk_ctx_with_cancel(NULL, &stop) < 0) {
		fprintf(stderr, "service: is the module loaded?\n");
		return 1;
	}
	if (fork() == 0) {
		close(add[1]);
		close(get[0]);
		return serve(add[0], get[1], keep_narrow(stop));
	}
	close(add[0]);
	close(get[1]);
	for (i = 0; i < CLIENTS; i++)
		if (fork() == 0) {
			/* Or else a client would keep alive what main's death ends. */
			keep_narrow(stop);
			return client(add[1]);
		}
	for (i = 0; i < CLIENTS && wait(&status) > 0; i++)
		bad |= status;
	if (bad || number_recv(get[0], &total, NULL, NULL) != 1)
		return 1;
	printf("%d clients have added up to %d\n", CLIENTS, total);
	hsk_ctx_cancel(stop);
	wait(&status);
	return status || total != CLIENTS * LAST * (LAST + 1) / 2;
}
