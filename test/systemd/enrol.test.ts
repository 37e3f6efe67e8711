// From an installed package to alerts at a hub, with one command on each side, under a real systemd: `forebear hub enrol`, `forebear
// enrol`. Hub and host are one bed. The key files stay root's alone.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/commands/version.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { makeCertificates, missing as missingPrograms, scratch } from '../ship/real/programs.ts';
import { type Bed, startBed, whyNoBed } from './bed.ts';

const HUB = 'https://127.0.0.1:7443';

const missing = whyNoPackage() ?? whyNoBed() ?? whyNoSensor() ?? missingPrograms('openssl');

describe('enrol under systemd', { timeout: 60_000 }, () => {
  let bed: Bed;

  beforeAll(async () => {
    if (missing !== undefined) return;
    const { file } = buildPackage(VERSION);
    bed = await startBed();
    bed.copyIn(file, '/root/forebear.deb');
    await bed.ask('DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io -i /root/forebear.deb 2>&1', {
      timeoutMs: 60_000,
    });
    using files = scratch();
    makeCertificates(files.path);
    bed.copyIn(files.file('server.crt'), '/etc/forebear/hub.pem');
    bed.copyIn(files.file('server.key'), '/etc/forebear/hub.key');
    bed.copyIn(files.file('ca.crt'), '/etc/forebear/ca.pem');
    await bed.ask(
      'chown forebear-hub /etc/forebear/hub.key && chmod 400 /etc/forebear/hub.key && chmod 600 /etc/forebear/ca.pem',
    );
    await bed.ask('systemctl start forebear-hub');
    await bed.ask(
      'umask 077; sudo -u forebear-hub forebear hub enrol "$(cat /etc/machine-id)" > /etc/forebear/hub.token',
    );
  }, 180_000);

  afterAll(async () => await bed?.remove(), 60_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  const enrol = (...args: string[]) =>
    bed.run(`umask 077; forebear enrol --json --ca-file /etc/forebear/ca.pem ${args.join(' ')}`, { timeoutMs: 60_000 });
  const steps = (out: string) =>
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .map(({ step, stage, status }) => `${step ?? stage} ${status}`);

  it('a token that the hub does not know changes nothing', async () => {
    await bed.ask('echo nonsense > /root/wrong.token');
    const { status, out } = await enrol('--hub', HUB, '--token-file', '/root/wrong.token');
    expect([status, steps(out)]).toEqual([1, ['test fault']]);
    expect((await bed.run('ls /etc/forebear/outputs.d /etc/systemd/system/forebear-ship.service.d')).out).toBe('');
    expect((await bed.run('systemctl is-enabled forebear-ship')).out.trim()).toBe('disabled');
  });

  it('the right one: the shipper runs with keys that only root can read, and an alert of this host is at the hub', async () => {
    const { status, out, err } = await enrol('--hub', HUB, '--token-file', '/etc/forebear/hub.token');
    expect([status, steps(out)], err).toEqual([
      0,
      [
        ...['test fine', 'output fine', 'shipper fine'],
        ...['started fine', 'seen fine', 'typed fine', 'matched fine', 'durable fine', 'delivered fine'],
      ],
    ]);
    expect(await bed.ask('systemctl is-enabled forebear-ship')).toBe('enabled');
    expect(await bed.ask('stat -c "%U %a" /etc/forebear/hub.token /etc/forebear/outputs.d/central.toml')).toBe(
      'root 600\nroot 644',
    );
    const alerts = await bed.ask('sudo -u forebear-hub forebear hub alerts --json');
    expect(JSON.parse(alerts.split('\n').at(-1)!)).toMatchObject({ forebear: { selftest: true } });
  });

  it('is there again after a boot', async () => {
    await bed.reboot();
    await bed.until('systemctl is-active -q forebear-ship && systemctl is-active -q forebear');
    await bed.ask('systemctl start forebear-hub && forebear selftest --timeout 30s', { timeoutMs: 60_000 });
  });

  it('another output that is down is not its fault', async () => {
    const dead = '[outputs.dead]\ntype = "otlp"\nurl = "http://127.0.0.1:9/v1/logs"\n';
    await bed.ask(`printf '${dead}' > /etc/forebear/outputs.d/dead.toml`);
    const { status, out, err } = await enrol('--hub', HUB, '--token-file', '/etc/forebear/hub.token', '--name two');
    expect([status, steps(out).at(-1)], err).toEqual([0, 'delivered fine']);
    expect((await bed.run('forebear selftest --timeout 3s --output two')).status).toBe(0);
    expect((await bed.run('forebear selftest --timeout 3s')).status).toBe(1);
    expect((await bed.run('forebear selftest --output none')).err).toContain('there is no output none');
  });
});
