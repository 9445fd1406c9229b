/* SquashFS images to be changed at random, and what their content must be: mutate-archives.ts does the rest. */

import { inflateSync } from 'node:zlib';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { isFile } from '../../src/base/mode.ts';
import type { SquashfsContent } from '../../src/archive/squashfs-content.ts';
import type { Layer } from '../../src/layer/layer.ts';
import type { Extent } from '../../src/layer/table.ts';
import { indexOf } from '../../src/lower/layer-index.ts';
import { type SquashfsNode, squashfsImage } from './squashfs.ts';

/** Metadata that is not compressed, so that changes reach what reads it, and metadata that is. */
export function squashfsSamples(): Uint8Array[] {
  const special = (['block', 'fifo', 'socket', 'symlink'] as const).map((kind) => ({ name: kind, kind, mode: 0o600, uid: 3 }));
  const nodes: SquashfsNode[] = [
    { name: 'a', content: 'the quick brown fox jumps over the lazy dog. '.repeat(120), links: 2 },
    { name: 'b', content: 'beta', xattr: 0 },
    { name: 'c', link: 'a' },
    { name: 'd', children: [...special, { name: 'e', content: new Uint8Array(9000), isExtended: true }], xattr: 1 },
    { name: 'f', children: [] },
  ];
  const elsewhere = new Uint8Array(8).fill(5, 0, 1);
  const xattrs = [
    [{ type: 0, name: 'n', value: encodeUtf8('a value') }],
    [
      { type: 0x101, name: 'm', value: elsewhere },
      { type: 2, name: 'o', value: encodeUtf8('another') },
    ],
  ];
  return [
    squashfsImage(nodes, { xattrs, isPlain: true, fragments: true }),
    squashfsImage(nodes, { xattrs, isPlain: true, compressor: 'zstd' }),
    squashfsImage(nodes, { xattrs, fragments: true }),
  ];
}

/** What Node inflates of a SquashFS image's blocks must be what is served. Of zstd it knows nothing yet. */
export function judgeBlocks(layer: Layer, bytes: Uint8Array): void {
  const content = indexOf(layer)?.state as SquashfsContent | undefined;
  if (content?.compressor !== 'gzip') return;
  const { table } = layer;
  for (let entry = 0; entry < table.length; entry++) {
    const size = table.size(entry);
    if (!isFile(table.mode(entry)) || table.isWhiteout(entry) || size > 1_000_000) continue;
    let served: Uint8Array | undefined;
    try {
      served = layer.peek(entry, 0, size);
    } catch {
      // Judged already.
      continue;
    }
    if (!slowContent(content, table.extent(entry), size, bytes).equals(served!))
      throw new Error(`${table.path(entry)}: wrong bytes were served`);
  }
}

/** The content of a file, put together from what the inode says. */
function slowContent(
  { words, blockSize, fragmentStart, fragmentSize }: SquashfsContent,
  extent: Extent,
  size: number,
  bytes: Uint8Array,
): Buffer {
  const unpack = (at: number, word: number): Buffer => {
    const stored = bytes.subarray(at, at + (word & 0xffffff));
    return word >>> 24 === 1 ? Buffer.from(stored) : inflateSync(stored);
  };
  const [fragment, offset] = [words[extent.stored]!, words[extent.stored + 1]!];
  const hasFragment = fragment !== 0xffffffff;
  const count = hasFragment ? Math.floor(size / blockSize) : Math.ceil(size / blockSize);
  const pieces: Buffer[] = [];
  let at = extent.offset;
  for (let block = 0; block < count; block++) {
    const word = words[extent.stored + 2 + block]!;
    pieces.push(word === 0 ? Buffer.alloc(Math.min(blockSize, size - block * blockSize)) : unpack(at, word));
    at += word & 0xffffff;
  }
  const rest = size - count * blockSize;
  if (hasFragment && rest > 0) pieces.push(unpack(fragmentStart[fragment]!, fragmentSize[fragment]!).subarray(offset, offset + rest));
  return Buffer.concat(pieces);
}
