/* The columns of the table: breadth first, so that the rows of one depth follow those of the one before. */

import {
  COLUMNS, CRC, DEPTHS, LEVELS, MAX_OWNERS, METHOD, OFFSET, OWNERS, RESULT, ROW_BYTES, ROW_CHILDREN, ROW_CRC, ROW_DEPTH, ROW_HEADER,
  ROW_METHOD, ROW_MODE, ROW_NAME, ROW_NAME_END, ROW_NAME_LENGTH, ROW_NEWEST, ROW_OFFSET, ROW_OWNER, ROW_PARENT, ROW_SIZE, ROW_STORED,
  ROW_TIME, SIZE, STORED, S_IFDIR, S_IFMT,
} from './layout';
import { mtime, owner, readExtra } from './extra';
import { reach } from './memory';
import { namesSize, rowsEnd, rowsStart } from './tree';

let owners: u32 = 0;

/** Makes the columns and describes them in RESULT; says whether everything is plain. */
export function makeColumns(): bool {
  const size = ((rowsEnd - rowsStart) / ROW_BYTES) * sizeof<u32>();
  const columns = rowsEnd + size;
  const names = columns + size * COLUMNS;
  if (!reach(names + namesSize)) return false;
  order();
  if (!fill(columns, names)) return false;
  implyTimes();
  put(4, u32(size / sizeof<u32>()));
  put(5, owners);
  put(6, u32(columns));
  put(7, u32(names));
  put(8, u32(namesSize));
  put(9, spread(columns));
  return true;
}

export function put(word: usize, value: u32): void {
  store<u32>(RESULT + word * sizeof<u32>(), value);
}

/** Brings the rows into the order of the table. */
function order(): void {
  let at = rowsEnd;
  for (let level = LEVELS; level < LEVELS + DEPTHS * sizeof<u32>(); level += sizeof<u32>()) {
    const count = load<u32>(level);
    store<u32>(level, u32(at));
    at += count * sizeof<u32>();
  }
  for (let row = rowsStart; row < rowsEnd; row += ROW_BYTES) {
    const level = LEVELS + load<u32>(row, ROW_DEPTH) * sizeof<u32>();
    at = load<u32>(level);
    store<u32>(level, u32(at + sizeof<u32>()));
    store<u32>(at, u32(row));
  }
}

/** Fills the rows, in that order: positions of children, of names, and of owners depend on it. */
function fill(orderEnd: usize, names: usize): bool {
  store<u64>(OWNERS, 0);
  owners = 1;
  let name = names;
  let child: u32 = 1;
  for (let at = rowsEnd; at < orderEnd; at += sizeof<u32>()) {
    const row: usize = load<u32>(at);
    const length: usize = load<u32>(row, ROW_NAME_LENGTH);
    memory.copy(name, load<u32>(row, ROW_NAME), length);
    name += length;
    store<u32>(row, u32(name - names), ROW_NAME_END);
    const children = load<u32>(row, ROW_CHILDREN);
    store<u32>(row, child, ROW_CHILDREN);
    child += children;
    const header = load<u32>(row, ROW_HEADER);
    if (header != 0 && !describe(row, header)) return false;
  }
  return true;
}

/** Takes over what an entry says. */
function describe(row: usize, header: usize): bool {
  if (!readExtra(header)) return false;
  store<u32>(row, mtime, ROW_TIME);
  const position = positionOfOwner();
  store<u32>(row, position, ROW_OWNER);
  if ((load<u32>(row, ROW_MODE) & S_IFMT) != S_IFDIR) {
    store<u32>(row, load<u16>(header, METHOD), ROW_METHOD);
    store<u32>(row, load<u32>(header, CRC), ROW_CRC);
    store<u32>(row, load<u32>(header, SIZE), ROW_SIZE);
    store<u32>(row, load<u32>(header, OFFSET), ROW_OFFSET);
    store<u32>(row, load<u32>(header, STORED), ROW_STORED);
  }
  return position < MAX_OWNERS;
}

/** In the list of owners, which gets those that it has not. A longer one is looked up faster elsewhere. */
function positionOfOwner(): u32 {
  let position: u32 = 0;
  while (position < owners && load<u64>(OWNERS + position * sizeof<u64>()) != owner) position++;
  if (position == owners && position < MAX_OWNERS) store<u64>(OWNERS + owners++ * sizeof<u64>(), owner);
  return position;
}

/** A directory that no entry describes is as new as the newest of what is in it. What is in a directory stands behind it. */
function implyTimes(): void {
  for (let row = rowsEnd; row > rowsStart; ) {
    row -= ROW_BYTES;
    const newest = max(load<u32>(row, ROW_NEWEST), load<u32>(row, ROW_TIME));
    if (load<u32>(row, ROW_HEADER) == 0) store<u32>(row, newest, ROW_TIME);
    const parent = load<u32>(row, ROW_PARENT);
    if (row > rowsStart) store<u32>(parent, max(newest, load<u32>(parent, ROW_NEWEST)), ROW_NEWEST);
  }
}

/** Makes columns of the rows; gives a bit for each whose numbers are all the same. */
function spread(columns: usize): u32 {
  let sameness: u32 = 0;
  let to = columns;
  for (let column: usize = 0; column < COLUMNS; column++) {
    const first = load<u32>(rowsStart + column * sizeof<u32>());
    let different: u32 = 0;
    for (let at = rowsEnd; at < columns; at += sizeof<u32>()) {
      const number = load<u32>(usize(load<u32>(at)) + column * sizeof<u32>());
      different |= number ^ first;
      store<u32>(to, number);
      to += sizeof<u32>();
    }
    if (different == 0) sameness |= 1 << u32(column);
  }
  return sameness;
}
