/* The tree: a row for each entry in the order of their paths, and for each directory that only paths imply. */

import {
  COMMON, DEPTHS, ELEMENT_SIZE, IMPLIED, IMPLIED_MODE, INPUT, LEVELS, MODE, ROW_BYTES, ROW_CHILDREN, ROW_DEPTH, ROW_FLAGS, ROW_HEADER,
  ROW_MODE, ROW_NAME, ROW_NAME_LENGTH, ROW_PARENT, SLASH, STACK, S_IFDIR, S_IFMT,
} from './layout';
import { reach } from './memory';
import { lengthOf, nameOf } from './name';

export let rowsStart: usize = 0;
export let rowsEnd: usize = 0;
/** Bytes of all names. */
export let namesSize: usize = 0;
/** How many rows the stack has. */
let depth: usize = 0;
let rowsLimit: usize = 0;

/** Makes the rows of sorted elements at `start`, at most `limit`; says whether there is nothing wrong with it. */
export function makeTree(elements: usize, elementsEnd: usize, prefixLength: usize, start: usize, limit: usize): bool {
  memory.fill(LEVELS, 0, DEPTHS * sizeof<u32>());
  rowsStart = start;
  rowsEnd = start;
  rowsLimit = limit;
  namesSize = 0;
  depth = 0;
  if (!addRow(0, 0, 0, IMPLIED_MODE, -1)) return false;
  if (elements == elementsEnd) return true;
  // Whatever is on the stack with the end -1 is above every entry.
  const prefix = INPUT - prefixLength;
  if (prefixLength > 0 && !(addImplied(prefix, 0, prefixLength, true) && addRow(0, prefix + last, prefixLength - last, IMPLIED_MODE, -1)))
    return false;
  for (let element = elements; element < elementsEnd; element += ELEMENT_SIZE) {
    if (!addEntry(load<u32>(element), load<u32>(element, COMMON))) return false;
  }
  return true;
}

function addEntry(header: usize, shared: usize): bool {
  const name = nameOf(header);
  const length = lengthOf(header);
  // The same name as the one before.
  if (shared == length) return false;
  while (!isAbove(load<i32>(top()), name, shared)) depth--;
  const parent = load<u32>(top(), 4);
  if ((load<u32>(parent, ROW_MODE) & S_IFMT) != S_IFDIR) return false;
  if (!addImplied(name, load<i32>(top()) + 1, length, false)) return false;
  return addRow(header, name + last, length - last, load<u16>(header, MODE), i32(length));
}

/** Says whether the row whose path ends at `end` in the name of the entry before is above this one, too. */
function isAbove(end: i32, name: usize, shared: usize): bool {
  return end < i32(shared) || (end == i32(shared) && load<u8>(name + shared) == SLASH);
}

/** Where the last component starts. */
let last: usize = 0;

/** Adds the directories of a path from `start` on, but for its last component. */
function addImplied(path: usize, start: usize, length: usize, isPrefix: bool): bool {
  for (let at = start; at < length; at++) {
    if (load<u8>(path + at) != SLASH) continue;
    if (!addRow(0, path + start, at - start, IMPLIED_MODE, isPrefix ? -1 : i32(at))) return false;
    start = at + 1;
  }
  last = start;
  return true;
}

function addRow(header: usize, name: usize, length: usize, mode: u32, end: i32): bool {
  const row = rowsEnd;
  rowsEnd += ROW_BYTES;
  if (rowsLimit-- == 0 || depth == DEPTHS || !reach(rowsEnd)) return false;
  memory.fill(row, 0, ROW_BYTES);
  namesSize += length;
  store<u32>(row, mode, ROW_MODE);
  store<u32>(row, u32(header), ROW_HEADER);
  if (header == 0) store<u32>(row, IMPLIED, ROW_FLAGS);
  store<u32>(row, u32(name), ROW_NAME);
  store<u32>(row, u32(length), ROW_NAME_LENGTH);
  store<u32>(row, u32(depth), ROW_DEPTH);
  if (depth > 0) {
    const parent = load<u32>(top(), 4);
    store<u32>(row, parent, ROW_PARENT);
    store<u32>(parent, load<u32>(parent, ROW_CHILDREN) + 1, ROW_CHILDREN);
  }
  const level = LEVELS + depth * sizeof<u32>();
  store<u32>(level, load<u32>(level) + 1);
  depth++;
  store<i32>(top(), end);
  store<u32>(top(), u32(row), 4);
  return true;
}

/** The last row of the stack. */
function top(): usize {
  return STACK + (depth - 1) * 8;
}
