// SPDX-License-Identifier: Apache-2.0
// A parent that nobody can look at afterwards: it starts systemctl and is gone at that one's first word, so certainly after
// its exec (a parent that left earlier would not be the parent any more) and without waiting for its end.
#include <unistd.h>

int main(void)
{
	char *argv[] = { "systemctl", "start", "fb-none.service", 0 };
	char *envp[] = { "PATH=/usr/bin", 0 };
	int words[2];
	char byte;

	if (pipe(words))
		return 1;
	if (vfork() == 0) {
		dup2(words[1], 2);
		execve("/usr/bin/systemctl", argv, envp);
		_exit(127);
	}
	close(words[1]);
	if (read(words[0], &byte, 1) < 0)
		return 1;
	_exit(0);
}
