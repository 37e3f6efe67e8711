// What bench/ship.ts delivers: a journal of 100,000 alerts, and the same documents in one NDJSON file.

import { writeFileSync } from 'node:fs';
import { journalDirectory } from '../src/config.ts';
import { openJournal } from '../src/journal/open-journal.ts';
import { encodeAlert } from '../src/proto/alert-codec.ts';
import { Counters } from '../src/stats.ts';

export const BACKLOG = 100_000;
export const BATCH = 500;

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

/** in: a state directory, a file for the same documents; out: bytes of a document, in the mean. */
export async function writeBacklog(state: string, ndjson: string): Promise<number> {
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
