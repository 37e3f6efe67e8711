// What systemd does about a service that reaches the end: out of memory it is killed and comes back, with the gap marked and
// nothing lost that was acknowledged; one that cannot start is tried again at a walking pace, until somebody mends or stops it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/commands/version.ts';
import { whyNoSensor } from '../kernel/agent-process.ts';
import { ControlGroup, whyNoControlGroup } from '../kernel/control-group.ts';
import { buildPackage, whyNoPackage } from '../packaging/build-package.ts';
import { type Bed, startBed, whyNoBed } from './bed.ts';

const CONFIG = '/etc/forebear/forebear.toml';
const RETRY = 'forebear-retry@forebear.timer';
const START_FAILED = '78';
const RULE = `[rule]
rule_id = "limits"
name = "Limits"
description = "Of this test"
type = "query"
language = "kuery"
severity = "low"
risk_score = 10
max_signals = 1000000
index = ["logs-endpoint.events.*"]
query = "event.action:exec and process.name:fb-limit"
`;

const missing = whyNoPackage() ?? whyNoBed() ?? whyNoSensor();

describe('at the end of what systemd gives', { timeout: 60_000 }, () => {
  let bed: Bed;

  beforeAll(async () => {
    if (missing !== undefined) return;
    const { file } = buildPackage(VERSION);
    bed = await startBed();
    bed.copyIn(file, '/root/forebear.deb');
    const timer = '/etc/systemd/system/forebear-retry@.timer.d';
    await bed.ask(`mkdir -p ${timer} && printf '[Timer]\\nOnActiveSec=\\nOnActiveSec=2s\\n' > ${timer}/test.conf`);
    await bed.ask('DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io -i /root/forebear.deb 2>&1', {
      timeoutMs: 60_000,
    });
    await bed.ask('cat > /usr/share/forebear/rules/limits.toml', { input: RULE });
    await bed.ask('cp /bin/true /root/fb-limit && systemctl restart forebear');
  }, 180_000);

  afterAll(async () => await bed?.remove(), 60_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  const property = (unit: string, name: string) => bed.ask(`systemctl show -p ${name} --value ${unit}`);
  const isActive = (unit: string) => bed.until(`systemctl is-active ${unit}`);
  const failedStarts = async (unit: string) =>
    Number((await bed.run(`journalctl -u ${unit} -o cat --no-pager | grep -c 'status=${START_FAILED}/CONFIG'`)).out);
  const untilFailedAgain = async (times: number) => {
    const wanted = (await failedStarts('forebear')) + times;
    await bed.until(
      `[ $(journalctl -u forebear -o cat --no-pager | grep -c 'status=78/CONFIG') -ge ${wanted} ]`,
      30_000,
    );
  };
  const alerts = async () => Number(await bed.ask('forebear tail -n all --json --rule limits | wc -l'));

  async function lifeOf(): Promise<unknown[]> {
    const lines = (await bed.ask('forebear journal export --kind lifecycle gap')).split('\n');
    return lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .map((record) => record['forebear.lifecycle.event'] ?? `gap ${record['forebear.gap.kind']}`);
  }

  it('out of memory it is killed and back within seconds; the journal has the gap, and all that was acknowledged', async (context) => {
    const why = whyNoControlGroup({ memoryBytes: 1 << 29 });
    if (why !== undefined) return context.skip(why);
    await bed.ask('for i in $(seq 50); do /root/fb-limit $i; done');
    await bed.until('[ $(forebear tail -n all --json --rule limits | wc -l) = 50 ]');
    const before = Number(await property('forebear', 'MainPID'));
    const restarts = Number(await property('forebear', 'NRestarts'));
    // As in its own group of a host with cgroups of version 2: what it takes from now on is bounded.
    const group = new ControlGroup({ memoryBytes: 4 << 20 });
    try {
      group.add(onHost(before));
      await bed.ask(`n=0; while [ -d /proc/${before} ] && [ $n -lt 20000 ]; do /root/fb-limit; n=$((n + 1)); done`, {
        timeoutMs: 45_000,
      });
      expect(group.figure('memoryBytes', 'oom_kill', { v1: 'memory.oom_control', v2: 'memory.events' })).toBe(1);
    } finally {
      group.remove();
    }
    await bed.until(`[ $(systemctl show -p MainPID --value forebear) != ${before} ] && systemctl is-active forebear`);
    expect(Number(await property('forebear', 'NRestarts'))).toBe(restarts + 1);
    expect((await lifeOf()).slice(-2)).toEqual(['gap not_running', 'start']);
    await bed.ask('forebear journal check');
    const found = await alerts();
    expect(found).toBeGreaterThanOrEqual(50);
    await bed.ask('/root/fb-limit again');
    await bed.until(`[ $(forebear tail -n all --json --rule limits | wc -l) -gt ${found} ]`);
  });

  it('a start that fails is told at once, tried again slowly, and is well as soon as it is mended', async () => {
    await bed.ask(`cp ${CONFIG} /root/good.toml && echo 'nonsense = 1' > ${CONFIG}`);
    const { status } = await bed.run('systemctl restart forebear');
    expect(status).toBe(1);
    const state = await bed.ask('systemctl show -p ActiveState,Result,ExecMainStatus,NRestarts --value forebear');
    expect(state.split('\n').sort()).toEqual(['failed', 'exit-code', START_FAILED, '0'].sort());
    expect(await property(RETRY, 'ActiveState')).toBe('active');
    await untilFailedAgain(4);
    expect(await bed.ask('journalctl -u forebear -o cat --no-pager')).toContain('there is no setting nonsense');
    await bed.ask(`cp /root/good.toml ${CONFIG}`);
    await isActive('forebear');
  });

  it('a run that is killed, and finds at its start that it cannot, is tried again as well', async () => {
    await bed.ask(`echo 'nonsense = 1' > ${CONFIG} && kill -9 ${await property('forebear', 'MainPID')}`);
    await untilFailedAgain(3);
    await bed.ask(`cp /root/good.toml ${CONFIG}`);
    await isActive('forebear');
  });

  it('whoever stops it meanwhile has it stopped', async () => {
    await bed.ask(`echo 'nonsense = 1' > ${CONFIG}`);
    await bed.run('systemctl restart forebear');
    expect(await property(RETRY, 'ActiveState')).toBe('active');
    await bed.ask('systemctl stop forebear');
    expect(await property(RETRY, 'ActiveState')).toBe('inactive');
    const failed = await failedStarts('forebear');
    // Longer than the timer takes: another unit's time, as this test may not sleep for its own.
    await bed.ask('systemd-run --wait --quiet sleep 3');
    expect(await failedStarts('forebear')).toBe(failed);
    await bed.ask(`cp /root/good.toml ${CONFIG} && systemctl start forebear`);
  });

  it('the shipper waits for an output to deliver to in the same way', async () => {
    expect((await bed.run('systemctl start forebear-ship')).status).toBe(1);
    expect(await property('forebear-ship', 'ExecMainStatus')).toBe(START_FAILED);
    const output = '\\n[outputs.copy]\\ntype = "file"\\npath = "/var/log/forebear/copy.ndjson"\\n';
    await bed.ask(`printf '${output}' >> ${CONFIG}`);
    await isActive('forebear-ship');
    await bed.until('grep -q limits /var/log/forebear/copy.ndjson');
  });

  it('a run that ends by itself after it was ready is tried again at once', async () => {
    const before = Number(await property('forebear', 'MainPID'));
    await bed.ask(`kill -ABRT ${before}`);
    await bed.until(`[ $(systemctl show -p MainPID --value forebear) != ${before} ] && systemctl is-active forebear`);
    expect(await property(RETRY, 'ActiveState')).toBe('inactive');
  });

  /** in: a pid of the bed; out: the host's. */
  function onHost(pid: number): number {
    const space = (of: number | string) => readlinkSync(`/proc/${of}/ns/pid`);
    const found = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .find((name) => {
        try {
          const numbers = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${name}/status`, 'latin1'))![1]!.split(/\s+/);
          return numbers.at(-1) === String(pid) && space(name) === space(bed.leader);
        } catch {
          return false;
        }
      });
    if (found === undefined) throw new Error(`process ${pid} of the bed is not to be found on the host`);
    return Number(found);
  }
});
