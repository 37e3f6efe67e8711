import { expect, it } from 'vitest';
import { entityId, entityIdAfterExec, entityIdAtFork } from '../../src/enrich/entity-id.ts';
import { eventId } from '../../src/enrich/event-id.ts';

const BOOT = '0b1c2d3e-0000-4000-8000-000000000001';

it('entity ids are fixed for ever', () => {
  const id = entityId(BOOT, 4711, 123_456_789_012n);
  expect(id).toBe('hDw-WgurG-oHafGHV4LHcm.0');
  expect(entityIdAfterExec(id, 123_456_999_999n)).toBe('hDw-WgurG-oHafGHV4LHcm.1kpr3yv3');
  expect(entityIdAtFork(entityIdAfterExec(id, 5n))).toBe(id);
});

it('boot, pid and start time each make another process', () => {
  const ids = [entityId(BOOT, 1, 1n), entityId(`${BOOT}x`, 1, 1n), entityId(BOOT, 2, 1n), entityId(BOOT, 1, 2n)];
  expect(new Set(ids).size).toBe(4);
});

it('event ids are fixed for ever, and hang on each part', () => {
  expect(eventId(BOOT, 5n, 1, 'exec')).toBe('lH7fqGRsccPJ8YXylJ7w1h');
  const ids = [
    eventId(BOOT, 5n, 1, 'exec'),
    eventId(BOOT, 6n, 1, 'exec'),
    eventId(BOOT, 5n, 2, 'exec'),
    eventId(BOOT, 5n, 1, 'fork'),
  ];
  expect(new Set(ids).size).toBe(4);
});
