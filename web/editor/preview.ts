/* What is shown of files that are not text. */

import { el } from '../ui/element.ts';
import { bytes as inWords } from '../ui/words.ts';
import type { Content } from './documents.ts';

type Unedited = Exclude<Content, { kind: 'text' }>;

/** Bytes of a binary file that are shown. */
const SHOWN = 2048;
const COLUMNS = 16;

export function previewOf(path: string, content: Unedited): HTMLElement {
  return content.kind === 'image' ? imageOf(path, content) : hexOf(content.bytes);
}

function imageOf(path: string, { bytes, type }: Extract<Unedited, { kind: 'image' }>): HTMLElement {
  const url = URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type }));
  const image = el('img', { attrs: { src: url, alt: path } });
  const caption = el('figcaption', { text: inWords(bytes.length) });
  image.addEventListener('load', () => {
    URL.revokeObjectURL(url);
    caption.textContent = `${image.naturalWidth} × ${image.naturalHeight}, ${inWords(bytes.length)}`;
  });
  image.addEventListener('error', () => {
    URL.revokeObjectURL(url);
    image.replaceWith(el('p', { text: 'The browser cannot draw this image.' }));
  });
  return el('figure', { class: 'preview' }, image, caption);
}

function hexOf(bytes: Uint8Array): HTMLElement {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, SHOWN); at += COLUMNS) {
    const row = [...bytes.subarray(at, Math.min(at + COLUMNS, bytes.length))];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(COLUMNS * 3)} ${text}`);
  }
  const rest = bytes.length > SHOWN ? `, of which the first ${inWords(SHOWN)} are shown` : '';
  return el(
    'div',
    { class: 'preview binary' },
    el('p', { text: `This file is not text that can be edited: ${inWords(bytes.length)}${rest}.` }),
    el('pre', { text: lines.join('\n'), attrs: { tabindex: '0' } }),
  );
}
