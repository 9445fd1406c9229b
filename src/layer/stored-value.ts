/*
 * Plain values as bytes, for storing: JSON, with maps, and with typed arrays beside it, so that reading a table of a hundred
 * thousand entries copies and parses nothing of its columns. Little-endian, as every engine's typed arrays are.
 *
 *     length of the JSON (4 bytes) · JSON · padding · typed arrays, each at a multiple of 8
 */

import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts';

const ARRAYS = { Uint8Array, Uint16Array, Uint32Array, Float64Array } as const;
type StoredArray = InstanceType<(typeof ARRAYS)[keyof typeof ARRAYS]>;

/** How a typed array and a map stand in the JSON. Stored objects have no property of these names. */
const ARRAY = '$array';
const MAP = '$map';
const HEADER = 4;
const align = (offset: number): number => Math.ceil(offset / 8) * 8;

/** Packs plain objects, arrays, strings, numbers, maps and typed arrays. Properties that are `undefined` are left out. */
export function packValue(value: unknown): Uint8Array<ArrayBuffer> {
  const arrays: StoredArray[] = [];
  let end = 0;
  const json = encodeUtf8(
    JSON.stringify(value, (_, part: unknown) => {
      if (part instanceof Map) return { [MAP]: [...(part as Map<unknown, unknown>)] };
      const type = Object.entries(ARRAYS).find(([, constructor]) => part instanceof constructor)?.[0];
      if (type === undefined) return part;
      const array = part as StoredArray;
      const offset = end;
      arrays.push(array);
      end = align(offset + array.byteLength);
      return { [ARRAY]: type, offset, length: array.length };
    }),
  );
  const start = align(HEADER + json.length);
  const bytes = new Uint8Array(start + end);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, HEADER);
  let at = start;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at = align(at + array.byteLength);
  }
  return bytes;
}

interface StoredPart {
  readonly [MAP]?: [unknown, unknown][];
  readonly [ARRAY]?: keyof typeof ARRAYS;
  readonly offset: number;
  readonly length: number;
}

/** Unpacks what `packValue` packed. Typed arrays are views of `bytes`, which must start where their buffer does. @throws when it is something else */
export function unpackValue(bytes: Uint8Array<ArrayBuffer>): unknown {
  const jsonEnd = HEADER + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const start = align(jsonEnd);
  return JSON.parse(decodeUtf8(bytes.subarray(HEADER, jsonEnd)), (_, part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    const { [MAP]: entries, [ARRAY]: type, offset, length } = part as StoredPart;
    if (entries !== undefined) return new Map(entries);
    return type === undefined ? part : new ARRAYS[type](bytes.buffer, bytes.byteOffset + start + offset, length);
  });
}
