// The services under a real systemd, as the package installs them: what they are ready for, what they may do, and that they come
// back: killed, stalled, stopped, loaded anew.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/commands/version.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { type Bed, startBed, whyNoBed } from './bed.ts';

const RULES = '/usr/share/forebear/rules';
const RULE = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';
/** CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_PERFMON, CAP_BPF. */
const FOUR = ((1n << 2n) | (1n << 19n) | (1n << 38n) | (1n << 39n)).toString(16).padStart(16, '0');
const NONE = '0'.repeat(16);
const ADDRESS = '192.0.2.7';
const CONFIG = '/etc/forebear/forebear.toml';

const missing = whyNoPackage() ?? whyNoBed() ?? whyNoSensor();
const folder = mkdtempSync(join(tmpdir(), 'forebear-service-'));

describe('the services under systemd', { timeout: 60_000 }, () => {
  let bed: Bed;

  beforeAll(async () => {
    if (missing !== undefined) return;
    const { file } = buildPackage(VERSION);
    bed = await startBed();
    // Outward, as far as the agent can tell.
    spawnSync('nsenter', ['-t', `${bed.leader}`, '-n', 'ip', 'address', 'add', `${ADDRESS}/32`, 'dev', 'lo']);
    bed.copyIn(file, '/root/forebear.deb');
    // A watchdog that is not waited for.
    await dropIn('forebear', 'WatchdogSec=2s');
    await bed.ask('DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io -i /root/forebear.deb 2>&1', {
      timeoutMs: 60_000,
    });
  }, 180_000);

  afterAll(async () => {
    await bed?.remove();
    rmSync(folder, { recursive: true });
  }, 60_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  const property = (unit: string, name: string) => bed.ask(`systemctl show -p ${name} --value ${unit}`);
  const pidOf = async (unit: string) => Number(await property(unit, 'MainPID'));

  async function dropIn(unit: string, ...lines: string[]): Promise<void> {
    const place = `/etc/systemd/system/${unit}.service.d`;
    const text = ['[Service]', ...lines].join('\\n');
    await bed.ask(`mkdir -p ${place} && printf '${text}\\n' > ${place}/test.conf && systemctl daemon-reload`);
  }

  /** Capabilities of the main process, and whatever else it is held by. */
  async function held(unit: string): Promise<Record<string, string>> {
    const lines = (await bed.ask(`cat /proc/${await pidOf(unit)}/status`)).split('\n').map((line) => line.split(':\t'));
    const all = Object.fromEntries(lines) as Record<string, string>;
    const names = ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp'] as const;
    return Object.fromEntries(names.map((name) => [name, all[name]!.trim()]));
  }

  /** Kinds and details of the agent's own records. */
  async function own(): Promise<string[]> {
    const lines = (await bed.ask('forebear journal export --kind lifecycle gap')).split('\n');
    return lines.map((line) => {
      const document = JSON.parse(line) as Record<string, unknown>;
      const event = document['forebear.lifecycle.event'] ?? `gap ${document['forebear.gap.kind']}`;
      return String(event);
    });
  }

  /** in: the main process that is no more. Waits for another one that is ready. */
  async function isBack(before: number): Promise<number> {
    await bed.until(
      `pid=$(systemctl show -p MainPID --value forebear); [ "$pid" != ${before} ] && [ "$pid" != 0 ] && systemctl is-active -q forebear`,
    );
    return await pidOf('forebear');
  }

  it('the agent is ready when it sees, has its rules, and writes', async () => {
    await bed.ask('systemctl restart forebear');
    const status = JSON.parse(await bed.ask('forebear status --json'));
    expect(status.agent ?? status).toMatchObject({ pid: await pidOf('forebear') });
    expect(await property('forebear', 'StatusText')).toMatch(/^\d+ rules?, \d+ alerts? since start, journal at \d+$/);
    expect((await own()).at(-1)).toBe('start');
  });

  it('the agent has four capabilities, passes none on, and has no network', async () => {
    expect(await held('forebear')).toEqual({
      CapPrm: FOUR,
      CapEff: FOUR,
      CapBnd: FOUR,
      CapAmb: NONE,
      NoNewPrivs: '1',
      Seccomp: '2',
    });
    const pid = await pidOf('forebear');
    expect(await bed.ask(`cat /proc/${pid}/net/dev | wc -l`)).toBe('3');
    expect(await bed.ask(`readlink /proc/${pid}/ns/net`)).not.toBe(await bed.ask('readlink /proc/1/ns/net'));
    expect(await bed.ask(`stat -c %U /proc/${pid} /var/lib/forebear/journal`)).toBe('forebear\nforebear');
  });

  it('with these it sees its canary, reads names and addresses of the host, and hashes what only its owner may read', async () => {
    await bed.until('forebear status --json | grep -q seenMs');
    await bed.ask(
      [
        'ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519 && install -d -o alice -m 700 /home/alice/.ssh',
        'install -o alice -m 600 /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys',
        'echo "StrictHostKeyChecking no" > /root/.ssh/config && systemctl start ssh',
        'install -m 700 -o alice /bin/dash /home/alice/tool',
      ].join(' && '),
    );
    await bed.run(`ssh alice@127.0.0.1 "./tool -c 'systemctl enable x.service; true'"`);
    const json = await bed.until(
      `forebear tail -n all --json --rule ${RULE} | grep -m1 "/home/alice/tool.*sha256.*sha256"`,
    );
    const alert = JSON.parse(json);
    const sum = (await bed.ask('sha256sum /home/alice/tool')).split(' ')[0];
    expect(alert.process.parent.hash.sha256).toBe(sum);
    expect(alert.user.name).toBe('alice');
    if (spawnSync('ip', ['-V']).status === 0) expect(alert.host.ip).toContain(ADDRESS);
  });

  it('killed, it is back within seconds, and the journal has the gap', async () => {
    const before = await pidOf('forebear');
    const begun = performance.now();
    await bed.ask(`kill -9 ${before}`);
    const after = await isBack(before);
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(after).not.toBe(before);
    expect((await own()).slice(-2)).toEqual(['gap not_running', 'start']);
  });

  it('stalled, it is killed by the watchdog, and is back', async () => {
    const before = await pidOf('forebear');
    const restarts = Number(await property('forebear', 'NRestarts'));
    await bed.ask(`kill -STOP ${before}`);
    await isBack(before);
    expect(Number(await property('forebear', 'NRestarts'))).toBe(restarts + 1);
    expect(await bed.ask('journalctl -u forebear -o cat --no-pager')).toContain('Watchdog timeout');
    expect((await own()).slice(-2)).toEqual(['gap not_running', 'start']);
  });

  it('stopped and started, it leaves a stop and no gap', async () => {
    await bed.ask('systemctl stop forebear');
    expect(await property('forebear', 'Result')).toBe('success');
    expect((await own()).at(-1)).toBe('stop');
    await bed.ask('systemctl start forebear');
    expect((await own()).slice(-2)).toEqual(['stop', 'start']);
  });

  it('loads rules anew in the same process; a rule whose file is at fault goes on as it was', async () => {
    const pid = await pidOf('forebear');
    const first = `${RULES}/linux/persistence_systemd_service_started_by_unusual_parent.toml`;
    const fresh = `${RULES}/fresh.toml`;
    await bed.ask(`sed 's/${RULE}/00000000-0000-4000-8000-000000000001/' ${first} > ${fresh}`);
    const running = Number((await property('forebear', 'StatusText')).split(' ')[0]);
    await bed.ask('systemctl reload forebear');
    await bed.until(`systemctl show -p StatusText --value forebear | grep '^${running + 1} rules'`);
    expect((await own()).at(-1)).toBe('configuration');
    await bed.ask(`echo nonsense > ${fresh} && systemctl reload forebear`);
    await bed.until('systemctl show -p StatusText --value forebear | grep "RULES AT FAULT.*fresh.toml"');
    expect(await bed.ask('systemctl is-active forebear')).toBe('active');
    await bed.ask(`rm ${fresh} && systemctl reload forebear`);
    await bed.until(`systemctl show -p StatusText --value forebear | grep -v FAULT | grep '^${running} rule'`);
    expect(await pidOf('forebear')).toBe(pid);
  });

  it('the shipper delivers without a capability, with keys that only root can read, and takes up a new output', async () => {
    const es =
      '[outputs.es]\\ntype = "elasticsearch"\\nurl = "http://127.0.0.1:9"\\napi_key_file = "credential:es.key"';
    const copy = (name: string) => `[outputs.${name}]\\ntype = "file"\\npath = "/var/log/forebear/${name}.ndjson"`;
    await bed.ask('umask 077 && echo c2VjcmV0 > /etc/forebear/es.key');
    await dropIn('forebear-ship', 'LoadCredential=es.key:/etc/forebear/es.key');
    await bed.ask(`printf '\\n${es}\\n${copy('one')}\\n' >> ${CONFIG}; systemctl start forebear-ship`);
    expect(await held('forebear-ship')).toEqual({
      ...{ CapPrm: NONE, CapEff: NONE, CapBnd: NONE, CapAmb: NONE },
      ...{ NoNewPrivs: '1', Seccomp: '2' },
    });
    await bed.until(`grep -q ${RULE} /var/log/forebear/one.ndjson`);
    const pid = await pidOf('forebear-ship');
    await bed.ask(`printf '\\n${copy('two')}\\n' >> ${CONFIG}; systemctl reload forebear-ship`);
    await bed.until(`grep -q ${RULE} /var/log/forebear/two.ndjson`);
    await bed.until('systemctl show -p StatusText --value forebear-ship | grep -E "es: retry.*one: idle.*two: idle"');
    expect(await pidOf('forebear-ship')).toBe(pid);
    expect(await bed.ask('stat -c "%U %G %a" /var/lib/forebear-ship/cursors/two')).toBe('forebear-ship forebear 640');
    await bed.ask('systemctl stop forebear-ship');
    expect(await property('forebear-ship', 'Result')).toBe('success');
  });

  it('the hub listens without a capability, its key from a credential', async (context) => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=hub'];
    const made = spawnSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', certificate]);
    if (made.status !== 0) return context.skip('needs openssl');
    bed.copyIn(key, '/etc/forebear/hub.key');
    bed.copyIn(certificate, '/etc/forebear/hub.pem');
    await bed.ask('chmod 600 /etc/forebear/hub.key /etc/forebear/hub.pem');
    await dropIn(
      'forebear-hub',
      'LoadCredential=key:/etc/forebear/hub.key',
      'LoadCredential=pem:/etc/forebear/hub.pem',
    );
    const tls = '[tls]\\ncertificate_file = "credential:pem"\\nkey_file = "credential:key"';
    await bed.ask(`printf '${tls}\\n' > /etc/forebear/hub.toml && systemctl start forebear-hub`);
    expect(await property('forebear-hub', 'StatusText')).toBe('0 records stored since start');
    expect((await held('forebear-hub')).CapBnd).toBe(NONE);
    expect(await bed.ask('stat -c "%U %a" /var/lib/forebear-hub')).toBe('forebear-hub 750');
    await bed.ask('systemctl stop forebear-hub');
    expect(await property('forebear-hub', 'Result')).toBe('success');
  });
});
