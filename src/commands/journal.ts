// `forebear journal status | check | export | repair`: the journal as a whole. All but repair --apply read only, beside a
// running agent. Each in a file of its own; here is how they are called.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../clock.ts';
import { RECORD_KINDS } from '../journal/journal.ts';
import type { Register } from './command.ts';
import { type ChainHead, type CheckCommandOptions, check } from './journal-check.ts';
import { type ExportOptions, exportRecords } from './journal-export.ts';
import { type RepairOptions, repair } from './journal-repair.ts';
import { type StatusOptions, status } from './journal-status.ts';
import { withConfigOptions } from './load-config.ts';
import { parseSince } from './since.ts';

const HELP = `
Examples:
  forebear journal status
  forebear journal check
  forebear journal repair --plan`;

const STATUS_HELP = `
Which journal it is, which records it has and from when, the head of its chain of hashes, whether files of it are damaged
(as far as their headers tell: "journal check" reads everything), and how far each output has got.

Exit status: 0 there is a journal, 2 there is none; usage, configuration or run-time error.

Example:
  forebear journal status --json | jq -r .link`;

const CHECK_HELP = `
Reads every record of every file, and computes the chain of hashes that binds them: damage by a disk and changes by somebody
who knows the format show alike. Each fault is named with its place; those that a gap record of the journal tells of already
are shown, and do not count.

--expect-link compares with a head of the chain that has left this host, in a heartbeat record for instance (its seq and
link): where they differ, or the record is gone from the end, the journal is not the one that was.

Exit status: 0 no faults, 1 faults, 2 usage, configuration or run-time error.

Examples:
  forebear journal check
  forebear journal check --expect-link "$(forebear journal status --json | jq -r '.link + "@" + (.durable_seq | tostring)')"`;

const EXPORT_HELP = `
One record a line (NDJSON), oldest first, as the document that an output gets: alerts as ECS documents, what became known
of them later and all other records as documents of data set forebear.agent. A record that is not what its kind says is a
document that says so. With --raw each record as it is stored, its payload in base64 (proto/forebear in the source tree says
what it means). Damage is named on standard error, and stepped over.

Exit status: 0 exported; 1 there was nothing, or some are of kinds that this version does not know; 2 usage, configuration or run-time error.

Examples:
  forebear journal export --kind alert --since 7d
  forebear journal export --raw --from 1000 --to 2000
  forebear journal export --kind heartbeat | jq -r '."forebear.heartbeat.link"'`;

const REPAIR_HELP = `
--plan says what a repair would do, and does nothing; --apply does it, and needs the agent to be stopped. A repair cuts
off what a crash left unfinished behind the last record, copies damaged bytes to the folder quarantine of the journal, moves
files there whose header is lost, and writes a gap record for each record that is gone, so that it is known here and at
the outputs. It changes no record. The agent does the same at its start, but for damage in the midst of older files, which
only a check finds.

Exit status: 0 nothing to repair, or done; 1 there is something to repair, or what cannot be; 2 usage or run-time error.

Examples:
  forebear journal repair --plan
  forebear journal repair --apply       as root, or as the journal's owner`;

export const registerJournal: Register = (program, io, done) => {
  const journal = program.command('journal').description('Shows, checks, exports and repairs the journal as a whole.');
  journal.addHelpText('after', HELP);
  withConfigOptions(journal.command('status'))
    .description('Says which journal it is, what it holds, and how far outputs have got.')
    .option('--json', 'print one JSON object')
    .addHelpText('after', STATUS_HELP)
    .action(async (options: StatusOptions) => done(await status(options, io)));
  withConfigOptions(journal.command('check'))
    .description('Reads all of it, and names every fault with its place.')
    .option('--expect-link <hex@seq>', 'a link of the chain and the record that it is of; may be repeated', head)
    .option('--json', 'print one JSON object')
    .addHelpText('after', CHECK_HELP)
    .action(async (options: CheckCommandOptions) => done(await check(options, io)));
  withConfigOptions(withExportOptions(journal.command('export')))
    .description('Writes its records as NDJSON.')
    .addHelpText('after', EXPORT_HELP)
    .action(async (options: ExportOptions) => done(await exportRecords(options, io)));
  withConfigOptions(journal.command('repair'))
    .description('Says what a repair would do, or does it.')
    .addOption(new Option('--plan', 'say what would be done').conflicts('apply'))
    .addOption(new Option('--apply', 'do it').conflicts('plan'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', REPAIR_HELP)
    .action(async (options: RepairOptions) => done(await repair(options, io)));
};

function withExportOptions(command: Command): Command {
  const kinds = new Option('--kind <kind...>', 'records of these kinds alone').choices(Object.keys(RECORD_KINDS));
  return command
    .option('--from <seq>', 'from this record on', sequence)
    .option('--to <seq>', 'up to this record', sequence)
    .option('--since <time>', 'records from then on: 90s, 1h, 7d, or 2026-11-24T10:00', since)
    .addOption(kinds)
    .option('--raw', 'as they are stored, the payload in base64');
}

function head(text: string, before: readonly ChainHead[] = []): ChainHead[] {
  const [, link, seq] = /^([0-9a-f]{64})@(\d{1,15})$/i.exec(text) ?? [];
  if (link === undefined) throw new InvalidArgumentError('Expected 64 hexadecimal digits, @ and a record number.');
  return [...before, { link: link.toLowerCase(), seq: Number(seq) }];
}

function sequence(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Expected a sequence number.');
  return Number(text);
}

function since(text: string): number {
  return parseSince(text, systemClock.wallMs());
}
