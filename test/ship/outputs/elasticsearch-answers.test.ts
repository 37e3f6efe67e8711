// Each row of delivery's table with what OpenSearch 2.19.6 and Elasticsearch 8.19.21 really answered, and what a hostile endpoint
// may answer instead.

import { describe, expect, it } from 'vitest';
import type { Answer, Parcel } from '../../../src/ship/output.ts';
import { bulkAnswer } from '../../../src/ship/outputs/bulk-answer.ts';
import type { HttpReply } from '../../../src/ship/transport.ts';
import { parcelOf, replyOf } from './elasticsearch-fixture.ts';

const ONE = [parcelOf('13')];
const TWO = [parcelOf('1'), parcelOf('2')];

const item = (id: string, status: number, error?: object) => ({ create: { _id: id, status, ...(error && { error }) } });
const failed = (status: number, type: string, reason: string, caused_by?: object) =>
  item('13', status, { type, reason, ...caused_by });
const items = (...all: object[]) => ({ errors: true, items: all });
const engine = (type: string, reason: string, status: number) => ({
  error: { root_cause: [{ type, reason }], type, reason },
  status,
});
/** One word or two for an answer: "delivered duplicate", "items" apart. */
const words = (answer: Answer): string[] =>
  (answer.of === 'items' ? answer.verdicts : [answer.verdict]).map((verdict) =>
    verdict.is === 'delivered' && verdict.duplicate ? 'duplicate' : verdict.is,
  );
const answerTo = (batch: readonly Parcel[], reply: HttpReply) => bulkAnswer(reply, batch);

describe('a document', () => {
  it.each<[string, object, string]>([
    ['201', item('13', 201), 'delivered'],
    [
      '409',
      failed(
        409,
        'version_conflict_engine_exception',
        '[13]: version conflict, document already exists (current version [1])',
      ),
      'duplicate',
    ],
    [
      'OpenSearch: does not fit',
      failed(
        400,
        'mapper_parsing_exception',
        'object mapping for [process] tried to parse field [process] as object, but found a concrete value',
      ),
      'rejected',
    ],
    [
      'Elasticsearch: does not fit',
      failed(
        400,
        'document_parsing_exception',
        '[1:52] object mapping for [process] tried to parse field [process] as object, but found a concrete value',
      ),
      'rejected',
    ],
    [
      'OpenSearch: too many fields',
      failed(400, 'illegal_argument_exception', 'Limit of total fields [2000] has been exceeded'),
      'rejected',
    ],
    [
      'Elasticsearch: a field name too long',
      failed(400, 'illegal_argument_exception', 'DocValuesField "_ignored" is too large, must be <= 32766'),
      'rejected',
    ],
    ['an unknown 400', failed(400, 'new_exception', 'x'), 'rejected'],
    ['413', failed(413, 'x', 'too large'), 'rejected'],
    [
      'index.blocks.write',
      failed(
        403,
        'cluster_block_exception',
        'index [.ds-logs-forebear.alerts-default-000001] blocked by: [FORBIDDEN/8/index write (api)];',
      ),
      'hold',
    ],
    [
      'disk over the flood stage',
      failed(
        429,
        'cluster_block_exception',
        'index [.ds-logs-forebear.alerts-default-000001] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];',
      ),
      'hold',
    ],
    [
      'no right',
      failed(
        403,
        'security_exception',
        'action [indices:data/write/bulk[s]] is unauthorized for API key id [x] of user [admin] on indices [other]',
      ),
      'hold',
    ],
    ['no such index', failed(404, 'index_not_found_exception', 'no such index [absent]'), 'hold'],
    ['401', failed(401, 'security_exception', 'x'), 'hold'],
    ['index closed', failed(400, 'index_closed_exception', 'closed'), 'hold'],
    ['no such pipeline', failed(400, 'illegal_argument_exception', 'pipeline with id [absent] does not exist'), 'hold'],
    [
      'alias to nowhere',
      failed(
        400,
        'illegal_argument_exception',
        'no write index is defined for alias [al]. The write index may be explicitly disabled',
      ),
      'hold',
    ],
    [
      'no room for a shard',
      failed(
        400,
        'validation_exception',
        'Validation Failed: 1: this action would add [2] shards, but this cluster currently has [2]/[1] maximum normal shards open;',
      ),
      'hold',
    ],
    [
      'a name that none can have',
      failed(400, 'invalid_index_name_exception', 'Invalid index name [Upper], must be lowercase'),
      'hold',
    ],
    ['queue full', failed(429, 'es_rejected_execution_exception', 'rejected execution'), 'retry'],
    [
      'shard not there',
      failed(503, 'unavailable_shards_exception', '[dead][0] primary shard is not active Timeout: [1s]'),
      'retry',
    ],
    ['no manager', failed(503, 'cluster_block_exception', 'blocked by: [SERVICE_UNAVAILABLE/2/no master];'), 'retry'],
    ['500', failed(500, 'exception', 'x'), 'retry'],
    ['408', failed(408, 'x', 'x'), 'retry'],
    ['302', item('13', 302), 'hold'],
    ['0', item('13', 0), 'hold'],
  ])('%s', (_name, answered, expected) => {
    const answer = answerTo(ONE, replyOf(200, items(answered)));
    expect(answer.of).toBe('items');
    expect(words(answer)).toEqual([expected]);
  });

  it('each by itself, in order', () => {
    const answered = items(item('1', 201), item('2', 400, { type: 'mapper_parsing_exception', reason: 'x' }));
    expect(words(answerTo(TWO, replyOf(200, answered)))).toEqual(['delivered', 'rejected']);
  });

  it('is told why, with the cause where the engine hides it', () => {
    const cause = {
      caused_by: { reason: "documents must contain a single-valued timestamp field '@timestamp' of date type" },
    };
    const answer = answerTo(
      ONE,
      replyOf(200, items(failed(400, 'mapper_parsing_exception', 'failed to parse', cause))),
    );
    expect(answer).toMatchObject({
      verdicts: [
        { reason: expect.stringMatching(/^400 mapper_parsing_exception: failed to parse: documents must contain/) },
      ],
    });
  });
});

describe('a whole batch', () => {
  const HTML = '<html><head><title>400 The SSL certificate error</title></head></html>';
  it.each<[string, HttpReply, string]>([
    [
      'OpenSearch: a broken action',
      replyOf(400, engine('json_e_o_f_exception', 'Unexpected end-of-input in field name', 400)),
      'split',
    ],
    [
      'Elasticsearch: a broken action',
      replyOf(400, engine('x_content_e_o_f_exception', '[1:7] Unexpected end of file', 400)),
      'split',
    ],
    [
      'no newline',
      replyOf(400, engine('illegal_argument_exception', 'The bulk request must be terminated by a newline [\\n]', 400)),
      'split',
    ],
    [
      'gzip that is none: a proxy’s doing',
      replyOf(400, engine('parse_exception', 'request body is required', 400)),
      'hold',
    ],
    ['413, empty', replyOf(413, '', { contentType: '' }), 'split'],
    ['nginx: an expired certificate', replyOf(400, HTML), 'hold'],
    ['a 400 of somebody’s JSON', replyOf(400, { error: 'bad', status: 400 }), 'hold'],
    ['406', replyOf(406, { error: 'Content-Type header [text/plain] is not supported', status: 406 }), 'hold'],
    ['405', replyOf(405, { error: 'Incorrect HTTP method for uri', status: 405 }), 'hold'],
    [
      '401',
      replyOf(401, engine('security_exception', 'unable to authenticate with provided credentials', 401)),
      'hold',
    ],
    [
      '403, cluster read only',
      replyOf(403, engine('cluster_block_exception', 'blocked by: [FORBIDDEN/6/cluster read-only (api)];', 403)),
      'hold',
    ],
    ['404', replyOf(404, 'not here'), 'hold'],
    ['a redirect', replyOf(307, '', { headers: { location: 'https://elsewhere.example/' } }), 'hold'],
    [
      'too much at once',
      replyOf(429, engine('es_rejected_execution_exception', 'rejected execution of coordinating operation', 429)),
      'retry',
    ],
    [
      '429 over the flood stage',
      replyOf(429, engine('cluster_block_exception', 'disk usage exceeded flood-stage watermark', 429)),
      'hold',
    ],
    ['429 of a proxy', replyOf(429, '<html>'), 'retry'],
    ['502', replyOf(502, '<html>'), 'retry'],
    [
      '503',
      replyOf(503, engine('cluster_block_exception', 'blocked by: [SERVICE_UNAVAILABLE/1/state not recovered]', 503)),
      'retry',
    ],
    ['504', replyOf(504, '<html>'), 'retry'],
    ['reset', { is: 'broken', verdict: 'retry', code: 'ECONNRESET', reason: 'read ECONNRESET' }, 'retry'],
    [
      'a certificate',
      { is: 'broken', verdict: 'hold', code: 'CERT_HAS_EXPIRED', reason: 'certificate has expired' },
      'hold',
    ],
  ])('%s', (_name, reply, expected) => {
    const answer = answerTo(TWO, reply);
    expect(answer.of).toBe('batch');
    expect(words(answer)).toEqual([expected]);
  });

  it('waits as long as it was told to', () =>
    expect(answerTo(TWO, replyOf(429, '', { retryAfterMs: 7000 }))).toMatchObject({
      verdict: { is: 'retry', afterMs: 7000 },
    }));
});

describe('an answer that does not fit is no success', () => {
  const first = item('1', 201);
  const second = item('2', 201);
  it.each<[string, unknown]>([
    ['fewer items', { errors: false, items: [first] }],
    ['more items', { errors: false, items: [first, second, second] }],
    ['another order', { errors: false, items: [second, first] }],
    ['the same twice', { errors: false, items: [first, first] }],
    ['another action', { errors: false, items: [first, { index: { _id: '2', status: 201 } }] }],
    ['two actions in one', { errors: false, items: [first, { ...second, index: { _id: '2', status: 201 } }] }],
    ['no id', { errors: false, items: [first, { create: { status: 201 } }] }],
    ['an id that is a number', { errors: false, items: [first, { create: { _id: 2, status: 201 } }] }],
    ['no status', { errors: false, items: [first, { create: { _id: '2' } }] }],
    ['a status that is text', { errors: false, items: [first, { create: { _id: '2', status: '201' } }] }],
    ['items that are null', { errors: false, items: [first, null] }],
    ['no items', { errors: false }],
    ['items that are no list', { errors: false, items: { 0: first, 1: second, length: 2 } }],
    ['a list', [first, second]],
    ['null', 'null'],
    ['nothing', ''],
    ['HTML', '<html>welcome</html>'],
    ['half of it', JSON.stringify({ errors: false, items: [first, second] }).slice(0, -3)],
    ['very deep', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
  ])('%s', (_name, body) => {
    expect(answerTo(TWO, replyOf(200, body))).toMatchObject({ of: 'batch', verdict: { is: 'hold' } });
  });

  it.each<[number]>([[201], [202], [204], [206]])('HTTP %d', (status) => {
    const body = { errors: false, items: [first, second] };
    expect(words(answerTo(TWO, replyOf(status, body)))).toEqual(['hold']);
  });
});

describe('a reason is one short line, whatever the endpoint writes', () => {
  const hostile = `\u001b]52;c;x\u0007\n\u202e${'x'.repeat(100_000)}\ud800`;
  it.each<[string, HttpReply]>([
    ['of an item', replyOf(200, items(failed(400, hostile, hostile, { caused_by: { reason: `${hostile}!` } })))],
    ['of a batch', replyOf(403, engine(hostile, hostile, 403))],
    ['of what broke', { is: 'broken', verdict: 'retry', code: hostile, reason: hostile }],
    ['of types that are no text', replyOf(200, items(item('13', 400, { type: { toString: 1 }, reason: ['x'] })))],
    ['of a cause that is none', replyOf(200, items(item('13', 400, { type: 'x', reason: null, caused_by: [1] })))],
  ])('%s', (_name, reply) => {
    const answer = answerTo(ONE, reply);
    const [verdict] = answer.of === 'items' ? answer.verdicts : [answer.verdict];
    const { reason } = verdict as { reason: string };
    expect(reason.length).toBeLessThanOrEqual(200);
    expect(reason).toMatch(/^[\x20-\x7e…]+$/);
  });
});
