// The queries that Elasticsearch's EQL makes, asked of a real one: it finds what eql-answers.ts says.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ANSWERS, DOCUMENTS, MAPPING } from '../query/eql-answers.ts';
import { INSENSITIVE, ANSWERS as MATCHING, REFUSED, TEXTS } from '../query/eql-regex-answers.ts';
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
    await engine.want('PUT', '/texts', { mappings: MAPPING });
    for (const [id, k] of TEXTS.entries()) await engine.want('PUT', `/texts/_doc/${id}`, { k });
    await engine.want('POST', '/eql,texts/_refresh');
  });
  beforeEach((ctx) => {
    if (lacks !== '') ctx.skip(lacks);
  });
  afterAll(async () => {
    await engine?.kill();
  });

  async function found(index: string, query: object): Promise<number[]> {
    const body = await engine.want('POST', `/${index}/_search`, { size: 100, _source: false, query });
    const { hits } = (body as { hits: { hits: { _id: string }[] } }).hits;
    return hits.map(({ _id }) => Number(_id)).sort((a, b) => a - b);
  }

  it.each(ANSWERS)('%s', async (_, query, answer) => {
    expect(await found('eql', query)).toEqual(answer);
  });

  const regexp = (value: string, insensitive: boolean) => ({
    regexp: { k: { value, flags: 'ALL', case_insensitive: insensitive } },
  });

  it.each(MATCHING)('%s', async (pattern, answer) => {
    expect((await found('texts', regexp(pattern, false))).map((id) => TEXTS[id])).toEqual(answer);
  });

  it.each(REFUSED)('%s is refused', async (pattern) => {
    expect((await engine.ask('POST', '/texts/_search', { query: regexp(pattern, false) })).status).toBe(400);
  });

  it.each(INSENSITIVE)('%s without case', async (pattern, answer) => {
    expect((await found('texts', regexp(pattern, true))).map((id) => TEXTS[id])).toEqual(answer);
  });
});
