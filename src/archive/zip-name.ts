/* Names of zip entries: UTF-8 where the entry says so, the Unicode path field where it fits, else code page 437 (APPNOTE.TXT, appendix D). */

import { decodeUtf8, decodeUtf8Strict } from '../base/bytes.ts';
import type { Codec } from '../codec/codec.ts';
import type { ExtraFields } from './zip-extra.ts';

/** General purpose bit 11. */
const UTF8_FLAG = 0x0800;

/** Characters 0x80 to 0xFF of code page 437. */
const CP437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

/** *unix* indicates that the entry was made on a Unix system. Therefore unflagged names are likely to be UTF-8. */
export type MadeOn = 'unix' | 'dos' | 'other';

/** What a name is read from. */
export interface RawName {
  readonly bytes: Uint8Array;
  readonly flags: number;
  readonly extra: ExtraFields;
  readonly madeOn: MadeOn;
}

/** Decodes the name of an entry. */
export function zipName({ bytes, flags, extra, madeOn }: RawName, codec: Codec): string {
  if (isAscii(bytes)) return slashed(decodeUtf8(bytes), madeOn);
  const { unicodePath } = extra;
  if (unicodePath !== undefined && unicodePath.crc === codec.crc32(bytes)) {
    const name = decodeUtf8Strict(unicodePath.name);
    if (name !== undefined) return name;
  }
  const utf8 = (flags & UTF8_FLAG) !== 0 || madeOn === 'unix' ? decodeUtf8Strict(bytes) : undefined;
  return slashed(utf8 ?? decodeCp437(bytes), madeOn);
}

/** Where names stand, one after another. */
export interface NamePlaces {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/**
 * Decodes names of ASCII, which most are, all at once: a decoding for each takes longer than everything else that a directory needs. Of
 * others there is `undefined`.
 */
export function asciiNames(bytes: Uint8Array, { starts, ends }: NamePlaces): (string | undefined)[] {
  const joined = new Uint8Array(bytes.length);
  const lengths: number[] = [];
  let used = 0;
  for (let i = 0; i < starts.length; i++) {
    const end = ends[i]!;
    let from = starts[i]!;
    let to = used;
    for (let byte = 0; from < end && (byte = bytes[from]!) < 0x80; from++) joined[to++] = byte;
    lengths.push(from === end ? to - used : -1);
    if (from === end) used = to;
  }
  const text = decodeUtf8(joined.subarray(0, used));
  const names: (string | undefined)[] = [];
  for (let i = 0, at = 0; i < lengths.length; i++) {
    const length = lengths[i]!;
    names.push(length < 0 ? undefined : text.slice(at, (at += length)));
  }
  return names;
}

/** Old archivers of DOS and Windows wrote '\' between components, against the format. */
export function slashed(name: string, madeOn: MadeOn): string {
  return madeOn === 'dos' && name.includes('\\') && !name.includes('/') ? name.replaceAll('\\', '/') : name;
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= 0x80) return false;
  return true;
}

function decodeCp437(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte < 0x80 ? String.fromCharCode(byte) : CP437[byte - 0x80];
  return text;
}
