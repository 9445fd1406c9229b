/*
 * Literal search: 16 places at a time are compared with the first and the last byte of the needle, and what fits both is compared
 * whole. Each byte of the needle has a mask that is or-ed into what it is compared with: 0x20 where a letter may be of either case.
 */

import { NEEDLE, NEEDLE_MASK } from './layout';

/**
 * Where [at, end) first has the needle, which has `length` bytes; 0 where it has not. The caller has filled up needle and mask with
 * 0xff to a multiple of 16. Up to 15 bytes behind `end` are read and do not count.
 */
export function find(at: usize, end: usize, length: usize): usize {
  const last = length - 1;
  const firstByte = i8x16.splat(load<u8>(NEEDLE));
  const firstMask = i8x16.splat(load<u8>(NEEDLE_MASK));
  const lastByte = i8x16.splat(load<u8>(NEEDLE + last));
  const lastMask = i8x16.splat(load<u8>(NEEDLE_MASK + last));
  for (; at + length <= end; at += 16) {
    const firsts = i8x16.eq(v128.or(v128.load(at), firstMask), firstByte);
    const lasts = i8x16.eq(v128.or(v128.load(at + last), lastMask), lastByte);
    let fits = i8x16.bitmask(v128.and(firsts, lasts));
    while (fits != 0) {
      const place = at + ctz(fits);
      if (place + length > end) return 0;
      if (isNeedle(place, length)) return place;
      fits &= fits - 1;
    }
  }
  return 0;
}

function isNeedle(at: usize, length: usize): bool {
  for (let i: usize = 0; i < length; i += 16) {
    const bytes = v128.or(v128.load(at + i), v128.load(NEEDLE_MASK + i));
    if (!i8x16.all_true(i8x16.eq(bytes, v128.load(NEEDLE + i)))) return false;
  }
  return true;
}
