/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_bpf OBJECT [-s SOURCE [-f FOLDER]] [-t TASKS] [-r RECORDS -- COMMAND...]: loads the BPF object as the addon does, attaches its programs and
 * prints one JSON line per program: {"program","section","loaded","attached","reason","verified_insns","run_ns","runs",
 * "recursion_misses"}, those NAME_again on every kernel. -s trampolines or -s syscalls: those of session and credentials too. -f: of these only those of files that are created,
 * renamed and deleted, below that folder. -t writes the records of the task iterator to a file, -r those of the ring while COMMAND runs, and
 * prints {"counters":{"exec":[reserved,lost],...}} after them. Exit status: 0 all attached, 1 something not, 2 usage.
 * Used by test/kernel/verifier.test.ts and inside the kernels of the matrix, where there is no Node.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/types.h>
#include "wire.h"

#define PROGRAMS_MAX 48
#define LOG_BYTES (1 << 20)
#define RING_BYTES (16 << 20)
#define VERIFIER_STATS 4
#define CONNECTIONS 16384

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && getenv("VERBOSE"))
		return vfprintf(stderr, format, args);
	return 0;
}

static void set_rodata(struct bpf_object *object, const char *name, __u32 value)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_type *section = btf__type_by_id(btf, bpf_map__btf_value_type_id(map));
	const struct btf_var_secinfo *info = btf_var_secinfos(section);
	size_t size;
	char *data = (char *)bpf_map__initial_value(map, &size);

	for (int i = 0; i < btf_vlen(section); i++, info++)
		if (!strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, info->type)->name_off), name))
			memcpy(data + info->offset, &value, sizeof(value));
}

/* Programs of session and credentials that are wanted: none, those of the kernel's functions, those of its system calls. */
static enum { NONE, TRAMPOLINES, SYSCALLS } source;

/* Where files are watched, if these are all that is wanted. */
static const char *only_files;

static __u32 file_operations(void)
{
	__u32 most = 1 << FB_FILE_CREATED | 1 << FB_FILE_RENAMED | 1 << FB_FILE_DELETED;

	return only_files ? most : most | 1 << FB_FILE_MODIFIED;
}

static int before_5_11(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	return major < 5 || (major == 5 && minor < 11);
}

static int is_in_kernel(const char *name, __u32 kind)
{
	static struct btf *types;

	if (!types)
		types = btf__load_vmlinux_btf();
	return btf__find_by_name_kind(types, name, kind) >= 0;
}

static int has_function(const char *name)
{
	return is_in_kernel(name, BTF_KIND_FUNC);
}

/* Of files (native/sources.cc): where the kernel has the function, and not the newer of two. */
static int is_wanted_hook(const char *name, const char *function)
{
	if (only_files && (!strcmp(name, "fb_file_closed") || !strcmp(name, "fb_path_truncated")))
		return 0;
	return has_function(function) && (strcmp(name, "fb_file_opened") || !has_function("security_file_post_open"));
}

static int is_wanted(struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program), *name = bpf_program__name(program);

	if (!strncmp(name, "fb_file_", 8) || !strncmp(name, "fb_path_", 8))
		return source == TRAMPOLINES && is_wanted_hook(name, strchr(section, '/') + 1);
	if (!strcmp(name, "fb_exit_files"))
		return source == SYSCALLS && !only_files;
	if (only_files && (strstr(section, "fentry/") || strstr(section, "fexit/") || strstr(name, "fb_sock_") || !strcmp(name, "fb_module") ||
			   !strcmp(name, "fb_sys_enter")))
		return 0;
	if (!strcmp(name, "fb_module"))
		return source != NONE && is_in_kernel("btf_trace_module_load", BTF_KIND_TYPEDEF);
	if (!strncmp(name, "fb_sock_", 8))
		return source != NONE;
	if (!strcmp(name, "fb_accepted") || strstr(section, "_sys_memfd_create") || strstr(section, "_sys_ptrace") || strstr(section, "_sys_shmget") ||
	    strstr(section, "_sys_recv") || strstr(section, "_sys_read"))
		return source == TRAMPOLINES && has_function(strchr(section, '/') + 1);
	if (!strncmp(section, "fentry/", 7) || !strncmp(section, "fexit/", 6))
		return source == TRAMPOLINES && before_5_11() == (strstr(bpf_program__name(program), "_5_10") != NULL);
	return strncmp(section, "tp_btf/sys_", 11) || source == SYSCALLS;
}

static struct bpf_object *open_object(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	int cpus = libbpf_num_possible_cpus();

	if (!object)
		return NULL;
	set_rodata(object, "fb_twice", 1);
	if (source == SYSCALLS && only_files)
		set_rodata(object, "fb_by_syscall", 1 << FB_FILE);
	else if (source == SYSCALLS)
		set_rodata(object, "fb_by_syscall", 1 << FB_SESSION | 1 << FB_CREDENTIALS | 1 << FB_FILE | 1 << FB_ACCEPTS | 1 << FB_CALL | 1 << FB_LOOKUPS);
	if (source != NONE)
		set_rodata(object, "fb_file_ops", file_operations());
	if (source == TRAMPOLINES)
		set_rodata(object, "fb_asked_key", 0x9e3779b1);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "fb_scratch"), cpus * FB_SCRATCH_SLOTS);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "fb_ring"), RING_BYTES);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "fb_connections"), CONNECTIONS);
	bpf_object__for_each_program(program, object) {
		bpf_program__set_autoload(program, is_wanted(program));
		bpf_program__set_log_level(program, VERIFIER_STATS);
		bpf_program__set_log_buf(program, calloc(1, LOG_BYTES), LOG_BYTES);
	}
	return object;
}

static void watch(struct bpf_object *object, const char *folder)
{
	__u32 watched = FB_PLACE_WATCHED;
	struct fb_place place = {};

	strncpy(place.path, folder, sizeof(place.path) - 1);
	place.bits = 8 * strlen(place.path);
	bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "fb_places"), &place, &watched, BPF_ANY);
}

/* Prints text as the inside of a JSON string, its last 300 bytes. */
static void print_reason(const char *text)
{
	size_t length = strlen(text);

	for (text += length > 300 ? length - 300 : 0; *text; text++)
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text < ' ' ? ' ' : *text);
}

/* Kernels before 5.16 do not keep it; the verifier's statistics say "processed N insns". */
static unsigned verified_by_log(struct bpf_program *program)
{
	size_t size;
	const char *log = bpf_program__log_buf(program, &size), *at = log ? strstr(log, "processed ") : NULL;

	return at ? strtoul(at + strlen("processed "), NULL, 10) : 0;
}

static void print_program(struct bpf_program *program, int loaded, int attached, const char *reason)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (loaded)
		bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size);
	if (!info.verified_insns)
		info.verified_insns = verified_by_log(program);
	printf("{\"program\":\"%s\",\"section\":\"%s\",\"loaded\":%s,\"attached\":%s,\"verified_insns\":%u,\"run_ns\":%llu,"
	       "\"runs\":%llu,\"recursion_misses\":%llu,\"reason\":\"",
	       bpf_program__name(program), bpf_program__section_name(program), loaded ? "true" : "false",
	       attached ? "true" : "false", info.verified_insns, (unsigned long long)info.run_time_ns,
	       (unsigned long long)info.run_cnt, (unsigned long long)info.recursion_misses);
	print_reason(reason);
	printf("\"}\n");
}

/* Loads each program by itself, so that one that is refused does not hide the others. Returns how many were. */
static int report_refused(const char *path, struct bpf_object *whole)
{
	struct bpf_program *named, *program;
	int refused = 0;

	bpf_object__for_each_program(named, whole) {
		struct bpf_object *object = open_object(path);
		const char *log;
		size_t size;
		int error;

		if (!is_wanted(named)) {
			bpf_object__close(object);
			continue;
		}
		bpf_object__for_each_program(program, object)
			bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), bpf_program__name(named)));
		error = bpf_object__load(object);
		refused += error != 0;
		program = bpf_object__find_program_by_name(object, bpf_program__name(named));
		log = bpf_program__log_buf(program, &size);
		print_program(program, !error, 0, error ? *log ? log : strerror(-error) : "");
		bpf_object__close(object);
	}
	return refused;
}

static int save_tasks(int link, const char *path)
{
	int iterator = bpf_iter_create(link), out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char buffer[65536];
	ssize_t n;

	if (iterator < 0 || out < 0)
		return -1;
	while ((n = read(iterator, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, n) != n)
			return -1;
	close(iterator);
	close(out);
	return n < 0 ? -1 : 0;
}

static int save_record(void *file, void *data, size_t size)
{
	return fwrite(data, size, 1, file) == 1 ? 0 : -EIO;
}

static pid_t start(char **command)
{
	pid_t child = fork();

	if (child)
		return child;
	execvp(command[0], command);
	_exit(127);
}

/* Drains the ring every 2 ms until the command has ended, then once more. Returns the command's wait status. */
static int record(struct bpf_object *object, const char *path, char **command)
{
	FILE *out = fopen(path, "we");
	struct ring_buffer *ring =
		ring_buffer__new(bpf_object__find_map_fd_by_name(object, "fb_ring"), save_record, out, NULL);
	pid_t child;
	int status = -1;

	if (!out || !ring)
		return -1;
	child = start(command);
	while (waitpid(child, &status, WNOHANG) == 0) {
		ring_buffer__consume(ring);
		poll(NULL, 0, 2);
	}
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return fclose(out) ? -1 : status;
}

static void print_counters(struct bpf_object *object)
{
	static const char *const kinds[FB_KINDS] = {0, "exec", "fork", "exit", "task", "session", "credentials", "file", "network", "call"};
	int map = bpf_object__find_map_fd_by_name(object, "fb_counters"), cpus = libbpf_num_possible_cpus();
	__u64 values[cpus];

	printf("{\"counters\":{");
	for (__u32 kind = 1; kind < FB_KINDS; kind++) {
		__u64 sums[2] = {0, 0};

		for (int which = 0; which < 2; which++) {
			__u32 key = (which ? FB_C_LOST : FB_C_RESERVED) + kind;

			bpf_map_lookup_elem(map, &key, values);
			for (int cpu = 0; cpu < cpus; cpu++)
				sums[which] += values[cpu];
		}
		printf("%s\"%s\":[%llu,%llu]", kind > 1 ? "," : "", kinds[kind], (unsigned long long)sums[0],
		       (unsigned long long)sums[1]);
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	const char *tasks = NULL, *records = NULL, *reasons[PROGRAMS_MAX];
	struct bpf_link *links[PROGRAMS_MAX];
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct bpf_object *object;
	struct bpf_program *program;
	int option, n = 0, failed = 0;

	libbpf_set_print(silent);
	if (argc < 2)
		return 2;
	for (optind = 2; (option = getopt(argc, argv, "+s:f:t:r:")) != -1;)
		if (option == 's' && !strcmp(optarg, "trampolines"))
			source = TRAMPOLINES;
		else if (option == 's' && !strcmp(optarg, "syscalls"))
			source = SYSCALLS;
		else if (option == 'f')
			only_files = optarg;
		else if (option == 't')
			tasks = optarg;
		else if (option == 'r')
			records = optarg;
		else
			return 2;
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	object = open_object(argv[1]);
	if (!object) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	if (bpf_object__load(object)) {
		struct bpf_object *names = open_object(argv[1]);

		return report_refused(argv[1], names) ? 1 : 1;
	}
	watch(object, only_files ? only_files : "/");
	bpf_object__for_each_program(program, object) {
		if (!is_wanted(program))
			continue;
		links[n] = bpf_program__attach(program);
		reasons[n] = links[n] ? "" : strerror(errno);
		failed += !links[n];
		if (links[n] && tasks && !strncmp(bpf_program__section_name(program), "iter/task", 9) &&
		    save_tasks(bpf_link__fd(links[n]), tasks))
			reasons[n] = strerror(errno), failed++;
		n++;
	}
	if (records && optind < argc && record(object, records, argv + optind) != 0)
		failed++;
	n = 0;
	bpf_object__for_each_program(program, object) {
		if (!is_wanted(program))
			continue;
		print_program(program, 1, links[n] != NULL, reasons[n]);
		n++;
	}
	print_counters(object);
	return failed ? 1 : 0;
}
