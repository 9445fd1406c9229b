/*
 * The operations of the kill tests: plain data, made at random from a seed against a model of the tree, so that each succeeds when they are
 * done in order. Content is told by a seed and a size and is made where it is needed.
 */

import { type ModelTree, type Path, childrenOf, isBelow } from './model.ts';
import { randomNumbers, type Random } from './random.ts';

/** One call. Each is one operation of the engine, hence there or not there, never half there. */
export type Operation =
  | { readonly kind: 'write'; readonly path: Path; readonly seed: number; readonly size: number }
  /** Writes in the middle of a file, or at its end. */
  | { readonly kind: 'patch'; readonly path: Path; readonly at: number; readonly seed: number; readonly size: number }
  | { readonly kind: 'truncate'; readonly path: Path; readonly size: number }
  | { readonly kind: 'copy'; readonly path: Path; readonly to: Path }
  | { readonly kind: 'rename'; readonly path: Path; readonly to: Path }
  | { readonly kind: 'mkdir'; readonly path: Path }
  | { readonly kind: 'remove'; readonly path: Path }
  /** All of it or none. */
  | { readonly kind: 'batch'; readonly operations: readonly Operation[] };

/** Operations below one directory, done in this order. Streams run beside each other, and share nothing. */
export interface Stream {
  readonly root: Path;
  /** How many are under way at a time. They reach the engine in order all the same. */
  readonly width: number;
  readonly operations: readonly Operation[];
}

/** Bytes of files that are written: in the record's neighbourhood, one chunk, several chunks. */
const SIZES = [100, 100, 100, 30_000, 30_000, 300_000, 600_000] as const;
/** More than this many names in a stream: what is made next is a removal. */
const CROWDED = 60;

/** Operations for the streams of one round. `tree` is changed by them. */
export class Generator {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = randomNumbers(seed);
  }

  /** Makes `count` operations below `root` and applies them to `tree`. `kinds`: what may come. */
  make(tree: ModelTree, root: Path, count: number, kinds: 'whole' | 'parts' | 'batches'): Operation[] {
    return Array.from({ length: count }, () => {
      const operation = kinds === 'batches' ? this.#batch(tree, root) : this.#one(tree, root, kinds);
      if (operation.kind !== 'batch') tree.apply(operation);
      return operation;
    });
  }

  #batch(tree: ModelTree, root: Path): Operation {
    const operations: Operation[] = [];
    for (let i = 3 + this.#below(4); i > 0; i--) {
      const operation = this.#one(tree, root, 'parts');
      tree.apply(operation);
      operations.push(operation);
    }
    return { kind: 'batch', operations };
  }

  #one(tree: ModelTree, root: Path, kinds: 'whole' | 'parts'): Operation {
    const names = childrenOf(tree, root);
    const files = names.filter((path) => tree.get(path)?.type === 'file');
    const directories = names.filter((path) => tree.get(path)?.type === 'directory');
    const dice = names.length > CROWDED ? 99 : this.#below(100);
    const file = files[this.#below(files.length)];
    if (dice >= 75 && names.length > 4) return { kind: 'remove', path: names[this.#below(names.length)]! };
    if (dice >= 72 && file !== undefined && files.length > 1)
      return { kind: 'rename', path: files.find((other) => other !== file)!, to: file };
    if (dice >= 55 && names.length > 1) return this.#rename(names, directories, root);
    if (dice >= 48) return { kind: 'mkdir', path: this.#fresh(directories, root) };
    if (dice >= 25 && kinds === 'parts' && file !== undefined) return this.#part(tree, file, directories, root);
    const path = file !== undefined && this.#below(3) === 0 ? file : this.#fresh(directories, root);
    return { kind: 'write', path, seed: this.#below(2 ** 30), size: SIZES[this.#below(SIZES.length)]! };
  }

  #rename(names: readonly Path[], directories: readonly Path[], root: Path): Operation {
    const path = names[this.#below(names.length)]!;
    const homes = directories.filter((directory) => directory !== path && !isBelow(directory, path));
    return { kind: 'rename', path, to: this.#fresh(homes, root) };
  }

  #part(tree: ModelTree, path: Path, directories: readonly Path[], root: Path): Operation {
    const node = tree.get(path);
    const length = node?.type === 'file' ? node.content.size : 0;
    switch (this.#below(3)) {
      case 0:
        return { kind: 'truncate', path, size: this.#below(length + 1) };
      case 1:
        return { kind: 'copy', path, to: this.#fresh(directories, root) };
      default:
        return { kind: 'patch', path, at: this.#below(length + 1), seed: this.#below(2 ** 30), size: 1 + this.#below(5_000) };
    }
  }

  #fresh(directories: readonly Path[], root: Path): Path {
    const home = this.#below(2) === 0 ? root : (directories[this.#below(directories.length)] ?? root);
    return `${home}/n${this.#below(2 ** 30).toString(36)}`;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
