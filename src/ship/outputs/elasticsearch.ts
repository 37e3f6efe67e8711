// The output of Elasticsearch and OpenSearch: batches by _bulk, templates by setUp. What a batch's answer means stands in
// bulk-answer.ts, what is installed in templates.ts. Made by the lane's maker from one [outputs.NAME] of type elasticsearch.
// Sending asks for nothing but what an API key with create_doc (and auto_configure) may do.

import type { OutputOf } from '../../config/outputs.ts';
import { ForebearError } from '../../errors.ts';
import { readSecret } from '../key-files-io.ts';
import { type Answer, type Output, type Parcel, whole } from '../output.ts';
import type { HttpTransport } from '../transport.ts';
import { realWaiting, type Waiting } from '../wait.ts';
import { ANSWER_FIELDS, bulkAnswer } from './bulk-answer.ts';
import { Doubts } from './bulk-doubts.ts';
import { oneLine } from './bulk-reason.ts';
import { bulkBody } from './bulk-request.ts';
import { type SetupReport, setUp } from './template-setup.ts';

export interface ElasticsearchOutput extends Output {
  /** Installs the templates; what is as it should be is left alone. Never rejects for what the endpoint does. */
  setUp(signal: AbortSignal): Promise<SetupReport>;
}

type Config = OutputOf<'elasticsearch'>;

/** The transport's words for an answer of more than MAX_ANSWER bytes: half a batch has half the refusals. */
const ANSWER_TOO_LARGE = ['FB_SHIP_ANSWER_SIZE', 'UND_ERR_RES_EXCEEDED_MAX_SIZE'];
/** The share of an attempt's time that the engine may wait for a shard: it then says so before this side gives up. */
const SHARD_WAIT = 0.5;

/** in: settings, a transport made with elasticsearchAccess, which the output closes. */
export function elasticsearchOutput(
  config: Config,
  transport: HttpTransport,
  waiting: Waiting = realWaiting,
): ElasticsearchOutput {
  const wait = Math.ceil(config.timeout * SHARD_WAIT);
  const path = `/_bulk?timeout=${wait}ms&filter_path=${ANSWER_FIELDS}`;
  const headers = { 'content-type': 'application/x-ndjson' };

  async function attempt(batch: readonly Parcel[], signal: AbortSignal): Promise<Answer> {
    const reply = await transport.request({ method: 'POST', path, headers, body: bulkBody(batch, config) }, signal);
    const tooLarge = reply.is === 'broken' && ANSWER_TOO_LARGE.includes(reply.code);
    if (tooLarge && batch.length > 1) return whole({ is: 'split', reason: oneLine(reply.reason) });
    return bulkAnswer(reply, batch);
  }

  const doubts = new Doubts(attempt, config.duplicate_wait, waiting);
  return {
    type: 'elasticsearch',
    send: (batch, signal) => doubts.send(batch, signal),
    setUp: (signal) => setUp(config, transport, signal),
    close: () => transport.close(),
  };
}

/**
 * What the transport wants to know of the credentials: an API key, or a user's name and password.
 * out: the header's value, asked for with each request (throws FB_SHIP_KEY); the files that it is read from.
 */
export function elasticsearchAccess(config: Config, secret: (file: string) => string = readSecret) {
  const { api_key_file, username, password_file } = config;
  const files = [api_key_file, password_file];
  const authorization = (): string | undefined => {
    if (api_key_file !== null) return `ApiKey ${encodedKey(api_key_file, secret(api_key_file))}`;
    if (username === null) return undefined;
    return `Basic ${base64(`${username}:${password_file === null ? '' : secret(password_file)}`)}`;
  };
  return { authorization, files };
}

/** Kibana shows a key encoded; the engine's own answer has id and api_key apart, and id:api_key is taken too. */
function encodedKey(file: string, key: string): string {
  if (/^[\w-]+:[\w-]+$/.test(key)) return base64(key);
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(key)) return key;
  throw new ForebearError('FB_SHIP_KEY', `cannot use ${file}: it holds no API key`);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
