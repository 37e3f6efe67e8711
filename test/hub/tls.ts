// A hub that serves over real TLS in this process, and outputs of shippers that send to it.

import { parseHubConfig } from '../../src/config/hub.ts';
import type { OutputOf } from '../../src/config/outputs.ts';
import { Credentials } from '../../src/hub/credentials-io.ts';
import { openToEnrol } from '../../src/hub/database-io.ts';
import { kindName } from '../../src/hub/derive.ts';
import { serveHub } from '../../src/hub/serve-io.ts';
import type { IngestRecord } from '../../src/proto/ingest-codec.ts';
import type { Output, Parcel } from '../../src/ship/output.ts';
import { hubOutput } from '../../src/ship/outputs/hub.ts';
import { UndiciTransport } from '../../src/ship/transport-http.ts';
import { Counters } from '../../src/stats.ts';
import { makeCertificates, type Scratch, scratch } from '../ship/real/programs.ts';
import { SILENT, type TestJournal } from './fixture.ts';

export interface ServingHub {
  port: number;
  counters: Counters;
  /** Its directory is <scratch>/hub. */
  stop(): Promise<void>;
}

/** in: keys of hub.toml besides those of certificates. */
export async function serveIn(files: Scratch, toml = ''): Promise<ServingHub> {
  const config = parseHubConfig(toml, 'hub.toml', `${files.path}/hub`);
  const stopping = new AbortController();
  const counters = new Counters();
  const ready = Promise.withResolvers<number>();
  const tls = { ...config.tls, certificateFile: files.file('server.crt'), keyFile: files.file('server.key') };
  const running = serveHub({
    config: { ...config, tls, listen: { host: '127.0.0.1', port: 0 } },
    ...{ version: '0', counters, log: SILENT, signal: stopping.signal },
    onReady: ({ port }) => ready.resolve(port),
  });
  const port = await Promise.race([ready.promise, running.then(() => 0)]);
  const stop = async () => {
    stopping.abort();
    await running;
  };
  return { port, counters, stop };
}

export function withCertificates(): Scratch {
  const files = scratch();
  makeCertificates(files.path);
  return files;
}

/** A token for the host, in a file. */
export function enrol(files: Scratch, hostId: string): string {
  using database = openToEnrol(`${files.path}/hub`);
  return files.file(`${hostId}.token`, `${new Credentials(database.sql).enrol(hostId, 0, false)}\n`);
}

export type OutputParts = Partial<OutputOf<'hub'>>;

/** What a shipper of the host would send with. */
export function outputTo(files: Scratch, port: number, hostId: string, part: OutputParts = {}): Output {
  const settings = {
    ...{
      url: `https://127.0.0.1:${port}`,
      gzip: true,
      timeout: 5000,
      ca_file: files.file('ca.crt'),
      fingerprint: null,
    },
    ...{ cert_file: null, key_file: null, server_name: null, token_file: files.file(`${hostId}.token`), ...part },
  };
  const { token_file } = settings;
  const authorization = () => (token_file === null ? undefined : `Bearer ${files.read(`${hostId}.token`).trim()}`);
  const transport = new UndiciTransport(settings, { authorization });
  const facts = {
    hostId,
    hostName: `name-of-${hostId}`,
    version: '0.1.0',
    onFork: () => {},
    successorOf: async () => undefined,
  };
  return hubOutput({} as OutputOf<'hub'>, transport, facts);
}

export function parcelsOf(journal: TestJournal, from = 1, to = journal.records.length): Parcel[] {
  return journal.records.slice(from - 1, to).map((record) => parcelOf(journal, record));
}

function parcelOf({ hostId, journalId }: TestJournal, { kind, link, ...record }: IngestRecord): Parcel {
  const unused = { id: '', document: Buffer.alloc(0) };
  return { ...record, ...unused, hostId, journalId, kind: kindName(kind)!, ...(link && { link: Buffer.from(link) }) };
}
