// `forebear ship` to a real OpenSearch through toxiproxy: whatever becomes of requests and answers on their way, what is there in
// the end is what the journal acknowledged, each once; and a shipper that is killed meanwhile changes nothing.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ShipStatus } from '../../src/ship/ship-status.ts';
import { Engine, missing } from './engine.ts';
import { ALERTS, idsIn } from './engines.ts';
import { Shipping } from './ship-process.ts';
import { missingToxiproxy, type Toxic, Toxiproxy } from './toxiproxy.ts';

const NAME = 'opensearch-2';
const KEYS = 'batch_count = 40\nmax_backoff = "200ms"\ntimeout = "2s"\nduplicate_wait = "200ms"\ngzip = false';
const LIMIT = { timeout: 30_000, interval: 20 };
const COUNT = 100;
const asked = (process.env.FOREBEAR_SERVERS ?? '').split(' ').includes('toxiproxy');
const lacks = asked ? missing(NAME) || missingToxiproxy() : 'asked for by npm run test:servers -- toxiproxy (or all)';

interface Fault {
  fault: string;
  /** None: the proxy refuses connections. */
  toxics?: Toxic[];
  /** What the shipper says of its attempts; absent: they succeed all the same. */
  says?: RegExp;
  /** Whether the engine carries out what the shipper hears nothing of: those documents are there already the next time. */
  unheard?: 'always' | 'perhaps' | 'never';
}

const toxic = (type: Toxic['type'], stream: Toxic['stream'], attributes: Toxic['attributes']) => ({
  type,
  stream,
  attributes,
});

/** One document has more bytes than what is let through of a request. */
const FAULTS: readonly Fault[] = [
  { fault: 'answers that come late', toxics: [toxic('latency', 'downstream', { latency: 300, jitter: 200 })] },
  { fault: 'requests that crawl', toxics: [toxic('bandwidth', 'upstream', { rate: 100 })] },
  {
    fault: 'both in pieces',
    toxics: (['upstream', 'downstream'] as const).map((stream) =>
      toxic('slicer', stream, { average_size: 500, size_variation: 400, delay: 100 }),
    ),
  },
  {
    fault: 'answers cut',
    toxics: [toxic('limit_data', 'downstream', { bytes: 40 })],
    says: /UND_ERR_SOCKET|ECONNRESET/,
    unheard: 'always',
  },
  {
    fault: 'requests cut',
    toxics: [toxic('limit_data', 'upstream', { bytes: 1500 })],
    says: /UND_ERR_SOCKET|ECONNRESET|EPIPE/,
    unheard: 'never',
  },
  {
    fault: 'a reset at once',
    toxics: [toxic('reset_peer', 'downstream', { timeout: 0 })],
    says: /ECONNRESET|UND_ERR_SOCKET|EPIPE/,
    unheard: 'perhaps',
  },
  {
    fault: 'a reset in the middle',
    toxics: [toxic('reset_peer', 'downstream', { timeout: 150 }), toxic('latency', 'downstream', { latency: 1000 })],
    says: /ECONNRESET|UND_ERR_SOCKET|EPIPE/,
    unheard: 'perhaps',
  },
  {
    fault: 'answers that never come',
    toxics: [toxic('timeout', 'downstream', { timeout: 0 })],
    says: /timed? ?out/i,
    unheard: 'always',
  },
  { fault: 'no connection', says: /ECONNREFUSED/, unheard: 'never' },
];

let engine: Engine;
let proxy: Toxiproxy;
let shipping: Shipping;

beforeAll(async () => {
  if (lacks !== '') return;
  engine = await Engine.start(NAME, 'toxiproxy');
  proxy = await Toxiproxy.start(engine.url);
  shipping = await Shipping.to({ url: proxy.url, secure: false }, KEYS);
  expect(shipping.run('--setup')).toMatchObject({ status: 0 });
  shipping.start();
}, 120_000);
beforeEach((ctx) => {
  if (lacks !== '') ctx.skip(lacks);
});
afterEach(() => proxy?.heal());
afterAll(async () => {
  await shipping?.remove();
  await proxy?.stop();
  await engine?.kill();
});

function counted(name: string): number {
  const { counters } = JSON.parse(readFileSync(join(shipping.folder, 'ship/status.json'), 'utf8')) as ShipStatus;
  return counters[`ship_${name}_total{reason="central"}`] ?? 0;
}

const there = () => idsIn(engine, ALERTS).catch(() => []);
const delivered = () => expect.poll(() => shipping.state()?.cursorSeq, LIMIT).toBe(shipping.seq);

async function expectAll(): Promise<void> {
  expect(await idsIn(engine, ALERTS)).toEqual([...shipping.acknowledged].sort());
  expect(shipping.state()?.rejected).toBe(0);
}

describe('a path that has', () => {
  it.each(FAULTS)(
    '$fault loses nothing and doubles nothing',
    async ({ fault, toxics, says, unheard }) => {
      await delivered();
      const before = { retries: counted('retries'), duplicates: counted('records_duplicate'), seq: shipping.seq };
      await (toxics === undefined ? proxy.refuse() : proxy.poison(...toxics));
      await shipping.journal(COUNT);
      if (says !== undefined) {
        await expect.poll(() => shipping.state()?.lastAnswer ?? '', LIMIT).toMatch(says);
        await expect.poll(() => counted('retries') - before.retries, LIMIT).toBeGreaterThanOrEqual(2);
        expect(shipping.state()?.cursorSeq).toBe(before.seq);
        if (unheard === 'never') expect(await there()).toHaveLength(shipping.acknowledged.length - COUNT);
        await proxy.heal();
      }
      await delivered();
      await proxy.heal();
      await expectAll();
      const settled = () => counted('records_delivered') + counted('records_duplicate');
      await expect.poll(settled, LIMIT).toBe(shipping.acknowledged.length);
      const retries = counted('retries') - before.retries;
      const duplicates = counted('records_duplicate') - before.duplicates;
      if (says === undefined) expect([retries, duplicates]).toEqual([0, 0]);
      if (unheard === 'always') expect(duplicates).toBeGreaterThan(0);
      console.log(
        `${fault}: ${COUNT} acknowledged, all there once; ${retries} retries, ${duplicates} were there already`,
      );
    },
    90_000,
  );
});

it('loses nothing while all of it comes one after the other, and the shipper is killed three times', async () => {
  await shipping.journal(500);
  for (const [i, { toxics }] of FAULTS.entries()) {
    const before = shipping.state()?.cursorSeq ?? 0;
    await (toxics === undefined ? proxy.refuse() : proxy.poison(...toxics));
    await shipping.journal(40);
    if (i % 3 === 2) {
      await shipping.kill();
      shipping.start();
    }
    await proxy.heal();
    await expect.poll(() => shipping.state()?.cursorSeq ?? 0, LIMIT).toBeGreaterThan(before);
  }
  await delivered();
  await expectAll();
  expect(shipping.state()).toMatchObject({ state: 'idle' });
  console.log(`toxiproxy: ${shipping.acknowledged.length} acknowledged, all there once`);
}, 120_000);
