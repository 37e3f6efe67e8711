/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which system calls can give a record: in, the registers at a call and the task that makes it; out, the kind of the record
 * and, of a kind that several calls give, which of them it is. All ways into the kernel are known: 64 bits, x32 (but ptrace, recvfrom
 * and recvmsg, which have other numbers there), and the 32-bit programs that a 64-bit kernel runs, whose numbers are those of i386
 * and of 32-bit ARM, alike up to the three hundreds.
 */
#ifndef FOREBEAR_SYSCALLS_BPF_H
#define FOREBEAR_SYSCALLS_BPF_H

#include <asm/unistd.h>
#include "kernel_types.h"
#include "wire.h"

#if defined(__TARGET_ARCH_x86)
#define X32_BIT 0x40000000u
#define TS_COMPAT 2

static __always_inline __u32 number_of(struct pt_regs *regs)
{
	return (__u32)regs->orig_ax & ~X32_BIT;
}

static __always_inline int is_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22

static __always_inline __u32 number_of(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline int is_compat(struct task_struct *task)
{
	return task->thread_info.flags >> TIF_32BIT & 1;
}
#endif

/* What a call does with files, whatever its number. Those from FILE_CLOSE on are looked at before they run, the others after.
 * open_by_handle_at has its flags where openat has them. */
enum file_call {
	FILE_OPEN = 1, FILE_OPENAT, FILE_OPENAT2, FILE_CREAT, FILE_MKNOD, FILE_MKNODAT, FILE_LINK, FILE_LINKAT, FILE_SYMLINK,
	FILE_SYMLINKAT, FILE_RENAME, FILE_RENAMEAT, FILE_RENAMEAT2, FILE_UNLINK, FILE_UNLINKAT, FILE_RMDIR, FILE_TRUNCATE,
	FILE_CLOSE, FILE_DUP2, FILE_CLOSE_RANGE
};
/* Calls by which an answer of a name server can come. */
enum lookup_call { LOOKUP_READ = 1, LOOKUP_RECVFROM, LOOKUP_RECVMSG };
#define CALL_SHIFT 8 /* kind | what << CALL_SHIFT */
#define CALL_KIND 255
#define A_FILE(call) (FB_FILE | (call) << CALL_SHIFT)
#define A_CALL(call) (FB_CALL | (call) << CALL_SHIFT)
#define A_LOOKUP(call) (FB_LOOKUPS | (call) << CALL_SHIFT)
#define AN_ACCEPT(by_socketcall) (FB_ACCEPTS | (by_socketcall) << CALL_SHIFT)

/* 0 for all calls but these. setgroups and capset change no id. */
static __always_inline int kind_of_call(__u32 number)
{
	switch (number) {
	case __NR_setsid:
		return FB_SESSION;
	case __NR_setuid: case __NR_setreuid: case __NR_setresuid: case __NR_setfsuid:
	case __NR_setgid: case __NR_setregid: case __NR_setresgid: case __NR_setfsgid:
		return FB_CREDENTIALS;
#ifdef __NR_open
	case __NR_open: return A_FILE(FILE_OPEN);
	case __NR_creat: return A_FILE(FILE_CREAT);
	case __NR_mknod: return A_FILE(FILE_MKNOD);
	case __NR_link: return A_FILE(FILE_LINK);
	case __NR_symlink: return A_FILE(FILE_SYMLINK);
	case __NR_rename: return A_FILE(FILE_RENAME);
	case __NR_unlink: return A_FILE(FILE_UNLINK);
	case __NR_rmdir: return A_FILE(FILE_RMDIR);
	case __NR_dup2: return A_FILE(FILE_DUP2);
#endif
#ifdef __NR_renameat
	case __NR_renameat: return A_FILE(FILE_RENAMEAT);
#endif
	case __NR_openat: case __NR_open_by_handle_at: return A_FILE(FILE_OPENAT);
	case __NR_openat2: return A_FILE(FILE_OPENAT2);
	case __NR_mknodat: return A_FILE(FILE_MKNODAT);
	case __NR_linkat: return A_FILE(FILE_LINKAT);
	case __NR_symlinkat: return A_FILE(FILE_SYMLINKAT);
	case __NR_renameat2: return A_FILE(FILE_RENAMEAT2);
	case __NR_unlinkat: return A_FILE(FILE_UNLINKAT);
	case __NR_truncate: return A_FILE(FILE_TRUNCATE);
	case __NR_close: return A_FILE(FILE_CLOSE);
	case __NR_dup3: return A_FILE(FILE_DUP2);
	case __NR_close_range: return A_FILE(FILE_CLOSE_RANGE);
	case __NR_accept: case __NR_accept4: return AN_ACCEPT(0);
	case __NR_read: return A_LOOKUP(LOOKUP_READ);
	case __NR_recvfrom: return A_LOOKUP(LOOKUP_RECVFROM);
	case __NR_recvmsg: return A_LOOKUP(LOOKUP_RECVMSG);
	case __NR_memfd_create: return A_CALL(FB_CALL_MEMFD_CREATE);
	case __NR_ptrace: return A_CALL(FB_CALL_PTRACE);
	case __NR_shmget: return A_CALL(FB_CALL_SHMGET);
	}
	return 0;
}

#if defined(__TARGET_ARCH_x86)
#define COMPAT(i386, arm) (i386)
#else
#define COMPAT(i386, arm) (arm)
#endif

static __always_inline int kind_of_compat_call(__u32 number)
{
	switch (number) {
	case 66:
		return FB_SESSION;
	case 23: case 70: case 164: case 138: /* ids of 16 bits; order as above */
	case 46: case 71: case 170: case 139:
	case 213: case 203: case 208: case 215: /* of 32 */
	case 214: case 204: case 210: case 216:
		return FB_CREDENTIALS;
	case 5: return A_FILE(FILE_OPEN);
	case 8: return A_FILE(FILE_CREAT);
	case 14: return A_FILE(FILE_MKNOD);
	case 9: return A_FILE(FILE_LINK);
	case 83: return A_FILE(FILE_SYMLINK);
	case 38: return A_FILE(FILE_RENAME);
	case 10: return A_FILE(FILE_UNLINK);
	case 40: return A_FILE(FILE_RMDIR);
	case COMPAT(295, 322): case COMPAT(342, 371): return A_FILE(FILE_OPENAT);
	case 437: return A_FILE(FILE_OPENAT2);
	case COMPAT(297, 324): return A_FILE(FILE_MKNODAT);
	case COMPAT(303, 330): return A_FILE(FILE_LINKAT);
	case COMPAT(304, 331): return A_FILE(FILE_SYMLINKAT);
	case COMPAT(302, 329): return A_FILE(FILE_RENAMEAT);
	case COMPAT(353, 382): return A_FILE(FILE_RENAMEAT2);
	case COMPAT(301, 328): return A_FILE(FILE_UNLINKAT);
	case 92: case 193: return A_FILE(FILE_TRUNCATE);
	case 6: return A_FILE(FILE_CLOSE);
	case 63: case COMPAT(330, 358): return A_FILE(FILE_DUP2);
	case 436: return A_FILE(FILE_CLOSE_RANGE);
	case COMPAT(364, 366): return AN_ACCEPT(0);
	case COMPAT(102, 285): return AN_ACCEPT(COMPAT(1, 0));
	case 3: return A_LOOKUP(LOOKUP_READ);
	case COMPAT(371, 292): return A_LOOKUP(LOOKUP_RECVFROM);
	case COMPAT(372, 297): return A_LOOKUP(LOOKUP_RECVMSG);
	case COMPAT(356, 385): return A_CALL(FB_CALL_MEMFD_CREATE);
	case 26: return A_CALL(FB_CALL_PTRACE);
	case COMPAT(395, 307): return A_CALL(FB_CALL_SHMGET);
	}
	return 0;
}

/* The arguments of a call, which the registers hold until it returns (but for the first on arm64, of which there is a copy). */
struct call_args { __u64 at[5]; };

static __always_inline void read_args(struct call_args *args, struct pt_regs *regs, int compat)
{
#if defined(__TARGET_ARCH_x86)
	args->at[0] = compat ? (__u32)regs->bx : regs->di;
	args->at[1] = compat ? (__u32)regs->cx : regs->si;
	args->at[2] = compat ? (__u32)regs->dx : regs->dx;
	args->at[3] = compat ? (__u32)regs->si : regs->r10;
	args->at[4] = compat ? (__u32)regs->di : regs->r8;
#elif defined(__TARGET_ARCH_arm64)
	args->at[0] = regs->orig_x0;
	args->at[1] = regs->regs[1];
	args->at[2] = regs->regs[2];
	args->at[3] = regs->regs[3];
	args->at[4] = regs->regs[4];
#endif
}

/* The same of registers that are no typed pointer. */
static __always_inline void read_args_at(struct call_args *args, struct pt_regs *regs, int compat)
{
#if defined(__TARGET_ARCH_x86)
	args->at[0] = compat ? (__u32)BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);
	args->at[1] = compat ? (__u32)BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si);
	args->at[2] = compat ? (__u32)BPF_CORE_READ(regs, dx) : BPF_CORE_READ(regs, dx);
	args->at[3] = compat ? (__u32)BPF_CORE_READ(regs, si) : BPF_CORE_READ(regs, r10);
	args->at[4] = compat ? (__u32)BPF_CORE_READ(regs, di) : BPF_CORE_READ(regs, r8);
#elif defined(__TARGET_ARCH_arm64)
	args->at[0] = BPF_CORE_READ(regs, orig_x0);
	args->at[1] = BPF_CORE_READ(regs, regs[1]);
	args->at[2] = BPF_CORE_READ(regs, regs[2]);
	args->at[3] = BPF_CORE_READ(regs, regs[3]);
	args->at[4] = BPF_CORE_READ(regs, regs[4]);
#endif
}

#endif
