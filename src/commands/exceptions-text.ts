// What `exceptions check`, `list` and `test` print: a line for each item with what has become of it, then the figures; or
// one JSON object for each. In: verdicts; out: text without a line end after the last line. Pure; called by exceptions.ts.

import { type ExceptionState, type ExceptionVerdict, stateOf } from '../detect/exceptions/exception-set.ts';
import { placeOf } from './rule-sources.ts';
import { escapeText, type Paint, type Style } from './terminal.ts';

const STYLES: Record<ExceptionState, Style> = { applies: 'green', expired: 'yellow', disabled: 'dim', refused: 'red' };

/** Time: milliseconds since 1970. */
export function formatExceptions(verdicts: readonly ExceptionVerdict[], nowMs: number, paint: Paint): string {
  if (verdicts.length === 0) return 'no exceptions found';
  const lines = verdicts.flatMap((verdict) => {
    const state = stateOf(verdict, nowMs);
    const name = verdict.name === undefined ? '' : `  ${escapeText(verdict.name)}`;
    const reason = reasonOf(verdict, nowMs);
    return [
      `${paint(STYLES[state], state.padEnd(9))}${escapeText(placeOf(verdict))}${name}`,
      ...(reason === null
        ? []
        : [`         ${escapeText(verdict.error ? `${verdict.error.code}: ${reason}` : reason)}`]),
    ];
  });
  return [...lines, '', paint('bold', figures(verdicts, nowMs))].join('\n');
}

function figures(verdicts: readonly ExceptionVerdict[], nowMs: number): string {
  const states = verdicts.map((verdict) => stateOf(verdict, nowMs));
  const counts = (['applies', 'expired', 'disabled', 'refused'] as const).flatMap((state) => {
    const count = states.filter((other) => other === state).length;
    if (count === 0 && state === 'disabled') return [];
    return [`${count} ${state === 'applies' && count !== 1 ? 'apply' : state}`];
  });
  return `${verdicts.length} exception${verdicts.length === 1 ? '' : 's'}: ${counts.join(', ')}`;
}

/** Why it does not apply, or not here; null where there is nothing to say. */
function reasonOf({ error, item, disabled }: ExceptionVerdict, nowMs: number): string | null {
  if (error !== undefined) return error.message.split('\n', 1)[0]!;
  if (disabled) return 'switched off by exceptions.disable';
  if (item?.expiresMs !== undefined && nowMs >= item.expiresMs) return `since ${dateText(item.expiresMs)}`;
  return item === undefined || item.limits.length === 0 ? null : item.limits.join('; ');
}

/** Every key is there, null where there is nothing to say. */
export function exceptionJson(verdict: ExceptionVerdict, nowMs: number): Record<string, unknown> {
  const { file, line, item_id, list_id, name, item, error } = verdict;
  return {
    file,
    line: line ?? null,
    item_id: item_id ?? null,
    list_id: list_id ?? null,
    name: name ?? null,
    status: stateOf(verdict, nowMs),
    code: error?.code ?? null,
    reason: reasonOf(verdict, nowMs),
    expire_time: item?.expiresMs === undefined ? null : dateText(item.expiresMs),
  };
}

function dateText(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
