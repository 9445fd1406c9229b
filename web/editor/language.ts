/* Which language a file is written in, by its name. */

import { css } from '@codemirror/lang-css';
import { html } from '@codemirror/lang-html';
import { javascript } from '@codemirror/lang-javascript';
import { json } from '@codemirror/lang-json';
import { markdown } from '@codemirror/lang-markdown';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { extensionOf } from '../ui/paths.ts';

export interface Language {
  /** For the status bar. */
  readonly name: string;
  readonly support: () => Extension;
}

const PLAIN: Language = { name: 'Plain text', support: () => EditorView.lineWrapping };

const JAVASCRIPT: Language = { name: 'JavaScript', support: () => javascript({ jsx: true }) };
const TYPESCRIPT: Language = { name: 'TypeScript', support: () => javascript({ typescript: true }) };
const TSX: Language = { name: 'TypeScript JSX', support: () => javascript({ typescript: true, jsx: true }) };
const JSON_: Language = { name: 'JSON', support: () => json() };
const CSS: Language = { name: 'CSS', support: () => css() };
const HTML: Language = { name: 'HTML', support: () => html() };
const MARKDOWN: Language = { name: 'Markdown', support: () => [markdown(), EditorView.lineWrapping] };

const BY_EXTENSION = new Map<string, Language>([
  ...['js', 'mjs', 'cjs', 'jsx'].map((extension) => [extension, JAVASCRIPT] as const),
  ...['ts', 'mts', 'cts'].map((extension) => [extension, TYPESCRIPT] as const),
  ['tsx', TSX],
  ...['json', 'map', 'webmanifest'].map((extension) => [extension, JSON_] as const),
  ['css', CSS],
  ...['html', 'htm', 'svg', 'xml'].map((extension) => [extension, HTML] as const),
  ...['md', 'markdown'].map((extension) => [extension, MARKDOWN] as const),
]);

export function languageOf(path: string): Language {
  return BY_EXTENSION.get(extensionOf(path)) ?? PLAIN;
}
