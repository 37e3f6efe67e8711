// The agent's own log: pino lines on stderr, never stdout. As ECS JSON (ecs.version 8.17, one document a line), or for a
// person on a terminal through pino-pretty in this process. No transports and no workers: those need code generation.
// Called by commands/; a stage gets the Logger it is given. Fields that a caller adds carry ECS names.
// Own formatters instead of @elastic/ecs-pino-format: it brings HTTP and APM code for these twenty lines.

import { createRequire } from 'node:module';
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type * as PinoPretty from 'pino-pretty';
import { escapeJson, escapeText } from './text.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** auto: pretty on a terminal, else json. */
  format: 'auto' | 'json' | 'pretty';
  /** Whether stderr is one, and whether it may be coloured. */
  terminal: boolean;
  color?: boolean;
  /** event.dataset, e.g. forebear.agent, and service.version. */
  dataset: string;
  version: string;
  /** Takes whole lines; default: stderr, synchronously, so that the last line before a fault is there. */
  write?: (line: string) => void;
}

/** in: options; out: pino's logger. Text in any field is made harmless for terminals in both formats. */
export function createLogger(options: LogOptions): Logger {
  const write = options.write ?? stderrWriter();
  const pretty = options.format === 'pretty' || (options.format === 'auto' && options.terminal);
  const output = pretty ? prettyStream(write, options.color ?? false) : jsonStream(write);
  return pino(
    {
      level: options.level,
      messageKey: 'message',
      errorKey: 'error',
      base: {
        'ecs.version': '8.17.0',
        'service.name': 'forebear',
        'service.version': options.version,
        'event.dataset': options.dataset,
      },
      timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ 'log.level': label }) },
      serializers: { error: ecsError },
    },
    output,
  );
}

/** ECS error.*; anything may have been thrown. */
function ecsError(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const code = 'code' in thrown ? { code: thrown.code } : {};
  return { type: thrown.name, ...code, message: thrown.message, stack_trace: thrown.stack };
}

function stderrWriter(): (line: string) => void {
  const stderr = destination({ dest: 2, sync: true });
  return (line) => stderr.write(line);
}

/** pino escapes C0 as JSON does; the rest (C1, bidi ...) is added here. The value of the JSON stays the same. */
function jsonStream(write: (line: string) => void): DestinationStream {
  return { write: (line) => write(`${escapeJson(line.trimEnd())}\n`) };
}

const requirePretty = createRequire(import.meta.url);

/** pino-pretty prints text as it is: every string is escaped before it gets there. Its forty files are read here only. */
function prettyStream(write: (line: string) => void, color: boolean): DestinationStream {
  const { prettyFactory } = requirePretty('pino-pretty') as typeof PinoPretty;
  const print = prettyFactory({
    colorize: color,
    messageKey: 'message',
    timestampKey: '@timestamp',
    levelKey: 'log\\.level',
    errorLikeObjectKeys: [],
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'ecs\\.version,service\\.name,service\\.version,event\\.dataset',
  });
  return { write: (line) => write(print(escapeStrings(line))) };
}

function escapeStrings(line: string): string {
  const replacer = (key: string, value: unknown) => {
    if (typeof value !== 'string') return value;
    return key === 'stack_trace' ? value.split('\n').map(escapeText) : escapeText(value);
  };
  return JSON.stringify(JSON.parse(line, replacer));
}
