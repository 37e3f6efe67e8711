// toxiproxy as a child of the test: a TCP proxy before one address, with faults that are switched on and off by its API.

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort, Program } from '../ship/real/programs.ts';

const BUILT = resolve(import.meta.dirname, '../../build/servers');

/** Why it cannot be started here; "" when it can. */
export function missingToxiproxy(): string {
  const reason = join(BUILT, 'toxiproxy.unavailable');
  if (existsSync(reason)) return readFileSync(reason, 'utf8').trim();
  return existsSync(join(BUILT, 'toxiproxy/stamp')) ? '' : 'toxiproxy is not built: npm run test:servers -- toxiproxy';
}

/** upstream: what the client sends; downstream: what it gets. */
export interface Toxic {
  type: 'latency' | 'bandwidth' | 'limit_data' | 'reset_peer' | 'timeout' | 'slicer';
  stream: 'upstream' | 'downstream';
  attributes: Readonly<Record<string, number>>;
}

export class Toxiproxy {
  readonly url: string;
  readonly #program: Program;
  readonly #api: string;

  private constructor(program: Program, apiPort: number, port: number) {
    this.#program = program;
    this.#api = `http://127.0.0.1:${apiPort}/proxies`;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** in: the URL of what is behind it. */
  static async start(target: string): Promise<Toxiproxy> {
    const [apiPort, port] = [await freePort(), await freePort()];
    const args = ['-host', '127.0.0.1', '-port', String(apiPort)];
    const program = await Program.start(join(BUILT, 'toxiproxy/toxiproxy'), args, apiPort);
    const proxy = new Toxiproxy(program, apiPort, port);
    await proxy.#ask('POST', '', { name: 'endpoint', listen: `127.0.0.1:${port}`, upstream: new URL(target).host });
    return proxy;
  }

  async #ask(method: string, path: string, body?: object): Promise<void> {
    const answer = await fetch(this.#api + path, { method, ...(body && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }

  /** From now on, for connections that are there as well. */
  async poison(...toxics: readonly Toxic[]): Promise<void> {
    for (const [i, toxic] of toxics.entries()) {
      await this.#ask('POST', '/endpoint/toxics', { name: `fault-${i}`, toxicity: 1, ...toxic });
    }
  }

  async refuse(): Promise<void> {
    await this.#ask('POST', '/endpoint', { enabled: false });
  }

  /** No fault any more. */
  async heal(): Promise<void> {
    const answer = await fetch(this.#api.replace(/proxies$/, 'reset'), { method: 'POST' });
    if (!answer.ok) throw new Error(`reset: ${answer.status}`);
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}
