/*
 * The content of one zip entry: the local header (APPNOTE.TXT 4.3.7) is compared with what the central directory said,
 * then the content is decoded and its CRC-32 checked. No byte leaves before that.
 */

import { FsError } from '../base/errors.ts';
import type { Codec } from '../codec/codec.ts';
import type { ZstdCodec } from '../codec/zstd.ts';
import type { Extent } from '../layer/table.ts';
import { type Place, damaged, hex32 } from './damage.ts';
import { ENCRYPTED, LOCAL_HEADER_SIZE, STORED, ZSTD } from './zip.ts';
import { readExtraFields } from './zip-extra.ts';
import { zipName } from './zip-name.ts';
import { assertDecodable, decodeZstd } from './zstd.ts';
import { readZstdFrame } from './zstd-frame.ts';

const SIGNATURE = 0x04034b50;

/**
 * How much of name and extra fields to fetch with a content: Info-ZIP writes 28 bytes of extra fields, others less.
 * Where they are longer, a second read gets the rest.
 */
export const LOCAL_HEADER_GUESS = LOCAL_HEADER_SIZE + 482;

/** What an entry is, as the table of its layer has it. */
export interface ZipEntry {
  readonly place: Place;
  readonly extent: Extent;
  readonly size: number;
  /** Tells whether an archive's name is the one under which the layer has this entry. */
  readonly isNamed: (name: string) => boolean;
}

/**
 * Gives how long the local header is with which `bytes` starts, name and extra fields included, which may be more than there is.
 *
 * @throws {FsError} EIO when there is no local header
 */
export function zipHeaderSize(bytes: Uint8Array, { place, extent }: ZipEntry): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LOCAL_HEADER_SIZE || view.getUint32(0, true) !== SIGNATURE)
    throw damaged(place, `no local header at byte ${extent.offset}`);
  return LOCAL_HEADER_SIZE + view.getUint16(26, true) + view.getUint16(28, true);
}

/**
 * Gives where in `bytes`, which are the entry's local header and what follows, the content begins.
 *
 * @throws {FsError} EIO when the local header disagrees with the central directory.
 */
export function findZipContent(bytes: Uint8Array, { place, extent, isNamed }: ZipEntry, codec: Codec): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(6, true);
  const method = view.getUint16(8, true);
  if (method !== extent.method)
    throw damaged(place, `compression method ${extent.method} in the central directory, ${method} in the local header`);
  if ((flags & ENCRYPTED) !== 0) throw damaged(place, 'encrypted in the local header, not in the central directory');
  const nameEnd = LOCAL_HEADER_SIZE + view.getUint16(26, true);
  const start = nameEnd + view.getUint16(28, true);
  const name = bytes.subarray(LOCAL_HEADER_SIZE, nameEnd);
  const extra = readExtraFields(view, nameEnd, Math.min(start, bytes.length));
  // The local header does not say on which system it was made, which decides how an unflagged name is read.
  const names = (['unix', 'dos', 'other'] as const).map((madeOn) => zipName({ bytes: name, flags, extra, madeOn }, codec));
  if (!names.some(isNamed)) throw damaged(place, `its local header names another entry, '${names[0]}'`);
  return start;
}

/** What decodes the contents of one archive. */
export interface ZipDecoders {
  readonly codec: Codec;
  /** There where an entry needs it. */
  readonly zstd: ZstdCodec | undefined;
  /** Bytes that the window of a zstd frame may have. */
  readonly window: number;
}

/**
 * Decodes and verifies a content. What comes back may be a view of `stored`.
 *
 * @throws {FsError} EIO when the content is not what the central directory says.
 */
export function decodeZipContent(stored: Uint8Array, { place, extent, size }: ZipEntry, decoders: ZipDecoders): Uint8Array {
  const { codec } = decoders;
  const content = extent.method === STORED ? stored : guard(size, place, () => decode(stored, extent.method, size, { place, ...decoders }));
  if (content.length !== size) throw damaged(place, `${content.length} bytes, should be ${size}`);
  const crc = codec.crc32(content);
  if (crc !== extent.crc) throw damaged(place, `its CRC-32 is ${hex32(crc)}, should be ${hex32(extent.crc)}`);
  return content;
}

function decode(
  stored: Uint8Array,
  method: number,
  size: number,
  { codec, zstd, window, place }: ZipDecoders & { place: Place },
): Uint8Array {
  if (method !== ZSTD) return codec.inflate(stored, size);
  if (zstd === undefined) throw new TypeError('No decoder for zstd was given');
  const frame = readZstdFrame(stored);
  if (typeof frame === 'object' && frame.kind === 'data') assertDecodable(frame, window, place, '');
  return decodeZstd(stored, size, zstd);
}

function guard(size: number, place: Place, work: () => Uint8Array): Uint8Array {
  try {
    return work();
  } catch (e) {
    if (e instanceof FsError && e.code === 'ENOTSUP') throw e;
    if (e instanceof FsError) throw damaged({ ...place, cause: e }, `cannot be inflated: ${e.detail ?? e.message}`);
    // The engine's own words for memory that it does not have.
    if (e instanceof RangeError) throw damaged({ ...place, cause: e }, `no memory for its ${size} bytes`);
    throw e;
  }
}
