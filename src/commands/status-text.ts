// The agent's status for a person: one block, the bad news coloured. Pure; called by status.ts, and by the agent for its
// closing summary.

import type { AgentStatus, LearningReport, ProgramSnapshot, SourceSnapshot } from '../agent-status.ts';
import { formatDuration, formatSize } from '../config/units.ts';
import { OVER_RATES } from '../detect/byte-rate.ts';
import { localTime } from './alert-line.ts';
import { escapeText, type Paint } from './terminal.ts';

/** gone: its process is no more; stopped: it said so itself; stale: the process is there, the snapshot is old. */
export type AgentState = 'running' | 'stale' | 'gone' | 'stopped' | 'none';

export type Row = readonly [label: string, text: string];

const MOST_REFUSED = 10;

/** in: snapshot, judgement, now in ms since 1970, rows to add; out: lines, no line end after the last. Never throws. */
export function formatStatus(
  s: AgentStatus,
  state: AgentState,
  nowMs: number,
  paint: Paint,
  more: readonly Row[] = [],
): string {
  const rows: Row[] = [
    ['agent', headline(s, state, nowMs, paint)],
    ['host', escapeText(`${s.host.name}, kernel ${s.kernel}`)],
    ...programRows(s, paint),
    ...sourceRows(s, paint),
    ['records', recordsText(s)],
    ['lost', lostText(s, paint)],
    ...canaryRows(s, paint),
    ['rules', rulesText(s, paint)],
    ...refusedRows(s),
    ...exceptionRows(s, paint),
    ['new terms', termsText(s, paint)],
    ['alerts', alertsText(s)],
    ['journal', journalText(s)],
    ['processes', processText(s)],
    ...more,
  ];
  return rows.map(([label, text]) => `${paint('dim', label.padEnd(11))}${text}`).join('\n');
}

function headline(s: AgentStatus, state: AgentState, nowMs: number, paint: Paint): string {
  const which = `${escapeText(s.version)}, pid ${s.pid}`;
  const age = formatDuration(nowMs - s.nowMs);
  switch (state) {
    case 'running':
      return `${paint('green', 'running')} for ${formatDuration(s.nowMs - s.startedMs)}, ${which}`;
    case 'stale':
      return `${paint('red', 'not answering')}: ${which} is there, but its last status is ${age} old`;
    case 'stopped':
      return `${paint('yellow', 'stopped')} at ${localTime(s.stoppedMs ?? s.nowMs)}; below: its last status`;
    default:
      return `${paint('red', 'not running')}: ${which} is gone; below: its last status, ${age} old`;
  }
}

function programRows(s: AgentStatus, paint: Paint): Row[] {
  const { source, ringBytes, programs } = s.sensor;
  const attached = programs.filter((program) => program.attached).length;
  const head = `${escapeText(source)}, ${attached} of ${programs.length} programs attached, ring ${formatSize(ringBytes)}`;
  return [['sensor', head], ...programs.map((program): Row => ['', programText(program, paint)])];
}

function programText(program: ProgramSnapshot, paint: Paint): string {
  const { attached, verifiedInstructions: verified } = program;
  const why = program.reason === undefined ? '' : `: ${escapeText(program.reason)}`;
  const size = verified === undefined ? '' : `  ${verified} instructions verified`;
  const verdict = attached ? paint('green', 'attached') : paint('red', `not attached${why}`);
  return `${escapeText(program.attachPoint).padEnd(32)} ${verdict}${paint('dim', size)}`;
}

function sourceRows({ sensor }: AgentStatus, paint: Paint): Row[] {
  const rows = (sensor.sources ?? []).flatMap((source): Row[] => [
    ['', `${escapeText(source.kind)}: ${sourceText(source, paint)}`],
    ...(source.source === 'none' ? [] : source.unseen).map(
      (text): Row => ['', paint('yellow', `  not seen: ${escapeText(text)}`)],
    ),
  ]);
  return rows.map(([, text], i) => [i === 0 ? 'on demand' : '', text]);
}

/** in: a source of records that are attached on demand; out: which it is, and why. Escaped. */
export function sourceText({ source, wanted, asked, reason, unseen }: SourceSnapshot, paint: Paint): string {
  const why = reason === undefined ? '' : `, as ${escapeText(reason)}`;
  if (source === 'trampoline') return `${paint('green', 'attached')} to the kernel's own function`;
  if (source === 'tracepoint') return `${paint('green', 'attached')} to the kernel's own tracepoint`;
  if (source === 'syscalls') return `${paint('green', 'attached')} to every system call${why}`;
  if (!wanted && !asked) return paint('dim', 'not attached, as no rule asks for it');
  if (wanted && unseen.length === 0) return `none${why}`;
  const blind = asked ? '; rules that ask for it see nothing' : '';
  return paint('red', `not attached${wanted ? why : ', as sensor.events leaves it out'}${blind}`);
}

function recordsText(s: AgentStatus): string {
  const { decoded, bytes, batches, filtered } = s.sensor.counters;
  const files = filtered?.file ? `; ${filtered.file} of files left out by files.paths` : '';
  const ends = filtered?.network ? `; ${filtered.network} connections ended of which no process is known` : '';
  const kinds = Object.entries(decoded).map(([kind, count]) => `${escapeText(kind)} ${count}`);
  return `${kinds.join(', ')} (${formatSize(bytes)} in ${batches} batches)${files}${ends}`;
}

function lostText(s: AgentStatus, paint: Paint): string {
  const { lost, recursionMisses, undecodable, queueFull } = s.sensor.counters;
  const parts = Object.entries(lost)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${escapeText(kind)}`);
  if (recursionMisses > 0) parts.push(`${recursionMisses} by recursion`);
  if (undecodable > 0) parts.push(`${undecodable} undecodable`);
  const waited = queueFull > 0 ? `; the reader waited ${queueFull} times for a full queue` : '';
  return (parts.length === 0 ? paint('green', 'nothing') : paint('red', parts.join(', '))) + waited;
}

function canaryRows({ canary, nowMs }: AgentStatus, paint: Paint): Row[] {
  if (canary === undefined) return [];
  const { seenMs, blindSinceMs, fault } = canary;
  const seen = seenMs === undefined ? 'none seen yet' : `seen ${formatDuration(nowMs - seenMs)} ago`;
  const blind = blindSinceMs === undefined ? seen : paint('red', `not seen since ${localTime(blindSinceMs)}`);
  const failed = fault === undefined ? '' : `; ${paint('yellow', `the last one failed: ${escapeText(fault)}`)}`;
  return [['canary', `${blind}${failed}`]];
}

function rulesText(s: AgentStatus, paint: Paint): string {
  const refused = s.rules.refused.length;
  return `${s.rules.running} running${refused === 0 ? '' : `, ${paint('yellow', `${refused} refused`)}`}`;
}

function refusedRows(s: AgentStatus): Row[] {
  const rows = s.rules.refused.slice(0, MOST_REFUSED).map((rule): Row => {
    const reason = rule.reason.split('\n', 1)[0]!;
    return ['', escapeText(`${rule.name ?? rule.file}: ${reason} [${rule.code}]`)];
  });
  const more = s.rules.refused.length - rows.length;
  return more > 0 ? [...rows, ['', `and ${more} more: forebear rules check`]] : rows;
}

/** With the events that were hidden: the counters of that name, one for each item. */
function exceptionRows({ exceptions, counters }: AgentStatus, paint: Paint): Row[] {
  if (exceptions === undefined) return [];
  const { applies, unbound, expired, disabled, refused } = exceptions;
  const hidden = Object.entries(counters).filter(([name]) => name.startsWith('detect_events_excepted_total{'));
  const total = hidden.reduce((sum, [, count]) => sum + count, 0);
  const bad = refused > 0 ? `, ${paint('yellow', `${refused} refused`)}` : '';
  const parts = `${applies} active${some(unbound, 'for no rule')}${some(expired, 'expired')}${some(disabled, 'disabled')}${bad}`;
  return [['exceptions', `${parts}; ${total} events hidden`]];
}

function termsText({ terms, counters }: AgentStatus, paint: Paint): string {
  const learned = some(counters.detect_alerts_learned_total ?? 0, 'learned without an alert');
  const learning = terms.learning === undefined ? '' : `, ${paint('yellow', learningText(terms.learning))}`;
  return `${terms.known} known${some(terms.evicted, 'evicted')}${learned}${learning}`;
}

/** in: what learns, of how many rules where that is known; out: `learning until 2026-11-26 10:00`, local time. */
export function learningText({ rules, untilMs }: LearningReport, of = rules): string {
  const which = rules === of ? '' : ` (${rules} of ${of} rules)`;
  return `learning until ${localTime(untilMs).slice(0, 16)}${which}`;
}

/** With those that limits kept back: they are on no list. */
function alertsText({ alerts, counters }: AgentStatus): string {
  const of = (name: string) => counters[name] ?? 0;
  const heldBack = OVER_RATES.reduce((sum, limit) => sum + of(`detect_alerts_held_back_total{reason="${limit}"}`), 0);
  const capped = some(of('detect_alerts_capped_total'), 'kept back by max_signals');
  return `${alerts} since start${capped}${some(heldBack, 'held back by the byte rate')}`;
}

function journalText(s: AgentStatus): string {
  const { directory, firstSeq, nextSeq, bytes, segments, expired, tornBytes } = s.journal;
  const range = nextSeq > firstSeq ? `records ${firstSeq} to ${nextSeq - 1}` : 'empty';
  const torn = tornBytes > 0 ? `, ${tornBytes} torn bytes cut at start` : '';
  const size = `${formatSize(bytes)} in ${segments} ${segments === 1 ? 'file' : 'files'}`;
  return `${escapeText(directory)}: ${range}, ${size}${some(expired, 'expired')}${torn}`;
}

function processText(s: AgentStatus): string {
  const { entries, bytes, maxBytes, evicted } = s.processTable;
  return `${entries} known, ${formatSize(bytes)} of ${formatSize(maxBytes)}${some(evicted, 'evicted')}`;
}

function some(count: number, what: string): string {
  return count > 0 ? `, ${count} ${what}` : '';
}
