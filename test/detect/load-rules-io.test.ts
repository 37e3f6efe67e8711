import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { loadRules } from '../../src/detect/load-rules-io.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { FAKE_LANGUAGES } from './fake-language.ts';
import { ruleText } from './rule-text.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forebear-rules-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const rule = (id: string) => ruleText({ rule_id: `"${id}"` });

function load(...paths: string[]) {
  return loadRules(paths, { fields: new FieldTable(), languages: FAKE_LANGUAGES, abilities: LINUX_HOST });
}

/** File name -> `runs` or the code, in order. */
async function verdictsOf(...paths: string[]): Promise<[string, string][]> {
  const { verdicts } = await load(...paths);
  return verdicts.map(({ file, error }) => [basename(file), error?.code ?? 'runs']);
}

it('loads a tree by name, and only *.toml of it', async () => {
  mkdirSync(join(folder, 'b'));
  put('c.toml', rule('c'));
  put('a.toml', rule('a'));
  put('b/b.toml', rule('b'));
  put('a.ndjson', '{}');
  put('notes.txt', 'x');
  const { rules } = await load(folder);
  expect(rules.map(({ rule_id }) => rule_id)).toEqual(['a', 'b', 'c']);
});

it('refuses a bad rule and runs the others', async () => {
  put('a.toml', '= =');
  put('b.toml', rule('b'));
  put('c.toml', ruleText({ rule_id: '"c"', query: '"!"' }));
  expect(await verdictsOf(folder)).toEqual([
    ['a.toml', 'FB_RULE_TOML'],
    ['b.toml', 'runs'],
    ['c.toml', 'FB_QUERY_SYNTAX'],
  ]);
});

describe('duplicates', () => {
  it('keeps the first rule of an id and names its file at the second', async () => {
    const first = put('a.toml', rule('same'));
    put('b.toml', rule('same'));
    const { rules, verdicts } = await load(folder);
    expect(rules).toHaveLength(1);
    const line =
      rule('same')
        .split('\n')
        .findIndex((text) => text.startsWith('rule_id')) + 1;
    expect(verdicts[1]).toMatchObject({ rule_id: 'same', error: { code: 'FB_RULE_DUPLICATE', line, column: 1 } });
    expect(verdicts[1]?.error?.message).toContain(first);
  });

  it('lets a refused rule take no id from a good one', async () => {
    put('a.toml', ruleText({ rule_id: '"same"', severity: '"?"' }));
    put('b.toml', rule('same'));
    expect((await load(folder)).rules).toHaveLength(1);
  });

  it('reads a file that is named twice once', async () => {
    const path = put('a.toml', rule('a'));
    expect(await verdictsOf(path, folder, join(folder, '.', 'a.toml'))).toEqual([['a.toml', 'runs']]);
  });
});

describe('the world is hostile', () => {
  it('says a path that is not there', async () => {
    expect(await verdictsOf(join(folder, 'none'))).toEqual([['none', 'FB_RULE_FILE']]);
  });

  it('follows links, once, and says a broken one', async () => {
    put('a.toml', rule('a'));
    symlinkSync(folder, join(folder, 'loop'));
    symlinkSync('self', join(folder, 'self'));
    symlinkSync('nowhere', join(folder, 'broken.toml'));
    expect(await verdictsOf(folder)).toEqual([
      ['a.toml', 'runs'],
      ['broken.toml', 'FB_RULE_FILE'],
    ]);
  });

  it('does not wait for a FIFO, nor take a folder for a file', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe.toml')]);
    mkdirSync(join(folder, 'folder.toml'));
    expect(await verdictsOf(folder)).toEqual([['pipe.toml', 'FB_RULE_FILE']]);
  });

  it('does not read what is too large', async () => {
    put('a.toml', `${rule('a')}\n#${'x'.repeat(10 * 1024 * 1024)}`);
    expect(await verdictsOf(folder)).toEqual([['a.toml', 'FB_RULE_TOO_LARGE']]);
  });

  it('says the line of bytes that are not UTF-8', async () => {
    put('a.toml', Buffer.concat([Buffer.from('[rule]\nname = "'), Buffer.of(0xff), Buffer.from('"\n')]));
    const { verdicts } = await load(folder);
    expect(verdicts[0]?.error).toMatchObject({ code: 'FB_RULE_ENCODING', line: 2 });
  });

  it('takes a byte order mark', async () => {
    put('a.toml', `\ufeff${rule('a')}`);
    expect(await verdictsOf(folder)).toEqual([['a.toml', 'runs']]);
  });

  it('refuses an export that is not TOML', async () => {
    expect(await verdictsOf(put('rules.ndjson', '{}\n'))).toEqual([['rules.ndjson', 'FB_RULE_FORMAT']]);
  });

  it('says a folder that it may not read', async (ctx) => {
    if (process.getuid?.() === 0) ctx.skip('root may read everything');
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o000);
    expect(await verdictsOf(folder)).toEqual([['closed', 'FB_RULE_FILE']]);
    chmodSync(closed, 0o700);
  });
});
