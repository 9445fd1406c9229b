/* What the tree must be: the model of the kill tests, kept in Node, where no kill reaches it. */

import { contentOf, digestOf } from './random.ts';
import type { Operation } from './operations.ts';

export type Path = string;
export type ModelNode = { readonly type: 'directory' } | { readonly type: 'file'; readonly content: Content };

/** Bytes that are made when somebody asks for them: of most operations that may have happened, nobody does. */
export class Content {
  #bytes: Uint8Array | undefined;
  #digest: string | undefined;

  constructor(
    readonly size: number,
    private readonly make: () => Uint8Array,
  ) {}

  get bytes(): Uint8Array {
    this.#bytes ??= this.make();
    return this.#bytes;
  }
  get digest(): string {
    this.#digest ??= digestOf(this.bytes);
    return this.#digest;
  }
}

/** The path itself does not count. */
export const isBelow = (path: Path, directory: Path): boolean => path.startsWith(`${directory}/`);

/** A tree as a map of paths. Nodes never change, so a copy costs little. */
export class ModelTree {
  readonly #nodes: Map<Path, ModelNode>;

  constructor(nodes: Iterable<readonly [Path, ModelNode]> = []) {
    this.#nodes = new Map(nodes);
  }

  copy(): ModelTree {
    return new ModelTree(this.#nodes);
  }

  get(path: Path): ModelNode | undefined {
    return this.#nodes.get(path);
  }

  paths(): IterableIterator<Path> {
    return this.#nodes.keys();
  }

  /** Replaces everything below `root`, and `root` itself, by what `other` has there. */
  adopt(root: Path, other: ModelTree): void {
    this.#remove(root);
    for (const [path, node] of other.#within(root)) this.#nodes.set(path, node);
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'write':
        return this.#put(operation.path, new Content(operation.size, () => contentOf(operation.seed, operation.size)));
      case 'patch':
        return this.#put(operation.path, patched(this.#content(operation.path), operation.at, operation));
      case 'truncate':
        return this.#put(operation.path, resized(this.#content(operation.path), operation.size));
      case 'copy':
        return this.#put(operation.to, this.#content(operation.path));
      case 'rename':
        return this.#rename(operation.path, operation.to);
      case 'mkdir':
        this.#nodes.set(operation.path, { type: 'directory' });
        return;
      case 'remove':
        return this.#remove(operation.path);
      case 'batch':
        for (const part of operation.operations) this.apply(part);
        return;
      default:
        operation satisfies never;
    }
  }

  /** One line a name below `root`, sorted: what the page says of the real tree. *names*: without the digests of the content. */
  lines(root: Path, what: 'all' | 'names' = 'all'): string[] {
    const lines: string[] = [];
    for (const [path, node] of this.#nodes) if (isBelow(path, root)) lines.push(lineOf(path, node, what));
    return lines.sort();
  }

  #content(path: Path): Content {
    const node = this.#nodes.get(path);
    if (node?.type !== 'file') throw new Error(`the model has no file ${path}`);
    return node.content;
  }

  #put(path: Path, content: Content): void {
    this.#nodes.set(path, { type: 'file', content });
  }

  #rename(from: Path, to: Path): void {
    for (const [path, node] of this.#within(from)) {
      this.#nodes.delete(path);
      this.#nodes.set(to + path.slice(from.length), node);
    }
  }

  #remove(root: Path): void {
    for (const [path] of this.#within(root)) this.#nodes.delete(path);
  }

  /** `root` and everything below it, as it is now. */
  #within(root: Path): (readonly [Path, ModelNode])[] {
    return [...this.#nodes].filter(([path]) => path === root || isBelow(path, root));
  }
}

function resized(content: Content, size: number): Content {
  return new Content(size, () => {
    const result = new Uint8Array(size);
    result.set(content.bytes.subarray(0, size));
    return result;
  });
}

function patched(content: Content, at: number, { seed, size }: { readonly seed: number; readonly size: number }): Content {
  const long = resized(content, Math.max(content.size, at + size));
  return new Content(long.size, () => {
    const bytes = long.bytes.slice();
    bytes.set(contentOf(seed, size), at);
    return bytes;
  });
}

function lineOf(path: Path, node: ModelNode, what: 'all' | 'names'): string {
  if (node.type === 'directory') return `${path} directory`;
  return what === 'names' ? `${path} ${node.content.size}` : `${path} ${node.content.size} ${node.content.digest}`;
}

/** Every path below `root`. */
export function childrenOf(tree: ModelTree, root: Path): Path[] {
  return [...tree.paths()].filter((path) => isBelow(path, root));
}
