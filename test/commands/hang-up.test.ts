// SIGHUP at the built program: a shipper without a terminal loads its outputs anew, one at a terminal ends in order.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LAUNCHER, whyNotBuilt } from './built.ts';

let state: string;
beforeEach((context) => {
  const missing = whyNotBuilt();
  if (missing !== undefined) context.skip(missing);
  state = mkdtempSync(join(tmpdir(), 'forebear-hup-'));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const statusText = () => {
  const file = join(state, 'ship/status.json');
  return existsSync(file) ? readFileSync(file, 'utf8') : '{}';
};
const outputs = (): string[] => (JSON.parse(statusText()).outputs ?? []).map(({ name }: { name: string }) => name);

function configure(...names: string[]): string {
  const file = join(state, 'ship.toml');
  writeFileSync(file, names.map((name) => `[outputs.${name}]\ntype = "file"\npath = "${name}.ndjson"\n`).join(''));
  return file;
}

it('is a reload for a service', async () => {
  const config = configure('one');
  const child = spawn(LAUNCHER, ['ship', '--state', state, '--config', config], { stdio: 'ignore' });
  const ended = new Promise((done) => child.once('exit', (status, by) => done([status, by])));
  await expect.poll(outputs, { timeout: 20_000 }).toEqual(['one']);
  configure('one', 'two');
  child.kill('SIGHUP');
  await expect.poll(outputs, { timeout: 20_000 }).toEqual(['one', 'two']);
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

it('is the end at a terminal, in order', async (context) => {
  if (!existsSync('/usr/bin/script')) return context.skip('/usr/bin/script is missing (package bsdutils)');
  const pidFile = join(state, 'pid');
  const command = `echo $$ > ${pidFile}; exec ${LAUNCHER} ship --state ${state} --config ${configure('one')}`;
  const terminal = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
  terminal.stdout.resume();
  const ended = new Promise((done) => terminal.once('exit', (status, by) => done([status, by])));
  await expect.poll(outputs, { timeout: 20_000 }).toEqual(['one']);
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGHUP');
  expect(await ended).toEqual([0, null]);
  expect(JSON.parse(statusText()).stoppedMs).toBeGreaterThan(0);
});
