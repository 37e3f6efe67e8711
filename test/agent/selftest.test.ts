// Which events the agent takes for those of a self-test, and which forgeries it does not.

import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SelftestGrants, selftestNames } from '../../src/agent/selftest.ts';
import { SelftestWatch } from '../../src/agent/selftest-io.ts';
import type { Alert } from '../../src/detect/alert.ts';
import type { SlotValue } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { execEvent } from '../detect/events.ts';

const ID = '0123456789abcdef0123456789abcdef';
const BOOT = 'boot-1';
const fields = new FieldTable();

const TYPE = 'process.entry_leader.entry_meta.type';

function trigger(directory: string, values: Record<string, SlotValue> = {}, bootMs = 5000) {
  const { helper, args } = selftestNames({ id: ID, directory });
  const slots = {
    'process.executable': '/usr/bin/systemctl',
    'process.parent.executable': helper,
    'process.args': args,
    'user.id': '0',
    [TYPE]: 'sshd',
    ...values,
  };
  return execEvent(fields, slots, { bootMs });
}

describe('the events of a run', () => {
  const directory = '/state/selftest/x';
  const { helper, sshd, args } = selftestNames({ id: ID, directory });
  const grants = new SelftestGrants(fields);
  grants.add({ id: ID, directory, fromNs: 4_000_000_000n, untilNs: 6_000_000_000n, uid: 990 });

  it.each<[string, boolean, Record<string, SlotValue>, number?]>([
    ['what it is about', true, {}],
    ['by the owner of the state directory', true, { 'user.id': '990' }],
    ['its own programs', true, { 'process.executable': sshd, 'process.parent.executable': '/usr/bin/node' }],
    ['its own programs, any arguments', true, { 'process.executable': helper, 'process.args': ['x'] }],
    ['by another user', false, { 'user.id': '1000' }],
    ['by nobody that is known', false, { 'user.id': undefined }],
    ['before its time', false, {}, 3999],
    ['after its time', false, {}, 6001],
    ['another program', false, { 'process.executable': '/usr/bin/bash' }],
    ['another parent', false, { 'process.parent.executable': '/home/x/forebear-selftest' }],
    ['another unit', false, { 'process.args': [...args.slice(0, 3), 'backdoor.service'] }],
    ['one more argument', false, { 'process.args': [...args, 'backdoor.service'] }],
    ['one argument less', false, { 'process.args': args.slice(1) }],
    ['no arguments', false, { 'process.args': undefined }],
  ])('%s: %s', (_name, expected, values, bootMs) => {
    expect(grants.of(trigger(directory, values, bootMs)) !== undefined).toBe(expected);
  });
});

describe('the token', () => {
  let state: string;
  let directory: string;
  let granted: string[];

  beforeEach(() => {
    state = realpathSync(mkdtempSync(join(tmpdir(), 'fb-selftest-')));
    directory = join(state, 'selftest', ID);
    granted = [];
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    token();
  });
  afterEach(() => rmSync(state, { recursive: true }));

  function token(part: Record<string, unknown> = {}): void {
    const content = { bootId: BOOT, fromNs: '4000000000', untilNs: '6000000000', ...part };
    writeFileSync(join(directory, 'token.json'), JSON.stringify(content), { mode: 0o600 });
  }

  function watch(): SelftestWatch {
    return new SelftestWatch({
      stateDirectory: state,
      fields,
      bootId: BOOT,
      clock: { bootNs: () => 5_001_000_000n },
      onGrant: ({ id }) => granted.push(id),
    });
  }

  const root = process.getuid?.() === 0;
  const event = (values = {}, bootMs = 5000) =>
    trigger(directory, { 'user.id': String(process.getuid?.()), ...values }, bootMs);

  it('is honoured, and the run noted with its times', () => {
    const selftests = watch();
    const exec = event();
    expect(selftests.isSelftest(exec)).toBe(true);
    const alert = { selftest: true, eventBootNs: exec.bootNs, rule_id: 'r', uuid: 'u' } as Alert;
    selftests.made(alert);
    expect(selftests.reports[0]?.alerts).toEqual([{ rule_id: 'r', uuid: 'u', matchedMs: 5001 }]);
    selftests.durable(alert, 7);
    expect(selftests.reports).toEqual([
      {
        id: ID,
        eventMs: 5000,
        seenMs: 5001,
        entryType: 'sshd',
        alerts: [{ rule_id: 'r', uuid: 'u', matchedMs: 5001, durableMs: 5001, seq: 7 }],
      },
    ]);
    expect(granted).toEqual([ID]);
  });

  it('is read once: the programs may end after it was removed', () => {
    const selftests = watch();
    expect(selftests.isSelftest(event())).toBe(true);
    rmSync(directory, { recursive: true });
    expect(selftests.isSelftest(event({}, 5500))).toBe(true);
    expect(selftests.isSelftest(event({}, 6001))).toBe(false);
    expect(granted).toEqual([ID]);
  });

  it('takes no notice of alerts that are no self-tests', () => {
    const selftests = watch();
    const exec = event();
    selftests.isSelftest(exec);
    const alert = { eventBootNs: exec.bootNs, rule_id: 'r', uuid: 'u' } as Alert;
    selftests.made(alert);
    selftests.durable(alert, 7);
    expect(selftests.reports[0]?.alerts).toEqual([]);
  });

  const others = 'can be written by others';
  it.each<[string, () => void, string | undefined]>([
    ['there is none', () => rmSync(join(directory, 'token.json')), undefined],
    ['there is no folder', () => rmSync(directory, { recursive: true }), undefined],
    ['malformed', () => writeFileSync(join(directory, 'token.json'), '{'), 'malformed'],
    ['without times', () => token({ untilNs: undefined }), 'malformed'],
    ['of another boot', () => token({ bootId: 'boot-0' }), 'another boot'],
    ['for ever', () => token({ untilNs: '9000000000000000' }), 'too long'],
    ['run out', () => token({ untilNs: '4500000000' }), undefined],
    ['large', () => writeFileSync(join(directory, 'token.json'), ' '.repeat(5000)), 'no small file'],
    ['writable by others', () => chmodSync(join(directory, 'token.json'), 0o666), others],
    ['in a folder that others can write', () => chmodSync(directory, 0o770), others],
    ['below a folder that others can write', () => chmodSync(join(state, 'selftest'), 0o777), others],
    ['in a state directory that others can write', () => chmodSync(state, 0o757), others],
  ])('is not honoured: %s', (_name, tamper, reason) => {
    tamper();
    const selftests = watch();
    expect(selftests.isSelftest(event())).toBe(false);
    if (reason === undefined) expect(selftests.reports).toEqual([]);
    else expect(selftests.reports).toEqual([{ id: ID, refused: expect.stringContaining(reason), alerts: [] }]);
  });

  it('is not honoured through a link', () => {
    renameSync(join(directory, 'token.json'), join(state, 'elsewhere.json'));
    symlinkSync(join(state, 'elsewhere.json'), join(directory, 'token.json'));
    const selftests = watch();
    expect(selftests.isSelftest(event())).toBe(false);
    expect(selftests.reports[0]?.refused).toMatch(/ELOOP/);
  });

  it('is not honoured when another user made it', (context) => {
    if (!root) return context.skip('needs root to give files away');
    chownSync(join(directory, 'token.json'), 65534, 65534);
    const selftests = watch();
    expect(selftests.isSelftest(event())).toBe(false);
    expect(selftests.reports[0]?.refused).toMatch(/belongs to uid 65534/);
  });

  it('is not looked for where the path has no id', () => {
    const selftests = watch();
    for (const path of ['selftest', 'selftest/', 'selftest/../selftest/x', `selftest/${ID}x/y`, `selftestx/${ID}/y`]) {
      expect(selftests.isSelftest(event({ 'process.parent.executable': join(state, 'x').slice(0, -1) + path }))).toBe(
        false,
      );
    }
    expect([granted, selftests.reports]).toEqual([[], []]);
  });

  it('keeps the last four runs in its report', () => {
    const selftests = watch();
    const ids = Array.from({ length: 6 }, (_, i) => String(i).repeat(32));
    for (const id of ids) {
      mkdirSync(join(state, 'selftest', id), { mode: 0o700 });
      writeFileSync(join(state, 'selftest', id, 'token.json'), '{', { mode: 0o600 });
      selftests.isSelftest(event({ 'process.parent.executable': join(state, 'selftest', id, 'forebear-selftest') }));
    }
    expect(selftests.reports.map(({ id }) => id)).toEqual(ids.slice(-4));
  });
});
