/*
 * Archives with something changed at random, by a seed, and the judgement of what comes of them: right bytes or a POSIX error,
 * and nothing else. `npm test` does some thousands; scripts/fuzz-archives.ts as many as one likes.
 */

import { gunzipSync, gzipSync } from 'node:zlib';
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../src/base/bytes.ts';
import { FsError } from '../../src/base/errors.ts';
import { isFile } from '../../src/base/mode.ts';
import type { Layer } from '../../src/layer/layer.ts';
import { HEAD_SIZE, formatOfHead } from '../../src/archive/detect.ts';
import { isGzip } from '../../src/archive/gzip-header.ts';
import { resolveLimits } from '../../src/archive/limits.ts';
import { openLayer } from '../../src/lower/open-layer.ts';
import { packIndex, unpackIndex } from '../../src/lower/layer-index.ts';
import { indexOfTar, openTarLayer, restoreTarLayer } from '../../src/lower/tar-layer.ts';
import { type Source, bytesSource } from '../../src/lower/source.ts';
import {
  gzipMember,
  oldSparseFile,
  ownerField,
  paxHeader,
  skippableFrame,
  slowCrc32,
  tarArchive,
  timestampField,
  zipArchive,
  zstdFrame,
} from './archives.ts';
import { judgeBlocks, squashfsSamples } from './mutate-squashfs.ts';
import { compareZipReaders } from './zip-readers.ts';

/** What came of one archive. */
export type Outcome = 'served' | 'partly' | 'refused';

export interface Sample {
  readonly kind: 'zip' | 'tar' | 'gzip' | 'zstd' | 'squashfs';
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

/** What zstd 1.5 makes of a tar of three entries at level 19 and level 1, with checksums, and of `prose`. */
const ZSTD_19 =
  'KLUv/QRoFQcAokcZGIBvA5BgM0I8iCGBbIyUGkW2aBfAnchFpdvcuZ0YInxOaC/lK+zcv0TPC+7RXbEMKPNgLPuHKVJNniJJNXzNhCFr0oIdg6EkRpbavK9fdA29XhX47V76daL28XZ7sNc52BtQ5ghGqIEuIVHYtJ8B8EympJAOMigMvsCEzAhGMMHETPy/g+sGhFHbfve0dfZ3F1xm94iKECxgCZEDa5nL3+WqR4WNkcAaborJFhGUkQ3kiT7PqIacsQGhHPs8gBRhxdTxoQrtURd+BcuZ4rnlGXAuzJEPpv2MgWAIAKteHxO80Ds=';
const ZSTD_1 =
  'KLUv/QRIRQoA8s4pHlBp1AYD9Ru/tVnZmOxq+piZmTT31kVPqwyOqqpWGbh51R9uXvWHm1f94eZx86o/3Lzqz0aydNWfA46bN8Bx81au+nNy1Z+R4+Z9HDdvxFV/Nq76czpu3nbcPCKlxJR0JGw4Z7HCwtMMQn4YBMeK1YjAC2fABgnOk3CBQBMdmEHIXIghymFJKmgBGX54mqXM6jmkiApxmYEkZmVlZWV1HImZWR2eZgmBK6hRiwIpKEj2ZwyRBylIIR0SSDCgamJBkvIqpzwKSpJ0ToW26KRdQoBp3PkTDCnH/yiATVs/hSHm+B8JsFndx0ioLP8TAbrK21kIldZ/REBPeTsLpOGa6MiqTZZRF9iTpD4pvA9qOxSpC6UwPaUU34xYY4fOvges0M4OjRGCdNSwVqqQVgU7+Oc9YEU8BzWnpSD88Jyc0zlN2RFNARO80Ds=';
const ZSTD_PROSE = 'KLUv/QRotQEA1AJ0aGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nLiABAKUKK1UGrtHJwQ==';

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

/** One archive of each kind and flavour, small so that a change is likely to hit something that matters. */
export function sampleArchives(): Sample[] {
  const prefix = encodeUtf8('prefix');
  const files = [
    { name: 'dir/', mode: 0o040755 },
    { name: 'dir/a.txt', content: prose, deflate: true, mode: 0o100644, extra: timestampField(1e9) },
    { name: 'dir/b.bin', content: 'stored content', mode: 0o100755, extra: ownerField(1, 2) },
    { name: 'grün', content: prose.slice(7), deflate: true, descriptor: true },
    { name: 'link', content: 'dir/a.txt', mode: 0o120777 },
    { name: 'z', content: prose, packed: { method: 93, bytes: fromBase64(ZSTD_PROSE) } },
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
  const sparse = tarArchive([
    oldSparseFile(
      's',
      Array.from({ length: 6 }, (_, i) => [i * 100, 7]),
      { size: 700, content: prose.slice(0, 42) },
    ),
    paxHeader({ 'GNU.sparse.size': '900', 'GNU.sparse.map': '5,10,800,10', 'GNU.sparse.name': 't' }),
    { name: 'GNUSparseFile.0/t', content: prose.slice(0, 20) },
    paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'u', 'GNU.sparse.realsize': '5000' }),
    { name: 'GNUSparseFile.0/u', content: `2\n100\n30\n4000\n10\n`.padEnd(512, '\0') + prose.slice(0, 40) },
    { name: 'after', content: prose },
  ]);
  return [
    { kind: 'zip', bytes: zipArchive(files, { comment: 'a comment' }) },
    {
      kind: 'zip',
      bytes: zipArchive(
        files.map((file) => ({ ...file, zip64: true })),
        { zip64: true, prefix },
      ),
    },
    { kind: 'tar', bytes: tar },
    { kind: 'tar', bytes: sparse },
    { kind: 'zstd', bytes: fromBase64(ZSTD_19) },
    { kind: 'zstd', bytes: fromBase64(ZSTD_1) },
    {
      kind: 'zstd',
      bytes: concatBytes([
        zstdFrame(tar.subarray(0, 700)),
        skippableFrame(prefix),
        zstdFrame(tar.subarray(700), { sized: false, block: 900 }),
      ]),
    },
    { kind: 'gzip', bytes: new Uint8Array(gzipSync(sparse)) },
    { kind: 'gzip', bytes: new Uint8Array(gzipSync(tar)) },
    {
      kind: 'gzip',
      bytes: concatBytes([
        gzipMember(tar.subarray(0, 999), { name: 'n', headerCrc: 'right' }),
        gzipMember(tar.subarray(999), { comment: 'c' }),
      ]),
    },
    ...squashfsSamples().map((bytes) => ({ kind: 'squashfs' as const, bytes })),
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

/** A source whose bytes come in pieces of `step`, as over a network. */
const inPieces = (bytes: Uint8Array, step: number): Source => ({
  ...bytesSource(bytes, 'mutated'),
  peek: () => undefined,
  read: async (start, end) => bytes.subarray(start, end),
  async *stream() {
    for (let at = 0; at < bytes.length; at += step) yield bytes.slice(at, at + step);
  },
});

/**
 * Opens an archive and reads all of it.
 *
 * @param step Where given, a compressed tar is decoded in pieces of so many bytes.
 * @throws {Error} when anything but an `FsError` is thrown, or when bytes come that their checksum does not cover
 */
export async function judge({ kind, bytes }: Sample, step?: number): Promise<Outcome> {
  if (kind === 'zip') compareZipReaders(bytes, {}, resolveLimits({ size: 10_000_000 }));
  let layer: Layer;
  try {
    layer = await open(bytes, step);
  } catch (e) {
    return refusedWith(e);
  }
  const failed = judgeContent(layer);
  if (kind === 'gzip') judgeInflated(layer, bytes);
  if (kind === 'squashfs') judgeBlocks(layer, bytes);
  await judgeRestored(layer, bytes);
  return failed === 0 ? 'served' : 'partly';
}

async function open(bytes: Uint8Array, step: number | undefined): Promise<Layer> {
  const limits = { size: 10_000_000 };
  const packing = formatOfHead(bytes.subarray(0, HEAD_SIZE));
  if (step === undefined || packing === undefined || packing === 'zip' || packing === 'squashfs')
    return openLayer(bytes, { name: 'mutated', maxBytes: 10_000_000, limits });
  // Directly, because a source as small as these is read at once.
  const source = inPieces(bytes, step);
  const opening = { source, size: bytes.length, table: {}, limits: resolveLimits(limits), maxBytes: 10_000_000, signal: undefined };
  return openTarLayer(opening, packing);
}

/** Reads every file; gives how many cannot be read. */
function judgeContent(layer: Layer): number {
  const { table } = layer;
  let failed = 0;
  for (let entry = 0; entry < table.length; entry++) {
    assertSaneName(table.path(entry));
    if (!isFile(table.mode(entry)) || table.isWhiteout(entry)) continue;
    try {
      // A file may claim a hole of terabytes: looked at, not read whole.
      const size = Math.min(table.size(entry), 1_000_000);
      const content = layer.peek(entry, 0, size);
      if (content === undefined) throw new Error(`${table.path(entry)} is not at hand in an archive that is`);
      if (content.length !== size) throw new Error(`${table.path(entry)}: ${content.length} bytes of ${size}`);
      const { crc, method } = table.extent(entry);
      if ((crc !== 0 || method !== 0) && slowCrc32(content) !== crc) throw new Error(`${table.path(entry)}: wrong bytes were served`);
    } catch (e) {
      refusedWith(e);
      failed++;
    }
  }
  return failed;
}

/** A tar that is opened again by its index must serve what it served at first, or refuse it. */
async function judgeRestored(layer: Layer, bytes: Uint8Array): Promise<void> {
  const makeIndex = indexOfTar(layer);
  if (makeIndex === undefined) return;
  const source = bytesSource(bytes, 'mutated');
  const opening = { source, size: bytes.length, table: {}, limits: resolveLimits(), maxBytes: 10_000_000, signal: undefined };
  const restored = await restoreTarLayer(unpackIndex(packIndex(await makeIndex())), opening);
  if (restored === undefined) throw new Error('its own index is refused');
  const contentOf = (from: Layer, entry: number): string => {
    try {
      return Buffer.from(from.peek(entry, 0, Math.min(from.table.size(entry), 1_000_000))!).toString('latin1');
    } catch (e) {
      return refusedWith(e);
    }
  };
  for (let entry = 0; entry < layer.table.length; entry++) {
    if (!isFile(layer.table.mode(entry)) || layer.table.isWhiteout(entry)) continue;
    if (contentOf(layer, entry) !== contentOf(restored, entry)) throw new Error(`${layer.table.path(entry)}: another content by the index`);
  }
}

/** What Node inflates must be what is served: it checks the same checksums. */
function judgeInflated(layer: Layer, bytes: Uint8Array): void {
  if (!isGzip(bytes)) return;
  let tar: Buffer;
  try {
    tar = gunzipSync(bytes);
  } catch (e) {
    // It does not pass over everything behind the last member that gzip passes over.
    if (layer.warnings.some(({ message }) => message.includes('left out'))) return;
    throw new Error('Node cannot inflate what was served', { cause: e });
  }
  const { table } = layer;
  for (let entry = 0; entry < table.length; entry++) {
    if (!isFile(table.mode(entry)) || table.isWhiteout(entry) || table.pieces(entry) !== undefined) continue;
    const { offset, stored } = table.extent(table.canonical(entry));
    const content = layer.peek(entry, 0, stored);
    if (content === undefined || !tar.subarray(offset, offset + stored).equals(content))
      throw new Error(`${table.path(entry)}: wrong bytes were served`);
  }
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
