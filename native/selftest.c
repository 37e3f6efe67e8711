// SPDX-License-Identifier: Apache-2.0
// The two programs of `forebear selftest`, one binary under two names (src/commands/selftest-launch.ts makes the copies):
//
//   sshd HELPER UNIT SECONDS   leads a new session on a pseudo-terminal in a child, as a real sshd does, and runs in it
//   HELPER UNIT SECONDS        which runs: systemctl --no-ask-password start UNIT
//
// Says on fd 3, a line each: `exec PID NS` (CLOCK_BOOTTIME, just before execve of systemctl), `ended STATUS` (of systemctl),
// `terminal ERRNO` (no pseudo-terminal to be had: it goes on without one), `failed WHAT ERRNO`. Whatever happens, each
// process ends within SECONDS. Needs no terminal, no environment and no rights of its own.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define REPORT_FD 3
#define SYSTEMCTL "/usr/bin/systemctl"

static char *const environment[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", 0 };

static void report(const char *what, long long a, long long b)
{
	char line[96];
	int size = snprintf(line, sizeof(line), "%s %lld %lld\n", what, a, b);

	if (write(REPORT_FD, line, size) != size)
		_exit(3);
}

static int failed(const char *what)
{
	char text[64];

	snprintf(text, sizeof(text), "failed %s", what);
	report(text, errno, 0);
	return 1;
}

/* Waits for the child; out: its exit status, 128 + the signal that ended it. */
static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 255;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void close_standard(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

/* The slave becomes the controlling terminal of the session that the caller leads. */
static void take_terminal(int master)
{
	int slave = master < 0 ? -1 : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		report("terminal", errno, 0);
}

static int as_sshd(char *helper, char *unit, char *seconds)
{
	char *argv[] = { helper, unit, seconds, 0 };
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), unlocked = 0;
	pid_t child;

	if (master >= 0 && ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		close(master), master = -1;
	child = fork();
	if (child < 0)
		return failed("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setsid() < 0)
			_exit(failed("setsid"));
		take_terminal(master);
		execve(helper, argv, environment);
		_exit(failed("helper"));
	}
	return wait_for(child);
}

static int as_helper(char *unit)
{
	char *argv[] = { "systemctl", "--no-ask-password", "start", unit, 0 };
	struct timespec now;
	pid_t child = fork();

	if (child < 0)
		return failed("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
		clock_gettime(CLOCK_BOOTTIME, &now);
		report("exec", getpid(), now.tv_sec * 1000000000LL + now.tv_nsec);
		execve(SYSTEMCTL, argv, environment);
		_exit(failed("systemctl"));
	}
	report("ended", wait_for(child), 0);
	return 0;
}

int main(int argc, char **argv)
{
	close_standard();
	if (argc < 3)
		return 2;
	alarm(atoi(argv[argc - 1]));
	return argc == 4 ? as_sshd(argv[1], argv[2], argv[3]) : as_helper(argv[1]);
}
