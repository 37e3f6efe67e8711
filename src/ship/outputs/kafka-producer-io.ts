// A producer of kafkajs as it is used here: idempotent, acks=all, one send at a time, no topic made by accident. Called by
// kafka-io.ts. kafkajs 2.2.4 is the one client in plain JavaScript that needs no run-time code generation (@platformatic/kafka
// compiles schemas when it is loaded) and no binary; it is hardly maintained any more, so what is wrong with it is mended here.

import { createRequire } from 'node:module';
import { Kafka, logLevel, type Message, Partitioners, type SASLOptions } from 'kafkajs';
import type { OutputOf } from '../../config/outputs.ts';
import { readSecret } from '../key-files-io.ts';
import { tlsOptions } from '../tls-options-io.ts';
import { KafkaSockets } from './kafka-sockets-io.ts';

export interface KafkaProducer {
  /** Resolves when all in-sync replicas have all of it. Rejects with kafkajs's errors. */
  send(messages: readonly Message[]): Promise<void>;
  /** Gives up what is under way. */
  close(): void;
}

export type KafkaSettings = Omit<OutputOf<'kafka'>, 'type' | 'records' | 'severity' | 'selftest'>;

const MECHANISMS = { plain: 'plain', 'scram-sha-256': 'scram-sha-256', 'scram-sha-512': 'scram-sha-512' } as const;

/** Resolves with a connected producer that has its id. Rejects with FB_SHIP_KEY and kafkajs's errors. */
export async function openKafkaProducer(settings: KafkaSettings, signal: AbortSignal): Promise<KafkaProducer> {
  calmRequestQueue();
  const sockets = new KafkaSockets(settings.tls ? tlsOptions(settings) : undefined);
  const close = () => sockets.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    const producer = client(settings, sockets).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      // At least one, or it refuses to be idempotent; all others are the lane's.
      retry: { retries: 1, initialRetryTime: 100, maxRetryTime: 1000 },
    });
    await producer.connect();
    const timeout = halfOf(settings);
    return {
      send: async (messages) => {
        await producer.send({ topic: settings.topic, messages: [...messages], acks: -1, timeout });
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

function client(settings: KafkaSettings, sockets: KafkaSockets): Kafka {
  const sasl = saslOf(settings);
  return new Kafka({
    clientId: 'forebear',
    brokers: [...settings.brokers],
    socketFactory: sockets.connect,
    logLevel: logLevel.NOTHING,
    connectionTimeout: Math.min(halfOf(settings), 10_000),
    authenticationTimeout: Math.min(halfOf(settings), 10_000),
    requestTimeout: halfOf(settings),
    // Each attempt to connect goes to the next of the brokers.
    retry: { retries: settings.brokers.length, initialRetryTime: 50, maxRetryTime: 500 },
    ...(sasl !== undefined && { sasl }),
  });
}

/** So that it gives up by itself before it is given up, and keeps what it knows. */
function halfOf({ timeout }: KafkaSettings): number {
  return Math.max(Math.floor(timeout / 2), 50);
}

function saslOf({ username, password_file, mechanism }: KafkaSettings): SASLOptions | undefined {
  if (username === null || password_file === null) return undefined;
  return { mechanism: MECHANISMS[mechanism], username, password: readSecret(password_file) } as SASLOptions;
}

interface RequestQueue {
  pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

let isCalm = false;

/**
 * kafkajs looks for waiting requests a thousand times a second on every connection that was ever used, waiting or not
 * (tulios/kafkajs#1704), and makes Node print a warning of it (#1751): it shall look only where one waits.
 */
function calmRequestQueue(): void {
  if (isCalm) return;
  isCalm = true;
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/requestQueue/index.js') as { prototype: RequestQueue };
  const original = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function scheduleWhereOneWaits(this: RequestQueue): void {
    if (this.pending.length > 0) original.call(this);
  };
}
