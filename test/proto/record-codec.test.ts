import { expect, it } from 'vitest';
import { forebear } from '../../src/proto/generated/alert.js';
import {
  type ClockStep,
  decodeAmend,
  decodeClock,
  decodeGap,
  decodeHeartbeat,
  decodeLifecycle,
  encodeAmend,
  encodeClock,
  encodeGap,
  encodeHeartbeat,
  encodeLifecycle,
  type GapRecord,
  type Heartbeat,
  type Lifecycle,
} from '../../src/proto/record-codec.ts';

const STOP: Lifecycle = {
  event: 'stop',
  version: '0.1.0',
  detail: 'SIGTERM',
  bootId: 'b0',
  ruleSetHash: 'ab',
  counters: [
    ['sensor_records_lost_total{reason="ring_full"}', 2],
    ['x_total', 2 ** 53],
  ],
  afterUncleanStop: true,
};

it.each<Lifecycle>([
  STOP,
  { event: 'start', version: '', detail: '', bootId: '', ruleSetHash: '', counters: [], afterUncleanStop: false },
  { ...STOP, event: 'configuration' },
  { ...STOP, settings: [['journal.max_bytes', '0123456789abcdef']] },
])('lifecycle $event comes back as it was', (record) => {
  expect(decodeLifecycle(encodeLifecycle(record))).toEqual(record);
});

it.each<GapRecord>([
  { kind: 'lost_records', detail: 'exec', count: 12 },
  {
    kind: 'expired_records',
    detail: 'x',
    count: 5,
    fromSeq: 1,
    toSeq: 5,
    fromMs: 1_800_000_000_000,
    toMs: 2 ** 53 - 1,
  },
  { kind: 'refused_alerts', detail: '', count: 1 },
  { kind: 'damaged_records', detail: '', count: 1 },
  { kind: 'state_not_kept', detail: '', count: 1 },
  { kind: 'not_running', detail: '', count: 1 },
  { kind: 'capped_alerts', detail: '', count: 1 },
  { kind: 'blind', detail: '', count: 1, fromMs: 1, toMs: 2 },
])('gap $kind comes back as it was', (record) => {
  expect(decodeGap(encodeGap(record))).toEqual(record);
});

it('a clock step comes back as it was', () => {
  const record: ClockStep = { foundMs: 0, expectedMs: 1_800_000_000_000, bootNs: 2n ** 64n - 1n };
  expect(decodeClock(encodeClock(record))).toEqual(record);
});

it('calls unknown what a later version added', () => {
  const { Gap, Lifecycle: Life } = forebear.journal.v1;
  expect(decodeGap(Gap.encode({ kind: 99 as never, detail: 'd' }).finish())).toEqual({
    kind: 'unknown',
    detail: 'd',
    count: 0,
  });
  expect(decodeLifecycle(Life.encode({ event: 99 as never }).finish()).event).toBe('unknown');
});

it.each([
  ['lifecycle', decodeLifecycle],
  ['gap', decodeGap],
  ['clock', decodeClock],
  ['heartbeat', decodeHeartbeat],
])('%s: bytes that are no such message are refused by code', (_name, decode) => {
  expect(() => decode(Uint8Array.of(0x0a, 0xff))).toThrow(expect.objectContaining({ code: 'FB_PROTO_MALFORMED' }));
});

it.each<Heartbeat>([
  {
    seq: 2 ** 53 - 1,
    link: 'ab'.repeat(32),
    version: '0.1.0',
    bootId: 'b0',
    bootNs: 2n ** 64n - 1n,
    ruleSetHash: '7a',
    counters: [['x_y_made_total{reason="z"}', 3]],
  },
  { seq: 0, link: '', version: '', bootId: '', bootNs: 0n, ruleSetHash: '', counters: [] },
])('a heartbeat of record $seq comes back as it was', (record) => {
  expect(decodeHeartbeat(encodeHeartbeat(record))).toEqual(record);
});

it('an amend comes back as it was; what holds no JSON object is refused', () => {
  const amend = { uuid: 'u-1', number: 7, document: { process: { hash: { sha256: 'ab' } }, n: 2 ** 53 } };
  expect(decodeAmend(encodeAmend(amend))).toEqual(amend);
  const { Amend } = forebear.journal.v1;
  for (const document of ['', '[]', 'null', '"x"', '{']) {
    const bytes = Amend.encode({ alertUuid: 'u', number: 1, document: Buffer.from(document) }).finish();
    expect(() => decodeAmend(bytes)).toThrow(expect.objectContaining({ code: 'FB_PROTO_MALFORMED' }));
  }
  expect(() => decodeAmend(Buffer.from([0xff]))).toThrow(expect.objectContaining({ code: 'FB_PROTO_MALFORMED' }));
});
