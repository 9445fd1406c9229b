/* Reads a tar archive while it arrives, however it is compressed: entries go to a table, and what is left says where content is. */

import { concatBytes } from '../base/bytes.ts';
import { HEAD_SIZE, formatOfHead, unknownFormat } from '../archive/detect.ts';
import { GzipReader } from '../archive/gzip.ts';
import type { GzipSpans } from '../archive/gzip-spans.ts';
import { contentLimit } from '../archive/limits.ts';
import { type TarSink, TarReader } from '../archive/tar.ts';
import { ZstdReader } from '../archive/zstd.ts';
import type { ZstdSpans } from '../archive/zstd-spans.ts';
import { loadCodec } from '../codec/codec.ts';
import { loadZstd } from '../codec/zstd.ts';
import type { Opening } from './opening.ts';

/** How a tar archive is compressed. */
export type TarPacking = 'tar' | 'gzip' | 'zstd';

/** How the tar is packed that starts so; `undefined` where it is something else. */
export function tarPackingOf(head: Uint8Array): TarPacking | undefined {
  const format = formatOfHead(head);
  return format === 'tar' || format === 'gzip' || format === 'zstd' ? format : undefined;
}

/** Where the content of a tar archive is. */
export type TarSpans =
  | { readonly packing: 'tar' }
  | { readonly packing: 'gzip'; readonly spans: GzipSpans }
  | { readonly packing: 'zstd'; readonly spans: ZstdSpans };

/** Reads an archive that arrives in one array, and says at the end where its content is. */
export interface Reading {
  advance(available: number): void;
  finish(): TarSpans;
}

/** @throws {FsError} ENOTSUP where there is no decoder, EIO with the cause when it cannot be loaded */
export async function tarReadingOf(
  { source, size, limits, maxBytes }: Opening,
  packing: TarPacking,
  sink: TarSink,
): Promise<(bytes: Uint8Array) => Reading> {
  const place = { archive: source.name };
  const tar = new TarReader(place, sink);
  if (packing === 'tar') return (bytes) => new PlainReading(bytes, tar);
  const inner = new InnerTar(tar, source.name);
  const limit = contentLimit(limits, size);
  const onOutput = (output: Uint8Array): void => inner.push(output);
  if (packing === 'gzip') {
    const warn = (message: string): void => sink.warn('', message);
    return (bytes) => {
      const reader = new GzipReader(bytes, { place, codec: loadCodec(), limit, warn, onOutput });
      return { advance: (available) => reader.advance(available), finish: () => finished(inner, { packing, spans: reader.finish() }) };
    };
  }
  const zstd = await loadZstd(source.name);
  return (bytes) => {
    const reader = new ZstdReader(bytes, { place, zstd, limit, limits, maxBytes, onOutput });
    return { advance: (available) => reader.advance(available), finish: () => finished(inner, { packing, spans: reader.finish() }) };
  };
}

function finished(inner: InnerTar, spans: TarSpans): TarSpans {
  inner.end();
  return spans;
}

/** Reads a tar that is not compressed. */
class PlainReading implements Reading {
  #at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly tar: TarReader,
  ) {}

  advance(available: number): void {
    this.tar.push(this.bytes.subarray(this.#at, available));
    this.#at = available;
  }

  finish(): TarSpans {
    this.tar.end();
    return { packing: 'tar' };
  }
}

/** What comes out of a compressed file: it has to be a tar, which its first bytes tell. */
class InnerTar {
  #head: Uint8Array | undefined = new Uint8Array();

  constructor(
    private readonly tar: TarReader,
    private readonly name: string,
  ) {}

  push(bytes: Uint8Array): void {
    if (this.#head === undefined) {
      this.tar.push(bytes);
      return;
    }
    this.#head = concatBytes([this.#head, bytes]);
    if (this.#head.length >= HEAD_SIZE) this.#judge(this.#head);
  }

  end(): void {
    if (this.#head !== undefined) this.#judge(this.#head);
    this.tar.end();
  }

  #judge(head: Uint8Array): void {
    const start = head.subarray(0, HEAD_SIZE);
    if (formatOfHead(start) !== 'tar') throw unknownFormat(start, { archive: `${this.name}, inflated` });
    this.#head = undefined;
    this.tar.push(head);
  }
}
