/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of workload.c about how processes come and go: each runs in a child process of its own; returning: exit with 0. */
#ifndef FOREBEAR_PROCESS_CASES_H
#define FOREBEAR_PROCESS_CASES_H

#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <termios.h>
#include <sys/wait.h>
#include "run_leaf.h"

static void vforked(void)
{
	if (!check(vfork(), "vfork"))
		run((struct expect){.filename = leaf}, ARGS("vforked"));
	wait(NULL);
}

static void *run_in_thread(void *unused)
{
	(void)unused;
	run((struct expect){.filename = leaf}, ARGS("thread"));
	return NULL;
}

static void thread(void)
{
	pthread_t other;

	pthread_create(&other, NULL, run_in_thread, NULL);
	pthread_join(other, NULL);
}

/* Until the main thread is a zombie. */
static void await_leader(void)
{
	char state = 0, path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	while (state != 'Z') {
		FILE *in = fopen(path, "re");

		if (!in || fscanf(in, "%*d %*s %c", &state) != 1)
			die(path);
		fclose(in);
		sched_yield();
	}
}

/* The kernel's exit of one thread: unlike pthread_exit it takes no part in ending the process. */
static void *leave_later(void *unused)
{
	await_leader();
	syscall(SYS_exit, 5);
	return unused;
}

/* Main thread leaves first, the other one by itself after it is gone: which code wait(2) shows is up to the kernel. */
static void leader_left(void)
{
	pthread_t other;

	pthread_create(&other, NULL, leave_later, NULL);
	syscall(SYS_exit, 3);
}

static void *run_later(void *unused)
{
	await_leader();
	run((struct expect){.filename = leaf}, ARGS("after-leader"));
	return unused;
}

/* Main thread leaves, the other one executes and so becomes the main thread. */
static void leader_left_exec(void)
{
	pthread_t other;

	pthread_create(&other, NULL, run_later, NULL);
	syscall(SYS_exit, 3);
}

static void *leave_together(void *barrier)
{
	pthread_barrier_wait(barrier);
	syscall(SYS_exit, 0);
	return NULL;
}

#define LEAVING_ROUNDS 50

static void leave_at_once(void)
{
	static pthread_barrier_t barrier;
	pthread_t other;

	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 1; i < 8; i++)
		pthread_create(&other, NULL, leave_together, &barrier);
	leave_together(&barrier);
}

/* Eight threads that leave at the same moment, so that two may take themselves for the last: one exit record. */
static void threads_leave(void)
{
	pid_t creator = getpid(), child;
	int status;

	for (int i = 0; i < LEAVING_ROUNDS; i++) {
		child = check(fork(), "fork");
		if (!child)
			leave_at_once();
		expect_line("fork", "\"tgid\":%d,\"ppid\":%d,\"creator\":%d", child, creator, creator);
		check(waitpid(child, &status, 0), "wait");
		expect_line("exit", "\"tgid\":%d,\"code\":%d", child, status);
	}
}

static void killed(void)
{
	raise(SIGKILL);
}

/* A signal that may leave a core: the status says so. */
static void crashed(void)
{
	raise(SIGSEGV);
}

static void *leave_all(void *unused)
{
	(void)unused;
	_exit(7);
}

/* A thread ends the process while its main thread sleeps. */
static void thread_exits(void)
{
	pthread_t other;

	pthread_create(&other, NULL, leave_all, NULL);
	for (;;)
		pause();
}

/* The new process is its creator's sibling: the workload waits for it. */
static void clone_parent(void)
{
	pid_t creator = getpid(), child = check(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0), "clone");

	if (!child) {
		expect_line("fork", "\"tgid\":%ld,\"ppid\":%d,\"creator\":%d", syscall(SYS_getpid), getppid(), creator);
		run((struct expect){.filename = leaf}, ARGS("sibling"));
	}
}

/* Under a tracer, which is its parent to the kernel but not to anyone else. */
static void traced(void)
{
	int ready[2];
	pid_t tracee, creator = getpid();
	char byte = 0;

	check(pipe(ready), "pipe");
	tracee = check(fork(), "fork");
	if (!tracee) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			_exit(0); /* cannot be traced */
		run((struct expect){.filename = leaf}, ARGS("traced"));
	}
	expect_line("fork", "\"tgid\":%d,\"ppid\":%d,\"creator\":%d", tracee, creator, creator);
	if (!check(fork(), "fork")) {
		if (ptrace(PTRACE_SEIZE, tracee, 0, 0))
			skip("PTRACE_SEIZE");
		check(write(ready[1], &byte, 1), "pipe");
		waitpid(tracee, NULL, 0);
		_exit(0);
	}
	close(ready[1]);
	while (wait(NULL) > 0)
		;
}

static void own_group(void)
{
	check(setpgid(0, 0), "setpgid");
	run((struct expect){.filename = leaf}, ARGS("group"));
}

/* Its parent, leader of its session and group, is gone and waited for; the workload has adopted it. */
static void orphan(void)
{
	pid_t creator = getpid(), child;

	check(setsid(), "setsid");
	child = check(fork(), "fork");
	if (child) {
		expect_line("fork", "\"tgid\":%d,\"ppid\":%d,\"creator\":%d", child, creator, creator);
		return;
	}
	while (getppid() == creator || kill(creator, 0) == 0)
		sched_yield();
	run((struct expect){.filename = leaf}, ARGS("orphan"));
}

static void tty(void)
{
	int master = check(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "posix_openpt");

	check(grantpt(master), "grantpt");
	check(unlockpt(master), "unlockpt");
	check(setsid(), "setsid");
	/* Opened by a session leader without one it becomes the terminal. */
	if (tcgetsid(check(open(ptsname(master), O_RDWR), "pts")) != getpid())
		die("tcgetsid");
	run((struct expect){.filename = leaf}, ARGS("tty"));
}

/* ---- this program once more, as a parent of leaf or just before it (workload.c, again) ---- */

static char *out_path; /* as given on the command line */

static void run_self(struct expect e, int fd, char *how, char *new_parent)
{
	e.fd = fd;
	e.comm = "";
	run_at(e, fd, "", AT_EMPTY_PATH, ARGS("workload", out_path, "again", (char *)expect_case, how, leaf, new_parent));
}

static int copy_self(int to)
{
	copy(parent_executable, to);
	return to;
}

static void parent_memfd(void)
{
	int fd = copy_self(check(memfd_create("parent", MFD_CLOEXEC), "memfd_create"));
	char name[32];

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	run_self((struct expect){.filename = name, .executable = "/memfd:parent", .flags = "\"memfd\",\"deleted\""}, fd, "fork",
		 "/memfd:parent");
}

/* A copy of this program, opened for execution. */
static int open_copy(char *path)
{
	close(copy_self(check(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755), path)));
	return check(open(path, O_PATH | O_CLOEXEC), path);
}

static void parent_deleted(void)
{
	char *path = strdup(in_directory("parent-deleted")), name[32];
	int fd = open_copy(path);

	check(unlink(path), path);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	run_self((struct expect){.filename = name, .executable = path, .flags = "\"deleted\""}, fd, "fork", path);
}

/* Two execs of one process. */
static void chain(void)
{
	char name[32];
	int fd = check(open(parent_executable, O_PATH | O_CLOEXEC), parent_executable);

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	run_self((struct expect){.filename = name, .executable = parent_executable}, fd, "exec", parent_executable);
}

#endif
