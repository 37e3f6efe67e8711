// The first lines of a run and its last, for a person. Pure; printed by commands/agent.ts.

import { hostname, release } from 'node:os';
import { relative } from 'node:path';
import { type AgentSummary, total } from '../agent/summary.ts';
import type { Ready } from '../agent.ts';
import type { SourceSnapshot } from '../agent-status.ts';
import type { RuleSources } from '../detect/load-rule-set-io.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import { type ProgramStatus, RECORD_KINDS } from '../sensor/sensor.ts';
import { placeOf } from './rule-sources.ts';
import { learningText, sourceText } from './status-text.ts';
import { escapeText, type Paint } from './terminal.ts';

export interface ReadyText {
  ready: Ready;
  rules: RuleSet;
  sources: RuleSources;
  /** Of the wall clock: by which items are expired. */
  nowMs: number;
  version: string;
  paint: Paint;
  /** False: nobody is there to press Ctrl-C. */
  atTerminal?: boolean;
}

/** Refused rules that are named one by one; `forebear rules check` shows them all. */
const REFUSED_SHOWN = 5;

/** out: what runs, what does not and why, where things are; the last line is `ready`. Escaped. */
export function readyLines({ ready, rules, sources, nowMs, version, paint, atTerminal = true }: ReadyText): string[] {
  const { sensor, journal } = ready;
  const lacking = ready.sources.filter(({ asked, wanted, unseen }) => (asked || wanted) && unseen.length > 0);
  const attached = sensor.programs.filter((program) => program.attached);
  const missing = sensor.programs.filter((program) => !program.attached);
  const refused = rules.verdicts.filter(({ error }) => error !== undefined);
  return [
    `${paint('bold', `forebear ${version}`)} on ${escapeText(hostname())}, Linux ${release()}`,
    `sensor   attached: ${[...new Set(attached.map(({ attachPoint }) => attachPoint))].join(', ')}`,
    ...missing.map((program) => paint('red', `         not attached: ${missingText(program)}`)),
    ...lacking.map(
      (source) => `         ${escapeText(source.kind)}: ${sourceText(source, paint)}${limitsText(source, paint)}`,
    ),
    `rules    ${rules.rules.length} run, ${refused.length} refused (${sources.rules.map(shownPath).join(', ')})`,
    ...refused.slice(0, REFUSED_SHOWN).map(({ file, error }) => refusedText(file, error?.code, error?.message, paint)),
    ...(refused.length > REFUSED_SHOWN
      ? [`         and ${refused.length - REFUSED_SHOWN} more: forebear rules check`]
      : []),
    ...exceptionLines(rules, sources, nowMs, paint),
    termsLine(ready, rules, paint),
    `journal  ${shownPath(journal.directory)}, ${journal.durableSeq} records, ${journal.bytes} bytes`,
    atTerminal ? 'ready    Ctrl-C stops' : 'ready',
  ];
}

/** Where a source shows something, what it does not show is a list for `status`. */
function limitsText({ source, unseen }: SourceSnapshot, paint: Paint): string {
  return source === 'none' ? '' : paint('yellow', `; what it cannot see: forebear status (${unseen.length})`);
}

function termsLine({ terms, learning, restored }: Ready, { rules }: RuleSet, paint: Paint): string {
  const parts = [
    `${terms} known`,
    ...(restored > 0 ? [`${restored} alerts applied after an unclean stop`] : []),
    ...(learning === undefined ? [] : [paint('yellow', learningText(learning, rules.filter(isNewTerms).length))]),
  ];
  return `terms    ${parts.join(', ')}`;
}

function isNewTerms({ newTerms }: RuleSet['rules'][number]): boolean {
  return newTerms !== undefined;
}

/** Items that hide events, those that do not any more, those that never did and why. */
function exceptionLines({ rules, exceptions }: RuleSet, sources: RuleSources, nowMs: number, paint: Paint): string[] {
  if (exceptions === undefined) return [];
  const { applies, expired, disabled, refused, unbound } = exceptions.summary(rules, nowMs);
  const parts = [
    `${applies} exceptions active${unbound > 0 ? ` (${unbound} for no rule that runs)` : ''}`,
    `${expired} expired`,
    ...(disabled > 0 ? [`${disabled} disabled`] : []),
    `${refused} refused`,
  ];
  const from = sources.exceptions.length === 0 ? 'no list' : sources.exceptions.map(shownPath).join(', ');
  const faults = exceptions.verdicts.filter(({ error }) => error !== undefined);
  return [
    `excepted ${parts.join(', ')} (${from})`,
    ...faults
      .slice(0, REFUSED_SHOWN)
      .map((verdict) => refusedText(placeOf(verdict), verdict.error?.code, verdict.error?.message, paint)),
    ...(faults.length > REFUSED_SHOWN
      ? [`         and ${faults.length - REFUSED_SHOWN} more: forebear exceptions list`]
      : []),
  ];
}

/** out: what the run came to, one line. */
export function summaryLine(summary: AgentSummary): string {
  const { exec, fork, exit, task, ...others } = summary.events;
  const onDemand = RECORD_KINDS.flatMap((kind) => (kind in others ? counted(summary.events[kind], kind) : [])).join('');
  const parts = [
    `${total(summary.events)} events (${exec} exec, ${fork} fork, ${exit} exit${onDemand}, ${task} found at start)`,
    `${summary.lost} lost`,
    `${summary.alerts} ${summary.alerts === 1 ? 'alert' : 'alerts'}`,
    ...(summary.capped > 0 ? [`${summary.capped} kept back by max_signals`] : []),
    ...(summary.heldBack > 0 ? [`${summary.heldBack} held back by the byte rate`] : []),
    ...(summary.dropped > 0 ? [`${summary.dropped} not taken by the journal`] : []),
    ...(summary.unaccounted === 0 ? [] : [`${summary.unaccounted} UNACCOUNTED FOR (a fault of Forebear)`]),
  ];
  return `stopped  ${parts.join(', ')}; journal at ${summary.durableSeq}`;
}

function counted(count: number, what: string): string[] {
  return count > 0 ? [`, ${count} ${what}`] : [];
}

function missingText({ attachPoint, reason }: ProgramStatus): string {
  return `${attachPoint}: ${escapeText((reason ?? 'unknown').split('\n', 1)[0]!)}; its events are missing`;
}

function refusedText(file: string, code: string | undefined, reason: string | undefined, paint: Paint): string {
  return paint(
    'yellow',
    `         refused: ${shownPath(file)}: ${code} ${escapeText((reason ?? '').split('\n', 1)[0]!)}`,
  );
}

/** Relative where that is shorter by more than the slash of the root, which a service is in. */
function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return escapeText(near.length < path.length - 1 && near !== '' ? near : path);
}
