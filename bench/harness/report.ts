/* The JSON file of a suite in bench/results. */

import { execFileSync } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type as systemType } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/entries.ts';
import { type TaskResult, round } from './results.ts';

/** What stands in the file of a suite. */
export interface Report {
  readonly date: string;
  readonly command: string;
  readonly unit: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly system: string;
    /** Load average when it was written. */
    readonly load: number;
  };
  readonly versions: { readonly stratafs: string; readonly commit: string; readonly node: string; readonly chromium?: string };
  /** What is no time: sizes, versions. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly tasks: readonly TaskResult[];
}

const fileOf = (name: string): string => join(root, 'bench/results', `${name}.json`);

/** The names of all suites, sorted. */
export async function suiteNames(): Promise<string[]> {
  const files = await readdir(join(root, 'bench/tasks'));
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3))
    .toSorted();
}

/** The last report of a suite; `undefined` where there is none. */
export async function readReport(name: string): Promise<Report | undefined> {
  try {
    return JSON.parse(await readFile(fileOf(name), 'utf8')) as Report;
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw e;
  }
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

/** Writes the report of a suite; gives the file's path. */
export async function writeReport(name: string, { runs, browser, facts }: Run, tasks: readonly TaskResult[]): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const [cpu] = cpus();
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    command: `npm run bench -- --only ${name} --runs ${runs}`,
    unit: 'ms; median with lower and upper quartile',
    machine: {
      cpu: cpu?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${systemType()} ${release()}`,
      load: round(loadavg()[0] ?? 0),
    },
    versions: {
      stratafs: version,
      commit: commitOf(),
      node: process.versions.node,
      ...(browser !== undefined && { chromium: browser }),
    },
    ...(facts !== undefined && { facts }),
    tasks,
  };
  await writeFile(fileOf(name), `${JSON.stringify(report, null, 2)}\n`);
  return fileOf(name);
}
