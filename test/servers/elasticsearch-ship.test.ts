// The whole way to a real engine: journal, `forebear ship`, _bulk. Engine and shipper are killed while they work; in the end the
// engine has exactly what the journal acknowledged, each once, and fresh alerts flow.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALONE, Engine, missing } from './engine.ts';
import { ALERTS, engines, idsIn } from './engines.ts';
import { Shipping } from './ship-process.ts';

const KEYS = 'batch_count = 40\nmax_backoff = "300ms"\ntimeout = "5s"';
/** Of the engine's look at its disk; it takes no less. */
const DISK_EVERY = 'cluster.info.update.interval=10s';
const LIMIT = { timeout: 60_000, interval: 25 };

describe.each(engines)('%s', (name) => {
  let engine: Engine;
  let shipping: Shipping;
  const lacks = missing(name);

  beforeAll(async () => {
    if (lacks !== '') return;
    engine = await Engine.start(name, 'ship', [...ALONE, DISK_EVERY]);
    shipping = await Shipping.to(engine, KEYS);
  });
  beforeEach((ctx) => {
    if (lacks !== '') ctx.skip(lacks);
  });
  afterAll(async () => {
    await shipping?.remove();
    await engine?.kill();
  });

  const count = async () => {
    const { status, body } = await engine.ask('POST', `/${ALERTS}/_refresh`);
    if (status !== 200 || (body._shards as { failed: number }).failed > 0) return 0;
    return (await engine.ask('GET', `/${ALERTS}/_count`)).body.count as number;
  };
  const delivered = () => expect.poll(() => shipping.state()?.cursorSeq, LIMIT).toBe(shipping.seq);
  /** What the journal acknowledged and the engine has not, and what is there twice or from nowhere. */
  const expectAll = async () => {
    const there = await idsIn(engine, ALERTS);
    const missing = shipping.acknowledged.filter((id) => !there.includes(id));
    const extra = there.filter((id, i) => id === there[i - 1] || !shipping.acknowledged.includes(id));
    expect({ missing, extra }).toEqual({ missing: [], extra: [] });
  };

  it('is set up by the command', () => {
    const first = shipping.run('--setup');
    expect(first).toMatchObject({ status: 0, output: expect.stringContaining('forebear-alerts: created') });
    expect(shipping.run('--setup').output).not.toContain('created');
  });

  it('gets the backlog once', async () => {
    await shipping.journal(100);
    expect(shipping.run('--once')).toMatchObject({ status: 0 });
    await expectAll();
  });

  it('gets each acknowledged alert once, whoever is killed in mid-batch', async () => {
    await shipping.journal(2000);
    shipping.start();
    let kills = 0;
    for (const share of [300, 700, 1100, 1500]) {
      await expect.poll(count, LIMIT).toBeGreaterThanOrEqual(Math.min(share, shipping.acknowledged.length));
      await engine.kill();
      if (kills++ % 2 === 1) {
        await shipping.kill();
        shipping.start();
      }
      await shipping.journal(100);
      await engine.again();
    }
    await delivered();
    await expectAll();
    console.log(
      `${name}: ${shipping.acknowledged.length} acknowledged, all there once; engine killed ${kills} times, shipper twice`,
    );
  }, 120_000);

  it('gets a fresh alert while nothing is wrong', async () => {
    await shipping.journal(1);
    await delivered();
    await expectAll();
    expect(shipping.state()).toMatchObject({ state: 'idle', rejected: 0 });
  });

  // The engine itself finds that its disk is full, as 999 TB are to be free. It takes its time: once is enough.
  if (name !== 'opensearch-2') return;
  it('holds while the disk is full, and loses nothing', async () => {
    const marks = (free: string | null) => {
      const mark = 'cluster.routing.allocation.disk.watermark';
      const set = { [`${mark}.low`]: free, [`${mark}.high`]: free, [`${mark}.flood_stage`]: free };
      return engine.want('PUT', '/_cluster/settings', { persistent: set });
    };
    const before = shipping.state()?.cursorSeq;
    await marks('999tb');
    const blocked = async () => JSON.stringify(await engine.want('GET', `/${ALERTS}/_settings`));
    await expect.poll(blocked, LIMIT).toContain('read_only_allow_delete');
    await shipping.journal(50);
    await expect.poll(() => shipping.state()?.state, LIMIT).toBe('hold');
    expect(shipping.state()).toMatchObject({ cursorSeq: before, lastAnswer: expect.stringContaining('flood-stage') });
    await marks(null);
    await delivered();
    await expectAll();
    expect(shipping.state()?.rejected).toBe(0);
  }, 120_000);
});
