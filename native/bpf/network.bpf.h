/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TCP connections (FB_NETWORK). In: the tracepoint at which a socket changes its state, the first retransmission of a SYN, and
 * accept. Out: records. Attempts and ends need no look at system calls and no trampoline:
 *
 *   attempted  a socket becomes SYN_SENT in connect(2), sendto(2) or io_uring, where the process is the current one but the local
 *              port is not chosen yet. So the process is remembered by the socket, and the record written at what comes next: the
 *              answer (established, refused, unreachable), or the second SYN, which is sent after a second.
 *   ended      the process closes an established socket, or the other side resets it. Of whom the record tells is who made the
 *              connection. Of one that nobody was seen to make: who closes it.
 *   accepted   fexit/inet_csk_accept, where the kernel refuses trampolines sys_exit (by_syscall.bpf.h): one of its own (FB_ACCEPTS),
 *              as that costs every system call.
 */
#ifndef FOREBEAR_NETWORK_BPF_H
#define FOREBEAR_NETWORK_BPF_H

#include "actor.bpf.h"
#include "files.bpf.h"
#include "parts.bpf.h"
#include "syscalls.bpf.h"

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262 /* of an accepted one: the socket above its subflows */
#define EINPROGRESS 115
#define SHUT_BOTH 3 /* sk_shutdown: the process neither sends nor receives any more */
#define S_IFSOCK 0140000
#define SOCK_DONE 1 /* bit of skc_flags: the other side's FIN is there */

enum tcp_state {
	TCP_ESTABLISHED = 1, TCP_SYN_SENT, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT, TCP_CLOSE, TCP_CLOSE_WAIT,
	TCP_LAST_ACK, TCP_LISTEN, TCP_CLOSING, TCP_NEW_SYN_RECV
};

enum connection_stage { ATTEMPT_UNTOLD, ATTEMPT_TOLD, ACCEPTED, UNKNOWN };

struct connection {
	struct fb_task task; /* as it was then */
	__u64 cookie;
	__u32 tid;
	__u32 stage;
};

/* By the socket's address. One that finds no room takes that of the one that was longest not looked at, whose end is then told of
 * whoever closes it, and whose attempt counts as lost. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct connection);
} fb_connections SEC(".maps");

struct network_record {
	struct fb_head head;
	struct fb_field task_field;
	struct fb_task task;
	struct fb_field network_field;
	struct fb_network network;
};

/* The current process has to do with that socket from now on. */
__noinline int remember_connection(__u64 address, __u32 stage)
{
	struct connection c = {.stage = stage, .tid = bpf_get_current_pid_tgid()};

	c.cookie = (__u64)bpf_get_smp_processor_id() << 56 | bpf_ktime_get_boot_ns(); /* no other has it */
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		fill_task(&c.task, bpf_get_current_task_btf());
	else
		read_task(&c.task, (void *)bpf_get_current_task());
	return bpf_map_update_elem(&fb_connections, &address, &c, BPF_ANY);
}

/* ---- the record ---- */

static __always_inline __u16 from_network(__u16 port)
{
	return __builtin_bswap16(port);
}

static __always_inline int is_mapped(const __u32 *address)
{
	return !address[0] && !address[1] && address[2] == __builtin_bswap32(0xffff);
}

static __always_inline void read_addresses(struct fb_network *n, struct sock *sk)
{
	__builtin_memset(n->local, 0, sizeof(n->local));
	__builtin_memset(n->remote, 0, sizeof(n->remote));
	n->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (n->family == AF_INET6) {
		bpf_core_read(n->local, sizeof(n->local), &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(n->remote, sizeof(n->remote), &sk->__sk_common.skc_v6_daddr);
		if (!is_mapped((__u32 *)n->remote))
			return;
		n->family = AF_INET;
		__builtin_memset(n->local, 0, sizeof(n->local));
		__builtin_memset(n->remote, 0, sizeof(n->remote));
	}
	bpf_core_read(n->local, 4, &sk->__sk_common.skc_rcv_saddr);
	bpf_core_read(n->remote, 4, &sk->__sk_common.skc_daddr);
}

/* What the process gave and got, without what was sent again, and without the FIN, which the kernel counts as a byte. Of multipath
 * TCP not known: the socket above its subflows is no tcp_sock. */
static __always_inline void read_bytes(struct fb_network *n, struct sock *sk, int drains)
{
	struct tcp_sock *tcp = (void *)sk;

	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return;
	n->sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
	if (drains)
		n->sent += BPF_CORE_READ(tcp, write_seq) - BPF_CORE_READ(tcp, snd_nxt);
	n->received = BPF_CORE_READ(tcp, bytes_received);
	if (BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1 && n->received)
		n->received--;
}

/* drains: what is not sent yet goes out after the record. */
__noinline int emit_connection(__u64 address, __u32 op, __s32 result, __u32 drains)
{
	struct connection *c = bpf_map_lookup_elem(&fb_connections, &address);
	struct sock *sk = (void *)address;
	__u64 unread = unread_bytes();
	struct network_record *record;
	struct fb_network *n;

	if (!c)
		return 0;
	count(FB_C_RESERVED + FB_NETWORK);
	record = is_crowded(unread) ? 0 : bpf_ringbuf_reserve(&fb_ring, sizeof(*record), 0);
	if (!record) {
		count(FB_C_LOST + FB_NETWORK);
		return 0;
	}
	fill_head(&record->head, FB_NETWORK, sizeof(*record));
	frame(&record->task_field, FB_F_TASK, sizeof(record->task));
	record->task = c->task;
	frame(&record->network_field, FB_F_NETWORK, sizeof(record->network));
	n = &record->network;
	read_addresses(n, sk);
	n->cookie = c->cookie;
	n->sent = n->received = 0;
	if (op == FB_NET_DISCONNECTED)
		read_bytes(n, sk, drains);
	n->local_port = from_network(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	n->remote_port = from_network(BPF_CORE_READ(sk, __sk_common.skc_dport));
	n->op = op;
	n->protocol = IPPROTO_TCP;
	n->result = result;
	n->tid = c->tid;
	n->flags = c->stage == ACCEPTED ? FB_NET_INGRESS : c->stage == UNKNOWN ? FB_NET_UNKNOWN : 0;
	n->pad = 0;
	bpf_ringbuf_submit(record, wake_flags(0, unread));
	wake_late_sleeper();
	return 0;
}

static __always_inline void forget_connection(__u64 address)
{
	bpf_map_delete_elem(&fb_connections, &address);
}

/* ---- attempts ---- */

static __always_inline void tell_attempt(__u64 address, __s32 result)
{
	struct connection *c = bpf_map_lookup_elem(&fb_connections, &address);

	if (!c || c->stage != ATTEMPT_UNTOLD)
		return;
	c->stage = ATTEMPT_TOLD;
	emit_connection(address, FB_NET_ATTEMPTED, result, 0);
}

/* An attempt has come to its end. One that is not remembered found no room for so long, or began before we did. */
static __always_inline void end_attempt(__u64 address, __s32 result)
{
	if (bpf_map_lookup_elem(&fb_connections, &address))
		tell_attempt(address, result);
	else
		count_lost(FB_NETWORK);
}

/* Why it did not come about. No error: the process gave up before there was an answer. */
static __always_inline __s32 failure_of(struct sock *sk)
{
	__s32 error = BPF_CORE_READ(sk, sk_err);

	return error ? -error : -EINPROGRESS;
}

/* ---- ends ---- */

static __always_inline void tell_end(__u64 address, __u32 drains)
{
	emit_connection(address, FB_NET_DISCONNECTED, 0, drains);
	forget_connection(address);
}

/* close(2), or shutdown(2) of both ways: this is the process that does it. */
static __always_inline void on_closed_here(struct sock *sk)
{
	__u64 address = (__u64)sk;

	if (BPF_CORE_READ(sk, sk_shutdown) != SHUT_BOTH)
		return;
	if (!bpf_map_lookup_elem(&fb_connections, &address))
		remember_connection(address, UNKNOWN);
	tell_end(address, 1);
}

/* Nothing will come of this socket any more. What was told already is forgotten; of what nobody was seen to make there is no
 * process to name, as it may be the network that closes it. */
static __always_inline void on_dead(struct sock *sk, int old)
{
	__u64 address = (__u64)sk;

	if (bpf_map_lookup_elem(&fb_connections, &address))
		tell_end(address, 0);
	else if (old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT)
		count(FB_C_FILTERED + FB_NETWORK);
}

/* IPPROTO_TCP, IPPROTO_MPTCP, or 0 for all others. */
static __always_inline __u16 tcp_of(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 protocol;

	if (family != AF_INET && family != AF_INET6)
		return 0;
	protocol = BPF_CORE_READ(sk, sk_protocol);
	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ? protocol : 0;
}

SEC("?tp_btf/inet_sock_set_state")
int fb_sock_state(__u64 *ctx)
{
	__u64 address = address_in(ctx, 0);
	struct sock *sk = (void *)address;
	__u16 protocol = tcp_of(sk);
	int old = ctx[1];

	if (!protocol)
		return 0;
	/* Its subflows tell, unless it was accepted as itself. */
	if (protocol == IPPROTO_MPTCP && !bpf_map_lookup_elem(&fb_connections, &address))
		return 0;
	switch ((int)ctx[2]) {
	case TCP_SYN_SENT:
		remember_connection(address, ATTEMPT_UNTOLD);
		break;
	case TCP_ESTABLISHED:
		if (old == TCP_SYN_SENT)
			end_attempt(address, 0);
		else
			tell_attempt(address, 0); /* both sides began it at once; of accepted ones there is nothing yet */
		break;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		on_closed_here(sk);
		break;
	case TCP_CLOSE:
		if (old == TCP_SYN_SENT || (old == TCP_SYN_RECV && bpf_map_lookup_elem(&fb_connections, &address))) {
			end_attempt(address, failure_of(sk));
			forget_connection(address);
		} else if (old != TCP_LISTEN && old != TCP_SYN_RECV && old != TCP_CLOSE) {
			on_dead(sk, old);
		}
		break;
	}
	return 0;
}

SEC("?tp_btf/tcp_retransmit_skb")
int fb_sock_retry(__u64 *ctx)
{
	struct sock *sk = (void *)address_in(ctx, 0);

	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_SYN_SENT)
		tell_attempt((__u64)sk, -EINPROGRESS);
	return 0;
}

/* ---- accept ---- */

static __always_inline void on_accepted(struct sock *sk)
{
	__u64 address = (__u64)sk;

	if (!address || !tcp_of(sk))
		return;
	remember_connection(address, ACCEPTED);
	emit_connection(address, FB_NET_ACCEPTED, 0, 0);
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)
		forget_connection(address); /* reset before anybody took it */
}

/* The returned socket comes after the arguments, of which there were four before 6.10. */
SEC("?fexit/inet_csk_accept")
int fb_accepted(__u64 *ctx)
{
	on_accepted((void *)address_in(ctx, bpf_core_type_exists(struct proto_accept_arg) ? 2 : 4));
	return 0;
}

#define SOCKETCALL_ACCEPT 5 /* of socketcall(2): i386 */
#define SOCKETCALL_ACCEPT4 18

static __always_inline void after_accept(int by_socketcall, struct pt_regs *regs, __u32 descriptor)
{
	struct call_args args;
	struct file *file;
	struct socket *socket;

	read_args(&args, regs, by_socketcall);
	if (by_socketcall && args.at[0] != SOCKETCALL_ACCEPT && args.at[0] != SOCKETCALL_ACCEPT4)
		return;
	file = file_of(descriptor);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return;
	socket = BPF_CORE_READ(file, private_data);
	on_accepted(BPF_CORE_READ(socket, sk));
}

#endif
