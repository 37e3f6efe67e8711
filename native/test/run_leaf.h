/* SPDX-License-Identifier: Apache-2.0 */
/* How a case executes leaf, or a copy of it: writes down the exec (expect.h), then makes it. Used by cases.h. */
#ifndef FOREBEAR_RUN_LEAF_H
#define FOREBEAR_RUN_LEAF_H

#include <sys/syscall.h>
#include "expect.h"

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})

static char leaf[PATH_MAX];      /* the program to execute */
static char directory[PATH_MAX]; /* ours, removed at the end */

static char *in_directory(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void copy(const char *path, int to)
{
	char buffer[65536];
	int from = check(open(path, O_RDONLY | O_CLOEXEC), path);
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, n) != n)
			die("write");
	close(from);
}

static void copy_leaf(int to)
{
	copy(leaf, to);
}

/* A copy of leaf at path with mode. */
static char *plant(char *path, mode_t mode)
{
	int to = check(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700), path);

	copy_leaf(to);
	check(fchmod(to, mode), "fchmod");
	close(to);
	return path;
}

/* The last thing a case's child does. */
static void run(struct expect e, char **args)
{
	if (!e.args)
		e.args = args;
	expect_exec(&e);
	execve(e.filename, args, e.env ? e.env : environ);
	die(e.filename);
}

static void run_at(struct expect e, int fd, const char *name, int flags, char **args)
{
	e.args = args;
	expect_exec(&e);
	syscall(SYS_execveat, fd, name, args, environ, flags);
	die(e.executable);
}

#endif
