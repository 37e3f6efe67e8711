import { expect, it } from 'vitest';
import { environmentNames } from '../../src/detect/environment-names.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { compileKql } from '../../src/query/kql-compile.ts';

const cases: [string, string[]][] = [
  ['process.env_vars:LD_PRELOAD=*', ['LD_PRELOAD']],
  ['process.env_vars:(LD_AUDIT=* or "HOME=/root" or A=1)', ['A', 'HOME', 'LD_AUDIT']],
  ['process.name:x and not process.env_vars:SSH_TTY=*', ['SSH_TTY']],
  ['process.env_vars:*', []],
  ['process.env_vars:*PRELOAD=*', []],
  ['process.args:FOO=1', []],
];

it.each(cases)('of %s', (query, names) => {
  const rule = { compiled: compileKql(query, new FieldTable()) } as unknown as Rule;
  expect(environmentNames({ rules: [rule] })).toEqual(names);
});
