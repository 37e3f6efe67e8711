// `forebear journal repair --plan | --apply`: what opening the journal for writing mends, and what only a check finds: damage
// in the midst of older files. In: the state directory; out: the steps, as lines or one JSON object. No record is changed.

import { statSync } from 'node:fs';
import { damageGap, placeOf } from '../agent/damage-gap.ts';
import { systemClock } from '../clock.ts';
import { type Config, journalDirectory } from '../config.ts';
import { ForebearError } from '../errors.ts';
import type { JournalDamage } from '../journal/journal.ts';
import { nodeJournalIo } from '../journal/journal-io.ts';
import { sqliteLock, takeLock } from '../journal/lock-io.ts';
import { openJournal } from '../journal/open-journal.ts';
import { Quarantine } from '../journal/quarantine.ts';
import { readStatus } from '../journal/reader.ts';
import { type Rehearsal, rehearseRecovery } from '../journal/rehearsal.ts';
import { encodeGap } from '../proto/record-codec.ts';
import { Counters } from '../stats.ts';
import type { ExitStatus, Io } from './command.ts';
import { damageOf, examine, type FoundFault, faultJson, faultText } from './journal-check.ts';
import { type ConfigOptions, loadConfig } from './load-config.ts';
import { isAlive, judge, readSnapshot } from './status.ts';
import { escapeJson, escapeText, type Paint, painter, wantsColor } from './terminal.ts';

export interface RepairOptions extends ConfigOptions {
  plan?: boolean;
  apply?: boolean;
  json?: boolean;
}

export interface RepairStep {
  /** remove a leftover, move a segment to quarantine/, cut a torn tail, copy damage to quarantine/, write records again, record a gap. */
  do: 'remove' | 'move' | 'cut' | 'copy' | 'rewrite' | 'record';
  /** What, and why, in words; not escaped. */
  text: string;
}

interface Plan {
  steps: RepairStep[];
  /** To be told of in gap records, and to be copied. */
  damage: JournalDamage[];
  /** What no repair mends. */
  beyond: FoundFault[];
  hostId: string;
}

/** Gap records are kept as long as alerts of high severity (notices.ts). */
const RANK = 2;

/** out: 0 nothing to do, or done. Throws FB_COMMAND_USAGE, FB_JOURNAL_LOCKED and what reading and writing throw. */
export async function repair(options: RepairOptions, io: Io): Promise<ExitStatus> {
  if (options.plan !== true && options.apply !== true) {
    const hint = 'forebear journal repair --plan changes nothing';
    throw new ForebearError('FB_COMMAND_USAGE', 'either --plan or --apply is needed', { hint });
  }
  const config = loadConfig(options);
  const apply = options.apply === true;
  if (apply) becomeOwnerOf(journalDirectory(config.state.directory));
  const plan = apply ? await carryOut(config, io) : await planOf(config, io, isRunning(config.state.directory));
  if (options.json === true) io.out(`${escapeJson(JSON.stringify(jsonOf(plan, apply)))}\n`);
  else io.out(`${formatPlan(plan, apply, painter(wantsColor(io.env, io.outIsTerminal)))}\n`);
  return plan.beyond.length > 0 || (!apply && plan.steps.length > 0) ? 1 : 0;
}

/** Files that root makes would be closed to the agent. */
function becomeOwnerOf(directory: string): void {
  const { uid, gid } = statSync(directory, { throwIfNoEntry: false }) ?? { uid: 0, gid: 0 };
  if (uid === 0 || process.geteuid?.() !== 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

async function planOf(config: Config, io: Io, running: boolean): Promise<Plan> {
  const directory = journalDirectory(config.state.directory);
  if (running) io.err('forebear: an agent writes to this journal: its end is left out, and --apply will refuse\n');
  const { faults } = await examine(directory, io);
  const rehearsal = await rehearseRecovery({ directory, counters: new Counters() });
  const untold = faults.filter(({ gapSeq }) => gapSeq === undefined);
  const damage = allDamage(untold, running ? [] : rehearsal.damage);
  const beyond = untold.filter((fault) => damageOf(fault) === undefined);
  return { steps: stepsOf(rehearsal, damage, running), damage, beyond, hostId: rehearsal.hostId };
}

function isRunning(stateDirectory: string): boolean {
  try {
    return ['running', 'stale'].includes(judge(readSnapshot(stateDirectory), systemClock.wallMs(), isAlive));
  } catch {
    return false;
  }
}

/** What the check found, and what recovery knows better: how far a segment reached whose header is lost. */
function allDamage(faults: readonly FoundFault[], known: readonly JournalDamage[]): JournalDamage[] {
  const found = faults.flatMap((fault) => damageOf(fault) ?? []);
  const covers = (a: JournalDamage, b: JournalDamage) => a.fromSeq <= b.fromSeq && a.toSeq >= b.toSeq;
  return [...known, ...found.filter((damage) => !known.some((each) => covers(each, damage)))];
}

function stepsOf(rehearsal: Rehearsal, damage: readonly JournalDamage[], running: boolean): RepairStep[] {
  const { removed, moved, cut, rewritten } = rehearsal;
  const atRest = running
    ? []
    : [
        ...removed.map(
          (name): RepairStep => ({ do: 'remove', text: `${name}, left over from work that a crash ended` }),
        ),
        ...cut.map(
          ({ segment, offset, bytes }): RepairStep => ({
            do: 'cut',
            text: `${bytes} bytes at ${offset} of ${segment}, behind the last record: they were never acknowledged`,
          }),
        ),
        ...(rewritten === 0
          ? []
          : [{ do: 'rewrite' as const, text: `${rewritten} records behind what was acknowledged` }]),
      ];
  return [
    ...atRest,
    ...moved.map((name): RepairStep => ({ do: 'move', text: `${name} to quarantine: its header is lost` })),
    ...damage
      .filter(({ bytes }) => bytes > 0)
      .map((each): RepairStep => ({ do: 'copy', text: `${placeOf(each)} to quarantine` })),
    ...damage.map((each): RepairStep => ({ do: 'record', text: gapText(each) })),
  ];
}

function gapText(damage: JournalDamage): string {
  const { fromSeq, toSeq } = damage;
  const which =
    toSeq < fromSeq ? 'no record' : fromSeq === toSeq ? `record ${fromSeq}` : `records ${fromSeq} to ${toSeq}`;
  return `as a gap: ${which} gone, ${placeOf(damage)}`;
}

/** Under the writer's lock from before the first change to behind the last. */
async function carryOut(config: Config, io: Io): Promise<Plan> {
  const directory = journalDirectory(config.state.directory);
  const counters = new Counters();
  await readStatus({ directory, counters });
  // Refused now rather than after all has been read.
  takeLock(sqliteLock, directory)();
  const plan = await planOf(config, io, false);
  const writer = await openJournal({
    directory,
    hostIdentity: undefined,
    hostId: plan.hostId,
    counters,
    nowMs: () => systemClock.wallMs(),
    // A repair drops nothing.
    limits: { maxBytes: Number.MAX_SAFE_INTEGER, maxAgeMs: Number.POSITIVE_INFINITY },
    maxSegmentBytes: config.journal.segmentBytes,
    reserveBytes: config.journal.reserveBytes,
  });
  try {
    await new Quarantine(nodeJournalIo, directory, counters).keep(plan.damage);
    for (const damage of plan.damage) {
      const wallMs = systemClock.wallMs();
      await writer.append(encodeGap(damageGap(damage)), { kind: 'gap', rank: RANK, wallMs });
    }
  } finally {
    await writer.close();
  }
  return plan;
}

function jsonOf({ steps, beyond }: Plan, applied: boolean): object {
  return { applied, steps, beyond_repair: beyond.map((fault) => ({ ...faultJson(fault), text: faultText(fault) })) };
}

const DONE: Readonly<Record<RepairStep['do'], string>> = {
  remove: 'removed',
  move: 'moved',
  cut: 'cut',
  copy: 'copied',
  rewrite: 'written again',
  record: 'recorded',
};

function formatPlan({ steps, beyond }: Plan, applied: boolean, paint: Paint): string {
  const nothing = paint('green', applied ? 'nothing was to be repaired' : 'nothing to repair');
  return [
    ...(steps.length === 0 && beyond.length === 0 ? [nothing] : []),
    ...steps.map(
      ({ do: what, text }) => `${paint('dim', (applied ? DONE[what] : what).padEnd(14))}${escapeText(text)}`,
    ),
    ...beyond.map((fault) => paint('red', `${'beyond repair'.padEnd(14)}${escapeText(faultText(fault))}`)),
  ].join('\n');
}
