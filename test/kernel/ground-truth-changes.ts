// What every source of sessions and credentials has to tell of the workload, on any kernel: test/kernel/ground-truth.test.ts runs
// it for this host's, test/qemu for others. in: what the workload wrote down, the records of its processes.

import { expect, it } from 'vitest';
import type { CredentialsRecord } from '../../src/sensor/record.ts';
import { type ExpectedChange, recordsOf } from './ground-truth.ts';
import type { Account } from './ground-truth-suite.ts';

/** Cases that write down each change; of others it is not known. */
const CASES = [
  { name: 'set-ids', sessions: 0, changes: 8 },
  { name: 'same-ids', sessions: 0, changes: 0 },
  { name: 'refused-ids', sessions: 0, changes: 1 },
  { name: 'thread-ids', sessions: 0, changes: 2 },
  { name: 'all-threads-ids', sessions: 0, changes: 3 },
  { name: 'ids-32', sessions: 1, changes: 3 },
  { name: 'new-session', sessions: 1, changes: 0 },
  { name: 'refused-session', sessions: 0, changes: 0 },
];

export function itSeesEachChange(account: Account): void {
  it.for(CASES)('$name: each new session and each change of ids, once and as it was', (row, ctx) => {
    const lines = account.truth.filter((line) => line.case === row.name);
    const skipped = lines.find((line) => line.kind === 'skip');
    if (skipped !== undefined) ctx.skip(`${row.name}: ${skipped.reason}`);
    const tgid = lines.find((line) => line.kind === 'fork')?.tgid ?? 0;
    const changes = lines.filter((line) => line.kind === 'credentials');
    const sessions = lines.filter((line) => line.kind === 'session');
    expect([changes.length, sessions.length]).toEqual([row.changes, row.sessions]);
    expect(byThread(recordsOf(account.records, 'credentials', tgid).map(inTermsOf))).toEqual(
      byThread(changes.map(({ tid, before, after }) => ({ tid, before, after }))),
    );
    const found = recordsOf(account.records, 'session', tgid).map(({ task }) => [task.sid, task.pgid, task.ttyMajor]);
    expect(found).toEqual(sessions.map(() => [tgid, tgid, 0]));
  });
}

type Change = Pick<ExpectedChange, 'tid' | 'before' | 'after'>;

function inTermsOf({ tid, before: b, task: t, fsuid, fsgid }: CredentialsRecord): Change {
  return {
    tid,
    before: [b.uid, b.euid, b.suid, b.fsuid, b.gid, b.egid, b.sgid, b.fsgid],
    after: [t.uid, t.euid, t.suid, fsuid, t.gid, t.egid, t.sgid, fsgid],
  };
}

/** Which of several threads comes first is libc's affair. */
function byThread(changes: readonly Change[]): Change[] {
  return changes.toSorted((a, b) => a.tid - b.tid);
}
