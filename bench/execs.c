/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execs WORKERS N RATE FILE: each worker executes FILE (with "FILE bench I" as arguments) N times, one after the other, waiting
 * for each; RATE: execs per second and worker on a fixed schedule, 0: at full rate. Prints the nanoseconds that it took.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void wait_until(long long ns)
{
	struct timespec t = {ns / 1000000000LL, ns % 1000000000LL};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

static void work(int number, int rate, char *file)
{
	long long start = now();
	char text[16], *list[] = {file, "bench", text, NULL};
	pid_t child;

	for (int i = 0; i < number; i++) {
		if (rate)
			wait_until(start + i * 1000000000LL / rate);
		snprintf(text, sizeof(text), "%d", i);
		if (posix_spawn(&child, file, NULL, NULL, list, environ)) {
			perror(file);
			exit(1);
		}
		waitpid(child, NULL, 0);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	long long start = now();
	int status, bad = 0;

	if (argc != 5) {
		fprintf(stderr, "usage: execs WORKERS N RATE FILE\n");
		return 2;
	}
	for (int i = 0; i < atoi(argv[1]); i++)
		if (!fork())
			work(atoi(argv[2]), atoi(argv[3]), argv[4]);
	while (wait(&status) > 0)
		bad |= status;
	printf("%lld\n", now() - start);
	return bad != 0;
}
