// Rules and exceptions from files: the shipped lists, rules that need a list, ids that are switched off, Kibana's own form.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { environmentNames } from '../../../src/detect/environment-names.ts';
import { findException, stateOf } from '../../../src/detect/exceptions/exception-set.ts';
import { LINUX_HOST } from '../../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../../src/detect/languages.ts';
import { loadRuleSet, type RuleSources } from '../../../src/detect/load-rule-set-io.ts';
import type { SlotValue } from '../../../src/ecs/event.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { execEvent } from '../events.ts';
import { QUERY_RULE, ruleText } from '../rule-text.ts';
import { entry, item, LIST, textOf } from './lists.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CORPUS = join(ROOT, '../shared/corpus');
const SHIPPED = join(ROOT, 'rules/exceptions');
const FIRST = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';
const folder = mkdtempSync(join(tmpdir(), 'forebear-exceptions-'));
afterAll(() => rmSync(folder, { recursive: true }));

function put(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function load(sources: Partial<RuleSources>) {
  const fields = new FieldTable();
  const context = { fields, languages: LANGUAGES, abilities: LINUX_HOST };
  return loadRuleSet({ rules: [], exceptions: [], disabled: [], ...sources }, context).then((set) => ({
    ...set,
    fields,
  }));
}

describe('a rule with exceptions_list', () => {
  const query = "'event.category:process and process.name:tool'";
  const lists = '[{ id = "i", list_id = "list-1", type = "detection", namespace_type = "single" }]';
  const rule = () => put('rule.toml', ruleText({ ...QUERY_RULE, query, exceptions_list: lists }, ''));

  it('runs with its list', async () => {
    const exceptions = [put('list.ndjson', textOf([LIST, item([entry('match', 'user.name', 'ann')])]))];
    const set = await load({ rules: [rule()], exceptions });
    expect(set.rules.map(({ exceptionLists }) => exceptionLists)).toEqual([['list-1']]);
    expect(set.exceptions.boundTo(set.rules[0]!)).toHaveLength(1);
  });

  it('is refused without, and says which is missing', async () => {
    const { verdicts, rules } = await load({ rules: [rule()] });
    expect(rules).toEqual([]);
    expect(verdicts[0]?.error).toMatchObject({
      code: 'FB_RULE_EXCEPTIONS',
      message: expect.stringContaining('list-1'),
    });
  });
});

it('switches off only what is there, and names the nearest', async () => {
  const exceptions = [SHIPPED];
  const { exceptions: set, rules } = await load({ exceptions, disabled: ['forebear-ansible'] });
  expect(set.summary(rules, 0)).toMatchObject({ disabled: 1, refused: 0 });
  await expect(load({ exceptions, disabled: ['forebear-ansibel'] })).rejects.toMatchObject({
    code: 'FB_EXCEPTION_DISABLE',
    hint: 'did you mean forebear-ansible?',
  });
});

it('says of files that cannot be read why, each for itself', async () => {
  const bad = put('bad.ndjson', '\xff');
  writeFileSync(bad, Buffer.from([0x0a, 0xff]));
  const { exceptions } = await load({ exceptions: [join(folder, 'none'), '/dev/null', bad] });
  expect(exceptions.verdicts.map(({ error }) => error?.code)).toEqual([
    'FB_EXCEPTION_FILE',
    'FB_EXCEPTION_FILE',
    'FB_EXCEPTION_ENCODING',
  ]);
});

it('lets variables that exceptions name leave the decoder', async () => {
  const entries = [
    entry('match_any', 'process.env_vars', ['ANSIBLE_X=1', 'noname']),
    entry('wildcard', 'process.env_vars', 'B=*'),
  ];
  const set = await load({ exceptions: [put('env.ndjson', textOf([LIST, item(entries)]))] });
  expect(environmentNames(set)).toEqual(['ANSIBLE_X', 'B']);
});

describe('the shipped lists', async () => {
  const set = await load({ rules: [join(ROOT, 'rules')], exceptions: [SHIPPED] });
  const items = set.exceptions.boundTo({ rule_id: FIRST });
  const hiding = (values: Record<string, SlotValue>) => findException(items, execEvent(set.fields, values))?.item_id;

  it('is in order, and for rules that are shipped alone', () => {
    expect(set.exceptions.verdicts.filter((verdict) => stateOf(verdict, 0) !== 'applies')).toEqual([]);
    expect(set.exceptions.verdicts.flatMap(({ item: one }) => one?.limits ?? [])).toEqual([]);
    expect(set.exceptions.summary(set.rules, 0)).toMatchObject({ applies: set.exceptions.verdicts.length, unbound: 0 });
    expect(items).toHaveLength(12);
    const without = set.rules.filter((rule) => set.exceptions.boundTo(rule).length === 0).map(({ name }) => name);
    expect(without).toEqual(['Systemd Enabled or Created a Unit and No Known Program Asked']);
    expect(set.exceptions.boundTo({ rule_id: 'another' })).toEqual([]);
  });

  const parent = (path: string) => ({ 'process.parent.executable': path });
  const below = (path: string, mount?: boolean) => ({
    'forebear.ancestors.executable': ['/usr/bin/dash', path],
    'forebear.host_namespace.mount': mount,
  });
  it.each<[Record<string, SlotValue>, string | undefined]>([
    [parent('/opt/datadog-agent/embedded/bin/installer'), 'forebear-datadog'],
    [parent('/opt/saltstack/salt/bin/python3.10'), 'forebear-salt'],
    [parent('/opt/puppetlabs/puppet/bin/ruby'), 'forebear-puppet'],
    [parent('/opt/sentinelone/bin/sentinelctl'), 'forebear-sentinelone'],
    [parent('/usr/bin/dash'), undefined],
    [{ 'process.parent.command_line': '/bin/sh -c /root/.ansible/tmp/x' }, 'forebear-ansible'],
    [below('/usr/bin/dpkg', true), 'forebear-packages-dpkg'],
    [below('/usr/bin/apt-get', true), 'forebear-packages-apt'],
    [below('/usr/bin/rpm', true), 'forebear-packages-rpm'],
    [below('/usr/lib/snapd/snapd', true), 'forebear-packages-other'],
    [below('/usr/bin/dpkg', false), undefined],
    [below('/usr/bin/dpkg'), undefined],
    [below('/tmp/dpkg', true), undefined],
  ])('%j is hidden by %s', (values, id) => {
    expect(hiding(values)).toBe(id);
  });

  const units = set.exceptions.boundTo({ rule_id: '17b0a495-4d9f-414c-8ad0-92f018b8e001' });
  const written = (by: string, path: string, more: Record<string, SlotValue> = {}) => ({
    'process.executable': by,
    'file.path': path,
    ...more,
  });
  const LXD = '/etc/systemd/system/snap.lxd.daemon.service';
  const NGINX = '/usr/lib/systemd/system/nginx.service';
  const CONTAINER = { 'process.entry_leader.entry_meta.type': 'container' };
  const OVS = '/run/systemd/system/netplan-ovs-cleanup.service';
  it.each<[Record<string, SlotValue>, string | undefined]>([
    [written('/usr/bin/dpkg', NGINX, { 'forebear.host_namespace.mount': true }), 'forebear-units-package-managers'],
    [written('/usr/bin/dpkg', NGINX, { 'forebear.host_namespace.mount': false }), undefined],
    [written('/snap/snapd/21759/usr/lib/snapd/snapd', LXD, below('/x', true)), 'forebear-units-snapd'],
    [written('/home/mallory/snap/usr/lib/snapd/snapd', LXD, below('/x', true)), undefined],
    [written('/usr/libexec/netplan/generate', OVS), 'forebear-units-netplan'],
    [written('/usr/libexec/netplan/generate', NGINX), undefined],
    [written('/tmp/generate', OVS), undefined],
    [written('/usr/bin/perl', NGINX, { ...below('/usr/bin/dpkg', false), ...CONTAINER }), 'forebear-units-containers'],
    [written('/sbin/apk', NGINX, CONTAINER), 'forebear-units-containers-unpacked'],
    [written('/usr/bin/cp', NGINX, CONTAINER), undefined],
  ])('of a unit written, %j is hidden by %s', (values, id) => {
    expect(findException(units, execEvent(set.fields, values))?.item_id).toBe(id);
  });

  it('covers every parent that the newer upstream rule excludes beyond ours', (ctx) => {
    const path = join(CORPUS, 'elastic-siem/rules/linux/persistence_systemd_service_started.toml');
    if (!existsSync(path)) return ctx.skip('the rule corpus is not on this machine (../shared/corpus)');
    const text = readFileSync(path, 'utf8');
    const query = text.slice(text.indexOf("query = '''"));
    const paths = (of: string) => of.match(/(?<=[\s(])\/[\w./*-]+/g) ?? [];
    const ours = new Set(paths(set.rules.find(({ rule_id }) => rule_id === FIRST)!.query));
    const newer = paths(query.slice(query.indexOf('process.parent.executable:('))).filter((one) => !ours.has(one));
    expect(newer).toHaveLength(9);
    expect(newer.filter((one) => hiding(parent(one.replace('*', '3'))) === undefined)).toEqual([]);
  });
});

it.for(['exceptions_export.ndjson', 'rules_export.ndjson'])("reads Kibana's %s", async (name, ctx) => {
  const path = join(CORPUS, 'kibana', name);
  if (!existsSync(path)) return ctx.skip('the corpus is not on this machine (../shared/corpus)');
  const { exceptions, fields } = await load({ exceptions: [path] });
  const now = Date.parse('2026-11-25');
  const states = exceptions.verdicts.map((verdict) => [verdict.name, stateOf(verdict, now), verdict.error?.code]);
  expect(states.filter(([, state]) => state !== 'applies')).toEqual([
    ['expired', 'expired', undefined],
    ['value list', 'refused', 'FB_EXCEPTION_VALUE_LIST'],
  ]);
  expect(states).toHaveLength(16);
  const bound = exceptions.boundTo({ rule_id: 'r', exceptionLists: ['6f0b5c0e-forebear-sample-list'] });
  const hides = (values: Record<string, SlotValue>) =>
    findException(bound, execEvent(fields, values, { wallMs: now }))?.name;
  expect(hides({ 'process.parent.executable': '/opt/agent/bin/updater' })).toBe('match');
  expect(hides({ 'process.parent.pid': 4242 })).toBe('match on a number');
  expect(hides({ 'process.name': 'systemctl', 'host.name': 'web-3', 'user.id': '0' })).toBe('excluded match_any');
  expect(hides({ 'process.name': 'ls' })).toBeUndefined();
});
