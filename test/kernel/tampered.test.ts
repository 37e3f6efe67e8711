// What root can do to the sensor's BPF objects, and what the agent says of it: maps are frozen where programs alone write, links of
// tracing programs cannot be detached, and who holds a map, moves the ring's place or loads a tracing program is told of.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AgentProcess, startAgent, whyNoSensor } from './agent-process.ts';

const BUILD = resolve(import.meta.dirname, '../../build');
const MEDDLE = join(BUILD, 'test/meddle');
const LOADER = join(BUILD, 'test/load_bpf');
const missing = whyNoSensor() ?? (existsSync(MEDDLE) ? undefined : 'build/test/meddle is not built (scripts/build)');

/** Of native/bpf: who writes besides the programs. */
const WRITABLE: Record<string, string> = {
  fb_ring: 'the reader, its place',
  fb_hints: 'the agent, at a reload',
  '.data.control': 'the reader, that it sleeps',
};

interface HeldMap {
  id: number;
  frozen: boolean;
  type: number;
}

interface OwnAlert {
  process?: { executable?: string };
  kibana: { alert: { reason: string } };
  forebear: { lineage?: unknown[]; protection: { bpf: Record<string, unknown> } };
}

describe('root against the sensor', { timeout: 60_000 }, () => {
  let agent: AgentProcess;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    if (missing !== undefined) return;
    const state = mkdtempSync(join(tmpdir(), 'forebear-tampered-'));
    const config = join(state, 'forebear.toml');
    writeFileSync(config, '[protection]\ncheck = "1s"\n');
    agent = await startAgent(['--config', config], state);
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  afterAll(async () => {
    await agent?.stop();
    agent?.remove();
  });

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  /** Once more from now on, by the counter of the snapshot. */
  async function looked(): Promise<void> {
    const looks = () => {
      const text = readFileSync(join(agent.state, 'status.json'), 'utf8');
      return Number(/"agent_file_looks_total":(\d+)/.exec(text)?.[1] ?? 0);
    };
    const before = looks();
    await expect.poll(looks, { timeout: 20_000 }).toBeGreaterThan(before + 1);
  }

  const alertsOf = (rule: string) =>
    agent.alerts().filter(({ rule: of }) => (of as { id: string }).id === rule) as unknown as OwnAlert[];

  async function next(rule: string, before: number): Promise<OwnAlert> {
    await expect.poll(() => alertsOf(rule).length, { timeout: 20_000 }).toBeGreaterThan(before);
    return alertsOf(rule)[before]!;
  }

  /** fdinfo of what the agent holds open: map_id, map_type, frozen. */
  function heldMaps(): HeldMap[] {
    const folder = `/proc/${agent.pid}/fd`;
    const maps = readdirSync(folder).flatMap((fd) => {
      if (!readlinkSync(join(folder, fd)).includes('bpf-map')) return [];
      const info = readFileSync(`/proc/${agent.pid}/fdinfo/${fd}`, 'utf8');
      const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(info)?.[1]);
      return [{ id: field('map_id'), frozen: field('frozen') === 1, type: field('map_type') }];
    });
    return [...new Map(maps.map((map) => [map.id, map])).values()];
  }

  const RINGBUF = 27;
  const HASH = 1;
  const mapOf = (type: number) => heldMaps().find((map) => map.type === type)!.id;

  /** Its own word; it holds the map until the test is over. */
  function meddle(id: number, what: string): Promise<string> {
    const child = spawn(MEDDLE, [String(id), what], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    return new Promise((done) => child.stdout!.once('data', (text: Buffer) => done(text.toString().trim())));
  }

  it('has looked at what is there', async () => await looked());

  it('has all maps frozen but those that user space has to write', async () => {
    const maps = heldMaps();
    expect(maps.length).toBeGreaterThan(6);
    expect(maps.filter(({ frozen }) => !frozen)).toHaveLength(Object.keys(WRITABLE).length);
    for (const { id, frozen } of maps) {
      if (!frozen) continue;
      const results = [await meddle(id, 'update'), await meddle(id, 'delete')];
      expect(results, `map ${id}`).toEqual([expect.stringMatching(/^E(PERM|INVAL)$/), expect.stringMatching(/^E/)]);
    }
  });

  it('keeps its links: those of tracing programs cannot be detached', (context) => {
    const bpftool = spawnSync('bpftool', ['link', 'show', '-j'], {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin' },
    });
    if (bpftool.status !== 0) return context.skip('needs bpftool');
    const own = readdirSync(`/proc/${agent.pid}/fd`)
      .map((fd) => readFileSync(`/proc/${agent.pid}/fdinfo/${fd}`, 'utf8'))
      .flatMap((info) => /^link_id:\s*(\d+)/m.exec(info)?.[1] ?? []);
    expect(own.length).toBeGreaterThanOrEqual(3);
    for (const id of own) {
      const { status, stderr } = spawnSync('/usr/sbin/bpftool', ['link', 'detach', 'id', id], { encoding: 'utf8' });
      expect(status).not.toBe(0);
      expect(stderr).toContain('Operation not supported');
    }
  });

  it('tells who holds a map', async () => {
    await looked();
    const before = alertsOf('forebear-tampered').length;
    expect(await meddle(mapOf(RINGBUF), 'hold')).toBe('ok');
    const alert = await next('forebear-tampered', before);
    expect(alert.kibana.alert.reason).toContain('a map is held by');
    expect(alert.process?.executable).toBe(MEDDLE);
    expect(alert.forebear.lineage?.length).toBeGreaterThan(1);
  });

  it("tells that the ring's place was moved, and goes on", async () => {
    await looked();
    const before = alertsOf('forebear-tampered').length;
    expect(await meddle(mapOf(RINGBUF), 'empty')).toBe('ok');
    await expect
      .poll(
        () =>
          alertsOf('forebear-tampered')
            .slice(before)
            .map(({ kibana }) => kibana.alert.reason)
            .join(),
        {
          timeout: 20_000,
        },
      )
      .toContain('the place in the ring was moved');
    const { status, stdout } = agent.command('selftest');
    expect(status, stdout).toBe(0);
  });

  it('tells that wake hints were taken away', async () => {
    const ids = heldMaps().filter(({ type, frozen }) => type === HASH && !frozen);
    expect(ids).toHaveLength(1);
    await looked();
    const before = alertsOf('forebear-tampered').length;
    const key = spawnSync('/usr/sbin/bpftool', ['map', 'dump', 'id', String(ids[0]!.id), '-j'], { encoding: 'utf8' });
    const [entry] = JSON.parse(key.stdout || '[]') as { key: string[] }[];
    expect(entry).toBeDefined();
    const gone = ['map', 'delete', 'id', String(ids[0]!.id), 'key', 'hex', ...entry!.key.map((byte) => byte.slice(2))];
    expect(spawnSync('/usr/sbin/bpftool', gone).status).toBe(0);
    const alert = await next('forebear-tampered', before);
    expect(alert.kibana.alert.reason).toContain('wake hints were taken away');
  });

  it('tells of tracing programs that another process loads', async () => {
    await looked();
    const before = alertsOf('forebear-foreign-bpf').length;
    children.push(
      spawn(LOADER, [join(BUILD, 'forebear.bpf.o'), '-r', '/dev/null', '--', 'sleep', '60'], { stdio: 'ignore' }),
    );
    await expect
      .poll(
        () =>
          alertsOf('forebear-foreign-bpf')
            .slice(before)
            .map(({ process }) => process?.executable),
        { timeout: 20_000 },
      )
      .toContain(LOADER);
    const alert = alertsOf('forebear-foreign-bpf').find(({ process }) => process?.executable === LOADER)!;
    expect(alert.kibana.alert.reason).toContain('fb_exec (tracing on sched_process_exec)');
  });
});
