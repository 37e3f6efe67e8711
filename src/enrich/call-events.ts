// What an event says of a system call that rules name, beside what every event says of its process. Called by the enricher once the
// event's process is written. Names as in Elastic Defend's events for Linux: the action is memfd_create, ptrace, shmget or
// load_module, the type start.

import type { EcsEvent, SlotValue } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { CallRecord } from '../sensor/record.ts';
import { slotsOf } from './slots-of.ts';

const FIELDS = [
  'process.Ext.load_module.name',
  'process.Ext.memfd.flag_allow_seal',
  'process.Ext.memfd.flag_cloexec',
  'process.Ext.memfd.flag_exec',
  'process.Ext.memfd.flag_hugetlb',
  'process.Ext.memfd.flag_noexec_seal',
  'process.Ext.memfd.flags',
  'process.Ext.memfd.name',
  'process.Ext.ptrace.addr',
  'process.Ext.ptrace.child_pid',
  'process.Ext.ptrace.request',
  'process.Ext.shmget.flags',
  'process.Ext.shmget.key',
  'process.Ext.shmget.size',
] as const;

/** Bits of memfd_create(2). */
const MEMFD_FLAGS = [
  ['process.Ext.memfd.flag_cloexec', 1n],
  ['process.Ext.memfd.flag_allow_seal', 2n],
  ['process.Ext.memfd.flag_hugetlb', 4n],
  ['process.Ext.memfd.flag_noexec_seal', 8n],
  ['process.Ext.memfd.flag_exec', 16n],
] as const;

export class CallEvents {
  readonly #slots: Readonly<Record<(typeof FIELDS)[number], number>>;

  constructor(fields: FieldTable) {
    this.#slots = slotsOf(fields, FIELDS);
  }

  /** in: an event whose process is written, the record; out: written in place. */
  fill({ slots: values }: EcsEvent, record: CallRecord): void {
    const slots = this.#slots;
    const [first = 0n, second = 0n, third = 0n] = record.args;
    switch (record.call) {
      case 'memfd_create':
        this.#memfd(values, record.name, first);
        break;
      case 'ptrace':
        values[slots['process.Ext.ptrace.request']] = numberOf(first);
        values[slots['process.Ext.ptrace.child_pid']] = int32Of(second);
        values[slots['process.Ext.ptrace.addr']] = numberOf(third);
        break;
      case 'shmget':
        values[slots['process.Ext.shmget.key']] = int32Of(first);
        values[slots['process.Ext.shmget.size']] = numberOf(second);
        values[slots['process.Ext.shmget.flags']] = int32Of(third);
        break;
      case 'load_module':
        values[slots['process.Ext.load_module.name']] = record.name;
        break;
    }
  }

  /** The name with and without what the kernel puts before it: rules exclude some of them by the one, some by the other. */
  #memfd(values: SlotValue[], name: string | undefined, flags: bigint): void {
    const slots = this.#slots;
    if (name !== undefined) values[slots['process.Ext.memfd.name']] = [name, `memfd:${name}`];
    values[slots['process.Ext.memfd.flags']] = numberOf(flags & 0xffff_ffffn);
    for (const [field, bit] of MEMFD_FLAGS) values[slots[field]] = (flags & bit) !== 0n;
  }
}

function numberOf(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** The registers' upper half says nothing of an int. */
function int32Of(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}
