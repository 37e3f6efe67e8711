/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of workload.c about as whom a program runs: ids, groups, capabilities, set-id files, user namespaces. */
#ifndef FOREBEAR_RIGHTS_CASES_H
#define FOREBEAR_RIGHTS_CASES_H

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/xattr.h>
#include "run_leaf.h"

#define NOBODY 65534

static void become_nobody(void)
{
	check(setgroups(2, (gid_t[]){100, 4242424}), "setgroups");
	check(setgid(NOBODY), "setgid");
	check(setuid(NOBODY), "setuid");
}

static void nobody(void)
{
	become_nobody();
	run((struct expect){.filename = leaf}, ARGS("nobody"));
}

static void six_ids(void)
{
	check(setresgid(11, 12, 13), "setresgid");
	check(setresuid(21, 22, 23), "setresuid");
	run((struct expect){.filename = leaf}, ARGS("ids"));
}

static void set_user_id(void)
{
	char *path = plant(in_directory("setuid"), 04755);

	become_nobody();
	run((struct expect){.filename = path, .set_euid = 1 + 0, .flags = "\"setuid\""}, ARGS("setuid"));
}

/* The flag tells of the file, euid that it had no effect. */
static void no_new_privileges(void)
{
	char *path = plant(in_directory("setuid-off"), 04755);

	become_nobody();
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
	run((struct expect){.filename = path, .flags = "\"setuid\""}, ARGS("setuid-off"));
}

static void set_group_id(void)
{
	char *path = plant(in_directory("setgid"), 0755);

	check(chown(path, 0, 12), "chown");
	check(chmod(path, 02755), "chmod");
	become_nobody();
	run((struct expect){.filename = path, .set_egid = 1 + 12, .flags = "\"setgid\""}, ARGS("setgid"));
}

static void run_capable(char *name, unsigned long long mask, unsigned flags)
{
	char *path = plant(in_directory(name), 0755);
	struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2 | flags, .data[0].permitted = mask};

	if (setxattr(path, "security.capability", &data, sizeof(data), 0))
		skip("security.capability");
	become_nobody();
	run((struct expect){.filename = path, .permitted = mask, .effective = flags ? mask : 0}, ARGS(name));
}

static void file_capabilities(void)
{
	run_capable("capable", 1 << CAP_NET_RAW | 1 << CAP_NET_BIND_SERVICE, VFS_CAP_FLAGS_EFFECTIVE);
}

/* Granted, but it has to raise them itself. */
static void idle_capabilities(void)
{
	run_capable("idle", 1 << CAP_SYS_PTRACE, 0);
}

static void groups(void)
{
	gid_t list[70];

	for (int i = 0; i < 70; i++)
		list[i] = 1000 + i;
	check(setgroups(70, list), "setgroups");
	run((struct expect){.filename = leaf}, ARGS("groups"));
}

static void put_file(const char *path, const char *text)
{
	int out = check(open(path, O_WRONLY | O_CLOEXEC), path);

	if (write(out, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(out);
}

/* Root in there, nobody to the host. */
static void user_namespace(void)
{
	static struct ids before;

	become_nobody();
	check(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "PR_SET_DUMPABLE"); /* else /proc/self is root's */
	before = read_ids();
	if (unshare(CLONE_NEWUSER))
		skip("CLONE_NEWUSER");
	outside_ids = &before;
	put_file("/proc/self/uid_map", "0 65534 1");
	put_file("/proc/self/setgroups", "deny");
	put_file("/proc/self/gid_map", "0 65534 1");
	run((struct expect){.filename = leaf}, ARGS("userns"));
}

#endif
