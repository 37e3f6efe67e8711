// Texts of exception-list exports -> lists, items and what is wrong with them, line by line: one bad line costs that line,
// and its item then hides nothing. Pure; fed by load-exceptions-io.ts, taken over by exception-set.ts.

import { ForebearError, reasonOf } from '../../errors.ts';
import {
  type ItemFacts,
  identifyLine,
  type LineIdentity,
  type ListFacts,
  readExceptionLine,
} from './exception-list.ts';

/** An item, or a line or file that could not be taken. */
export interface ReadVerdict extends LineIdentity {
  readonly file: string;
  /** 1-based; absent where the error is about the whole file. */
  readonly line?: number;
  item?: ItemFacts;
  error?: ForebearError;
}

export class ExceptionReader {
  readonly lists = new Map<string, ListFacts>();
  readonly verdicts: ReadVerdict[] = [];
  readonly #items = new Map<string, ReadVerdict>();
  /** Equal text under an id that is known is no second item. */
  readonly #texts = new Map<string, string>();

  /** in: text of a file in NDJSON. Never throws. */
  file(file: string, text: string): void {
    let items = 0;
    for (const [index, line] of text
      .replace(/^\ufeff/, '')
      .split(/\r?\n/)
      .entries()) {
      if (line.trim() !== '') items += this.#line(file, index + 1, line, items);
    }
  }

  /** A file that cannot be read. */
  fault(file: string, error: ForebearError): void {
    this.verdicts.push({ file, error });
  }

  /** To be called when all files are read: an item of a list that is not there, or is refused, applies to nothing. */
  finish(): void {
    for (const verdict of this.#items.values()) {
      const { item } = verdict;
      if (item === undefined || this.lists.has(item.list_id)) continue;
      delete verdict.item;
      const message = `list_id: the list ${item.list_id} is in none of the files, or refused`;
      verdict.error = new ForebearError('FB_EXCEPTION_LIST', message);
    }
  }

  /** out: 1 when the line is, or was meant to be, an item. */
  #line(file: string, line: number, text: string, itemsBefore: number): number {
    let object: Readonly<Record<string, unknown>> = {};
    try {
      object = parseObject(text);
      const read = readExceptionLine(object);
      if (read.kind === 'list') this.#list(read.list);
      if (read.kind === 'item') this.#item({ file, line, ...identifyLine(object), item: read.item });
      if (read.kind === 'details') this.#details(file, line, read.items, itemsBefore);
      return read.kind === 'item' ? 1 : 0;
    } catch (thrown) {
      this.verdicts.push({ file, line, ...identifyLine(object), error: placed(thrown, line) });
      return 'item_id' in object ? 1 : 0;
    }
  }

  #list(list: ListFacts): void {
    if (!this.#isFirst(`list ${list.list_id}`, list)) throw duplicate('list_id', list.list_id);
    this.lists.set(list.list_id, list);
  }

  #item(verdict: ReadVerdict & { item: ItemFacts }): void {
    const { item_id } = verdict.item;
    const known = this.#items.has(item_id);
    if (!this.#isFirst(`item ${item_id}`, verdict.item)) throw duplicate('item_id', item_id);
    if (known) return;
    this.#items.set(item_id, verdict);
    this.verdicts.push(verdict);
  }

  /** False: another thing has that id. */
  #isFirst(id: string, facts: ListFacts | ItemFacts): boolean {
    const text = JSON.stringify(facts);
    const known = this.#texts.get(id);
    if (known === undefined) this.#texts.set(id, text);
    return known === undefined || known === text;
  }

  /** A file that was cut off silences less than was meant. */
  #details(file: string, line: number, said: number, found: number): void {
    if (said <= found) return;
    const message = `the last line counts ${said} items, ${found} are there`;
    this.verdicts.push({ file, line, error: new ForebearError('FB_EXCEPTION_INCOMPLETE', message, { line }) });
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ForebearError('FB_EXCEPTION_JSON', `not JSON: ${reasonOf(cause)}`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ForebearError('FB_EXCEPTION_JSON', 'not a JSON object');
}

function placed(thrown: unknown, line: number): ForebearError {
  const code = thrown instanceof ForebearError ? thrown.code : 'FB_EXCEPTION_INTERNAL';
  return new ForebearError(code, reasonOf(thrown), { line, cause: thrown });
}

function duplicate(key: string, id: string): ForebearError {
  return new ForebearError('FB_EXCEPTION_DUPLICATE', `${key}: ${id} is there already, and says something else`);
}
