// Three OpenSearch nodes, a copy of each document on all of them, and each node in turn killed while it works, the one that
// `forebear ship` speaks to among them. In the end each acknowledged alert is there once.

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Engine, freePort, missing } from './engine.ts';
import { ALERTS, idsIn, threeNodes } from './engines.ts';
import { Shipping } from './ship-process.ts';

const NAME = 'opensearch-2';
const LIMIT = { timeout: 60_000, interval: 50 };
const lacks = threeNodes ? missing(NAME) : 'asked for by npm run test:servers -- all';

let nodes: Engine[] = [];
let shipping: Shipping;

beforeAll(async () => {
  if (lacks !== '') return;
  const ports = [await freePort(), await freePort(), await freePort()];
  const seeds = ports.map((port) => `127.0.0.1:${port}`).join(',');
  const settings = (i: number) => [
    ...[`node.name=node-${i}`, `transport.port=${ports[i]}`, `discovery.seed_hosts=${seeds}`],
    'cluster.initial_cluster_manager_nodes=node-0,node-1,node-2',
  ];
  nodes = await Promise.all(ports.map((_, i) => Engine.start(NAME, `three-${i}`, settings(i))));
  await healthy();
  const custom = { template: { settings: { index: { auto_expand_replicas: false, number_of_replicas: 2 } } } };
  await nodes[0]!.want('PUT', '/_component_template/forebear-custom', custom);
  shipping = await Shipping.to(nodes[0]!, 'batch_count = 40\nmax_backoff = "300ms"\ntimeout = "10s"');
  expect(shipping.run('--setup')).toMatchObject({ status: 0 });
}, 120_000);
beforeEach((ctx) => {
  if (lacks !== '') ctx.skip(lacks);
});
afterAll(async () => {
  await shipping?.remove();
  await Promise.all(nodes.map((node) => node.kill()));
});

async function healthy(): Promise<void> {
  const path = '/_cluster/health?wait_for_nodes=3&wait_for_status=green&timeout=60s';
  expect((await nodes[0]!.want('GET', path)).timed_out).toBe(false);
}

it('loses nothing of what was acknowledged, whichever node is killed', async () => {
  await shipping.journal(1500);
  shipping.start();
  for (const [i, node] of nodes.entries()) {
    await expect.poll(() => shipping.state()?.cursorSeq ?? 0, LIMIT).toBeGreaterThanOrEqual(400 * (i + 1));
    await node.kill();
    await shipping.journal(200);
    await node.again();
    await healthy();
  }
  await expect.poll(() => shipping.state()?.cursorSeq, LIMIT).toBe(shipping.seq);
  const there = await idsIn(nodes[0]!, ALERTS);
  expect(there).toEqual([...shipping.acknowledged].sort());
  expect(shipping.state()?.rejected).toBe(0);
  console.log(`three nodes, each killed once: ${there.length} acknowledged, all there once`);
}, 240_000);
