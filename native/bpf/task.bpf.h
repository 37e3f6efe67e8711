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

/* start_boottime of the thread group leader that pid names, 0 when it has left. Asked for the same few processes over and
 * over, so those that are at hand are tried first. */
static __always_inline __u64 leader_start(struct pid *pid, struct task_struct *leader, struct pid *own)
{
	struct hlist_node *link = pid->tasks[PIDTYPE_TGID].first;
	struct task_struct *other;

	if (pid == own)
		return leader->start_boottime;
	if (!link)
		return 0;
	other = (void *)link - bpf_core_field_offset(struct task_struct, pid_links) -
		PIDTYPE_TGID * sizeof(struct hlist_node);
	return BPF_CORE_READ(other, start_boottime);
}

/* The namespace in which the task itself lives: nsproxy names that of its future children. */
static __always_inline __u32 pid_namespace_of(struct task_struct *task, struct pid *pid)
{
	struct pid_namespace *ns;
	struct upid *deepest;

	if (!pid)
		return 0;
	if (!pid->level) {
		ns = pid->numbers[0].ns;
	} else {
		deepest = (void *)BPF_CORE_READ(task, thread_pid) + bpf_core_field_offset(struct pid, numbers) +
			  pid->level * bpf_core_type_size(struct upid);
		return BPF_CORE_READ(deepest, ns, ns.inum);
	}
	return ns ? ns->ns.inum : 0;
}

static __always_inline void fill_family(struct fb_task *t, struct task_struct *leader, struct signal_struct *signal)
{
	struct pid *own = leader->thread_pid;
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
	if (!signal)
		return;
	group = signal->pids[PIDTYPE_PGID];
	session = signal->pids[PIDTYPE_SID];
	if (group) {
		t->pgid = group->numbers[0].nr;
		t->pgroup_start_ns = leader_start(group, leader, own);
	}
	if (session) {
		t->sid = session->numbers[0].nr;
		t->session_start_ns = session == group ? t->pgroup_start_ns : leader_start(session, leader, own);
	}
}

static __always_inline void fill_tty(struct fb_task *t, struct signal_struct *signal)
{
	struct tty_struct *tty = signal ? signal->tty : 0;
	struct tty_driver *driver = tty ? tty->driver : 0;

	if (!driver)
		return;
	t->tty_major = driver->major;
	t->tty_minor = driver->minor_start + tty->index;
}

static __always_inline void fill_credentials(struct fb_task *t, const struct cred *cred)
{
	struct user_namespace *user_ns;
	struct group_info *groups;

	if (!cred)
		return;
	t->uid = cred->uid.val;
	t->euid = cred->euid.val;
	t->suid = cred->suid.val;
	t->gid = cred->gid.val;
	t->egid = cred->egid.val;
	t->sgid = cred->sgid.val;
	t->cap_permitted = *(__u64 *)&cred->cap_permitted;
	t->cap_effective = *(__u64 *)&cred->cap_effective;
	groups = cred->group_info;
	if (groups)
		t->ngroups = groups->ngroups;
	user_ns = cred->user_ns;
	if (user_ns)
		t->user_ns = user_ns->ns.inum;
}

static __always_inline void fill_namespaces(struct fb_task *t, struct nsproxy *nsproxy)
{
	struct mnt_namespace *mnt;
	struct net *net;

	if (!nsproxy)
		return;
	mnt = nsproxy->mnt_ns;
	if (mnt)
		t->mnt_ns = mnt->ns.inum;
	net = nsproxy->net_ns;
	if (net)
		t->net_ns = net->ns.inum;
}

/* Everything but what only an exec knows. task: any thread of the process, whose comm counts; cred: what are or will be its
 * credentials. */
static __always_inline void fill_task_with(struct fb_task *t, struct task_struct *task, const struct cred *cred)
{
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = LOADED_HERE(task->signal); /* of all threads */
	struct nsproxy *nsproxy = LOADED_HERE(task->nsproxy);
	struct pid *pid = LOADED_HERE(task->thread_pid);

	__builtin_memset(t, 0, sizeof(*t));
	if (leader)
		fill_family(t, leader, signal);
	fill_tty(t, signal);
	fill_credentials(t, cred);
	t->pid_ns = pid_namespace_of(task, pid);
	fill_namespaces(t, nsproxy);
	t->flags = task->flags & PF_KTHREAD ? FB_TASK_KTHREAD : 0;
	*(__u64 *)t->comm = *(__u64 *)&task->comm;
	*(__u64 *)(t->comm + 8) = *((__u64 *)&task->comm + 1);
}

static __always_inline void fill_task(struct fb_task *t, struct task_struct *task)
{
	fill_task_with(t, task, task->real_cred);
}

static __always_inline void frame(struct fb_field *field, __u16 id, __u32 length)
{
	field->id = id;
	field->flags = 0;
	field->length = length;
}

/* Supplementary groups. */
static __always_inline __u32 put_groups(struct scratch *s, __u32 offset, const struct cred *cred)
{
	struct group_info *groups = cred ? cred->group_info : 0;
	__u32 number = groups ? groups->ngroups : 0, flags = 0;

	if (number > FB_GROUPS_MAX) {
		number = FB_GROUPS_MAX;
		flags |= FB_TRUNCATED;
	}
	barrier_var(number);
	if (number && bpf_core_read(record_at(s, offset + FIELD), (number * 4) & (8 * FB_GROUPS_MAX - 1), &groups->gid)) {
		number = 0;
		flags |= FB_FAULT;
	}
	return put_frame(s, offset, FB_F_GROUPS, flags, number * 4);
}

#define NS_PER_S 1000000000ull
#define NSEC_MASK 0x7fffffff /* from 6.13 the top bit of i_ctime_nsec says that somebody asked for it */
#define NANOSECONDS(inode, flavour, member) ({ \
	struct flavour *f_ = (void *)(inode); \
	f_->member.tv_sec * NS_PER_S + f_->member.tv_nsec; })

static __always_inline __u64 mtime_of(struct inode *inode)
{
	if (bpf_core_field_exists(struct inode, i_mtime_sec))
		return inode->i_mtime_sec * NS_PER_S + inode->i_mtime_nsec;
	if (bpf_core_field_exists(struct inode___dunder_mtime, __i_mtime))
		return NANOSECONDS(inode, inode___dunder_mtime, __i_mtime);
	return NANOSECONDS(inode, inode___mtime, i_mtime);
}

static __always_inline __u64 ctime_of(struct inode *inode)
{
	if (bpf_core_field_exists(struct inode, i_ctime_sec))
		return inode->i_ctime_sec * NS_PER_S + (inode->i_ctime_nsec & NSEC_MASK);
	if (bpf_core_field_exists(struct inode___dunder_ctime, __i_ctime))
		return NANOSECONDS(inode, inode___dunder_ctime, __i_ctime);
	return NANOSECONDS(inode, inode___ctime, i_ctime);
}

/* The same at an address. */
#define SECONDS_AT(inode, flavour, member) ({ \
	struct flavour *f_ = (void *)(inode); \
	BPF_CORE_READ(f_, member.tv_sec) * NS_PER_S + BPF_CORE_READ(f_, member.tv_nsec); })

#define MTIME_AT(inode) \
	(bpf_core_field_exists(struct inode, i_mtime_sec) ? \
		 BPF_CORE_READ(inode, i_mtime_sec) * NS_PER_S + BPF_CORE_READ(inode, i_mtime_nsec) : \
	 bpf_core_field_exists(struct inode___dunder_mtime, __i_mtime) ? \
		 SECONDS_AT(inode, inode___dunder_mtime, __i_mtime) : SECONDS_AT(inode, inode___mtime, i_mtime))
#define CTIME_AT(inode) \
	(bpf_core_field_exists(struct inode, i_ctime_sec) ? \
		 BPF_CORE_READ(inode, i_ctime_sec) * NS_PER_S + (BPF_CORE_READ(inode, i_ctime_nsec) & NSEC_MASK) : \
	 bpf_core_field_exists(struct inode___dunder_ctime, __i_ctime) ? \
		 SECONDS_AT(inode, inode___dunder_ctime, __i_ctime) : SECONDS_AT(inode, inode___ctime, i_ctime))

/* Facts about an executable. dev is that of the superblock (btrfs shows another one in stat). */
static __always_inline __u32 put_inode(struct scratch *s, __u32 offset, struct inode *inode)
{
	struct fb_inode *out = record_at(s, offset + FIELD);
	struct super_block *sb = inode->i_sb;
	__u32 dev = sb ? sb->s_dev : 0;

	out->ino = inode->i_ino;
	out->size = inode->i_size;
	out->mtime_ns = mtime_of(inode);
	out->ctime_ns = ctime_of(inode);
	out->dev_major = dev >> 20;
	out->dev_minor = dev & 0xfffff;
	out->mode = inode->i_mode;
	out->nlink = inode->i_nlink;
	out->uid = inode->i_uid.val;
	out->gid = inode->i_gid.val;
	return put_frame(s, offset, FB_F_EXE_INODE, 0, sizeof(*out));
}

#endif
