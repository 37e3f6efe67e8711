// A real journal in a folder of its own for the tests of `forebear journal`, and the damage that a disk or a person does to it.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../src/commands/program.ts';
import { decodeHead, encodeRecord, RECORD_HEAD, type RecordHead } from '../../src/journal/format.ts';
import type { RecordKindName } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/open-journal.ts';
import { decodeHeader } from '../../src/journal/segment-header.ts';
import { encodeAlert } from '../../src/proto/alert-codec.ts';
import { encodeAmend, encodeClock, encodeGap, encodeHeartbeat, encodeLifecycle } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';
import { fakeIo } from './fake-io.ts';
import { sampleAlert } from './sample-alert.ts';

export const NINE = Date.UTC(2026, 10, 24, 9);
/** Where the records of a segment begin. */
export const START = 512;
const FACTS = { version: '0.1.0', bootId: 'b', ruleSetHash: 'h', counters: [] };

/** One record of each kind, and some more alerts: several segments. */
export const RECORDS: readonly (readonly [RecordKindName, Uint8Array])[] = [
  ['lifecycle', encodeLifecycle({ ...FACTS, event: 'start', detail: '', afterUncleanStop: false })],
  ...Array.from({ length: 12 }, (_, i) => ['alert', encodeAlert(sampleAlert({ uuid: `uuid-${i}` }))] as const),
  ['amend', encodeAmend({ uuid: 'uuid-1', number: 1, document: { process: { hash: { sha256: 'ab' } } } })],
  ['gap', encodeGap({ kind: 'lost_records', detail: 'exec', count: 3, fromMs: NINE, toMs: NINE + 1000 })],
  ['clock', encodeClock({ foundMs: NINE, expectedMs: NINE - 60_000, bootNs: 1n })],
  ['heartbeat', encodeHeartbeat({ ...FACTS, seq: 3, link: 'ab'.repeat(32), bootNs: 5n, counters: [['x_total', 2]] })],
];

export class JournalFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'forebear-journal-'));
  readonly state = join(this.folder, 'state');
  readonly directory = join(this.state, 'journal');

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  open() {
    return openJournal({
      directory: this.directory,
      hostIdentity: 'machine',
      hostId: 'host-1',
      counters: new Counters(),
      nowMs: () => NINE,
      reserveBytes: 0,
      maxSegmentBytes: 8192,
      limits: { maxAgeMs: Number.POSITIVE_INFINITY },
    });
  }

  /** RECORDS, a second apart from NINE on. out: their links, the first at index 1. */
  async fill(): Promise<string[]> {
    const writer = await this.open();
    const links = [''];
    for (const [kind, payload] of RECORDS) {
      await writer.append(payload, { kind, rank: 1, wallMs: NINE + 1000 * links.length });
      links.push(writer.status().link);
    }
    await writer.close();
    return links;
  }

  /** One more. out: its seq. */
  async add(kind: RecordKindName, payload: Uint8Array): Promise<number> {
    const writer = await this.open();
    const seq = await writer.append(payload, { kind, rank: 2, wallMs: NINE });
    await writer.close();
    return seq;
  }

  /** forebear journal ... */
  async run(...args: string[]) {
    const io = fakeIo();
    const status = await runProgram(['journal', ...args, '--state', this.state], io);
    return { status, out: io.stdout(), err: io.stderr() };
  }

  async json(...args: string[]) {
    return JSON.parse((await this.run(...args, '--json')).out);
  }

  /** Names, oldest first. */
  segments(): string[] {
    return readdirSync(this.directory)
      .filter((name) => name.endsWith('.fbj'))
      .sort();
  }

  change(name: string, edit: (content: Buffer) => Buffer): void {
    const path = join(this.directory, name);
    writeFileSync(path, edit(readFileSync(path)));
  }

  /** One bit in the payload of a segment's first record. out: the segment. */
  damage(at: number): string {
    const name = this.segments().at(at)!;
    this.change(name, (content) => {
      content[START + RECORD_HEAD]! ^= 1;
      return content;
    });
    return name;
  }

  /** The first record replaced by another of its length, checksums made right. in: what its head becomes. */
  forge(change: (head: RecordHead) => RecordHead = (head) => head): void {
    this.change(this.segments()[0]!, (content) => {
      const { salt } = decodeHeader(content, '')!;
      const payload = RECORDS[0]![1].map((byte, i) => (i === 4 ? byte ^ 1 : byte));
      encodeRecord(change(decodeHead(content, START, salt)!), payload, salt).copy(content, START);
      return content;
    });
  }
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

export function firstSeqOf(segment: string): number {
  return Number(segment.slice(0, 16));
}
