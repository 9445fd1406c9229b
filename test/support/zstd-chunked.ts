/*
 * Writes zstd:chunked archives for tests, as containers/storage describes them (pkg/chunked/internal/minimal/compression.go), and lets a
 * test change the manifest before it is written. Frames hold plain or repeated bytes, unless a test compresses them.
 */

import { concatBytes } from '../../src/base/bytes.ts';
import { skippableFrame, zstdFrame } from './archives.ts';
import { type EstargzFile, type TestTocEntry, asBytes, entryOf, headerOf, sha } from './estargz.ts';

export interface ZstdChunkedArchive {
  /** Bytes of a chunk. One of zeros is a hole. */
  readonly chunkSize?: number;
  /** Changes the manifest. */
  readonly lie?: (entries: TestTocEntry[]) => TestTocEntry[] | void;
  /** What stands instead of the JSON. */
  readonly json?: string | Uint8Array;
  /** The footer without tar-split. */
  readonly legacy?: boolean;
  /** Changes the numbers of the footer. */
  readonly footer?: (numbers: bigint[]) => void;
  readonly noFooter?: boolean;
  readonly compress?: (bytes: Uint8Array) => Uint8Array;
}

export interface WrittenZstdChunked {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly json: string;
  /** What the annotations say, without the part in front. */
  readonly annotations: { readonly 'manifest-checksum': string; readonly 'manifest-position': string };
}

/** Frames one after another. */
class Frames {
  readonly pieces: Uint8Array[] = [];
  length = 0;

  write(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.length += piece.length;
  }
}

/** Writes the archive. */
export function zstdChunkedArchive(files: readonly EstargzFile[], archive: ZstdChunkedArchive = {}): WrittenZstdChunked {
  const { chunkSize = Infinity, compress = zstdFrame } = archive;
  const frames = new Frames();
  const entries: TestTocEntry[] = [];
  for (const file of files) {
    const content = asBytes(file.content ?? '');
    frames.write(compress(headerOf(file, content.length)));
    const entry = entryOf(file, content.length);
    delete entry['NumLink'];
    entries.push(entry);
    if (content.length === 0) continue;
    for (let at = 0; at < content.length; at += chunkSize) {
      const chunk = content.subarray(at, at + chunkSize);
      const part = at === 0 ? entry : { type: 'chunk', name: file.name, chunkOffset: at };
      Object.assign(part, { offset: frames.length });
      if (content.length > chunkSize) Object.assign(part, { chunkSize: chunk.length, chunkDigest: sha(chunk) });
      if (content.length > chunkSize && chunk.every((byte) => byte === 0)) Object.assign(part, { chunkType: 'zeros' });
      if (part !== entry) entries.push(part);
      frames.write(compress(chunk));
    }
    Object.assign(entry, { digest: sha(content), endOffset: frames.length });
    frames.write(compress(new Uint8Array((512 - (content.length % 512)) % 512)));
  }
  frames.write(compress(new Uint8Array(1024)));
  return finish(frames, archive.lie?.(entries) ?? entries, archive);
}

function finish(frames: Frames, entries: readonly TestTocEntry[], archive: ZstdChunkedArchive): WrittenZstdChunked {
  const json = asBytes(archive.json ?? JSON.stringify({ version: 1, entries }));
  const manifest = (archive.compress ?? zstdFrame)(json);
  const start = frames.length + 8;
  frames.write(skippableFrame(manifest));
  const split = zstdFrame(asBytes('what tar-split needs'));
  const numbers = [start, manifest.length, json.length, 1];
  if (archive.legacy !== true) {
    numbers.push(frames.length + 8, split.length, 20);
    frames.write(skippableFrame(split));
  }
  const fields = numbers.map(BigInt);
  archive.footer?.(fields);
  const footer = new Uint8Array(fields.length * 8 + 8);
  for (const [i, field] of fields.entries()) new DataView(footer.buffer).setBigUint64(i * 8, field, true);
  footer.set(asBytes('GNUlInUx'), fields.length * 8);
  if (archive.noFooter !== true) frames.write(skippableFrame(footer));
  return {
    bytes: concatBytes(frames.pieces),
    json: Buffer.from(json).toString(),
    annotations: { 'manifest-checksum': sha(manifest), 'manifest-position': numbers.slice(0, 4).join(':') },
  };
}
