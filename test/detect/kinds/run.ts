// Rules over events given by name and time, for tests of what matches become.

import type { Alert, AlertAmend } from '../../../src/detect/alert.ts';
import { Detector } from '../../../src/detect/detector.ts';
import type { DetectorOptions } from '../../../src/detect/detector-options.ts';
import type { Rule } from '../../../src/detect/rule.ts';
import type { SlotValue } from '../../../src/ecs/event.ts';
import { FieldTable } from '../../../src/ecs/fields.ts';
import { foldAmend } from '../../../src/proto/fold-amend.ts';
import { Counters } from '../../../src/stats.ts';
import { execEvent, type When } from '../events.ts';

type Json = Readonly<Record<string, unknown>>;

/** A time of the boot, in seconds. */
export const at = (seconds: number) => ({
  bootId: 'boot-1',
  bootNs: BigInt(Math.round(seconds * 1e9)),
  wallMs: seconds * 1000,
});

export function setUp(make: (fields: FieldTable) => Rule[], options: Partial<DetectorOptions> = {}) {
  const fields = options.fields ?? new FieldTable();
  const counters = options.counters ?? new Counters();
  const amends: AlertAmend[] = [];
  const onAmend = (amend: AlertAmend) => amends.push(amend);
  const detector = new Detector({ rules: make(fields), fields, counters, onAmend, ...options });
  /** in: process.name, seconds, other slots; out: the alerts. */
  const run = (name: string, seconds: number, slots: Record<string, SlotValue> = {}, when: When = {}) =>
    detector.evaluate(
      execEvent(
        fields,
        { 'process.name': name, ...slots },
        { id: `${name}@${seconds}`, wallMs: seconds * 1000, ...when },
      ),
    );
  return { fields, counters, detector, run, amends };
}

/** What a reader sees who folds amends. */
export function folded(alert: Alert, amends: readonly AlertAmend[]): Json {
  return amends
    .filter(({ uuid }) => uuid === alert.uuid)
    .reduce((document, amend) => foldAmend(document, amend.document), alert.document);
}

/** kibana.alert of a document. */
export function kibanaAlert({ document }: Pick<Alert, 'document'>): Record<string, unknown> {
  return (document.kibana as { alert: Record<string, unknown> }).alert;
}
