// What is different from the run before: version, rules, settings. Settings are compared by hashes of their values, which is
// all that the journal keeps of them: no value, no secret. Pure; the start and stop records carry what the next run compares
// with (last-run.ts), and what changed becomes a record of its own (notices.ts).

import { hash } from 'node:crypto';
import type { Config } from '../config.ts';
import type { Lifecycle } from '../proto/record-codec.ts';

export type Settings = NonNullable<Lifecycle['settings']>;

/** What a run was configured with. */
export type RunSetup = Pick<Lifecycle, 'version' | 'ruleSetHash' | 'settings'>;

/** Named in one record; the rest is counted. */
const MOST_NAMED = 40;

/** in: the configuration; out: its settings as the file names them, each output as one, in order of names. */
export function settingsOf({ outputs, ...sections }: Config): Settings {
  const settings = Object.entries(sections).flatMap(([section, table]) =>
    Object.entries(table).map(([key, value]) => [`${section}.${fileName(key)}`, hashOf(value)] as const),
  );
  const sent = outputs.map((output) => [`outputs.${output.name}`, hashOf(output)] as const);
  return [...settings, ...sent].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What changed, a sentence; "" when nothing did. Settings are compared where both runs tell theirs. */
export function changeBetween(before: RunSetup, now: RunSetup): string {
  const parts = [
    changed('version', before.version, now.version),
    changed('rules', before.ruleSetHash, now.ruleSetHash),
    ...settingsBetween(before.settings, now.settings),
  ].filter((part) => part !== '');
  const named = parts.slice(0, MOST_NAMED);
  return [...named, ...(parts.length > named.length ? [`${parts.length - named.length} more`] : [])].join(', ');
}

function changed(what: string, before: string, now: string): string {
  return before === now ? '' : `${what} ${before || '?'} -> ${now || '?'}`;
}

function settingsBetween(before: Settings | undefined, now: Settings | undefined): string[] {
  if (before === undefined || now === undefined) return [];
  const was = new Map(before);
  const is = new Map(now);
  const names = [...new Set([...was.keys(), ...is.keys()])].sort();
  return names.flatMap((name) => {
    if (was.get(name) === is.get(name)) return [];
    if (!was.has(name)) return [`${name} (new)`];
    return is.has(name) ? [name] : [`${name} (gone)`];
  });
}

/** maxAgeMs -> max_age, as config.ts reads it. */
function fileName(key: string): string {
  return key.replace(/Ms$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function hashOf(value: unknown): string {
  const json = JSON.stringify(value instanceof Map ? [...value].sort(([a], [b]) => (a < b ? -1 : 1)) : value);
  return hash('sha256', json, 'hex').slice(0, 16);
}
