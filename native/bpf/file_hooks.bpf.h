/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the kernel's own functions do with files: where it allows trampolines. Whatever way it comes (system calls of any kind,
 * io_uring, bind of a socket, a core dump), and once, as none of these is called for the layers below an overlay mount:
 *
 *   created   fentry/security_file_post_open, before 6.9 fexit/do_filp_open: an open that made the file
 *             fentry/security_path_mknod, _link, _symlink are asked first and know the mount; fexit/vfs_mknod, vfs_create, vfs_link
 *             and vfs_symlink: if it was done, the name has an inode
 *   deleted   fentry/security_path_unlink, _rmdir are asked first; fentry/d_delete follows if it was done
 *   renamed   fentry/security_path_rename, and fentry/d_move or d_exchange if it was done, before the names change
 *   modified  fentry/locks_remove_file as the last holder lets go, fexit/vfs_truncate
 *
 * All of these have had the same arguments since 5.10, but for the vfs_ functions, of which it is known where the name may stand.
 */
#ifndef FOREBEAR_FILE_HOOKS_BPF_H
#define FOREBEAR_FILE_HOOKS_BPF_H

#include "files.bpf.h"

/* What a thread has been asked about and has not done yet, or never will. */
struct asked {
	__u64 thread;
	__u64 dentry, other; /* renames: old and new one */
	__u64 mnt, text;
	__u32 op, nlink, flags, pad;
};

/* An array: every open that makes a file asks, too. Two threads whose numbers are far apart may share a place, and then one of them
 * goes untold if both are between the question and its end at one moment. Which do is a secret: who knew would have the other thread
 * ask all the time [tried with numbers FB_ASKED apart: 85 of 100 renames went untold]. */
const volatile __u32 fb_asked_key = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FB_ASKED);
	__type(key, __u32);
	__type(value, struct asked);
} fb_asked SEC(".maps");

static __always_inline struct asked *asked_place(void)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u32 place = (thread + (thread / FB_ASKED * fb_asked_key >> 17)) & (FB_ASKED - 1);

	return bpf_map_lookup_elem(&fb_asked, &place);
}

static __always_inline void remember_asked(struct asked *asked)
{
	struct asked *place = asked_place();

	asked->thread = bpf_get_current_pid_tgid();
	if (place)
		*place = *asked;
}

/* What this thread was last asked, if it was that operation on that dentry; then it is forgotten. */
static __always_inline int take_asked(struct asked *asked, __u32 op, __u64 dentry)
{
	struct asked *found = asked_place();

	if (!found || found->dentry != dentry || found->op != op || found->thread != bpf_get_current_pid_tgid())
		return 0;
	*asked = *found;
	found->op = 0;
	return 1;
}

/* ---- created ---- */

struct filename;
struct open_flags { int open_flag; } __attribute__((preserve_access_index));

SEC("?fexit/do_filp_open")
int BPF_PROG(fb_file_opened, int folder, struct filename *name, const struct open_flags *how, struct file *file)
{
	on_opened(file, how->open_flag); /* of an error's number nothing can be read */
	return 0;
}

SEC("?fentry/security_file_post_open")
int BPF_PROG(fb_file_post_open, struct file *file)
{
	if (file->f_mode & (FMODE_CREATED | FMODE_WRITE)) /* most open to read */
		on_opened(file, file->f_flags);
	return 0;
}

static __always_inline void before_creation(const struct path *folder, __u64 dentry, __u64 linked, __u64 text)
{
	struct asked asked = {.op = FB_FILE_CREATED, .dentry = dentry, .other = linked, .text = text};

	asked.mnt = (__u64)BPF_CORE_READ(folder, mnt);
	remember_asked(&asked);
}

/* Of opens, too: these end elsewhere. */
SEC("?fentry/security_path_mknod")
int BPF_PROG(fb_path_mknod, const struct path *folder, struct dentry *dentry)
{
	before_creation(folder, (__u64)dentry, 0, 0);
	return 0;
}

SEC("?fentry/security_path_link")
int BPF_PROG(fb_path_link, struct dentry *old, const struct path *folder, struct dentry *dentry)
{
	before_creation(folder, (__u64)dentry, (__u64)old, 0);
	return 0;
}

SEC("?fentry/security_path_symlink")
int BPF_PROG(fb_path_symlink, const struct path *folder, struct dentry *dentry, const char *target)
{
	before_creation(folder, (__u64)dentry, 0, (__u64)target);
	return 0;
}

static __always_inline __u32 kind_of_creation(__u32 mode, const struct asked *asked, __u32 nlink)
{
	if (asked->other)
		return nlink == 1 ? FB_FILE_TMPFILE : FB_FILE_HARD_LINK;
	if ((mode & S_IFMT) == S_IFLNK)
		return FB_FILE_SYMLINK;
	return (mode & S_IFMT) == S_IFREG ? 0 : FB_FILE_SPECIAL;
}

/* From 5.12 on the vfs_ functions are told of the mount's ids, too. */
#define MOUNTS_MAP_IDS (bpf_core_field_exists(((struct vfsmount___users *)0)->mnt_userns) || \
			bpf_core_field_exists(((struct vfsmount___ids *)0)->mnt_idmap))

static __always_inline void on_made(__u64 dentry)
{
	struct asked asked;
	struct inode *inode = BPF_CORE_READ((struct dentry *)dentry, d_inode);
	struct scratch *s;
	__u32 index;

	if (!inode || !is_wanted_op(FB_FILE_CREATED) || !take_asked(&asked, FB_FILE_CREATED, dentry))
		return;
	s = begin_file(FB_FILE_CREATED, &index);
	if (!s)
		return;
	s->facts.path.mnt = asked.mnt;
	s->facts.path.dentry = dentry;
	s->facts.inode = (__u64)inode;
	s->facts.link_text = asked.text;
	s->facts.file.flags = kind_of_creation(BPF_CORE_READ(inode, i_mode), &asked, BPF_CORE_READ(inode, i_nlink));
	if (s->facts.file.flags & FB_FILE_HARD_LINK) {
		s->facts.other.mnt = asked.mnt;
		s->facts.other.dentry = asked.other;
		s->facts.other.given = 1;
	}
	end_file(s, index);
}

/* What this thread was asked about, if one of the two is it: where the name stands among the arguments depends on the kernel. */
static __always_inline void on_made_of(__u64 one, __u64 other)
{
	struct asked *asked = asked_place();
	__u64 dentry = asked ? asked->dentry : 0;

	if (dentry && (dentry == one || dentry == other))
		on_made(dentry);
}

SEC("?fexit/vfs_mknod")
int fb_path_made_node(__u64 *ctx)
{
	on_made_of(ctx[1], ctx[2]);
	return 0;
}

SEC("?fexit/vfs_create")
int fb_path_made_file(__u64 *ctx)
{
	on_made_of(ctx[1], ctx[2]);
	return 0;
}

SEC("?fexit/vfs_symlink")
int fb_path_made_symlink(__u64 *ctx)
{
	on_made_of(ctx[1], ctx[2]);
	return 0;
}

SEC("?fexit/vfs_link")
int fb_path_made_link(__u64 *ctx)
{
	volatile __u64 *arguments = ctx; /* each read in its branch: what the other kernels have in that place may not be read */

	if (MOUNTS_MAP_IDS)
		on_made_of(arguments[3], 0);
	else
		on_made_of(arguments[2], 0);
	return 0;
}

/* ---- deleted ---- */

static __always_inline void before_deletion(const struct path *folder, struct dentry *dentry, __u32 flags)
{
	struct asked asked = {.op = FB_FILE_DELETED, .dentry = (__u64)dentry, .flags = flags};

	asked.mnt = (__u64)BPF_CORE_READ(folder, mnt);
	asked.nlink = BPF_CORE_READ(dentry, d_inode, i_nlink);
	remember_asked(&asked);
}

SEC("?fentry/security_path_unlink")
int BPF_PROG(fb_path_unlink, const struct path *folder, struct dentry *dentry)
{
	before_deletion(folder, dentry, 0);
	return 0;
}

SEC("?fentry/security_path_rmdir")
int BPF_PROG(fb_path_rmdir, const struct path *folder, struct dentry *dentry)
{
	before_deletion(folder, dentry, FB_FILE_DIRECTORY);
	return 0;
}

SEC("?fentry/d_delete")
int BPF_PROG(fb_path_deleted, struct dentry *dentry)
{
	struct asked asked;
	struct scratch *s;
	__u32 index;

	if (!is_wanted_op(FB_FILE_DELETED) || !take_asked(&asked, FB_FILE_DELETED, (__u64)dentry))
		return 0;
	s = begin_file(FB_FILE_DELETED, &index);
	if (!s)
		return 0;
	s->facts.path.mnt = asked.mnt;
	s->facts.path.dentry = asked.dentry;
	s->facts.inode = (__u64)BPF_CORE_READ(dentry, d_inode);
	s->facts.nlink_before = asked.nlink;
	s->facts.file.flags = asked.flags;
	end_file(s, index);
	return 0;
}

/* ---- renamed ---- */

SEC("?fentry/security_path_rename")
int BPF_PROG(fb_path_rename, const struct path *old_folder, struct dentry *old, const struct path *folder, struct dentry *dentry)
{
	struct asked asked = {.op = FB_FILE_RENAMED, .dentry = (__u64)old, .other = (__u64)dentry};

	asked.mnt = (__u64)BPF_CORE_READ(folder, mnt);
	asked.nlink = BPF_CORE_READ(dentry, d_inode, i_nlink);
	remember_asked(&asked);
	return 0;
}

static __always_inline void emit_rename(const struct asked *asked, __u64 from, __u64 to, __u32 flags)
{
	struct inode *inode = BPF_CORE_READ((struct dentry *)from, d_inode);
	struct scratch *s;
	__u32 index;

	s = begin_file(FB_FILE_RENAMED, &index);
	if (!s)
		return;
	s->facts.path.mnt = s->facts.other.mnt = asked->mnt;
	s->facts.path.dentry = to;
	s->facts.other.dentry = from;
	s->facts.inode = (__u64)inode;
	s->facts.file.replaced_nlink = flags & FB_FILE_EXCHANGE ? 0 : asked->nlink;
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFDIR)
		flags |= FB_FILE_DIRECTORY;
	s->facts.file.flags = flags;
	end_file(s, index);
}

SEC("?fentry/d_move")
int BPF_PROG(fb_path_moved, struct dentry *dentry, struct dentry *target)
{
	struct asked asked;

	if (is_wanted_op(FB_FILE_RENAMED) && take_asked(&asked, FB_FILE_RENAMED, (__u64)dentry))
		emit_rename(&asked, asked.dentry, (__u64)target, 0);
	return 0;
}

SEC("?fentry/d_exchange")
int BPF_PROG(fb_path_exchanged, struct dentry *dentry, struct dentry *target)
{
	struct asked asked;

	if (!is_wanted_op(FB_FILE_RENAMED) || !take_asked(&asked, FB_FILE_RENAMED, (__u64)dentry))
		return 0;
	emit_rename(&asked, asked.dentry, (__u64)target, FB_FILE_EXCHANGE);
	emit_rename(&asked, (__u64)target, asked.dentry, FB_FILE_EXCHANGE);
	return 0;
}

/* ---- modified ---- */

SEC("?fentry/locks_remove_file")
int BPF_PROG(fb_file_closed, struct file *file)
{
	if (is_wanted_op(FB_FILE_MODIFIED))
		on_closing(file, 0);
	return 0;
}

SEC("?fexit/vfs_truncate")
int BPF_PROG(fb_path_truncated, const struct path *path, long long length, long result)
{
	struct scratch *s;
	__u32 index;

	if (result || !is_wanted_op(FB_FILE_MODIFIED))
		return 0;
	s = begin_file(FB_FILE_MODIFIED, &index);
	if (!s)
		return 0;
	s->facts.path.mnt = (__u64)BPF_CORE_READ(path, mnt);
	s->facts.path.dentry = (__u64)BPF_CORE_READ(path, dentry);
	s->facts.inode = (__u64)BPF_CORE_READ(path, dentry, d_inode);
	end_file(s, index);
	return 0;
}

#endif
