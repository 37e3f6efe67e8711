// The contract of the transport: how outputs ask an endpoint over HTTP. transport-http.ts implements it with undici; tests pass
// their own. Bounded in time and size; redirects are answers as any other; verification of certificates is never off.

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT';
  /** Behind the configured URL's path, beginning with /; "" for the URL itself. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  /** Compressed by the transport where the output's gzip says so (content-encoding is set then). */
  body?: Uint8Array;
}

export type HttpReply =
  | {
      is: 'answer';
      status: number;
      /** Lower-case, without parameters; "" when none. */
      contentType: string;
      /** Of Retry-After (seconds or a date), clamped to 0 .. 1 h. */
      retryAfterMs?: number;
      /** At most MAX_ANSWER bytes. */
      body: Buffer;
      headers: Readonly<Record<string, string | string[] | undefined>>;
    }
  /**
   * No whole answer: refused, reset, cut, timed out, too large (verdict retry: it may have been carried out), or this
   * side or the endpoint must be put right by an operator: certificates, keys that cannot be read (hold).
   */
  | { is: 'broken'; verdict: 'retry' | 'hold'; code: string; reason: string };

/** Bytes that are read of an answer; larger ones are broken off. */
export const MAX_ANSWER: number = 4 * 2 ** 20;

export interface HttpTransport {
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpReply>;
  close(): Promise<void>;
}
