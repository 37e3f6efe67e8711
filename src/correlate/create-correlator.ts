// The one way to what joins events: a program of eql-compile.ts -> its Correlator. Called by detect/ for each rule that has a
// sequence or a sample, and by the query command.

import type { EqlProgram } from '../query/eql-program.ts';
import type { Counters } from '../stats.ts';
import type { Correlator, CorrelatorLimits } from './correlator.ts';
import { countedLosses } from './losses.ts';
import { SampleCorrelator } from './sample.ts';
import { SequenceCorrelator } from './sequence.ts';

export interface CorrelatorOptions {
  /** The events are stored, end() will be called: samples are found over all of them. Default: a stream. */
  readonly stored?: boolean;
}

/**
 * in: a sequence or a sample, limits, where losses are counted and under which rule; out: its correlator, of one run: a
 * program with tracked queries has state too.
 */
export function createCorrelator(
  program: EqlProgram,
  limits: CorrelatorLimits,
  counters: Counters,
  rule: string,
  { stored = false }: CorrelatorOptions = {},
): Correlator {
  const losses = countedLosses(counters, rule);
  if (program.kind === 'sample') return new SampleCorrelator(program, limits, losses, stored);
  if (program.kind === 'sequence') return new SequenceCorrelator(program, limits, losses);
  throw new Error('an event query joins nothing');
}
