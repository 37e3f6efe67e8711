import { describe, expect, it } from 'vitest';
import { addRedaction } from '../../src/commands/record.ts';
import { Redactor } from '../../src/record/redact.ts';
import { Decoder } from '../../src/sensor/decode.ts';
import type { ExecRecord } from '../../src/sensor/record.ts';
import { encodeRecord } from '../sensor/encode.ts';

const ARGS = ['/usr/bin/tool', '--password=hunter2', '--token', 'abc', 'my-secret-file', 'plain'];
const ENV = ['PATH=/bin', 'API_TOKEN=abc', 'odd'];
const batch = () =>
  Buffer.concat([
    encodeRecord({ kind: 'fork' }),
    encodeRecord({ kind: 'exec', executable: '/usr/bin/tool', args: ARGS, env: ENV }),
    encodeRecord({ kind: 'exec', args: [] }),
  ]);

function redacted(...what: string[]) {
  const redactor = new Redactor(what.reduce((before, text) => addRedaction(text, before), {}));
  const bytes = redactor.batch(batch());
  const names = new Set(['PATH', 'API_TOKEN', 'odd']);
  const [fork, exec, ...rest] = new Decoder(names).decode(bytes);
  expect([fork!.kind, rest.length]).toEqual(['fork', 1]);
  const { args, env, executable } = exec as ExecRecord;
  expect(executable).toBe('/usr/bin/tool');
  return { args, env, redactor, bytes };
}

describe('arguments', () => {
  it.each<[string, string[], string[]]>([
    ['all but the program’s name', ['args'], [ARGS[0]!, '*'.repeat(18), '*'.repeat(7), '***', '*'.repeat(14), '*****']],
    ['of --name=value the value', ['args:*PASSWORD*'], [ARGS[0]!, '--password=*******', ...ARGS.slice(2)]],
    ['of --name value the value', ['args:*token*'], [ARGS[0]!, ARGS[1]!, '--token', '***', ...ARGS.slice(4)]],
    ['of others all', ['args:my-*'], [...ARGS.slice(0, 4), '*'.repeat(14), 'plain']],
    ['of several patterns each', ['args:plain', 'args:*secret*'], [...ARGS.slice(0, 4), '*'.repeat(14), '*****']],
    [
      'never the program’s name',
      ['args:*'],
      [ARGS[0]!, '--password=*******', '--token', '***', '*'.repeat(14), '*****'],
    ],
    ['none where only variables are', ['env'], ARGS],
  ])('%s', (_name, what, expected) => {
    expect(redacted(...what).args).toEqual(expected);
  });
});

it('a name that follows a name is one all the same, and what is redacted counts once', () => {
  const bytes = encodeRecord({ kind: 'exec', args: ['tool', '--token-file', '--password', 'hunter2'] });
  const redactor = new Redactor(addRedaction('args:*password*', addRedaction('args:*token*', {})));
  const [record] = new Decoder(new Set()).decode(redactor.batch(bytes));
  expect((record as ExecRecord).args).toEqual(['tool', '--token-file', '*'.repeat(10), '*'.repeat(7)]);
  const all = new Redactor(addRedaction('args:*', {}));
  all.batch(bytes);
  expect([redactor.redacted, all.redacted]).toEqual([2, 2]);
});

describe('variables', () => {
  it('lose their values, by name where one is given', () => {
    expect(redacted('env').env).toEqual(['PATH=****', 'API_TOKEN=***']);
    expect(redacted('env:*token*').env).toEqual(['PATH=/bin', 'API_TOKEN=***']);
    expect(redacted('args').env).toEqual(['PATH=/bin', 'API_TOKEN=abc']);
  });

  it('leave nothing of themselves in the bytes, nor does one without a name', () => {
    const { bytes, redactor } = redacted('env', 'args');
    const text = Buffer.from(bytes).toString('latin1');
    for (const secret of ['hunter2', 'abc', 'odd', 'secret']) expect(text).not.toContain(secret);
    expect(redactor.redacted).toBe(8);
  });
});

it('without anything to redact gives the very batch', () => {
  const bytes = batch();
  expect(new Redactor({}).batch(bytes)).toBe(bytes);
});

it('leaves out what it cannot read, and counts it: a secret may be in it', () => {
  const bytes = Buffer.concat([batch(), Buffer.from('hunter2 in a broken record')]);
  const redactor = new Redactor({ args: 'all' });
  const kept = redactor.batch(bytes);
  expect(kept.length).toBe(batch().length);
  expect(redactor.unreadableBytes).toBe(26);
});

it('redacts what was read from /proc, and no other fact', () => {
  const redactor = new Redactor({ args: 'all' });
  const reading = { args: ['sh', 'hunter2'], cwd: '/' };
  const placed = { at: 1, fact: { kind: 'process', pid: 1, startNs: { ns: '5' }, reading } };
  expect(redactor.fact(placed)).toEqual({
    at: 1,
    fact: {
      kind: 'process',
      pid: 1,
      startNs: { ns: '5' },
      reading: { args: ['sh', '*******'], cwd: '/' },
    },
  });
  const bytes = { ...placed, fact: { ...placed.fact, reading: { ...reading, args: ['\udcff', '\udcff\udcfe'] } } };
  expect(redactor.fact(bytes)).toMatchObject({ fact: { reading: { args: ['\udcff', '**'] } } });
  const gone = { at: 1, fact: { kind: 'process', pid: 1, startNs: { ns: '5' }, reading: null } };
  expect(redactor.fact(gone)).toEqual(gone);
  expect(redactor.fact({ at: 0, fact: { kind: 'start', host: { name: 'h' } } })).toEqual({
    at: 0,
    fact: { kind: 'start', host: { name: 'h' } },
  });
});

it.each(['arg', 'args:', 'all', 'env:'])('%s is a usage error', (text) => {
  expect(() => addRedaction(text)).toThrow(/is expected/);
});
