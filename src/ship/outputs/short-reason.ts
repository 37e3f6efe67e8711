// What an endpoint or the system said, as a verdict's reason: one line that a terminal can show, however hostile or long.

import { escapeText } from '../../text.ts';

const LONGEST = 200;

/** in: any text; out: at most 200 characters, controls made visible, blanks at the ends gone. */
export function shortReason(text: string): string {
  // Escapes make it longer, never shorter: what is beyond need not be looked at.
  const line = escapeText(
    text
      .slice(0, 2 * LONGEST)
      .replace(/\s+/g, ' ')
      .trim(),
  );
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST - 3).toWellFormed()}...`;
}
