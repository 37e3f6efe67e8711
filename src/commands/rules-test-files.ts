// The event files beside a rule, for `forebear rules test`, and what their lines say. A rule NAME.toml (or a rule of another form)
// has NAME.ndjson: one document a line. A line is expected to bring an alert by itself, unless it says otherwise in
// "forebear.test": "alert" (the default of NAME.ndjson), "silent", or "part": one of several that together bring an alert, at the
// line that says "alert". NAME.silent.ndjson: all its lines are silent. In: a rule's file; out: cases. Called by rules-test.ts.

import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { ForebearError } from '../errors.ts';
import { valueAt } from './document.ts';

export type Expectation = 'alert' | 'silent' | 'part';

export interface EventFile {
  readonly file: string;
  /** Of lines that do not say. */
  readonly expect: Expectation;
}

/** in: the file of a rule; out: the event files that are there. */
export function eventFilesOf(ruleFile: string): EventFile[] {
  const stem = ruleFile.slice(0, ruleFile.length - extname(ruleFile).length);
  const files: EventFile[] = [
    { file: `${stem}.events.ndjson`, expect: 'alert' },
    { file: `${stem}.silent.ndjson`, expect: 'silent' },
  ];
  if (extname(ruleFile) !== '.ndjson') files.unshift({ file: `${stem}.ndjson`, expect: 'alert' });
  return files.filter(({ file }) => existsSync(file));
}

/** in: a document, the expectation of its file. Throws FB_RULE_TEST_EXPECTATION. */
export function expectationOf(
  document: Readonly<Record<string, unknown>>,
  otherwise: Expectation,
  place: string,
): Expectation {
  const said = valueAt(document, 'forebear.test');
  if (said === undefined) return otherwise;
  if (said === 'alert' || said === 'silent' || said === 'part') return said;
  const hint = '"alert", "silent" or "part" is expected';
  throw new ForebearError('FB_RULE_TEST_EXPECTATION', `${place}: forebear.test: ${JSON.stringify(said)}`, { hint });
}
