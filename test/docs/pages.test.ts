// What the pages say exists: commands (typed in console blocks, named in the text) and their options, links, codes of errors, and what operate.md promises to explain.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CommandNode, treeOf } from '../../packaging/command-tree.ts';
import { installedPages } from '../../packaging/pages.ts';
import * as program from '../../src/commands/program.ts';
import { LINUX_HOST } from '../../src/detect/host-abilities.ts';
import { RECORD_KINDS } from '../../src/journal/journal.ts';
import { fakeIo } from '../commands/fake-io.ts';
import { FAMILIES } from '../metrics/families.ts';
import { anchorsIn, anchorsOf, linksIn, linksOf, namedCommands, PAGES, TOP, textOf, typedLines } from './pages.ts';

const source = (...pattern: string[]) =>
  spawnSync('grep', ['-rhoE', ...pattern], { cwd: TOP, encoding: 'utf8' })
    .stdout.trim()
    .split('\n');

describe('commands', () => {
  let tree: CommandNode;
  beforeAll(async () => {
    tree = await treeOf(program);
  });

  /** in: a shell line; out: what is wrong with its calls of forebear. */
  function faults(line: string): string[] {
    const calls = line.split(/\||&&|;|\$\(/).map((call) => call.trim().replace(/^sudo( -u \S+)? /, ''));
    return calls.flatMap((call) => {
      const [program, ...words] = call.split(/\s+/);
      return /(^|\/)forebear$/.test(program!) ? faultsOf(words, line) : [];
    });
  }

  function faultsOf(words: readonly string[], line: string): string[] {
    let node = tree;
    let rest = [...words];
    for (let next = childOf(node, rest[0]); next !== undefined; next = childOf(node, rest[0])) {
      node = next;
      rest = rest.slice(1);
    }
    if (node === tree && !['--version', '--help'].includes(rest[0] ?? '')) return [`${line}: no such command`];
    if (node.children.length > 0 && node.path[0] !== 'ship' && node !== tree)
      return [`${line}: a subcommand is missing`];
    const known = new Set(['--help', '-h', '--version', ...node.options.flatMap(({ flags }) => flags)]);
    const flags = rest.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split('=')[0]!);
    return flags.filter((flag) => !known.has(flag)).map((flag) => `${line}: no option ${flag}`);
  }

  const childOf = (node: CommandNode, word: string | undefined) =>
    node.children.find(({ path }) => path.at(-1) === word);

  it('notices what is none', () => {
    const wrong = ['forebear stat', 'sudo forebear rules', 'x | forebear tail --folow', 'forebear ship dead lst --x'];
    expect(wrong.map((line) => faults(line).length > 0)).toEqual([true, true, true, true]);
  });

  it.each(PAGES)('%s', (page) => {
    expect([...typedLines(page), ...namedCommands(page)].flatMap(faults)).toEqual([]);
  });
});

describe('links', () => {
  it.each(PAGES)('%s', (page) => {
    const broken = linksOf(page)
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        return !existsSync(join(TOP, file)) || (anchor !== undefined && !anchorsOf(file).has(anchor));
      });
    expect(broken).toEqual([]);
  });

  /** The package brings rules/ and config/ as /usr/share/forebear, and the pages as /usr/share/doc/forebear. */
  it.each([...installedPages()])('%s, as it is installed', (page, text) => {
    const pages = installedPages();
    const broken = linksIn(text)
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#');
        const [, data] = /^\.\.\/\.\.\/forebear\/((?:rules|config)\/.+)/.exec(path) ?? [];
        if (data !== undefined) return !existsSync(join(TOP, data));
        const there = pages.get(path === '' ? page : path);
        return there === undefined || (anchor !== undefined && !anchorsIn(there).has(anchor));
      });
    expect(broken).toEqual([]);
  });

  it('every page is in the index', () => {
    const pages = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
    expect(pages.filter((page) => !linksOf('docs/README.md').includes(page.slice('docs/'.length)))).toEqual([]);
  });
});

it('codes of errors are those of the source', () => {
  const known = new Set(source('FB_[A-Z0-9_]+', 'src'));
  const named = PAGES.flatMap((page) => textOf(page).match(/\bFB_[A-Z0-9_]+\b/g) ?? []);
  expect(named.filter((code) => ![...known].some((other) => other === code || code.startsWith('FB_SYSTEM_')))).toEqual(
    [],
  );
});

it('ARCHITECTURE.md follows an exec through eight files, by functions that they have', () => {
  const rows = [...textOf('ARCHITECTURE.md').matchAll(/^\| \d\. \[.+\]\((.+)\) \| `(\w+)` \|/gm)];
  expect(rows.length).toBe(8);
  const missing = rows.filter(([, file, name]) => !new RegExp(`\\b${name}\\(`).test(textOf(file!)));
  expect(missing.map(([row]) => row)).toEqual([]);
});

/** With or without `forebear_`: ARCHITECTURE.md has them as the stages count them. */
it('counters are those of the metrics, with their labels', () => {
  const labelsOf = new Map(FAMILIES.map(({ name, labels = [] }) => [name.replace(/^forebear_/, ''), labels]));
  const named = PAGES.flatMap((page) => [
    ...textOf(page).matchAll(/`(?:forebear_)?([a-z_]+_total)(?:\{(\w+)[^}]*\})?/g),
  ]);
  expect(named.length).toBeGreaterThan(FAMILIES.length / 2);
  const wrong = named.filter(
    ([, name, label]) => !labelsOf.has(name!) || (label !== undefined && !labelsOf.get(name!)!.includes(label)),
  );
  expect(wrong.map(([text]) => text)).toEqual([]);
});

describe('CONTRIBUTING.md', () => {
  const text = textOf('CONTRIBUTING.md');

  it('names every npm script', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const called = (name: string) => (['start', 'test'].includes(name) ? `npm ${name}` : `npm run ${name}`);
    expect(Object.keys(scripts).filter((name) => !new RegExp(`\`${called(name)}[ \`]`).test(text))).toEqual([]);
  });

  it('names every environment variable', () => {
    const read = source('process\\.env\\.[A-Z_]+', 'src', 'bench', 'packaging', 'test', 'vitest.config.ts');
    const own = source('FOREBEAR_[A-Z_]+', 'src', 'bench', 'packaging', 'test', 'scripts', 'vitest.config.ts');
    const names = [...read.map((found) => found.slice('process.env.'.length)), ...own];
    const usual = new Set(['PATH', 'HOSTNAME']);
    expect([...new Set(names)].filter((name) => !usual.has(name) && !text.includes(`\`${name}`))).toEqual([]);
  });
});

describe('docs/write-rules.md', () => {
  const text = textOf('docs/write-rules.md');
  const rules = [...text.matchAll(/^```toml\n(\[rule\][\s\S]*?)^```$/gm)].map(([, rule]) => rule!);

  it('has rules of three types', () => {
    expect(rules.map((rule) => /^type = "(\w+)"$/m.exec(rule)?.[1])).toEqual(['query', 'new_terms', 'eql']);
  });

  it.each(rules)('has a rule that runs: %#', async (rule) => {
    const io = fakeIo({
      stdin: async function* () {
        yield Buffer.from(rule);
      },
    });
    expect(await program.runProgram(['rules', 'check', '-'], io), io.stderr()).toBe(0);
    expect(io.stdout()).toMatch(/^runs .*\n\n1 rule: 1 run, 0 refused\n$/);
  });

  it('names each event that a rule can see, with its category and type', () => {
    const rows = text.split('\n').filter((line) => /^\| (process|file|network)/.test(line));
    const lacking = LINUX_HOST.kinds.filter(({ fixed }) => {
      const [category, type] = ['event.category', 'event.type'].map((name) => [fixed[name]].flat().join(', '));
      const begin = `| ${category} | ${type} | `;
      return !rows.some((row) => row.startsWith(begin) && row.includes(`\`${fixed['event.action']}\``));
    });
    expect(lacking.map(({ fixed }) => fixed['event.action'])).toEqual([]);
  });
});

describe('docs/operate.md explains', () => {
  const text = textOf('docs/operate.md');
  const cells = new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, word]) => word!));
  const missing = (names: readonly string[]) => names.filter((name) => !cells.has(name));

  it('every line of status', () => {
    const sources = ['status-text', 'status-outputs'].map((name) => textOf(`src/commands/${name}.ts`)).join('');
    const names = ['on demand', ...[...sources.matchAll(/\['([a-z ]+)', (?!')/g)].map(([, label]) => label!)];
    expect(names.length).toBeGreaterThan(10);
    expect(missing(names)).toEqual([]);
  });

  it('every state of an output', () => {
    const states = /STATES: [\s\S]*?= \{([\s\S]*?)^\};/m.exec(textOf('src/commands/status-outputs.ts'))![1]!;
    const rows = [...states.matchAll(/^ {2}(\w+): \['\w+', '(.+)'\]/gm)];
    expect(rows.length).toBeGreaterThan(3);
    for (const [, state, words] of rows) expect(text).toContain(`| \`${state}\` | ${words} |`);
  });

  it('every kind of record, of gap, of lifecycle event', () => {
    const own = Object.keys(RECORD_KINDS).filter((kind) => !['alert', 'gap', 'lifecycle'].includes(kind));
    const proto = textOf('proto/forebear/journal/v1/records.proto');
    const kinds = [...proto.matchAll(/^ {2}(?:GAP_KIND|LIFECYCLE_EVENT)_(\w+) = [1-9]/gm)].map(([, kind]) =>
      kind!.toLowerCase(),
    );
    expect(kinds.length).toBeGreaterThan(10);
    expect(missing([...own, ...kinds])).toEqual([]);
  });

  it('every alert about Forebear itself', () => {
    const rules = source("rule_id: 'forebear-[a-z-]+'", 'src').map((found) => found.slice("rule_id: '".length, -1));
    expect(rules.length).toBeGreaterThan(0);
    expect(missing(rules)).toEqual([]);
  });

  it('every family of metrics', () => {
    const prefixes = [...cells].filter((cell) => cell.startsWith('forebear_'));
    const names = FAMILIES.map(({ name }) => name);
    expect(names.filter((name) => !prefixes.some((prefix) => name.startsWith(prefix)))).toEqual([]);
  });
});
