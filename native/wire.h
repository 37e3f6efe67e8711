/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The wire contract between the BPF programs (native/bpf/), the reader thread (the addon) and the decoder
 * (src/sensor/decode.ts). One message of the ring buffer is one record:
 *
 *   struct fb_head | field | field | ...          all integers little-endian, everything 8-byte aligned
 *   field = struct fb_field | payload | zero padding to 8
 *
 * A reader skips fields and kinds that it does not know (and counts unknown kinds); a layout of an existing struct
 * never changes: it only grows at its end, and fb_field.length says how much of it is there.
 * If you change this, also change src/sensor/decode.ts; test/sensor holds golden bytes of every version.
 */
#ifndef FOREBEAR_WIRE_H
#define FOREBEAR_WIRE_H

#define FB_WIRE_VERSION 1

/* Caps in bytes. Records of 32 KiB arguments, 8 KiB environment and four paths fit into FB_RECORD_MAX. */
#define FB_PATH_MAX 4096
#define FB_ARGS_MAX 32768
#define FB_ENV_MAX 8192
#define FB_GROUPS_MAX 64 /* supplementary groups carried; fb_task.ngroups has the true count */
#define FB_RECORD_MAX 65536

enum fb_kind {
	FB_EXEC = 1, /* a new image runs; FB_F_TASK is the process after the exec */
	FB_FORK = 2, /* a new process (not a thread); FB_F_TASK is the child, FB_F_CREATOR who called fork */
	FB_EXIT = 3, /* the last thread is gone; FB_F_TASK, FB_F_EXIT */
	FB_TASK = 4, /* found alive at start-up by iter/task; FB_F_TASK, FB_F_EXE, FB_F_PARENT_EXE */
	FB_SESSION = 5, /* setsid(2) made a session; FB_F_TASK after it */
	FB_CREDENTIALS = 6, /* a thread's user or group ids changed, but by an exec; FB_F_TASK after it, FB_F_CREDENTIALS, FB_F_GROUPS */
	FB_FILE = 7,    /* a file came, went or was renamed; FB_F_TASK who did it, FB_F_FILE, FB_F_PATH, FB_F_FILE_INODE */
	FB_NETWORK = 8, /* TCP; FB_F_TASK the process that began or took the connection, as it was then; FB_F_NETWORK */
	FB_CALL = 9,    /* a system call that rules name; FB_F_TASK who called, FB_F_CALL, FB_F_NAME, FB_F_PATH */
	FB_KINDS = 10 /* one past the last */
};

/* What is wanted by itself, as its source is another one than that of its kind: of FB_NETWORK what is accepted
 * and lookups, of FB_CALL modules. */
enum fb_wanted { FB_ACCEPTS = 16, FB_MODULES = 17, FB_LOOKUPS = 18 };

struct fb_head {
	__u32 length;  /* of the whole record, head included, a multiple of 8 */
	__u8 version;  /* FB_WIRE_VERSION */
	__u8 kind;     /* enum fb_kind */
	__u16 cpu;     /* CPU that wrote it */
	__u64 boot_ns; /* CLOCK_BOOTTIME when the program ran; taken before the reservation: not the order */
};

/* fb_field.flags */
#define FB_TRUNCATED 1 /* the source was longer than what is carried */
#define FB_FAULT 2     /* the source could not be read (in part): carried is what could */
#define FB_DELETED 4   /* FB_F_EXE only: the file has no link left, or the name it was opened by is gone */
#define FB_UNREACHABLE 8 /* paths: does not lie under the task's root; carried is the path from its own mount tree's root */
#define FB_AS_GIVEN 16   /* paths of FB_FILE: the text of the call, after the folder that it goes by: symbolic links, dots and double slashes are still in it */

struct fb_field {
	__u16 id; /* enum fb_field_id */
	__u16 flags;
	__u32 length; /* of the payload, without padding */
};

enum fb_field_id {
	FB_F_TASK = 1,       /* struct fb_task */
	FB_F_CREATOR = 2,    /* struct fb_creator */
	FB_F_EXIT = 3,       /* struct fb_exit */
	FB_F_EXE = 4,        /* resolved path of the executable, relative to the task's root, no NUL */
	FB_F_EXE_INODE = 5,  /* struct fb_inode */
	FB_F_FILENAME = 6,   /* bprm->filename as the caller gave it, no NUL */
	FB_F_INTERP = 7,     /* bprm->interp where it differs from filename, no NUL */
	FB_F_CWD = 8,        /* no NUL */
	FB_F_ARGS = 9,       /* mm->arg_start..arg_end: each argument ends in NUL (the last one perhaps not, if cut) */
	FB_F_ENV = 10,       /* mm->env_start..env_end, likewise */
	FB_F_CGROUP = 11,    /* cgroup v2 (or first hierarchy's) path, no NUL */
	FB_F_PARENT_EXE = 12,/* executable of real_parent at this moment, no NUL; absent for kernel threads and for a parent that leaves */
	FB_F_GROUPS = 13,    /* __u32[] supplementary group ids */
	FB_F_CREDENTIALS = 14, /* struct fb_credentials */
	FB_F_FILE = 15,       /* struct fb_file */
	FB_F_PATH = 16,       /* after the operation, relative to the task's root, no NUL */
	FB_F_OLD_PATH = 17,   /* renames: before it */
	FB_F_LINK_TARGET = 18,/* symbolic links: as given; hard links: the path that was linked */
	FB_F_FILE_INODE = 19, /* struct fb_inode, after the operation; of a deletion before it */
	FB_F_NETWORK = 20,    /* struct fb_network */
	FB_F_CALL = 21,       /* struct fb_call */
	FB_F_NAME = 22,        /* memfd_create: the name as given; module: its name; no NUL */
	FB_F_MESSAGE = 23     /* lookups: the message as DNS has it, its first 512 bytes */
};

/*
 * Ids are those of the initial pid and user namespace. A time of 0 means: there is no such task.
 * The parent of an FB_EXEC is that of this moment. An exec releases a vfork parent before it is reported, so that a parent which
 * then ends at once may have been replaced by whoever inherits its children (3 % of 3000 tried), as one that forks and does not
 * wait may have been at any time. Who made the process is in its FB_FORK.
 */
struct fb_task {
	__u64 start_ns;          /* start_boottime of the group leader: with tgid the key of the process */
	__u64 parent_start_ns;   /* of group_leader->real_parent's group leader */
	__u64 session_start_ns;  /* of the session leader, 0 when it has left */
	__u64 pgroup_start_ns;   /* of the process group leader, 0 when it has left */
	__u64 cap_permitted;
	__u64 cap_effective;
	__u32 tgid;
	__u32 ppid;
	__u32 pgid;
	__u32 sid;
	__u32 uid, euid, suid;
	__u32 gid, egid, sgid;
	__u32 tty_major, tty_minor; /* 0,0: no controlling terminal */
	__u32 pid_ns, mnt_ns, user_ns, net_ns; /* inode numbers */
	__u32 argc;              /* bprm->argc; exec only */
	__u32 ngroups;           /* true count of supplementary groups */
	__u32 flags;             /* FB_TASK_* */
	__u32 arg_bytes;         /* true size of the argument area; exec only */
	char comm[16];           /* NUL-terminated */
};
#define FB_TASK_KTHREAD 1
#define FB_TASK_SETUID 2 /* exec of a set-user-id file took effect or could have */
#define FB_TASK_SETGID 4
#define FB_TASK_MEMFD 8  /* the executable is an anonymous memory file */
#define FB_TASK_SCRIPT 16 /* #!: interp differs from filename */

struct fb_creator {
	__u64 start_ns;
	__u32 tgid;
	__u32 tid;
};

struct fb_exit {
	__u64 end_ns;
	__u32 code;   /* as wait(2) shows it: status << 8 | signal */
	__u32 pad;
};

/* At least one of the eight differs from what it is after the change: there it is as in fb_task, new_fsuid and new_fsgid. */
struct fb_credentials {
	__u32 uid, euid, suid, fsuid; /* before it */
	__u32 gid, egid, sgid, fsgid;
	__u32 new_fsuid, new_fsgid;
	__u32 tid;    /* the thread: credentials are each thread's own, and libc changes those of all threads one by one */
	__u32 pad;
};

enum fb_file_op {
	FB_FILE_CREATED = 1,  /* open with O_CREAT that made it, mknod, link, symlink, linkat of an O_TMPFILE; not directories */
	FB_FILE_RENAMED = 2,  /* FB_F_OLD_PATH; RENAME_EXCHANGE writes two records */
	FB_FILE_DELETED = 3,  /* the name is gone (the file perhaps not: nlink) */
	FB_FILE_MODIFIED = 4  /* a file that was open for writing and was written to was closed, or it was truncated by name */
};

struct fb_file {
	__u32 op;             /* enum fb_file_op */
	__u32 flags;          /* FB_FILE_* below */
	__u32 tid;
	__u32 replaced_nlink; /* renames onto a file: its links before; 0 without one */
};
#define FB_FILE_HARD_LINK 1
#define FB_FILE_SYMLINK 2
#define FB_FILE_SPECIAL 4   /* device, socket, fifo */
#define FB_FILE_TMPFILE 8   /* got its name by linkat of an O_TMPFILE */
#define FB_FILE_EXCHANGE 16
#define FB_FILE_DIRECTORY 64 /* renames and deletions of a directory */

enum fb_network_op {
	FB_NET_ATTEMPTED = 1, /* connect(2) of TCP, whatever came of it */
	FB_NET_ACCEPTED = 2,
	FB_NET_DISCONNECTED = 3, /* an established connection was closed */
	FB_NET_LOOKUP = 4 /* UDP: the answer of a name server (remote) was received; FB_F_TASK who received it, FB_F_MESSAGE */
};

struct fb_network {
	__u8 local[16], remote[16]; /* network order; IPv4 in the first four bytes; an IPv4-mapped address as IPv4 */
	__u64 cookie;               /* of the connection: joins its records */
	__u64 sent, received;       /* bytes, disconnects only */
	__u16 local_port, remote_port; /* host order */
	__u16 family;               /* 2 or 10, after mapping */
	__u8 op;                    /* enum fb_network_op */
	__u8 protocol;              /* 6; of lookups 17 */
	__s32 result;               /* attempts: 0 or -errno (-115: in progress, or given up) */
	__u32 tid;
	__u32 flags;                /* FB_NET_* below */
	__u32 pad;
};
#define FB_NET_INGRESS 1 /* the other side began it */
#define FB_NET_UNKNOWN 2 /* nobody was seen to begin it; FB_F_TASK is who closed it */

enum fb_call_number { FB_CALL_MEMFD_CREATE = 1, FB_CALL_PTRACE = 2, FB_CALL_SHMGET = 3, FB_CALL_LOAD_MODULE = 4 };

struct fb_call {
	__u64 args[3];         /* memfd_create: flags; ptrace: request, pid, address; shmget: key, size, flags; modules: none */
	__u64 target_start_ns; /* not filled */
	__u32 call;            /* enum fb_call_number */
	__u32 tid;
	__u32 target_tgid;     /* not filled: the target is known by the pid that the caller gave */
	__s32 result;
};

struct fb_inode {
	__u64 ino, size;
	__u64 mtime_ns, ctime_ns;
	__u32 dev_major, dev_minor;
	__u32 mode, nlink;
	__u32 uid, gid;
};

/* ---- what user space and the programs share beside the ring ----
 *
 * Programs:  fb_exec (tp_btf/sched_process_exec), fb_fork (tp_btf/sched_process_fork), fb_exit (tp_btf/sched_process_exit),
 *            fb_task (iter/task).
 *            fb_exec_again, fb_fork_again, fb_exit_again, loaded where programs can be preempted: each takes what the kernel
 *            skipped the first for, so a record is lost in recursion_misses only when both have one: at most the lesser of
 *            their two counts.
 *            Loaded where wanted, by what the kernel allows (native/sources.h): for FB_SESSION fb_session (fexit/ksys_setsid),
 *            for FB_CREDENTIALS fb_credentials (fentry/commit_creds), before 5.11 those named _5_10, else fb_sys_enter and
 *            fb_sys_exit (tp_btf), which run at every system call. For FB_FILE those of file_hooks.bpf.h, else the same two and
 *            fb_exit_files (tp_btf/sched_process_exit). For FB_NETWORK fb_sock_state and fb_sock_retry (tp_btf); set max_entries of
 *            fb_connections. For FB_ACCEPTS fb_accepted, for FB_CALL fb_memfd, fb_ptrace and fb_shmget and the same named _32, else
 *            fb_sys_exit; for FB_MODULES fb_module (tp_btf), for FB_LOOKUPS fb_sys_read, fb_sys_recvfrom and fb_sys_recvmsg, else
 *            fb_sys_exit.
 * fb_task writes the same records with bpf_seq_write: read(2) them from the iterator's fd, whole records back to back (a
 * read may end in the middle of one). It lists the processes of the reader's pid namespace.
 *
 * Maps:      "fb_ring"     RINGBUF; set max_entries (a power of two) before load.
 *            "fb_counters" PERCPU_ARRAY, see below.
 *            "fb_hints"    HASH, see below.
 *            "fb_scratch"  ARRAY; set max_entries = (highest possible CPU + 1) * FB_SCRATCH_SLOTS before load.
 *            "fb_places", "fb_unwatched": see below; filled before the programs are attached.
 *            "fb_exited", "fb_before", "fb_opened" (FB_OPENED), "fb_connections" LRU_HASH, "fb_taken", "fb_asked" (FB_ASKED) ARRAY:
 *            the programs' own; those of FB_FILE may be made small before load where that is not wanted.
 * Rodata (.rodata, between open and load), all __u32: fb_args_max (<= FB_ARGS_MAX), fb_env_max (<= FB_ENV_MAX),
 *            fb_wake_bytes, fb_scratch_slots (FB_SCRATCH_SLOTS), fb_twice (1: those named _again are
 *            loaded), fb_by_syscall (1 << kind of those that come from system calls), fb_file_ops (1 << enum fb_file_op of those that
 *            are wanted), fb_unwatched_lengths, fb_own_tgid (whose own files are not told of; 0: nobody), fb_asked_key (secret, odd).
 * Section ".data.control" (an ARRAY map of one struct fb_control, mmap-able): "fb_control".
 */

/* Each program that builds a record in scratch has a slot of its own on every CPU. The kernel never runs one program twice
 * at once on a CPU (it counts that in recursion_misses), and whichever other program preempts it has another slot; only
 * fb_task, which runs at start-up, fb_exec_again, which hardly ever has anything to do, and the programs of FB_CREDENTIALS,
 * which change rarely, share one. Those of FB_FILE have the third, and take the shared one where one of them was preempted in it. */
#define FB_SCRATCH_SLOTS 3

/* Map "fb_counters": PERCPU_ARRAY of FB_COUNTERS entries of __u64. reserved = every record the programs wanted to write,
 * lost = those of them that found no room (or no scratch slot). Per kind: index = base + kind. For FB_TASK a record counts
 * once it is in the seq file: the kernel runs the program again for a task that found no room. */
#define FB_C_RESERVED 0
#define FB_C_LOST 32
#define FB_C_NO_SCRATCH 64 /* included in lost */
#define FB_C_FILTERED 96 /* not written, as its path is not one of fb_places: neither in reserved nor in lost */
#define FB_COUNTERS 128

/* Map "fb_places": LPM_TRIE of up to FB_PLACES_MAX, key struct fb_place, value __u32: what the longest prefix of a path says of
 * it. No prefix: it is not watched. Map "fb_unwatched": HASH, key char[FB_UNWATCHED_NAME], NUL-padded: what is in a folder of that
 * name is not watched; fb_unwatched_lengths has 1 << length for each. */
#define FB_ASKED 32768
#define FB_OPENED 16384
#define FB_PLACE_MAX 60
#define FB_PLACES_MAX 1024
#define FB_UNWATCHED_NAME 16
#define FB_UNWATCHED_MAX 64
struct fb_place {
	__u32 bits; /* of the path that count: 8 * length */
	char path[FB_PLACE_MAX];
};
#define FB_PLACE_WATCHED 1
#define FB_PLACE_DOT 2       /* only /prefix/NAME/.NAME and what is in it; value >> FB_PLACE_SHIFT: length of the prefix */
#define FB_PLACE_SHIFT 8

/* Map "fb_hints": HASH of up to FB_HINTS_MAX, key char[FB_HINT_MAX]: basename of the resolved executable (a script's
 * interpreter), its first FB_HINT_MAX - 1 bytes, NUL-padded; value __u8. Such a record wakes the reader, and it
 * alone may use the last quarter of the ring: when that much is unread, all others are refused and counted as lost. */
#define FB_HINT_MAX 64
#define FB_HINTS_MAX 1024

/* How the reader sleeps: store sleeping = 1 (sequentially consistent), look into the ring once more, and only if it is empty
 * wait on the ring's fd. The first record after that clears the flag and wakes. A program that committed its record just
 * before it saw the flag wakes with a discarded record (BPF_RINGBUF_DISCARD_BIT): skip such. Without the flag a record
 * wakes only on a hint or when fb_wake_bytes are unread, so a reader that is awake has to look by itself. */
struct fb_control {
	__u32 sleeping;
	__u32 pad;
};

/* What the iterators fb_maps and fb_progs write, back to back: every BPF map and program of this kernel. */
struct fb_map_row {
	__u64 refs;  /* of all kinds: files, programs, the iterator itself */
	__u32 users; /* file descriptors and pins */
	__u32 id;
};

#define FB_PROG_NAME 16
#define FB_HOOK_NAME 48
struct fb_prog_row {
	__u64 loaded_ns; /* CLOCK_BOOTTIME */
	__u32 id;
	__u32 type; /* enum bpf_prog_type */
	__u32 uid;  /* who loaded it */
	__u32 pad;
	char name[FB_PROG_NAME];
	char hook[FB_HOOK_NAME]; /* the function or tracepoint, of tracing programs; NUL-terminated */
};

#endif
