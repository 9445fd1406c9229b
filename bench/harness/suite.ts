/*
 * What a benchmark is made of. A suite is a file in bench/tasks; its scenarios set contestants side by side on the same work.
 * A contestant does the whole work once a call and gives what each task in it took, so that what is dear to prepare is prepared once.
 */

/** What does not vary with the machine: transactions, requests, records, bytes. */
export type Counts = Readonly<Record<string, number>>;

/** What a task took: milliseconds, or those and what was counted. */
export type Measure = number | { readonly ms: number; readonly counts: Counts };

/** By task. What is prepared and cleaned up is not in it. */
export type Measured = Readonly<Record<string, Measure>>;

/** Does the work once. Leaves nothing behind that the next run could gain from. */
export type Contestant = () => Promise<Measured> | Measured;

/** What ours, divided by what another contestant takes, may be at most. "Ten times as fast" is 0.1. */
interface AgainstTarget {
  readonly against: string;
  readonly atMost: number;
}

/** What ours, divided by what another task of ours takes, may be at most: how cost grows. */
interface GrowthTarget {
  readonly task: string;
  readonly atMost: number;
}

/** What may be counted at most. */
interface CountTarget {
  readonly count: string;
  readonly atMost: number;
}

/** What may pass at most, in milliseconds: where waiting for a network of a given speed makes up most of it. */
interface TimeTarget {
  readonly atMostMs: number;
}

export type Target = AgainstTarget | GrowthTarget | CountTarget | TimeTarget;

export interface Scenario {
  readonly name: string;
  /** In one run each is called once; who is first changes from run to run. */
  readonly contestants: Readonly<Record<string, Contestant>>;
  /** The contestant that is ours. */
  readonly ours: string;
  /** The contestant that is the platform's own limit, where there is one. */
  readonly limit?: string;
  /** By task; the first of several is the one that the result's ratio is about. */
  readonly targets?: Readonly<Record<string, Target | readonly Target[]>>;
  /** What was compared, where the names do not say it. */
  readonly note?: string;
  /** Seconds that a call of a contestant may take. One that takes longer is recorded as such. Default: 60. */
  readonly timeout?: number;
}

export interface Suite {
  readonly name: string;
  /** *worker* and *page* are in Chromium, on a profile on the disk. */
  readonly where: 'worker' | 'page' | 'node';
  readonly scenarios: readonly Scenario[];
  /** What is written beside the results: facts that no run changes. Asked in Node. */
  readonly facts?: () => Promise<Readonly<Record<string, unknown>>>;
  /** Scripts that are served beside the suite, by file name. */
  readonly scripts?: Readonly<Record<string, Script>>;
  /** Archives that are served beside it below `/data/`, by the names that bench/data/archives.ts knows. In a browser only. */
  readonly data?: readonly string[];
}

export interface Script {
  /** TypeScript; paths are relative to bench/harness. */
  readonly code: string;
  /** The engine's CHUNK_SIZE is to be this. Bytes. */
  readonly chunkSize?: number;
}

/** A scenario without its functions: what crosses from the browser. */
export type Outline = Omit<Scenario, 'contestants'> & { readonly contestants: readonly string[] };

export const outlineOf = (suite: Suite): Outline[] =>
  suite.scenarios.map(({ contestants, ...rest }) => ({ ...rest, contestants: Object.keys(contestants) }));

/** Calls a contestant once. */
export async function callContestant(suite: Suite, scenario: number, name: string): Promise<Measured> {
  const contestant = suite.scenarios[scenario]?.contestants[name];
  if (contestant === undefined) throw new Error(`${suite.name}: scenario ${scenario} has no contestant '${name}'`);
  return contestant();
}

/** Milliseconds that `work` takes. */
export async function time(work: () => Promise<unknown> | void): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
