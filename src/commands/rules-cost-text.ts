// The table of `forebear rules cost`. In: the cost report of a snapshot; out: text without a line end after the last line.
// Escaped. Pure; called by rules-cost.ts.

import type { ProcessReport, RuleCostFigures, RuleCostReport } from '../agent-status.ts';
import { cut, escapeText, type Paint } from './terminal.ts';

export interface CostView {
  costs: RuleCostReport;
  process: ProcessReport | undefined;
  /** Rules to show. */
  most: number;
  /** Milliseconds that the agent has run. */
  forMs: number;
  /** Of an agent that does not run: what it is instead. */
  remark: string | undefined;
  paint: Paint;
  /** Columns of the terminal; undefined: nothing is cut. */
  width: number | undefined;
}

const HEADS = ['share', 'time', 'each', 'sketches', 'events', 'matches', 'alerts'];
const WIDTHS = [7, 9, 9, 12, 12, 9, 9];

export function formatCosts(view: CostView): string {
  const { costs, most, paint, width, remark } = view;
  const shown = costs.rules.slice(0, most);
  const lines = shown.map(({ rule_id, name, ...cost }) => {
    const text = `${figuresOf(cost, costs.all.seconds)}  ${escapeText(name)} ${escapeText(`(${rule_id})`)}`;
    return width === undefined ? text : cut(text, width);
  });
  const rest = restOf(costs, shown);
  if (rest.rules > 0) lines.push(paint('dim', `${figuresOf(rest, costs.all.seconds)}  ${count(rest.rules)} others`));
  const head = paint('bold', `${HEADS.map((name, i) => name.padStart(WIDTHS[i]!)).join('')}  rule`);
  return [...(remark === undefined ? [] : [paint('yellow', remark)]), head, ...lines, '', summary(view)].join('\n');
}

function figuresOf(cost: RuleCostFigures, allSeconds: number): string {
  const evaluated = cost.sketches + cost.evaluations;
  const cells = [
    allSeconds > 0 ? `${((100 * cost.seconds) / allSeconds).toFixed(1)} %` : '-',
    timeText(cost.seconds),
    evaluated > 0 ? timeText(cost.seconds / evaluated) : '-',
    ...[cost.sketches, cost.evaluations, cost.matches, cost.alerts].map(count),
  ];
  return cells.map((cell, i) => cell.padStart(WIDTHS[i]!)).join('');
}

/** All rules but those. */
export function restOf({ all }: RuleCostReport, shown: readonly RuleCostFigures[]): RuleCostReport['all'] {
  const left = (figure: keyof RuleCostFigures) =>
    Math.max(0, all[figure] - shown.reduce((sum, cost) => sum + cost[figure], 0));
  return {
    rules: Math.max(0, all.rules - shown.length),
    sketches: left('sketches'),
    evaluations: left('evaluations'),
    matches: left('matches'),
    alerts: left('alerts'),
    seconds: left('seconds'),
  };
}

function summary({ costs: { all }, process, forMs }: CostView): string {
  const ofCpu = `${share(all.seconds, forMs / 1000)} of one CPU`;
  const ofAgent = process === undefined ? '' : `, ${share(all.seconds, process.cpuSeconds)} of the agent's own time`;
  const rules = `${count(all.rules)} rule${all.rules === 1 ? '' : 's'}`;
  return `${rules} took ${timeText(all.seconds)} in ${timeText(forMs / 1000)}: ${ofCpu}${ofAgent}; estimated from samples`;
}

function share(part: number, whole: number): string {
  return whole > 0 ? `${((100 * part) / whole).toFixed(2)} %` : '-';
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

const UNITS: readonly [number, string][] = [
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'us'],
];

/** Three digits at least where there are some: 12.3 ms. */
function timeText(seconds: number): string {
  if (seconds === 0) return '-';
  const [unit, name] = UNITS.find(([least]) => seconds >= least) ?? [1e-9, 'ns'];
  const value = seconds / unit;
  return `${value >= 100 ? count(value) : value.toPrecision(3)} ${name}`;
}
