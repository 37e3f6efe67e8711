// The journal as tail and show read it: helper's reader and codec, damage said on stderr.
import type { Io } from './command.ts';
import type { JournalView } from './journal-records.ts';

export function openJournalView(_state: string, _io: Io): JournalView {
  throw new Error('not wired yet');
}
