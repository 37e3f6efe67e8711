// The hub's HTTPS: TLS 1.2 or newer, client certificates where an authority for them is given, limits on time, size and number
// of connections. In: requests, handed to the endpoint; out: its answers. The certificate is read again when its file changes.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ForebearError, plainReason, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { INGEST_TYPE } from '../proto/ingest-codec.ts';
import { readKeyFile, stampOf } from '../ship/key-files-io.ts';
import { Admission } from './admission.ts';
import type { Endpoint, Request, Response } from './endpoint.ts';

export interface ServerOptions {
  host: string;
  /** 0: any that is free. */
  port: number;
  certificateFile: string;
  keyFile: string;
  clientCaFile: string | null;
  headersTimeoutMs: number;
  /** From the first byte of a request to its last. */
  requestTimeoutMs: number;
  /** Beyond, the oldest goes that has shown no credential. */
  maxConnections: number;
  /** Of a refused request's body, that is still read (and thrown away) so that its sender sees the answer. */
  maxDrainBytes: number;
  log: Logger;
}

const CHECK_MS = 1000;
const IDLE_MS = 65_000;
/** How long requests that are being answered may go on after the stop. */
const GRACE_MS = 5000;

/** What is answered before a credential was looked at, or for want of one. */
const OF_STRANGERS: ReadonlySet<number> = new Set([401, 404, 405]);

interface Served extends Pick<ServerOptions, 'maxDrainBytes'> {
  endpoint: Pick<Endpoint, 'answer'>;
  admission: Admission;
}

export class HubServer {
  readonly #server: Server;
  readonly #options: ServerOptions;
  #stamp: string;

  private constructor(server: Server, options: ServerOptions) {
    this.#server = server;
    this.#options = options;
    this.#stamp = stampOf(filesOf(options));
  }

  /** Resolves when it listens. Throws FB_SHIP_KEY, FB_HUB_TLS, FB_HUB_LISTEN. */
  static async start(endpoint: Pick<Endpoint, 'answer'>, options: ServerOptions): Promise<HubServer> {
    const { host, port, headersTimeoutMs: headersTimeout, requestTimeoutMs: requestTimeout, log } = options;
    const timeouts = { headersTimeout, requestTimeout, keepAliveTimeout: IDLE_MS, handshakeTimeout: headersTimeout };
    const limits = { connectionsCheckingInterval: CHECK_MS, maxHeaderSize: 16_384 };
    const server = usable(() => createServer({ ...timeouts, ...limits, ...secrets(options) }));
    const admission = new Admission(options.maxConnections);
    server.on('connection', (socket) => admission.enter(nameOfEnd(socket as Socket), socket));
    server.on('request', (request, response) => {
      void serve({ endpoint, admission, ...options }, request, response).catch((error: unknown) => {
        log.error({ error }, `a request could not be answered: ${reasonOf(error)}`);
        response.destroy();
      });
    });
    server.on('tlsClientError', (error) => log.debug({ error }, `no TLS connection: ${reasonOf(error)}`));
    await listen(server, host, port);
    return new HubServer(server, options);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes new certificates for new connections; keeps the old ones when they cannot be used. */
  reloadChanged(): void {
    const stamp = stampOf(filesOf(this.#options));
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    try {
      this.#server.setSecureContext(secrets(this.#options));
      this.#options.log.info('the certificate was read again');
    } catch (error) {
      this.#options.log.error({ error }, `the new certificate cannot be used: ${reasonOf(error)}`);
    }
  }

  /** Answers what has begun, then ends. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), GRACE_MS);
    await closed;
    clearTimeout(timer);
  }
}

function filesOf({ certificateFile, keyFile, clientCaFile }: ServerOptions): (string | null)[] {
  return [certificateFile, keyFile, clientCaFile];
}

function secrets({ certificateFile, keyFile, clientCaFile }: ServerOptions) {
  return {
    minVersion: 'TLSv1.2' as const,
    cert: readKeyFile(certificateFile),
    key: readKeyFile(keyFile),
    ...(clientCaFile !== null && { ca: readKeyFile(clientCaFile), requestCert: true, rejectUnauthorized: true }),
  };
}

function usable(create: () => Server): Server {
  try {
    return create();
  } catch (cause) {
    if (cause instanceof ForebearError) throw cause;
    throw new ForebearError('FB_HUB_TLS', `certificate and key cannot be used: ${reasonOf(cause)}`, { cause });
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen({ host, port }, () => listening.resolve());
  try {
    await listening.promise;
  } catch (cause) {
    throw new ForebearError('FB_HUB_LISTEN', `cannot listen on ${host}:${port}: ${plainReason(cause)}`, { cause });
  }
}

async function serve(
  { endpoint, admission, maxDrainBytes }: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.on('error', () => {});
  response.on('error', () => {});
  const answer = await endpoint.answer(headOf(request));
  if (!OF_STRANGERS.has(answer.status)) admission.prove(nameOfEnd(request.socket));
  write(response, answer);
  drain(request, maxDrainBytes);
}

/** Of a connection's other end; the same for a socket and for the TLS in it. */
function nameOfEnd({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}

function headOf(request: IncomingMessage): Request {
  const { headers, method = '', url = '' } = request;
  const name = (request.socket as TLSSocket).authorized ? nameOf(request.socket as TLSSocket) : undefined;
  const length = Number(headers['content-length']);
  return {
    method,
    path: url,
    contentType: (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase(),
    contentEncoding: (headers['content-encoding'] ?? '').trim().toLowerCase(),
    ...(Number.isInteger(length) && { contentLength: length }),
    authorization: headers.authorization ?? '',
    ...(name !== undefined && { certificateName: name }),
    body: request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>,
  };
}

/** undefined for a certificate with several common names: which of them would count? */
function nameOf(socket: TLSSocket): string | undefined {
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  return typeof name === 'string' ? name : undefined;
}

function write(response: ServerResponse, { status, body, retryAfterSeconds }: Response): void {
  response.writeHead(status, {
    'content-type': INGEST_TYPE,
    'content-length': String(body.length),
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
  });
  response.end(body);
}

/** A connection that is closed while its other end still writes loses the answer. */
function drain(request: IncomingMessage, most: number): void {
  if (request.complete) return;
  let left = most;
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
  request.resume();
}
