// What an OTLP endpoint's answers mean, as delivery.md and the specification say. The transport is scripted.

import { expect, it } from 'vitest';
import type { Answer } from '../../../src/ship/output.ts';
import { otlpOutput } from '../../../src/ship/outputs/otlp.ts';
import type { HttpReply, HttpRequest } from '../../../src/ship/transport.ts';
import { parcel, parcels } from './parcels.ts';

const PROTOBUF = 'application/x-protobuf';
const never = new AbortController().signal;

function scripted(reply: HttpReply) {
  const requests: HttpRequest[] = [];
  const transport = {
    request: async (request: HttpRequest) => {
      requests.push(request);
      return reply;
    },
    close: async () => {},
  };
  return { requests, output: otlpOutput(transport, '1.2.3') };
}

function answer(status: number, contentType: string, body: string | Buffer, retryAfterMs?: number): HttpReply {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return {
    is: 'answer',
    status,
    contentType,
    body: bytes,
    headers: {},
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

const status = (message: string) => Buffer.concat([Buffer.from([8, 3, 18, message.length]), Buffer.from(message)]);
const partial = (rejected: number, message: string) => {
  const inner = Buffer.concat([
    rejected === 0 ? Buffer.alloc(0) : Buffer.from([8, rejected]),
    Buffer.from([18, message.length]),
    Buffer.from(message),
  ]);
  return Buffer.concat([Buffer.from([10, inner.length]), inner]);
};

const HTML = '<html>\n<title>502</title></html>';

interface Row {
  case: string;
  reply: HttpReply;
  is: Extract<Answer, { of: 'batch' }>['verdict']['is'];
  reason?: RegExp;
  afterMs?: number;
}

const rows: Row[] = [
  { case: 'an empty partial success', reply: answer(200, PROTOBUF, Buffer.from('0a00', 'hex')), is: 'delivered' },
  { case: 'an empty answer', reply: answer(200, PROTOBUF, ''), is: 'delivered' },
  { case: '204 without a body or a type', reply: answer(204, '', ''), is: 'delivered' },
  { case: 'a warning', reply: answer(200, PROTOBUF, partial(0, 'old names')), is: 'delivered' },
  {
    case: 'a partial success',
    reply: answer(200, PROTOBUF, partial(2, 'bad time')),
    is: 'rejected',
    reason: /^2 of .* bad time$/,
  },
  { case: 'a success in HTML', reply: answer(200, 'text/html', HTML), is: 'hold', reason: /text\/html, no protobuf/ },
  { case: 'a success of another type without a body', reply: answer(200, 'text/plain', ''), is: 'hold' },
  { case: 'a success in JSON', reply: answer(200, 'application/json', '{}'), is: 'hold' },
  { case: 'a success of garbage', reply: answer(200, PROTOBUF, Buffer.from('0aff', 'hex')), is: 'hold' },
  { case: '429', reply: answer(429, PROTOBUF, status('slow'), 7000), is: 'retry', afterMs: 7000, reason: /slow/ },
  { case: '502 of a proxy', reply: answer(502, 'text/html', HTML), is: 'retry', reason: /^HTTP 502: text\/html/ },
  { case: '503', reply: answer(503, PROTOBUF, status('memory')), is: 'retry' },
  { case: '504 of a proxy', reply: answer(504, 'text/html', HTML), is: 'retry' },
  {
    case: '400 of a collector',
    reply: answer(400, PROTOBUF, status('too large')),
    is: 'split',
    reason: /^HTTP 400: too large$/,
  },
  { case: '400 in HTML (a certificate, say)', reply: answer(400, 'text/html', HTML), is: 'hold' },
  { case: '400 of garbage', reply: answer(400, PROTOBUF, Buffer.from('ff', 'hex')), is: 'hold' },
  { case: '413 of a proxy', reply: answer(413, 'text/html', HTML), is: 'split' },
  { case: '401', reply: answer(401, PROTOBUF, status('who')), is: 'hold' },
  { case: '403', reply: answer(403, PROTOBUF, status('no')), is: 'hold' },
  { case: '404', reply: answer(404, PROTOBUF, status('where')), is: 'hold' },
  { case: '405 as text', reply: answer(405, 'text/plain', 'no'), is: 'hold' },
  { case: '415 as text', reply: answer(415, 'text/plain', 'no'), is: 'hold' },
  { case: '307', reply: answer(307, 'text/html', HTML), is: 'hold' },
  { case: '500', reply: answer(500, PROTOBUF, status('next hop: 500')), is: 'rejected', reason: /next hop/ },
  { case: '500 in HTML', reply: answer(500, 'text/html', HTML), is: 'hold' },
  { case: '422', reply: answer(422, PROTOBUF, status('invalid')), is: 'rejected' },
  { case: 'a reset', reply: { is: 'broken', verdict: 'retry', code: 'ECONNRESET', reason: 'reset' }, is: 'retry' },
  {
    case: 'a certificate',
    reply: { is: 'broken', verdict: 'hold', code: 'CERT_HAS_EXPIRED', reason: 'old' },
    is: 'hold',
  },
];

it.each(rows)('$case -> $is', async ({ reply, is, reason, afterMs }) => {
  const { output } = scripted(reply);
  const said = await output.send(parcels(3), never);
  expect(said).toMatchObject({ of: 'batch', verdict: { is } });
  const verdict = (said as Extract<Answer, { of: 'batch' }>).verdict;
  if (reason !== undefined) expect('reason' in verdict && verdict.reason).toMatch(reason);
  expect('afterMs' in verdict ? verdict.afterMs : undefined).toBe(afterMs);
});

it('posts protobuf to the configured URL', async () => {
  const { output, requests } = scripted(answer(200, PROTOBUF, ''));
  await output.send(parcels(2), never);
  expect(requests).toEqual([
    { method: 'POST', path: '', headers: { 'content-type': PROTOBUF }, body: expect.any(Uint8Array) },
  ]);
});

it('bounds what a hostile endpoint says to one line of 200 characters', async () => {
  const body = `\u001b[2J${'a\n'.repeat(5000)}`;
  for (const reply of [answer(500, 'text/html', body), answer(200, `x/${'y'.repeat(9000)}`, body)]) {
    const said = await scripted(reply).output.send(parcels(1), never);
    const { reason } = (said as { verdict: { reason: string } }).verdict;
    expect(reason.length).toBeLessThanOrEqual(200);
    expect(reason).not.toMatch(/\p{Cc}/u);
  }
});

it.each(['no json', '[1]', 'null', ''])('splits to find the document that is no JSON object: %s', async (text) => {
  const { output, requests } = scripted(answer(200, PROTOBUF, ''));
  const batch = [parcel(1), parcel(2, { document: Buffer.from(text) })];
  expect(await output.send(batch, never)).toMatchObject({ of: 'batch', verdict: { is: 'split' } });
  expect(requests).toEqual([]);
});
