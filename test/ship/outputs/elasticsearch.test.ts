import { describe, expect, it } from 'vitest';
import type { Parcel } from '../../../src/ship/output.ts';
import { elasticsearchAccess, elasticsearchOutput } from '../../../src/ship/outputs/elasticsearch.ts';
import type { HttpReply } from '../../../src/ship/transport.ts';
import { configOf, EVENT_MS, FakeTransport, parcelOf, replyOf } from './elasticsearch-fixture.ts';

const signal = new AbortController().signal;
const created = (...ids: string[]) =>
  replyOf(200, { errors: false, items: ids.map((_id) => ({ create: { _id, status: 201 } })) });

async function sent(batch: readonly Parcel[], config: Record<string, unknown> = {}, reply?: HttpReply) {
  const transport = new FakeTransport(reply ?? created(...batch.map(({ id }) => id)));
  const answer = await elasticsearchOutput(configOf(config), transport).send(batch, signal);
  const [request] = transport.requests;
  return { answer, request: request!, lines: Buffer.from(request!.body!).toString().split('\n') };
}

const indexes = ({ lines }: { lines: string[] }) =>
  lines.filter((_, i) => i % 2 === 0 && i < lines.length - 1).map((line) => JSON.parse(line).create._index);

describe('a batch', () => {
  it('is one request, each document behind the order to create it', async () => {
    const { answer, request, lines } = await sent([
      parcelOf('a', { json: { n: 1 } }),
      parcelOf('b', { json: { n: 2 } }),
    ]);
    expect(answer).toEqual({ of: 'items', verdicts: [{ is: 'delivered' }, { is: 'delivered' }] });
    expect(request).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/x-ndjson' } });
    expect(lines).toEqual([
      '{"create":{"_index":"logs-forebear.alerts-default","_id":"a"}}',
      '{"n":1}',
      '{"create":{"_index":"logs-forebear.alerts-default","_id":"b"}}',
      '{"n":2}',
      '',
    ]);
  });

  it('asks for what is needed of the answer, and for one before this side gives up', async () => {
    const { request } = await sent([parcelOf('a')], { timeout: '7s' });
    const query = new URLSearchParams(request.path.slice(request.path.indexOf('?')));
    expect(request.path).toMatch(/^\/_bulk\?/);
    expect(query.get('timeout')).toBe('3500ms');
    expect(query.get('filter_path')?.split(',')).toContain('items.*.status');
  });

  it('is halved when the answer is too large to be read, but not one document', async () => {
    const tooLarge: HttpReply = { is: 'broken', verdict: 'retry', code: 'FB_SHIP_ANSWER_SIZE', reason: 'too large' };
    const two = await sent([parcelOf('a'), parcelOf('b')], {}, tooLarge);
    expect(two.answer).toMatchObject({ of: 'batch', verdict: { is: 'split' } });
    const one = await sent([parcelOf('a')], {}, tooLarge);
    expect(one.answer).toMatchObject({ of: 'batch', verdict: { is: 'retry' } });
  });

  it('is the same bytes in a second attempt', async () => {
    const batch = [parcelOf('a'), parcelOf('b', { kind: 'gap' })];
    expect((await sent(batch)).request).toEqual((await sent(batch)).request);
  });
});

describe('goes to the index', () => {
  const at = (time: unknown) => ({ json: { '@timestamp': time } });
  const DATED = { index: 'sec-{yyyy.MM.dd}', agent_index: 'agents-{yyyy.MM}-x' };
  it.each<[string, Parcel, Record<string, unknown>, string]>([
    ['of alerts', parcelOf('a'), {}, 'logs-forebear.alerts-default'],
    ['of alerts, an amend', parcelOf('a', { kind: 'amend' }), {}, 'logs-forebear.alerts-default'],
    ['of the agent, a gap', parcelOf('a', { kind: 'gap' }), {}, 'logs-forebear.agent-default'],
    ['of the agent, a heartbeat', parcelOf('a', { kind: 'heartbeat' }), {}, 'logs-forebear.agent-default'],
    ['of the agent, a stop', parcelOf('a', { kind: 'lifecycle' }), {}, 'logs-forebear.agent-default'],
    ['of the agent, a step of the clock', parcelOf('a', { kind: 'clock' }), {}, 'logs-forebear.agent-default'],
    ['that is configured', parcelOf('a'), { index: 'mine' }, 'mine'],
    ['of the day', parcelOf('a', at('2025-01-02T23:59:59.999Z')), DATED, 'sec-2025.01.02'],
    ['of the month', parcelOf('a', { kind: 'gap', ...at('2025-01-02T00:00:00Z') }), DATED, 'agents-2025.01-x'],
    [
      'of the day, wherever it stands',
      parcelOf('a', { json: { a: { '@timestamp': '2001-01-01T' }, '@timestamp': '2025-01-02T00:00:00Z' } }),
      DATED,
      'sec-2025.01.02',
    ],
    ['of the record, for a time of five digits', parcelOf('a', at('+012025-01-02T00:00:00Z')), DATED, 'sec-2026.11.24'],
    ['of the record, for a time that is none', parcelOf('a', at('../../_all')), DATED, 'sec-2026.11.24'],
    ['of the record, for what is no JSON', { ...parcelOf('a'), document: Buffer.from('{"x') }, DATED, 'sec-2026.11.24'],
    ['of the record, without a time', parcelOf('a', { json: {} }), DATED, 'sec-2026.11.24'],
  ])('%s', async (_name, parcel, config, index) => expect(indexes(await sent([parcel], config))).toEqual([index]));

  it('of each document', async () => {
    const batch = ['2025-01-02', '2025-02-01'].map((day) => parcelOf(day, at(`${day}T00:00:00Z`)));
    expect(indexes(await sent(batch, DATED))).toEqual(['sec-2025.01.02', 'sec-2025.02.01']);
    expect(new Date(EVENT_MS).toISOString()).toMatch(/^2026-11-24/);
  });
});

describe('credentials', () => {
  const secrets: Record<string, string> = {
    '/key': 'aWQ6c2VjcmV0',
    '/raw': 'id_1-x:sec-ret',
    '/pw': 'p:ä',
    '/bad': 'a b',
  };
  const access = (config: Record<string, unknown>) => elasticsearchAccess(configOf(config), (file) => secrets[file]!);
  it.each<[string, Record<string, unknown>, string | undefined, string[]]>([
    ['none', {}, undefined, []],
    ['an API key as Kibana shows it', { api_key_file: '/key' }, 'ApiKey aWQ6c2VjcmV0', ['/key']],
    ['an API key as the engine answers it', { api_key_file: '/raw' }, 'ApiKey aWRfMS14OnNlYy1yZXQ=', ['/raw']],
    ['a password', { username: 'u', password_file: '/pw' }, 'Basic dTpwOsOk', ['/pw']],
    ['a user without a password', { username: 'u' }, 'Basic dTo=', []],
    ['an API key before a password', { api_key_file: '/key', username: 'u' }, 'ApiKey aWQ6c2VjcmV0', ['/key']],
  ])('%s', (_name, config, header, files) => {
    const { authorization, files: read } = access(config);
    expect(authorization()).toBe(header);
    expect(read.filter((file) => file !== null)).toEqual(files);
  });

  it('are asked for with each request, and refused where they are none', () => {
    const { authorization } = access({ api_key_file: '/bad' });
    expect(authorization).toThrow(expect.objectContaining({ code: 'FB_SHIP_KEY' }));
    secrets['/bad'] = 'aWQ6c2VjcmV0';
    expect(authorization()).toBe('ApiKey aWQ6c2VjcmV0');
  });
});

it('closes its transport', async () => {
  const transport = new FakeTransport(created());
  await elasticsearchOutput(configOf(), transport).close();
  expect(transport.closed).toBe(true);
});
