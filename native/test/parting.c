// SPDX-License-Identifier: Apache-2.0
// parting LEAF N: N threads, one after the other, each of which starts LEAF with vfork and ends at once, so that LEAF's parent
// is a thread that leaves while its process stays.
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *start(void *leaf)
{
	if (vfork() == 0) {
		execl(leaf, "leaf", "parting", (char *)0);
		_exit(127);
	}
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 3)
		return 2;
	for (int left = atoi(argv[2]); left > 0; left--) {
		if (pthread_create(&thread, 0, start, argv[1]) || pthread_join(thread, 0) || wait(0) < 0)
			return 1;
	}
	return 0;
}
