// Amend records folded into the alerts that they are about: the document as it is known by now. Used by show, and by tail and
// replay with --json. An amend comes behind its alert, mostly within the second.

import type { Alert } from '../detect/alert.ts';
import { attempt } from '../errors.ts';
import type { JournalRecord } from '../journal/journal.ts';
import { foldAmend } from '../proto/fold-amend.ts';
import type { JournalView } from './journal-records.ts';

type Json = Readonly<Record<string, unknown>>;

/** How far behind its alert tail looks for an amend, in records: what bounds its memory. */
export const LOOK_AHEAD = 1024;

export interface AmendedRecord {
  record: JournalRecord;
  amendments: readonly Json[];
}

/** Alerts held back until so many records behind them have been read, with what those amend; the order stays. */
export async function* withAmends(
  view: Pick<JournalView, 'amend' | 'envelope'>,
  records: AsyncIterable<JournalRecord>,
  lookAhead = LOOK_AHEAD,
): AsyncGenerator<AmendedRecord> {
  const held: { record: JournalRecord; amendments: Json[] }[] = [];
  const byUuid = new Map<string, Json[]>();
  const next = () => {
    const first = held.shift()!;
    const uuid = uuidOf(view, first.record);
    if (byUuid.get(uuid ?? '') === first.amendments) byUuid.delete(uuid!);
    return first;
  };
  for await (const record of records) {
    const amendments: Json[] = [];
    const uuid = uuidOf(view, record);
    if (uuid !== undefined) byUuid.set(uuid, amendments);
    const amend = amendOf(view, record);
    if (amend !== undefined) byUuid.get(amend.uuid)?.push(amend.document);
    held.push({ record, amendments });
    if (held.length > lookAhead) yield next();
  }
  while (held.length > 0) yield next();
}

/** Alerts as they are made, each kept until so many are behind it; what amends them meanwhile is folded in. */
export class HeldAlerts {
  readonly #print: (alert: Alert) => void;
  readonly #most: number;
  #held: Alert[] = [];

  constructor(print: (alert: Alert) => void, most: number) {
    this.#print = print;
    this.#most = most;
  }

  add(alert: Alert): void {
    this.#held.push(alert);
    if (this.#held.length > this.#most) this.#print(this.#held.shift()!);
  }

  amend({ uuid, document }: { uuid: string; document: Json }): void {
    const at = this.#held.findIndex((alert) => alert.uuid === uuid);
    const alert = this.#held[at];
    if (alert !== undefined) this.#held[at] = { ...alert, document: foldAmend(alert.document, document) };
  }

  flush(): void {
    for (const alert of this.#held.splice(0)) this.#print(alert);
  }
}

/** What the records amend of one alert. */
export async function amendmentsOf(
  view: Pick<JournalView, 'amend' | 'records'>,
  uuid: string,
  fromSeq: number,
): Promise<Json[]> {
  const found: Json[] = [];
  for await (const record of view.records({ fromSeq })) {
    const amend = amendOf(view, record);
    if (amend?.uuid === uuid) found.push(amend.document);
  }
  return found;
}

function uuidOf(view: Pick<JournalView, 'envelope'>, { kindName, payload }: JournalRecord): string | undefined {
  return kindName === 'alert' ? attempt(() => view.envelope(payload).uuid) : undefined;
}

/** What cannot be decoded amends nothing; journal check names it. */
function amendOf(view: Pick<JournalView, 'amend'>, { kindName, payload }: JournalRecord) {
  return kindName === 'amend' ? attempt(() => view.amend(payload)) : undefined;
}
