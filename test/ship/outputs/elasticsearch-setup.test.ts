import { describe, expect, it } from 'vitest';
import type { Product } from '../../../src/ship/outputs/elasticsearch-product.ts';
import { type SetupReport, setUp } from '../../../src/ship/outputs/template-setup.ts';
import type { HttpReply, HttpRequest, HttpTransport } from '../../../src/ship/transport.ts';
import { configOf, FakeTransport, replyOf } from './elasticsearch-fixture.ts';

const signal = new AbortController().signal;
const NAMES = ['settings', 'ecs', 'record', 'alert', 'custom', 'alerts', 'agent'].map((name) => `forebear-${name}`);

/** Keeps templates, as an engine does; answers of single requests can be replaced. */
class Engine implements HttpTransport {
  readonly kept = new Map<string, Record<string, unknown>>();
  readonly replies = new Map<string, HttpReply>();
  root: unknown = { version: { number: '2.19.6', distribution: 'opensearch' } };
  /** Types that it does not have, and how it says so. */
  lacking: Record<string, string> = {};
  puts = 0;

  async request({ method, path, body }: HttpRequest): Promise<HttpReply> {
    const told = this.replies.get(`${method} ${path}`);
    if (told !== undefined) return told;
    if (path === '/') return replyOf(200, this.root);
    if (path.includes('_settings')) return replyOf(404, {});
    return method === 'PUT' ? this.#put(path, Buffer.from(body!).toString()) : this.#get(path);
  }

  #put(path: string, text: string): HttpReply {
    this.puts++;
    const type = Object.keys(this.lacking).find((name) => text.includes(`"type":"${name}"`));
    if (type !== undefined) {
      const reason = 'updating component template results in invalid template';
      return replyOf(400, {
        error: { type: 'illegal_argument_exception', reason, caused_by: { reason: this.lacking[type] } },
      });
    }
    this.kept.set(path, JSON.parse(text));
    return replyOf(200, { acknowledged: true });
  }

  #get(path: string): HttpReply {
    const kept = this.kept.get(path);
    if (kept === undefined)
      return replyOf(404, { error: { type: 'resource_not_found_exception', reason: path }, status: 404 });
    const [, kind, name] = /^\/_(component|index)_template\/(.*)$/.exec(path)!;
    return replyOf(200, { [`${kind}_templates`]: [{ name, [`${kind}_template`]: kept }] });
  }

  async close(): Promise<void> {}
}

const run = (engine: HttpTransport, config = {}): Promise<SetupReport> => setUp(configOf(config), engine, signal);
const outcomes = ({ steps }: SetupReport) => steps.map(({ outcome }) => outcome);

describe('setup', () => {
  it('creates what is missing, leaves what is there, replaces what is not as it should be', async () => {
    const engine = new Engine();
    const first = await run(engine);
    expect(first).toMatchObject({ ok: true, product: { name: 'opensearch', version: '2.19.6' } });
    expect(first.steps.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      NAMES.map((name) => `${name} created`),
    );
    expect(outcomes(await run(engine))).toEqual(Array(7).fill('unchanged'));
    expect(engine.puts).toBe(7);
    engine.kept.set('/_component_template/forebear-ecs', { _meta: { managed_by: 'forebear', hash: 'older' } });
    engine.kept.set('/_component_template/forebear-alert', { template: {} });
    const third = (await run(engine)).steps.filter(({ outcome }) => outcome !== 'unchanged');
    expect(third.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'forebear-ecs updated',
      'forebear-alert updated',
    ]);
  });

  it('never touches what is the operator’s', async () => {
    const engine = new Engine();
    const own = { template: { settings: { number_of_replicas: 2 } } };
    engine.kept.set('/_component_template/forebear-custom', own);
    await run(engine);
    expect(engine.kept.get('/_component_template/forebear-custom')).toBe(own);
  });

  it('replaces all for another version of the engine', async () => {
    const engine = new Engine();
    await run(engine);
    engine.root = { version: { number: '3.0.0', distribution: 'opensearch' } };
    expect(outcomes(await run(engine)).filter((outcome) => outcome === 'updated')).toHaveLength(6);
  });

  it.each<[string, string]>([
    ['OpenSearch', 'No handler for type [wildcard] declared on field [command_line]'],
    [
      'Elasticsearch',
      'The mapper type [wildcard] declared on field [command_line] does not exist. It might have been created within a future version or requires a plugin to be installed. Check the documentation.',
    ],
  ])('does without a type where %s says that it has none, and knows its work again', async (_name, reason) => {
    const engine = new Engine();
    engine.lacking = { wildcard: reason };
    const first = await run(engine);
    expect(first.ok).toBe(true);
    const told = first.steps.filter(({ detail }) => detail?.includes('wildcard')).map(({ name }) => name);
    expect(told).toEqual(['forebear-ecs', 'forebear-alert']);
    expect(JSON.stringify([...engine.kept.values()])).not.toContain('"wildcard"');
    expect(outcomes(await run(engine))).toEqual(Array(7).fill('unchanged'));
    engine.lacking = {};
    expect(outcomes(await run(engine)).filter((outcome) => outcome === 'updated')).toHaveLength(2);
  });
});

describe('tells of what was there before its template', () => {
  const path = 'GET /logs-forebear.alerts-default/_settings?filter_path=*.settings.index.uuid';
  const index = (name: string) => replyOf(200, { [name]: { settings: { index: { uuid: 'u' } } } });

  it('a plain index, which it cannot put right', async () => {
    const engine = new Engine();
    engine.replies.set(path, index('logs-forebear.alerts-default'));
    const report = await run(engine);
    expect(report.ok).toBe(false);
    expect(report.steps.at(-1)).toMatchObject({
      what: 'index',
      name: 'logs-forebear.alerts-default',
      outcome: 'refused',
    });
  });

  it('a data stream, where something has changed', async () => {
    const engine = new Engine();
    engine.replies.set(path, index('.ds-logs-forebear.alerts-default-000001'));
    expect((await run(engine)).steps).toHaveLength(7);
    engine.kept.set('/_component_template/forebear-ecs', {});
    const report = await run(engine);
    expect(report.ok).toBe(true);
    expect(report.steps.at(-1)).toMatchObject({ what: 'index', detail: expect.stringContaining('_rollover') });
  });
});

describe('the product', () => {
  const product = async (reply: HttpReply) => {
    const engine = new Engine();
    engine.replies.set('GET /', reply);
    return (await run(engine)).product;
  };
  const forbidden = { error: { type: 'security_exception', reason: 'x' }, status: 403 };
  const elastic = { headers: { 'x-elastic-product': 'Elasticsearch' } };
  it.each<[string, HttpReply, Product | undefined]>([
    [
      'OpenSearch',
      replyOf(200, { version: { number: '3.9.0', distribution: 'opensearch' } }),
      { name: 'opensearch', version: '3.9.0' },
    ],
    ['Elasticsearch', replyOf(200, { version: { number: '9.5.3' } }), { name: 'elasticsearch', version: '9.5.3' }],
    [
      'Elasticsearch that may not be asked',
      replyOf(403, forbidden, elastic),
      { name: 'elasticsearch', version: '8.19' },
    ],
    ['nobody knows', replyOf(403, forbidden), undefined],
    ['another server', replyOf(200, '<html>'), undefined],
    ['a version that is none', replyOf(200, { version: { number: 'x' } }), undefined],
    ['nobody there', { is: 'broken', verdict: 'retry', code: 'ECONNREFUSED', reason: 'refused' }, undefined],
  ])('%s', async (_name, reply, expected) => expect(await product(reply)).toEqual(expected));
});

describe('ends at what it is refused, with the reason', () => {
  const no = (status: number, body: unknown) => replyOf(status, body);
  it.each<[string, string, HttpReply]>([
    [
      'reading',
      'GET /_component_template/forebear-ecs',
      no(403, { error: { type: 'security_exception', reason: 'x' } }),
    ],
    [
      'writing',
      'PUT /_component_template/forebear-ecs',
      no(400, { error: { type: 'illegal_argument_exception', reason: 'x' } }),
    ],
    [
      'no connection',
      'PUT /_component_template/forebear-ecs',
      { is: 'broken', verdict: 'retry', code: 'ECONNRESET', reason: 'x' },
    ],
    ['an answer that is none', 'GET /_component_template/forebear-ecs', no(200, { component_templates: [] })],
    ['no acknowledgement', 'PUT /_component_template/forebear-ecs', no(200, { acknowledged: false })],
    [
      'types that are not in it, for ever others',
      'PUT /_component_template/forebear-ecs',
      no(400, { error: { type: 'x', reason: 'No handler for type [other] declared' } }),
    ],
  ])('%s', async (_name, request, reply) => {
    const engine = new Engine();
    engine.replies.set(request, reply);
    const { ok, steps } = await run(engine);
    expect(ok).toBe(false);
    expect(steps).toHaveLength(2);
    expect(steps[1]).toMatchObject({
      name: 'forebear-ecs',
      outcome: 'refused',
      detail: expect.stringMatching(/^.{1,200}$/),
    });
  });

  it('and does nothing where the engine is not known', async () => {
    const transport = new FakeTransport(replyOf(502, '<html>'));
    const report = await run(transport);
    expect(report).toEqual({
      ok: false,
      steps: [{ what: 'engine', name: '', outcome: 'refused', detail: 'GET / answers HTTP 502' }],
    });
    expect(transport.requests).toHaveLength(1);
  });
});
