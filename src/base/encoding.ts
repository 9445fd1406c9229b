/* Text encodings by Node's names, for `readFile`, `writeFile` and handles. */

import { decodeUtf8, encodeUtf8, toHex } from './bytes.ts';
import { ArgumentError } from './errors.ts';

/** Decodes bytes. @throws {ArgumentError} for an unknown encoding */
export function decodeText(bytes: Uint8Array, encoding: string): string {
  switch (encoding.toLowerCase()) {
    case 'utf8':
    case 'utf-8':
      return decodeUtf8(bytes);
    case 'latin1':
    case 'binary':
      return fromCharCodes(bytes, 0xff);
    case 'ascii':
      return fromCharCodes(bytes, 0x7f);
    case 'hex':
      return toHex(bytes);
    case 'base64':
      return btoa(fromCharCodes(bytes, 0xff));
    case 'base64url':
      return btoa(fromCharCodes(bytes, 0xff)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
    case 'utf16le':
    case 'utf-16le':
    case 'ucs2':
    case 'ucs-2':
      return new TextDecoder('utf-16le', { ignoreBOM: true }).decode(bytes);
    default:
      throw new ArgumentError(`Unknown encoding: ${encoding}`);
  }
}

/** Encodes text. Characters that the encoding does not have lose their high bits, as in Node. @throws {ArgumentError} */
export function encodeText(text: string, encoding: string): Uint8Array {
  switch (encoding.toLowerCase()) {
    case 'utf8':
    case 'utf-8':
      return encodeUtf8(text);
    case 'latin1':
    case 'binary':
    case 'ascii':
      return lowBytes(text);
    case 'hex':
      return Uint8Array.from(/^(?:[0-9a-f]{2})*/i.exec(text)![0].match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    case 'base64':
    case 'base64url':
      return lowBytes(
        atob(
          text
            .replaceAll('-', '+')
            .replaceAll('_', '/')
            .replace(/[^\w+/]/g, ''),
        ),
      );
    case 'utf16le':
    case 'utf-16le':
    case 'ucs2':
    case 'ucs-2':
      return encodeUtf16(text);
    default:
      throw new ArgumentError(`Unknown encoding: ${encoding}`);
  }
}

/** Characters a call: engines limit the number of arguments. */
const CHARACTERS_AT_ONCE = 8192;

function fromCharCodes(bytes: Uint8Array, mask: number): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE) {
    const piece = bytes.subarray(at, at + CHARACTERS_AT_ONCE);
    text += String.fromCharCode(...(mask === 0xff ? piece : piece.map((byte) => byte & mask)));
  }
  return text;
}

/** The low byte of each unit: of a character beyond U+FFFF that is two, as in Node. */
function lowBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function encodeUtf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true);
  return bytes;
}
