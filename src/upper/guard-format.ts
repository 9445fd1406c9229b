/*
 * How a guard file looks (docs/decisions/0009, "The file"): a header of fixed size, then frames. A frame is a commit, or a part of the
 * upper's image, with what it puts and removes as JSON and the bytes of its chunks behind. Pure functions of bytes, little-endian;
 * everything that is read back is checked here.
 *
 *   header  magic, format, complete, length of the generation, base sequence, end of the image, outdated sequence, generation, CRC-32
 *   frame   magic, kind, sequence, body length, durable offset, head length, CRC-32 of these | head | body | CRC-32 of head and body
 */

import { concatBytes, decodeUtf8Strict, encodeUtf8 } from '../base/bytes.ts';
import { loadCodec } from '../codec/codec.ts';
import type { Commit, Superblock, UpperRecord } from '../layer/upper.ts';
import { type RawEntry, entryTexts, isRawEntry, recordOf } from './record-entries.ts';
import { decodeSuperblock } from './stored-record.ts';

/** Version of the format. A reader leaves a file of another version alone and builds its own. */
const FORMAT = 1;

/** 'SGUA' and 'SFRA'. */
const HEADER_MAGIC = 0x41554753;
const FRAME_MAGIC = 0x41524653;

/** Bytes. */
export const HEADER_SIZE = 128;
/** Bytes of a frame before its head. */
export const FRAME_START = 40;
/** Bytes of a frame behind its body. */
const FRAME_END = 4;

const GENERATION_AT = 40;
const HEADER_CRC_AT = HEADER_SIZE - 4;
const FRAME_CRC_AT = FRAME_START - 4;

/** Bodies up to this many bytes are written together with their head: one write costs less than two. */
const WRITTEN_AT_ONCE = 64 << 10;

/** What a guard file says of itself. */
export interface GuardHeader {
  readonly generation: string;
  /** Sequence of the upper when the writing of its image began. Commits up to it are in the image only. */
  readonly base: number;
  /** Where the last part of the image ends; commits may stand among its parts. */
  readonly imageEnd: number;
  /** The whole image is there. Therefore the upper can be rebuilt from this file. */
  readonly complete: boolean;
  /**
   * Set by an owner that could not get hold of the file before it: what older files say of later commits than this one is another
   * owner's, and was overtaken.
   */
  readonly outdates: number | undefined;
}

/** The fixed part of a frame. */
export interface FrameStart {
  readonly kind: 'image' | 'commit';
  /** Of a commit: the upper's sequence with it. Of a part of the image: the file's base. */
  readonly sequence: number;
  /** Everything before this offset was on the disk when the frame was written. */
  readonly durable: number;
  readonly headLength: number;
  readonly bodyLength: number;
}

const crc32 = (bytes: Uint8Array, seed?: number): number => loadCodec().crc32(bytes, seed);

/** Bytes of a whole frame. */
export const frameSize = ({ headLength, bodyLength }: FrameStart): number => FRAME_START + headLength + bodyLength + FRAME_END;

/** @throws RangeError for a generation that the header has no room for */
export function encodeHeader({ generation, base, imageEnd, complete, outdates }: GuardHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  const text = encodeUtf8(generation);
  if (GENERATION_AT + text.length > HEADER_CRC_AT) throw new RangeError(`a generation of ${text.length} bytes`);
  view.setUint32(0, HEADER_MAGIC, true);
  view.setUint32(4, FORMAT, true);
  view.setUint32(8, complete ? 1 : 0, true);
  view.setUint32(12, text.length, true);
  view.setFloat64(16, base, true);
  view.setFloat64(24, imageEnd, true);
  view.setFloat64(32, outdates ?? -1, true);
  bytes.set(text, GENERATION_AT);
  view.setUint32(HEADER_CRC_AT, crc32(bytes.subarray(0, HEADER_CRC_AT)), true);
  return bytes;
}

/** The header of a file's first bytes, or `undefined` where they are none of this version. */
export function decodeHeader(bytes: Uint8Array<ArrayBuffer>): GuardHeader | undefined {
  if (bytes.length !== HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0, true) !== HEADER_MAGIC || view.getUint32(4, true) !== FORMAT) return undefined;
  if (view.getUint32(HEADER_CRC_AT, true) !== crc32(bytes.subarray(0, HEADER_CRC_AT))) return undefined;
  const outdates = view.getFloat64(32, true);
  const generation = decodeUtf8Strict(bytes.subarray(GENERATION_AT, GENERATION_AT + view.getUint32(12, true)));
  if (generation === undefined) return undefined;
  return {
    generation,
    base: view.getFloat64(16, true),
    imageEnd: view.getFloat64(24, true),
    complete: view.getUint32(8, true) === 1,
    outdates: outdates < 0 ? undefined : outdates,
  };
}

/** The pieces of a frame, to be written one behind the other. Chunks are given as they are, not copied, where they are large. */
export function encodeFrame(
  { kind, sequence, durable }: Pick<FrameStart, 'kind' | 'sequence' | 'durable'>,
  commit: Omit<Commit, 'durability'>,
): Uint8Array<ArrayBuffer>[] {
  const head = encodeUtf8(frameHead(commit));
  const body = [...commit.chunks.values()].filter((bytes) => bytes !== undefined);
  const bodyLength = body.reduce((sum, bytes) => sum + bytes.length, 0);
  const start = new Uint8Array(FRAME_START);
  const view = new DataView(start.buffer);
  view.setUint32(0, FRAME_MAGIC, true);
  view.setUint32(4, kind === 'image' ? 1 : 2, true);
  view.setFloat64(8, sequence, true);
  view.setFloat64(16, bodyLength, true);
  view.setFloat64(24, durable, true);
  view.setUint32(32, head.length, true);
  view.setUint32(FRAME_CRC_AT, crc32(start.subarray(0, FRAME_CRC_AT)), true);
  const end = new Uint8Array(FRAME_END);
  new DataView(end.buffer).setUint32(
    0,
    body.reduce((crc, bytes) => crc32(bytes, crc), crc32(head)),
    true,
  );
  return bodyLength <= WRITTEN_AT_ONCE ? [concatBytes([start, head, ...body, end])] : [concatBytes([start, head]), ...body, end];
}

/** The fixed part of the frame that starts at `at` of `bytes`, or `undefined` where none starts. */
export function decodeFrameStart(bytes: Uint8Array<ArrayBuffer>, at: number): FrameStart | undefined {
  if (at + FRAME_START > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, FRAME_START);
  if (view.getUint32(0, true) !== FRAME_MAGIC) return undefined;
  if (view.getUint32(FRAME_CRC_AT, true) !== crc32(bytes.subarray(at, at + FRAME_CRC_AT))) return undefined;
  return {
    kind: view.getUint32(4, true) === 1 ? 'image' : 'commit',
    sequence: view.getFloat64(8, true),
    bodyLength: view.getFloat64(16, true),
    durable: view.getFloat64(24, true),
    headLength: view.getUint32(32, true),
  };
}

/** The commit of a frame's content (head, body, checksum), or `undefined` where the content is damaged. */
export function decodeFrameContent(start: FrameStart, content: Uint8Array<ArrayBuffer>): Commit | undefined {
  const { headLength, bodyLength } = start;
  const end = headLength + bodyLength;
  if (content.length !== end + FRAME_END) return undefined;
  const crc = new DataView(content.buffer, content.byteOffset + end).getUint32(0, true);
  if (crc !== crc32(content.subarray(0, end))) return undefined;
  const text = decodeUtf8Strict(content.subarray(0, headLength));
  return text === undefined ? undefined : commitOf(JSON.parse(text) as unknown, content.subarray(headLength, end));
}

/** `null` and -1 stand for what the commit removes: JSON has no `undefined`. */
interface FrameHead {
  readonly superblock?: Superblock;
  readonly records: readonly RawEntry[];
  readonly chunks: readonly (readonly [id: number, length: number])[];
}

/** A `FrameHead` as JSON. */
function frameHead({ superblock, records, chunks }: Omit<Commit, 'durability'>): string {
  const lengths = Array.from(chunks, ([id, bytes]) => [id, bytes?.length ?? -1] as const);
  const start = superblock === undefined ? '' : `"superblock":${JSON.stringify(superblock)},`;
  return `{${start}"records":[${entryTexts(records).join(',')}],"chunks":${JSON.stringify(lengths)}}`;
}

function commitOf(value: unknown, body: Uint8Array<ArrayBuffer>): Commit | undefined {
  const head = value as FrameHead;
  const records = new Map<number, UpperRecord | undefined>();
  for (const entry of head.records) {
    if (!isRawEntry(entry)) return undefined;
    const [id, stored] = entry;
    const record = stored === null ? undefined : recordOf(stored);
    if (stored !== null && record === undefined) return undefined;
    records.set(id, record);
  }
  const chunks = new Map<number, Uint8Array<ArrayBuffer> | undefined>();
  let at = 0;
  for (const [id, length] of head.chunks) {
    chunks.set(id, length < 0 ? undefined : body.slice(at, at + length));
    at += Math.max(0, length);
  }
  const superblock = head.superblock === undefined ? undefined : decodeSuperblock(head.superblock);
  if (at !== body.length || (head.superblock !== undefined && superblock === undefined)) return undefined;
  return { superblock, records, chunks, durability: 'relaxed' };
}
