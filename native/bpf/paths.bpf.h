/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Paths of files and cgroups as fields of a record: walks from the leaf to the root and fills scratch.text from its end.
 * A file's path is what d_path() would give the task: relative to its root directory (chroot, mount namespace), across mount
 * points. Names are read without locks: a rename at the same moment can give the old name, the new one, or a mix.
 * Deeper or longer than the caps: the part nearest to the leaf is carried, marked FB_TRUNCATED.
 */
#ifndef FOREBEAR_PATHS_BPF_H
#define FOREBEAR_PATHS_BPF_H

#include "kernel_types.h"
#include "emit.bpf.h"

#define PATH_STEPS 128  /* components plus mount points */
#define CGROUP_STEPS 32

/* Prepends "/name"; length of name < NAME_BYTES. Ends the walk if there is no room. */
static __always_inline void prepend(struct scratch *s, const void *name, __u32 length)
{
	__u32 at = s->walk.at;

	if (length >= NAME_BYTES || at < length + 1 || at > FB_PATH_MAX) {
		s->walk.flags |= FB_TRUNCATED;
		s->walk.done = 1;
		return;
	}
	at -= length;
	if (bpf_probe_read_kernel(s->text + (at & (FB_PATH_MAX - 1)), length, name))
		s->walk.flags |= FB_FAULT;
	at--;
	s->text[at & (FB_PATH_MAX - 1)] = '/';
	s->walk.at = at;
}

static __always_inline void begin_walk(struct walk *w, void *node)
{
	w->node = (__u64)node;
	w->at = FB_PATH_MAX;
	w->flags = 0;
	w->done = 0;
}

/* The walk's text becomes a field; the root itself is "/". */
static __always_inline __u32 put_text(struct scratch *s, __u32 offset, __u32 id)
{
	__u32 at = s->walk.at, length;

	if (!s->walk.done)
		s->walk.flags |= FB_TRUNCATED;
	if (at >= FB_PATH_MAX) {
		at = FB_PATH_MAX - 1;
		s->text[at] = '/';
	}
	length = FB_PATH_MAX - at;
	if (room_at(offset) < length)
		return offset;
	bpf_probe_read_kernel(record_at(s, offset + FIELD), length & (2 * FB_PATH_MAX - 1), s->text + at);
	return put_frame(s, offset, id, s->walk.flags, length);
}

/* ---- files ---- */

static __always_inline void enter_mount(struct walk *w, struct vfsmount *mnt)
{
	w->mnt = (__u64)mnt;
	w->mnt_root = (__u64)BPF_CORE_READ(mnt, mnt_root);
}

/* From the root of a mount to where it is mounted. */
static __always_inline void leave_mount(struct walk *w)
{
	struct mount *mount = (void *)(w->mnt - bpf_core_field_offset(struct mount, mnt));
	struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

	if (!parent || parent == mount) {
		w->flags |= FB_UNREACHABLE;
		w->done = 1;
		return;
	}
	w->node = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
	enter_mount(w, (void *)parent + bpf_core_field_offset(struct mount, mnt));
}

/* One component or mount point further. Returns whether there is more to do. Global: verified once, not once a turn. */
__noinline int step_path(__u32 index)
{
	struct scratch *s = scratch_at(index);
	struct dentry *dentry, *parent;
	struct walk *w;

	if (!s)
		return 0;
	w = &s->walk;
	dentry = (void *)w->node;
	if (w->node == w->root && w->mnt == w->root_mnt) {
		w->done = 1;
		return 0;
	}
	if (w->node == w->mnt_root) {
		leave_mount(w);
		return !w->done;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	prepend(s, BPF_CORE_READ(dentry, d_name.name), BPF_CORE_READ(dentry, d_name.len));
	w->node = (__u64)parent;
	if (parent == dentry) /* a file of no directory, such as memfd:name */
		w->done = 1;
	return !w->done;
}

/* The name by which it was opened is gone, or the file has no link left. */
static __always_inline int is_deleted(struct dentry *dentry)
{
	return !BPF_CORE_READ(dentry, d_inode, i_nlink) ||
	       (!BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry);
}

/* Path of a struct path, relative to fs->root (fs 0: to the root of the mount tree). */
__noinline __u32 put_path(__u32 index, __u32 offset, __u32 id, __u64 path_address, __u64 fs_address)
{
	struct scratch *s = scratch_at(index);
	struct path *path = (void *)path_address;
	struct fs_struct *fs = (void *)fs_address;
	struct dentry *dentry;

	if (!s)
		return offset;
	dentry = BPF_CORE_READ(path, dentry);
	begin_walk(&s->walk, dentry);
	enter_mount(&s->walk, BPF_CORE_READ(path, mnt));
	s->walk.root = (__u64)BPF_CORE_READ(fs, root.dentry);
	s->walk.root_mnt = (__u64)BPF_CORE_READ(fs, root.mnt);
	for (int step = 0; step < PATH_STEPS && step_path(index); step++)
		;
	if (id == FB_F_EXE && is_deleted(dentry))
		s->walk.flags |= FB_DELETED;
	return put_text(s, offset, id);
}

/* ---- cgroups ---- */

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___parent *old = (void *)kn;

	if (bpf_core_field_exists(old->parent))
		return BPF_CORE_READ(old, parent);
	return BPF_CORE_READ(kn, __parent);
}

__noinline int step_cgroup(__u32 index)
{
	struct scratch *s = scratch_at(index);
	struct kernfs_node *kn, *parent;
	long length;

	if (!s)
		return 0;
	kn = (void *)s->walk.node;
	parent = kernfs_parent(kn);
	if (!parent) {
		s->walk.done = 1;
		return 0;
	}
	length = bpf_probe_read_kernel_str(s->name, NAME_BYTES, BPF_CORE_READ(kn, name)) - 1;
	if (length < 0) {
		length = 0;
		s->walk.flags |= FB_FAULT;
	}
	prepend(s, s->name, length);
	s->walk.node = (__u64)parent;
	return !s->walk.done;
}

/* First cgroup of a v1 hierarchy, in the kernel's order of controllers, that is not the root of its hierarchy. */
static __always_inline struct kernfs_node *v1_cgroup(struct css_set *set)
{
	struct cgroup_subsys_state **states = (void *)set + bpf_core_field_offset(struct css_set, subsys);
	__u32 controllers = bpf_core_field_size(set->subsys) / sizeof(*states);
	struct cgroup_subsys_state *state;
	struct kernfs_node *kn;

	for (__u32 i = 0; i < 16 && i < controllers; i++) {
		if (bpf_probe_read_kernel(&state, sizeof(state), states + i))
			break;
		kn = BPF_CORE_READ(state, cgroup, kn);
		if (kn && kernfs_parent(kn))
			return kn;
	}
	return 0;
}

/* The v2 path. A host that still runs its services under v1 leaves everything in the root of v2: there it is the path in
 * the first v1 hierarchy that has one, which names a container as well as the others do. */
__noinline __u32 put_cgroup(__u32 index, __u32 offset, __u64 css_set)
{
	struct scratch *s = scratch_at(index);
	struct css_set *set = (void *)css_set;
	struct kernfs_node *kn;

	if (!s)
		return offset;
	kn = BPF_CORE_READ(set, dfl_cgrp, kn);
	if (!kernfs_parent(kn))
		kn = v1_cgroup(set) ?: kn;
	begin_walk(&s->walk, kn);
	if (!kn)
		s->walk.flags |= FB_FAULT;
	for (int step = 0; step < CGROUP_STEPS && step_cgroup(index); step++)
		;
	return put_text(s, offset, FB_F_CGROUP);
}

#endif
