// What an event has of its hashes at once, what is asked for, and what an alert is told later.

import { describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../src/ecs/event.ts';
import type { HashAnswer, HashRequest } from '../../src/enrich/hash-answer.ts';
import type { Amendment, HashOf } from '../../src/enrich/hash-desk.ts';
import type { Inode } from '../../src/sensor/record.ts';
import { FakeHost, HOST_NS, START } from './fake-host.ts';

const NS_PER_MS = 1_000_000n;
const A = { sha256: 'a'.repeat(64) };
const B = { sha256: 'b'.repeat(64), sha1: 'b'.repeat(40), md5: 'b'.repeat(32) };

function inode(ino: number): Inode {
  const facts = { ino: BigInt(ino), size: 10n, mtimeNs: 1n, ctimeNs: 2n, devMajor: 8, devMinor: 1 };
  return { ...facts, mode: 0o100755, nlink: 1, uid: 0, gid: 0 };
}
const fileOf = (ino: number) => `8:1 ${ino} 10 1 2`;

function hashHost(all = false) {
  const amendments: Amendment[] = [];
  const host = new FakeHost({ hashing: { all, onAmend: (amendment) => void amendments.push(amendment) } });
  const wanted: HashRequest[] = [];
  Object.assign(host.surroundings, { wantHash: (request: HashRequest) => void wanted.push(request) });
  const { hashes } = host.enricher;
  const answer = (ino: number, told: HashAnswer) => host.enricher.apply({ kind: 'hash', file: fileOf(ino), ...told });
  const late = (ino: number) => host.enricher.apply({ kind: 'hash_late', file: fileOf(ino) });
  /** bash (inode 10) of sshd runs a program of that inode. */
  const exec = (pid: number, ino?: number): EcsEvent => {
    host.fork(101, pid);
    return host.exec(pid, '/tmp/p', ['p'], ino === undefined ? {} : { inode: inode(ino) })!;
  };
  host.fork(1, 101);
  host.exec(101, '/bin/bash', ['bash'], { inode: inode(10) });
  return { host, hashes, amendments, wanted, answer, late, exec };
}

const shown = (event: EcsEvent, of: HashOf) => {
  const [at, reason] =
    of === 'process'
      ? ['process.hash', 'forebear.hash_reason']
      : ['process.parent.hash', 'forebear.parent_hash_reason'];
  return ['sha256', 'sha1', 'md5'].map((kind) => event.get(`${at}.${kind}`)).concat(event.get(reason));
};

describe('the hash of an event', () => {
  it('is asked for where nobody knows it, with all that helps to find the file', () => {
    const { hashes, exec, wanted, host } = hashHost();
    host.change(101, { mntNs: 77 });
    const event = exec(102, 5);
    expect(wanted).toEqual([]);
    expect([hashes.look(event, 'process'), hashes.look(event, 'parent')]).toEqual(['coming', 'coming']);
    const [own, parent] = wanted;
    expect(own).toMatchObject({ file: fileOf(5), pid: 102, path: '/tmp/p', inHost: false, executedMs: event.wallMs });
    expect(own!.member()).toBe(102);
    const startMs = START.wallOffsetMs + Number(host.get(101).startNs / NS_PER_MS);
    expect(parent).toMatchObject({ file: fileOf(10), pid: 101, path: '/bin/bash', executedMs: startMs });
  });

  it('comes with news, for every event of that file', () => {
    const { hashes, exec, wanted, answer } = hashHost();
    const events = [exec(102, 5), exec(103, 5)];
    expect(events.map((event) => hashes.look(event, 'process'))).toEqual(['coming', 'coming']);
    expect(wanted.map(({ pid }) => pid)).toEqual([102, 103]);
    answer(5, { hashes: B });
    expect(events.map((event) => hashes.look(event, 'process'))).toEqual(['known', 'known']);
    expect(shown(events[1]!, 'process')).toEqual([B.sha256, B.sha1, B.md5, undefined]);
  });

  it('is there at once for a file that is known', () => {
    const { hashes, exec, wanted, answer, host } = hashHost();
    hashes.look(exec(102, 5), 'process');
    answer(5, { hashes: A });
    const event = exec(103, 5);
    expect(hashes.look(event, 'process')).toBe('known');
    expect(shown(event, 'process')[0]).toBe(A.sha256);
    expect(wanted).toHaveLength(1);
    const counted = ['asked', 'made', 'known'].map((what) => host.counters.get(`enrich_hashes_${what}_total`));
    expect(counted).toEqual([1, 1, 1]);
  });

  it.each<[string, HashAnswer, ReturnType<typeof shown>]>([
    ['doubted', { hashes: A, reason: 'fresh_file' }, [A.sha256, undefined, undefined, 'fresh_file']],
    ['absent', { reason: 'gone' }, [undefined, undefined, undefined, 'gone']],
  ])('is %s where the answer is %j, and asked for again with the next event', (sight, told, slots) => {
    const { hashes, exec, wanted, answer, host } = hashHost();
    const event = exec(102, 5);
    hashes.look(event, 'process');
    answer(5, told);
    expect([hashes.look(event, 'process'), shown(event, 'process')]).toEqual([sight, slots]);
    expect(hashes.look(exec(103, 5), 'process')).toBe('coming');
    expect(wanted).toHaveLength(2);
    expect(host.counters.get('enrich_hashes_refused_total', told.reason)).toBe(1);
  });

  it('is not waited for once it is late, and comes all the same', () => {
    const { hashes, exec, answer, late } = hashHost();
    const event = exec(102, 5);
    hashes.look(event, 'process');
    late(5);
    expect(hashes.look(event, 'process')).toBe('absent');
    expect(shown(event, 'process')).toEqual([undefined, undefined, undefined, undefined]);
    expect(hashes.look(exec(103, 5), 'process')).toBe('absent');
    answer(5, { hashes: A });
    expect(hashes.look(event, 'process')).toBe('known');
  });

  it.each<[what: string, of: HashOf, run: (at: ReturnType<typeof hashHost>) => EcsEvent, reason: string | undefined]>([
    ['a file that the kernel did not name', 'process', ({ exec }) => exec(102), 'unknown_file'],
    [
      'a parent that was not seen to exec',
      'parent',
      ({ host }) => {
        host.task(1);
        host.fork(1, 105);
        return host.exec(105, '/bin/x', ['x'], { inode: inode(6) })!;
      },
      'unknown_file',
    ],
    [
      'a parent that is not what the table says',
      'parent',
      ({ host }) => {
        host.fork(101, 106);
        return host.exec(106, '/bin/x', ['x'], { inode: inode(6), parentExecutable: '/bin/other' })!;
      },
      'unknown_file',
    ],
    [
      'a parent that nobody knows',
      'parent',
      ({ host }) => {
        host.fork(101, 107);
        return host.exec(107, '/bin/x', ['x'], {
          task: { ...host.records.at(-1)!.task, ppid: 99, parentStartNs: 9n },
        })!;
      },
      undefined,
    ],
    [
      'an event that is not of this host',
      'process',
      ({ exec }) => {
        const { table, slots } = exec(102, 5);
        return Object.assign(Object.create(null), { table, slots, get: () => undefined });
      },
      undefined,
    ],
  ])('is absent for %s', (_what, of, run, reason) => {
    const at = hashHost();
    const event = run(at);
    expect(at.hashes.look(event, of)).toBe('absent');
    if (reason !== undefined) expect(shown(event, of)[3]).toBe(reason);
    expect(at.wanted).toEqual([]);
  });

  it('is that of the image at the event, also when the process has executed another since', () => {
    const { hashes, exec, answer, host } = hashHost();
    const event = exec(102, 5);
    hashes.look(event, 'process');
    host.exec(102, '/tmp/q', ['q'], { inode: inode(6) });
    answer(6, { hashes: B });
    expect(hashes.look(event, 'process')).toBe('coming');
    answer(5, { hashes: A });
    expect(hashes.look(event, 'process')).toBe('known');
    expect(shown(event, 'process')[0]).toBe(A.sha256);
  });

  it('of a fork and of an exit is that of what it runs', () => {
    const { hashes, answer, host } = hashHost();
    const fork = host.fork(101, 102)!;
    expect(hashes.look(fork, 'process')).toBe('coming');
    answer(10, { hashes: A });
    const exit = host.exit(102)!;
    expect([hashes.look(fork, 'process'), hashes.look(exit, 'process')]).toEqual(['known', 'known']);
  });

  it('is asked for with every exec where the configuration says so, once a file', () => {
    const { exec, wanted, answer } = hashHost(true);
    exec(102, 5);
    exec(103, 5);
    expect(wanted.map(({ file }) => file)).toEqual([fileOf(10), fileOf(5)]);
    answer(5, { hashes: A });
    exec(104, 5);
    expect(wanted).toHaveLength(2);
  });
});

it('finds a living process of the mount namespace for a file whose process has gone', () => {
  const { hashes, exec, wanted, host } = hashHost();
  host.change(101, { mntNs: 77 });
  hashes.look(exec(102, 5), 'process');
  host.exit(102);
  host.change(101, { mntNs: HOST_NS.mnt });
  host.fork(101, 103);
  expect(wanted[0]!.member()).toBeUndefined();
  host.fork(101, 104);
  host.change(104, { mntNs: 77 });
  host.exec(104, '/bin/sh');
  expect(wanted[0]!.member()).toBe(104);
});

describe('an alert', () => {
  const alert = (uuid: string) => ({ uuid, severity: 'high' });
  const lookBoth = ({ hashes }: ReturnType<typeof hashHost>, event: EcsEvent) => {
    for (const of of ['process', 'parent'] as const) hashes.look(event, of);
  };

  it('is amended once, when all that it lacks is there', () => {
    const at = hashHost();
    const event = at.exec(102, 5);
    lookBoth(at, event);
    at.hashes.made(event, alert('u1'));
    at.answer(5, { hashes: A });
    expect(at.amendments).toEqual([]);
    at.answer(10, { reason: 'too_large' });
    const document = { process: { hash: A }, forebear: { parent_hash_reason: 'too_large' } };
    expect(at.amendments).toEqual([{ uuid: 'u1', severity: 'high', document }]);
    at.answer(5, { hashes: A });
    expect(at.amendments).toHaveLength(1);
  });

  it('is not amended where it had everything', () => {
    const at = hashHost();
    at.hashes.look(at.exec(102, 5), 'process');
    at.answer(5, { hashes: A });
    at.answer(10, { hashes: B });
    const event = at.exec(103, 5);
    lookBoth(at, event);
    at.hashes.made(event, alert('u1'));
    at.answer(5, { hashes: A });
    expect(at.amendments).toEqual([]);
  });

  it('is told what it lacks, of two alerts of one event each what it lacks', () => {
    const at = hashHost();
    const event = at.exec(102, 5);
    lookBoth(at, event);
    at.hashes.made(event, alert('early'));
    at.answer(10, { hashes: B });
    at.hashes.look(event, 'parent');
    at.hashes.made(event, alert('later'));
    at.answer(5, { hashes: A, reason: 'metadata_changed' });
    const own = { process: { hash: A }, forebear: { hash_reason: 'metadata_changed' } };
    expect(at.amendments.map(({ uuid, document }) => [uuid, document])).toEqual([
      ['early', { ...own, process: { hash: A, parent: { hash: B } } }],
      ['later', own],
    ]);
  });

  it('is not told again what it had of the process', () => {
    const at = hashHost();
    at.hashes.look(at.exec(102, 5), 'process');
    at.answer(5, { hashes: A });
    const event = at.exec(103, 5);
    lookBoth(at, event);
    at.hashes.made(event, alert('u1'));
    at.answer(10, { hashes: B });
    expect(at.amendments.map(({ document }) => document)).toEqual([{ process: { parent: { hash: B } } }]);
  });

  it('of a late hash is amended, too', () => {
    const at = hashHost();
    const event = at.exec(102, 5);
    at.hashes.look(event, 'process');
    at.late(5);
    at.hashes.made(event, alert('u1'));
    at.answer(5, { hashes: A });
    expect(at.amendments.map(({ document }) => document)).toEqual([{ process: { hash: A } }]);
  });
});
