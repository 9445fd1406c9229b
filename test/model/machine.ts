/* The model and the engine side by side: each action on both, results, trees and the union rules compared. */

import { type ErrorCode, FsError, isFsError } from '../../src/base/errors.ts';
import type { FsPromises } from '../../src/fs/api.ts';
import { Overlay } from '../../src/fs/overlay.ts';
import type { Layer } from '../../src/layer/layer.ts';
import type { UpperStore } from '../../src/layer/upper.ts';
import { memoryUpper } from '../../src/upper/memory-store.ts';
import { treeLayer } from '../support/memory-layer.ts';
import { spread } from '../support/spread-tree.ts';
import type { Tree } from '../support/tree.ts';
import { type Action, type Performer, type Result, asyncPerformer, syncPerformer } from './action.ts';
import { ModelTree } from './model-tree.ts';

/** The entry that `spread` deletes, so that there is something deleted. */
const DECOY = '/.deleted-by-a-layer-above';

export interface MachineOptions {
  readonly tree: Tree;
  /** How many layers the tree is spread over. */
  readonly layers: number;
  readonly face: 'promises' | 'sync';
  /** Content has to be fetched before it can be used. Only with promises. */
  readonly lazy?: boolean;
  /** Mounts something else than the engine: tests of the model itself do. */
  readonly mount?: (lower: readonly Layer[], upper: UpperStore) => Promise<Overlay>;
}

/** An upper whose n-th commit from now fails. */
export interface Faults {
  failAfter(commits: number, code: ErrorCode): void;
}

function faulty(store: UpperStore): UpperStore & Faults {
  let left = Infinity;
  let code: ErrorCode = 'EIO';
  return {
    name: store.name,
    failAfter(commits, failure) {
      left = commits;
      code = failure;
    },
    load: () => store.load(),
    async commit(commit) {
      if (left-- > 0) return store.commit(commit);
      left = Infinity;
      throw new FsError(code, { detail: 'planted' });
    },
    readChunks: (ids) => store.readChunks(ids),
    peekChunk: (id) => store.peekChunk?.(id),
    close: () => store.close(),
  };
}

function codeOf(e: unknown): ErrorCode {
  if (isFsError(e)) return e.code;
  throw e;
}

export class Machine {
  readonly upper = faulty(memoryUpper());
  readonly #lower: readonly Layer[];
  #model: ModelTree;
  #overlay!: Overlay;
  #performer!: Performer;

  private constructor(private readonly options: MachineOptions) {
    const { tree, layers, lazy = false } = options;
    this.#lower = spread(tree, layers).map((part) => treeLayer(part, lazy ? { lazy: 'always' } : {}));
    this.#model = ModelTree.of(tree);
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const machine = new Machine(options);
    await machine.#mount();
    return machine;
  }

  async #mount(): Promise<void> {
    const { mount = (lower, upper) => Overlay.mount({ lower, upper }), face } = this.options;
    this.#overlay = await mount(this.#lower, this.upper);
    const { fs } = this.#overlay;
    this.#performer = face === 'sync' ? syncPerformer(fs) : asyncPerformer(fs.promises);
  }

  get lowers(): readonly Layer[] {
    return this.#lower;
  }

  get overlay(): Overlay {
    return this.#overlay;
  }

  /** Does one action on both, and compares. */
  async step(action: Action): Promise<void> {
    const actual = await this.#performer.perform(action);
    const expected = this.#model.perform(action);
    if (actual !== expected) throw new Error(`${JSON.stringify(action)}: the model says '${expected}', the engine '${actual}'`);
    await this.assertSound(JSON.stringify(action));
  }

  /** Does actions at the same time. Some order of them on the model must give the same results and the same tree. */
  async batch(actions: readonly Action[]): Promise<void> {
    const results = await Promise.all(actions.map((action) => this.#performer.perform(action)));
    await this.assertSound('a batch');
    const tree = await this.#engineLines();
    const next = this.#orderThatGives(actions, results, tree);
    if (next === undefined) {
      throw new Error(
        `no order gives the results ${JSON.stringify(results)} of ${JSON.stringify(actions)} and the tree\n${tree.join('\n')}`,
      );
    }
    this.#model = next;
  }

  #orderThatGives(actions: readonly Action[], results: readonly Result[], tree: readonly string[]): ModelTree | undefined {
    const search = (model: ModelTree, left: readonly number[]): ModelTree | undefined => {
      if (left.length === 0) return sameLines(model.lines(), tree) ? model : undefined;
      for (const i of left) {
        const next = model.clone();
        if (next.perform(actions[i]!) !== results[i]) continue;
        const found = search(
          next,
          left.filter((other) => other !== i),
        );
        if (found !== undefined) return found;
      }
      return undefined;
    };
    return search(this.#model, [...actions.keys()]);
  }

  /** Does actions at the same time while commits fail. What was acknowledged must be there, and nothing else. */
  async batchWithFaults(actions: readonly Action[], planted: ErrorCode): Promise<number> {
    const results = await Promise.all(actions.map((action) => this.#performer.perform(action)));
    let failures = 0;
    for (const [i, action] of actions.entries()) {
      if (results[i] === planted) failures++;
      else if (!isError(results[i]!)) this.#model.perform(action);
    }
    await this.assertSame('a batch with faults');
    return failures;
  }

  /** Does one action whose commit may fail with `planted`: then it has not happened. */
  async stepWithFaults(action: Action, planted: ErrorCode): Promise<void> {
    const actual = await this.#performer.perform(action);
    if (actual === planted) {
      // A handle that could not be opened anew, or whose closing could not be committed, is closed all the same.
      if (action.op === 'open' || action.op === 'close') this.#model.perform({ op: 'close', slot: action.slot });
    } else {
      const expected = this.#model.perform(action);
      if (actual !== expected) throw new Error(`${JSON.stringify(action)}: the model says '${expected}', the engine '${actual}'`);
    }
    await this.assertSame(JSON.stringify(action));
  }

  /** Synchronous actions, then a flush that may fail: then none of them has happened. */
  async flushWithFaults(actions: readonly Action[]): Promise<void> {
    const before = this.#model.clone();
    // Without waiting between them: what one task does is one commit.
    const results = await Promise.all(actions.map((action) => this.#performer.perform(action)));
    for (const [i, action] of actions.entries()) {
      const [actual, expected] = [results[i]!, this.#model.perform(action)];
      if (actual !== expected) throw new Error(`${JSON.stringify(action)}: the model says '${expected}', the engine '${actual}'`);
    }
    try {
      await this.#overlay.flush();
    } catch (e) {
      if (!isFsError(e)) throw e;
      this.#model = before;
    }
    await this.assertSame('a flush');
  }

  /**
   * Does `inside` in a batch, and in turn with it `outside` beside it. Committed, the batch must be as if it had happened after all
   * of those outside; not committed, as if it never had. Gives how it ended.
   */
  async transaction(
    inside: readonly Action[],
    outside: readonly Action[],
    end: 'commit' | 'abort',
  ): Promise<'committed' | ErrorCode | 'aborted'> {
    const batch = this.#overlay.beginBatch();
    const performer = asyncPerformer(batch.fs as FsPromises); // without actions on handles
    const results: Result[] = [];
    for (let i = 0; i < Math.max(inside.length, outside.length); i++) {
      if (inside[i] !== undefined) results.push(await performer.perform(inside[i]!));
      if (outside[i] !== undefined) await this.step(outside[i]!);
    }
    const ended = end === 'abort' ? (batch.abort(), 'aborted' as const) : await batch.commit().then(() => 'committed' as const, codeOf);
    if (ended === 'EAGAIN' && outside.length === 0) throw new Error('EAGAIN, though nobody else changed anything');
    if (ended === 'committed') {
      for (const [i, action] of inside.entries()) {
        const expected = this.#model.perform(action);
        if (results[i] !== expected)
          throw new Error(`${JSON.stringify(action)} in a batch: the model says '${expected}', the engine '${results[i]}'`);
      }
    }
    await this.assertSame(`a batch, ${ended}`);
    return ended;
  }

  /** Resets a path, and gives whether there was something that could be. The model then is what the engine shows. */
  async reset(path: string): Promise<boolean> {
    try {
      await this.#overlay.reset(path);
    } catch (e) {
      if (!isFsError(e)) throw e;
      await this.assertSame(`a refused reset of ${path}`);
      return false;
    }
    await this.assertSound(`a reset of ${path}`);
    return true;
  }

  /** The merged tree as lines. */
  tree(): Promise<string[]> {
    return this.#engineLines();
  }

  /** The tree of the lowers alone. */
  lowerTree(): string[] {
    return ModelTree.of(this.options.tree).lines();
  }

  async remount(): Promise<void> {
    await this.#performer.closeAll();
    this.#model.closeAll();
    await this.#overlay.close();
    await this.#mount();
    await this.assertSame('a remount');
  }

  /** Remounts, and gives the tree, which the model does not know. */
  async remountedTree(): Promise<string[]> {
    await this.#performer.closeAll();
    await this.#overlay.close();
    await this.#mount();
    await this.assertSound('a remount');
    return this.#engineLines();
  }

  async assertSame(when: string): Promise<void> {
    await this.assertSound(when);
    const expected = this.#model.lines();
    const actual = await this.#engineLines();
    if (sameLines(expected, actual)) return;
    throw new Error(`after ${when} the model has\n${expected.join('\n')}\nand the engine\n${actual.join('\n')}`);
  }

  async assertSound(when: string): Promise<void> {
    const violations = await this.#overlay.check();
    if (violations.length > 0) throw new Error(`after ${when}: ${violations.map((v) => `${v.rule} ${v.path} ${v.message}`).join('; ')}`);
  }

  async close(): Promise<void> {
    await this.#overlay.close();
  }

  async #engineLines(): Promise<string[]> {
    const performer = asyncPerformer(this.#overlay.fs.promises);
    const lines: string[] = [];
    const visit = async (path: string): Promise<void> => {
      for (const entry of await this.#overlay.fs.promises.readdir(path || '/', { withFileTypes: true })) {
        const here = `${path}/${entry.name}`;
        if (here === DECOY) throw new Error(`a deleted name is back: ${here}`);
        let line = `${here} ${await performer.perform({ op: 'lstat', path: here })}`;
        if (entry.isFile()) line += ` ${await performer.perform({ op: 'readFile', path: here })}`;
        if (entry.isSymbolicLink()) line += ` ${await performer.perform({ op: 'readlink', path: here })}`;
        lines.push(line);
        if (entry.isDirectory()) await visit(here);
      }
    };
    await visit('');
    return lines.sort();
  }
}

const isError = (result: Result): boolean => /^E[A-Z]+$/.test(result);

const sameLines = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((line, i) => line === b[i]);
