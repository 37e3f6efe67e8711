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

#define PATH_STEPS 128  /* components plus mount points; one more to see that it is the root */
#define STEPS_A_TURN 3  /* a call and a look-up of the slot are a tenth of a step */
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
	w->node = w->leaf = (__u64)node;
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
		if (w->root) /* a process that leaves has none any more */
			w->flags |= FB_UNREACHABLE;
		w->done = 1;
		return;
	}
	w->node = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
	enter_mount(w, (void *)parent + bpf_core_field_offset(struct mount, mnt));
}

/* d_parent and d_name as they lie in every kernel so far: one read instead of three. */
struct link { struct dentry *parent; __u32 hash, length; const void *name; };
#define LINK_AS_EXPECTED \
	(bpf_core_field_offset(struct dentry, d_name) == bpf_core_field_offset(struct dentry, d_parent) + 8 && \
	 bpf_core_field_offset(struct qstr, len) == 4 && bpf_core_field_offset(struct qstr, name) == 8)

static __always_inline void read_link(struct link *link, struct dentry *dentry)
{
	if (LINK_AS_EXPECTED) {
		bpf_core_read(link, sizeof(*link), &dentry->d_parent);
		return;
	}
	link->parent = BPF_CORE_READ(dentry, d_parent);
	link->length = BPF_CORE_READ(dentry, d_name.len);
	link->name = BPF_CORE_READ(dentry, d_name.name);
}

enum climbed { CLIMBED_ALL, CLIMBED_MOUNT, CLIMBED_NAME };

/* One component (its name is then in link) or mount point further. */
static __always_inline enum climbed climb(struct walk *w, struct link *link)
{
	if (w->node == w->root && w->mnt == w->root_mnt) {
		w->done = 1;
		return CLIMBED_ALL;
	}
	if (w->node == w->mnt_root) {
		leave_mount(w);
		return w->done ? CLIMBED_ALL : CLIMBED_MOUNT;
	}
	read_link(link, (void *)w->node);
	if (!link->parent) { /* what could not be read is 0 */
		w->flags |= FB_FAULT;
		w->done = 1;
		return CLIMBED_ALL;
	}
	if ((__u64)link->parent == w->node) /* a file of no directory, such as memfd:name */
		w->done = 1;
	w->node = (__u64)link->parent;
	return CLIMBED_NAME;
}

static __always_inline int climb_with_text(struct scratch *s)
{
	struct link link;
	enum climbed climbed = climb(&s->walk, &link);

	if (climbed == CLIMBED_NAME)
		prepend(s, link.name, link.length);
	return climbed != CLIMBED_ALL && !s->walk.done;
}

/* STEPS_A_TURN steps. Returns whether there is more to do. Global: verified once, not once a turn. */
__noinline int step_path(__u32 index)
{
	struct scratch *s = scratch_at(index);

	return s && climb_with_text(s) && climb_with_text(s) && climb_with_text(s);
}

/* Where a walk starts and ends: at a path, and at fs->root (no fs: at the root of the mount tree). Typed pointers: no helper
 * is called; stored in the slot they are numbers again, which put_path needs. */
static __always_inline void begin_path(struct walk *w, struct vfsmount *mnt, struct dentry *dentry, struct fs_struct *fs)
{
	begin_walk(w, dentry);
	w->mnt = (__u64)mnt;
	w->mnt_root = mnt ? (__u64)mnt->mnt_root : 0;
	w->root = fs ? (__u64)fs->root.dentry : 0;
	w->root_mnt = fs ? (__u64)fs->root.mnt : 0;
}

/* The same at addresses, which need not be typed pointers. */
static __always_inline void begin_path_at(struct walk *w, __u64 mnt, __u64 dentry, struct fs_struct *fs)
{
	begin_walk(w, (void *)dentry);
	w->leaf_mnt = mnt;
	enter_mount(w, (void *)mnt);
	w->root = (__u64)BPF_CORE_READ(fs, root.dentry);
	w->root_mnt = (__u64)BPF_CORE_READ(fs, root.mnt);
}

/* The path at which begin_path has set the slot's walk. */
__noinline __u32 put_path(__u32 index, __u32 offset, __u32 id)
{
	struct scratch *s = scratch_at(index);

	if (!s)
		return offset;
	for (int turn = 0; turn < (PATH_STEPS + 1) / STEPS_A_TURN && step_path(index); turn++)
		;
	return put_text(s, offset, id);
}

/* ---- cgroups ---- */

#define KERNFS_PARENT(kn) ({ \
	struct kernfs_node___parent *old_ = (void *)(kn); \
	bpf_core_field_exists(old_->parent) ? old_->parent : (kn)->__parent; })

/* Parent and name, which lie side by side in every kernel so far. */
struct kernfs_link { struct kernfs_node *parent; const char *name; };

static __always_inline void read_kernfs_link(struct kernfs_link *link, struct kernfs_node *kn)
{
	struct kernfs_node___parent *old = (void *)kn;

	const __u32 parent_at = bpf_core_field_exists(old->parent) ? bpf_core_field_offset(old->parent) :
								     bpf_core_field_offset(kn->__parent);

	bpf_probe_read_kernel(link, sizeof(*link), (void *)kn + parent_at);
	if (bpf_core_field_offset(kn->name) != parent_at + 8)
		link->name = BPF_CORE_READ(kn, name);
}

__noinline int step_cgroup(__u32 index)
{
	struct scratch *s = scratch_at(index);
	struct kernfs_link link;
	long length;

	if (!s)
		return 0;
	read_kernfs_link(&link, (void *)s->walk.node);
	if (!link.parent) {
		s->walk.done = 1;
		return 0;
	}
	length = bpf_probe_read_kernel_str(s->name, NAME_BYTES, link.name) - 1;
	if (length < 0) {
		length = 0;
		s->walk.flags |= FB_FAULT;
	}
	prepend(s, s->name, length);
	s->walk.node = (__u64)link.parent;
	return !s->walk.done;
}

static __always_inline struct kernfs_node *below_root(struct cgroup *cgroup)
{
	struct kernfs_node *kn = cgroup ? cgroup->kn : 0;

	return kn && KERNFS_PARENT(kn) ? kn : 0;
}

/* The task's cgroup in the hierarchy of a controller, 0 if that is its root or there is no such controller. */
#define V1_CGROUP(set, controller) ({ \
	struct kernfs_node *kn_ = 0; \
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, controller)) { \
		struct cgroup_subsys_state **state_ = (void *)&(set)->subsys + \
			8 * bpf_core_enum_value(enum cgroup_subsys_id, controller); \
		kn_ = *state_ ? below_root((*state_)->cgroup) : 0; \
	} \
	kn_; })

/* The v2 path. A host that still runs its services under v1 leaves everything in the root of v2: there it is the path under
 * memory, pids or cpu, the first that has one, which names a container as well as the others do. */
static __always_inline void begin_cgroup(struct walk *w, struct css_set *set)
{
	struct kernfs_node *kn = 0;

	if (set) {
		kn = below_root(set->dfl_cgrp);
		if (!kn)
			kn = V1_CGROUP(set, memory_cgrp_id);
		if (!kn)
			kn = V1_CGROUP(set, pids_cgrp_id);
		if (!kn)
			kn = V1_CGROUP(set, cpu_cgrp_id);
	}
	begin_walk(w, kn);
	w->done = !kn; /* "/" */
}

/* The cgroup at which begin_cgroup has set the slot's walk. */
__noinline __u32 put_cgroup(__u32 index, __u32 offset)
{
	struct scratch *s = scratch_at(index);

	if (!s)
		return offset;
	for (int step = 0; step <= CGROUP_STEPS && !s->walk.done && step_cgroup(index); step++)
		;
	return put_text(s, offset, FB_F_CGROUP);
}

#endif
