// What the alerts of one recording have differently when the wall clock stood elsewhere: its times, each by the same step.

import type { MayDiffer } from './comparison.ts';

/** Dates of a document, and the lists whose entries have one. */
const DATES = [
  '@timestamp',
  'event.created',
  'process.start',
  'process.parent.start',
  'process.session_leader.start',
  'process.group_leader.start',
  'process.entry_leader.start',
  'process.entry_leader.parent.start',
  'kibana.alert.original_time',
  'kibana.alert.start',
  'kibana.alert.last_detected',
  'kibana.alert.original_event.created',
  'forebear.new_terms.last_seen',
];

/** in: how much later the wall clock stood, ms. */
export function movedBy(ms: number): readonly MayDiffer[] {
  const moved = (before: unknown, after: unknown) => Date.parse(String(after)) - Date.parse(String(before)) === ms;
  const why = 'the wall clock said so';
  return [
    ...DATES.map((path) => ({ path, why, holds: moved })),
    { path: 'forebear.lineage', why, holds: (before, after) => allMoved(before, after, moved) },
  ];
}

function allMoved(before: unknown, after: unknown, moved: (before: unknown, after: unknown) => boolean): boolean {
  const [was, is] = [before, after] as { start?: string }[][];
  return was!.every(({ start, ...rest }, i) => {
    const { start: then, ...same } = is![i]!;
    return JSON.stringify(rest) === JSON.stringify(same) && (start === then || moved(start, then));
  });
}
