// What native/test/connections.c wrote down that it did, and the tests that hold a sensor's records against it: on this host's kernel
// (network.test.ts), and by each source in guests (test/qemu/network.test.ts).

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readDnsAnswer } from '../../src/enrich/dns-message.ts';
import type { CallRecord, NetworkRecord, SensorRecord } from '../../src/sensor/record.ts';

export interface ConnectionLine {
  case: string;
  action: NetworkRecord['operation'];
  direction: NetworkRecord['direction'];
  /** At both ends. */
  address: string;
  local: number;
  remote: number;
  sent: number;
  received: number;
  result: number;
}

export interface CallLine {
  case: string;
  action: CallRecord['call'];
  args: number[];
  name: string;
}

export interface LookupLine {
  case: string;
  action: 'lookup_result';
  question: string;
  server: string;
}

type Line = ConnectionLine | CallLine | LookupLine;

/** Read when a test runs: a suite fills it in a hook. */
export interface ConnectionAccount {
  truth: readonly Line[];
  records: readonly SensorRecord[];
}

const CONNECTION_CASES = [
  'plain',
  'server_closes',
  'many_bytes',
  'nonblocking',
  'half',
  'reset',
  'six',
  'mapped',
  'mapped_server',
  'refused',
  'handed_on',
];
const CALL_CASES = ['memfd', 'shmget', 'ptrace'];
const COMM = 'connections';

export function readConnections(path: string): Line[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Line);
}

const isCall = (line: Line): line is CallLine => 'args' in line;
const isLookup = (line: Line): line is LookupLine => 'question' in line;
const isConnection = (line: Line): line is ConnectionLine => 'local' in line;
const endsOf = ({ local, remote }: { local: number; remote: number }) => [local, remote].sort().join();

/** The same line of what the sensor saw. */
function lineOf(record: NetworkRecord): string {
  const { operation, direction, localAddress, remoteAddress, localPort, remotePort, sent, received, result } = record;
  return JSON.stringify([
    operation,
    direction,
    localAddress,
    remoteAddress,
    localPort,
    remotePort,
    `${sent}`,
    `${received}`,
    result,
  ]);
}

function lineOfTruth(line: ConnectionLine): string {
  const { action, direction, address, local, remote, sent, received, result } = line;
  return JSON.stringify([action, direction, address, address, local, remote, `${sent}`, `${received}`, result]);
}

/** in: what a rule of the host may add, a source that shows less. */
export function itSeesEachConnection(account: ConnectionAccount): void {
  const networkOf = () =>
    account.records.filter((record): record is NetworkRecord => record.kind === 'network' && record.task.comm === COMM);
  const connectionsOf = () => networkOf().filter(({ operation }) => operation !== 'lookup_result');
  const truthOf = () => account.truth.filter(isConnection);

  it('is one of the cases known here', () => {
    const cases = new Set(account.truth.map((line) => line.case));
    expect([...cases].sort()).toEqual([...CONNECTION_CASES, ...CALL_CASES, 'lookups'].sort());
  });

  it.each(CONNECTION_CASES)('%s: each attempt, acceptance and end, with both ends and bytes', (name) => {
    const wanted = truthOf().filter((line) => line.case === name);
    const ends = new Set(wanted.map(endsOf));
    const found = connectionsOf().filter(({ localPort: local, remotePort: remote }) =>
      ends.has(endsOf({ local, remote })),
    );
    expect(wanted.length).toBeGreaterThan(0);
    expect(found.map(lineOf).sort()).toEqual(wanted.map(lineOfTruth).sort());
  });

  it('tells of no other connection of that program', () => {
    expect(connectionsOf()).toHaveLength(truthOf().length);
  });

  it('joins the records of each end by an id that no other connection has', () => {
    const byId = Map.groupBy(connectionsOf(), ({ cookie }) => cookie);
    expect(byId.has(0n)).toBe(false);
    for (const records of byId.values()) {
      expect(new Set(records.map((record) => `${record.localPort} ${record.remotePort}`)).size).toBe(1);
      expect(records.length).toBe(records[0]?.result === 0 ? 2 : 1);
    }
  });

  it.each(CALL_CASES)('%s: each call that succeeded, with its arguments, in order', (name) => {
    const wanted = account.truth.filter((line): line is CallLine => isCall(line) && line.case === name);
    const action = wanted[0]!.action;
    const found = account.records.filter(
      (record): record is CallRecord => record.kind === 'call' && record.call === action && record.task.comm === COMM,
    );
    const shown = found.map((record) => [record.args.map(Number), record.name ?? '']);
    expect(shown).toEqual(wanted.map((line) => [line.args, line.name]));
  });

  it('lookups: the answer to each question, once, and none of another socket', () => {
    const found = networkOf().filter(({ operation }) => operation === 'lookup_result');
    const shown = found.map(({ message, remoteAddress, remotePort, family }) => {
      const { name, addresses } = readDnsAnswer(message!) ?? {};
      return [name, remoteAddress, remotePort, family, addresses];
    });
    const wanted = account.truth.filter(isLookup);
    expect(shown).toEqual(wanted.map(({ question, server }) => [question, server, 53, 'ipv4', ['1.2.3.4']]));
  });
}
