/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of workload.c at and beyond the caps of native/wire.h: arguments 32 KiB, environment 8 KiB, paths 4 KiB. */
#ifndef FOREBEAR_LIMIT_CASES_H
#define FOREBEAR_LIMIT_CASES_H

#include "run_leaf.h"

/* length bytes of filler, without its NUL. */
static char *filled(size_t length, char filler)
{
	char *text = malloc(length + 1);

	memset(text, filler, length);
	text[length] = 0;
	return text;
}

/* 200 KiB in 200 arguments. */
static void big(void)
{
	static char *list[201];

	for (int i = 0; i < 200; i++)
		list[i] = filled(1023, 'x');
	run((struct expect){.filename = leaf}, list);
}

static void one_huge(void)
{
	run((struct expect){.filename = leaf}, ARGS("huge", filled(131071, 'h'), "after"));
}

static void many_empty(void)
{
	static char *list[40001];

	for (int i = 0; i < 40000; i++)
		list[i] = "";
	run((struct expect){.filename = leaf}, list);
}

/* The argument area of exactly so many bytes. */
static void args_of(size_t bytes)
{
	run((struct expect){.filename = leaf}, ARGS("area", filled(bytes - sizeof("area") - 1, 'a')));
}

static void args_fit(void)
{
	args_of(32768);
}

/* One byte more: the last NUL. */
static void args_over(void)
{
	args_of(32769);
}

/* The cap cuts a character of four bytes. */
static void cut_character(void)
{
	char *text = filled(32768 + 8, 'c');

	memcpy(text + 32768 - 2, "\xf0\x9f\x90\xbb", 4);
	run((struct expect){.filename = leaf}, ARGS(text));
}

static void env(void)
{
	run((struct expect){.filename = leaf,
			    .env = ARGS("LD_PRELOAD=/x y.so", "EMPTY=", "=odd", "no equals", "\xff=\xfe", "LD_PRELOAD=/second",
					filled(9000, 'p'), "LAST=1")},
	    ARGS("leaf"));
}

/* Enters `levels` directories, one below the other, each name so long; returns the path, which may be any length. */
static char *descend(int levels, int name_length)
{
	char *path = malloc(strlen(directory) + levels * (name_length + 1) + 64), *name;
	size_t length = sprintf(path, "%s", directory);

	check(chdir(directory), directory);
	for (int i = 0; i < levels; i++) {
		name = filled(name_length, 'a' + i % 26);
		if (mkdir(name, 0755) && errno != EEXIST)
			die(name);
		check(chdir(name), name);
		length += sprintf(path + length, "/%s", name);
	}
	return path;
}

static char *below(const char *path, const char *name)
{
	char *whole = malloc(strlen(path) + strlen(name) + 2);

	sprintf(whole, "%s/%s", path, name);
	return whole;
}

/* 15 directories of 200 bytes each, and the working directory at the end of them. */
static void long_path(void)
{
	char *path = descend(15, 200);

	run((struct expect){.filename = plant(below(path, "leaf"), 0755), .cwd = path}, ARGS("long"));
}

/* More directories than a walk takes. */
static void deep_path(void)
{
	char *path = descend(140, 1);

	run((struct expect){.filename = plant(below(path, "leaf"), 0755), .cwd = path}, ARGS("deep"));
}

/* Longer than any path that can be named at once, or that getcwd(2) can tell. */
static void beyond_path(void)
{
	char *path = descend(30, 200);
	int fd = check(open(plant("leaf", 0755), O_PATH | O_CLOEXEC), "leaf");

	run((struct expect){.filename = "./leaf", .executable = below(path, "leaf"), .fd = fd, .cwd = path}, ARGS("beyond"));
}

/* Each part as long as it can be: the record must hold them all. */
static void largest(void)
{
	char *path = descend(19, 200);
	size_t room = 4093 - strlen(path) - 1;
	char *padding = filled(room < 255 ? room : 255, 'z');

	run((struct expect){.filename = plant(below(path, padding), 0755), .cwd = path, .comm = padding,
			    .env = ARGS("LD_PRELOAD=/x y.so", filled(9000, 'e'))},
	    ARGS("largest", filled(40000, 'l')));
}

#endif
