// What `ship --setup` installs or prints: component templates for settings, the event's fields and the alert's, an empty one
// for the operator, and one index template each for alerts and for the agent's records. In: names and a product; out: the
// requests' bodies. Pure. Each of ours carries a hash, by which a second setup knows it; called by template-setup.ts.

import { createHash } from 'node:crypto';
import type { IndexNames } from './bulk-request.ts';
import { isSince, type Product, USUAL_VERSIONS } from './elasticsearch-product.ts';
import {
  alertProperties,
  eventProperties,
  type Mapping,
  recordProperties,
  type Special,
  type SpecialType,
} from './template-fields.ts';

export interface Template {
  what: 'component template' | 'index template';
  name: string;
  /** PUT there; GET tells what is there. */
  path: string;
  body: Readonly<Record<string, unknown>>;
  /** Of the body and the product: what is there with another one is replaced. Absent: whatever is there stays. */
  hash?: string;
}

/** Above Elastic's own template for logs-*-* (100) and those of Fleet (200). */
const PRIORITY = 500;
/** Data streams of the usual names, before their namespace. */
const USUAL = { alerts: 'logs-forebear.alerts-', agent: 'logs-forebear.agent-' };
const CUSTOM = 'forebear-custom';

/** What an engine calls a type, and since when it has it; its own word counts more (template-setup.ts). */
const TYPES: Readonly<Record<Product['name'], Readonly<Record<SpecialType, readonly [type: string, since: string]>>>> =
  {
    elasticsearch: {
      wildcard: ['wildcard', '7.9'],
      match_only_text: ['match_only_text', '7.14'],
      flattened: ['flattened', '7.3'],
    },
    opensearch: {
      wildcard: ['wildcard', '2.15'],
      match_only_text: ['match_only_text', '2.12'],
      flattened: ['flat_object', '2.7'],
    },
  };

const STAND_INS: Readonly<Record<SpecialType, Mapping>> = {
  wildcard: { type: 'keyword' },
  match_only_text: { type: 'text' },
  flattened: { type: 'object', enabled: false },
};

/**
 * All templates, in the order in which they have to be installed.
 * in: the output's index names, the engine, types that it says it does not have.
 */
export function templates(names: IndexNames, product: Product, lacking: ReadonlySet<string> = new Set()): Template[] {
  const special: Special = (name) => {
    const [type, since] = TYPES[product.name][name];
    return isSince(product, since) && !lacking.has(type) ? { type } : STAND_INS[name];
  };
  const common = { settings: settings(product), mappings: dynamicMappings() };
  return [
    component('forebear-settings', product, common),
    component('forebear-ecs', product, { mappings: { properties: eventProperties(special) } }),
    component('forebear-record', product, { mappings: { properties: recordProperties(special) } }),
    component('forebear-alert', product, { mappings: { properties: alertProperties(special) } }),
    ofTheOperator(),
    indexTemplate('alerts', names.index, product),
    indexTemplate('agent', names.agent_index, product),
  ];
}

/**
 * The requests of a setup, for a person to read and send. in: the output's index names, the engine (version "": the usual one).
 * out: JSON, one "PUT /path": body for each template, in order.
 */
export function printable(names: IndexNames, { name, version }: Product): string {
  const product = { name, version: version === '' ? USUAL_VERSIONS[name] : version };
  const requests = templates(names, product).map(({ path, body }) => [`PUT ${path}`, body]);
  return JSON.stringify(Object.fromEntries(requests), null, 2);
}

function component(name: string, product: Product, template: object): Template {
  return marked({ what: 'component template', name, path: `/_component_template/${name}` }, product, { template });
}

/** Made once and empty: lifecycle policies, replicas and fields of the operator's own, which no later setup touches. */
function ofTheOperator(): Template {
  const description = 'Yours: what stands here goes before what Forebear sets, and is left alone by it';
  const body = { _meta: { description }, template: {} };
  return { what: 'component template', name: CUSTOM, path: `/_component_template/${CUSTOM}`, body };
}

/**
 * A name with a date is that of plain indexes; one without is that of a data stream. Names that differ from the usual one in
 * their namespace (logs-forebear.alerts-NAMESPACE) share its template: two would overlap.
 */
function indexTemplate(kind: 'alerts' | 'agent', index: string, product: Product): Template {
  const dated = index.includes('{');
  const usual = !dated && index.startsWith(USUAL[kind]);
  const name = usual ? `forebear-${kind}` : `forebear-${kind}-${stemOf(index)}`;
  const pattern = usual ? `${USUAL[kind]}*` : index.replace(/\{.*?\}/g, '*');
  const parts = [
    'forebear-settings',
    'forebear-ecs',
    'forebear-record',
    ...(kind === 'alerts' ? ['forebear-alert'] : []),
  ];
  const path = `/_index_template/${encodeURIComponent(name)}`;
  return marked({ what: 'index template', name, path }, product, {
    index_patterns: [pattern],
    priority: PRIORITY,
    composed_of: [...parts, CUSTOM],
    ...(!dated && { data_stream: {}, template: lifecycle(product) }),
  });
}

/** "sec-{yyyy.MM}-x" -> "sec-x". */
function stemOf(index: string): string {
  return index.replace(/[-._]*\{.*?\}/g, '').replace(/^[-._]+|[-._]+$/g, '') || 'dated';
}

/** Rolls over by itself and is kept until somebody sets data_retention; before 8.14, and on OpenSearch, by a policy of the operator's. */
function lifecycle(product: Product): object {
  return product.name === 'elasticsearch' && isSince(product, '8.14') ? { lifecycle: { enabled: true } } : {};
}

function settings(product: Product): object {
  const beyond = product.name === 'elasticsearch' && isSince(product, '8.14');
  return {
    index: {
      number_of_shards: 1,
      auto_expand_replicas: '0-1',
      codec: 'best_compression',
      refresh_interval: '5s',
      mapping: {
        // An alert with one malformed value is worth more than none.
        ignore_malformed: true,
        total_fields: { limit: 2000, ...(beyond && { ignore_dynamic_beyond_limit: true }) },
      },
    },
  };
}

/** Fields that are in no template (of replayed documents, of later versions): text is keyword, nothing is guessed from it. */
function dynamicMappings(): object {
  const mapping = { type: 'keyword', ignore_above: 1024 };
  return {
    dynamic: true,
    date_detection: false,
    numeric_detection: false,
    dynamic_templates: [{ strings: { match_mapping_type: 'string', mapping } }],
  };
}

function marked(about: Omit<Template, 'body' | 'hash'>, product: Product, content: object): Template {
  const seed = JSON.stringify([product.name, product.version, content]);
  const hash = createHash('sha256').update(seed).digest('hex').slice(0, 32);
  return { ...about, body: { ...content, _meta: { managed_by: 'forebear', hash } }, hash };
}
