// What opening a journal would change, without changing anything: the very recovery (recover.ts) over file operations that
// are noted and not carried out. In: a directory; out: what it would do. Used by `forebear journal repair --plan`.

import { Counters } from '../stats.ts';
import type { JournalDamage } from './journal.ts';
import { type JournalFile, type JournalIo, nodeJournalIo, systemCode } from './journal-io.ts';
import { readMeta } from './meta.ts';
import { QUARANTINE } from './quarantine.ts';
import type { JournalSource } from './reader.ts';
import { recoverJournal } from './recover.ts';
import { readSegmentInfo, sortNames } from './segment.ts';

export interface Rehearsal {
  /** Names: leftovers that go, segments that go to quarantine/, copies that are made there. */
  removed: string[];
  moved: string[];
  copied: string[];
  /** A torn tail. */
  cut: { segment: string; offset: number; bytes: number }[];
  /** Records behind the commit mark, written again. */
  rewritten: number;
  damage: readonly JournalDamage[];
  /** Of the host that wrote last; "" when not known. */
  hostId: string;
}

/** Throws FB_JOURNAL_VERSION, the file system's errors. */
export async function rehearseRecovery({ directory, io = nodeJournalIo }: JournalSource): Promise<Rehearsal> {
  const stage = new Stage(io, directory);
  const meta = await readMeta(io, directory);
  const last = sortNames(await io.readdir(directory)).segments.at(-1);
  const info = last && (await readSegmentInfo(io, directory, last).catch(() => undefined));
  const bootId = (await io.bootId()).replaceAll('-', '');
  const self = { journalId: meta?.journal_id ?? '', hostId: info?.header.hostId ?? '', bootId };
  const counters = new Counters();
  const recovered = await recoverJournal({ io: stage, directory, self, nowMs: 0, counters });
  await recovered.tail?.file.close();
  const rewritten = counters.get('journal_records_unsure_total');
  return { ...stage.noted, rewritten, damage: recovered.damage, hostId: self.hostId };
}

/** Reads go through; whatever would change something is noted. */
class Stage implements JournalIo {
  readonly noted: Pick<Rehearsal, 'removed' | 'moved' | 'copied' | 'cut'> = {
    removed: [],
    moved: [],
    copied: [],
    cut: [],
  };
  readonly #io: JournalIo;
  readonly #directory: string;

  constructor(io: JournalIo, directory: string) {
    this.#io = io;
    this.#directory = directory;
  }

  async open(path: string, how: 'read' | 'write' | 'create'): Promise<JournalFile> {
    if (how === 'read') return this.#io.open(path, 'read');
    const there = how === 'write' ? await this.#io.open(path, 'read').catch(undefinedIfAbsent) : undefined;
    return this.#played(path, there);
  }

  #played(path: string, file: JournalFile | undefined): JournalFile {
    return {
      read: async (into, offset) => (await file?.read(into, offset)) ?? 0,
      size: async () => (await file?.size()) ?? 0,
      close: async () => file?.close(),
      datasync: async () => {},
      write: async (bytes) => bytes.length,
      truncate: async (offset) => {
        const bytes = ((await file?.size()) ?? 0) - offset;
        if (bytes > 0) this.noted.cut.push({ segment: this.#nameOf(path), offset, bytes });
      },
    };
  }

  async readdir(path: string): Promise<string[]> {
    return (await this.#io.readdir(path).catch(undefinedIfAbsent)) ?? [];
  }

  /** A copy in quarantine/ is a file that is made beside it and renamed. */
  async rename(from: string, to: string): Promise<void> {
    const name = this.#nameOf(to);
    if (!name.startsWith(`${QUARANTINE}/`)) return;
    const which = from.endsWith('.tmp') ? this.noted.copied : this.noted.moved;
    which.push(name.slice(QUARANTINE.length + 1));
  }

  async unlink(path: string): Promise<void> {
    this.noted.removed.push(this.#nameOf(path));
  }

  async mkdir(): Promise<void> {}
  async fsyncDir(): Promise<void> {}

  freeBytes(path: string): Promise<number> {
    return this.#io.freeBytes(path);
  }

  watch(): () => void {
    return () => {};
  }

  bootId(): Promise<string> {
    return this.#io.bootId();
  }

  #nameOf(path: string): string {
    return path.slice(this.#directory.length + 1);
  }
}

function undefinedIfAbsent(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
  return undefined;
}
