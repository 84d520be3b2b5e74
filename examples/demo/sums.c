// SPDX-License-Identifier: MIT
/* The list that sha256sum made: 64 hexadecimal digits, two characters, path. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"

#define HEX_LEN (2 * DIGEST_LEN)

struct sum {
	bool checked;
	char hex[HEX_LEN + 1];
	char path[PATH_ROOM];
};

struct sums {
	unsigned int count;
	struct sum *sum;
};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct sum *)a)->path,
		      ((const struct sum *)b)->path);
}

struct sums *sums_load(const char *list)
{
	char line[HEX_LEN + 2 + PATH_ROOM + 1];
	struct sums *sums = calloc(1, sizeof(*sums));
	FILE *file = fopen(list, "r");
	struct sum *sum;

	if (!sums || !file)
		die(list, -errno);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\\' || strlen(line) < HEX_LEN + 3)
			die(list, -EINVAL);	/* escaped names: not here */
		sums->sum = realloc(sums->sum,
				    (sums->count + 1) * sizeof(*sums->sum));
		if (!sums->sum)
			die(list, -ENOMEM);
		sum = &sums->sum[sums->count++];
		memcpy(sum->hex, line, HEX_LEN);
		sum->hex[HEX_LEN] = '\0';
		sum->checked = false;
		if (strlen(line + HEX_LEN + 2) >= sizeof(sum->path))
			die(list, -ENAMETOOLONG);
		strcpy(sum->path, line + HEX_LEN + 2);
	}
	fclose(file);
	qsort(sums->sum, sums->count, sizeof(*sums->sum), by_path);
	return sums;
}

unsigned int sums_count(const struct sums *sums)
{
	return sums->count;
}

enum verdict sums_check(struct sums *sums, const char *path,
			const unsigned char digest[DIGEST_LEN])
{
	char hex[HEX_LEN + 1];
	struct sum key = { 0 }, *found;
	int i;

	snprintf(key.path, sizeof(key.path), "%s", path);
	found = bsearch(&key, sums->sum, sums->count, sizeof(key), by_path);
	if (!found)
		return UNKNOWN;
	if (found->checked)
		return TWICE;
	found->checked = true;
	for (i = 0; i < DIGEST_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return strcmp(hex, found->hex) == 0 ? RIGHT : WRONG;
}
