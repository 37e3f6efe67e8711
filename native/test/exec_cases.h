/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of workload.c about what is executed and by which name. Each function runs in a child process of its own, writes down
 * what it is about to do (expect.h) and does it, mostly by executing leaf, the smallest program there is.
 */
#ifndef FOREBEAR_EXEC_CASES_H
#define FOREBEAR_EXEC_CASES_H

#include <sys/mman.h>
#include <sys/wait.h>
#include "run_leaf.h"

static void plain(void)
{
	run((struct expect){.filename = leaf}, ARGS("leaf", "-x", "value"));
}

static void args(void)
{
	run((struct expect){.filename = leaf},
	    ARGS("", "a  b", "new\nline", "tab\t\r", "\xff\xfe\xc3", "", "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x90\xbb\xed\xa0\x80",
		 "\x1b]52;c;AA\x07", "\xe2\x80\xae", "'\"\\$`", ""));
}

/* Kernels from 5.18 (and stable ones) give such a program one empty argument: it tells through the pipe what it got. */
static void argc0(void)
{
	int ends[2], argc = -1;
	char variable[32], *env[] = {variable, NULL};
	pid_t child;

	check(pipe(ends), "pipe");
	snprintf(variable, sizeof(variable), "FOREBEAR_ARGC_TO=%d", ends[1]);
	child = check(fork(), "fork");
	if (!child) {
		syscall(SYS_execve, parent_executable, NULL, env);
		die("execve");
	}
	close(ends[1]);
	if (read(ends[0], &argc, sizeof(argc)) != sizeof(argc))
		die("read");
	waitpid(child, NULL, 0);
	close(ends[0]);
	struct expect e = {.filename = parent_executable, .env = env};
	char *one[] = {"", NULL};

	e.args = argc ? one : NULL;
	ends[1] = check(open("/dev/null", O_WRONLY), "/dev/null");
	snprintf(variable, sizeof(variable), "FOREBEAR_ARGC_TO=%d", ends[1]);
	expect_exec(&e);
	syscall(SYS_execve, parent_executable, NULL, env);
	die("execve");
}

/* ---- scripts ---- */

static char *plant_script(const char *name, const char *interpreter)
{
	char *path = strdup(in_directory(name));
	int out = check(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755), path);

	dprintf(out, "#!%s\n", interpreter);
	close(out);
	return path;
}

static char *leaf_with(const char *option)
{
	static char line[PATH_MAX + 32];

	snprintf(line, sizeof(line), "%s %s", leaf, option);
	return line;
}

static void script(void)
{
	char *path = plant_script("script \xff.sh", leaf_with("-opt  a b"));

	run((struct expect){.filename = path, .executable = leaf, .interpreter = leaf, .flags = "\"script\"",
			    .args = ARGS(leaf, "-opt  a b", path, "one", "two")},
	    ARGS("ignored", "one", "two"));
}

/* A script that a script runs: the kernel names the last interpreter. */
static void script_chain(void)
{
	char *inner = plant_script("inner.sh", leaf), *outer = plant_script("outer.sh", inner);

	run((struct expect){.filename = outer, .executable = leaf, .interpreter = leaf, .flags = "\"script\"",
			    .args = ARGS(leaf, inner, outer, "one")},
	    ARGS("ignored", "one"));
}

/* The interpreter has to open it by its fd, so that one stays open. */
static void script_fd(void)
{
	char *path = plant_script("by-fd.sh", leaf), name[32];
	int fd = check(open(path, O_RDONLY), path);

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	expect_exec(&(struct expect){.filename = name, .executable = leaf, .interpreter = leaf, .flags = "\"script\"", .comm = "",
				     .args = ARGS(leaf, name, "one")});
	syscall(SYS_execveat, fd, "", ARGS("ignored", "one"), environ, AT_EMPTY_PATH);
	die(path);
}

/* ---- by fd ---- */

static void run_fd(int fd, char *executable, const char *flags)
{
	char name[32];

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	run_at((struct expect){.filename = name, .executable = executable, .flags = flags, .fd = fd, .comm = ""}, fd, "",
	       AT_EMPTY_PATH, ARGS("fd", "1"));
}

static void memfd(void)
{
	int fd = check(memfd_create("payload x", MFD_CLOEXEC), "memfd_create");

	copy_leaf(fd);
	run_fd(fd, "/memfd:payload x", "\"memfd\",\"deleted\"");
}

static void deleted(void)
{
	char *path = plant(in_directory("gone"), 0755);
	int fd = check(open(path, O_RDONLY | O_CLOEXEC), path);

	check(unlink(path), path);
	run_fd(fd, path, "\"deleted\"");
}

/* The name by which it was opened is gone, another one is left. */
static void deleted_name(void)
{
	char *path = strdup(plant(in_directory("first"), 0755));
	int fd = check(open(path, O_RDONLY | O_CLOEXEC), path);

	check(link(path, in_directory("second")), "link");
	check(unlink(path), path);
	run_fd(fd, path, "\"deleted\"");
}

static void execveat_fd(void)
{
	char *path = plant(in_directory("by-fd"), 0755);

	run_fd(check(open(path, O_PATH | O_CLOEXEC), path), path, NULL);
}

static void execveat_dir(void)
{
	char *path = plant(in_directory("by-dir"), 0755), name[64];
	int fd = check(open(directory, O_PATH | O_DIRECTORY), directory);

	snprintf(name, sizeof(name), "/dev/fd/%d/by-dir", fd);
	run_at((struct expect){.filename = name, .executable = path}, fd, "by-dir", 0, ARGS("by-dir"));
}

/* ---- names ---- */

static void symlinked(void)
{
	char *link = in_directory("link");

	check(symlink(leaf, link), link);
	run((struct expect){.filename = link, .executable = leaf}, ARGS("link"));
}

static void hard_linked(void)
{
	char *first = strdup(plant(in_directory("one-name"), 0755)), *second = in_directory("other-name");

	check(link(first, second), second);
	run((struct expect){.filename = second}, ARGS("other"));
}

static void relative(void)
{
	char *path = strdup(plant(in_directory("relative"), 0755)), name[64];

	check(chdir(directory), directory);
	snprintf(name, sizeof(name), "../%s/.//relative", strrchr(directory, '/') + 1);
	run((struct expect){.filename = name, .executable = path}, ARGS("relative"));
}

static void hostile_name(void)
{
	run((struct expect){.filename = plant(in_directory("a\n\x1b[31m\xfe \xe2\x80\xae"), 0755)}, ARGS("hostile"));
}

/* Neither of them becomes another program. */
static void failed(void)
{
	char *path = in_directory("no-program");
	int out = check(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755), path);

	dprintf(out, "neither ELF nor #!\n");
	close(out);
	expect_line("none", "\"tgid\":%d", getpid());
	execve(in_directory("not-there"), ARGS("x"), environ);
	execve(in_directory("no-program"), ARGS("x"), environ);
}

#endif
