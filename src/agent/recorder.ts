// Records a live run as it happens, when the user asked for it (--record): raw batches as they came, and each fact that
// enrichment got from elsewhere, so that `forebear replay` gives the same alerts. A recording that cannot be written any
// more (full disk) ends, is logged and counted; the run goes on. Built by agent.ts.

import { factToJson } from '../enrich/fact-json.ts';
import type { PlacedFact } from '../enrich/surroundings.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Frame } from '../record/recording.ts';
import { RecordingWriter } from '../record/write-recording-io.ts';
import type { LossReport, RawKind } from '../sensor/sensor.ts';
import type { Counters } from '../stats.ts';

export class Recorder {
  readonly #counters: Counters;
  readonly #log: Pick<Logger, 'error'>;
  #writer: RecordingWriter | undefined;

  /** Throws FB_RECORD_WRITE: a recording that cannot even begin is the user's error. */
  constructor(path: string | undefined, version: string, counters: Counters, log: Pick<Logger, 'error'>) {
    this.#counters = counters;
    this.#log = log;
    if (path !== undefined) this.#writer = newRecording(path, version);
  }

  batch(bytes: Uint8Array, kind: RawKind): void {
    this.#write({ kind, bytes });
  }

  lost(totals: LossReport): void {
    this.#write({ kind: 'loss', ...totals });
  }

  fact(placed: PlacedFact): void {
    if (this.#writer !== undefined) this.#write({ kind: 'fact', fact: JSON.parse(factToJson(placed)) });
  }

  /** Never throws. */
  close(): void {
    try {
      this.#take()?.close();
    } catch (error) {
      this.#failed(error);
    }
  }

  #write(frame: Frame): void {
    try {
      this.#writer?.write(frame);
    } catch (error) {
      this.#failed(error);
      closeQuietly(this.#take());
    }
  }

  #take(): RecordingWriter | undefined {
    const writer = this.#writer;
    this.#writer = undefined;
    return writer;
  }

  #failed(error: unknown): void {
    this.#counters.add('agent_recordings_failed_total');
    this.#log.error({ error }, `the recording ends here: ${reasonOf(error)}`);
  }
}

/** A file that does not exist yet. Throws FB_RECORD_WRITE. */
export function newRecording(path: string, version: string, packed = false): RecordingWriter {
  try {
    return new RecordingWriter(path, { forebear: version }, { packed });
  } catch (error) {
    if (!(error instanceof ForebearError)) throw error;
    const hint = 'name a file that does not exist yet, in a folder that can be written';
    throw new ForebearError(error.code, error.message, { hint, cause: error });
  }
}

/** Its fault has been told. */
function closeQuietly(writer: RecordingWriter | undefined): void {
  try {
    writer?.close();
  } catch {}
}
