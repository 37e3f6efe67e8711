// Parcels, and a transport that answers from a list, for tests of the hub output.

import { encodeAnswer } from '../../../src/proto/ingest-codec.ts';
import type { Parcel } from '../../../src/ship/output.ts';
import type { HttpReply, HttpRequest, HttpTransport } from '../../../src/ship/transport.ts';

export const JOURNAL = '0f'.repeat(16);

export function parcel(seq: number, part: Partial<Parcel> = {}): Parcel {
  const payload = Buffer.from(`record ${seq}`);
  const link = Buffer.alloc(32, seq);
  return {
    ...{ seq, journalId: JOURNAL, hostId: 'host-1', kind: 'alert', rank: 1, wallMs: 1000 + seq, id: `id-${seq}` },
    ...{ document: Buffer.from('{}'), payload, link },
    ...part,
  };
}

export class ScriptedTransport implements HttpTransport {
  readonly requests: HttpRequest[] = [];
  readonly #replies: HttpReply[];

  constructor(...replies: HttpReply[]) {
    this.#replies = replies;
  }

  async request(request: HttpRequest): Promise<HttpReply> {
    this.requests.push(request);
    return this.#replies.shift() ?? { is: 'broken', verdict: 'retry', code: 'ECONNREFUSED', reason: 'nobody there' };
  }

  async close(): Promise<void> {}
}

export function reply(
  status: number,
  body: string | Uint8Array,
  part: { contentType?: string; retryAfterMs?: number } = {},
): HttpReply {
  const contentType = typeof body === 'string' ? 'text/html' : 'application/x-protobuf';
  return { is: 'answer', status, contentType, body: Buffer.from(body), headers: {}, ...part };
}

export function hubReply(status: number, answer: Parameters<typeof encodeAnswer>[0]): HttpReply {
  return reply(status, encodeAnswer({ journalId: JOURNAL, ...answer }));
}
