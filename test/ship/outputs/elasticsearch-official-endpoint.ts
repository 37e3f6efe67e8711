// One HTTP endpoint that keeps what it is sent, and Elastic's own client to it: what our output and the client send is compared
// there, byte by byte. The documents' statuses are the test's.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { gunzipSync } from 'node:zlib';

/** By require: a test imports nothing of it that is not here. */
const { Client } = createRequire(import.meta.url)('@elastic/elasticsearch') as typeof import('@elastic/elasticsearch');
export type OfficialClient = InstanceType<typeof Client>;

export interface Received {
  method: string;
  /** Without the query. */
  path: string;
  query: Readonly<Record<string, string>>;
  encoding: string;
  body: Buffer;
}

export class OfficialEndpoint {
  readonly received: Received[] = [];
  /** Of a document, by its id; others get otherStatus. */
  readonly statuses = new Map<string, number>();
  otherStatus = 201;
  readonly #server: Server;
  #client: OfficialClient | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<OfficialEndpoint> {
    const endpoint: OfficialEndpoint = new OfficialEndpoint(
      createServer(async (request, response) => {
        const chunks: Buffer[] = await request.toArray();
        const received = receivedOf(request, Buffer.concat(chunks));
        endpoint.received.push(received);
        const { status, json } = endpoint.#answer(received);
        const headers = { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' };
        response.writeHead(status, headers).end(JSON.stringify(json));
      }).listen(0, '127.0.0.1'),
    );
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  get client(): OfficialClient {
    this.#client ??= new Client({ node: this.url, compression: true, maxRetries: 0 });
    return this.#client;
  }

  #answer({ method, path, body }: Received): { status: number; json: unknown } {
    if (path === '/') return { status: 200, json: { version: { number: '8.19.21' } } };
    if (path === '/_bulk') return { status: 200, json: this.#items(body.toString().split('\n')) };
    return method === 'PUT' ? { status: 200, json: { acknowledged: true } } : { status: 404, json: {} };
  }

  #items(lines: readonly string[]) {
    const items = lines.flatMap((line, i) => {
      if (i % 2 === 1 || line === '') return [];
      const { _id } = JSON.parse(line).create as { _id: string };
      const status = this.statuses.get(_id) ?? this.otherStatus;
      return [{ create: { _id, status, ...(status !== 201 && { error: { type: 'a_type', reason: 'a reason' } }) } }];
    });
    return { errors: items.some(({ create }) => create.status !== 201), items };
  }

  async close(): Promise<void> {
    await this.#client?.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function receivedOf({ method, url, headers }: IncomingMessage, raw: Buffer): Received {
  const { pathname, searchParams } = new URL(url!, 'http://endpoint');
  const encoding = headers['content-encoding'] ?? '';
  const body = encoding === 'gzip' ? gunzipSync(raw) : raw;
  return { method: method!, path: pathname, query: Object.fromEntries(searchParams), encoding, body };
}
