import { beforeEach, expect, it } from 'vitest';
import { sequenceRows, suppressionRows, thresholdRows } from '../../src/commands/several-events.ts';
import { formatAlert } from '../../src/commands/show-alert.ts';
import { folded, setUp } from '../detect/kinds/run.ts';
import { makeEqlRule, makeThresholdRule } from '../detect/rules.ts';
import { sampleAlert } from './sample-alert.ts';

beforeEach(() => {
  process.env.TZ = 'UTC';
});

const suppression = { groupBy: ['user.name'], missingFields: 'suppress' } as const;

it('a sequence is told event by event, its repeats as a number', () => {
  const { run, detector, amends } = setUp((fields) => [
    makeEqlRule(
      fields,
      'sequence by user.name [process where process.name == "a"] [process where process.name == "b"]',
      {
        suppression,
      },
    ),
  ]);
  run('a', 1, { 'process.pid': 7, 'process.executable': '/bin/a' });
  const [alert] = run('b', 2, {
    'process.pid': 8,
    'process.command_line': 'b -x',
    'process.parent.executable': '/bin/a',
  });
  run('a', 3);
  run('b', 4);
  detector.flush();
  const document = folded(alert!, amends);
  expect(sequenceRows(document)).toEqual([
    ['1', '1970-01-01 00:00:01  /bin/a  (pid 7)'],
    ['2', '1970-01-01 00:00:02  b -x  (pid 8, of /bin/a)'],
  ]);
  expect(suppressionRows(document)).toEqual([
    ['more events', '1, the last at 1970-01-01 00:00:04'],
    ['user.name', 'root'],
  ]);
  const context = { seq: 1, language: 'en', paint: (_style: unknown, text: string) => text, width: undefined };
  const text = formatAlert({ ...alert!, document }, context);
  expect(text).toContain('Events of the sequence\n  1             1970-01-01 00:00:01  /bin/a  (pid 7)\n');
  expect(text).toContain('Suppressed repeats\n');
});

it('a threshold by its group and what was counted', () => {
  const { run } = setUp((fields) => [
    makeThresholdRule(fields, 'process.name:a', {
      fields: ['user.name'],
      cardinality: [{ field: 'process.pid', value: 2 }],
    }),
  ]);
  run('a', 1, { 'process.pid': 7 });
  const [alert] = run('a', 2, { 'process.pid': 8 });
  expect(thresholdRows(alert!.document)).toEqual([
    ['events', '2 since 1970-01-01 00:00:01'],
    ['user.name', 'root'],
    ['process.pid', '2 different'],
  ]);
});

it('what tells of one event alone, and documents of any shape, have no rows', () => {
  const odd = { forebear: { sequence: 'x' }, kibana: { alert: { suppression: 3, threshold_result: [] } } };
  for (const document of [sampleAlert().document, odd, undefined]) {
    expect([sequenceRows(document), suppressionRows(document), thresholdRows(document)]).toEqual([[], [], []]);
  }
});
