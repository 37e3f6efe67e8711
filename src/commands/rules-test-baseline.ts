// The baseline of `forebear rules test`: recordings and documents of daily work, on which no rule may fire. In: files, rules; out: the
// alerts of each rule. Each file is a run of its own, of all rules at once. Called by rules-test.ts.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { replayRecording } from '../agent/replay.ts';
import type { Alert } from '../detect/alert.ts';
import { Detector } from '../detect/detector.ts';
import { environmentNames } from '../detect/environment-names.ts';
import type { RuleSet } from '../detect/load-rules-io.ts';
import type { Rule } from '../detect/rule.ts';
import type { FieldTable } from '../ecs/fields.ts';
import type { EntryLeaderMode } from '../enrich/entry-leader.ts';
import { RecordingReader } from '../record/read-recording-io.ts';
import { Counters } from '../stats.ts';
import type { Io } from './command.ts';
import { readEvents } from './event-source.ts';
import { RULES_FOLDER } from './load-config.ts';
import { isRecording } from './recording-file.ts';
import { VERSION } from './version.ts';

const FOLDER = 'baseline';
const BESIDE = 'baseline.ndjson';
const SUFFIX = /\.(fbrec|ndjson)$/;

export interface BaselineResult {
  readonly files: readonly string[];
  readonly events: number;
  readonly alerts: ReadonlyMap<string, readonly Pick<Alert, 'reason'>[]>;
}

/** in: paths that were named, those of the rules, the rules; out: files. Errors of the file system. */
export function baselineFiles(
  named: readonly string[] | undefined,
  paths: readonly string[],
  rules: readonly Rule[],
): string[] {
  if (named !== undefined) return named.flatMap((path) => (statSync(path).isDirectory() ? inFolder(path) : [path]));
  const folders = [...new Set(paths.flatMap((path) => [join(path, FOLDER), join(dirname(path), FOLDER)]))];
  const own = folders.filter((folder) => existsSync(folder)).flatMap(inFolder);
  const beside = [...new Set(rules.map(({ file }) => join(dirname(file), BESIDE)))].filter((file) => existsSync(file));
  const found = [...own, ...beside];
  return found.length > 0 ? found : existsSync(join(RULES_FOLDER, FOLDER)) ? inFolder(join(RULES_FOLDER, FOLDER)) : [];
}

function inFolder(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => SUFFIX.test(name));
  return names.sort().map((name) => join(folder, name));
}

export interface BaselineOptions {
  readonly files: readonly string[];
  readonly set: RuleSet;
  readonly fields: FieldTable;
  readonly learnMs: number;
  readonly entryLeader: EntryLeaderMode;
}

/** Throws FB_RECORD_*, FB_QUERY_INPUT, errors of the file system. */
export async function runBaseline(
  { files, set, fields, learnMs, entryLeader }: BaselineOptions,
  io: Io,
): Promise<BaselineResult> {
  const alerts = new Map<string, Pick<Alert, 'reason'>[]>();
  const counters = new Counters();
  const onAlert = ({ rule_id, reason }: Alert) => {
    const known = alerts.get(rule_id);
    if (known === undefined) alerts.set(rule_id, [{ reason }]);
    else known.push({ reason });
  };
  const envNames = environmentNames(set);
  for (const file of files) {
    const detector = new Detector({ ...set, fields, counters, learnMs: () => learnMs });
    if (isRecording(file)) {
      const reader = new RecordingReader(file);
      const frames = () => reader.frames();
      const run = { version: VERSION, fields, detector, entryLeader, envNames: new Set(envNames), counters };
      await replayRecording({ ...run, frames, onAlert, signal: io.signal });
    } else {
      await readEvents([file], { table: fields, envNames }, io, ({ event }) =>
        detector.evaluate(event).forEach(onAlert),
      );
    }
    detector.end().forEach(onAlert);
  }
  return { files, events: counters.get('detect_events_evaluated_total'), alerts };
}
