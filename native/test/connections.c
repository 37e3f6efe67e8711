/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connections OUT: connects, accepts, closes and makes the system calls of calls.bpf.h in all the ways that matter, and writes to OUT
 * what each should be told as, one JSON line each: {"case","action",...}. Needs the loopback interface alone.
 * connections -l NUMBER: a client and a server in one process, NUMBER connections one after the other; prints nanoseconds.
 * Used by test/kernel/network.test.ts, test/qemu/network.test.ts and bench/connect.ts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static FILE *out;
static const char *name;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "connections: %s: %s: %s\n", name, what, strerror(errno));
	exit(1);
}

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static socklen_t size_of(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->four) : sizeof(a->six);
}

static union address address(int family, const char *text, int port)
{
	union address a = {};

	a.any.sa_family = family;
	if (family == AF_INET) {
		a.four.sin_port = htons(port);
		must(inet_pton(family, text, &a.four.sin_addr) == 1, text);
	} else {
		a.six.sin6_port = htons(port);
		must(inet_pton(family, text, &a.six.sin6_addr) == 1, text);
	}
	return a;
}

static int port_of(const union address *a)
{
	return ntohs(a->any.sa_family == AF_INET ? a->four.sin_port : a->six.sin6_port);
}

static int own_port(int fd)
{
	union address a;
	socklen_t size = sizeof(a);

	must(!getsockname(fd, &a.any, &size), "getsockname");
	return port_of(&a);
}

static int listener(int family, const char *text)
{
	union address a = address(family, text, 0);
	int fd = socket(family, SOCK_STREAM, 0), no = 0;

	must(fd >= 0, "socket");
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	must(!bind(fd, &a.any, size_of(&a)) && !listen(fd, 8), "listen");
	return fd;
}

/* One line of truth. text: the address as it should be told of, at both ends. */
static void tell(const char *action, const char *direction, const char *text, int local, int remote, long sent, long received, int result)
{
	fprintf(out,
		"{\"case\":\"%s\",\"action\":\"%s\",\"direction\":\"%s\",\"address\":\"%s\",\"local\":%d,\"remote\":%d,"
		"\"sent\":%ld,\"received\":%ld,\"result\":%d}\n",
		name, action, direction, text, local, remote, sent, received, result);
}

static void fill(int fd, long bytes)
{
	char buffer[65536] = {};

	for (long done = 0; done < bytes;) {
		ssize_t n = send(fd, buffer, bytes - done < (long)sizeof(buffer) ? bytes - done : (long)sizeof(buffer), MSG_NOSIGNAL);

		must(n > 0, "send");
		done += n;
	}
}

static void drain(int fd, long bytes)
{
	char buffer[65536];

	for (long done = 0; done < bytes;) {
		ssize_t n = read(fd, buffer, sizeof(buffer));

		must(n > 0, "read");
		done += n;
	}
}

/* What is asked and answered over an accepted connection; who closes it first. */
struct talk {
	int family;
	const char *listen, *connect, *told;
	long request, answer;
	int nonblocking, client_first, reset, half, accept4;
};

static int connect_to(const struct talk *t, int port)
{
	union address a = address(t->family, t->connect, port);
	int fd = socket(t->family, SOCK_STREAM | (t->nonblocking ? SOCK_NONBLOCK : 0), 0), result;

	must(fd >= 0, "socket");
	result = connect(fd, &a.any, size_of(&a));
	must(t->nonblocking ? result < 0 && errno == EINPROGRESS : !result, "connect");
	if (t->nonblocking) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		must(poll(&p, 1, 5000) == 1, "poll");
		fcntl(fd, F_SETFL, 0);
	}
	return fd;
}

static void end_client(int fd, const struct talk *t)
{
	struct linger hard = {.l_onoff = 1};
	char end;

	if (t->reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	if (t->half) {
		shutdown(fd, SHUT_WR);
		must(read(fd, &end, 1) == 0, "read to the end");
	}
	close(fd);
}

static void converse(const char *of, const struct talk *t)
{
	int server = listener(strchr(t->listen, ':') ? AF_INET6 : AF_INET, t->listen), port, client, taken, local;
	char end;

	name = of;
	port = own_port(server);
	client = connect_to(t, port);
	local = own_port(client);
	taken = t->accept4 ? accept4(server, 0, 0, SOCK_CLOEXEC) : accept(server, 0, 0);
	must(taken >= 0, "accept");
	tell("connection_attempted", "egress", t->told, local, port, 0, 0, 0);
	tell("connection_accepted", "ingress", t->told, port, local, 0, 0, 0);
	fill(client, t->request);
	drain(taken, t->request);
	fill(taken, t->answer);
	drain(client, t->answer);
	if (t->half) {
		pid_t child = fork(); /* the other end waits for ours */

		if (!child) {
			close(client);
			must(read(taken, &end, 1) == 0, "read to the end");
			_exit(0);
		}
		shutdown(client, SHUT_WR);
		waitpid(child, 0, 0);
		close(taken);
		end_client(client, t);
	} else if (t->client_first) {
		end_client(client, t);
		if (!t->reset)
			must(read(taken, &end, 1) == 0, "read to the end");
		else
			must(read(taken, &end, 1) < 0 && errno == ECONNRESET, "read of a reset one");
		close(taken);
	} else {
		close(taken);
		must(read(client, &end, 1) == 0, "read to the end");
		close(client);
	}
	tell("disconnect_received", "egress", t->told, local, port, t->request, t->answer, 0);
	tell("disconnect_received", "ingress", t->told, port, local, t->answer, t->request, 0);
	close(server);
}

static void refused(void)
{
	int server = listener(AF_INET, "127.0.0.1"), port = own_port(server), fd = socket(AF_INET, SOCK_STREAM, 0);
	union address a = address(AF_INET, "127.0.0.1", port);
	union address from = address(AF_INET, "127.0.0.1", 0);

	name = "refused";
	close(server);
	must(!bind(fd, &from.any, size_of(&from)), "bind");
	must(connect(fd, &a.any, size_of(&a)) < 0 && errno == ECONNREFUSED, "connect");
	tell("connection_attempted", "egress", "127.0.0.1", own_port(fd), port, 0, 0, -ECONNREFUSED);
	close(fd);
}

/* The connection is made by one process and closed by another that has the socket too. */
static void handed_on(void)
{
	int server = listener(AF_INET, "127.0.0.1"), port = own_port(server), client, taken, local;
	struct talk t = {.family = AF_INET, .connect = "127.0.0.1"};
	pid_t child;

	name = "handed_on";
	client = connect_to(&t, port);
	local = own_port(client);
	taken = accept(server, 0, 0);
	tell("connection_attempted", "egress", "127.0.0.1", local, port, 0, 0, 0);
	tell("connection_accepted", "ingress", "127.0.0.1", port, local, 0, 0, 0);
	child = fork();
	if (!child) {
		fill(taken, 7);
		_exit(0);
	}
	close(taken);
	waitpid(child, 0, 0);
	drain(client, 7);
	close(client);
	tell("disconnect_received", "ingress", "127.0.0.1", port, local, 7, 0, 0);
	tell("disconnect_received", "egress", "127.0.0.1", local, port, 0, 7, 0);
	close(server);
}

static void tell_call(const char *action, long first, long second, long third, const char *text)
{
	fprintf(out, "{\"case\":\"%s\",\"action\":\"%s\",\"args\":[%ld,%ld,%ld],\"name\":\"%s\"}\n", name, action, first, second, third, text);
}

static pid_t waiting_child(void)
{
	pid_t child = fork();

	if (!child)
		for (;;)
			pause();
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, 0, 0);
}

static void calls(void)
{
	int fd = memfd_create("plain \xc3\xa4", MFD_CLOEXEC), id;
	char long_name[250];
	pid_t child;

	name = "memfd";
	must(fd >= 0, "memfd_create");
	tell_call("memfd_create", MFD_CLOEXEC, 0, 0, "plain \xc3\xa4");
	memset(long_name, 'x', 249);
	long_name[249] = 0;
	must(memfd_create(long_name, MFD_ALLOW_SEALING) >= 0, "memfd_create");
	tell_call("memfd_create", MFD_ALLOW_SEALING, 0, 0, long_name);
	must(memfd_create("", 0) >= 0, "memfd_create");
	tell_call("memfd_create", 0, 0, 0, "");
	must(memfd_create("x", 0x40000000) < 0, "memfd_create with odd flags"); /* not told of */

	name = "shmget";
	id = shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600);
	must(id >= 0, "shmget");
	tell_call("shmget", IPC_PRIVATE, 8192, IPC_CREAT | 0600, "");
	shmctl(id, IPC_RMID, 0);

	name = "ptrace";
	child = waiting_child();
	must(!ptrace(PTRACE_SEIZE, child, 0, 0), "PTRACE_SEIZE");
	tell_call("ptrace", PTRACE_SEIZE, child, 0, "");
	end_child(child);
	child = waiting_child();
	must(!ptrace(PTRACE_ATTACH, child, 0, 0), "PTRACE_ATTACH");
	tell_call("ptrace", PTRACE_ATTACH, child, 0, "");
	waitpid(child, 0, 0);
	must(!ptrace(PTRACE_POKEDATA, child, &name, name), "PTRACE_POKEDATA");
	tell_call("ptrace", PTRACE_POKEDATA, child, (long)&name, "");
#if defined(__x86_64__)
	must(!ptrace(PTRACE_POKEUSER, child, offsetof(struct user, regs.rbx), 0), "PTRACE_POKEUSER");
	tell_call("ptrace", PTRACE_POKEUSER, child, offsetof(struct user, regs.rbx), "");
#endif
	end_child(child);
}

#define SERVER "127.0.77.53" /* nobody else's */

/* Answers so many questions, each with itself and an address. */
static void serve_names(int fd, int number)
{
	static const char answer[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4";
	char message[512];
	union address from;
	socklen_t size;

	while (number--) {
		ssize_t n;

		size = sizeof(from);
		n = recvfrom(fd, message, sizeof(message), 0, &from.any, &size);
		must(n > 12, "recvfrom");
		message[2] = (char)0x81;
		message[7] = 1;
		memcpy(message + n, answer, sizeof(answer) - 1);
		must(sendto(fd, message, n + sizeof(answer) - 1, 0, &from.any, size) > 0, "sendto");
	}
	_exit(0);
}

static int ask(int family, const char *question, int connected)
{
	union address server = address(family, family == AF_INET ? SERVER : "::ffff:" SERVER, 53);
	int fd = socket(family, SOCK_DGRAM, 0), length = strlen(question);
	char message[64] = {1, 2, 1, 0, 0, 1};

	message[12] = length;
	memcpy(message + 13, question, length);
	message[13 + length + 2] = message[13 + length + 4] = 1; /* A, IN */
	must(!connected || !connect(fd, &server.any, size_of(&server)), "connect");
	must(sendto(fd, message, 13 + length + 5, 0, connected ? 0 : &server.any, connected ? 0 : size_of(&server)) > 0, "sendto");
	fprintf(out, "{\"case\":\"lookups\",\"action\":\"lookup_result\",\"question\":\"%s\",\"server\":\"%s\"}\n", question, SERVER);
	return fd;
}

static void lookups(void)
{
	union address server = address(AF_INET, SERVER, 53), from;
	int listening = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t size = sizeof(from);
	char message[512];
	struct iovec part = {message, sizeof(message)};
	struct msghdr whole = {.msg_name = &from, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};
	pid_t child;
	int fd;

	name = "lookups";
	must(!bind(listening, &server.any, size_of(&server)), "bind");
	child = fork();
	if (!child)
		serve_names(listening, 5);
	must(recvfrom(ask(AF_INET, "recvfrom", 0), message, sizeof(message), 0, &from.any, &size) > 0, "recvfrom");
	must(read(ask(AF_INET, "read", 1), message, sizeof(message)) > 0, "read");
	must(recvmsg(ask(AF_INET, "recvmsg", 0), &whole, 0) > 0, "recvmsg");
	size = sizeof(from);
	must(recvfrom(ask(AF_INET6, "mapped", 0), message, sizeof(message), 0, &from.any, &size) > 0, "recvfrom");
	fd = ask(AF_INET, "peeked", 1); /* told of once */
	must(recv(fd, message, sizeof(message), MSG_PEEK) > 0 && recv(fd, message, sizeof(message), 0) > 0, "recv");
	waitpid(child, 0, 0);
}

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void loop(int number)
{
	int server = listener(AF_INET, "127.0.0.1"), port = own_port(server);
	struct linger hard = {.l_onoff = 1}; /* no port waits for two minutes */
	union address a = address(AF_INET, "127.0.0.1", port);
	long began = now();

	for (int i = 0; i < number; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0), taken;

		must(!connect(client, &a.any, size_of(&a)), "connect");
		taken = accept(server, 0, 0);
		must(taken >= 0, "accept");
		setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(client);
		close(taken);
	}
	printf("%ld\n", now() - began);
}

int main(int argc, char **argv)
{
	name = "begin";
	if (argc == 3 && !strcmp(argv[1], "-l")) {
		loop(atoi(argv[2]));
		return 0;
	}
	if (argc != 2 || !(out = fopen(argv[1], "w")))
		return 2;
	converse("plain", &(struct talk){AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1", 10, 1000, .client_first = 1});
	converse("server_closes", &(struct talk){AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1", 0, 1, .client_first = 0});
	converse("many_bytes", &(struct talk){AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1", 100000, 150000, .client_first = 1, .accept4 = 1});
	converse("nonblocking", &(struct talk){AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1", 5, 6, .nonblocking = 1});
	converse("half", &(struct talk){AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1", 3, 4, .half = 1});
	converse("reset", &(struct talk){AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1", 3, 4, .client_first = 1, .reset = 1});
	converse("six", &(struct talk){AF_INET6, "::1", "::1", "::1", 10, 20, .client_first = 1});
	converse("mapped", &(struct talk){AF_INET6, "127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1", 10, 20, .client_first = 1});
	converse("mapped_server", &(struct talk){AF_INET, "::", "127.0.0.1", "127.0.0.1", 10, 20, .client_first = 1});
	refused();
	handed_on();
	calls();
	lookups();
	return fclose(out) != 0;
}
