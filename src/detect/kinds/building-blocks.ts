// The events of a sequence under its alert, as Kibana's building blocks: for each a document of its own, with the alert's group,
// kept in the alert's record (forebear.sequence), so that neither is ever there without the other. In: the alert's rule and uuid, its
// events in order; out: the alert's own part (Kibana's shell alert) and the blocks. Pure; called by joined.ts.
//
// Bounded: the blocks of an alert have 512 KiB together, and each at most the 64 KiB of a document: a record has to fit into the
// journal. What is cut is marked in the block.

import { toDocument } from '../../ecs/document.ts';
import type { EcsEvent } from '../../ecs/event.ts';
import { isoText } from '../../ecs/event-time.ts';
import { eventIdOf, idOf } from '../alert-id.ts';
import { reasonOfAlert, verdictOf } from '../alert-reason.ts';
import { commonDocument } from '../common-event.ts';
import { limitDocument, MAX_DOCUMENT_BYTES } from '../document-limit.ts';
import type { Shape, ShapeOf } from './kind.ts';

type Table = Readonly<Record<string, unknown>>;

const ALL_BLOCKS_BYTES = 512 * 1024;
/** For the mark at what was cut. */
const RESERVE_BYTES = 512;

/** in: one event or more, in stage order. */
export function sequenceShape(events: readonly EcsEvent[], of: ShapeOf): Shape {
  const documents = events.map(toDocument);
  const { uuid, rule } = of;
  const maxBytes = Math.min(MAX_DOCUMENT_BYTES, Math.floor(ALL_BLOCKS_BYTES / events.length));
  const blocks = events.map((event, index) => limited(blockOf(event, documents[index]!, index, of), maxBytes));
  const ancestors = events.flatMap((event, index) => [
    ancestorOf(event),
    { id: idOf('block', [uuid, String(index)]), type: 'signal', index: '', depth: 1, rule: rule.rule_id },
  ]);
  const time = documents.at(-1)!['@timestamp'];
  const base = { ...(time === undefined ? {} : { '@timestamp': time }), ...commonDocument(documents) };
  return { base, depth: 2, ancestors, alert: { group: { id: uuid } }, blocks };
}

function blockOf(event: EcsEvent, document: Table, index: number, { rule, uuid }: ShapeOf): Table {
  const verdict = verdictOf(rule, event);
  const alert = {
    uuid: idOf('block', [uuid, String(index)]),
    building_block_type: 'default',
    group: { id: uuid, index },
    status: 'active',
    workflow_status: 'open',
    depth: 1,
    ancestors: [ancestorOf(event)],
    original_time: isoText(event.wallMs),
    original_event: document.event ?? {},
    reason: reasonOfAlert(event, verdict),
    severity: verdict.severity,
    risk_score: verdict.riskScore,
    rule: { rule_id: rule.rule_id, name: verdict.ruleName, version: rule.version },
  };
  const own = typeof document.event === 'object' ? document.event : {};
  return { ...document, event: { ...own, kind: 'alert' }, kibana: { alert } };
}

function ancestorOf(event: EcsEvent): Table {
  return { id: eventIdOf(event), type: 'event', index: '', depth: 0 };
}

/** Lineage, gaps and such of a document that was an alert itself stay; ours says only that it was cut. */
function limited(block: Table, maxBytes: number): Table {
  const { document, cuts } = limitDocument(block, maxBytes, RESERVE_BYTES);
  if (cuts.length === 0) return document;
  const count = cuts.reduce((sum, cut) => sum + cut.count, 0);
  const gap = { kind: 'document_cut', detail: `${cuts.length} fields`, count };
  const own = typeof document.forebear === 'object' ? document.forebear : {};
  return { ...document, forebear: { ...own, gaps: [gap] } };
}
