// The agent looks after itself: files that decide what it does, BPF of others, and who ends it. In: ticks, a reload, the wish to
// stop; out: findings that become alerts (own-alert.ts), records of the journal, and the reason of a stop. What is looked at costs a
// few milliseconds a minute; the sensor's canary (canary.ts) is the other half. Built by agent.ts, driven by run.ts.

import type { Clock } from '../clock.ts';
import type { Pace } from '../detect/pace-io.ts';
import type { Sensor } from '../sensor/sensor.ts';
import type { Counters } from '../stats.ts';
import { BpfGuard } from './bpf-guard.ts';
import { filesSection, pathsOf, wordsOfDrifts } from './drift-words.ts';
import { type Drift, type FileState, FileWatch, isEdit, UNSEEN } from './file-watch.ts';
import type { Finding, Found } from './own-alert.ts';
import type { SeenProcess } from './processes-io.ts';
import { FILES_RULE, STOPPED_RULE } from './protection-rules.ts';
import { subjectOf, wordsOf } from './protection-subject.ts';
import { type StopCause, stopCauseOf } from './stop-cause.ts';
import type { Troubles } from './troubles.ts';
import { PATHS_MAX, type WatchedRoot } from './watched-files-io.ts';
import { asksManager, namedPaths, namesFile, type Witness } from './witness.ts';

/** What lies outside: protection-io.ts. */
export interface ProtectionHost {
  /** A pass over the watched files, so many paths a step. */
  filesPass(step: number): Generator<undefined, ReadonlyMap<string, FileState>, undefined>;
  /** From the next pass on these files. */
  follow(roots: readonly WatchedRoot[]): void;
  /** Itself last; empty: it is gone. */
  ancestryOf(pid: number): readonly SeenProcess[];
  /** Pids by id of a BPF object; undefined: not all processes of this kernel can be seen from here. */
  holdersOf(what: 'map' | 'prog', ids: ReadonlySet<number>): ReadonlyMap<number, readonly number[]> | undefined;
  /** The package's scripts are at work. */
  isUpgrading(): boolean;
  /** The manager's jobs and state; undefined where it does not answer. */
  manager(): Promise<{ jobs: string | undefined; state: string | undefined }>;
  stop(): void;
}

/** The unit that this process is the main process of. */
export interface OwnUnit {
  name: string;
  /** Of SIGTERM. */
  sender: () => { pid: number; uid: number } | undefined;
}

export interface ProtectionOptions {
  /** From one look to the next; 0: none. */
  everyTicks: number;
  graceMs: number;
  /** Executables whose BPF programs are nothing to tell. */
  knownBpf: readonly string[];
  host: ProtectionHost;
  unit?: OwnUnit;
  witness: Witness;
  sensor: Pick<Sensor, 'inventory'>;
  clock: Clock;
  counters: Counters;
  troubles: Pick<Troubles, 'note'>;
  /** A record of the journal: files differ, or do no more. */
  onDrift: (detail: string) => void;
  onFinding: (finding: Finding) => void;
}

/** Paths per tick: 256 known ones take 2 ms. The first pass, which reads them all, has what the others are compared with: it is not to take long. */
const STEP = 256;
const FIRST_STEP = 512;
const FILES_LOOK = 'looking at its own files';
const TOO_MANY = `there are more than ${PATHS_MAX}, and changes of the others are not told: keep fewer files below rules.paths and exceptions.paths`;
const UNIT_VERBS = ['mask', 'disable', 'edit', 'revert', 'enable', 'unmask', 'set-property', 'link'];
const STOP_VERBS = ['stop', 'mask', 'disable', 'kill', 'isolate'];

export class Protection {
  readonly #options: ProtectionOptions;
  readonly #files: FileWatch;
  readonly #bpf: BpfGuard;
  #pass: ReturnType<ProtectionHost['filesPass']> | undefined;
  /** A pass of its own is on its way. */
  #rebasing = false;
  #ticks = 0;
  #woken = false;

  constructor(options: ProtectionOptions) {
    this.#options = options;
    this.#files = new FileWatch(options.graceMs);
    this.#bpf = new BpfGuard(options);
  }

  /** Something may have changed: look before the minute is over. */
  wake(): void {
    this.#woken = true;
  }

  /** Once a second. The first starts a look. */
  tick(): void {
    const { everyTicks } = this.#options;
    if (everyTicks === 0) return;
    const due = this.#ticks++ % everyTicks === 0;
    if (due) {
      this.#attempt('looking at BPF programs and maps', () => {
        for (const found of this.#bpf.look()) this.#find(found);
      });
    }
    this.#attempt(FILES_LOOK, () => this.#lookAtFiles(due));
  }

  /** One kind of look that fails keeps nobody from the other. */
  #attempt(what: string, look: () => void): void {
    const { troubles } = this.#options;
    try {
      look();
      troubles.note(what, undefined);
    } catch (error) {
      troubles.note(what, error);
    }
  }

  /** Other files than before decide what the agent does. To be called before rebase. */
  follow(roots: readonly WatchedRoot[]): void {
    const { host, witness } = this.#options;
    this.#pass = undefined;
    host.follow(roots);
    witness.follow(namedPaths(roots));
  }

  /** Loaded anew: what is there now is what it runs with. below: of these files and folders alone; default: of all. Never rejects. */
  async rebase(pace: Pace, below?: readonly string[]): Promise<void> {
    if (this.#options.everyTicks === 0) return;
    this.#pass = undefined;
    this.#rebasing = true;
    try {
      const found = await pace.run(this.#options.host.filesPass(1));
      if (below === undefined) this.#files.rebase(found);
      else this.#takeUp(found, below);
    } catch (error) {
      this.#files.forget();
      this.#options.troubles.note(FILES_LOOK, error);
    } finally {
      this.#rebasing = false;
    }
  }

  /** Files were loaded as soon as they changed, and nobody asked for it: a record says so. Other rights are no edit, and stay. */
  #takeUp(found: ReadonlyMap<string, FileState>, below: readonly string[]): void {
    const { clock, onDrift } = this.#options;
    const taken = this.#files
      .compared(found, clock.wallMs())
      .filter(
        ({ path, ...states }) => below.some((root) => path === root || path.startsWith(`${root}/`)) && isEdit(states),
      );
    if (taken.length === 0) return;
    const paths = new Set(taken.map(({ path }) => path));
    this.#files.rebase(found, (path) => paths.has(path));
    const witness = this.#witness((args) => taken.some(({ path }) => namesFile(args, path)));
    const by = wordsOf(witness, []);
    onDrift(`changed, and read again: ${wordsOfDrifts(taken)}${by === '' ? '' : ` (by ${by})`}`);
  }

  /** Before anything is closed. out: the reason for the stop record; "" where nobody can tell. Never rejects. */
  async stopping(): Promise<string> {
    const { unit, host } = this.#options;
    try {
      if (unit === undefined) return '';
      const manager = await host.manager();
      const facts = { unit: unit.name, ...manager, upgrading: host.isUpgrading(), sender: unit.sender() };
      return this.#tellStop(stopCauseOf(facts), unit.name);
    } catch (error) {
      this.#options.troubles.note('finding out who ends it', error);
      return '';
    }
  }

  close(): void {
    this.#options.host.stop();
  }

  #tellStop(cause: StopCause, unit: string): string {
    const { kind, detail, sender } = cause;
    if (kind === 'shutdown' || kind === 'upgrade') return detail;
    const verbs = kind === 'restart' ? ['restart', 'try-restart', 'reload-or-restart'] : STOP_VERBS;
    const senders = sender === undefined ? [] : this.#options.host.ancestryOf(sender.pid);
    const witness = this.#witness((args, event) =>
      sender === undefined
        ? asksManager(args, verbs, unit)
        : senders.length === 0 && event.get('process.pid') === sender.pid,
    );
    const by = wordsOf(witness, senders);
    const whole = by === '' ? detail : `${detail}, by ${by}`;
    if (kind === 'restart') return whole;
    const files = this.#options.everyTicks === 0 ? [] : this.#driftsNow();
    const also = files.length === 0 ? '' : `; ${wordsOfDrifts(files)}`;
    this.#find({
      rule: STOPPED_RULE,
      reason: `Forebear is stopped: ${whole}${also}.`,
      section: { stop: { kind, detail, ...(sender && { sender }) }, ...filesSection(files) },
      ...subjectOf(witness, senders),
    });
    return whole;
  }

  /** Whatever their age: a unit that is masked and stopped in one breath. */
  #driftsNow(): Drift[] {
    const nowMs = this.#options.clock.wallMs();
    this.#attempt(FILES_LOOK, () => void this.#files.compare(this.#wholePass(), nowMs));
    return this.#files.due(nowMs, true);
  }

  #wholePass(): ReadonlyMap<string, FileState> {
    const pass = this.#options.host.filesPass(Number.POSITIVE_INFINITY);
    for (;;) {
      const { done, value } = pass.next();
      if (done === true) return value;
    }
  }

  #lookAtFiles(due: boolean): void {
    const { host, clock, counters, onDrift } = this.#options;
    if (this.#rebasing) return;
    if (this.#pass === undefined && (due || this.#woken || this.#files.waiting || !this.#files.ready)) {
      this.#woken = false;
      this.#pass = host.filesPass(this.#files.ready ? STEP : FIRST_STEP);
    }
    const pass = this.#pass;
    if (pass === undefined) return;
    // One that fails is begun anew.
    this.#pass = undefined;
    const step = pass.next();
    if (step.done !== true) {
      this.#pass = pass;
      return;
    }
    const nowMs = clock.wallMs();
    const back = this.#files.compare(step.value, nowMs);
    counters.add('agent_file_looks_total');
    this.#noteUnseen(step.value);
    if (back.length > 0) onDrift(`again as they were read: ${pathsOf(back)}`);
    if (!host.isUpgrading()) this.#tellDrifts(this.#files.due(nowMs));
  }

  #noteUnseen(found: ReadonlyMap<string, FileState>): void {
    const { counters, troubles } = this.#options;
    const cut = [...found.values()].includes(UNSEEN);
    if (cut) counters.add('agent_file_looks_cut_total');
    troubles.note('looking at all of its own files', cut ? TOO_MANY : undefined);
  }

  #tellDrifts(drifts: readonly Drift[]): void {
    if (drifts.length === 0) return;
    const unit = this.#options.unit?.name ?? 'forebear.service';
    const witness = this.#witness(
      (args) => drifts.some(({ path }) => namesFile(args, path)) || asksManager(args, UNIT_VERBS, unit),
    );
    const by = wordsOf(witness, []);
    const detail = `changed, and not loaded anew: ${wordsOfDrifts(drifts)}${by === '' ? '' : ` (by ${by})`}`;
    this.#options.onDrift(detail);
    this.#find({
      rule: FILES_RULE,
      reason: `Files of Forebear were ${detail}.`,
      section: filesSection(drifts),
      ...subjectOf(witness, []),
    });
  }

  #witness(fits: Parameters<Witness['find']>[0]) {
    const { witness, clock } = this.#options;
    return witness.find(fits, clock.wallMs());
  }

  #find({ section, ...finding }: Found): void {
    const { clock, counters, onFinding } = this.#options;
    const { rule_id } = finding.rule;
    counters.add('agent_protection_findings_total', 1, rule_id);
    const action = rule_id.replaceAll('-', '_');
    onFinding({
      action,
      wallMs: clock.wallMs(),
      bootNs: clock.bootNs(),
      ...finding,
      section: { protection: section },
    });
  }
}
