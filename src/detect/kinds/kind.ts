// The contract of a kind of rule: what a match becomes. In: events that match a rule (or some of its probes) in the order of the ring;
// out: drafts, each of which becomes an alert unless it is suppressed (suppression.ts) or held back (alert-limits.ts). Implemented
// by the files beside this one, chosen by make-kind.ts, called by detector.ts.

import type { EcsEvent, Gap } from '../../ecs/event.ts';
import type { EventTime } from '../../ecs/event-time.ts';
import type { NewTuple } from '../new-terms.ts';
import type { Rule, RuleFacts } from '../rule.ts';

/** An event for one rule. */
export interface Occurrence {
  readonly event: EcsEvent;
  /** Which of the rule's probes it matches, ascending; [0] of a rule that has one query. */
  readonly probes: readonly number[];
  readonly selftest: boolean;
  /** item_id of the exception that hides it: told to kinds that join events, as the others decide too. */
  readonly hiddenBy?: string | undefined;
}

/** What of an alert is asked for only when it is made. */
export interface Shape {
  /** The document's own part, instead of the event's. */
  readonly base: Readonly<Record<string, unknown>>;
  readonly depth: number;
  readonly ancestors: readonly Readonly<Record<string, unknown>>[];
  /** Into kibana.alert. */
  readonly alert: Readonly<Record<string, unknown>>;
  /** Into forebear, behind what limits a document: bounded by who makes it. */
  readonly blocks?: readonly Readonly<Record<string, unknown>>[];
}

/** What the shape may take of the alert it is for. */
export interface ShapeOf {
  readonly rule: Rule;
  readonly uuid: string;
}

export interface Draft {
  /** What the alert tells of: an event, or what several have in common. */
  readonly event: EcsEvent;
  /** The event whose processes are hashed for the alert; absent: it tells of several. */
  readonly hashed?: EcsEvent;
  readonly selftest: boolean;
  readonly gaps: readonly Gap[];
  readonly tuple?: NewTuple;
  /** How many events it counts for. */
  readonly documents: number;
  /** The group that was counted, by which its state is found when the alert is durable. */
  readonly group?: string;
  uuid(rule: Pick<RuleFacts, 'rule_id' | 'version'>): string;
  shape?(of: ShapeOf): Shape;
  /** The alert was made: what must not be kept before it is durable is held back from here on. */
  made?(): void;
}

export interface RuleKind {
  /** It joins events: an exception hides the alert only where it hides all of them. Else it is not told of hidden events. */
  readonly joins: boolean;
  matched(occurrence: Occurrence): readonly Draft[];
  /** When time alone completes something at the earliest; absent: nothing waits for time. */
  readonly due?: EventTime | undefined;
  /** Time has come so far: what waited for it, and what is too old goes. */
  tick?(at: EventTime): readonly Draft[];
  /** No more events come (replay). */
  end?(): readonly Draft[];
  /** Joins in progress: lost when the agent stops. */
  readonly pending?: number;
  /** Gives up so many of them, the oldest first, counted. */
  shed?(count: number): void;
  /** At start: the alert of the journal was made of that group at that time, by a run that could not keep its state. */
  applied?(group: string, at: EventTime): void;
  /** What is kept of a group over a restart; undefined: nothing. */
  stateOf?(group: string): string | undefined;
  /** It is not used any more: what was kept of it goes. */
  dropped?(): void;
}
