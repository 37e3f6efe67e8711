// What an answer to _bulk means for each parcel: the table of docs "Elasticsearch", measured on OpenSearch 2.19 and 3.9 and
// Elasticsearch 8.19 and 9.5. In: the transport's reply; out: verdicts. Pure. Nothing of an answer is believed before its form is
// checked: a success that does not name each document in order is none. Called by elasticsearch.ts.

import { type Answer, type Parcel, type Verdict, whole } from '../output.ts';
import type { HttpReply } from '../transport.ts';
import { oneLine } from './bulk-reason.ts';

type Json = Readonly<Record<string, unknown>>;
type Received = Extract<HttpReply, { is: 'answer' }>;

/** What is asked of the answer: without it ten thousand refusals are larger than what is read of an answer. */
export const ANSWER_FIELDS =
  'errors,items.*._id,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason';

/** in: the reply to a batch; out: one verdict for each parcel where the engine judged them, else one for all. */
export function bulkAnswer(reply: HttpReply, batch: readonly Parcel[]): Answer {
  if (reply.is === 'broken') return whole({ is: reply.verdict, reason: oneLine(`${reply.code}: ${reply.reason}`) });
  const body = jsonOf(reply);
  if (reply.status === 200) return itemsAnswer(body, batch);
  const error = engineError(body);
  const reason = oneLine(
    error === undefined ? `HTTP ${reply.status}` : `HTTP ${reply.status} ${error.type}: ${error.reason}`,
  );
  return wholeAnswer(reply, error, reason);
}

/**
 * A status other than 200. The engine's own 400 says that the batch is broken; a 400 of anybody else (nginx: an expired
 * client certificate) says nothing of the data.
 */
function wholeAnswer({ status, retryAfterMs }: Received, error: EngineError | undefined, reason: string): Answer {
  if (status === 413) return whole({ is: 'split', reason });
  if (status === 400 && error !== undefined) {
    return whole(elsewhere(error) ? { is: 'hold', reason } : { is: 'split', reason });
  }
  if (fullDisk(status, error) || !passes(status)) return whole({ is: 'hold', reason });
  return whole({ is: 'retry', reason, ...(retryAfterMs !== undefined && { afterMs: retryAfterMs }) });
}

/** Request time-out, too early, too much, the server's own trouble: over by itself. */
function passes(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status <= 599);
}

function itemsAnswer(body: Json | undefined, batch: readonly Parcel[]): Answer {
  const items = body?.items;
  if (!Array.isArray(items)) return whole({ is: 'hold', reason: 'HTTP 200, but this is no answer to _bulk' });
  if (items.length !== batch.length) {
    return whole({ is: 'hold', reason: `the answer has ${items.length} items for ${batch.length} documents` });
  }
  const verdicts: Verdict[] = [];
  for (const [i, parcel] of batch.entries()) {
    const item = createItem(items[i]);
    if (item?._id !== parcel.id)
      return whole({ is: 'hold', reason: `item ${i} of the answer is not about document ${i}` });
    verdicts.push(itemVerdict(item));
  }
  return { of: 'items', verdicts };
}

interface Item {
  _id: string;
  status: number;
  error: EngineError;
}

function createItem(item: unknown): Item | undefined {
  if (!isJson(item) || Object.keys(item).length !== 1 || !isJson(item.create)) return undefined;
  const { _id, status, error } = item.create;
  if (typeof _id !== 'string' || !Number.isInteger(status)) return undefined;
  return { _id, status: status as number, error: accountOf(isJson(error) ? error : {}) };
}

function itemVerdict({ status, error }: Item): Verdict {
  if (status === 201 || status === 200) return { is: 'delivered' };
  if (status === 409) return { is: 'delivered', duplicate: true };
  const reason = oneLine(`${status} ${error.type}: ${error.reason}`);
  if (fullDisk(status, error)) return { is: 'hold', reason };
  if (passes(status)) return { is: 'retry', reason };
  if (status === 413 || (status === 400 && !elsewhere(error))) return { is: 'rejected', reason };
  return { is: 'hold', reason };
}

/** The disk is over its flood stage: a 429 that is not over in seconds. */
function fullDisk(status: number, error: EngineError | undefined): boolean {
  return status === 429 && error?.type === 'cluster_block_exception';
}

/** 400 about the place or the way, and not about the document: an operator puts it right, and each document fits then. */
const ELSEWHERE: Readonly<Record<string, RegExp>> = {
  index_closed_exception: /^/,
  invalid_index_name_exception: /^/,
  // No room for one more shard.
  validation_exception: /^/,
  illegal_argument_exception: /^pipeline with id |^no write index is defined|unrecognized parameter|shards open/,
  // A proxy took the body, or what gzip says of it.
  parse_exception: /^request body is required/,
};

function elsewhere({ type, reason }: EngineError): boolean {
  return Object.hasOwn(ELSEWHERE, type) && ELSEWHERE[type]!.test(reason);
}

export interface EngineError {
  type: string;
  /** With the cause's, where the engine names one that is not in it. */
  reason: string;
}

/** The engine's own account of a failed request; undefined for anything else, as for the 406's error, which is a text. */
export function engineError(body: Json | undefined): EngineError | undefined {
  if (body === undefined || !isJson(body.error) || typeof body.error.type !== 'string') return undefined;
  return accountOf(body.error);
}

function accountOf({ type, reason, caused_by }: Json): EngineError {
  const cause = isJson(caused_by) ? textOf(caused_by.reason) : '';
  const own = textOf(reason);
  return { type: textOf(type), reason: own.includes(cause) ? own : `${own}: ${cause}` };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The answer's JSON object; undefined where it is none. Whatever its content type says: proxies do not keep it. */
export function jsonOf({ body }: Received): Json | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString());
    return isJson(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
