/*
 * Archives with something changed at random, by a seed, and the judgement of what comes of them: right bytes or a POSIX error,
 * and nothing else. `npm test` does some thousands; scripts/fuzz-archives.ts as many as one likes.
 */

import { gzipSync } from 'node:zlib';
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../src/base/bytes.ts';
import { FsError } from '../../src/base/errors.ts';
import { isFile } from '../../src/base/mode.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { gzipMember, ownerField, paxHeader, slowCrc32, tarArchive, timestampField, zipArchive } from './archives.ts';

/** What came of one archive. */
export type Outcome = 'served' | 'partly' | 'refused';

export interface Sample {
  readonly kind: 'zip' | 'tar' | 'gzip';
  readonly bytes: Uint8Array;
}

/** Numbers in [0, 1) that a seed decides (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const prose = 'the quick brown fox jumps over the lazy dog. '.repeat(20);

/** One archive of each kind and flavour, small so that a change is likely to hit something that matters. */
export function sampleArchives(): Sample[] {
  const files = [
    { name: 'dir/', mode: 0o040755 },
    { name: 'dir/a.txt', content: prose, deflate: true, mode: 0o100644, extra: timestampField(1e9) },
    { name: 'dir/b.bin', content: 'stored content', mode: 0o100755, extra: ownerField(1, 2) },
    { name: 'grün', content: prose.slice(7), deflate: true, descriptor: true },
    { name: 'link', content: 'dir/a.txt', mode: 0o120777 },
  ];
  const tarFiles = [
    { name: 'dir/', type: '5' },
    { name: 'dir/a.txt', content: prose },
    { name: 'dir/b', type: '1', link: 'dir/a.txt' },
    { name: 'link', type: '2', link: 'dir/a.txt' },
    paxHeader({ path: 'dir/long-name', mtime: '1.5', 'SCHILY.xattr.user.a': 'b' }),
    { name: 'x', content: prose.slice(3) },
    { name: '././@LongLink', type: 'L', content: 'dir/gnu-name\0' },
    { name: 'y', content: 'z', magic: 'gnu' as const },
  ];
  const tar = tarArchive(tarFiles);
  return [
    { kind: 'zip', bytes: zipArchive(files, { comment: 'a comment' }) },
    {
      kind: 'zip',
      bytes: zipArchive(
        files.map((file) => ({ ...file, zip64: true })),
        { zip64: true, prefix: encodeUtf8('prefix') },
      ),
    },
    { kind: 'tar', bytes: tar },
    { kind: 'gzip', bytes: new Uint8Array(gzipSync(tar)) },
    {
      kind: 'gzip',
      bytes: concatBytes([
        gzipMember(tar.subarray(0, 999), { name: 'n', headerCrc: 'right' }),
        gzipMember(tar.subarray(999), { comment: 'c' }),
      ]),
    },
  ];
}

/** Values that break careless arithmetic. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

/** Changes an archive: some bytes, or a piece removed, doubled, moved or zeroed. */
export function mutate(original: Uint8Array, random: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit);
  let bytes = Uint8Array.from(original);
  for (let changes = 1 + below(3); changes > 0 && bytes.length > 0; changes--) {
    const at = below(bytes.length);
    const length = below(Math.min(64, bytes.length - at) + 1);
    switch (below(8)) {
      case 0:
      case 1:
        bytes[at] = bytes[at]! ^ (1 << below(8));
        break;
      case 2:
        bytes[at] = below(256);
        break;
      case 3:
        bytes[at] = EDGES[below(EDGES.length)]!;
        break;
      case 4:
        bytes.fill(EDGES[below(EDGES.length)]!, at, at + Math.min(length, 8));
        break;
      case 5:
        bytes = bytes.slice(0, at);
        break;
      case 6:
        bytes = concatBytes([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      default:
        bytes = concatBytes([bytes.subarray(0, at + length), bytes.subarray(at)]);
    }
  }
  return bytes;
}

/**
 * Opens an archive and reads all of it.
 *
 * @throws {Error} when anything but an `FsError` is thrown, or when bytes come that their checksum does not cover
 */
export async function judge({ bytes }: Pick<Sample, 'bytes'>): Promise<Outcome> {
  let layer: Layer;
  try {
    layer = await openLayer(bytes, { name: 'mutated', maxBytes: 10_000_000 });
  } catch (e) {
    return refusedWith(e);
  }
  const { table } = layer;
  let failed = 0;
  for (let entry = 0; entry < table.length; entry++) {
    assertSaneName(table.path(entry));
    if (!isFile(table.mode(entry)) || table.isWhiteout(entry)) continue;
    try {
      const content = layer.peek(entry, 0, table.size(entry));
      if (content === undefined) throw new Error(`${table.path(entry)} is not at hand in an archive that is`);
      if (content.length !== table.size(entry)) throw new Error(`${table.path(entry)}: ${content.length} bytes of ${table.size(entry)}`);
      const { crc, method } = table.extent(entry);
      if ((crc !== 0 || method !== 0) && slowCrc32(content) !== crc) throw new Error(`${table.path(entry)}: wrong bytes were served`);
    } catch (e) {
      refusedWith(e);
      failed++;
    }
  }
  return failed === 0 ? 'served' : 'partly';
}

function refusedWith(e: unknown): Outcome {
  if (!(e instanceof FsError)) throw e;
  if (e.detail === undefined || !e.detail.startsWith('mutated'))
    throw new Error(`The error does not name the archive: ${e.message}`, { cause: e });
  return 'refused';
}

function assertSaneName(path: string): void {
  const parts = path.split('/');
  if (parts.includes('..') || parts.includes('.') || path.includes('\0') || decodeUtf8(encodeUtf8(path)) !== path)
    throw new Error(`The name ${JSON.stringify(path)} got in`);
}
