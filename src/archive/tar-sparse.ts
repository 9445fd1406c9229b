/*
 * Files with holes in tar archives (GNU tar's manual, "Storing Sparse Files"): the pieces that are stored, one behind another,
 * and where in the file each belongs. Four spellings: in the header itself (type 'S', with further blocks behind it), in repeated
 * pax records (0.0), in one pax record (0.1), and in front of the content (1.0).
 */

import { decodeUtf8 } from '../base/bytes.ts';
import { type Place, damaged } from './damage.ts';
import { type PaxRecords, paxName, paxNumber } from './pax.ts';
import { TAR_BLOCK, readTarNumber } from './tar-header.ts';

export interface SparseMap {
  /** Bytes of the file, holes included. */
  readonly size: number;
  /** As in `LayerEntry`: position in the file, length, and position in what is stored, for each piece. */
  readonly pieces: Float64Array;
}

/** In the header of type 'S': four pieces of two numbers each, whether more follow, and the file's size. */
const OLD_MAP = 386;
const OLD_MORE = 482;
const OLD_SIZE = 483;
/** In a block that follows it: 21 pieces, and whether another block follows. */
const MORE_MAP_SIZE = 504;
const NUMBER_SIZE = 12;

/** Gathers the blocks of a map that stand between the header and the content. */
export interface MapReader {
  /** Takes the next block. Gives whether that was the last one. */
  push(block: Uint8Array): boolean;
  /** @throws {FsError} EIO when the map contradicts itself or the content's size. */
  finish(stored: number): SparseMap;
}

/** Reads the map of a header of type 'S'. Gives whether it is complete already. */
export function oldSparseMap(header: Uint8Array, place: Place): { readonly map: MapReader; readonly complete: boolean } {
  const numbers: number[] = [];
  const number = (block: Uint8Array, at: number): number => {
    const value = readTarNumber(block.subarray(at, at + NUMBER_SIZE));
    if (value === undefined) throw damaged(place, 'its sparse map has something that is not a number');
    return value;
  };
  const pieces = (block: Uint8Array, start: number, end: number): void => {
    // A piece whose first byte is NUL is none: the map ends with the one before.
    for (let at = start; at < end && block[at] !== 0; at += NUMBER_SIZE) numbers.push(number(block, at));
  };
  pieces(header, OLD_MAP, OLD_MORE);
  const size = number(header, OLD_SIZE);
  const map: MapReader = {
    push(block) {
      pieces(block, 0, MORE_MAP_SIZE);
      return block[MORE_MAP_SIZE] === 0;
    },
    finish: (stored) => makeMap(numbers, size, stored, place),
  };
  return { map, complete: header[OLD_MORE] === 0 };
}

/** The pax map of an entry: *inline* indicates that it stands in the records, *ahead* in front of the content. */
export function paxSparseForm(pax: PaxRecords): 'none' | 'inline' | 'ahead' {
  if (pax.has('GNU.sparse.map')) return 'inline';
  return paxText(pax, 'GNU.sparse.major') === '1' ? 'ahead' : 'none';
}

/** The name of a sparse file: `undefined` where the entry is none. */
export const paxSparseName = (pax: PaxRecords): Uint8Array | undefined => paxName(pax, 'GNU.sparse.name');

/**
 * Reads the map in the records (versions 0.0 and 0.1).
 *
 * @throws {FsError} EIO when it contradicts itself or the content's size.
 */
export function inlineSparseMap(pax: PaxRecords, stored: number, place: Place): SparseMap {
  const text = paxText(pax, 'GNU.sparse.map') ?? '';
  const numbers = text === '' ? [] : text.split(',').map((part) => decimal(part, place));
  return makeMap(numbers, paxNumber(pax, 'GNU.sparse.size', place), stored, place);
}

/** Reads the map in front of the content (version 1.0): how many pieces, then two numbers each, a line a number, in whole blocks. */
export function sparseMapAhead(pax: PaxRecords, place: Place): MapReader {
  const numbers: number[] = [];
  let line = '';
  return {
    push(block) {
      const lines = (line + decodeUtf8(block)).split('\n');
      line = lines.pop()!;
      if (line.length > TAR_BLOCK) throw damaged(place, 'its sparse map has a line that is too long');
      for (const text of lines) {
        numbers.push(decimal(text, place));
        if (numbers.length === 1 + 2 * numbers[0]!) return true;
      }
      return false;
    },
    finish: (stored) => makeMap(numbers.slice(1), paxNumber(pax, 'GNU.sparse.realsize', place), stored, place),
  };
}

function paxText(pax: PaxRecords, key: string): string | undefined {
  const value = pax.get(key);
  return value === undefined ? undefined : decodeUtf8(value);
}

function decimal(text: string, place: Place): number {
  if (!/^\d{1,16}$/.test(text)) throw damaged(place, `its sparse map says '${text.slice(0, 40)}'`);
  return Number(text);
}

/** Pieces must rise, must not overlap, must lie in the file, and must be as long together as what is stored. */
function makeMap(numbers: readonly number[], size: number | undefined, stored: number, place: Place): SparseMap {
  if (size === undefined || !Number.isSafeInteger(size) || size < 0) throw damaged(place, `a sparse file of ${size} bytes`);
  if (numbers.length % 2 !== 0) throw damaged(place, 'its sparse map has a piece without a length');
  const pieces: number[] = [];
  let end = 0;
  let position = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    const [start, length] = [numbers[i]!, numbers[i + 1]!];
    if (start < end || length < 0 || start + length > size)
      throw damaged(place, `its sparse map has a piece of ${length} bytes at ${start}`);
    if (length > 0) pieces.push(start, length, position);
    end = start + length;
    position += length;
  }
  if (position !== stored) throw damaged(place, `the pieces of its sparse map have ${position} bytes, ${stored} are stored`);
  return { size, pieces: Float64Array.from(pieces) };
}
