/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workload OUT CASE...       makes the execs, forks and exits of the named cases ("all": every case but storm)
 * workload OUT storm N       N short execs, numbered, from two processes
 * and appends to OUT what it did (expect.h): the ground truth to which the sensor's records are compared. It works in a
 * directory of its own under TMPDIR; leaf has to lie beside this program. Cases that need root say skip without it.
 */
#define _GNU_SOURCE
#include <ftw.h>
#include <spawn.h>
#include "exec_cases.h"
#include "process_cases.h"

static const struct workload_case { const char *name; void (*run)(void); int needs_root; } cases[] = {
	{"plain", plain, 0},           {"args", args, 0},
	{"argc0", argc0, 0},           {"big", big, 0},
	{"env", env, 0},               {"script", script, 0},
	{"memfd", memfd, 0},           {"deleted", deleted, 0},
	{"execveat", execveat_fd, 0},  {"execveat-dir", execveat_dir, 0},
	{"setuid", set_user_id, 1},    {"setgid", set_group_id, 1},
	{"groups", groups, 1},         {"chroot", in_chroot, 1},
	{"mntns", mount_namespace, 1}, {"vfork", vforked, 0},
	{"thread", thread, 0},         {"leader-left", leader_left, 0},
	{"threads-leave", threads_leave, 0}, {"killed", killed, 0},
	{"clone-parent", clone_parent, 0},   {"tty", tty, 0},
	{"long-path", long_path, 0},
};
#define CASES (sizeof(cases) / sizeof(*cases))

/* The case's child, and whom it left us with CLONE_PARENT. */
static void run_case(const struct workload_case *c)
{
	pid_t child;
	int status;

	expect_case = c->name;
	if (c->needs_root && geteuid() != 0) {
		expect_line("skip", "\"reason\":\"needs root\"");
		return;
	}
	child = check(fork(), "fork");
	if (!child) {
		c->run();
		_exit(0);
	}
	expect_line("fork", "\"tgid\":%d,\"ppid\":%d,\"creator\":%d", child, getpid(), getpid());
	while ((child = wait(&status)) > 0)
		expect_line("exit", "\"tgid\":%d,\"code\":%d", child, status);
}

/* Runs the case of that name, or all; returns how many those are. */
static int run_named(const char *name)
{
	int found = 0;

	for (size_t i = 0; i < CASES; i++)
		if (!strcmp(name, "all") || !strcmp(name, cases[i].name)) {
			run_case(&cases[i]);
			found++;
		}
	return found;
}

/* ---- storm ---- */

static void storm_worker(int worker, int number)
{
	pid_t *children = calloc(number, sizeof(*children));
	char which[16], text[16], *list[] = {"leaf", "storm", which, text, NULL};

	snprintf(which, sizeof(which), "%d", worker);
	for (int i = 0; i < number; i++) {
		snprintf(text, sizeof(text), "%d", i);
		if (posix_spawn(&children[i], leaf, NULL, NULL, list, environ))
			die("posix_spawn");
		waitpid(children[i], NULL, 0);
	}
	for (int i = 0; i < number; i++)
		expect_line("storm", "\"tgid\":%d,\"worker\":%d,\"number\":%d", children[i], worker, i);
	exit(0);
}

static void storm(int number)
{
	expect_case = "storm";
	for (int worker = 0; worker < 2; worker++)
		if (!check(fork(), "fork"))
			storm_worker(worker, number / 2 + (worker < number % 2));
	while (wait(NULL) > 0)
		;
}

/* ---- start and end ---- */

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
	(void)facts, (void)type, (void)where;
	return remove(path);
}

static void prepare(const char *out)
{
	const char *base = getenv("TMPDIR");
	char template[PATH_MAX];

	check(readlink("/proc/self/exe", parent_executable, PATH_MAX - 1), "/proc/self/exe");
	snprintf(leaf, sizeof(leaf), "%.*s/leaf", (int)(strrchr(parent_executable, '/') - parent_executable), parent_executable);
	check(access(leaf, X_OK), leaf);
	snprintf(template, sizeof(template), "%s/forebear-workload-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(template) || !realpath(template, directory))
		die(template);
	check(chmod(directory, 0755), directory);
	expect_fd = check(open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), out);
}

int main(int argc, char **argv)
{
	const char *report = getenv("FOREBEAR_ARGC_TO"), *unknown = NULL;

	if (report)
		return write(atoi(report), &argc, sizeof(argc)) != sizeof(argc);
	if (argc < 3) {
		fprintf(stderr, "usage: workload OUT all|CASE...|storm N\n");
		return 2;
	}
	prepare(argv[1]);
	for (int i = 2; i < argc && !unknown; i++)
		if (!strcmp(argv[i], "storm") && i + 1 < argc)
			storm(atoi(argv[++i]));
		else if (!run_named(argv[i]))
			unknown = argv[i];
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (unknown)
		fprintf(stderr, "workload: no case %s\n", unknown);
	return unknown ? 2 : 0;
}
