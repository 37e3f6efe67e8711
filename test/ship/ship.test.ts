// The shipper over a real journal in a folder: folding, cursors that do not fit, dead letters sent again, filters, the lock.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, journalDirectory, parseConfig } from '../../src/config.ts';
import { RECORD_KINDS } from '../../src/journal/journal.ts';
import { DeadLetterBox } from '../../src/ship/dead-letters-io.ts';
import type { Output, Parcel } from '../../src/ship/output.ts';
import { parseShipStatus } from '../../src/ship/ship-status.ts';
import { runShip } from '../../src/ship.ts';
import { Counters } from '../../src/stats.ts';
import { all, each, ScriptedOutput, SILENT } from './fixture.ts';
import { alert, amend, appendTo, gap, T0, type Written } from './journal-fixture.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-ship-'));
});
afterEach(() => rmSync(base, { recursive: true }));

const write = (records: readonly Written[], maxSegmentBytes?: number) => appendTo(base, records, maxSegmentBytes);

function configOf(keys = ''): Config {
  const config = parseConfig(`[outputs.x]\ntype = "file"\npath = "x"\n${keys}`, 'test');
  return { ...config, state: { directory: base }, ship: { ...config.ship, directory: join(base, 'ship') } };
}

/** One run to the end. out: what the endpoint was sent, and took. */
async function ship(output: ScriptedOutput, keys?: string, counters = new Counters()) {
  const batches: Parcel[][] = [];
  const spy: Output = {
    type: 'file',
    send: (batch) => {
      batches.push([...batch]);
      return output.send(batch);
    },
    close: async () => {},
  };
  const log = SILENT as never;
  const config = configOf(keys);
  const shared = { config, version: '1', counters, log, makeOutput: async () => spy, once: true };
  const gaveUp = await runShip({ ...shared, signal: new AbortController().signal });
  return { gaveUp, sent: batches.flat(), took: output.took };
}

const documentOf = ({ document }: Parcel) => JSON.parse(Buffer.from(document).toString());

describe('the shipper', () => {
  it('sends everything once, over two runs', async () => {
    await write([alert('a', T0), alert('b', T0 + 1), gap(T0 + 2)]);
    expect((await ship(new ScriptedOutput())).sent.map(({ seq, kind }) => [seq, kind])).toEqual([
      [1, 'alert'],
      [2, 'alert'],
      [3, 'gap'],
    ]);
    await write([alert('c', T0 + 3)]);
    expect((await ship(new ScriptedOutput())).sent.map(({ id }) => id)).toEqual(['c']);
    const status = parseShipStatus(readFileSync(join(base, 'ship/status.json'), 'utf8'))!;
    expect(status.outputs[0]).toMatchObject({ name: 'x', state: 'idle', cursorSeq: 4, lagRecords: 0, delivered: 1 });
  });

  it('folds what came within two seconds, and sends on its own what came later', async () => {
    await write([alert('a', T0), amend('a', T0 + 2000), alert('b', T0), amend('b', T0 + 2001), amend('z', T0)]);
    const { sent } = await ship(new ScriptedOutput());
    expect(sent.map(({ seq, kind }) => [seq, kind])).toEqual([
      [1, 'alert'],
      [3, 'alert'],
      [4, 'amend'],
      [5, 'amend'],
    ]);
    expect(documentOf(sent[0]!).process).toEqual({ pid: 1, hash: { sha256: 'aa' } });
    expect(documentOf(sent[1]!).process).toEqual({ pid: 1 });
    expect(documentOf(sent[2]!)).toMatchObject({ 'kibana.alert.uuid': 'b', process: { hash: { sha256: 'aa' } } });
  });

  it('sends an amend on its own whose alert went out in an earlier run', async () => {
    await write([alert('a', T0)]);
    await ship(new ScriptedOutput());
    await write([amend('a', T0 + 1)]);
    expect((await ship(new ScriptedOutput())).sent.map(({ kind }) => kind)).toEqual(['amend']);
  });

  it.each<[string, string, number[]]>([
    ['all but heartbeats', '', [1, 2, 3, 4]],
    ['those of a severity', 'severity = "high"', [2, 4]],
    ['no self-tests', 'selftest = false', [1, 2, 4]],
    ['kinds that are named', 'records = ["gap"]', [4]],
  ])('sends %s', async (_name, keys, seqs) => {
    await write([alert('a', T0), alert('b', T0, { severity: 'high' }), alert('s', T0, { selftest: true }), gap(T0)]);
    expect((await ship(new ScriptedOutput(), keys)).sent.map(({ seq }) => seq)).toEqual(seqs);
    expect((await ship(new ScriptedOutput(), keys)).sent).toEqual([]);
  });

  it('begins again when another journal lies there', async () => {
    await write([alert('a', T0), alert('b', T0)]);
    await ship(new ScriptedOutput());
    rmSync(journalDirectory(base), { recursive: true });
    await write([alert('c', T0), alert('d', T0), alert('e', T0)]);
    expect((await ship(new ScriptedOutput())).took).toEqual(['c', 'd', 'e']);
    rmSync(journalDirectory(base), { recursive: true });
    await write([alert('f', T0)]);
    expect((await ship(new ScriptedOutput())).took).toEqual(['f']);
  });

  it('says what was gone before it had it', async () => {
    await write([alert('a', T0)], 1200);
    await ship(new ScriptedOutput());
    await write(
      ['b', 'c', 'd', 'e', 'f', 'g'].map((uuid) => alert(uuid, T0)),
      1200,
    );
    const [first, second] = readdirSync(journalDirectory(base)).filter((name) => name.endsWith('.fbj'));
    rmSync(join(journalDirectory(base), first!));
    rmSync(join(journalDirectory(base), second!));
    const counters = new Counters();
    const { took } = await ship(new ScriptedOutput(), '', counters);
    const gone = 6 - took.length;
    expect(gone).toBeGreaterThan(0);
    expect(took).toEqual(['b', 'c', 'd', 'e', 'f', 'g'].slice(gone));
    expect(counters.get('ship_records_missing_total', 'x')).toBe(gone);
  });

  it('passes records of a later version: they are not gone', async () => {
    Object.assign(RECORD_KINDS, { later: 77 });
    const later = { ...gap(T0), kind: 'later' as never };
    await write([alert('a', T0), later, alert('b', T0), later]);
    const counters = new Counters();
    expect((await ship(new ScriptedOutput(), '', counters)).took).toEqual(['a', 'b']);
    expect(counters.get('ship_records_missing_total', 'x')).toBe(0);
    expect((await ship(new ScriptedOutput())).took, 'behind the last of them').toEqual([]);
  });

  it('gives up once, keeps the cursor, and names the output', async () => {
    await write([alert('a', T0)]);
    const refused = await ship(new ScriptedOutput([all({ is: 'hold', reason: 'no right' })]));
    expect(refused.gaveUp).toEqual(['x']);
    expect((await ship(new ScriptedOutput())).took).toEqual(['a']);
  });

  it('delivers to others where one cursor cannot be opened', async () => {
    await write([alert('a', T0)]);
    mkdirSync(join(base, 'ship/cursors/broken'), { recursive: true });
    const outputs = ['broken', 'x'].map((name) => ({ ...configOf().outputs[0]!, name }));
    const output = new ScriptedOutput();
    const gaveUp = await runShip({
      ...{ config: { ...configOf(), outputs }, version: '1', counters: new Counters(), log: SILENT as never },
      ...{ makeOutput: async () => output, once: true, signal: new AbortController().signal },
    });
    expect([gaveUp, output.took]).toEqual([['broken'], ['a']]);
  });

  it('keeps dead letters, and sends them again when asked', async () => {
    await write([alert('a', T0), alert('b', T0)]);
    const reject = each(({ id }) => (id === 'a' ? { is: 'rejected', reason: 'mapping' } : { is: 'delivered' }));
    await ship(new ScriptedOutput([reject]));
    const box = new DeadLetterBox(join(base, 'ship'), 'x');
    const [name] = box.names();
    expect(box.read(name!)).toMatchObject({ seq: 1, id: 'a', reason: 'mapping', kind: 'alert', output: 'x' });
    box.resend(name!);
    const { sent } = await ship(new ScriptedOutput([reject]));
    expect(sent.map(({ id, seq }) => [id, seq])).toEqual([['a', 1]]);
    expect([box.names().length, box.names('resend').length]).toEqual([1, 0]);
    box.resend(name!);
    expect((await ship(new ScriptedOutput())).took).toEqual(['a']);
    expect([box.names().length, box.names('resend').length]).toEqual([0, 0]);
  });

  it('lets no second shipper in', async () => {
    await write([alert('a', T0)]);
    const stop = new AbortController();
    const config = configOf();
    const run = (once: boolean) =>
      runShip({
        ...{ config, version: '1', counters: new Counters(), log: SILENT as never, once, signal: stop.signal },
        makeOutput: async () => new ScriptedOutput(),
      });
    const first = run(false);
    await expect(run(true)).rejects.toMatchObject({ code: 'FB_SHIP_LOCKED' });
    stop.abort();
    expect(await first).toEqual([]);
  });

  it('follows: what is appended later arrives', async () => {
    await write([alert('a', T0)]);
    const stop = new AbortController();
    const arrived = Promise.withResolvers<void>();
    const output = new ScriptedOutput();
    const watched: Output = {
      type: 'file',
      send: async (batch) => {
        const answer = await output.send(batch);
        if (output.took.includes('b')) arrived.resolve();
        return answer;
      },
      close: async () => {},
    };
    const shared = { config: configOf(), version: '1', counters: new Counters(), log: SILENT as never, once: false };
    const running = runShip({ ...shared, makeOutput: async () => watched, signal: stop.signal });
    await write([alert('b', T0 + 10)]);
    await arrived.promise;
    stop.abort();
    await running;
    expect(output.took).toEqual(['a', 'b']);
  });
});
