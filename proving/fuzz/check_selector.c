// SPDX-License-Identifier: GPL-2.0-only
/* What a selector looks like from outside, beside the model. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"
#include "worker.h"

static unsigned int poll_now(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLRDNORM };

	poll(&poll_fd, 1, 0);
	return poll_fd.revents & 0xffff;
}

/* Until it is the model's. */
static void check_one(int w, int s)
{
	const struct file *file = model_file(w, s);
	double end = now() + patience;
	unsigned int events;
	int fd;

	fd = check_borrow_slot(w, s);
	if (fd < 0)
		return;
	while ((events = poll_now(fd)) != model_poll(file) && now() < end)
		usleep(200);
	close(fd);
	if (events != model_poll(file))
		fail("worker %d's selector polls %#x, the model says %#x", w, events,
		     model_poll(file));
}

/* Each new one and each that has changed; with @all, every one. */
void check_selectors(bool all)
{
	struct slot *slot;
	int w, s;

	for (w = 0; w < NR_WORKERS; w++) {
		for (s = 0; s < NR_SLOTS && !failure.failed; s++) {
			slot = &model.worker[w].slot[s];
			if (!slot->file || slot->file->kind != FILE_SELECTOR ||
			    !(all || slot->fresh || slot->file->selector->dirty))
				continue;
			check_one(w, s);
			slot->fresh = false;
			slot->file->selector->dirty = false;
		}
	}
}

void check_selector_fdinfo(int w, const char *text)
{
	static const char *const states[] = { "idle", "armed", "happened" };
	const struct pending *armed = &model.worker[w].pending.file->selector->armed;
	char expected[80];

	snprintf(expected, sizeof(expected), "hsk-selector:\t%s\nhsk-cases:\t%u\n",
		 states[armed->state], armed->state == IDLE ? 0 : select_count(&armed->step));
	if (!strstr(text, expected))
		fail("worker %d: fdinfo is\n%s\nthe model says\n%s", w, text, expected);
}
