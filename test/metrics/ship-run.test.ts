// `forebear ship` with its metrics, without a journal and without endpoints: where the agent's snapshot comes from, what makes it
// unhealthy, and how the server begins and ends with the run.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import type { Source } from '../../src/ship/source.ts';
import { runShip } from '../../src/ship.ts';
import { Counters } from '../../src/stats.ts';
import { snapshot } from '../commands/sample-status.ts';
import { all, parcel, ScriptedOutput, sourceOf } from '../ship/fixture.ts';
import { figure, type Scrape, scrape } from './scrape.ts';

let folder: string;
const runs: { stopping: AbortController; done: Promise<unknown> }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-ship-metrics-'));
});
afterEach(async () => {
  for (const { stopping, done } of runs.splice(0)) {
    stopping.abort();
    await done.catch(() => {});
  }
  rmSync(folder, { recursive: true });
});

const HOLDS = Array.from({ length: 1000 }, () => all({ is: 'hold', reason: 'the key is revoked' }));

/** What there is, then nothing more until the signal. */
function endless(source: Source): Source {
  return {
    ...source,
    async *items(after, signal) {
      yield* source.items(after, signal);
      if (!signal.aborted) await once(signal, 'abort');
    },
  };
}

/** Outputs `good`, and `bad` that holds where it is told. Resolves with the address once it listens. */
async function start(listen: string, part: { holds?: boolean; once?: boolean } = {}) {
  const stopping = new AbortController();
  const listening = Promise.withResolvers<string>();
  const names = part.holds === true ? ['good', 'bad'] : ['good'];
  const tables = names.map((name) => `[outputs.${name}]\ntype = "file"\npath = "${name}"\n`).join('');
  const config = parseConfig(`[ship]\nmetrics_listen = "${listen}"\n${tables}`, 'test');
  const info = (text: string) => {
    const address = /(http:\S+)\/metrics/.exec(text)?.[1];
    if (address !== undefined) listening.resolve(address);
  };
  const done = runShip({
    config: { ...config, state: { directory: folder }, ship: { ...config.ship, directory: join(folder, 'ship') } },
    ...{ version: '0', counters: new Counters(), once: part.once === true, signal: stopping.signal },
    log: { info, warn: () => {}, error: () => {} } as never,
    makeOutput: async ({ name }) => new ScriptedOutput(name === 'bad' ? HOLDS : []),
    makeSource: () => {
      const source = sourceOf([parcel(1), parcel(2)]);
      return part.once === true ? source : endless(source);
    },
  });
  runs.push({ stopping, done });
  return { address: await Promise.race([listening.promise, done.then(() => 'none')]), stopping, done };
}

async function get(url: string) {
  const response = await fetch(url, { headers: { connection: 'close' } });
  return { status: response.status, text: await response.text() };
}

/** The first page on which that is so. */
async function pageWhere(address: string, holds: (page: Scrape) => boolean): Promise<Scrape> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const page = scrape((await get(`${address}/metrics`)).text);
    if (holds(page)) return page;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no such page within 10 s');
}

const problemsAt = async (address: string) => {
  const { status, text } = await get(`${address}/healthz`);
  return { status, problems: JSON.parse(text).problems };
};

describe('ship with metrics', () => {
  it('tells its lanes, and of the agent what its snapshot says now', async () => {
    const { address } = await start('127.0.0.1:0');
    const page = await pageWhere(
      address,
      (page) => figure(page, 'forebear_output_cursor_seq', { output: 'good' }) === 2,
    );
    expect(figure(page, 'forebear_ship_records_delivered_total', { output: 'good' })).toBe(2);
    expect(figure(page, 'forebear_agent_up')).toBe(0);
    const absent = "the agent's status.json cannot be read: no such file or directory";
    expect(await problemsAt(address)).toEqual({ status: 503, problems: [absent] });
    writeFileSync(join(folder, 'status.json'), JSON.stringify(snapshot({ nowMs: Date.now() })));
    expect(figure(scrape((await get(`${address}/metrics`)).text), 'forebear_agent_up')).toBe(1);
    expect(await problemsAt(address)).toEqual({ status: 200, problems: [] });
    writeFileSync(join(folder, 'status.json'), '{');
    expect(figure(scrape((await get(`${address}/metrics`)).text), 'forebear_agent_up')).toBe(0);
  });

  it('is not healthy while an output holds', async () => {
    const { address } = await start('127.0.0.1:0', { holds: true });
    writeFileSync(join(folder, 'status.json'), JSON.stringify(snapshot({ nowMs: Date.now() })));
    const holding = { output: 'bad', state: 'hold' };
    const page = await pageWhere(address, (page) => figure(page, 'forebear_output_state', holding) === 1);
    expect(figure(page, 'forebear_output_state', { output: 'good', state: 'hold' })).toBe(0);
    expect(await problemsAt(address)).toEqual({ status: 503, problems: ['output bad: hold: the key is revoked'] });
  });

  it('ends, and with it the server', async () => {
    const { address, stopping, done } = await start('127.0.0.1:0');
    await get(`${address}/metrics`);
    stopping.abort();
    expect(await done).toEqual([]);
    await expect(get(`${address}/metrics`)).rejects.toThrow();
  });

  it.each([
    ['off', {}],
    ['127.0.0.1:0', { once: true }],
  ])('serves none at %s %j', async (listen, part) => {
    const run = start(listen, part);
    runs[0]!.stopping.abort();
    expect((await run).address).toBe('none');
  });

  it('does not start where its address is taken, and leaves no lock behind', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(start(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'FB_SHIP_METRICS_LISTEN' });
    other.close();
    await once(other, 'close');
    expect((await start(`127.0.0.1:${port}`)).address).toBe(`http://127.0.0.1:${port}`);
  });
});
