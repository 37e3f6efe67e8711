// What an answer to _bulk means for each parcel: the table of docs "Elasticsearch", measured on OpenSearch 2.19 and 3.9 and
// Elasticsearch 8.19 and 9.5. In: the transport's reply; out: verdicts. Pure. Nothing of an answer is believed before its form is
// checked: a success that does not name each document in order is none. Called by elasticsearch.ts.

import { type Answer, type Parcel, type Verdict, whole } from '../output.ts';
import type { HttpReply } from '../transport.ts';
import { oneLine } from './bulk-reason.ts';

type Json = Readonly<Record<string, unknown>>;
type Received = Extract<HttpReply, { is: 'answer' }>;

/** What is asked of the answer: without it ten thousand refusals are larger than what is read of an answer. */
export const ANSWER_FIELDS = 'errors,items.*._id,items.*.status,items.*.error.type,items.*.error.reason';

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
    return whole(misplaced(error) ? { is: 'hold', reason } : { is: 'split', reason });
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
  if (!isJson(item) || !isJson(item.create)) return undefined;
  const { _id, status, error } = item.create;
  if (typeof _id !== 'string' || !Number.isInteger(status)) return undefined;
  const { type, reason } = isJson(error) ? error : {};
  return { _id, status: status as number, error: { type: String(type ?? ''), reason: String(reason ?? '') } };
}

function itemVerdict({ status, error }: Item): Verdict {
  if (status === 201 || status === 200) return { is: 'delivered' };
  if (status === 409) return { is: 'delivered', duplicate: true };
  const reason = oneLine(`${status} ${error.type}: ${error.reason}`);
  if (fullDisk(status, error)) return { is: 'hold', reason };
  if (passes(status)) return { is: 'retry', reason };
  if (status === 413 || (status === 400 && !misplaced(error))) return { is: 'rejected', reason };
  return { is: 'hold', reason };
}

/** The disk is over its flood stage: a 429 that is not over in seconds. */
function fullDisk(status: number, error: EngineError | undefined): boolean {
  return status === 429 && error?.type === 'cluster_block_exception';
}

/** 400 about the place and not about the document: an operator puts it right, and each document fits then. */
const OF_THE_PLACE = ['index_closed_exception', 'invalid_index_name_exception', 'validation_exception'];
/** Of illegal_argument_exception, which also says that a document does not fit. */
const PLACE = /^(pipeline with id |no write index is defined|Validation Failed: .*shards open)/;

function misplaced({ type, reason }: EngineError): boolean {
  return OF_THE_PLACE.includes(type) || (type === 'illegal_argument_exception' && PLACE.test(reason));
}

export interface EngineError {
  type: string;
  reason: string;
}

/** The engine's own account of a failed request; undefined for anything else, as for the 406's error, which is a text. */
export function engineError(body: Json | undefined): EngineError | undefined {
  if (body === undefined || !isJson(body.error) || typeof body.error.type !== 'string') return undefined;
  const { type, reason } = body.error;
  return { type, reason: typeof reason === 'string' ? reason : '' };
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
