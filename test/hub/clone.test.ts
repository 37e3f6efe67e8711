// From journal to hub with the commands as they are: a host is cloned, both go on, and nothing of either is lost.

import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { journalDirectory } from '../../src/config.ts';
import { HubAlerts } from '../../src/hub/alerts-io.ts';
import { openToRead } from '../../src/hub/database-io.ts';
import { listHosts } from '../../src/hub/hosts-io.ts';
import { readForkMarker } from '../../src/journal/fork-marker-io.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { Counters } from '../../src/stats.ts';
import { fakeIo } from '../commands/fake-io.ts';
import { sampleAlert } from '../commands/sample-alert.ts';
import { missing, type Scratch } from '../ship/real/programs.ts';
import { NOW_MS } from './fixture.ts';
import { enrol, type ServingHub, serveIn, withCertificates } from './tls.ts';

const lacking = missing('openssl');
let files: Scratch;
let hub: ServingHub;

beforeAll(async () => {
  if (lacking !== undefined) return;
  files = withCertificates();
  hub = await serveIn(files);
  enrol(files, 'h1');
});
afterAll(async () => {
  await hub?.stop();
  files?.[Symbol.dispose]();
});

/** An agent's life: it looks for what the hub refused, and journals these alerts. */
async function agent(state: string, ...uuids: string[]): Promise<void> {
  const fork = readForkMarker(join(state, 'ship'));
  const shared = {
    directory: journalDirectory(state),
    hostIdentity: 'host',
    hostId: 'h1',
    counters: new Counters(),
    fork,
  };
  const journal = await openJournal({ ...shared, nowMs: () => NOW_MS, reserveBytes: 0 });
  for (const uuid of uuids) {
    const payload = encodeAlert(sampleAlert({ uuid, hostId: 'h1', document: { uuid } }));
    await journal.append(payload, { kind: 'alert', rank: 1, wallMs: NOW_MS });
  }
  await journal.close();
}

async function ship(state: string): Promise<number> {
  const config = files.file(
    'forebear.toml',
    `[log]\nlevel = "fatal"\n[outputs.central]\ntype = "hub"\nurl = "https://127.0.0.1:${hub.port}"\nca_file = "ca.crt"\ntoken_file = "h1.token"\n`,
  );
  return await runProgram(['ship', '--once', '--config', config, '--state', state], fakeIo());
}

function uuidsThere(): string[] {
  using database = openToRead(join(files.path, 'hub'));
  return [...new HubAlerts(database.sql).after(0, {})].map(({ uuid }) => uuid).sort();
}

it('the clone is held, its agent begins a new journal id, and what it had goes there', async (ctx) => {
  if (lacking !== undefined) ctx.skip(lacking);
  const [original, clone] = [join(files.path, 'original'), join(files.path, 'clone')];
  mkdirSync(original);
  await agent(original, 'a1', 'a2', 'a3');
  expect(await ship(original)).toBe(0);
  cpSync(original, clone, { recursive: true });
  await agent(original, 'o4', 'o5');
  await agent(clone, 'c4', 'c5', 'c6');
  expect(await ship(original)).toBe(0);

  expect(await ship(clone)).toBe(1);
  expect(uuidsThere()).toEqual(['a1', 'a2', 'a3', 'o4', 'o5']);
  expect(readForkMarker(join(clone, 'ship'))).toMatchObject({ seq: 4 });
  expect(existsSync(join(original, 'ship/fork'))).toBe(false);
  // Held, not given up: once more is the same.
  expect(await ship(clone)).toBe(1);

  await agent(clone, 'c7');
  await agent(original, 'o6');
  expect([await ship(clone), await ship(original)]).toEqual([0, 0]);
  expect(uuidsThere()).toEqual(['a1', 'a2', 'a3', 'c4', 'c5', 'c6', 'c7', 'o4', 'o5', 'o6']);
  // The marker is still there: it is about the former id, and nothing begins anew.
  await agent(clone, 'c8');
  expect(await ship(clone)).toBe(0);
  using database = openToRead(join(files.path, 'hub'));
  expect(listHosts(database.sql, 1e9, Date.now())).toMatchObject([
    { hostId: 'h1', state: 'fork', journals: 2, alerts: 11, records: 11, forks: [{ seq: 4, count: 2 }] },
  ]);
});

it('an agent that runs goes on without a restart', async (ctx) => {
  if (lacking !== undefined) ctx.skip(lacking);
  const [original, clone] = [join(files.path, 'running'), join(files.path, 'resumed')];
  await agent(original, 'r1');
  cpSync(original, clone, { recursive: true });
  await agent(original, 'r2');
  expect(await ship(original)).toBe(0);
  const shared = { directory: journalDirectory(clone), hostIdentity: 'host', hostId: 'h1', counters: new Counters() };
  await using resources = new AsyncDisposableStack();
  const journal = await openJournal({ ...shared, nowMs: () => NOW_MS, reserveBytes: 0 });
  resources.defer(() => journal.close());
  const append = (uuid: string) => {
    const payload = encodeAlert(sampleAlert({ uuid, hostId: 'h1', document: { uuid } }));
    return journal.append(payload, { kind: 'alert', rank: 1, wallMs: NOW_MS });
  };
  await append('s2');
  expect(await ship(clone)).toBe(1);
  expect(await journal.fork(readForkMarker(join(clone, 'ship'))!)).toBe(true);
  // Before anything is journalled under the new id, too.
  expect(await ship(clone)).toBe(0);
  await append('s3');
  expect(await ship(clone)).toBe(0);
  expect(uuidsThere().filter((uuid) => /^[rs]/.test(uuid))).toEqual(['r1', 'r2', 's2', 's3']);
});
