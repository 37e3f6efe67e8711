// An endpoint that takes _bulk over HTTPS as Elasticsearch does, and plays a fault whenever the seeded random says so: a part of them
// before the documents are taken, a part after (the answer is lost, the documents are there). in: seed; out: what it has, and how.

import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';

/** Documents that no mapping takes. */
export function isUnfit(id: string): boolean {
  return id.endsWith('-unfit');
}

export type Random = () => number;

/** The classic LCG: the same seed, the same faults. */
export function seeded(seed: number): Random {
  let state = (seed * 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

type Fault = (request: { ids: string[]; response: ServerResponse; take: () => string[] }) => void | Promise<void>;

const json = { 'content-type': 'application/json' };

function end(response: ServerResponse, status: number, body: string | Buffer, headers: Record<string, string> = json) {
  response.writeHead(status, headers).end(body);
}

/** Name -> what happens. `take` stores the documents and gives the items of the answer. */
const FAULTS: Readonly<Record<string, Fault>> = {
  'reset before': ({ response }) => void response.socket?.resetAndDestroy(),
  'reset after': ({ response, take }) => {
    take();
    response.socket?.resetAndDestroy();
  },
  'cut answer': ({ response, take }) => {
    const items = take();
    response.writeHead(200, { ...json, 'content-length': '100000' });
    response.write(`{"errors":false,"items":[${items[0]}`);
    setTimeout(() => response.socket?.destroy(), 5);
  },
  'too slow': async ({ response, take }) => {
    take();
    await pause(900);
    end(response, 200, '{}');
  },
  429: ({ response }) => end(response, 429, '{"error":{"type":"es_rejected_execution_exception"},"status":429}'),
  '429 with Retry-After': ({ response }) => end(response, 429, '', { 'retry-after': '0' }),
  413: ({ response, ids, take }) => {
    if (ids.length > 1) end(response, 413, '', {});
    else end(response, 200, answerOf(take()));
  },
  502: ({ response }) => end(response, 502, '<html>bad gateway</html>', { 'content-type': 'text/html' }),
  '504 after': ({ response, take }) => {
    take();
    end(response, 504, '<html></html>', { 'content-type': 'text/html' });
  },
  401: ({ response }) => end(response, 401, '{"error":{"type":"security_exception","reason":"no"},"status":401}'),
  403: ({ response }) =>
    end(response, 403, '{"error":{"type":"cluster_block_exception","reason":"read only"},"status":403}'),
  'items 429': ({ response, ids, take }) => {
    const items = take();
    const busy = '{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}}';
    end(response, 200, `{"errors":true,"items":[${ids.map((_, i) => (i % 3 ? items[i] : busy)).join()}]}`);
  },
  'not JSON': ({ response, take }) => {
    take();
    end(response, 200, '{"errors":fal');
  },
  'too few items': ({ response, take }) => end(response, 200, answerOf(take().slice(1))),
  'huge answer': ({ response, take }) => {
    take();
    end(response, 200, Buffer.alloc(5 * 2 ** 20, ' '));
  },
  'moved away': ({ response }) => end(response, 307, '', { location: 'https://127.0.0.1:1/' }),
};

function answerOf(items: readonly string[]): string {
  const errors = items.some((item) => item.includes('"error"'));
  return `{"errors":${errors},"items":[${items.join()}]}`;
}

export class FaultyEndpoint {
  /** Ids in the order in which they were first stored. */
  readonly stored = new Map<string, number>();
  /** Documents that came again. */
  duplicates = 0;
  requests = 0;
  readonly faults = new Map<string, number>();
  faulty = true;
  readonly #random: Random;
  readonly #certificates: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  port = 0;

  constructor(certificates: string, random: Random) {
    this.#certificates = certificates;
    this.#random = random;
    this.#server = createServer(this.#keys('server'), (request, response) => {
      this.#answer(request, response).catch(() => response.socket?.destroy());
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
    });
  }

  #keys(name: string) {
    const read = (end: string) => readFileSync(join(this.#certificates, `${name}.${end}`));
    return { key: read('key'), cert: read('crt') };
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Not there for a while, or with a certificate that has expired. */
  async playOutage(): Promise<void> {
    const expired = this.#random() < 0.5;
    this.#count(expired ? 'certificate expired' : 'refused');
    if (expired) this.#server.setSecureContext(this.#keys('expired'));
    for (const socket of this.#sockets) socket.destroy();
    if (!expired) await this.close();
    await pause(150 + 200 * this.#random());
    if (expired) this.#server.setSecureContext(this.#keys('server'));
    else await this.open();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    const lines = body.toString('utf8').split('\n');
    const ids = lines.flatMap((line, i) => (i % 2 === 0 && line !== '' ? [JSON.parse(line).create._id as string] : []));
    let items: string[] | undefined;
    const take = () => {
      items ??= ids.map((id) => this.#store(id));
      return items;
    };
    const names = Object.keys(FAULTS);
    const name = this.faulty && this.#random() < 0.5 ? names[Math.floor(this.#random() * names.length)]! : undefined;
    if (name === undefined) return end(response, 200, answerOf(take()));
    this.#count(name);
    await FAULTS[name]!({ ids, response, take });
  }

  #store(id: string): string {
    const item = { create: { _id: id, _index: 'x', status: 201 } as Record<string, unknown> };
    if (isUnfit(id)) {
      item.create.status = 400;
      item.create.error = { type: 'document_parsing_exception', reason: 'failed to parse' };
    } else if (this.stored.has(id)) {
      this.duplicates++;
      item.create.status = 409;
      item.create.error = { type: 'version_conflict_engine_exception', reason: 'already there' };
    } else this.stored.set(id, this.stored.size);
    return JSON.stringify(item);
  }

  #count(name: string): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1);
  }
}
