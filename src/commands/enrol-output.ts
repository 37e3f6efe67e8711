// What `forebear enrol` is told on its command line -> one output: as it is tested now, and as it is written to outputs.d. Pure.
// Where systemd runs the shipper it has no right to read the files of secrets: systemd hands them over (LoadCredential=), and what is
// written names a credential; the test reads the file itself.

import { stringify } from 'smol-toml';
import type { OutputConfig, OutputType } from '../config/outputs.ts';
import { parseOutputs } from '../config/outputs-file.ts';
import { ForebearError } from '../errors.ts';
import { CONFIG_EXAMPLE } from './load-config.ts';

export interface EnrolOptions {
  elasticsearch?: string;
  opensearch?: string;
  hub?: string;
  otlp?: string;
  name: string;
  apiKeyFile?: string;
  username?: string;
  passwordFile?: string;
  tokenFile?: string;
  caFile?: string;
  fingerprint?: string;
}

export interface Enrolled {
  /** With the files themselves. */
  output: OutputConfig;
  /** TOML, for outputs.d/NAME.toml. */
  text: string;
  /** For systemd: what it is to hand over under which name. */
  credentials: readonly { name: string; file: string }[];
}

const ENDPOINTS: Readonly<Record<string, OutputType>> = {
  elasticsearch: 'elasticsearch',
  opensearch: 'elasticsearch',
  hub: 'hub',
  otlp: 'otlp',
};

const HEAD = `# Written by "forebear enrol". ${CONFIG_EXAMPLE} names every key that can stand here.\n`;

/**
 * in: options, absolute: a path of the command line -> an absolute one, asCredentials: whether systemd hands secrets over.
 * Throws FB_ENROL_ENDPOINT, FB_CONFIG_VALUE, FB_CONFIG_UNKNOWN_KEY (a key that this type does not have).
 */
export function enrolled(options: EnrolOptions, absolute: (path: string) => string, asCredentials: boolean): Enrolled {
  const { type, url } = endpointOf(options);
  const { name } = options;
  const secrets = given({
    api_key_file: options.apiKeyFile,
    password_file: options.passwordFile,
    token_file: options.tokenFile,
    ca_file: options.caFile,
  }).map(([key, path]) => ({ key, file: absolute(path), name: `${name}-${key.replace('_file', '')}` }));
  const plain = Object.fromEntries(given({ username: options.username, fingerprint: options.fingerprint }));
  const tableOf = (reference: (secret: (typeof secrets)[number]) => string) => {
    const files = Object.fromEntries(secrets.map((secret) => [secret.key, reference(secret)]));
    return `${stringify({ outputs: { [name]: { type, url, ...plain, ...files } } }).trim()}\n`;
  };
  const direct = tableOf(({ file }) => file);
  const [output] = parseOutputs(direct, 'forebear enrol');
  if (!asCredentials) return { output: output!, text: `${HEAD}${direct}`, credentials: [] };
  const credentials = secrets.map(({ name, file }) => ({ name, file }));
  return { output: output!, text: `${HEAD}${tableOf((secret) => `credential:${secret.name}`)}`, credentials };
}

function endpointOf(options: EnrolOptions): { type: OutputType; url: string } {
  const { elasticsearch, opensearch, hub, otlp } = options;
  const [first, ...more] = given({ elasticsearch, opensearch, hub, otlp });
  if (first !== undefined && more.length === 0) return { type: ENDPOINTS[first[0]]!, url: first[1] };
  const hint = 'forebear enrol --elasticsearch https://es.example.org:9200 --api-key-file es.key';
  const message = 'name one endpoint: --elasticsearch, --opensearch, --hub or --otlp, with its URL';
  throw new ForebearError('FB_ENROL_ENDPOINT', message, { hint });
}

function given(values: Readonly<Record<string, string | undefined>>): [string, string][] {
  return Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
}
