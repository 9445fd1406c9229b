/* Codes of the JavaScript codec (RFC 1951, 3.2.2), as strict as zlib about which sets of lengths are codes. */

/** Codes up to this many bits are found in one step, longer ones bit by bit. */
const FAST_BITS = 10;
const MAX_BITS = 15;

export interface PrefixCode {
  /** The next bits -> symbol * 16 + bits of its code, 0 where the code is longer. */
  readonly fast: Uint16Array;
  /** How many codes there are of each length, and all symbols by length, then by number. */
  readonly counts: Uint16Array;
  readonly sorted: Uint16Array;
}

/** How many codes of 15 bits are left over; negative when there are too many codes. */
function leftOver(counts: Uint16Array): number {
  let left = 1;
  for (let bits = 1; bits <= MAX_BITS && left >= 0; bits++) left = left * 2 - counts[bits]!;
  return left;
}

/**
 * Makes a code of its lengths, or gives `undefined` when they are none. As in zlib, a code may be incomplete only when
 * it has no symbol or one of one bit, and only where `lonely` allows it.
 */
export function makePrefixCode(lengths: Uint8Array, lonely: boolean): PrefixCode | undefined {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const bits of lengths) counts[bits]!++;
  counts[0] = 0;
  const left = leftOver(counts);
  const isLonely = counts.every((count, bits) => count === 0 || bits === 1);
  if (left < 0 || (left > 0 && !(lonely && isLonely))) return undefined;

  const starts = new Uint16Array(MAX_BITS + 2);
  const next = new Uint16Array(MAX_BITS + 2);
  for (let bits = 1; bits <= MAX_BITS; bits++) {
    starts[bits + 1] = starts[bits]! + counts[bits]!;
    next[bits + 1] = (next[bits]! + counts[bits]!) * 2;
  }
  const sorted = new Uint16Array(starts[MAX_BITS + 1]!);
  const fast = new Uint16Array(1 << FAST_BITS);
  for (const [symbol, bits] of lengths.entries()) {
    if (bits === 0) continue;
    sorted[starts[bits]!++] = symbol;
    const code = next[bits]!++;
    if (bits > FAST_BITS) continue;
    for (let at = reverse(code, bits); at < fast.length; at += 1 << bits) fast[at] = symbol * 16 + bits;
  }
  return { fast, counts, sorted };
}

function reverse(code: number, bits: number): number {
  let reversed = 0;
  for (let i = 0; i < bits; i++) reversed |= ((code >>> i) & 1) << (bits - 1 - i);
  return reversed;
}

/** Finds the code that `bits` start with: symbol * 16 + bits of its code, or 0 when there is none. */
export function findCode({ fast, counts, sorted }: PrefixCode, bits: number): number {
  const found = fast[bits & ((1 << FAST_BITS) - 1)]!;
  if (found !== 0) return found;
  let code = 0;
  let first = 0;
  let index = 0;
  for (let length = 1; length <= MAX_BITS; length++) {
    code |= (bits >>> (length - 1)) & 1;
    const count = counts[length]!;
    if (code - first < count) return sorted[index + code - first]! * 16 + length;
    index += count;
    first = (first + count) * 2;
    code *= 2;
  }
  return 0;
}
