// Whether an endpoint takes what this host will send, found out before anything is configured: index templates where there are such,
// then a test alert and a record as of the agent's own (both marked forebear.selftest), or, where an output can ask without leaving
// anything (the hub), a question. Called by enrol.ts.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { RecordKindName } from '../journal/journal.ts';
import type { Output, Parcel, Verdict } from '../ship/output.ts';
import type { ElasticsearchOutput } from '../ship/outputs/elasticsearch.ts';

export interface EnrolStep {
  step: 'templates' | 'test';
  status: 'fine' | 'warning' | 'fault';
  detail: string;
}

/** Yields each step as it is done; after a fault there is no further one. */
export async function* tryOutput(output: Output, hostId: string, nowMs: number, signal: AbortSignal) {
  if (isElasticsearch(output)) {
    const step = await installTemplates(output, signal);
    yield step;
    if (step.status === 'fault') return;
  }
  yield await sendTest(output, hostId, nowMs, signal);
}

function isElasticsearch(output: Output): output is ElasticsearchOutput {
  return output.type === 'elasticsearch';
}

/**
 * A key that may only send is no fault with Elasticsearch, whose own template for logs-*-* makes a data stream; OpenSearch would
 * make a plain index of the first document, for good.
 */
async function installTemplates(output: ElasticsearchOutput, signal: AbortSignal): Promise<EnrolStep> {
  const { ok, product, steps } = await output.setUp(signal);
  const refused = steps.find(({ outcome }) => outcome === 'refused');
  if (ok || refused === undefined) {
    const changed = steps.filter(({ outcome }) => outcome !== 'unchanged').length;
    const detail = changed === 0 ? 'as they should be' : `${changed} installed or brought up to date`;
    return { step: 'templates', status: 'fine', detail };
  }
  const what = `${refused.what} ${refused.name}`.trim();
  const detail = `${what}: ${refused.detail ?? 'refused'}`;
  if (product?.name === 'elasticsearch') {
    return { step: 'templates', status: 'warning', detail: `${detail}; forebear ship --setup with a key that may` };
  }
  return { step: 'templates', status: 'fault', detail };
}

async function sendTest(output: Output, hostId: string, nowMs: number, signal: AbortSignal): Promise<EnrolStep> {
  if (output.probe !== undefined)
    return stepOf([await output.probe(signal)], 'the endpoint takes what this host sends');
  const journalId = randomBytes(16).toString('hex');
  const kinds: RecordKindName[] = ['alert', 'lifecycle'];
  const answer = await output.send(
    kinds.map((kind, i) => testParcel(kind, i + 1, journalId, hostId, nowMs)),
    signal,
  );
  const verdicts = answer.of === 'items' ? answer.verdicts : [answer.verdict as Verdict];
  return stepOf(verdicts, 'a test alert and a test record have arrived (forebear.selftest: true)');
}

function stepOf(verdicts: readonly Verdict[], fine: string): EnrolStep {
  const failed = verdicts.find(({ is }) => is !== 'delivered');
  if (failed === undefined) return { step: 'test', status: 'fine', detail: fine };
  return { step: 'test', status: 'fault', detail: 'reason' in failed ? failed.reason : failed.is };
}

function testParcel(kind: RecordKindName, seq: number, journalId: string, hostId: string, nowMs: number): Parcel {
  const id = randomBytes(20).toString('hex');
  const document = {
    '@timestamp': new Date(nowMs).toISOString(),
    message: 'forebear enrol: a test of the delivery',
    ecs: { version: '8.17.0' },
    event: { id, kind: 'event', category: ['host'], type: ['info'], action: 'forebear-enrol', module: 'forebear' },
    host: { id: hostId, hostname: hostname() },
    forebear: { selftest: true },
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { seq, journalId, hostId, kind, rank: 0, wallMs: nowMs, id, document: bytes, payload: bytes };
}
