import { expect, it } from 'vitest';
import { abilitiesWith, wantedKinds, withAsked } from '../../src/agent/wanted-kinds.ts';
import { Detector } from '../../src/detect/detector.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import type { WantedKind } from '../../src/sensor/sensor.ts';
import { Counters } from '../../src/stats.ts';
import { judgeToml, QUERY_RULE, ruleText } from '../detect/rule-text.ts';
import { makeRule } from '../detect/rules.ts';

function detectorOf(...queries: string[]): Detector {
  const fields = new FieldTable();
  const rules = queries.map((query, i) => makeRule(fields, query, { rule_id: `${i}` }));
  return new Detector({ rules, fields, counters: new Counters() });
}

const CHANGE = 'event.category:process and event.type:change';

// query, kinds that it asks for
const QUERIES: [string, WantedKind[]][] = [
  ['event.category:process and event.action:exec and process.name:a', []],
  ['event.category:process and event.type:(start or end)', []],
  ['event.category:file and event.action:uid_change', []],
  ['host.os.type:windows and event.action:uid_change', []],
  [`${CHANGE} and event.action:session_id_change and process.name:kworker*`, ['session']],
  [`${CHANGE} and event.action:uid_change and user.id:0`, ['credentials']],
  [`${CHANGE} and event.action:gid_change and group.name:shadow`, ['credentials']],
  [`${CHANGE} and not event.action:(uid_change or gid_change)`, ['session']],
  [CHANGE, ['session', 'credentials']],
  ['process.name:nc', ['session', 'credentials', 'file', 'network', 'accept', 'lookup']],
  ['event.category:network and event.action:connection_attempted', ['network']],
  ['event.category:network and event.type:start', ['network', 'accept']],
  ['event.category:dns and event.action:lookup_result', ['lookup']],
  ['event.action:disconnect_received', ['network', 'accept']],
  ['event.action:(exec or memfd_create) and process.name:nc', ['call']],
  ['event.category:process and event.action:load_module', ['module']],
  ['event.category:process and not event.action:(fork or shmget)', ['session', 'credentials']],
];
it.each(QUERIES)('%s asks for %j', (query, kinds) => {
  expect([...wantedKinds(detectorOf('event.action:exec', query), 'auto').asked]).toEqual(kinds);
});

// what the configuration says, wanted, asked
const CONFIGURED: ['auto' | WantedKind[], WantedKind[], WantedKind[]][] = [
  ['auto', ['credentials'], ['credentials']],
  [[], [], ['credentials']],
  [['session'], ['session'], ['credentials']],
];
it.each(CONFIGURED)('with %j and a rule about uid_change: %j is wanted', (events, wanted, asked) => {
  const kinds = wantedKinds(detectorOf('event.action:uid_change'), events);
  expect([[...kinds.wanted], [...kinds.asked]]).toEqual([wanted, asked]);
});

it('says of each source whether a rule asks for it, and of a recording nothing', () => {
  const source = { source: 'none', wanted: false, unseen: [] } as const;
  const sources = [
    { ...source, unseen: [], kind: 'session' as const },
    { ...source, unseen: [], kind: 'credentials' as const },
  ];
  expect(withAsked(sources, new Set(['session'])).map(({ asked }) => asked)).toEqual([true, false]);
  expect(withAsked(undefined, new Set(['session']))).toEqual([]);
});

it('auto: the host can see all that it has sensors for', () => {
  expect(abilitiesWith('auto')).toBe(LINUX_HOST);
});

it.each<[WantedKind[], string[]]>([
  [['session', 'credentials', 'file', 'network', 'accept', 'call', 'module', 'lookup'], []],
  [['session', 'credentials', 'file', 'network', 'call', 'module', 'lookup'], ['connection_accepted']],
  [['session', 'credentials', 'file', 'accept', 'call', 'module', 'lookup'], ['connection_attempted']],
  [
    ['session', 'file', 'call'],
    [
      'connection_accepted',
      'connection_attempted',
      'disconnect_received',
      'gid_change',
      'load_module',
      'lookup_result',
      'uid_change',
    ],
  ],
])('sensor.events = %j leaves out %j', (events, left) => {
  const { kinds, off } = abilitiesWith(events);
  expect(off?.map(({ fixed }) => fixed['event.action']).sort()).toEqual(left);
  expect(kinds.length).toBe(LINUX_HOST.kinds.length - left.length);
});

// query, index, and what is said of it where sensor.events = ["session"]
const LEFT_OUT = 'events, which sensor.events leaves out';
it.each<[string, string[], string | undefined]>([
  ['event.category:process and event.action:exec', ['logs-*'], undefined],
  ['event.category:process and event.action:session_id_change', ['logs-*'], undefined],
  ['process.name:a', ['logs-*'], undefined],
  ['event.category:file and event.action:creation', ['logs-*'], `rule.query: needs file ${LEFT_OUT}`],
  ['file.path:a', ['logs-endpoint.events.file*'], `rule.index: needs file ${LEFT_OUT}`],
  ['event.category:network and event.action:connection_attempted', ['logs-*'], `rule.query: needs network ${LEFT_OUT}`],
  [
    'event.category:process and event.action:(uid_change or ptrace)',
    ['logs-*'],
    `rule.query: needs credentials or call ${LEFT_OUT}`,
  ],
])('a rule that needs what is left out is refused, and says so: %s', (query, index, message) => {
  const text = ruleText({ ...QUERY_RULE, query: `'${query}'`, index: JSON.stringify(index) }, '');
  const context = { fields: new FieldTable(), languages: LANGUAGES, abilities: abilitiesWith(['session']) };
  const { error } = judgeToml(text, 'a.toml', context);
  expect([error?.code, error?.message]).toEqual([message && 'FB_RULE_SENSOR', message]);
});
