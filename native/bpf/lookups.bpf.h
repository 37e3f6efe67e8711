/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Answers of name servers (FB_NETWORK, FB_NET_LOOKUP): what a process receives by UDP from port 53. In: receiving calls that have
 * returned, by fexit of the functions of the table of system calls, or where the kernel refuses trampolines by sys_exit
 * (by_syscall.bpf.h). The message is read where the process has got it, of which an answer repeats the question. Nothing else that is
 * received is looked at, beside whether it came by such a socket. Not seen: what io_uring receives, names asked by TCP, TLS or HTTPS,
 * and who asks a resolver on this host by another protocol (there it is the resolver that asks).
 */
#ifndef FOREBEAR_LOOKUPS_BPF_H
#define FOREBEAR_LOOKUPS_BPF_H

#include "calls.bpf.h"
#include "network.bpf.h"

#define IPPROTO_UDP 17
#define DNS_PORT 53
#define DNS_HEAD 12
#define DNS_BYTES 512 /* of a message that are carried: the question always is in them */
#define MSG_PEEK 2

/* Where a call has put what it received. from: the sender's address, 0: the socket's. */
struct received { __u64 buffer, from; };

struct user_message { __u64 name, name_length, parts, number; };
struct user_message_32 { __u32 name, name_length, parts, number; };

static __always_inline int find_received(struct received *r, __u32 call, const struct call_args *args, int compat)
{
	struct user_message_32 narrow = {};
	struct user_message wide = {};
	__u32 base = 0;

	r->buffer = args->at[1];
	r->from = call == LOOKUP_RECVFROM ? args->at[4] : 0;
	if (call == LOOKUP_RECVFROM)
		return !(args->at[3] & MSG_PEEK);
	if (call == LOOKUP_READ)
		return 1;
	if (args->at[2] & MSG_PEEK)
		return 0;
	if (compat) {
		bpf_probe_read_user(&narrow, sizeof(narrow), (void *)args->at[1]);
		bpf_probe_read_user(&base, sizeof(base), (void *)(__u64)narrow.parts);
		r->from = narrow.name;
		r->buffer = base;
	} else {
		bpf_probe_read_user(&wide, sizeof(wide), (void *)args->at[1]);
		bpf_probe_read_user(&r->buffer, sizeof(r->buffer), (void *)wide.parts);
		r->from = wide.name;
	}
	return 1;
}

/* An answer to a question: asked first, as it costs the least, and hardly anything else that is read begins like that. */
static __always_inline int looks_like_answer(__u64 buffer)
{
	__u8 head[6] = {};

	bpf_probe_read_user(head, sizeof(head), (void *)buffer);
	return (head[2] & 0xf8) == 0x80 && !head[4] && head[5];
}

struct sender { __u16 family, port; __u32 four; __u8 six[16]; };

static __always_inline void read_server(struct fb_network *n, struct sock *sk, __u64 from)
{
	struct sender sender = {};

	read_addresses(n, sk);
	n->remote_port = from_network(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (n->remote_port || !from)
		return;
	bpf_probe_read_user(&sender, sizeof(sender), (void *)from);
	n->remote_port = from_network(sender.port);
	if (sender.family == AF_INET) {
		__builtin_memcpy(n->remote, &sender.four, 4);
		return;
	}
	__builtin_memcpy(n->remote, sender.six, 16);
	if (!is_mapped((__u32 *)n->remote))
		return;
	n->family = AF_INET;
	__builtin_memset(n->local, 0, 16);
	__builtin_memset(n->remote, 0, 16);
	bpf_core_read(n->local, 4, &sk->__sk_common.skc_rcv_saddr);
	__builtin_memcpy(n->remote, sender.six + 12, 4);
}

__noinline int emit_lookup(__u64 address, __u64 buffer, __u64 from, __u32 length)
{
	__u32 index = scratch_index(SCRATCH_SPARE), offset = HEAD + FIELD + sizeof(struct fb_task), flags = 0;
	struct sock *sk = (void *)address;
	struct fb_network n = {.op = FB_NET_LOOKUP, .protocol = IPPROTO_UDP, .tid = bpf_get_current_pid_tgid()};
	struct scratch *s;

	read_server(&n, sk, from);
	if (n.remote_port != DNS_PORT)
		return 0;
	n.local_port = from_network(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	count(FB_C_RESERVED + FB_NETWORK);
	s = scratch_claim(index);
	if (!s) {
		count(FB_C_LOST + FB_NETWORK);
		count(FB_C_NO_SCRATCH + FB_NETWORK);
		return 0;
	}
	s->hinted = 0;
	s->unread = unread_bytes();
	put_head(s, FB_NETWORK, bpf_ktime_get_boot_ns());
	put_actor(index);
	*(struct fb_network *)record_at(s, offset + FIELD) = n;
	offset = put_frame(s, offset, FB_F_NETWORK, 0, sizeof(n));
	if (length > DNS_BYTES) {
		length = DNS_BYTES;
		flags = FB_TRUNCATED;
	}
	barrier_var(length);
	if (bpf_probe_read_user(record_at(s, offset + FIELD), length & (2 * DNS_BYTES - 1), (void *)buffer)) {
		length = 0;
		flags = FB_FAULT;
	}
	offset = put_frame(s, offset, FB_F_MESSAGE, flags, length);
	write_record(s, FB_NETWORK, is_crowded(s->unread) ? 0 : offset);
	scratch_release(s);
	return 0;
}

static __always_inline void on_received(__u32 call, const struct call_args *args, int compat, long length)
{
	struct file *file;
	struct socket *socket;
	struct received r;
	struct sock *sk;

	if (length < DNS_HEAD || !find_received(&r, call, args, compat) || !looks_like_answer(r.buffer))
		return;
	file = file_of(args->at[0]);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_UDP)
		emit_lookup((__u64)sk, r.buffer, r.from, length);
}

static __always_inline void after_receiving(__u32 call, struct pt_regs *regs, int compat, long result)
{
	struct call_args args;

	read_args(&args, regs, compat);
	on_received(call, &args, compat, result);
}

static __always_inline int on_receiving_returned(__u64 *ctx, __u32 call, int compat)
{
	struct call_args args;

	if ((long)ctx[1] < DNS_HEAD)
		return 0;
	read_args_at(&args, (void *)address_in(ctx, 0), compat);
	on_received(call, &args, compat, ctx[1]);
	return 0;
}

#define LOOKUP_PROGRAM(section, program, call, compat) \
	SEC(section) \
	int program(__u64 *ctx) \
	{ \
		return on_receiving_returned(ctx, call, compat); \
	}

LOOKUP_PROGRAM(NATIVE(read), fb_sys_read, LOOKUP_READ, 0)
LOOKUP_PROGRAM(NATIVE(recvfrom), fb_sys_recvfrom, LOOKUP_RECVFROM, 0)
LOOKUP_PROGRAM(NATIVE(recvmsg), fb_sys_recvmsg, LOOKUP_RECVMSG, 0)

#endif
