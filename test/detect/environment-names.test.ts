import { expect, it } from 'vitest';
import { environmentNames } from '../../src/detect/environment-names.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileEql } from '../../src/query/eql-compile.ts';
import { compileKql } from '../../src/query/kql-compile.ts';

const cases: [string, string[]][] = [
  ['process.env_vars:LD_PRELOAD=*', ['LD_PRELOAD']],
  ['process.env_vars:(LD_AUDIT=* or "HOME=/root" or A=1)', ['A', 'HOME', 'LD_AUDIT']],
  ['process.name:x and not process.env_vars:SSH_TTY=*', ['SSH_TTY']],
  ['process.env_vars:*', []],
  ['process.env_vars:*PRELOAD=*', ['*PRELOAD']],
  ['process.env_vars:LD_*', ['LD_*']],
  ['process.env_vars:*=evil', []],
  ['process.env_vars:*evil*', []],
  ['process.args:FOO=1', []],
];

it.each(cases)('of %s', (query, names) => {
  const rule = { compiled: compileKql(query, new FieldTable()) } as unknown as Rule;
  expect(environmentNames({ rules: [rule] })).toEqual(names);
});

const eql: [string, string[]][] = [
  ['process where process.env_vars == "A=1" and not process.env_vars in ("B=1", "C=2")', ['A', 'B', 'C']],
  ['process where process.env_vars : ("LD_AUDIT=*", "RUNNER_*")', ['~LD_AUDIT', '~RUNNER_*']],
  ['process where process.env_vars like~ "http_proxy=socks5*"', ['~http_proxy']],
  ['process where process.env_vars like "*TUNABLES=*=*"', ['*TUNABLES']],
  ['process where startsWith(process.env_vars, "LD_")', ['LD_*']],
  [
    'sequence [process where process.env_vars == "A=1"] [any where process.env_vars : "B?=*"] until [any where process.env_vars == "D=4"]',
    ['A', 'D', '~B?'],
  ],
  ['process where process.args : "FOO=1" and process.env_vars != null', []],
];

it.each(eql)('of %s', (query, names) => {
  const program = compileEql(query, new FieldTable());
  expect(environmentNames({ rules: [{ program } as unknown as Rule] })).toEqual(names);
});

it('of filters, too', () => {
  const fields = new FieldTable();
  const filters: Rule['filters'] = [
    { language: 'kuery', text: 'not (process.env_vars:("A=1"))' },
    { language: 'eql', text: 'any where process.env_vars like "B=*"' },
  ];
  const rules = [{ compiled: compileKql('process.env_vars:C=1', fields), filters }] as unknown as Rule[];
  expect(environmentNames({ rules })).toEqual(['A', 'B', 'C']);
});
