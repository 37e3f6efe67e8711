// Man pages out of --help: one for the program, one for each command with its subcommands. In: the tree of commands; out: file name
// and roff. What --help has as a list of options becomes a list, examples stay as they are typed, the rest is prose.

import type { CommandNode } from './command-tree.ts';

const FILES = [
  ['/etc/forebear/forebear.toml', 'configuration; /usr/share/forebear/config/forebear.toml has every key'],
  ['/etc/forebear/outputs.d', 'outputs that "forebear enrol" made'],
  ['/etc/forebear/hub.toml', 'configuration of a hub; /usr/share/forebear/config/hub.toml has every key'],
  ['/usr/share/forebear/rules', 'rules and exceptions that come with Forebear'],
  ['/usr/share/doc/forebear', 'pages about installing, configuring, operating, writing rules, security'],
  ['/var/lib/forebear', 'journal, history of new_terms rules, status'],
  ['/var/lib/forebear-ship', 'how far each output has got, dead letters'],
  ['/var/lib/forebear-hub', 'database of a hub'],
] as const;

const ENVIRONMENT = [
  ['NO_COLOR, FORCE_COLOR', 'no colours, colours also where no terminal is'],
  ['LC_ALL, LC_MESSAGES, LANG', 'language of a guide, where --lang is not given'],
  ['TZ', 'local time'],
] as const;

/** out: [forebear.1, text] and [forebear-COMMAND.1, text] for each command. */
export function manPages(tree: CommandNode, version: string, epochMs: number): [string, string][] {
  const date = new Date(epochMs).toISOString().slice(0, 10);
  const head = (name: string, summary: string) => [
    `.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 "${date}" "Forebear ${version}"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(summary)}`,
  ];
  const others = tree.children.map(({ path }) => `.BR forebear\\-${path[0]} (1)`);
  const pages = tree.children.map((node): [string, string] => {
    const name = `forebear-${node.path[0]}`;
    const children = node.children.flatMap((child) => [
      `.SH "${roff(`forebear ${child.path.join(' ')}`.toUpperCase())}"`,
      ...sections(child.help, '.SS'),
      ...child.children.flatMap((inner) => [`.SS "forebear ${inner.path.join(' ')}"`, ...sections(inner.help, '.SS')]),
    ]);
    const also = ['.SH SEE ALSO', '.BR forebear (1)'];
    return [`${name}.1`, page([...head(name, node.summary), ...sections(node.help, '.SH'), ...children, ...also])];
  });
  const own = page([
    ...head('forebear', tree.summary),
    ...sections(tree.help, '.SH'),
    '.SH FILES',
    ...terms('.I', FILES),
    '.SH ENVIRONMENT',
    ...terms('.B', ENVIRONMENT),
    '.SH SEE ALSO',
    ...others,
  ]);
  return [['forebear.1', own], ...pages];
}

function terms(font: '.I' | '.B', entries: readonly (readonly [term: string, meaning: string])[]): string[] {
  return entries.flatMap(([term, meaning]) => ['.TP', `${font} ${roff(term)}`, roffLine(meaning)]);
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

const LISTS = ['Options:', 'Commands:', 'Arguments:'];

/** in: help text, .SH or .SS for its sections. */
function sections(help: string, heading: '.SH' | '.SS'): string[] {
  const out: string[] = [];
  for (const block of help.trimEnd().split(/\n{2,}/)) {
    const [first = '', ...rest] = block.split('\n');
    if (first.startsWith('Usage: ')) out.push(`${heading} SYNOPSIS`, `.B ${roff(first.slice('Usage: '.length))}`);
    else if (LISTS.includes(first)) out.push(`${heading} ${first.slice(0, -1).toUpperCase()}`, ...list(rest));
    else if (/^Examples?:$/.test(first)) out.push(`${heading} EXAMPLES`, '.nf', ...rest.map(roffLine), '.fi');
    else if (first.startsWith('Exit status: '))
      out.push(`${heading} EXIT STATUS`, ...block.slice(13).split('\n').map(roffLine));
    else if (out.at(-2) === `${heading} SYNOPSIS`)
      out.push(`${heading} DESCRIPTION`, ...block.split('\n').map(roffLine));
    else if (out.includes(`${heading} NOTES`) || !out.includes(`${heading} OPTIONS`)) out.push('.PP', ...prose(block));
    else out.push(`${heading} NOTES`, ...prose(block));
  }
  return out;
}

/** Indented lines are an example or a table: as they are. */
function prose(block: string): string[] {
  const lines = block.split('\n').map(roffLine);
  return lines.some((line) => /^ {2}/.test(line)) ? ['.nf', ...lines, '.fi'] : lines;
}

/** `  -f, --follow  wait for more`: a term and what it means. */
function list(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, term = line.trim(), meaning = ''] = /^ {2}(\S.*?)(?: {2,}(\S.*))?$/.exec(line) ?? [];
    return ['.TP', `.B ${roff(term)}`, roffLine(meaning)];
  });
}

/** roff's own characters as they are meant: a hyphen that can be copied, a backslash. */
function roff(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
}

/** A line that begins with a dot or a quote would be a request. */
function roffLine(line: string): string {
  const text = roff(line);
  return /^['.]/.test(text) ? `\\&${text}` : text;
}
