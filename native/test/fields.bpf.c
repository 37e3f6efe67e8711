// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * put_area and put_string of native/bpf/emit.bpf.h on memory of one's choice, which no exec can offer: pages that are not
 * there, strings and offsets at the caps. Run by native/test/fields.c, in its own address space, with BPF_PROG_TEST_RUN.
 */
#include <linux/bpf.h>
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include "emit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* args: id, offset, start, end. Returns where the field ends. FB_F_FILENAME: the string of end - start bytes that is in the
 * slot's text; without end an address that cannot be read. Id 0: returns where in the slot the record lies. */
SEC("raw_tp")
int put_field(struct bpf_raw_tracepoint_args *args)
{
	__u64 id = args->args[0], offset = args->args[1], start = args->args[2], end = args->args[3];
	struct scratch *s = scratch_at(0);
	__u64 length;

	if (!s || !id)
		return __builtin_offsetof(struct scratch, record);
	if (id != FB_F_FILENAME)
		return put_area(0, offset, id, start, end);
	length = end - start;
	barrier_var(length);
	if (length < sizeof(s->text))
		s->text[length] = 0;
	s->source = end ? (__u64)s->text : 8;
	return put_string(0, offset, id);
}
