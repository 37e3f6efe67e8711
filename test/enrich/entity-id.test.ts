import { expect, it } from 'vitest';
import { entityId, execFromText, execToText, processPart } from '../../src/enrich/entity-id.ts';
import { eventId } from '../../src/enrich/event-id.ts';

const BOOT = '0b1c2d3e-0000-4000-8000-000000000001';

it('entity ids are fixed for ever', () => {
  const process = processPart(BOOT, 4711, 123_456_789_012n);
  expect(entityId(process, 0n)).toBe('hDw-WgurG-oHafGHV4LHcm.0');
  expect(entityId(process, 123_456_999_999n)).toBe('hDw-WgurG-oHafGHV4LHcm.1kpr3yv3');
});

it.each([0n, 1n, 35n, 36n, 123_456_999_999n, 2n ** 63n - 1n])('%d ns as text and back', (ns) => {
  expect(execFromText(execToText(ns))).toBe(ns);
});

it('boot, pid and start time each make another process', () => {
  const ids = [
    processPart(BOOT, 1, 1n),
    processPart(`${BOOT}x`, 1, 1n),
    processPart(BOOT, 2, 1n),
    processPart(BOOT, 1, 2n),
  ];
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
