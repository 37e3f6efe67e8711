// Durable records: how many a second, and how long an append takes until its fdatasync has returned, alone and with many waiting
// (group commit). Beside it, in the same rounds, what an agent would else take: SQLite, WAL, synchronous=FULL, a transaction a
// record and one for 64. Then what a backlog costs: journal-backlog.ts.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { openJournal } from '../src/journal/open-journal.ts';
import { Counters } from '../src/stats.ts';
import { benchBacklog } from './journal-backlog.ts';
import { quantile, spread } from './statistics.ts';

/** An alert document of middling size. */
const PAYLOAD = Buffer.alloc(2048, 'x');
const ROUNDS = 7;
const ALERT = { kind: 'alert' as const, rank: 1, wallMs: 0 };

interface Measured {
  perSecond: number;
  /** Milliseconds of one append each. */
  latencies: number[];
}

interface Contender {
  name: string;
  run(directory: string): Promise<Measured>;
}

/** in: how many appends wait at any time, how many in all. */
function journal(inFlight: number, records: number): Contender {
  return { name: `journal, ${inFlight} in flight`, run: (directory) => runJournal(directory, inFlight, records) };
}

async function runJournal(directory: string, inFlight: number, records: number): Promise<Measured> {
  return timed(directory, async (append) => {
    const lane = async () => {
      for (let i = 0; i < records / inFlight; i++) await append();
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
  });
}

/** Records that come at a rate of their own, whatever the disk does. in: of them a second, seconds. */
function paced(rate: number, seconds: number): Contender {
  const run = (directory: string) =>
    timed(directory, async (append) => {
      const began = performance.now();
      const appended: Promise<void>[] = [];
      while (appended.length < rate * seconds) {
        const due = Math.min(((performance.now() - began) / 1000) * rate, rate * seconds);
        while (appended.length < due) appended.push(append());
        await setTimeout(1);
      }
      await Promise.all(appended);
    });
  return { name: `journal, ${rate} offered a second`, run };
}

async function timed(directory: string, work: (append: () => Promise<void>) => Promise<void>): Promise<Measured> {
  const identity = { hostIdentity: 'bench', hostId: 'bench', counters: new Counters(), nowMs: Date.now };
  const writer = await openJournal({ directory, ...identity });
  await writer.append(PAYLOAD, ALERT);
  const latencies: number[] = [];
  const began = performance.now();
  await work(async () => {
    const at = performance.now();
    await writer.append(PAYLOAD, ALERT);
    latencies.push(performance.now() - at);
  });
  const seconds = (performance.now() - began) / 1000;
  await writer.close();
  return { perSecond: latencies.length / seconds, latencies };
}

/** in: records a transaction, how many transactions. */
function sqlite(batch: number, transactions: number): Contender {
  return {
    name: `SQLite, ${batch} a transaction`,
    run: async (directory) => runSqlite(join(directory, 'bench.db'), batch, transactions),
  };
}

function runSqlite(path: string, batch: number, transactions: number): Measured {
  const database = new DatabaseSync(path);
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE r (seq INTEGER PRIMARY KEY, p BLOB)',
  );
  const insert = database.prepare('INSERT INTO r (p) VALUES (?)');
  const latencies: number[] = [];
  const began = performance.now();
  for (let i = 0; i < transactions; i++) {
    const at = performance.now();
    database.exec('BEGIN');
    for (let j = 0; j < batch; j++) insert.run(PAYLOAD);
    database.exec('COMMIT');
    latencies.push(performance.now() - at);
  }
  const seconds = (performance.now() - began) / 1000;
  database.close();
  return { perSecond: (batch * transactions) / seconds, latencies };
}

const CONTENDERS: readonly Contender[] = [
  journal(1, 1000),
  paced(5000, 2),
  journal(64, 20_000),
  journal(512, 40_000),
  sqlite(1, 1000),
  sqlite(64, 300),
];

async function measure({ run }: Contender): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'forebear-bench-'));
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export async function benchJournal(): Promise<void> {
  const results = CONTENDERS.map((): Measured[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, contender] of CONTENDERS.entries()) {
      const measured = await measure(contender);
      // The first is for the compiler and the file system.
      if (round > 0) results[i]!.push(measured);
    }
  }
  console.log(`journal, durable records of ${PAYLOAD.length} bytes in ${tmpdir()}, ${ROUNDS - 1} interleaved rounds`);
  console.log('  median (quartiles of the rounds)   records/s                   p50 of an append, ms    p99');
  for (const [i, { name }] of CONTENDERS.entries()) {
    const rounds = results[i]!;
    const of = (q: number) => spread(rounds.map(({ latencies }) => quantile(latencies, q))).padEnd(24);
    const [low, mid, high] = [0.25, 0.5, 0.75].map((q) =>
      quantile(
        rounds.map(({ perSecond }) => perSecond),
        q,
      ).toFixed(0),
    );
    const rate = `${mid} (${low}..${high})`;
    console.log(`  ${name.padEnd(32)}   ${rate.padEnd(25)}   ${of(0.5)}${of(0.99)}`);
  }
  await benchBacklog();
}
