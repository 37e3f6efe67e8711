// The agent's side of `forebear selftest`: honours a run whose token lies where only the owner of the state directory can
// write (<state>/selftest/<id>/token.json), and notes what became of it for the status snapshot. A program or unit that is
// merely named so is nothing special. Asked by the detector about each event, told of alerts by agent.ts.

import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SelftestReport } from '../agent-status.ts';
import type { Clock } from '../clock.ts';
import type { Alert } from '../detect/alert.ts';
import type { EcsEvent } from '../ecs/event.ts';
import type { FieldTable } from '../ecs/fields.ts';
import { ForebearError, reasonOf } from '../errors.ts';
import { type SelftestGrant, SelftestGrants } from './selftest.ts';

/** A token cannot ask for more. */
export const LONGEST_NS = 600_000_000_000n;
const MOST_REPORTS = 4;
const MOST_TOKEN_BYTES = 4096;
const ID = /^[0-9a-f]{32}$/;

export interface SelftestWatchOptions {
  stateDirectory: string;
  fields: FieldTable;
  bootId: string;
  clock: Pick<Clock, 'bootNs'>;
  /** A run was found genuine, by the event that is being looked at. */
  onGrant: (grant: SelftestGrant) => void;
}

export class SelftestWatch {
  readonly #options: SelftestWatchOptions;
  readonly #grants: SelftestGrants;
  readonly #directory: string;
  readonly #reports = new Map<string, SelftestReport>();

  constructor(options: SelftestWatchOptions) {
    this.#options = options;
    this.#grants = new SelftestGrants(options.fields);
    this.#directory = join(realpathSync(options.stateDirectory), 'selftest');
  }

  /** The last runs, oldest first. */
  get reports(): readonly SelftestReport[] {
    return [...this.#reports.values()];
  }

  /** For each event, before the rules: whether it belongs to a self-test. Two prefixes are compared where it does not. */
  isSelftest(event: EcsEvent): boolean {
    const id = this.#idOf(event);
    if (id === undefined || !this.#ask(id)) return false;
    if (this.#grants.of(event) === undefined) return false;
    if (this.#grants.isTrigger(event)) this.#note(id, this.#seen(id, event));
    return true;
  }

  /** An alert of a self-test was made. */
  made({ selftest, eventBootNs, rule_id, uuid }: Alert): void {
    if (selftest !== true) return;
    const report = this.reports.find(({ eventMs }) => eventMs === msOf(eventBootNs));
    report?.alerts.push({ rule_id, uuid, matchedMs: this.#nowMs() });
  }

  durable({ selftest, uuid }: Alert, seq: number): void {
    if (selftest !== true) return;
    const made = this.reports.flatMap(({ alerts }) => alerts).find((alert) => alert.uuid === uuid);
    if (made !== undefined) Object.assign(made, { durableMs: this.#nowMs(), seq });
  }

  #idOf(event: EcsEvent): string | undefined {
    const [own, parent] = this.#grants.executables(event);
    const path = this.#below(parent) ?? this.#below(own);
    if (path === undefined) return undefined;
    const id = path.slice(0, path.indexOf('/'));
    return ID.test(id) ? id : undefined;
  }

  /** The rest of a path below <state>/selftest/. */
  #below(path: unknown): string | undefined {
    const start = this.#directory.length + 1;
    return typeof path === 'string' && path.startsWith(this.#directory) && path[start - 1] === '/'
      ? path.slice(start)
      : undefined;
  }

  #ask(id: string): boolean {
    if (this.#grants.has(id)) return true;
    try {
      const grant = this.#readGrant(id);
      if (grant === undefined) return false;
      this.#grants.add(grant);
      this.#options.onGrant(grant);
      return true;
    } catch (error) {
      this.#note(id, { id, refused: reasonOf(error), alerts: [] });
      return false;
    }
  }

  /** undefined: there is no such token. Throws why it is none to be trusted. */
  #readGrant(id: string): SelftestGrant | undefined {
    const directory = join(this.#directory, id);
    const token = readToken(join(directory, 'token.json'));
    if (token === undefined) return undefined;
    const top = dirname(this.#directory);
    const { uid } = lstatSync(top);
    for (const path of [top, this.#directory, directory]) trusted(lstatSync(path), uid, path);
    trusted(token.stats, uid, 'the token');
    const { bootId, fromNs, untilNs } = parseToken(token.text);
    if (bootId !== this.#options.bootId) throw new ForebearError('FB_SELFTEST_TOKEN', 'the token is of another boot');
    if (untilNs - fromNs > LONGEST_NS) throw new ForebearError('FB_SELFTEST_TOKEN', 'the token is for too long a time');
    return { id, directory, fromNs, untilNs, uid };
  }

  #seen(id: string, event: EcsEvent): SelftestReport {
    const type = event.get('process.entry_leader.entry_meta.type');
    return {
      id,
      eventMs: msOf(event.bootNs),
      seenMs: this.#nowMs(),
      ...(typeof type === 'string' && { entryType: type }),
      alerts: [],
    };
  }

  #note(id: string, report: SelftestReport): void {
    this.#reports.delete(id);
    this.#reports.set(id, report);
    for (const oldest of this.#reports.keys()) {
      if (this.#reports.size <= MOST_REPORTS) break;
      this.#reports.delete(oldest);
    }
  }

  #nowMs(): number {
    return msOf(this.#options.clock.bootNs());
  }
}

function msOf(ns: bigint): number {
  return Number(ns) / 1e6;
}

/** No link is followed, nothing large is read. undefined: there is none. */
function readToken(path: string): { text: string; stats: Stats } | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > MOST_TOKEN_BYTES) {
      throw new ForebearError('FB_SELFTEST_TOKEN', 'the token is no small file');
    }
    return { text: readFileSync(fd, 'utf8'), stats };
  } finally {
    closeSync(fd);
  }
}

/** Throws unless only root and that user can change it. */
function trusted({ uid, mode }: Stats, owner: number, what: string): void {
  if (uid !== 0 && uid !== owner) {
    throw new ForebearError('FB_SELFTEST_TOKEN', `${what} belongs to uid ${uid}, the state directory to ${owner}`);
  }
  if ((mode & 0o022) !== 0) throw new ForebearError('FB_SELFTEST_TOKEN', `${what} can be written by others`);
}

function parseToken(text: string): { bootId: string; fromNs: bigint; untilNs: bigint } {
  try {
    const { bootId, fromNs, untilNs } = JSON.parse(text) as Record<string, unknown>;
    return { bootId: String(bootId), fromNs: BigInt(String(fromNs)), untilNs: BigInt(String(untilNs)) };
  } catch {
    throw new ForebearError('FB_SELFTEST_TOKEN', 'the token is malformed');
  }
}
