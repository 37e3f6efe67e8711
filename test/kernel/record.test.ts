// `forebear record` on this machine's own kernel, as its users run it, and what can be asked of the file afterwards.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseLines, runForebear, until, whyNoSensor } from './agent-process.ts';

const missing = whyNoSensor();
const LAUNCHER = resolve(import.meta.dirname, '../../bin/forebear');
const folder = mkdtempSync(join(tmpdir(), 'forebear-live-record-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Recorder {
  child: ChildProcess;
  out: () => string;
  ended: Promise<number | null>;
}

async function recorder(...args: string[]): Promise<Recorder> {
  const child = spawn(LAUNCHER, ['record', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = new Promise<number | null>((done) => child.on('close', done));
  await until(
    () => err.includes('recording to') || child.exitCode !== null,
    () => `recording to; ${err}`,
  );
  expect(child.exitCode, err).toBeNull();
  return { child, out: () => out, ended };
}

const execsOf = (file: string) =>
  parseLines(
    runForebear(['query', '--language', 'kql', '--json', 'event.action:exec and process.args:marker-*', file]).stdout,
  );
const argsOf = (document: Record<string, unknown>) => (document.process as { args: string[] }).args;

describe('forebear record', () => {
  it('records what happens, without what is redacted, and ends at Ctrl-C', async (ctx) => {
    if (missing !== undefined) return ctx.skip(missing);
    const file = join(folder, 'run.fbrec');
    const { child, out, ended } = await recorder('--json', '--redact', 'args:*secret*', '--redact', 'env', file);
    for (let i = 0; i < 20; i++)
      spawnSync('/bin/true', [`marker-${i}`, '--secret=hunter2'], { env: { TOKEN: 'hunter2' } });
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    const summary = JSON.parse(out());
    expect(summary).toMatchObject({ file, ended: 'signal', undecodable: 0, unreadable_bytes: 0 });
    expect(summary.redacted).toBeGreaterThanOrEqual(40);
    expect(statSync(file).size).toBe(summary.bytes);
    expect(execsOf(file).map(argsOf)).toEqual(
      Array.from({ length: 20 }, (_, i) => ['/bin/true', `marker-${i}`, '--secret=*******']),
    );
    const whyNot = runForebear([
      'why-not',
      resolve(import.meta.dirname, '../../rules/linux/persistence_systemd_service_started_by_unusual_parent.toml'),
      file,
    ]);
    expect(whyNot.status).toBe(0);
  });

  it('ends after --for, and names what it will not overwrite', async (ctx) => {
    if (missing !== undefined) return ctx.skip(missing);
    const file = join(folder, 'short.fbrec');
    const { ended, out } = await recorder('--json', '--for', '1s', file);
    expect(await ended).toBe(0);
    expect(JSON.parse(out()).ended).toBe('time');
    const again = runForebear(['record', '--json', '--for', '1s', file]);
    expect([again.status, JSON.parse(again.stderr).error.code]).toEqual([2, 'FB_RECORD_WRITE']);
  });
});
