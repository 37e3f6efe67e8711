/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of workload.c about where a program lies and runs: roots, mounts, working directories, namespaces, cgroups. */
#ifndef FOREBEAR_PLACE_CASES_H
#define FOREBEAR_PLACE_CASES_H

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include "run_leaf.h"

static char *make_directory(const char *name)
{
	char *path = strdup(in_directory(name));

	check(mkdir(path, 0755), path);
	return path;
}

static void in_chroot(void)
{
	char *root = make_directory("root");

	make_directory("root/bin");
	plant(in_directory("root/bin/inner"), 0755);
	check(chroot(root), "chroot");
	check(chdir("/bin"), "chdir");
	run((struct expect){.filename = "/bin/inner"}, ARGS("inner"));
}

/* What the task cannot reach has the path from the root of its mount tree. */
static void outside_root(void)
{
	char *path = strdup(plant(in_directory("outside"), 0755)), name[32];
	int fd = check(open(path, O_PATH | O_CLOEXEC), path);

	check(chdir(directory), directory);
	check(chroot(make_directory("empty")), "chroot");
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	run_at((struct expect){.filename = name, .executable = path, .fd = fd, .comm = "", .cwd = directory,
			       .unreachable = "\"executable\",\"cwd\""},
	       fd, "", AT_EMPTY_PATH, ARGS("outside"));
}

static void deleted_directory(void)
{
	char *path = make_directory("left-behind");

	check(chdir(path), path);
	check(rmdir(path), path);
	run((struct expect){.filename = leaf, .cwd = path}, ARGS("nowhere"));
}

/* ---- mounts ---- */

/* A mount namespace of its own with a tmpfs that nobody else sees. Returns its path. */
static char *own_tmpfs(void)
{
	char *path = make_directory(expect_case);

	check(unshare(CLONE_NEWNS), "unshare");
	check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	check(mount("tmpfs", path, "tmpfs", 0, "mode=755"), "tmpfs");
	return path;
}

static char *join(const char *parent, const char *name)
{
	char *path = NULL;

	check(asprintf(&path, "%s/%s", parent, name), "asprintf");
	return path;
}

/* The working directory as well. */
static void mount_namespace(void)
{
	char *top = own_tmpfs(), *work = join(top, "work");

	check(mkdir(work, 0755), work);
	check(chdir(work), work);
	run((struct expect){.filename = plant(join(top, "own"), 0755)}, ARGS("own"));
}

/* A file on which another file is mounted. */
static void bind_mount(void)
{
	char *name = plant(join(own_tmpfs(), "bound"), 0755);

	check(mount(leaf, name, NULL, MS_BIND, NULL), "bind");
	run((struct expect){.filename = name}, ARGS("bound"));
}

static void overlay(void)
{
	char *top = own_tmpfs(), *name = join(top, "merged/bin"), options[4 * PATH_MAX];
	static const char *const parts[] = {"lower", "upper", "work", "merged"};

	for (int i = 0; i < 4; i++)
		check(mkdir(join(top, parts[i]), 0755), parts[i]);
	plant(join(top, "lower/bin"), 0755);
	snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", top, top, top);
	if (mount("overlay", join(top, "merged"), "overlay", 0, options))
		skip("overlay");
	run((struct expect){.filename = name}, ARGS("overlay"));
}

/* As containers do it. */
static void pivoted(void)
{
	char *top = own_tmpfs();

	plant(join(top, "inner"), 0755);
	check(chdir(top), top);
	check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH), "umount");
	run((struct expect){.filename = "/inner", .cwd = "/"}, ARGS("inner"));
}

/* From a file system that is mounted nowhere any more. */
static void detached(void)
{
	char *top = own_tmpfs(), name[32];
	int fd = check(open(plant(join(top, "adrift"), 0755), O_PATH | O_CLOEXEC), "adrift");

	check(umount2(top, MNT_DETACH), "umount");
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	run_at((struct expect){.filename = name, .executable = "/adrift", .fd = fd, .comm = "", .unreachable = "\"executable\""},
	       fd, "", AT_EMPTY_PATH, ARGS("adrift"));
}

/* ---- other namespaces ---- */

static void network_namespace(void)
{
	if (unshare(CLONE_NEWNET))
		skip("CLONE_NEWNET");
	run((struct expect){.filename = leaf}, ARGS("netns"));
}

/* Process 1 of its pid namespace; the ids are the host's all the same. */
static void pid_namespace(void)
{
	pid_t creator = getpid(), child;

	if (unshare(CLONE_NEWPID))
		skip("CLONE_NEWPID");
	child = check(fork(), "fork");
	if (!child)
		run((struct expect){.filename = leaf}, ARGS("pidns"));
	expect_line("fork", "\"tgid\":%d,\"ppid\":%d,\"creator\":%d", child, creator, creator);
	wait(NULL);
}

/* ---- cgroups ---- */

#define CONTAINER "docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"
static const char *const cgroup_tops[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};

/* Where the workload of that pid has its cgroups. */
static char *cgroup_path(const char *top, int workload, const char *rest)
{
	char *path = NULL;

	check(asprintf(&path, "%s/forebear-%d%s", top, workload, rest), "asprintf");
	return path;
}

/* After the case; what was not made is not there. */
static void remove_cgroup(void)
{
	for (int i = 0; i < 2; i++) {
		rmdir(cgroup_path(cgroup_tops[i], getpid(), "/" CONTAINER));
		rmdir(cgroup_path(cgroup_tops[i], getpid(), ""));
	}
}

/* In a cgroup (v2) such as a container has. */
static void cgroup(void)
{
	const char *top = cgroup_tops[access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) ? 1 : 0];
	FILE *out;

	if (mkdir(cgroup_path(top, getppid(), ""), 0755) || mkdir(cgroup_path(top, getppid(), "/" CONTAINER), 0755))
		skip("cgroup v2");
	out = fopen(cgroup_path(top, getppid(), "/" CONTAINER "/cgroup.procs"), "we");
	if (!out || fprintf(out, "0\n") < 0 || fclose(out))
		skip("cgroup.procs");
	run((struct expect){.filename = leaf}, ARGS("cgroup"));
}

#endif
