/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Records of files (FB_FILE), whatever the source: file_hooks.bpf.h and file_calls.bpf.h find out what happened and fill
 * struct file_facts; here its paths are walked, held against the places that are watched, and the record is written. What is not
 * watched is counted (FB_C_FILTERED) and costs the walk alone.
 */
#ifndef FOREBEAR_FILES_BPF_H
#define FOREBEAR_FILES_BPF_H

#include "actor.bpf.h"
#include "parts.bpf.h"

#define AT_FDCWD -100
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_ACCMODE 3
#define O_TMPFILE_BIT 020000000
#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000
#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_IFLNK 0120000
#define S_IFDIR 0040000

const volatile __u32 fb_file_ops = 0;
const volatile __u32 fb_own_tgid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FB_PLACES_MAX);
	__type(key, struct fb_place);
	__type(value, __u32);
} fb_places SEC(".maps");

static __always_inline int is_wanted_op(__u32 op)
{
	return fb_file_ops >> op & 1 && bpf_get_current_pid_tgid() >> 32 != fb_own_tgid;
}

static __always_inline struct file *file_of(__u32 descriptor)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = 0;

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	return file;
}

/* ---- what is watched ---- */

#define FOLDER_NAME_MAX 64

/* Of NAME/.NAME the dot. at: where it begins in the record. Of a longer NAME all is taken for what a dot makes watched. */
__noinline int has_dot_below(__u32 index, __u32 at, __u32 length)
{
	struct scratch *s = scratch_at(index);

	if (!s)
		return 0;
	for (__u32 i = 0; i < FOLDER_NAME_MAX; i++) {
		if (i + 1 >= length)
			return 0;
		if (*(char *)record_at(s, at + i) == '/')
			return *(char *)record_at(s, at + i + 1) == '.';
	}
	return 1;
}

/* What the places say of the path in the field at that offset of the record. Its length lies before its text as the bits of a key
 * do, and is one for the moment. */
static __always_inline __u32 place_of(struct scratch *s, __u32 offset)
{
	struct fb_place *key = record_at(s, offset + FIELD - sizeof(key->bits));
	__u32 length = key->bits, *place;

	key->bits = 8 * (length < FB_PLACE_MAX ? length : FB_PLACE_MAX);
	place = bpf_map_lookup_elem(&fb_places, key);
	key->bits = length;
	return place ? *place : 0;
}

/* Whether the path in that field is. */
__noinline int is_watched(__u32 index, __u32 offset)
{
	struct scratch *s = scratch_at(index);
	__u32 place, prefix, length;

	if (!s)
		return 0;
	place = place_of(s, offset);
	if (!(place & FB_PLACE_DOT))
		return place & FB_PLACE_WATCHED;
	prefix = place >> FB_PLACE_SHIFT & 63;
	length = ((struct fb_field *)record_at(s, offset))->length;
	return length > prefix && has_dot_below(index, offset + FIELD + prefix, length - prefix);
}

static __always_inline int is_unwatched_name(const struct link *link)
{
	char name[FB_UNWATCHED_NAME] = {};
	__u32 length = link->length;

	if (length >= FB_UNWATCHED_NAME || !(fb_unwatched_lengths >> length & 1))
		return 0;
	bpf_probe_read_kernel(name, length & (FB_UNWATCHED_NAME - 1), link->name);
	return bpf_map_lookup_elem(&fb_unwatched, name) != 0;
}

/* Goes on up the walk. Returns whether there is more to do; found: the walk's leaf is 0. */
__noinline int step_unwatched(__u32 index)
{
	struct scratch *s = scratch_at(index);
	enum climbed climbed;
	struct link link;

	if (!s)
		return 0;
	climbed = climb(&s->walk, &link);
	if (climbed != CLIMBED_NAME || !is_unwatched_name(&link))
		return climbed != CLIMBED_ALL && !s->walk.done;
	s->walk.leaf = 0;
	return 0;
}

/* Whether a name on the way of the last walk is unwatched: the same way once more, as few paths need the question. Where the walk
 * began at the file itself (named), its own name hides nothing: a folder's name is no disguise for a file. */
__noinline int is_below_unwatched(__u32 index, __u32 named)
{
	struct scratch *s = scratch_at(index);
	__u64 leaf = s ? s->walk.leaf : 0;

	if (!leaf)
		return 0;
	s->walk.node = leaf;
	s->walk.done = 0;
	enter_mount(&s->walk, (void *)s->walk.leaf_mnt);
	if (named && leaf != s->walk.mnt_root)
		s->walk.node = (__u64)BPF_CORE_READ((struct dentry *)leaf, d_parent);
	for (int step = 0; step <= PATH_STEPS && step_unwatched(index); step++)
		;
	return !s->walk.leaf;
}

/* ---- paths ---- */

static __always_inline struct fs_struct *own_fs(void)
{
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), fs);
}

#define CHUNK 16
#define CHUNKS 32 /* of a text; a longer one is taken for an odd one */
#define ODD (1ull << 32)

static __always_inline int is_odd_end(__u32 last)
{
	return (last & 0xffff) == 0x2f2f || (last & 0xffffff) == 0x2f2e2f || last == 0x2f2e2e2f;
}

/* The last four bytes after so many more of the text, or ODD. left: of the text; after its end is a slash. */
__noinline __u64 odd_chunk(__u32 index, __u32 at, __u32 left, __u32 last)
{
	struct scratch *s = scratch_at(index);

	if (!s)
		return ODD;
	for (__u32 i = 0; i < CHUNK; i++) {
		if (i == left) /* a slash at the end is an odd one as well, which user space takes away */
			return is_odd_end(last << 8 | '/') ? ODD : last;
		last = last << 8 | *(__u8 *)record_at(s, at + i);
		if (is_odd_end(last))
			return ODD;
	}
	return last;
}

/* Whether the text of a call has "//", "/./" or "/../" in it: what it names is then somewhere else. */
__noinline int is_odd(__u32 index, __u32 at, __u32 length)
{
	__u64 last = '/' << 8; /* what begins with a slash begins well */

	for (__u32 i = 0; i < CHUNKS; i++) {
		if (i * CHUNK > length)
			return 0;
		last = odd_chunk(index, at + i * CHUNK, length - i * CHUNK, last);
		if (last == ODD)
			return 1;
	}
	return 1;
}

/* The folder by which a relative text goes, as a field. */
static __always_inline __u32 put_folder(struct scratch *s, __u32 index, __u32 offset, __u32 id, __s32 folder)
{
	struct fs_struct *fs = own_fs();
	struct path path = {};
	struct file *file;

	if (folder == AT_FDCWD) {
		bpf_core_read(&path, sizeof(path), &fs->pwd);
	} else {
		file = file_of(folder);
		bpf_core_read(&path, sizeof(path), &file->f_path);
	}
	begin_path_at(&s->walk, (__u64)path.mnt, (__u64)path.dentry, fs);
	return put_path(index, offset, id);
}

/* What a call names: which = 0: facts.path, 1: facts.other. */
__noinline __u32 put_given(__u32 index, __u32 offset, __u32 id, __u32 which)
{
	struct scratch *s = scratch_at(index);
	struct file_name *name;
	__u32 flags = FB_AS_GIVEN, base = 0, end;
	struct fb_field *field;
	int unread;
	char first = 0;
	long length;

	if (!s || room_at(offset) < 2 * FB_PATH_MAX)
		return offset;
	name = which ? &s->facts.other : &s->facts.path;
	unread = bpf_probe_read_user(&first, 1, (void *)name->text);
	if (first != '/') {
		end = put_folder(s, index, offset, id, name->folder);
		field = record_at(s, offset);
		if (unread)
			field->flags |= FB_FAULT;
		if (!first)
			return end;
		base = field->length;
		flags |= field->flags;
		if (base > 1 && base <= FB_PATH_MAX) {
			*(char *)record_at(s, offset + FIELD + base) = '/';
			base++;
		}
	}
	base &= 2 * FB_PATH_MAX - 1;
	length = bpf_probe_read_user_str(record_at(s, offset + FIELD + base), FB_PATH_MAX, (void *)name->text) - 1;
	if (length < 0) {
		length = 0;
		flags |= FB_FAULT;
	}
	return put_frame(s, offset, id, flags, base + length);
}

/* A path of the facts as a field. Sets watched where it is, and where only user space can tell. */
static __always_inline __u32 put_named(struct scratch *s, __u32 index, __u32 offset, __u32 id, __u32 which, int *watched)
{
	struct file_name *name = which ? &s->facts.other : &s->facts.path;
	struct fb_field *field;
	__u32 next;

	s->walk.leaf = 0;
	if (name->dentry) {
		begin_path_at(&s->walk, name->mnt, name->dentry, own_fs());
		next = put_path(index, offset, id);
	} else {
		next = put_given(index, offset, id, which);
	}
	field = record_at(s, offset);
	if (field->flags & (FB_TRUNCATED | FB_FAULT | FB_UNREACHABLE))
		*watched = 1; /* how it begins is not known */
	else if (field->flags & FB_AS_GIVEN && is_odd(index, offset + FIELD, field->length))
		*watched = 1;
	else if (is_watched(index, offset) && !(fb_unwatched_lengths && is_below_unwatched(index, name->dentry != 0)))
		*watched = 1;
	return next;
}

/* ---- the record ---- */

/* FB_F_FILE_INODE of facts.inode, by address: it may be no typed pointer. */
__noinline __u32 put_file_inode(__u32 index, __u32 offset)
{
	struct scratch *s = scratch_at(index);
	struct fb_inode *out;
	struct inode *inode;
	__u32 dev;

	if (!s || !s->facts.inode)
		return offset;
	inode = (void *)s->facts.inode;
	out = record_at(s, offset + FIELD);
	dev = BPF_CORE_READ(inode, i_sb, s_dev);
	out->ino = BPF_CORE_READ(inode, i_ino);
	out->size = BPF_CORE_READ(inode, i_size);
	out->mtime_ns = MTIME_AT(inode);
	out->ctime_ns = CTIME_AT(inode);
	out->dev_major = dev >> 20;
	out->dev_minor = dev & 0xfffff;
	out->mode = BPF_CORE_READ(inode, i_mode);
	out->nlink = s->facts.nlink_before ? s->facts.nlink_before : BPF_CORE_READ(inode, i_nlink);
	out->uid = BPF_CORE_READ(inode, i_uid.val);
	out->gid = BPF_CORE_READ(inode, i_gid.val);
	return put_frame(s, offset, FB_F_FILE_INODE, 0, sizeof(*out));
}

__noinline __u32 put_link_text(__u32 index, __u32 offset)
{
	struct scratch *s = scratch_at(index);
	__u32 flags = 0;
	long length;
	void *to;

	if (!s || !s->facts.link_text || room_at(offset) < 2 * FB_PATH_MAX)
		return offset;
	to = record_at(s, offset + FIELD);
	length = s->facts.link_text_is_user ? bpf_probe_read_user_str(to, FB_PATH_MAX, (void *)s->facts.link_text) :
					      bpf_probe_read_kernel_str(to, FB_PATH_MAX, (void *)s->facts.link_text);
	if (--length < 0) {
		length = 0;
		flags = FB_FAULT;
	}
	return put_frame(s, offset, FB_F_LINK_TARGET, flags, length);
}

/* Writes the record of the slot's facts, if they are of a path that is watched. */
__noinline int emit_file(__u32 index)
{
	struct scratch *s = scratch_at(index);
	__u32 offset = HEAD + FIELD + sizeof(struct fb_task);
	int watched = 0;

	if (!s)
		return 0;
	s->facts.file.tid = bpf_get_current_pid_tgid();
	*(struct fb_file *)record_at(s, offset + FIELD) = s->facts.file;
	offset = put_frame(s, offset, FB_F_FILE, 0, sizeof(struct fb_file));
	offset = put_named(s, index, offset, FB_F_PATH, 0, &watched);
	if (s->facts.file.op == FB_FILE_RENAMED)
		offset = put_named(s, index, offset, FB_F_OLD_PATH, 1, &watched);
	if (s->facts.file.op == FB_FILE_CREATED && s->facts.other.given)
		offset = put_named(s, index, offset, FB_F_LINK_TARGET, 1, &watched);
	if (!watched) {
		count(FB_C_FILTERED + FB_FILE);
		return 0;
	}
	count(FB_C_RESERVED + FB_FILE);
	s->hinted = 0;
	s->unread = unread_bytes();
	if (is_crowded(s->unread)) {
		count(FB_C_LOST + FB_FILE);
		return 0;
	}
	offset = put_link_text(index, offset);
	offset = put_file_inode(index, offset);
	put_head(s, FB_FILE, bpf_ktime_get_boot_ns());
	put_actor(index);
	write_record(s, FB_FILE, offset);
	return 0;
}

/* A slot for a record of that operation, its facts empty. index: of the slot, for end_file. 0: counted as lost. */
static __always_inline struct scratch *begin_file(__u32 op, __u32 *index)
{
	struct scratch *s;

	*index = scratch_index(SCRATCH_FILE);
	s = scratch_claim(*index);
	if (!s) {
		*index = scratch_index(SCRATCH_SPARE);
		s = scratch_claim(*index);
	}
	if (!s) {
		count_lost(FB_FILE);
		count(FB_C_NO_SCRATCH + FB_FILE);
		return 0;
	}
	s->facts = (struct file_facts){};
	s->facts.file.op = op;
	return s;
}

static __always_inline void end_file(struct scratch *s, __u32 index)
{
	emit_file(index);
	scratch_release(s);
}

/* ---- files that are opened, and closed after they were written ---- */

struct opened { __u64 mtime_ns, ctime_ns, size, position; __u32 mode, cut; };

/* By the file's address: those that may be written. What is not closed any more goes when there is no more room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FB_OPENED);
	__type(key, __u64);
	__type(value, struct opened);
} fb_opened SEC(".maps");

static __always_inline void emit_opened(struct file *file, struct inode *inode, __u32 op)
{
	__u32 index;
	struct scratch *s = begin_file(op, &index);

	if (!s)
		return;
	s->facts.path.mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
	s->facts.path.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	s->facts.inode = (__u64)inode;
	end_file(s, index);
}

static __always_inline void remember_opened(struct file *file, struct inode *inode, __u32 mode, __u32 cut)
{
	__u64 key = (__u64)file;
	struct opened opened = {
		.mtime_ns = MTIME_AT(inode),
		.ctime_ns = CTIME_AT(inode),
		.size = BPF_CORE_READ(inode, i_size),
		.position = BPF_CORE_READ(file, f_pos),
		.mode = mode,
		.cut = cut,
	};

	bpf_map_update_elem(&fb_opened, &key, &opened, BPF_ANY);
}

/* An open that succeeded; flags: those of open(2), as far as they are known. */
static __always_inline void on_opened(struct file *file, __u32 flags)
{
	__u32 mode = BPF_CORE_READ(file, f_mode);
	struct inode *inode;

	if (!(mode & (FMODE_CREATED | FMODE_WRITE)))
		return;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG)
		return;
	if (BPF_CORE_READ(file, f_flags) & O_TMPFILE_BIT)
		return;
	if (mode & FMODE_CREATED && is_wanted_op(FB_FILE_CREATED))
		emit_opened(file, inode, FB_FILE_CREATED);
	if (mode & FMODE_WRITE && is_wanted_op(FB_FILE_MODIFIED))
		remember_opened(file, inode, mode, flags & O_TRUNC && !(mode & FMODE_CREATED));
}

/* File systems stamp with a clock of ticks: a write in the tick of the one before shows in the size or in the position. Whoever sets
 * mtime back cannot set ctime. */
static __always_inline int was_written(const struct opened *before, struct file *file, struct inode *inode)
{
	if (before->mode & FMODE_CREATED && !BPF_CORE_READ(inode, i_size))
		return 0; /* as touch does it, which sets the time, too */
	if (before->cut || before->mtime_ns != MTIME_AT(inode) || before->ctime_ns != CTIME_AT(inode) ||
	    before->size != BPF_CORE_READ(inode, i_size))
		return 1;
	return !(before->mode & FMODE_READ) && before->position != BPF_CORE_READ(file, f_pos);
}

/* The last holder lets go of a file. stays: or does not, and what it writes from now on is told again. */
static __always_inline void on_closing(struct file *file, __u32 stays)
{
	__u64 key = (__u64)file;
	struct opened *found, opened;
	struct inode *inode;

	if (!(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return;
	found = bpf_map_lookup_elem(&fb_opened, &key);
	if (!found)
		return;
	opened = *found;
	inode = BPF_CORE_READ(file, f_inode);
	if (stays)
		remember_opened(file, inode, opened.mode, 0);
	else
		bpf_map_delete_elem(&fb_opened, &key);
	if (was_written(&opened, file, inode) && BPF_CORE_READ(inode, i_nlink))
		emit_opened(file, inode, FB_FILE_MODIFIED);
}

#endif
