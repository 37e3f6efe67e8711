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
    expect(documents.slice(-4).map(({ event }) => event.dataset)).toEqual(Array(4).fill('forebear.agent'));
    const [amend, gap, clock, heartbeat] = documents.slice(-4);
    expect(amend).toMatchObject({ 'kibana.alert.uuid': 'uuid-1', process: { hash: { sha256: 'ab' } } });
    expect(gap).toMatchObject({ 'forebear.gap.kind': 'lost_records', 'forebear.gap.count': 3 });
    expect(clock['forebear.clock.step_ms']).toBe(60_000);
    expect(heartbeat).toMatchObject({
      'forebear.heartbeat.seq': 3,
      'forebear.heartbeat.link': 'ab'.repeat(32),
      'forebear.counters': { x_total: 2 },
      forebear: { journal: { seq: 17 } },
    });
    expect(documents[0]).toMatchObject({
      '@timestamp': new Date(NINE + 1000).toISOString(),
      message: 'agent started (0.1.0)',
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

  it('steps over damage and says where; what is not what its kind says is a document that says so', async () => {
    await at.fill();
    await at.add('alert', Buffer.from([0xff]));
    const segment = at.damage(1);
    const { status, out, err } = await at.run('export');
    expect(status).toBe(0);
    expect(linesOf(out)).toHaveLength(RECORDS.length);
    expect(JSON.parse(linesOf(out).at(-1)!)).toMatchObject({ event: { kind: 'pipeline_error' } });
    expect(err).toContain(`damaged bytes at ${START} of ${segment}: record ${firstSeqOf(segment)} is missing`);
  });

  it('leaves out records of kinds that this version does not know, says so, and has them with --raw', async () => {
    await at.fill();
    at.forge((head) => ({ ...head, kind: 99 }));
    const { status, out, err } = await at.run('export');
    expect([status, linesOf(out).length]).toEqual([1, RECORDS.length - 1]);
    expect(err).toContain('one record of');
    const [first] = linesOf((await at.run('export', '--raw')).out);
    expect(JSON.parse(first!)).toMatchObject({ seq: 1, kind: 99, rank: 1 });
    expect(first).not.toContain('kind_name');
  });
});
