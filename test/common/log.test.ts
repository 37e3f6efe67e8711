import { describe, expect, it } from 'vitest';
import { createLogger, type LogOptions } from '../../src/log.ts';

const HOSTILE = '/tmp/\u001b]52;c;AAAA\u0007\u202e\u009bx';

function capture(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const base = { level: 'info', format: 'json', terminal: false, dataset: 'forebear.agent', version: '1.2.3' } as const;
  return { lines, log: createLogger({ ...base, write, ...options }) };
}

describe('as JSON', () => {
  it('writes one ECS document a line', () => {
    const { lines, log } = capture();
    log.info({ 'process.executable': '/bin/x' }, 'hello');
    expect(lines).toHaveLength(1);
    const { '@timestamp': time, ...rest } = JSON.parse(lines[0]!);
    expect(new Date(time).toISOString()).toBe(time);
    expect(rest).toEqual({
      'log.level': 'info',
      'ecs.version': '8.17.0',
      'service.name': 'forebear',
      'service.version': '1.2.3',
      'event.dataset': 'forebear.agent',
      'process.executable': '/bin/x',
      message: 'hello',
    });
  });

  it.each([
    [Object.assign(new TypeError('bad'), { code: 'FB_X' }), { type: 'TypeError', code: 'FB_X', message: 'bad' }],
    ['just text', { message: 'just text' }],
    [null, { message: 'null' }],
  ])('writes what was thrown as error.*: %s', (thrown, expected) => {
    const { lines, log } = capture();
    log.error({ error: thrown }, 'failed');
    expect(JSON.parse(lines[0]!).error).toMatchObject(expected);
  });

  it('keeps hostile text exact and the line printable', () => {
    const { lines, log } = capture();
    log.info({ file: { path: HOSTILE } }, HOSTILE);
    expect(lines[0]).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(lines[0]!)).toMatchObject({ file: { path: HOSTILE }, message: HOSTILE });
  });

  it('is silent below its level', () => {
    const { lines, log } = capture({ level: 'warn' });
    log.info('no');
    log.warn('yes');
    expect(lines).toHaveLength(1);
  });
});

describe('for a person', () => {
  it.each([
    ['auto', true, false],
    ['auto', false, true],
    ['pretty', false, false],
    ['json', true, true],
  ] as const)('format %s, terminal %s: JSON %s', (format, terminal, json) => {
    const { lines, log } = capture({ format, terminal });
    log.info('hello');
    expect(lines.join('').startsWith('{')).toBe(json);
    expect(lines.join('')).toContain('hello');
  });

  it('escapes hostile text in message, fields and stack', () => {
    const { lines, log } = capture({ format: 'pretty' });
    log.info({ path: HOSTILE, error: new Error(HOSTILE) }, HOSTILE);
    const text = lines.join('');
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    expect(text.match(/\\x1b\]52/g)).toHaveLength(4);
  });

  it('takes a line break in a message for text, not for a new line', () => {
    const { lines, log } = capture({ format: 'pretty' });
    log.info('one\n[00:00:00.000] INFO: two');
    expect(lines.join('').trimEnd().split('\n')).toHaveLength(1);
  });
});
