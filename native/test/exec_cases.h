/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of workload.c about what is executed and as whom. Each function runs in a child process of its own, writes down what
 * it is about to do (expect.h) and does it, mostly by executing leaf, the smallest program there is.
 */
#ifndef FOREBEAR_EXEC_CASES_H
#define FOREBEAR_EXEC_CASES_H

#include <grp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include "run_leaf.h"

#define NOBODY 65534

static void plain(void)
{
	run((struct expect){.filename = leaf}, ARGS("leaf", "-x", "value"));
}

static void args(void)
{
	run((struct expect){.filename = leaf},
	    ARGS("", "a  b", "new\nline", "tab\t\r", "\xff\xfe\xc3", "", "gr\xc3\xbc\xc3\x9f", "\x1b]52;c;AA\x07", "'\"\\$`", ""));
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

static void big(void)
{
	static char text[1024], *list[201];

	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 200; i++)
		list[i] = text;
	run((struct expect){.filename = leaf}, list);
}

static void env(void)
{
	static char padding[9000];

	memset(padding, 'p', sizeof(padding) - 1);
	run((struct expect){.filename = leaf, .env = ARGS("LD_PRELOAD=/x y.so", "EMPTY=", "\xff=\xfe", padding, "LAST=1")},
	    ARGS("leaf"));
}

static void script(void)
{
	char *path = in_directory("script \xff.sh");
	int out = check(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755), path);

	dprintf(out, "#!%s -opt\n", leaf);
	close(out);
	run((struct expect){.filename = path, .executable = leaf, .interpreter = leaf, .flags = "\"script\"",
			    .args = ARGS(leaf, "-opt", path, "one", "two")},
	    ARGS("ignored", "one", "two"));
}

static void run_fd(int fd, char *executable, const char *flags)
{
	char name[32];

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	run_at((struct expect){.filename = name, .executable = executable, .flags = flags}, fd, "", AT_EMPTY_PATH,
	       ARGS("fd", "1"));
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

static void become_nobody(void)
{
	check(setgroups(2, (gid_t[]){100, 4242424}), "setgroups");
	check(setgid(NOBODY), "setgid");
	check(setuid(NOBODY), "setuid");
}

static void set_user_id(void)
{
	char *path = plant(in_directory("setuid"), 04755);

	become_nobody();
	run((struct expect){.filename = path, .set_euid = 1 + 0, .flags = "\"setuid\""}, ARGS("setuid"));
}

static void set_group_id(void)
{
	char *path = plant(in_directory("setgid"), 0755);

	check(chown(path, 0, 12), "chown");
	check(chmod(path, 02755), "chmod");
	become_nobody();
	run((struct expect){.filename = path, .set_egid = 1 + 12, .flags = "\"setgid\""}, ARGS("setgid"));
}

static void groups(void)
{
	gid_t list[70];

	for (int i = 0; i < 70; i++)
		list[i] = 1000 + i;
	check(setgroups(70, list), "setgroups");
	run((struct expect){.filename = leaf}, ARGS("groups"));
}

static void in_chroot(void)
{
	check(mkdir(in_directory("root"), 0755), "mkdir");
	check(mkdir(in_directory("root/bin"), 0755), "mkdir");
	plant(in_directory("root/bin/inner"), 0755);
	check(chroot(in_directory("root")), "chroot");
	check(chdir("/bin"), "chdir");
	run((struct expect){.filename = "/bin/inner"}, ARGS("inner"));
}

/* In a mount namespace of its own, on a tmpfs that nobody else sees; the working directory as well. */
static void mount_namespace(void)
{
	check(mkdir(in_directory("mnt"), 0755), "mkdir");
	check(unshare(CLONE_NEWNS), "unshare");
	check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	check(mount("tmpfs", in_directory("mnt"), "tmpfs", 0, "mode=755"), "tmpfs");
	check(mkdir(in_directory("mnt/work"), 0755), "mkdir");
	check(chdir(in_directory("mnt/work")), "chdir");
	run((struct expect){.filename = plant(in_directory("mnt/own"), 0755)}, ARGS("own"));
}

static void tty(void)
{
	int master = check(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "posix_openpt"), slave;
	struct stat facts;

	check(grantpt(master), "grantpt");
	check(unlockpt(master), "unlockpt");
	check(setsid(), "setsid");
	slave = check(open(ptsname(master), O_RDWR), "pts"); /* of a session leader without one: becomes the terminal */
	check(fstat(slave, &facts), "fstat");
	run((struct expect){.filename = leaf, .tty_major = major(facts.st_rdev), .tty_minor = minor(facts.st_rdev)}, ARGS("tty"));
}

/* 15 directories of 200 bytes each, and the working directory at the end of them. */
static void long_path(void)
{
	char path[PATH_MAX], name[201];
	size_t length = snprintf(path, sizeof(path), "%s", directory);

	for (int i = 0; i < 15; i++) {
		memset(name, 'a' + i, 200);
		name[200] = 0;
		length += snprintf(path + length, sizeof(path) - length, "/%s", name);
		check(mkdir(path, 0755), "mkdir");
	}
	check(chdir(path), "chdir");
	snprintf(path + length, sizeof(path) - length, "/leaf");
	run((struct expect){.filename = plant(path, 0755)}, ARGS("long"));
}

#endif
