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
  /** Of folders, at most 15 bytes each: what is in them. A file of such a name is watched. */
  exceptNames: readonly string[];
  /** Whose own files are not told of; 0: nobody. */
  ownPid: number;
}

/** How paths begin that rules name, and folders in them, which may have wildcards. */
export interface RulesPlaces {
  prefixes: readonly string[];
  folders: readonly string[];
}

/** in: what is configured, what rules name; out: with that too, and without exceptions that would hide it. */
export function widened(filter: FileFilter, { prefixes, folders }: RulesPlaces): FileFilter {
  const patterns = folders.map(patternOf);
  const named = (name: string) => patterns.some((pattern) => pattern.test(name));
  return {
    ...filter,
    paths: [...new Set([...filter.paths, ...prefixes])],
    except: filter.except.filter((path) => !prefixes.includes(path)),
    exceptNames: filter.exceptNames.filter((name) => !named(name)),
  };
}

/** As rules are least strict: of either case. */
function patternOf(folder: string): RegExp {
  const literal = folder.replace(/[\\^$.+()[\]{}|]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'is');
}

/** Beginnings of paths that find no room in the kernel's map, and whose files are not seen: the last of those that rules name. */
export function withoutRoom(filter: FileFilter): string[] {
  return rowsOf(filter)
    .slice(PLACE.max)
    .map(({ prefix }) => prefix);
}

/**
 * in: what the programs were given, what is needed now; out: what of it they do not let through, in words. Not what found no room
 * already: that is said by the sensor's status.
 */
export function lacking(given: FileFilter, needed: FileFilter): string[] {
  const rows = rowsOf(given);
  const places = new Map(rows.slice(0, PLACE.max).map(({ prefix, place }) => [prefix, place]));
  const told = new Set(rows.slice(PLACE.max).map(({ prefix }) => prefix));
  const operations = [...needed.operations].filter((operation) => !given.operations.has(operation));
  const names = given.exceptNames.filter((name) => !needed.exceptNames.includes(name));
  const paths = needed.paths.filter((path) => !told.has(path) && !isWatched(places, path));
  return [
    ...operations.map((operation) => `files' ${operation}`),
    ...names.map((name) => `files in folders named ${name}`),
    ...paths.map((path) => `files in ${path}`),
  ];
}

/** What is said of paths that begin so. dots: of each folder there, only what begins with a dot is watched. */
type Place = 'watched' | 'dots' | 'out';
const DOTS = '*/.';

/** By the beginning of a path. What a shorter one says of a beginning already is not said again. */
function placesOf({ paths, except }: FileFilter): Map<string, Place> {
  const places = new Map<string, Place>(except.map((path) => [path, 'out']));
  for (const path of paths) {
    const prefix = path.endsWith(`/${DOTS}`) ? path.slice(0, -DOTS.length) : path;
    places.set(prefix, prefix === path || places.get(prefix) === 'watched' ? 'watched' : 'dots');
  }
  for (const [prefix, place] of places) {
    if (place === 'out' || (place === 'dots' && except.includes(prefix))) continue;
    if (nearest(places, prefix, prefix.length - 1)?.place === 'watched') places.delete(prefix);
  }
  return places;
}

/** The longest beginning of a path that something is said of, at most so long; as the kernel's trie finds it. */
function nearest(places: ReadonlyMap<string, Place>, path: string, longest: number) {
  for (let end = longest; end > 0; end--) {
    const place = places.get(path.slice(0, end));
    if (place !== undefined) return { place, end };
  }
  return undefined;
}

function isWatched(places: ReadonlyMap<string, Place>, path: string): boolean {
  const found = nearest(places, path, path.length);
  return found?.place === 'watched' || (found?.place === 'dots' && /^[^/]+\/\./.test(path.slice(found.end)));
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

/**
 * As the map is to have them, those that rules name last. A beginning that is longer than a key is cut, and then more is watched; an
 * exception so long is none.
 */
function rowsOf(filter: FileFilter) {
  const rows = [...placesOf(filter)].map(([prefix, place]) => ({ prefix, text: encodeText(prefix), place }));
  return rows.filter(({ text, place }) => place !== 'out' || text.length <= PLACE.pathBytes);
}

function encodePlaces(filter: FileFilter): Uint8Array {
  const kept = rowsOf(filter).slice(0, PLACE.max);
  const bytes = Buffer.alloc(kept.length * (PLACE.size + 4));
  kept.forEach(({ text, place }, i) => {
    const at = i * (PLACE.size + 4);
    const fitting = text.subarray(0, PLACE.pathBytes);
    bytes.writeUInt32LE(8 * fitting.length, at + PLACE.bits);
    bytes.set(fitting, at + PLACE.path);
    bytes.writeUInt32LE(encodePlace(place, text.length), at + PLACE.size);
  });
  return bytes;
}

function encodePlace(place: Place, length: number): number {
  if (place === 'out') return 0;
  return place === 'dots' && length <= PLACE.pathBytes ? PLACE.dot | (length << PLACE.shift) : PLACE.watched;
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
