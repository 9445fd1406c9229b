/* From single measurements to results: medians, ratios of the same run, and whether a target is met. */

import type { Failure, Samples } from './rounds.ts';
import type { Counts, Measure, Outline, Target } from './suite.ts';

/** Median with the quartiles around it. Milliseconds, or a ratio. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

type Ratio = Spread & { readonly to: string };

/** What is demanded, and what came of it: `ratio` is what the target speaks of, `met` is missing where that could not be measured. */
export interface Verdict {
  readonly ratio: Ratio;
  readonly target: Target;
  readonly met?: boolean;
}

export interface TaskResult {
  readonly task: string;
  readonly note?: string;
  readonly ours: Spread & { readonly name: string; readonly counts?: Counts };
  readonly alternatives: Readonly<Record<string, (Spread & { readonly counts?: Counts }) | Failure>>;
  readonly limit?: Spread & { readonly name: string; readonly counts?: Counts };
  /** Of the first target; without one, ours divided by the limit, else by the fastest alternative: of the same run each. */
  readonly ratio: Ratio;
  readonly target?: Target;
  readonly met?: boolean;
  /** Where there are more targets than one. */
  readonly more?: readonly Verdict[];
}

export const round = (value: number): number => Number(value.toPrecision(4));

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    return below + ((sorted[Math.ceil(place)] ?? below) - below) * (place % 1);
  };
  return { median: round(at(0.5)), low: round(at(0.25)), high: round(at(0.75)) };
}

const msOf = (measure: Measure): number => (typeof measure === 'number' ? measure : measure.ms);

/** The measurements of one scenario. */
class Measurements {
  constructor(
    private readonly ours: string,
    private readonly samples: ReadonlyMap<string, Samples>,
  ) {}

  tasksOf(name: string): string[] {
    return [...new Set(this.samples.get(name)?.runs.flatMap((run) => Object.keys(run ?? {})) ?? [])];
  }

  /** Milliseconds run by run; `NaN` where it was not measured. */
  times(name: string, task: string): number[] {
    return (this.samples.get(name)?.runs ?? []).map((run) => {
      const measure = run?.[task];
      return measure === undefined ? Number.NaN : msOf(measure);
    });
  }

  measured(name: string, task: string): number[] {
    return this.times(name, task).filter((value) => !Number.isNaN(value));
  }

  failure(name: string): Failure | undefined {
    return this.samples.get(name)?.failure;
  }

  /** The most that was counted in any run. */
  counts(name: string, task: string): Counts | undefined {
    let most: Record<string, number> | undefined;
    for (const run of this.samples.get(name)?.runs ?? []) {
      const measure = run?.[task];
      if (measure === undefined || typeof measure === 'number') continue;
      for (const [what, count] of Object.entries(measure.counts)) (most ??= {})[what] = Math.max(most[what] ?? 0, count);
    }
    return most;
  }

  /** What a contestant took, and what was counted. */
  figures(name: string, task: string): Spread & { readonly counts?: Counts } {
    const counts = this.counts(name, task);
    return { ...spreadOf(this.measured(name, task)), ...(counts !== undefined && { counts }) };
  }

  ratio(task: string, to: string, reference: readonly number[]): Ratio {
    const ratios = this.times(this.ours, task).map((value, i) => value / (reference[i] ?? Number.NaN));
    return { to, ...spreadOf(ratios.filter((value) => !Number.isNaN(value))) };
  }

  verdict(task: string, target: Target): Verdict {
    if ('atMostMs' in target) {
      const ratio = { to: 'ms', ...spreadOf(this.measured(this.ours, task)) };
      return { ratio, target, met: ratio.median <= target.atMostMs };
    }
    if ('count' in target) {
      const count = this.counts(this.ours, task)?.[target.count] ?? Number.NaN;
      return { ratio: { to: target.count, median: count, low: count, high: count }, target, met: count <= target.atMost };
    }
    if ('task' in target) return judged(this.ratio(task, target.task, this.times(this.ours, target.task)), target);
    const failure = this.failure(target.against);
    if (failure === undefined) return judged(this.ratio(task, target.against, this.times(target.against, task)), target);
    // What was stopped would have taken longer still.
    const atLeast = this.times(this.ours, task).map(() => failure.afterMs ?? Number.NaN);
    const ratio = this.ratio(task, target.against, atLeast);
    return ratio.median <= target.atMost ? { ratio, target, met: true } : { ratio, target };
  }
}

const judged = (ratio: Ratio, target: Target & { readonly atMost: number }): Verdict => ({
  ratio,
  target,
  met: ratio.median <= target.atMost,
});

/** The results of a scenario, a task each. */
export function resultsOf({ ours, limit, targets = {}, note }: Outline, samples: ReadonlyMap<string, Samples>): TaskResult[] {
  const measurements = new Measurements(ours, samples);
  const others = [...samples.keys()].filter((name) => name !== ours && name !== limit);
  return measurements.tasksOf(ours).map((task) => {
    const took = others.filter((name) => measurements.measured(name, task).length > 0);
    const alternatives = Object.fromEntries(
      others.flatMap((name): [string, TaskResult['alternatives'][string]][] => {
        const failure = measurements.failure(name);
        if (failure !== undefined) return [[name, failure]];
        return took.includes(name) ? [[name, measurements.figures(name, task)]] : [];
      }),
    );
    const fastest = took.toSorted(
      (a, b) => spreadOf(measurements.measured(a, task)).median - spreadOf(measurements.measured(b, task)).median,
    );
    const [first, ...more] = [targets[task] ?? []].flat().map((target) => measurements.verdict(task, target));
    const to = limit ?? fastest[0] ?? ours;
    return {
      task,
      ...(note !== undefined && { note }),
      ours: { name: ours, ...measurements.figures(ours, task) },
      alternatives,
      ...(limit !== undefined &&
        measurements.measured(limit, task).length > 0 && { limit: { name: limit, ...measurements.figures(limit, task) } }),
      ...(first ?? { ratio: measurements.ratio(task, to, measurements.times(to, task)) }),
      ...(more.length > 0 && { more }),
    };
  });
}
