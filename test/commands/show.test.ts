import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ShowOptions, show } from '../../src/commands/show.ts';
import type { GuideFacts } from '../../src/commands/show-alert.ts';
import { columns } from '../../src/commands/terminal.ts';
import type { Alert } from '../../src/detect/alert.ts';
import { fakeIo } from './fake-io.ts';
import { FakeJournal } from './fake-journal.ts';
import { LINEAGE, PROCESS, sampleAlert } from './sample-alert.ts';

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'UTC';
});
afterAll(() => {
  process.env.TZ = zone;
});

const THREAT = {
  framework: 'MITRE ATT&CK',
  tactic: { id: 'TA0003', name: 'Persistence' },
  technique: [{ id: 'T1543', name: 'Create Process', subtechnique: [{ id: 'T1543.002', name: 'Systemd Service' }] }],
};

const KIBANA_RULE = {
  type: 'new_terms',
  description: 'A program that has not done so before ran systemctl to start or enable a unit.',
  note: '## Look first\n\n- Read the process tree.',
  tags: ['OS: Linux', 'Tactic: Persistence'],
  false_positives: ['New software is being installed.'],
  references: ['https://example.org/a'],
  threat: [THREAT],
  parameters: { new_terms_fields: ['process.parent.executable'] },
};

const DOCUMENT = {
  host: { name: 'web-1' },
  user: { id: '1000', name: "al'ice" },
  process: { ...PROCESS, args: ['systemctl', 'enable', 'x', ''], args_count: 9 },
  forebear: { lineage: LINEAGE, new_terms: { history: 'never seen in 12 days of history' } },
  kibana: { alert: { rule: KIBANA_RULE } },
};

const RULE: GuideFacts = {
  version: 3,
  note: {
    en: '## Look first\n\n1. Read the process tree of the alert.\n   - $osquery_0\n2. Name the unit.',
    zh: '## 先看什么\n\n- 从入口进程往下看进程树。\n- $osquery_0',
  },
  osquery: [
    { label: 'Unit files', query: "SELECT path FROM file\nWHERE path LIKE '/home/{{user.name}}/.config/%'" },
    { label: 'Crontab', query: 'SELECT * FROM crontab' },
  ],
  related: [{ rule_id: '17b0a495-4d9f-414c-8ad0-92f018b8e001', name: 'Systemd Service Created' }],
};

const GAPS: Alert['gaps'] = [
  { kind: 'truncated', detail: 'process.args', count: 1 },
  { kind: 'document_cut', detail: 'process.parent.args', count: 812 },
];

async function run(
  part: Partial<Alert>,
  options: ShowOptions = {},
  rule: GuideFacts | undefined = RULE,
  width?: number,
) {
  const terminal = width === undefined ? {} : { outIsTerminal: true, columns: width, env: { NO_COLOR: '1' } };
  const io = fakeIo(terminal);
  const journal = new FakeJournal().addAlert({ document: DOCUMENT, ...part });
  const status = await show(journal, '1', options, io, async () => rule);
  return { status, out: io.stdout() };
}

describe('the whole of an alert', () => {
  it('in English', async () => {
    await expect((await run({ gaps: GAPS })).out).toMatchFileSnapshot('../golden/show-en.txt');
  });

  it('in Chinese, on a terminal of 72 columns', async () => {
    const { out } = await run({}, { lang: 'zh' }, RULE, 72);
    await expect(out).toMatchFileSnapshot('../golden/show-zh.txt');
    const lines = out.split('\n').filter((line) => !/SELECT|[0-9a-f-]{32}/.test(line));
    expect(Math.max(...lines.map(columns))).toBeLessThanOrEqual(72);
  });

  it('without its rule, from the document alone', async () => {
    const io = fakeIo();
    const journal = new FakeJournal().addAlert({ document: DOCUMENT });
    await show(journal, '1', {}, io, async () => undefined);
    expect(io.stdout()).toContain('Investigation guide\n  Look first\n\n  - Read the process tree.');
    expect(io.stdout()).not.toContain('Related rules');
  });

  it('says when the guide is of another version than the alert', async () => {
    expect((await run({ ruleVersion: 2 })).out).toContain('(of version 3; the alert is of version 2)');
  });

  it('doubles a quote in a value that goes into a query', async () => {
    expect((await run({})).out).toContain("LIKE '/home/al''ice/.config/%'");
  });

  it('cannot write to the terminal, whatever the document and the rule hold', async () => {
    const evil = '\u001b]52;c;AAAA\u0007\u202e\udcff\u009b';
    const poison = (value: unknown): unknown => {
      if (typeof value === 'string') return evil;
      if (Array.isArray(value)) return value.map(poison);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, poison(part)]));
    };
    const rule = { ...RULE, osquery: poison(RULE.osquery), related: poison(RULE.related), note: { en: evil } };
    const alert = poison({ ...sampleAlert(), gaps: GAPS, document: DOCUMENT }) as Alert;
    const { out } = await run({ ...alert, severity: 'high' }, {}, rule as GuideFacts);
    expect(out).toMatch(/^[\x20-\x7e\n└─\ufffd]+$/);
  });

  it.each([{}, { process: 1 }, { forebear: { lineage: [{}] } }, { kibana: { alert: { rule: { threat: [1, {}] } } } }])(
    'survives the document %j',
    async (document) => expect((await run({ document })).status).toBe(0),
  );

  it('as JSON is the document', async () => {
    expect(JSON.parse((await run({}, { json: true })).out)).toEqual(DOCUMENT);
  });
});

describe('which alert', () => {
  const journal = () =>
    new FakeJournal()
      .addLifecycle()
      .addAlert({ uuid: 'aaaa1111' })
      .addAlert({ uuid: 'aaaa2222' })
      .addAlert({ uuid: '3bcd0000' })
      .addAlert({ uuid: 'aaaa1111' });

  async function find(reference: string) {
    const io = fakeIo();
    const status = await show(journal(), reference, {}, io, async () => undefined);
    return { status, id: /id +(\w{8})/.exec(io.stdout())?.[1], err: io.stderr() };
  }

  it.each([
    ['2', 0, 'aaaa1111'],
    ['4', 0, '3bcd0000'],
    ['3', 0, 'aaaa2222'],
    ['3b', 0, '3bcd0000'],
    ['AAAA1', 0, 'aaaa1111'],
    ['aaaa2222', 0, 'aaaa2222'],
    ['1', 1, undefined],
    ['99', 1, undefined],
    ['bcd', 1, undefined],
    ['', 1, undefined],
  ])('%j: status %i, %s', async (reference, status, id) => {
    const found = await find(reference).catch(() => ({ status: 2, id: undefined }));
    expect([found.status, found.id]).toEqual([status, id]);
  });

  it('lists the candidates of a beginning that fits several', async () => {
    await expect(find('aaaa')).rejects.toMatchObject({
      code: 'FB_COMMAND_AMBIGUOUS',
      message: expect.stringMatching(/2 alerts.*\n {2}aaaa1111 .*\n {2}aaaa2222 /),
    });
  });

  it('says what was not found, escaped', async () => {
    expect((await find('\u001b[2J\u202e')).err).toBe('forebear: no alert "\\u001b[2J\\u{202e}" in the journal\n');
  });
});
