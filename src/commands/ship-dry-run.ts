// `forebear ship --dry-run`: what each output would get from its cursor on, read as the lane would read it; nothing is sent or written.

import type { OutputConfig } from '../config/outputs.ts';
import { formatSize } from '../config/units.ts';
import { type Config, journalDirectory } from '../config.ts';
import { readCursor } from '../journal/cursor.ts';
import { nodeJournalIo } from '../journal/journal-io.ts';
import { JournalSource } from '../ship/journal-source-io.ts';
import { wantedBy } from '../ship/lanes.ts';
import { cursorFile } from '../ship/ship-files-io.ts';
import type { Position } from '../ship/source.ts';
import { realWaiting } from '../ship/wait.ts';
import { Counters } from '../stats.ts';
import type { ExitStatus, Io } from './command.ts';
import { escapeJson, escapeText } from './terminal.ts';

interface Tally {
  output: string;
  type: string;
  records: number;
  bytes: number;
  first_seq?: number;
  last_seq?: number;
  kinds: Record<string, number>;
}

/** json: each document a line, {"output", "seq", "id", "document"}, then one line of sums per output. out: 1 nothing to send. */
export async function dryRun(config: Config, json: boolean, io: Io): Promise<ExitStatus> {
  let records = 0;
  for (const output of config.outputs) {
    const tally = await tallyOf(output, config, json, io);
    records += tally.records;
    io.out(json ? `${escapeJson(JSON.stringify(tally))}\n` : `${sentence(tally)}\n`);
  }
  return records > 0 ? 0 : 1;
}

async function tallyOf(output: OutputConfig, config: Config, json: boolean, io: Io): Promise<Tally> {
  const { name, type } = output;
  const tally: Tally = { output: name, type, records: 0, bytes: 0, kinds: {} };
  const source = sourceOf(output, config, io);
  for await (const { parcel } of source.items(await positionOf(config, name), io.signal)) {
    if (parcel === undefined) continue;
    const { seq, id, kind, document } = parcel;
    tally.records++;
    tally.bytes += document.length;
    tally.first_seq ??= seq;
    tally.last_seq = seq;
    tally.kinds[kind] = (tally.kinds[kind] ?? 0) + 1;
    if (json) {
      const text = Buffer.from(document).toString('utf8');
      io.out(
        `${escapeJson(`{"output":${JSON.stringify(name)},"seq":${seq},"id":${JSON.stringify(id)},"document":${text}}`)}\n`,
      );
      await io.drained?.();
    }
  }
  return tally;
}

function sourceOf(output: OutputConfig, config: Config, io: Io): JournalSource {
  const { severity, selftest, type, name } = output;
  const say = (text: string) => io.err(`forebear: output ${name}: ${escapeText(text)}\n`);
  return new JournalSource({
    directory: journalDirectory(config.state.directory),
    wanted: { severity, selftest, kinds: wantedBy(output) },
    ...{ follow: false, fold: type !== 'hub', counters: new Counters(), waiting: realWaiting },
    onDamage: ({ fromSeq, toSeq, segment }) => say(`records ${fromSeq} to ${toSeq} cannot be read (${segment})`),
    onMissing: (fromSeq, toSeq) => say(`records ${fromSeq} to ${toSeq} are gone, undelivered`),
    onReset: (reason) => say(`would begin again at the first record: ${reason}`),
  });
}

/** Undefined: it has never run. */
async function positionOf(config: Config, output: string): Promise<Position | undefined> {
  try {
    return await readCursor(nodeJournalIo, cursorFile(config.ship.directory, output));
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}

function sentence({ output, type, records, bytes, kinds, first_seq, last_seq }: Tally): string {
  const head = `${output} (${type})`;
  if (records === 0) return `${head}: nothing to send`;
  const parts = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
  return `${head}: ${records} records, ${formatSize(bytes)}, seq ${first_seq} to ${last_seq}: ${parts.join(', ')}`;
}
