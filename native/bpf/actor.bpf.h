/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * FB_F_TASK of the process that a program runs for. A global function, so that it is verified once for all programs that write
 * records of what a process does. Before 5.11 no helper gives the current task as a typed pointer: there each member is read by
 * address, which costs more.
 */
#ifndef FOREBEAR_ACTOR_BPF_H
#define FOREBEAR_ACTOR_BPF_H

#include "task.bpf.h"

static __always_inline __u64 start_of(struct pid *pid)
{
	struct hlist_node *link = BPF_CORE_READ(pid, tasks[PIDTYPE_TGID].first);
	struct task_struct *leader;

	if (!link)
		return 0;
	leader = (void *)link - bpf_core_field_offset(struct task_struct, pid_links) - PIDTYPE_TGID * sizeof(struct hlist_node);
	return BPF_CORE_READ(leader, start_boottime);
}

static __always_inline __u32 namespace_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *deepest = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			       (BPF_CORE_READ(pid, level) & 31) * bpf_core_type_size(struct upid);

	return BPF_CORE_READ(deepest, ns, ns.inum);
}

static __always_inline void read_family(struct fb_task *t, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct task_struct *parent = BPF_CORE_READ(leader, real_parent);
	struct pid *group = BPF_CORE_READ(signal, pids[PIDTYPE_PGID]), *session = BPF_CORE_READ(signal, pids[PIDTYPE_SID]);
	struct tty_struct *tty = BPF_CORE_READ(signal, tty);

	t->tgid = BPF_CORE_READ(leader, tgid);
	t->start_ns = BPF_CORE_READ(leader, start_boottime);
	t->ppid = BPF_CORE_READ(parent, tgid);
	t->parent_start_ns = BPF_CORE_READ(parent, group_leader, start_boottime);
	t->pgid = BPF_CORE_READ(group, numbers[0].nr);
	t->pgroup_start_ns = start_of(group);
	t->sid = BPF_CORE_READ(session, numbers[0].nr);
	t->session_start_ns = start_of(session);
	if (tty) {
		t->tty_major = BPF_CORE_READ(tty, driver, major);
		t->tty_minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
	}
}

static __always_inline void read_task(struct fb_task *t, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, real_cred);

	__builtin_memset(t, 0, sizeof(*t));
	read_family(t, task);
	t->uid = BPF_CORE_READ(cred, uid.val);
	t->euid = BPF_CORE_READ(cred, euid.val);
	t->suid = BPF_CORE_READ(cred, suid.val);
	t->gid = BPF_CORE_READ(cred, gid.val);
	t->egid = BPF_CORE_READ(cred, egid.val);
	t->sgid = BPF_CORE_READ(cred, sgid.val);
	bpf_core_read(&t->cap_permitted, sizeof(t->cap_permitted), &cred->cap_permitted);
	bpf_core_read(&t->cap_effective, sizeof(t->cap_effective), &cred->cap_effective);
	t->ngroups = BPF_CORE_READ(cred, group_info, ngroups);
	t->user_ns = BPF_CORE_READ(cred, user_ns, ns.inum);
	t->pid_ns = namespace_of(task);
	t->mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	t->net_ns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	t->flags = BPF_CORE_READ(task, flags) & PF_KTHREAD ? FB_TASK_KTHREAD : 0;
	bpf_core_read(&t->comm, sizeof(t->comm), &task->comm);
}

/* FB_F_TASK, at its place right after the head. What comes after it may be there already: put_frame would write into that. */
__noinline int put_actor(__u32 index)
{
	struct scratch *s = scratch_at(index);
	struct fb_task *t;

	if (!s)
		return 0;
	t = record_at(s, HEAD + FIELD);
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		fill_task(t, bpf_get_current_task_btf());
	else
		read_task(t, (void *)bpf_get_current_task());
	frame(record_at(s, HEAD), FB_F_TASK, sizeof(*t));
	return 0;
}

#endif
