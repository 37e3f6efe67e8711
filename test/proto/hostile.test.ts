// Records and batches that are small as bytes, and would be millions of objects: refused before these are made.

import { expect, it } from 'vitest';
import { derive } from '../../src/hub/derive.ts';
import { decodeEnvelope, encodeAlert } from '../../src/proto/alert-codec.ts';
import { decodeBatch } from '../../src/proto/ingest-codec.ts';
import { decodeHeartbeat, decodeLifecycle, encodeLifecycle } from '../../src/proto/record-codec.ts';
import { sampleAlert } from '../commands/sample-alert.ts';

/** So many empty elements of a field. */
function empty(field: number, count: number): Buffer {
  const tag = field * 8 + 2;
  return Buffer.alloc(
    count * (tag < 128 ? 2 : 3),
    Buffer.from(tag < 128 ? [tag, 0] : [(tag & 127) | 128, tag >> 7, 0]),
  );
}

it.each<[string, (bytes: Uint8Array) => unknown, Buffer]>([
  ['gaps of an alert', decodeEnvelope, empty(10, 500_000)],
  ['terms of an alert', decodeEnvelope, empty(11, 500_000)],
  ['documents of an alert', decodeEnvelope, empty(15, 500_000)],
  ['settings of a start', decodeLifecycle, empty(8, 500_000)],
  ['counters of a heartbeat', decodeHeartbeat, empty(7, 500_000)],
  ['fields of a record in a batch', decodeBatch, Buffer.concat([Buffer.from([0x32, 0xc8, 1]), empty(6, 100)])],
])('%s without number are refused', (_what, decode, bytes) => {
  expect(() => decode(bytes)).toThrow(/more than [\d.]+ fields/);
});

it('the hub keeps such a record, as one that it cannot read', () => {
  for (const [kind, field] of [
    [1, 11],
    [5, 8],
  ] as const) {
    expect(derive({ kind, payload: empty(field, 500_000) })).toEqual({ of: 'undecodable' });
  }
});

it('what ours have at most is read', () => {
  const gaps = Array.from({ length: 200 }, () => ({ kind: 'truncated' as const, detail: 'process.args', count: 1 }));
  expect(decodeEnvelope(encodeAlert(sampleAlert({ gaps, terms: ['', '', ''] }))).gaps).toHaveLength(200);
  const counters = Array.from({ length: 5000 }, (_, i) => [`a_b_total{reason="${i}"}`, i] as const);
  const settings = Array.from({ length: 300 }, (_, i) => [`s.k${i}`, 'ab'.repeat(8)] as const);
  const facts = { version: '', detail: '', bootId: '', ruleSetHash: '', counters, settings, afterUncleanStop: false };
  expect(decodeLifecycle(encodeLifecycle({ ...facts, event: 'stop' })).counters).toHaveLength(5000);
});
