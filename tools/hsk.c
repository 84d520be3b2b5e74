// SPDX-License-Identifier: GPL-2.0-only
/*
 * hsk: channels from the command line.
 *
 * The endpoint it works on is a descriptor that it inherited: the one that
 * $HSK_FD or --fd names. hsk new is where such a descriptor comes from.
 */
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hsk.h>

#ifndef HSK_TOOL_VERSION
#define HSK_TOOL_VERSION "unknown"
#endif

/* Exit statuses; hsk(1) lists them. */
enum {
	STATUS_OK = 0,
	STATUS_ERROR = 1,
	STATUS_USAGE = 2,
	STATUS_NOT_NOW = 3,
	STATUS_CLOSED = 4,
};

/* How an operation may wait. */
struct wait_opts {
	bool try;
	uint64_t deadline;
};

static const char usage_text[] =
	"usage: hsk new [-c CAPACITY] [--] COMMAND [ARGUMENT...]\n"
	"       hsk [--fd N] send [-n | -d MILLISECONDS] MESSAGE | -\n"
	"       hsk [--fd N] recv [-n | -d MILLISECONDS] [-a] [-r]\n"
	"       hsk [--fd N] close [REASON]\n"
	"       hsk [--fd N] info\n"
	"       hsk info PID [FD]\n"
	"       hsk [--fd N] abi\n"
	"       hsk --help | --version\n";

static void __attribute__((__noreturn__)) usage(void)
{
	fputs(usage_text, stderr);
	exit(STATUS_USAGE);
}

static long parse_number(const char *text, long min, long max, const char *what)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max)
		errx(STATUS_USAGE, "%s must be a number from %ld to %ld, not '%s'",
		     what, min, max, text);
	return number;
}

/* ---- saying what went wrong ---------------------------------------------- */

static const char *advice_on_device(int error)
{
	switch (error) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return ": the module is not loaded (as root: modprobe hsk)";
	case EACCES:
	case EPERM:
		return ": you may not use it (join the group hsk, log in again)";
	case EINVAL:
		return ": the capacity is above the module's max_capacity";
	default:
		return "";
	}
}

static int new_channel(unsigned int capacity)
{
	int ep = hsk_chan_new(capacity);

	if (ep < 0)
		errx(STATUS_ERROR, "cannot make a channel: %s%s", strerror(-ep),
		     advice_on_device(-ep));
	return ep;
}

static const char *advice_on_operation(int error)
{
	switch (error) {
	case EBADF:
		return ": the endpoint is not open here, or lacks the right";
	case ENOTTY:
		return ": not an endpoint of a channel";
	case EMSGSIZE:
		return ": longer than the module's max_msg_size";
	default:
		return "";
	}
}

static void __attribute__((__noreturn__)) fail(const char *what, int ret)
{
	switch (ret) {
	case -EAGAIN:
		errx(STATUS_NOT_NOW, "cannot %s now: it would have to wait", what);
	case -ETIMEDOUT:
		errx(STATUS_NOT_NOW, "cannot %s: not in time", what);
	case -EPIPE:
		errx(STATUS_CLOSED, "cannot %s: the channel is closed", what);
	default:
		errx(STATUS_ERROR, "cannot %s: %s%s", what, strerror(-ret),
		     advice_on_operation(-ret));
	}
}

/* ---- the endpoint at hand ------------------------------------------------ */

static int endpoint(int fd_option)
{
	const char *name = getenv("HSK_FD");

	if (fd_option >= 0)
		return fd_option;
	if (!name)
		errx(STATUS_USAGE, "no channel: give --fd N, or run under 'hsk new'");
	return (int)parse_number(name, 0, INT_MAX, "HSK_FD");
}

/* ---- info ---------------------------------------------------------------- */

static void print_rights(unsigned int rights)
{
	printf("rights:\t%s%s\n", rights & HSK_RIGHT_READ ? "r" : "",
	       rights & HSK_RIGHT_WRITE ? "w" : "");
}

static void print_info(const struct hsk_info *info)
{
	printf("channel:\t%llu\n", (unsigned long long)info->id);
	print_rights(info->rights);
	printf("capacity:\t%u\n", info->capacity);
	printf("state:\t%s\n", info->closed ? "closed" : "open");
	printf("reason:\t%d\n", info->reason);
	printf("waiting-senders:\t%u\n", info->waiting_senders);
	printf("waiting-receivers:\t%u\n", info->waiting_receivers);
	printf("read-endpoints:\t%u\n", info->read_endpoints);
	printf("write-endpoints:\t%u\n", info->write_endpoints);
	printf("sent:\t%llu\n", (unsigned long long)info->sent);
	printf("received:\t%llu\n", (unsigned long long)info->received);
	printf("buffered:\t%llu\n", (unsigned long long)info->buffered);
	printf("drained:\t%llu\n", (unsigned long long)info->drained);
}

/* Prints what fdinfo tells of one descriptor; false if it is no endpoint. */
static bool print_fdinfo(int pid, int fd, bool with_heading)
{
	static const char prefix[] = "hsk-";
	char path[64];
	char line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, prefix, strlen(prefix)) != 0)
			continue;
		if (!found && with_heading)
			printf("descriptor:\t%d\n", fd);
		found = true;
		fputs(line + strlen(prefix), stdout);
	}
	fclose(file);
	return found;
}

static int info_of_process(int argc, char **argv)
{
	int pid = (int)parse_number(argv[0], 1, INT_MAX, "PID");
	bool found = false;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	if (access(path, R_OK | X_OK) != 0)
		err(STATUS_ERROR, "cannot look at process %d", pid);
	if (argc > 1) {
		fd = (int)parse_number(argv[1], 0, INT_MAX, "FD");
		if (!print_fdinfo(pid, fd, false))
			errx(STATUS_ERROR, "descriptor %d of process %d is no endpoint",
			     fd, pid);
		return STATUS_OK;
	}
	for (fd = 0; fd < sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
		found |= print_fdinfo(pid, fd, true);
	if (!found)
		errx(STATUS_ERROR, "process %d has no endpoint", pid);
	return STATUS_OK;
}

static int do_info(int fd_option, int argc, char **argv)
{
	struct hsk_info info;
	int ret;

	if (argc > 3)
		usage();
	if (argc > 1)
		return info_of_process(argc - 1, argv + 1);
	ret = hsk_info(endpoint(fd_option), &info);
	if (ret < 0)
		fail("look at the channel", ret);
	print_info(&info);
	return STATUS_OK;
}

static int do_abi(int fd_option, int argc, char **argv)
{
	/* With no endpoint at hand the device answers as well. */
	bool at_hand = fd_option >= 0 || getenv("HSK_FD");
	int ep = at_hand ? endpoint(fd_option) : new_channel(0);
	uint64_t features;
	int ret = hsk_abi(ep, &features);

	(void)argv;
	if (argc > 1)
		usage();
	if (ret < 0)
		fail("ask for the ABI", ret);
	printf("version:\t%d\n", ret);
	printf("features:\t%#llx%s\n", (unsigned long long)features,
	       features & HSK_FEATURE_CHANNELS ? " channels" : "");
	return STATUS_OK;
}

/* ---- new ----------------------------------------------------------------- */

static int do_new(int fd_option, int argc, char **argv)
{
	unsigned int capacity = 0;
	char name[16];
	int option;
	int ep;

	(void)fd_option;
	while ((option = getopt(argc, argv, "+c:")) != -1) {
		if (option != 'c')
			usage();
		capacity = (unsigned int)parse_number(optarg, 0, INT_MAX,
						      "the capacity");
	}
	if (optind == argc)
		usage();
	ep = new_channel(capacity);
	snprintf(name, sizeof(name), "%d", ep);
	if (fcntl(ep, F_SETFD, 0) < 0 || setenv("HSK_FD", name, 1) < 0)
		err(STATUS_ERROR, "cannot hand the endpoint on");
	execvp(argv[optind], argv + optind);
	err(STATUS_ERROR, "cannot run %s", argv[optind]);
}

/* ---- send ---------------------------------------------------------------- */

/* -n and -d; false for an option that is not about waiting. */
static bool parse_wait(int option, struct wait_opts *opts)
{
	switch (option) {
	case 'n':
		opts->try = true;
		return true;
	case 'd':
		opts->deadline = hsk_deadline_in_ms((uint64_t)
			parse_number(optarg, 0, INT_MAX, "the deadline"));
		return true;
	default:
		return false;
	}
}

/* All of standard input, which becomes one message. */
static char *read_input(size_t *len)
{
	size_t room = 0;
	char *data = NULL;
	char *more;

	*len = 0;
	do {
		room = room ? 2 * room : 4096;
		more = realloc(data, room);
		if (!more)
			break;
		data = more;
		*len += fread(data + *len, 1, room - *len, stdin);
	} while (*len == room);
	if (!more || ferror(stdin))
		err(STATUS_ERROR, "cannot read the message");
	return data;
}

static int do_send(int fd_option, int argc, char **argv)
{
	struct wait_opts opts = { 0 };
	char *input = NULL;
	const char *data;
	size_t len;
	int option, ep, ret;

	while ((option = getopt(argc, argv, "+nd:")) != -1) {
		if (!parse_wait(option, &opts))
			usage();
	}
	if (optind != argc - 1)
		usage();
	ep = endpoint(fd_option);
	data = argv[optind];
	len = strlen(data);
	if (strcmp(data, "-") == 0) {
		input = read_input(&len);
		data = input;
	}
	ret = opts.try ? hsk_try_send(ep, data, len) :
			 hsk_send_until(ep, data, len, opts.deadline, NULL);
	free(input);
	if (ret < 0)
		fail("send", ret);
	return STATUS_OK;
}

/* ---- recv ---------------------------------------------------------------- */

/* A common message fits at once: too little room costs the place in the queue. */
#define FIRST_ROOM 65536

/* Where a message is received; it grows to the longest that comes. */
struct room {
	char *data;
	size_t size;
};

static void set_room(struct room *room, size_t size)
{
	free(room->data);
	room->size = size;
	room->data = malloc(size);
	if (!room->data)
		err(STATUS_ERROR, "cannot receive");
}

static int recv_one(int ep, const struct wait_opts *opts, struct room *room,
		    struct hsk_message *msg)
{
	int ret;

	for (;;) {
		ret = opts->try ? hsk_try_recv(ep, room->data, room->size, msg) :
				  hsk_recv_until(ep, room->data, room->size, msg,
						 opts->deadline, NULL);
		if (ret != -EMSGSIZE)
			return ret;
		if (msg->nr_fds)
			errx(STATUS_ERROR, "cannot receive: it bears descriptors, and stays");
		set_room(room, msg->len);
	}
}

static void print_message(const char *data, size_t len, bool raw)
{
	fwrite(data, 1, len, stdout);
	if (!raw)
		putchar('\n');
	/* A message that was received must not be lost in silence. */
	if (fflush(stdout) != 0)
		err(STATUS_ERROR, "received %zu bytes, cannot write them", len);
}

static int do_recv(int fd_option, int argc, char **argv)
{
	struct wait_opts opts = { 0 };
	struct hsk_message msg = { 0 };
	struct room room = { 0 };
	bool all = false;
	bool raw = false;
	int option, ep, ret;

	while ((option = getopt(argc, argv, "+nd:ar")) != -1) {
		if (option == 'a')
			all = true;
		else if (option == 'r')
			raw = true;
		else if (!parse_wait(option, &opts))
			usage();
	}
	if (optind != argc)
		usage();
	ep = endpoint(fd_option);
	set_room(&room, FIRST_ROOM);
	do {
		ret = recv_one(ep, &opts, &room, &msg);
		if (ret == 1)
			print_message(room.data, msg.len, raw);
	} while (ret == 1 && all);
	free(room.data);
	if (ret < 0)
		fail("receive", ret);
	if (ret == 0 && !(all && msg.reason == 0))
		errx(STATUS_CLOSED, "the channel is closed, reason %d%s%s%s",
		     msg.reason, msg.reason < 0 ? " (" : "",
		     msg.reason < 0 ? strerror(-msg.reason) : "",
		     msg.reason < 0 ? ")" : "");
	return STATUS_OK;
}

/* ---- close --------------------------------------------------------------- */

static int do_close(int fd_option, int argc, char **argv)
{
	int reason = 0;
	int ret;

	if (argc > 2)
		usage();
	if (argc == 2)
		reason = (int)parse_number(argv[1], -4095, INT_MAX, "the reason");
	ret = hsk_close(endpoint(fd_option), reason);
	if (ret < 0)
		fail("close", ret);
	return STATUS_OK;
}

/* -------------------------------------------------------------------------- */

static const struct command {
	const char *name;
	int (*run)(int fd_option, int argc, char **argv);
} commands[] = {
	{ "abi", do_abi },
	{ "close", do_close },
	{ "info", do_info },
	{ "new", do_new },
	{ "recv", do_recv },
	{ "send", do_send },
	{ NULL, NULL },
};

/* The options before the command; returns the descriptor of --fd or -1. */
static int parse_common(int argc, char **argv)
{
	static const struct option options[] = {
		{ "fd", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int fd = -1;
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			fd = (int)parse_number(optarg, 0, INT_MAX, "--fd");
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(STATUS_OK);
		case 'v':
			puts("hsk " HSK_TOOL_VERSION);
			exit(STATUS_OK);
		default:
			usage();
		}
	}
	return fd;
}

int main(int argc, char **argv)
{
	int fd = parse_common(argc, argv);
	const struct command *command;
	int first = optind;

	if (first == argc)
		usage();
	for (command = commands; command->name; command++) {
		if (strcmp(command->name, argv[first]) == 0) {
			/* 0 makes getopt begin anew on the command's own words. */
			optind = 0;
			return command->run(fd, argc - first, argv + first);
		}
	}
	warnx("no such command: %s", argv[first]);
	usage();
}
