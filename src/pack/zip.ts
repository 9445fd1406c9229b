/*
 * Packs a tree as zip: which of its objects a zip can hold, and how each is compressed. What is written of them stands in
 * ../archive/zip-write.ts. Sizes are known here and stand in the local headers; the same tree gives the same bytes.
 */

import { concatBytes, encodeUtf8 } from '../base/bytes.ts';
import { ZIP_DEFLATED, ZIP_STORED, type ZipContent, type ZipWriteEntry, ZipWriter } from '../archive/zip-write.ts';
import { loadCodec } from '../codec/codec.ts';
import { type Level, deflate } from './compress.ts';
import type { Arranged, PackEntry, PackWarning } from './entry.ts';

export interface WrittenZip {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly warnings: readonly PackWarning[];
}

/**
 * Writes an archive; what a trace named stands in front.
 *
 * @throws {FsError} EFBIG when it, or a file in it, would be 4 GiB or more
 */
export async function writeZip({ first, rest }: Arranged, level: Level): Promise<WrittenZip> {
  const zip = new ZipWriter();
  const pieces: Uint8Array[] = [];
  const warnings: PackWarning[] = [];
  const entries = [...first, ...rest];
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const entry of entries) {
    const warning = lossOf(entry);
    if (warning !== undefined) warnings.push({ path: entry.path, message: warning });
    const content = await contentOf(entry, byPath);
    if (content !== undefined) pieces.push(...zip.addWhole(headerOf(entry), compressed(entry, content, level)));
  }
  return { bytes: concatBytes([...pieces, ...zip.end()]), warnings };
}

/** What zip cannot say of an entry. */
function lossOf({ type, xattrs }: PackEntry): string | undefined {
  if (type === 'character' || type === 'block' || type === 'fifo')
    return `left out: zip has no entries for a ${type === 'fifo' ? 'fifo' : 'device'}`;
  if (type === 'link') return 'a hard link: stored as a file of its own';
  return xattrs !== undefined && xattrs.size > 0 ? 'its extended attributes are left out: zip has none' : undefined;
}

async function contentOf(entry: PackEntry, byPath: ReadonlyMap<string, PackEntry>): Promise<Uint8Array | undefined> {
  if (entry.type === 'directory') return new Uint8Array();
  if (entry.type === 'symlink') return encodeUtf8(entry.target ?? '');
  if (entry.type === 'link') return byPath.get(entry.target ?? '')?.read?.();
  return entry.read?.();
}

function headerOf({ path, type, mode, uid, gid, mtime }: PackEntry): ZipWriteEntry {
  const own = { mode, uid, gid, mtime };
  if (type === 'directory') return { ...own, name: `${path}/`, type };
  return { ...own, name: path, type: type === 'symlink' ? type : 'file' };
}

/** Compressed where that makes it smaller. */
function compressed({ type }: PackEntry, content: Uint8Array, level: Level): ZipContent {
  const own = { crc: loadCodec().crc32(content), size: content.length };
  const deflated = content.length === 0 || type === 'symlink' ? content : deflate(content, level);
  const isSmaller = deflated.length < content.length;
  return { ...own, method: isSmaller ? ZIP_DEFLATED : ZIP_STORED, pieces: [isSmaller ? deflated : content] };
}
