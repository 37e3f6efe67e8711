// Alerts to an OpenTelemetry collector: OTLP/HTTP, protobuf logs (opentelemetry.io/docs/specs/otlp). In: batches of a lane;
// out: what the endpoint's answers mean. Made from an [outputs.NAME] of type "otlp". "Delivered" means that the next hop took
// it, not that it is on a disk there: a collector holds it in memory, and swallows a partial success of its own next hop.

import { type Answer, type Output, type Parcel, whole } from '../output.ts';
import type { HttpReply, HttpTransport } from '../transport.ts';
import { oneLine } from './bulk-reason.ts';
import { readDocument } from './ecs-document.ts';
import { decodeFailure, decodeSuccess, encodeLogs, type LogItem } from './otlp-records.ts';

const PROTOBUF = 'application/x-protobuf';
/** A collector takes no more than 20 MiB unless told otherwise, and no specification more than 64. */
const LARGEST_BODY = 64 * 2 ** 20;
/** Transient by the specification; whoever answered, the collector or a proxy before it. */
const TRANSIENT = new Set([429, 502, 503, 504]);
/** Credentials, rights, or the path of the URL. */
const OPERATOR = new Set([401, 403, 404]);

type HttpAnswer = Extract<HttpReply, { is: 'answer' }>;

/** in: a transport for the configured URL that adds the token; the version of this program (service.version). */
export function otlpOutput(transport: HttpTransport, version: string): Output {
  return {
    type: 'otlp',
    send: (batch, signal) => send(batch, signal, transport, version),
    close: () => transport.close(),
  };
}

async function send(
  batch: readonly Parcel[],
  signal: AbortSignal,
  transport: HttpTransport,
  version: string,
): Promise<Answer> {
  const body = bodyOf(batch, version);
  if (body === undefined) return whole({ is: 'split', reason: 'a document is no JSON object' });
  if (body.length > LARGEST_BODY)
    return whole({ is: 'split', reason: `${body.length} bytes are more than OTLP takes` });
  const reply = await transport.request(
    { method: 'POST', path: '', headers: { 'content-type': PROTOBUF }, body },
    signal,
  );
  if (reply.is === 'answer') return whole(verdictOf(reply));
  return whole({ is: reply.verdict, reason: oneLine(reply.reason) });
}

/** undefined: a document is none. */
function bodyOf(batch: readonly Parcel[], version: string): Uint8Array | undefined {
  let isWhole = true;
  function* items(): Generator<LogItem> {
    for (const parcel of batch) {
      const document = readDocument(parcel);
      isWhole &&= document !== undefined;
      if (document === undefined) return;
      yield { parcel, document };
    }
  }
  const body = encodeLogs(items(), version);
  return isWhole ? body : undefined;
}

type BatchVerdict = Extract<Answer, { of: 'batch' }>['verdict'];

/** An answer's meaning. A status that only says "no" counts as the collector's where it is protobuf; else an operator looks. */
function verdictOf(reply: HttpAnswer): BatchVerdict {
  const { status } = reply;
  if (status >= 200 && status < 300) return successOf(reply);
  const { own, text } = failureOf(reply);
  const reason = oneLine(`HTTP ${status}: ${text}`);
  if (TRANSIENT.has(status)) {
    return { is: 'retry', reason, ...(reply.retryAfterMs !== undefined && { afterMs: reply.retryAfterMs }) };
  }
  // A collector answers 400 to a body that is too large; proxies answer 413, in HTML.
  if (status === 413 || (status === 400 && own)) return { is: 'split', reason };
  if (OPERATOR.has(status) || status < 400 || !own) return { is: 'hold', reason };
  return { is: 'rejected', reason };
}

/** An answer without any bytes is an empty message; Loki and VictoriaLogs answer so. A page of a portal is no success. */
function successOf(reply: HttpAnswer): BatchVerdict {
  const { status, body, contentType } = reply;
  const ofNobody = body.length === 0 && contentType === '';
  if (!ofNobody && contentType !== PROTOBUF)
    return { is: 'hold', reason: oneLine(`HTTP ${status}: ${noProtobuf(reply)}`) };
  try {
    const { rejected, message } = decodeSuccess(body);
    // Which ones is not said, and it must not be sent again: all are kept as dead letters. None: a warning, all are there.
    if (rejected === 0) return { is: 'delivered' };
    return { is: 'rejected', reason: oneLine(`${rejected} of the batch were not taken: ${message}`) };
  } catch {
    return { is: 'hold', reason: `HTTP ${status}: an answer that is no protobuf` };
  }
}

/** own: the answer is of something that speaks OTLP. */
function failureOf(reply: HttpAnswer): { own: boolean; text: string } {
  if (reply.contentType !== PROTOBUF) return { own: false, text: noProtobuf(reply) };
  try {
    return { own: true, text: decodeFailure(reply.body) };
  } catch {
    return { own: false, text: 'an answer that is no protobuf' };
  }
}

function noProtobuf({ contentType, body }: HttpAnswer): string {
  return `${contentType === '' ? 'an answer of no type' : contentType}, no protobuf: ${body.toString('utf8', 0, 100)}`;
}
