// What one request to the hub is answered: who is it, may it, what does it bring, is it stored. In: the head of a request, its
// body as a stream; out: status and Answer (proto/forebear/ingest/v1). Never throws. The body of an unknown sender is not
// read. Called by server-io.ts, which speaks HTTP.

import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import {
  decodeBatch,
  encodeAnswer,
  INGEST_PATH,
  INGEST_TYPE,
  type IngestAnswer,
  type IngestBatch,
  type IngestResult,
} from '../proto/ingest-codec.ts';
import type { Counters } from '../stats.ts';
import type { Stored } from './ingest-io.ts';
import { type BodyLimits, readBody } from './request-body.ts';

/** Which credential a host must show. token: bound by the hub; certificate: its common name is the host id; both. */
export type Required = 'token' | 'certificate' | 'both';

export interface Request {
  method: string;
  /** Of the URL, with its query. */
  path: string;
  contentType: string;
  contentEncoding: string;
  /** undefined: not said, or no number. */
  contentLength?: number;
  authorization: string;
  /** Common name of a client's certificate that has been verified. */
  certificateName?: string;
  body: AsyncIterable<Buffer>;
}

export interface Response {
  status: number;
  body: Uint8Array;
  retryAfterSeconds?: number;
}

export interface EndpointOptions {
  required: Required;
  credentials: { hostOf(token: string): string | undefined; isRevoked(hostId: string): boolean };
  ingest: { store(batch: IngestBatch, nowMs: number): Promise<Stored> };
  limits: BodyLimits;
  counters: Counters;
  log: Logger;
  nowMs: () => number;
}

const STATUS: Readonly<Record<IngestResult, number>> = {
  stored: 200,
  fork: 409,
  wrong_host: 403,
  malformed: 400,
  busy: 503,
  unknown_credential: 401,
  too_large: 413,
  unknown: 500,
};
/** Until other bodies are done with, or until a disk has room. */
const BUSY_MS = 2_000;
const REFUSED_MS = 30_000;

type AnswerParts = Partial<IngestAnswer> & Pick<IngestAnswer, 'result'>;

/** Of things that are logged once. */
const MOST_TOLD = 1000;

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #told = new Set<string>();
  #unstored: string | undefined;

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** Why batches are not stored, since one was not and until one is; undefined: they are. */
  get problem(): string | undefined {
    return this.#unstored;
  }

  async answer(request: Request): Promise<Response> {
    const refused = this.#refusedByHead(request);
    if (refused !== undefined) return this.#respond(refused.answer, refused.status);
    const { limits } = this.#options;
    const encoding = request.contentEncoding === 'gzip' ? 'gzip' : 'identity';
    const body = await readBody(request.body, encoding, limits, this.#hostOf(request) ?? '');
    if (body.is === 'read') {
      try {
        return this.#respond(await this.#take(request, body.bytes));
      } finally {
        body.release();
      }
    }
    const { is, reason } = body;
    if (is === 'busy') return this.#respond({ result: 'busy', detail: reason, retryAfterMs: BUSY_MS });
    return this.#respond({ result: is === 'too_large' ? is : 'malformed', detail: reason });
  }

  #refusedByHead(request: Request): { answer: AnswerParts; status?: number } | undefined {
    const { method, path, contentType, contentEncoding, contentLength = 0 } = request;
    const malformed = (status: number, detail: string) => ({
      status,
      answer: { result: 'malformed' as const, detail },
    });
    if (path.split('?', 1)[0] !== INGEST_PATH) return malformed(404, `batches go to ${INGEST_PATH}`);
    if (method !== 'POST') return malformed(405, 'batches are posted');
    const unknown = this.#unknownSender(request);
    if (unknown !== undefined) return { answer: { result: 'unknown_credential', detail: unknown } };
    if (contentType !== INGEST_TYPE) return malformed(415, `batches are ${INGEST_TYPE}`);
    if (!['', 'identity', 'gzip'].includes(contentEncoding)) return malformed(415, 'encodings are gzip and none');
    const { maxBytes, budget } = this.#options.limits;
    const most = Math.min(maxBytes, budget.most);
    if (contentLength <= most) return undefined;
    return { answer: { result: 'too_large', detail: `a body has at most ${most} bytes` } };
  }

  /** Why nobody knows who this is. */
  #unknownSender(request: Request): string | undefined {
    const { required } = this.#options;
    if (required !== 'token' && request.certificateName === undefined) return 'a client certificate is required';
    if (required !== 'certificate' && this.#hostOf(request) === undefined) return 'a token of this hub is required';
    return undefined;
  }

  #hostOf({ authorization, certificateName }: Request): string | undefined {
    if (this.#options.required === 'certificate') return certificateName;
    const token = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(authorization)?.[1];
    return token === undefined ? undefined : this.#options.credentials.hostOf(token);
  }

  async #take(request: Request, bytes: Buffer): Promise<AnswerParts> {
    const batch = this.#decode(bytes);
    if (typeof batch === 'string') return { result: 'malformed', detail: batch };
    const { credentials } = this.#options;
    // Asked again: it may have been revoked while the body came.
    const host = this.#hostOf(request);
    if (host !== batch.hostId || credentials.isRevoked(batch.hostId)) {
      this.#warnOnce(batch.hostId, `batches of ${batch.hostId} come with a credential of ${host ?? 'nobody'}`);
      return { result: 'wrong_host', detail: `the credential is not good for ${batch.hostId}` };
    }
    return await this.#store(batch);
  }

  #decode(bytes: Buffer): IngestBatch | string {
    try {
      return decodeBatch(bytes);
    } catch (error) {
      return reasonOf(error);
    }
  }

  async #store(batch: IngestBatch): Promise<AnswerParts> {
    const { ingest, log, nowMs, counters } = this.#options;
    const { journalId, hostId, hostName } = batch;
    try {
      const { stored, durableSeq, forkSeq } = await ingest.store(batch, nowMs());
      if (this.#unstored !== undefined) log.info('batches are stored again');
      this.#unstored = undefined;
      const answer = { journalId, durableSeq, stored };
      if (forkSeq === undefined) return { result: 'stored', ...answer };
      const detail = `at ${forkSeq} this journal has another record here: a clone, or a snapshot restored`;
      this.#warnOnce(hostId, `a fork of journal ${journalId} of ${hostName}: ${detail}`);
      return { result: 'fork', ...answer, forkSeq, detail };
    } catch (error) {
      counters.add('hub_batches_failed_total');
      const problem = `batches cannot be stored: ${reasonOf(error)}`;
      if (this.#unstored === undefined) log.error({ error }, problem);
      this.#unstored = problem;
      return { result: 'busy', detail: 'the batch could not be stored', retryAfterMs: REFUSED_MS };
    }
  }

  #warnOnce(hostId: string, text: string): void {
    if (this.#told.has(text)) return;
    if (this.#told.size >= MOST_TOLD) this.#told.clear();
    this.#told.add(text);
    this.#options.log.warn({ 'host.id': hostId }, text);
  }

  #respond(answer: AnswerParts, status = STATUS[answer.result]): Response {
    this.#options.counters.add('hub_requests_answered_total', 1, answer.result);
    const { retryAfterMs } = answer;
    return {
      status,
      body: encodeAnswer(answer),
      ...(retryAfterMs !== undefined && { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
    };
  }
}
