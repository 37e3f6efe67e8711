// Whether a sequence or sample can come about on this host: each of its stages has to be matched by a kind of event that is seen
// here, with keys that are filled. In: a compiled program; out: sensors and limits, or the error that refuses the rule and names
// the stage. A missing stage (`![ ]`) or an `until` that nothing can match is a limit, as the rule runs without it. Pure; called
// by compile-rule.ts.

import { ForebearError } from '../errors.ts';
import type { EqlProgram, StageProgram } from '../query/eql-program.ts';
import type { EqlExpression, EqlQuery } from '../query/eql-tree.ts';
import type { EventKind } from './host-abilities.ts';
import {
  foreignSensors,
  limitsOn,
  type Reach,
  type ReachContext,
  reachableKinds,
  refuseFields,
  sensorsOf,
} from './reach.ts';

/** Throws FB_RULE_SENSOR, FB_RULE_FIELD. Sets said.sensors also then: all that the rule needs. */
export function judgeProgram(program: EqlProgram, needed: readonly string[], context: ReachContext): Reach {
  const { abilities, said } = context;
  const limits: string[] = [];
  const sensors: string[] = [];
  const stages = differentStages(program);
  const refusals = stages.flatMap(({ stage, where }) => {
    const judged = attempt(() => judgeStage(program, stage, where, context));
    if ('kinds' in judged) {
      sensors.push(...sensorsOf(judged.kinds));
      limits.push(...limitsOf(program, stage, where, judged.kinds, context));
    } else {
      sensors.push(...said.sensors);
      if (stage.missing) limits.push(`${where} is never seen on this host, and so always missing`);
      else return [judged.error];
    }
    return [];
  });
  said.sensors = [...new Set(sensors)];
  if (refusals.length > 0) throw refusals.find(({ code }) => code === 'FB_RULE_SENSOR') ?? refusals[0]!;
  refuseFields(
    needed.filter((name) => !abilities.fills(name)),
    context.neededBy,
  );
  limits.push(...besides(program, context));
  return { sensors: said.sensors, ...(limits.length > 0 && { limits: [...new Set(limits)] }) };
}

interface NamedStage {
  readonly stage: StageProgram;
  readonly where: string;
}

/** Runs of one probe are judged once. */
function differentStages({ stages, kind }: EqlProgram): NamedStage[] {
  const word = kind === 'event' ? 'rule.query' : '';
  const named = stages.map((stage, i) => ({ stage, where: word || `rule.query: stage ${i + 1}` }));
  return named.filter(({ stage }, i) => named.findIndex((other) => other.stage.probe === stage.probe) === i);
}

function judgeStage(program: EqlProgram, stage: StageProgram, where: string, context: ReachContext) {
  const kinds = reachableKinds(program.probes[stage.probe]!, where, context);
  const lacking = stage.keys.filter(
    ({ field, optional }) => !optional && !kinds.some((kind) => context.abilities.fills(field.name, kind)),
  );
  context.said.sensors = sensorsOf(kinds);
  refuseFields(
    lacking.map(({ field }) => field.name),
    `${where}: by`,
  );
  return kinds;
}

function attempt(judge: () => readonly EventKind[]): { kinds: readonly EventKind[] } | { error: ForebearError } {
  try {
    return { kinds: judge() };
  } catch (error) {
    if (!(error instanceof ForebearError)) throw error;
    return { error };
  }
}

function limitsOf(
  program: EqlProgram,
  stage: StageProgram,
  where: string,
  kinds: readonly EventKind[],
  context: ReachContext,
): string[] {
  const at = program.kind === 'event' ? '' : `${where.replace('rule.query: ', '')}: `;
  return limitsOn(program.probes[stage.probe]!, kinds, context).map((limit) => `${at}${limit}`);
}

/** `until`, and the ancestors' events that `descendant of` asks for. */
function besides({ until, tracked, probes, tree }: EqlProgram, context: ReachContext): string[] {
  const apart = { ...context, said: { sensors: [] } };
  const unseen = (probe: number, where: string) =>
    'error' in attempt(() => reachableKinds(probes[probe]!, where, apart));
  const limits = until !== undefined && unseen(until.probe, 'until') ? ['until is never seen on this host'] : [];
  const never = tracked.filter(({ probe }) => unseen(probe, 'descendant of'));
  if (never.length === 0) return limits;
  const sensors = [...new Set(never.flatMap(({ probe }) => foreignSensors(probes[probe]!, context.fields)))];
  const what = `descendant of: its ${[sensors.join(' or '), 'events'].join(' ').trim()} are never seen on this host`;
  if (never.length < tracked.length || !conditionsOf(tree).some(needsDescendant)) return [...limits, what];
  context.said.sensors = [...new Set([...context.said.sensors, ...sensors])];
  throw new ForebearError('FB_RULE_SENSOR', `rule.query: ${what}`);
}

function conditionsOf(tree: EqlQuery): EqlExpression[] {
  if (tree.kind === 'event') return [tree.query.condition];
  return tree.stages.filter(({ missing }) => !missing).map(({ query }) => query.condition);
}

/** It stands there with `and` alone around it. */
function needsDescendant(expression: EqlExpression): boolean {
  if (expression.kind === 'and') return expression.parts.some(needsDescendant);
  return expression.kind === 'descendant';
}
