/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * System calls that rules name (FB_CALL): memfd_create, ptrace where it takes or changes a process, shmget; and kernel modules as
 * they are loaded. Modules have a tracepoint of the kernel's, which fires in the process that loads (FB_MODULES). The others come by
 * fexit of the functions that the table of system calls names, of both ways into the kernel, or where the kernel refuses trampolines
 * by sys_exit (by_syscall.bpf.h). Only calls that succeeded.
 */
#ifndef FOREBEAR_CALLS_BPF_H
#define FOREBEAR_CALLS_BPF_H

#include "actor.bpf.h"
#include "parts.bpf.h"
#include "syscalls.bpf.h"

#define PTRACE_POKETEXT 4
#define PTRACE_POKEDATA 5
#define PTRACE_POKEUSR 6 /* registers, one by one */
#define PTRACE_SETREGS 13
#define PTRACE_ATTACH 16
#define PTRACE_SETREGSET 0x4205
#define PTRACE_SEIZE 0x4206
#define MEMFD_NAME_MAX 256 /* with the NUL; the kernel takes 249 */
#define MODULE_NAME_MAX 64

static __always_inline int changes_another(__u64 request)
{
	switch (request) {
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
	case PTRACE_POKEUSR:
	case PTRACE_SETREGS:
	case PTRACE_ATTACH:
	case PTRACE_SETREGSET:
	case PTRACE_SEIZE:
		return 1;
	}
	return 0;
}

/* The arguments as the record has them; the name of a memfd (second, in user memory) and of a module (first, the kernel's) are read. */
__noinline int emit_call(__u32 call, __s32 result, __u64 first, __u64 second, __u64 third)
{
	__u64 name = call == FB_CALL_LOAD_MODULE ? first : call == FB_CALL_MEMFD_CREATE ? second : 0;
	__u32 index = scratch_index(SCRATCH_SPARE), offset = HEAD + FIELD + sizeof(struct fb_task);
	struct scratch *s = scratch_claim(index);
	struct fb_call *c;
	long length;

	count(FB_C_RESERVED + FB_CALL);
	if (!s) {
		count(FB_C_LOST + FB_CALL);
		count(FB_C_NO_SCRATCH + FB_CALL);
		return 0;
	}
	s->hinted = 0;
	s->unread = unread_bytes();
	put_head(s, FB_CALL, bpf_ktime_get_boot_ns());
	put_actor(index);
	c = record_at(s, offset + FIELD);
	*c = (struct fb_call){.call = call, .tid = bpf_get_current_pid_tgid(), .result = result};
	if (call != FB_CALL_LOAD_MODULE)
		c->args[0] = first;
	if (!name) {
		c->args[1] = second;
		c->args[2] = third;
	}
	offset = put_frame(s, offset, FB_F_CALL, 0, sizeof(*c));
	if (name) {
		void *to = record_at(s, offset + FIELD);

		length = call == FB_CALL_LOAD_MODULE ? bpf_probe_read_kernel_str(to, MODULE_NAME_MAX, (void *)name) :
						       bpf_probe_read_user_str(to, MEMFD_NAME_MAX, (void *)name);
		offset = put_frame(s, offset, FB_F_NAME, length < 1 ? FB_FAULT : 0, length < 1 ? 0 : length - 1);
	}
	write_record(s, FB_CALL, is_crowded(s->unread) ? 0 : offset);
	scratch_release(s);
	return 0;
}

static __always_inline void on_call(__u32 call, const struct call_args *args, long result)
{
	switch (call) {
	case FB_CALL_MEMFD_CREATE:
		emit_call(call, result, args->at[1], args->at[0], 0);
		break;
	case FB_CALL_PTRACE:
		if (changes_another(args->at[0]))
			emit_call(call, result, args->at[0], args->at[1], args->at[2]);
		break;
	case FB_CALL_SHMGET:
		emit_call(call, result, args->at[0], args->at[1], args->at[2]);
		break;
	}
}

static __always_inline void after_call(__u32 call, struct pt_regs *regs, int compat, long result)
{
	struct call_args args;

	read_args(&args, regs, compat);
	on_call(call, &args, result);
}

/* ---- modules ---- */

SEC("?tp_btf/module_load")
int fb_module(__u64 *ctx)
{
	struct module *module = (void *)address_in(ctx, 0);

	emit_call(FB_CALL_LOAD_MODULE, 0, (__u64)module->name, 0, 0);
	return 0;
}

/* ---- the functions of the table of system calls ---- */

#if defined(__TARGET_ARCH_x86)
#define NATIVE(name) "?fexit/__x64_sys_" #name
#define OTHER(name) "?fexit/__ia32_sys_" #name
#define OTHER_COMPAT(name) "?fexit/__ia32_compat_sys_" #name
#elif defined(__TARGET_ARCH_arm64)
#define NATIVE(name) "?fexit/__arm64_sys_" #name
#define OTHER_COMPAT(name) "?fexit/__arm64_compat_sys_" #name
#endif

/* By address: 5.10 does not know what the argument of some of these functions points to. */
static __always_inline int on_returned(__u64 *ctx, __u32 call, int compat)
{
	struct pt_regs *regs = (void *)address_in(ctx, 0);
	long result = ctx[1];
	struct call_args args;

	if (result < 0)
		return 0;
	read_args_at(&args, regs, compat);
	on_call(call, &args, result);
	return 0;
}

#define CALL_PROGRAM(section, program, call, compat) \
	SEC(section) \
	int program(__u64 *ctx) \
	{ \
		return on_returned(ctx, call, compat); \
	}

CALL_PROGRAM(NATIVE(memfd_create), fb_memfd, FB_CALL_MEMFD_CREATE, 0)
CALL_PROGRAM(NATIVE(ptrace), fb_ptrace, FB_CALL_PTRACE, 0)
CALL_PROGRAM(NATIVE(shmget), fb_shmget, FB_CALL_SHMGET, 0)
CALL_PROGRAM(OTHER_COMPAT(ptrace), fb_ptrace_32, FB_CALL_PTRACE, 1)
#ifdef OTHER
CALL_PROGRAM(OTHER(memfd_create), fb_memfd_32, FB_CALL_MEMFD_CREATE, 1)
CALL_PROGRAM(OTHER(shmget), fb_shmget_32, FB_CALL_SHMGET, 1)
#endif

#endif
