// The histories of state/terms.db for `forebear learn`: read beside an agent that runs, and merged with imported ones while
// none does.

import { join } from 'node:path';
import { ForebearError, reasonOf } from '../errors.ts';
import { openTermDatabase, readTermDatabase } from './term-database-io.ts';
import { type ImportedHistory, type MergeCounts, merge } from './term-merge.ts';
import type { RuleTerms } from './term-store.ts';
import { TermTables } from './term-tables-io.ts';

/** One history after the other, by rule_id, or that of one rule. Throws FB_TERMS_NEWER, FB_TERMS_OPEN, FB_TERMS_READ. */
export function* readHistories(directory: string, rule_id?: string): Generator<RuleTerms> {
  const tables = readTermDatabase(join(directory, 'terms.db'));
  if (tables === undefined) return;
  try {
    for (const id of rule_id === undefined ? tables.ruleIds() : [rule_id]) {
      const history = tables.load(id);
      if (history !== undefined) yield history;
    }
  } catch (error) {
    throw databaseError('FB_TERMS_READ', directory, error);
  } finally {
    tables.close();
  }
}

export interface ImportResult extends MergeCounts {
  /** Rules that have a history of other fields here, and keep it. */
  readonly refused: { rule_id: string; fields: string; terms: number }[];
  /** A damaged database was set aside there. */
  readonly damaged: string | undefined;
}

/**
 * All or nothing, in one transaction; nobody else may have the state open. in: mayReplace: rules whose history of other
 * fields gives way, as they run with the imported ones. Throws FB_TERMS_NEWER, FB_TERMS_OPEN, FB_TERMS_WRITE.
 */
export function importHistories(
  directory: string,
  histories: Iterable<ImportedHistory>,
  { maxTerms, mayReplace }: { maxTerms: number; mayReplace: (rule_id: string) => boolean },
): ImportResult {
  const { database, damaged } = openTermDatabase(join(directory, 'terms.db'));
  const tables = new TermTables(database);
  const result: ImportResult = { added: 0, renewed: 0, known: 0, forgotten: 0, refused: [], damaged: damaged?.file };
  try {
    tables.transaction(() => {
      for (const imported of histories) importOne(tables, imported, maxTerms, mayReplace, result);
    });
    return result;
  } catch (error) {
    throw databaseError('FB_TERMS_WRITE', directory, error);
  } finally {
    tables.close();
  }
}

function databaseError(code: string, directory: string, error: unknown): ForebearError {
  return new ForebearError(code, `${join(directory, 'terms.db')}: ${reasonOf(error)}`, { cause: error });
}

function importOne(
  tables: TermTables,
  imported: ImportedHistory,
  maxTerms: number,
  mayReplace: (rule_id: string) => boolean,
  result: ImportResult,
): void {
  const { rule_id, fields, terms } = imported;
  const here = tables.load(rule_id);
  const same = here === undefined || here.fields === fields.join(' ');
  if (!same && !mayReplace(rule_id)) {
    result.refused.push({ rule_id, fields: here.fields, terms: terms.size });
    return;
  }
  if (!same) tables.dropTerms(rule_id);
  const { history, changes, counts } = merge(imported, same ? here : undefined, maxTerms);
  tables.saveRule(history);
  for (const [key, at] of changes) tables.saveTerm(rule_id, key, at);
  for (const what of ['added', 'renewed', 'known', 'forgotten'] as const) result[what] += counts[what];
}
