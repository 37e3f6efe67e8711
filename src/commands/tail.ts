// `forebear tail`: alerts out of the journal, oldest first, for a person or as NDJSON.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { JournalRecord, ReadOptions } from '../journal/journal.ts';
import { formatAlertLine } from './alert-line.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type AlertFilter, type JournalView, Newest, SEVERITIES, select } from './journal-records.ts';
import { openJournalView } from './journal-view.ts';
import { type ConfigOptions, loadConfig, withConfigOptions } from './load-config.ts';
import { formatNoticeLine } from './notice-line.ts';
import { parseSince } from './since.ts';
import { escapeJson, escapeText, painter, terminalWidth, wantsColor } from './terminal.ts';

export interface TailOptions extends ConfigOptions, AlertFilter {
  follow?: boolean;
  /** Infinity: all. */
  lines?: number;
  /** Milliseconds since 1970. */
  since?: number;
  from?: number;
  json?: boolean;
}

const DEFAULT_LINES = 10;
/** Waits for the reader of stdout after so many lines: memory stays bounded whatever reads us. */
const LINES_PER_WAIT = 256;

const HELP = `
Without --since or --from the last ${DEFAULT_LINES} alerts are shown. For a person each line has local time, severity, rule, user@host
and the lineage of the process; what was not seen is marked with "!". Dim lines between alerts tell of starts, stops and
lost records. With --json each line is the alert's ECS document.

Exit status: 0 alerts were shown, 1 none, 2 usage, configuration or run-time error.

Examples:
  forebear tail -f                                  follow, starting with the last ${DEFAULT_LINES}
  forebear tail --since 1h --severity high          what was serious in the last hour
  forebear tail --rule 'Systemd*' -n 3              the last three of rules with such a name
  forebear tail --since 2026-11-24T10:00 --json | jq -r '."@timestamp"'`;

export const registerTail: Register = (program, io, done) => {
  const command = program
    .command('tail')
    .description('Shows alerts out of the journal, oldest first; with -f it goes on with each new one until Ctrl-C.')
    .option('-f, --follow', 'wait for more alerts')
    .option('-n, --lines <n>', 'at most the last n alerts, or "all"', lineCount)
    .option('--since <time>', 'alerts from then on: 90s, 1h, 7d, or 2026-11-24T10:00', since)
    .option('--from <seq>', 'alerts from this number of the journal on', sequence)
    .option('--rule <rule>', 'alerts of one rule: its id, or its name with * for any text')
    .addOption(new Option('--severity <least>', 'alerts of this severity and above').choices(SEVERITIES))
    .option('--json', 'print documents, one JSON object a line');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action(async (options: TailOptions) => {
    const view = openJournalView(loadConfig(options).state.directory, io);
    done(await tail(view, options, io));
  });
};

/** in: journal, options; out: 0 alerts were shown, 1 none. Ends at the end of the journal, with follow at io.signal. */
export async function tail(view: JournalView, options: TailOptions, io: Io): Promise<ExitStatus> {
  const printer = new Printer(view, options, io);
  let next = options.from ?? 1;
  const read = (reading: ReadOptions) =>
    select(view, { ...range(options), ...reading, signal: io.signal }, options, (record) =>
      printer.undecodable(record),
    );
  const lines = linesOf(options);
  const newest = new Newest(lines);
  for await (const record of read({ fromSeq: next })) {
    next = record.seq + 1;
    if (lines === Number.POSITIVE_INFINITY) await printer.print(record);
    else newest.add(record);
  }
  for (const record of newest.records()) await printer.print(record);
  if (options.follow === true) {
    for await (const record of read({ fromSeq: next, follow: true })) await printer.print(record);
  }
  return printer.alerts > 0 ? 0 : 1;
}

function linesOf({ lines, since, from }: TailOptions): number {
  if (lines !== undefined) return lines;
  return since === undefined && from === undefined ? DEFAULT_LINES : Number.POSITIVE_INFINITY;
}

function range({ since }: TailOptions): ReadOptions {
  return since === undefined ? {} : { sinceMs: since };
}

class Printer {
  alerts = 0;
  #lines = 0;
  readonly #view: JournalView;
  readonly #io: Io;
  readonly #json: boolean;
  readonly #color: boolean;

  constructor(view: JournalView, options: TailOptions, io: Io) {
    this.#view = view;
    this.#io = io;
    this.#json = options.json === true;
    this.#color = wantsColor(io.env, io.outIsTerminal);
  }

  async print(record: JournalRecord): Promise<void> {
    const line = record.kindName === 'alert' ? this.#alertLine(record) : this.#noticeLine(record);
    if (line === undefined || this.#io.signal.aborted) return;
    this.#io.out(`${line}\n`);
    if (record.kindName === 'alert') this.alerts++;
    if (++this.#lines % LINES_PER_WAIT === 0) await this.#io.drained?.();
  }

  undecodable(record: JournalRecord, why = 'its envelope is malformed'): void {
    this.#io.err(`forebear: record ${record.seq} is not a readable alert: ${escapeText(why)}\n`);
  }

  #alertLine(record: JournalRecord): string | undefined {
    try {
      if (this.#json) return escapeJson(this.#view.documentText(record.payload));
      const alert = this.#view.alert(record.payload);
      return formatAlertLine(alert, { color: this.#color, width: terminalWidth(this.#io) });
    } catch (error) {
      this.undecodable(record, reasonOf(error));
      return undefined;
    }
  }

  #noticeLine(record: JournalRecord): string | undefined {
    return this.#json ? undefined : formatNoticeLine(record, painter(this.#color));
  }
}

function lineCount(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  return wholeNumber(text, 'a number of alerts, or "all"');
}

function sequence(text: string): number {
  return wholeNumber(text, 'a sequence number');
}

function wholeNumber(text: string, expected: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError(`Expected ${expected}.`);
  return Number(text);
}

function since(text: string): number {
  return parseSince(text, systemClock.wallMs());
}
