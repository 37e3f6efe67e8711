// A logger that keeps its lines, for tests of what is said and how often.

import { createLogger, type Logger } from '../../src/log.ts';

export interface Line {
  level: string;
  message: string;
}

export function logged(): { log: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const write = (text: string) => {
    const line = JSON.parse(text) as Record<string, unknown>;
    lines.push({ level: String(line['log.level']), message: String(line.message) });
  };
  const log = createLogger({ level: 'info', format: 'json', terminal: false, dataset: 'test', version: '0', write });
  return { log, lines };
}
