/*
 * Where paths lead, as walks found it: so that looking at the same path again costs one lookup, however deep it is and however many
 * layers there are, and looking at another name in a directory that was walked to costs two. Places are forgotten with any change of
 * names. Directories stay when files come and go: only what may be a directory or a symbolic link can lead elsewhere. Changes of
 * content and attributes forget nothing. `Tree` says when.
 */

import type { Directory } from './tree.ts';
import type { Place } from './walk.ts';

/** Paths that are remembered: those of a large project's tools. About 200 bytes each. */
const MAX_PLACES = 1 << 17;
/** Directories of which it is remembered under what path they are reached. About 150 bytes each. */
const MAX_DIRECTORIES = 1 << 16;

export class PathCache {
  readonly #follow = new Map<string, Place | null>();
  readonly #nofollow = new Map<string, Place | null>();
  readonly #directories = new Map<string, Directory>();

  /** Where a path ends; `null` when something on the way is missing, `undefined` when it is not known. */
  place(path: string, end: 'follow' | 'nofollow'): Place | null | undefined {
    return (end === 'follow' ? this.#follow : this.#nofollow).get(path);
  }

  setPlace(path: string, end: 'follow' | 'nofollow', place: Place | null): void {
    const places = end === 'follow' ? this.#follow : this.#nofollow;
    if (places.size >= MAX_PLACES) places.clear();
    places.set(path, place);
  }

  /** The directory that a path leads to, if it is known. */
  directory(path: string): Directory | undefined {
    return this.#directories.get(path);
  }

  setDirectory(path: string, directory: Directory): void {
    if (this.#directories.size >= MAX_DIRECTORIES) this.#directories.clear();
    this.#directories.set(path, directory);
  }

  /** Files have come or gone. */
  forgetPlaces(): void {
    if (this.#follow.size > 0) this.#follow.clear();
    if (this.#nofollow.size > 0) this.#nofollow.clear();
  }

  /** Directories or symbolic links have come or gone. */
  forget(): void {
    this.forgetPlaces();
    if (this.#directories.size > 0) this.#directories.clear();
  }
}
