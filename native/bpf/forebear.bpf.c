// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The programs: exec, fork and exit of every process on the host, and one pass over those that were there before. In: kernel
 * tracepoints and the task iterator. Out: records of native/wire.h in fb_ring (fb_task: in the iterator's file).
 * Loaded and attached by native/probe.cc. One object for Linux 5.10 to 7.x; licence as above, so that the kernel lends
 * its GPL helpers.
 */
#include <linux/bpf.h>
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "shared.bpf.h"
#include "parts.bpf.h"
#include "changes.bpf.h"
#include "by_syscall.bpf.h"
#include "file_hooks.bpf.h"
#include "twice.bpf.h"
#include "inventory.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- exec ---- */

/* What an exec's record follows from its task and its file (shared.bpf.h, LOADED_HERE). */
struct exec {
	struct mm_struct *mm;
	struct fs_struct *fs;
	const struct cred *cred;
	struct vfsmount *mnt;
	struct dentry *dentry;
};

static __always_inline __u32 build_exec(struct scratch *s, __u32 index, struct task_struct *task, struct linux_binprm *bprm,
					const struct exec *x, __u64 now)
{
	__u32 offset;

	put_head(s, FB_EXEC, now);
	begin_cgroup(&s->cgroup, task->cgroups);
	begin_parent_exe(s, task);
	offset = put_task(s, task, x->cred);
	fill_exec(record_at(s, HEAD + FIELD), bprm, x->dentry, x->mm);
	offset = put_groups(s, offset, x->cred);
	offset = put_exe(s, index, offset, x->mnt, x->dentry, x->fs);
	offset = put_names(s, index, offset, bprm);
	begin_path(&s->walk, x->fs->pwd.mnt, x->fs->pwd.dentry, x->fs);
	offset = put_path(index, offset, FB_F_CWD);
	offset = put_parent_exe(s, index, offset);
	offset = put_cgroup_of(s, index, offset);
	offset = put_area(index, offset, FB_F_ARGS, x->mm->arg_start, x->mm->arg_end);
	return put_area(index, offset, FB_F_ENV, x->mm->env_start, x->mm->env_end);
}

static __always_inline void on_exec(__u32 slot, struct task_struct *task, struct linux_binprm *bprm)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 index = scratch_index(slot), offset = 0;
	struct file *file = bprm->file;
	const struct exec x = {
		.mm = LOADED_HERE(task->mm),
		.fs = LOADED_HERE(task->fs),
		.cred = LOADED_HERE(task->real_cred),
		.mnt = LOADED_HERE(file->f_path.mnt),
		.dentry = LOADED_HERE(file->f_path.dentry),
	};
	struct scratch *s;

	if (!x.mm || !x.fs)
		return; /* cannot be: the verifier wants to hear it */
	count(FB_C_RESERVED + FB_EXEC);
	s = scratch_claim(index);
	if (!s) {
		count(FB_C_LOST + FB_EXEC);
		count(FB_C_NO_SCRATCH + FB_EXEC);
		return;
	}
	s->hinted = is_hinted(x.dentry);
	s->unread = unread_bytes();
	if (s->hinted || !is_crowded(s->unread))
		offset = build_exec(s, index, task, bprm, &x, now);
	write_record(s, FB_EXEC, offset);
	scratch_release(s);
}

/* An exec is known by when its task began and how many execs it and its ancestors had: the pid with that number alone comes
 * again when pids wrap around, and the later exec would be dropped in silence. */
static __always_inline int take_exec(struct task_struct *task)
{
	return take(TAKEN_EXEC, task->pid, task->start_boottime << 10 | (task->self_exec_id & 1023));
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(fb_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	if (take_exec(task))
		on_exec(SCRATCH_EXEC, task, bprm);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(fb_exec_again, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	if (take_exec(task))
		on_exec(SCRATCH_EXEC_AGAIN, task, bprm);
	return 0;
}

/* ---- fork ---- */

struct fork_record {
	struct fb_head head;
	struct fb_field task_field;
	struct fb_task task;
	struct fb_field creator_field;
	struct fb_creator creator;
};

static __always_inline void on_fork(struct task_struct *creator, struct task_struct *child)
{
	struct task_struct *leader = creator->group_leader;
	__u64 unread = unread_bytes();
	struct fork_record *record;

	if (child->pid != child->tgid || !take(TAKEN_FORK, child->pid, child->start_boottime))
		return; /* a thread, or taken */
	count(FB_C_RESERVED + FB_FORK);
	record = is_crowded(unread) ? 0 : bpf_ringbuf_reserve(&fb_ring, sizeof(*record), 0);
	if (!record) {
		count(FB_C_LOST + FB_FORK);
		return;
	}
	fill_head(&record->head, FB_FORK, sizeof(*record));
	frame(&record->task_field, FB_F_TASK, sizeof(record->task));
	fill_task(&record->task, child);
	frame(&record->creator_field, FB_F_CREATOR, sizeof(record->creator));
	record->creator.tgid = creator->tgid;
	record->creator.tid = creator->pid;
	record->creator.start_ns = leader ? leader->start_boottime : 0;
	bpf_ringbuf_submit(record, wake_flags(0, unread));
	wake_late_sleeper();
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(fb_fork, struct task_struct *creator, struct task_struct *child)
{
	on_fork(creator, child);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fb_fork_again, struct task_struct *creator, struct task_struct *child)
{
	on_fork(creator, child);
	return 0;
}

/* ---- exit ---- */

struct exit_record {
	struct fb_head head;
	struct fb_field task_field;
	struct fb_task task;
	struct fb_field exit_field;
	struct fb_exit exit;
};

/* Before 6.16 two threads that leave at the same moment can both see that nobody is left; this tells who was first. */
struct exited { __u64 start_ns, tgid; };
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct exited);
	__type(value, __u8);
} fb_exited SEC(".maps");

/* True for one thread of a process that has no other alive. */
static __always_inline int is_last(struct task_struct *task, __u64 *ctx)
{
	struct exited key = {.tgid = task->tgid};
	__u8 seen = 1;

	if (bpf_core_type_matches(btf_trace_sched_process_exit___group_dead))
		return ctx[1] & 1;
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	key.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	if (bpf_map_lookup_elem(&fb_exited, &key))
		return 0;
	/* Alone from the start, or the other one has been here and was in the map. */
	if (task->pid == task->tgid && BPF_CORE_READ(task, signal, nr_threads) == 1)
		return 1;
	return bpf_map_update_elem(&fb_exited, &key, &seen, BPF_NOEXIST) != -17 /* EEXIST */;
}

/* What wait(2) will show: the group's code if one was set for all, else that of the leader, whoever left last. */
static __always_inline __u32 exit_code_of(struct task_struct *task)
{
	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(task, signal, group_exit_code);
	return BPF_CORE_READ(task, group_leader, exit_code);
}

static __always_inline void on_exit(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	__u64 unread = unread_bytes();
	struct exit_record *record;

	if (!is_last(task, ctx) || !take(TAKEN_EXIT, task->tgid, BPF_CORE_READ(task, group_leader, start_boottime)))
		return;
	count(FB_C_RESERVED + FB_EXIT);
	record = is_crowded(unread) ? 0 : bpf_ringbuf_reserve(&fb_ring, sizeof(*record), 0);
	if (!record) {
		count(FB_C_LOST + FB_EXIT);
		return;
	}
	fill_head(&record->head, FB_EXIT, sizeof(*record));
	frame(&record->task_field, FB_F_TASK, sizeof(record->task));
	fill_task(&record->task, task);
	frame(&record->exit_field, FB_F_EXIT, sizeof(record->exit));
	record->exit.end_ns = record->head.boot_ns;
	record->exit.code = exit_code_of(task);
	record->exit.pad = 0;
	bpf_ringbuf_submit(record, wake_flags(0, unread));
	wake_late_sleeper();
}

SEC("tp_btf/sched_process_exit")
int fb_exit(__u64 *ctx)
{
	on_exit(ctx);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int fb_exit_again(__u64 *ctx)
{
	on_exit(ctx);
	return 0;
}

/* ---- what runs already ---- */

SEC("iter/task")
int fb_task(struct bpf_iter__task *ctx)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct seq_file *seq = LOADED_HERE(ctx->meta->seq);
	struct task_struct *task = ctx->task;
	__u32 index = scratch_index(SCRATCH_TASK), offset;
	const struct cred *cred;
	struct fs_struct *fs;
	struct mm_struct *mm;
	struct scratch *s;
	struct file *file;

	if (!task || task->pid != task->tgid)
		return 0;
	cred = LOADED_HERE(task->real_cred);
	mm = LOADED_HERE(task->mm);
	fs = LOADED_HERE(task->fs);
	s = scratch_claim(index);
	if (!s) {
		count_lost(FB_TASK);
		count(FB_C_NO_SCRATCH + FB_TASK);
		return 0;
	}
	put_head(s, FB_TASK, now);
	begin_cgroup(&s->cgroup, task->cgroups);
	begin_parent_exe(s, task);
	offset = put_task(s, task, cred);
	offset = put_groups(s, offset, cred);
	offset = put_cgroup_of(s, index, offset);
	file = mm ? mm->exe_file : 0;
	if (file)
		offset = put_exe(s, index, offset, file->f_path.mnt, file->f_path.dentry, fs);
	offset = put_parent_exe(s, index, offset);
	if (!bpf_seq_write(seq, s->record, finish(s, offset)))
		count(FB_C_RESERVED + FB_TASK);
	scratch_release(s);
	return 0;
}
