/* A file of the disk as a source: read where it is asked for, without waiting, so that listing a large archive reads its index only. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FsError } from '../base/errors.ts';
import type { Source } from '../lower/source.ts';

/**
 * Opens a file.
 *
 * @throws {Error} Node's, when it cannot be opened; {FsError} EISDIR when it is a directory
 */
export function fileSource(path: string): Source {
  const descriptor = openSync(path, 'r');
  const stats = fstatSync(descriptor);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  if (stats.isDirectory()) {
    close();
    throw new FsError('EISDIR', { syscall: 'read', path });
  }
  const read = (start: number, end: number): Uint8Array => {
    const bytes = new Uint8Array(end - start);
    for (let at = 0; at < bytes.length;) {
      const count = readSync(descriptor, bytes, at, bytes.length - at, start + at);
      if (count === 0) throw new FsError('EIO', { detail: `${path}: it ends at byte ${start + at}, and had ${stats.size} bytes` });
      at += count;
    }
    return bytes;
  };
  return {
    name: path,
    stats: { requests: 0, bytes: 0 },
    size: async () => stats.size,
    read: async (start, end, signal) => {
      signal?.throwIfAborted();
      return read(start, end);
    },
    peek: read,
    close,
  };
}
