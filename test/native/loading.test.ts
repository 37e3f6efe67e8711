// Objects, programs and addons that cannot be loaded: which error, what it costs, what is told.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/sensor/binding.ts';
import type { EbpfSensorOptions } from '../../src/sensor/ebpf-sensor.ts';
import { bpfMissing, Collector, newSensor } from './live-sensor.ts';

const missing = await bpfMissing();
const folder = mkdtempSync(join(tmpdir(), 'forebear-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('what cannot be loaded', () => {
  const garbage = join(folder, 'garbage.o');
  writeFileSync(garbage, 'no ELF');
  const cases: [string, Partial<EbpfSensorOptions>, string][] = [
    ['no object', { objectPath: join(folder, 'missing.o') }, 'FB_SENSOR_LOAD'],
    ['an object that is none', { objectPath: garbage }, 'FB_SENSOR_LOAD'],
  ];
  it.each(cases)('%s', async (_name, options, code) => {
    await expect(newSensor(options).start(new Collector())).rejects.toMatchObject({ code, hint: expect.any(String) });
  });

  it('an unprivileged user is told what is missing', (ctx) => {
    if (process.getuid?.() !== 0) ctx.skip('root is needed to become an unprivileged user');
    const script = `
      const { EbpfSensor } = await import(${JSON.stringify(new URL('../../src/sensor/ebpf-sensor.ts', import.meta.url).href)});
      const { loadAddon } = await import(${JSON.stringify(new URL('../../src/sensor/binding.ts', import.meta.url).href)});
      const { copyFileSync, chmodSync, chownSync } = await import('node:fs');
      const sensor = new EbpfSensor({ envNames: new Set(), addon: loadAddon(), objectPath: process.argv[1] });
      process.setgid(65534); process.setuid(65534);
      await sensor.start({ onBatch() {}, onEnd() {} }).catch((error) => console.log(error.code, error.hint !== undefined));`;
    const object = join(mkdtempSync(join(tmpdir(), 'forebear-object-')), 'o');
    writeFileSync(object, readFileSync(new URL('../../build/forebear.bpf.o', import.meta.url)));
    spawnSync('chmod', ['755', join(object, '..')]);
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script, object], { encoding: 'utf8' });
    rmSync(join(object, '..'), { recursive: true });
    expect(stdout.trim()).toBe('FB_SENSOR_NO_PERMISSION true');
  });

  it('a binding that is not built', () => {
    const load = () => loadAddon(join(folder, 'missing.node'));
    expect(load).toThrow(expect.objectContaining({ code: 'FB_SENSOR_ADDON', hint: expect.any(String) }));
  });

  it('an optional program that does not load costs its own kind, and its reason is told', async (ctx) => {
    if (missing !== undefined) ctx.skip(missing);
    const object = readFileSync(new URL('../../build/forebear.bpf.o', import.meta.url), 'latin1');
    const objectPath = join(folder, 'misspelt.o');
    writeFileSync(objectPath, object.replaceAll('tp_btf/inet_sock_set_state', 'tp_btf/inet_sock_set_nosta'), 'latin1');
    const seen = new Collector();
    const sensor = newSensor({ objectPath, wanted: new Set(['session', 'network']) });
    await sensor.start(seen);
    const sources = new Map(sensor.status().sources?.map((source) => [source.kind, source]));
    expect(sources.get('session')?.source).toMatch(/trampoline|syscalls/);
    const reason = expect.stringMatching(/^the kernel does not load fb_sock_state \(ESRCH\): .*inet_sock_set_nosta/);
    expect(sources.get('network')).toMatchObject({ source: 'none', reason });
    spawnSync('/bin/true', ['optional-1']);
    await seen.until(() => seen.execs('optional-').length === 1);
    await sensor.stop();
  });
});
