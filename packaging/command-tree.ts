// The commands with their options, as the installed program has them (its defaults are not those of this tree): what man pages and
// completion are made of.

import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Io } from '../src/commands/command.ts';

type Program = typeof import('../src/commands/program.ts');

export interface CommandNode {
  /** Words after `forebear`; none: the program itself. */
  path: readonly string[];
  summary: string;
  /** What --help prints, a line per paragraph. */
  help: string;
  /** Long and short flags, and whether they take a value. */
  options: readonly { flags: readonly string[]; takesValue: boolean; choices: readonly string[] }[];
  children: readonly CommandNode[];
}

type HelpOf = (path: readonly string[]) => Promise<string>;

/** Wide: no paragraph is broken. */
const COLUMNS = 10_000;

/** lib: the folder that holds the compiled program, dist/. */
export async function commandTree(lib: string): Promise<CommandNode> {
  return await treeOf((await import(resolve(lib, 'dist/commands/program.js'))) as Program);
}

export async function treeOf({ COMMANDS, runProgram }: Pick<Program, 'COMMANDS' | 'runProgram'>): Promise<CommandNode> {
  const helpOf = async (path: readonly string[]) => {
    const text: string[] = [];
    await runProgram([...path, '--help'], { ...silentIo(), out: (more) => void text.push(more) });
    return text.join('');
  };
  const children: CommandNode[] = [];
  for (const { name, summary, load } of COMMANDS) {
    const program = new Command('forebear');
    (await load())(program, silentIo(), () => {});
    const command = program.commands.find((command) => command.name() === name);
    if (command === undefined) throw new Error(`${name} registers no command of that name`);
    children.push(await nodeOf(command, [name], summary, helpOf));
  }
  return { path: [], summary: 'runs detection rules on this host', help: await helpOf([]), options: [], children };
}

async function nodeOf(
  command: Command,
  path: readonly string[],
  summary: string,
  helpOf: HelpOf,
): Promise<CommandNode> {
  const children: CommandNode[] = [];
  for (const child of command.commands) {
    if (child.name() !== 'help')
      children.push(await nodeOf(child, [...path, child.name()], child.description(), helpOf));
  }
  const options = command.options.map(({ short, long, required, optional, argChoices }) => ({
    flags: [short, long].filter((flag) => flag !== undefined && flag !== null),
    takesValue: required || optional,
    choices: argChoices ?? [],
  }));
  return { path, summary, help: await helpOf(path), options, children };
}

function silentIo(): Io {
  return {
    out: () => {},
    err: (text) => {
      throw new Error(text);
    },
    outIsTerminal: true,
    errIsTerminal: false,
    columns: COLUMNS,
    env: {},
    stdin: async function* () {},
    signal: new AbortController().signal,
  };
}
