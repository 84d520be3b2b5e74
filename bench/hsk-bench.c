// SPDX-License-Identifier: GPL-2.0-only
/*
 * hsk-bench: what one operation costs, beside its peers in the kernel.
 *
 * It divides CLOCK_MONOTONIC by the number of operations. Under a virtual
 * machine that makes one nanosecond of one instruction (tools/vm --icount) the
 * result is instructions per operation, the same in every run; elsewhere it is
 * nanoseconds and as noisy as the machine.
 *
 * Every figure is steady state: the first operations are not counted.
 */
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hsk.h>

#define MESSAGE_BYTES	64
#define WARM_UP		200
#define BUFFERED	64

static unsigned long iterations = 5000;

/* One direction: what is put into tx comes out of rx. */
struct link {
	int rx;
	int tx;
};

/* A kind of link. */
struct transport {
	void (*open)(struct link *link);
	void (*put)(int tx);
	void (*get)(int rx);
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/* ---- transports ---------------------------------------------------------- */

static void write_message(int tx)
{
	char message[MESSAGE_BYTES] = "message";

	if (write(tx, message, sizeof(message)) != sizeof(message))
		err(1, "write");
}

static void read_message(int rx)
{
	char message[MESSAGE_BYTES];

	if (read(rx, message, sizeof(message)) != sizeof(message))
		err(1, "read");
}

static void open_pipe(struct link *link)
{
	int ends[2];

	if (pipe(ends) < 0)
		err(1, "pipe");
	*link = (struct link) { .rx = ends[0], .tx = ends[1] };
}

static void open_seqpacket(struct link *link)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
		err(1, "socketpair");
	*link = (struct link) { .rx = ends[0], .tx = ends[1] };
}

static void open_eventfd(struct link *link)
{
	int fd = eventfd(0, 0);

	if (fd < 0)
		err(1, "eventfd");
	*link = (struct link) { .rx = fd, .tx = fd };
}

static void put_event(int tx)
{
	uint64_t one = 1;

	if (write(tx, &one, sizeof(one)) != sizeof(one))
		err(1, "write");
}

static void get_event(int rx)
{
	uint64_t count;

	if (read(rx, &count, sizeof(count)) != sizeof(count))
		err(1, "read");
}

static void open_channel(struct link *link, unsigned int capacity)
{
	int ends[2];
	int ret = hsk_chan_pair(ends, capacity);

	if (ret < 0)
		errx(1, "cannot make a channel: %s", strerror(-ret));
	*link = (struct link) { .rx = ends[0], .tx = ends[1] };
}

static void open_rendezvous(struct link *link)
{
	open_channel(link, 0);
}

static void open_single(struct link *link)
{
	open_channel(link, 1);
}

static void open_buffered(struct link *link)
{
	open_channel(link, BUFFERED);
}

static void channel_put(int tx)
{
	char message[MESSAGE_BYTES] = "message";
	int ret = hsk_send(tx, message, sizeof(message), NULL);

	if (ret < 0)
		errx(1, "hsk_send: %s", strerror(-ret));
}

static void channel_get(int rx)
{
	char message[MESSAGE_BYTES];
	int ret = hsk_recv(rx, message, sizeof(message), NULL, NULL);

	if (ret != 1)
		errx(1, "hsk_recv: %s", ret ? strerror(-ret) : "closed");
}

static const struct transport pipe_link = {
	open_pipe, write_message, read_message,
};

static const struct transport seqpacket_link = {
	open_seqpacket, write_message, read_message,
};

static const struct transport eventfd_link = {
	open_eventfd, put_event, get_event,
};

static const struct transport rendezvous_link = {
	open_rendezvous, channel_put, channel_get,
};

static const struct transport rendezvous_rw_link = {
	open_rendezvous, write_message, read_message,
};

static const struct transport single_link = {
	open_single, channel_put, channel_get,
};

static const struct transport buffered_link = {
	open_buffered, channel_put, channel_get,
};

/* ---- measurements -------------------------------------------------------- */

/* A peer process that goes when this one does. */
static pid_t fork_peer(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static void wait_for_peer(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "the peer process failed");
}

static void close_link(const struct link *link)
{
	close(link->rx);
	if (link->tx != link->rx)
		close(link->tx);
}

static void echo(const struct transport *t, int rx, int tx)
{
	unsigned long i;

	for (i = 0; i < WARM_UP + iterations; i++) {
		t->get(rx);
		t->put(tx);
	}
}

/* There and back between two processes. */
static uint64_t round_trip(const struct transport *t)
{
	struct link there, back;
	uint64_t start = 0;
	uint64_t spent;
	unsigned long i;
	pid_t pid;

	t->open(&there);
	t->open(&back);
	pid = fork_peer();
	if (pid == 0) {
		echo(t, there.rx, back.tx);
		_exit(0);
	}
	for (i = 0; i < WARM_UP + iterations; i++) {
		if (i == WARM_UP)
			start = now_ns();
		t->put(there.tx);
		t->get(back.rx);
	}
	spent = now_ns() - start;
	wait_for_peer(pid);
	close_link(&there);
	close_link(&back);
	return spent;
}

/* From one process to another, as fast as both can. */
static uint64_t one_way(const struct transport *t)
{
	struct link link;
	uint64_t start = 0;
	uint64_t spent;
	unsigned long i;
	pid_t pid;

	t->open(&link);
	pid = fork_peer();
	if (pid == 0) {
		for (i = 0; i < WARM_UP + iterations; i++)
			t->put(link.tx);
		_exit(0);
	}
	for (i = 0; i < WARM_UP + iterations; i++) {
		if (i == WARM_UP)
			start = now_ns();
		t->get(link.rx);
	}
	spent = now_ns() - start;
	wait_for_peer(pid);
	close_link(&link);
	return spent;
}

/* In and out again in one process, so that nobody ever blocks. */
static uint64_t same_task(const struct transport *t)
{
	struct link link;
	uint64_t start = 0;
	uint64_t spent;
	unsigned long i;

	t->open(&link);
	for (i = 0; i < WARM_UP + iterations; i++) {
		if (i == WARM_UP)
			start = now_ns();
		t->put(link.tx);
		t->get(link.rx);
	}
	spent = now_ns() - start;
	close_link(&link);
	return spent;
}

static uint64_t system_call(const struct transport *t)
{
	uint64_t start = now_ns();
	unsigned long i;

	(void)t;
	for (i = 0; i < iterations; i++)
		syscall(SYS_getppid);
	return now_ns() - start;
}

/* ---- report -------------------------------------------------------------- */

/* What is measured; each is compared with the last pipe row above it. */
static const struct row {
	const char *name;
	uint64_t (*measure)(const struct transport *t);
	const struct transport *transport;
} rows[] = {
	{ "getppid", system_call, NULL },
	{ "pipe, round trip", round_trip, &pipe_link },
	{ "eventfd, round trip (8 B)", round_trip, &eventfd_link },
	{ "SOCK_SEQPACKET, round trip", round_trip, &seqpacket_link },
	{ "hsk rendezvous, round trip", round_trip, &rendezvous_link },
	{ "hsk rendezvous, round trip, read/write", round_trip,
	  &rendezvous_rw_link },
	{ "hsk capacity 1, round trip", round_trip, &single_link },
	{ "pipe, one way", one_way, &pipe_link },
	{ "SOCK_SEQPACKET, one way", one_way, &seqpacket_link },
	{ "hsk rendezvous, one way", one_way, &rendezvous_link },
	{ "hsk capacity 64, one way", one_way, &buffered_link },
	{ "pipe, write + read, one task", same_task, &pipe_link },
	{ "SOCK_SEQPACKET, write + read, one task", same_task,
	  &seqpacket_link },
	{ "hsk capacity 1, send + receive, one task", same_task,
	  &single_link },
	{ NULL, NULL, NULL },
};

static void print_row(const struct row *row, double each, double pipe)
{
	printf("%-42s %12.0f", row->name, each);
	if (pipe > 0)
		printf(" %9.2f", each / pipe);
	putchar('\n');
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct row *row;
	double pipe = 0;

	if (argc == 2)
		iterations = strtoul(argv[1], NULL, 10);
	if (argc > 2 || iterations == 0)
		errx(2, "usage: hsk-bench [ITERATIONS]");
	printf("%lu iterations, messages of %d bytes; per operation:\n",
	       iterations, MESSAGE_BYTES);
	printf("%-42s %12s %9s\n", "operation", "ns", "x pipe");
	for (row = rows; row->name; row++) {
		double each = (double)row->measure(row->transport) /
			      (double)iterations;

		if (row->transport == &pipe_link)
			pipe = each;
		print_row(row, each, pipe);
	}
	return 0;
}
