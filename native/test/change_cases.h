/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of workload.c about what a process changes of itself: its session, its user and group ids. What changed is read from
 * /proc before and after each call (expect.h: session, credentials).
 */
#ifndef FOREBEAR_CHANGE_CASES_H
#define FOREBEAR_CHANGE_CASES_H

#include <setjmp.h>
#include "process_cases.h"
#include "rights_cases.h"

/* Real, effective, saved, file system. */
struct all_ids { unsigned user[4], group[4]; };

static struct all_ids read_all_ids(void)
{
	FILE *in = fopen("/proc/thread-self/status", "re");
	struct all_ids ids = {};
	char line[256];

	while (in && fgets(line, sizeof(line), in)) {
		sscanf(line, "Uid: %u %u %u %u", &ids.user[0], &ids.user[1], &ids.user[2], &ids.user[3]);
		sscanf(line, "Gid: %u %u %u %u", &ids.group[0], &ids.group[1], &ids.group[2], &ids.group[3]);
	}
	if (!in)
		die("/proc/thread-self/status");
	fclose(in);
	return ids;
}

#define EIGHT "[%u,%u,%u,%u,%u,%u,%u,%u]"
#define EIGHT_OF(ids) (ids)->user[0], (ids)->user[1], (ids)->user[2], (ids)->user[3], \
	(ids)->group[0], (ids)->group[1], (ids)->group[2], (ids)->group[3]

static void expect_change(int tid, const struct all_ids *before, const struct all_ids *after)
{
	if (memcmp(before, after, sizeof(*before)))
		expect_line("credentials", "\"tgid\":%d,\"tid\":%d,\"before\":" EIGHT ",\"after\":" EIGHT, getpid(), tid,
			    EIGHT_OF(before), EIGHT_OF(after));
}

/* One system call of this thread, which may change its ids or not. */
static void change(long number, long a, long b, long c)
{
	struct all_ids before = read_all_ids(), after;

	syscall(number, a, b, c);
	after = read_all_ids();
	expect_change(syscall(SYS_gettid), &before, &after);
}

static void set_ids(void)
{
	change(SYS_setregid, 5, 6, 0);
	change(SYS_setresgid, -1, 7, 8);
	change(SYS_setfsgid, 9, 0, 0);
	change(SYS_setgid, 10, 0, 0);
	change(SYS_setfsuid, 11, 0, 0);
	change(SYS_setreuid, -1, 12, 0);
	change(SYS_setresuid, -1, 0, -1);
	change(SYS_setuid, 13, 0, 0);
}

/* Calls that succeed and change nothing, or only what is no id. */
static void same_ids(void)
{
	change(SYS_setuid, getuid(), 0, 0);
	change(SYS_setresuid, -1, -1, -1);
	change(SYS_setresgid, getgid(), -1, -1);
	change(SYS_setfsuid, -1, 0, 0);
	change(SYS_setgroups, 0, 0, 0);
}

static void refused_ids(void)
{
	change(SYS_setresuid, NOBODY, NOBODY, NOBODY);
	change(SYS_setuid, 0, 0, 0);
	change(SYS_setresgid, 1, 1, 1);
	change(SYS_setfsuid, 1, 0, 0);
}

static void *change_in_thread(void *unused)
{
	change(SYS_setresuid, 1, 2, 3);
	return unused;
}

/* The kernel's own call, not libc's: the other thread stays who it was. */
static void thread_ids(void)
{
	pthread_t other;

	pthread_create(&other, NULL, change_in_thread, NULL);
	pthread_join(other, NULL);
	change(SYS_setresuid, -1, 4, -1);
}

static void *tell_and_wait(void *told)
{
	*(int *)told = syscall(SYS_gettid);
	pause();
	return NULL;
}

/* libc's call: it makes all threads do it. */
static void all_threads_ids(void)
{
	volatile int tids[2] = {};
	struct all_ids before = read_all_ids(), after;
	pthread_t other;

	for (int i = 0; i < 2; i++) {
		pthread_create(&other, NULL, tell_and_wait, (void *)&tids[i]);
		while (!tids[i])
			sched_yield();
	}
	check(setresuid(1, 1, 1), "setresuid");
	after = read_all_ids();
	for (int i = 0; i < 2; i++)
		expect_change(tids[i], &before, &after);
	expect_change(getpid(), &before, &after);
}

/* ---- as a 32-bit program makes them ---- */

static sigjmp_buf no_32_bits;

static void without_32_bits(int signal)
{
	siglongjmp(no_32_bits, signal);
}

static long call_32(long number, long a, long b, long c)
{
	long result = -ENOSYS;
#ifdef __x86_64__
	asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
#else
	(void)number, (void)a, (void)b, (void)c;
#endif
	return result;
}

static void change_32(long number, long a, long b, long c)
{
	struct all_ids before = read_all_ids(), after;

	check(call_32(number, a, b, c), "32-bit call");
	after = read_all_ids();
	expect_change(getpid(), &before, &after);
}

#define GETPID_32 20
#define SETSID_32 66
#define SETGID_16 46
#define SETRESGID_32 210
#define SETRESUID_32 208

static void ids_32(void)
{
	struct sigaction action = {.sa_handler = without_32_bits};

	sigaction(SIGSEGV, &action, NULL);
	errno = ENOSYS;
	if (sigsetjmp(no_32_bits, 1) || call_32(GETPID_32, 0, 0, 0) != getpid())
		skip("32-bit system calls");
	check(call_32(SETSID_32, 0, 0, 0), "setsid");
	expect_line("session", "\"tgid\":%d", getpid());
	change_32(SETGID_16, 5, 0, 0);
	change_32(SETRESGID_32, -1, 6, -1);
	change_32(SETRESUID_32, 7, 8, 9);
}

/* ---- session ---- */

static void new_session(void)
{
	check(setsid(), "setsid");
	expect_line("session", "\"tgid\":%d", getpid());
	if (setsid() >= 0)
		die("a second setsid");
	run((struct expect){.filename = leaf}, ARGS("new-session"));
}

/* A group leader may not. */
static void refused_session(void)
{
	check(setpgid(0, 0), "setpgid");
	if (setsid() >= 0)
		die("setsid of a group leader");
}

#endif
