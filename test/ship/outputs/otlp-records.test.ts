// What is sent by OTLP, as the official package of OpenTelemetry reads it.

import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import type { Parcel } from '../../../src/ship/output.ts';
import { readDocument } from '../../../src/ship/outputs/ecs-document.ts';
import { decodeFailure, decodeSuccess, encodeLogs } from '../../../src/ship/outputs/otlp-records.ts';
import { idOf, parcel, parcels, WALL_MS } from './parcels.ts';

type Table = Record<string, unknown>;
interface Message {
  decode(bytes: Uint8Array): object;
  encode(message: object): { finish(): Uint8Array };
  toObject(message: object, options: object): Table;
}
const { opentelemetry } = createRequire(import.meta.url)(
  '@opentelemetry/otlp-transformer/build/src/generated/root.js',
) as {
  opentelemetry: { proto: { collector: { logs: { v1: Record<string, Message> } } } };
};
const official = opentelemetry.proto.collector.logs.v1;
const Request = official.ExportLogsServiceRequest!;
const Response = official.ExportLogsServiceResponse!;

function encode(batch: readonly Parcel[]): Uint8Array {
  return encodeLogs(
    batch.map((each) => ({ parcel: each, document: readDocument(each)! })),
    '1.2.3',
  );
}

interface Logs {
  resourceLogs: {
    resource: { attributes: Table[] };
    scopeLogs: { scope: Table; logRecords: (Table & { attributes: Table[] })[] }[];
  }[];
}

function read(batch: readonly Parcel[]): Logs {
  return Request.toObject(Request.decode(encode(batch)), { longs: String, defaults: false }) as unknown as Logs;
}

function records(batch: readonly Parcel[]): (Table & { attributes: Table[] })[] {
  return read(batch).resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
}

const named = (attributes: Table[]) => Object.fromEntries(attributes.map(({ key, value }) => [key, value]));

it('is one log record each, with its id, times, severity, reason and kind', () => {
  const [record] = records([parcel(7)]);
  const { attributes, ...rest } = record!;
  expect(rest).toEqual({
    timeUnixNano: `${Date.UTC(2026, 10, 24, 10, 0, 3, 125)}000000`,
    observedTimeUnixNano: `${WALL_MS + 7}000000`,
    severityNumber: 13,
    severityText: 'medium',
    eventName: 'forebear.alert',
    body: { stringValue: 'process event 7' },
  });
  expect(named(attributes)['log.record.uid']).toEqual({ stringValue: idOf(7) });
});

it('carries the whole document as flat attributes of their types', () => {
  const document = { odd: { big: 2 ** 60, negative: -5, empty: '', nothing: null, list: [1, [true]], lone: '\ud800' } };
  const attributes = named(records([parcel(1, {}, document)])[0]!.attributes);
  expect(attributes).toMatchObject({
    'process.pid': { intValue: '901' },
    'process.interactive': { boolValue: true },
    'process.args': {
      arrayValue: { values: [{ stringValue: 'systemctl' }, { stringValue: 'enable' }, { stringValue: '服务' }] },
    },
    'kibana.alert.risk_score': { doubleValue: 47.5 },
    threat: {
      arrayValue: {
        values: [
          {
            kvlistValue: {
              values: [
                { key: 'framework', value: { stringValue: 'MITRE ATT&CK' } },
                {
                  key: 'tactic',
                  value: { kvlistValue: { values: [{ key: 'id', value: { stringValue: 'TA0003' } }] } },
                },
              ],
            },
          },
        ],
      },
    },
    'odd.big': { doubleValue: 2 ** 60 },
    'odd.negative': { intValue: '-5' },
    'odd.empty': { stringValue: '' },
    'odd.lone': { stringValue: '\ufffd' },
    'odd.list': { arrayValue: { values: [{ intValue: '1' }, { arrayValue: { values: [{ boolValue: true }] } }] } },
  });
  expect(attributes).not.toHaveProperty('odd.nothing');
});

it.each([
  [0, 9, 'low'],
  [1, 13, 'medium'],
  [2, 17, 'high'],
  [3, 21, 'critical'],
])('writes rank %i as severity %i, %s', (rank, severityNumber, severityText) => {
  expect(records([parcel(1, { rank })])[0]).toMatchObject({ severityNumber, severityText });
});

it('groups by host, in order within a host', () => {
  const batch = [1, 2, 3, 4].map((n) => parcel(n, {}, { host: { id: `host-${n % 2}`, name: `web-${n % 2}` } }));
  const { resourceLogs } = read(batch);
  const seen = resourceLogs.map(({ resource, scopeLogs }) => ({
    resource: named(resource.attributes),
    scope: scopeLogs[0]!.scope,
    pids: scopeLogs[0]!.logRecords.map(({ attributes }) => named(attributes)['process.pid']),
  }));
  const scope = { name: 'forebear', version: '1.2.3' };
  const resource = (n: number) => ({
    'service.name': { stringValue: 'forebear' },
    'service.version': { stringValue: '1.2.3' },
    'host.id': { stringValue: `host-${n}` },
    'host.name': { stringValue: `web-${n}` },
  });
  expect(seen).toEqual([
    { resource: resource(1), scope, pids: [{ intValue: '901' }, { intValue: '903' }] },
    { resource: resource(0), scope, pids: [{ intValue: '902' }, { intValue: '904' }] },
  ]);
});

it('takes the time of the record where the event has none, and a message where there is no reason', () => {
  const [record] = records([parcel(3, { kind: 'gap' }, { '@timestamp': 'never', kibana: {}, message: 'lost 3' })]);
  expect(record).toMatchObject({
    timeUnixNano: `${WALL_MS + 3}000000`,
    body: { stringValue: 'lost 3' },
    eventName: 'forebear.gap',
  });
});

it('drops and counts what is nested beyond any document, and does not fall over it', () => {
  const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
  const list = `${'['.repeat(5000)}${']'.repeat(5000)}`;
  const document = Buffer.from(`{"deep":${deep},"list":${list},"kept":[[null]]}`);
  const [record] = records([parcel(1, { document })]);
  expect(record).toMatchObject({ droppedAttributesCount: 2 });
  expect(Object.keys(named(record!.attributes))).toEqual(['log.record.uid', 'kept']);
});

it('is the same bytes when it is sent again, and not much larger than the documents', () => {
  const batch = parcels(100);
  const bytes = encode(batch);
  expect(bytes).toEqual(encode(batch));
  expect(bytes.length).toBeLessThan(1.6 * batch.reduce((sum, { document }) => sum + document.length, 0));
});

it('reads the official answers', () => {
  const answer = (partialSuccess: object) => Response.encode({ partialSuccess }).finish();
  expect(decodeSuccess(new Uint8Array())).toEqual({ rejected: 0, message: '' });
  expect(decodeSuccess(Buffer.from('0a00', 'hex'))).toEqual({ rejected: 0, message: '' });
  expect(decodeSuccess(answer({ rejectedLogRecords: 3, errorMessage: 'x' }))).toEqual({ rejected: 3, message: 'x' });
  expect(decodeFailure(Buffer.from('0803120161', 'hex'))).toBe('a');
  expect(decodeFailure(new Uint8Array())).toBe('code 0');
  expect(() => decodeSuccess(Buffer.from('<html>'))).toThrow(expect.objectContaining({ code: 'FB_PROTO_MALFORMED' }));
});
