// Delivery: alerts a second from a backlog of 100,000, and the time in which the backlog of an outage is made up: to a local
// endpoint, and to a real OpenSearch 2.19 where the test bed has it. `forebear ship` as a process of its own; the endpoint, which
// inflates and counts, in another. Beside it, in the same rounds, a bare pump to the same place: the same documents out of one
// NDJSON file over the same library, no journal, no cursor.

import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { parseShipStatus } from '../src/ship/ship-status.ts';
import type { Engine } from '../test/servers/engine.ts';
import { BACKLOG, BATCH, writeBacklog } from './ship-backlog.ts';
import { ALERTS, countIn, emptied, startOpenSearch, whyNoOpenSearch } from './ship-opensearch.ts';
import { median, spread } from './statistics.ts';

const ROUNDS = 3;
/** Alerts a second. */
const GOAL = 5000;
/** Of the bare pump to OpenSearch: it tells what the engine takes, in less time. */
const PUMPED = 25_000;
const FOREBEAR = resolve(import.meta.dirname, '../bin/forebear');

/** The endpoint's process; its messages: the port, then the count of documents whenever it has grown. */
class Endpoint {
  readonly #child: ChildProcess;
  port = 0;
  #count = 0;
  #waiting: (() => void) | undefined;

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'ship-endpoint.ts'));
    this.#child.on('message', (message: { port?: number; count?: number }) => {
      this.port = message.port ?? this.port;
      this.#count = message.count ?? this.#count;
      this.#waiting?.();
    });
  }

  async until(ready: () => boolean): Promise<void> {
    while (!ready()) {
      await new Promise<void>((wake) => {
        this.#waiting = wake;
      });
    }
  }

  opened(): Promise<void> {
    return this.until(() => this.port > 0);
  }

  /** From now on. out: seconds from the first of them to the last. */
  async seconds(count: number): Promise<number> {
    const before = this.#count;
    await this.until(() => this.#count > before);
    const [began, first] = [performance.now(), this.#count];
    await this.until(() => this.#count >= before + count);
    const share = count / (before + count - first);
    return ((performance.now() - began) / 1000) * share;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await once(this.#child, 'exit');
  }
}

/** User and system time of a living process, seconds. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function peakMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
}

interface Shipped {
  perSecond: number;
  /** From its start to the last answer. */
  madeUpIn: number;
  cpuMsPerThousand: number;
  peakMiB: number;
}

/** in: a state directory with a backlog, where it goes; counted: from the first batch there to the last, seconds. */
async function ship(base: string, url: string, counted?: Promise<number>): Promise<Shipped> {
  rmSync(join(base, 'ship'), { recursive: true, force: true });
  writeFileSync(join(base, 'c.toml'), `[outputs.x]\ntype = "elasticsearch"\nurl = "${url}"\n`);
  const startedMs = Date.now();
  const child = spawn(FOREBEAR, ['ship', '--config', join(base, 'c.toml'), '--state', base], { stdio: 'ignore' });
  const lastMs = await delivered(join(base, 'ship/status.json'));
  const [cpu, peak] = [cpuSeconds(child.pid!), peakMiB(child.pid!)];
  child.kill('SIGTERM');
  await once(child, 'exit');
  const madeUpIn = (lastMs - startedMs) / 1000;
  const perSecond = BACKLOG / ((await counted) ?? madeUpIn);
  return { perSecond, madeUpIn, cpuMsPerThousand: (cpu * 1000) / (BACKLOG / 1000), peakMiB: peak };
}

/** out: when the last of the backlog was acknowledged. Throws where one was not taken. */
async function delivered(statusFile: string): Promise<number> {
  for (;;) {
    await pause(250);
    const output = statusOf(statusFile)?.outputs[0];
    if (output === undefined) continue;
    if (output.rejected > 0) throw new Error(`a record was not taken: ${output.lastAnswer}`);
    if (output.cursorSeq >= BACKLOG) return output.lastDeliveredMs!;
  }
}

function statusOf(file: string) {
  try {
    return parseShipStatus(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The same bytes without a journal. out: documents a second. */
async function pump(ndjson: string, url: string, count: number): Promise<number> {
  const dispatcher = new Agent({ connections: 1 });
  const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
  const began = performance.now();
  let lines: string[] = [];
  let n = 0;
  for await (const line of createInterface({ input: createReadStream(ndjson) })) {
    lines.push(`{"create":{"_id":"uuid-${n++}","_index":"${ALERTS}"}}\n${line}\n`);
    if (n % BATCH !== 0) continue;
    const body = gzipSync(lines.join(''), { level: 1 });
    const answer = await request(`${url}/_bulk`, { method: 'POST', body, headers, dispatcher });
    const { errors } = (await answer.body.json()) as { errors: boolean };
    if (errors) throw new Error('the pump: a document was not taken');
    lines = [];
    if (n === count) break;
  }
  const seconds = (performance.now() - began) / 1000;
  await dispatcher.close();
  return count / seconds;
}

/** What was measured of one place. */
class Place {
  readonly shipped: Shipped[] = [];
  readonly pumped: number[] = [];

  print(name: string): void {
    const { shipped, pumped } = this;
    const perSecond = shipped.map((each) => each.perSecond);
    const reached = median(perSecond);
    console.log(`  ${name}`);
    console.log(`    alerts/s            forebear ship ${spread(perSecond)}, bare pump ${spread(pumped)}`);
    console.log(`    goal of ${GOAL}/s      ${reached >= GOAL ? 'met' : 'missed'}: ${Math.round(reached)}/s`);
    console.log(`    ratio to the pump   ${spread(perSecond.map((each, i) => each / pumped[i]!))}`);
    console.log(`    made up in          ${spread(shipped.map((each) => each.madeUpIn))} s from its start`);
    console.log(`    CPU ms per 1,000    ${spread(shipped.map((each) => each.cpuMsPerThousand))}`);
    console.log(`    resident at most    ${spread(shipped.map((each) => each.peakMiB))} MiB`);
  }
}

async function toEndpoint(base: string, ndjson: string, endpoint: Endpoint, place: Place): Promise<void> {
  const url = `http://127.0.0.1:${endpoint.port}`;
  place.shipped.push(await ship(base, url, endpoint.seconds(BACKLOG)));
  place.pumped.push(await pump(ndjson, url, BACKLOG));
}

async function toOpenSearch(base: string, ndjson: string, engine: Engine, place: Place): Promise<void> {
  await emptied(engine);
  place.shipped.push(await ship(base, engine.url));
  const there = await countIn(engine);
  if (there !== BACKLOG) throw new Error(`${there} of ${BACKLOG} alerts are there`);
  await emptied(engine);
  place.pumped.push(await pump(ndjson, engine.url, PUMPED));
}

function installTemplates(base: string, engine: Engine): void {
  writeFileSync(join(base, 'c.toml'), `[outputs.x]\ntype = "elasticsearch"\nurl = "${engine.url}"\n`);
  const args = ['ship', '--setup', '--config', join(base, 'c.toml'), '--state', base];
  const { status, stderr } = spawnSync(FOREBEAR, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

export async function benchShip(): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'forebear-bench-'));
  const ndjson = join(base, 'all.ndjson');
  const lacks = whyNoOpenSearch();
  const endpoint = new Endpoint();
  let engine: Engine | undefined;
  try {
    await endpoint.opened();
    const size = await writeBacklog(base, ndjson);
    console.log(`ship: a backlog of ${BACKLOG} alerts of ${(size / 1024).toFixed(1)} KiB, batches of ${BATCH}, gzip`);
    if (lacks === '') engine = await startOpenSearch();
    if (engine !== undefined) {
      installTemplates(base, engine);
      // Compiled by now, as an engine is that runs for days.
      await pump(ndjson, engine.url, BACKLOG);
    }
    const [local, real] = [new Place(), new Place()];
    for (let round = 0; round < ROUNDS; round++) {
      await toEndpoint(base, ndjson, endpoint, local);
      if (engine !== undefined) await toOpenSearch(base, ndjson, engine, real);
    }
    local.print('to a local endpoint');
    if (engine !== undefined)
      real.print(`to OpenSearch 2.19 on the same CPUs, warmed up by ${BACKLOG} (pump: ${PUMPED})`);
    else console.log(`  to OpenSearch 2.19: left out: ${lacks}`);
  } finally {
    await engine?.kill();
    await endpoint.stop();
    rmSync(base, { recursive: true });
  }
}
