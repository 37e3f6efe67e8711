import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { RUNTIME_FLAGS } from '../../vitest.config.ts';

it('refuses runtime code generation, as the agent does', () => {
  expect(() => new Function('return 1')).toThrow(EvalError);
});

it('runs under the flags of bin/forebear', () => {
  const launcher = readFileSync(new URL('../../bin/forebear', import.meta.url), 'utf8');
  for (const flag of RUNTIME_FLAGS) {
    expect(launcher).toContain(flag);
    expect(process.execArgv).toContain(flag);
  }
});
