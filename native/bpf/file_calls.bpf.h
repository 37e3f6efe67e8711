/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What system calls do with files: where the kernel refuses trampolines. A file that was opened is found by its descriptor, so
 * what creates by open has the path that it came to be; of the calls that take names alone (rename, unlink, link ...) nothing
 * but the text is left when they return. It is carried as it is, behind the folder that it goes by (FB_AS_GIVEN), and user space
 * takes the dots out. Not seen: io_uring, and what src/sensor/sources.ts names.
 */
#ifndef FOREBEAR_FILE_CALLS_BPF_H
#define FOREBEAR_FILE_CALLS_BPF_H

#include "files.bpf.h"
#include "syscalls.bpf.h"

#define AT_REMOVEDIR 0x200
#define RENAME_EXCHANGE 2
#define CLOSED_AT_ONCE (64 * CLOSED_IN_TURN) /* descriptors that are looked at when several are closed at once */
#define CLOSED_IN_TURN 64

static __always_inline void name_given(struct file_name *name, __s32 folder, __u64 text)
{
	name->folder = folder;
	name->text = text;
	name->given = 1;
}

static __always_inline void on_text(__u32 op, __u32 flags, __s32 folder, __u64 text)
{
	__u32 index;
	struct scratch *s;

	if (!is_wanted_op(op))
		return;
	s = begin_file(op, &index);
	if (!s)
		return;
	s->facts.file.flags = flags;
	name_given(&s->facts.path, folder, text);
	end_file(s, index);
}

/* A second name: of renames the old one, of hard links the one that was linked. */
static __always_inline void on_two_texts(__u32 op, __u32 flags, __s32 old_folder, __u64 old_text, __s32 folder, __u64 text)
{
	__u32 index;
	struct scratch *s;

	if (!is_wanted_op(op))
		return;
	s = begin_file(op, &index);
	if (!s)
		return;
	s->facts.file.flags = flags;
	name_given(&s->facts.path, folder, text);
	name_given(&s->facts.other, old_folder, old_text);
	end_file(s, index);
}

static __always_inline void on_symlink(__u64 target, __s32 folder, __u64 text)
{
	__u32 index;
	struct scratch *s;

	if (!is_wanted_op(FB_FILE_CREATED))
		return;
	s = begin_file(FB_FILE_CREATED, &index);
	if (!s)
		return;
	s->facts.file.flags = FB_FILE_SYMLINK;
	s->facts.link_text = target;
	s->facts.link_text_is_user = 1;
	name_given(&s->facts.path, folder, text);
	end_file(s, index);
}

/* The descriptor of "/proc/self/fd/N", by which a file without a name is given one; -1: another text. */
static __always_inline __s32 descriptor_in(__u64 text)
{
	const char prefix[] = "/proc/self/fd/";
	char read[sizeof(prefix) + 8] = {};
	__s32 number = 0;

	bpf_probe_read_user_str(read, sizeof(read), (void *)text);
	if (__builtin_memcmp(read, prefix, sizeof(prefix) - 1))
		return -1;
	for (int i = sizeof(prefix) - 1; i < (int)sizeof(read) && read[i] >= '0' && read[i] <= '9'; i++)
		number = number * 10 + read[i] - '0';
	return number;
}

static __always_inline void on_link(__s32 old_folder, __u64 old_text, __s32 folder, __u64 text)
{
	char first = 0;
	__s32 descriptor;
	struct file *file;

	bpf_probe_read_user(&first, 1, (void *)old_text);
	descriptor = first ? descriptor_in(old_text) : old_folder;
	file = descriptor >= 0 ? file_of(descriptor) : 0;
	if (file && BPF_CORE_READ(file, f_flags) & O_TMPFILE_BIT)
		on_text(FB_FILE_CREATED, FB_FILE_TMPFILE, folder, text);
	else
		on_two_texts(FB_FILE_CREATED, FB_FILE_HARD_LINK, old_folder, old_text, folder, text);
}

static __always_inline void on_rename(const struct call_args *args, __u32 how)
{
	__u32 exchange = how & RENAME_EXCHANGE ? FB_FILE_EXCHANGE : 0;

	on_two_texts(FB_FILE_RENAMED, exchange, args->at[0], args->at[1], args->at[2], args->at[3]);
	if (exchange)
		on_two_texts(FB_FILE_RENAMED, exchange, args->at[2], args->at[3], args->at[0], args->at[1]);
}

static __always_inline void on_open_call(__u32 descriptor, __u32 flags)
{
	struct file *file;

	if (!(flags & O_CREAT) && !(flags & O_ACCMODE && fb_file_ops >> FB_FILE_MODIFIED & 1))
		return;
	file = file_of(descriptor);
	if (file)
		on_opened(file, flags);
}

static __always_inline __u32 special(__u32 mode)
{
	return mode & S_IFMT && (mode & S_IFMT) != S_IFREG ? FB_FILE_SPECIAL : 0;
}

/* A global function: what each call does is verified by itself. The arguments are those of the registers. */
__noinline int file_call_done(__u32 call, __u64 a, __u64 b, __u64 c, __u64 d)
{
	struct call_args two = {.at = {AT_FDCWD, a, AT_FDCWD, b}}, four = {.at = {a, b, c, d}};

	switch (call) {
	case FILE_MKNOD:
		on_text(FB_FILE_CREATED, special(b), AT_FDCWD, a);
		break;
	case FILE_MKNODAT:
		on_text(FB_FILE_CREATED, special(c), a, b);
		break;
	case FILE_LINK:
		on_link(AT_FDCWD, a, AT_FDCWD, b);
		break;
	case FILE_LINKAT:
		on_link(a, b, c, d);
		break;
	case FILE_SYMLINK:
		on_symlink(a, AT_FDCWD, b);
		break;
	case FILE_SYMLINKAT:
		on_symlink(a, b, c);
		break;
	case FILE_RENAME:
		on_rename(&two, 0);
		break;
	case FILE_UNLINK:
		on_text(FB_FILE_DELETED, 0, AT_FDCWD, a);
		break;
	case FILE_UNLINKAT:
		on_text(FB_FILE_DELETED, c & AT_REMOVEDIR ? FB_FILE_DIRECTORY : 0, a, b);
		break;
	case FILE_RMDIR:
		on_text(FB_FILE_DELETED, FB_FILE_DIRECTORY, AT_FDCWD, a);
		break;
	case FILE_TRUNCATE:
		on_text(FB_FILE_MODIFIED, 0, AT_FDCWD, a);
		break;
	case FILE_RENAMEAT:
		on_rename(&four, 0);
		break;
	case FILE_RENAMEAT2 | RENAME_EXCHANGE << CALL_SHIFT:
		on_rename(&four, RENAME_EXCHANGE);
		break;
	}
	return 0;
}

static __always_inline void after_file_call(__u32 call, struct pt_regs *regs, int compat, long result)
{
	struct call_args args;
	__u64 how = 0;

	read_args(&args, regs, compat);
	switch (call) {
	case FILE_OPEN:
		on_open_call(result, args.at[1]);
		return;
	case FILE_OPENAT:
		on_open_call(result, args.at[2]);
		return;
	case FILE_OPENAT2:
		if (bpf_probe_read_user(&how, sizeof(how), (void *)args.at[2]))
			how = O_TRUNC; /* for all that is known: the file that it cut may have held it */
		on_open_call(result, how | O_CREAT); /* whatever stands there by now */
		return;
	case FILE_CREAT:
		on_open_call(result, O_CREAT | O_TRUNC | 1);
		return;
	case FILE_RENAMEAT2:
		call = args.at[4] & RENAME_EXCHANGE ? FILE_RENAMEAT2 | RENAME_EXCHANGE << CALL_SHIFT : FILE_RENAMEAT;
		break;
	}
	if (call < FILE_CLOSE || call > FILE_CLOSE_RANGE)
		file_call_done(call, args.at[0], args.at[1], args.at[2], args.at[3]);
}

/* ---- closing ---- */

#define HOLDERS(file) ({ \
	struct file___count *counted_ = (void *)(file); \
	bpf_core_field_exists(counted_->f_count) ? BPF_CORE_READ(counted_, f_count.counter) : \
						   BPF_CORE_READ(file, f_ref.refcnt.counter) + 1; })

/* stays: perhaps it is not closed. */
__noinline int close_one(__u32 descriptor, __u32 stays)
{
	struct file *file = file_of(descriptor);

	if (file && HOLDERS(file) == 1)
		on_closing(file, stays);
	return 0;
}

/* By turns: the verifier looks at each of both loops once. */
__noinline int close_in_turn(__u32 first, __u32 last, __u32 stays)
{
	for (__u32 i = 0; i < CLOSED_IN_TURN && first <= last; i++)
		close_one(first++, stays);
	return 0;
}

__noinline int close_several(__u32 first, __u32 last, __u32 stays)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 end = BPF_CORE_READ(task, files, fdt, max_fds);

	if (!end || first >= end)
		return 0;
	if (last >= end)
		last = end - 1;
	for (__u32 i = 0; i < CLOSED_AT_ONCE && first <= last; i += CLOSED_IN_TURN, first += CLOSED_IN_TURN)
		close_in_turn(first, last, stays);
	return 0;
}

static __always_inline void before_file_call(__u32 call, struct pt_regs *regs, int compat)
{
	struct call_args args;

	if (call < FILE_CLOSE || !is_wanted_op(FB_FILE_MODIFIED))
		return;
	read_args(&args, regs, compat);
	switch (call) {
	case FILE_CLOSE:
		close_one(args.at[0], 0);
		break;
	case FILE_DUP2:
		if ((__u32)args.at[0] != (__u32)args.at[1])
			close_one(args.at[1], 1); /* it may be refused */
		break;
	case FILE_CLOSE_RANGE:
		if (!(__u32)args.at[2]) /* else they are not closed, or by a table that was copied first */
			close_several(args.at[0], args.at[1], 0);
		break;
	}
}

/* A thread leaves, by itself or killed, and has its descriptors still. They are closed if nobody else has them; where the last two
 * threads leave at once, each still sees the other's share. */
SEC("?tp_btf/sched_process_exit")
int fb_exit_files(__u64 *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	int holders = BPF_CORE_READ(task, files, count.counter);

	if (is_wanted_op(FB_FILE_MODIFIED) && (holders == 1 || !BPF_CORE_READ(task, signal, live.counter)))
		close_several(0, ~0u, holders != 1);
	return 0;
}

#endif
