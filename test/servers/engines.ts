// Which engines this run is about (FOREBEAR_SERVERS of scripts/test-servers), and outputs that speak to them.

import { readSecret } from '../../src/ship/key-files-io.ts';
import type { Parcel, Verdict } from '../../src/ship/output.ts';
import {
  type ElasticsearchOutput,
  elasticsearchAccess,
  elasticsearchOutput,
} from '../../src/ship/outputs/elasticsearch.ts';
import { UndiciTransport } from '../../src/ship/transport-http.ts';
import { configOf, parcelOf } from '../ship/outputs/elasticsearch-fixture.ts';
import { type Engine, type EngineName, PASSWORD } from './engine.ts';

const SINGLE: readonly string[] = ['opensearch-2', 'opensearch-3', 'elasticsearch-8', 'elasticsearch-9'];
const asked = (process.env.FOREBEAR_SERVERS ?? '').split(' ');

export const engines = asked.filter((name): name is EngineName => SINGLE.includes(name));
export const threeNodes: boolean = asked.includes('three-nodes');
export const ALERTS = 'logs-forebear.alerts-default';

export const never: AbortSignal = new AbortController().signal;

/** The output over the real transport, as an administrator; key: the file of an API key instead. */
export function outputTo(engine: Engine, config: Record<string, unknown> = {}): ElasticsearchOutput {
  const admin =
    engine.secure && config.api_key_file === undefined ? { username: 'admin', password_file: '/admin' } : {};
  const settings = configOf({ url: engine.url, ...admin, ...config });
  const secret = (file: string) => (file === '/admin' ? PASSWORD : readSecret(file));
  return elasticsearchOutput(settings, new UndiciTransport(settings, elasticsearchAccess(settings, secret)));
}

/** What became of one parcel alone: "delivered", "hold 403 cluster_block_exception", "split 413". */
export async function fate(output: ElasticsearchOutput, parcel: Parcel = parcelOf(freshId())): Promise<string> {
  const answer = await output.send([parcel], never);
  const verdict = answer.of === 'items' ? answer.verdicts[0]! : answer.verdict;
  return verdict.is === 'delivered' ? told(verdict) : `${verdict.is} ${codeOf(verdict.reason)}`;
}

function told(verdict: Extract<Verdict, { is: 'delivered' }>): string {
  return verdict.duplicate === true ? 'duplicate' : 'delivered';
}

/** "HTTP 403 security_exception: ..." -> "403 security_exception". */
function codeOf(reason: string): string {
  return /^(?:HTTP )?(\d+(?: \w+)?)/.exec(reason)?.[1] ?? reason;
}

let serial = 0;

export function freshId(): string {
  return `id-${++serial}`;
}

/** Ids of all documents of an index, sorted, each as often as it is there. */
export async function idsIn(engine: Engine, index: string): Promise<string[]> {
  await engine.want('POST', `/${index}/_refresh`);
  const ids: string[] = [];
  for (let after: unknown; ; ) {
    const search = { size: 5000, _source: false, query: { match_all: {} }, sort: [{ _doc: 'asc' }] };
    const body = await engine.want('POST', `/${index}/_search`, {
      ...search,
      ...(after !== undefined && { search_after: after }),
    });
    const { hits } = (body as { hits: { hits: { _id: string; sort: unknown }[] } }).hits;
    ids.push(...hits.map(({ _id }) => _id));
    if (hits.length < 5000) return ids.sort();
    after = hits.at(-1)!.sort;
  }
}
