/* CRC-32 as in gzip and zip (polynomial 0xedb88320), eight bytes at a time. */

import { CRC_SKIPPED, CRC_TABLES, INPUT } from './layout';

/** Bytes. */
const LANE: usize = 1024;

function tabled(table: usize, byte: u32): u32 {
  return load<u32>(CRC_TABLES + (table << 10) + (byte << 2));
}

/** Fills the tables. Called once. */
export function prepareCrc32(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320 & (0 - (crc & 1)));
    store<u32>(CRC_TABLES + (byte << 2), crc);
  }
  for (let table: usize = 1; table < 8; table++) {
    for (let byte: u32 = 0; byte < 256; byte++) {
      const crc = tabled(table - 1, byte);
      store<u32>(CRC_TABLES + (table << 10) + (byte << 2), (crc >> 8) ^ tabled(0, crc & 0xff));
    }
  }
  for (let bit: u32 = 0; bit < 32; bit++) {
    let crc: u32 = 1 << bit;
    // No input has come yet: these are zeros.
    for (let at = INPUT; at < INPUT + LANE; at += 8) crc = step(crc, at);
    store<u32>(CRC_SKIPPED + (bit << 2), crc);
  }
}

/** Eight bytes further. `crc` is inverted, as in all that follows. */
@inline
function step(crc: u32, at: usize): u32 {
  const low = load<u32>(at) ^ crc;
  const high = load<u32>(at, 4);
  return (
    load<u32>((low << 2) & 0x3fc, CRC_TABLES + 0x1c00) ^ load<u32>((low >> 6) & 0x3fc, CRC_TABLES + 0x1800) ^
    load<u32>((low >> 14) & 0x3fc, CRC_TABLES + 0x1400) ^ load<u32>((low >> 22) & 0x3fc, CRC_TABLES + 0x1000) ^
    load<u32>((high << 2) & 0x3fc, CRC_TABLES + 0xc00) ^ load<u32>((high >> 6) & 0x3fc, CRC_TABLES + 0x800) ^
    load<u32>((high >> 14) & 0x3fc, CRC_TABLES + 0x400) ^ load<u32>((high >> 22) & 0x3fc, CRC_TABLES)
  );
}

/** LANE zeros further. What a state becomes by zeros is the sum of what its bits become. */
function skipLane(crc: u32): u32 {
  let skipped: u32 = 0;
  for (let bit = CRC_SKIPPED; crc != 0; bit += 4, crc >>= 1) skipped ^= load<u32>(bit) & (0 - (crc & 1));
  return skipped;
}

/** The CRC-32 of what `seed` is the CRC-32 of, followed by [at, end). */
export function crc32(at: usize, end: usize, seed: u32): u32 {
  let crc = ~seed;
  // Fast path: three lanes side by side, because each step waits for the one before it.
  for (; at + 3 * LANE <= end; at += 3 * LANE) {
    let second: u32 = 0;
    let third: u32 = 0;
    for (let i = at; i < at + LANE; i += 8) {
      crc = step(crc, i);
      second = step(second, i + LANE);
      third = step(third, i + 2 * LANE);
    }
    crc = skipLane(skipLane(crc) ^ second) ^ third;
  }
  for (; at + 8 <= end; at += 8) crc = step(crc, at);
  for (; at < end; at++) crc = (crc >> 8) ^ tabled(0, (crc ^ load<u8>(at)) & 0xff);
  return ~crc;
}
