// Keys of a sequence or sample that stand in the same place of different stages have to be of like types, as in Elasticsearch:
// a number never equals a text, so nothing would ever be joined. Fields whose type is not known are let through. In: tree; out:
// an error at the key, or nothing. Called by eql-compile.ts.

import { FieldTable, type FieldType } from '../ecs/fields.ts';
import { ecsType } from '../ecs/known-types.ts';
import type { EqlField, EqlQuery } from './eql-tree.ts';
import { queryError } from './kql-parse.ts';

const KINDS: Partial<Record<FieldType, string>> = {
  ...{ keyword: 'a text', wildcard: 'a text', text: 'a text' },
  ...{ long: 'a number', double: 'a number', boolean: 'true or false', date: 'a date', ip: 'an IP address' },
};
const vocabulary = new FieldTable();

/** in: query, its text; throws FB_QUERY_VALUE. */
export function assertKeysFit(query: EqlQuery, text: string): void {
  if (query.kind === 'event') return;
  const [first, ...others] = query.stages;
  const until = query.until === undefined || query.until.by.length === 0 ? [] : [query.until];
  for (const { by } of [...others, ...until]) {
    for (const [i, key] of by.entries()) assertAlike(first!.by[i], key, text);
  }
}

function assertAlike(first: EqlField | undefined, key: EqlField, text: string): void {
  const [wanted, kind] = [kindOf(first), kindOf(key)];
  if (wanted === undefined || kind === undefined || wanted === kind) return;
  const message = `${key.name} is ${kind}, ${first!.name}, the key of the first event, is ${wanted}: they are never the same`;
  throw queryError('FB_QUERY_VALUE', message, text, key.at);
}

function kindOf(key: EqlField | undefined): string | undefined {
  const type = key && (vocabulary.get(key.name)?.type ?? ecsType(key.name));
  return type && KINDS[type];
}
