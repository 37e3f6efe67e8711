// Elastic's own client reads back from a real Elasticsearch what `forebear ship` delivered out of a journal: each document is what
// the journal has, and each field is found by its name with its values.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readJournal } from '../../src/journal/reader.ts';
import { alertParcel, type KnownRecord } from '../../src/ship/parcels.ts';
import { Counters } from '../../src/stats.ts';
import { Engine, missing, PASSWORD } from './engine.ts';
import { ALERTS, engines } from './engines.ts';
import { Shipping } from './ship-process.ts';

const { Client } = createRequire(import.meta.url)('@elastic/elasticsearch') as typeof import('@elastic/elasticsearch');
type Json = Record<string, unknown>;
const COUNT = 250;

/** in: a document; out: the values of each field by its dotted name, as the API's "fields" has them. */
function leaves(value: unknown, name = '', found = new Map<string, unknown[]>()): Map<string, unknown[]> {
  if (Array.isArray(value)) for (const each of value) leaves(each, name, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) leaves(inner, name === '' ? key : `${name}.${key}`, found);
  } else if (value !== null) found.set(name, [...(found.get(name) ?? []), value]);
  return found;
}

describe.each(engines.filter((name) => name.startsWith('elasticsearch')))('%s', (name) => {
  let engine: Engine;
  let shipping: Shipping;
  let client: InstanceType<typeof Client>;
  /** By id: what the journal has. */
  const journalled = new Map<string, Json>();
  const lacks = missing(name);

  beforeAll(async () => {
    if (lacks !== '') return;
    engine = await Engine.start(name, 'official');
    client = new Client({ node: engine.url, auth: { username: 'admin', password: PASSWORD } });
    shipping = await Shipping.to(engine, 'batch_count = 40');
    await shipping.journal(COUNT);
    for (const step of ['--setup', '--once']) {
      const { status, output } = shipping.run(step);
      if (status !== 0) throw new Error(output);
    }
    const directory = join(shipping.folder, 'state/journal');
    for await (const record of readJournal({ directory, counters: new Counters() }, {})) {
      if (record.kindName !== 'alert') continue;
      const { id, document } = alertParcel(record as KnownRecord, []);
      journalled.set(id, JSON.parse(Buffer.from(document).toString()));
    }
    await client.indices.refresh({ index: ALERTS });
  }, 120_000);
  beforeEach((ctx) => {
    if (lacks !== '') ctx.skip(lacks);
  });
  afterAll(async () => {
    await client?.close();
    await shipping?.remove();
    await engine?.kill();
  });

  it('has the documents of the journal, and no others', async () => {
    expect(journalled.size).toBe(COUNT);
    const found = new Map<string, Json>();
    for await (const { body } of client.helpers.scrollSearch<Json>({ index: ALERTS, size: 100 })) {
      for (const { _id, _source } of body.hits.hits) found.set(_id!, _source!);
    }
    expect([...found.keys()].sort()).toEqual([...shipping.acknowledged].sort());
    for (const [id, document] of journalled) expect(found.get(id)).toEqual(document);
    console.log(`${name}: ${found.size} documents read back by the official client, all as the journal has them`);
  });

  it('finds each field by its name, with the values of the document', async () => {
    const { hits } = await client.search<Json>({ index: ALERTS, size: 20, fields: ['*'], _source: false });
    expect(hits.hits).toHaveLength(20);
    let compared = 0;
    for (const { _id, fields = {} } of hits.hits) {
      for (const [field, values] of leaves(journalled.get(_id!))) {
        compared++;
        expect({ field, values: fields[field] }).toEqual({ field, values });
      }
    }
    console.log(`${name}: ${compared} fields compared`);
  });
});
