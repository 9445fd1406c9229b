/* Results for people: the table on the terminal, and the words for a target and what came of it. */

import type { Spread, TaskResult, Verdict } from './results.ts';
import type { Failure } from './rounds.ts';
import type { Counts, Target } from './suite.ts';

/** A ratio to nothing is NaN, and null once it was written. */
export const shown = (value: number | null): string =>
  value === null || Number.isNaN(value) ? '-' : value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

/** What a target demands, for people. */
export function demandOf(target: Target): string {
  if ('atMostMs' in target) return `at most ${shown(target.atMostMs)} ms`;
  if ('count' in target) return `at most ${shown(target.atMost)} ${target.count}`;
  if ('task' in target) return `at most ${shown(target.atMost)} × "${target.task}"`;
  const { against, atMost } = target;
  return atMost < 1 ? `${shown(1 / atMost)} × as fast as ${against}` : `at most ${shown(atMost)} × ${against}`;
}

/** The targets of a task with what came of them. */
export function verdictsOf({ ratio, target, met, more = [] }: TaskResult): Verdict[] {
  return target === undefined ? [] : [{ ratio, target, ...(met !== undefined && { met }) }, ...more];
}

export const outcomeOf = ({ met }: Verdict): string => (met === undefined ? 'not measured' : met ? 'met' : 'MISSED');

type Row = (Spread & { readonly counts?: Counts }) | Failure;

/** What was counted, for the end of a line. */
function countsOf({ counts = {} }: { readonly counts?: Counts }): string {
  const parts = Object.entries(counts).map(([what, n]) => `${n} ${what}`);
  return parts.length === 0 ? '' : `  ${parts.join(', ')}`;
}

/** A table: a line for each task and contestant, fastest first. */
export function tableOf(results: readonly TaskResult[]): string {
  return results
    .map((result) => {
      const { task, ours, alternatives, limit, ratio } = result;
      const rows: [string, Row][] = [[`${ours.name} (ours)`, ours], ...Object.entries(alternatives)];
      if (limit !== undefined) rows.push([`${limit.name} (limit)`, limit]);
      const place = (row: Row): number => ('failed' in row ? Infinity : row.median);
      const lines = rows
        .toSorted(([, a], [, b]) => place(a) - place(b))
        .map(
          ([name, s]) =>
            `  ${name.padEnd(34)} ${'failed' in s ? s.failed : `${shown(s.median).padStart(9)} ms  [${shown(s.low)} … ${shown(s.high)}]${countsOf(s)}`}`,
        );
      const verdicts = verdictsOf(result);
      const judgements = verdicts.map((verdict) => {
        const { median, low, high } = verdict.ratio;
        return `  ${shown(median)} [${shown(low)} … ${shown(high)}]: ${demandOf(verdict.target)}: ${outcomeOf(verdict)}`;
      });
      if (verdicts.length === 0)
        judgements.push(`  ratio to ${ratio.to}: ${shown(ratio.median)} [${shown(ratio.low)} … ${shown(ratio.high)}]`);
      return [task, ...lines, ...judgements].join('\n');
    })
    .join('\n\n');
}
