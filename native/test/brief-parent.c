// SPDX-License-Identifier: Apache-2.0
// A parent that nobody can look at afterwards: its child runs systemctl, and it is gone the moment that exec has happened.
#include <unistd.h>

int main(void)
{
	char *argv[] = { "systemctl", "start", "fb-none.service", 0 };
	char *envp[] = { "PATH=/usr/bin", 0 };

	// vfork: the parent goes on exactly when the child's exec is done.
	if (vfork() == 0) {
		execve("/usr/bin/systemctl", argv, envp);
		_exit(127);
	}
	_exit(0);
}
