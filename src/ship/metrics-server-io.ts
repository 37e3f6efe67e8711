// A small HTTP server for Prometheus and for whoever asks after health: GET /metrics and GET /healthz, nothing else, without
// secrets and without a body. Bounded in connections, size and time. In: what is true at a request; out: an answer. Used by
// ship.ts and by the hub (hub/serve-io.ts).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, BlockList, isIP } from 'node:net';
import { ForebearError, plainReason, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { CONTENT_TYPE } from '../metrics/prometheus.ts';
import type { Counters } from '../stats.ts';

export interface MetricsServerOptions {
  /** host:port; port 0: any that is free. */
  listen: string;
  /** The text for Prometheus. */
  metrics: () => string;
  /** What is wrong, in words; none: healthy. */
  problems: () => readonly string[];
  counters: Counters;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

interface Answer {
  status: number;
  type: string;
  body: string;
  allow?: string;
}

const LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 5000,
  /** Longer than the usual pause between two scrapes. */
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1000,
};
const MAX_CONNECTIONS = 16;
/** How long an answer that is being written may go on after the stop. */
const GRACE_MS = 1000;
const TEXT = 'text/plain; charset=utf-8';

export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Resolves when it listens. Throws FB_SHIP_METRICS_LISTEN. */
  static async start(options: MetricsServerOptions): Promise<MetricsServer> {
    const server = createServer(LIMITS, (request, response) => answer(request, response, options));
    server.maxConnections = MAX_CONNECTIONS;
    const { host, port } = await listen(server, options.listen);
    const shown = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    options.log.info(`metrics at ${shown}/metrics, health at ${shown}/healthz`);
    if (!isLoopback(host)) options.log.warn('whoever reaches that address can read the metrics, without a key');
    return new MetricsServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), GRACE_MS);
    await closed;
    clearTimeout(timer);
  }
}

async function listen(server: Server, address: string): Promise<AddressInfo & { host: string }> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const listening = Promise.withResolvers<void>();
  try {
    server.once('error', listening.reject);
    server.listen({ host, port: Number(address.slice(colon + 1)) }, () => listening.resolve());
    await listening.promise;
  } catch (cause) {
    const hint = 'metrics_listen is host:port, such as "127.0.0.1:9464", or "off"';
    const message = `metrics cannot be served at ${address}: ${plainReason(cause)}`;
    throw new ForebearError('FB_SHIP_METRICS_LISTEN', message, { hint, cause });
  }
  const bound = server.address() as AddressInfo;
  return { ...bound, host: bound.address };
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function answer(request: IncomingMessage, response: ServerResponse, options: MetricsServerOptions): void {
  request.on('error', () => {});
  response.on('error', () => {});
  const { status, type, body, allow } = answerTo(request, options);
  const bytes = Buffer.from(body);
  options.counters.add('ship_scrapes_answered_total', 1, String(status));
  response.writeHead(status, {
    ...{ 'content-type': type, 'content-length': bytes.length, 'cache-control': 'no-store' },
    ...(allow !== undefined && { allow }),
    // A body that nobody reads would have to be waited for.
    ...(hasBody(request) && { connection: 'close' }),
  });
  response.end(bytes);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function answerTo({ method, url = '' }: IncomingMessage, { metrics, problems, log }: MetricsServerOptions): Answer {
  const path = url.split('?', 1)[0];
  if (path !== '/metrics' && path !== '/healthz') return { status: 404, type: TEXT, body: '/metrics or /healthz\n' };
  if (method !== 'GET') return { status: 405, type: TEXT, body: 'only GET\n', allow: 'GET' };
  try {
    return path === '/metrics' ? { status: 200, type: CONTENT_TYPE, body: metrics() } : health(problems());
  } catch (error) {
    log.error({ error }, `${path} could not be answered: ${reasonOf(error)}`);
    return { status: 500, type: TEXT, body: 'a fault of forebear: its log says more\n' };
  }
}

function health(problems: readonly string[]): Answer {
  const status = problems.length === 0 ? 200 : 503;
  const body = JSON.stringify({ status: status === 200 ? 'ok' : 'failing', problems });
  return { status, type: 'application/json', body: `${body}\n` };
}
