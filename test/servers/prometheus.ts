// Debian's Prometheus as a child of the test: it scrapes what it is given twice a second, evaluates rules, and is asked by its API.

import { readFileSync } from 'node:fs';
import { freePort, Program, type Scratch } from '../ship/real/programs.ts';

/** What the operator's manual tells to watch: the first column of a table of docs/metrics.md. */
export function watchedIn(markdown: string): string[] {
  const section = /## What to watch\n([\s\S]*?)\n## /.exec(`${markdown}\n## `)?.[1] ?? '';
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, expression]) => expression!);
}

export interface Series {
  metric: Record<string, string>;
  value: number;
}

export interface AlertRule {
  query: string;
  health: string;
  lastError?: string;
  state: string;
}

export interface Target {
  scrapeUrl: string;
  health: string;
  lastError: string;
}

export class Prometheus {
  readonly #program: Program;
  readonly #url: string;
  readonly #log: string;

  private constructor(program: Program, url: string, log: string) {
    this.#program = program;
    this.#url = url;
    this.#log = log;
  }

  /** in: host:port of each, expressions to alert on. */
  static async start(files: Scratch, targets: readonly string[], expressions: readonly string[]): Promise<Prometheus> {
    const rules = expressions.map((expr, i) => ({ alert: `Watch${i}`, expr }));
    files.file('rules.yml', JSON.stringify({ groups: [{ name: 'watch', interval: '500ms', rules }] }));
    const configuration = {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms' },
      rule_files: ['rules.yml'],
      scrape_configs: [{ job_name: 'forebear', static_configs: [{ targets }] }],
    };
    const port = await freePort();
    const log = files.file('prometheus.log', '');
    const args = [
      `--config.file=${files.file('prometheus.yml', JSON.stringify(configuration))}`,
      `--storage.tsdb.path=${files.file('tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const script = 'log=$1; shift; exec prometheus "$@" 2>>"$log"';
    const program = await Program.start('/bin/sh', ['-c', script, 'sh', log, ...args], port);
    return new Prometheus(program, `http://127.0.0.1:${port}`, log);
  }

  async #ask<T>(path: string): Promise<T> {
    const { status, data, error } = (await (await fetch(`${this.#url}/api/v1/${path}`)).json()) as {
      status: string;
      data: T;
      error?: string;
    };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }

  /** The newest value of each series. */
  async query(expression: string): Promise<Series[]> {
    interface Found {
      result: { metric: Record<string, string>; value: [number, string] }[];
    }
    const { result } = await this.#ask<Found>(`query?query=${encodeURIComponent(expression)}`);
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  async targets(): Promise<Target[]> {
    return (await this.#ask<{ activeTargets: Target[] }>('targets?state=active')).activeTargets;
  }

  /** Type and help of each metric, as it keeps them. */
  metadata(): Promise<Record<string, { type: string; help: string }[]>> {
    return this.#ask('metadata');
  }

  async rules(): Promise<AlertRule[]> {
    return (await this.#ask<{ groups: { rules: AlertRule[] }[] }>('rules')).groups.flatMap(({ rules }) => rules);
  }

  /** What it complains of: samples that it had to drop among it. */
  complaints(): string[] {
    return readFileSync(this.#log, 'utf8')
      .split('\n')
      .filter((line) => /level=(warn|error)/.test(line));
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}
