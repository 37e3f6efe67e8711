// API keys as a real Elasticsearch judges them: one that may only create is enough, revoked it holds, and a new one in the
// file is taken at once.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parcelOf } from '../ship/outputs/elasticsearch-fixture.ts';
import { Engine, missing } from './engine.ts';
import { ALERTS, engines, fate, freshId, idsIn, never, outputTo } from './engines.ts';

const CREATE_ONLY = { indices: [{ names: ['logs-forebear.*'], privileges: ['auto_configure', 'create_doc'] }] };

describe.each(engines.filter((name) => name.startsWith('elasticsearch')))('%s', (name) => {
  let engine: Engine;
  let folder: string;
  let file: string;
  const lacks = missing(name);

  beforeAll(async () => {
    if (lacks !== '') return;
    folder = mkdtempSync(join(tmpdir(), 'forebear-keys-'));
    file = join(folder, 'key');
    engine = await Engine.start(name, 'keys');
    const admin = outputTo(engine);
    await admin.setUp(never);
    await admin.close();
  });
  beforeEach((ctx) => {
    if (lacks !== '') ctx.skip(lacks);
  });
  afterAll(async () => {
    await engine?.kill();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  async function makeKey(role: object = CREATE_ONLY): Promise<{ id: string; encoded: string; api_key: string }> {
    const made = await engine.want('POST', '/_security/api_key', { name: 'forebear', role_descriptors: { role } });
    return made as { id: string; encoded: string; api_key: string };
  }

  it('a key that may create, and nothing else, makes data stream and documents', async () => {
    const { encoded } = await makeKey();
    writeFileSync(file, `${encoded}\n`);
    const output = outputTo(engine, { api_key_file: file });
    const parcel = parcelOf(freshId());
    expect(await fate(output, parcel)).toBe('delivered');
    expect(await fate(output, parcel)).toBe('duplicate');
    expect(await idsIn(engine, ALERTS)).toEqual([parcel.id]);
    await output.close();
  });

  it('whoever steals it can neither overwrite nor delete nor read', async () => {
    const authorization = `ApiKey ${(await makeKey()).encoded}`;
    const headers = { authorization, 'content-type': 'application/x-ndjson' };
    const [id] = await idsIn(engine, ALERTS);
    const item = async (line: string) => {
      const answer = await fetch(`${engine.url}/${ALERTS}/_bulk`, { method: 'POST', headers, body: line });
      const body = (await answer.json()) as { items?: Record<string, { status: number }>[] };
      return Object.values(body.items?.[0] ?? {})[0]?.status ?? answer.status;
    };
    expect(await item(`{"index":{"_id":"${id}"}}\n{"@timestamp":"2026-11-24T10:00:00Z"}\n`)).toBeGreaterThanOrEqual(
      400,
    );
    expect(await item(`{"delete":{"_id":"${id}"}}\n`)).toBeGreaterThanOrEqual(400);
    expect((await fetch(`${engine.url}/${ALERTS}/_search`, { headers })).status).toBe(403);
    expect(await idsIn(engine, ALERTS)).toEqual([id]);
  });

  it('may not write elsewhere, and is not enough for the setup', async () => {
    writeFileSync(file, (await makeKey()).encoded);
    const elsewhere = outputTo(engine, { api_key_file: file, index: 'other' });
    expect(await fate(elsewhere)).toBe('hold 403 security_exception');
    expect(await elsewhere.setUp(never)).toMatchObject({ ok: false, steps: [{ outcome: 'refused' }] });
  });

  it('holds while the key is revoked, and goes on with a new one in the file', async () => {
    const first = await makeKey();
    writeFileSync(file, `${first.id}:${first.api_key}`);
    const output = outputTo(engine, { api_key_file: file });
    expect(await fate(output)).toBe('delivered');
    await engine.want('DELETE', '/_security/api_key', { ids: [first.id] });
    const parcel = parcelOf(freshId());
    expect(await fate(output, parcel)).toBe('hold 401 security_exception');
    writeFileSync(file, (await makeKey()).encoded);
    expect(await fate(output, parcel)).toBe('delivered');
    await output.close();
  });

  it('holds without credentials, and with a wrong password', async () => {
    expect(await fate(outputTo(engine, { api_key_file: join(folder, 'absent') }))).toMatch(
      /^hold FB_SHIP_KEY|^hold ENOENT/,
    );
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, Buffer.from('a:b').toString('base64'));
    expect(await fate(outputTo(engine, { api_key_file: wrong }))).toBe('hold 401 security_exception');
  });
});
