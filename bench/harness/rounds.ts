/* Runs the contestants of a scenario in turns, and bears with alternatives that fail, hang or are slow. */

import type { Measured, Outline } from './suite.ts';
import type { Bench } from './worker.ts';

/** Why a contestant has no figures: it threw, or gave no answer within so many milliseconds. */
export interface Failure {
  readonly failed: string;
  readonly afterMs?: number;
}

/** What one contestant measured, run by run; `undefined` where it did not take part. */
export interface Samples {
  readonly runs: readonly (Measured | undefined)[];
  readonly failure: Failure | undefined;
}

/** A bench whose contestants can be stopped. */
export interface Driver extends Bench {
  /** Ends whatever runs, and begins anew. */
  restart?(): Promise<void>;
}

const TIMEOUT_S = 60;
/** Milliseconds. An alternative whose first run takes longer is measured twice, that run included; one that takes very long, once. */
const SLOW = 5000;
const VERY_SLOW = 20_000;

interface Gathering {
  readonly runs: (Measured | undefined)[];
  failure: Failure | undefined;
  /** What the first run gave, of one that is slow, and whether that is all. */
  slow: { readonly measured: Measured | undefined; readonly once: boolean } | undefined;
}

class Timeout extends Error {}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Timeout()), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a scenario: in each run every contestant once, begun by another one each time. The first run is thrown away. */
export async function runScenario(bench: Driver, index: number, outline: Outline, runs: number): Promise<ReadonlyMap<string, Samples>> {
  const { contestants, ours, limit, timeout = TIMEOUT_S } = outline;
  const samples = new Map<string, Gathering>(contestants.map((name) => [name, { runs: [], failure: undefined, slow: undefined }]));
  for (let run = 0; run <= runs; run++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const name = contestants[(run + turn) % contestants.length]!;
      const own = samples.get(name)!;
      const sitsOut = own.failure !== undefined || (own.slow !== undefined && (run !== 2 || own.slow.once));
      const start = performance.now();
      const measured = sitsOut ? undefined : await call(name, own);
      const took = performance.now() - start;
      if (run > 0) own.runs.push(run === 1 ? (own.slow?.measured ?? measured) : measured);
      else if (name !== ours && name !== limit && took > SLOW) own.slow = { measured, once: took > VERY_SLOW };
    }
  }
  return samples;

  async function call(name: string, own: Gathering): Promise<Measured | undefined> {
    try {
      return await within(timeout * 1000, bench.call(index, name));
    } catch (e) {
      if (name === ours || name === limit) throw e instanceof Timeout ? new Error(`${name} gives no answer within ${timeout} s`) : e;
      own.failure = e instanceof Timeout ? { failed: `no answer within ${timeout} s`, afterMs: timeout * 1000 } : { failed: firstLine(e) };
      process.stdout.write(`  ${name}: ${own.failure.failed}\n`);
      await bench.restart?.();
      return undefined;
    }
  }
}

/** The first line of a message, without what the driver puts before it. */
function firstLine(e: unknown): string {
  const [line = ''] = (e instanceof Error ? e.message : String(e)).split('\n');
  return line.replace(/^(page\.evaluate: )?((Uncaught )?Error: )*/, '').slice(0, 160);
}
