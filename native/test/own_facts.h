/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process knows of itself just before an exec, from system calls and /proc, as members of a JSON object: the facts that
 * an exec does not change. Called by expect.h. Without /proc (inside a chroot) what it would have told is null: not known.
 */
#ifndef FOREBEAR_OWN_FACTS_H
#define FOREBEAR_OWN_FACTS_H

#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define INITIAL_CGROUP_NAMESPACE 0xeffffffb
#define OVERLAY_MAGIC 0x794c7630
#define BTRFS_MAGIC 0x9123683e
#define GROUPS_MAX 256

struct ids {
	unsigned uid, euid, suid, gid, egid, sgid;
	int groups_count;
	gid_t groups[GROUPS_MAX];
};

static struct ids read_ids(void)
{
	struct ids ids = {};

	getresuid(&ids.uid, &ids.euid, &ids.suid);
	getresgid(&ids.gid, &ids.egid, &ids.sgid);
	ids.groups_count = getgroups(GROUPS_MAX, ids.groups);
	return ids;
}

static void put_ids(FILE *out, const struct ids *ids)
{
	fprintf(out, ",\"uid\":%u,\"euid\":%u,\"suid\":%u,\"gid\":%u,\"egid\":%u,\"sgid\":%u,\"groups\":[", ids->uid,
		ids->euid, ids->suid, ids->gid, ids->egid, ids->sgid);
	for (int i = 0; i < ids->groups_count; i++)
		fprintf(out, "%s%u", i ? "," : "", ids->groups[i]);
	fputc(']', out);
}

/* proc(5): pid (comm) state ppid pgrp session tty_nr ... starttime is field 22. */
struct stat_line { int pid, ppid, pgid, sid, tty; long start; };

/* Returns 0 when there is no such process. */
static int read_stat(const char *pid, struct stat_line *line)
{
	char path[64], text[1024] = "";
	const char *rest;
	FILE *in;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	in = fopen(path, "re");
	if (!in)
		return 0;
	rest = fgets(text, sizeof(text), in) ? strrchr(text, ')') : NULL;
	line->pid = atoi(text);
	if (rest)
		found = sscanf(rest + 1, " %*c %d %d %d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %ld", &line->ppid,
			       &line->pgid, &line->sid, &line->tty, &line->start) == 5;
	fclose(in);
	return found;
}

static long start_of(int pid)
{
	struct stat_line line = {};
	char name[16];

	snprintf(name, sizeof(name), "%d", pid);
	return read_stat(name, &line) ? line.start : 0;
}

/* Pids as /proc numbers them, also from inside a pid namespace; start times in clock ticks, 0: that process is gone. */
static void put_family(FILE *out)
{
	struct stat_line own = {};

	if (!read_stat("self", &own)) {
		fprintf(out, ",\"tgid\":%d,\"ppid\":%d,\"pgid\":%d,\"sid\":%d,\"ticks\":null,\"tty\":null", getpid(), getppid(),
			getpgrp(), getsid(0));
		return;
	}
	fprintf(out, ",\"tgid\":%d,\"ppid\":%d,\"pgid\":%d,\"sid\":%d,\"ticks\":[%ld,%ld,%ld,%ld]", own.pid, own.ppid, own.pgid,
		own.sid, own.start, start_of(own.ppid), start_of(own.sid), start_of(own.pgid));
	fprintf(out, ",\"tty\":[%d,%d]", own.tty >> 8 & 0xfff, (own.tty & 0xff) | (own.tty >> 12 & 0xfff00));
}

/* [pid, mnt, user, net] by inode number. thread-self: the main thread may have left. */
static void put_namespaces(FILE *out)
{
	static const char *const names[] = {"pid", "mnt", "user", "net"};
	struct stat facts;
	char path[64];

	if (stat("/proc/thread-self/ns/pid", &facts)) {
		fputs(",\"namespaces\":null", out);
		return;
	}
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", names[i]);
		fprintf(out, "%s%lu", i ? "," : ",\"namespaces\":[", stat(path, &facts) ? 0 : (unsigned long)facts.st_ino);
	}
	fputc(']', out);
}

/* A line of /proc/thread-self/status as a hexadecimal number; 0 when there is none. */
static unsigned long long status_mask(const char *name)
{
	char line[256];
	unsigned long long mask = 0;
	FILE *in = fopen("/proc/thread-self/status", "re");

	while (in && fgets(line, sizeof(line), in))
		if (!strncmp(line, name, strlen(name)))
			mask = strtoull(line + strlen(name), NULL, 16);
	if (in)
		fclose(in);
	return mask;
}

/* Whether /proc/thread-self/cgroup shows whole paths. */
static int in_initial_cgroup_namespace(void)
{
	struct stat facts;

	return !stat("/proc/thread-self/ns/cgroup", &facts) && facts.st_ino == INITIAL_CGROUP_NAMESPACE;
}

static void put_cgroups(FILE *out)
{
	FILE *in = in_initial_cgroup_namespace() ? fopen("/proc/thread-self/cgroup", "re") : NULL;
	int c;

	if (!in) {
		fputs(",\"cgroups\":null", out);
		return;
	}
	fputs(",\"cgroups\":\"", out);
	while ((c = fgetc(in)) != EOF)
		fprintf(out, "%02x", c);
	fputc('"', out);
	fclose(in);
}

/* Of the file to be executed, by fd or else by path. Some file systems show other numbers to stat than the inode has, and a
 * user namespace other owners. */
static void put_inode(FILE *out, int fd, const char *path, int owner_known)
{
	struct stat facts;
	struct statfs system;
	int known;

	if (fd ? fstat(fd, &facts) || fstatfs(fd, &system) : stat(path, &facts) || statfs(path, &system)) {
		fputs(",\"inode\":null", out);
		return;
	}
	known = system.f_type != OVERLAY_MAGIC && system.f_type != BTRFS_MAGIC;
	fprintf(out, ",\"inode\":{\"size\":%lld,\"mode\":%u,\"nlink\":%u", (long long)facts.st_size, facts.st_mode,
		(unsigned)facts.st_nlink);
	if (owner_known)
		fprintf(out, ",\"uid\":%u,\"gid\":%u", facts.st_uid, facts.st_gid);
	fprintf(out, ",\"mtimeNs\":\"%lld%09ld\",\"ctimeNs\":\"%lld%09ld\"", (long long)facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec,
		(long long)facts.st_ctim.tv_sec, facts.st_ctim.tv_nsec);
	if (known)
		fprintf(out, ",\"ino\":\"%llu\",\"devMajor\":%u,\"devMinor\":%u", (unsigned long long)facts.st_ino,
			major(facts.st_dev), minor(facts.st_dev));
	fputc('}', out);
}

#endif
