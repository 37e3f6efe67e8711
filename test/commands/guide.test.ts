import { expect, it } from 'vitest';
import { fillPlaceholders, guideLines, languageOf, pickLanguage } from '../../src/commands/guide.ts';

it.each([
  [{ LANG: 'zh_CN.UTF-8' }, 'zh'],
  [{ LANG: 'de' }, 'de'],
  [{ LC_ALL: 'zh_TW', LANG: 'en_US.UTF-8' }, 'zh'],
  [{ LC_ALL: '', LC_MESSAGES: 'fr_FR@euro', LANG: 'en_US' }, 'fr'],
  [{ LANG: 'C.UTF-8' }, 'en'],
  [{ LANG: 'POSIX' }, 'en'],
  [{}, 'en'],
])('%j is the language %s', (env, language) => expect(languageOf(env)).toBe(language));

it.each([
  [{ en: 'E', zh: 'Z' }, 'zh', 'Z'],
  [{ en: 'E', zh: 'Z' }, 'de', 'E'],
  [{ en: 'E', 'zh-CN': 'Z' }, 'zh', 'Z'],
  [{ en: 'E', zh: ' ' }, 'zh', 'E'],
  [{ en: '', zh: 'Z' }, 'de', 'Z'],
  [{ en: '' }, 'en', undefined],
  [{ en: 'E' }, 'constructor', 'E'],
])('%j asked for %s gives %s', (texts, language, text) => expect(pickLanguage(texts, language)).toBe(text));

it.each([
  ['a {{user.name}} b', "a o''hara b"],
  ['{{ user.name }}', "o''hara"],
  ['{{user.nope}} {{', '{{user.nope}} {{'],
  ['{{process.args}}', 'one'],
  ['{{__proto__}}', '{{__proto__}}'],
])('%j is filled: %s', (text, filled) => {
  expect(fillPlaceholders(text, { user: { name: "o'hara" }, process: { args: ['one', 'two'] } })).toBe(filled);
});

it('finds the steps of a guide, by number and embedded as Kibana renders them', () => {
  const steps = [{ label: 'A', query: 'a' }];
  const text = [
    'Look:',
    '  - $osquery_0',
    '$osquery_9',
    'costs $osquery_0 in a sentence',
    '- !{osquery{"label":"B","query":"SELECT {{x}}"}}',
    '!{osquery{broken}}',
    '!{investigate{"label":"C"}}',
  ].join('\n');
  expect(guideLines(text, steps)).toEqual([
    'Look:',
    { indent: '  ', step: { label: 'A', query: 'a' } },
    '$osquery_9',
    'costs $osquery_0 in a sentence',
    { indent: '', step: { label: 'B', query: 'SELECT {{x}}' } },
    '!{osquery{broken}}',
    '',
  ]);
});
