/*
 * Random calls with snapshots between them, over a lower tree that is spread over several layers: each snapshot must show the tree as it
 * was, whatever is done afterwards; rolled back, the tree is that tree again. Snapshots go in any order, commits fail, the upper is mounted
 * again, and the rules hold after each step.
 */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FsError } from '../../src/base/errors.ts';
import type { Fs } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { faultyUpper } from '../support/faulty-upper.ts';
import { treeLayer } from '../support/memory-layer.ts';
import { spread } from '../support/spread-tree.ts';
import { type Action, type Performer, syncPerformer } from './action.ts';
import { anyAction, anyCall, anyPath, wholeTree } from './arbitraries.ts';

type Step =
  /** Calls of one task, which is one commit, and a snapshot taken before the call at `snapshotAt`. */
  | { readonly do: 'calls'; readonly calls: readonly Action[]; readonly snapshotAt: number; readonly fails: boolean }
  | { readonly do: 'remove' | 'rollback'; readonly which: number; readonly fails: boolean }
  | { readonly do: 'reset'; readonly path: string }
  | { readonly do: 'remount' };

const fails = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('calls' as const),
      calls: fc.array(anyAction, { maxLength: 6 }),
      snapshotAt: fc.nat(9),
      fails: fc.constant(false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('calls' as const),
      calls: fc.array(anyCall, { maxLength: 6 }),
      snapshotAt: fc.nat(9),
      fails: fc.constant(true),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'rollback' as const), which: fc.nat(9), fails }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), path: anyPath }) },
  { weight: 1, arbitrary: fc.constant({ do: 'remount' as const }) },
);

/** The whole tree, read in one go. */
function linesOf(fs: Fs, path = ''): string[] {
  return fs.readdirSync(path || '/').flatMap((name) => {
    const here = `${path}/${name}`;
    const stats = fs.lstatSync(here);
    const { ino, mode, nlink, size, mtimeMs } = stats;
    const line = `${here} ${ino} ${mode.toString(8)} ${size} ${mtimeMs}`;
    if (stats.isDirectory()) return [line, ...linesOf(fs, here)];
    return [`${line} ${nlink} ${stats.isSymbolicLink() ? fs.readlinkSync(here) : fs.readFileSync(here, 'utf8')}`];
  });
}

class SnapshotMachine {
  readonly #upper = faultyUpper();
  /** What each snapshot has to show. */
  readonly #shown = new Map<number, string[]>();
  #time = 1;
  #overlay!: Overlay;
  #performer!: Performer;

  constructor(private readonly lower: readonly Layer[]) {}

  async mount(): Promise<void> {
    this.#overlay = await Overlay.mount({ lower: this.lower, upper: this.#upper, clock: () => this.#time++ });
    this.#performer = syncPerformer(this.#overlay.fs);
  }

  async close(): Promise<void> {
    await this.#performer.closeAll();
    await this.#overlay.close();
  }

  get #lines(): string[] {
    return linesOf(this.#overlay.fs).sort();
  }

  async step(step: Step): Promise<void> {
    if (step.do === 'remount') {
      await this.#performer.closeAll();
      const before = this.#lines;
      await this.#overlay.close();
      await this.mount();
      expect(this.#lines).toEqual(before);
    } else if (step.do === 'reset') {
      await this.#overlay.reset(step.path).catch((e: unknown) => expect(e).toBeInstanceOf(FsError)); // not everything can be reset
    } else if (step.do === 'calls') await this.#calls(step);
    else await this.#turnTo(step);
    await this.#assertSound();
  }

  async #calls({ calls, snapshotAt, fails: planted }: Extract<Step, { do: 'calls' }>): Promise<void> {
    const before = this.#lines;
    this.#upper.failWith(planted ? 'ENOSPC' : undefined);
    const work: Promise<unknown>[] = [];
    let then: string[] | undefined;
    for (const [i, call] of calls.entries()) {
      if (i === snapshotAt) {
        then = this.#lines;
        work.push(this.#overlay.snapshot());
      }
      work.push(this.#performer.perform(call));
    }
    const settled = await Promise.allSettled([...work, this.#overlay.flush()]);
    this.#upper.failWith(undefined);
    if (planted) return expect(settled.at(-1)?.status === 'fulfilled' || sameLines(this.#lines, before)).toBe(true);
    expect(settled.filter(({ status }) => status === 'rejected')).toEqual([]);
    if (then !== undefined) this.#shown.set(this.#overlay.snapshots().at(-1)!.id, then);
  }

  async #turnTo({ do: what, which, fails: planted }: Extract<Step, { which: number }>): Promise<void> {
    const id = [...this.#shown.keys()][which % Math.max(1, this.#shown.size)];
    if (id === undefined) return;
    const before = this.#lines;
    this.#upper.failWith(planted ? 'ENOSPC' : undefined);
    const done = await (what === 'remove' ? this.#overlay.removeSnapshot(id) : this.#overlay.rollback(id)).then(
      () => true,
      () => false,
    );
    this.#upper.failWith(undefined);
    // Where nothing had changed, there was nothing to commit.
    expect(done || planted).toBe(true);
    expect(this.#lines).toEqual(done && what === 'rollback' ? this.#shown.get(id) : before);
    if (done && what === 'remove') this.#shown.delete(id);
  }

  async #assertSound(): Promise<void> {
    expect(await this.#overlay.check()).toEqual([]);
    expect(this.#overlay.snapshots().map(({ id }) => id)).toEqual([...this.#shown.keys()]);
    for (const [id, lines] of this.#shown) {
      const view = await this.#overlay.openSnapshot(id);
      expect(linesOf(view.fs).sort()).toEqual(lines);
      await view.close();
    }
    if (this.#shown.size === 0) expect(this.#overlay.engine.tree.history.records.size).toBe(0);
    expect(await this.#overlay.verify()).toEqual([]);
  }
}

const sameLines = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n');

const runs: fc.Parameters<unknown> = {
  numRuns: Number(process.env['MODEL_RUNS'] ?? 60),
  seed: Number(process.env['MODEL_SEED'] ?? 20_261_129),
};

test('each snapshot shows the tree as it was, and a rollback brings it back', { timeout: 120_000 }, async () => {
  const steps = fc.array(anyStep, { minLength: 2, maxLength: 20, size: 'max' });
  const property = fc.asyncProperty(wholeTree, fc.constantFrom(1, 2, 4), steps, async (tree, layers, all) => {
    const machine = new SnapshotMachine(spread(tree, layers).map((part) => treeLayer(part)));
    await machine.mount();
    try {
      for (const step of all) await machine.step(step);
    } finally {
      await machine.close();
    }
  });
  await fc.assert(property, runs);
});
