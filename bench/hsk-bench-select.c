// SPDX-License-Identifier: GPL-2.0-only
/*
 * hsk-bench-select: what a select and a context cost, beside the plain operation and
 * beside poll(2) on pipes. As hsk-bench it prints CLOCK_MONOTONIC by operation, which is
 * instructions under tools/vm --icount. It asks the kernel directly, without libhsk.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/hsk.h>

#define MESSAGE_BYTES	64
#define ROUNDS		2000
#define CASES_MAX	16
#define CROWD		1000

static char message[MESSAGE_BYTES];
static int device;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static double report(const char *what, uint64_t spent, unsigned long rounds)
{
	double each = (double)spent / rounds;

	printf("%-58s %9.0f\n", what, each);
	fflush(stdout);
	return each;
}

static void ratio(const char *what, double a, double b)
{
	printf("%-58s %9.2f\n", what, a / b);
	fflush(stdout);
}

static int new_channel(unsigned int capacity)
{
	struct hsk_chan_new_args args = { .size = sizeof(args), .capacity = capacity };
	int fd = ioctl(device, HSK_IOC_CHAN_NEW, &args);

	if (fd < 0)
		err(1, "HSK_IOC_CHAN_NEW");
	return fd;
}

static void put(int fd)
{
	struct hsk_send_args args = {
		.size = sizeof(args),
		.msg = { .data = (uintptr_t)message, .len = sizeof(message) },
	};

	if (ioctl(fd, HSK_IOC_SEND, &args))
		err(1, "HSK_IOC_SEND");
}

static void get_with(int fd, int ctx)
{
	struct hsk_recv_args args = {
		.size = sizeof(args),
		.flags = ctx < 0 ? 0 : HSK_OP_F_CTX,
		.ctx = ctx < 0 ? 0 : ctx,
		.msg = { .data = (uintptr_t)message, .len = sizeof(message) },
	};

	if (ioctl(fd, HSK_IOC_RECV, &args))
		err(1, "HSK_IOC_RECV");
}

static void get(int fd)
{
	get_with(fd, -1);
}

static int select_of(struct hsk_select_case *cases, unsigned int nr, unsigned int flags)
{
	struct hsk_select_args args = {
		.size = sizeof(args),
		.flags = flags,
		.cases = (uintptr_t)cases,
		.nr_cases = nr,
	};
	int ret = ioctl(device, HSK_IOC_SELECT, &args);

	if (ret < 0 || args.result)
		err(1, "HSK_IOC_SELECT");
	return ret;
}

/* One ready receive among @nr, in each place in turn. */
static double select_recv(unsigned int nr)
{
	struct hsk_select_case cases[CASES_MAX];
	struct hsk_msghdr msg = { .data = (uintptr_t)message, .len = sizeof(message) };
	int ready = new_channel(2 * ROUNDS), never = new_channel(0);
	int idle[CASES_MAX] = { -1 };
	uint64_t begin;
	unsigned int i, place;
	char what[64];

	for (i = 0; i < nr; i++)
		idle[i] = i ? new_channel(0) : never;
	for (i = 0; i < 2 * ROUNDS; i++)
		put(ready);
	begin = 0;
	for (place = 0; place < nr; place++)
		cases[place] = (struct hsk_select_case) {
			.fd = idle[place], .op = HSK_CASE_RECV, .msg = (uintptr_t)&msg,
		};
	for (i = 0, place = 0; i < 2 * ROUNDS; i++) {
		if (i == ROUNDS)
			begin = now_ns();
		cases[place].fd = idle[place];
		if (++place >= nr)
			place = 0;
		cases[place].fd = ready;
		msg.len = sizeof(message);
		msg.nr_fds = 0;
		if (select_of(cases, nr, 0) != (int)place)
			errx(1, "another case");
	}
	snprintf(what, sizeof(what), "select, receive ready, %u cases", nr);
	begin = now_ns() - begin;
	for (i = 0; i < nr; i++)
		close(idle[i]);
	close(ready);
	return report(what, begin, ROUNDS);
}

static double select_send(unsigned int nr)
{
	struct hsk_select_case cases[CASES_MAX];
	struct hsk_msghdr msg = { .data = (uintptr_t)message, .len = sizeof(message) };
	struct hsk_msghdr room = { .data = (uintptr_t)message, .len = sizeof(message) };
	int ready = new_channel(2 * ROUNDS), never = new_channel(0);
	uint64_t begin = 0;
	unsigned int i, place;
	char what[64];

	for (place = 0; place < nr; place++)
		cases[place] = place ?
			(struct hsk_select_case) { never, HSK_CASE_RECV, (uintptr_t)&room } :
			(struct hsk_select_case) { ready, HSK_CASE_SEND, (uintptr_t)&msg };
	for (i = 0; i < 2 * ROUNDS; i++) {
		if (i == ROUNDS)
			begin = now_ns();
		select_of(cases, nr, 0);
	}
	snprintf(what, sizeof(what), "select, send ready, %u cases", nr);
	begin = now_ns() - begin;
	close(ready);
	close(never);
	return report(what, begin, ROUNDS);
}

static void plain(double *recv, double *send)
{
	int chan = new_channel(2 * ROUNDS);
	uint64_t begin = 0;
	unsigned int i;

	for (i = 0; i < 2 * ROUNDS; i++) {
		if (i == ROUNDS)
			begin = now_ns();
		put(chan);
	}
	*send = report("send, room in the buffer", now_ns() - begin, ROUNDS);
	for (i = 0; i < 2 * ROUNDS; i++) {
		if (i == ROUNDS)
			begin = now_ns();
		get(chan);
	}
	*recv = report("receive, a message in the buffer", now_ns() - begin, ROUNDS);
	close(chan);
}

static double poll_pipes(unsigned int nr)
{
	struct pollfd pfds[CASES_MAX];
	int ends[CASES_MAX][2];
	uint64_t spent = 0, begin;
	unsigned int i, place;
	char what[64];

	for (i = 0; i < nr; i++) {
		if (pipe(ends[i]))
			err(1, "pipe");
		pfds[i] = (struct pollfd) { .fd = ends[i][0], .events = POLLIN };
	}
	for (i = 0; i < 2 * ROUNDS; i++) {
		place = i % nr;
		if (write(ends[place][1], message, sizeof(message)) != sizeof(message))
			err(1, "write");
		begin = now_ns();
		if (poll(pfds, nr, -1) != 1)
			err(1, "poll");
		for (place = 0; !pfds[place].revents; place++)
			;
		if (read(pfds[place].fd, message, sizeof(message)) != sizeof(message))
			err(1, "read");
		if (i >= ROUNDS)
			spent += now_ns() - begin;
	}
	for (i = 0; i < nr; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	snprintf(what, sizeof(what), "poll(2) on %u pipes and read", nr);
	return report(what, spent, ROUNDS);
}

/* The clock itself, which the one above pays for in each round. */
static void clock_cost(void)
{
	uint64_t begin = now_ns();
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		now_ns();
	report("two looks at the clock, in each round of poll(2)", 2 * (now_ns() - begin), ROUNDS);
}

/* A round trip, each side blocked in its receive, with or without a context. */
static double ping_pong(int ctx, const char *what)
{
	int there = new_channel(0), back = new_channel(0);
	uint64_t begin = 0;
	unsigned int i;
	pid_t pid;

	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			get_with(there, ctx);
			put(back);
		}
	}
	for (i = 0; i < 2 * ROUNDS; i++) {
		if (i == ROUNDS)
			begin = now_ns();
		put(there);
		get_with(back, ctx);
	}
	begin = now_ns() - begin;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(there);
	close(back);
	return report(what, begin, ROUNDS);
}

/* A select that has to wait each time: its partner polls nothing and just sends. */
static double select_blocked(unsigned int nr, int crowd, const char *what)
{
	struct hsk_select_case cases[CASES_MAX];
	struct hsk_msghdr hdr = { .data = (uintptr_t)message, .len = sizeof(message) };
	int there = new_channel(0), back = new_channel(0), others = new_channel(0);
	uint64_t begin = 0;
	unsigned int i, place;
	pid_t pid, *many = calloc(crowd + 1, sizeof(*many));
	int n;

	for (n = 0; n < crowd; n++) {
		many[n] = fork();
		if (!many[n]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			get(others);
			_exit(0);
		}
	}
	for (n = 0; n < crowd; ) {
		struct hsk_info_args info = { .size = sizeof(info) };

		ioctl(others, HSK_IOC_INFO, &info);
		n = info.waiting_receivers;
		usleep(1000);
	}
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			get(there);
			put(back);
		}
	}
	for (i = 0; i < 2 * ROUNDS; i++) {
		struct hsk_msghdr room = hdr;

		if (i == ROUNDS)
			begin = now_ns();
		put(there);
		cases[0] = (struct hsk_select_case) { back, HSK_CASE_RECV, (uintptr_t)&room };
		for (place = 1; place < nr; place++)
			cases[place] = (struct hsk_select_case) { others, HSK_CASE_RECV,
								  (uintptr_t)&room };
		select_of(cases, nr, 0);
	}
	begin = now_ns() - begin;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (n = 0; n < crowd; n++) {
		kill(many[n], SIGKILL);
		waitpid(many[n], NULL, 0);
	}
	close(there);
	close(back);
	close(others);
	free(many);
	return report(what, begin, ROUNDS);
}

int main(void)
{
	struct rlimit files = { 4096, 4096 };
	double recv, send, two, sixteen, pipes, without, with, few, many;
	int ctx;

	setrlimit(RLIMIT_NOFILE, &files);
	device = open(HSK_DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0)
		err(1, "%s", HSK_DEVICE);
	clock_cost();
	plain(&recv, &send);
	select_recv(1);
	two = select_recv(2);
	ratio("  of 2 cases to the plain receive (bound 1.25)", two, recv);
	two = select_send(2);
	ratio("  of 2 cases to the plain send (bound 1.25)", two, send);
	sixteen = select_recv(16);
	pipes = poll_pipes(16);
	ratio("  of 16 cases to poll(2) on 16 pipes and read (bound 1)", sixteen, pipes);
	ctx = new_channel(0);
	without = ping_pong(-1, "round trip");
	with = ping_pong(ctx, "round trip, both receives with a context");
	ratio("  with a context to without (bound 1.3)", with, without);
	few = select_blocked(2, 0, "round trip, one side by a select of 2");
	many = select_blocked(2, CROWD, "the same, 1000 others wait on the second channel");
	ratio("  1000 others to none (bound 1)", many, few);
	select_blocked(16, 0, "round trip, one side by a select of 16");
	return 0;
}
