// Acknowledged alerts are obligations. A producer appends to a journal and is killed again and again; `forebear ship` delivers it and is
// killed again and again; the endpoint plays every fault that delivery.md names. When the faults stop, the endpoint and the dead
// letters have exactly what the journal acknowledged, in order, and a fresh alert arrives. FOREBEAR_SEED=N runs one seed again.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openJournal } from '../../src/journal/open-journal.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { decodeEnvelope } from '../../src/proto/alert-codec.ts';
import { parseShipStatus } from '../../src/ship/ship-status.ts';
import { Counters } from '../../src/stats.ts';
import { RUNTIME_FLAGS } from '../../vitest.config.ts';
import { COMPILED_ONCE } from '../common/compiled-once.ts';
import { alertBytes } from './oracle/alert-bytes.ts';
import { FaultyEndpoint, isUnfit, seeded } from './oracle/faulty-endpoint.ts';
import { eventually, makeCertificates, missing } from './real/programs.ts';

const TOP = resolve(import.meta.dirname, '../..');
const SEEDS = process.env.FOREBEAR_SEED === undefined ? [1, 2] : [Number(process.env.FOREBEAR_SEED)];
/** Lives of producer and shipper under faults. */
const ROUNDS = 8;

const journalIn = (base: string) => join(base, 'state/journal');

class Producer {
  readonly acknowledged = new Map<string, number>();
  readonly #directory: string;
  #child: ChildProcess | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  start(run: string): void {
    const program = join(import.meta.dirname, 'oracle/producer-child.ts');
    const args = [...RUNTIME_FLAGS, program, this.#directory, run];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: COMPILED_ONCE });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const [, seq, id] = /^(\d+) (\S+)$/.exec(line) ?? [];
      if (id !== undefined) this.acknowledged.set(id, Number(seq));
    });
  }

  async kill(): Promise<void> {
    await kill(this.#child);
  }
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'close');
  child.kill('SIGKILL');
  await exit;
}

function startShipper(base: string): ChildProcess {
  const args = ['ship', '--config', join(base, 'c.toml'), '--state', join(base, 'state')];
  return spawn(join(TOP, 'bin/forebear'), args, { stdio: ['ignore', 'ignore', 'ignore'] });
}

/** Producer and shipper killed in turn, each after some progress and a while that the seed decides, the endpoint away now and then. */
async function live(base: string, producer: Producer, endpoint: FaultyEndpoint, seed: number): Promise<number> {
  const random = seeded(seed);
  let kills = 0;
  let shipper = startShipper(base);
  for (let round = 0; round < ROUNDS; round++) {
    producer.start(`s${seed}r${round}`);
    await progress(producer, endpoint);
    if (random() < 0.5) await endpoint.playOutage();
    if (random() < 0.7) {
      await kill(shipper);
      kills++;
      shipper = startShipper(base);
    }
    await pause(300 * random());
    await producer.kill();
    kills++;
  }
  await kill(shipper);
  return kills + 1;
}

/** Until some more was acknowledged and asked: a busy machine gets the time that it needs. */
async function progress(producer: Producer, endpoint: FaultyEndpoint): Promise<void> {
  const [acknowledged, requests] = [producer.acknowledged.size + 80, endpoint.requests + 8];
  const reached = () => producer.acknowledged.size >= acknowledged && endpoint.requests >= requests;
  await eventually(() => (reached() ? true : undefined), 'progress', 60_000);
}

/** The shipper says that nothing is left to do. */
function isIdle(base: string): boolean {
  const [output] = parseShipStatus(readFileSync(join(base, 'state/ship/status.json'), 'utf8'))?.outputs ?? [];
  return output?.state === 'idle' && output.lagRecords === 0 && output.lastDeliveredMs !== undefined;
}

/** Ids of all alerts that the journal has, in order. */
async function journalled(base: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { payload, kindName } of readJournal({ directory: journalIn(base), counters: new Counters() })) {
    if (kindName === 'alert') ids.push(decodeEnvelope(payload).uuid);
  }
  return ids;
}

async function appendOne(base: string, id: string): Promise<void> {
  const journal = await openJournal({
    directory: journalIn(base),
    ...{ hostIdentity: 'host', hostId: 'host', counters: new Counters(), nowMs: Date.now, reserveBytes: 0 },
  });
  await journal.append(alertBytes(id, Date.now()), { kind: 'alert', rank: 1, wallMs: Date.now() });
  await journal.close();
}

it.concurrent.for(SEEDS)(
  'seed %i: the endpoint has exactly what was acknowledged',
  { timeout: 180_000 },
  async (seed, ctx) => {
    const lacking = missing('openssl');
    if (lacking !== undefined) ctx.skip(lacking);
    const base = mkdtempSync(join(tmpdir(), 'forebear-oracle-'));
    ctx.onTestFinished(() => rmSync(base, { recursive: true }));
    makeCertificates(base);
    const endpoint = new FaultyEndpoint(base, seeded(seed + 1000));
    await endpoint.open();
    writeFileSync(
      join(base, 'c.toml'),
      `[outputs.x]\ntype = "elasticsearch"\nurl = "https://127.0.0.1:${endpoint.port}"\nca_file = "ca.crt"\n` +
        'batch_count = 40\ntimeout = "600ms"\nmax_backoff = "150ms"\nduplicate_wait = "50ms"\n',
    );
    const producer = new Producer(journalIn(base));
    const kills = await live(base, producer, endpoint, seed);
    endpoint.faulty = false;
    const shipper = startShipper(base);
    await appendOne(base, 'fresh');
    await eventually(() => (endpoint.stored.has('fresh') ? true : undefined), 'the fresh alert', 60_000);
    await eventually(() => (isIdle(base) ? true : undefined), 'the cursor behind it', 60_000);
    await kill(shipper);
    await endpoint.close();

    const expected = await journalled(base);
    const dead = readdirSync(join(base, 'state/ship/dead/x')).length;
    const fit = expected.filter((id) => !isUnfit(id));
    console.log(
      `seed ${seed}: ${producer.acknowledged.size} acknowledged, ${endpoint.stored.size} delivered, ${dead} dead letters, ` +
        `${endpoint.duplicates} sent again, ${kills} kills, ${endpoint.requests} requests, ` +
        `${[...endpoint.faults.values()].reduce((a, b) => a + b, 0)} faults of ${endpoint.faults.size} kinds`,
    );
    const inJournal = new Set(expected);
    expect([...producer.acknowledged.keys()].filter((id) => !inJournal.has(id))).toEqual([]);
    expect(new Set(endpoint.stored.keys())).toEqual(new Set(fit));
    expect(dead).toBe(expected.length - fit.length);
    expect(dead).toBeGreaterThan(0);
    expect(producer.acknowledged.size).toBeGreaterThan(500);
    expect(endpoint.faults.size).toBeGreaterThan(8);
    expect(outOfOrder([...endpoint.stored.keys()], expected)).toBeLessThanOrEqual(
      BATCH * (endpoint.faults.get('items 429') ?? 0),
    );
  },
);

const BATCH = 40;

/** Documents that came behind a later one: a batch whose items were refused in part is completed behind its rest. */
function outOfOrder(arrived: readonly string[], journal: readonly string[]): number {
  const place = new Map(journal.map((id, i) => [id, i]));
  let newest = -1;
  return arrived.filter((id) => {
    const at = place.get(id)!;
    newest = Math.max(newest, at);
    return at < newest;
  }).length;
}
