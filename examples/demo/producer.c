// SPDX-License-Identifier: MIT
/* The producer: walks the directory and sends each file, open, as a job. */
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "demo.h"

static void send_job(const struct demo *demo, const FTSENT *entry, uint32_t id)
{
	const char *path = entry->fts_path + strlen(demo->dir);
	struct job job = { .id = id, .size = entry->fts_statp->st_size };
	int file, ret;

	while (*path == '/')
		path++;
	if (strlen(path) >= sizeof(job.path))
		die(path, -ENAMETOOLONG);
	strcpy(job.path, path);
	file = open(entry->fts_accpath, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		die(path, -errno);
	ret = hsk_send_fds(demo->tx[JOBS], &job, sizeof(job), &file, 1, NULL);
	if (ret < 0)
		die("jobs", ret);
	close(file);
}

int producer(const struct demo *demo)
{
	char *const dirs[] = { (char *)demo->dir, NULL };
	FTS *walk = fts_open(dirs, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint32_t id = 0;
	FTSENT *entry;

	if (!walk)
		die(demo->dir, -errno);
	while ((entry = fts_read(walk))) {
		if (entry->fts_info == FTS_F)
			send_job(demo, entry, id++);
		else if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR)
			die(entry->fts_path, -entry->fts_errno);
	}
	fts_close(walk);
	/* Without this the dispatcher would see -EOWNERDEAD: died midway. */
	hsk_close(demo->tx[JOBS], 0);
	return 0;
}
