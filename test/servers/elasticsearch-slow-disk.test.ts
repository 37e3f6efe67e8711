// An engine whose disk takes its time, and that is killed meanwhile: it had told of a document that it was there already, and it
// was not on the disk. strace holds up the engine's syncs.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parcelOf } from '../ship/outputs/elasticsearch-fixture.ts';
import { Engine, missing } from './engine.ts';
import { ALERTS, engines, fate, freshId, idsIn, never, outputTo } from './engines.ts';

const HELD_UP = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:delay_enter=60000000'];
const noStrace = spawnSync('strace', ['-V']).error === undefined ? '' : 'needs strace, to hold up the engine’s syncs';

describe.each(engines)('%s', (name) => {
  let engine: Engine;
  let strace: ChildProcess;

  beforeEach(async (ctx) => {
    const reason = missing(name) || noStrace;
    if (reason !== '') return ctx.skip(reason);
    engine = await Engine.start(name, 'slow-disk');
  });
  afterEach(async () => {
    strace?.kill('SIGKILL');
    await engine?.kill();
  });

  async function holdUpSyncs(): Promise<void> {
    strace = spawn('strace', ['-f', '-qq', '-o', '/dev/null', '-p', `${engine.pid}`, ...HELD_UP], { stdio: 'ignore' });
    const traced = () => readFileSync(`/proc/${engine.pid}/status`, 'utf8');
    await expect.poll(traced, { timeout: 10_000 }).toMatch(/TracerPid:\t[1-9]/);
  }

  it('"there already" is not believed of what may be on its way to the disk', async (ctx) => {
    const output = outputTo(engine, { timeout: '1s' });
    await output.setUp(never);
    await fate(output);
    await holdUpSyncs();
    const parcel = parcelOf(freshId());
    expect(await fate(output, parcel)).toMatch(/^retry/);
    const second = fate(output, parcel);
    const create = { '@timestamp': '2026-11-24T10:00:00.000Z' };
    const told = await engine.ask('PUT', `/${ALERTS}/_create/${parcel.id}`, create);
    if (told.status !== 409) ctx.skip(`the engine answers ${told.status}: its syncs were not held up`);
    // Dead before strace lets go of its syncs, which holds up its end too.
    const dead = engine.kill();
    strace.kill('SIGKILL');
    await dead;
    await engine.again();
    for (let last = await second; last !== 'delivered' && last !== 'duplicate'; ) last = await fate(output, parcel);
    expect(await idsIn(engine, ALERTS)).toContain(parcel.id);
  }, 60_000);
});
