/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meddle ID hold | empty | update | delete: what root can do to a BPF map of another program, by its id. hold: opens it; empty: a
 * ring, moves its consumer's position to that of the producer; update, delete: of an element of zeros. Prints what came of it, "ok" or
 * an errno, and keeps the map open until its input ends. Used by test/kernel/tampered.test.ts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static long call(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int open_map(unsigned id)
{
	union bpf_attr attr = {.map_id = id};

	return call(BPF_MAP_GET_FD_BY_ID, &attr);
}

static int empty(int map)
{
	long page = sysconf(_SC_PAGESIZE);
	unsigned long *consumed = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	unsigned long *produced = mmap(NULL, page, PROT_READ, MAP_SHARED, map, page);

	if (consumed == MAP_FAILED || produced == MAP_FAILED)
		return -1;
	__atomic_store_n(consumed, __atomic_load_n(produced, __ATOMIC_ACQUIRE) + 4096, __ATOMIC_RELEASE);
	return 0;
}

static int change(int map, int command)
{
	static char key[512], value[1 << 20];
	union bpf_attr attr = {.map_fd = map, .key = (unsigned long)key, .value = (unsigned long)value};

	return call(command, &attr);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "hold";
	int map = argc > 1 ? open_map(strtoul(argv[1], NULL, 10)) : -1, result = 0;

	if (map < 0)
		result = -1;
	else if (!strcmp(what, "empty"))
		result = empty(map);
	else if (!strcmp(what, "update"))
		result = change(map, BPF_MAP_UPDATE_ELEM);
	else if (!strcmp(what, "delete"))
		result = change(map, BPF_MAP_DELETE_ELEM);
	printf("%s\n", result < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
