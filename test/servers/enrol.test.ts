// `forebear enrol` at a real OpenSearch and a real Elasticsearch: with nobody having prepared anything, and with keys that may less.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { fakeIo } from '../commands/fake-io.ts';
import { Engine, missing, PASSWORD } from './engine.ts';
import { ALERTS, engines } from './engines.ts';

const AGENT = 'logs-forebear.agent-default';
const SENDS = ['auto_configure', 'create_doc'];
const KEYS = [
  ['that may send, and no more', 'logs-forebear.*', [0, 'templates warning', 'test fine']],
  ['that may send alerts only', 'logs-forebear.alerts-*', [1, 'templates warning', 'test fault']],
] as const;

describe.each(engines)('%s', (name) => {
  const lacks = missing(name);
  let engine: Engine;
  let folder: string;

  beforeAll(async () => {
    if (lacks !== '') return;
    folder = mkdtempSync(join(tmpdir(), 'forebear-enrol-'));
    writeFileSync(join(folder, 'c.toml'), '');
    writeFileSync(join(folder, 'password'), PASSWORD);
    engine = await Engine.start(name, 'enrol');
  });
  beforeEach((context) => {
    if (lacks !== '') context.skip(lacks);
  });
  afterAll(async () => {
    await engine?.kill();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  async function enrol(output: string, ...args: string[]) {
    const io = fakeIo();
    const endpoint = [name.startsWith('opensearch') ? '--opensearch' : '--elasticsearch', engine.url];
    const all = ['enrol', '--config', join(folder, 'c.toml'), '--json', '--name', output, ...endpoint, ...args];
    const status = await runProgram(all, io);
    const steps = io.stdout().trim().split('\n');
    return { status, steps: steps.map((line) => JSON.parse(line) as { step: string; status: string; detail: string }) };
  }

  const admin = () => (engine.secure ? ['--username', 'admin', '--password-file', join(folder, 'password')] : []);

  it('as an administrator: templates, a marked document in each of two places, and again', async () => {
    for (const output of ['one', 'two']) {
      const { status, steps } = await enrol(output, ...admin());
      expect([status, steps.map(({ step, status }) => `${step} ${status}`)]).toEqual([
        0,
        ['templates fine', 'test fine', 'output fine', 'shipper warning'],
      ]);
    }
    await engine.want('POST', `/${ALERTS},${AGENT}/_refresh`);
    for (const stream of [ALERTS, AGENT]) {
      // Elasticsearch comes from Maven Central here, which has it without data streams.
      const made = engine.secure ? undefined : await engine.want('GET', `/_data_stream/${stream}`);
      if (made !== undefined) expect(made).toMatchObject({ data_streams: [{ name: stream }] });
      const query = { query: { term: { 'forebear.selftest': true } } };
      expect(await engine.want('POST', `/${stream}/_count`, query)).toMatchObject({ count: 2 });
    }
  });

  it.for(KEYS)('with a key %s', async ([_what, names, [expected, ...told]], context) => {
    if (!engine.secure) context.skip('OpenSearch runs without security here: it has no keys');
    const role = { indices: [{ names: [names], privileges: SENDS }] };
    const key = await engine.want('POST', '/_security/api_key', { name: 'forebear', role_descriptors: { role } });
    writeFileSync(join(folder, 'key'), String(key.encoded));
    const { status, steps } = await enrol(`key-${expected}`, '--api-key-file', join(folder, 'key'));
    expect([status, steps.slice(0, 2).map(({ step, status }) => `${step} ${status}`)]).toEqual([expected, told]);
  });
});
