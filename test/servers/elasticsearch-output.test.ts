// The output against real engines: what setUp installs fits what is delivered, and each trouble of an engine gets the verdict
// of delivery's table. Nothing here is scripted: the engines are brought into each state and left to answer.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ElasticsearchOutput } from '../../src/ship/outputs/elasticsearch.ts';
import { fullAlert, notices, parcelOf } from '../ship/outputs/elasticsearch-fixture.ts';
import { ALONE, Engine, missing } from './engine.ts';
import { ALERTS, engines, fate, freshId, idsIn, never, outputTo } from './engines.ts';

const AGENT = 'logs-forebear.agent-default';
const MIB = 1 << 20;

describe.each(engines)('%s', (name) => {
  let engine: Engine;
  let output: ElasticsearchOutput;
  const lacks = missing(name);

  beforeAll(async () => {
    if (lacks !== '') return;
    engine = await Engine.start(name, 'output', [...ALONE, 'http.max_content_length=1mb']);
    output = outputTo(engine);
  });
  beforeEach((ctx) => {
    if (lacks !== '') ctx.skip(lacks);
  });
  afterAll(async () => {
    await output?.close();
    await engine?.kill();
  });

  const settings = (set: object, index = ALERTS) => engine.want('PUT', `/${index}/_settings`, set);
  const cluster = (set: object) => engine.want('PUT', '/_cluster/settings', { persistent: set });
  const found = async (query: object) => {
    await engine.want('POST', `/${ALERTS}/_refresh`);
    const body = await engine.want('POST', `/${ALERTS}/_search`, { query, _source: false });
    return (body as { hits: { hits: { _id: string }[] } }).hits.hits.map(({ _id }) => _id);
  };
  const mappingsOf = async (index: string) =>
    Object.values(await engine.want('GET', `/${index}/_mapping`)).map(
      (about) => (about as { mappings: object }).mappings,
    );

  it('is set up once, and a second time nothing is left to do', async () => {
    const first = await output.setUp(never);
    expect(first.ok).toBe(true);
    expect(first.product?.name).toBe(name.replace(/-.*/, ''));
    const ours = first.steps.filter((step) => step.name !== 'forebear-custom');
    expect(ours.map(({ outcome }) => outcome)).toEqual(Array(6).fill('created'));
    const second = await output.setUp(never);
    expect(second.steps.map(({ outcome }) => outcome)).toEqual(Array(7).fill('unchanged'));
  });

  it('takes an alert of every field into a data stream whose mappings do not grow', async () => {
    expect(await fate(output)).toBe('delivered');
    const before = await mappingsOf(ALERTS);
    const { id, json } = fullAlert();
    expect(await fate(output, parcelOf(id, { json }))).toBe('delivered');
    expect(await mappingsOf(ALERTS)).toEqual(before);
    expect(Object.keys(await engine.want('GET', `/${ALERTS}/_mapping`))[0]).toMatch(/^\.ds-/);
    expect(await found({ term: { 'host.ip': '192.0.2.0/24' } })).toEqual([id]);
    expect(await found({ match: { 'kibana.alert.reason': 'created' } })).toEqual([id]);
    expect(await found({ term: { 'forebear.lineage.pid': 1 } })).toEqual([id]);
  });

  it('takes the agent’s own records into theirs, and amends to the alerts', async () => {
    await output.send([parcelOf(freshId(), { kind: 'gap' })], never);
    const before = await mappingsOf(AGENT);
    for (const parcel of notices()) expect(await fate(output, parcel)).toBe('delivered');
    expect(await mappingsOf(AGENT)).toEqual(before);
    const ids = notices().map(({ kind, id }) => ({ alert: kind === 'amend', id }));
    const [alerts, agent] = [await idsIn(engine, ALERTS), await idsIn(engine, AGENT)];
    for (const { alert, id } of ids) expect(alert ? alerts : agent).toContain(id);
  });

  it('takes what a hostile process can put into its arguments, and finds it', async () => {
    const command_line = `${'x'.repeat(61_000)} needle \u202e\0`;
    const process = { command_line, args: ['y'.repeat(60_000), '', '\ufffd'], name: 'z'.repeat(4096) };
    const parcel = parcelOf(freshId(), { json: { '@timestamp': '2026-11-24T10:00:00.000Z', process } });
    expect(await fate(output, parcel)).toBe('delivered');
    expect(await found({ match: { 'process.command_line.text': 'needle' } })).toEqual([parcel.id]);
  });

  it('keeps an alert with a malformed value', async () => {
    const json = { '@timestamp': '2026-11-24T10:00:00.000Z', process: { pid: 'no' }, host: { ip: 'nowhere' } };
    expect(await fate(output, parcelOf(freshId(), { json }))).toBe('delivered');
  });

  it('knows what it has already, and puts aside one document only', async () => {
    const id = freshId();
    expect(await fate(output, parcelOf(id))).toBe('delivered');
    const batch = [
      parcelOf(id),
      parcelOf(freshId(), { json: { process: 'x', '@timestamp': '2026-11-24T10:00:00Z' } }),
      parcelOf(freshId()),
    ];
    const answer = await output.send([...batch, parcelOf(freshId(), { json: { a: 1 } })], never);
    expect(answer).toMatchObject({
      of: 'items',
      verdicts: [{ is: 'delivered', duplicate: true }, { is: 'rejected' }, { is: 'delivered' }, { is: 'rejected' }],
    });
  });

  it('wants less at once', async () => {
    const batch = [0, 1].map(() =>
      parcelOf(freshId(), { json: { '@timestamp': '2026-11-24T10:00:00Z', a: 'x'.repeat(MIB) } }),
    );
    const plain = outputTo(engine, { gzip: false });
    expect(await plain.send(batch, never)).toMatchObject({ of: 'batch', verdict: { is: 'split' } });
    await plain.close();
  });

  describe('an operator has to act, and then it goes on', () => {
    it.each<[string, string, object, object]>([
      [
        'write block',
        'hold 403 cluster_block_exception',
        { 'index.blocks.write': true },
        { 'index.blocks.write': null },
      ],
      [
        'full disk',
        'hold 429 cluster_block_exception',
        { 'index.blocks.read_only_allow_delete': true },
        { 'index.blocks.read_only_allow_delete': null },
      ],
      [
        'no such pipeline',
        'hold 400 illegal_argument_exception',
        { 'index.default_pipeline': 'absent' },
        { 'index.default_pipeline': '_none' },
      ],
    ])('%s', async (_name, expected, on, off) => {
      const parcel = parcelOf(freshId());
      await settings(on);
      expect(await fate(output, parcel)).toBe(expected);
      await settings(off);
      expect(await fate(output, parcel)).toBe('delivered');
    });

    it('cluster read only', async () => {
      await cluster({ 'cluster.blocks.read_only': true });
      expect(await fate(output)).toBe('hold 403 cluster_block_exception');
      await cluster({ 'cluster.blocks.read_only': null });
      expect(await fate(output)).toBe('delivered');
    });

    it('no room for another shard, no index made by itself, a closed one', async () => {
      const other = outputTo(engine, { index: 'logs-forebear.alerts-other' });
      await cluster({ 'cluster.max_shards_per_node': 1 });
      expect(await fate(other)).toBe('hold 400 validation_exception');
      await cluster({ 'cluster.max_shards_per_node': null, 'action.auto_create_index': 'false' });
      expect(await fate(outputTo(engine, { index: 'absent' }))).toBe('hold 404 index_not_found_exception');
      await cluster({ 'action.auto_create_index': null });
      expect(await fate(other)).toBe('delivered');
      await engine.want('PUT', '/closed', {});
      await engine.want('POST', '/closed/_close');
      expect(await fate(outputTo(engine, { index: 'closed' }))).toBe('hold 400 index_closed_exception');
    });

    it('a plain index stands where the data stream should', async () => {
      await engine.want('PUT', '/plain-alerts', {});
      const report = await outputTo(engine, { index: 'plain-alerts' }).setUp(never);
      expect(report.steps.filter(({ outcome }) => outcome === 'refused')).toMatchObject([
        { what: 'index', name: 'plain-alerts' },
      ]);
    });
  });

  it('is asked again where a shard is away', async () => {
    const away = { 'index.routing.allocation.require._name': 'nobody', number_of_replicas: 0 };
    await engine.want('PUT', '/away?timeout=1s&wait_for_active_shards=0', { settings: away });
    const impatient = outputTo(engine, { index: 'away', timeout: '2s' });
    expect(await fate(impatient)).toBe('retry 503 unavailable_shards_exception');
  });

  it('makes indexes by the day of the document', async () => {
    const dated = outputTo(engine, { index: 'sec-{yyyy.MM.dd}' });
    expect((await dated.setUp(never)).ok).toBe(true);
    expect(await fate(dated)).toBe('delivered');
    expect(await idsIn(engine, 'sec-2026.11.24')).toHaveLength(1);
    expect(JSON.stringify(await mappingsOf('sec-2026.11.24'))).toContain('"entry_leader"');
  });
});
