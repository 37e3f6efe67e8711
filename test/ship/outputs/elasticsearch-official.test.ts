// Elastic's own client as the judge of what we send: it makes the same bytes of the same documents, sorts the same answers in the
// same way, and knows every part of the templates.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RECORD_KINDS } from '../../../src/journal/journal.ts';
import { encodeAlert } from '../../../src/proto/alert-codec.ts';
import type { Parcel, Verdict } from '../../../src/ship/output.ts';
import { elasticsearchOutput } from '../../../src/ship/outputs/elasticsearch.ts';
import { alertParcel } from '../../../src/ship/parcels.ts';
import { UndiciTransport } from '../../../src/ship/transport-http.ts';
import { realWaiting } from '../../../src/ship/wait.ts';
import { sampleAlert } from '../../commands/sample-alert.ts';
import { configOf, EVENT_MS, fullAlert, notices, parcelOf } from './elasticsearch-fixture.ts';
import { OfficialEndpoint, type Received } from './elasticsearch-official-endpoint.ts';
import { largeParcel, parcels } from './parcels.ts';

const never = new AbortController().signal;
const ALERTS = 'logs-forebear.alerts-default';
const AGENT = 'logs-forebear.agent-default';
/** What text of a process may be: line ends of all kinds, quotes, controls, beyond the first plane, no UTF-8. */
const HOSTILE = 'a\n\r\u2028\u2029\u0085 "\\" \u0000\u001b]52;c\u0007 {"create":{}} 服务 😀 \udcff __proto__';

let endpoint: OfficialEndpoint;
beforeAll(async () => {
  endpoint = await OfficialEndpoint.start();
});
afterAll(() => endpoint.close());
beforeEach(() => {
  endpoint.received.length = 0;
  endpoint.statuses.clear();
});

function output() {
  const settings = configOf({ url: endpoint.url, duplicate_wait: '0s' });
  return elasticsearchOutput(settings, new UndiciTransport(settings), realWaiting);
}

async function sendOurs(batch: readonly Parcel[]): Promise<readonly Verdict[]> {
  const ours = output();
  const answer = await ours.send(batch, never);
  await ours.close();
  if (answer.of === 'batch') throw new Error(JSON.stringify(answer.verdict));
  return answer.verdicts;
}

/** out: ids that the client counts as delivered, and what it gave up, by status. */
async function sendTheirs(batch: readonly Parcel[]) {
  const { client } = endpoint;
  const delivered: string[] = [];
  const dropped = new Map<string, number>();
  const documents = batch.map((parcel) => ({ parcel, json: readOf(parcel) }));
  const stats = await client.helpers.bulk({
    datasource: documents,
    onDocument: ({ parcel: { id, kind }, json }) => {
      const _index = kind === 'alert' || kind === 'amend' ? ALERTS : AGENT;
      return [{ create: { _index, _id: id } }, json];
    },
    onSuccess: ({ result }) => delivered.push(result.create!._id!),
    onDrop: ({ status, operation }) => dropped.set((operation as { create: { _id: string } }).create._id, status),
    retries: 0,
    concurrency: 1,
  });
  return { delivered, dropped, stats };
}

function readOf({ document }: Parcel): Record<string, unknown> {
  return endpoint.client.serializer.deserialize(Buffer.from(document).toString()) as Record<string, unknown>;
}

/** As `forebear ship` takes it from the journal. */
function journalled(values: Parameters<typeof fullAlert>[0]): { parcel: Parcel; json: Record<string, unknown> } {
  const { id, json } = fullAlert(values);
  const payload = encodeAlert(sampleAlert({ uuid: id, document: json }));
  const record = { seq: 1, kind: RECORD_KINDS.alert, kindName: 'alert', rank: 1, wallMs: EVENT_MS } as const;
  return { parcel: alertParcel({ ...record, payload, journalId: '01', hostId: 'h' }, []), json };
}

const hostile = journalled({ 'process.command_line': HOSTILE, 'process.args': [HOSTILE, ''] });
const BATCHES: readonly [string, readonly Parcel[]][] = [
  ['an alert with every field', [journalled({}).parcel]],
  ['an alert of hostile text', [hostile.parcel]],
  ['records that are no alerts', notices()],
  ['a document of 300 KB', [largeParcel(1, 300_000, '\u{1f427}')]],
  ['five hundred alerts', parcels(500)],
];

describe('a batch of', () => {
  it.each(BATCHES)('%s is byte for byte what the official bulk helper makes', async (_what, batch) => {
    await sendOurs(batch);
    await sendTheirs(batch);
    const [ours, theirs] = endpoint.received as [Received, Received];
    expect(endpoint.received).toHaveLength(2);
    expect(ours.body.toString()).toBe(theirs.body.toString());
    expect(ours.body.equals(theirs.body)).toBe(true);
    const how = ({ method, path }: Received) => `${method} ${path}`;
    expect([how(ours), ours.encoding]).toEqual(['POST /_bulk', ours.body.length < 1024 ? '' : 'gzip']);
  });

  it('hostile text is read by it as the detector wrote it, in one line', async () => {
    await sendOurs([hostile.parcel]);
    const [action, document, ...rest] = endpoint.received[0]!.body.toString().split('\n');
    const { serializer } = endpoint.client;
    expect(serializer.deserialize(action!)).toEqual({ create: { _index: ALERTS, _id: hostile.parcel.id } });
    const read = serializer.deserialize(document!) as { process: { command_line: string } };
    expect(read).toEqual(hostile.json);
    expect(read.process.command_line).toBe(HOSTILE.replace('\udcff', '\ufffd'));
    expect(rest).toEqual(['']);
  });
});

// By status: ours, and whether the client counts it as delivered. Of "it is there already" it says no, as it was not it that
// brought the document; of the refusals that pass or that an operator ends, that it has to give up.
it.each([
  [201, 'delivered', true],
  [200, 'delivered', true],
  [409, 'delivered, duplicate', false],
  [400, 'rejected', false],
  [413, 'rejected', false],
  [403, 'hold', false],
  [404, 'hold', false],
  [429, 'retry', false],
  [503, 'retry', false],
])('the answer %d about one of three is sorted as the client sorts it: %s', async (status, verdict, delivers) => {
  const batch = ['a', 'b', 'c'].map((id) => parcelOf(id));
  endpoint.statuses.set('b', status);
  const said = (each: Verdict) =>
    each.is === 'delivered' && each.duplicate === true ? `${each.is}, duplicate` : each.is;
  expect((await sendOurs(batch)).map(said)).toEqual(['delivered', verdict, 'delivered']);
  const { delivered, dropped, stats } = await sendTheirs(batch);
  expect(delivered).toEqual(delivers ? ['a', 'b', 'c'] : ['a', 'c']);
  expect([...dropped]).toEqual(delivers ? [] : [['b', status]]);
  expect(stats).toMatchObject({ total: 3, successful: delivered.length });
});

it('templates are requests that the client makes too, with no part that it does not know', async () => {
  const ours = output();
  expect(await ours.setUp(never)).toMatchObject({ ok: true, product: { name: 'elasticsearch', version: '8.19.21' } });
  await ours.close();
  const puts = endpoint.received.splice(0).filter(({ method }) => method === 'PUT');
  expect(puts.length).toBeGreaterThanOrEqual(6);
  const { cluster, indices } = endpoint.client;
  for (const { path, body } of puts) {
    const [, kind, name] = /^\/_(component|index)_template\/([^/]+)$/.exec(path)!;
    const template = { name: name!, ...JSON.parse(body.toString()) };
    await (kind === 'component' ? cluster.putComponentTemplate(template) : indices.putIndexTemplate(template));
  }
  const content = ({ path, query, body }: Received) => ({ path, query, body: JSON.parse(body.toString()) });
  expect(endpoint.received.map(content)).toEqual(puts.map(content));
});
