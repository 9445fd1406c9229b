/* From code lengths to decoding tables (RFC 1951, 3.2.2), as strict as zlib about which sets of lengths are codes. */

import {
  COUNTS, DISTANCE_SYMBOLS, END, EXCEPTIONAL, LITERAL, LITERAL_SYMBOLS, ORDER_SYMBOLS, SORTED, STARTS, SUBTABLE,
} from './layout';

/** A code that must not occur: one bit long, so that it is always found. */
const INVALID_ENTRY: u32 = EXCEPTIONAL | 0x101;

/** Adds a code's length to the entry of its symbol: to the bits to drop and to the bits of the code. */
function withLength(symbols: usize, symbol: u32, length: u32): u32 {
  return load<u32>(symbols + (symbol << 2)) + length * 0x101;
}

/** Fills in what the symbols mean. Called once. */
export function prepareSymbols(): void {
  for (let i: u32 = 0; i < 256; i++) store<u32>(LITERAL_SYMBOLS + (i << 2), LITERAL | (i << 16));
  store<u32>(LITERAL_SYMBOLS + (256 << 2), EXCEPTIONAL | END);
  // Each group of four lengths, or two distances, has one extra bit more than the group before it.
  let start: u32 = 3;
  for (let i: u32 = 0; i < 28; i++) {
    const extra: u32 = i < 8 ? 0 : (i >> 2) - 1;
    store<u32>(LITERAL_SYMBOLS + ((257 + i) << 2), (start << 16) | extra);
    start += 1 << extra;
  }
  store<u32>(LITERAL_SYMBOLS + (285 << 2), 258 << 16);
  store<u32>(LITERAL_SYMBOLS + (286 << 2), EXCEPTIONAL);
  store<u32>(LITERAL_SYMBOLS + (287 << 2), EXCEPTIONAL);
  start = 1;
  for (let i: u32 = 0; i < 30; i++) {
    const extra: u32 = i < 4 ? 0 : (i >> 1) - 1;
    store<u32>(DISTANCE_SYMBOLS + (i << 2), (start << 16) | extra);
    start += 1 << extra;
  }
  store<u32>(DISTANCE_SYMBOLS + (30 << 2), EXCEPTIONAL);
  store<u32>(DISTANCE_SYMBOLS + (31 << 2), EXCEPTIONAL);
  for (let i: u32 = 0; i < 19; i++) store<u32>(ORDER_SYMBOLS + (i << 2), i << 16);
}

/** Counts the lengths; gives the longest. */
function countLengths(lengths: usize, n: u32): u32 {
  memory.fill(COUNTS, 0, 64);
  for (let i: u32 = 0; i < n; i++) {
    const at = COUNTS + ((<usize>load<u8>(lengths + i)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  let longest: u32 = 15;
  while (longest > 0 && load<u32>(COUNTS + (longest << 2)) == 0) longest--;
  return longest;
}

/** Gives how many codes of 15 bits are left over: negative when there are too many codes. */
function leftOver(): i32 {
  let left: i32 = 1;
  for (let length: u32 = 1; length <= 15; length++) {
    left = (left << 1) - load<i32>(COUNTS + (length << 2));
    if (left < 0) return left;
  }
  return left;
}

function sortSymbols(lengths: usize, n: u32): void {
  let start: u32 = 0;
  for (let length: u32 = 1; length <= 15; length++) {
    store<u32>(STARTS + (length << 2), start);
    start += load<u32>(COUNTS + (length << 2));
  }
  for (let symbol: u32 = 0; symbol < n; symbol++) {
    const length: u32 = load<u8>(lengths + symbol);
    if (length == 0) continue;
    const at = STARTS + (length << 2);
    const position = load<u32>(at);
    store<u32>(at, position + 1);
    store<u16>(SORTED + (position << 1), <u16>symbol);
  }
}

/** The next code of the same length. Codes are kept with their first bit lowest, so counting up carries downwards. */
function nextCode(code: u32, length: u32): u32 {
  let bit: u32 = 1 << (length - 1);
  while ((code & bit) != 0) bit >>= 1;
  return bit == 0 ? 0 : (code & (bit - 1)) | bit;
}

/** Bits of a second table whose first code has `length`: as many as the codes that follow, which fill it, need. */
function subtableBits(length: u32, first: u32): u32 {
  let bits = length - first;
  let left = 1 << bits;
  while (first + bits < 15) {
    left -= load<i32>(COUNTS + ((first + bits) << 2));
    if (left <= 0) break;
    bits++;
    left <<= 1;
  }
  return bits;
}

/**
 * Builds the tables of one code; gives the bits of the first table, 0 when the lengths are no code.
 * As in zlib, a code may be incomplete only when it has no symbol or one of one bit (`lonely`).
 */
export function buildTable(lengths: usize, n: u32, symbols: usize, table: usize, tableBits: u32, entries: u32, lonely: bool): u32 {
  const longest = countLengths(lengths, n);
  const left = leftOver();
  if (left < 0) return 0;
  if (left > 0 && (!lonely || longest > 1)) return 0;
  sortSymbols(lengths, n);
  if (left > 0) {
    store<u32>(table, longest == 0 ? INVALID_ENTRY : withLength(symbols, load<u16>(SORTED), 1));
    store<u32>(table + 4, INVALID_ENTRY);
    return 1;
  }
  const first = min(tableBits, longest);
  let code: u32 = 0;
  let sorted: usize = SORTED;
  // The table for codes of n bits is that for n - 1 bits twice over, and then the codes of n bits.
  for (let length: u32 = 1; length <= first; length++) {
    const half: usize = 4 << (length - 1);
    memory.copy(table + half, table, half);
    for (let i = load<u32>(COUNTS + (length << 2)); i > 0; i--) {
      store<u32>(table + (code << 2), withLength(symbols, load<u16>(sorted), length));
      sorted += 2;
      code = nextCode(code, length);
    }
  }
  if (longest > first && !buildSubtables(code, sorted, first, longest, symbols, table, entries)) return 0;
  return first;
}

function buildSubtables(code: u32, sorted: usize, first: u32, longest: u32, symbols: usize, table: usize, entries: u32): bool {
  const mask: u32 = (1 << first) - 1;
  let next: u32 = 1 << first;
  let prefix: u32 = 0xffffffff;
  let start: u32 = 0;
  let bits: u32 = 0;
  for (let length = first + 1; length <= longest; length++) {
    const counted = COUNTS + (length << 2);
    while (load<u32>(counted) > 0) {
      if ((code & mask) != prefix) {
        prefix = code & mask;
        start = next;
        bits = subtableBits(length, first);
        next += 1 << bits;
        if (next > entries) return false;
        store<u32>(table + (prefix << 2), EXCEPTIONAL | SUBTABLE | (start << 16) | (bits << 8) | first);
      }
      const entry = withLength(symbols, load<u16>(sorted), length - first);
      for (let i = code >> first; i < 1 << bits; i += 1 << (length - first)) store<u32>(table + ((start + i) << 2), entry);
      sorted += 2;
      code = nextCode(code, length);
      store<u32>(counted, load<u32>(counted) - 1);
    }
  }
  return true;
}
