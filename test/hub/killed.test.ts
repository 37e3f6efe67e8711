// A serving hub that is killed with SIGKILL again and again while two hosts deliver: what was acknowledged is there, once.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openToRead } from '../../src/hub/database-io.ts';
import { RUNTIME_FLAGS } from '../../vitest.config.ts';
import { freePort, missing, type Scratch } from '../ship/real/programs.ts';
import { journalOf, type TestJournal } from './fixture.ts';
import { enrol, outputTo, parcelsOf, withCertificates } from './tls.ts';

const ROUNDS = 10;
const BATCH = 7;
const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const never = new AbortController().signal;

/** The command as it is, in a process of its own. */
async function startHub(files: Scratch, port: number): Promise<ChildProcess> {
  const config = files.file(
    'hub.toml',
    `[hub]\ndirectory = "hub"\nlisten = "127.0.0.1:${port}"\n[tls]\ncertificate_file = "server.crt"\nkey_file = "server.key"\n[log]\nlevel = "error"\n`,
  );
  const args = [...RUNTIME_FLAGS, MAIN, 'hub', 'serve', '--config', config];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout! }))
    if (line.startsWith('hub: listening')) return child;
  throw new Error('the hub did not start');
}

/** Delivers as a lane does: one batch at a time, the same one until it is settled. */
class Sender {
  acknowledged = 0;
  /** Told to be known already: a kill had taken the answer, not the batch. */
  repeated = 0;
  onAcknowledged = () => {};
  readonly journal: TestJournal;
  readonly #output: ReturnType<typeof outputTo>;
  #stopped = false;

  constructor(files: Scratch, port: number, journal: TestJournal) {
    this.journal = journal;
    this.#output = outputTo(files, port, journal.hostId, { timeout: 2000 });
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      const from = this.acknowledged + 1;
      if (this.journal.records.length < from + BATCH) this.journal.alerts(BATCH);
      const answer = await this.#output.send(parcelsOf(this.journal, from, from + BATCH - 1), never);
      const verdicts = answer.of === 'items' ? answer.verdicts : [];
      if (verdicts.some(({ is }) => is !== 'delivered') || verdicts.length === 0) {
        await pause(5);
        continue;
      }
      this.acknowledged += verdicts.length;
      this.repeated += verdicts.filter((verdict) => 'duplicate' in verdict).length;
      this.onAcknowledged();
    }
    await this.#output.close();
  }

  stop(): void {
    this.#stopped = true;
  }
}

it('keeps what it acknowledged, and nothing twice', { timeout: 120_000 }, async (ctx) => {
  const lacking = missing('openssl');
  if (lacking !== undefined) ctx.skip(lacking);
  using files = withCertificates();
  const port = await freePort();
  const hosts = ['h1', 'h2'];
  for (const host of hosts) enrol(files, host);
  const senders = hosts.map((host) => new Sender(files, port, journalOf(host)));
  const running = senders.map((sender) => sender.run());
  for (let round = 1; round <= ROUNDS; round++) {
    const hub = await startHub(files, port);
    // A few batches in, then in the middle of one.
    let left = 1 + ((round * 37) % 23);
    const enough = Promise.withResolvers<void>();
    for (const sender of senders) sender.onAcknowledged = () => --left <= 0 && enough.resolve();
    await enough.promise;
    await pause((round * 7) % 11);
    hub.kill('SIGKILL');
    await once(hub, 'exit');
  }
  const last = await startHub(files, port);
  const before = senders.map(({ acknowledged }) => acknowledged);
  await expect
    .poll(() => senders.every(({ acknowledged }, i) => acknowledged > before[i]!), { timeout: 20_000 })
    .toBe(true);
  for (const sender of senders) sender.stop();
  await Promise.all(running);
  last.kill('SIGTERM');
  await once(last, 'exit');
  expect(last.exitCode).toBe(0);

  using database = openToRead(join(files.path, 'hub'));
  expect(database.sql.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' });
  const stored = database.sql.prepare(
    'SELECT seq, payload FROM records JOIN journals USING (journal) WHERE journal_id = ? ORDER BY seq',
  );
  let [acknowledged, lost, repeated] = [0, 0, 0];
  for (const sender of senders) {
    const rows = stored.all(sender.journal.journalId) as { seq: number; payload: Uint8Array }[];
    expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_row, i) => i + 1));
    lost += Math.max(0, sender.acknowledged - rows.length);
    for (const { seq, payload } of rows)
      expect(Buffer.compare(payload, sender.journal.records[seq - 1]!.payload)).toBe(0);
    acknowledged += sender.acknowledged;
    repeated += sender.repeated;
  }
  const { alerts, records } = database.sql
    .prepare('SELECT (SELECT count(*) FROM alerts) AS alerts, (SELECT count(*) FROM records) AS records')
    .get() as Record<string, number>;
  console.log(
    `hub: ${ROUNDS} kills, ${acknowledged} acknowledged, ${lost} lost, ${repeated} sent again, 0 stored twice`,
  );
  expect(lost).toBe(0);
  expect(alerts).toBe(records);
  expect(acknowledged).toBeGreaterThan(ROUNDS * BATCH);
});
