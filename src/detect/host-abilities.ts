// What this host can see: kinds of events, the data streams that rules know them by, fields that no event here fills.
// compile-rule.ts holds each rule against it, so that what cannot be evaluated is said at load. Data only.
// If a sensor is added or the enricher fills more, change this file too.

import type { SlotValue } from '../ecs/event.ts';
import { FieldTable } from '../ecs/fields.ts';

/** A kind of event by the fields that tell it apart; fields that are not named may hold anything. */
export interface EventKind {
  /** Who delivers it, in the words of `rules check`. */
  readonly sensor: string;
  readonly fixed: Readonly<Record<string, SlotValue>>;
  /** Data streams that rules know such events by: a rule's index has to match one. Default: that of its sensor. */
  readonly streams?: readonly string[];
  /** Fields that the host fills, but not for this kind: as in UNFILLED. */
  readonly lacks?: readonly string[];
}

export interface HostAbilities {
  readonly kinds: readonly EventKind[];
  /** Kinds that it could have, and sensor.events leaves out. */
  readonly off?: readonly EventKind[];
  /** Names of data streams whose events this host makes itself: those of its kinds. */
  readonly dataStreams: readonly string[];
  /** False for a field that is never there, in any kind of event, or in that one. */
  fills(field: string, kind?: EventKind): boolean;
  /** Of an object: whether one of the fields below it is ever there. */
  fillsBelow(object: string): boolean;
}

function processKind(sensor: string, type: string, action: string, lacks?: readonly string[]): EventKind {
  const fixed = { 'event.category': 'process', 'event.type': type, 'event.action': action };
  return {
    ...kind(sensor, fixed),
    streams: streamsOf('process'),
    lacks: [...OF_FILES, ...OF_NETWORK, ...(lacks ?? OF_CALLS)],
  };
}

/** What events of files alone have. */
const OF_FILES = ['file.*', 'forebear.file.*'];
/** What events of connections alone have. */
const OF_NETWORK = ['destination.*', 'dns.*', 'forebear.connection.*', 'network.*', 'source.*'];
/** What those of a system call alone have. */
const OF_CALLS = ['load_module', 'memfd', 'ptrace', 'shmget'].map((call) => `process.Ext.${call}.*`);
/** What of a process none but those of its own life have. */
const OF_LIVES = [
  'process.end',
  'process.exit_code',
  'process.previous.*',
  'forebear.exit_signal',
  'forebear.previous.*',
];

function fileKind(type: string, action: string, lacks: readonly string[] = []): EventKind {
  const fixed = { 'event.category': 'file', 'event.type': type, 'event.action': action };
  return {
    ...kind('file', fixed),
    streams: streamsOf('file'),
    lacks: [...OF_LIVES, ...OF_NETWORK, ...OF_CALLS, ...lacks],
  };
}

function networkKind(sensor: string, type: string, action: string, lacks: readonly string[]): EventKind {
  const fixed = { 'event.category': 'network', 'event.type': type, 'event.action': action };
  return {
    ...kind(sensor, fixed),
    streams: streamsOf('network'),
    lacks: [...OF_LIVES, ...OF_FILES, ...OF_CALLS, ...lacks],
  };
}

function lookupKind(): EventKind {
  const fixed = {
    'event.category': ['network', 'dns'],
    'event.type': ['protocol', 'info'],
    'event.action': 'lookup_result',
  };
  const lacks = [...OF_LIVES, ...OF_FILES, ...OF_CALLS, ...OF_ENDS, 'forebear.connection.*'];
  return { ...kind('lookup', fixed), streams: streamsOf('network'), lacks };
}

function callKind(sensor: string, action: string, own: string): EventKind {
  const others = OF_CALLS.filter((fields) => fields !== `process.Ext.${own}.*`);
  return processKind(sensor, 'start', action, [...OF_LIVES, ...others]);
}

/** Those that Elastic Defend writes, and ours. */
function streamsOf(dataset: string): string[] {
  return [`logs-endpoint.events.${dataset}-default`, `logs-forebear.events.${dataset}-default`];
}

function kind(sensor: string, fixed: Record<string, SlotValue>): EventKind {
  return { sensor, fixed: { 'host.os.type': 'linux', ...fixed } };
}

/** In the vocabulary (ecs/fields.ts), not filled by this version: parts between dots, `*` for the rest. */
const UNFILLED = [
  'cloud.*',
  'orchestrator.*',
  'container.image.*',
  'container.name',
  'elastic.agent.id',
  'event.outcome',
  'forebear.raw.*',
  'host.os.Ext.variant',
  'message',
  'process.Ext.trusted',
  'process.Ext.trusted_descendant',
  'process.ai_agent.*',
  'process.entry_leader.entry_meta.source.ip',
];

const vocabulary = new FieldTable();
const isUnfilled = wildcardMatcher(UNFILLED);

/** What of a connection is known at its end. */
const OF_ENDS = ['destination.bytes', 'network.bytes', 'source.bytes'];
const OF_LOOKUPS = ['dns.*', 'network.protocol'];

/** Whoever adds a sensor adds its kinds here, and takes them out of FOREIGN_KINDS. */
const KINDS: readonly EventKind[] = [
  processKind('exec', 'start', 'exec'),
  processKind('fork', 'start', 'fork'),
  processKind('exit', 'end', 'end'),
  processKind('already_running', 'info', 'already_running'),
  processKind('session', 'change', 'session_id_change'),
  processKind('credentials', 'change', 'uid_change'),
  processKind('credentials', 'change', 'gid_change'),
  fileKind('creation', 'creation', ['file.Ext.original.*']),
  fileKind('change', 'rename', ['file.target_path']),
  fileKind('deletion', 'deletion', ['file.Ext.original.*', 'file.target_path']),
  fileKind('change', 'modification', ['file.Ext.original.*', 'file.target_path']),
  networkKind('network', 'start', 'connection_attempted', [...OF_ENDS, ...OF_LOOKUPS]),
  networkKind('network', 'start', 'connection_accepted', [...OF_ENDS, ...OF_LOOKUPS, 'forebear.connection.result']),
  networkKind('network', 'end', 'disconnect_received', [...OF_LOOKUPS, 'forebear.connection.result']),
  lookupKind(),
  callKind('call', 'memfd_create', 'memfd'),
  callKind('call', 'ptrace', 'ptrace'),
  callKind('call', 'shmget', 'shmget'),
  callKind('module', 'load_module', 'load_module'),
];

const lackedBy = new Map(KINDS.map((kind) => [kind, wildcardMatcher(kind.lacks ?? [])]));

export const LINUX_HOST: HostAbilities = {
  kinds: KINDS,
  dataStreams: [...new Set(KINDS.flatMap(({ streams }) => streams ?? []))],
  fills: (field, kind) =>
    vocabulary.get(field) !== undefined &&
    !isUnfilled(field) &&
    !(kind !== undefined && lackedBy.get(kind)?.(field) === true),
  fillsBelow: (object) => vocabulary.all().some(({ name }) => name.startsWith(`${object}.`) && !isUnfilled(name)),
};

/** in: an event.action of this host; out: its kind. Throws when it is none. */
export function kindOf(action: string): EventKind {
  const found = LINUX_HOST.kinds.find(({ fixed }) => fixed['event.action'] === action);
  if (found === undefined) throw new Error(`no kind of event is ${action}`);
  return found;
}

/** Kinds that rules are written for and this version has no sensor for, most telling first. */
export const FOREIGN_KINDS: readonly EventKind[] = [
  kind('dns', { 'event.category': ['network', 'dns'], 'event.action': 'lookup_requested' }),
];

/** Where none of those fits: by ECS's event.category alone. */
export const FOREIGN_CATEGORIES: readonly EventKind[] = [
  'network',
  'dns',
  'api',
  'authentication',
  'configuration',
  'driver',
  'host',
  'iam',
  'intrusion_detection',
  'library',
  'malware',
  'package',
  'registry',
  'session',
  'web',
].map((category) => kind(category === 'network' ? 'network_traffic' : category, { 'event.category': category }));

const SOURCES: readonly (readonly [RegExp, string])[] = [
  [/^logs-endpoint\.events\.([a-z_]+)/, '$1'],
  [/^\.alerts-|^\.siem-signals|^logs-endpoint\.alerts/, 'alerts'],
  [/^auditbeat-|^logs-auditd/, 'auditd'],
  [/^logs-system\.syslog/, 'syslog'],
  [/^logs-system\.auth/, 'auth_log'],
  [/^logs-([a-z0-9_]+)/, '$1'],
  [/^([a-z0-9_]+)/, '$1'],
];

/** in: an index pattern of a rule; out: a word for where its events come from, e.g. file, auditd, syslog. */
export function sourceOf(pattern: string): string {
  for (const [form, word] of SOURCES) {
    const match = form.exec(pattern);
    if (match !== null) return word === '$1' ? match[1]! : word;
  }
  return pattern;
}

/**
 * Whether a rule's index patterns reach one of the data streams, as Elasticsearch reads them: `*` is any text, a leading
 * `-` takes away, no pattern at all means every index.
 */
export function reachesOneOf(patterns: readonly string[], dataStreams: readonly string[]): boolean {
  const wanted = wildcardMatcher(patterns.filter((pattern) => !pattern.startsWith('-')));
  const taken = wildcardMatcher(patterns.filter((pattern) => pattern.startsWith('-')).map((text) => text.slice(1)));
  return dataStreams.some((name) => (patterns.length === 0 || wanted(name)) && !taken(name));
}

/** `*` matches any text; linear in the text: the pieces between stars are searched from left to right. */
function wildcardMatcher(patterns: readonly string[]): (text: string) => boolean {
  const split = patterns.map((pattern) => pattern.split('*'));
  return (text) => split.some((pieces) => piecesMatch(pieces, text));
}

function piecesMatch(pieces: readonly string[], text: string): boolean {
  if (pieces.length === 1) return text === pieces[0];
  const first = pieces[0]!;
  const last = pieces[pieces.length - 1]!;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > text.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}
