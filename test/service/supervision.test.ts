// What the service manager is told and when, on a clock of the test; and over real sockets, in a process of its own.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadServiceAddon } from '../../src/service/binding.ts';
import { takeManagerLink } from '../../src/service/manager-io.ts';
import { Supervision } from '../../src/service/supervision.ts';

const folder = mkdtempSync(join(tmpdir(), 'forebear-service-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('supervision', () => {
  let sent: string[];
  let result: number;
  let status: string;
  let progress: number;
  const warned: string[] = [];

  beforeEach(() => {
    vi.useFakeTimers();
    [sent, result, status, progress] = [[], 0, 'watching', 0];
    warned.length = 0;
  });
  afterEach(() => vi.useRealTimers());

  function supervision(watchdogMs?: number): Supervision {
    const send = (message: string) => {
      sent.push(message);
      return result;
    };
    return new Supervision({
      link: { send, ...(watchdogMs !== undefined && { watchdogMs }) },
      status: () => status,
      progress: () => progress,
      log: { warn: (message: unknown) => void warned.push(String(message)) } as never,
      monotonicNs: () => 5_000_999n,
    });
  }

  it('beats twice in the time that the watchdog has, from ready on', () => {
    const watched = supervision(6000);
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual([]);
    watched.ready();
    vi.advanceTimersByTime(9000);
    expect(sent).toEqual(['READY=1\nSTATUS=watching', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
  });

  it('tells its status where it has changed, as one line', () => {
    const watched = supervision();
    watched.ready();
    vi.advanceTimersByTime(10_000);
    status = `two\nREADY=1\u0000${'x'.repeat(5000)}`;
    vi.advanceTimersByTime(20_000);
    expect(sent.slice(1)).toEqual(['WATCHDOG=1', `WATCHDOG=1\nSTATUS=two READY=1 ${'x'.repeat(488)}`, 'WATCHDOG=1']);
  });

  it('frames a reload', () => {
    const watched = supervision();
    watched.ready();
    watched.reloading();
    watched.reloaded();
    expect(sent.slice(1)).toEqual([
      'RELOADING=1\nMONOTONIC_USEC=5000\nSTATUS=loading anew',
      'READY=1\nSTATUS=watching',
    ]);
  });

  it('asks for more time while it stops as long as it gets on', () => {
    const watched = supervision(60_000);
    watched.ready();
    watched.stopping();
    progress = 7;
    vi.advanceTimersByTime(2000);
    expect(sent.slice(1)).toEqual([
      'STOPPING=1\nSTATUS=stopping',
      'WATCHDOG=1\nEXTEND_TIMEOUT_USEC=15000000',
      'WATCHDOG=1',
    ]);
  });

  it('says once that nobody takes it', () => {
    result = -111;
    const watched = supervision();
    watched.ready();
    vi.advanceTimersByTime(30_000);
    expect(warned).toEqual(['the service manager cannot be told anything (errno 111)']);
  });

  it('does nothing where there is no manager', () => {
    const alone = new Supervision({ link: undefined, status: () => '', progress: () => 0, log: { warn: () => {} } });
    alone.ready();
    alone.stopping();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the link', () => {
  it.each<[string, Record<string, string>, number | undefined]>([
    ['in microseconds', { WATCHDOG_USEC: '6000000' }, 6000],
    ['for this process', { WATCHDOG_USEC: '6000000', WATCHDOG_PID: String(process.pid) }, 6000],
    ['for another process', { WATCHDOG_USEC: '6000000', WATCHDOG_PID: '1' }, undefined],
    ['none', {}, undefined],
    ['nonsense', { WATCHDOG_USEC: 'soon' }, undefined],
  ])('takes the watchdog: %s', (_name, variables, watchdogMs) => {
    const env = { NOTIFY_SOCKET: '/nowhere', ...variables, HOME: '/' };
    expect(takeManagerLink(env)?.watchdogMs).toBe(watchdogMs);
    expect(env).toEqual({ HOME: '/' });
  });

  it('is none without a socket', () => {
    expect(takeManagerLink({ WATCHDOG_USEC: '1' })).toBeUndefined();
  });
});

describe('the socket', () => {
  const { notify } = loadServiceAddon();
  const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1))
print('bound', flush=True)
print(s.recv(65536).decode(), flush=True)`;

  it.each([
    ['a path', join(folder, 'notify')],
    ['an abstract one', `@forebear-test-${process.pid}`],
  ])('takes a message: %s', async (_name, address) => {
    const child = spawn('python3', ['-c', receiver, address], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (text.startsWith('bound')) expect(notify(address, 'READY=1\nSTATUS=läuft')).toBe(0);
    });
    await new Promise((done) => child.once('close', done));
    expect(output).toBe('bound\nREADY=1\nSTATUS=läuft\n');
  });

  it.each([
    ['nobody listens', join(folder, 'absent'), 2],
    ['no address', 'tcp:1', 22],
    ['too long a path', `/${'x'.repeat(200)}`, 22],
    ['nothing', '', 22],
  ])('refuses: %s', (_name, address, errno) => {
    expect(notify(address, 'READY=1')).toBe(-errno);
  });
});

describe('ambient capabilities', () => {
  const manager = resolve(import.meta.dirname, '../../src/service/manager-io.ts');

  it('do not reach children, and the process keeps its own', (ctx) => {
    if (process.getuid?.() !== 0) return ctx.skip('needs root to give them');
    if (!existsSync('/usr/bin/setpriv')) return ctx.skip('setpriv is missing (package util-linux)');
    const code = `
import { clearAmbientCapabilities } from ${JSON.stringify(manager)};
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
const sets = (text) => ['CapEff', 'CapAmb'].map((name) => new RegExp(name + ':\\\\s*(.*)').exec(text)[1].replace(/^0+(?=.)/, ''));
const child = () => sets(execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' }));
const before = child();
clearAmbientCapabilities();
console.log(JSON.stringify([before, sets(readFileSync('/proc/self/status', 'utf8')), child()]));`;
    const options = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      '--inh-caps=+sys_ptrace',
      '--ambient-caps=+sys_ptrace',
    ];
    const { stdout, stderr } = spawnSync(
      'setpriv',
      [...options, '--', process.execPath, '--input-type=module', '-e', code],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([
      ['80000', '80000'],
      ['80000', '0'],
      ['0', '0'],
    ]);
  });
});
