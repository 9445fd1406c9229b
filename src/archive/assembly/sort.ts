/*
 * Sorts elements by their names: merging, where each knows how many bytes it has in common with the one before it. So no byte is
 * compared twice that is known to be the same, and the time goes with the bytes of all names and n log n, whatever they are.
 */

import { COMMON, ELEMENT_SIZE } from './layout';
import { common, precedes } from './name';

/** Sorts elements that take `size` bytes; gives where they are then: there, or at `room`, where as many fit. */
export function sort(from: usize, room: usize, size: usize): usize {
  for (let width = ELEMENT_SIZE; width < size; width *= 2) {
    for (let at: usize = 0; at < size; at += width * 2) {
      merge(from + at, from + min(at + width, size), from + min(at + width * 2, size), room + at);
    }
    const sorted = room;
    room = from;
    from = sorted;
  }
  return from;
}

function merge(one: usize, other: usize, end: usize, to: usize): void {
  let oneEnd = other;
  // What the next element of either has in common with the one that was written last: the one with more of it follows that.
  let oneCommon: usize = 0;
  let otherCommon: usize = 0;
  while (one < oneEnd && other < end) {
    let takeOne = oneCommon > otherCommon;
    const known = max(oneCommon, otherCommon);
    if (oneCommon == otherCommon) {
      takeOne = precedes(load<u32>(one), load<u32>(other), oneCommon);
      if (takeOne) otherCommon = common;
      else oneCommon = common;
    }
    if (takeOne) {
      put(to, one, known);
      one += ELEMENT_SIZE;
      oneCommon = load<u32>(one, COMMON);
    } else {
      put(to, other, known);
      other += ELEMENT_SIZE;
      otherCommon = load<u32>(other, COMMON);
    }
    to += ELEMENT_SIZE;
  }
  if (one == oneEnd) {
    one = other;
    oneEnd = end;
    oneCommon = otherCommon;
  }
  if (one == oneEnd) return;
  memory.copy(to, one, oneEnd - one);
  store<u32>(to, u32(oneCommon), COMMON);
}

function put(to: usize, element: usize, shared: usize): void {
  store<u32>(to, load<u32>(element));
  store<u32>(to, u32(shared), COMMON);
}
