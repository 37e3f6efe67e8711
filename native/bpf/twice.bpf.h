/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From 7.0 a tracepoint's program can be preempted, and until it goes on the kernel skips it for every other process on that
 * CPU: a storm on a preemptible 7.2 under TCG lost 10 % of its execs so. (Holding the CPU with bpf_preempt_disable does not
 * help: then the switch comes at bpf_preempt_enable, still inside the program.) So there each has a second, NAME_again, and
 * whichever comes first marks what it was called for as taken. A record is lost only when both were skipped.
 * Included by forebear.bpf.c.
 */
#ifndef FOREBEAR_TWICE_BPF_H
#define FOREBEAR_TWICE_BPF_H

#include "shared.bpf.h"

/* Whether the second programs are attached. */
const volatile __u32 fb_twice = 0;

enum taken_kind { TAKEN_EXEC, TAKEN_FORK, TAKEN_EXIT, TAKEN_KINDS };

#define TAKEN 32768 /* two at one moment of pids that differ by a multiple of this come twice, never not at all */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TAKEN_KINDS * TAKEN);
	__type(key, __u32);
	__type(value, __u64);
} fb_taken SEC(".maps");

/* True for the first of the two programs. mark: what no later process of that pid has. */
static __always_inline int take(enum taken_kind kind, __u32 pid, __u64 mark)
{
	__u32 key = kind * TAKEN + (pid & (TAKEN - 1));
	__u64 *taken;

	if (!fb_twice)
		return 1;
	taken = bpf_map_lookup_elem(&fb_taken, &key);
	if (taken && *taken == mark)
		return 0;
	if (taken)
		*taken = mark;
	return 1;
}

#endif
