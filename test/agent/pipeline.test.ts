import { expect, it } from 'vitest';
import { Pipeline } from '../../src/agent/pipeline.ts';
import type { Detector } from '../../src/detect/detector.ts';
import type { EventKind } from '../../src/detect/host-abilities.ts';
import type { EcsEvent } from '../../src/ecs/event.ts';
import type { IdChange } from '../../src/enrich/change-events.ts';
import type { Enricher } from '../../src/enrich/enricher.ts';
import type { SensorRecord } from '../../src/sensor/record.ts';

const record = (kind: SensorRecord['kind']) => ({ kind }) as SensorRecord;

/** Runs records through; `reach`: rules that take events of that kind or change. out: what was done with each record. */
function run(
  kinds: readonly (SensorRecord['kind'] | 'canary')[],
  reach: Partial<Record<SensorRecord['kind'] | IdChange, number>>,
): string[] {
  const done: string[] = [];
  const changes = (kind: SensorRecord['kind'], wanted: ReadonlySet<IdChange>) => {
    done.push(`changes of ${kind}`);
    return [...wanted].map((change) => ({ kind: change }));
  };
  const enricher = {
    enrich: ({ kind }: SensorRecord) => {
      done.push(`event of ${kind}`);
      return { kind } as unknown as EcsEvent;
    },
    sketchedSlots: new Set<number>(),
    changes: {
      ofCredentials: (_record: SensorRecord, wanted: ReadonlySet<IdChange>) => changes('credentials', wanted),
      ofExec: (_record: SensorRecord, wanted: ReadonlySet<IdChange>) => changes('exec', wanted),
    },
    apply: () => {},
    track: ({ kind }: SensorRecord) => void done.push(`table of ${kind}`),
  };
  const kindOf = (event: EcsEvent) => (event as unknown as SensorRecord).kind;
  const detector = {
    sketchFilter: () => () => true,
    useHashes: () => {},
    takes: ({ fixed }: EventKind) => (reach[fixed['event.action'] as IdChange] ?? 0) > 0,
    reach: (event: EcsEvent) => ({ rules: reach[kindOf(event)] ?? 0, always: 0 }),
    evaluate: (event: EcsEvent) => {
      done.push(`rules on ${kindOf(event)}`);
      return [];
    },
  };
  const pipeline = new Pipeline(enricher as unknown as Enricher, detector as unknown as Detector, () => {});
  for (const kind of kinds) {
    if (kind === 'canary') pipeline.apply({ kind });
    else pipeline.take(record(kind));
  }
  return done;
}

it('makes events of the kinds that rules take, and keeps only the table for the others after their first', () => {
  expect(run(['fork', 'exec', 'fork', 'exec', 'exit', 'exit'], { exec: 1 })).toEqual([
    'event of fork',
    'rules on fork',
    'event of exec',
    'rules on exec',
    'table of fork',
    'event of exec',
    'rules on exec',
    'event of exit',
    'rules on exit',
    'table of exit',
  ]);
});

it('makes every event when a rule takes all', () => {
  expect(run(['fork', 'fork'], { fork: 2 })).toEqual([
    'event of fork',
    'rules on fork',
    'event of fork',
    'rules on fork',
  ]);
});

it('makes events of changed ids that rules take, those that an exec has made before its own', () => {
  expect(run(['exec', 'credentials', 'session', 'session'], { exec: 1, gid_change: 1 })).toEqual([
    'changes of exec',
    'rules on gid_change',
    'event of exec',
    'rules on exec',
    'changes of credentials',
    'rules on gid_change',
    'event of session',
    'rules on session',
    'table of session',
  ]);
});

it('asks execs for no changes when no rule takes any, and credentials for the process table alone', () => {
  expect(run(['exec', 'credentials'], { exec: 1 })).toEqual([
    'event of exec',
    'rules on exec',
    'changes of credentials',
  ]);
});

it('shows rules nothing of the canary, whose record is the next one', () => {
  expect(run(['canary', 'exec', 'exec', 'canary', 'exec'], { exec: 1, gid_change: 1 })).toEqual([
    'table of exec',
    'changes of exec',
    'rules on gid_change',
    'event of exec',
    'rules on exec',
    'table of exec',
  ]);
});
