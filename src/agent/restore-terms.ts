// At start: alerts that the journal has and the term store has not yet (a crash between the two) are applied, so that
// what made an alert counts as seen, and what it counted as counted. In: the journal's alerts and amends since the store's
// checkpoint. Called by agent.ts.

import type { Detector } from '../detect/detector.ts';
import type { DurableTermStore } from '../detect/term-store-io.ts';
import { reasonOf } from '../errors.ts';
import type { JournalRecord } from '../journal/journal.ts';
import type { Logger } from '../log.ts';
import { decodeEnvelope } from '../proto/alert-codec.ts';
import { decodeAmend } from '../proto/record-codec.ts';
import type { Counters } from '../stats.ts';

export interface RestoreParts {
  /** Reads the journal from a seq on. */
  read: (fromSeq: number) => AsyncIterable<JournalRecord>;
  terms: DurableTermStore;
  detector: Detector;
  counters: Counters;
  log: Pick<Logger, 'warn'>;
}

/** out: how many alerts were applied. A record that cannot be decoded is counted and skipped. */
export async function restoreTerms({ read, terms, detector, counters, log }: RestoreParts): Promise<number> {
  let applied = 0;
  let undecodable = 0;
  for await (const record of read(terms.checkpointSeq + 1)) {
    if (record.kindName !== 'alert' && record.kindName !== 'amend') continue;
    try {
      if (record.kindName === 'amend') {
        detector.applyAmend(decodeAmend(record.payload));
        continue;
      }
      const { rule_id, terms: tuple, selftest, ...envelope } = decodeEnvelope(record.payload);
      if (selftest === true) {
        detector.durable({ rule_id, selftest }, record.seq);
        continue;
      }
      const at = { bootId: envelope.eventBootId, bootNs: envelope.eventBootNs, wallMs: envelope.eventWallMs };
      detector.applyAlert(rule_id, tuple, at, record.seq, envelope);
      applied++;
    } catch (error) {
      counters.add('agent_alerts_undecodable_total');
      if (undecodable++ === 0) log.warn({ error }, `alert ${record.seq} of the journal: ${reasonOf(error)}`);
    }
  }
  if (undecodable > 1) log.warn(`${undecodable} alerts of the journal cannot be read`);
  return applied;
}
