// The event files beside a rule, for `forebear rules test`, and what their lines say. A rule NAME.toml has NAME.ndjson, a rule of a file
// that holds many RULE_ID.ndjson: one document a line. A line is expected to bring an alert by itself, unless it says otherwise in
// "forebear.test": "alert" (the default of NAME.ndjson), "silent", or "part": one of several that together bring an alert, at the
// line that says "alert". NAME.silent.ndjson: all its lines are silent. In: a rule's file; out: cases. Called by rules-test.ts.

import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { ForebearError } from '../errors.ts';
import { valueAt } from './document.ts';

export type Expectation = 'alert' | 'silent' | 'part';

export interface EventFile {
  readonly file: string;
  /** Of lines that do not say. */
  readonly expect: Expectation;
}

/** in: the file of a rule, and its id; out: the event files that are there. */
export function eventFilesOf(ruleFile: string, rule_id: string): EventFile[] {
  const stem = ruleFile.slice(0, ruleFile.length - extname(ruleFile).length);
  const byId = join(dirname(ruleFile), rule_id);
  // What Kibana exports is NDJSON itself, and holds many rules.
  const names = extname(ruleFile) === '.toml' ? [stem, byId] : [byId];
  const files = names.flatMap((name): EventFile[] => [
    { file: `${name}.ndjson`, expect: 'alert' },
    { file: `${name}.silent.ndjson`, expect: 'silent' },
  ]);
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
