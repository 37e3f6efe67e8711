// forebear journal export: what each record becomes, which are taken, what damage costs.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstSeqOf, JournalFolder, linesOf, NINE, RECORDS, START } from './journal-folder.ts';
import { sampleAlert } from './sample-alert.ts';

let at: JournalFolder;
beforeEach(() => {
  at = new JournalFolder();
});
afterEach(() => at.remove());

describe('export', () => {
  it('gives every record, alerts as their documents', async () => {
    await at.fill();
    const { status, out } = await at.run('export');
    const documents = linesOf(out).map((line) => JSON.parse(line));
    expect(status).toBe(0);
    expect(documents).toHaveLength(RECORDS.length);
    expect(documents[1]).toEqual(JSON.parse(JSON.stringify(sampleAlert().document)));
    const [amend, gap, clock, heartbeat] = documents.slice(-4).map(({ forebear }) => forebear);
    expect(amend).toMatchObject({ amend: { uuid: 'uuid-1', number: 1 }, journal: { seq: 14 } });
    const second = new Date(NINE + 1000).toISOString();
    expect(gap.gap).toEqual({
      kind: 'lost_records',
      detail: 'exec',
      count: 3,
      from: new Date(NINE).toISOString(),
      to: second,
    });
    expect(clock.clock).toEqual({
      found: new Date(NINE).toISOString(),
      expected: new Date(NINE - 60_000).toISOString(),
    });
    expect(heartbeat.heartbeat).toMatchObject({ seq: 3, link: 'ab'.repeat(32), counters: { x_total: 2 } });
    expect(documents[0]).toMatchObject({
      '@timestamp': second,
      message: 'agent started (0.1.0)',
      event: { dataset: 'forebear.agent', action: 'lifecycle' },
    });
  });

  it.each<[string[], number[]]>([
    [
      ['--from', '15'],
      [15, 16, 17],
    ],
    [
      ['--to', '2'],
      [1, 2],
    ],
    [
      ['--from', '3', '--to', '4'],
      [3, 4],
    ],
    [
      ['--kind', 'gap', 'clock'],
      [15, 16],
    ],
    [['--kind', 'heartbeat'], [17]],
    [
      ['--since', '2026-11-24T09:00:16Z'],
      [16, 17],
    ],
    [['--from', '99'], []],
  ])('of %j records %j', async (args, seqs) => {
    await at.fill();
    const { status, out } = await at.run('export', '--raw', ...args);
    expect(linesOf(out).map((line) => JSON.parse(line).seq)).toEqual(seqs);
    expect(status).toBe(seqs.length === 0 ? 1 : 0);
  });

  it('--raw gives the bytes as they were written', async () => {
    await at.fill();
    const raw = linesOf((await at.run('export', '--raw')).out).map((line) => JSON.parse(line));
    expect(raw.map(({ payload }) => Buffer.from(payload, 'base64'))).toEqual(
      RECORDS.map(([, bytes]) => Buffer.from(bytes)),
    );
    expect(raw[0]).toMatchObject({ seq: 1, kind: 5, kind_name: 'lifecycle', rank: 1, time_ms: NINE + 1000 });
  });

  it('steps over damage and says where, and counts what cannot be decoded', async () => {
    await at.fill();
    await at.add('alert', Buffer.from([0xff]));
    at.damage(1);
    const { status, out, err } = await at.run('export');
    expect(linesOf(out)).toHaveLength(RECORDS.length - 1);
    expect(err).toContain(
      `damaged bytes at ${START} of ${at.segments()[1]}: record ${firstSeqOf(at.segments()[1]!)} is missing`,
    );
    expect(err).toContain('1 record of');
    expect(status).toBe(1);
  });
});
