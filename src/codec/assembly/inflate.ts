/*
 * The decoder. One run goes on from a bit of the input to the input's end, the output's limit, a block's start or the end
 * of the stream. Symbols and heads of blocks are decoded whole or not at all, so between two runs there is nothing but
 * the bit position, the tables and what is left of a stored block; input, output and history may be moved meanwhile.
 */

import { DISTANCE_TABLE, END, EXCEPTIONAL, LITERAL_TABLE, SUBTABLE } from './layout';
import { consumeStored, contentBit, distanceBits, isFinal, isStored, literalBits, readHeader, stored } from './header';
import { AT_BLOCK, BAD_DISTANCE, BAD_LITERAL, BLOCK_END, FAR_DISTANCE, FINISHED, GO_ON, INPUT_USED, OUTPUT_FULL } from './status';

/** Where the run ended: bit of the input (counted from address 0), address of the output. */
export let bit: u32 = 0;
export let output: usize = 0;

/** Inside a block. */
let isInBlock: bool = false;

/** Before the first run of a stream, or of a part of one that starts at a block. */
export function start(): void {
  isInBlock = false;
}

/**
 * @param from Bit of the input to start at.
 * @param inputEnd Address.
 * @param to Address to write to.
 * @param limit Address at which to stop; passed by at most 260 bytes.
 * @param history Address of the earliest output that there is.
 * @param boundary Address from which on to stop at the start of a block.
 */
export function run(from: u32, inputEnd: usize, to: usize, limit: usize, history: usize, boundary: usize): i32 {
  const endBit = <u32>inputEnd << 3;
  bit = from;
  output = to;
  while (true) {
    if (!isInBlock) {
      if (output >= boundary) return AT_BLOCK;
      const status = readHeader(bit, endBit);
      if (status != GO_ON) return status;
      bit = contentBit;
      isInBlock = true;
    }
    const status = isStored ? copyStored(inputEnd, limit) : decodeBlock(inputEnd, limit, history);
    if (status != BLOCK_END) return status;
    isInBlock = false;
    if (isFinal) return FINISHED;
  }
}

function copyStored(inputEnd: usize, limit: usize): i32 {
  if (stored == 0) return BLOCK_END;
  if (output >= limit) return OUTPUT_FULL;
  const at: usize = bit >> 3;
  const n = min<usize>(stored, min<usize>(inputEnd - at, limit - output));
  memory.copy(output, at, n);
  output += n;
  bit += <u32>n << 3;
  consumeStored(<u32>n);
  if (stored == 0) return BLOCK_END;
  return output >= limit ? OUTPUT_FULL : INPUT_USED;
}

function decodeBlock(inputEnd: usize, limit: usize, history: usize): i32 {
  let status: i32 = GO_ON;
  // The fast loop looks 16 bytes ahead.
  if (<usize>(bit >> 3) + 17 <= inputEnd) status = decodeFast(inputEnd - 16, limit, history);
  while (status == GO_ON) {
    if (output >= limit) return OUTPUT_FULL;
    status = decodeOne(<u32>inputEnd << 3, history);
  }
  return status;
}

/** Decodes one literal or one match, unless the input ends in it. 8 bytes hold any match: 15 + 5 + 15 + 13 bits. */
function decodeOne(endBit: u32, history: usize): i32 {
  let bits = load<u64>(bit >> 3) >> (bit & 7);
  let used: u32 = 0;
  let entry = load<u32>(LITERAL_TABLE + ((<u32>bits & ((1 << literalBits) - 1)) << 2));
  if ((entry & SUBTABLE) != 0) {
    used = entry & 63;
    bits >>= used;
    entry = load<u32>(LITERAL_TABLE + (((entry >> 16) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1))) << 2));
  }
  used += entry & 63;
  if (bit + used > endBit) return INPUT_USED;
  if (<i32>entry < 0) {
    store<u8>(output++, <u8>(entry >> 16));
    bit += used;
    return GO_ON;
  }
  if ((entry & EXCEPTIONAL) != 0) {
    if ((entry & END) == 0) return BAD_LITERAL;
    bit += used;
    return BLOCK_END;
  }
  const length = valueOf(entry, <u32>bits);
  bits >>= entry & 63;
  entry = load<u32>(DISTANCE_TABLE + ((<u32>bits & ((1 << distanceBits) - 1)) << 2));
  if ((entry & SUBTABLE) != 0) {
    used += entry & 63;
    bits >>= entry & 63;
    entry = load<u32>(DISTANCE_TABLE + (((entry >> 16) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1))) << 2));
  }
  used += entry & 63;
  if (bit + used > endBit) return INPUT_USED;
  if ((entry & EXCEPTIONAL) != 0) return BAD_DISTANCE;
  const distance = valueOf(entry, <u32>bits);
  if (<usize>distance > output - history) return FAR_DISTANCE;
  for (const end = output + length; output < end; output++) store<u8>(output, load<u8>(output - distance));
  bit += used;
  return GO_ON;
}

/** What an entry starts from, plus its extra bits, which stand behind the code in `bits`. */
function valueOf(entry: u32, bits: u32): u32 {
  // Shifts count modulo 32, and an entry drops at most 28 bits.
  return (entry >> 16) + ((bits & ((1 << entry) - 1)) >> ((entry >> 8) & 15));
}

/** Copies a match, eight bytes at a time: it writes up to 7 bytes more. */
function copyMatch(to: usize, end: usize, distance: usize): void {
  let from = to - distance;
  if (distance >= 8) {
    do {
      store<u64>(to, load<u64>(from));
      to += 8;
      from += 8;
    } while (to < end);
  } else if (distance == 1) {
    const run = <u64>load<u8>(from) * 0x0101010101010101;
    do {
      store<u64>(to, run);
      to += 8;
    } while (to < end);
  } else {
    // Of each eight bytes only the first `distance` are right; the next eight start behind those.
    do {
      store<u64>(to, load<u64>(from));
      to += distance;
      from += distance;
    } while (to < end);
  }
}

/**
 * Fast path: decodes while 16 bytes of input are ahead and the output is below its limit.
 * The low 6 bits of `count` tell how many bits of `bits` count; what stands above them is what comes next in the input
 * and may be put there again. A refill gives at least 56 bits; a match takes at most 48, a literal from the first table 11.
 */
function decodeFast(lastInput: usize, limit: usize, history: usize): i32 {
  const literalMask: u32 = (1 << literalBits) - 1;
  const distanceMask: u32 = (1 << distanceBits) - 1;
  let at: usize = bit >> 3;
  let bits: u64 = <u64>load<u8>(at++) >> (bit & 7);
  let count: u32 = 8 - (bit & 7);
  let to = output;
  let status: i32 = GO_ON;
  while (at <= lastInput && to < limit) {
    bits |= load<u64>(at) << count;
    at += ((63 - count) >> 3) & 7;
    count |= 56;
    let entry = load<u32>(LITERAL_TABLE + ((<u32>bits & literalMask) << 2));
    if (<i32>entry < 0) {
      store<u8>(to++, <u8>(entry >> 16));
      bits >>= entry;
      count -= entry;
      entry = load<u32>(LITERAL_TABLE + ((<u32>bits & literalMask) << 2));
      if (<i32>entry < 0) {
        store<u8>(to++, <u8>(entry >> 16));
        bits >>= entry;
        count -= entry;
        entry = load<u32>(LITERAL_TABLE + ((<u32>bits & literalMask) << 2));
        if (<i32>entry < 0) {
          store<u8>(to++, <u8>(entry >> 16));
          bits >>= entry;
          count -= entry;
          continue;
        }
      }
      bits |= load<u64>(at) << count;
      at += ((63 - count) >> 3) & 7;
      count |= 56;
    }
    if ((entry & EXCEPTIONAL) != 0) {
      if ((entry & SUBTABLE) != 0) {
        bits >>= entry;
        count -= entry;
        entry = load<u32>(LITERAL_TABLE + (((entry >> 16) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1))) << 2));
        if (<i32>entry < 0) {
          store<u8>(to++, <u8>(entry >> 16));
          bits >>= entry;
          count -= entry;
          continue;
        }
      }
      if ((entry & EXCEPTIONAL) != 0) {
        status = (entry & END) != 0 ? BLOCK_END : BAD_LITERAL;
        bits >>= entry;
        count -= entry;
        break;
      }
    }
    const length = valueOf(entry, <u32>bits);
    bits >>= entry;
    count -= entry;
    entry = load<u32>(DISTANCE_TABLE + ((<u32>bits & distanceMask) << 2));
    if ((entry & EXCEPTIONAL) != 0) {
      if ((entry & SUBTABLE) != 0) {
        bits >>= entry;
        count -= entry;
        entry = load<u32>(DISTANCE_TABLE + (((entry >> 16) + (<u32>bits & ((1 << ((entry >> 8) & 15)) - 1))) << 2));
      }
      if ((entry & EXCEPTIONAL) != 0) {
        status = BAD_DISTANCE;
        break;
      }
    }
    const distance = valueOf(entry, <u32>bits);
    bits >>= entry;
    count -= entry;
    if (<usize>distance > to - history) {
      status = FAR_DISTANCE;
      break;
    }
    const end = to + length;
    copyMatch(to, end, distance);
    to = end;
  }
  bit = (<u32>at << 3) - (count & 63);
  output = to;
  return status;
}
