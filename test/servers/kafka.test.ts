// The Kafka output against a real broker: order, keys, headers, idempotence when answers are lost, and what refusals mean.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Output, Parcel } from '../../src/ship/output.ts';
import { kafkaOutput } from '../../src/ship/outputs/kafka-io.ts';
import type { KafkaSettings } from '../../src/ship/outputs/kafka-producer-io.ts';
import { idOf, largeParcel, parcel } from '../ship/outputs/parcels.ts';
import { eventually } from '../ship/real/programs.ts';
import { Broker, missingKafka, PASSWORD, type Read } from './kafka-broker.ts';

const never = new AbortController().signal;
const asked = (process.env.FOREBEAR_SERVERS ?? '').split(' ').includes('kafka');
const lacking = asked ? missingKafka() : 'asked for by npm run test:servers -- kafka (or all)';

/** Between a client and the broker: lets requests through, and cuts the connection in place of the next answers to Produce. */
class CuttingProxy {
  readonly server: Server;
  /** Answers to Produce (api key 0) that are still to be lost. */
  toLose = 0;
  lost = 0;

  constructor(target: () => number) {
    this.server = createServer((client) => {
      const broker = connect(target(), '127.0.0.1');
      let isProduce = false;
      for (const [socket, other] of [
        [client, broker],
        [broker, client],
      ] as [Socket, Socket][]) {
        socket.on('error', () => {}).on('close', () => other.destroy());
      }
      client.on('data', (request) => {
        isProduce = request.length > 6 && request.readInt16BE(4) === 0;
        broker.write(request);
      });
      broker.on('data', (answer) => {
        if (!isProduce || this.toLose === 0) return client.write(answer);
        this.toLose--;
        this.lost++;
        return client.resetAndDestroy();
      });
    }).listen(0, '127.0.0.1');
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }
}

function verdicts(answer: Answer, batch: readonly Parcel[]): string[] {
  return answer.of === 'items' ? answer.verdicts.map(({ is }) => is) : batch.map(() => answer.verdict.is);
}

const uuidOf = ({ headers }: Read) => /uuid:([^,\t]*)/.exec(headers)?.[1];

describe('a real Kafka broker', () => {
  let broker: Broker;
  let proxy: CuttingProxy;
  const made: Output[] = [];
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);

  beforeAll(async () => {
    if (lacking !== '') return;
    process.on('warning', warned);
    proxy = new CuttingProxy(() => broker.port('PROXIED'));
    await once(proxy.server, 'listening');
    broker = await Broker.start(proxy.port);
  });
  afterAll(async () => {
    process.off('warning', warned);
    await Promise.all(made.map((output) => output.close()));
    proxy?.server.close();
    await broker?.stop();
  });
  beforeEach((ctx) => {
    if (lacking !== '') ctx.skip(lacking);
  });

  function output(part: Partial<KafkaSettings> = {}): Output {
    const output = kafkaOutput({
      ...{ name: 'central', brokers: [broker.address('PLAINTEXT')], topic: 'alerts', tls: false },
      ...{ batch_bytes: 1 << 21, batch_count: 500, timeout: 10_000, max_backoff: 60_000, max_hold: 0 },
      ...{ username: null, password_file: null, mechanism: 'scram-sha-512', max_message_bytes: 1_000_000 },
      ...{ ca_file: null, fingerprint: null, cert_file: null, key_file: null, server_name: null },
      ...part,
    });
    made.push(output);
    return output;
  }

  const tls = (part: Partial<KafkaSettings> = {}) => ({ tls: true, ca_file: broker.files.file('ca.crt'), ...part });
  const hosted = (n: number, host: string, topicId = '') => parcel(n, { hostId: host, id: `${topicId}${idOf(n)}` });

  it('keeps each host in order in one partition, with the document as it is and the uuid beside it', async () => {
    await broker.createTopic('alerts');
    const batch = Array.from({ length: 600 }, (_, i) => hosted(i + 1, `host-${i % 5}`));
    expect(verdicts(await output().send(batch, never), batch)).toEqual(Array(600).fill('delivered'));
    const found = await broker.read('alerts', 600);
    expect(found.length).toBe(600);
    for (let host = 0; host < 5; host++) {
      const own = found.filter(({ key }) => key === `host-${host}`);
      const sent = batch.filter(({ hostId }) => hostId === `host-${host}`);
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1);
      expect(own.map(({ value }) => value)).toEqual(sent.map(({ document }) => Buffer.from(document).toString()));
      expect(own.map(uuidOf)).toEqual(sent.map(({ id }) => id));
    }
    expect(found[0]!.headers).toContain('kind:alert');
  });

  it('writes nothing twice when the answer to what was written is lost', async () => {
    await broker.createTopic('cut', {}, 1);
    const to = output({ brokers: [`127.0.0.1:${proxy.port}`], topic: 'cut' });
    const rounds = 12;
    let retries = 0;
    for (let round = 0; round < rounds; round++) {
      const batch = Array.from({ length: 10 }, (_, i) => hosted(round * 10 + i, 'host-1'));
      // kafkajs itself tries twice: from two on it gives up, and the same batch comes again.
      proxy.toLose = round % 4;
      for (;;) {
        const said = verdicts(await to.send(batch, never), batch);
        if (said.every((verdict) => verdict === 'delivered')) break;
        expect([...new Set(said)]).toEqual(['retry']);
        expect(++retries).toBeLessThan(20);
      }
    }
    const found = await broker.read('cut', rounds * 10);
    console.log(
      `kafka: ${proxy.lost} answers lost, ${retries} batches again, ${found.length} of ${rounds * 10} records there`,
    );
    expect([proxy.lost, retries]).toEqual([18, 6]);
    expect(found.map(uuidOf)).toEqual(Array.from({ length: rounds * 10 }, (_, n) => idOf(n)));
  });

  it('sends in pieces that the topic takes, and rejects the one that never fits', async () => {
    await broker.createTopic('small', { 'max.message.bytes': '20000' });
    const batch = [1, 2, 3].map((n) => largeParcel(n, 6000)).concat(largeParcel(4, 30_000), parcel(5));
    const said = await output({ topic: 'small' }).send(batch, never);
    expect(verdicts(said, batch)).toEqual(['delivered', 'delivered', 'delivered', 'rejected', 'delivered']);
    const own = output({ topic: 'small', max_message_bytes: 20_000 });
    expect(verdicts(await own.send(batch, never), batch)).toEqual(verdicts(said, batch));
    expect((await broker.read('small', 8)).map(uuidOf).sort()).toEqual([1, 2, 3, 5, 1, 2, 3, 5].map(idOf).sort());
  });

  it('holds while the topic is not there, makes none by itself, and goes on when it is', async () => {
    const to = output({ topic: 'later' });
    for (let n = 0; n < 2; n++) expect(await to.send([parcel(1)], never)).toMatchObject({ verdict: { is: 'hold' } });
    await broker.createTopic('later');
    expect(await to.send([parcel(1)], never)).toMatchObject({ verdicts: [{ is: 'delivered' }] });
  });

  it.each([
    { how: 'a client certificate', part: () => tls({ ...certificate('client') }), listener: 'SSL' },
    { how: 'SCRAM over TLS', part: () => tls(user('forebear', 'scram-sha-512')), listener: 'SASL_SSL' },
    { how: 'PLAIN over TLS', part: () => tls(user('forebear', 'plain')), listener: 'SASL_SSL' },
  ] as const)('delivers with $how', async ({ part, listener }) => {
    const to = output({ ...part(), brokers: [broker.address(listener)] });
    expect(await to.send([parcel(1)], never)).toMatchObject({ verdicts: [{ is: 'delivered' }] });
  });

  const certificate = (name: string) => ({
    cert_file: broker.files.file(`${name}.crt`),
    key_file: broker.files.file(`${name}.key`),
  });
  const user = (username: string, mechanism: KafkaSettings['mechanism'], password = PASSWORD) => ({
    ...{ username, mechanism },
    password_file: broker.files.file(`${username}.${password.length}`, `${password}\n`),
  });

  it.each([
    { who: 'a wrong password', part: () => tls(user('forebear', 'scram-sha-512', 'wrong')), listener: 'SASL_SSL' },
    { who: 'a mechanism that it has not', part: () => tls(user('forebear', 'scram-sha-256')), listener: 'SASL_SSL' },
    { who: 'a user without rights', part: () => tls(user('stranger', 'plain')), listener: 'SASL_SSL' },
    { who: 'no client certificate', part: () => tls(), listener: 'SSL' },
    { who: 'an expired one', part: () => tls(certificate('expired')), listener: 'SSL' },
    {
      who: 'a broker of another authority',
      part: () => tls({ ca_file: broker.files.file('other.crt') }),
      listener: 'SASL_SSL',
    },
    { who: 'a pinned fingerprint', part: () => tls({ fingerprint: 'ab'.repeat(32) }), listener: 'SASL_SSL' },
    { who: 'an absent key file', part: () => tls({ key_file: '/nonexistent/key' }), listener: 'SSL' },
  ] as const)('holds for $who', async ({ part, listener }) => {
    const said = await output({ ...part(), brokers: [broker.address(listener)] }).send([parcel(1)], never);
    expect(said).toMatchObject({ of: 'batch', verdict: { is: 'hold' } });
  });

  it('finds another of the brokers when the first is down', async () => {
    const to = output({ brokers: ['127.0.0.1:1', '127.0.0.1:2', broker.address('PLAINTEXT')] });
    expect(await to.send([parcel(1)], never)).toMatchObject({ verdicts: [{ is: 'delivered' }] });
  });

  it('loses and repeats nothing when the broker is killed again and again', async () => {
    await broker.createTopic('killed');
    const to = output({ topic: 'killed', timeout: 4000 });
    let sent = 0;
    let stop = false;
    const sending = (async () => {
      while (!stop) {
        const batch = Array.from({ length: 20 }, (_, i) => hosted(sent + i, 'host-1'));
        if (verdicts(await to.send(batch, never), batch).every((is) => is === 'delivered')) sent += batch.length;
      }
    })();
    for (let kills = 0; kills < 3; kills++) {
      const before = sent;
      await eventually(() => sent > before + 500 || undefined, 'records before a kill', 30_000);
      await broker.kill();
      await broker.again();
    }
    const before = sent;
    await eventually(() => sent > before || undefined, 'records after the last kill', 30_000);
    stop = true;
    await sending;
    const found = (await broker.read('killed', sent)).map(uuidOf);
    const distinct = [...new Set(found)];
    console.log(`kafka: 3 kills, ${sent} acknowledged, ${found.length - distinct.length} repeated`);
    expect(distinct.slice(0, sent)).toEqual(Array.from({ length: sent }, (_, n) => idOf(n)));
  }, 120_000);

  it('made Node warn of nothing', () => {
    expect(warnings.map(({ name, message }) => `${name}: ${message}`)).toEqual([]);
  });
});
