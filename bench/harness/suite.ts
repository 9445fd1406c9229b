/*
 * What a benchmark is made of. A suite is a file in bench/tasks; its scenarios set contestants side by side on the same work.
 * A contestant does the whole work once a call and gives what each task in it took, so that what is dear to prepare is prepared once.
 */

/** Milliseconds by task. What is prepared and cleaned up is not in them. */
export type Measured = Readonly<Record<string, number>>;

/** Does the work once. Leaves nothing behind that the next run could gain from. */
export type Contestant = () => Promise<Measured> | Measured;

/** What a ratio may be at most. */
export interface Target {
  /** The contestant that ours is compared with. */
  readonly against: string;
  /** Ours divided by that. */
  readonly atMost: number;
}

export interface Scenario {
  readonly name: string;
  /** In one run each is called once; who is first changes from run to run. */
  readonly contestants: Readonly<Record<string, Contestant>>;
  /** The contestant that is ours. */
  readonly ours: string;
  /** The contestant that is the platform's own limit, where there is one. */
  readonly limit?: string;
  /** By task. */
  readonly targets?: Readonly<Record<string, Target>>;
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
