// Messages of RFC 5424, read back by a parser written after the grammar of the RFC (section 6).

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Parcel } from '../../../src/ship/output.ts';
import { readDocument } from '../../../src/ship/outputs/ecs-document.ts';
import { type Facility, syslogMessage } from '../../../src/ship/outputs/syslog-message.ts';
import { documentOf, idOf, largeParcel, parcel } from './parcels.ts';

const HEADER =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) /;
const ELEMENT = /^\[([^\s=\]"]{1,32})((?: [^\s=\]"]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\] /;

function parse(message: Buffer) {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message);
  const [header, priority, time, host, app, , msgid] = HEADER.exec(text)!;
  const [element, id, params] = ELEMENT.exec(text.slice(header.length))!;
  const pairs = [...params!.matchAll(/ ([^=]+)="((?:[^"\\\]]|\\["\\\]])*)"/g)].map(([, name, value]) => [
    name,
    value!.replace(/\\(["\\\]])/g, '$1'),
  ]);
  const msg = text.slice(header.length + element.length);
  expect(msg).toMatch(/^[\x20-\x7e]*$/);
  const data = Object.fromEntries(pairs) as Record<string, string>;
  return {
    priority: Number(priority),
    time,
    host,
    app,
    msgid,
    id,
    data,
    document: JSON.parse(msg) as Record<string, unknown>,
  };
}

const message = (of: Parcel, maxBytes = 8192, facility: Facility = 'local0') =>
  syslogMessage(of, readDocument(of)!, facility, maxBytes);

it('is the whole document behind a header that tells rule, severity and id', () => {
  expect(parse(message(parcel(5)))).toEqual({
    priority: 16 * 8 + 4,
    time: '2026-11-24T10:00:03.125Z',
    host: 'web-1',
    app: 'forebear',
    msgid: 'alert',
    id: 'forebear@32473',
    data: {
      uuid: idOf(5),
      severity: 'medium',
      rule_id: 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6',
      rule: 'Systemd "Service" ] Started',
      seq: '5',
    },
    document: documentOf(5),
  });
});

it.each([
  ['kern', 0, 5],
  ['audit', 1, 108],
  ['local7', 2, 187],
  ['local0', 3, 130],
] as const)('writes facility %s and rank %i as priority %i', (facility, rank, priority) => {
  expect(parse(message(parcel(1, { rank }), 8192, facility)).priority).toBe(priority);
});

it.each([
  { what: 'no time', part: { '@timestamp': 'soon' }, seen: { time: '2026-11-24T10:00:03.251Z' } },
  {
    what: 'a time beyond four digits',
    part: { '@timestamp': '+012026-01-01T00:00:00Z' },
    seen: { time: '2026-11-24T10:00:03.251Z' },
  },
  { what: 'no host', part: { host: {} }, seen: { host: '-' } },
  { what: 'a host that is no name', part: { host: { name: 'web 1\nü' } }, seen: { host: 'web?1??' } },
])('takes a document with $what', ({ part, seen }) => {
  expect(parse(message(parcel(1, {}, part)))).toMatchObject(seen);
});

it('makes controls visible in structured data, and keeps them in the document', () => {
  const name = 'a\u001b]8;;x\u0007\n\u202e"\\]';
  const of = parcel(1, {}, { kibana: { alert: { rule: { name } } } });
  const { data, document } = parse(message(of));
  expect(data.rule).toBe('a\\x1b]8;;x\\x07\\n\\u{202e}"\\]');
  expect(document).toMatchObject({ kibana: { alert: { rule: { name } } } });
});

it.each([480, 600, 1024, 8192])('cuts a document of 60 KiB to its essentials within %i bytes, marked', (maxBytes) => {
  const of = largeParcel(1, 60_000);
  const bytes = message(of, maxBytes);
  expect(bytes.length).toBeLessThanOrEqual(maxBytes);
  const { document, data } = parse(bytes);
  expect(document).toMatchObject({
    '@timestamp': '2026-11-24T10:00:03.125Z',
    kibana: { alert: { uuid: idOf(1), severity: 'medium' } },
    forebear: { cut: { original_bytes: of.document.length } },
  });
  expect(data.uuid).toBe(idOf(1));
});

it('keeps what a reader needs where there is room, and long texts as far as they fit', () => {
  const { document } = parse(message(largeParcel(1, 60_000), 8192));
  expect(document).toMatchObject({
    host: { id: 'host-1', name: 'web-1' },
    event: { kind: 'alert', action: ['exec'] },
    process: { pid: 901, executable: '/bin/sh', command_line: `${'x'.repeat(4093)}...` },
    user: { id: '1000', name: 'alice' },
  });
});

it('takes a document nested beyond measure, or written in several lines', () => {
  const deep = parcel(1, { document: Buffer.from(`{"message":"m","a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`) });
  expect(message(deep, 65_536).length).toBeGreaterThan(60_000);
  expect(parse(message(deep, 1024)).document).toMatchObject({ message: 'm', forebear: { cut: {} } });
  const lines = parcel(1, { document: Buffer.from(JSON.stringify(documentOf(1), null, '\t')) });
  expect(parse(message(lines)).document).toEqual(documentOf(1));
});

it('sends what just fits as it is', () => {
  const whole = message(parcel(1));
  expect(message(parcel(1), whole.length)).toEqual(whole);
  expect(parse(message(parcel(1), whole.length - 1)).document).toHaveProperty('forebear.cut.original_bytes');
});

it('cuts a record that is no alert, with dotted names', () => {
  const document = {
    '@timestamp': '2026-11-24T10:00:00.000Z',
    message: 'm'.repeat(9000),
    'forebear.gap.kind': 'lost_records',
  };
  const of = parcel(1, { kind: 'gap', document: Buffer.from(JSON.stringify(document)) });
  expect(parse(message(of, 1024))).toMatchObject({
    msgid: 'gap',
    document: { forebear: { gap: { kind: 'lost_records' } } },
  });
});

it('is a valid message of at most max_message_bytes for any text', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 700 }),
    fc.constantFrom('服务'.repeat(400), '"\\]'.repeat(200)),
  );
  const hostile = fc.record({ name: text, host: text, reason: text, command: text, id: fc.string({ maxLength: 90 }) });
  fc.assert(
    fc.property(hostile, fc.integer({ min: 480, max: 9000 }), ({ name, host, reason, command, id }, maxBytes) => {
      const of = parcel(
        1,
        { id },
        {
          host: { name: host },
          kibana: { alert: { reason, rule: { name, rule_id: name } } },
          process: { command_line: command, args: [command] },
        },
      );
      const bytes = message(of, maxBytes);
      expect(bytes.length).toBeLessThanOrEqual(maxBytes);
      parse(bytes);
    }),
    { numRuns: 500 },
  );
});
