// The table of counters against the source: what is added anywhere is in it, and nothing else is.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COUNTER_FAMILIES, counterMetrics } from '../../src/metrics/counters.ts';
import { Page } from '../../src/metrics/prometheus.ts';
import { STAGE_COUNTERS, type StageCounter } from '../../src/metrics/stage-counters.ts';
import { Counters } from '../../src/stats.ts';
import { figure, scrape } from './scrape.ts';

const SRC = resolve(import.meta.dirname, '../../src');
/** Names in heartbeats, of what the sensor counts by itself. */
const NOT_STAGES = ['sensor_records_decoded_total', 'sensor_records_lost_total'];

interface Added {
  name: string;
  /** The text of the third argument. */
  reason: string | undefined;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('metrics/'))
  .map((path) => readFileSync(join(SRC, path), 'utf8').replaceAll(/^\s*(\/\/|\/?\*).*$/gm, ''));

/** add('x_total', ...), add(which ? 'x_total' : 'y_total', ...), and the counting function of the hub's ingest. */
function addedIn(text: string): Added[] {
  return [...text.matchAll(/\b(?:add|count)\(/g)].flatMap(({ 0: call, index }) => {
    const [names = '', , reason] = argumentsAt(text, index + call.length);
    return [...names.matchAll(/'(\w+_total)'/g)].map(([, name]) => ({ name: name!, reason: reason?.trim() }));
  });
}

/** From there to the bracket that closes the call, at the commas outside other brackets. */
function argumentsAt(text: string, from: number): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of text.slice(from)) {
    if (')]}'.includes(char) && depth-- === 0) break;
    if ('([{'.includes(char)) depth++;
    if (char === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts.filter((part, i) => i === 0 || part.trim() !== '');
}

const added = files.flatMap(addedIn);
const labelOf = (name: string): string | undefined => {
  const entry = STAGE_COUNTERS[name];
  return typeof entry === 'object' ? (entry as StageCounter).label : undefined;
};

describe('the table of counters', () => {
  it('has every counter that is added, and no other', () => {
    const names = [...new Set(added.map(({ name }) => name))];
    expect(names.length).toBeGreaterThan(80);
    expect(names.sort()).toEqual(Object.keys(STAGE_COUNTERS).sort());
  });

  it('has every name of a counter that stands in the source, however it is added', () => {
    const all = files.flatMap((text) => [...text.matchAll(/['"`](\w+_total)['"`{]/g)].map(([, name]) => name!));
    const unknown = all.filter((name) => !Object.hasOwn(STAGE_COUNTERS, name) && !NOT_STAGES.includes(name));
    expect([...new Set(unknown)]).toEqual([]);
  });

  it('has a label where there is a reason, and output where that is the name of one', () => {
    const wrong = added.filter(({ name, reason }) => {
      const label = labelOf(name);
      return (
        (label !== undefined) !== (reason !== undefined) ||
        (label === 'output') !== /^(settings\.)?name$/.test(reason ?? '')
      );
    });
    expect(wrong).toEqual([]);
  });

  it.each([...COUNTER_FAMILIES.entries()])(
    '%s is named and told as it should be',
    (name, { name: full, help, programs }) => {
      expect(full).toBe(`forebear_${name}`);
      expect(name).toMatch(/^(agent|correlate|detect|enrich|journal|replay|ship|hub)(_[a-z]+)+_total$/);
      expect(help).toMatch(/^[A-Z][^\n|]+[^.]\.$|^leaders\.json .*\.$/);
      expect(programs.length).toBeGreaterThan(0);
    },
  );
});

describe('counters on a page', () => {
  function pageOf(counters: Iterable<readonly [string, number]>) {
    const page = new Page();
    counterMetrics(page, 'ship', counters);
    return scrape(page.text());
  }

  it('have the reason under its label', () => {
    const counters = new Counters();
    counters.add('ship_retries_total', 3, 'central');
    counters.add('journal_records_skipped_total', 2, 'unknown_kind');
    const page = pageOf(counters.entries());
    expect(figure(page, 'forebear_ship_retries_total', { program: 'ship', output: 'central' })).toBe(3);
    expect(figure(page, 'forebear_journal_records_skipped_total', { reason: 'unknown_kind' })).toBe(2);
  });

  it('are there as 0 before anything was counted, where they are of that program', () => {
    const page = pageOf([]);
    expect(figure(page, 'forebear_ship_snapshots_failed_total')).toBe(0);
    expect(figure(page, 'forebear_journal_damages_read_total')).toBe(0);
    expect(figure(page, 'forebear_detect_alerts_made_total')).toBeUndefined();
  });

  it('are counted where this version does not know them, not shown', () => {
    const page = pageOf([
      ['other_things_done_total', 1],
      ['__proto__', 2],
      ['ship_retries_total{reason="a"}', 4],
    ]);
    expect(figure(page, 'forebear_unknown_counters')).toBe(2);
    expect(page.samples.some(({ name }) => name.includes('other'))).toBe(false);
  });

  it('keep a reason whole that has quotes', () => {
    const counters = new Counters();
    counters.add('detect_events_excepted_total', 1, 'a"} b');
    expect(figure(pageOf(counters.entries()), 'forebear_detect_events_excepted_total', { item_id: 'a"} b' })).toBe(1);
  });
});
