/*
 * Which directory a path leads to, as walks found it, so that a name costs two lookups however deep it stands: one of the path before
 * it, one in that directory. What is remembered follows from the directories and symbolic links on the way. Therefore new files, and
 * changes of content and attributes, forget nothing; `Tree` clears it when another kind of name comes or goes.
 */

import type { Directory } from './tree.ts';

/** Paths that are remembered: the directories of a large project's dependencies, some under several paths. About 150 bytes each. */
const MAX_PATHS = 1 << 16;

export class PathCache {
  readonly #directories = new Map<string, Directory>();

  /** The directory that a path leads to, if it is known. */
  get(path: string): Directory | undefined {
    return this.#directories.get(path);
  }

  set(path: string, directory: Directory): void {
    if (this.#directories.size >= MAX_PATHS) this.#directories.clear();
    this.#directories.set(path, directory);
  }

  clear(): void {
    if (this.#directories.size > 0) this.#directories.clear();
  }
}
