/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The source of those kinds of records that this kernel does not give by trampolines: one program at the begin and one at the
 * end of every system call on the host. Each kind has what it does there in its own header; here it is told which call it was.
 * Included by forebear.bpf.c.
 */
#ifndef FOREBEAR_BY_SYSCALL_BPF_H
#define FOREBEAR_BY_SYSCALL_BPF_H

#include "calls.bpf.h"
#include "changes.bpf.h"
#include "file_calls.bpf.h"
#include "lookups.bpf.h"
#include "network.bpf.h"
#include "syscalls.bpf.h"

/* Kinds whose source are the system calls: 1 << kind. */
const volatile __u32 fb_by_syscall = 0;

/* Whether the verifier sees that kind's code at all. */
#define COMES_BY_SYSCALL(kind) (fb_by_syscall >> (kind) & 1)

/* Of a kind that is wanted: kind | what << CALL_SHIFT; else 0. */
static __always_inline int kind_of(struct pt_regs *regs, int compat)
{
	__u32 number = number_of(regs);
	int kind = compat ? kind_of_compat_call(number) : kind_of_call(number);

	return fb_by_syscall >> (kind & 31) & 1 ? kind : 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(fb_sys_enter, struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	int compat = is_compat(task), kind = kind_of(regs, compat);

	switch (kind & CALL_KIND) {
	case FB_CREDENTIALS:
		if (COMES_BY_SYSCALL(FB_CREDENTIALS))
			before_credentials(task);
		break;
	case FB_FILE:
		if (COMES_BY_SYSCALL(FB_FILE))
			before_file_call(kind >> CALL_SHIFT, regs, compat);
		break;
	}
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(fb_sys_exit, struct pt_regs *regs, long result)
{
	struct task_struct *task;
	int compat, kind;

	if (result < 0 && result > -4096)
		return 0;
	task = bpf_get_current_task_btf();
	compat = is_compat(task);
	kind = kind_of(regs, compat);
	switch (kind & CALL_KIND) {
	case FB_SESSION:
		if (COMES_BY_SYSCALL(FB_SESSION))
			on_session(task);
		break;
	case FB_CREDENTIALS:
		if (COMES_BY_SYSCALL(FB_CREDENTIALS) && !after_credentials(task))
			count_lost(FB_CREDENTIALS); /* or not: the call began before we did, or there was no room to remember it */
		break;
	case FB_FILE:
		if (COMES_BY_SYSCALL(FB_FILE))
			after_file_call(kind >> CALL_SHIFT, regs, compat, result);
		break;
	case FB_ACCEPTS:
		if (COMES_BY_SYSCALL(FB_ACCEPTS))
			after_accept(kind >> CALL_SHIFT, regs, result);
		break;
	case FB_LOOKUPS:
		if (COMES_BY_SYSCALL(FB_LOOKUPS))
			after_receiving(kind >> CALL_SHIFT, regs, compat, result);
		break;
	case FB_CALL:
		if (COMES_BY_SYSCALL(FB_CALL))
			after_call(kind >> CALL_SHIFT, regs, compat, result);
		break;
	}
	return 0;
}

#endif
