/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Corpus: the programs worth keeping, each in a text file of its own in the
 * repository, and what is found beside them in a run.
 */
#ifndef FUZZ_CORPUS_H
#define FUZZ_CORPUS_H

#include "cover.h"
#include "program.h"

#define CORPUS_MAX 4096

struct entry {
	struct program program;
	struct cover *cover;
	bool loaded;		/* from a file */
	bool kept;		/* by corpus_distil() */
};

struct corpus {
	int nr;
	struct entry *entry;
	struct cover all;
};

int corpus_load(struct corpus *corpus, const char *dir);
int program_load(struct program *program, const char *path);
bool corpus_offer(struct corpus *corpus, const struct program *program, bool loaded);
int corpus_distil(struct corpus *corpus);
void corpus_print(const struct corpus *corpus);

#endif /* FUZZ_CORPUS_H */
