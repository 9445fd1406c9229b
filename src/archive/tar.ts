/*
 * Tar archives that arrive in pieces -> entries of a layer's table. Content is passed over: an extent says where it is. What
 * does not follow from header to header is an error, because nothing behind it can be found; what is merely
 * unsupported is left out, with a warning (tar-entry.ts).
 */

import type { LayerEntry } from '../layer/build-table.ts';
import { type Place, damaged } from './damage.ts';
import { paxNumber, readPaxRecords } from './pax.ts';
import { GNU_SPARSE, type Pending, addTarEntry, entryName, hasContent } from './tar-entry.ts';
import { TAR_BLOCK, type TarHeader, isTarHeader, readTarHeader, upToZero } from './tar-header.ts';
import { type MapReader, type SparseMap, inlineSparseMap, oldSparseMap, paxSparseForm, sparseMapAhead } from './tar-sparse.ts';

/** Type flags that name the next entry or describe it, and are none themselves. */
const PAX = 'x';
const PAX_SOLARIS = 'X';
const PAX_GLOBAL = 'g';
const GNU_LONG_NAME = 'L';
const GNU_LONG_LINK = 'K';
const META = [PAX, PAX_SOLARIS, PAX_GLOBAL, GNU_LONG_NAME, GNU_LONG_LINK];

/** Bytes of one extended header. What Linux allows a file in xattrs is 64 KiB each; no other record comes near. */
const META_LIMIT = 4 << 20;

/** Hears what is found: the builder of a table, or whoever wants the content too. */
export interface TarSink {
  /** An entry. Its `extent` says how many bytes of content follow. */
  add(entry: LayerEntry): void;
  warn(entry: string, message: string): void;
  /** Content, in order; of entries that were left out too. The bytes are valid only during the call. */
  content?(bytes: Uint8Array): void;
}

/** What the next bytes are, and what to do when all of them are there. */
interface Wanted {
  readonly size: number;
  /** For messages. */
  readonly what: string;
  /** Gets them; they are valid only during the call. */
  readonly take: (bytes: Uint8Array) => void;
}

/**
 * Reads one archive. Extents count from its first byte.
 *
 * @example
 * const reader = new TarReader({ archive: 'a.tar' }, builder); // a TableBuilder
 * for await (const bytes of response.body) reader.push(bytes);
 * reader.end();
 */
export class TarReader {
  readonly #place: Place;
  readonly #sink: TarSink;
  readonly #global = new Map<string, Uint8Array>();
  #pending: Pending;
  /** Bytes of the archive that were taken. */
  #at = 0;
  /** Bytes to pass over, and how many of them are mere padding at their end. */
  #skip = 0;
  #padding = 0;
  #wanted: Wanted;
  /** Room for what is wanted, when that comes in parts. */
  #gathered = new Uint8Array();
  #gatheredSize = 0;
  #ended = false;
  /** Whose content is being passed over. */
  #current: { readonly name: () => string; readonly size: number; readonly start: number } | undefined;

  constructor(place: Place, sink: TarSink) {
    this.#place = place;
    this.#sink = sink;
    this.#pending = this.#noneAhead();
    this.#wanted = this.#header;
  }

  /**
   * Takes the next bytes, which may be used for something else afterwards.
   * @throws {FsError} EIO when the archive is damaged, with the offset.
   */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#ended) at += this.#skip > 0 ? this.#pass(bytes, at) : this.#gather(bytes, at);
  }

  /** Says that nothing comes any more. @throws {FsError} EIO when the archive is cut short. */
  end(): void {
    if (this.#ended) return;
    if (this.#skip > this.#padding) {
      const { name, size, start } = this.#current!;
      throw damaged({ ...this.#place, entry: name() }, `cut short: ${size} bytes from ${start}, and the archive has ${this.#at}`);
    }
    if (this.#wanted !== this.#header) throw damaged(this.#place, `cut short in ${this.#wanted.what}`);
    // Zeros, fewer than a block: the end of an archive that lost some of them.
    if (this.#gathered.subarray(0, this.#gatheredSize).some((byte) => byte !== 0))
      throw damaged(this.#place, `cut short in the tar header at byte ${this.#at - this.#gatheredSize}`);
  }

  readonly #header: Wanted = { size: TAR_BLOCK, what: 'a tar header', take: (block) => this.#readHeader(block) };

  #pass(bytes: Uint8Array, at: number): number {
    const taken = Math.min(this.#skip, bytes.length - at);
    const content = Math.min(taken, this.#skip - this.#padding);
    if (content > 0) this.#sink.content?.(bytes.subarray(at, at + content));
    this.#skip -= taken;
    this.#at += taken;
    return taken;
  }

  #gather(bytes: Uint8Array, at: number): number {
    const { size, take } = this.#wanted;
    const part = bytes.subarray(at, at + size - this.#gatheredSize);
    this.#at += part.length;
    // Fast path: all of it is in one piece.
    if (part.length === size) {
      take(part);
      return part.length;
    }
    this.#reserve(this.#gatheredSize + part.length, size);
    this.#gathered.set(part, this.#gatheredSize);
    this.#gatheredSize += part.length;
    if (this.#gatheredSize === size) {
      this.#gatheredSize = 0;
      take(this.#gathered.subarray(0, size));
    }
    return part.length;
  }

  /** Makes room as bytes arrive: what a header claims is not taken for granted. */
  #reserve(length: number, size: number): void {
    if (length <= this.#gathered.length) return;
    const larger = new Uint8Array(Math.min(size, Math.max(length, this.#gathered.length * 2, TAR_BLOCK)));
    larger.set(this.#gathered.subarray(0, this.#gatheredSize));
    this.#gathered = larger;
  }

  #want(wanted: Wanted): void {
    this.#wanted = wanted;
    if (wanted.size === 0) wanted.take(new Uint8Array());
  }

  /** Passes over `size` bytes and the rest of their last block, then reads the next header. */
  #next(size: number): void {
    this.#padding = -size & (TAR_BLOCK - 1);
    // Beyond 32 bits the operator above sees the low ones only, which are those that count.
    this.#skip = size + this.#padding;
    this.#wanted = this.#header;
  }

  #noneAhead(): Pending {
    return { pax: this.#global, longName: undefined, longLink: undefined };
  }

  #readHeader(block: Uint8Array): void {
    const at = this.#at - TAR_BLOCK;
    // Two blocks of zeros end an archive; one does for most writers, and so does the end of the file.
    if (block.every((byte) => byte === 0)) {
      this.#ended = true;
      return;
    }
    if (!isTarHeader(block)) throw damaged(this.#place, `the tar header at byte ${at} has a wrong checksum`);
    // A copy: names are views of it, and a sparse entry is added only when its map is complete.
    const own = block.slice();
    const header = readTarHeader(own, at, this.#place);
    if (META.includes(header.type)) this.#readMeta(header, at);
    else this.#readEntry(header, own, at);
  }

  #readMeta({ type, size }: TarHeader, at: number): void {
    if (size > META_LIMIT) throw damaged(this.#place, `an extended header of ${size} bytes at byte ${at}`);
    const take = (content: Uint8Array): void => {
      this.#applyMeta(type, content.slice());
      this.#next(size);
      this.#skip -= size;
    };
    this.#want({ size, what: `the extended header at byte ${at}`, take });
  }

  #applyMeta(type: string, content: Uint8Array): void {
    if (type === PAX_GLOBAL) for (const [key, value] of readPaxRecords(content, this.#place)) this.#global.set(key, value);
    else if (type === GNU_LONG_NAME) this.#pending.longName = upToZero(content);
    else if (type === GNU_LONG_LINK) this.#pending.longLink = upToZero(content);
    else this.#pending.pax = new Map([...this.#global, ...readPaxRecords(content, this.#place)]);
  }

  #readEntry(header: TarHeader, block: Uint8Array, at: number): void {
    const pending = this.#pending;
    this.#pending = this.#noneAhead();
    const size = hasContent(header) ? (paxNumber(pending.pax, 'size', this.#place) ?? header.size) : 0;
    if (!Number.isSafeInteger(size) || size < 0) throw damaged(this.#place, `the tar entry at byte ${at} has a size of ${size}`);
    const name = (): string => entryName({ header, pending }).text;
    const add = (stored: number, sparse?: SparseMap): void => {
      const start = this.#at;
      this.#current = { name, size: stored, start };
      addTarEntry({ header, pending, start, stored, sparse }, this.#place, this.#sink);
      this.#next(stored);
    };
    const form = hasContent(header) ? paxSparseForm(pending.pax) : 'none';
    if (header.type !== GNU_SPARSE && form === 'none') {
      add(size);
      return;
    }
    const place: Place = { ...this.#place, entry: name() };
    if (header.type === GNU_SPARSE) {
      const { map, complete } = oldSparseMap(block, place);
      if (complete) add(size, map.finish(size));
      else this.#readMap(map, () => add(size, map.finish(size)), at);
    } else if (form === 'inline') {
      add(size, inlineSparseMap(pending.pax, size, place));
    } else {
      const map = sparseMapAhead(pending.pax, place);
      const before = this.#at;
      this.#readMap(
        map,
        () => {
          const stored = size - (this.#at - before);
          if (stored < 0) throw damaged(place, 'its sparse map is longer than its content');
          add(stored, map.finish(stored));
        },
        at,
      );
    }
  }

  /** Reads the blocks of a map, then goes on with `done`. */
  #readMap(map: MapReader, done: () => void, at: number): void {
    let blocks = 0;
    const take = (block: Uint8Array): void => {
      if (map.push(block)) done();
      else if (++blocks * TAR_BLOCK > META_LIMIT) throw damaged(this.#place, `a sparse map without an end at byte ${at}`);
    };
    this.#want({ size: TAR_BLOCK, what: `the sparse map at byte ${at}`, take });
  }
}
