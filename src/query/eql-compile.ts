// EQL text -> program: parse, check, one probe per stage, and what binds the stages together (eql-program.ts). Called by detect/ for
// rules and by the query command. The reference that it is compared with: eql-interpret.ts.

import type { Field, FieldTable } from '../ecs/fields.ts';
import { assertBounded } from './bounds.ts';
import { TrackedAncestors } from './eql-ancestors.ts';
import { type CheckContext, checkEventQuery, fieldOf } from './eql-check.ts';
import { assertKeysFit } from './eql-keys.ts';
import { parseEql, stageNamed } from './eql-parse.ts';
import { type PlanContext, planEventQuery, withoutReferences } from './eql-plan.ts';
import type { CompileEql, EqlOptions, EqlProgram, StageKey, StageProgram } from './eql-program.ts';
import type { EqlEventQuery, EqlField, EqlQuery, EqlStage } from './eql-tree.ts';
import { keptTree } from './kept-tree.ts';
import { eventTime } from './kql-compile.ts';
import { queryError } from './kql-parse.ts';
import type { CompiledQuery } from './language.ts';
import { type Leaf, type Plan, toQuery } from './plan.ts';

/** See CompileEql for what it takes, gives and throws. */
export const compileEql: CompileEql = (text, fields, options = {}): EqlProgram => {
  const tree = parseEql(text, options.endpoint);
  const pipe = tree.pipes[0];
  if (options.stream && pipe !== undefined) {
    const hint = 'a rule sees events as they come: there is no first or last one';
    throw queryError('FB_QUERY_PIPE', `\`| ${pipe.name}\` has no meaning in a rule`, text, pipe.at, hint);
  }
  if (options.endpoint !== true) assertKeysFit(tree, text);
  const kept = keptTree(tree, () => parseEql(text, options.endpoint));
  return new Compiler(text, tree, kept, fields, options).program();
};

class Compiler {
  readonly #tree: EqlQuery;
  readonly #kept: () => EqlQuery;
  readonly #categoryField: string;
  readonly #context: PlanContext;
  readonly #probes: CompiledQuery[] = [];
  readonly #tracked: { readonly query: EqlEventQuery; readonly ancestors: TrackedAncestors }[] = [];
  readonly #fields = new Set<Field>();
  readonly #plans: Plan[] = [];
  readonly #keyLists: (readonly StageKey[])[] = [];

  constructor(text: string, tree: EqlQuery, kept: () => EqlQuery, table: FieldTable, options: EqlOptions) {
    this.#tree = tree;
    this.#kept = kept;
    this.#categoryField = options.categoryField ?? 'event.category';
    const stages = tree.kind === 'event' ? [] : tree.stages;
    const check: CheckContext = {
      text,
      table,
      unknown: options.unknown ?? 'keyword',
      endpoint: options.endpoint ?? false,
    };
    this.#context = {
      ...check,
      now: options.now ?? eventTime(table),
      stageNamed: (name) => stageNamed(stages, name),
      earlier: { slots: [] },
      references: new Set(),
      computed: { parts: 0 },
      descendantOf: (query) => this.#track(query),
    };
  }

  program(): EqlProgram {
    const tree = this.#tree;
    const joins = tree.kind !== 'event';
    const stages = joins ? tree.stages.flatMap((stage) => this.#stages(stage, tree.by)) : [this.#event(tree.query)];
    const until = joins && tree.until !== undefined ? this.#stages(tree.until, tree.by)[0] : undefined;
    // Their own conditions may track more.
    for (const { query, ancestors } of this.#tracked) ancestors.probe = this.#event(query).probe;
    assertBounded(this.#plans, this.#context.text);
    const program = {
      kind: tree.kind,
      probes: this.#probes,
      stages,
      ...(until && { until }),
      ...(joins && tree.maxspanMs !== undefined && { maxspanMs: tree.maxspanMs }),
      tracked: this.#tracked.map(({ ancestors }) => ancestors),
      pipes: tree.pipes,
      fields: [...this.#fields],
    };
    return withTree(program, this.#kept);
  }

  #event(query: EqlEventQuery): StageProgram {
    return { probe: this.#probe(this.#plan(query), query), keys: [], missing: false };
  }

  /** As many as it has runs. */
  #stages(stage: EqlStage, shared: readonly EqlField[]): StageProgram[] {
    const { query, missing, runs, name } = stage;
    const plan = this.#plan(query);
    const probe = this.#probe(plan, query);
    const keys = this.#keys([...shared, ...stage.by]);
    const confirm = this.#confirm(plan);
    const program: StageProgram = {
      probe,
      keys,
      missing,
      ...(name !== undefined && { name }),
      ...(confirm && { confirm }),
    };
    return new Array<StageProgram>(runs).fill(program);
  }

  #plan(query: EqlEventQuery): Plan {
    checkEventQuery(query, this.#context);
    const plan = planEventQuery(query, this.#categoryField, this.#context);
    this.#plans.push(plan);
    return plan;
  }

  #probe(plan: Plan, query: EqlEventQuery): number {
    const tree = this.#treeOf(query);
    for (const field of toQuery(plan, tree).fields) this.#fields.add(field);
    return this.#probes.push(toQuery(withoutReferences(plan, this.#context.references), tree)) - 1;
  }

  /** Of a stage from the whole tree; of what is tracked, which is rare, the tree itself. */
  #treeOf(query: EqlEventQuery): () => EqlEventQuery {
    const place = eventQueries(this.#tree).indexOf(query);
    return place === -1 ? () => query : eventQueryAt(place, this.#kept);
  }

  /** The same list for the same keys. */
  #keys(by: readonly EqlField[]): readonly StageKey[] {
    const keys = by.map((key) => ({ field: fieldOf(key, this.#context), optional: key.optional }));
    const same = (one: StageKey, i: number) => one.field === keys[i]?.field && one.optional === keys[i].optional;
    const known = this.#keyLists.find((list) => list.length === keys.length && list.every(same));
    if (known !== undefined) return known;
    for (const { field } of keys) this.#fields.add(field);
    this.#keyLists.push(keys);
    return keys;
  }

  /** The whole condition, once the events before are known; undefined when it reads none of them. */
  #confirm(plan: Plan): StageProgram['confirm'] {
    const { earlier, references } = this.#context;
    if (!refersWithin(plan, references)) return undefined;
    const { matches } = toQuery(plan, () => undefined);
    return (slots, before) => {
      earlier.slots = before;
      const holds = matches(slots);
      earlier.slots = [];
      return holds;
    };
  }

  #track(query: EqlEventQuery): Leaf {
    const ancestors = new TrackedAncestors(this.#context.table);
    this.#tracked.push({ query, ancestors });
    return ancestors.leaf;
  }
}

// What these give must not hold on to a tree: nothing else is in their scope.

function withTree(program: Omit<EqlProgram, 'tree'>, kept: () => EqlQuery): EqlProgram {
  return {
    ...program,
    get tree() {
      return kept();
    },
  };
}

function eventQueryAt(place: number, kept: () => EqlQuery): () => EqlEventQuery {
  return () => eventQueries(kept())[place]!;
}

/** Of the stages and `until`, in order. */
function eventQueries(tree: EqlQuery): readonly EqlEventQuery[] {
  if (tree.kind === 'event') return [tree.query];
  return [...tree.stages, ...(tree.until === undefined ? [] : [tree.until])].map(({ query }) => query);
}

function refersWithin(plan: Plan, references: ReadonlySet<Plan>): boolean {
  if (plan.kind === 'not') return refersWithin(plan.part, references);
  if (plan.kind === 'and' || plan.kind === 'or') return plan.parts.some((part) => refersWithin(part, references));
  return references.has(plan);
}
