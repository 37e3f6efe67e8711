// Texts of exception-list exports -> lists, items and what is wrong with them, line by line: one bad line costs that line,
// and its item then hides nothing. Pure; fed by load-exceptions-io.ts, taken over by exception-set.ts.

import { ForebearError, reasonOf } from '../../errors.ts';
import { shortError } from '../short-error.ts';
import {
  type ItemFacts,
  identifyLine,
  type LineIdentity,
  type ListFacts,
  readExceptionLine,
  type TagScope,
} from './exception-list.ts';

/** An item, or a line or file that could not be taken. */
export interface ReadVerdict extends LineIdentity {
  readonly file: string;
  /** 1-based; absent where the error is about the whole file. */
  readonly line?: number;
  item?: ItemFacts;
  error?: ForebearError;
}

interface Source {
  readonly file: string;
  readonly besideRules: boolean;
  /** Lines that are, or were meant to be, items; lines at fault. */
  items: number;
  faults: number;
}

/** Of one file: those beyond are told of together. */
const MOST_FAULTS = 100;

const NO_RULE: TagScope = { ruleIds: [], everyRule: false };

/** Takes the lines of one file, in order. */
export type TakeLine = (line: number, text: string) => void;

export class ExceptionReader {
  readonly lists = new Map<string, ListFacts>();
  readonly verdicts: ReadVerdict[] = [];
  readonly #items = new Map<string, ReadVerdict>();
  /** Equal text under an id that is known is no second item. */
  readonly #texts = new Map<string, string>();
  /** Lists that came with rules: list_id -> its file. */
  readonly #besideRules = new Map<string, string>();

  /**
   * For the lines of a file in NDJSON; what it returns never throws. besideRules: the file was found among rules, so that its lists
   * are for the rules that name them and for no others, whatever their tags say.
   */
  lines(file: string, besideRules = false): TakeLine {
    const source = { file, besideRules, items: 0, faults: 0 };
    return (line, text) => {
      if (text.trim() !== '') this.#line(source, line, text);
    };
  }

  /** A file that cannot be read. */
  fault(file: string, error: ForebearError): void {
    this.verdicts.push({ file, error });
  }

  /** Lets go of lists beside rules that no rule names. out: their files. */
  dropUnnamed(named: Pick<ReadonlySet<string>, 'has'>): string[] {
    const dropped = [...this.#besideRules].filter(([list_id]) => !named.has(list_id));
    for (const [list_id] of dropped) {
      this.lists.delete(list_id);
      this.#besideRules.delete(list_id);
    }
    const gone = new Set(dropped.map(([list_id]) => list_id));
    for (const [item_id, { list_id }] of this.#items) if (gone.has(list_id ?? '')) this.#items.delete(item_id);
    const left = this.verdicts.filter(({ list_id }) => !gone.has(list_id ?? ''));
    this.verdicts.splice(0, this.verdicts.length, ...left);
    return [...new Set(dropped.map(([, file]) => file))];
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

  #line(source: Source, line: number, text: string): void {
    const { file, besideRules } = source;
    let object: Readonly<Record<string, unknown>> = {};
    try {
      object = parseObject(text);
      const read = readExceptionLine(object);
      if (read.kind === 'list') this.#list(read.list, file, besideRules);
      if (read.kind === 'item') this.#item({ file, line, ...identifyLine(object), item: read.item }, besideRules);
      if (read.kind === 'details') this.#details(file, line, read.items, source.items);
      if (read.kind === 'item') source.items++;
    } catch (thrown) {
      if ('item_id' in object) source.items++;
      if (++source.faults <= MOST_FAULTS) {
        this.verdicts.push({ file, line, ...identifyLine(object), error: placed(thrown, line) });
      } else if (source.faults === MOST_FAULTS + 1) {
        this.fault(file, new ForebearError('FB_EXCEPTION_JSON', `more than ${MOST_FAULTS} lines are at fault`));
      }
    }
  }

  #list(list: ListFacts, file: string, besideRules: boolean): void {
    if (!this.#isFirst(`list ${list.list_id}`, list)) throw duplicate('list_id', list.list_id);
    if (this.lists.has(list.list_id)) return;
    this.lists.set(list.list_id, besideRules ? { ...list, ...NO_RULE } : list);
    if (besideRules) this.#besideRules.set(list.list_id, file);
  }

  #item(verdict: ReadVerdict & { item: ItemFacts }, besideRules: boolean): void {
    const { item } = verdict;
    const known = this.#items.has(item.item_id);
    if (!this.#isFirst(`item ${item.item_id}`, item)) throw duplicate('item_id', item.item_id);
    if (known) return;
    if (besideRules) verdict.item = { ...item, ...NO_RULE };
    this.#items.set(item.item_id, verdict);
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
  return shortError(new ForebearError(code, reasonOf(thrown), { line, cause: thrown }));
}

function duplicate(key: string, id: string): ForebearError {
  return new ForebearError('FB_EXCEPTION_DUPLICATE', `${key}: ${id} is there already, and says something else`);
}
