/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workload OUT CASE...       makes the execs, forks and exits of the named cases ("all": every case but storm)
 * workload OUT storm N       N short execs, numbered, from two processes
 * workload OUT again CASE HOW LEAF PARENT    (by itself: see process_cases.h)
 * and appends to OUT what it did (expect.h): the ground truth to which the sensor's records are compared. It works in a
 * directory of its own under TMPDIR; leaf has to lie beside this program. Cases that need root say skip without it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <spawn.h>
#include <sys/prctl.h>
#include "change_cases.h"
#include "exec_cases.h"
#include "limit_cases.h"
#include "place_cases.h"
#include "process_cases.h"
#include "rights_cases.h"

static const struct workload_case { const char *name; void (*run)(void); int needs_root; } cases[] = {
	/* exec_cases.h */
	{"plain", plain, 0},               {"args", args, 0},
	{"argc0", argc0, 0},               {"script", script, 0},
	{"script-chain", script_chain, 0}, {"script-fd", script_fd, 0},
	{"memfd", memfd, 0},               {"deleted", deleted, 0},
	{"deleted-name", deleted_name, 0}, {"execveat", execveat_fd, 0},
	{"execveat-dir", execveat_dir, 0}, {"symlink", symlinked, 0},
	{"hard-link", hard_linked, 0},     {"relative", relative, 0},
	{"hostile-name", hostile_name, 0}, {"failed", failed, 0},
	/* rights_cases.h */
	{"nobody", nobody, 1},             {"six-ids", six_ids, 1},
	{"setuid", set_user_id, 1},        {"no-new-privs", no_new_privileges, 1},
	{"setgid", set_group_id, 1},       {"groups", groups, 1},
	{"file-caps", file_capabilities, 1}, {"idle-caps", idle_capabilities, 1},
	{"userns", user_namespace, 1},
	/* place_cases.h */
	{"chroot", in_chroot, 1},          {"outside-root", outside_root, 1},
	{"deleted-cwd", deleted_directory, 0}, {"mntns", mount_namespace, 1},
	{"bind", bind_mount, 1},           {"overlay", overlay, 1},
	{"pivot", pivoted, 1},             {"detached", detached, 1},
	{"netns", network_namespace, 1},   {"pidns", pid_namespace, 1},
	{"cgroup", cgroup, 1},
	/* limit_cases.h */
	{"big", big, 0},                   {"one-huge", one_huge, 0},
	{"many-empty", many_empty, 0},     {"args-fit", args_fit, 0},
	{"args-over", args_over, 0},       {"cut-character", cut_character, 0},
	{"env", env, 0},                   {"long-path", long_path, 0},
	{"deep-path", deep_path, 0},       {"beyond-path", beyond_path, 0},
	{"largest", largest, 0},
	/* process_cases.h */
	{"vfork", vforked, 0},             {"thread", thread, 0},
	{"leader-left", leader_left, 0},   {"leader-left-exec", leader_left_exec, 0},
	{"threads-leave", threads_leave, 0}, {"thread-exits", thread_exits, 0},
	{"killed", killed, 0},             {"crashed", crashed, 0},
	{"clone-parent", clone_parent, 0}, {"traced", traced, 0},
	{"own-group", own_group, 0},       {"orphan", orphan, 0},
	{"tty", tty, 0},                   {"chain", chain, 0},
	{"parent-memfd", parent_memfd, 0}, {"parent-deleted", parent_deleted, 0},
	/* change_cases.h */
	{"set-ids", set_ids, 1},           {"same-ids", same_ids, 0},
	{"refused-ids", refused_ids, 1},   {"thread-ids", thread_ids, 1},
	{"all-threads-ids", all_threads_ids, 1}, {"ids-32", ids_32, 1},
	{"new-session", new_session, 0},   {"refused-session", refused_session, 0},
};
#define CASES (sizeof(cases) / sizeof(*cases))

/* The case's child, and whom it left us with CLONE_PARENT or as an orphan. */
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
	remove_cgroup();
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
		expect_line("storm", "\"tgid\":%d,\"ppid\":%d,\"worker\":%d,\"number\":%d", children[i], getpid(), worker, i);
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

/* ---- once more ---- */

/* As what a case has made of this program, from a file of another name: executes leaf, or has a child that does. */
static void again(char **argv)
{
	pid_t child = 0;

	expect_case = argv[3];
	snprintf(leaf, sizeof(leaf), "%s", argv[5]);
	snprintf(parent_executable, sizeof(parent_executable), "%s", argv[6]);
	if (!strcmp(argv[4], "fork"))
		child = check(fork(), "fork");
	if (!child)
		run((struct expect){.filename = leaf}, ARGS("once-more"));
	expect_line("fork", "\"tgid\":%d,\"ppid\":%d,\"creator\":%d", child, getpid(), getpid());
	wait(NULL);
}

/* ---- start and end ---- */

/* By file descriptors, as some paths are too long for a name; one that is not there is no fault. */
static void remove_tree(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (entries && (entry = readdir(entries)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			remove_tree(fd, entry->d_name);
	if (entries)
		closedir(entries);
	unlinkat(parent, name, entries ? AT_REMOVEDIR : 0);
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
	check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER");
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
	out_path = argv[1];
	if (!strcmp(argv[2], "again") && argc == 7) {
		expect_fd = check(open(out_path, O_WRONLY | O_APPEND | O_CLOEXEC), out_path);
		again(argv);
		return 0;
	}
	prepare(out_path);
	for (int i = 2; i < argc && !unknown; i++)
		if (!strcmp(argv[i], "storm") && i + 1 < argc)
			storm(atoi(argv[++i]));
		else if (!run_named(argv[i]))
			unknown = argv[i];
	remove_tree(AT_FDCWD, directory);
	if (unknown)
		fprintf(stderr, "workload: no case %s\n", unknown);
	return unknown ? 2 : 0;
}
