// Which events a rule asks for and this host does not see, as `rules check` says it: true, and the same in both languages.

import { expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { judgeToml, ruleText } from './rule-text.ts';

const NETWORK = 'event.category:network and ';

it.each<[language: 'kuery' | 'eql', query: string, unseen: string[]]>([
  ['kuery', `${NETWORK}event.action:connection_attempted`, []],
  ['kuery', `${NETWORK}event.action:(connection_accepted or disconnect_received) and process.name:x`, []],
  ['kuery', `${NETWORK}event.action:(connection_attempted or netflow_flow)`, ['netflow_flow']],
  ['kuery', `${NETWORK}event.action:(connection_attempted or lookup_requested)`, ['lookup_requested']],
  ['kuery', `${NETWORK}process.name:x`, ['lookup_requested']],
  ['kuery', `${NETWORK}event.action:connection_*`, []],
  ['kuery', `${NETWORK}not event.action:lookup_requested`, ['network_traffic']],
  ['kuery', 'event.category:dns and event.action:lookup_result', []],
  ['kuery', 'event.category:dns', ['lookup_requested']],
  ['kuery', 'event.category:(process or authentication)', ['authentication']],
  ['eql', 'network where event.action == "connection_attempted"', []],
  ['eql', 'network where event.action : ("Connection_Attempted", "netflow_flow")', ['netflow_flow']],
  ['eql', 'network where process.name == "x"', ['lookup_requested']],
  ['eql', 'process where true', []],
])('%s %s', (language, query, unseen) => {
  const keys = { query: `'${query}'`, language: `"${language}"`, type: language === 'eql' ? '"eql"' : '"query"' };
  const text = ruleText({ ...keys, index: '["logs-endpoint.events.*"]' }, '');
  const { rule, error } = judgeToml(text, 'a.toml', {
    ...{ fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST },
  });
  const said = unseen.map((what) => `its ${what} events are not seen on this host`);
  expect([error, rule?.limits ?? []]).toEqual([undefined, said]);
});
