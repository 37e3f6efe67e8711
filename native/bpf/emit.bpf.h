/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Writes the fields of a record (native/wire.h) into a scratch slot. Every function takes the offset at which its field
 * begins and returns where the next one begins; a field that does not fit in whole is cut and marked.
 * The __noinline ones are global functions: the verifier checks each once, by itself, for any scalar arguments, which is
 * what keeps a program with many of them small. So they take numbers only; a kernel address from a typed pointer (no number
 * to the verifier) goes through the slot.
 */
#ifndef FOREBEAR_EMIT_BPF_H
#define FOREBEAR_EMIT_BPF_H

#include "shared.bpf.h"

#define HEAD sizeof(struct fb_head)
#define FIELD sizeof(struct fb_field)

/* The offset is masked in a way that the compiler cannot reason away: the verifier has to see it. */
static __always_inline void *record_at(struct scratch *s, __u32 offset)
{
	barrier_var(offset);
	return s->record + (offset & (FB_RECORD_MAX - 1));
}

/* Bytes that a payload may have in a field that begins at offset. */
static __always_inline __u32 room_at(__u32 offset)
{
	return offset < FB_RECORD_MAX - 2 * FIELD ? FB_RECORD_MAX - 2 * FIELD - offset : 0;
}

struct eight { __u8 bytes[8]; };

/* Header and padding of a field whose payload is (or will be) at offset + FIELD. */
static __always_inline __u32 put_frame(struct scratch *s, __u32 offset, __u16 id, __u16 flags, __u32 length)
{
	struct fb_field *field = record_at(s, offset);
	struct eight *tail = record_at(s, offset + FIELD + length);

	field->id = id;
	field->flags = flags;
	field->length = length;
	*tail = (struct eight){};
	return offset + FIELD + ((length + 7) & ~7u);
}

static __always_inline __u32 put_head(struct scratch *s, __u8 kind, __u64 now)
{
	struct fb_head *head = record_at(s, 0);

	head->version = FB_WIRE_VERSION;
	head->kind = kind;
	head->cpu = bpf_get_smp_processor_id();
	head->boot_ns = now;
	return HEAD;
}

/* The string in kernel memory to which the slot's source points, without its NUL. */
__noinline __u32 put_string(__u32 index, __u32 offset, __u32 id)
{
	struct scratch *s = scratch_at(index);
	__u32 flags = 0;
	long length;

	if (!s || room_at(offset) < FB_PATH_MAX)
		return offset;
	length = bpf_probe_read_kernel_str(record_at(s, offset + FIELD), FB_PATH_MAX + 2, (void *)s->source) - 1;
	if (length < 0) {
		length = 0;
		flags |= FB_FAULT;
	}
	if (length > FB_PATH_MAX) {
		length = FB_PATH_MAX;
		flags |= FB_TRUNCATED;
	}
	return put_frame(s, offset, id, flags, length);
}

/* Reads what can be read of length bytes of user memory, page by page; returns how much that was. */
static __always_inline __u32 read_pages(struct scratch *s, __u32 offset, __u64 start, __u32 length)
{
	__u32 done = 0, chunk;

	for (int page = 0; page <= FB_ARGS_MAX / 4096 && done < length; page++) {
		chunk = 4096 - ((start + done) & 4095);
		if (chunk > length - done)
			chunk = length - done;
		barrier_var(chunk);
		if (bpf_probe_read_user(record_at(s, offset + done), chunk & 8191, (void *)(start + done)))
			break;
		done += chunk;
	}
	return done;
}

/* The argument or environment area [start, end) of the current process, up to its cap. */
__noinline __u32 put_area(__u32 index, __u32 offset, __u32 id, __u64 start, __u64 end)
{
	struct scratch *s = scratch_at(index);
	__u64 length = end > start ? end - start : 0;
	__u32 cap = id == FB_F_ARGS ? fb_args_max : fb_env_max;
	__u32 flags = 0;

	if (!s || !room_at(offset))
		return offset;
	if (cap > FB_ARGS_MAX)
		cap = FB_ARGS_MAX;
	if (cap > room_at(offset))
		cap = room_at(offset);
	if (length > cap) {
		length = cap;
		flags |= FB_TRUNCATED;
	}
	barrier_var(length);
	if (length > FB_ARGS_MAX)
		length = FB_ARGS_MAX; /* it is not: for the verifier */
	if (length && bpf_probe_read_user(record_at(s, offset + FIELD), length, (void *)start)) {
		length = read_pages(s, offset + FIELD, start, length);
		flags |= FB_FAULT;
	}
	return put_frame(s, offset, id, flags, length);
}

#endif
