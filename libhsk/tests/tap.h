/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reporter for the library's tests, in C and in C++: TAP on standard output.
 *
 * Each test runs in a process of its own with a time limit, so that one that
 * crashes or hangs fails and the others still run. A failed EXPECT says where
 * and goes on; what a child process finds reaches the report through its exit
 * status (see child_passed()).
 */
#ifndef TAP_H
#define TAP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP_LIMIT_SECONDS	30

static int tap_failures;

#define EXPECT(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: not so: %s\n",			\
			       __FILE__, __LINE__, #cond);		\
			tap_failures++;					\
		}							\
	} while (0)

#define EXPECT_EQ(expected, got)					\
	do {								\
		long long tap_exp = (long long)(expected);		\
		long long tap_got = (long long)(got);			\
		if (tap_exp != tap_got) {				\
			printf("# %s:%d: %s is %lld, expected %lld\n",	\
			       __FILE__, __LINE__, #got, tap_got,	\
			       tap_exp);				\
			tap_failures++;					\
		}							\
	} while (0)

struct tap_test {
	const char *name;
	void (*run)(void);
};

#define TAP_TEST(function) { #function, function }

/* Leave a test's own child with what it found. */
static inline void child_exit(void)
{
	fflush(stdout);
	_exit(tap_failures ? 1 : 0);
}

static inline int child_passed(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static inline int tap_run_one(const struct tap_test *test)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(TAP_LIMIT_SECONDS);
		test->run();
		child_exit();
	}
	return pid > 0 && child_passed(pid);
}

static inline int tap_run(const struct tap_test *tests, size_t count)
{
	size_t failed = 0;
	size_t i;

	printf("TAP version 13\n1..%zu\n", count);
	for (i = 0; i < count; i++) {
		int passed = tap_run_one(&tests[i]);

		printf("%s %zu %s\n", passed ? "ok" : "not ok", i + 1,
		       tests[i].name);
		failed += !passed;
	}
	printf("# %zu passed, %zu failed\n", count - failed, failed);
	fflush(stdout);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define TAP_RUN(tests) tap_run(tests, sizeof(tests) / sizeof((tests)[0]))

#endif /* TAP_H */
