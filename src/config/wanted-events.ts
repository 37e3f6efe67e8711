// What sensor.events may name: kinds of events that are watched for only where somebody wants them (src/sensor/sensor.ts says why).

export const WANTED_EVENTS = [
  'session',
  'credentials',
  'file',
  'network',
  'accept',
  'call',
  'module',
  'lookup',
] as const;
export type WantedEvents = (typeof WANTED_EVENTS)[number];
