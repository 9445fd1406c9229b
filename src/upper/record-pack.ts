/*
 * A pack: the records of up to some hundred ids in one value of the database, which costs as much as the value of one record (docs/decisions/0024).
 *
 *   CRC-32 of the rest, little-endian | a list of entries as JSON
 */

import { decodeUtf8Strict, encodeUtf8 } from '../base/bytes.ts';
import { loadCodec } from '../codec/codec.ts';
import { type RawEntry, isRawEntry } from './record-entries.ts';

/** Bytes before the entries. */
const START = 4;

export function encodePack(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const body = encodeUtf8(`[${texts.join(',')}]`);
  const bytes = new Uint8Array(START + body.length);
  bytes.set(body, START);
  new DataView(bytes.buffer).setUint32(0, loadCodec().crc32(body), true);
  return bytes;
}

/** The entries of a stored pack, or `undefined` where the value is none. */
export function decodePack(value: unknown): readonly RawEntry[] | undefined {
  if (!(value instanceof Uint8Array) || value.length < START) return undefined;
  const body = value.subarray(START);
  if (new DataView(value.buffer, value.byteOffset).getUint32(0, true) !== loadCodec().crc32(body)) return undefined;
  const text = decodeUtf8Strict(body);
  const entries = text === undefined ? undefined : parse(text);
  return Array.isArray(entries) && entries.every(isRawEntry) ? entries : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (e) {
    if (e instanceof SyntaxError) return undefined;
    throw e;
  }
}
