// Hostile text in what a user installs or types: rules, exception lists, configuration, names of files and folders, arguments.
// Whatever of it is printed is harmless, as text, on a terminal and as JSON; refusals name the fault and nothing else happens.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ready } from '../../src/agent.ts';
import { readyLines } from '../../src/commands/agent-text.ts';
import { runProgram } from '../../src/commands/program.ts';
import { painter } from '../../src/commands/terminal.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { LANGUAGES } from '../../src/detect/languages.ts';
import { loadRuleSet } from '../../src/detect/load-rule-set-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { newFolder, remove } from '../agent/agent-run.ts';
import { fakeIo } from '../commands/fake-io.ts';
import { entry, item, LIST, textOf } from '../detect/exceptions/lists.ts';
import { NEW_TERMS, ruleText } from '../detect/rule-text.ts';
import { HOSTILE, unsafeIn } from './hostile-text.ts';

const TERMINAL = { outIsTerminal: true, errIsTerminal: true, columns: 80, env: { TERM: 'xterm' } };
/** Files hold characters: bytes that are none make the file no text at all, and are other tests' matter. */
const TEXTS = HOSTILE.filter(([, text]) => text.isWellFormed() && text.length < 1000);

let folder: string;
beforeAll(() => {
  folder = newFolder();
});
afterAll(() => remove(folder));

function put(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Runs as text, on a terminal, with --json; each output is harmless, and JSON where it should be. */
async function harmless(args: readonly string[], statuses: readonly number[] = [0, 1]): Promise<string> {
  let text = '';
  for (const [part, more] of [
    [{}, []],
    [TERMINAL, []],
    [{}, ['--json']],
  ] as const) {
    const io = fakeIo(part);
    const status = await runProgram([...args, ...more], io);
    const [out, err] = [io.stdout(), io.stderr()];
    expect([args, statuses.includes(status), `${status} ${err}`.slice(0, 200)]).toEqual([
      args,
      true,
      expect.anything(),
    ]);
    expect(unsafeIn(out, part === TERMINAL)).toBeUndefined();
    expect(unsafeIn(err, part === TERMINAL)).toBeUndefined();
    const json = more.length > 0 ? [...out.split('\n'), ...(status === 2 ? err.split('\n') : [])].filter(Boolean) : [];
    for (const line of json) JSON.parse(line);
    text += out + err;
  }
  return text;
}

/** Every text of a rule is `text`; in TOML all of it is escaped. */
function hostileRule(text: string, n: number): string {
  const quoted = tomlText(text);
  const keys = {
    rule_id: tomlText(`${text}-${n}`),
    name: quoted,
    description: quoted,
    query: "'process.name:tool and event.action:exec'",
    author: `[${quoted}]`,
    tags: `[${quoted}]`,
    references: `[${quoted}]`,
    false_positives: `[${quoted}]`,
    note: quoted,
    setup: quoted,
    license: quoted,
  };
  const reference = `id = ${quoted}\nname = ${quoted}\nreference = ${quoted}`;
  const threat = `[[rule.threat]]\nframework = ${quoted}\n[rule.threat.tactic]\n${reference}\n[[rule.threat.technique]]\n${reference}`;
  const more = `[forebear.note]\nzh = ${quoted}\n[[forebear.related]]\nrule_id = ${quoted}\nname = ${quoted}`;
  const osquery = `[[transform.osquery]]\nlabel = ${quoted}\nquery = ${quoted}`;
  return ruleText(keys, [NEW_TERMS, threat, more, osquery].join('\n'));
}

/** All but plain letters as \U escapes. */
function tomlText(text: string): string {
  const escaped = Array.from(text, (char) =>
    /[a-zA-Z0-9 ]/.test(char) ? char : `\\U${char.codePointAt(0)!.toString(16).padStart(8, '0')}`,
  );
  return `"${escaped.join('')}"`;
}

describe.each(TEXTS.map(([what], i) => [what, i] as const))('%s', (_what, i) => {
  const text = TEXTS[i]![1];
  const inFileName = text.replaceAll('/', '_').slice(0, 60);

  it('in all texts of a rule, and the name of its file', async () => {
    const own = join(folder, `rules-${i}`);
    put(`rules-${i}/${inFileName}.toml`, hostileRule(text, i));
    const checked = await harmless(['rules', 'check', own]);
    expect(checked).toContain('runs');
    await harmless(['rules', 'list', '--rules', own, '--no-exceptions']);
    await harmless(['rules', 'show', `${text}-${i}`, '--rules', own, '--no-exceptions'], [0]);
    await harmless(['learn', 'status', '--rules', own, '--no-exceptions', '--state', join(folder, 'none')]);
  });

  it('in a rule that is refused', async () => {
    const own = `refused-${i}`;
    const q = tomlText(text);
    put(`${own}/type.toml`, ruleText({ type: q }));
    put(`${own}/severity.toml`, ruleText({ severity: q }));
    put(`${own}/query.toml`, ruleText({ query: tomlText(`process.name:( ${text}`) }));
    put(`${own}/field.toml`, ruleText({ query: tomlText(`${text.replaceAll(/\s/g, '_')}:x`) }));
    put(`${own}/list.toml`, ruleText({}, `${NEW_TERMS}\n[[rule.exceptions_list]]\nlist_id = ${q}`));
    put(`${own}/toml.toml`, `[rule]\n${text}\n`);
    put(`${own}/terms.toml`, ruleText({}, `[rule.new_terms]\nvalue = [${q}]`));
    const checked = await harmless(['rules', 'check', join(folder, own)], [1]);
    expect(checked).toContain('FB_RULE_');
    await harmless(['rules', 'list', '--rules', join(folder, own), '--no-exceptions']);
    await harmless(['replay', '--rules', join(folder, own), '--no-exceptions', put('none.ndjson', '{}')], [1, 2]);
  });

  it('in an exception list, and the name of its file', async () => {
    const lines = [
      { ...LIST, name: text, list_id: text },
      item([entry('match', 'process.args', text)], { item_id: text, list_id: text, name: text, tags: [text] }),
      item([entry('match', text, 'x')], { item_id: `${text}-2`, list_id: text, name: text }),
      item([entry(text, 'process.name', 'x')], { item_id: `${text}-3`, list_id: text, name: text }),
      item([entry('match', 'user.name', 'x')], { item_id: `${text}-4`, list_id: text, expire_time: text }),
    ];
    const file = put(`lists-${i}/${inFileName}.ndjson`, textOf(lines));
    const checked = await harmless(['exceptions', 'check', file]);
    expect(checked).toContain('FB_EXCEPTION_');
    await harmless(['exceptions', 'list', '--exceptions', file]);
  });

  it('in a configuration', async () => {
    const q = tomlText(text);
    const configs = [
      `[state]\ndirectory = ${q}`,
      `[rules]\npaths = [${q}]`,
      `[detect]\nlearn = ${q}`,
      `[detect.learn_rules]\n${q} = "1h"`,
      `[exceptions]\ndisable = [${q}]`,
      `[log]\nlevel = ${q}`,
      `[enrich]\nentry_leader = ${q}`,
      `${q} = 1`,
      `[${q}]\nx = 1`,
      `${text} = 1`,
    ];
    for (const [n, config] of configs.entries()) {
      const file = put(`configs/${i}-${n}-${inFileName}.toml`, config);
      await harmless(['status', '--config', file], [0, 1, 2]);
      await harmless(['rules', 'list', '--config', file], [0, 1, 2]);
    }
  });

  it('as an argument', async () => {
    const none = join(folder, text);
    for (const args of [
      [text],
      ['--', text],
      [`--${text}`],
      ['tail', `--${text}`],
      ['tail', '--state', none],
      ['tail', '--since', text, '--state', none],
      ['tail', '--severity', text, '--state', none],
      ['tail', '--lines', text, '--state', none],
      ['show', text, '--state', none],
      ['status', '--state', none],
      ['status', '--config', none],
      ['rules', 'check', none],
      ['rules', 'show', text],
      ['exceptions', 'check', none],
      ['replay', none],
      ['query', text, none],
      ['learn', 'export', '--rule', text, '--state', none],
      ['learn', 'import', none, '--state', none],
    ]) {
      const io = fakeIo();
      expect(await runProgram(args, io)).toBeGreaterThan(0);
      expect(unsafeIn(io.stdout() + io.stderr())).toBeUndefined();
      const jsonIo = fakeIo();
      await runProgram([args[0]!, '--json', ...args.slice(1)], jsonIo);
      expect(unsafeIn(jsonIo.stdout() + jsonIo.stderr())).toBeUndefined();
    }
  });
});

it('in the first lines of an agent', async () => {
  const own = join(folder, 'first');
  for (const [i, [, text]] of TEXTS.entries()) {
    put(`first/${i}${text.replaceAll('/', '_')}.toml`, i % 2 === 0 ? hostileRule(text, i) : `[rule]\n${text}`);
  }
  const sources = { rules: [own], exceptions: [], disabled: [] };
  const set = await loadRuleSet(sources, { fields: new FieldTable(), languages: LANGUAGES, abilities: LINUX_HOST });
  const hostile = TEXTS[0]![1];
  const programs = [{ name: 'exec', attachPoint: 'tp_btf/exec', attached: false, reason: hostile }];
  const journal = { directory: join(own, hostile), durableSeq: 0, bytes: 0 };
  const ready = { sensor: { source: 'ebpf', ringBytes: 1, programs }, sources: [], journal, terms: 0, restored: 0 };
  const about = { rules: set, sources, nowMs: 0, version: '1.2.3', paint: painter(false) };
  const lines = readyLines({ ...about, ready: ready as unknown as Ready });
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) expect([line.includes('\n'), unsafeIn(line)]).toEqual([false, undefined]);
});
