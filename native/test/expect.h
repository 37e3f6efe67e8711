/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workload.c writes down: one JSON object per line, each written with one write(2), so that processes may share the
 * file. Byte strings are hex.
 *   exec: case, tgid, ppid, pgid, sid, argc, args[], arg_bytes, env[], filename, executable, interpreter?, cwd,
 *         parent_executable, uid, euid, suid, gid, egid, sgid, groups[], mnt_ns, tty [major, minor], flags[]
 *   fork: case, tgid, ppid, creator        exit: case, tgid, code (wait status)        skip: case, reason
 *   storm: tgid, worker, number
 */
#ifndef FOREBEAR_EXPECT_H
#define FOREBEAR_EXPECT_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static int expect_fd;                 /* O_APPEND, close-on-exec */
static const char *expect_case;       /* name of the case that runs */
static char parent_executable[PATH_MAX];

/* One exec about to be made; what is left 0 is taken from the process as it is. */
struct expect {
	const char *filename;    /* as the kernel will report it */
	const char *executable;  /* default: filename */
	const char *interpreter; /* of a script */
	char **args;             /* as the new program will have them */
	char **env;
	const char *flags;       /* JSON, such as "\"memfd\",\"deleted\"" */
	int argc;                /* when args is 0 */
	int set_euid, set_egid;  /* set-id files: euid and suid (egid and sgid) become these - 1 */
	int tty_major, tty_minor;
};

static void die(const char *what)
{
	fprintf(stderr, "workload: %s: %s: %s\n", expect_case ? expect_case : "start", what, strerror(errno));
	exit(1);
}

static int check(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static void put_hex(FILE *out, const char *name, const char *text)
{
	fprintf(out, ",\"%s\":\"", name);
	for (; *text; text++)
		fprintf(out, "%02x", (unsigned char)*text);
	fputc('"', out);
}

static void put_list(FILE *out, const char *name, char **list)
{
	fprintf(out, ",\"%s\":[", name);
	for (char **item = list; item && *item; item++) {
		fputs(item == list ? "\"" : ",\"", out);
		for (const char *c = *item; *c; c++)
			fprintf(out, "%02x", (unsigned char)*c);
		fputc('"', out);
	}
	fputc(']', out);
}

static void put_line(FILE *out, char **text, size_t *length)
{
	fputs("}\n", out);
	fclose(out);
	if (write(expect_fd, *text, *length) != (ssize_t)*length)
		die("write");
	free(*text);
}

/* One line of plain numbers and words: format gives what follows {"kind":KIND,"case":CASE. */
static void expect_line(const char *kind, const char *format, ...)
{
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	va_list args;

	fprintf(out, "{\"kind\":\"%s\",\"case\":\"%s\",", kind, expect_case);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	put_line(out, &text, &length);
}

static void put_ids(FILE *out, const struct expect *e)
{
	unsigned uid, euid, suid, gid, egid, sgid;
	gid_t groups[NGROUPS_MAX > 256 ? 256 : NGROUPS_MAX];
	int n = getgroups(sizeof(groups) / sizeof(*groups), groups);

	getresuid(&uid, &euid, &suid);
	getresgid(&gid, &egid, &sgid);
	/* exec copies the effective id into the saved one */
	euid = suid = e->set_euid ? (unsigned)e->set_euid - 1 : euid;
	egid = sgid = e->set_egid ? (unsigned)e->set_egid - 1 : egid;
	fprintf(out, ",\"uid\":%u,\"euid\":%u,\"suid\":%u,\"gid\":%u,\"egid\":%u,\"sgid\":%u,\"groups\":[", uid, euid,
		suid, gid, egid, sgid);
	for (int i = 0; i < n; i++)
		fprintf(out, "%s%u", i ? "," : "", groups[i]);
	fputc(']', out);
}

static void expect_exec(const struct expect *e)
{
	char cwd[PATH_MAX], *text;
	size_t length, arg_bytes = 0;
	FILE *out = open_memstream(&text, &length);
	struct stat ns = {};
	int argc = e->argc;

	for (char **arg = e->args; arg && *arg; arg++, argc++)
		arg_bytes += strlen(*arg) + 1;
	stat("/proc/self/ns/mnt", &ns); /* 0 inside a chroot */
	fprintf(out, "{\"kind\":\"exec\",\"case\":\"%s\",\"tgid\":%d,\"ppid\":%d,\"pgid\":%d,\"sid\":%d", expect_case,
		getpid(), getppid(), getpgrp(), getsid(0));
	fprintf(out, ",\"argc\":%d,\"arg_bytes\":%zu,\"mnt_ns\":%lu,\"tty\":[%d,%d],\"flags\":[%s]", argc, arg_bytes,
		(unsigned long)ns.st_ino, e->tty_major, e->tty_minor, e->flags ? e->flags : "");
	put_ids(out, e);
	put_hex(out, "filename", e->filename);
	put_hex(out, "executable", e->executable ? e->executable : e->filename);
	if (e->interpreter)
		put_hex(out, "interpreter", e->interpreter);
	put_hex(out, "cwd", getcwd(cwd, sizeof(cwd)) ? cwd : "");
	put_hex(out, "parent_executable", parent_executable);
	put_list(out, "args", e->args);
	put_list(out, "env", e->env ? e->env : environ);
	put_line(out, &text, &length);
}

#endif
