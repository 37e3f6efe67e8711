// Which hashes rules and exceptions name: these are made of every file that their events execute, and waited for. In: what
// was loaded; out: kinds of hashes. Pure; called by the agent when rules are loaded.

import { hashesNamed } from './hash-source.ts';
import { hashFieldsOf } from './hash-waits.ts';
import type { RuleSet } from './load-rules-io.ts';

export interface HashNames {
  /** Besides sha256. */
  also: readonly ('sha1' | 'md5')[];
  /** Any at all. */
  waits: boolean;
}

export function hashNames({ rules, exceptions }: Pick<RuleSet, 'rules' | 'exceptions'>): HashNames {
  const ofItems = (exceptions?.entries() ?? []).map(({ field }) => field);
  const fields = [...rules.flatMap(hashFieldsOf), ...ofItems.filter((field) => hashesNamed([field]).length > 0)];
  const also = (['sha1', 'md5'] as const).filter((kind) => fields.some((field) => field.endsWith(`.${kind}`)));
  return { also, waits: fields.length > 0 };
}
