// What `forebear record` records where nobody says it.

import { expect, it } from 'vitest';
import { eventsOfConfig } from '../../src/commands/record.ts';
import { parseConfig } from '../../src/config.ts';

it.each([
  ['"auto"', ['session', 'credentials', 'file', 'network', 'accept', 'module', 'lookup']],
  ['["call", "module"]', ['call', 'module']],
  ['[]', []],
])('sensor.events = %s', (events, kinds) => {
  expect([...eventsOfConfig(parseConfig(`[sensor]\nevents = ${events}`, 'test'))]).toEqual(kinds);
});
