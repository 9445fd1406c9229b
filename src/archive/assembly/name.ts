/* Names: what makes one plain, and their order. */

import {
  HEADER_SIZE, MADE_ON, FLAGS, NAME_LENGTH, NAME_MAX, NAME_SKIP, PATH_MAX, RAW_NAME_LENGTH, SLASH,
} from './layout';

/** General purpose bit 11. */
const UTF8_FLAG: u32 = 0x0800;
const DOT: u32 = 0x2e;
const BACKSLASH: u32 = 0x5c;

/* Sets of systems, by the upper byte of "version made by". */
const UNIX: u32 = (1 << 3) | (1 << 19);
const DOS: u32 = (1 << 0) | (1 << 10) | (1 << 11) | (1 << 14);

function isMadeOn(header: usize, systems: u32): bool {
  const system: u32 = load<u8>(header, MADE_ON);
  return system < 32 && ((systems >> system) & 1) != 0;
}

export function isMadeOnUnix(header: usize): bool {
  return isMadeOn(header, UNIX);
}

export function isMadeOnDos(header: usize): bool {
  return isMadeOn(header, DOS);
}

/** The part of an entry's name that counts, once it was judged: without the slash of a directory. */
export function nameOf(header: usize): usize {
  return header + HEADER_SIZE + load<u16>(header, NAME_SKIP);
}

export function lengthOf(header: usize): usize {
  return load<u16>(header, NAME_LENGTH);
}

export function endsWithSlash(header: usize): bool {
  return load<u8>(header + HEADER_SIZE - 1 + load<u16>(header, RAW_NAME_LENGTH)) == SLASH;
}

/** Says whether a name is plain, and writes into the header which part of it counts: none where it has no more than `strip` components. */
export function judgeName(header: usize, strip: u32): bool {
  let length: u32 = load<u16>(header, RAW_NAME_LENGTH);
  if (length == 0 || length >= PATH_MAX) return false;
  if (endsWithSlash(header)) length--;
  const isUtf8 = (load<u16>(header, FLAGS) & UTF8_FLAG) != 0 || isMadeOnUnix(header);
  const isDos = isMadeOnDos(header);
  const start = header + HEADER_SIZE;
  const end = start + length;
  let component = start;
  let counted = start;
  let at = start;
  while (at < end) {
    const byte: u32 = load<u8>(at);
    if (byte == SLASH) {
      if (!isPlain(component, at)) return false;
      component = at + 1;
      if (strip > 0) {
        strip--;
        counted = component;
      }
    } else if (byte >= 0x80) {
      // Whether it is UTF-8 is told by the names of the table, which has whole characters, and nothing of what is left out.
      if (!isUtf8 || strip > 0 || (at == component && byte < 0xc0)) return false;
    } else if (byte == 0 || (byte == BACKSLASH && isDos)) return false;
    at++;
  }
  if (!isPlain(component, end)) return false;
  if (strip > 0) counted = end;
  store<u16>(header, u16(end - counted), NAME_LENGTH);
  store<u16>(header, u16(counted - start), NAME_SKIP);
  return true;
}

/** A component has a name, which leads nowhere else and is not too long. */
function isPlain(start: usize, end: usize): bool {
  const length = end - start;
  if (length - 1 >= NAME_MAX) return false;
  return length > 2 || load<u8>(start) != DOT || (length == 2 && load<u8>(start, 1) != DOT);
}

/** How many bytes two names have in common at their start, as the last comparison has found. */
export let common: usize = 0;

/**
 * Says whether the first of two names comes before the second in the order of the tree: a directory, what is in it, its next sibling. They
 * are known to have `from` bytes in common.
 */
export function precedes(one: usize, other: usize, from: usize): bool {
  const oneName = nameOf(one);
  const otherName = nameOf(other);
  const oneLength = lengthOf(one);
  const otherLength = lengthOf(other);
  const both = min(oneLength, otherLength);
  let at = from;
  while (at + 8 <= both && load<u64>(oneName + at) == load<u64>(otherName + at)) at += 8;
  while (at < both && load<u8>(oneName + at) == load<u8>(otherName + at)) at++;
  common = at;
  return at == both ? oneLength < otherLength : rank(oneName + at) < rank(otherName + at);
}

/** What is in a directory comes before every longer name. */
function rank(at: usize): u32 {
  const byte: u32 = load<u8>(at);
  return byte == SLASH ? 0 : byte;
}
