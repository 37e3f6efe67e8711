// Files and folders of exception-list exports -> what they hold. Called by load-rule-set-io.ts and `forebear exceptions`.

import { createReadStream } from 'node:fs';
import { readSource, readSourceStream, type SourceKind, sourceError, sourceFiles } from '../source-files-io.ts';
import { ExceptionReader } from './read-exceptions.ts';

/** Kibana exports at most 10,000 items, of about 1 KB each. */
const NDJSON: SourceKind = { code: 'FB_EXCEPTION', suffix: '.ndjson', maxBytes: 64 * 1024 * 1024 };
const STDIN = '-';

/**
 * in: files or folders (every *.ndjson below), `-` for standard input; out: lists, and a verdict for each item and each
 * fault (FB_EXCEPTION_*). Does not reject for what it finds.
 */
export async function loadExceptions(
  paths: readonly string[],
  stdin: () => AsyncIterable<Uint8Array> = () => createReadStream('', { fd: 0, autoClose: false }),
): Promise<ExceptionReader> {
  const reader = new ExceptionReader();
  const take = async (file: string, read: () => Promise<string>) => {
    try {
      reader.file(file, await read());
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
  reader.finish();
  return reader;
}
