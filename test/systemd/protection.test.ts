// What an installed agent says of those who meddle with it: rule files, rights, units, the wish to stop. And that it says nothing of
// a reload, a restart, an upgrade and a reboot.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/commands/version.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { type Bed, startBed, whyNoBed } from './bed.ts';

const CONFIG = '/etc/forebear/forebear.toml';
const RULES = '/usr/share/forebear/rules/linux';
/** A look each second; an edit has two for its reload. */
// Rules that are loaded when they change are nothing to tell: here they are at a reload alone.
const FAST = '[rules]\nreload = "signal"\n[protection]\ncheck = "1s"\ngrace = "2s"\n';
const UNIT = '/etc/systemd/system/forebear.service';

const missing = whyNoPackage() ?? whyNoBed() ?? whyNoSensor();

interface OwnAlert {
  process?: { args?: string[]; executable?: string };
  user?: { id?: string };
  kibana: { alert: { reason: string; severity: string } };
  forebear: {
    lineage?: { executable?: string }[];
    protection: { files?: { path: string; before: string; now: string }[]; stop?: { kind: string; sender?: object } };
  };
}

describe('the installed agent looks after itself', { timeout: 60_000 }, () => {
  let bed: Bed;
  let rule: string;

  beforeAll(async () => {
    if (missing !== undefined) return;
    const { file } = buildPackage(VERSION);
    bed = await startBed();
    bed.copyIn(file, '/root/forebear.deb');
    await install();
    rule = (await bed.ask(`find ${RULES} -name '*.toml' | head -n 1`)).trim();
    await bed.ask(`printf '${FAST}' >> ${CONFIG} && systemctl restart forebear`);
    await looked();
  }, 180_000);

  afterAll(async () => await bed?.remove(), 60_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  const install = () =>
    bed.ask('DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io -i /root/forebear.deb 2>&1', { timeoutMs: 60_000 });

  async function alerts(name: string): Promise<OwnAlert[]> {
    const { out } = await bed.run(`forebear tail -n all --json --rule ${name}`);
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as OwnAlert);
  }

  /** Waits for one more of it than there were. */
  async function next(name: string, before: number): Promise<OwnAlert> {
    await bed.until(`[ $(forebear tail -n all --json --rule ${name} | wc -l) -gt ${before} ]`, 30_000);
    return (await alerts(name)).at(-1)!;
  }

  const own = async () => [...(await alerts('forebear-stopped')), ...(await alerts('forebear-files'))].length;

  async function stopReason(): Promise<string> {
    const lines = (await bed.ask('forebear journal export --kind lifecycle')).split('\n');
    const records = lines.map((line) => JSON.parse(line) as Record<string, string>);
    return (
      records.findLast((record) => record['forebear.lifecycle.event'] === 'stop')!['forebear.lifecycle.detail'] ?? ''
    );
  }

  /** Until it has looked so often at all files, from now on: once a second at most. */
  async function looked(times = 2): Promise<void> {
    const looks = `forebear status --json | grep -o '"agent_file_looks_total":[0-9]*' | cut -d: -f2`;
    await bed.until(`${looks} | grep -q .`);
    const before = Number(await bed.ask(looks));
    await bed.until(`[ $(${looks}) -ge ${before + times} ]`, 30_000);
  }
  /** As often as what differs is told in. */
  const lookedLong = () => looked(5);

  it('an edit of a rule that is not loaded is told, with who made it', async () => {
    const before = (await alerts('forebear-files')).length;
    await bed.ask(`sed -i 's/^name = .*/name = "another"/' ${rule}`);
    const alert = await next('forebear-files', before);
    expect(alert.kibana.alert.severity).toBe('medium');
    expect(alert.forebear.protection.files).toEqual([
      expect.objectContaining({
        path: rule,
        before: expect.stringMatching(/^file 644 0:0 sha256 [0-9a-f]{64}$/),
        now: expect.stringMatching(/^file 644 0:0 sha256 [0-9a-f]{64}$/),
      }),
    ]);
    expect(alert.process?.args).toEqual(expect.arrayContaining(['sed', '-i', rule]));
    expect(alert.user?.id).toBe('0');
    expect(await bed.ask('forebear journal export --kind lifecycle | tail -n 1')).toContain(rule);
  });

  it('so are other rights and another owner', async () => {
    const before = (await alerts('forebear-files')).length;
    await bed.ask(`chmod 666 ${CONFIG}`);
    expect((await next('forebear-files', before)).forebear.protection.files).toEqual([
      expect.objectContaining({ path: CONFIG, now: expect.stringMatching(/^file 666 0:0 /) }),
    ]);
    await bed.ask(`chmod 644 ${CONFIG} && systemctl reload forebear`);
    await bed.until('forebear journal export --kind lifecycle | tail -n 1 | grep -q configuration');
  });

  it('an edit with its reload is nothing to tell, whatever it was', async () => {
    await bed.ask('systemctl reload forebear');
    await lookedLong();
    const before = await own();
    await bed.ask(`sed 's/b605f262/00000000/' ${rule} > ${RULES}/mine.toml && systemctl reload forebear`);
    await lookedLong();
    await bed.ask(`rm ${RULES}/mine.toml && systemctl reload forebear`);
    await lookedLong();
    expect(await own()).toBe(before);
  });

  it('a drop-in of the unit is told', async () => {
    const before = (await alerts('forebear-files')).length;
    await bed.ask(`mkdir -p ${UNIT}.d && printf '[Service]\\nMemoryMax=1G\\n' > ${UNIT}.d/more.conf`);
    const { files } = (await next('forebear-files', before)).forebear.protection;
    expect(files?.map(({ path }) => path).sort()).toEqual([`${UNIT}.d`, `${UNIT}.d/more.conf`]);
    await bed.ask(`rm -r ${UNIT}.d && systemctl reload forebear`);
  });

  it('who stops it is told before it goes', async () => {
    await bed.ask('systemctl stop forebear');
    const alert = (await alerts('forebear-stopped')).at(-1)!;
    expect(alert.kibana.alert.severity).toBe('high');
    expect(alert.process?.args).toEqual(['systemctl', 'stop', 'forebear']);
    expect(alert.user?.id).toBe('0');
    expect(alert.forebear.lineage?.at(-1)?.executable).toBe('/usr/bin/systemctl');
    expect(alert.forebear.protection.stop).toMatchObject({ kind: 'stopped' });
    expect(await stopReason()).toMatch(/^stopped by the service manager, by systemctl stop forebear, pid \d+ of root$/);
    await bed.ask('systemctl start forebear');
    await looked();
  });

  it('so is who disables or masks it and stops it in one breath', async () => {
    await bed.ask('systemctl disable --now -q forebear');
    const disabled = (await alerts('forebear-stopped')).at(-1)!;
    expect(disabled.process?.args).toEqual(['systemctl', 'disable', '--now', '-q', 'forebear']);
    expect(disabled.forebear.protection.files?.map(({ path }) => path)).toEqual([
      '/etc/systemd/system/multi-user.target.wants/forebear.service',
    ]);
    await bed.ask('systemctl enable --now -q forebear');
    await looked();
    await bed.ask('systemctl mask --now -q forebear');
    const masked = (await alerts('forebear-stopped')).at(-1)!;
    expect(masked.process?.args).toEqual(['systemctl', 'mask', '--now', '-q', 'forebear']);
    expect(masked.forebear.protection.files).toEqual([
      expect.objectContaining({ path: UNIT, before: 'absent', now: 'link to /dev/null' }),
    ]);
    await bed.ask('systemctl unmask -q forebear && systemctl start forebear');
    await looked();
  });

  it('masked alone, it runs on and says so', async () => {
    const before = (await alerts('forebear-files')).length;
    await bed.ask('systemctl mask -q forebear');
    const alert = await next('forebear-files', before);
    expect(alert.forebear.protection.files?.map(({ path }) => path)).toEqual([UNIT]);
    expect(alert.process?.args).toEqual(['systemctl', 'mask', '-q', 'forebear']);
    await bed.ask('systemctl unmask -q forebear && systemctl reload forebear');
  });

  it('a signal past the manager is told with its sender', async () => {
    const before = (await alerts('forebear-stopped')).length;
    const shell = 'sh -c "kill -TERM $(systemctl show -p MainPID --value forebear); sleep 3"';
    await bed.ask(shell);
    const alert = await next('forebear-stopped', before);
    expect(alert.forebear.protection.stop).toMatchObject({ kind: 'signal', sender: { uid: 0 } });
    expect(alert.process?.executable).toBe('/usr/bin/dash');
    expect(alert.process?.args?.join(' ')).toContain('kill -TERM');
    await bed.until('systemctl is-active -q forebear');
    await looked();
  });

  it('a restart, an upgrade and a reboot are no alerts, and the stop record says which it was', {
    timeout: 180_000,
  }, async () => {
    const before = await own();
    await bed.ask('systemctl restart forebear');
    expect(await stopReason()).toMatch(/^restarted, by systemctl restart forebear, pid \d+ of root$/);
    await looked();
    await install();
    expect(await stopReason()).toBe('the package is upgraded');
    expect((await bed.run('test -e /run/forebear.upgrade')).status).toBe(1);
    await looked();
    await bed.reboot();
    await bed.until('systemctl is-active -q forebear');
    expect(await stopReason()).toMatch(/^the host goes down/);
    await lookedLong();
    expect(await own()).toBe(before);
  });
});
