/* From single measurements to the table on the terminal and the JSON file in bench/results. */

import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type as systemType } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/entries.ts';
import type { Measured, Outline, Target } from './suite.ts';

/** Median with the quartiles around it. Milliseconds, or a ratio. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface TaskResult {
  readonly task: string;
  readonly ours: Spread & { readonly name: string };
  readonly alternatives: Readonly<Record<string, Spread>>;
  readonly limit?: Spread & { readonly name: string };
  /** Ours divided by what the target names, else by the limit, else by the fastest alternative: of the same run each. */
  readonly ratio: Spread & { readonly to: string };
  readonly target?: Target;
  readonly met?: boolean;
}

/** What one contestant measured, run by run. */
export type Samples = ReadonlyMap<string, readonly Measured[]>;

const round = (value: number): number => Number(value.toPrecision(4));

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    return below + ((sorted[Math.ceil(place)] ?? below) - below) * (place % 1);
  };
  return { median: round(at(0.5)), low: round(at(0.25)), high: round(at(0.75)) };
}

/** The results of a scenario, a task each. */
export function resultsOf({ ours, limit, targets }: Outline, samples: Samples): TaskResult[] {
  const tasks = new Set([...samples.values()].flatMap((runs) => runs.flatMap((run) => Object.keys(run))));
  return [...tasks].map((task) => {
    const timesOf = (name: string): number[] => (samples.get(name) ?? []).flatMap((run) => run[task] ?? []);
    const others = [...samples.keys()].filter((name) => name !== ours && name !== limit && timesOf(name).length > 0);
    const alternatives = Object.fromEntries(others.map((name) => [name, spreadOf(timesOf(name))]));
    const target = targets?.[task];
    const fastest = others.toSorted((a, b) => (alternatives[a]?.median ?? 0) - (alternatives[b]?.median ?? 0))[0];
    const to = target?.against ?? limit ?? fastest ?? ours;
    const reference = timesOf(to);
    const ratio = { to, ...spreadOf(timesOf(ours).map((value, i) => value / (reference[i] ?? Number.NaN))) };
    return {
      task,
      ours: { name: ours, ...spreadOf(timesOf(ours)) },
      alternatives,
      ...(limit !== undefined && { limit: { name: limit, ...spreadOf(timesOf(limit)) } }),
      ratio,
      ...(target !== undefined && { target, met: ratio.median <= target.atMost }),
    };
  });
}

const shown = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** A table: a line for each task and contestant, fastest first. */
export function tableOf(results: readonly TaskResult[]): string {
  return results
    .map(({ task, ours, alternatives, limit, ratio, target, met }) => {
      const rows: [string, Spread][] = [[`${ours.name} (ours)`, ours], ...Object.entries(alternatives)];
      if (limit !== undefined) rows.push([`${limit.name} (limit)`, limit]);
      const lines = rows
        .toSorted(([, a], [, b]) => a.median - b.median)
        .map(([name, s]) => `  ${name.padEnd(28)} ${shown(s.median).padStart(9)} ms  [${shown(s.low)} … ${shown(s.high)}]`);
      const verdict = target === undefined ? '' : `, target ${shown(target.atMost)}: ${met === true ? 'met' : 'MISSED'}`;
      return [task, ...lines, `  ratio to ${ratio.to}: ${shown(ratio.median)} [${shown(ratio.low)} … ${shown(ratio.high)}]${verdict}`].join(
        '\n',
      );
    })
    .join('\n\n');
}

function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown'; // not a clone
  }
}

/** How a suite was run, and what is written beside its results. */
export interface Run {
  readonly runs: number;
  readonly browser: string | undefined;
  readonly facts: Readonly<Record<string, unknown>> | undefined;
}

/** Writes bench/results/<name>.json. */
export async function writeResults(name: string, { runs, browser, facts }: Run, tasks: readonly TaskResult[]): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const [cpu] = cpus();
  const machine = {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${systemType()} ${release()}`,
    load: round(loadavg()[0] ?? 0),
  };
  const versions = {
    stratafs: version,
    commit: commitOf(),
    node: process.versions.node,
    ...(browser !== undefined && { chromium: browser }),
  };
  const file = join(root, 'bench/results', `${name}.json`);
  const command = `npm run bench -- --only ${name} --runs ${runs}`;
  const unit = 'ms; median with lower and upper quartile';
  await writeFile(
    file,
    `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), command, unit, machine, versions, ...(facts !== undefined && { facts }), tasks }, null, 2)}\n`,
  );
  return file;
}
