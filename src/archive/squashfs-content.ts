/*
 * Where the content of files is in a SquashFS image ("Squashfs Binary Format", section 4): blocks that follow each other, holes among
 * them, and ends of several files in one fragment. The format has no checksums: what can be compared is compared when it is read.
 */

import type { Extent } from '../layer/table.ts';
import { type Place, damaged } from './damage.ts';
import { type FileInode, NONE } from './squashfs-inode.ts';
import { SUPERBLOCK_SIZE } from './squashfs-superblock.ts';
import type { Unpack } from './squashfs-unpack.ts';

/** In the size of a block in the image: it is not compressed. */
const STORED = 1 << 24;
const SIZE_MASK = STORED - 1;

/** What of an image is not in its table. Plain values. */
export interface SquashfsContent {
  readonly compressor: 'gzip' | 'zstd';
  readonly blockSize: number;
  /** Where content ends and the inode table starts. */
  readonly contentEnd: number;
  /**
   * Of each file, from the position on that its extent has as `stored`: the number of its fragment, where in there its end starts,
   * the sizes of its blocks. The extent's `offset` is where the first block starts.
   */
  readonly words: Uint32Array;
  /** Where fragments start, and their sizes. */
  readonly fragmentStart: Float64Array;
  readonly fragmentSize: Uint32Array;
}

/** A block or fragment, and which part of a file it holds. */
export interface Part {
  /** Tells it from all others of the image. */
  readonly key: number;
  /** The bytes [start, end) of the image. */
  readonly start: number;
  readonly end: number;
  readonly isPacked: boolean;
  /** Where its content belongs in the file, where that starts in what is unpacked, and how much it is. */
  readonly position: number;
  readonly from: number;
  readonly length: number;
  /** All that is unpacked is this content. */
  readonly isWhole: boolean;
}

/** How many blocks a file has besides its fragment. */
export const blockCount = ({ size, fragment }: Pick<FileInode, 'size' | 'fragment'>, blockSize: number): number =>
  fragment === NONE ? Math.ceil(size / blockSize) : Math.floor(size / blockSize);

/** Tells whether the size of a block in the image says that it is all zeros. */
export const isHole = (word: number): boolean => word === 0;

/** Finds the parts of files. */
export class SquashfsParts {
  /** Where a block of a file is, of which the next one is asked for mostly: sizes before it need not be added up again. */
  #last = { file: -1, block: 0, start: 0 };

  constructor(readonly content: SquashfsContent) {}

  /** Where the fragment starts that a file ends in, in the image, and its content there, in the file; `undefined` where it has none. */
  tail({ stored: at }: Extent, size: number): { readonly start: number; readonly position: number } | undefined {
    const { words, blockSize, fragmentStart } = this.content;
    const fragment = words[at]!;
    if (fragment === NONE) return undefined;
    return { start: fragmentStart[fragment] ?? 0, position: blockCount({ size, fragment }, blockSize) * blockSize };
  }

  /**
   * The parts that hold [start, end) of a file of `size` bytes, in order. Holes have none.
   * @throws {FsError} EIO when one is not where content is
   */
  *find(file: Extent, size: number, [start, end]: readonly [number, number], place: Place): Generator<Part> {
    const { blockSize, words } = this.content;
    const fragment = words[file.stored]!;
    const count = blockCount({ size, fragment }, blockSize);
    const tail = count * blockSize;
    const first = Math.floor(start / blockSize);
    let at = first < count ? this.#startOf(file, first) : 0;
    for (let block = first; block < count && block * blockSize < end; block++) {
      const key = file.stored + 2 + block;
      const position = block * blockSize;
      const length = Math.min(blockSize, size - position);
      this.#last = { file: file.stored, block, start: at };
      if (!isHole(words[key]!)) yield this.#part({ key, position, length, from: 0, isWhole: true }, at, words[key]!, place);
      at += words[key]! & SIZE_MASK;
    }
    if (fragment !== NONE && end > tail && start < size) {
      const { start: fragmentAt, word } = this.#fragment(fragment, place);
      const from = words[file.stored + 1]!;
      yield this.#part({ key: -1 - fragment, position: tail, length: size - tail, from, isWhole: false }, fragmentAt, word, place);
    }
  }

  #fragment(number: number, place: Place): { readonly start: number; readonly word: number } {
    const { fragmentStart, fragmentSize } = this.content;
    if (number >= fragmentStart.length) throw damaged(place, `ends in fragment ${number} of ${fragmentStart.length}`);
    return { start: fragmentStart[number]!, word: fragmentSize[number]! };
  }

  #part(part: Omit<Part, 'start' | 'end' | 'isPacked'>, start: number, word: number, place: Place): Part {
    const { blockSize, contentEnd } = this.content;
    const size = word & SIZE_MASK;
    if (size === 0 || size > blockSize || word >= 2 * STORED)
      throw damaged(place, `a block of ${word} bytes, more than the ${blockSize} of the image`);
    if (start < SUPERBLOCK_SIZE || start + size > contentEnd)
      throw damaged(place, `its ${size} bytes from ${start} are not where content is`);
    return { ...part, start, end: start + size, isPacked: (word & STORED) === 0 };
  }

  #startOf(file: Extent, block: number): number {
    const { words } = this.content;
    const last = this.#last;
    const known = last.file === file.stored && last.block <= block;
    let start = known ? last.start : file.offset;
    for (let before = known ? last.block : 0; before < block; before++) start += words[file.stored + 2 + before]! & SIZE_MASK;
    return start;
  }
}

/** Unpacks the block or fragment that a part is in. What comes back may be a view of `bytes`. @throws {FsError} EIO, ENOTSUP */
export const unpackPart = (
  { isPacked, isWhole, length }: Part,
  bytes: Uint8Array,
  { blockSize }: SquashfsContent,
  unpack: Unpack,
  place: Place,
) => (isPacked ? unpack(bytes, isWhole ? length : blockSize, place) : bytes);

/**
 * Takes what of [start, end) of a file is in a part out of what was unpacked.
 *
 * Stricter than the description, which fills a block that is too short with zeros: no writer makes such, and nothing else would show
 * that one was damaged.
 * @throws {FsError} EIO when that is not as long as it should be
 */
export function cutPart(
  { start, isWhole, from, length, position }: Part,
  content: Uint8Array,
  range: readonly [number, number],
  place: Place,
): Uint8Array {
  if (isWhole ? content.length !== length : content.length < from + length)
    throw damaged(place, `${content.length} bytes in the block at byte ${start}, should be ${from + length}${isWhole ? '' : ' or more'}`);
  return content.subarray(from + Math.max(0, range[0] - position), from + Math.min(length, range[1] - position));
}
