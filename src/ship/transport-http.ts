// HTTP for outputs, over undici: one connection per output, TLS as configured, keys read again when their files change. In: a
// request; out: the endpoint's answer, or what broke and who can mend it. An answer is read to MAX_ANSWER bytes, redirects
// are not followed, and one attempt, body included, takes no longer than the output's timeout.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { HttpSettings } from '../config/outputs.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import { stampOf } from './key-files-io.ts';
import { parseRetryAfter } from './retry-after.ts';
import { tlsFiles, tlsOptions } from './tls-options-io.ts';
import { type HttpReply, type HttpRequest, type HttpTransport, MAX_ANSWER } from './transport.ts';

const compress = promisify(gzip);
const IDLE_MS = 60_000;
/** Smaller bodies are sent as they are. */
const LEAST_GZIP = 1024;

/** What has to be put right by somebody: certificates, TLS versions, keys. Everything else may pass by itself. */
const OPERATOR =
  /^(CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|FB_SHIP_KEY)/;

export type HttpSettingsOf = HttpSettings & { readonly timeout: number };

export class UndiciTransport implements HttpTransport {
  readonly #settings: HttpSettingsOf;
  readonly #authorization: () => string | undefined;
  readonly #files: readonly (string | null)[];
  readonly #origin: string;
  readonly #path: string;
  readonly #nowMs: () => number;
  #agent: Agent | undefined;
  /** Why TLS ended the connection of the request under way. */
  #alert: Error | undefined;
  #stamp = '';

  /**
   * in: settings of the output; the value of its authorization header, asked for with each request (it may throw
   * FB_SHIP_KEY), and the files that it reads.
   */
  constructor(
    settings: HttpSettingsOf,
    { authorization = () => undefined, files = [], nowMs = Date.now }: HttpAccess = {},
  ) {
    const { origin, pathname } = new URL(settings.url);
    this.#settings = settings;
    this.#authorization = authorization;
    this.#files = [...tlsFiles(settings), ...files];
    this.#origin = origin;
    this.#path = pathname.replace(/\/$/, '');
    this.#nowMs = nowMs;
  }

  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    const timeout = AbortSignal.timeout(this.#settings.timeout);
    this.#alert = undefined;
    try {
      return await this.#ask(request, AbortSignal.any([signal, timeout]));
    } catch (error) {
      return broken(this.#alert ?? error, timeout.aborted && !signal.aborted);
    }
  }

  async #ask(request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    const authorization = this.#authorization();
    const body = await this.#body(request);
    const {
      statusCode,
      headers,
      body: stream,
    } = await this.#connection().request({
      origin: this.#origin,
      path: `${this.#path}${request.path}` || '/',
      method: request.method,
      headers: { ...request.headers, ...body.headers, ...(authorization !== undefined && { authorization }) },
      ...(body.bytes !== undefined && { body: body.bytes }),
      signal,
    });
    const retryAfterMs = parseRetryAfter(headers['retry-after'], this.#nowMs());
    return {
      is: 'answer',
      status: statusCode,
      contentType: mediaType(headers['content-type']),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      body: await bounded(stream),
      headers,
    };
  }

  async #body({ body }: HttpRequest): Promise<{ bytes?: Uint8Array; headers: Record<string, string> }> {
    if (body === undefined) return { headers: {} };
    if (!this.#settings.gzip || body.length < LEAST_GZIP) return { bytes: body, headers: {} };
    return { bytes: await compress(body, { level: 1 }), headers: { 'content-encoding': 'gzip' } };
  }

  /** A connection with the keys as the files have them now. */
  #connection(): Dispatcher {
    const stamp = stampOf(this.#files);
    if (this.#agent === undefined || stamp !== this.#stamp) {
      const { timeout } = this.#settings;
      const connect = this.#connector({ ...tlsOptions(this.#settings), timeout });
      const former = this.#agent;
      this.#agent = new Agent({
        ...{ connections: 1, pipelining: 1, allowH2: false, maxResponseSize: MAX_ANSWER, keepAliveTimeout: IDLE_MS },
        ...{ headersTimeout: timeout, bodyTimeout: timeout, connect },
      } as Agent.Options);
      this.#stamp = stamp;
      former?.destroy().catch(() => {});
    }
    return this.#agent;
  }

  /**
   * With TLS 1.3 a server judges our certificate when the handshake is over here: its alert comes as an error of the socket,
   * which undici then replaces by "other side closed".
   */
  #connector(options: object): buildConnector.connector {
    const connect = buildConnector(options);
    return (target, callback) =>
      connect(target, (...result) => {
        const [, socket] = result;
        socket?.prependListener('error', (error) => {
          if (OPERATOR.test(codeOf(error))) this.#alert = error;
        });
        callback(...result);
      });
  }

  async close(): Promise<void> {
    await this.#agent?.destroy();
  }
}

export interface HttpAccess {
  authorization?: () => string | undefined;
  files?: readonly (string | null)[];
  nowMs?: () => number;
}

function mediaType(header: string | string[] | undefined): string {
  const [first = ''] = [header].flat();
  return first.split(';', 1)[0]!.trim().toLowerCase();
}

/** undici bounds a body of unknown length only between two requests: counted here as well. */
async function bounded(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_ANSWER)
      throw new ForebearError('FB_SHIP_ANSWER_SIZE', `the answer has more than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function broken(error: unknown, timedOut: boolean): HttpReply {
  const fault = causeOf(error);
  const code = timedOut ? 'ETIMEDOUT' : codeOf(fault);
  const reason = timedOut ? 'no answer within the time allowed' : reasonOf(fault);
  const verdict = OPERATOR.test(code) ? 'hold' : 'retry';
  return { is: 'broken', verdict, code, reason: oneLine(reason === '' ? code : reason) };
}

/** The innermost cause: undici and net wrap. Our own errors say it themselves. */
function causeOf(error: unknown): unknown {
  if (error instanceof ForebearError) return error;
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0]);
  return error instanceof Error && error.cause instanceof Error ? causeOf(error.cause) : error;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'FB_SHIP_BROKEN';
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 200);
}
