// What tests of the hub share: a directory that goes with the test, journals with real chains of links, a silent log.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HubDatabase, openToServe } from '../../src/hub/database-io.ts';
import { Ingest } from '../../src/hub/ingest-io.ts';
import { CHAIN_START, nextLink } from '../../src/journal/format.ts';
import { RECORD_KINDS, type RecordKindName } from '../../src/journal/journal.ts';
import { createLogger } from '../../src/log.ts';
import { encodeAlert, RANK_OF } from '../../src/proto/alert-codec.ts';
import type { IngestBatch, IngestRecord } from '../../src/proto/ingest-codec.ts';
import { encodeAmend, encodeHeartbeat, encodeLifecycle } from '../../src/proto/record-codec.ts';
import { Counters } from '../../src/stats.ts';
import { sampleAlert } from '../commands/sample-alert.ts';

export const NOW_MS = 1_800_000_000_000;
export const SILENT = createLogger({ level: 'silent', format: 'json', terminal: false, dataset: 'test', version: '0' });

export function scratchDirectory(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'forebear-hub-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A hub's database with what writes into it. */
export class TestHub implements Disposable {
  readonly counters = new Counters();
  readonly #directory = scratchDirectory();
  readonly database: HubDatabase = openToServe(this.#directory.path);
  readonly #ingest = new Ingest(this.database.sql, this.counters);

  get path(): string {
    return this.#directory.path;
  }

  store(batch: IngestBatch, nowMs = NOW_MS) {
    return this.#ingest.store(batch, nowMs);
  }

  all(sql: string): Record<string, unknown>[] {
    return this.database.sql
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  }

  [Symbol.dispose](): void {
    this.database[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}

export function journalOf(host: string, branch = 0): TestJournal {
  return new TestJournal(host, Buffer.alloc(16, host.charCodeAt(host.length - 1) + branch).toString('hex'));
}

/** A journal as an agent writes it; `clone` has what it has, and goes on by itself. */
export class TestJournal {
  readonly hostId: string;
  readonly journalId: string;
  readonly records: IngestRecord[];

  constructor(hostId: string, journalId: string, records: readonly IngestRecord[] = []) {
    this.hostId = hostId;
    this.journalId = journalId;
    this.records = [...records];
  }

  clone(): TestJournal {
    return new TestJournal(this.hostId, this.journalId, this.records);
  }

  write(kind: RecordKindName, payload: Uint8Array, { rank = 0, wallMs = NOW_MS } = {}): IngestRecord {
    const seq = this.records.length + 1;
    const facts = { seq, kind: RECORD_KINDS[kind], rank, wallMs: Math.trunc(wallMs), flags: 0 };
    const link = nextLink(Buffer.from(this.records.at(-1)?.link ?? CHAIN_START), facts, payload);
    const record = { ...facts, payload, link };
    this.records.push(record);
    return record;
  }

  alert(part: Parameters<typeof sampleAlert>[0] = {}): IngestRecord {
    const uuid = `${this.hostId}-${this.records.length + 1}`;
    const document = { ...sampleAlert().document, 'kibana.alert.uuid': uuid };
    const alert = sampleAlert({ uuid, hostId: this.hostId, hostName: `name-of-${this.hostId}`, document, ...part });
    return this.write('alert', encodeAlert(alert), { rank: RANK_OF[alert.severity], wallMs: alert.eventWallMs });
  }

  alerts(count: number): this {
    for (let i = 0; i < count; i++) this.alert();
    return this;
  }

  amend(uuid: string, document: Record<string, unknown>): IngestRecord {
    return this.write('amend', encodeAmend({ uuid, number: 1, document }));
  }

  heartbeat(wallMs = NOW_MS): IngestRecord {
    const of = {
      seq: this.records.length,
      link: '',
      version: '0',
      bootId: 'b',
      bootNs: 0n,
      ruleSetHash: '',
      counters: [],
    };
    return this.write('heartbeat', encodeHeartbeat(of), { wallMs });
  }

  stop(): IngestRecord {
    const of = { event: 'stop', version: '0', detail: '', bootId: 'b', ruleSetHash: '', counters: [] } as const;
    return this.write('lifecycle', encodeLifecycle({ ...of, afterUncleanStop: false }));
  }

  /** Seqs from .. to, both inclusive. */
  batch(from = 1, to = this.records.length): IngestBatch {
    const { hostId, journalId } = this;
    const records = this.records.slice(from - 1, to);
    return { hostId, hostName: `name-of-${hostId}`, journalId, records, agentVersion: '0.1.0' };
  }
}

export function without<K extends keyof IngestRecord>(batch: IngestBatch, ...keys: K[]): IngestBatch {
  const records = batch.records.map((record) => {
    const rest = { ...record };
    for (const key of keys) delete (rest as Partial<IngestRecord>)[key];
    return rest as IngestRecord;
  });
  return { ...batch, records };
}
