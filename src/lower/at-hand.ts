/* Parts of an archive that came with the answers that told its size: at hand, and never asked for again. */

interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** What of a range is at hand at its two ends, and what lies between. */
export interface Gap {
  readonly before: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly after: Uint8Array;
}

const NONE = new Uint8Array();

export class AtHand {
  #pieces: Piece[] = [];

  add(start: number, bytes: Uint8Array): void {
    this.#pieces.push({ start, bytes });
  }

  /** Has this of the archive's start, or all of it, instead of what there was. */
  replace(bytes: Uint8Array): void {
    this.#pieces = [{ start: 0, bytes }];
  }

  clear(): void {
    this.#pieces = [];
  }

  peek(start: number, end: number): Uint8Array | undefined {
    for (const piece of this.#pieces) {
      if (start >= piece.start && end <= piece.start + piece.bytes.length)
        return piece.bytes.subarray(start - piece.start, end - piece.start);
    }
    return undefined;
  }

  /** Preconditions: not all of the range is at hand. */
  gapOf(start: number, end: number): Gap {
    const first = this.#pieces.find((piece) => piece.start <= start && piece.start + piece.bytes.length > start);
    const last = this.#pieces.find((piece) => piece.start < end && piece.start + piece.bytes.length >= end);
    const to = last?.start ?? end;
    return {
      before: first?.bytes.subarray(start - first.start) ?? NONE,
      from: first === undefined ? start : first.start + first.bytes.length,
      to,
      after: last?.bytes.subarray(0, end - to) ?? NONE,
    };
  }
}
