// What connections cost with the agent: the time of the same loop of connect, accept and close over the loopback interface alone, alone
// again, with a rule about attempts (a tracepoint), and with one about all events of connections (here perhaps every system call is
// looked at, too). Interleaved rounds; what was lost stands beside.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pause, ROOT, startAgent, type Watcher } from './peers.ts';
import { median, spread } from './statistics.ts';

const PROGRAM = join(ROOT, 'build/test/connections');
const ROUNDS = 9;
const CONNECTIONS = 10_000;
/** Each takes the event of every connection of that action to its end, and never alerts. */
const QUERIES: Readonly<Record<string, string>> = {
  'rule about attempts': 'event.category:network and event.action:connection_attempted and process.args:never',
  'rule about all': 'event.category:network and process.args:never',
};

interface Sample {
  us: number;
  lost: number;
  records: number;
}

function ruleFile(folder: string, name: string, query: string): string {
  const keys = { rule_id: name, name, type: 'query', language: 'kuery', severity: 'low', description: name };
  const lines = Object.entries({ ...keys, query, index: ['logs-endpoint.events.*'] });
  const path = join(folder, `${name.replaceAll(' ', '-')}.toml`);
  writeFileSync(path, `[rule]\nrisk_score = 1\n${lines.map(([k, v]) => `${k} = ${JSON.stringify(v)}`).join('\n')}\n`);
  return path;
}

/** Microseconds per connection. */
async function runLoop(): Promise<number> {
  const { stdout } = await promisify(execFile)(PROGRAM, ['-l', `${CONNECTIONS}`]);
  return Number(stdout) / 1000 / CONNECTIONS;
}

async function bare(): Promise<Sample> {
  return { us: await runLoop(), lost: 0, records: 0 };
}

async function withRule(rule: string): Promise<Sample> {
  const agent = await startAgent(['--rules', rule]);
  const last = lastLine(agent);
  const us = await runLoop();
  await pause(300);
  await agent.stop();
  const line = await last;
  const number = (form: RegExp) => Number(form.exec(line)?.[1] ?? Number.NaN);
  return { us, lost: number(/(\d+) lost/), records: number(/(\d+) network/) };
}

/** `stopped  N events (..., N network, ...), N lost` */
async function lastLine({ child }: Watcher): Promise<string> {
  let text = '';
  child.stdout!.on('data', (more: string) => {
    text += more;
  });
  await new Promise((ended) => child.stdout!.once('close', ended));
  return text;
}

export async function benchConnect(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fb-bench-rules-'));
  try {
    const rules = Object.entries(QUERIES).map(([name, query]) => [name, ruleFile(folder, name, query)] as const);
    const all: (readonly [string, () => Promise<Sample>])[] = [
      ['bare', bare],
      ['bare again', bare],
      ...rules.map(([name, file]) => [name, () => withRule(file)] as const),
    ];
    const samples = new Map<string, Sample[]>(all.map(([name]) => [name, []]));
    for (let round = 0; round < ROUNDS; round++) {
      const order = [...all.slice(round % all.length), ...all.slice(0, round % all.length)];
      for (const [name, measure] of order) samples.get(name)!.push(await measure());
    }
    print(samples);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print(samples: ReadonlyMap<string, readonly Sample[]>): void {
  const alone = samples.get('bare')!.map(({ us }) => us);
  console.log(`loopback connect, accept and close, ${CONNECTIONS} in ${ROUNDS} interleaved rounds; median (quartiles)`);
  console.log(`  ${'bare'.padEnd(20)} ${median(alone).toFixed(1)} us a connection`);
  for (const [name, list] of samples) {
    if (name === 'bare') continue;
    const ratios = list.map(({ us }, i) => us / alone[i]!);
    const sum = (of: (sample: Sample) => number) => list.reduce((total, sample) => total + of(sample), 0);
    const told = name === 'bare again' ? '' : `, ${sum((s) => s.records)} records, ${sum((s) => s.lost)} lost`;
    console.log(`  ${name.padEnd(20)} ${spread(ratios)} of bare${told}`);
  }
}
