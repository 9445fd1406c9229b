/*
 * Where paths lead, as walks found it, and what directories list: so that looking at the same path again costs one lookup, however
 * deep it is and however many layers there are. Any change of names forgets everything; changes of content and attributes forget
 * nothing.
 */

import type { Place } from './walk.ts';

/** Paths that are remembered: those of a large project's tools. About 200 bytes each. */
const MAX_PATHS = 1 << 17;
/** Names that are remembered in listings, which share them with the directories. 8 bytes each. */
const MAX_LISTED = 1 << 20;

export class PathCache {
  readonly #follow = new Map<string, Place>();
  readonly #nofollow = new Map<string, Place>();

  readonly #listings = new Map<string, readonly string[]>();
  #listed = 0;

  get(path: string, end: 'follow' | 'nofollow'): Place | undefined {
    return (end === 'follow' ? this.#follow : this.#nofollow).get(path);
  }

  set(path: string, end: 'follow' | 'nofollow', place: Place): void {
    const places = end === 'follow' ? this.#follow : this.#nofollow;
    if (places.size >= MAX_PATHS) places.clear();
    places.set(path, place);
  }

  /** The names in the directory that a path leads to. */
  listing(path: string): readonly string[] | undefined {
    return this.#listings.get(path);
  }

  /** Keeps a listing; takes the array over. */
  list(path: string, names: readonly string[]): void {
    this.#listed += names.length + 1;
    if (this.#listed > MAX_LISTED) return;
    this.#listings.set(path, names);
  }

  clear(): void {
    if (this.#follow.size > 0) this.#follow.clear();
    if (this.#nofollow.size > 0) this.#nofollow.clear();
    if (this.#listings.size > 0) this.#listings.clear();
    this.#listed = 0;
  }
}
