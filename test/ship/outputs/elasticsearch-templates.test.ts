import { describe, expect, it } from 'vitest';
import type { Product } from '../../../src/ship/outputs/elasticsearch-product.ts';
import { printable, templates } from '../../../src/ship/outputs/templates.ts';
import { configOf, fullAlert, notices } from './elasticsearch-fixture.ts';

type Json = Record<string, unknown>;

const ELASTIC: Product = { name: 'elasticsearch', version: '8.19.21' };
const OPEN: Product = { name: 'opensearch', version: '2.19.6' };

function partOf(product: Product, name: string, lacking?: ReadonlySet<string>) {
  const found = templates(configOf(), product, lacking).find((template) => template.name === name);
  return found!.body as { template: { mappings: { properties: Json }; settings: Json } } & Json;
}

/** Dotted names of the values of a document; lists are their elements. */
function namesOf(value: unknown, name = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => namesOf(item, name));
  if (typeof value !== 'object' || value === null) return [name];
  return Object.entries(value).flatMap(([key, below]) => namesOf(below, name === '' ? key : `${name}.${key}`));
}

/** Dotted names -> mapping, of fields that are values. */
function mapped(properties: Json, above = ''): Map<string, Json> {
  const all = Object.entries(properties).flatMap(([key, mapping]) => {
    const { properties: below, ...own } = mapping as { properties?: Json } & Json;
    return below === undefined ? [[above + key, own] as const] : [...mapped(below, `${above}${key}.`)];
  });
  return new Map(all);
}

function fieldsOf(product: Product, lacking?: ReadonlySet<string>): Map<string, Json> {
  const parts = ['forebear-ecs', 'forebear-record', 'forebear-alert'].map(
    (name) => partOf(product, name, lacking).template.mappings,
  );
  return new Map(parts.flatMap(({ properties }) => [...mapped(properties)]));
}

it('maps each field that an alert can have', () => {
  const fields = fieldsOf(ELASTIC);
  const names = [...new Set(namesOf(fullAlert().json))];
  expect(names.length).toBeGreaterThan(270);
  expect(names.filter((name) => !fields.has(name))).toEqual([]);
});

it.each(notices().map((parcel) => [parcel.kind, parcel] as const))(
  'maps each field of a document of kind %s',
  (kind, parcel) => {
    const parts =
      kind === 'amend' ? ['forebear-ecs', 'forebear-record', 'forebear-alert'] : ['forebear-ecs', 'forebear-record'];
    const fields = new Map(parts.flatMap((name) => [...mapped(partOf(ELASTIC, name).template.mappings.properties)]));
    const names = namesOf(JSON.parse(Buffer.from(parcel.document).toString())).map((name) =>
      name.replace(/^(forebear.counters)\..*/, '$1'),
    );
    expect(names.filter((name) => !fields.has(name))).toEqual([]);
  },
);

it('maps nothing both as a value and as an object', () => {
  const fields = [...fieldsOf(ELASTIC).keys()];
  expect(fields.filter((name) => fields.some((other) => other.startsWith(`${name}.`)))).toEqual([]);
});

describe('has types of ECS and of Kibana’s alerts', () => {
  const text = { fields: { text: { type: 'match_only_text' } } };
  it.each<[string, Json]>([
    ['@timestamp', { type: 'date', ignore_malformed: false }],
    ['process.pid', { type: 'long' }],
    ['process.start', { type: 'date' }],
    ['process.interactive', { type: 'boolean' }],
    ['host.ip', { type: 'ip' }],
    ['process.args', { type: 'keyword', ignore_above: 1024 }],
    ['process.executable', { type: 'keyword', ignore_above: 1024, ...text }],
    ['process.entry_leader.name', { type: 'keyword', ignore_above: 1024, ...text }],
    ['process.group.name', { type: 'keyword', ignore_above: 1024 }],
    ['process.command_line', { type: 'wildcard', ignore_above: 8191, ...text }],
    ['message', { type: 'match_only_text' }],
    ['kibana.alert.reason', { type: 'match_only_text' }],
    ['kibana.alert.risk_score', { type: 'double' }],
    ['kibana.alert.original_event.created', { type: 'date' }],
    ['kibana.alert.rule.version', { type: 'keyword', ignore_above: 1024 }],
  ])('%s', (name, mapping) => expect(fieldsOf(ELASTIC).get(name)).toEqual(mapping));
});

describe('takes types that the engine has', () => {
  const since = (name: Product['name'], version: string): Product => ({ name, version });
  const LONG = { type: 'keyword', ignore_above: 8191 };
  it.each<[string, Product, string[], Json, string, string]>([
    ['Elasticsearch', ELASTIC, [], { type: 'wildcard' }, 'match_only_text', 'flattened'],
    ['Elasticsearch 7.10', since('elasticsearch', '7.10.2'), [], { type: 'wildcard' }, 'text', 'flattened'],
    ['Elasticsearch without a module', ELASTIC, ['wildcard', 'flattened'], LONG, 'match_only_text', 'object'],
    ['OpenSearch 2.19', OPEN, [], { type: 'wildcard' }, 'match_only_text', 'flat_object'],
    ['OpenSearch 2.5', since('opensearch', '2.5.0'), [], LONG, 'text', 'object'],
    ['OpenSearch 3', since('opensearch', '3.9.0'), [], { type: 'wildcard' }, 'match_only_text', 'flat_object'],
  ])('%s', (_name, product, lacking, wildcard, text, flattened) => {
    const fields = fieldsOf(product, new Set(lacking));
    expect(fields.get('process.command_line')).toMatchObject(wildcard);
    expect(fields.get('message')).toMatchObject({ type: text });
    expect(fields.get('forebear.counters')).toMatchObject({ type: flattened });
    const types = new Set([...fields.values()].map(({ type }) => type));
    for (const type of [...lacking, 'version']) expect(types).not.toContain(type);
  });
});

it('guesses nothing of fields that it does not know, and bounds their number', () => {
  const { mappings, settings } = partOf(OPEN, 'forebear-settings').template as { mappings: unknown; settings: unknown };
  expect(mappings).toEqual({
    dynamic: true,
    date_detection: false,
    numeric_detection: false,
    dynamic_templates: [
      { strings: { match_mapping_type: 'string', mapping: { type: 'keyword', ignore_above: 1024 } } },
    ],
  });
  expect(settings).toMatchObject({ index: { mapping: { ignore_malformed: true, total_fields: { limit: 2000 } } } });
  const elastic = partOf(ELASTIC, 'forebear-settings').template.settings;
  expect(elastic).toMatchObject({ index: { mapping: { total_fields: { ignore_dynamic_beyond_limit: true } } } });
});

describe('names and patterns follow the index names', () => {
  it.each<[string, Json, string[]]>([
    [
      'the usual ones',
      {},
      ['forebear-alerts logs-forebear.alerts-* stream', 'forebear-agent logs-forebear.agent-* stream'],
    ],
    [
      'another namespace',
      { index: 'logs-forebear.alerts-prod' },
      ['forebear-alerts logs-forebear.alerts-* stream', 'forebear-agent logs-forebear.agent-* stream'],
    ],
    [
      'a name of one’s own',
      { index: 'sec-alerts' },
      ['forebear-alerts-sec-alerts sec-alerts stream', 'forebear-agent logs-forebear.agent-* stream'],
    ],
    [
      'a name with a date, which is no data stream',
      { index: 'sec-{yyyy.MM.dd}', agent_index: '{yyyy.MM}-agents' },
      ['forebear-alerts-sec sec-* indexes', 'forebear-agent-agents *-agents indexes'],
    ],
  ])('%s', (_name, config, expected) => {
    const found = templates(configOf(config), ELASTIC)
      .filter(({ what }) => what === 'index template')
      .map(({ name, body }) => `${name} ${body.index_patterns} ${body.data_stream ? 'stream' : 'indexes'}`);
    expect(found).toEqual(expected);
  });

  it('and a data stream rolls over by itself where the engine can do that', () => {
    expect(partOf(ELASTIC, 'forebear-alerts').template).toEqual({ lifecycle: { enabled: true } });
    expect(partOf(OPEN, 'forebear-alerts').template).toEqual({});
  });
});

describe('the hash by which a second setup knows its work', () => {
  const hashes = (product: Product, lacking?: ReadonlySet<string>) =>
    templates(configOf(), product, lacking).map(({ hash }) => hash);
  it('is the same for the same', () => expect(hashes(ELASTIC)).toEqual(hashes({ ...ELASTIC })));
  it('is another for another version, and where a type is lacking', () => {
    expect(hashes({ ...ELASTIC, version: '9.5.3' })[1]).not.toBe(hashes(ELASTIC)[1]);
    expect(hashes(ELASTIC, new Set(['wildcard']))[1]).not.toBe(hashes(ELASTIC)[1]);
  });
  it('is not there for what is the operator’s', () =>
    expect(templates(configOf(), ELASTIC).filter(({ hash }) => hash === undefined)).toMatchObject([
      { name: 'forebear-custom', body: { template: {} } },
    ]));
});

it('prints requests for a person, parts before what is made of them', () => {
  const printed = JSON.parse(printable(configOf(), { name: 'opensearch', version: '' })) as Json;
  expect(Object.keys(printed)).toEqual([
    'PUT /_component_template/forebear-settings',
    'PUT /_component_template/forebear-ecs',
    'PUT /_component_template/forebear-record',
    'PUT /_component_template/forebear-alert',
    'PUT /_component_template/forebear-custom',
    'PUT /_index_template/forebear-alerts',
    'PUT /_index_template/forebear-agent',
  ]);
  expect(JSON.stringify(printed)).toContain('"flat_object"');
  expect(printed['PUT /_index_template/forebear-alerts']).toMatchObject({
    index_patterns: ['logs-forebear.alerts-*'],
    composed_of: ['forebear-settings', 'forebear-ecs', 'forebear-record', 'forebear-alert', 'forebear-custom'],
  });
});
