// The command line as a whole: which commands there are, the one chosen loaded and run, errors turned into status 2.
// Only the chosen command's file is imported, so that --help and tail start without the stages they do not need.

import { Command, CommanderError } from 'commander';
import { nearest } from '../config/nearest.ts';
import { ForebearError } from '../errors.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { formatError } from './error-output.ts';
import { terminalWidth } from './terminal.ts';
import { VERSION } from './version.ts';

export interface CommandEntry {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  load(): Promise<Register>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'agent',
    summary: 'watch this host: sensor, rules, journal, in the foreground',
    load: async () => (await import('./agent.ts')).registerAgent,
  },
  {
    name: 'tail',
    summary: 'show alerts out of the journal, or follow them',
    load: async () => (await import('./tail.ts')).registerTail,
  },
  {
    name: 'show',
    summary: 'show everything about one alert: process tree, rule, investigation guide',
    load: async () => (await import('./show.ts')).registerShow,
  },
  {
    name: 'status',
    summary: 'show whether the agent runs: sensors, lost records, rules, journal',
    load: async () => (await import('./status.ts')).registerStatus,
  },
  {
    name: 'doctor',
    summary: 'check whether the agent can do its work here, and what to do where it cannot',
    load: async () => (await import('./doctor.ts')).registerDoctor,
  },
  {
    name: 'selftest',
    summary: 'fire the first rule harmlessly, and prove that the running agent keeps the alert',
    load: async () => (await import('./selftest.ts')).registerSelftest,
  },
  {
    name: 'rules',
    summary: 'check, list and show detection rules, and what they cost',
    load: async () => (await import('./rules.ts')).registerRules,
  },
  {
    name: 'exceptions',
    summary: 'check, list and try exceptions to rules',
    load: async () => (await import('./exceptions.ts')).registerExceptions,
  },
  {
    name: 'learn',
    summary: 'show, export and import what new_terms rules know',
    load: async () => (await import('./learn.ts')).registerLearn,
  },
  {
    name: 'journal',
    summary: 'show, check, export and repair the journal as a whole',
    load: async () => (await import('./journal.ts')).registerJournal,
  },
  {
    name: 'ship',
    summary: 'deliver the journal to Elasticsearch, OpenSearch, OTLP, Kafka, a hub, a file or syslog',
    load: async () => (await import('./ship.ts')).registerShip,
  },
  {
    name: 'enrol',
    summary: 'try an endpoint, make an output of it, and start the delivery',
    load: async () => (await import('./enrol.ts')).registerEnrol,
  },
  {
    name: 'query',
    summary: 'search events in NDJSON files and recordings with KQL or EQL',
    load: async () => (await import('./query.ts')).registerQuery,
  },
  {
    name: 'record',
    summary: 'record what this host does into a file, for replay and for tests of rules',
    load: async () => (await import('./record.ts')).registerRecord,
  },
  {
    name: 'replay',
    summary: 'run recordings or NDJSON events through the rules',
    load: async () => (await import('./replay.ts')).registerReplay,
  },
  {
    name: 'why',
    summary: 'explain an alert: each predicate of its rule with the value that it saw',
    load: async () => (await import('./why.ts')).registerWhy,
  },
  {
    name: 'why-not',
    summary: 'explain why a rule was silent on an event',
    load: async () => (await import('./why-not.ts')).registerWhyNot,
  },
  {
    name: 'hub',
    summary: 'the central endpoint: take, keep, show and pass on the alerts of many hosts',
    load: async () => (await import('./hub.ts')).registerHub,
  },
];

const EXAMPLES = `
Examples:
  forebear agent                     run in the foreground
  forebear tail -f --severity high   follow alerts as they are journalled
  forebear rules check ./my-rules    which of these rules would run here, and why not

Exit status: 0 done or found, 1 nothing found or faults found, 2 usage, configuration or run-time error.`;

/**
 * in: the arguments after the program's name; out: the exit status, once the command has ended. Never throws.
 */
export async function runProgram(
  args: readonly string[],
  io: Io,
  commands: readonly CommandEntry[] = COMMANDS,
): Promise<ExitStatus> {
  try {
    return await run(args, io, commands);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // Help was printed instead of running something: there is nothing to add.
    if (!(error instanceof CommanderError && error.code === 'commander.help'))
      io.err(formatError(error, wantsJson(args)));
    return 2;
  }
}

/** Whether errors are to be JSON: decided before anything is parsed, for errors of parsing too. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--json');
}

async function run(args: readonly string[], io: Io, commands: readonly CommandEntry[]): Promise<ExitStatus> {
  const status = Promise.withResolvers<ExitStatus>();
  const program = bareProgram(io);
  const chosen = chosenName(args);
  for (const entry of commands) {
    if (entry.name === chosen) {
      (await entry.load())(program, io, status.resolve);
      program.commands.find((command) => command.name() === entry.name)?.summary(entry.summary);
    } else {
      program.command(entry.name).summary(entry.summary);
    }
  }
  showHelp(program, args);
  await program.parseAsync(args, { from: 'user' });
  return await status.promise;
}

function bareProgram(io: Io): Command {
  return (
    new Command('forebear')
      .description('Watches processes from the kernel and runs Elastic detection rules on this host.')
      .version(`forebear ${VERSION}`, '--version', 'print the version')
      .helpOption('-h, --help', 'print help')
      .helpCommand('help [command]', 'print help of a command')
      .addHelpText('after', EXAMPLES)
      .exitOverride()
      // Options behind a command are that command's, not those of one before it that has some of the same names.
      .enablePositionalOptions()
      .configureOutput({
        writeOut: (text) => io.out(text),
        writeErr: (text) => io.err(text),
        // Printed once, by runProgram, as every other error.
        outputError: () => {},
        getOutHelpWidth: () => terminalWidth(io) ?? 100,
        getErrHelpWidth: () => 100,
        getOutHasColors: () => false,
        getErrHasColors: () => false,
      })
  );
}

/**
 * `help rules check`, `rules help check`: throws when it is shown, as commander does, which would look one word far, and show the help of
 * what is there where the word is none. Throws FB_COMMAND_USAGE for such a word, with --help behind it too.
 */
function showHelp(program: Command, args: readonly string[]): void {
  const end = args.findIndex((arg) => arg.startsWith('-'));
  const words = end < 0 ? args : args.slice(0, end);
  let asked = false;
  let command = program;
  for (const word of words) {
    // What comes behind a command without commands is for it.
    if (command.commands.length === 0) break;
    if (word === 'help') {
      asked = true;
      continue;
    }
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) {
      if (asked || args[end] === '--help' || args[end] === '-h') throw unknownCommand(command, word);
      return;
    }
    command = next;
  }
  if (asked) command.help();
}

/** As commander says it. */
function unknownCommand({ commands }: Command, word: string): ForebearError {
  const near = nearest(
    word,
    commands.map((command) => command.name()),
  );
  const hint = near === undefined ? 'forebear --help lists the commands' : `Did you mean ${near}?`;
  return new ForebearError('FB_COMMAND_USAGE', `unknown command '${word}'`, { hint });
}

/** The first word that is not an option; `help tail` chooses tail. */
function chosenName(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((arg) => !arg.startsWith('-'));
  return first === 'help' ? second : first;
}
