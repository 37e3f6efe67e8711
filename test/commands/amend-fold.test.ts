import { describe, expect, it } from 'vitest';
import { HeldAlerts, withAmends } from '../../src/commands/amend-fold.ts';
import { show } from '../../src/commands/show.ts';
import { tail } from '../../src/commands/tail.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { foldAmend, foldText } from '../../src/proto/fold-amend.ts';
import { fakeIo } from './fake-io.ts';
import { FakeJournal } from './fake-journal.ts';
import { sampleAlert } from './sample-alert.ts';

const hash = (sha256: string) => ({ process: { hash: { sha256 } } });

describe('a document with what amends it', () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>, Record<string, unknown>]>([
    ['new sections', { a: 1 }, { b: { c: 2 } }, { a: 1, b: { c: 2 } }],
    ['beside what is there', { b: { a: 1 } }, { b: { c: 2 } }, { b: { a: 1, c: 2 } }],
    ['in place of what is there', { b: { a: 1 } }, { b: { a: 2 } }, { b: { a: 2 } }],
    ['lists as a whole', { b: [1, 2] }, { b: [3] }, { b: [3] }],
    ['an object in place of a text', { b: 'x' }, { b: { a: 1 } }, { b: { a: 1 } }],
  ])('%s', (_what, document, amendment, expected) => {
    const before = structuredClone(document);
    expect(foldAmend(document, amendment)).toEqual(expected);
    expect(document).toEqual(before);
  });

  it('is no way into anything else', () => {
    const folded = foldAmend({}, JSON.parse('{"__proto__":{"polluted":1},"constructor":{"x":1}}'));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(JSON.stringify(folded)).toBe('{"__proto__":{"polluted":1},"constructor":{"x":1}}');
  });

  it('as text keeps all digits, and is the same text where nothing amends it', () => {
    const text = '{"a":18446744073709551615, "process":{"pid":1}}';
    expect(foldText(text, [])).toBe(text);
    expect(foldText(text, [hash('x'), { z: 1 }])).toBe(
      '{"a":18446744073709551615,"process":{"pid":1,"hash":{"sha256":"x"}},"z":1}',
    );
  });
});

async function folded(journal: FakeJournal, lookAhead: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { record, amendments } of withAmends(journal, journal.records({}), lookAhead)) {
    found.push(`${record.kindName} ${record.seq} ${JSON.stringify(amendments)}`);
  }
  return found;
}

describe('records of a journal', () => {
  const journal = () =>
    new FakeJournal()
      .addAmend('u1', { too: 'early' })
      .addAlert({ uuid: 'u1' })
      .addAlert({ uuid: 'u2' })
      .addAmend('u2', { a: 1 })
      .addAmend('none', { a: 1 })
      .addAmend('u2', { b: 2 }, 2);

  it('come in their order, each alert with what follows about it', async () => {
    expect(await folded(journal(), 100)).toEqual([
      'amend 1 []',
      'alert 2 []',
      'alert 3 [{"a":1},{"b":2}]',
      'amend 4 []',
      'amend 5 []',
      'amend 6 []',
    ]);
  });

  it('within the look-ahead', async () => {
    expect((await folded(journal(), 1))[2]).toBe('alert 3 [{"a":1}]');
    expect((await folded(journal(), 0))[2]).toBe('alert 3 []');
  });

  it('that cannot be read amend nothing', async () => {
    const broken = new FakeJournal()
      .addAlert({ uuid: 'u1' })
      .add('amend', Buffer.from([0xff]))
      .add('alert', Buffer.from([0xff]));
    expect(await folded(broken, 10)).toEqual(['alert 1 []', 'amend 2 []', 'alert 3 []']);
  });
});

describe('commands', () => {
  const REASONS = { hash_reason: 'fresh_file', parent_hash_reason: 'gone' };
  const journal = () =>
    new FakeJournal()
      .addAlert({ uuid: 'aaaa', document: { process: { pid: 7 } } })
      .addAlert({ uuid: 'bbbb', document: { process: { pid: 8 } } })
      .addAmend('aaaa', { ...hash('cafe'), forebear: REASONS });
  const documents = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('show has it in text and in JSON', async () => {
    const text = fakeIo();
    expect(await show(journal(), 'aaaa', {}, text, async () => undefined)).toBe(0);
    expect(text.stdout()).toMatch(/sha256 +cafe \(written within the same moment/);
    expect(text.stdout()).toMatch(/parent sha256 +not known: process and file had gone/);
    const json = fakeIo();
    await show(journal(), 'aaaa', { json: true }, json, async () => undefined);
    expect(documents(json.stdout())).toEqual([{ process: { pid: 7, hash: { sha256: 'cafe' } }, forebear: REASONS }]);
  });

  it('tail --json has it, one document an alert; the lines for a person are as before', async () => {
    const json = fakeIo();
    expect(await tail(journal(), { json: true }, json)).toBe(0);
    expect(documents(json.stdout()).map(({ process }) => process)).toEqual([
      { pid: 7, hash: { sha256: 'cafe' } },
      { pid: 8 },
    ]);
    const text = fakeIo();
    await tail(journal(), {}, text);
    expect(text.stdout().trimEnd().split('\n')).toHaveLength(2);
  });

  it('tail -f --json goes on behind what was there, at once and without what comes later', async () => {
    const stopping = new AbortController();
    const io = { ...fakeIo(), signal: stopping.signal };
    const growing = journal();
    growing.onIdle = () => {
      if (growing.all.length > 4) stopping.abort();
      else growing.addAlert({ uuid: 'cccc', document: { process: { pid: 9 } } }).addAmend('cccc', hash('beef'));
    };
    await tail(growing, { json: true, follow: true }, io);
    expect(documents(io.stdout()).map(({ process }) => process)).toEqual([
      { pid: 7, hash: { sha256: 'cafe' } },
      { pid: 8 },
      { pid: 9 },
    ]);
  });
});

describe('alerts of a replay', () => {
  const held = (most: number) => {
    const printed: Alert[] = [];
    return { printed, alerts: new HeldAlerts((alert) => void printed.push(alert), most) };
  };
  const alert = (uuid: string) => sampleAlert({ uuid, document: {} });

  it('are printed in their order, amended while they are held', () => {
    const { printed, alerts } = held(1);
    for (const uuid of ['a', 'b', 'c']) {
      alerts.add(alert(uuid));
      alerts.amend({ uuid: 'a', document: hash(uuid) });
    }
    alerts.amend({ uuid: 'c', document: hash('x') });
    expect(printed.map(({ uuid, document }) => [uuid, document])).toEqual([
      ['a', hash('a')],
      ['b', {}],
    ]);
    alerts.flush();
    expect(printed[2]).toMatchObject({ uuid: 'c', document: hash('x') });
  });

  it('are printed at once for a person', () => {
    const { printed, alerts } = held(0);
    alerts.add(alert('a'));
    expect(printed).toHaveLength(1);
  });
});
