/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The parts of an exec record and of an iterator record, put together from emit, paths and task. Called by the programs that
 * write records of variable length; s is their slot, index its index.
 */
#ifndef FOREBEAR_PARTS_BPF_H
#define FOREBEAR_PARTS_BPF_H

#include "emit.bpf.h"
#include "paths.bpf.h"
#include "task.bpf.h"

static __always_inline __u32 put_task(struct scratch *s, struct task_struct *task, const struct cred *cred)
{
	fill_task_with(record_at(s, HEAD + FIELD), task, cred);
	return put_frame(s, HEAD, FB_F_TASK, 0, sizeof(struct fb_task));
}

/* The name by which it was opened is gone, or the file has no link left. */
static __always_inline int is_deleted(struct dentry *dentry, struct inode *inode)
{
	return !inode->i_nlink || (!dentry->d_hash.pprev && dentry->d_parent != dentry);
}

/* FB_F_EXE_INODE and FB_F_EXE. */
static __always_inline __u32 put_exe(struct scratch *s, __u32 index, __u32 offset, struct vfsmount *mnt, struct dentry *dentry,
				     struct fs_struct *fs)
{
	struct inode *inode = dentry ? dentry->d_inode : 0;

	begin_path(&s->walk, mnt, dentry, fs);
	if (inode) {
		offset = put_inode(s, offset, inode);
		if (is_deleted(dentry, inode))
			s->walk.flags |= FB_DELETED;
	}
	return put_path(index, offset, FB_F_EXE);
}

/* Where FB_F_PARENT_EXE begins: nowhere where the parent is a kernel thread or has let go of its image. The parent is a thread,
 * which may be leaving while its process lives on: one in a hundred execs of a thread that starts a program and ends found it so. */
static __always_inline void begin_parent_exe(struct scratch *s, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct task_struct *parent = leader ? leader->real_parent : 0;
	struct mm_struct *mm = parent ? parent->mm : 0;
	struct file *file;

	if (parent && !mm) {
		parent = parent->group_leader;
		mm = parent ? parent->mm : 0;
	}
	file = mm ? mm->exe_file : 0;
	if (file)
		begin_path(&s->parent_exe, file->f_path.mnt, file->f_path.dentry, parent->fs);
	else
		s->parent_exe.node = 0;
}

static __always_inline __u32 put_parent_exe(struct scratch *s, __u32 index, __u32 offset)
{
	if (!s->parent_exe.node)
		return offset;
	s->walk = s->parent_exe;
	return put_path(index, offset, FB_F_PARENT_EXE);
}

static __always_inline __u32 put_cgroup_of(struct scratch *s, __u32 index, __u32 offset)
{
	s->walk = s->cgroup;
	return put_cgroup(index, offset);
}

static __always_inline __u32 finish(struct scratch *s, __u32 length)
{
	if (length > FB_RECORD_MAX)
		length = FB_RECORD_MAX;
	((struct fb_head *)s->record)->length = length;
	return length;
}

/* Puts the record into the ring; offset 0: it is not to be written. */
static __always_inline void write_record(struct scratch *s, __u32 kind, __u32 offset)
{
	__u64 flags;

	if (!offset) {
		count(FB_C_LOST + kind);
		return;
	}
	flags = wake_flags(s->hinted, s->unread);
	if (bpf_ringbuf_output(&fb_ring, s->record, finish(s, offset), flags)) {
		count(FB_C_LOST + kind);
		give_flag_back(flags);
	} else {
		wake_late_sleeper();
	}
}

/* Of a record of fixed size, which needs no slot. */
static __always_inline void fill_head(struct fb_head *head, __u8 kind, __u32 length)
{
	head->length = length;
	head->version = FB_WIRE_VERSION;
	head->kind = kind;
	head->cpu = bpf_get_smp_processor_id();
	head->boot_ns = bpf_ktime_get_boot_ns();
}

/* ---- exec ---- */

static __always_inline int is_memfd(struct dentry *dentry)
{
	const char prefix[] = "memfd:";
	char name[sizeof(prefix)] = {};

	if (dentry->d_parent != dentry)
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), dentry->d_name.name);
	return !__builtin_memcmp(name, prefix, sizeof(prefix) - 1);
}

static __always_inline int is_hinted(struct dentry *dentry)
{
	char name[FB_HINT_MAX] = {};

	if (dentry)
		bpf_probe_read_kernel_str(name, sizeof(name), dentry->d_name.name);
	return bpf_map_lookup_elem(&fb_hints, name) != 0;
}

static __always_inline void fill_exec(struct fb_task *t, struct linux_binprm *bprm, struct dentry *dentry, struct mm_struct *mm)
{
	struct inode *inode = dentry ? dentry->d_inode : 0;
	__u16 mode = inode ? inode->i_mode : 0;

	t->argc = bprm->argc;
	t->arg_bytes = mm->arg_end - mm->arg_start;
	if (mode & S_ISUID)
		t->flags |= FB_TASK_SETUID;
	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		t->flags |= FB_TASK_SETGID;
	if (dentry && is_memfd(dentry))
		t->flags |= FB_TASK_MEMFD;
	if (bprm->interp != bprm->filename)
		t->flags |= FB_TASK_SCRIPT;
}

static __always_inline __u32 put_names(struct scratch *s, __u32 index, __u32 offset, struct linux_binprm *bprm)
{
	s->source = (__u64)bprm->filename;
	offset = put_string(index, offset, FB_F_FILENAME);
	if (bprm->interp == bprm->filename)
		return offset;
	s->source = (__u64)bprm->interp;
	return put_string(index, offset, FB_F_INTERP);
}

#endif
