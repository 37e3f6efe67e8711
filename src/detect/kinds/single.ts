// A rule whose every match is an alert: query, and eql over single events. Called by detector.ts through the contract of kind.ts.

import { alertId, eventIdOf } from '../alert-id.ts';
import type { Draft, Occurrence, RuleKind } from './kind.ts';

export class SingleKind implements RuleKind {
  readonly joins = false;

  matched({ event, selftest }: Occurrence): readonly Draft[] {
    const uuid: Draft['uuid'] = ({ rule_id, version }) => alertId({ eventId: eventIdOf(event), rule_id, version });
    return [{ event, hashed: event, selftest, gaps: [], documents: 1, uuid }];
  }
}
