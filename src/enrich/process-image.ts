// What a process runs, from an exec record or from what /proc tells of it. Called by the process tracker.

import type { ExecRecord } from '../sensor/record.ts';
import { baseName, Image } from './process-entry.ts';
import type { ProcessReading } from './surroundings.ts';

/** in: an exec, the key of its file; out: what it runs. */
export function imageOf(record: ExecRecord, file: string | undefined): Image {
  return new Image({
    executable: record.executable,
    name: record.task.comm,
    args: record.args,
    argc: record.argc,
    argsCut: record.truncated.includes('args') || record.unreadable.includes('args'),
    cwd: record.cwd,
    file,
    source: 'kernel',
  });
}

/** in: what /proc says of a process, its executable should that not; out: what it runs. */
export function imageOfReading(reading: ProcessReading, executable: string | undefined): Image {
  const image = new Image({ executable: reading.executable ?? executable, name: reading.task.comm, source: 'procfs' });
  fill(image, reading);
  return image;
}

/** Arguments and working directory from /proc. */
export function fill(image: Image, reading: ProcessReading): void {
  image.setArgs(reading.args, reading.argsCut ? -1 : reading.args.length, reading.argsCut);
  image.cwd = reading.cwd;
  image.source = 'procfs';
}

/** The last part of a path, where there is one. */
export function nameOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : baseName(path);
}
