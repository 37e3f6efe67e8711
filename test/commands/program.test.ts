import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Register } from '../../src/commands/command.ts';
import { COMMANDS, type CommandEntry, runProgram } from '../../src/commands/program.ts';
import { VERSION } from '../../src/commands/version.ts';
import { ForebearError } from '../../src/errors.ts';
import { fakeIo } from './fake-io.ts';

/** A program of two commands; `act` does what a test wants done. */
function entries(act: Parameters<typeof register>[0] = () => {}): CommandEntry[] {
  return [
    { name: 'act', summary: 'does something', load: async () => register(act) },
    { name: 'other', summary: 'must not be loaded', load: () => Promise.reject(new Error('loaded')) },
  ];
}

function register(act: () => void): Register {
  return (program, _io, done) => {
    const command = program.command('act').option('--severity <s>').option('--json');
    command.action(async () => {
      act();
      done(1);
    });
  };
}

async function run(args: string[], act?: () => void) {
  const io = fakeIo();
  const status = await runProgram(args, io, entries(act));
  return { status, out: io.stdout(), err: io.stderr() };
}

const failing = (thrown: unknown) => () => {
  throw thrown;
};

describe('the program', () => {
  it('has the version of package.json', async () => {
    const file = readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8');
    expect(JSON.parse(file).version).toBe(VERSION);
    expect(await run(['--version'])).toEqual({ status: 0, out: `forebear ${VERSION}\n`, err: '' });
  });

  it('lists every command in its help, without loading any', async () => {
    const { status, out } = await run(['--help']);
    expect(status).toBe(0);
    expect(out).toMatch(/act .*does something\n.*other .*must not be loaded/);
  });

  it('ends with the status of the command', async () => {
    expect(await run(['act'])).toEqual({ status: 1, out: '', err: '' });
  });

  it('without a command prints its help on stderr: status 2', async () => {
    const { status, out, err } = await run([]);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain('Usage: forebear');
  });

  it.each([
    [['atc'], "unknown command 'atc'", 'Did you mean act?'],
    [['act', '--sevrity', 'x'], "unknown option '--sevrity'", 'Did you mean --severity?'],
    [['act', '--severity'], "option '--severity <s>' argument missing", 'forebear COMMAND --help shows the usage'],
    [['act', 'x', 'y'], 'too many arguments', 'forebear COMMAND --help shows the usage'],
  ])('%j is a usage error: status 2', async (args, message, hint) => {
    const plain = await run(args);
    expect([plain.status, plain.out]).toEqual([2, '']);
    expect(plain.err).toContain(`forebear: ${message}`);
    expect(plain.err.trimEnd().split('\n').at(-1)).toBe(hint);
    const json = await run([args[0]!, '--json', ...args.slice(1)]);
    expect(json.status).toBe(2);
    expect(JSON.parse(json.err).error).toMatchObject({ code: 'FB_COMMAND_USAGE', hint });
  });
});

describe('help', () => {
  const nested: CommandEntry = {
    name: 'rules',
    summary: 's',
    load: async () => (program) => {
      program.command('rules').command('check').description('Checks them.');
    },
  };
  async function help(...args: string[]) {
    const io = fakeIo();
    const status = await runProgram(args, io, [...entries(), nested]);
    return { status, out: io.stdout(), err: io.stderr() };
  }

  it.each([
    [['help'], 'Usage: forebear [options]'],
    [['help', '--help'], 'Usage: forebear [options]'],
    [['help', 'act'], 'Usage: forebear act'],
    [['help', 'act', 'x'], 'Usage: forebear act'],
    [['help', 'rules', 'check'], 'Usage: forebear rules check'],
    [['rules', 'help', 'check'], 'Usage: forebear rules check'],
    [['rules', 'check', '--help'], 'Usage: forebear rules check'],
  ])('%j prints it on stdout: status 0', async (args, usage) => {
    const { status, out, err } = await help(...args);
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain(usage);
  });

  it.each([
    [['help', 'atc'], "unknown command 'atc'", 'Did you mean act?'],
    [['atc', '--help'], "unknown command 'atc'", 'Did you mean act?'],
    [['help', 'rules', 'x-y-z'], "unknown command 'x-y-z'", 'forebear --help lists the commands'],
    [['rules', 'help', 'x-y-z'], "unknown command 'x-y-z'", 'forebear --help lists the commands'],
    [['rules', 'x-y-z', '-h'], "unknown command 'x-y-z'", 'forebear --help lists the commands'],
  ])('%j is a usage error: status 2', async (args, message, hint) => {
    const { status, out, err } = await help(...args);
    expect([status, out, err]).toEqual([2, '', `forebear: ${message}\n${hint}\n`]);
    const json = JSON.parse((await help(...args, '--json')).err);
    expect(json.error).toMatchObject({ code: 'FB_COMMAND_USAGE', hint });
  });
});

describe('what a command throws', () => {
  const placed = new ForebearError('FB_QUERY_SYNTAX', 'expected a value\n  a:\n    ^', {
    hint: 'quote it',
    line: 3,
    column: 14,
  });

  it('is for a person message, place and hint', async () => {
    const { status, err } = await run(['act'], failing(placed));
    expect(status).toBe(2);
    expect(err).toBe('forebear: expected a value (line 3, column 14)\n  a:\n    ^\nquote it\n');
  });

  it('is one JSON line with --json', async () => {
    const { status, err } = await run(['act', '--json'], failing(placed));
    expect(status).toBe(2);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    const { code, message, hint, line, column } = placed;
    expect(JSON.parse(err)).toEqual({ error: { code, message, hint, line, column } });
  });

  it('has a stack only where it is our own mistake', async () => {
    const { status, err } = await run(['act'], failing(new TypeError('x is not a function')));
    expect(status).toBe(2);
    expect(err).toMatch(/^forebear .*unexpected error.*\nTypeError: x is not a function\n {4}at /);
    const json = await run(['act', '--json'], failing(new TypeError('x is not a function')));
    expect(JSON.parse(json.err).error).toMatchObject({ code: 'FB_INTERNAL', message: 'x is not a function' });
  });

  it('has no stack when it is the system', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    });
    expect((await run(['act'], failing(full))).err).toBe('forebear: no space left on device\n');
    expect(JSON.parse((await run(['act', '--json'], failing(full))).err).error.code).toBe('FB_SYSTEM_ENOSPC');
  });

  it('says who may, where the system forbids', async () => {
    const denied = Object.assign(new Error('EACCES: permission denied, open'), { code: 'EACCES', syscall: 'open' });
    expect((await run(['act'], failing(denied))).err).toMatch(/permission denied\nroot may; .*group forebear/);
  });

  it('names the file where the system does', async () => {
    const absent = await stat('/nonexistent, x').catch((error: unknown) => error);
    expect((await run(['act'], failing(absent))).err).toBe('forebear: /nonexistent, x: no such file or directory\n');
  });

  it.each(['plain', '--json'])('cannot write to the terminal: %s', async (mode) => {
    const evil = new ForebearError('FB_X', 'no rule \u001b]52;c;AAAA\u0007\u202e\u009b', { hint: '\u001b[2J' });
    const { err } = await run(['act', ...(mode === 'plain' ? [] : [mode])], failing(evil));
    expect(err).toMatch(/^[\x20-\x7e\n]+$/);
  });
});

describe('every command', () => {
  async function helpOf(...words: string[]): Promise<string> {
    const io = fakeIo();
    expect(await runProgram([...words, '--help'], io)).toBe(0);
    return io.stdout();
  }

  it.each(COMMANDS.map(({ name }) => name))('%s has help with an example, or its subcommands do', async (name) => {
    const help = await helpOf(name);
    expect(help).toMatch(new RegExp(`^Usage: forebear ${name}`));
    const below = [...(/\nCommands:\n([\s\S]*?)\n(?:\n|$)/.exec(help)?.[1] ?? '').matchAll(/^ {2}(\w+)/gm)];
    for (const [, sub] of below.length === 0 ? [['', '']] : below) {
      if (sub === 'help') continue;
      const words = [name, ...(sub === '' ? [] : [sub!])];
      expect(await helpOf(...words)).toMatch(new RegExp(`Examples?:\n +.*forebear ${words.join(' ')}`));
    }
  });
});
