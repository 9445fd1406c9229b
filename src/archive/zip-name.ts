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

/** Old archivers of DOS and Windows wrote '\' between components, against the format. */
function slashed(name: string, madeOn: MadeOn): string {
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
