/*
 * eStargz (stargz-snapshotter, docs/estargz.md): a tar.gz whose files are gzip members of their own, with a table of contents at
 * its end. This file takes the table of contents, and what a gzip member holds, out of the archive; toc.ts reads it.
 */

import { toHex } from '../base/bytes.ts';
import { FsError } from '../base/errors.ts';
import type { Codec } from '../codec/codec.ts';
import { type Place, damaged, hex32, tooLarge } from './damage.ts';
import { gzipHeaderEnd, isGzip } from './gzip-header.ts';
import { TAR_BLOCK, isTarHeader, readTarHeader } from './tar-header.ts';

/** The name of the table of contents in the tar. */
export const TOC_NAME = 'stargz.index.json';
/** Says where the files end that a recorded run read, and that no run was recorded. */
export const PREFETCH_LANDMARK = '.prefetch.landmark';
export const NO_PREFETCH_LANDMARK = '.no.prefetch.landmark';

const GZIP_TRAILER = 8;

interface TocOptions {
  readonly place: Place;
  readonly codec: Codec;
  /** Bytes that the table of contents may have; beyond: EFBIG. */
  readonly limit: number;
  /** `sha256:HEX` that it must have. */
  readonly digest?: string | undefined;
}

/**
 * Takes the JSON out of the gzip member that holds the tar entry of the table of contents.
 *
 * @throws {FsError} EIO when it is damaged or has another digest, EFBIG when it is larger than `limit`.
 */
export function unpackToc(member: Uint8Array, { place, codec, limit, digest }: TocOptions): Uint8Array {
  const tar = inflateMember(member, { place, codec, limit });
  if (tar.length < TAR_BLOCK || !isTarHeader(tar.subarray(0, TAR_BLOCK)))
    throw damaged(place, 'no tar header where its table of contents should be');
  const { size } = readTarHeader(tar, 0, place);
  if (TAR_BLOCK + size > tar.length) throw damaged(place, `its table of contents is cut short: ${tar.length - TAR_BLOCK} of ${size} bytes`);
  const json = tar.subarray(TAR_BLOCK, TAR_BLOCK + size);
  if (digest !== undefined) {
    const found = `sha256:${toHex(codec.sha256(json))}`;
    if (found !== digest) throw damaged(place, `the digest of its table of contents is ${found}, should be ${digest}`);
  }
  return json;
}

/**
 * Decodes the gzip member at the start of `bytes`, and checks it.
 *
 * @throws {FsError} EIO, EFBIG
 */
export function inflateMember(bytes: Uint8Array, { place, codec, limit }: Omit<TocOptions, 'digest'>): Uint8Array {
  const start = isGzip(bytes) ? gzipHeaderEnd(bytes, 0, { place, codec }) : undefined;
  if (start === undefined) throw damaged(place, 'no gzip member where one should start');
  let inflated: ReturnType<Codec['inflateStream']>;
  try {
    inflated = codec.inflateStream(bytes.subarray(start), limit);
  } catch (e) {
    if (e instanceof FsError && e.code === 'EFBIG')
      throw tooLarge(place, `a gzip member inflates to more than the ${limit} bytes that are allowed`);
    throw cannotInflate(e, place);
  }
  const trailer = start + inflated.consumed;
  if (trailer + GZIP_TRAILER > bytes.length) throw damaged(place, 'cut short: a gzip member without its trailer');
  const expected = new DataView(bytes.buffer, bytes.byteOffset + trailer, 4).getUint32(0, true);
  const crc = codec.crc32(inflated.output);
  if (crc !== expected) throw damaged(place, `the CRC-32 of a gzip member is ${hex32(crc)}, should be ${hex32(expected)}`);
  return inflated.output;
}

/** The error of a stream that the codec refused, or of memory that there is not. */
export function cannotInflate(e: unknown, place: Place): unknown {
  if (e instanceof FsError) return damaged({ ...place, cause: e }, `cannot be inflated: ${e.detail ?? e.message}`);
  if (e instanceof RangeError) return tooLarge(place, 'inflates to more than there is memory for');
  return e;
}
