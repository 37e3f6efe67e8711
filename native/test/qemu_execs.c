/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu_execs OUT FOLDER WORKERS NUMBER: WORKERS processes at once make NUMBER execs each, which know of themselves what they
 * are: whatever two records exchange or overwrite of each other shows. Of exec I of worker W, which test/qemu/preemption.test.ts
 * checks in full:
 *   argv         "checksummed", W, I, random words (none to 30 KiB), crc32 of all that (NULs included) as eight hex digits
 *   ids          before it, the worker makes 1000 * (W + 1) + I its group for files: a change of credentials
 *   environment  "LAST=W-I", and up to 6 KiB that nobody asks for
 *   file         FOLDER/W/.../execs-W, a link to leaf; cwd its folder; parent FOLDER/W/.../worker-W, a link to this program
 * Depth of the folder and lengths differ by worker. OUT gets a line {"tgid","ppid","worker","number"} for each.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crc32.h"

#define WORDS_MAX 64
#define WORD_MAX 8000
#define ARGS_MAX 32000
#define ENV_MAX_BYTES 6000

static char *words[WORDS_MAX + 5]; /* argv */
static char text[ARGS_MAX + 1024]; /* into which words point, back to back */
static size_t used;
static int count;
static uint64_t state;
static char leaf[PATH_MAX]; /* lies beside this program */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % limit;
}

static char *begin_word(void)
{
	words[count++] = text + used;
	words[count] = NULL;
	return text + used;
}

static void add(const char *word)
{
	used += strlen(strcpy(begin_word(), word)) + 1;
}

static void add_number(int number)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%d", number);
	add(digits);
}

static void add_random(size_t length)
{
	char *word = begin_word();

	for (size_t i = 0; i < length; i++)
		word[i] = 1 + below(255);
	word[length] = 0;
	used += length + 1;
}

/* Most are short, a quarter has some KiB, one in sixteen as much as a record carries. */
static void make_arguments(int worker, int number)
{
	int kind = below(16), many = below(kind ? 12 : WORDS_MAX), longest = kind == 0 ? WORD_MAX : kind < 5 ? 800 : 24;
	char sum[16];

	used = count = 0;
	add("checksummed");
	add_number(worker);
	add_number(number);
	for (int i = 0; i < many; i++) {
		size_t length = below(longest);

		if (used + length + 16 < ARGS_MAX - 16)
			add_random(length);
	}
	snprintf(sum, sizeof(sum), "%08x", crc32_of(text, used, 0));
	add(sum);
}

/* FOLDER/W, and below it as many folders as the worker's number. */
static char *enter_folder(const char *top, int worker)
{
	static char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/%d", top, worker);

	mkdir(path, 0755);
	for (int depth = 0; depth < worker % 8; depth++) {
		length += snprintf(path + length, sizeof(path) - length, "/folder-%d-%.*s", worker, 1 + worker * 7 % 40,
				   "0123456789012345678901234567890123456789");
		mkdir(path, 0755);
	}
	if (chdir(path))
		die(path);
	return path;
}

/* Another name of that file: FOLDER/.../NAME-W. */
static char *name_again(const char *file, const char *folder, const char *name, int worker)
{
	char *path;

	if (asprintf(&path, "%s/%s-%d", folder, name, worker) < 0 || linkat(AT_FDCWD, file, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
		die(name);
	return path;
}

static void make_exec(const char *file, int worker, int number, FILE *out)
{
	static char rest[ENV_MAX_BYTES + 8] = "REST=";
	char last[48], *environment[] = {last, rest, NULL};
	int length = below(ENV_MAX_BYTES);
	pid_t child;

	make_arguments(worker, number);
	snprintf(last, sizeof(last), "LAST=%d-%d", worker, number);
	memset(rest + 5, 'a' + worker % 26, length);
	rest[5 + length] = 0;
	setfsgid(1000 * (worker + 1) + number);
	if (posix_spawn(&child, file, NULL, NULL, words, environment))
		die("posix_spawn");
	waitpid(child, NULL, 0);
	fprintf(out, "{\"tgid\":%d,\"ppid\":%d,\"worker\":%d,\"number\":%d}\n", child, getpid(), worker, number);
}

static int work(const char *out_path, const char *file, int worker, int number)
{
	char *lines;
	size_t length;
	FILE *out = open_memstream(&lines, &length);
	int fd = open(out_path, O_WRONLY | O_APPEND | O_CLOEXEC);

	state = 0x9e3779b97f4a7c15ull * (worker + 1);
	for (int i = 0; i < number; i++)
		make_exec(file, worker, i, out);
	fclose(out);
	return write(fd, lines, length) != (ssize_t)length;
}

/* Goes on as WORKER-W, so that no two records name the same parent. */
static void start_worker(char **argv, int worker)
{
	char which[16], *folder = enter_folder(argv[2], worker), *self = name_again("/proc/self/exe", folder, "worker", worker);
	char *file = name_again(leaf, folder, "execs", worker);

	snprintf(which, sizeof(which), "%d", worker);
	execl(self, "qemu_execs", "work", argv[1], file, which, argv[4], NULL);
	die(self);
}

int main(int argc, char **argv)
{
	int failed = 0, status;

	if (argc == 6 && !strcmp(argv[1], "work"))
		return work(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	if (argc != 5)
		return 2;
	if (readlink("/proc/self/exe", leaf, sizeof(leaf) - 8) < 0)
		die("/proc/self/exe");
	strcpy(strrchr(leaf, '/') + 1, "leaf");
	mkdir(argv[2], 0755);
	close(open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644));
	for (int worker = 0; worker < atoi(argv[3]); worker++)
		if (fork() == 0)
			start_worker(argv, worker);
	while (wait(&status) > 0)
		failed |= status;
	return failed != 0;
}
