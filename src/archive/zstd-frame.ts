/* The header of one zstd frame (RFC 8878, 3.1.1.1) and skippable frames (3.1.2): what has to be known before decoding. */

const MAGIC = 0xfd2fb528;
/** The lowest of sixteen. */
const SKIPPABLE = 0x184d2a50;
const SKIPPABLE_HEADER_SIZE = 8;
const DICTIONARY_SIZES = [0, 1, 2, 4] as const;
const CONTENT_SIZES = [0, 2, 4, 8] as const;

export type ZstdFrame =
  | { readonly kind: 'skippable'; /** Bytes of the whole frame. */ readonly length: number }
  | {
      readonly kind: 'data';
      /** Bytes that a decoder has to remember. */
      readonly window: number;
      /** Bytes of content, where the frame says so. */
      readonly size: number | undefined;
      /** 0: none. */
      readonly dictionary: number;
    };

/** Tells whether bytes start as a zstd frame does, a skippable one included. */
export function isZstd(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false;
  const magic = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  return magic === MAGIC || isSkippable(magic);
}

const isSkippable = (magic: number): boolean => (magic & 0xfffffff0) >>> 0 === SKIPPABLE;

/** Reads the header of the frame that starts with `bytes`: `undefined` when they end before it does, *none* when it is no frame. */
export function readZstdFrame(bytes: Uint8Array): ZstdFrame | undefined | 'none' {
  if (bytes.length < 4) return undefined;
  if (!isZstd(bytes)) return 'none';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isSkippable(view.getUint32(0, true))) {
    if (bytes.length < SKIPPABLE_HEADER_SIZE) return undefined;
    return { kind: 'skippable', length: SKIPPABLE_HEADER_SIZE + view.getUint32(4, true) };
  }
  if (bytes.length < 5) return undefined;
  const descriptor = bytes[4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionarySize = DICTIONARY_SIZES[descriptor & 3]!;
  const contentSize = CONTENT_SIZES[descriptor >>> 6]! || (singleSegment ? 1 : 0);
  const dictionaryAt = singleSegment ? 5 : 6;
  const contentAt = dictionaryAt + dictionarySize;
  if (bytes.length < contentAt + contentSize) return undefined;
  const size = contentSize === 0 ? undefined : littleEndian(bytes, contentAt, contentSize) + (contentSize === 2 ? 256 : 0);
  const window = singleSegment ? size! : windowSize(bytes[5]!);
  return { kind: 'data', window, size, dictionary: littleEndian(bytes, dictionaryAt, dictionarySize) };
}

function windowSize(descriptor: number): number {
  const power = 2 ** (10 + (descriptor >>> 3));
  return power + (power / 8) * (descriptor & 7);
}

function littleEndian(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}
