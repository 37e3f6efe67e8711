// The bytes of proto/forebear/ingest/v1: written down here by field and type, so that agents and hubs of different versions
// go on understanding each other. What is pinned may get new fields behind it; it may not change.

import { describe, expect, it } from 'vitest';
import type { ForebearError } from '../../src/errors.ts';
import {
  decodeAnswer,
  decodeBatch,
  encodeAnswer,
  encodeBatch,
  type IngestAnswer,
  type IngestBatch,
  MOST_RECORDS,
} from '../../src/proto/ingest-codec.ts';

const JOURNAL = '000102030405060708090a0b0c0d0e0f';
const LINK = 'aa'.repeat(32);

const BATCH: IngestBatch = {
  hostId: 'h1',
  hostName: 'büro',
  journalId: JOURNAL,
  records: [
    {
      seq: 7,
      kind: 1,
      rank: 3,
      wallMs: 1_800_000_000_123,
      flags: 0,
      payload: Buffer.from('p'),
      link: Buffer.from(LINK, 'hex'),
    },
    { seq: 2 ** 53 - 1, kind: 4, rank: 0, wallMs: 0, payload: Buffer.alloc(0) },
  ],
  agentVersion: '0.1.0',
};
/** Tag (number * 8 + type), then length or varint. */
const BATCH_BYTES = [
  '0a 02 6831', // 1 host_id
  '12 05 62c3bc726f', // 2 host_name
  `1a 10 ${JOURNAL}`, // 3 journal_id
  '20 07', // 4 first_seq
  '28 ffffffffffffff0f', // 5 last_seq
  `32 34 0807 1001 1803 20fba0f1c2b134 2800 320170 3a20${LINK}`, // 6 record: all fields
  '32 0b 08ffffffffffffff0f 1004', // 6 record: the zeros left out, flags absent
  '3a 05 302e312e30', // 7 agent_version
];

const ANSWER: IngestAnswer = {
  result: 'fork',
  journalId: JOURNAL,
  durableSeq: 300,
  stored: 2,
  forkSeq: 301,
  detail: 'x',
  retryAfterMs: 1000,
};
const ANSWER_BYTES = ['08 02', `12 10 ${JOURNAL}`, '18 ac02', '20 02', '28 ad02', '32 01 78', '38 e807'];

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const plain = (lines: readonly string[]) => lines.join('').replaceAll(' ', '');
const bytes = (...lines: string[]) => Buffer.from(plain(lines), 'hex');

describe('pinned bytes', () => {
  it('of a batch, both ways', () => {
    expect(hex(encodeBatch(BATCH))).toBe(plain(BATCH_BYTES));
    expect(decodeBatch(bytes(...BATCH_BYTES))).toEqual(BATCH);
  });

  it('of an answer, both ways', () => {
    expect(hex(encodeAnswer(ANSWER))).toBe(plain(ANSWER_BYTES));
    expect(decodeAnswer(bytes(...ANSWER_BYTES))).toEqual(ANSWER);
  });

  it.each([
    [1, 'stored'],
    [2, 'fork'],
    [3, 'wrong_host'],
    [4, 'malformed'],
    [5, 'busy'],
    [6, 'unknown_credential'],
    [7, 'too_large'],
  ] as const)('result %i is %s', (number, result) => {
    expect(hex(encodeAnswer({ result }))).toBe(`080${number}`);
    expect(decodeAnswer(bytes(`080${number}`)).result).toBe(result);
  });

  it('of a later version: fields and results that this one does not know', () => {
    expect(decodeBatch(bytes(...BATCH_BYTES, 'f201 03 616263'))).toEqual(BATCH);
    expect(decodeAnswer(bytes('0863', '9a06 00')).result).toBe('unknown');
  });
});

const HEAD = ['0a026831', `1a10${JOURNAL}`];
const ONE = [...HEAD, '2001', '2801'];

describe('a batch that cannot be is refused', () => {
  it.each([
    ['no bytes', bytes()],
    ['cut', bytes(...BATCH_BYTES).subarray(0, 60)],
    ['text', Buffer.from('<html>')],
    ['no host', bytes(`1a10${JOURNAL}`)],
    ['a host id with a slash', bytes('0a032e2e2f', `1a10${JOURNAL}`)],
    ['a journal id of 15 bytes', bytes('0a026831', `1a0f${JOURNAL.slice(2)}`)],
    ['records, no first_seq', bytes(...HEAD, '2801', '320408011001')],
    ['first_seq of another record', bytes(...HEAD, '2002', '2801', '320408011001')],
    ['last_seq beyond', bytes(...HEAD, '2001', '2802', '320408011001')],
    ['seq 0', bytes(...HEAD, '32021001')],
    ['seq beyond 2^53', bytes(...HEAD, '20808080808080801028808080808080801032 0b 0880808080808080101001')],
    ['the same seq twice', bytes(...ONE, '320408011001', '320408011001')],
    ['falling seqs', bytes(...HEAD, '2002', '2801', '320408021001', '320408011001')],
    ['kind 0', bytes(...ONE, '32020801')],
    ['a kind of the journal itself', bytes(...ONE, '3206080110ffff03')],
    ['rank 4', bytes(...ONE, '3206080110011804')],
    ['a time that no date can hold', bytes(...ONE, '320d0801100120ffffffffffffff0f')],
    ['flags of 9 bits', bytes(...ONE, '320708011001288002')],
    ['a link of 31 bytes', bytes(...ONE, `3225080110013a1f${'aa'.repeat(31)}`)],
    ['a group', bytes(...ONE, '320408011001', 'f301f401')],
  ])('%s', (_what, body) => {
    expect(codeOf(() => decodeBatch(body))).toBe('FB_PROTO_MALFORMED');
  });

  it('before anything is made of it: too many records', () => {
    const many = Buffer.concat([bytes(...HEAD), Buffer.alloc((MOST_RECORDS + 1) * 2, Buffer.from('3200', 'hex'))]);
    expect(codeOf(() => decodeBatch(many))).toBe('FB_PROTO_MALFORMED');
  });

  it('a payload beyond 1 MiB', () => {
    const record = { seq: 1, kind: 1, rank: 0, wallMs: 0, payload: Buffer.alloc(2 ** 20) };
    expect(decodeBatch(encodeBatch({ ...BATCH, records: [record] })).records).toHaveLength(1);
    const larger = { ...record, payload: Buffer.alloc(2 ** 20 + 1) };
    expect(codeOf(() => decodeBatch(encodeBatch({ ...BATCH, records: [larger] })))).toBe('FB_PROTO_MALFORMED');
  });
});

it('a batch without records is a question', () => {
  expect(decodeBatch(bytes(...HEAD))).toMatchObject({ hostId: 'h1', journalId: JOURNAL, records: [] });
});

it.each([
  ['a journal id of 3 bytes', bytes('0801', '1203616263')],
  ['a seq beyond 2^53', bytes('0801', '188080808080808010')],
  ['html', Buffer.from('<html>502</html>')],
])('an answer that cannot be is refused: %s', (_what, body) => {
  expect(codeOf(() => decodeAnswer(body))).toBe('FB_PROTO_MALFORMED');
});

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as ForebearError).code;
  }
  return 'accepted';
}
