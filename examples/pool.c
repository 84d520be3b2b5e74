// SPDX-License-Identifier: MIT
/* chan chan: a worker that is idle sends its own channel, and work comes back. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hsk.h>

HSK_TYPED(number, int)

static int work(int idle, int results)
{
	int inbox = hsk_chan_new(0), endpoint, n;

	/* Who gets our channel may send on it and no more. */
	endpoint = hsk_dup(inbox, HSK_RIGHT_WRITE);
	while (hsk_send_fds(idle, NULL, 0, &endpoint, 1, NULL) == 0 &&
	       number_recv(inbox, &n, NULL, NULL) == 1) {
		n *= n;
		number_send(results, &n, NULL);
	}
	return 0;
}

static int dispatch(int idle)
{
	struct hsk_message msg;
	int n, worker;

	for (n = 1; n <= 10; n++) {
		if (hsk_recv_fds(idle, NULL, 0, &worker, 1, &msg, NULL) != 1)
			return 1;
		number_send(worker, &n, NULL);
		close(worker);
	}
	hsk_close(idle, 0);	/* the next who advertises gets -EPIPE */
	return 0;
}

int main(void)
{
	int idle = hsk_chan_new(0), results = hsk_chan_new(10);
	int i, n, sum = 0;

	if (idle < 0 || results < 0) {
		fprintf(stderr, "pool: is the module loaded?\n");
		return 1;
	}
	for (i = 0; i < 4; i++)
		if (fork() == 0)
			return work(idle, results);
	if (dispatch(idle))
		return 1;
	for (i = 0; i < 10 && number_recv(results, &n, NULL, NULL) == 1; i++)
		sum += n;
	printf("1 + 4 + ... + 100 = %d\n", sum);
	while (wait(NULL) > 0)
		;
	return sum != 385;
}
