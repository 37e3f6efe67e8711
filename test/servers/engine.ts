// A real OpenSearch or Elasticsearch node as a child of the test: started from build/servers/NAME (test/servers/build), killed,
// started again on its old address and data. Elasticsearch has security on: user "admin" may do everything.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

const BUILT = resolve(import.meta.dirname, '../../build/servers');
const START_LIMIT_MS = 60_000;
export const PASSWORD = 'forebear-test';
/** bcrypt of PASSWORD. */
const ENCRYPTED = '$2a$10$abcdefghijklmnopqrstuu3wepKtJpAQcm3rtbdZCTGXsIwDdVBLi';

export type EngineName = 'opensearch-2' | 'opensearch-3' | 'elasticsearch-8' | 'elasticsearch-9';

/** Why this engine cannot be started here; "" when it can. */
export function missing(name: EngineName): string {
  const reason = join(BUILT, `${name}.unavailable`);
  if (existsSync(reason)) return `${name}: ${readFileSync(reason, 'utf8').trim()}`;
  return existsSync(join(BUILT, name, 'stamp')) ? '' : `${name} is not built: npm run test:servers`;
}

export interface EngineAnswer {
  status: number;
  body: Record<string, unknown>;
}

interface EngineOptions {
  /** name=value */
  settings?: readonly string[];
  /** Java's options, after those of a small node that starts quickly. */
  jvm?: readonly string[];
}

export class Engine {
  readonly name: EngineName;
  readonly url: string;
  readonly secure: boolean;
  readonly #home: string;
  readonly #settings: readonly string[];
  readonly #jvm: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(name: EngineName, home: string, port: number, { settings = ALONE, jvm = [] }: EngineOptions) {
    this.name = name;
    this.#jvm = jvm;
    this.url = `http://127.0.0.1:${port}`;
    this.secure = name.startsWith('elasticsearch');
    this.#home = home;
    const security = ['xpack.security.enabled=true', 'xpack.license.self_generated.type=basic'];
    this.#settings = [
      ...['cluster.name=forebear', 'network.host=127.0.0.1', `http.port=${port}`],
      ...(this.secure ? security : []),
      ...settings,
    ];
  }

  /** in: engine, a name for its data (they begin empty), its settings; discovery: of a node alone unless told. */
  static async start(
    name: EngineName,
    data: string,
    settings: EngineOptions['settings'] = ALONE,
    jvm: EngineOptions['jvm'] = [],
  ): Promise<Engine> {
    const home = join(BUILT, 'data', `${name}-${data}`);
    rmSync(home, { recursive: true, force: true });
    mkdirSync(join(home, 'config'), { recursive: true });
    writeFileSync(join(home, 'config/users'), `admin:${ENCRYPTED}\n`);
    writeFileSync(join(home, 'config/users_roles'), 'superuser:admin\n');
    const engine = new Engine(name, home, await freePort(), { settings, jvm });
    await engine.again();
    if (name === 'elasticsearch-9') await engine.withoutZstd();
    return engine;
  }

  /** Its best_compression is zstd, in a native library that Maven Central does not have: the operator's template does without. */
  private async withoutZstd(): Promise<void> {
    await this.want('PUT', '/_component_template/forebear-custom', {
      template: { settings: { index: { codec: 'default' } } },
    });
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Starts it where it was. Resolves when it takes requests. */
  async again(): Promise<void> {
    const built = join(BUILT, this.name);
    const text = (file: string) => readFileSync(join(built, file), 'utf8').trim();
    const heap = this.secure ? '512m' : '384m';
    const log = openSync(join(this.#home, 'log'), 'a');
    const jvm = [`-Xms${heap}`, `-Xmx${heap}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...this.#jvm];
    const files = [`-XX:SharedArchiveFile=${built}/node.jsa`, `-Dlog4j2.configurationFile=${built}/log4j2.properties`];
    const main = ['-cp', text('classpath'), 'ServerNode', this.#home, join(built, 'modules'), ...this.#settings];
    // A test runner that is killed takes its servers with it.
    const java = ['--pdeathsig', 'KILL', join(text('java-home'), 'bin/java'), ...jvm, ...files, ...main];
    const child = spawn('setpriv', java, { stdio: ['ignore', 'pipe', log] });
    this.#child = child;
    const ready = new Promise<boolean>((resolve) => {
      child.stdout!.on('data', (bytes: Buffer) => resolve(bytes.toString().includes('ready')));
      child.once('exit', () => resolve(false));
      setTimeout(() => resolve(false), START_LIMIT_MS).unref();
    });
    if (await ready) return;
    child.kill('SIGKILL');
    const tail = readFileSync(join(this.#home, 'log'), 'utf8').split('\n').slice(-20).join('\n');
    throw new Error(`${this.name} did not start:\n${tail}`);
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Asks as an administrator. */
  async ask(method: string, path: string, body?: object): Promise<EngineAnswer> {
    const authorization = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
    const headers = { ...(this.secure && { authorization }), ...(body && { 'content-type': 'application/json' }) };
    const answer = await fetch(this.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
  }

  /** As ask, for what has to succeed. */
  async want(method: string, path: string, body?: object): Promise<EngineAnswer['body']> {
    const answer = await this.ask(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}

export const ALONE = ['discovery.type=single-node', 'transport.port=0'];

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
