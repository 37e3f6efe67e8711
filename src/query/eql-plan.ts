// The condition of an event query -> a plan (plan.ts). Predicates are leaves: false where a field has no value, and `not` turns
// that into true, as Elasticsearch translates since 7.15; `field != constant` is such a `not`, while `length(field) != 5` is one leaf.
// In: a checked tree; out: a plan, and the leaves that read events of earlier stages. Called by eql-compile.ts.

import type { Scalar, SlotValue } from '../ecs/event.ts';
import type { Field } from '../ecs/fields.ts';
import { combinationsOf, MAX_COMBINATIONS, MAX_COMPUTED } from './bounds.ts';
import { type CheckContext, fieldOf } from './eql-check.ts';
import { eqlFunction } from './eql-functions.ts';
import {
  compareLeaf,
  containing,
  existsLeaf,
  foldedLeaf,
  isText,
  LeafFault,
  likePlan,
  regexLeaf,
} from './eql-leaves.ts';
import { partsOf } from './eql-parse.ts';
import { compileScalar, foldConstants, isNull } from './eql-scalars.ts';
import type { CompareOperator, EqlEventQuery, EqlExpression, EqlField, EqlValue } from './eql-tree.ts';
import { foldCase, fromSlot } from './eql-values.ts';
import { queryError } from './kql-parse.ts';
import { ALWAYS, type Leaf, NEVER, type Plan, type Test } from './plan.ts';
import { equalsLeaf, type Now } from './plan-leaves.ts';
import { work } from './work.ts';

export interface PlanContext extends CheckContext {
  readonly now: Now;
  /** Endpoint: index of the stage with a name. */
  stageNamed(name: string): number;
  /** Endpoint: the slots of the events before, while a stage is confirmed. */
  readonly earlier: { slots: readonly (readonly SlotValue[] | undefined)[] };
  /** Endpoint: the test whether an ancestor's event matched; registers the query. */
  descendantOf(query: EqlEventQuery): Leaf;
  /** Filled here: leaves that read other events than the one at hand. */
  readonly references: Set<Plan>;
  /** Counted here: parts of all expressions of the query that are computed. */
  readonly computed: { parts: number };
}

/** in: event query, where categories are; out: its plan. Errors: FB_QUERY_VALUE. */
export function planEventQuery(query: EqlEventQuery, categoryField: string, context: PlanContext): Plan {
  const condition = planOf(foldConstants(query.condition), context);
  if (query.category === null) return condition;
  const category = fieldOf({ name: categoryField, at: query.at }, context);
  return { kind: 'and', parts: [equalsLeaf(category, [query.category]), condition] };
}

function planOf(node: EqlExpression, context: PlanContext): Plan {
  switch (node.kind) {
    case 'literal':
      return node.value === true ? ALWAYS : NEVER;
    case 'field':
      return planCompare({ ...TRUE, left: node }, context);
    case 'and':
    case 'or':
      return { kind: node.kind, parts: node.parts.map((part) => planOf(part, context)) };
    case 'not':
      return { kind: 'not', part: planOf(node.part, context) };
    case 'compare':
      return planCompare(node, context);
    case 'in':
      return planIn(node, context);
    case 'like':
    case 'regex':
      return planPatterns(node, context);
    case 'descendant':
      return context.descendantOf(node.query);
    default:
      return scalarLeaf(node, context);
  }
}

type Compare = Extract<EqlExpression, { kind: 'compare' }>;

const TRUE = { kind: 'compare', operator: '==', right: { kind: 'literal', value: true, at: 0 }, at: 0 } as const;
const SWAPPED: Record<CompareOperator, CompareOperator> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** The field of the event at hand that a node is. */
function plainField(node: EqlExpression, context: PlanContext): Field | undefined {
  return node.kind === 'field' && node.stage === undefined ? fieldOf(node, context) : undefined;
}

function planCompare(node: Compare, context: PlanContext): Plan {
  if (node.left.kind === 'literal') {
    return planCompare({ ...node, operator: SWAPPED[node.operator], left: node.right, right: node.left }, context);
  }
  const { operator, left, right } = node;
  if (right.kind !== 'literal') return scalarLeaf(node, context);
  const field = plainField(left, context);
  if (right.value === null) return planPresence(node, field, context);
  if (field === undefined && typeof right.value === 'boolean' && isPredicate(left) && /^[!=]=$/.test(operator)) {
    const plan = planOf(left, context);
    return (operator === '==') === right.value ? plan : { kind: 'not', part: plan };
  }
  if (field === undefined) return scalarLeaf(node, context);
  return operator === '!='
    ? { kind: 'not', part: constantLeaf(field, '==', right, context) }
    : constantLeaf(field, operator, right, context);
}

/** What is true or false without a comparison. */
function isPredicate(node: EqlExpression): boolean {
  if (node.kind === 'call') return eqlFunction(node.name)!.result === 'boolean';
  return ['compare', 'in', 'like', 'regex', 'not', 'and', 'or', 'descendant'].includes(node.kind);
}

function planPresence({ operator, left, right, at }: Compare, field: Field | undefined, context: PlanContext): Plan {
  const missing: Plan =
    field === undefined
      ? scalarLeaf({ kind: 'compare', operator: '==', left, right, at }, context)
      : { kind: 'not', part: existsLeaf(field) };
  return operator === '==' ? missing : { kind: 'not', part: missing };
}

function constantLeaf(
  field: Field,
  operator: Exclude<CompareOperator, '!='>,
  { value, at }: { value: EqlValue; at: number },
  context: PlanContext,
): Plan {
  try {
    return compareLeaf(field, operator, value, context.now);
  } catch (thrown) {
    if (thrown instanceof LeafFault) throw queryError('FB_QUERY_VALUE', thrown.message, context.text, at);
    throw thrown;
  }
}

function planIn(node: Extract<EqlExpression, { kind: 'in' }>, context: PlanContext): Plan {
  const field = plainField(node.value, context);
  const options = node.options.filter((option) => !isNull(option));
  if (field === undefined || (field.dynamic && node.insensitive)) return scalarLeaf(node, context);
  const literals = options.filter((option) => option.kind === 'literal');
  const computed = options.filter((option) => option.kind !== 'literal');
  const isFolded = ({ value }: { value: EqlValue }) => node.insensitive && isText(field) && typeof value === 'string';
  const exact = literals.filter((one) => !isFolded(one));
  const parts = exact.map((one) => constantLeaf(field, '==', one, context));
  const folded = literals.filter(isFolded).map(({ value }) => String(value));
  if (folded.length > 0) parts.push(foldedLeaf(field, folded));
  if (computed.length > 0) parts.push(scalarLeaf({ ...node, options: computed }, context));
  return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
}

function planPatterns(node: Extract<EqlExpression, { kind: 'like' | 'regex' }>, context: PlanContext): Plan {
  const field = plainField(node.value, context);
  if (field === undefined || field.dynamic || !isText(field)) return scalarLeaf(node, context);
  const patterns = node.patterns.map((pattern) => (pattern as { value: string }).value);
  if (node.kind === 'regex') return regexLeaf(field, patterns, node.insensitive);
  return likePlan(field, patterns, node.insensitive);
}

interface Input {
  readonly field: Field;
  /** Index of the stage whose event it is of; undefined: the event at hand. */
  readonly stage?: number;
}

/** Any predicate, evaluated for each combination of the values of its fields until it is true for one. */
function scalarLeaf(node: EqlExpression, context: PlanContext): Leaf {
  const inputs: Input[] = [];
  const places = new Map<string, number>();
  const placeOf = ({ name, stage, at }: EqlField) => {
    const key = `${stage ?? ''}\0${name}`;
    const place = places.get(key);
    if (place !== undefined) return place;
    const field = fieldOf({ name, at }, context);
    inputs.push(stage === undefined ? { field } : { field, stage: context.stageNamed(stage) });
    places.set(key, inputs.length - 1);
    return inputs.length - 1;
  };
  const evaluate = compileScalar(node, placeOf);
  const size = sizeOf(node);
  context.computed.parts += size;
  const refers = inputs.some(({ stage }) => stage !== undefined);
  const plan: Leaf = {
    kind: 'leaf',
    test: combinations(inputs, (bound) => evaluate(bound) === true, context),
    slots: refers ? undefined : inputs.map(({ field }) => field.slot),
    cost: 1000,
    searches: size,
    fields: () => inputs.map(({ field }) => field),
    ...containedBy(node, context),
  };
  if (refers) context.references.add(plan);
  return plan;
}

/** Of an expression, in parts. */
function sizeOf(node: EqlExpression): number {
  return partsOf(node).reduce((sum, part) => sum + sizeOf(part), 1);
}

function combinations(
  inputs: readonly Input[],
  test: (bound: EqlValue[]) => boolean,
  { earlier, computed }: PlanContext,
): Test {
  return (slots) => {
    let left = Math.min(MAX_COMBINATIONS, Math.floor(MAX_COMPUTED / computed.parts));
    const most = left;
    const values = inputs.map(({ field, stage }) =>
      valuesOf(field, (stage === undefined ? slots : earlier.slots[stage])?.[field.slot], most),
    );
    const bound: EqlValue[] = new Array(inputs.length).fill(null);
    const from = (i: number, cost: number): boolean => {
      if (i === values.length) {
        left -= cost;
        return test(bound);
      }
      for (const value of values[i]!) {
        if (left <= 0) {
          work.skipped++;
          return false;
        }
        bound[i] = value;
        if (from(i + 1, cost + combinationsOf(value))) return true;
      }
      return false;
    };
    return from(0, 1);
  };
}

const NONE: readonly EqlValue[] = [null];

/** One null where there is no value. More than `most` are not told: each of them costs a combination. */
function valuesOf(field: Field, value: SlotValue, most: number): readonly EqlValue[] {
  if (value === undefined) return NONE;
  if (typeof value !== 'object') return [fromSlot(field, value)];
  const present: EqlValue[] = [];
  for (const element of value as readonly Scalar[]) {
    const one = fromSlot(field, element);
    if (one !== null) present.push(one);
    if (present.length > most) break;
  }
  return present.length === 0 ? NONE : present;
}

/** `startsWith(field, "x")` and its like are true only where the text is in the field. */
function containedBy(node: EqlExpression, context: PlanContext): Pick<Leaf, 'contains'> {
  if (node.kind !== 'call' || !/^(startswith|endswith|stringcontains)$/.test(node.name)) return {};
  const [value, part] = node.parts as [EqlExpression, EqlExpression];
  const field = plainField(value, context);
  if (field === undefined || !isText(field) || part.kind !== 'literal') return {};
  return typeof part.value === 'string' && part.value !== '' ? containing(field, [foldCase(part.value)]) : {};
}

/**
 * The plan without its references to earlier events: true wherever it could be (`could`), or only where it must be. For the
 * probe of a stage, before it is known which events it would join.
 */
export function withoutReferences(plan: Plan, references: ReadonlySet<Plan>, could = true): Plan {
  if (references.has(plan)) return could ? ALWAYS : NEVER;
  switch (plan.kind) {
    case 'constant':
    case 'leaf':
      return plan;
    case 'not':
      return { kind: 'not', part: withoutReferences(plan.part, references, !could) };
    default:
      return { ...plan, parts: plan.parts.map((part) => withoutReferences(part, references, could)) };
  }
}
