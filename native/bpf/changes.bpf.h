/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * setsid, and changes of user and group ids. Each has two sources that write the same records, and native/probe.cc loads the one
 * that the kernel allows, only where somebody wants the records:
 *
 *   trampolines  fexit/ksys_setsid, fentry/commit_creds: what the kernel itself does, by whatever way
 *   syscalls     tp_btf/sys_exit, for ids tp_btf/sys_enter too: costs every call on the host 70 ns each (6.18, 120 ns without)
 *
 * commit_creds is where all credentials change, those of an exec too. These are left out here: FB_EXEC has the new ids, and user
 * space knows the old ones (src/enrich/change-events.ts). What then remains to the trampoline alone are changes that no such call asked
 * for: those of a kernel module or of an exploit.
 */
#ifndef FOREBEAR_CHANGES_BPF_H
#define FOREBEAR_CHANGES_BPF_H

#include "parts.bpf.h"

/* ---- session ---- */

struct session_record {
	struct fb_head head;
	struct fb_field task_field;
	struct fb_task task;
};

static __always_inline void on_session(struct task_struct *task)
{
	__u64 unread = unread_bytes();
	struct session_record *record;

	count(FB_C_RESERVED + FB_SESSION);
	record = is_crowded(unread) ? 0 : bpf_ringbuf_reserve(&fb_ring, sizeof(*record), 0);
	if (!record) {
		count(FB_C_LOST + FB_SESSION);
		return;
	}
	fill_head(&record->head, FB_SESSION, sizeof(*record));
	frame(&record->task_field, FB_F_TASK, sizeof(record->task));
	fill_task(&record->task, task);
	bpf_ringbuf_submit(record, wake_flags(0, unread));
	wake_late_sleeper();
}

SEC("?fexit/ksys_setsid")
int BPF_PROG(fb_session, int session)
{
	if (session > 0)
		on_session(bpf_get_current_task_btf());
	return 0;
}

/* Before 5.11 no helper gives the current task as a typed pointer: it comes from a function that is called with it. */
SEC("?fentry/proc_sid_connector")
int BPF_PROG(fb_session_5_10, struct task_struct *task)
{
	on_session(task);
	return 0;
}

/* ---- credentials ---- */

/* cred: any pointer, typed or not. */
static __always_inline void remember_ids(struct fb_credentials *c, const struct cred *cred)
{
	c->uid = BPF_CORE_READ(cred, uid.val);
	c->euid = BPF_CORE_READ(cred, euid.val);
	c->suid = BPF_CORE_READ(cred, suid.val);
	c->fsuid = BPF_CORE_READ(cred, fsuid.val);
	c->gid = BPF_CORE_READ(cred, gid.val);
	c->egid = BPF_CORE_READ(cred, egid.val);
	c->sgid = BPF_CORE_READ(cred, sgid.val);
	c->fsgid = BPF_CORE_READ(cred, fsgid.val);
}

static __always_inline int differs(const struct fb_credentials *before, const struct cred *now)
{
	return before->uid != now->uid.val || before->euid != now->euid.val ||
	       before->suid != now->suid.val || before->fsuid != now->fsuid.val ||
	       before->gid != now->gid.val || before->egid != now->egid.val ||
	       before->sgid != now->sgid.val || before->fsgid != now->fsgid.val;
}

static __always_inline __u32 build_credentials(struct scratch *s, struct task_struct *task, const struct fb_credentials *before,
					       const struct cred *now)
{
	__u32 offset;
	struct fb_credentials *c;

	put_head(s, FB_CREDENTIALS, bpf_ktime_get_boot_ns());
	offset = put_task(s, task, now);
	c = record_at(s, offset + FIELD);
	*c = *before;
	c->new_fsuid = now->fsuid.val;
	c->new_fsgid = now->fsgid.val;
	c->tid = task->pid;
	c->pad = 0;
	offset = put_frame(s, offset, FB_F_CREDENTIALS, 0, sizeof(*c));
	return put_groups(s, offset, now);
}

/* The last quarter of the ring is theirs too: a flood of others hides none of them, and few can make a flood of them. */
static __always_inline void on_credentials(struct task_struct *task, const struct fb_credentials *before, const struct cred *now)
{
	struct scratch *s = scratch_claim(scratch_index(SCRATCH_CHANGE));

	count(FB_C_RESERVED + FB_CREDENTIALS);
	if (!s) {
		count(FB_C_LOST + FB_CREDENTIALS);
		count(FB_C_NO_SCRATCH + FB_CREDENTIALS);
		return;
	}
	s->hinted = 0;
	s->unread = unread_bytes();
	write_record(s, FB_CREDENTIALS, build_credentials(s, task, before, now));
	scratch_release(s);
}

SEC("?fentry/commit_creds")
int BPF_PROG(fb_credentials, struct cred *now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fb_credentials before = {};

	if (BPF_CORE_READ_BITFIELD(task, in_execve))
		return 0;
	remember_ids(&before, task->real_cred);
	if (differs(&before, now))
		on_credentials(task, &before, now);
	return 0;
}

/* Ids of threads that may be about to change them. What one leaves behind that did not get so far goes when there is no more
 * room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct fb_credentials);
} fb_before SEC(".maps");

static __always_inline void before_credentials(struct task_struct *task)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fb_credentials before = {};

	remember_ids(&before, BPF_CORE_READ(task, real_cred));
	bpf_map_update_elem(&fb_before, &thread, &before, BPF_ANY);
}

/* False: what the ids were before is not known. */
static __always_inline int after_credentials(struct task_struct *task)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct fb_credentials *before = bpf_map_lookup_elem(&fb_before, &thread);

	if (!before)
		return 0;
	if (differs(before, task->real_cred))
		on_credentials(task, before, task->real_cred);
	bpf_map_delete_elem(&fb_before, &thread);
	return 1;
}

SEC("?fentry/commit_creds")
int BPF_PROG(fb_commit_5_10)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
		before_credentials(task);
	return 0;
}

/* Called by commit_creds at its end, once for changed user ids and once for changed group ids. */
SEC("?fentry/proc_id_connector")
int BPF_PROG(fb_credentials_5_10, struct task_struct *task)
{
	after_credentials(task);
	return 0;
}

#endif
