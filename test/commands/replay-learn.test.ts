// replay learns on the events' own clock, and only when it is told.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runProgram } from '../../src/commands/program.ts';
import { ruleText } from '../detect/rule-text.ts';
import { fakeIo } from './fake-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'forebear-replay-learn-'));
afterAll(() => rmSync(folder, { recursive: true }));

function put(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const rule = put('rule.toml', ruleText({ query: "'process.name:a'" }));
const config = put('f.toml', '[detect]\nlearn = "24h"\n');
const documents = put(
  'events.ndjson',
  ['00', '10', '12', '23']
    .map((hour, i) =>
      JSON.stringify({
        '@timestamp': `2026-01-01T${hour}:00:00Z`,
        'process.name': 'a',
        'process.parent.executable': `/p${i % 3}`,
      }),
    )
    .join('\n'),
);

it.each<[string[], number, string]>([
  [[], 3, ''],
  [['--config', config], 3, ''],
  [['--learn', '0s'], 3, ''],
  [['--learn', '11h'], 1, '2 alerts were not made, as rules learned\n'],
  [['--learn', '24h'], 0, '3 alerts were not made, as rules learned\n'],
])('with %j', async (args, alerts, said) => {
  const io = fakeIo();
  const status = await runProgram(['replay', '--rules', rule, '--no-exceptions', ...args, documents], io);
  expect([status, io.stdout().split('\n').length - 1, io.stderr()]).toEqual([alerts > 0 ? 0 : 1, alerts, said]);
});

it('a length that is none is a usage error', async () => {
  const io = fakeIo();
  expect(await runProgram(['replay', '--json', '--learn', 'soon', documents], io)).toBe(2);
  expect(JSON.parse(io.stderr()).error.code).toBe('FB_COMMAND_USAGE');
});
