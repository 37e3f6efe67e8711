// `forebear ship` as its users run it, in a process of its own, on a journal that the test writes. What the journal has acknowledged
// is what the endpoint has to have in the end.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { JournalWriter } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { Counters } from '../../src/stats.ts';
import { sampleAlert } from '../commands/sample-alert.ts';
import { EVENT_MS } from '../ship/outputs/elasticsearch-fixture.ts';
import { type Engine, PASSWORD } from './engine.ts';

const FOREBEAR = resolve(import.meta.dirname, '../../bin/forebear');

export interface OutputState {
  state: string;
  cursorSeq: number;
  lastAnswer?: string;
  rejected: number;
}

export class Shipping {
  /** Ids of the alerts that the journal acknowledged. */
  readonly acknowledged: string[] = [];
  readonly folder: string;
  readonly #journal: JournalWriter;
  #child: ChildProcess | undefined;
  /** Newest acknowledged. */
  seq = 0;

  private constructor(folder: string, journal: JournalWriter) {
    this.folder = folder;
    this.#journal = journal;
  }

  /** in: keys of the output beside url and credentials, as TOML. */
  static async to(engine: Pick<Engine, 'url' | 'secure'>, keys: string): Promise<Shipping> {
    const folder = mkdtempSync(join(tmpdir(), 'forebear-ship-'));
    const directory = join(folder, 'state/journal');
    const options = {
      hostIdentity: 'host',
      hostId: 'host',
      counters: new Counters(),
      nowMs: Date.now,
      reserveBytes: 0,
    };
    const shipping = new Shipping(folder, await openJournal({ directory, ...options }));
    writeFileSync(join(folder, 'password'), PASSWORD);
    const login = engine.secure ? `username = "admin"\npassword_file = "${folder}/password"` : '';
    const output = `[outputs.central]\ntype = "elasticsearch"\nurl = "${engine.url}"\n${login}\n${keys}\n`;
    writeFileSync(join(folder, 'forebear.toml'), `[ship]\ndirectory = "${folder}/ship"\n${output}`);
    return shipping;
  }

  /** Journals so many alerts. */
  async journal(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => this.#append(this.acknowledged.length + i)));
  }

  async #append(number: number): Promise<void> {
    const uuid = number.toString(16).padStart(32, '0');
    const time = { '@timestamp': new Date(EVENT_MS + number).toISOString() };
    const alert = sampleAlert({ uuid });
    const payload = encodeAlert({ ...alert, document: { ...time, ...alert.document } });
    const seq = await this.#journal.append(payload, { kind: 'alert', rank: 1, wallMs: EVENT_MS });
    this.seq = Math.max(this.seq, seq);
    this.acknowledged.push(uuid);
  }

  /** Runs `forebear ship ARG...` to its end. */
  run(...args: string[]): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync(FOREBEAR, this.#arguments(args), {
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status, output: stdout + stderr };
  }

  start(): void {
    const log = openSync(join(this.folder, 'log'), 'a');
    this.#child = spawn(FOREBEAR, this.#arguments([]), { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  #arguments(args: string[]): string[] {
    return ['ship', '--state', join(this.folder, 'state'), '--config', join(this.folder, 'forebear.toml'), ...args];
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** As its status says; undefined before the first. */
  state(): OutputState | undefined {
    try {
      return JSON.parse(readFileSync(join(this.folder, 'ship/status.json'), 'utf8')).outputs[0];
    } catch {
      return undefined;
    }
  }

  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  async remove(): Promise<void> {
    await this.kill();
    await this.#journal.close();
    rmSync(this.folder, { recursive: true });
  }
}
