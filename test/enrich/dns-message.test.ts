import { describe, expect, it } from 'vitest';
import { readDnsAnswer } from '../../src/enrich/dns-message.ts';

const label = (text: string) => Buffer.concat([Buffer.of(Buffer.byteLength(text)), Buffer.from(text)]);
const nameOf = (...labels: string[]) => Buffer.concat([...labels.map(label), Buffer.of(0)]);
const u16 = (...numbers: number[]) => Buffer.concat(numbers.map((n) => Buffer.of(n >> 8, n & 255)));
const head = (flags: number, questions = 1, answers = 0) => u16(7, flags, questions, answers, 0, 0);
const POINTER = Buffer.of(0xc0, 12);
const record = (name: Buffer, type: number, data: Buffer) =>
  Buffer.concat([name, u16(type, 1, 0, 60, data.length), data]);
const QUESTION = Buffer.concat([nameOf('api', 'example', 'org'), u16(1, 1)]);

describe('an answer', () => {
  it('has the question, what came of it, and its addresses beside other records', () => {
    const records = [
      record(POINTER, 5, nameOf('x', 'example', 'org')),
      record(nameOf('x', 'example', 'org'), 1, Buffer.of(192, 0, 2, 1)),
      record(POINTER, 28, Buffer.from('20010db8000000000000000000000001', 'hex')),
    ];
    expect(readDnsAnswer(Buffer.concat([head(0x8180, 1, 3), QUESTION, ...records]))).toEqual({
      name: 'api.example.org',
      type: 'A',
      responseCode: 'NOERROR',
      addresses: ['192.0.2.1', '2001:db8::1'],
    });
  });

  it.each<[string, Buffer, object]>([
    ['no such name', Buffer.concat([head(0x8183), QUESTION]), { responseCode: 'NXDOMAIN', addresses: [] }],
    ['an odd code', Buffer.concat([head(0x818b), QUESTION]), { responseCode: 'RCODE11' }],
    ['an odd type', Buffer.concat([head(0x8180), nameOf('a'), u16(999, 1)]), { name: 'a', type: 'TYPE999' }],
    ['a name in odd case', Buffer.concat([head(0x8180), nameOf('aPi', 'EXAMPLE'), u16(1, 1)]), { name: 'api.example' }],
    ['the root', Buffer.concat([head(0x8180), nameOf(), u16(2, 1)]), { name: '', type: 'NS' }],
    ['odd bytes', Buffer.concat([head(0x8180), nameOf('a.b', 'ü'), u16(1, 1)]), { name: 'a\\.b.\\195\\188' }],
    ['a cut record', Buffer.concat([head(0x8180, 1, 9), QUESTION, POINTER, u16(1, 1, 0)]), { addresses: [] }],
    [
      'a length that does not fit the type',
      Buffer.concat([head(0x8180, 1, 1), QUESTION, record(POINTER, 1, Buffer.alloc(5))]),
      { addresses: [] },
    ],
  ])('%s', (_name, message, expected) => expect(readDnsAnswer(message)).toMatchObject(expected));
});

it.each<[string, Buffer]>([
  ['a question', Buffer.concat([head(0x0100), QUESTION])],
  ['nothing', Buffer.alloc(0)],
  ['half a head', Buffer.alloc(11, 0x80)],
  ['no question', head(0x8180, 0)],
  ['a question that is cut', Buffer.concat([head(0x8180), label('api')])],
  ['a name that points', Buffer.concat([head(0x8180), POINTER, u16(1, 1)])],
  ['a name without an end', Buffer.concat([head(0x8180), ...Array.from({ length: 60 }, () => label('abcdefgh'))])],
])('%s is no answer', (_name, message) => expect(readDnsAnswer(message)).toBeUndefined());

it('reads no further than the message, whatever is in it', () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return seed >> 16;
  };
  const whole = Buffer.concat([head(0x8180, 1, 200), QUESTION, record(POINTER, 1, Buffer.of(1, 2, 3, 4))]);
  for (let round = 0; round < 2_000; round++) {
    const message = Buffer.from(whole.subarray(0, 12 + (random() % (whole.length - 11))));
    for (let i = 0; i < 3; i++) message[2 + (random() % (message.length - 2))] = random() & 255;
    expect(() => readDnsAnswer(message)).not.toThrow();
  }
});
