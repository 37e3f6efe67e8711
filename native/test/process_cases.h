/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of workload.c about how processes come and go: each runs in a child process of its own; returning: exit with 0. */
#ifndef FOREBEAR_PROCESS_CASES_H
#define FOREBEAR_PROCESS_CASES_H

#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
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

/* The kernel's exit of one thread: unlike pthread_exit it takes no part in ending the process. */
static void *leave_later(void *leader)
{
	while (syscall(SYS_tgkill, getpid(), *(pid_t *)leader, 0) == 0 && getpid() == *(pid_t *)leader) {
		char state, path[64];
		FILE *stat_file;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", *(pid_t *)leader);
		stat_file = fopen(path, "re");
		if (!stat_file || fscanf(stat_file, "%*d %*s %c", &state) != 1 || state == 'Z')
			break;
		fclose(stat_file);
		sched_yield();
	}
	syscall(SYS_exit, 5);
	return NULL;
}

/* Main thread leaves first, the other one by itself after it is gone: wait(2) shows the main thread's code. */
static void leader_left(void)
{
	static pid_t leader;
	pthread_t other;

	leader = getpid();
	pthread_create(&other, NULL, leave_later, &leader);
	syscall(SYS_exit, 3);
}

static void *leave_together(void *barrier)
{
	pthread_barrier_wait(barrier);
	syscall(SYS_exit, 0);
	return NULL;
}

/* Eight threads that leave at the same moment: one exit record. */
static void threads_leave(void)
{
	static pthread_barrier_t barrier;
	pthread_t other;

	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 1; i < 8; i++)
		pthread_create(&other, NULL, leave_together, &barrier);
	leave_together(&barrier);
}

static void killed(void)
{
	raise(SIGKILL);
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

#endif
