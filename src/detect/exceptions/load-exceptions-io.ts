// Files and folders of exception-list exports -> what they hold. Called by load-rule-set-io.ts and `forebear exceptions`.

import { createReadStream } from 'node:fs';
import { Pace } from '../pace-io.ts';
import { readSource, readSourceStream, type SourceKind, sourceError, sourceFiles } from '../source-files-io.ts';
import { ExceptionReader } from './read-exceptions.ts';

/** Kibana exports at most 10,000 items, of about 1 KB each. */
const NDJSON: SourceKind = { code: 'FB_EXCEPTION', suffixes: ['.ndjson'], maxBytes: 64 * 1024 * 1024 };
const STDIN = '-';

export interface LoadExceptionsOptions {
  readonly stdin?: () => AsyncIterable<Uint8Array>;
  readonly pace?: Pace;
}

/**
 * in: files or folders (every *.ndjson below), `-` for standard input; out: lists, and a verdict for each item and each
 * fault (FB_EXCEPTION_*), not finished: others may add to them. Does not reject for what it finds.
 */
export async function loadExceptions(
  paths: readonly string[],
  { stdin = standardInput, pace = new Pace() }: LoadExceptionsOptions = {},
): Promise<ExceptionReader> {
  const reader = new ExceptionReader();
  const take = async (file: string, read: () => Promise<string>) => {
    try {
      const text = await read();
      pace.waited();
      const takeLine = reader.lines(file);
      let line = 0;
      for (const one of linesOf(text)) {
        takeLine(++line, one);
        await pace.step();
      }
    } catch (thrown) {
      reader.fault(file, sourceError(thrown, NDJSON));
    }
  };
  const seen = new Set<string>();
  for (const path of new Set(paths)) {
    if (path === STDIN) await take(STDIN, () => readSourceStream(stdin(), NDJSON));
    else {
      for await (const { file, error } of sourceFiles(path, NDJSON, seen)) {
        if (error !== undefined) reader.fault(file, error);
        else await take(file, () => readSource(file, NDJSON));
      }
    }
  }
  return reader;
}

/** One by one: there may be very many. */
function* linesOf(text: string): Generator<string> {
  for (let from = 0; from <= text.length; ) {
    const end = text.indexOf('\n', from);
    const to = end === -1 ? text.length : end;
    yield text.slice(from, to);
    from = to + 1;
  }
}

function standardInput(): AsyncIterable<Uint8Array> {
  return createReadStream('', { fd: 0, autoClose: false });
}
