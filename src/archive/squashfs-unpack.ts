/* Unpacks one block of a SquashFS image, of metadata or of content: both have the one compression that the superblock names. */

import type { Codec } from '../codec/codec.ts';
import type { ZstdCodec } from '../codec/zstd.ts';
import type { Place } from './damage.ts';
import { cannotInflate } from './estargz.ts';
import { inflateZlib } from './zlib.ts';
import { assertDecodable, decodeZstdUpTo } from './zstd.ts';
import { readZstdFrame } from './zstd-frame.ts';

/**
 * Decodes and, as far as its format has a checksum, verifies a block. The caller owns the result.
 *
 * @throws {FsError} EIO when it is damaged or has more than `limit` bytes, ENOTSUP for a frame that no decoder here can do.
 */
export type Unpack = (stored: Uint8Array, limit: number, place: Place) => Uint8Array;

/** @param zstd Its decoder, of an image that is compressed with it. @param window Bytes that a frame's window may have. */
export const unpackerOf =
  (codec: Codec, zstd: ZstdCodec | undefined, window: number): Unpack =>
  (stored, limit, place) => {
    if (zstd !== undefined) {
      const frame = readZstdFrame(stored);
      if (typeof frame === 'object' && frame.kind === 'data') assertDecodable(frame, window, place, '');
    }
    try {
      return zstd === undefined ? inflateZlib(stored, limit, codec, limit) : decodeZstdUpTo(stored, limit, zstd);
    } catch (e) {
      throw cannotInflate(e, place);
    }
  };
