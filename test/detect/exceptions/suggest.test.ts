import { describe, expect, it } from 'vitest';
import { findException } from '../../../src/detect/exceptions/exception-set.ts';
import { activeItem, suggestItem } from '../../../src/detect/exceptions/suggest-item.ts';
import type { EcsEvent } from '../../../src/ecs/event.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { flattenDocument } from '../../../src/ecs/flatten.ts';

// What is suggested hides the event it was made of, and only what is the same but for what changes with each run.

const fields = new FieldTable();
const eventOf = (process: Record<string, unknown>, more: Record<string, unknown> = {}): EcsEvent =>
  flattenDocument({ host: { os: { type: 'linux' } }, user: { name: 'root' }, process, ...more }, fields).event;
const entriesOf = (event: EcsEvent) =>
  suggestItem(event)?.entries.map(({ field, type, value }) => [field, type, value]);

function itemOf(event: EcsEvent) {
  const { entries } = suggestItem(event)!;
  const common = {
    item_id: 'i',
    list_id: 'l',
    type: 'simple',
    namespace_type: 'single',
    os_types: ['linux'],
    tags: [],
  };
  return activeItem({ ...common, name: 'n', description: '', comments: [], entries }, event);
}
const hides = (suggestedFrom: EcsEvent, other: EcsEvent) => findException([itemOf(suggestedFrom)], other) !== undefined;

describe('a command line', () => {
  const patternOf = (line: string) => {
    const found = suggestItem(eventOf({ executable: '/x', command_line: line }))!;
    return found.entries.find(({ field }) => field === 'process.command_line')!.value;
  };

  it.each([
    ['systemctl enable nginx.service', 'systemctl enable nginx.service'],
    ['run --pid 12345 --port 80', 'run --pid * --port 80'],
    ['cc /tmp/cc8Xq1Zk.s', 'cc /tmp/*.s'],
    ['sh /tmp/build.qKxTfa/run', 'sh /tmp/build.*/run'],
    ['tar xf /tmp/apt-dpkg-install-pqCESL/x', 'tar xf /tmp/apt-dpkg-install-*/x'],
    ['get 3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'get *'],
    ['java -DskipTests -jar app-1.2.3.jar', 'java -DskipTests -jar app-1.2.3.jar'],
    ['python3.11 -m x86_64', 'python3.11 -m x86_64'],
    ['echo * \\ ? 12345', 'echo \\* \\\\ \\? *'],
    ['echo * ? $HOME', 'echo * ? $HOME'],
  ])('%s: %s', (line, pattern) => {
    expect(patternOf(line)).toBe(pattern);
  });

  it('hides the same with other numbers, and nothing else', () => {
    const run = (line: string) => eventOf({ executable: '/usr/bin/tool', command_line: line });
    const suggested = run('tool --pid 12345 * /etc/x');
    expect(hides(suggested, suggested)).toBe(true);
    expect(hides(suggested, run('tool --pid 99 * /etc/x'))).toBe(true);
    expect(hides(suggested, run('tool --pid 99 a /etc/x'))).toBe(false);
    expect(hides(suggested, run('tool --pid 99 * /etc/y'))).toBe(false);
  });
});

it('names what ran, what started it, how and as whom, and nothing of this one run', () => {
  const event = eventOf({
    ...{ pid: 17, entity_id: 'e', executable: '/usr/bin/curl', args: ['curl', 'x'], command_line: 'curl x' },
    parent: { pid: 16, executable: '/usr/bin/bash', command_line: '-bash' },
    entry_leader: { entry_meta: { type: 'sshd' } },
  });
  expect(entriesOf(event)).toEqual([
    ['process.executable', 'match', '/usr/bin/curl'],
    ['process.command_line', 'match', 'curl x'],
    ['process.parent.executable', 'match', '/usr/bin/bash'],
    ['process.parent.command_line', 'match', '-bash'],
    ['user.name', 'match', 'root'],
    ['process.entry_leader.entry_meta.type', 'match', 'sshd'],
  ]);
});

it('names the file of an event of a file', () => {
  const event = eventOf({ executable: '/usr/bin/tee' }, { file: { path: '/etc/cron.d/x' } });
  expect(entriesOf(event)).toContainEqual(['file.path', 'match', '/etc/cron.d/x']);
});

it('warns where a shell or an interpreter would let anything through, and where a path is a pattern', () => {
  expect(suggestItem(eventOf({ executable: '/usr/bin/python3.11' }))!.warnings).toEqual([
    expect.stringMatching(/python3\.11 runs anything/),
  ]);
  expect(suggestItem(eventOf({ executable: '/usr/bin/python3.11', command_line: 'python3 /x.py' }))!.warnings).toEqual(
    [],
  );
  expect(suggestItem(eventOf({ executable: '/tmp/build.qKxTfa/run' }))!.warnings).toEqual([
    expect.stringMatching(/is a pattern/),
  ]);
});

it('suggests nothing where nothing tells what was done', () => {
  expect(suggestItem(eventOf({}))).toBeUndefined();
  expect(suggestItem(eventOf({ executable: ['/a', '/b'] }))).toBeUndefined();
  expect(suggestItem(eventOf({ executable: 'x'.repeat(2000) }))).toBeUndefined();
});
