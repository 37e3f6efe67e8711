// Outputs loaded anew while the shipper runs: whose lane goes on, ends, begins; what is refused.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ShipReload } from '../../src/commands/ship-reload.ts';
import { type Config, parseConfig } from '../../src/config.ts';
import { ForebearError } from '../../src/errors.ts';
import type { Lanes } from '../../src/ship/lanes.ts';
import type { Output, Parcel } from '../../src/ship/output.ts';
import { parseShipStatus } from '../../src/ship/ship-status.ts';
import { runShip } from '../../src/ship.ts';
import { Counters } from '../../src/stats.ts';
import { SILENT } from './fixture.ts';
import { appendTo, gap, T0 } from './journal-fixture.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-reload-'));
});
afterEach(() => rmSync(base, { recursive: true }));

/** in: outputs by name, with what differs. */
function configOf(outputs: Record<string, string>, keys = ''): Config {
  const tables = Object.entries(outputs).map(
    ([name, more]) => `[outputs.${name}]\ntype = "file"\npath = "${name}"\n${more}`,
  );
  const config = parseConfig([keys, ...tables].join('\n'), 'test');
  return { ...config, state: { directory: base }, ship: { ...config.ship, directory: join(base, 'ship') } };
}

async function running(outputs: Record<string, string>) {
  const took: [name: string, life: number, seq: number][] = [];
  const closed: string[] = [];
  const warned: string[] = [];
  let lives = 0;
  const makeOutput = async ({ name }: Config['outputs'][number]): Promise<Output> => {
    if (name === 'bad') throw new ForebearError('FB_SHIP_KEY', 'no such key');
    const life = ++lives;
    const send = async (batch: readonly Parcel[]) => {
      for (const { seq } of batch) took.push([name, life, seq]);
      return { of: 'batch' as const, verdict: { is: 'delivered' as const } };
    };
    return { type: 'file', send, close: async () => void closed.push(`${name} ${life}`) };
  };
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  let perform: ((change: (lanes: Pick<Lanes, 'become' | 'running'>) => Promise<void>) => void) | undefined;
  const config = configOf(outputs);
  const done = runShip({
    ...{ config, version: '1', counters: new Counters(), makeOutput, once: false },
    log: { ...SILENT, warn: (line: unknown) => void warned.push(String(line)) } as never,
    signal: stop.signal,
    onReady: ready.resolve,
    reloads: (listener) => {
      perform = listener;
    },
  });
  await ready.promise;
  const sent: string[] = [];
  const supervision = { reloading: () => void sent.push('reloading'), reloaded: () => void sent.push('reloaded') };
  const log = { info() {}, warn: (line: unknown) => void warned.push(String(line)), error() {} } as never;
  const reload = async (next: Config | Error) => {
    const load = () => {
      if (next instanceof Error) throw next;
      return next;
    };
    const command = new ShipReload({ config, load, log });
    await new Promise<void>((settled) => perform!((lanes) => command.run(lanes, supervision).finally(settled)));
    return command.outcome;
  };
  const end = async () => {
    stop.abort();
    await done;
  };
  return { took, closed, warned, sent, reload, end, done };
}

const statusOf = () => parseShipStatus(readFileSync(join(base, 'ship/status.json'), 'utf8'))!;
const until = (took: readonly unknown[], count: number) => expect.poll(() => took.length).toBe(count);

it('what is the same goes on, what differs begins at its cursor, what is gone ends, what is new begins at the first record', async () => {
  await appendTo(base, [gap(T0)]);
  const { took, closed, sent, reload, end } = await running({ same: '', differs: '', gone: '' });
  // Else what an output took may come again.
  await expect.poll(() => statusOf().outputs.map(({ cursorSeq }) => cursorSeq), { timeout: 5000 }).toEqual([1, 1, 1]);
  expect(await reload(configOf({ fresh: '', same: '', differs: 'batch_count = 7' }))).toBe('');
  await appendTo(base, [gap(T0 + 1)]);
  await until(took, 3 + 4);
  await expect.poll(() => statusOf().outputs.map(({ cursorSeq }) => cursorSeq), { timeout: 5000 }).toEqual([2, 2, 2]);
  await end();
  expect(took.slice(3).sort()).toEqual([
    ['differs', 5, 2],
    ['fresh', 4, 1],
    ['fresh', 4, 2],
    ['same', 1, 2],
  ]);
  expect(closed.slice(0, 2).sort()).toEqual(['differs 2', 'gone 3']);
  expect(closed.length).toBe(5);
  expect(sent).toEqual(['reloading', 'reloaded']);
  expect(statusOf().outputs.map(({ name, cursorSeq }) => [name, cursorSeq])).toEqual([
    ['fresh', 2],
    ['same', 2],
    ['differs', 2],
  ]);
});

it.each<[string, () => Config | Error, string]>([
  ['the configuration cannot be read', () => new ForebearError('FB_CONFIG_SYNTAX', 'not TOML'), 'not TOML'],
  [
    'an output cannot be made',
    () => ({
      ...configOf({}),
      outputs: configOf({ x: 'batch_count = 7', bad: '' }).outputs,
    }),
    'no such key',
  ],
])('all goes on as it was where %s', async (_name, next, reason) => {
  await appendTo(base, [gap(T0)]);
  const { took, closed, reload, end } = await running({ x: '' });
  await until(took, 1);
  expect(await reload(next())).toBe(`RELOAD REFUSED, the outputs are as before: ${reason}`);
  await appendTo(base, [gap(T0 + 1)]);
  await until(took, 2);
  await end();
  expect(took).toEqual([
    ['x', 1, 1],
    ['x', 1, 2],
  ]);
  expect(closed.at(-1)).toBe('x 1');
});

it('says what is not read again', async () => {
  const { warned, reload, end } = await running({ x: '' });
  const next = configOf({ x: '' }, '[log]\nlevel = "debug"\n');
  await reload({ ...next, ship: { ...next.ship, metricsListen: '127.0.0.1:1' } });
  await end();
  expect(warned).toEqual(['what changed in [ship], [log] holds from the next start on']);
});

it('warns of a key in the clear where an output begins, and not of one that goes on', async () => {
  const far = parseConfig('[outputs.far]\ntype = "hub"\nurl = "http://far"\ntoken_file = "k"', 'test').outputs;
  await appendTo(base, [gap(T0)]);
  const { warned, reload, end } = await running({ x: '' });
  const next = { ...configOf({ x: '' }), outputs: [...configOf({ x: '' }).outputs, ...far] };
  await reload(next);
  await reload(next);
  await end();
  expect(warned).toEqual([expect.stringMatching(/^output far: its token goes to far in the clear/)]);
});

it('begins a lane also where its cursor cannot be opened at once', async () => {
  await appendTo(base, [gap(T0)]);
  const { took, reload, end } = await running({ x: '' });
  await until(took, 1);
  rmSync(join(base, 'ship/cursors'), { recursive: true });
  writeFileSync(join(base, 'ship/cursors'), '');
  expect(await reload(configOf({ x: '', y: 'max_backoff = "100ms"\n' }))).toBe('');
  rmSync(join(base, 'ship/cursors'));
  await until(took, 2);
  await end();
  expect(took.at(-1)).toEqual(['y', 2, 1]);
});
