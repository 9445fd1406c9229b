/*
 * The head of a block: stored length or decoding tables (RFC 1951, 3.2.3 to 3.2.7). It is read whole or not at all:
 * where the input ends inside, the run ends before the block and the next one starts it again.
 */

import {
  DISTANCE_BITS, DISTANCE_ENTRIES, DISTANCE_SYMBOLS, DISTANCE_TABLE, LENGTHS, LITERAL_BITS, LITERAL_ENTRIES, LITERAL_SYMBOLS,
  LITERAL_TABLE, ORDER_BITS, ORDER_ENTRIES, ORDER_LENGTHS, ORDER_SYMBOLS, ORDER_TABLE,
} from './layout';
import {
  BAD_BLOCK_TYPE, BAD_DISTANCE_CODE, BAD_LITERAL_CODE, BAD_ORDER_CODE, BAD_REPEAT, BAD_STORED_LENGTH, BAD_SYMBOL_COUNT, GO_ON, INPUT_USED,
  NO_END_CODE,
} from './status';
import { buildTable } from './tables';

/** Bits of the first tables of the block. */
export let literalBits: u32 = 0;
export let distanceBits: u32 = 0;
/** Bytes of a stored block that are still to come. */
export let stored: u32 = 0;
export let isStored: bool = false;
export let isFinal: bool = false;
/** Where the block's content starts. */
export let contentBit: u32 = 0;

/** The tables hold the fixed codes. Therefore they need not be built for the next block that has these. */
let isFixed: bool = false;
let at: u32 = 0;

/** The order in which the lengths of the code length code are written, one byte each. */
const ORDER: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

/** Takes up to 25 bits. May run past the input's end: what it finds there is never used. */
function take(n: u32): u32 {
  const bits = load<u32>(at >> 3) >> (at & 7);
  at += n;
  return bits & ((1 << n) - 1);
}

export function consumeStored(n: u32): void {
  stored -= n;
}

/** Reads the head of the block at `bit`. Gives GO_ON, INPUT_USED, or what is wrong. */
export function readHeader(bit: u32, endBit: u32): i32 {
  at = bit;
  const final = take(1) != 0;
  const type = take(2);
  let status: i32 = BAD_BLOCK_TYPE;
  if (type == 0) status = readStored();
  else if (type == 1) status = readFixed();
  else if (type == 2) status = readDynamic(endBit);
  // Past the end everything is accidental, errors too.
  if (at > endBit) return INPUT_USED;
  isFinal = final;
  isStored = type == 0;
  contentBit = at;
  return status;
}

function readStored(): i32 {
  at = (at + 7) & ~7;
  const length = take(16);
  const complement = take(16);
  stored = length;
  return length == (complement ^ 0xffff) ? GO_ON : BAD_STORED_LENGTH;
}

function readFixed(): i32 {
  if (isFixed) return GO_ON;
  memory.fill(LENGTHS, 8, 144);
  memory.fill(LENGTHS + 144, 9, 112);
  memory.fill(LENGTHS + 256, 7, 24);
  memory.fill(LENGTHS + 280, 8, 8);
  memory.fill(LENGTHS + 288, 5, 32);
  buildCodes(288, 32);
  isFixed = true;
  return GO_ON;
}

function readDynamic(endBit: u32): i32 {
  const literals = take(5) + 257;
  const distances = take(5) + 1;
  const orders = take(4) + 4;
  if (literals > 286 || distances > 30) return BAD_SYMBOL_COUNT;
  memory.fill(ORDER_LENGTHS, 0, 19);
  for (let i: u32 = 0; i < orders; i++) store<u8>(ORDER_LENGTHS + load<u8>(ORDER + i), <u8>take(3));
  const orderBits = buildTable(ORDER_LENGTHS, 19, ORDER_SYMBOLS, ORDER_TABLE, ORDER_BITS, ORDER_ENTRIES, false);
  if (orderBits == 0) return BAD_ORDER_CODE;
  const status = readLengths(literals + distances, orderBits);
  // The tables would be built again: do not build them from what is no input.
  if (status != GO_ON || at > endBit) return status;
  if (load<u8>(LENGTHS + 256) == 0) return NO_END_CODE;
  isFixed = false;
  return buildCodes(literals, distances);
}

function readLengths(n: u32, orderBits: u32): i32 {
  const mask: u32 = (1 << orderBits) - 1;
  let i: u32 = 0;
  while (i < n) {
    const entry = load<u32>(ORDER_TABLE + (((load<u32>(at >> 3) >> (at & 7)) & mask) << 2));
    at += entry & 63;
    const symbol = entry >> 16;
    if (symbol < 16) {
      store<u8>(LENGTHS + i++, <u8>symbol);
      continue;
    }
    let length: u8 = 0;
    let repeat: u32 = 0;
    if (symbol == 16) {
      if (i == 0) return BAD_REPEAT;
      length = load<u8>(LENGTHS + i - 1);
      repeat = 3 + take(2);
    } else if (symbol == 17) repeat = 3 + take(3);
    else repeat = 11 + take(7);
    if (i + repeat > n) return BAD_REPEAT;
    memory.fill(LENGTHS + i, length, repeat);
    i += repeat;
  }
  return GO_ON;
}

function buildCodes(literals: u32, distances: u32): i32 {
  literalBits = buildTable(LENGTHS, literals, LITERAL_SYMBOLS, LITERAL_TABLE, LITERAL_BITS, LITERAL_ENTRIES, true);
  if (literalBits == 0) return BAD_LITERAL_CODE;
  distanceBits = buildTable(LENGTHS + literals, distances, DISTANCE_SYMBOLS, DISTANCE_TABLE, DISTANCE_BITS, DISTANCE_ENTRIES, true);
  return distanceBits == 0 ? BAD_DISTANCE_CODE : GO_ON;
}
