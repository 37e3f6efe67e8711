import { expect, it } from 'vitest';
import { type Family, Page } from '../../src/metrics/prometheus.ts';
import { scrape } from './scrape.ts';

const A: Family = { name: 'forebear_a', type: 'gauge', help: 'A.', labels: ['l', 'm'] };
const B: Family = { name: 'forebear_b_total', type: 'counter', help: 'B\\n\nnext' };

function pageOf(...samples: Parameters<Page['add']>[]): string {
  const page = new Page();
  for (const sample of samples) page.add(...sample);
  return page.text();
}

it('tells help and type of a family once, and its samples together', () => {
  const text = pageOf([A, 1, { l: 'x' }], [B, 2], [A, 0.5, { l: 'y', m: 'z' }]);
  expect(text.split('\n')).toEqual([
    '# HELP forebear_a A.',
    '# TYPE forebear_a gauge',
    'forebear_a{l="x"} 1',
    'forebear_a{l="y",m="z"} 0.5',
    '# HELP forebear_b_total B\\\\n\\nnext',
    '# TYPE forebear_b_total counter',
    'forebear_b_total 2',
    '',
  ]);
});

it.each([[Number.NaN], [Number.POSITIVE_INFINITY], [undefined]])(
  'leaves out %s, and the family where nothing is left',
  (value) => {
    expect(pageOf([A, value])).toBe('');
  },
);

it('has one value of the same labels, the last', () => {
  expect(scrape(pageOf([A, 1, { l: 'x' }], [A, 2, { l: 'x' }])).samples).toEqual([
    { name: 'forebear_a', labels: { l: 'x' }, value: 2 },
  ]);
});

it.each(['"', '\\', '\n', '\\n', 'x"} 1\nforebear_b_total 7', '\u202e\u001b]52;', '名'])(
  'keeps %j within its label',
  (value) => {
    const { samples } = scrape(pageOf([A, 1, { l: value, m: 'm' }]));
    expect(samples).toEqual([{ name: 'forebear_a', labels: { l: value, m: 'm' }, value: 1 }]);
  },
);

it('writes what is not UTF-8 as U+FFFD', () => {
  const text = pageOf([A, 1, { l: 'a\udcffb' }]);
  expect(Buffer.from(text).toString()).toBe(text);
  expect(scrape(text).samples[0]!.labels.l).toBe('a\ufffdb');
});

it.each([1e21, 1e-9, 2 ** 53, -1, 0])('writes %d so that it is read as that', (value) => {
  expect(scrape(pageOf([A, value])).samples[0]!.value).toBe(value);
});
