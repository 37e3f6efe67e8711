/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fills struct fb_task, fb_inode and the group list from the kernel's task and inode. Works on typed (BTF) pointers: a load
 * through such a pointer costs one instruction and reads 0 where there is nothing. Tested for 0 all the same: some kernels
 * know a pointer for one that may be.
 */
#ifndef FOREBEAR_TASK_BPF_H
#define FOREBEAR_TASK_BPF_H

#include "kernel_types.h"
#include "emit.bpf.h"

#define S_ISUID 04000
#define S_ISGID 02000
#define S_IXGRP 00010

/* start_boottime of the thread group leader that pid names, 0 when it has left. */
static __always_inline __u64 leader_start(struct pid *pid)
{
	struct hlist_node *link = BPF_CORE_READ(pid, tasks[PIDTYPE_TGID].first);
	struct task_struct *leader;

	if (!link)
		return 0;
	leader = (void *)link - bpf_core_field_offset(struct task_struct, pid_links) -
		 PIDTYPE_TGID * sizeof(struct hlist_node);
	return BPF_CORE_READ(leader, start_boottime);
}

static __always_inline __u32 global_id(struct pid *pid)
{
	return BPF_CORE_READ(pid, numbers[0].nr);
}

/* The namespace in which the task itself lives: nsproxy names that of its future children. */
static __always_inline __u32 pid_namespace_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid *deepest = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			       level * bpf_core_type_size(struct upid);

	return BPF_CORE_READ(deepest, ns, ns.inum);
}

static __always_inline void fill_family(struct fb_task *t, struct task_struct *leader)
{
	struct signal_struct *signal = leader->signal;
	struct task_struct *parent = leader->real_parent, *parent_leader;
	struct pid *group, *session;

	t->tgid = leader->tgid;
	t->start_ns = leader->start_boottime;
	if (parent) {
		t->ppid = parent->tgid;
		parent_leader = parent->group_leader;
		if (parent_leader)
			t->parent_start_ns = parent_leader->start_boottime;
	}
	group = BPF_CORE_READ(signal, pids[PIDTYPE_PGID]);
	session = BPF_CORE_READ(signal, pids[PIDTYPE_SID]);
	t->pgid = global_id(group);
	t->sid = global_id(session);
	t->pgroup_start_ns = leader_start(group);
	t->session_start_ns = leader_start(session);
}

static __always_inline void fill_tty(struct fb_task *t, struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);

	if (!tty)
		return;
	t->tty_major = BPF_CORE_READ(tty, driver, major);
	t->tty_minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
}

static __always_inline void fill_credentials(struct fb_task *t, struct task_struct *task)
{
	const struct cred *cred = task->real_cred;
	struct user_namespace *user_ns;

	if (!cred)
		return;
	t->uid = cred->uid.val;
	t->euid = cred->euid.val;
	t->suid = cred->suid.val;
	t->gid = cred->gid.val;
	t->egid = cred->egid.val;
	t->sgid = cred->sgid.val;
	bpf_core_read(&t->cap_permitted, 8, &cred->cap_permitted);
	bpf_core_read(&t->cap_effective, 8, &cred->cap_effective);
	t->ngroups = BPF_CORE_READ(cred, group_info, ngroups);
	user_ns = cred->user_ns;
	if (user_ns)
		t->user_ns = user_ns->ns.inum;
}

static __always_inline void fill_namespaces(struct fb_task *t, struct task_struct *task)
{
	struct nsproxy *nsproxy = task->nsproxy;

	t->pid_ns = pid_namespace_of(task);
	if (!nsproxy)
		return;
	t->mnt_ns = BPF_CORE_READ(nsproxy, mnt_ns, ns.inum);
	t->net_ns = BPF_CORE_READ(nsproxy, net_ns, ns.inum);
}

/* Everything but what only an exec knows. task: any thread of the process, whose credentials and comm count. */
static __always_inline void fill_task(struct fb_task *t, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	__builtin_memset(t, 0, sizeof(*t));
	if (leader)
		fill_family(t, leader);
	fill_tty(t, task);
	fill_credentials(t, task);
	fill_namespaces(t, task);
	t->flags = task->flags & PF_KTHREAD ? FB_TASK_KTHREAD : 0;
	bpf_core_read(t->comm, sizeof(t->comm), &task->comm);
}

static __always_inline void frame(struct fb_field *field, __u16 id, __u32 length)
{
	field->id = id;
	field->flags = 0;
	field->length = length;
}

/* Supplementary groups. */
__noinline __u32 put_groups(__u32 index, __u32 offset, __u64 cred_address)
{
	struct scratch *s = scratch_at(index);
	const struct cred *cred = (void *)cred_address;
	struct group_info *groups = BPF_CORE_READ(cred, group_info);
	__u32 number = BPF_CORE_READ(groups, ngroups), flags = 0;

	if (!s || room_at(offset) < FB_GROUPS_MAX * 4)
		return offset;
	if (number > FB_GROUPS_MAX) {
		number = FB_GROUPS_MAX;
		flags |= FB_TRUNCATED;
	}
	barrier_var(number);
	if (bpf_probe_read_kernel(record_at(s, offset + FIELD), (number * 4) & (8 * FB_GROUPS_MAX - 1),
				  (void *)groups + bpf_core_field_offset(struct group_info, gid))) {
		number = 0;
		flags |= FB_FAULT;
	}
	return put_frame(s, offset, FB_F_GROUPS, flags, number * 4);
}

#define NS_PER_S 1000000000ull
#define NSEC_MASK 0x7fffffff /* from 6.13 the top bit of i_ctime_nsec says that somebody asked for it */
#define NANOSECONDS(inode, flavour, member) ({ \
	struct flavour *f_ = (void *)(inode); \
	BPF_CORE_READ(f_, member.tv_sec) * NS_PER_S + BPF_CORE_READ(f_, member.tv_nsec); })

static __always_inline __u64 mtime_of(struct inode *inode)
{
	if (bpf_core_field_exists(struct inode, i_mtime_sec))
		return BPF_CORE_READ(inode, i_mtime_sec) * NS_PER_S + BPF_CORE_READ(inode, i_mtime_nsec);
	if (bpf_core_field_exists(struct inode___dunder_mtime, __i_mtime))
		return NANOSECONDS(inode, inode___dunder_mtime, __i_mtime);
	return NANOSECONDS(inode, inode___mtime, i_mtime);
}

static __always_inline __u64 ctime_of(struct inode *inode)
{
	if (bpf_core_field_exists(struct inode, i_ctime_sec))
		return BPF_CORE_READ(inode, i_ctime_sec) * NS_PER_S + (BPF_CORE_READ(inode, i_ctime_nsec) & NSEC_MASK);
	if (bpf_core_field_exists(struct inode___dunder_ctime, __i_ctime))
		return NANOSECONDS(inode, inode___dunder_ctime, __i_ctime);
	return NANOSECONDS(inode, inode___ctime, i_ctime);
}

/* Facts about the file behind a struct path. dev is that of the superblock (btrfs shows another one in stat). */
__noinline __u32 put_inode(__u32 index, __u32 offset, __u64 path_address)
{
	struct scratch *s = scratch_at(index);
	struct path *path = (void *)path_address;
	struct inode *inode = BPF_CORE_READ(path, dentry, d_inode);
	struct fb_inode *out;
	__u32 dev;

	if (!s || !inode || room_at(offset) < sizeof(*out))
		return offset;
	out = record_at(s, offset + FIELD);
	dev = BPF_CORE_READ(inode, i_sb, s_dev);
	out->ino = BPF_CORE_READ(inode, i_ino);
	out->size = BPF_CORE_READ(inode, i_size);
	out->mtime_ns = mtime_of(inode);
	out->ctime_ns = ctime_of(inode);
	out->dev_major = dev >> 20;
	out->dev_minor = dev & 0xfffff;
	out->mode = BPF_CORE_READ(inode, i_mode);
	out->nlink = BPF_CORE_READ(inode, i_nlink);
	out->uid = BPF_CORE_READ(inode, i_uid.val);
	out->gid = BPF_CORE_READ(inode, i_gid.val);
	return put_frame(s, offset, FB_F_EXE_INODE, 0, sizeof(*out));
}

#endif
