// Live = replay: the same records and the recorded facts make the same events, whatever the surroundings say by then.

import { describe, expect, it } from 'vitest';
import { toDocument } from '../../src/ecs/document.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { Enricher } from '../../src/enrich/enricher.ts';
import { factFromJson, factToJson } from '../../src/enrich/fact-json.ts';
import type { PlacedFact } from '../../src/enrich/surroundings.ts';
import { ReplaySurroundings } from '../../src/enrich/surroundings-replay.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';
import { Counters } from '../../src/stats.ts';
import { FakeHost, START } from './fake-host.ts';

interface Run {
  documents: string[];
  lines: string[];
  records: SensorRecord[];
}

/** A run with everything that comes from outside: old processes, lost records, names, a clock step, lost exits. */
function liveRun(): Run {
  const lines: string[] = [];
  const documents: string[] = [];
  const host = new FakeHost({ onFact: (fact) => lines.push(factToJson(fact)) });
  const tell = host.tell.bind(host);
  host.tell = (record) => {
    const event = tell(record);
    if (event !== undefined)
      documents.push(JSON.stringify([event.id, event.gaps, event.lineage?.(), toDocument(event)]));
    return event;
  };
  host.task(1);
  host.add(100, { ppid: 1, sid: 100, pgid: 100, uid: 77, euid: 77 }, '/usr/sbin/sshd');
  host.change(100, { cgroup: '/user.slice/user-0.slice/session-9.scope' });
  host.surroundings.logins.set('9', 'sshd');
  host.task(100);
  host.readable(100, ['sshd', 'ü\udcff']);
  host.fork(100, 101);
  host.setsid(101);
  host.exec(101, '/bin/bash', ['-bash']);
  host.enricher.backfill(1);
  host.enricher.apply({ kind: 'name', of: 'user', id: 77, name: 'late' });
  host.fork(101, 102, { lost: true });
  host.exec(102, '/bin/x', ['x'], { lost: true });
  host.readable(102, ['x', 'y']);
  host.enricher.noteLoss('fork', 2);
  host.fork(102, 103);
  host.exec(103, '/usr/bin/systemctl', ['systemctl', 'enable', 'z']);
  host.enricher.apply({ kind: 'wall_offset', ms: START.wallOffsetMs + 3600_000 });
  host.enricher.expire(100);
  host.fork(103, 105);
  host.surroundings.dead.add(102);
  host.enricher.expire(100);
  host.fork(101, 104);
  host.newSession(104);
  host.exec(104, '/bin/ls');
  host.enricher.backfill(10);
  host.exit(104, 9);
  return { documents, lines, records: host.records };
}

function replay(run: Run): { documents: string[]; unanswered: number; lines: string[] } {
  const surroundings = new ReplaySurroundings(run.lines.map(factFromJson));
  const lines: string[] = [];
  const enricher = new Enricher({
    fields: new FieldTable(),
    surroundings,
    start: surroundings.start,
    counters: new Counters(),
    agent: { version: '0.0.0' },
    onFact: (fact) => lines.push(factToJson(fact)),
  });
  const documents: string[] = [];
  for (const record of run.records) {
    for (const news of surroundings.newsBefore(enricher.records)) enricher.apply(news);
    const event = enricher.enrich(record);
    if (event !== undefined)
      documents.push(JSON.stringify([event.id, event.gaps, event.lineage?.(), toDocument(event)]));
  }
  return { documents, unanswered: surroundings.unanswered, lines };
}

describe('live = replay', () => {
  const run = liveRun();

  it('makes the same events, byte for byte', () => {
    const replayed = replay(run);
    expect(replayed.documents).toEqual(run.documents);
    expect(replayed.unanswered).toBe(0);
  });

  it('records the same facts again', () => {
    expect(replay(run).lines).toEqual(run.lines);
  });

  it('needs the facts: without the news the events differ', () => {
    const lines = run.lines.filter((line) => !line.includes('"wall_offset"'));
    expect(replay({ ...run, lines }).documents).not.toEqual(run.documents);
  });

  it('counts what the recording has no answer to', () => {
    const lines = run.lines.filter((line) => !line.includes('"kind":"process"'));
    expect(replay({ ...run, lines }).unanswered).toBeGreaterThan(0);
  });

  it('holds the deaths among the answers about who is alive, and no more', () => {
    const alive = run.lines.map((line) => factFromJson(line).fact).filter((fact) => fact.kind === 'alive');
    expect(alive.map((fact) => [fact.pid, fact.alive])).toEqual([[102, false]]);
  });

  it('covers every kind of fact but a full list of names', () => {
    const kinds = new Set(run.lines.map((line) => factFromJson(line).fact.kind));
    expect([...kinds].sort()).toEqual(
      ['start', 'name', 'wall_offset', 'loss', 'backfill', 'expire', 'process', 'alive', 'login_session'].sort(),
    );
  });
});

describe('a recorded fact', () => {
  it.each([
    '',
    'null',
    '[]',
    '{"at":-1,"fact":{"kind":"expire","max":1}}',
    '{"at":0}',
    '{"at":0,"fact":{"kind":"__proto__"}}',
    '{"at":0,"fact":{"kind":"process","pid":1,"startNs":5,"reading":null}}',
    '{"at":0,"fact":{"kind":"start","bootId":"x"}}',
  ])('that is malformed is refused with a code: %s', (line) => {
    expect(() => factFromJson(line)).toThrow(expect.objectContaining({ code: 'FB_ENRICH_FACT_INVALID' }));
  });

  const withMember = (line: string, path: readonly string[], value: unknown) => {
    const placed = JSON.parse(line);
    let at = placed.fact;
    for (const name of path.slice(0, -1)) at = at[name];
    at[path.at(-1)!] = value;
    return JSON.stringify(placed);
  };
  // kind, member, what it is instead
  const MALFORMED: [string, string[], unknown][] = [
    ['start', ['host'], null],
    ['start', ['host', 'ip'], 'x'],
    ['start', ['namespaces'], null],
    ['start', ['users'], [1]],
    ['name', ['of'], 'host'],
    ['loss', ['count'], -1],
    ['process', ['reading'], {}],
    ['process', ['reading', 'args'], ['a', 1]],
    ['process', ['reading', 'task'], null],
    ['process', ['reading', 'task', 'capEffective'], 1],
    ['login_session', ['type'], '__proto__'],
  ];
  it.each(MALFORMED)('%s is refused where %j is %j', (kind, path, value) => {
    const line = liveRun().lines.find((text) => text.includes(`"kind":"${kind}"`) && !text.includes('"reading":null'))!;
    expect(factFromJson(line).fact.kind).toBe(kind);
    expect(() => factFromJson(withMember(line, path, value))).toThrow(
      expect.objectContaining({ code: 'FB_ENRICH_FACT_INVALID' }),
    );
  });

  it('keeps nanoseconds exact', () => {
    const placed: PlacedFact = { at: 3, fact: { kind: 'alive', pid: 1, startNs: 9007199254740993n, alive: true } };
    expect(factFromJson(factToJson(placed))).toEqual(placed);
  });

  it('is missing: a recording without a start is refused', () => {
    expect(() => new ReplaySurroundings([])).toThrow(expect.objectContaining({ code: 'FB_ENRICH_START_MISSING' }));
  });
});
