/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Every BPF map and program that this kernel has, for the agent's look at itself (src/agent/bpf-watch.ts): who else holds its maps,
 * and what others have loaded. Out: rows of native/wire.h in the iterators' files. The numbers of bpf(2) would need
 * CAP_SYS_ADMIN; iterators do with what the agent has. They cost where they are read, once a minute, and nothing else: a program
 * on the system call itself would cost every call of the host, where the kernel allows no trampolines.
 */
#ifndef FOREBEAR_INVENTORY_BPF_H
#define FOREBEAR_INVENTORY_BPF_H

#include "shared.bpf.h"

SEC("iter/bpf_map")
int fb_maps(struct bpf_iter__bpf_map *ctx)
{
	struct seq_file *seq = LOADED_HERE(ctx->meta->seq);
	struct bpf_map *map = ctx->map;
	struct fb_map_row row = {};

	if (!map)
		return 0;
	row.id = BPF_CORE_READ(map, id);
	row.refs = BPF_CORE_READ(map, refcnt.counter);
	row.users = BPF_CORE_READ(map, usercnt.counter);
	bpf_seq_write(seq, &row, sizeof(row));
	return 0;
}

SEC("iter/bpf_prog")
int fb_progs(struct bpf_iter__bpf_prog *ctx)
{
	struct seq_file *seq = LOADED_HERE(ctx->meta->seq);
	struct bpf_prog *prog = ctx->prog;
	struct fb_prog_row row = {};
	struct bpf_prog_aux *aux;
	const char *hook;

	if (!prog)
		return 0;
	aux = BPF_CORE_READ(prog, aux);
	row.id = BPF_CORE_READ(aux, id);
	row.type = BPF_CORE_READ(prog, type);
	row.uid = BPF_CORE_READ(aux, user, uid.val);
	row.loaded_ns = BPF_CORE_READ(aux, load_time);
	BPF_CORE_READ_STR_INTO(&row.name, aux, name);
	hook = BPF_CORE_READ(aux, attach_func_name);
	if (hook)
		bpf_probe_read_kernel_str(row.hook, sizeof(row.hook), hook);
	bpf_seq_write(seq, &row, sizeof(row));
	return 0;
}

#endif
