// Which files' events leave the kernel: places by how paths begin, and names of folders that are left out wherever they are. In: the
// configuration's places, those that rules name; out: constants and contents of the maps of native/wire.h (fb_places, fb_unwatched).
// Called by the agent, and by load.ts.

import { encodeText } from '../text.ts';
import { FILE_OP, PLACE, UNWATCHED } from './layout.ts';
import type { FileRecord } from './record.ts';

export interface FileFilter {
  operations: ReadonlySet<FileRecord['operation']>;
  /**
   * How a path begins; the longest that fits decides. At the end a star, a slash and a dot: of each folder there, what begins with a
   * dot.
   */
  paths: readonly string[];
  except: readonly string[];
  /** Of folders, at most 15 bytes each: neither they nor what is in them. */
  exceptNames: readonly string[];
  /** Whose own files are not told of; 0: nobody. */
  ownPid: number;
}

/** in: what is configured, how paths begin that rules name; out: with these too, and without exceptions that would hide them. */
export function widened(filter: FileFilter, prefixes: readonly string[]): FileFilter {
  const named = (name: string) => prefixes.some((prefix) => prefix.split('/').includes(name));
  return {
    ...filter,
    paths: [...new Set([...filter.paths, ...prefixes])],
    except: filter.except.filter((path) => !prefixes.includes(path)),
    exceptNames: filter.exceptNames.filter((name) => !named(name)),
  };
}

/** in: what the programs were given, what is needed now; out: what of it they do not let through, in words. */
export function lacking(given: FileFilter, needed: FileFilter): string[] {
  const operations = [...needed.operations].filter((operation) => !given.operations.has(operation));
  const covers = (path: string) =>
    given.paths.some((watched) => path.startsWith(watched)) || given.paths.includes(path);
  const hidden = (path: string) =>
    given.except.some((except) => path.startsWith(except)) && !given.paths.includes(path);
  const paths = needed.paths.filter((path) => !covers(path) || hidden(path));
  return [...operations.map((operation) => `files' ${operation}`), ...paths.map((path) => `files in ${path}`)];
}

/** Of the object: constants and contents of maps. */
export function encodeFilter(filter: FileFilter): {
  constants: Record<string, number>;
  contents: Record<string, Uint8Array>;
} {
  const names = filter.exceptNames.map((name) => encodeText(name)).filter(({ length }) => length < UNWATCHED.bytes);
  const lengths = names.reduce((bits, { length }) => bits | (1 << length), 0);
  const operations = [...filter.operations].reduce((bits, operation) => bits | (1 << FILE_OP[operation]), 0);
  return {
    constants: { fb_file_ops: operations, fb_own_tgid: filter.ownPid, fb_unwatched_lengths: lengths >>> 0 },
    contents: { fb_places: encodePlaces(filter), fb_unwatched: encodeNames(names) },
  };
}

/** What finds no room is left out, of the rules' first: watched places that are shorter cover most of them. */
function encodePlaces({ paths, except }: FileFilter): Uint8Array {
  const rows = new Map<string, number>();
  for (const path of except) rows.set(path, 0);
  for (const path of paths) {
    const prefix = path.endsWith('/*/.') ? path.slice(0, -3) : path;
    const dots = prefix !== path && rows.get(prefix) !== PLACE.watched;
    rows.set(prefix, dots ? PLACE.dot | (encodeText(prefix).length << PLACE.shift) : PLACE.watched);
  }
  const kept = [...rows].slice(0, PLACE.max);
  const bytes = Buffer.alloc(kept.length * (PLACE.size + 4));
  kept.forEach(([prefix, value], i) => {
    const at = i * (PLACE.size + 4);
    const text = encodeText(prefix).subarray(0, PLACE.pathBytes);
    bytes.writeUInt32LE(8 * text.length, at + PLACE.bits);
    bytes.set(text, at + PLACE.path);
    bytes.writeUInt32LE(value, at + PLACE.size);
  });
  return bytes;
}

function encodeNames(names: readonly Uint8Array[]): Uint8Array {
  const kept = names.slice(0, UNWATCHED.max);
  const bytes = Buffer.alloc(kept.length * (UNWATCHED.bytes + 1));
  kept.forEach((name, i) => {
    bytes.set(name, i * (UNWATCHED.bytes + 1));
    bytes[i * (UNWATCHED.bytes + 1) + UNWATCHED.bytes] = 1;
  });
  return bytes;
}
