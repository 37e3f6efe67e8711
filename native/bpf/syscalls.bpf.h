/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which system calls can change a process's session or its ids: in, the registers at a call and the task that makes it; out,
 * the kind of record that it may give. All ways into the kernel are known: 64 bits, x32, and the 32-bit programs that a
 * 64-bit kernel runs, whose numbers are those of i386 and of 32-bit ARM alike.
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

/* FB_SESSION, FB_CREDENTIALS, or 0 for all other calls. setgroups and capset change no id. */
static __always_inline int kind_of_call(__u32 number)
{
	switch (number) {
	case __NR_setsid:
		return FB_SESSION;
	case __NR_setuid: case __NR_setreuid: case __NR_setresuid: case __NR_setfsuid:
	case __NR_setgid: case __NR_setregid: case __NR_setresgid: case __NR_setfsgid:
		return FB_CREDENTIALS;
	}
	return 0;
}

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
	}
	return 0;
}

#endif
