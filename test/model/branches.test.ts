/*
 * Random calls in a growing family of workspaces: branches of branches, of snapshots new and old, over an IndexedDB in memory. A branch
 * must begin as its snapshot shows its parent; what is done in one workspace must show in no other; what was committed must be there after
 * a remount; a rollback and a removed snapshot change what they should and nothing else; one that is detached shows what it showed; and the
 * rules hold in all of them.
 */

import 'fake-indexeddb/auto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fs } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { isFsError } from '../../src/base/errors.ts';
import { makeBranch } from '../../src/upper/lineage.ts';
import { type OpenedUpper, openUpper } from '../../src/upper/open-upper.ts';
import { treeLayer } from '../support/memory-layer.ts';
import { spread } from '../support/spread-tree.ts';
import { type Action, type Performer, syncPerformer } from './action.ts';
import { anyAction, wholeTree } from './arbitraries.ts';

/** What happens in the workspace of number `in`. */
type Step = { readonly in: number } & (
  | { readonly do: 'calls'; readonly calls: readonly Action[] }
  /** Files that are written, or removed: what a branch has of its parent goes more often so than by random calls. */
  | { readonly do: 'files'; readonly files: readonly (readonly [name: string, content: string | null])[] }
  | { readonly do: 'snapshot' | 'remount' | 'detach' }
  | { readonly do: 'branch' | 'rollback' | 'remove'; readonly which: number }
);

const anyFile = fc.tuple(
  fc.constantFrom('k', 'l', 'm'),
  fc.option(fc.string({ unit: fc.constantFrom('x', 'y'), minLength: 1, maxLength: 3 }), { freq: 2 }),
);

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ in: fc.nat(9), do: fc.constant('files' as const), files: fc.array(anyFile, { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 4, arbitrary: fc.record({ in: fc.nat(9), do: fc.constant('calls' as const), calls: fc.array(anyAction, { maxLength: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ in: fc.nat(9), do: fc.constantFrom('snapshot' as const, 'remount' as const) }) },
  { weight: 1, arbitrary: fc.record({ in: fc.nat(9), do: fc.constant('detach' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      in: fc.nat(9),
      do: fc.constantFrom('branch' as const, 'branch' as const, 'rollback' as const, 'remove' as const),
      which: fc.nat(9),
    }),
  },
);

/** The whole tree, read in one go. */
async function linesOf(overlay: Overlay): Promise<string[]> {
  await overlay.preload();
  return linesBelow(overlay.fs).sort();
}

function linesBelow(fs: Fs, path = ''): string[] {
  return fs.readdirSync(path || '/').flatMap((name) => {
    const here = `${path}/${name}`;
    const stats = fs.lstatSync(here);
    const { ino, mode, nlink, size, mtimeMs } = stats;
    const line = `${here} ${ino} ${mode.toString(8)} ${size} ${mtimeMs}`;
    if (stats.isDirectory()) return [line, ...linesBelow(fs, here)];
    return [`${line} ${nlink} ${stats.isSymbolicLink() ? fs.readlinkSync(here) : fs.readFileSync(here, 'utf8')}`];
  });
}

let serial = 0;
let time = 1;

class Member {
  readonly name = `family-${++serial}`;
  /** What each snapshot has to show. */
  readonly shown = new Map<number, string[]>();
  /** Snapshots that branches stand on. */
  readonly needed = new Set<number>();
  /** It reads what it has of another workspace. */
  isBranch = false;
  lines: string[] = [];
  #upper!: OpenedUpper;
  overlay!: Overlay;
  performer!: Performer;

  constructor(private readonly lower: readonly Layer[]) {}

  async mount(): Promise<void> {
    this.#upper = await openUpper(this.name, { folder: null });
    this.overlay = await Overlay.mount({ lower: this.lower, upper: this.#upper, clock: () => time++ });
    this.performer = syncPerformer(this.overlay.fs);
  }

  async close(): Promise<void> {
    await this.performer.closeAll();
    await this.overlay.close();
  }

  async remount(): Promise<void> {
    await this.performer.closeAll();
    await this.note();
    await this.close();
    await this.mount();
  }

  /** Notes what the tree is: what others do must not change it. */
  async note(): Promise<void> {
    this.lines = await linesOf(this.overlay);
  }

  async detach(): Promise<void> {
    const error = await this.overlay.detach().catch((e: unknown) => e);
    expect(isFsError(error, 'EBUSY')).toBe(this.isBranch && this.shown.size > 0);
    if (error === undefined) this.isBranch = false;
  }

  async branch(snapshot: number | undefined): Promise<Member> {
    const branch = new Member(this.lower);
    const origin = await this.overlay.rememberBranch(branch.name, snapshot);
    const { id } = origin.snapshot;
    if (snapshot === undefined) this.shown.set(id, this.lines);
    this.needed.add(id);
    const parent = { name: this.name, generation: this.#upper.version!.generation, snapshot: id, firstChunk: origin.firstChunk };
    await makeBranch(branch.name, { ...origin.superblock, parent }, { folder: null });
    await branch.mount();
    branch.isBranch = true;
    branch.lines = this.shown.get(id)!;
    return branch;
  }
}

class Family {
  readonly #members: Member[] = [];

  async begin(lower: readonly Layer[]): Promise<void> {
    const first = new Member(lower);
    await first.mount();
    await first.note();
    this.#members.push(first);
  }

  async close(): Promise<void> {
    for (const member of this.#members) await member.close();
  }

  async step(step: Step): Promise<void> {
    const member = this.#members[step.in % this.#members.length]!;
    if (step.do === 'calls') {
      for (const call of step.calls) void member.performer.perform(call);
      await member.overlay.flush();
      await member.note();
    } else if (step.do === 'files') {
      for (const [name, content] of step.files) {
        if (content === null) member.overlay.fs.rmSync(`/${name}`, { force: true, recursive: true });
        else member.overlay.fs.writeFileSync(`/${name}`, content);
      }
      await member.overlay.flush();
      await member.note();
    } else if (step.do === 'remount') await member.remount();
    else if (step.do === 'detach') await member.detach();
    else if (step.do === 'snapshot') member.shown.set((await member.overlay.snapshot()).id, member.lines);
    else if ('which' in step)
      await this.#turnTo(member, step.do, [undefined, ...member.shown.keys()][step.which % (member.shown.size + 1)]);
    for (const each of this.#members) expect(await linesOf(each.overlay)).toEqual(each.lines);
    expect(await member.overlay.check()).toEqual([]);
    for (const [id, lines] of member.shown) {
      const view = await member.overlay.openSnapshot(id);
      expect(await linesOf(view)).toEqual(lines);
      await view.close();
    }
  }

  async #turnTo(member: Member, what: 'branch' | 'rollback' | 'remove', id: number | undefined): Promise<void> {
    if (what === 'branch') {
      if (this.#members.length < 6) this.#members.push(await member.branch(id));
    } else if (id !== undefined && what === 'rollback') {
      await member.overlay.rollback(id);
      member.lines = member.shown.get(id)!;
    } else if (id !== undefined) {
      const error = await member.overlay.removeSnapshot(id).catch((e: unknown) => e);
      expect(isFsError(error, 'EBUSY')).toBe(member.needed.has(id));
      if (error === undefined) member.shown.delete(id);
    }
  }

  async verify(): Promise<void> {
    for (const member of this.#members) {
      await member.remount();
      expect(await linesOf(member.overlay)).toEqual(member.lines);
      expect([await member.overlay.check(), await member.overlay.verify()]).toEqual([[], []]);
    }
  }
}

const runs: fc.Parameters<unknown> = {
  numRuns: Number(process.env['MODEL_RUNS'] ?? 5),
  seed: Number(process.env['MODEL_SEED'] ?? 20_261_129),
  unbiased: true,
};

test('branches begin as their parents were, and nobody sees what others do', { timeout: 120_000 }, async () => {
  const steps = fc.array(anyStep, { minLength: 30, maxLength: 30, size: 'max' });
  const property = fc.asyncProperty(wholeTree, fc.constantFrom(1, 2), steps, async (tree, layers, all) => {
    const family = new Family();
    await family.begin(spread(tree, layers).map((part) => treeLayer(part)));
    try {
      for (const step of all) await family.step(step);
      await family.verify();
    } finally {
      await family.close();
    }
  });
  await fc.assert(property, runs);
});
