/*
 * Reads the central directory of a zip whose entries are plain: such that src/archive/zip.ts has nothing to warn of. Everything else is
 * left to that. What is read is judged once, header by header; then the names are sorted, the tree is made of them, and the table of that.
 */

import { COMMENT_LENGTH, COMMON, ELEMENT_SIZE, EXTRA_LENGTH, HEADER, HEADER_SIZE, INPUT, RAW_NAME_LENGTH, RESULT } from './layout';
import { makeColumns, put } from './columns';
import { content, hasZstd, judgeHeader, startHeaders } from './header';
import { reach } from './memory';
import { common, judgeName, lengthOf, precedes } from './name';
import { sort } from './sort';
import { makeTree } from './tree';

let found: u32 = 0;
let elementsEnd: usize = 0;
let isSorted: bool = true;

/** Makes room for a directory of so many bytes; gives where, or 0. */
export function reserve(size: usize): usize {
  return reach(INPUT + size) ? INPUT : 0;
}

/**
 * Reads the directory of `size` bytes at INPUT, which it changes. The `prefixLength` bytes before it are a path that is put in front of all
 * names, of which `strip` components are left out. Gives where the result is; 0 where the directory is not plain, or has more than `limit` rows.
 */
export function read(size: usize, limit: usize, strip: u32, prefixLength: usize): usize {
  const end = INPUT + size;
  const elements = (end + 7) & ~7;
  const room = elements + (size / HEADER_SIZE) * ELEMENT_SIZE;
  const rows = room + (size / HEADER_SIZE) * ELEMENT_SIZE;
  startHeaders();
  if (!reach(rows) || !findEntries(end, elements, strip)) return 0;
  const elementsSize = elementsEnd - elements;
  const sorted = isSorted ? elements : sort(elements, room, elementsSize);
  if (!makeTree(sorted, sorted + elementsSize, prefixLength, rows, limit) || !makeColumns()) return 0;
  store<u64>(RESULT, content);
  put(2, found);
  put(3, hasZstd);
  return RESULT;
}

/** Judges all entries, and makes elements of those that count. */
function findEntries(end: usize, elements: usize, strip: u32): bool {
  found = 0;
  isSorted = true;
  elementsEnd = elements;
  for (let header = INPUT; header < end; ) {
    if (header + HEADER_SIZE > end || load<u32>(header) != HEADER) return false;
    const next =
      header + HEADER_SIZE + load<u16>(header, RAW_NAME_LENGTH) + load<u16>(header, EXTRA_LENGTH) + load<u16>(header, COMMENT_LENGTH);
    if (next > end || !judgeName(header, strip) || !judgeHeader(header)) return false;
    if (lengthOf(header) > 0) addElement(header, elements);
    found++;
    header = next;
  }
  return true;
}

function addElement(header: usize, elements: usize): void {
  const element = elementsEnd;
  elementsEnd += ELEMENT_SIZE;
  store<u32>(element, u32(header));
  store<u32>(element, 0, COMMON);
  if (element == elements || !isSorted) return;
  isSorted = precedes(load<u32>(element - ELEMENT_SIZE), header, 0);
  store<u32>(element, u32(common), COMMON);
}
