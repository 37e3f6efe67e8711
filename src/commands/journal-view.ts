// The journal of a state directory as tail and show read it: records and alerts out of it, damage said on stderr once.

import { journalDirectory } from '../config.ts';
import type { JournalDamage } from '../journal/journal.ts';
import { readJournal, readLast } from '../journal/reader.ts';
import { decodeAlert, decodeEnvelope, documentText } from '../proto/alert-codec.ts';
import { decodeAmend } from '../proto/record-codec.ts';
import { Counters } from '../stats.ts';
import type { Io } from './command.ts';
import type { JournalView } from './journal-records.ts';
import { escapeText } from './terminal.ts';

/** in: the state directory; reading it throws FB_JOURNAL_ABSENT, _VERSION, _IO, _ACCESS. */
export function openJournalView(stateDirectory: string, io: Io): JournalView {
  const source = { directory: journalDirectory(stateDirectory), counters: new Counters() };
  const said = new Set<string>();
  const onDamage = (damage: JournalDamage) => {
    const text = damageText(damage);
    if (!said.has(text)) io.err(`forebear: ${text}\n`);
    said.add(text);
  };
  return {
    records: (options) => readJournal(source, { ...options, onDamage }),
    last: (count, accept) => readLast(source, count, accept, { onDamage }),
    envelope: decodeEnvelope,
    alert: decodeAlert,
    amend: decodeAmend,
    documentText,
  };
}

function damageText({ segment, offset, bytes, fromSeq, toSeq }: JournalDamage): string {
  const where = segment === '' ? 'a file is missing' : `${bytes} damaged bytes at ${offset} of ${escapeText(segment)}`;
  const count = toSeq - fromSeq + 1;
  if (count <= 0) return `journal: ${where}; no record is missing`;
  return `journal: ${where}: ${count === 1 ? `record ${fromSeq} is` : `records ${fromSeq} to ${toSeq} are`} missing`;
}
