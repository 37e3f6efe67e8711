/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel's structs as far as the programs read them: names and types of members, not their places. CO-RE
 * (preserve_access_index) finds the places on the running kernel when the object is loaded. A name with ___ is a flavour: the
 * same struct as other kernels lay it out; guard its use with bpf_core_field_exists.
 * Read from Linux 5.10, 6.1, 6.12, 6.18 and 7.2. Written by hand and kept small on purpose: no generated vmlinux.h.
 */
#ifndef FOREBEAR_KERNEL_TYPES_H
#define FOREBEAR_KERNEL_TYPES_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;
typedef struct { int counter; } atomic_t;
typedef struct { __s64 counter; } atomic64_t;

struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };
struct hlist_bl_node { struct hlist_bl_node *next, **pprev; };

/* ---- files ---- */

struct super_block { __u32 s_dev; };
struct timespec64 { __s64 tv_sec; long tv_nsec; };

struct inode {
	__u16 i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	long long i_size;
	/* from 6.11 */
	__s64 i_mtime_sec, i_ctime_sec;
	__u32 i_mtime_nsec, i_ctime_nsec;
};
struct inode___mtime { struct timespec64 i_mtime; };     /* to 6.6 */
struct inode___ctime { struct timespec64 i_ctime; };     /* to 6.5 */
struct inode___dunder_mtime { struct timespec64 __i_mtime; }; /* 6.7 .. 6.10 */
struct inode___dunder_ctime { struct timespec64 __i_ctime; }; /* 6.6 .. 6.10 */

struct qstr { __u32 hash, len; const unsigned char *name; };
struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};
struct vfsmount { struct dentry *mnt_root; };
struct vfsmount___users { void *mnt_userns; }; /* 5.12 .. 6.1 */
struct vfsmount___ids { void *mnt_idmap; };    /* from 6.2 */
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file_ref { struct { __s64 counter; } refcnt; };
struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags, f_mode;
	long long f_pos;
	void *private_data;
	struct file_ref f_ref; /* from 6.13; 0: one holder */
};
struct file___count { atomic64_t f_count; }; /* to 6.12; 1: one holder */
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { atomic_t count; struct fdtable *fdt; };
struct fs_struct { struct path root, pwd; };

struct linux_binprm {
	struct file *file;
	int argc;
	const char *filename, *interp;
};

/* ---- sockets ---- */

struct in6_addr { __u32 in6_u[4]; };
struct sock_common {
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport;
	unsigned short skc_family;
	unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	unsigned long skc_flags;
};
struct sock {
	struct sock_common __sk_common;
	__u8 sk_shutdown;
	__u16 sk_protocol;
	int sk_err;
};
struct inet_sock { __u16 inet_sport; };
struct tcp_sock { __u64 bytes_sent, bytes_retrans, bytes_received; __u32 write_seq, snd_nxt; };
struct socket { struct sock *sk; };
struct proto_accept_arg { int flags; }; /* from 6.10 */

/* ---- namespaces and cgroups ---- */

struct ns_common { unsigned int inum; };
struct pid_namespace { struct ns_common ns; };
struct mnt_namespace { struct ns_common ns; };
struct user_namespace { struct ns_common ns; };
struct net { struct ns_common ns; };
struct nsproxy { struct mnt_namespace *mnt_ns; struct net *net_ns; };

struct kernfs_node { struct kernfs_node *__parent; const char *name; };
struct kernfs_node___parent { struct kernfs_node *parent; }; /* to 6.14 */
struct cgroup { struct kernfs_node *kn; };
struct cgroup_subsys_state { struct cgroup *cgroup; };
enum cgroup_subsys_id { memory_cgrp_id, pids_cgrp_id, cpu_cgrp_id }; /* values: the running kernel's */
struct css_set { struct cgroup_subsys_state *subsys[16]; struct cgroup *dfl_cgrp; };

/* ---- tasks ---- */

enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };
struct upid { int nr; struct pid_namespace *ns; };
struct pid { unsigned int level; struct hlist_head tasks[4]; struct upid numbers[1]; };

struct tty_driver { int major, minor_start; };
struct tty_struct { int index; struct tty_driver *driver; };

#define SIGNAL_GROUP_EXIT 4
struct signal_struct {
	atomic_t live;
	int nr_threads;
	int group_exit_code;
	unsigned int flags;
	struct pid *pids[4];
	struct tty_struct *tty;
};

struct group_info { int ngroups; kgid_t gid[0]; };
struct cred {
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	/* {u32 cap[2]} to 6.2, {u64 val} after: the same 8 bytes, low word first, where integers are little-endian */
	struct { __u64 val; } cap_permitted, cap_effective;
	struct user_namespace *user_ns;
	struct group_info *group_info;
};

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

struct thread_info {
	unsigned long flags;
	__u32 status; /* x86 */
};

#define PF_KTHREAD 0x00200000
struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	unsigned int in_execve : 1;
	struct mm_struct *mm;
	int exit_code;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	__u64 start_boottime;
	__u64 self_exec_id; /* counts the execs of the task */
	const struct cred *real_cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
};

/* ---- what programs are called with ---- */

/* Registers at a system call: its number and arguments. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs { unsigned long orig_ax, bx, cx, dx, si, di, r8, r10; };
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs { __u64 regs[31]; __u64 orig_x0; __s32 syscallno; };
#endif

struct module { char name[1]; };
struct bpf_map {
	__u32 max_entries, id;
	atomic64_t refcnt, usercnt;
};
struct user_struct { kuid_t uid; };
struct bpf_prog_aux {
	__u32 id;
	struct user_struct *user;
	__u64 load_time;
	char name[16];
	const char *attach_func_name;
};
enum bpf_prog_type;
struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
};
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__bpf_map { struct bpf_iter_meta *meta; struct bpf_map *map; };
struct bpf_iter__bpf_prog { struct bpf_iter_meta *meta; struct bpf_prog *prog; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

#pragma clang attribute pop

/* From 6.16 the tracepoint says itself whether the whole group is dead. */
typedef void (*btf_trace_sched_process_exit___group_dead)(void *, struct task_struct *, _Bool);

#endif
