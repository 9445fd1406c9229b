/* CRC-32 as in gzip and zip (polynomial 0xedb88320), eight bytes at a time. */

import { CRC_TABLES } from './layout';

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
}

/** The CRC-32 of what `seed` is the CRC-32 of, followed by [at, end). */
export function crc32(at: usize, end: usize, seed: u32): u32 {
  let crc = ~seed;
  for (; at + 8 <= end; at += 8) {
    const low = load<u32>(at) ^ crc;
    const high = load<u32>(at, 4);
    crc =
      tabled(7, low & 0xff) ^ tabled(6, (low >> 8) & 0xff) ^ tabled(5, (low >> 16) & 0xff) ^ tabled(4, low >> 24) ^
      tabled(3, high & 0xff) ^ tabled(2, (high >> 8) & 0xff) ^ tabled(1, (high >> 16) & 0xff) ^ tabled(0, high >> 24);
  }
  for (; at < end; at++) crc = (crc >> 8) ^ tabled(0, (crc ^ load<u8>(at)) & 0xff);
  return ~crc;
}
