/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_cases FOLDER TRUTH: does with files in FOLDER, which it makes, what programs do, each case in a process of its own, and
 * writes to TRUTH what a sensor has to tell of it: lines of JSON {"case","tgid","op","path","old","target","flags","by"}. op "none":
 * the case is over; "skip": it cannot be done here, "target" says why. by "hooks": the system calls do not show it, or show what
 * has by "calls".
 * Used by test/kernel/files.test.ts and inside the kernels of test/qemu. Static.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static char home[PATH_MAX]; /* of the case, as a path that the sensor tells */
static const char *name, *by = "";
static int truth;

static void line(const char *op, const char *path, const char *old, const char *target, const char *flags)
{
	dprintf(truth, "{\"case\":\"%s\",\"tgid\":%d,\"op\":\"%s\",\"path\":\"%s\",\"old\":\"%s\",\"target\":\"%s\",\"flags\":\"%s\",\"by\":\"%s\"}\n",
		name, getpid(), op, path, old, target, flags, by);
}

/* Of a name in the case's folder; several at a time. */
static const char *at(const char *leaf)
{
	static char texts[4][2 * PATH_MAX];
	static int next;
	char *text = texts[next++ % 4];

	snprintf(text, sizeof(texts[0]), "%s/%s", strcmp(home, "/") ? home : "", leaf);
	return text;
}

static void created(const char *leaf, const char *flags) { line("creation", at(leaf), "", "", flags); }
static void modified(const char *leaf) { line("modification", at(leaf), "", "", ""); }
static void deleted(const char *leaf, const char *flags) { line("deletion", at(leaf), "", "", flags); }
static void renamed(const char *old, const char *leaf, const char *flags) { line("rename", at(leaf), at(old), "", flags); }
static void linked(const char *leaf, const char *target, const char *flags) { line("creation", at(leaf), "", target, flags); }

static void fail(const char *what)
{
	fprintf(stderr, "file_cases: %s: %s: %s\n", name, what, strerror(errno));
	_exit(1);
}
#define DO(call) ({ __typeof__(call) result_ = (call); if (result_ < 0) fail(#call); result_; })

static void skip(const char *why)
{
	line("skip", "", "", why, "");
	_exit(0);
}

/* An empty file, of which nothing but its creation is told. */
static void make(const char *leaf)
{
	close(DO(open(leaf, O_CREAT | O_EXCL | O_WRONLY, 0644)));
	created(leaf, "");
}

static void make_written(const char *leaf)
{
	int fd = DO(open(leaf, O_CREAT | O_EXCL | O_WRONLY, 0644));

	created(leaf, "");
	DO(write(fd, "x\n", 2));
	close(fd);
	modified(leaf);
}

/* ---- creating ---- */

static void open_calls(void)
{
	struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = 0600};
	int folder;

	close(DO(syscall(SYS_open, "open", O_CREAT | O_RDWR, 0644)));
	created("open", "");
	close(DO(syscall(SYS_creat, "creat", 0644)));
	created("creat", "");
	DO(mkdir("sub", 0755));
	folder = DO(open("sub", O_RDONLY | O_DIRECTORY));
	close(DO(openat(folder, "../sub/./openat", O_CREAT | O_WRONLY, 0644)));
	created("sub/openat", "");
	if (syscall(SYS_openat2, folder, "openat2", &how, sizeof(how)) >= 0)
		created("sub/openat2", "");
	close(DO(open("open", O_CREAT | O_RDONLY, 0644))); /* is there */
}

static void failures(void)
{
	make("there");
	open("there", O_CREAT | O_EXCL | O_WRONLY, 0644);
	open("missing", O_WRONLY);
	unlink("missing");
	rename("missing", "other");
	link("there", "there");
	symlink("x", "there");
	mknod("there", S_IFIFO | 0600, 0);
	rmdir("there");
	syscall(SYS_renameat2, AT_FDCWD, "there", AT_FDCWD, "missing", RENAME_EXCHANGE);
}

static void nodes(void)
{
	DO(mknod("plain", S_IFREG | 0600, 0));
	created("plain", "");
	DO(mkfifo("fifo", 0600));
	created("fifo", "special");
	if (mknod("device", S_IFCHR | 0600, makedev(1, 3)) == 0)
		created("device", "special");
	DO(mkdir("folder", 0700)); /* not told */
}

static void socket_file(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int fd = DO(socket(AF_UNIX, SOCK_STREAM, 0));

	by = "hooks";
	DO(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	created("socket", "special");
}

static void links(void)
{
	int folder;

	make("file");
	DO(link("file", "hard"));
	linked("hard", at("file"), "hardLink");
	DO(mkdir("sub", 0755));
	folder = DO(open("sub", O_RDONLY | O_DIRECTORY));
	DO(linkat(AT_FDCWD, "./file", folder, "hard", 0));
	linked("sub/hard", at("file"), "hardLink");
	DO(symlink("../any where", "soft"));
	linked("soft", "../any where", "symlink");
	DO(symlinkat("/nowhere", folder, "soft"));
	linked("sub/soft", "/nowhere", "symlink");
	close(DO(open("soft2", O_CREAT | O_WRONLY, 0600)));
	created("soft2", "");
}

static void through_symlink(void)
{
	DO(mkdir("real", 0755));
	DO(symlink("real", "way"));
	linked("way", "real", "symlink");
	close(DO(open("way/made", O_CREAT | O_WRONLY, 0600)));
	created("real/made", "");
	DO(rename("way/made", "way/moved"));
	DO(unlink("way/moved"));
	by = "hooks";
	renamed("real/made", "real/moved", "");
	deleted("real/moved", "");
	by = "calls";
	renamed("way/made", "way/moved", "");
	deleted("way/moved", "");
}

static void nameless(void)
{
	char path[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0600), again;

	if (fd < 0)
		skip("no O_TMPFILE on this file system");
	DO(write(fd, "x", 1));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	DO(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	created("named", "tmpfile");
	again = DO(open(".", O_TMPFILE | O_RDWR, 0600));
	if (linkat(again, "", AT_FDCWD, "named too", AT_EMPTY_PATH) == 0)
		created("named too", "tmpfile");
	close(again);
	close(fd); /* by another name than it has got */
}

/* ---- renaming, deleting ---- */

static void renames(void)
{
	int sub;

	make("a");
	make("over");
	DO(mkdir("sub", 0755));
	DO(rename("a", "b"));
	renamed("a", "b", "");
	DO(rename("b", "sub/../sub//c"));
	renamed("b", "sub/c", "");
	sub = DO(open("sub", O_RDONLY | O_DIRECTORY));
	DO(renameat(sub, "c", AT_FDCWD, "d"));
	renamed("sub/c", "d", "");
	DO(rename("d", "over"));
	renamed("d", "over", "");
	make("other");
	DO(syscall(SYS_renameat2, AT_FDCWD, "over", sub, "other", 0));
	renamed("over", "sub/other", "");
	rename("other", "other");
	by = "calls"; /* that it was nothing is found out by user space */
	renamed("other", "other", "");
}

static void exchange(void)
{
	make("one");
	make("two");
	if (syscall(SYS_renameat2, AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE) < 0)
		skip("no RENAME_EXCHANGE on this file system");
	renamed("one", "two", "exchange");
	renamed("two", "one", "exchange");
}

static void folders(void)
{
	DO(mkdir("old", 0755));
	DO(mkdir("old/deep", 0755));
	DO(rename("old", "new"));
	by = "hooks";
	renamed("old", "new", "directory");
	by = "calls";
	renamed("old", "new", "");
	by = "";
	DO(rmdir("new/deep"));
	deleted("new/deep", "directory");
	DO(unlinkat(AT_FDCWD, "new/", AT_REMOVEDIR));
	deleted("new", "directory");
}

static void deletions(void)
{
	int sub;

	make("a");
	make("b");
	DO(mkdir("sub", 0755));
	sub = DO(open("sub", O_RDONLY | O_DIRECTORY));
	close(DO(openat(sub, "c", O_CREAT | O_WRONLY, 0600)));
	created("sub/c", "");
	DO(link("a", "a2"));
	linked("a2", at("a"), "hardLink");
	DO(unlink("a"));
	deleted("a", "");
	DO(unlink(at("b")));
	deleted("b", "");
	DO(unlinkat(sub, "c", 0));
	deleted("sub/c", "");
}

/* ---- writing ---- */

static void writes(void)
{
	int fd, other;

	make_written("file");
	fd = DO(open("file", O_WRONLY | O_APPEND));
	DO(write(fd, "y", 1));
	DO(write(fd, "y", 1));
	close(fd);
	modified("file");
	fd = DO(open("file", O_RDWR)); /* not written */
	DO(read(fd, &other, 1));
	close(fd);
	fd = DO(open("file", O_RDWR));
	DO(pwrite(fd, "longer than before", 18, 0));
	other = DO(dup(fd));
	close(fd); /* not yet */
	close(other);
	modified("file");
	fd = DO(open("file", O_WRONLY | O_TRUNC));
	close(fd);
	modified("file");
	DO(truncate("file", 4096));
	modified("file");
}

static void replaced_descriptor(void)
{
	int fd = DO(open("file", O_CREAT | O_WRONLY, 0600)), null = DO(open("/dev/null", O_RDONLY));

	created("file", "");
	DO(write(fd, "x", 1));
	DO(dup2(null, fd));
	modified("file");
}

static void left_open(void)
{
	int fd = DO(open("file", O_CREAT | O_WRONLY, 0600));

	created("file", "");
	DO(write(fd, "x", 1));
	modified("file"); /* as it exits */
}

static void inherited(void)
{
	int fd = DO(open("file", O_CREAT | O_WRONLY, 0600)), child;

	created("file", "");
	child = DO(fork());
	if (child == 0) {
		DO(write(fd, "x", 1));
		_exit(0);
	}
	waitpid(child, 0, 0);
	close(fd);
	modified("file");
}

/* What looks like the end of a descriptor and is none. */
static void not_closed(void)
{
	int fd, child;

	make_written("file");
	fd = DO(open("file", O_WRONLY | O_APPEND));
	dup2(-1, fd);
	syscall(SYS_dup3, truth, fd, 1);
	syscall(SYS_close_range, ~0u, ~0u, 0);
	child = DO(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
	if (child == 0)
		_exit(0);
	waitpid(child, 0, 0);
	DO(write(fd, "y", 1));
	close(fd);
	modified("file");
}

/* The kernel looks at the lower half of the flags only. */
static void closed_as_range(void)
{
	int fd = DO(open("file", O_CREAT | O_WRONLY, 0600));

	created("file", "");
	DO(write(fd, "x", 1));
	DO(syscall(SYS_close_range, (long)fd, (long)fd, 1L << 32));
	modified("file");
}

static void left_open_high(void)
{
	int fd = DO(open("file", O_CREAT | O_WRONLY, 0600));

	created("file", "");
	DO(dup2(fd, 200));
	close(fd);
	DO(write(200, "x", 1));
	modified("file"); /* as it exits */
}

/* Ends of a process that are no exit_group. */
static void ended_by(void (*end)(void))
{
	int child = DO(fork()), fd;

	if (child) {
		waitpid(child, 0, 0);
		return;
	}
	fd = DO(open("file", O_CREAT | O_WRONLY, 0600));
	created("file", "");
	DO(write(fd, "x", 1));
	modified("file");
	end();
}

static void kill_oneself(void) { raise(SIGKILL); }
static void end_last_thread(void) { syscall(SYS_exit, 0); }
static void killed(void) { ended_by(kill_oneself); }
static void last_thread(void) { ended_by(end_last_thread); }

static void set_back(void)
{
	struct timespec times[2];
	struct stat before, now;
	int fd;

	make_written("file");
	fd = DO(open("file", O_RDWR));
	DO(fstat(fd, &before));
	do {
		DO(pwrite(fd, "y\n", 2, 0));
		DO(fstat(fd, &now));
	} while (now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
	times[0] = before.st_atim;
	times[1] = before.st_mtim;
	DO(futimens(fd, times));
	close(fd);
	modified("file");
}

/* What is to be done to a file lies in that file, and is gone with its content. */
static void cut_by_itself(void)
{
	struct open_how how = {.flags = O_WRONLY | O_TRUNC}, *there;
	int fd;

	make_written("file");
	fd = DO(open("file", O_RDWR));
	DO(pwrite(fd, &how, sizeof(how), 0));
	there = mmap(0, sizeof(how), PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	fd = syscall(SYS_openat2, AT_FDCWD, "file", there, sizeof(*there));
	if (fd >= 0) {
		close(fd);
		modified("file");
	}
	by = "hooks";
	modified("file"); /* what was written before, as the mapping goes */
}

static int before_6_9(void)
{
	int major = 0, minor = 0;
	struct utsname host;

	uname(&host);
	sscanf(host.release, "%d.%d", &major, &minor);
	return major < 6 || (major == 6 && minor < 9);
}

static void by_handle(void)
{
	struct { struct file_handle handle; char bytes[MAX_HANDLE_SZ]; } file = {.handle.handle_bytes = MAX_HANDLE_SZ};
	int folder, mount, fd;

	make_written("file");
	folder = DO(open(".", O_RDONLY | O_DIRECTORY));
	if (name_to_handle_at(folder, "file", &file.handle, &mount, 0))
		skip("no handles on this file system");
	fd = open_by_handle_at(folder, &file.handle, O_WRONLY | O_APPEND);
	if (fd < 0)
		skip("files cannot be opened by handles");
	DO(write(fd, "y", 1));
	close(fd);
	by = before_6_9() ? "calls" : "";
	modified("file");
}

/* A process whose number is 32,768 more asks for something else all the time. */
static void beside_another(void)
{
	pid_t number = getpid() + 32768;
	struct clone_args how = {.exit_signal = SIGCHLD, .set_tid = (unsigned long)&number, .set_tid_size = 1};
	volatile int *asked = mmap(0, sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int child, last;

	DO(mkdir("other", 0755)); /* a rename would have it wait in one folder */
	DO(mkdir("other/folder", 0755));
	make("0");
	child = syscall(SYS_clone3, &how, sizeof(how));
	if (child < 0)
		skip("no process can be given that number");
	for (; child == 0; ++*asked)
		unlink("other/folder");
	for (int i = 0; i < 100; i++) {
		for (last = *asked; *asked == last;)
			;
		DO(rename(i % 2 ? "1" : "0", i % 2 ? "0" : "1"));
		renamed(i % 2 ? "1" : "0", i % 2 ? "0" : "1", "");
	}
	kill(child, SIGKILL);
	waitpid(child, 0, 0);
}

static void unnamed_by_then(void)
{
	int fd = DO(open("file", O_CREAT | O_WRONLY, 0600));

	created("file", "");
	DO(write(fd, "x", 1));
	DO(unlink("file"));
	deleted("file", "");
	close(fd); /* nothing: it has no name */
}

/* ---- mounts ---- */

static void private_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
		skip("no mount namespace");
}

static void bound(void)
{
	private_mounts();
	DO(mkdir("from", 0755));
	DO(mkdir("to", 0755));
	DO(mount("from", "to", 0, MS_BIND, 0));
	make("to/file");
	DO(rename("to/file", "to/moved"));
	renamed("to/file", "to/moved", "");
	DO(unlink("from/moved"));
	deleted("from/moved", "");
}

static void overlay(void)
{
	private_mounts();
	DO(mkdir("base", 0755));
	if (mount("tmpfs", "base", "tmpfs", 0, 0))
		skip("no tmpfs");
	DO(mkdir("base/lower", 0755));
	make("base/lower/old");
	make("base/lower/gone");
	DO(mkdir("base/upper", 0755));
	DO(mkdir("base/work", 0755));
	DO(mkdir("top", 0755));
	if (mount("overlay", "top", "overlay", 0, "lowerdir=base/lower,upperdir=base/upper,workdir=base/work"))
		skip("no overlay file system");
	make("top/new");
	DO(rename("top/new", "top/newer"));
	renamed("top/new", "top/newer", "");
	DO(rename("top/old", "top/copied up"));
	renamed("top/old", "top/copied up", "");
	DO(link("top/newer", "top/hard"));
	linked("top/hard", at("top/newer"), "hardLink");
	DO(symlink("x", "top/soft"));
	linked("top/soft", "x", "symlink");
	DO(unlink("top/gone"));
	deleted("top/gone", "");
	DO(unlink("top/newer"));
	deleted("top/newer", "");
	make("top/gone"); /* where a whiteout is */
}

static void changed_root(void)
{
	DO(mkdir("root", 0755));
	if (chroot("root"))
		skip("no chroot");
	DO(chdir("/"));
	strcpy(home, "/");
	make("file");
	DO(rename("/file", "/../moved"));
	renamed("file", "moved", "");
	DO(unlink("moved"));
	deleted("moved", "");
}

/* ---- other ways into the kernel ---- */

#if defined(__x86_64__)
static long call32(long number, const void *a, const void *b, const void *c)
{
	long result;

	asm volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static void calls_of_32_bits(void)
{
	char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (low == MAP_FAILED)
		skip("no memory below 2 GiB");
	strcpy(low, "file");
	strcpy(low + 64, "moved");
	if (call32(5, low, (void *)(O_CREAT | O_WRONLY), (void *)0600) < 0)
		skip("no system calls of 32 bits");
	created("file", "");
	call32(38, low, low + 64, 0);
	renamed("file", "moved", "");
	call32(9, low + 64, low, 0);
	linked("file", at("moved"), "hardLink");
	call32(10, low + 64, 0, 0);
	deleted("moved", "");
}
#endif

struct ring {
	int fd;
	struct io_uring_params params;
	char *queue;
	struct io_uring_sqe *entries;
};

static int submit(struct ring *ring, const struct io_uring_sqe *entry)
{
	unsigned *tail = (void *)(ring->queue + ring->params.sq_off.tail), *array = (void *)(ring->queue + ring->params.sq_off.array);
	unsigned *head = (void *)(ring->queue + ring->params.cq_off.head);
	struct io_uring_cqe *answers = (void *)(ring->queue + ring->params.cq_off.cqes);
	unsigned at = *tail & (ring->params.sq_entries - 1);
	int result;

	ring->entries[at] = *entry;
	array[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	DO(syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, 0, 0));
	result = answers[*head & (ring->params.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

static void io_uring(void)
{
	struct ring ring = {};
	struct io_uring_sqe make_one = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .open_flags = O_CREAT | O_WRONLY, .len = 0600};
	struct io_uring_sqe move = {.opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, .len = (unsigned)AT_FDCWD};
	struct io_uring_sqe drop = {.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD};

	by = "hooks";
	ring.fd = syscall(SYS_io_uring_setup, 8, &ring.params);
	if (ring.fd < 0)
		skip("no io_uring");
	ring.queue = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
	ring.entries = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQES);
	if (ring.queue == MAP_FAILED) {
		ring.queue = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
		ring.entries = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQES);
	}
	if (ring.queue == MAP_FAILED || !(ring.params.features & IORING_FEAT_SINGLE_MMAP))
		skip("io_uring of another form");
	make_one.addr = (unsigned long)"file";
	if (submit(&ring, &make_one) < 0)
		skip("io_uring does not open");
	created("file", "");
	move.addr = (unsigned long)"file";
	move.addr2 = (unsigned long)"moved";
	if (submit(&ring, &move) < 0)
		return; /* 5.10 */
	renamed("file", "moved", "");
	drop.addr = (unsigned long)"moved";
	if (submit(&ring, &drop) >= 0)
		deleted("moved", "");
}

static const struct { const char *name; void (*run)(void); } cases[] = {
	{"open", open_calls}, {"failures", failures}, {"nodes", nodes}, {"socket", socket_file}, {"links", links},
	{"through-symlink", through_symlink}, {"nameless", nameless}, {"renames", renames}, {"exchange", exchange},
	{"folders", folders}, {"deletions", deletions}, {"writes", writes}, {"replaced-descriptor", replaced_descriptor},
	{"left-open", left_open}, {"left-open-high", left_open_high}, {"killed", killed}, {"last-thread", last_thread},
	{"inherited", inherited}, {"not-closed", not_closed}, {"closed-as-range", closed_as_range}, {"set-back", set_back},
	{"cut-by-itself", cut_by_itself}, {"by-handle", by_handle}, {"unnamed-by-then", unnamed_by_then}, {"bound", bound},
	{"beside-another", beside_another},
	{"overlay", overlay}, {"changed-root", changed_root}, {"io_uring", io_uring},
#if defined(__x86_64__)
	{"32-bits", calls_of_32_bits},
#endif
};

static void run_case(const char *folder, int i)
{
	name = cases[i].name;
	snprintf(home, sizeof(home), "%s/%s", folder, name);
	if (mkdir(home, 0755) || chdir(home))
		fail(home);
	cases[i].run();
	line("none", "", "", "", "");
	syscall(SYS_exit_group, 0);
}

int main(int argc, char **argv)
{
	int status, failed = 0;

	if (argc != 3)
		return 2;
	truth = open(argv[2], O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
	mkdir(argv[1], 0755);
	if (truth < 0)
		return 1;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t child = fork();

		if (child == 0)
			run_case(argv[1], i);
		waitpid(child, &status, 0);
		failed |= status;
	}
	return failed != 0;
}
