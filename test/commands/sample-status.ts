// A status snapshot, for tests of status and doctor.

import type { AgentStatus } from '../../src/agent-status.ts';

export const NOW = Date.UTC(2026, 10, 24, 10);

export function snapshot(part: Partial<AgentStatus> = {}): AgentStatus {
  const kinds = (exec: number) => ({ exec, fork: 2 * exec, exit: 2 * exec, task: 0 });
  return {
    schema: 1,
    version: '0.1.0',
    pid: 4242,
    startedMs: NOW - 7_384_000,
    nowMs: NOW - 500,
    host: { id: 'h1', name: 'web-1' },
    kernel: '6.18.0',
    sensor: {
      source: 'ebpf',
      ringBytes: 16_777_216,
      programs: [
        { name: 'on_exec', attachPoint: 'tp_btf/sched_process_exec', attached: true, verifiedInstructions: 8699 },
        { name: 'on_fork', attachPoint: 'tp_btf/sched_process_fork', attached: false, reason: 'no BTF' },
      ],
      sources: [
        { kind: 'session', source: 'none', wanted: false, asked: false, unseen: ['every setsid'] },
        {
          kind: 'credentials',
          source: 'syscalls',
          wanted: true,
          asked: true,
          reason: 'the kernel refuses trampolines (EPERM)',
          unseen: ['changes that no system call asked for'],
        },
      ],
      counters: {
        reserved: kinds(1003),
        lost: { exec: 3, fork: 0, exit: 0, task: 0 },
        decoded: kinds(1000),
        recursionMisses: 0,
        undecodable: 0,
        batches: 40,
        bytes: 1_234_567,
        queueFull: 0,
      },
    },
    rules: { running: 1, refused: [{ file: 'rules/x.toml', code: 'FB_RULE_LANGUAGE', reason: 'eql: not yet' }] },
    terms: { known: 12, evicted: 0 },
    alerts: 2,
    journal: {
      directory: '/var/lib/forebear/journal',
      firstSeq: 1,
      nextSeq: 18,
      durableSeq: 17,
      segments: 1,
      bytes: 40_960,
      expired: 0,
      tornBytes: 0,
    },
    processTable: { entries: 311, bytes: 262_144, maxBytes: 67_108_864, evicted: 0 },
    counters: {},
    ...part,
  };
}
