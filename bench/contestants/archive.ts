/* Zip archives that the contestants are mounted over: entries are stored, so that nobody's decompressor is measured. */

import { unzipSync, zipSync } from 'fflate';
import { TAR_END_SIZE, tarHeader, tarPadding } from '../../src/archive/tar-write.ts';
import type { Calls } from './subject.ts';

/** Makes a zip archive. */
export const archiveOf = (files: Iterable<readonly [path: string, bytes: Uint8Array]>): Uint8Array<ArrayBuffer> =>
  zipSync(Object.fromEntries(files), { level: 0, mtime: new Date(2026, 0, 1) });

/** Makes a tar archive: there is no checksum over the whole of a file, so that a part of it can be read by itself. */
export async function tarOf(files: Iterable<readonly [path: string, bytes: Uint8Array<ArrayBuffer>]>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: BlobPart[] = [];
  for (const [name, bytes] of files) {
    const { length: size } = bytes;
    parts.push(tarHeader({ name, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, size }), bytes, new Uint8Array(tarPadding(size)));
  }
  return new Uint8Array(await new Blob([...parts, new Uint8Array(TAR_END_SIZE)]).arrayBuffer());
}

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
