// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"

int program_load(struct program *program, const char *path)
{
	char text[8192], error[256];
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file) {
		perror(path);
		return -1;
	}
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	if (program_parse(program, text, error, sizeof(error))) {
		fprintf(stderr, "%s: no step: %s\n", path, error);
		return -1;
	}
	return 0;
}

static int is_program(const struct dirent *dirent)
{
	const char *dot = strrchr(dirent->d_name, '.');

	return dot && !strcmp(dot, ".txt");
}

/**
 * corpus_load() - read the programs of a directory, in the order of their names
 * @corpus: gets them, without coverage
 * @dir: the directory
 *
 * Return: how many; -1.
 */
int corpus_load(struct corpus *corpus, const char *dir)
{
	struct dirent **names;
	char path[512];
	int i, nr = scandir(dir, &names, is_program, alphasort);

	if (nr < 0) {
		perror(dir);
		return -1;
	}
	for (i = 0; i < nr && corpus->nr < CORPUS_MAX; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (program_load(&corpus->entry[corpus->nr].program, path))
			return -1;
		corpus->entry[corpus->nr++].loaded = true;
		free(names[i]);
	}
	free(names);
	return nr;
}

/**
 * corpus_offer() - keep a program that has just been run, if it reached new ground
 * @corpus: the corpus
 * @program: the program; its coverage is last_cover
 * @loaded: it is the corpus's already
 *
 * Return: true: it did.
 */
bool corpus_offer(struct corpus *corpus, const struct program *program, bool loaded)
{
	struct entry *entry;

	if (!cover_merge(&corpus->all, &last_cover) || loaded || corpus->nr == CORPUS_MAX)
		return false;
	entry = &corpus->entry[corpus->nr++];
	entry->program = *program;
	entry->loaded = false;
	entry->cover = malloc(sizeof(*entry->cover));
	memcpy(entry->cover, &last_cover, sizeof(last_cover));
	return true;
}

/**
 * corpus_distil() - choose a few programs that reach all that all of them reach
 * @corpus: each entry with its coverage
 *
 * The one that adds most, again and again.
 *
 * Return: how many.
 */
int corpus_distil(struct corpus *corpus)
{
	struct cover *reached = calloc(1, sizeof(*reached));
	unsigned int gain, most;
	int i, best, nr = 0;

	for (;;) {
		most = 0;
		best = -1;
		for (i = 0; i < corpus->nr; i++) {
			if (corpus->entry[i].kept || !corpus->entry[i].cover)
				continue;
			gain = cover_missing(reached, corpus->entry[i].cover);
			if (gain > most) {
				most = gain;
				best = i;
			}
		}
		if (best < 0)
			break;
		corpus->entry[best].kept = true;
		cover_merge(reached, corpus->entry[best].cover);
		nr++;
	}
	free(reached);
	return nr;
}

/* For whoever collects them from the output: "corpus NAME: line". */
void corpus_print(const struct corpus *corpus)
{
	const struct program *program;
	char text[8192], *save, *line;
	int i;

	for (i = 0; i < corpus->nr; i++) {
		program = &corpus->entry[i].program;
		if (!corpus->entry[i].kept)
			continue;
		program_print(program, text, sizeof(text));
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			printf("corpus %08x: %s\n", program_hash(program), line);
	}
}
