// Delivery: alerts a second from a backlog of 100,000 to a local endpoint, and the time in which the backlog of an outage is made up.
// `forebear ship` as a process of its own; the endpoint, which inflates and counts, in another. Beside it, in the same rounds,
// a bare pump: the same documents out of one NDJSON file over the same library, no journal, no cursor.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { gzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { journalDirectory } from '../src/config.ts';
import { openJournal } from '../src/journal/open-journal.ts';
import { encodeAlert } from '../src/proto/alert-codec.ts';
import { Counters } from '../src/stats.ts';
import { spread } from './statistics.ts';

const BACKLOG = 100_000;
const ROUNDS = 5;
const BATCH = 500;
const TOP = resolve(import.meta.dirname, '..');

/** Of a size and variety as alerts have: a document of about 4 KiB. */
function documentOf(n: number): Record<string, unknown> {
  const process = (pid: number) => ({
    ...{
      pid,
      entity_id: `${n}-${pid}-${'e'.repeat(24)}`,
      name: `program-${pid % 50}`,
      executable: `/usr/bin/program-${pid % 50}`,
    },
    ...{ args: ['program', `--job=${n}`, `--path=/srv/data/${n % 1000}/input`], command_line: `program --job=${n}` },
    ...{ user: { id: '1000', name: 'alice' }, group: { id: '1000', name: 'alice' }, working_directory: '/srv/data' },
    ...{ start: new Date(1_800_000_000_000 + n).toISOString(), interactive: true, hash: { sha256: 'ab'.repeat(32) } },
  });
  const leaders = {
    session_leader: process(n % 700),
    entry_leader: { ...process(n % 90), entry_meta: { type: 'sshd' } },
  };
  return {
    ...{
      '@timestamp': new Date(1_800_000_000_000 + n).toISOString(),
      message: `alert ${n}`,
      ecs: { version: '8.17.0' },
    },
    event: { action: 'exec', category: ['process'], type: ['start'], kind: 'signal', id: `${n}`, dataset: 'bench' },
    process: { ...process(n), parent: { ...process(n % 5000), parent: process(1) }, ...leaders },
    host: { id: 'h', name: 'bench', os: { type: 'linux', full: 'Debian GNU/Linux 12', kernel: '6.18.0' } },
    kibana: { alert: { uuid: `uuid-${n}`, rule: { name: 'Bench', parameters: { note: 'x'.repeat(1200) } } } },
  };
}

async function writeBacklog(state: string, ndjson: string): Promise<number> {
  const journal = await openJournal({
    directory: journalDirectory(state),
    ...{ hostIdentity: 'h', hostId: 'h', counters: new Counters(), nowMs: Date.now, reserveBytes: 0 },
  });
  const lines: string[] = [];
  let bytes = 0;
  for (let n = 0; n < BACKLOG; n += BATCH) {
    const appends = Array.from({ length: BATCH }, (_, i) => {
      const document = documentOf(n + i);
      lines.push(JSON.stringify(document));
      bytes += lines.at(-1)!.length;
      const payload = encodeAlert({
        ...{
          uuid: `uuid-${n + i}`,
          rule_id: 'r',
          ruleName: 'Bench',
          ruleVersion: 1,
          severity: 'medium',
          riskScore: 47,
        },
        ...{ eventWallMs: 0, detectedWallMs: 0, eventBootId: 'b', eventBootNs: 1n, hostId: 'h', hostName: 'bench' },
        ...{ reason: '', gaps: [], document },
      });
      return journal.append(payload, { kind: 'alert', rank: 1, wallMs: Date.now() - 60_000 });
    });
    await Promise.all(appends);
  }
  await journal.close();
  writeFileSync(ndjson, lines.map((line) => `${line}\n`).join(''));
  return bytes / BACKLOG;
}

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
  cpuMsPerThousand: number;
  peakMiB: number;
}

async function ship(base: string, endpoint: Endpoint): Promise<Shipped> {
  rmSync(join(base, 'ship'), { recursive: true, force: true });
  const args = ['ship', '--config', join(base, 'c.toml'), '--state', base];
  const child = spawn(join(TOP, 'bin/forebear'), args, { stdio: 'ignore' });
  const seconds = await endpoint.seconds(BACKLOG);
  const [cpu, peak] = [cpuSeconds(child.pid!), peakMiB(child.pid!)];
  child.kill('SIGTERM');
  await once(child, 'exit');
  return { perSecond: BACKLOG / seconds, cpuMsPerThousand: (cpu * 1000) / (BACKLOG / 1000), peakMiB: peak };
}

/** The same bytes without a journal. */
async function pump(ndjson: string, endpoint: Endpoint): Promise<number> {
  const done = endpoint.seconds(BACKLOG);
  const dispatcher = new Agent({ connections: 1 });
  let lines: string[] = [];
  let n = 0;
  const send = async () => {
    const body = gzipSync(lines.join(''), { level: 1 });
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
    const url = `http://127.0.0.1:${endpoint.port}/_bulk`;
    const answer = await request(url, { method: 'POST', body, headers, dispatcher });
    await answer.body.json();
    lines = [];
  };
  for await (const line of createInterface({ input: createReadStream(ndjson) })) {
    lines.push(`{"create":{"_id":"uuid-${n++}","_index":"x"}}\n${line}\n`);
    if (lines.length === BATCH) await send();
  }
  const seconds = await done;
  await dispatcher.close();
  return BACKLOG / seconds;
}

export async function benchShip(): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'forebear-bench-'));
  const endpoint = new Endpoint();
  try {
    await endpoint.opened();
    const url = `http://127.0.0.1:${endpoint.port}`;
    writeFileSync(join(base, 'c.toml'), `[outputs.x]\ntype = "elasticsearch"\nurl = "${url}"\n`);
    const size = await writeBacklog(base, join(base, 'all.ndjson'));
    console.log(`ship: a backlog of ${BACKLOG} alerts of ${(size / 1024).toFixed(1)} KiB, batches of ${BATCH}, gzip`);
    const shipped: Shipped[] = [];
    const pumped: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      shipped.push(await ship(base, endpoint));
      pumped.push(await pump(join(base, 'all.ndjson'), endpoint));
    }
    console.log(
      `  alerts/s            forebear ship ${spread(shipped.map((s) => s.perSecond))}, bare pump ${spread(pumped)}`,
    );
    console.log(`  ratio to the pump   ${spread(shipped.map((s, i) => s.perSecond / pumped[i]!))}`);
    console.log(`  made up in          ${spread(shipped.map((s) => BACKLOG / s.perSecond))} s`);
    console.log(`  CPU ms per 1,000    ${spread(shipped.map((s) => s.cpuMsPerThousand))}`);
    console.log(`  resident at most    ${spread(shipped.map((s) => s.peakMiB))} MiB`);
  } finally {
    await endpoint.stop();
    rmSync(base, { recursive: true });
  }
}
