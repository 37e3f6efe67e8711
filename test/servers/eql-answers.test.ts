// The queries that Elasticsearch's EQL makes, asked of a real one: it finds what eql-answers.ts says.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ANSWERS, DOCUMENTS, MAPPING } from '../query/eql-answers.ts';
import { Engine, missing } from './engine.ts';
import { engines } from './engines.ts';

describe.each(engines.filter((name) => name.startsWith('elasticsearch')))('%s', (name) => {
  let engine: Engine;
  const lacks = missing(name);

  beforeAll(async () => {
    if (lacks !== '') return;
    engine = await Engine.start(name, 'eql-answers');
    await engine.want('PUT', '/eql', { mappings: MAPPING });
    for (const [id, document] of DOCUMENTS.entries()) await engine.want('PUT', `/eql/_doc/${id}`, document);
    await engine.want('POST', '/eql/_refresh');
  });
  beforeEach((ctx) => {
    if (lacks !== '') ctx.skip(lacks);
  });
  afterAll(async () => {
    await engine?.kill();
  });

  it.each(ANSWERS)('%s', async (_, query, found) => {
    const { hits } = (await engine.want('POST', '/eql/_search', { size: 100, _source: false, query })) as {
      hits: { hits: { _id: string }[] };
    };
    expect(hits.hits.map(({ _id }) => Number(_id)).sort((a, b) => a - b)).toEqual(found);
  });
});
