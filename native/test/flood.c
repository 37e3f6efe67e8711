/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood forks|chains|execs|args WORKERS LEAF     floods the host with processes until SIGTERM or its parent's end, then prints what it made:
 *   {"forks":N,"execs":N}    the forks that succeeded, its own workers included, and the execs that were seen to succeed
 * forks: children that leave at once. chains: by turns a hundred generations that wait for each other, and a hundred of which
 * each leaves as soon as it has a child. execs: LEAF, with two arguments. args: LEAF, with 32 KiB of arguments, every other
 * time as one of them and else as two thousand.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define GENERATIONS 100
#define ARG_BYTES 32768
#define MANY 2048

static struct shared {
	volatile int stop;
	long forks, execs;
} *shared;
static char *leaf, *few[3], *one[3], *many[MANY + 1];

static void add(long *count)
{
	__atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
}

/* A full table of processes is no fault: the flood goes on when there is room. */
static pid_t child_of(pid_t (*fork_by)(void))
{
	pid_t child = fork_by();

	if (child > 0)
		add(&shared->forks);
	if (child < 0 && errno != EAGAIN && errno != ENOMEM) {
		perror("flood: fork");
		exit(1);
	}
	return child;
}

static void reap(void)
{
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static void forks(int turn)
{
	(void)turn;
	for (int i = 0; i < 8; i++)
		if (child_of(fork) == 0)
			_exit(0);
	reap();
}

/* Whoever is orphaned comes to the worker, which is a subreaper. */
static void chains(int turn)
{
	if (child_of(fork) != 0) {
		reap();
		return;
	}
	for (int i = 1; i < GENERATIONS && child_of(fork) == 0; i++)
		;
	if (turn % 2)
		reap();
	_exit(0);
}

static void exec_once(char **args)
{
	char *none[] = {NULL};
	int status;
	pid_t child = vfork();

	if (child == 0) {
		execve(leaf, args, none);
		_exit(127);
	}
	if (child < 0)
		return;
	add(&shared->forks);
	if (waitpid(child, &status, 0) == child && status == 0)
		add(&shared->execs);
}

static void execs(int turn)
{
	(void)turn;
	exec_once(few);
}

static void args(int turn)
{
	exec_once(turn % 2 ? one : many);
}

static const struct { const char *name; void (*once)(int turn); } modes[] = {
	{"forks", forks}, {"chains", chains}, {"execs", execs}, {"args", args},
};

/* 32 KiB with the NULs: argv[0], then one argument or very many. */
static void make_arguments(void)
{
	char *large = malloc(ARG_BYTES);
	size_t rest = ARG_BYTES - sizeof("flooded");

	memset(large, 'x', rest - 1);
	large[rest - 1] = 0;
	few[0] = one[0] = many[0] = "flooded";
	few[1] = "briefly";
	one[1] = large;
	for (int i = 1; i < MANY; i++)
		many[i] = "fifteen letters";
}

static void worker(void (*once)(int turn))
{
	signal(SIGTERM, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (int turn = 0; !shared->stop; turn++)
		once(turn);
	_exit(0);
}

static void stop(int signal)
{
	(void)signal;
	shared->stop = 1;
}

int main(int argc, char **argv)
{
	void (*once)(int) = NULL;

	for (size_t i = 0; argc == 4 && i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(argv[1], modes[i].name))
			once = modes[i].once;
	if (!once) {
		fprintf(stderr, "usage: flood forks|chains|execs|args WORKERS LEAF\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	leaf = argv[3];
	make_arguments();
	signal(SIGTERM, stop);
	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0); /* a test that is killed leaves no flood behind */
	for (int i = atoi(argv[2]); i > 0; i--)
		if (child_of(fork) == 0)
			worker(once);
	reap();
	printf("{\"forks\":%ld,\"execs\":%ld}\n", shared->forks, shared->execs);
	return 0;
}
