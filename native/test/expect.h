/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workload.c writes down: one JSON object per line, each written with one write(2), so that processes may share the
 * file. Byte strings are hex; null is: not known.
 *   exec: case, tgid, ppid, pgid, sid, ticks [own, parent, session, group], tty [major, minor], argc, args[], arg_bytes,
 *         env[], filename, executable, interpreter?, comm, cwd, parent_executable, inode, uid, euid, suid, gid, egid, sgid,
 *         groups[], caps [permitted, effective], namespaces [pid, mnt, user, net], cgroups, flags[], unreachable[]
 *   fork: case, tgid, ppid, creator        exit: case, tgid, code (wait status)        skip: case, reason
 *   session: case, tgid
 *   credentials: case, tgid, tid, before[], after[] (real, effective, saved and file system ids, first of users then of groups)
 *   none: case, tgid (it makes no exec)    storm: tgid, ppid, worker, number
 */
#ifndef FOREBEAR_EXPECT_H
#define FOREBEAR_EXPECT_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include "own_facts.h"

extern char **environ;

static int expect_fd;                 /* O_APPEND, close-on-exec */
static const char *expect_case;       /* name of the case that runs */
static char parent_executable[PATH_MAX];
static const struct ids *outside_ids; /* in a user namespace: what the host takes us for */

/* One exec about to be made; what is left 0 is taken from the process as it is. */
struct expect {
	const char *filename;    /* as the kernel will report it */
	const char *executable;  /* default: filename */
	const char *interpreter; /* of a script */
	const char *comm;        /* default: the end of filename; "": depends on the kernel */
	const char *cwd;         /* default: getcwd(2), which fails where it is deleted or too long */
	char **args;             /* as the new program will have them */
	char **env;
	const char *flags;       /* JSON, such as "\"memfd\",\"deleted\"" */
	const char *unreachable; /* JSON: parts that lie outside the task's root */
	int fd;                  /* of the file, where executable does not name it */
	int set_euid, set_egid;  /* set-id files: euid and suid (egid and sgid) become these - 1 */
	unsigned long long permitted, effective; /* capabilities that the file gives */
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

/* This case cannot be had here: ends its process. */
static void skip(const char *what)
{
	expect_line("skip", "\"reason\":\"%s: %s\"", what, strerror(errno));
	exit(0);
}

/* The ids after the exec, which copies the effective one into the saved one. */
static void put_new_ids(FILE *out, const struct expect *e)
{
	struct ids ids = outside_ids ? *outside_ids : read_ids();

	ids.euid = ids.suid = e->set_euid ? (unsigned)e->set_euid - 1 : ids.euid;
	ids.egid = ids.sgid = e->set_egid ? (unsigned)e->set_egid - 1 : ids.egid;
	put_ids(out, &ids);
}

/* capabilities(7): root gets what is inheritable or in the bounding set, another user what the file gives. */
static void put_new_caps(FILE *out, const struct expect *e)
{
	int root = e->set_euid ? e->set_euid == 1 : geteuid() == 0;
	unsigned long long bounding = status_mask("CapBnd:"), all = bounding | status_mask("CapInh:");

	if (bounding)
		fprintf(out, ",\"caps\":[%llu,%llu]", root ? all : e->permitted & bounding, root ? all : e->effective & bounding);
	else
		fputs(",\"caps\":null", out);
}

static void put_comm(FILE *out, const struct expect *e)
{
	const char *slash = strrchr(e->filename, '/'), *comm = e->comm ? e->comm : slash ? slash + 1 : e->filename;
	char text[16];

	snprintf(text, sizeof(text), "%s", comm);
	if (*comm)
		put_hex(out, "comm", text);
	else
		fputs(",\"comm\":null", out);
}

static void put_names(FILE *out, const struct expect *e)
{
	char cwd[PATH_MAX];

	put_hex(out, "filename", e->filename);
	put_hex(out, "executable", e->executable ? e->executable : e->filename);
	if (e->interpreter)
		put_hex(out, "interpreter", e->interpreter);
	put_comm(out, e);
	put_hex(out, "cwd", e->cwd ? e->cwd : getcwd(cwd, sizeof(cwd)) ? cwd : "");
	put_hex(out, "parent_executable", parent_executable);
}

static void expect_exec(const struct expect *e)
{
	size_t length, arg_bytes = 0;
	int argc = 0;
	char *text;
	FILE *out = open_memstream(&text, &length);

	for (char **arg = e->args; arg && *arg; arg++, argc++)
		arg_bytes += strlen(*arg) + 1;
	fprintf(out, "{\"kind\":\"exec\",\"case\":\"%s\",\"argc\":%d,\"arg_bytes\":%zu", expect_case, argc, arg_bytes);
	fprintf(out, ",\"flags\":[%s],\"unreachable\":[%s]", e->flags ? e->flags : "", e->unreachable ? e->unreachable : "");
	put_family(out);
	put_new_ids(out, e);
	put_new_caps(out, e);
	put_namespaces(out);
	put_cgroups(out);
	put_inode(out, e->fd, e->executable ? e->executable : e->filename, !outside_ids);
	put_names(out, e);
	put_list(out, "args", e->args);
	put_list(out, "env", e->env ? e->env : environ);
	put_line(out, &text, &length);
}

#endif
