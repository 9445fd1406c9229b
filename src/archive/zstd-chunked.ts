/*
 * zstd:chunked (containers/storage, pkg/chunked/internal/minimal/compression.go, which is its description): a tar.zst whose files are
 * frames of their own, with a manifest behind them in a skippable frame: a table of contents (toc.ts), compressed. Where it is, a
 * footer in one more skippable frame says, or an annotation of the image's manifest. What tar-split needs is passed over.
 */

import { toHex } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import type { Codec } from '../codec/codec.ts';
import type { ZstdCodec } from '../codec/zstd.ts';
import { type Place, damaged, tooLarge } from './damage.ts';
import { assertDecodable, decodeZstd } from './zstd.ts';
import { readZstdFrame } from './zstd-frame.ts';

/** What the footer ends with. */
const MARK = [0x47, 0x4e, 0x55, 0x6c, 0x49, 0x6e, 0x55, 0x78];
/** A skippable frame's magic number and length. */
const FRAME_HEADER = 8;
/** Bytes of the footer's content: now, and before it told of tar-split. */
const FOOTERS = [64, 40];
/** The manifest is a table of contents. */
const MANIFEST_TYPE = 1;

/** Where the manifest of an archive is. */
export interface ManifestPlace {
  readonly start: number;
  readonly end: number;
  /** Bytes that it has when it is decoded. */
  readonly size: number;
}

/**
 * Finds the manifest by the last bytes of an archive of `size` bytes: `undefined` when they are no footer.
 *
 * @throws {FsError} EIO when they are one and point outside the archive, ENOTSUP for a manifest of another type.
 */
export function findManifest(
  { bytes, size }: { readonly bytes: Uint8Array; readonly size: number },
  place: Place,
): ManifestPlace | undefined {
  if (!MARK.every((byte, i) => bytes[bytes.length - MARK.length + i] === byte)) return undefined;
  for (const length of FOOTERS) {
    const at = bytes.length - length - FRAME_HEADER;
    const frame = at < 0 ? undefined : readZstdFrame(bytes.subarray(at));
    if (typeof frame !== 'object' || frame.kind !== 'skippable' || frame.length !== FRAME_HEADER + length) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at + FRAME_HEADER, length);
    const field = (number: number): number => Number(view.getBigUint64(number * 8, true));
    const [start, stored, decoded, type] = [field(0), field(1), field(2), field(3)];
    if (type !== MANIFEST_TYPE) throw new FsError('ENOTSUP', { detail: `${place.archive}: a zstd:chunked manifest of type ${type}` });
    return placeOf({ start, end: start + stored, size: decoded }, size - length - FRAME_HEADER, place);
  }
  return undefined;
}

/** Reads `OFFSET:LENGTH:DECODED:TYPE`, as the annotation has it: `undefined` for anything else, and for other types. */
export function parseManifestPosition(text: string): ManifestPlace | undefined {
  const [start, stored, size] = /^(\d{1,15}):(\d{1,15}):(\d{1,15}):1$/.exec(text)?.slice(1).map(Number) ?? [];
  return start === undefined || stored === undefined || size === undefined ? undefined : { start, end: start + stored, size };
}

/** @throws {FsError} EIO unless it lies in front of byte `limit`. */
export function placeOf(manifest: ManifestPlace, limit: number, place: Place): ManifestPlace {
  const { start, end } = manifest;
  if (start >= FRAME_HEADER && start < end && end <= limit) return manifest;
  throw damaged(place, `its manifest is said to be at the bytes ${start} to ${end}, and should be in front of byte ${limit}`);
}

interface ManifestOptions {
  readonly place: Place;
  readonly codec: Codec;
  readonly zstd: ZstdCodec;
  /** Bytes that the window of a frame may have. */
  readonly window: number;
  /** `sha256:HEX` that the manifest must have as it is stored. */
  readonly digest?: string | undefined;
}

/**
 * Decodes the manifest to its JSON of `size` bytes.
 *
 * @throws {FsError} EIO when it is damaged or has another digest, ENOTSUP when it needs a window beyond the limit.
 */
export function unpackManifest(stored: Uint8Array, size: number, { place, codec, zstd, window, digest }: ManifestOptions): Uint8Array {
  if (digest !== undefined) {
    const found = `sha256:${toHex(codec.sha256(stored))}`;
    if (found !== digest) throw damaged(place, `the digest of its manifest is ${found}, should be ${digest}`);
  }
  return decodeFrame(stored, size, { place, zstd, window });
}

/**
 * Decodes the frame that `stored` consists of to `size` bytes, which the caller is ready to hold.
 *
 * @throws {FsError} EIO when it is damaged or of another size, ENOTSUP when it needs a window beyond the limit.
 */
export function decodeFrame(
  stored: Uint8Array,
  size: number,
  { place, zstd, window }: Pick<ManifestOptions, 'place' | 'zstd' | 'window'>,
): Uint8Array {
  const frame = readZstdFrame(stored);
  if (typeof frame !== 'object' || frame.kind !== 'data') throw damaged(place, 'no zstd frame where one should start');
  assertDecodable(frame, window, place, '');
  try {
    return decodeZstd(stored, size, zstd);
  } catch (e) {
    if (e instanceof FsError) throw damaged({ ...place, cause: e }, `its zstd frame cannot be decoded: ${e.detail ?? e.message}`);
    if (e instanceof RangeError) throw tooLarge(place, 'inflates to more than there is memory for');
    throw e;
  }
}
