// Hashes of executables on this machine's own kernel, through the agent as its users run it: amends behind alerts, rules
// and exceptions that name a hash, files that have gone or changed, other roots and file systems. Truth: node:crypto.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { journalDirectory } from '../../src/config.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { decodeAlert } from '../../src/proto/alert-codec.ts';
import { decodeAmend } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';
import { entry, item, LIST, textOf } from '../detect/exceptions/lists.ts';
import { ruleText } from '../detect/rule-text.ts';
import { type AgentProcess, parseLines, runForebear, startAgent, until, whyNoSensor } from './agent-process.ts';

const missing = whyNoSensor();

type Document = Record<string, unknown>;

function at(document: Document | undefined, path: string): unknown {
  let value: unknown = document;
  for (const part of path.split('.')) value = (value as Document | undefined)?.[part];
  return value;
}

const sha256 = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

function rule(id: string, query: string): string {
  const texts = { rule_id: id, name: id, query, type: 'query' };
  return ruleText(Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, JSON.stringify(text)])), '');
}

/** Names of the programs whose alerts were amended, in the order of the journal; each amend behind its alert. */
async function amendedPrograms(state: string): Promise<unknown[]> {
  const names = new Map<string, unknown>();
  const amended: unknown[] = [];
  for await (const record of readJournal({ directory: journalDirectory(state), counters: new Counters() })) {
    if (record.kindName === 'alert') {
      const { uuid, document } = decodeAlert(record.payload);
      names.set(uuid, at(document, 'process.name'));
    }
    if (record.kindName === 'amend') amended.push(names.get(decodeAmend(record.payload).uuid));
  }
  return amended;
}

/** What the alert of a program says of its hash, and what the file had. */
interface Told {
  told: unknown;
  reason: unknown;
  parent: unknown;
}

describe('hashes of what was executed', () => {
  let folder: string;
  let agent: AgentProcess;
  let known: string;
  let good: string;
  let serial = 0;

  beforeAll(async () => {
    if (missing !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), 'fb-hash-'));
    known = await program('known');
    good = await program('excepted-good');
    mkdirSync(join(folder, 'rules'));
    const rules = {
      seen: 'event.action:exec and process.name:seen-*',
      'by-hash': `event.action:exec and process.hash.sha256:"${sha256(known)}"`,
      excepted: 'event.action:exec and process.name:excepted-*',
    };
    for (const [id, query] of Object.entries(rules)) writeFileSync(join(folder, `rules/${id}.toml`), rule(id, query));
    const lines = [
      { ...LIST, tags: ['forebear:rule:excepted'] },
      item([entry('wildcard', 'process.name', 'excepted-*'), entry('match', 'process.hash.sha256', sha256(good))]),
    ];
    writeFileSync(join(folder, 'list.ndjson'), textOf(lines));
    writeFileSync(join(folder, 'config.toml'), '[enrich]\nhash_max_bytes = "1MiB"\n');
    const sources = ['--rules', join(folder, 'rules'), '--exceptions', join(folder, 'list.ndjson')];
    agent = await startAgent([...sources, '--config', join(folder, 'config.toml')]);
  });

  afterAll(async () => {
    await agent?.stop();
    agent?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  /** A copy of sleep with bytes of its own at its end, old enough not to be taken for fresh. */
  async function program(name: string, within = folder, bytes = 0): Promise<string> {
    const file = join(within, name);
    const tail = Buffer.concat([Buffer.alloc(bytes), Buffer.from(`${serial++} ${process.hrtime.bigint()}`)]);
    writeFileSync(file, Buffer.concat([readFileSync('/bin/sleep'), tail]), { mode: 0o755 });
    await new Promise((resolve) => setTimeout(resolve, 60));
    return file;
  }

  const alertOf = (name: string) => agent.alerts().find((alert) => at(alert, 'process.name') === name);

  /** Waits until the alert of that program is there with all that is to be known of its hashes. */
  async function toldOf(name: string): Promise<Told> {
    let found: Document | undefined;
    await until(
      () => {
        found = alertOf(name);
        return ['process.hash.sha256', 'forebear.hash_reason'].some((path) => at(found, path) !== undefined);
      },
      () => `the hash of ${name} in ${JSON.stringify(found?.process)}\n${agent.output()}`,
    );
    return {
      told: at(found, 'process.hash.sha256'),
      reason: at(found, 'forebear.hash_reason'),
      parent: at(found, 'process.parent.hash.sha256'),
    };
  }

  const run = (file: string, seconds = '0.5') => spawn(file, [seconds], { stdio: 'ignore' });

  it('follows the alert as an amend record, once; the next alert of the file has it at once', async () => {
    const file = await program('seen-plain');
    const shell = () => spawn('/bin/sh', ['-c', `${file} 0.5; true`], { stdio: 'ignore' });
    shell();
    const { told, reason, parent } = await toldOf('seen-plain');
    expect([told, reason]).toEqual([sha256(file), undefined]);
    expect(parent).toBe(sha256('/bin/sh'));
    shell();
    await until(
      () => agent.alerts().filter((alert) => at(alert, 'process.name') === 'seen-plain').length === 2,
      () => `a second alert\n${agent.output()}`,
    );
    const shown = agent.command('show', String(at(alertOf('seen-plain'), 'kibana.alert.uuid')));
    expect(shown.stdout).toContain(sha256(file));
    expect(await amendedPrograms(agent.state)).toEqual(['seen-plain']);
  });

  it.each<[string, (file: string) => Promise<unknown>]>([
    ['deleted while it runs', async (file) => [run(file), unlinkSync(file)]],
    ['renamed while it runs', async (file) => [run(file), renameSync(file, `${file}.old`)]],
    [
      'replaced while it runs',
      async (file) => {
        const other = await program('other');
        run(file);
        renameSync(other, file);
      },
    ],
  ])('is that of the executed file when it is %s', async (what, act) => {
    const name = `seen-${what.split(' ')[0]}`;
    const file = await program(name);
    const truth = sha256(file);
    await act(file);
    expect((await toldOf(name)).told).toBe(truth);
  });

  it('is never that of another file, whatever comes in its place at once', async () => {
    let hashed = 0;
    for (let i = 0; i < 20; i++) {
      const file = await program(`seen-swap-${i}`);
      const truth = sha256(file);
      const other = await program('swapped');
      spawnSync('sh', ['-c', `"${file}" 0; cp -p "${other}" "${file}"; mv "${other}" "${file}.2"`]);
      const { told, reason } = await toldOf(`seen-swap-${i}`);
      expect(told === truth || (told === undefined && typeof reason === 'string')).toBe(true);
      if (told === truth) hashed++;
    }
    console.log(`files swapped at once: ${hashed} of 20 hashed, of the others it is said why not`);
  });

  it('is refused for a file over the limit, with that reason', async () => {
    run(await program('seen-large', folder, 1 << 20));
    expect(await toldOf('seen-large')).toMatchObject({ told: undefined, reason: 'too_large' });
  });

  it('is found in a chroot, and in a mount namespace of its own, while the process lives', async () => {
    const root = join(folder, 'root');
    const libraries = spawnSync('ldd', ['/bin/sleep'], { encoding: 'utf8' }).stdout.match(/\/\S+/g) ?? [];
    mkdirSync(root);
    spawnSync('cp', ['-L', '--parents', ...libraries, root]);
    const file = await program('seen-chroot', root);
    spawn('chroot', [root, '/seen-chroot', '0.5'], { stdio: 'ignore' });
    expect((await toldOf('seen-chroot')).told).toBe(sha256(file));
    const script = `mount -t tmpfs none /mnt && cp -p ${await program('seen-private')} /mnt && sleep 0.1 && /mnt/seen-private 0.5`;
    spawn('unshare', ['-m', 'sh', '-c', script], { stdio: 'ignore' });
    expect((await toldOf('seen-private')).told).toBe(sha256(join(folder, 'seen-private')));
  });

  it('is found on overlayfs, whose stat names another device than the kernel', async (context) => {
    const [lower, mount] = [join(folder, 'lower'), join(folder, 'overlay')];
    const dirs = ['upper', 'work'].map((name) => `${name}dir=${join(folder, name)}`);
    for (const name of ['lower', 'upper', 'work', 'overlay']) mkdirSync(join(folder, name));
    const options = ['-o', [`lowerdir=${lower}`, ...dirs].join(',')];
    spawnSync('mount', ['-t', 'tmpfs', 'none', lower]);
    const file = await program('seen-overlay', lower);
    try {
      if (spawnSync('mount', ['-t', 'overlay', 'overlay', ...options, mount]).status !== 0)
        return context.skip('overlayfs cannot be mounted here');
      run(join(mount, 'seen-overlay'));
      expect((await toldOf('seen-overlay')).told).toBe(sha256(file));
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 600));
      spawnSync('umount', [mount]);
      spawnSync('umount', [lower]);
    }
  });

  it('fires a rule that names it, and the recording of the run gives the same alerts with the same hashes', async () => {
    run(known);
    const { told } = await toldOf('known');
    expect(told).toBe(sha256(known));
    expect(at(alertOf('known'), 'kibana.alert.rule.rule_id')).toBe('by-hash');
  });

  it('hides by an exception that names it, and no other program of that name', async () => {
    run(good);
    run(await program('excepted-bad'));
    expect((await toldOf('excepted-bad')).told).toBe(sha256(join(folder, 'excepted-bad')));
    expect(alertOf('excepted-good')).toBeUndefined();
  });

  it('is the same in a replay of the recording', async () => {
    const uuids = (documents: Document[]) =>
      documents.map((each) => [
        at(each, 'kibana.alert.uuid'),
        at(each, 'process.hash'),
        at(each, 'process.parent.hash'),
        at(each, 'forebear.hash_reason'),
      ]);
    const live = agent.alerts();
    await agent.stop();
    const sources = ['--rules', join(folder, 'rules'), '--exceptions', join(folder, 'list.ndjson')];
    const { stdout, stderr } = runForebear(['replay', agent.recording, '--json', ...sources]);
    expect(stderr).toBe('');
    expect(uuids(parseLines(stdout))).toEqual(uuids(live));
  });
});
