// What a self-test says for each way in which the data path can fail.

import { describe, expect, it } from 'vitest';
import type { SelftestReport } from '../../src/agent-status.ts';
import { launchOf } from '../../src/commands/selftest-launch.ts';
import { type Evidence, formatStages, RULE_ID, stagesOf } from '../../src/commands/selftest-stages.ts';
import { painter } from '../../src/commands/terminal.ts';
import { snapshot } from './sample-status.ts';

const made = { rule_id: RULE_ID, uuid: 'u', matchedMs: 1000.7, durableMs: 1002.5, seq: 17 };
const REPORT: SelftestReport = { id: 'x', eventMs: 1000.2, seenMs: 1000.5, entryType: 'sshd', alerts: [made] };

/** Exec and lost counters of the agent after the run; 1000 and 3 before it. */
function after(exec: number, lost: number) {
  const { sensor } = snapshot();
  const { counters } = sensor;
  return snapshot({ sensor: { ...sensor, counters: { ...counters, decoded: { exec }, lost: { exec: lost } } } });
}

function evidence(part: Partial<Evidence> = {}, report: Partial<SelftestReport> = {}): Evidence {
  return {
    launch: { pid: 42, execNs: 1_000_000_000n, withoutTerminal: false },
    report: { ...REPORT, ...report },
    before: snapshot(),
    after: after(1005, 3),
    timeoutMs: 10_000,
    readBack: { seq: 17 },
    ...part,
  };
}

it('tells each stage with its time since the exec', () => {
  const stages = stagesOf(evidence());
  expect(stages.map(({ stage, status, ms }) => [stage, status, ms])).toEqual([
    ['started', 'fine', 0],
    ['seen', 'fine', 0.5],
    ['typed', 'fine', undefined],
    ['matched', 'fine', 0.7],
    ['durable', 'fine', 2.5],
  ]);
  expect(stages.filter(({ advice }) => advice !== undefined)).toEqual([]);
});

it('has one stage more where outputs are configured', () => {
  const deliveries = ['a', 'b'].map((name) => ({ name, has: true }));
  expect(stagesOf(evidence({ deliveries })).at(-1)).toEqual({
    stage: 'delivered',
    status: 'fine',
    found: 'a, b have it',
  });
});

describe('the stage that failed, and what to do', () => {
  it.each<[string, string, RegExp, RegExp, Partial<Evidence>, Partial<SelftestReport>?]>([
    ['nothing ran', 'started', /ended early/, /kernel log/, { launch: { withoutTerminal: false } }],
    [
      'systemctl is not there',
      'started',
      /systemctl: errno 2/,
      /./,
      { launch: launchOf('exec 1 2\nfailed systemctl 2 0\nended 1 0\n') },
    ],
    ['the sensor is blind', 'seen', /no exec at all/, /doctor/, { report: undefined, after: after(1000, 3) }],
    [
      'the ring was full',
      'seen',
      /5 execs arrived and 4 were lost/,
      /ring_bytes/,
      { report: undefined, after: after(1005, 7) },
    ],
    ['another host, or version', 'seen', /5 execs arrived and 0 were lost/, /version/, { report: undefined }],
    ['the token was refused', 'seen', /others/, /chmod/, {}, { refused: 'can be written by others' }],
    ['the session is a service', 'typed', /taken for init/, /report/, {}, { entryType: 'init' }],
    [
      'the session has no type',
      'typed',
      /taken for none/,
      /report/,
      { report: { ...REPORT, entryType: undefined } as never },
    ],
    ['no rule matched', 'matched', /no rule did/, /rules list/, {}, { alerts: [] }],
    [
      'only others matched',
      'matched',
      /other rules did \(r2\)/,
      /rules list/,
      {},
      { alerts: [{ ...made, rule_id: 'r2' }] },
    ],
    [
      'the journal hangs',
      'durable',
      /did not acknowledge/,
      /disk/,
      {},
      { alerts: [{ rule_id: RULE_ID, uuid: 'u', matchedMs: 1 }] },
    ],
    [
      'an output holds',
      'delivered',
      /^b does not have it within 10 s: 401/,
      /forebear status/,
      {
        deliveries: [
          { name: 'a', has: true },
          { name: 'b', has: false, why: '401 no right' },
        ],
      },
    ],
    ['the disk forgets', 'durable', /does not find it/, /damaged/, { readBack: undefined }],
  ])('%s: %s', (_name, stage, found, advice, part, report) => {
    const stages = stagesOf(evidence(part, report));
    const at = stages.findIndex((one) => one.status === 'fault');
    expect(stages[at]).toMatchObject({
      stage,
      found: expect.stringMatching(found),
      advice: expect.stringMatching(advice),
    });
    expect(stages.slice(0, at).every(({ status }) => status === 'fine')).toBe(true);
    expect(stages.slice(at + 1).every(({ status }) => status === 'skipped')).toBe(true);
    expect(formatStages(stages, painter(false))).toMatch(new RegExp(`failed: not ${stage}$`));
  });
});

describe('what the programs said', () => {
  it.each([
    ['', { withoutTerminal: false }],
    ['exec 12 345678901234567890\nended 1 0\n', { withoutTerminal: false, pid: 12, execNs: 345678901234567890n }],
    ['terminal 2 0\nexec 12 34\n', { withoutTerminal: true, pid: 12, execNs: 34n }],
    ['failed helper 13 0\n', { withoutTerminal: false, failed: 'helper: errno 13' }],
    ['\u0000exec x\nexec 1', { withoutTerminal: false }],
  ])('%j', (said, expected) => expect(launchOf(said)).toEqual(expected));
});
