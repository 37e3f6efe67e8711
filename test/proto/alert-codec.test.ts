import protobuf from 'protobufjs/minimal.js';
import { expect, it } from 'vitest';
import type { Alert } from '../../src/detect/alert.ts';
import { decodeAlert, decodeEnvelope, documentText, encodeAlert, RANK_OF } from '../../src/proto/alert-codec.ts';
import { decodeText } from '../../src/text.ts';

const FULL: Alert = {
  uuid: '5f'.repeat(20),
  rule_id: '17b0a495-4d9f-414c-8ad0-92f018b8e001',
  ruleName: '罕见父进程使用 systemctl',
  ruleVersion: 2,
  severity: 'high',
  riskScore: 47.5,
  eventWallMs: 1_800_000_000_123.456,
  detectedWallMs: 1_800_000_000_124,
  eventBootId: '4805e1d9-9167-4d5e-abb8-2aaa5bbaeb78',
  eventBootNs: 2n ** 63n + 5n,
  hostId: 'h'.repeat(32),
  hostName: 'büro-1',
  reason: 'process event',
  gaps: [
    { kind: 'lost_records', detail: 'exec', count: 3 },
    { kind: 'document_cut', detail: 'process.args', count: 1 },
  ],
  terms: ['./payload', 'a\u0000b', '', decodeText(Uint8Array.of(0x2f, 0xff)), decodeText(Uint8Array.of(0x2f, 0xfe))],
  group: '["\\udcff",7]',
  document: { '@timestamp': 'x', process: { args: ['a', '\udcff', '\u202e'] }, n: 1.5, empty: {} },
};
const BARE: Alert = {
  uuid: '',
  rule_id: '',
  ruleName: '',
  ruleVersion: 0,
  severity: 'low',
  riskScore: 0,
  eventWallMs: 0,
  detectedWallMs: 0,
  eventBootId: '4805e1d9-9167-4d5e-abb8-2aaa5bbaeb78',
  eventBootNs: 0n,
  hostId: '',
  hostName: '',
  reason: '',
  gaps: [],
  document: {},
};

it.each([
  ['everything set', FULL],
  ['nothing set', BARE],
  ['before 1970', { ...BARE, eventWallMs: -1500.25, detectedWallMs: -1 }],
  ['a boot time beyond 2^53', { ...BARE, eventBootNs: 2n ** 64n - 1n }],
  ...Object.keys(RANK_OF).map((severity) => [severity, { ...FULL, severity }] as [string, Alert]),
])('comes back as it was: %s', (_name, alert) => {
  expect(decodeAlert(encodeAlert(alert))).toEqual(alert);
});

it('gives the envelope without parsing the document', () => {
  const { document: _document, ...facts } = FULL;
  const { documentBytes, ...envelope } = decodeEnvelope(encodeAlert(FULL));
  expect(envelope).toEqual(facts);
  expect(JSON.parse(Buffer.from(documentBytes).toString('utf8'))).toEqual(FULL.document);
  expect(documentText(encodeAlert(FULL))).toBe(JSON.stringify(FULL.document));
  const broken = withField(encodeAlert(BARE), 15, Buffer.from('{"a":'));
  expect(decodeEnvelope(broken).uuid).toBe('');
  expect(() => decodeAlert(broken)).toThrow(expect.objectContaining({ code: 'FB_PROTO_MALFORMED' }));
});

it('replaces bytes that are not UTF-8 in text that people read, keeps them in terms', () => {
  const alert = { ...BARE, reason: 'run \udcff', hostName: '\ud800', terms: ['\udcff', '\udcfe'] };
  const back = decodeAlert(encodeAlert(alert));
  expect([back.reason, back.hostName]).toEqual(['run \ufffd', '\ufffd']);
  expect(back.terms).toEqual(['\udcff', '\udcfe']);
});

/** A message with one more length-delimited field at its end. */
function withField(bytes: Uint8Array, field: number, value: Uint8Array): Uint8Array {
  const extra = protobuf.Writer.create()
    .uint32((field << 3) | 2)
    .bytes(value)
    .finish();
  return Buffer.concat([bytes, extra]);
}

it('ignores fields, and shows severities and gaps, of a later version', () => {
  const gap = protobuf.Writer.create().uint32(8).int32(99).uint32(18).string('what').finish();
  const severity = protobuf.Writer.create().uint32(24).int32(77).finish();
  const later = Buffer.concat([withField(withField(encodeAlert(BARE), 200, Buffer.from('new')), 10, gap), severity]);
  const alert = decodeAlert(later);
  expect(alert.severity).toBe('critical');
  expect(alert.gaps).toEqual([{ kind: 'unreadable', detail: 'gap kind 99: what', count: 0 }]);
});

it('never throws anything but FB_PROTO_MALFORMED on cut or flipped bytes', () => {
  const bytes = encodeAlert(FULL);
  const attempts = [...bytes.keys()].flatMap((at) => {
    const flipped = Uint8Array.from(bytes);
    flipped[at]! ^= 1 << (at % 8);
    return [bytes.subarray(0, at), flipped];
  });
  const codes = attempts.map((attempt) => {
    try {
      decodeAlert(attempt);
      return 'decoded';
    } catch (error) {
      return (error as { code?: string }).code;
    }
  });
  expect([...new Set(codes)].sort()).toEqual(['FB_PROTO_MALFORMED', 'decoded']);
});
