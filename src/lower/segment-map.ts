/* Which parts of an archive are in which segment. No two parts overlap, whatever two tabs have fetched at the same time. */

/** The bytes [start, end) of an archive. */
export interface Part<T> {
  readonly start: number;
  readonly end: number;
  /** Where they are, `undefined` where nowhere. */
  readonly in: T | undefined;
}

export class SegmentMap<T> {
  /** Sorted, without overlaps. */
  #parts: { readonly start: number; readonly end: number; readonly in: T }[] = [];

  /** Notes that `place` has [start, end). What is elsewhere already stays there. */
  add(start: number, end: number, place: T): void {
    for (const gap of this.cover(start, end)) {
      if (gap.in !== undefined) continue;
      this.#parts.splice(this.#firstEndingAfter(gap.start), 0, { start: gap.start, end: gap.end, in: place });
    }
  }

  /** Forgets a place. */
  drop(place: T): void {
    this.#parts = this.#parts.filter((part) => part.in !== place);
  }

  clear(): void {
    this.#parts = [];
  }

  /** The places, each once. */
  places(): Set<T> {
    return new Set(this.#parts.map((part) => part.in));
  }

  holds(start: number, end: number): boolean {
    return this.cover(start, end).every((part) => part.in !== undefined);
  }

  /** Divides [start, end) into what is somewhere and what is nowhere. */
  cover(start: number, end: number): Part<T>[] {
    const found: Part<T>[] = [];
    let at = start;
    for (let i = this.#firstEndingAfter(start); at < end; i++) {
      const part = this.#parts[i];
      if (part === undefined || part.start >= end) {
        found.push({ start: at, end, in: undefined });
        break;
      }
      if (part.start > at) found.push({ start: at, end: part.start, in: undefined });
      found.push({ start: Math.max(at, part.start), end: Math.min(end, part.end), in: part.in });
      at = part.end;
    }
    return found;
  }

  #firstEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#parts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#parts[middle]!.end <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
