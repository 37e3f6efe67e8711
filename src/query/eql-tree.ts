// The syntax tree of EQL: what eql.peggy makes, what is compiled, interpreted, explained and printed. Elasticsearch's dialect
// and, marked "endpoint", what Elastic Defend's behaviour rules add to it. `at`: offset in the query, UTF-16 units.

/** Of literals: whole numbers are bigint, others number. null: no value. */
export type EqlValue = string | number | bigint | boolean | null;

export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';

export type EqlExpression =
  /** computed: what an expression without fields came to; such a null is not the word `null`, and asks for nothing. */
  | { readonly kind: 'literal'; readonly value: EqlValue; readonly computed?: true; readonly at: number }
  | EqlField
  /** Name in lower case, without `~`, which is `insensitive`. */
  | EqlCall
  | {
      readonly kind: 'arithmetic';
      readonly operator: ArithmeticOperator;
      readonly left: EqlExpression;
      readonly right: EqlExpression;
      readonly at: number;
    }
  | { readonly kind: 'negative'; readonly part: EqlExpression; readonly at: number }
  | {
      readonly kind: 'compare';
      readonly operator: CompareOperator;
      readonly left: EqlExpression;
      readonly right: EqlExpression;
      readonly at: number;
    }
  /** `value : pattern`, `value like (...)`, `value regex (...)`; any of the patterns; `:` is insensitive like. */
  | {
      readonly kind: 'like' | 'regex';
      readonly insensitive: boolean;
      readonly value: EqlExpression;
      readonly patterns: readonly EqlExpression[];
      readonly at: number;
    }
  | {
      readonly kind: 'in';
      readonly insensitive: boolean;
      readonly value: EqlExpression;
      readonly options: readonly EqlExpression[];
      readonly at: number;
    }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly EqlExpression[]; readonly at: number }
  /** `not in`, `not like`, `not :` are `not` over these. */
  | { readonly kind: 'not'; readonly part: EqlExpression; readonly at: number }
  /** Endpoint: `descendant of [category where ...]`: an ancestor's event matched. */
  | { readonly kind: 'descendant'; readonly query: EqlEventQuery; readonly at: number };

export interface EqlField {
  readonly kind: 'field';
  readonly name: string;
  /** `?name`: absent from the mapping is no error, and null. */
  readonly optional: boolean;
  /** Endpoint: the stage that `event0.process.name` reads, its name; absent: the event itself. */
  readonly stage?: string;
  readonly at: number;
}

export interface EqlCall {
  readonly kind: 'call';
  readonly name: string;
  readonly insensitive: boolean;
  readonly parts: readonly EqlExpression[];
  readonly at: number;
}

export interface EqlEventQuery {
  /** null: `any`. */
  readonly category: string | null;
  readonly condition: EqlExpression;
  readonly at: number;
}

export interface EqlStage {
  readonly query: EqlEventQuery;
  /** Of this stage alone, after the sequence's own. */
  readonly by: readonly EqlField[];
  /** `![ ... ]`. */
  readonly missing: boolean;
  /** `with runs=n`; 1 without. */
  readonly runs: number;
  /** Endpoint: `[...] as name`. */
  readonly name?: string;
  readonly at: number;
}

export interface EqlPipe {
  readonly name: 'head' | 'tail';
  readonly count: number;
  readonly at: number;
}

export type EqlQuery =
  | { readonly kind: 'event'; readonly query: EqlEventQuery; readonly pipes: readonly EqlPipe[] }
  | {
      readonly kind: 'sequence' | 'sample';
      readonly by: readonly EqlField[];
      /** Sequences: undefined without maxspan. */
      readonly maxspanMs?: number;
      readonly stages: readonly EqlStage[];
      readonly until?: EqlStage;
      readonly pipes: readonly EqlPipe[];
    };
