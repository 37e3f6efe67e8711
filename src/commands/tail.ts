// `forebear tail`: alerts out of the journal, oldest first, for a person or as NDJSON.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { JournalRecord, ReadOptions } from '../journal/journal.ts';
import { RANK_OF } from '../proto/alert-codec.ts';
import { foldText } from '../proto/fold-amend.ts';
import { formatAlertLine } from './alert-line.ts';
import { withAmends } from './amend-fold.ts';
import type { ExitStatus, Io, Register } from './command.ts';
import { type AlertFilter, type JournalView, judgeBy, type Verdict } from './journal-records.ts';
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

type Json = Readonly<Record<string, unknown>>;

const DEFAULT_LINES = 10;
/** Waits for the reader of stdout after so many lines: memory stays bounded whatever reads us. */
const LINES_PER_WAIT = 256;

const HELP = `
Without --since or --from the last ${DEFAULT_LINES} alerts are shown. For a person each line has local time, severity, rule, user@host
and the lineage of the process; what was not seen is marked with "!". Dim lines between alerts tell of starts, stops and
lost records. With --json each line is the alert's ECS document, with what became known of it later (the hash of its
executable); alerts that come while -f follows are printed at once, without that: forebear show has it.

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
    .addOption(new Option('--severity <least>', 'alerts of this severity and above').choices(Object.keys(RANK_OF)))
    .option('--json', 'print documents, one JSON object a line');
  withConfigOptions(command as Command).addHelpText('after', HELP);
  command.action(async (options: TailOptions) => {
    const view = openJournalView(loadConfig(options).state.directory, io);
    done(await tail(view, options, io));
  });
};

/** in: journal, options; out: 0 alerts were shown, 1 none. Ends at the end of the journal, with follow at io.signal. */
export async function tail(view: JournalView, options: TailOptions, io: Io): Promise<ExitStatus> {
  const judge = judgeBy(view, options);
  const printer = new Printer(view, options, io);
  const reading = { fromSeq: await firstSeq(view, options, judge), signal: io.signal };
  const follow = options.follow === true ? { follow: true } : {};
  const since = options.since === undefined ? {} : { sinceMs: options.since };
  if (options.json === true) reading.fromSeq = await printAmended(view, { ...reading, ...since }, printer, judge);
  if (options.json !== true || options.follow === true) {
    for await (const record of view.records({ ...reading, ...follow, ...since })) {
      await printer.print(record, judge(record));
      if (io.signal.aborted) break;
    }
  }
  return printer.alerts > 0 ? 0 : 1;
}

/** What the journal has by now, documents with what later records amend of them; out: where to go on. */
async function printAmended(
  view: JournalView,
  reading: ReadOptions & { fromSeq: number },
  printer: Printer,
  judge: (record: JournalRecord) => Verdict,
): Promise<number> {
  let next = reading.fromSeq;
  for await (const { record, amendments } of withAmends(view, view.records(reading))) {
    await printer.print(record, judge(record), amendments);
    next = record.seq + 1;
    if (reading.signal?.aborted === true) break;
  }
  return next;
}

/** Where to begin so that at most the last `lines` alerts are shown, with the notices after the first of them. */
async function firstSeq(
  view: JournalView,
  options: TailOptions,
  judge: (record: JournalRecord) => Verdict,
): Promise<number> {
  const { from = 1, since = Number.NEGATIVE_INFINITY } = options;
  const lines = linesOf(options);
  if (lines === Number.POSITIVE_INFINITY) return from;
  const seqOf = async (count: number, ...wanted: Verdict[]) => {
    const inRange = ({ seq, wallMs }: JournalRecord) => seq >= from && wallMs >= since;
    const last = await view.last(count, (record) => inRange(record) && wanted.includes(judge(record)));
    return { first: last[0]?.seq, all: last.length === count };
  };
  const end = (await view.last(1, () => true))[0]?.seq ?? 0;
  if (lines === 0) return end + 1;
  const alerts = await seqOf(lines, 'alert');
  if (alerts.all) return alerts.first!;
  // Fewer alerts than that: the newest notices before them are of interest.
  const { first = end + 1 } = await seqOf(lines, 'alert', 'notice');
  return Math.min(first, alerts.first ?? first);
}

function linesOf({ lines, since, from }: TailOptions): number {
  if (lines !== undefined) return lines;
  return since === undefined && from === undefined ? DEFAULT_LINES : Number.POSITIVE_INFINITY;
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

  /** amendments: of an alert's document. */
  async print(record: JournalRecord, verdict: Verdict, amendments: readonly Json[] = []): Promise<void> {
    const line = this.#line(record, verdict, amendments);
    if (line === undefined) return;
    this.#io.out(`${line}\n`);
    if (verdict === 'alert') this.alerts++;
    if (++this.#lines % LINES_PER_WAIT === 0) await this.#io.drained?.();
  }

  #line(record: JournalRecord, verdict: Verdict, amendments: readonly Json[]): string | undefined {
    if (verdict === 'alert') return this.#alertLine(record, amendments);
    if (verdict === 'undecodable') this.#undecodable(record, 'its envelope is malformed');
    return verdict === 'notice' && !this.#json ? formatNoticeLine(record, painter(this.#color)) : undefined;
  }

  #undecodable(record: JournalRecord, why: string): void {
    this.#io.err(`forebear: record ${record.seq} is not a readable alert: ${escapeText(why)}\n`);
  }

  #alertLine(record: JournalRecord, amendments: readonly Json[]): string | undefined {
    try {
      if (this.#json) return escapeJson(foldText(this.#view.documentText(record.payload), amendments));
      const alert = this.#view.alert(record.payload);
      return formatAlertLine(alert, { color: this.#color, width: terminalWidth(this.#io) });
    } catch (error) {
      this.#undecodable(record, reasonOf(error));
      return undefined;
    }
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
