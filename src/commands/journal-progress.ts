// How far a long reading of the journal is: one line on stderr that is written over, on a terminal only, and not for short
// ones. Used by journal check and repair.

import type { Io } from './command.ts';

/** Files of 16 MiB: fewer are read within a second or two. */
const LEAST_SEGMENTS = 8;

export interface ProgressLine {
  show(done: number, of: number): void;
  /** Takes the line away. */
  end(): void;
}

/** in: what is being done, escaped. */
export function progressLine(io: Pick<Io, 'err' | 'errIsTerminal'>, what: string): ProgressLine {
  let shown = '';
  return {
    show: (done, of) => {
      if (!io.errIsTerminal || of < LEAST_SEGMENTS) return;
      shown = `${what}: file ${done} of ${of}`;
      io.err(`\r${shown}`);
    },
    end: () => {
      if (shown !== '') io.err(`\r${' '.repeat(shown.length)}\r`);
      shown = '';
    },
  };
}
