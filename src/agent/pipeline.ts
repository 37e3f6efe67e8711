// The middle of the data path: records in ring order -> events -> alerts. Synchronous, so that the order of alerts is the
// order of the ring. The same for a live run and a replay; built by agent.ts and by agent/replay.ts.

import type { Alert } from '../detect/alert.ts';
import type { Detector } from '../detect/detector.ts';
import type { Enricher } from '../enrich/enricher.ts';
import type { SensorRecord } from '../sensor/record.ts';

export class Pipeline {
  readonly #enricher: Enricher;
  readonly #detector: Detector;
  readonly #onAlert: (alert: Alert) => void;

  constructor(enricher: Enricher, detector: Detector, onAlert: (alert: Alert) => void) {
    this.#enricher = enricher;
    this.#detector = detector;
    this.#onAlert = onAlert;
  }

  take(record: SensorRecord): void {
    const event = this.#enricher.enrich(record);
    if (event === undefined) return;
    for (const alert of this.#detector.evaluate(event)) this.#onAlert(alert);
  }
}
