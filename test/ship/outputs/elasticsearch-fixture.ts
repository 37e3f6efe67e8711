// What the tests of the Elasticsearch output share, here and in test/servers: a configuration, parcels, an alert with every
// field that an alert can have, a transport that answers as it is told.

import { type OutputOf, readOutputs } from '../../../src/config/outputs.ts';
import { Detector } from '../../../src/detect/detector.ts';
import type { Rule } from '../../../src/detect/rule.ts';
import type { SlotValue } from '../../../src/ecs/event.ts';
import { type Field, FieldTable } from '../../../src/ecs/fields.ts';
import type { RecordKindName } from '../../../src/journal/journal.ts';
import {
  encodeAmend,
  encodeClock,
  encodeGap,
  encodeHeartbeat,
  encodeLifecycle,
} from '../../../src/proto/record-codec.ts';
import type { Parcel } from '../../../src/ship/output.ts';
import { amendParcel, noticeParcel } from '../../../src/ship/parcels.ts';
import type { HttpReply, HttpRequest, HttpTransport } from '../../../src/ship/transport.ts';
import { Counters } from '../../../src/stats.ts';
import { execEvent } from '../../detect/events.ts';
import { makeRule } from '../../detect/rules.ts';

const JOURNAL_ID = '0123456789abcdef0123456789abcdef';
export const EVENT_MS = Date.UTC(2026, 10, 24, 10, 0, 3);

export function configOf(part: Record<string, unknown> = {}): OutputOf<'elasticsearch'> {
  const settings = { type: 'elasticsearch', url: 'http://127.0.0.1:9', ...part };
  const [config] = readOutputs({ central: settings }, (fault) => {
    throw new Error(JSON.stringify(fault));
  });
  return config as OutputOf<'elasticsearch'>;
}

export function parcelOf(id: string, part: Partial<Parcel> & { json?: object } = {}): Parcel {
  const { json = { '@timestamp': new Date(EVENT_MS).toISOString(), message: id }, ...rest } = part;
  const document = Buffer.from(JSON.stringify(json));
  return {
    seq: 1,
    journalId: JOURNAL_ID,
    kind: 'alert',
    rank: 1,
    wallMs: EVENT_MS,
    id,
    document,
    payload: document,
    ...rest,
  };
}

/** Answers one after the other; the last one stays. */
export class FakeTransport implements HttpTransport {
  readonly requests: HttpRequest[] = [];
  readonly #replies: HttpReply[];
  closed = false;

  constructor(...replies: HttpReply[]) {
    this.#replies = replies;
  }

  async request(request: HttpRequest): Promise<HttpReply> {
    this.requests.push(request);
    return this.#replies.length > 1 ? this.#replies.shift()! : this.#replies[0]!;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** in: a body as text, or what is written as JSON. */
export function replyOf(
  status: number,
  body: unknown,
  part: Partial<Extract<HttpReply, { is: 'answer' }>> = {},
): HttpReply {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const contentType = typeof body === 'string' ? 'text/html' : 'application/json';
  return { is: 'answer', status, contentType, body: Buffer.from(text), headers: {}, ...part };
}

const entry = (id: string) => ({ id, name: `name of ${id}`, reference: `https://example.org/${id}` });
const THREAT: Rule['threat'] = [
  {
    framework: 'MITRE ATT&CK',
    tactic: entry('TA0003'),
    technique: [{ ...entry('T1543'), subtechnique: [entry('T1543.002')] }],
  },
];

/** The document of an alert in which every field of the table has a value, with all that the detector adds. */
export function fullAlert(values: Record<string, SlotValue> = {}): { id: string; json: Record<string, unknown> } {
  const fields = new FieldTable();
  const all = Object.fromEntries(fields.all().map((field) => [field.name, sampleOf(field)]));
  const rule = {
    threat: THREAT,
    setup: 'how to',
    buildingBlock: 'default',
    severityOverrides: [],
    riskScoreOverrides: [],
  };
  const rules = [makeRule(fields, 'process.name:*', rule, ['process.parent.executable'])];
  const detector = new Detector({ rules, fields, counters: new Counters(), detectedMs: (event) => event.wallMs + 7 });
  const event = execEvent(fields, { ...all, ...values }, { id: 'event-id', wallMs: EVENT_MS });
  event.gaps = [{ kind: 'truncated', detail: 'process.args', count: 1 }];
  const source = 'kernel' as const;
  const text = { entity_id: 'e', name: 'n', executable: '/n', command_line: 'n -x', user_id: '0' };
  event.lineage = () => [{ pid: 1, startMs: 1000, source, ...text }];
  const [alert] = detector.evaluate(event);
  return { id: alert!.uuid, json: { ...alert!.document } };
}

/** One parcel of each kind of record that is no alert, with every field that such a document can have, and one that cannot be read. */
export function notices(): Parcel[] {
  const made = { version: '1.0.0', bootId: 'b', ruleSetHash: 'r', counters: [['x_total{reason="a.b"}', 3]] as const };
  const times = { fromMs: EVENT_MS, toMs: EVENT_MS, fromSeq: 3, toSeq: 4 };
  const stop = { event: 'stop' as const, detail: 'd', afterUncleanStop: false, ...made };
  const amend = { uuid: 'u', number: 1, document: { process: { hash: { sha256: 'h' } } } };
  const of = (kindName: RecordKindName, payload: Uint8Array, seq: number) =>
    ({ seq, kind: 2, kindName, rank: 2, wallMs: EVENT_MS, payload, journalId: JOURNAL_ID, hostId: 'host-id' }) as const;
  return [
    noticeParcel(of('gap', encodeGap({ kind: 'lost_records', detail: 'd', count: 3, ...times }), 1)),
    noticeParcel(of('lifecycle', encodeLifecycle(stop), 2)),
    noticeParcel(of('heartbeat', encodeHeartbeat({ seq: 3, link: '00'.repeat(32), bootNs: 1n, ...made }), 3)),
    noticeParcel(of('clock', encodeClock({ foundMs: EVENT_MS, expectedMs: EVENT_MS - 9000, bootNs: 1n }), 4)),
    amendParcel(of('amend', encodeAmend(amend), 5)),
    amendParcel(of('amend', Buffer.from('ff', 'hex'), 6)),
  ];
}

function sampleOf({ name, type }: Field): SlotValue {
  if (name === '@timestamp') return EVENT_MS;
  if (name === 'forebear.raw.field') return undefined; // written beside a value that is not UTF-8
  if (name === 'forebear.raw.bytes') return undefined;
  if (type === 'boolean') return true;
  if (type === 'long' || type === 'double') return 7;
  if (type === 'date') return EVENT_MS;
  if (type === 'ip') return ['192.0.2.1', '2001:db8::1'];
  return name === 'process.args' ? ['a', '\udcff'] : `value of ${name}`;
}
