// SPDX-License-Identifier: GPL-2.0-only
/* Talks to the module that kills. */
#include <fcntl.h>
#include <unistd.h>

#include "kills.h"

#define K_DIR	"/sys/kernel/debug/hsk_kill/"

void k_points_read(struct k_points *points)
{
	FILE *f = fopen(K_DIR "points", "re");

	points->nr = 0;
	while (f && points->nr < K_POINTS &&
	       fscanf(f, "%31s %u", points->name[points->nr],
		      &points->hits[points->nr]) == 2)
		points->nr++;
	if (f)
		fclose(f);
}

int k_arm(const char *point, unsigned int n, pid_t pgrp)
{
	int fd = open(K_DIR "arm", O_WRONLY | O_CLOEXEC);
	int ret = -1;

	if (fd >= 0) {
		ret = dprintf(fd, "%s %u %d", point, n, pgrp);
		close(fd);
	}
	return ret < 0 ? -errno : 0;
}

pid_t k_killed(void)
{
	char text[32] = "";
	int tid, tgid;

	if (t_read_line(K_DIR "killed", text, sizeof(text)) ||
	    sscanf(text, "%d %d", &tid, &tgid) != 2)
		return -1;
	return tgid;
}

long k_references(void)
{
	char text[32] = "";

	if (t_read_line("/sys/module/hsk/refcnt", text, sizeof(text)))
		return -1;
	return strtol(text, NULL, 10);
}
