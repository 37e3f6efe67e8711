/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the programs share with user space (native/wire.h says how it is used) and with each other: the ring and when it
 * wakes its reader, the counters, the scratch slots in which records of variable length are built.
 */
#ifndef FOREBEAR_SHARED_BPF_H
#define FOREBEAR_SHARED_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "kernel_types.h"
#include "wire.h"

const volatile __u32 fb_args_max = FB_ARGS_MAX;
const volatile __u32 fb_env_max = FB_ENV_MAX;
const volatile __u32 fb_wake_bytes = 65536;
const volatile __u32 fb_scratch_slots = FB_SCRATCH_SLOTS;

/* Where no kind that asks for it is wanted it is 0, and the verifier leaves the code out. */
const volatile __u32 fb_unwatched_lengths = 0;

struct fb_control fb_control SEC(".data.control");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} fb_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FB_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} fb_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FB_HINTS_MAX);
	__type(key, char[FB_HINT_MAX]);
	__type(value, __u8);
} fb_hints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FB_UNWATCHED_MAX);
	__type(key, char[FB_UNWATCHED_NAME]);
	__type(value, __u8);
} fb_unwatched SEC(".maps");

/* A walk up a tree of dentries or kernfs nodes. It lives in the slot and not in registers: to the verifier each turn of
 * the loop then starts from one and the same state. */
struct walk {
	__u64 node;        /* dentry or kernfs_node */
	__u64 mnt;         /* vfsmount of node */
	__u64 mnt_root;    /* its root dentry */
	__u64 root, root_mnt; /* where the walk ends */
	__u32 at;          /* text[at..FB_PATH_MAX) is the path so far */
	__u32 flags;       /* FB_TRUNCATED ... for the field */
	__u32 done, pad;   /* at the root, or as near as it gets */
	__u64 leaf, leaf_mnt; /* where it began; 0: nowhere */
};

/* A path of a record of files: of a dentry, or (dentry 0) what the text of a system call names from a folder on. */
struct file_name {
	__u64 mnt, dentry;
	__u64 text; /* in user memory */
	__s32 folder; /* a descriptor, or AT_FDCWD */
	__u32 given;  /* there is one */
};

/* What a program has found out; emit_file makes the record. */
struct file_facts {
	struct file_name path, other; /* other: of a rename the old path, of a hard link the one that was linked */
	__u64 inode;
	__u64 link_text; /* target of a symbolic link, as given */
	__u32 link_text_is_user;
	__u32 nlink_before; /* deletions: where not 0, what the record says */
	struct fb_file file;
};

#define NAME_BYTES 256
struct scratch {
	__u64 busy;
	/* Here and not in registers for the same reason. */
	__u64 unread;
	__u32 hinted, pad;
	__u64 source; /* for put_string */
	struct walk walk;
	struct file_facts facts;
	struct walk parent_exe, cgroup; /* where these walks begin, found first (LOADED_HERE); no node: there is none */
	char name[NAME_BYTES];
	char text[FB_PATH_MAX + NAME_BYTES]; /* filled from its end; the surplus is for the verifier's idea of an offset */
	__u8 record[FB_RECORD_MAX + FB_ARGS_MAX + 64]; /* likewise */
};

/* Plain array, not per-CPU: a per-CPU value may have 32 KiB only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FB_SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} fb_scratch SEC(".maps");

/* fb_task runs at start-up only, fb_exec_again all but never, and ids change rarely: should two of them meet, one record is
 * counted as lost. */
enum scratch_user {
	SCRATCH_EXEC = 0,
	SCRATCH_TASK = 1, SCRATCH_EXEC_AGAIN = SCRATCH_TASK, SCRATCH_CHANGE = SCRATCH_TASK, SCRATCH_SPARE = SCRATCH_TASK,
	SCRATCH_FILE = 2,
};

/*
 * A pointer, loaded at this place: before whatever branches, and once. From 6.4 to 6.19 the verifier looks for types of certain
 * names in all of the kernel's BTF, one after the other, four times for each load of a pointer through one that it trusts (a
 * tracepoint's argument and what hangs on it), on every path on which it comes there [measured: three quarters of a start].
 */
#define LOADED_HERE(load) ({ \
	__typeof__(load) loaded_ = (load); \
	barrier_var(loaded_); \
	loaded_; })

/* An argument of a program as a number: the verifier lets no typed pointer into a global function. */
static __always_inline __u64 address_in(__u64 *ctx, __u32 which)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), ctx + which);
	return address;
}

/* Atomic although per CPU: one exec program may be preempted here by the other. */
static __always_inline void count(__u32 index)
{
	__u64 *counter = bpf_map_lookup_elem(&fb_counters, &index);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

static __always_inline void count_lost(__u32 kind)
{
	count(FB_C_RESERVED + kind);
	count(FB_C_LOST + kind);
}

/* Index into fb_scratch of this program's slot on this CPU (the kernel forbids migration while a program runs). */
static __always_inline __u32 scratch_index(__u32 user)
{
	return bpf_get_smp_processor_id() * fb_scratch_slots + user;
}

static __always_inline struct scratch *scratch_at(__u32 index)
{
	return bpf_map_lookup_elem(&fb_scratch, &index);
}

/* Claims a slot, or returns 0. That it is free follows from how slots are given out; should that ever fail, a record is
 * counted as lost instead of being mixed with another. Add and look, as 5.10 has no compare-and-exchange. */
static __always_inline struct scratch *scratch_claim(__u32 index)
{
	struct scratch *s = scratch_at(index);

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->busy, 1);
	if (*(volatile __u64 *)&s->busy == 1)
		return s;
	__sync_fetch_and_add(&s->busy, -1);
	return 0;
}

static __always_inline void scratch_release(struct scratch *s)
{
	__sync_fetch_and_add(&s->busy, -1);
}

static __always_inline __u64 unread_bytes(void)
{
	return bpf_ringbuf_query(&fb_ring, BPF_RB_AVAIL_DATA);
}

/* The last quarter of the ring is for records that rules name: a flood of others cannot hide these. */
static __always_inline int is_crowded(__u64 unread)
{
	return unread > ((struct bpf_map *)&fb_ring)->max_entries / 4 * 3;
}

/*
 * Why no wake-up is lost (the reader's side: Reader::Rest). A program first makes its record visible (the producer position,
 * then the commit, which is an exchange and so a full barrier), then looks at the flag in wake_late_sleeper; the reader first
 * sets the flag, fences, then looks at the producer position. Whichever order these come in, one of them sees the other: the
 * program wakes, or the reader does not sleep. Whoever clears the flag owes the reader a wake-up: wake_flags, before the record,
 * is paid with its commit, and until then other programs rely on that; a record that finds no room is paid by give_flag_back.
 */

/* Flags for the next record: whether it wakes the reader. */
static __always_inline __u64 wake_flags(int hinted, __u64 unread)
{
	volatile __u32 *sleeping = &fb_control.sleeping;

	if (*sleeping) {
		*sleeping = 0;
		return BPF_RB_FORCE_WAKEUP;
	}
	return hinted || unread >= fb_wake_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* After a record is committed: the reader may have gone to sleep between wake_flags and the commit. */
static __always_inline void wake_late_sleeper(void)
{
	volatile __u32 *sleeping = &fb_control.sleeping;
	void *nothing;

	if (!*sleeping)
		return;
	nothing = bpf_ringbuf_reserve(&fb_ring, 8, 0);
	if (!nothing)
		return; /* full: the flag stays for the next one */
	*sleeping = 0;
	bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* The record to which wake_flags gave these flags was refused: the reader may sleep on what others wrote meanwhile. */
static __always_inline void give_flag_back(__u64 flags)
{
	if (flags != BPF_RB_FORCE_WAKEUP)
		return;
	*(volatile __u32 *)&fb_control.sleeping = 1;
	wake_late_sleeper();
}

#endif
