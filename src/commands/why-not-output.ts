// What `forebear why-not` prints: for a person, and as one JSON object. In: a rule, the event that came nearest with its trial and
// explanation, the reach of a sequence, reasons; out: text. Called by why-not.ts.

import type { RuleVerdict } from '../detect/compile-rule.ts';
import type { explainItems, QueryExplained } from '../detect/explain-rule.ts';
import type { Rule } from '../detect/rule.ts';
import type { Trial } from '../detect/rule-trial.ts';
import type { StageReach } from '../detect/stage-reach.ts';
import { toDocument } from '../ecs/document.ts';
import type { Io } from './command.ts';
import { documentLine } from './document-line.ts';
import type { EventReference, PlacedEvent } from './event-source.ts';
import { escapeJson, escapeText, painter, terminalWidth, wantsColor } from './terminal.ts';
import type { Reason } from './why-not-reasons.ts';
import { itemJson, itemLines, queryJson, queryLines } from './why-text.ts';

export interface Nearest {
  readonly placed: PlacedEvent;
  readonly trial: Trial;
  readonly queries: readonly QueryExplained[];
  readonly distance: number;
}

export interface Found {
  readonly count: number;
  readonly fired: number;
  readonly nearest: Nearest | undefined;
  readonly reach?: StageReach;
  /** Matching events before those that the reach was found with. */
  readonly left?: number;
  readonly reasons: readonly Reason[];
}

export interface Shown extends Partial<Found> {
  readonly rule?: Rule;
  readonly verdict: RuleVerdict | undefined;
  readonly reference?: EventReference;
  readonly reasons: readonly Reason[];
  readonly items?: ReturnType<typeof explainItems>;
}

/** in: options, what was found. */
export function print(io: Io, json: boolean, shown: Shown, verdict: 'fires' | 'silent' | 'refused'): void {
  if (json) io.out(`${escapeJson(JSON.stringify(jsonOf(shown, verdict)))}\n`);
  else io.out(`${textOf(shown, verdict, io).join('\n')}\n`);
}

function jsonOf(
  { rule, verdict: refused, reference, reasons, items = [], nearest, reach, left, count, fired }: Shown,
  verdict: string,
) {
  const event = nearest && { file: reference?.file, number: nearest.placed.number, id: nearest.placed.event.id };
  return {
    rule_id: rule?.rule_id ?? refused?.rule_id,
    rule_name: rule?.name ?? refused?.name,
    ...{ verdict, reasons, events: count, fired, event },
    queries: nearest?.queries.map(queryJson) ?? [],
    exceptions: items.map(itemJson),
    ...(nearest?.trial.terms && {
      new_terms: nearest.trial.terms.map(({ values, known, first, last }) => ({
        ...{ values, known },
        ...(first && { first_seen: new Date(first.wallMs).toISOString() }),
        ...(last && { last_seen: new Date(last.wallMs).toISOString() }),
      })),
    }),
    ...(nearest?.trial.count !== undefined && {
      threshold: { count: nearest.trial.count, cardinality: nearest.trial.cardinality },
    }),
    ...(reach && {
      stages: {
        ...{ matching: reach.matching, reached: reach.reached },
        ...(reach.obstacle && { obstacle: reach.obstacle }),
        ...(left !== undefined && left > 0 && { left_out: left }),
        events: reach.events.map(({ id }) => id),
      },
    }),
  };
}

function textOf(
  { rule, verdict: refused, reference, reasons, items = [], nearest, reach, left = 0, count, fired = 0 }: Shown,
  verdict: string,
  io: Io,
): string[] {
  const paint = painter(wantsColor(io.env, io.outIsTerminal));
  const name = rule?.name ?? refused?.name ?? refused?.file ?? '';
  const id = rule?.rule_id ?? refused?.rule_id;
  const head = [`${paint('bold', escapeText(name))}${id === undefined ? '' : `  ${escapeText(id)}`}`];
  if (nearest !== undefined) {
    const { number, document } = nearest.placed;
    const place = `${escapeText(reference!.file)}:${number}`;
    const which = reference!.place === undefined && count !== 1 ? `${place}, the nearest of ${count} events` : place;
    head.push(`${which}: ${documentLine(document, JSON.stringify(document), '@timestamp', terminalWidth(io))}`);
  }
  const word =
    verdict === 'fires'
      ? paint('green', `fires: ${fired === 1 ? '1 alert' : `${fired} alerts`}`)
      : paint('yellow', verdict);
  const because = reasons.map(({ text }) => `  ${escapeText(text)}`);
  const cut = left === 0 ? [] : [`(of the matching events, the first ${left} were left out: memory is bounded)`];
  const stages = reach === undefined ? [] : [...stageLines(reach, rule!), ...cut];
  const queries = (nearest?.queries ?? []).flatMap((query) => queryLines(query, paint));
  const hiding = items.filter(({ hides }) => hides).flatMap((item) => itemLines(item, paint));
  return [...head, '', word, ...because, ...section(stages), ...section(queries), ...section(hiding)];
}

function section(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

function stageLines({ matching, reached, events }: StageReach, { program }: Rule): string[] {
  return matching.map((count, i) => {
    const missing = program!.stages[i]!.missing;
    const event = events[i];
    const line =
      event === undefined ? '' : `  ${documentLine(event.source ?? toDocument(event), '', '@timestamp', undefined)}`;
    const state = missing ? 'must not come' : i < reached ? 'reached' : 'not reached';
    return `stage ${i + 1}: ${count} ${count === 1 ? 'event matches' : 'events match'}, ${state}${line}`;
  });
}
