/* Zip archives that the contestants are mounted over: entries are stored, so that nobody's decompressor is measured. */

import { unzipSync, zipSync } from 'fflate';
import type { Calls } from './subject.ts';

/** Makes a zip archive. */
export const archiveOf = (files: Iterable<readonly [path: string, bytes: Uint8Array]>): Uint8Array<ArrayBuffer> =>
  zipSync(Object.fromEntries(files), { level: 0, mtime: new Date(2026, 0, 1) });

/** Files of a directory with equal contents. */
export const filesOf = (directory: string, count: number, bytes: Uint8Array): [path: string, bytes: Uint8Array][] =>
  Array.from({ length: count }, (_, i) => [`${directory}/file${i}.txt`, bytes]);

/** Makes something once, when it is first asked for. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

export const emptyArchive = once(() => archiveOf([['README.md', new TextEncoder().encode('# A workspace\n')]]));

/** Writes what is in an archive: for file systems without layers. */
export async function unpackInto(archive: Uint8Array, { mkdir, writeFile }: Pick<Calls, 'mkdir' | 'writeFile'>): Promise<void> {
  const made = new Set(['']);
  for (const [path, bytes] of Object.entries(unzipSync(archive))) {
    const parts = path.split('/').slice(0, -1);
    for (let i = 1; i <= parts.length; i++) {
      const directory = parts.slice(0, i).join('/');
      if (!made.has(directory)) await mkdir(`/${directory}`);
      made.add(directory);
    }
    await writeFile(`/${path}`, bytes);
  }
}
