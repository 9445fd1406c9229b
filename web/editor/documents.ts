/* Open files: what is shown of each, and whether it differs from what is saved. */

import { EditorState } from '@codemirror/state';
import type { Extension, Text } from '@codemirror/state';
import { extensionOf } from '../ui/paths.ts';
import { languageOf } from './language.ts';
import { setup } from './setup.ts';

/** What is shown of a file. */
export type Content =
  /** *text* indicates that the file is UTF-8 without NULs. Therefore it can be edited without losing a byte. */
  | { readonly kind: 'text'; state: EditorState; saved: Text }
  /** *image* indicates that the browser can draw it. */
  | { readonly kind: 'image'; readonly bytes: Uint8Array; readonly type: string }
  /** *binary* indicates anything else. Therefore only its beginning is shown. */
  | { readonly kind: 'binary'; readonly bytes: Uint8Array };

export interface OpenFile {
  path: string;
  content: Content;
  /** *gone* indicates that the path is no longer there. Saving makes it again. */
  gone: boolean;
}

const IMAGES = new Map([
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['avif', 'image/avif'],
  ['ico', 'image/x-icon'],
  ['bmp', 'image/bmp'],
]);
/** Bytes beyond which a file is shown as binary: the editor would not be a pleasure. */
const MAX_TEXT = 8 * 2 ** 20;
/** Bytes in which a NUL says that a file is not text, as git has it. */
const SNIFF = 8000;

export function contentOf(path: string, bytes: Uint8Array, extensions: Extension): Content {
  const type = IMAGES.get(extensionOf(path));
  if (type !== undefined) return { kind: 'image', bytes, type };
  const text = decodeText(bytes);
  if (text === undefined) return { kind: 'binary', bytes };
  const state = stateOf(path, text, extensions);
  return { kind: 'text', state, saved: state.doc };
}

function decodeText(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_TEXT || bytes.subarray(0, SNIFF).includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // Not UTF-8: decoding it leniently and saving would damage it.
  }
}

/** An editor's state for a text. Line ends are kept: a file of CRLF is saved as one. */
export function stateOf(path: string, text: string, extensions: Extension): EditorState {
  const separator = text.includes('\r\n') && !/[^\r]\n/.test(text) ? [EditorState.lineSeparator.of('\r\n')] : [];
  return EditorState.create({
    doc: text,
    extensions: [setup, languageOf(path).support(), ...separator, extensions],
  });
}

export function isDirty({ content }: OpenFile): boolean {
  return content.kind === 'text' && !content.state.doc.eq(content.saved);
}

/** The text as it is saved. */
export function textOf(state: EditorState): string {
  return state.sliceDoc();
}
