import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Detector } from '../../src/detect/detector.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import type { Rule } from '../../src/detect/rule.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { flattenDocument } from '../../src/ecs/flatten.ts';
import { parseJson } from '../../src/ecs/json.ts';
import { Counters } from '../../src/stats.ts';

// Every rule that is shipped, against the events beside it: each line of NAME.ndjson must fire it, none of NAME.silent.ndjson and of
// the shared baseline may.

const RULES = join(import.meta.dirname, '../../rules');
const FIRST = 'b605f262-f7dc-41b5-9ebc-06bafe7a83b6';
/** The most telling ones have a guide in Chinese too. */
const IN_CHINESE = new Set([
  'defense_evasion_systemctl_copy',
  'persistence_systemd_dbus_call',
  'persistence_systemd_generator_created',
  'persistence_systemd_manager_acted_unasked',
  'persistence_systemd_service_created',
  'persistence_systemd_service_started_by_unusual_parent',
  'persistence_systemd_unit_linked_by_hand',
]);
const fields = new FieldTable();
const { verdicts, rules } = await loadRules([RULES], { fields, languages: LANGUAGES, abilities: LINUX_HOST });

function eventsOf(path: string): EcsEvent[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => flattenDocument(parseJson(line) as Record<string, unknown>, fields).event);
}

const detectorOf = (some: readonly Rule[]) => new Detector({ rules: some, fields, counters: new Counters() });

it('loads every file', () => {
  expect(verdicts.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(rules.map(({ rule_id }) => rule_id)).toContain(FIRST);
  expect(rules).toHaveLength(globSync(join(RULES, '**/*.toml')).length);
});

describe.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
  const path = rule.file.replace(/\.toml$/, '.ndjson');

  it('fires for each of its events', () => {
    expect(existsSync(path)).toBe(true);
    const detector = detectorOf([rule]);
    const fired = eventsOf(path).map((event) => detector.evaluate(event).map(({ rule_id }) => rule_id));
    expect(fired.length).toBeGreaterThan(0);
    expect(fired).toEqual(fired.map(() => [rule.rule_id]));
  });

  it.each(['baseline.ndjson', basename(path).replace('.ndjson', '.silent.ndjson')])('is silent on %s', (name) => {
    const file = join(RULES, 'linux', name);
    expect(existsSync(file)).toBe(true);
    const detector = detectorOf([rule]);
    const fired = eventsOf(file).filter((event) => detector.evaluate(event).length > 0);
    expect(fired.map((event) => event.get('event.id'))).toEqual([]);
  });

  it('says what it does and what it takes for harmless, and has its place in ATT&CK', () => {
    expect(rule.description.length).toBeGreaterThan(100);
    expect(rule.note.en?.length).toBeGreaterThan(500);
    if (IN_CHINESE.has(basename(path, '.ndjson'))) expect(rule.note.zh).toMatch(/\p{sc=Han}/u);
    expect(rule.false_positives.length).toBeGreaterThan(0);
    expect(rule.threat.flatMap(({ technique }) => technique).length).toBeGreaterThan(0);
    for (const { tactic, technique } of rule.threat) {
      expect(rule.tags).toContain(`Tactic: ${tactic.name}`);
      expect(tactic.reference).toBe(`https://attack.mitre.org/tactics/${tactic.id}/`);
      for (const { id, reference } of technique.flatMap((one) => [one, ...one.subtechnique])) {
        expect(reference).toBe(`https://attack.mitre.org/techniques/${id.replace('.', '/')}/`);
      }
    }
    expect(rule.tags.filter((tag) => tag.startsWith('Tactic: '))).toHaveLength(rule.threat.length);
    for (const { rule_id, name } of rule.related) {
      const known = rules.find((other) => other.rule_id === rule_id);
      expect(known?.name).toBe(name);
    }
    expect(rule.license).toBe('Apache-2.0');
    expect(rule.author).toEqual(['Forebear']);
  });

  const inTable = rule.rule_id === FIRST ? undefined : it;
  inTable?.('stands in docs/rules.md', () => {
    const row = `| [${rule.name}](../rules/linux/${basename(rule.file)})<br>\`${rule.rule_id}\` | ${rule.severity} |`;
    expect(readFileSync(join(RULES, '../docs/rules.md'), 'utf8')).toContain(row);
  });

  it('names each of its osquery steps in each guide', () => {
    for (const guide of Object.values(rule.note)) {
      const named = [...guide.matchAll(/\$osquery_(\d+)/g)].map(([, index]) => Number(index));
      expect(named).toEqual(rule.osquery.map((_, index) => index));
    }
  });
});

describe('the first rule', () => {
  const rule = rules.find(({ rule_id }) => rule_id === FIRST)!;

  it('has the facts of the page', () => {
    expect(rule).toMatchObject({
      type: 'new_terms',
      language: 'kuery',
      version: 3,
      severity: 'medium',
      risk_score: 47,
      from: 'now-9m',
      interval: '5m',
      max_signals: 100,
      index: ['logs-endpoint.events.*'],
      newTerms: { fields: ['process.parent.executable'], historyWindowStart: 'now-7d' },
      sensors: ['exec'],
    });
    expect(rule.osquery).toHaveLength(8);
    expect(rule.references).toHaveLength(3);
    expect(rule.related.map(({ rule_id }) => rule_id).sort()).toEqual([
      '0f4d35e4-925e-4959-ab24-911be207ee6f',
      '17b0a495-4d9f-414c-8ad0-92f018b8e001',
      '474fd20e-14cc-49c5-8160-d9ab4ba16c8b',
      '7fb500fa-8e24-4bd1-9480-2a819352602c',
    ]);
    const mapping = rule.threat.map(({ tactic, technique }) => [
      tactic.id,
      technique[0]?.id,
      technique[0]?.subtechnique[0]?.id,
    ]);
    expect(mapping).toEqual([
      ['TA0003', 'T1543', 'T1543.002'],
      ['TA0004', 'T1543', 'T1543.002'],
    ]);
  });

  /** One event that fires; each change to it must silence the rule. */
  const base = eventsOf(rule.file.replace(/\.toml$/, '.ndjson'))[0]!;
  const excluded = 'adduser dnf dnf-automatic dockerd dpkg microdnf pacman podman rpm snapd sudo useradd yum'
    .split(' ')
    .map((name) => `/bin/${name}`)
    .concat(
      'dnf dnf-automatic dockerd dpkg microdnf pacman podman rpm snapd sudo yum'
        .split(' ')
        .map((name) => `/usr/bin/${name}`),
    )
    .concat(
      'adduser invoke-rc.d useradd'.split(' ').map((name) => `/usr/sbin/${name}`),
      '/var/lib/dpkg/info/x.postinst',
    );
  it.each<[string, string, string | string[] | number | undefined]>([
    ...excluded.map((path) => [path, 'process.parent.executable', path] as [string, string, string]),
    ['from pid 1', 'process.parent.pid', 1],
    ['five arguments', 'process.args_count', 5],
    ['entry by init', 'process.entry_leader.entry_meta.type', 'init'],
    ['entry by container', 'process.entry_leader.entry_meta.type', 'container'],
    ['entry unknown', 'process.entry_leader.entry_meta.type', 'unknown'],
    ['no entry', 'process.entry_leader.entry_meta.type', undefined],
    ['stop', 'process.args', ['systemctl', 'stop', 'x']],
    ['another executable', 'process.executable', '/usr/bin/ls'],
    ['another case', 'process.executable', '/usr/bin/Systemctl'],
    ['fork', 'event.action', 'fork'],
    ['another os', 'host.os.type', 'windows'],
  ])('is silent: %s', (_name, field, value) => {
    expect(rule.compiled.matches(base.slots)).toBe(true);
    const slots = [...base.slots];
    slots[fields.slot(field)] = value;
    expect(rule.compiled.matches(slots)).toBe(false);
  });
});
