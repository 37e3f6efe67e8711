// Which engine answers: Elasticsearch or OpenSearch, and its version. From GET /, whose version.distribution only OpenSearch
// has; without the right to ask (cluster:monitor/main) Elasticsearch is known by a header of every answer. For templates
// alone: sending is the same for both, and its key need not be allowed to ask.

import type { HttpReply, HttpTransport } from '../transport.ts';
import { engineError, isJson, jsonOf } from './bulk-answer.ts';
import { oneLine } from './bulk-reason.ts';

export interface Product {
  name: 'elasticsearch' | 'opensearch';
  /** As told, "8.19.21". */
  version: string;
}

/** What is taken where nobody can be asked: the versions that are tested. */
export const USUAL_VERSIONS: Readonly<Record<Product['name'], string>> = { elasticsearch: '8.19', opensearch: '2.19' };

/** out: the product, or why it is not known (one line). Never rejects for what the endpoint does. */
export async function askProduct(transport: HttpTransport, signal: AbortSignal): Promise<Product | string> {
  return productOf(await transport.request({ method: 'GET', path: '/' }, signal));
}

function productOf(reply: HttpReply): Product | string {
  if (reply.is === 'broken') return oneLine(`${reply.code}: ${reply.reason}`);
  const body = jsonOf(reply);
  const version = isJson(body?.version) ? body.version : {};
  if (reply.status === 200 && typeof version.number === 'string' && /^\d+\.\d+/.test(version.number)) {
    const name = version.distribution === 'opensearch' ? 'opensearch' : 'elasticsearch';
    return { name, version: version.number.slice(0, 32) };
  }
  if (reply.status === 403 && reply.headers['x-elastic-product'] === 'Elasticsearch') {
    return { name: 'elasticsearch', version: USUAL_VERSIONS.elasticsearch };
  }
  const error = engineError(body);
  return oneLine(`GET / answers HTTP ${reply.status}${error === undefined ? '' : ` ${error.type}: ${error.reason}`}`);
}

/** in: a product, "8.14"; out: whether its version is that or a later one. */
export function isSince({ version }: Product, since: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = since.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
