// The server of the metrics over real sockets on loopback: what it answers, to whom it does not, and that it ends.

import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsServer } from '../../src/ship/metrics-server-io.ts';
import { Counters } from '../../src/stats.ts';

let counters: Counters;
let problems: string[];
let metrics: () => string;
let lines: string[];
let server: MetricsServer | undefined;
const sockets: Socket[] = [];

beforeEach(async () => {
  counters = new Counters();
  problems = [];
  lines = [];
  metrics = () => 'forebear_a 1\n';
  server = await serve('127.0.0.1:0');
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.[Symbol.asyncDispose]();
});

async function serve(listen: string): Promise<MetricsServer> {
  const say = (level: string) => (first: unknown, second?: string) =>
    void lines.push(`${level} ${typeof first === 'string' ? first : second}`);
  const log = { info: say('info'), warn: say('warn'), error: say('error') } as never;
  return await MetricsServer.start({ listen, metrics: () => metrics(), problems: () => problems, counters, log });
}

interface Got {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

function ask(path: string, method = 'GET', body?: string): Promise<Got> {
  const got = Promise.withResolvers<Got>();
  const sent = request({ port: server!.port, host: '127.0.0.1', path, method, agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => got.resolve({ status: response.statusCode!, headers: response.headers, body: text }));
  });
  sent.on('error', got.reject);
  sent.end(body);
  return got.promise;
}

async function open(): Promise<Socket> {
  const socket = connect(server!.port, '127.0.0.1').on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Until the other side has ended the connection. */
async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

describe('answers', () => {
  it.each([
    ['GET', '/metrics', 200],
    ['GET', '/metrics?name[]=x', 200],
    ['GET', '/healthz', 200],
    ['GET', '/', 404],
    ['GET', '/metrics/', 404],
    ['GET', '/../metrics', 404],
    ['HEAD', '/metrics', 405],
    ['POST', '/metrics', 405],
    ['PUT', '/healthz', 405],
  ])('%s %s with %d, and counts that', async (method, path, status) => {
    expect((await ask(path, method)).status).toBe(status);
    expect(counters.get('ship_scrapes_answered_total', String(status))).toBe(1);
  });

  it('in the form that Prometheus asks for', async () => {
    const { headers, body } = await ask('/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body).toBe('forebear_a 1\n');
  });

  it('503 and what is wrong, where something is', async () => {
    problems = ['output a: hold: "x"', 'the agent has been stopped'];
    const { status, body, headers } = await ask('/healthz');
    expect([status, headers['content-type']]).toEqual([503, 'application/json']);
    expect(JSON.parse(body)).toEqual({ status: 'failing', problems });
    expect((await ask('/metrics')).status).toBe(200);
  });

  it('500 where a figure cannot be had, and logs why', async () => {
    metrics = () => {
      throw new Error('no database');
    };
    expect((await ask('/metrics')).status).toBe(500);
    expect(lines.at(-1)).toBe('error /metrics could not be answered: no database');
    expect((await ask('/healthz')).status).toBe(200);
  });

  it('a body is not read: the connection ends', async () => {
    const { status, headers } = await ask('/metrics', 'GET', 'x'.repeat(1000));
    expect([status, headers.connection]).toEqual([200, 'close']);
  });
});

describe('limits', () => {
  it('more than 16 connections: the others are closed', async () => {
    const first = await Promise.all(Array.from({ length: 16 }, open));
    const next = await open();
    let said = '';
    next.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    next.write('GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await closed(next);
    expect(said).toBe('');
    first[0]!.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(String(await once(first[0]!, 'data'))).toMatch(/^HTTP\/1.1 200 /);
  });

  it('who sends nothing, or a head that never ends, is cut off', { timeout: 20_000 }, async () => {
    const [silent, endless] = [await open(), await open()];
    endless.write('GET /metrics HTTP/1.1\r\nx: ');
    await Promise.all([closed(silent), closed(endless)]);
  });

  it.each([
    ['a head of 9000 bytes', `GET /metrics HTTP/1.1\r\nx: ${'y'.repeat(9000)}\r\n\r\n`, 431],
    ['no HTTP', 'hello\r\n\r\n', 400],
  ])('%s is refused', async (_name, text, status) => {
    const socket = await open();
    let said = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    socket.write(text);
    await closed(socket);
    expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
});

describe('the end', () => {
  it('comes though a scraper keeps its connection, and one is in the middle of a request', async () => {
    const [kept, asking] = [await open(), await open()];
    kept.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(kept, 'data');
    asking.write('GET /metrics HTTP/1.1\r\nhost');
    await server![Symbol.asyncDispose]();
    await Promise.all([closed(kept), closed(asking)]);
    server = undefined;
  });
});

describe('where it listens', () => {
  it('is told, with a warning where others can reach it', async () => {
    expect(lines).toEqual([
      `info metrics at http://127.0.0.1:${server!.port}/metrics, health at http://127.0.0.1:${server!.port}/healthz`,
    ]);
    await using other = await serve('0.0.0.0:0');
    expect(other.port).toBeGreaterThan(0);
    expect(lines.at(-1)).toMatch(/^warn /);
  });

  it.each(['127.0.0.1:99999', 'no such host:1', '[::1:1'])('%s is refused with its code', async (listen) => {
    await expect(serve(listen)).rejects.toMatchObject({ code: 'FB_SHIP_METRICS_LISTEN' });
  });

  it('an address that is taken is refused with its code', async () => {
    await expect(serve(`127.0.0.1:${server!.port}`)).rejects.toMatchObject({ code: 'FB_SHIP_METRICS_LISTEN' });
  });
});
