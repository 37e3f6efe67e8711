// Text of an endpoint for a person: one line, bounded, nothing in it that a terminal would obey.

import { escapeText } from '../../text.ts';

const MOST = 200;

/** in: text of any length; out: at most 200 characters. */
export function oneLine(text: string): string {
  const escaped = escapeText(text.slice(0, MOST).toWellFormed());
  return escaped.length > MOST ? `${escaped.slice(0, MOST - 1)}…` : escaped;
}
